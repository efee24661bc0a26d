"""`softmax`, `log_softmax` and `logsumexp`, which overflow nowhere."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.unary import exp, log

__all__ = ["log_softmax", "log_softmax_array", "logsumexp", "softmax"]

Array = Any


def log_softmax_array(x: Array, axis: int) -> Array:
    """Return the logarithm of the softmax of an array."""
    xp = get_array_module(x)
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


class Softmax(FunctionNode):
    __slots__ = ("_axis",)

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_outputs((0,))
        y = get_array_module(x).exp(x - x.max(axis=self._axis, keepdims=True))
        y /= y.sum(axis=self._axis, keepdims=True)
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        gx = y * grad_outputs[0]
        total = sum_(gx, self._axis, keepdims=True)
        return (gx - y * broadcast_to(total, y.shape),)


class LogSoftmax(FunctionNode):
    __slots__ = ("_axis",)

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_outputs((0,))
        return (log_softmax_array(inputs[0], self._axis),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (y,) = self.get_retained_outputs()
        (gy,) = grad_outputs
        total = sum_(gy, self._axis, keepdims=True)
        return (gy - exp(y) * broadcast_to(total, y.shape),)


def _check(x: Any, axis: int, name: str) -> None:
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for `x` (x.shape={x.shape})")


def softmax(x: Variable | Array, axis: int = 1) -> Variable:
    """Return ``exp(x)`` divided by its sum along an axis.

    Parameters
    ----------
    x : Variable or array
    axis : int
        Along which the results add up to 1.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `x` has no such axis.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.softmax(np.array([[0.0, 0.0], [0.0, 800.0]]))
    variable([[0.5, 0.5],
              [0. , 1. ]])
    """
    _check(x, axis, "softmax")
    return Softmax(axis).apply((x,))[0]


def log_softmax(x: Variable | Array, axis: int = 1) -> Variable:
    """Return the logarithm of `softmax`, exact where that is tiny.

    Parameters
    ----------
    x : Variable or array
    axis : int
        Along which the exponentials of the results add up to 1.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.log_softmax(np.array([[0.0, 800.0]]))
    variable([[-800.,    0.]])
    """
    _check(x, axis, "log_softmax")
    return LogSoftmax(axis).apply((x,))[0]


def logsumexp(x: Variable | Array, axis: Any = None) -> Variable:
    """Return ``log(sum(exp(x)))`` over axes.

    Parameters
    ----------
    x : Variable or array
    axis : int or tuple of int, optional
        All axes by default.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `x` has no such axis.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.logsumexp(np.array([1000.0, 1000.0])).item()  # doctest: +ELLIPSIS
    1000.6931...
    """
    x = as_variable(x)
    for a in () if axis is None else (axis,) if isinstance(axis, int) else axis:
        if not -x.ndim <= a < x.ndim:
            raise ValueError(f"logsumexp: axis {a} is out of range (x.shape={x.shape})")
    with get_device_from_array(x.array) as device:
        top = x.array.max(axis=axis, keepdims=True)
        # Of infinite numbers nothing is to be taken away: the difference would be no number.
        top = device.xp.where(device.xp.isfinite(top), top, 0).astype(x.dtype)
    total = sum_(exp(x - top), axis)
    return log(total) + top.reshape(total.shape)
