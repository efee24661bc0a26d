"""`batch_normalization`: each channel to mean 0 and variance 1 over the batch, then scaled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.indexing import cast
from nnrun.functions.reductions import average
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape
from nnrun.functions.unary import rsqrt, square

__all__ = ["batch_normalization", "fixed_batch_normalization"]

Array = Any


class BatchNormalization(FunctionNode):
    """Inputs x, gamma, beta; `axes` are averaged over, `kept` is gamma's shape among those of x."""

    __slots__ = ("_axes", "_eps", "_inv_std", "_kept", "mean", "var")

    def __init__(self, axes: tuple[int, ...], kept: tuple[int, ...], eps: float) -> None:
        self._axes = axes
        self._kept = kept
        self._eps = eps

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x, gamma, beta = inputs
        self.retain_inputs((0, 1))
        xp = get_array_module(x)
        self.mean = x.mean(axis=self._axes, keepdims=True)
        centred = x - self.mean
        self.var = (centred * centred).mean(axis=self._axes, keepdims=True)
        self._inv_std = 1 / xp.sqrt(self.var + self._eps)
        scale = gamma.reshape(self._kept) * self._inv_std
        return (centred * scale + beta.reshape(self._kept),)

    def _normalised(self, x: Variable) -> tuple[Variable, Variable]:
        """`x` normalised and one over its deviation, differentiable where that is recorded."""
        if not config.enable_backprop:
            inv_std = as_variable(self._inv_std)
            return as_variable((x.array - self.mean) * self._inv_std), inv_std
        centred = x - broadcast_to(average(x, self._axes, keepdims=True), x.shape)
        inv_std = rsqrt(average(square(centred), self._axes, keepdims=True) + self._eps)
        return centred * broadcast_to(inv_std, x.shape), inv_std

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, gamma = self.get_retained_inputs()
        (gy,) = grad_outputs
        xhat, inv_std = self._normalised(x)
        gbeta = sum_(gy, self._axes, keepdims=True)
        ggamma = sum_(gy * xhat, self._axes, keepdims=True)
        grads = []
        for i in indexes:
            if i == 0:
                count = x.size // max(gamma.size, 1)
                mean = (broadcast_to(gbeta, x.shape) + xhat * ggamma) * (1.0 / max(count, 1))
                grads.append((gy - mean) * (reshape(gamma, self._kept) * inv_std))
            else:
                grads.append(reshape(ggamma if i == 1 else gbeta, gamma.shape))
        return tuple(grads)


def _axes(x: Any, gamma: Any, axis: Any, name: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The axes to average over, and the shape that spreads `gamma` over the others."""
    if axis is None:
        axes = (0, *range(gamma.ndim + 1, x.ndim))
    else:
        axes = tuple(sorted(a % x.ndim for a in ((axis,) if isinstance(axis, int) else axis)))
    kept = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    if tuple(n for i, n in enumerate(x.shape) if i not in axes) != gamma.shape:
        raise ValueError(
            f"{name}: `gamma` has shape {gamma.shape}, which are not the axes of `x` other than "
            f"{axes} (x.shape={x.shape})"
        )
    return axes, kept


def batch_normalization(
    x: Variable | Array,
    gamma: Variable | Array,
    beta: Variable | Array,
    eps: float = 2e-5,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    decay: float = 0.9,
    axis: int | Sequence[int] | None = None,
) -> Variable:
    """Normalise by the mean and variance of the batch, then scale and shift.

    Parameters
    ----------
    x : Variable or array, shape (batch, ...)
        The input.
    gamma, beta : Variable or array
        Scale and shift, of the shape of the axes of `x` that are not averaged over.
        Of another dtype than `x`, theirs is the one that is computed in.
    eps : float
        Added to the variance.
    running_mean, running_var : array, optional
        Moved in place towards this batch's mean and (unbiased) variance.
    decay : float
        How much of the running values stays.
    axis : int or tuple of int, optional
        What is averaged over: by default the first axis and all after those of
        `gamma`.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.array([[1.0, 10.0], [3.0, 30.0]])
    >>> F.batch_normalization(x, np.ones(2), np.zeros(2), eps=1e-12)
    variable([[-1., -1.],
              [ 1.,  1.]])
    """
    axes, kept = _axes(x, gamma, axis, "batch_normalization")
    if beta.shape != gamma.shape:
        raise ValueError(
            f"batch_normalization: `beta` has shape {beta.shape} but `gamma` has {gamma.shape}"
        )
    if gamma.dtype != x.dtype:  # half precision, with statistics and parameters in single
        y = batch_normalization(
            cast(x, gamma.dtype), gamma, beta, eps, running_mean, running_var, decay, axis
        )
        return cast(y, x.dtype)
    node = BatchNormalization(axes, kept, eps)
    y = node.apply((x, gamma, beta))[0]
    if config.in_recomputing:  # the averages have moved already
        return y
    count = x.size // max(gamma.size, 1)
    with get_device_from_array(node.mean):
        if running_mean is not None:
            running_mean *= decay
            running_mean += (1 - decay) * node.mean.reshape(running_mean.shape)
        if running_var is not None:
            running_var *= decay
            unbiased = (1 - decay) * count / max(count - 1, 1)
            running_var += unbiased * node.var.reshape(running_var.shape)
    return y


def fixed_batch_normalization(
    x: Variable | Array,
    gamma: Variable | Array,
    beta: Variable | Array,
    mean: Variable | Array,
    var: Variable | Array,
    eps: float = 2e-5,
    axis: int | Sequence[int] | None = None,
) -> Variable:
    """Normalise by a given mean and variance, then scale and shift.

    Parameters
    ----------
    x, gamma, beta, eps, axis
        As for `batch_normalization`.
    mean, var : Variable or array
        Of the shape of `gamma`.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> F.fixed_batch_normalization(np.array([[3.0]]), one, zero, one, one, eps=0.0)
    variable([[2.]])
    """
    _, kept = _axes(x, gamma, axis, "fixed_batch_normalization")
    if gamma.dtype != x.dtype:
        y = fixed_batch_normalization(cast(x, gamma.dtype), gamma, beta, mean, var, eps, axis)
        return cast(y, x.dtype)
    g, b, m, v = (reshape(as_variable(p), kept) for p in (gamma, beta, mean, var))
    return (as_variable(x) - m) * (g * rsqrt(v + eps)) + b
