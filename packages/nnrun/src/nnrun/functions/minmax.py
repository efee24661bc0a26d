"""The larger, the smaller, and what lies between: `maximum`, `minimum`, `clip`."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.functions._binary import pair_of_arrays
from nnrun.functions.broadcast import sum_to

__all__ = ["clip", "maximum", "minimum"]

Array = Any


class _Choice(FunctionNode):
    """Of two inputs; where they are equal the first gets the gradient."""

    __slots__ = ()

    def _first(self, x0: Array, x1: Array) -> Array:
        raise NotImplementedError

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x0, x1 = self.get_retained_inputs()
        (gy,) = grad_outputs
        first = self._first(x0.array, x1.array)
        grads = []
        for i in indexes:
            chosen = (~first if i else first).astype(gy.dtype)
            grads.append(sum_to(gy * chosen, self.inputs[i].shape))
        return tuple(grads)


class Maximum(_Choice):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        return (get_array_module(inputs[0]).maximum(*inputs),)

    def _first(self, x0: Array, x1: Array) -> Array:
        return x0 >= x1


class Minimum(_Choice):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        return (get_array_module(inputs[0]).minimum(*inputs),)

    def _first(self, x0: Array, x1: Array) -> Array:
        return x0 <= x1


class Clip(FunctionNode):
    __slots__ = ("_high", "_low")

    def __init__(self, low: float | None, high: float | None) -> None:
        self._low = low
        self._high = high

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        return (get_array_module(x).clip(x, self._low, self._high),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x = self.get_retained_inputs()[0].array
        inside = get_array_module(x).ones_like(x, dtype=bool)
        if self._low is not None:
            inside = inside & (x >= self._low)
        if self._high is not None:
            inside = inside & (x <= self._high)
        return (grad_outputs[0] * inside.astype(x.dtype),)


def maximum(x0: Any, x1: Any, *more: Any) -> Variable:
    """Return the larger, element by element.

    Parameters
    ----------
    x0, x1, *more : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable
        The gradient goes to the larger; to the first where they are equal.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.maximum(np.array([1.0, 5.0]), np.array([3.0, 4.0]))
    variable([3., 5.])
    """
    y = Maximum().apply(pair_of_arrays(x0, x1))[0]
    for x in more:
        y = maximum(y, x)
    return y


def minimum(x0: Any, x1: Any, *more: Any) -> Variable:
    """Return the smaller, element by element.

    Parameters
    ----------
    x0, x1, *more : Variable, array or number
        Of shapes that can be broadcast.

    Returns
    -------
    Variable
        The gradient goes to the smaller; to the first where they are equal.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.minimum(np.array([1.0, 5.0]), np.array([3.0, 4.0]))
    variable([1., 4.])
    """
    y = Minimum().apply(pair_of_arrays(x0, x1))[0]
    for x in more:
        y = minimum(y, x)
    return y


def clip(x: Variable | Array, x_min: float | None, x_max: float | None) -> Variable:
    """Limit to a range.

    Parameters
    ----------
    x : Variable or array
    x_min, x_max : float or None
        The range; None for no limit on that side.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If ``x_min > x_max``, or both are None.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.clip(np.array([-1.0, 0.5, 2.0]), 0, 1)
    variable([0. , 0.5, 1. ])
    """
    if x_min is None and x_max is None:
        raise ValueError("clip: one of `x_min` and `x_max` must be given")
    if x_min is not None and x_max is not None and x_min > x_max:
        raise ValueError(f"clip: `x_min` {x_min} is larger than `x_max` {x_max}")
    return Clip(x_min, x_max).apply((x,))[0]
