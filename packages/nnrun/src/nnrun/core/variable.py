"""`Variable`: an array that remembers how it was computed.

A `Variable` is two things kept apart, so that memory can be freed early: its
array, and a small `VariableNode` that stands for it in the graph.  Functions
hold nodes, never Variables, and keep only the arrays that their backward needs.

Arithmetic and array methods (``x + y``, ``x.reshape``, ``x[1:]`` ...) are bound
to `Variable` by `nnrun.functions`, which this floor knows nothing of.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from nnrun.backend import copyto, get_array_module, get_device, get_device_from_array, is_array
from nnrun.core.node import VariableNode

if TYPE_CHECKING:
    from nnrun.core.function_node import FunctionNode

__all__ = ["Variable", "as_array", "as_variable", "check_same_kind", "wrap"]

Array = Any


class Variable:
    """An array in a define-by-run graph.

    Parameters
    ----------
    data : array, optional
        Of NumPy or ndgpu, of any shape; differentiable if its dtype is floating.
    name : str, optional
        For people.
    grad : array, optional
        An initial gradient of the same shape and dtype.
    requires_grad : bool
        Whether `backward` is to compute a gradient for it.

    Raises
    ------
    TypeError
        If `data` is not an array.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import Variable
    >>> x = Variable(np.array([2.0, 3.0], np.float32))
    >>> y = x * x + 1
    >>> y.grad = np.ones(2, np.float32)
    >>> y.backward()
    >>> x.grad
    array([4., 6.], dtype=float32)
    """

    # `_node` is made when first needed: results outside a graph mostly need none.
    __slots__ = ("__weakref__", "_array", "_node", "_requires_grad")

    # NumPy leaves `array + variable` to `Variable.__radd__`.
    __array_ufunc__ = None
    __array_priority__ = 200

    _array: Array
    _node: VariableNode | None

    def __init__(
        self,
        data: Array | None = None,
        *,
        name: str | None = None,
        grad: Array | None = None,
        requires_grad: bool = True,
    ) -> None:
        if data is not None and not is_array(data):
            raise TypeError(
                f"Variable: `data` must be an array of numpy or ndgpu, not {type(data).__name__}"
            )
        self._array = data
        self._node = None
        self._requires_grad = requires_grad
        if name is not None:
            self.name = name
        if grad is not None:
            self.grad = grad

    # -- the array ---------------------------------------------------------

    @property
    def array(self) -> Array:
        """The array (shared, not copied); None while a parameter is uninitialised."""
        return self._array

    @array.setter
    def array(self, value: Array | None) -> None:
        if value is not None and not is_array(value):
            raise TypeError(
                f"Variable.array must be an array of numpy or ndgpu, not {type(value).__name__}"
            )
        self._array = value
        node = self._node
        if node is not None:
            node.shape = None if value is None else value.shape
            node.dtype = None if value is None else value.dtype

    data = array  # Chainer's older name

    @property
    def xp(self) -> Any:
        """The array module: ``numpy`` or ``ndgpu``."""
        return get_array_module(self._array)

    @property
    def device(self) -> Any:
        """The `nnrun.backend.Device` where the array lives."""
        return get_device_from_array(self._array)

    @property
    def shape(self) -> tuple[int, ...]:
        """The array's shape."""
        return self._array.shape

    @property
    def ndim(self) -> int:
        """The array's number of dimensions."""
        return self._array.ndim

    @property
    def size(self) -> int:
        """The array's number of elements."""
        return self._array.size

    @property
    def dtype(self) -> np.dtype[Any]:
        """The array's dtype."""
        return self._array.dtype

    @property
    def is_initialized(self) -> bool:
        """Whether there is an array."""
        return self._array is not None

    def __len__(self) -> int:
        return len(self._array)

    def __bool__(self) -> bool:
        raise NotImplementedError(
            "the truth of a Variable would not be differentiable; test `x.array` instead"
        )

    __hash__ = object.__hash__

    def item(self) -> Any:
        """Return the only element as a Python number.

        Raises
        ------
        ValueError
            If there is not exactly one element.
        """
        return self._array.item()

    # -- the node ----------------------------------------------------------

    @property
    def node(self) -> VariableNode:
        """The `VariableNode` that stands for this Variable in the graph."""
        node = self._node
        if node is None:
            array = self._array
            shape, dtype = (None, None) if array is None else (array.shape, array.dtype)
            node = self._node = VariableNode(None, 0, 0, self._requires_grad, shape, dtype)
        return node

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient is computed for it."""
        return self._requires_grad

    @property
    def name(self) -> str | None:
        """A name for people."""
        return None if self._node is None else self._node.name

    @name.setter
    def name(self, name: str | None) -> None:
        self.node.name = name

    @property
    def label(self) -> str:
        """Shape and dtype, with the name if it has one."""
        return self.node.label

    @property
    def rank(self) -> int:
        """Length of the longest path from a leaf to it."""
        return 0 if self._node is None else self._node.rank

    @property
    def creator_node(self) -> FunctionNode | None:
        """The `FunctionNode` that made it, or None."""
        return None if self._node is None else self._node.creator

    @property
    def creator(self) -> Any:
        """What made it: a `FunctionNode`, the old-style `Function`, or None."""
        creator = self.creator_node
        return None if creator is None else getattr(creator, "function", creator)

    def set_creator(self, creator: FunctionNode) -> None:
        """Make `creator` (a `FunctionNode`, or a `Function` once called) its origin."""
        self.set_creator_node(getattr(creator, "node", creator))

    def set_creator_node(self, creator: FunctionNode) -> None:
        """Make `creator` the function that made it, as its first output."""
        node = self.node
        node.creator, node.index, node.rank = creator, 0, creator.rank + 1

    # -- the gradient ------------------------------------------------------

    @property
    def grad(self) -> Array | None:
        """The gradient's array, or None; setting it checks shape and dtype."""
        node = self._node
        return None if node is None else node.grad

    @grad.setter
    def grad(self, grad: Array | None) -> None:
        self.grad_var = None if grad is None else Variable(grad)

    @property
    def grad_var(self) -> Variable | None:
        """The gradient as a Variable, with a graph after double backprop."""
        return None if self._node is None else self._node.grad_var

    @grad_var.setter
    def grad_var(self, grad: Variable | None) -> None:
        if grad is not None:
            self._check_grad(grad)
        elif self._node is None:
            return
        self.node.grad_var = grad

    def _takes_grad(self, dtype: Any) -> bool:
        """Whether a gradient may have this other dtype."""
        return False

    def _check_grad(self, grad: Variable) -> None:
        array = self._array
        if array is None:
            return
        g = grad._array
        if get_array_module(g) is not get_array_module(array):
            raise TypeError(
                f"the gradient of a {type(array).__module__}.ndarray must be one too, "
                f"not a {type(g).__module__}.ndarray"
            )
        if g.shape != array.shape:
            raise ValueError(
                f"the gradient's shape is {g.shape} but the variable's is {array.shape}"
            )
        if g.dtype != array.dtype and not self._takes_grad(g.dtype):
            raise TypeError(
                f"the gradient's dtype is {g.dtype} but the variable's is {array.dtype}"
            )

    def cleargrad(self) -> None:
        """Drop the gradient."""
        if self._node is not None:
            self._node.grad_var = None

    def zerograd(self) -> None:
        """Set the gradient to zeros."""
        self.node.grad_var = Variable(self.xp.zeros_like(self._array))

    def addgrad(self, var: Variable) -> None:
        """Add the gradient of `var` to this one's, moving it to this device if needed.

        Parameters
        ----------
        var : Variable
            Of the same shape; nothing happens where it has no gradient.
        """
        other = var.grad
        if other is None:
            return
        with self.device as device:
            moved = device.send(other)
            mine = self.grad
            # A sum is always a new array: both gradients may be in other hands too.
            self.grad = (
                (moved.copy() if moved is other else moved) if mine is None else mine + moved
            )

    def copydata(self, var: Variable) -> None:
        """Copy the values of `var` into this array.

        Parameters
        ----------
        var : Variable
            Of the same shape, on any device.  If it is uninitialised nothing
            happens; if this one is, it gets a copy.
        """
        if var._array is None:
            return
        if self._array is None:
            self.array = var._array.copy()
        else:
            copyto(self._array, var._array)

    # -- the graph ---------------------------------------------------------

    def backward(
        self,
        retain_grad: bool = False,
        enable_double_backprop: bool = False,
        loss_scale: float | None = None,
    ) -> None:
        """Compute the gradients of everything this was computed from.

        A gradient of ones is assumed where this Variable has one element and no
        gradient yet.  The gradients of leaves (inputs and parameters) are added
        to what they already have.

        Parameters
        ----------
        retain_grad : bool
            Keep the gradients of intermediate results too.
        enable_double_backprop : bool
            Record the computation of the gradients, so that they can be
            differentiated in turn.
        loss_scale : float, optional
            Multiplies the assumed gradient; the optimizer divides by it again.

        Raises
        ------
        ValueError
            If it has several elements and no gradient.
        RuntimeError
            If it has no graph: it requires no gradient.
        """
        from nnrun.core.walk import backward  # the walk is written in terms of Variables

        backward((self,), None, retain_grad, enable_double_backprop, loss_scale)

    def unchain(self) -> None:
        """Forget how this was computed: it becomes a leaf."""
        if self._node is not None:
            self._node.unchain()

    def unchain_backward(self) -> None:
        """Cut the whole graph behind this Variable, freeing what it kept.

        Truncated backpropagation through time calls this on the loss every few steps.
        """
        node = self._node
        todo = [] if node is None else [node]
        while todo:
            node = todo.pop()
            creator = node.creator
            node.unchain()
            if creator is not None and creator.inputs is not None:
                todo.extend(creator.inputs)
                creator.unchain()

    # -- devices -----------------------------------------------------------

    def to_device(self, device: Any) -> None:
        """Move array and gradient to a device, in place.

        Parameters
        ----------
        device : device specifier
            See `nnrun.get_device`.
        """
        target = get_device(device)
        if self._array is not None:
            grad = self.grad
            self.array = target.send(self._array)
            if grad is not None:
                self.node.grad_var = Variable(target.send(grad))

    def to_cpu(self) -> None:
        """Move array and gradient to NumPy."""
        self.to_device("numpy")

    def to_gpu(self, device: int | None = None) -> None:
        """Move array and gradient to an ndgpu device, number 0 by default."""
        self.to_device(0 if device is None else device)

    # -- for people --------------------------------------------------------

    def summary(self) -> str:
        """One line of what it is, without its values."""
        name = "" if self.name is None else f" {self.name}"
        if self._array is None:
            return f"<variable{name}: uninitialised>"
        return f"<variable{name}: shape={self.shape}, dtype={self.dtype}, device={self.device}>"

    def debug_print(self) -> str:
        """Return several lines of what it is: device, shape, dtype, statistics, gradient."""
        if self._array is None:
            return f"{self.summary()}\n- no array yet"
        lines = [
            self.summary(),
            f"- device: {self.device}",
            f"- shape: {self.shape}",
            f"- dtype: {self.dtype}",
        ]
        for name, x in (("statistics", self._array), ("grad", self.grad)):
            if x is None:
                lines.append(f"- {name}: None")
            elif x.size and x.dtype.kind in "fiu":
                wide = get_device("numpy").send(x).astype(np.float64)
                lines.append(f"- {name}: mean={wide.mean():.8f}, std={wide.std():.8f}")
            else:
                lines.append(f"- {name}: {x.size} elements")
        return "\n".join(lines)

    def retain_data(self) -> None:
        """Do nothing: a Variable always keeps its array, and functions keep what they need."""

    def __repr__(self) -> str:
        if self._array is None:
            return "variable(None)"
        head = "variable(" if self.name is None else f"variable {self.name}("
        values = get_device("numpy").send(self._array)
        return head + np.array2string(values, separator=", ", prefix=head) + ")"

    def __str__(self) -> str:
        head = "variable(" if self.name is None else f"variable {self.name}("
        return f"{head}{self._array})"

    def __copy__(self) -> Variable:
        # A leaf of its own: the array is shared, gradient and graph are not.
        copied = wrap(self._array, None, self._requires_grad)
        copied.name = self.name
        return copied

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        copied = Variable(None if self._array is None else self._array.copy(), name=self.name)
        copied._requires_grad = self._requires_grad
        if self.grad is not None:
            copied.grad = self.grad.copy()
        memo[id(self)] = copied
        return copied

    def __reduce__(self) -> Any:
        return _rebuild, (self._array, self.name, self.grad, self._requires_grad)

    if TYPE_CHECKING:
        # Bound by nnrun.functions; see the module's docstring.
        T: Variable

        def __neg__(self) -> Variable: ...
        def __abs__(self) -> Variable: ...
        def __add__(self, other: Any) -> Variable: ...
        def __radd__(self, other: Any) -> Variable: ...
        def __sub__(self, other: Any) -> Variable: ...
        def __rsub__(self, other: Any) -> Variable: ...
        def __mul__(self, other: Any) -> Variable: ...
        def __rmul__(self, other: Any) -> Variable: ...
        def __truediv__(self, other: Any) -> Variable: ...
        def __rtruediv__(self, other: Any) -> Variable: ...
        def __floordiv__(self, other: Any) -> Variable: ...
        def __rfloordiv__(self, other: Any) -> Variable: ...
        def __pow__(self, other: Any) -> Variable: ...
        def __rpow__(self, other: Any) -> Variable: ...
        def __matmul__(self, other: Any) -> Variable: ...
        def __rmatmul__(self, other: Any) -> Variable: ...
        def __getitem__(self, index: Any) -> Variable: ...
        def astype(self, dtype: Any) -> Variable: ...
        def reshape(self, *shape: Any) -> Variable: ...
        def transpose(self, *axes: Any) -> Variable: ...
        def sum(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def mean(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def max(self, axis: Any = None, keepdims: bool = False) -> Variable: ...
        def min(self, axis: Any = None, keepdims: bool = False) -> Variable: ...


def _rebuild(array: Array, name: str | None, grad: Array, requires_grad: bool) -> Variable:
    """Make a Variable from its pickled parts; the graph is not pickled."""
    return Variable(array, name=name, grad=grad, requires_grad=requires_grad)


_new = object.__new__


def wrap(array: Array, node: VariableNode | None, requires_grad: bool) -> Variable:
    """Make a Variable without checks: the hot path of `FunctionNode.apply`."""
    x = _new(Variable)
    x._array = array
    x._node = node
    x._requires_grad = requires_grad
    return x


def as_variable(obj: Any) -> Variable:
    """Return `obj` if it is a Variable, else a constant Variable of the array.

    Parameters
    ----------
    obj : Variable or array

    Returns
    -------
    Variable
        For an array, one that requires no gradient.

    Raises
    ------
    TypeError
        If `obj` is neither.
    """
    if isinstance(obj, Variable):
        return obj
    return Variable(obj, requires_grad=False)


def as_array(obj: Any) -> Array:
    """Return the array of a Variable, or the array given.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> nnrun.as_array(nnrun.Variable(np.zeros(2)))
    array([0., 0.])
    """
    return obj._array if isinstance(obj, Variable) else obj


def check_same_kind(name: str, arrays: Sequence[Array]) -> None:
    """Raise the error that explains why `arrays` can't be the inputs of function `name`."""
    for i, x in enumerate(arrays):
        if x is None:
            raise RuntimeError(
                f"{name}: input {i} is uninitialised (a Parameter whose shape is not known yet)"
            )
    modules = [get_array_module(x).__name__ for x in arrays]
    if len(set(modules)) > 1:
        listed = ", ".join(f"{m} {x.shape}" for m, x in zip(modules, arrays, strict=True))
        raise TypeError(
            f"{name}: inputs are on different devices: {listed}; move them with to_device"
        )
