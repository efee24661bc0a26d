"""`Function`: differentiable functions in the first style, on arrays.

``forward(inputs)`` and ``backward(inputs, grad_outputs)`` both take and return
tuples of arrays.  Simple to write, at the price that the gradients can't be
differentiated again; `FunctionNode` has no such limit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.core.function_hook import FunctionHook, with_hook, without_hook
from nnrun.core.function_node import FunctionNode
from nnrun.core.variable import Variable

__all__ = ["Function", "FunctionAdapter"]

Array = Any


class Function:
    """A differentiable function on arrays; call an instance on Variables.

    Subclasses define `forward` and `backward`, or their ``_cpu`` and ``_gpu``
    halves.  All inputs are kept for `backward` unless `forward` calls
    `retain_inputs`.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import Function, Variable
    >>> class MulAdd(Function):
    ...     def forward(self, inputs):
    ...         x, y, z = inputs
    ...         return (x * y + z,)
    ...     def backward(self, inputs, grad_outputs):
    ...         x, y, z = inputs
    ...         (gw,) = grad_outputs
    ...         return y * gw, x * gw, gw
    >>> x, y, z = (Variable(np.array([v], np.float32)) for v in (2, 3, 4))
    >>> w = MulAdd()(x, y, z)
    >>> w.backward()
    >>> w.array, x.grad, y.grad, z.grad
    (array([10.], dtype=float32), array([3.], dtype=float32), array([2.], dtype=float32), \
array([1.], dtype=float32))
    """

    # The node of its latest application.
    node: FunctionAdapter | None = None
    _hooks: dict[str, FunctionHook] | None = None

    def __call__(self, *inputs: Variable | Array) -> Any:
        """Apply the function.

        Parameters
        ----------
        *inputs : Variable or array

        Returns
        -------
        Variable or tuple of Variable
            One Variable where `forward` returns one array.
        """
        self.node = FunctionAdapter(self)
        outputs = self.node.apply(inputs)
        return outputs[0] if len(outputs) == 1 else outputs

    @property
    def label(self) -> str:
        """The function's name, as errors and graphs show it."""
        return type(self).__name__

    @property
    def inputs(self) -> Any:
        """The nodes of the inputs of the latest application, or None."""
        return None if self.node is None else self.node.inputs

    @property
    def rank(self) -> int:
        """The rank of the latest application."""
        return 0 if self.node is None else self.node.rank

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Compute the outputs from the inputs; arrays all."""
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
        self, inputs: tuple[Array, ...], grad_outputs: tuple[Array | None, ...]
    ) -> Sequence[Array | None]:
        """Compute the gradients of all inputs; None for one that has none."""
        for x in (*inputs, *grad_outputs):
            if x is not None:
                if isinstance(x, np.ndarray):
                    return self.backward_cpu(inputs, grad_outputs)
                return self.backward_gpu(inputs, grad_outputs)
        return (None,) * len(inputs)

    def backward_cpu(
        self, inputs: tuple[Array, ...], grad_outputs: tuple[Array | None, ...]
    ) -> Sequence[Array | None]:
        """Compute the gradients from NumPy arrays, where `backward` is not defined."""
        raise NotImplementedError(f"{self.label} defines neither backward nor backward_cpu")

    def backward_gpu(
        self, inputs: tuple[Array, ...], grad_outputs: tuple[Array | None, ...]
    ) -> Sequence[Array | None]:
        """Compute the gradients from ndgpu arrays, where `backward` is not defined."""
        raise NotImplementedError(f"{self.label} defines neither backward nor backward_gpu")

    def retain_inputs(self, indexes: Sequence[int]) -> None:
        """Keep only these inputs for `backward`; the others arrive there as None."""
        if self.node is None:
            raise RuntimeError(f"{self.label}.retain_inputs is for use in forward")
        self.node.retain_inputs(indexes)

    def retain_outputs(self, indexes: Sequence[int]) -> None:
        """Keep these outputs; `backward` finds all in ``self.output_data``."""
        if self.node is None:
            raise RuntimeError(f"{self.label}.retain_outputs is for use in forward")
        self.node.retain_outputs(indexes)

    @property
    def output_data(self) -> tuple[Array | None, ...]:
        """The retained outputs at their places, None at the others."""
        if self.node is None or self.node.inputs is None:
            raise RuntimeError(f"{self.label}.output_data is for use in backward")
        return self.node.output_data

    def check_type_forward(self, in_types: Any) -> None:
        """Check dtypes and shapes of the inputs; see `FunctionNode.check_type_forward`."""

    def add_hook(self, hook: FunctionHook, name: str | None = None) -> None:
        """Have a hook watch all further applications; see `FunctionNode.add_hook`."""
        self._hooks = with_hook(self._hooks, hook, name, self.label)
        hook.added(self)  # type: ignore[arg-type]  # in place of its nodes

    def delete_hook(self, name: str) -> None:
        """Have the hook of that name watch it no more."""
        without_hook(self._hooks, name, self.label).deleted(self)

    @property
    def local_function_hooks(self) -> dict[str, FunctionHook]:
        """The hooks of this function alone, by name."""
        return {} if self._hooks is None else self._hooks

    def unchain(self) -> None:
        """Cut the latest application out of its graph."""
        if self.node is not None:
            self.node.unchain()


class FunctionAdapter(FunctionNode):
    """The node in the graph of one application of a `Function`."""

    __slots__ = ("function",)

    @property
    def _checks_types(self) -> bool:  # type: ignore[override]
        return type(self.function).check_type_forward is not Function.check_type_forward

    def __init__(self, function: Function) -> None:
        self.function = function
        self._hooks = function._hooks

    @property
    def label(self) -> str:
        """The function's own label."""
        return self.function.label

    def check_type_forward(self, in_types: Any) -> None:
        """Run the function's check."""
        self.function.check_type_forward(in_types)

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        """Run the function's forward."""
        self.retain_inputs(range(len(inputs)))
        return self.function.forward(inputs)

    def backward(
        self, target_input_indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        """Run the function's backward, and guard its results against a second one."""
        nodes = self._live_inputs()
        retained = self.get_retained_inputs()
        data = self.data_of_inputs()
        # One Function object may have been applied several times: show it this application.
        latest, self.function.node = self.function.node, self
        try:
            grads = self.function.backward(
                data, tuple([None if g is None else g._array for g in grad_outputs])
            )
        finally:
            self.function.node = latest
        if not isinstance(grads, tuple) or len(grads) != len(nodes):
            raise ValueError(
                f"{self.label}.backward must return a tuple of {len(nodes)} gradients, one for "
                f"each input, not {grads!r:.80}"
            )
        given = (*retained, *[g for g in grad_outputs if g is not None])
        results: list[Variable | None] = []
        for i in target_input_indexes:
            g = grads[i]
            if isinstance(g, np.generic):
                g = np.asarray(g)
            results.append(None if g is None else _Once(self.label, g).apply(given)[0])
        return tuple(results)


class _Once(FunctionNode):
    """Stands behind a gradient made by an old-style Function, which has no graph."""

    __slots__ = ("_grad", "_of")

    def __init__(self, of: str, grad: Array) -> None:
        self._of = of
        self._grad = grad

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (self._grad,)

    def backward(
        self, target_input_indexes: tuple[int, ...], grad_outputs: tuple[Variable | None, ...]
    ) -> Sequence[Variable | None]:
        raise RuntimeError(
            f"{self._of} is an old-style Function, whose backward works on arrays: its gradient "
            "cannot be differentiated again; make it a FunctionNode"
        )
