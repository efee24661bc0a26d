"""`elementwise_function`: a differentiable function from an expression, fused both ways."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnrun.core import FunctionNode, Variable
from nnrun.cuda import elementwise
from nnrun.functions import _expressions as ex
from nnrun.functions._binary import is_number, number_like
from nnrun.functions.broadcast import sum_to

__all__ = ["elementwise_function"]

Array = Any


class Program:
    """Expressions of several results over the same inputs, with what computes them.

    Attributes
    ----------
    name : str
        For people, and of the kernel.
    inputs : tuple of str
    outputs : tuple of Expr
    """

    def __init__(self, name: str, inputs: tuple[str, ...], outputs: tuple[ex.Expr, ...]) -> None:
        self.name = name
        self.inputs = inputs
        self.outputs = outputs
        self._numpy: Callable[..., tuple[Any, ...]] | None = None
        self._kernel: tuple[str, str, str] | None = None
        self._backward: dict[tuple[tuple[int, ...], tuple[int, ...]], Program] = {}

    def run(self, arrays: tuple[Array, ...]) -> tuple[Array, ...]:
        """Compute the results from arrays."""
        dtype = arrays[0].dtype
        if isinstance(arrays[0], np.ndarray):
            if self._numpy is None:
                self._numpy = ex.as_numpy(self.outputs, self.inputs)
            shape = np.broadcast_shapes(*[x.shape for x in arrays])
            results = []
            for y in self._numpy(np, *arrays):
                y = np.asarray(y, dtype)
                results.append(y if y.shape == shape else np.broadcast_to(y, shape).copy())
            return tuple(results)
        if self._kernel is None:
            self._kernel = ex.as_kernel(self.outputs, self.inputs)
        in_params, out_params, body = self._kernel
        wide = "double" if dtype == np.float64 else "float"
        code = f"typedef {wide} C;\n{body}"
        results = elementwise(in_params, out_params, code, f"{self.name}_{wide}")(*arrays)
        return tuple(results) if isinstance(results, (tuple, list)) else (results,)

    def backward(self, given: tuple[int, ...], wanted: tuple[int, ...]) -> Program:
        """The program of the gradients: its inputs are gradients of results, then the inputs.

        Parameters
        ----------
        given : tuple of int
            Which results have a gradient.
        wanted : tuple of int
            The gradients of which inputs.
        """
        found = self._backward.get((given, wanted))
        if found is None:
            level = self.name.count("_grad")
            names = [f"g{level}_{i}" for i in given]
            pairs = [(self.outputs[i], ("var", n)) for i, n in zip(given, names, strict=True)]
            gradients = ex.adjoints(pairs, [self.inputs[i] for i in wanted])
            inputs = (*names, *self.inputs)
            found = Program(f"{self.name}_grad", inputs, tuple(gradients))
            self._backward[given, wanted] = found
        return found


class Elementwise(FunctionNode):
    """One application of a `Program`; its backward is another."""

    __slots__ = ("_program",)

    def __init__(self, program: Program) -> None:
        self._program = program

    @property
    def label(self) -> str:
        """The name that the function was given."""
        return self._program.name

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs(range(len(inputs)))
        return self._program.run(inputs)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        inputs = self.get_retained_inputs()
        given = tuple(i for i, g in enumerate(grad_outputs) if g is not None)
        program = self._program.backward(given, tuple(indexes))
        gradients = Elementwise(program).apply((*[grad_outputs[i] for i in given], *inputs))
        return tuple(
            [
                g if g.shape == inputs[i].shape else sum_to(g, inputs[i].shape)
                for i, g in zip(indexes, gradients, strict=True)
            ]
        )


def elementwise_function(
    expr: str, inputs: str | Sequence[str] | None = None, name: str = "elementwise_function"
) -> Callable[..., Variable]:
    """Return a differentiable function of an expression, element by element.

    The derivative is found symbolically, and so is any further one.  On ndgpu the
    function is one kernel, and its backward, of all gradients together, another; on
    NumPy both are a chain of array operations in which equal parts are computed once.

    Parameters
    ----------
    expr : str
        In Python's notation: names, numbers, ``+ - * / **``, and functions ``exp``,
        ``expm1``, ``log``, ``log1p``, ``sqrt``, ``sin``, ``cos``, ``tan``, ``arctan``,
        ``sinh``, ``cosh``, ``tanh``, ``sigmoid``, ``softplus``, ``erf``, ``abs``,
        ``sign``, ``floor``, ``maximum``, ``minimum`` and ``where`` with a comparison
        (``a if x > 0 else b`` is the same).
    inputs : str or sequence of str, optional
        The names in the order of the arguments, such as ``'x, y'``; by default in the
        order in which they come in `expr`.
    name : str
        For people, and of the kernel: a Python name.

    Returns
    -------
    callable
        Takes Variables, arrays (broadcast together; of one floating dtype) and numbers.

    Raises
    ------
    ValueError
        If `expr` is not understood, or names something that `inputs` does not.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> swish = nnrun.elementwise_function("x * sigmoid(beta * x)", "x, beta", "swish")
    >>> x = nnrun.Variable(np.array([-1.0, 0.0, 2.0]))
    >>> y = swish(x, 1.0)
    >>> y.grad = np.ones(3)
    >>> y.backward()
    >>> y.array.round(4), x.grad.round(4)
    (array([-0.2689,  0.    ,  1.7616]), array([0.0723, 0.5   , 1.0908]))
    """
    if not name.isidentifier():
        raise ValueError(f"elementwise_function: `name` must be a Python name, not {name!r}")
    tree = ex.parse(expr)
    used = ex.names(tree)
    if inputs is None:
        order = used
    else:
        order = inputs.replace(",", " ").split() if isinstance(inputs, str) else list(inputs)
        unknown = sorted(set(used) - set(order))
        if unknown or len(set(order)) < len(order):
            raise ValueError(
                f"elementwise_function: `inputs` {order} must name each of {used} once"
            )
    if not order:
        raise ValueError(f"elementwise_function: {expr!r} has no inputs")
    program = Program(name, tuple(order), (tree,))

    def function(*args: Any) -> Variable:
        if len(args) != len(order):
            raise TypeError(f"{name}() takes {len(order)} arguments ({', '.join(order)})")
        like = next((a for a in args if not is_number(a)), None)
        if like is None:
            raise TypeError(f"{name}: one argument at least must be a Variable or an array")
        arrays = [number_like(a, like) if is_number(a) else a for a in args]
        dtypes = {str(a.dtype) for a in arrays}
        if len(dtypes) > 1 or like.dtype.kind != "f":
            raise TypeError(f"{name}: arguments of one floating dtype are wanted, not {dtypes}")
        return Elementwise(program).apply(arrays)[0]

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"``{expr}``, element by element."
    return function
