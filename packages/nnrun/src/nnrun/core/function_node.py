"""`FunctionNode`: one application of a differentiable function.

A subclass says how arrays become arrays (`forward`) and how the gradients of
the outputs, as Variables, become those of the inputs (`backward`).  `apply`
runs the first and records the node in the graph; the walk in `nnrun.core.walk`
runs the second.  As `backward` is made of functions on Variables, gradients can
be differentiated again.

One object stands for one application: make a new one for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from nnrun.backend import get_device_from_array, is_array, is_current
from nnrun.config import config
from nnrun.core import debug, type_check
from nnrun.core.function_hook import FunctionHook, hooks_of, with_hook, without_hook
from nnrun.core.function_hook import thread as watched
from nnrun.core.node import VariableNode
from nnrun.core.variable import Variable, as_variable, check_same_kind, wrap

__all__ = ["FunctionNode"]

Array = Any


class FunctionNode:
    """A differentiable function, applied once.

    Subclasses define `forward` (or both of `forward_cpu` and `forward_gpu`) and
    `backward`, and call `retain_inputs` / `retain_outputs` in `forward` to keep
    what `backward` needs.

    Attributes
    ----------
    inputs : tuple of VariableNode or None
        Nodes of the inputs, once applied with recording on.
    rank : int
        Length of the longest path from a leaf to its inputs.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import FunctionNode, Variable
    >>> class Square(FunctionNode):
    ...     def forward(self, inputs):
    ...         self.retain_inputs((0,))
    ...         return (inputs[0] * inputs[0],)
    ...     def backward(self, indexes, grad_outputs):
    ...         (x,) = self.get_retained_inputs()
    ...         return (2 * x * grad_outputs[0],)
    >>> x = Variable(np.array([1.0, 2.0]))
    >>> (y,) = Square().apply((x,))
    >>> y.grad = np.ones(2)
    >>> y.backward()
    >>> x.grad
    array([2., 4.])
    """

    # Subclasses without __slots__ have a __dict__ for whatever they like to keep.
    __slots__ = (
        "__weakref__",
        "_called_at",
        "_hooks",
        "_input_indexes",
        "_output_indexes",
        "_saved_inputs",
        "_saved_outputs",
        "_targets",
        "inputs",
        "output_count",
        "rank",
    )

    # Rows of a table of functions give their node classes a name for people.
    label_name: ClassVar[str | None] = None
    # Whether the class has a `check_type_forward` of its own to be run.
    _checks_types: ClassVar[bool] = False

    inputs: Any  # tuple of VariableNode, or None; checked where the walk uses it
    _called_at: list[str] | None
    _hooks: dict[str, FunctionHook] | None
    _input_indexes: Sequence[int]
    _output_indexes: Sequence[int]

    def __new__(cls, *args: Any, **kwargs: Any) -> FunctionNode:
        # Not in __init__, which subclasses need not call.
        self = object.__new__(cls)
        self.inputs = None
        self._hooks = None
        self._input_indexes = ()
        self._output_indexes = ()
        return self

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "check_type_forward" in cls.__dict__ and "_checks_types" not in cls.__dict__:
            cls._checks_types = True

    @property
    def label(self) -> str:
        """The function's name, as errors and graphs show it."""
        return self.label_name or type(self).__name__

    # -- to be defined by subclasses -----------------------------------------

    def check_type_forward(self, in_types: Any) -> None:
        """Check dtypes and shapes of the inputs; nothing is checked where not defined.

        Parameters
        ----------
        in_types : nnrun.utils.type_check.TypeInfoTuple
            One expression for each input, to be used in `nnrun.utils.type_check.expect`.
        """

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Compute the outputs.

        Parameters
        ----------
        inputs : tuple of array
            All of NumPy, or all of ndgpu on one device.

        Returns
        -------
        tuple of array
        """
        if isinstance(inputs[0], np.ndarray):
            return self.forward_cpu(inputs)
        return self.forward_gpu(inputs)

    def forward_cpu(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Compute the outputs from NumPy arrays, where `forward` is not defined."""
        raise NotImplementedError(f"{self.label} defines neither forward nor forward_cpu")

    def forward_gpu(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Compute the outputs from ndgpu arrays, where `forward` is not defined."""
        raise NotImplementedError(f"{self.label} defines neither forward nor forward_gpu")

    def backward(
        self, target_input_indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        """Compute gradients of the inputs.

        Parameters
        ----------
        target_input_indexes : tuple of int
            The inputs whose gradients are wanted, ascending.
        grad_outputs : tuple of Variable or None
            One for each output; None where the output led nowhere.

        Returns
        -------
        tuple of Variable or None
            One for each wanted input, or one for every input; None means that the
            outputs do not depend on it.
        """
        raise NotImplementedError(f"{self.label} has no backward: it is not differentiable")

    # -- called by `forward` ---------------------------------------------------

    def retain_inputs(self, indexes: Sequence[int]) -> None:
        """Keep these inputs for `backward` (none are kept otherwise)."""
        self._input_indexes = indexes

    def retain_outputs(self, indexes: Sequence[int]) -> None:
        """Keep these outputs for `backward` (none are kept otherwise)."""
        self._output_indexes = indexes

    # -- called by `backward` --------------------------------------------------

    def get_retained_inputs(self) -> tuple[Variable, ...]:
        """Return the retained inputs as Variables of the graph, in the order asked for."""
        nodes = self._live_inputs()
        return tuple(
            [
                wrap(x, nodes[i], nodes[i].requires_grad)
                for i, x in zip(self._input_indexes, self._saved_inputs, strict=True)
            ]
        )

    def get_retained_outputs(self) -> tuple[Variable, ...]:
        """Return the retained outputs as Variables of the graph, in the order asked for."""
        self._live_inputs()
        rank = self.rank + 1
        # New nodes serve as well as the first ones: a gradient goes by (creator, index).
        return tuple(
            [
                wrap(y, VariableNode(self, i, rank, True, y.shape, y.dtype), True)
                for i, y in zip(self._output_indexes, self._saved_outputs, strict=True)
            ]
        )

    def _live_inputs(self) -> tuple[VariableNode, ...]:
        if self.inputs is None:
            raise RuntimeError(f"{self.label}: its graph was cut by unchain_backward")
        return self.inputs

    # -- called by users -------------------------------------------------------

    def apply(self, inputs: Sequence[Variable | Array]) -> tuple[Variable, ...]:
        """Compute the outputs and record the function in the graph.

        Parameters
        ----------
        inputs : sequence of Variable or array
            Arrays count as constants.

        Returns
        -------
        tuple of Variable
            The outputs.  They have a graph where some input requires a gradient
            and ``config.enable_backprop`` is set.

        Raises
        ------
        TypeError
            If the inputs are on different devices, or an output is no array.
        RuntimeError
            If an input is an uninitialised parameter, or the node was applied before.
        """
        variables = [x if isinstance(x, Variable) else as_variable(x) for x in inputs]
        arrays = tuple([x._array for x in variables])
        kind = type(arrays[0]) if arrays else np.ndarray
        for x in arrays:
            if type(x) is not kind or x is None:
                check_same_kind(self.label, arrays)
        if self.inputs is not None:
            raise RuntimeError(f"{self.label}: a function node can be applied only once")

        if self._checks_types and config.type_check:
            self._check_types(arrays)
        hooks = hooks_of(self) if watched.hooks or self._hooks else ()
        for hook in hooks:
            hook.forward_preprocess(self, arrays)
        try:
            if kind is np.ndarray or is_current(arrays[0]):
                outputs = self.forward(arrays)
            else:
                with get_device_from_array(arrays[0]):
                    outputs = self.forward(arrays)
        except Exception as error:
            debug.explain_forward(self, arrays, error)
            raise
        for hook in hooks:
            hook.forward_postprocess(self, arrays)
        if type(outputs) is not tuple:
            raise TypeError(f"{self.label}.forward must return a tuple, not {outputs!r:.80}")
        for y in outputs:
            if type(y) is not kind:
                outputs = self._as_arrays(outputs)
                break
        if config.debug:
            self._called_at = debug.caller()
            debug.check_finite(self, "forward", outputs)

        requires_grad = False
        for v in variables:
            if v._requires_grad:
                requires_grad = True
                break
        if not (requires_grad and config.enable_backprop):
            return tuple([wrap(y, None, requires_grad) for y in outputs])

        nodes = []
        targets = []
        rank = 0
        for i, v in enumerate(variables):
            node = v._node
            if node is None:
                node = v.node
            nodes.append(node)
            if v._requires_grad:
                targets.append(i)
            if node.rank > rank:
                rank = node.rank
        self.inputs = tuple(nodes)
        self._targets = tuple(targets)
        self.rank = rank
        self.output_count = len(outputs)
        if self._input_indexes:
            self._saved_inputs = tuple([arrays[i] for i in self._input_indexes])
        else:
            self._saved_inputs = ()
        if self._output_indexes:
            self._saved_outputs = tuple([outputs[i] for i in self._output_indexes])
        else:
            self._saved_outputs = ()
        rank += 1
        if len(outputs) == 1:
            y = outputs[0]
            return (wrap(y, VariableNode(self, 0, rank, True, y.shape, y.dtype), True),)
        return tuple(
            [
                wrap(y, VariableNode(self, i, rank, True, y.shape, y.dtype), True)
                for i, y in enumerate(outputs)
            ]
        )

    def _as_arrays(self, outputs: tuple[Any, ...]) -> tuple[Array, ...]:
        """Outputs with NumPy's scalars made arrays; anything else is an error."""
        arrays = []
        for i, y in enumerate(outputs):
            if isinstance(y, np.generic):  # NumPy reduces to scalars rather than 0-d arrays
                y = np.asarray(y)
            elif not is_array(y):
                raise TypeError(
                    f"{self.label}.forward: output {i} must be an array, not {type(y).__name__}"
                )
            arrays.append(y)
        return tuple(arrays)

    def _check_types(self, arrays: tuple[Array, ...]) -> None:
        in_types = type_check.get_types(arrays, "in_types", False)
        with type_check.function_check_context(self):
            self.check_type_forward(in_types)

    def add_hook(self, hook: FunctionHook, name: str | None = None) -> None:
        """Have a hook watch this function.

        Parameters
        ----------
        hook : FunctionHook
        name : str, optional
            Its own name by default.

        Raises
        ------
        TypeError
            If it is no hook.
        KeyError
            If there is one of that name.
        """
        self._hooks = with_hook(self._hooks, hook, name, self.label)
        hook.added(self)

    def delete_hook(self, name: str) -> None:
        """Have the hook of that name watch it no more."""
        without_hook(self._hooks, name, self.label).deleted(self)

    @property
    def local_function_hooks(self) -> dict[str, FunctionHook]:
        """The hooks of this function alone, by name."""
        if self._hooks is None:
            self._hooks = {}
        return self._hooks

    def data_of_inputs(self) -> tuple[Array | None, ...]:
        """The arrays of the inputs that were retained, None for the others."""
        data: list[Array | None] = [None] * len(self._live_inputs())
        for i, x in zip(self._input_indexes, self._saved_inputs, strict=True):
            data[i] = x
        return tuple(data)

    @property
    def output_data(self) -> tuple[Array | None, ...]:
        """The arrays of the outputs that were retained, None for the others."""
        self._live_inputs()
        data: list[Array | None] = [None] * self.output_count
        for i, y in zip(self._output_indexes, self._saved_outputs, strict=True):
            data[i] = y
        return tuple(data)

    def unchain(self) -> None:
        """Forget inputs and what was retained; the node can't be walked any more."""
        self.inputs = None
        self._saved_inputs = ()
        self._saved_outputs = ()

    def where_called(self) -> list[str] | None:
        """The user's lines that applied it, innermost last; known in debug mode only."""
        return getattr(self, "_called_at", None)

    def __repr__(self) -> str:
        return f"<{self.label}>"
