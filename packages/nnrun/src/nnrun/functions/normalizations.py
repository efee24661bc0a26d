"""Normalisation within each example: by layer, group, instance, neighbouring channels, length."""

from __future__ import annotations

import math
from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions.batch_normalization import _axes, fixed_batch_normalization
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.indexing import get_item
from nnrun.functions.padding import pad
from nnrun.functions.reductions import average
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape
from nnrun.functions.unary import rsqrt, sqrt, square

__all__ = [
    "batch_renormalization",
    "fixed_batch_renormalization",
    "group_normalization",
    "instance_normalization",
    "layer_normalization",
    "local_response_normalization",
    "normalize",
    "rms_normalization",
]

Array = Any


class Standardize(FunctionNode):
    """To mean 0 and variance 1 over axes; one pass each way unless differentiated again."""

    __slots__ = ("_axes", "_eps", "_inv_std")

    def __init__(self, axes: tuple[int, ...], eps: float) -> None:
        self._axes = axes
        self._eps = eps

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        xp = get_array_module(x)
        centred = x - x.mean(axis=self._axes, keepdims=True)
        var = (centred * centred).mean(axis=self._axes, keepdims=True)
        self._inv_std = 1 / xp.sqrt(var + self._eps)
        return (centred * self._inv_std,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        (gy,) = grad_outputs
        if not config.enable_backprop:
            g = gy.array
            mean = g.mean(axis=self._axes, keepdims=True)
            along = (g * y.array).mean(axis=self._axes, keepdims=True)
            return (as_variable(self._inv_std * (g - mean - y.array * along)),)

        def mean_(v: Variable) -> Variable:
            return broadcast_to(average(v, self._axes, keepdims=True), x.shape)

        inv_std = rsqrt(mean_(square(x - mean_(x))) + self._eps)
        return (inv_std * (gy - mean_(gy) - y * mean_(gy * y)),)


def _check_affine(name: str, shape: tuple[int, ...], gamma: Any, beta: Any) -> None:
    for what, p in (("gamma", gamma), ("beta", beta)):
        if p.shape != shape:
            raise ValueError(f"{name}: `{what}` must have shape {shape}, not {p.shape}")


def layer_normalization(
    x: Variable | Array, gamma: Variable | Array, beta: Variable | Array, eps: float = 1e-5
) -> Variable:
    """Normalise each example over its last axes, then scale and shift (Ba et al., 2016).

    Parameters
    ----------
    x : Variable or array, shape (batch, ..., *gamma.shape)
    gamma, beta : Variable or array
        Scale and shift, of the shape of the axes that are averaged over.
    eps : float
        Added to the variance.

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
    >>> F.layer_normalization(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), 0.0)
    variable([[-1.,  1.]])
    """
    first = x.ndim - gamma.ndim
    if first < 1 or not gamma.ndim:
        raise ValueError(
            f"layer_normalization: `gamma` must have the shape of the last axes of `x` "
            f"(x.shape={x.shape}, gamma.shape={gamma.shape})"
        )
    _check_affine("layer_normalization", x.shape[first:], gamma, beta)
    return Standardize(tuple(range(first, x.ndim)), eps).apply((x,))[0] * gamma + beta


def group_normalization(
    x: Variable | Array,
    groups: int,
    gamma: Variable | Array,
    beta: Variable | Array,
    eps: float = 1e-5,
) -> Variable:
    """Normalise groups of channels of each example, then scale and shift (Wu and He, 2018).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    groups : int
        How many; a divisor of the channels.
    gamma, beta : Variable or array, shape (channels,)
        Scale and shift.
    eps : float
        Added to the variance.

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
    >>> x = np.array([[[1.0, 3.0], [5.0, 9.0]]])
    >>> F.group_normalization(x, 2, np.ones(2), np.zeros(2), 0.0)
    variable([[[-1.,  1.],
               [-1.,  1.]]])
    """
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(
            f"group_normalization: the channels of `x` must be a multiple of groups={groups} "
            f"(x.shape={x.shape})"
        )
    return _grouped("group_normalization", x, groups, gamma, beta, eps)


def _grouped(name: str, x: Any, groups: int, gamma: Any, beta: Any, eps: float) -> Variable:
    channels = x.shape[1]
    _check_affine(name, (channels,), gamma, beta)
    rows = reshape(x, (x.shape[0], groups, math.prod(x.shape[1:]) // groups))
    y = reshape(Standardize((2,), eps).apply((rows,))[0], x.shape)
    spread = (1, channels, *[1] * (x.ndim - 2))
    return y * reshape(gamma, spread) + reshape(beta, spread)


def instance_normalization(
    x: Variable | Array, gamma: Variable | Array, beta: Variable | Array, eps: float = 2e-5
) -> Variable:
    """Normalise each channel of each example, then scale and shift (Ulyanov et al., 2016).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    gamma, beta : Variable or array, shape (channels,)
        Scale and shift.
    eps : float
        Added to the variance.

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
    >>> F.instance_normalization(np.array([[[1.0, 3.0]]]), np.ones(1), np.zeros(1), 0.0)
    variable([[[-1.,  1.]]])
    """
    if x.ndim < 3:
        raise ValueError(
            f"instance_normalization: `x` must have axes after the channels (x.shape={x.shape})"
        )
    return _grouped("instance_normalization", x, x.shape[1], gamma, beta, eps)


def rms_normalization(x: Variable | Array, gamma: Variable | Array, eps: float = 1e-6) -> Variable:
    """Divide by the root of the mean square over the last axis, then scale (Zhang et al., 2019).

    Parameters
    ----------
    x : Variable or array, shape (..., n)
    gamma : Variable or array, shape (n,)
        The scale.
    eps : float
        Added to the mean square.

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
    >>> F.rms_normalization(np.array([[3.0, -3.0]]), np.ones(2), 0.0)
    variable([[ 1., -1.]])
    """
    if not x.ndim or gamma.shape != x.shape[-1:]:
        raise ValueError(
            f"rms_normalization: `gamma` must have shape {x.shape[-1:]} (x.shape={x.shape}, "
            f"gamma.shape={gamma.shape})"
        )
    x = as_variable(x)
    return x * rsqrt(average(square(x), -1, keepdims=True) + eps) * gamma


def normalize(x: Variable | Array, eps: float = 1e-5, axis: Any = 1) -> Variable:
    """Divide by the Euclidean length along axes.

    Parameters
    ----------
    x : Variable or array
    eps : float
        Added to the length.
    axis : int or tuple of int
        Along which.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.normalize(np.array([[3.0, 4.0]]), eps=0.0)
    variable([[0.6, 0.8]])
    """
    x = as_variable(x)
    squared = sum_(square(x), axis, keepdims=True)
    # The root has no derivative at 0: there the length is taken for constant.
    zero = (squared.array == 0).astype(x.dtype)
    return x / broadcast_to(sqrt(squared + zero) * (1 - zero) + (eps + zero * (eps == 0)), x.shape)


def local_response_normalization(
    x: Variable | Array, n: int = 5, k: float = 2, alpha: float = 1e-4, beta: float = 0.75
) -> Variable:
    """Damp each channel by its neighbours (Krizhevsky et al., 2012).

    ``x / (k + alpha * sum(x ** 2)) ** beta`` with the sum over the `n` channels around.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    n : int
        How many channels to sum over.
    k, alpha, beta : float
        See the formula.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If `x` has no channels.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.local_response_normalization(np.ones((1, 2)), n=3, k=0, alpha=1, beta=1)
    variable([[0.5, 0.5]])
    """
    if x.ndim < 2 or n < 1:
        raise ValueError(
            f"local_response_normalization: `x` must have channels and `n` be positive "
            f"(x.shape={x.shape}, n={n})"
        )
    x = as_variable(x)
    half, channels = n // 2, x.shape[1]
    widths = [(0, 0), (half, half), *[(0, 0)] * (x.ndim - 2)]
    padded = pad(square(x), widths)
    total = get_item(padded, (slice(None), slice(0, channels)))
    for i in range(1, 2 * half + 1):
        total = total + get_item(padded, (slice(None), slice(i, i + channels)))
    return x * (total * alpha + k) ** -beta


def batch_renormalization(
    x: Variable | Array,
    gamma: Variable | Array,
    beta: Variable | Array,
    rmax: float,
    dmax: float,
    eps: float = 2e-5,
    running_mean: Array | None = None,
    running_var: Array | None = None,
    decay: float = 0.9,
    update_statistics: bool = False,
    axis: Any = None,
) -> Variable:
    """Normalise by the batch, corrected towards the running statistics (Ioffe, 2017).

    Parameters
    ----------
    x, gamma, beta, eps, decay, axis
        As for `batch_normalization`.
    rmax, dmax : float
        How far the corrections of the deviation and of the mean may go.
    running_mean, running_var : array, optional
        Corrected towards; 0 and 1 by default.
    update_statistics : bool
        Then move them in place towards this batch's.

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
    >>> x = np.array([[1.0], [3.0]])
    >>> F.batch_renormalization(x, np.ones(1), np.zeros(1), 9.0, 9.0, 0.0)
    variable([[1.],
              [3.]])
    """
    axes, kept = _axes(x, gamma, axis, "batch_renormalization")
    if beta.shape != gamma.shape:
        raise ValueError(
            f"batch_renormalization: `beta` has shape {beta.shape} but `gamma` has {gamma.shape}"
        )
    x = as_variable(x)
    with get_device_from_array(x.array) as device:
        xp = device.xp
        mean = x.array.mean(axis=axes, keepdims=True)
        var = ((x.array - mean) ** 2).mean(axis=axes, keepdims=True)
        if running_mean is None:
            running_mean = xp.zeros(gamma.shape, x.dtype)
        if running_var is None:
            running_var = xp.ones(gamma.shape, x.dtype)
        sigma = xp.sqrt(running_var.reshape(kept) + eps)
        r = xp.clip(xp.sqrt(var + eps) / sigma, 1.0 / rmax, rmax).astype(x.dtype)
        d = xp.clip((mean - running_mean.reshape(kept)) / sigma, -dmax, dmax).astype(x.dtype)
        if update_statistics and not config.in_recomputing:
            count = x.size // max(gamma.size, 1)
            running_mean *= decay
            running_mean += (1 - decay) * mean.reshape(gamma.shape)
            running_var *= decay
            running_var += (1 - decay) * count / max(count - 1, 1) * var.reshape(gamma.shape)
    y = Standardize(axes, eps).apply((x,))[0] * r + d
    return y * reshape(gamma, kept) + reshape(beta, kept)


def fixed_batch_renormalization(
    x: Variable | Array,
    gamma: Variable | Array,
    beta: Variable | Array,
    mean: Variable | Array,
    var: Variable | Array,
    eps: float = 2e-5,
    axis: Any = None,
) -> Variable:
    """Normalise by a given mean and variance: the same as `fixed_batch_normalization`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> one, zero = np.ones(1), np.zeros(1)
    >>> F.fixed_batch_renormalization(np.array([[3.0]]), one, zero, one, one, eps=0.0)
    variable([[2.]])
    """
    return fixed_batch_normalization(x, gamma, beta, mean, var, eps, axis)
