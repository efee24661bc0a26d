"""Losses between predictions and targets: squared, absolute, and sigmoid cross entropy."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions.activations import sigmoid
from nnrun.functions.arithmetic import absolute
from nnrun.functions.reductions import mean
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.unary import square

__all__ = [
    "absolute_error",
    "mean_absolute_error",
    "mean_squared_error",
    "sigmoid_cross_entropy",
    "squared_error",
]

Array = Any


def _same_shape(x0: Any, x1: Any, name: str) -> None:
    if x0.shape != x1.shape:
        raise ValueError(
            f"{name}: `x0` and `x1` must have the same shape "
            f"(x0.shape={x0.shape}, x1.shape={x1.shape})"
        )


class MeanSquaredError(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x0, x1 = inputs
        self.retain_inputs((0, 1))
        diff = (x0 - x1).ravel()
        return (get_array_module(diff).dot(diff, diff) * diff.dtype.type(1.0 / max(diff.size, 1)),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x0, x1 = self.get_retained_inputs()
        gx = (x0 - x1) * (grad_outputs[0] * (2.0 / max(x0.size, 1)))
        return tuple([-gx if i else gx for i in indexes])


def mean_squared_error(x0: Variable | Array, x1: Variable | Array) -> Variable:
    """Return the mean of ``(x0 - x1) ** 2`` over all elements.

    Parameters
    ----------
    x0, x1 : Variable or array
        Of the same shape.

    Returns
    -------
    Variable
        Of shape ``()``.

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.mean_squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    variable(2.)
    """
    _same_shape(x0, x1, "mean_squared_error")
    return MeanSquaredError().apply((x0, x1))[0]


def mean_absolute_error(x0: Variable | Array, x1: Variable | Array) -> Variable:
    """Return the mean of ``abs(x0 - x1)`` over all elements.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.mean_absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    variable(1.)
    """
    _same_shape(x0, x1, "mean_absolute_error")
    return mean(absolute(as_variable(x0) - x1))


def squared_error(x0: Variable | Array, x1: Variable | Array) -> Variable:
    """Return ``(x0 - x1) ** 2``, element by element.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.squared_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    variable([0., 4.])
    """
    _same_shape(x0, x1, "squared_error")
    return square(as_variable(x0) - x1)


def absolute_error(x0: Variable | Array, x1: Variable | Array) -> Variable:
    """Return ``abs(x0 - x1)``, element by element.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.absolute_error(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    variable([0., 2.])
    """
    _same_shape(x0, x1, "absolute_error")
    return absolute(as_variable(x0) - x1)


class SigmoidCrossEntropy(FunctionNode):
    __slots__ = ("_t", "_valid")

    def __init__(self, t: Array, valid: Array) -> None:
        self._t = t
        self._valid = valid

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        xp = get_array_module(x)
        self.retain_inputs((0,))
        # -t log s(x) - (1 - t) log(1 - s(x)), in a form that overflows nowhere.
        return (self._valid * (xp.maximum(x, 0) - x * self._t + xp.log1p(xp.exp(-abs(x)))),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        return (grad_outputs[0] * ((sigmoid(x) - self._t) * self._valid),)


def sigmoid_cross_entropy(
    x: Variable | Array, t: Variable | Array, normalize: bool = True, reduce: str = "mean"
) -> Variable:
    """Compare scores with yes-or-no labels.

    Parameters
    ----------
    x : Variable or array
        Scores, before the sigmoid.
    t : Variable or array
        0 or 1 for each score; -1 counts nothing.  Of the shape of `x`.
    normalize : bool
        With ``reduce='mean'``: divide by the number of labels that count rather
        than by the batch size.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each label.

    Returns
    -------
    Variable
        Of shape ``()``, or that of `x`.

    Raises
    ------
    ValueError
        If the shapes differ or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.sigmoid_cross_entropy(np.array([0.0, 0.0]), np.array([0, 1])).item()  # doctest: +ELLIPSIS
    0.6931...
    """
    if reduce not in ("mean", "no"):
        raise ValueError(f"sigmoid_cross_entropy: `reduce` must be 'mean' or 'no', not {reduce!r}")
    t = as_array(t)
    if x.shape != t.shape:
        raise ValueError(
            f"sigmoid_cross_entropy: `x` and `t` must have the same shape "
            f"(x.shape={x.shape}, t.shape={t.shape})"
        )
    with get_device_from_array(t) as device:
        valid = (t != -1).astype(x.dtype)
        # Stays on the device: asking for the number would wait for it.
        scale = device.xp.asarray(1.0 / device.xp.maximum(valid.sum(), 1), dtype=x.dtype)
        t = t.astype(x.dtype)
    loss = SigmoidCrossEntropy(t, valid).apply((x,))[0]
    if reduce == "no":
        return loss
    return sum_(loss) * (scale if normalize else 1.0 / max(len(x), 1))
