"""`forget`: computes a part of a network again in backward, to keep none of it meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from nnrun.config import config, using_config
from nnrun.core import FunctionNode, Variable, backward

__all__ = ["forget"]

Array = Any


class Forget(FunctionNode):
    __slots__ = ("_func", "_state", "single")

    def __init__(self, func: Callable[..., Any]) -> None:
        self._func = func
        self.single = True

    def _call(self, inputs: list[Variable]) -> tuple[Variable, ...]:
        ys = self._func(*inputs)
        self.single = not isinstance(ys, tuple)
        ys = (ys,) if self.single else ys
        for i, y in enumerate(ys):
            if not isinstance(y, Variable):
                raise TypeError(
                    f"forget: `func` must return Variables; output {i} is a {type(y).__name__}"
                )
        return ys

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs(range(len(inputs)))
        self._state = np.random.get_state()
        with using_config("enable_backprop", False):
            ys = self._call([Variable(x) for x in inputs])
        return tuple([y.array for y in ys])

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        if config.enable_backprop:
            raise RuntimeError(
                "forget: its gradients cannot be differentiated again, as they are computed "
                "from what is forgotten at once"
            )
        inputs = [Variable(x.array) for x in self.get_retained_inputs()]
        latest = np.random.get_state()
        np.random.set_state(self._state)  # what is drawn must be drawn again
        try:
            with using_config("enable_backprop", True), using_config("in_recomputing", True):
                ys = self._call(inputs)
        finally:
            np.random.set_state(latest)
        pairs = [(y, g) for y, g in zip(ys, grad_outputs, strict=True) if g is not None]
        pairs = [(y, g) for y, g in pairs if y.creator_node is not None]
        backward([y for y, _ in pairs], [g for _, g in pairs])
        return tuple([inputs[i].grad_var for i in indexes])


def forget(func: Callable[..., Any], *xs: Variable | Array) -> Any:
    """Apply a function of one's own, keeping only its inputs.

    What `func` computes on the way is not kept for backward but computed again
    there: twice the work of its forward for none of its memory.

    Parameters
    ----------
    func : callable
        Takes Variables and returns a Variable or a tuple of them.  It must compute the
        same when called again; what it draws from NumPy's global generator is drawn
        again.
    *xs : Variable or array
        Its arguments.

    Returns
    -------
    Variable or tuple of Variable

    Raises
    ------
    TypeError
        If `func` returns something else.
    RuntimeError
        In backward, if the gradients themselves are to be differentiated.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F
    >>> x = nnrun.Variable(np.array([0.0, 1.0]))
    >>> y = F.forget(lambda x: F.sum(F.square(F.exp(x))), x)
    >>> y.backward()
    >>> np.allclose(x.grad, 2 * np.exp(2 * x.array))
    True
    """
    node = Forget(func)
    ys = node.apply(xs)
    return ys[0] if node.single else ys
