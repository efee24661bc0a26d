"""`decorrelated_batch_normalization`: whitens groups of channels over the batch (ZCA)."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.matmul import matmul
from nnrun.functions.reductions import average
from nnrun.functions.shape import moveaxis, reshape

__all__ = ["decorrelated_batch_normalization", "fixed_decorrelated_batch_normalization"]

Array = Any


class InverseSquareRoot(FunctionNode):
    """``C ** -1/2`` of stacked symmetric positive matrices, by their eigenvectors.

    Its derivative in a direction is, in the basis of the eigenvectors, a product with
    ``(f(w_i) - f(w_j)) / (w_i - w_j)`` (Daleckii and Krein), here for
    ``f(w) = w ** -1/2`` and written with no difference in it.
    """

    __slots__ = ("_factors", "_vectors")

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (c,) = inputs
        xp = get_array_module(c)
        w, u = xp.linalg.eigh(c.astype("f") if c.dtype.itemsize < 4 else c)
        s = xp.sqrt(w)
        self._vectors = u
        rows, columns = s[..., :, None], s[..., None, :]
        self._factors = -1 / (rows * columns * (rows + columns))
        return (((u / s[..., None, :]) @ u.swapaxes(-1, -2)).astype(c.dtype, copy=False),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (_Transport(self._vectors, self._factors).apply(grad_outputs)[0],)


class _Transport(FunctionNode):
    """The gradient of `InverseSquareRoot`, which is not differentiable itself."""

    __slots__ = ("_factors", "_vectors")

    def __init__(self, vectors: Array, factors: Array) -> None:
        self._vectors = vectors
        self._factors = factors

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (g,) = inputs
        u = self._vectors
        ut = u.swapaxes(-1, -2)
        wide = g.astype(u.dtype, copy=False)
        symmetric = (wide + wide.swapaxes(-1, -2)) / 2
        return ((u @ (self._factors * (ut @ symmetric @ u)) @ ut).astype(g.dtype, copy=False),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        raise RuntimeError(
            "decorrelated_batch_normalization: its gradients cannot be differentiated again, as "
            "the derivative of eigenvectors grows without bound where eigenvalues meet"
        )


def _grouped(x: Any, groups: int, name: str) -> Variable:
    """The channels of each group as rows over all samples: (groups, channels, samples)."""
    x = as_variable(x)
    if x.ndim < 2 or groups < 1 or x.shape[1] % groups:
        raise ValueError(
            f"{name}: the channels of `x` must come in {groups} groups (x.shape={x.shape})"
        )
    return reshape(moveaxis(x, 1, 0), (groups, x.shape[1] // groups, -1))


def _ungrouped(y: Variable, shape: tuple[int, ...]) -> Variable:
    return moveaxis(reshape(y, (shape[1], shape[0], *shape[2:])), 0, 1)


def decorrelated_batch_normalization(
    x: Variable | Array,
    *,
    groups: int = 16,
    eps: float = 2e-5,
    running_mean: Array | None = None,
    running_projection: Array | None = None,
    decay: float = 0.9,
) -> Variable:
    """Whiten groups of channels by the statistics of the batch (Huang et al., 2018).

    Each group's channels get mean 0 and, over the batch and all places, the identity
    as covariance, by the symmetric square root (ZCA).

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    groups : int
        Into which the channels are divided.
    eps : float
        Added to the covariance's diagonal.
    running_mean : array, shape (groups, channels / groups), optional
        Moved in place towards this batch's mean.
    running_projection : array, shape (groups, channels / groups, channels / groups), optional
        Moved in place towards this batch's projection.
    decay : float
        How much of the running values stays.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If the channels can't be divided so.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.random.default_rng(0).normal(size=(500, 2)) @ np.array([[1.0, 2.0], [0.0, 3.0]])
    >>> y = F.decorrelated_batch_normalization(x, groups=1)
    >>> np.cov(y.array.T, bias=True).round(3) + 0.0
    array([[1., 0.],
           [0., 1.]])
    """
    rows = _grouped(x, groups, "decorrelated_batch_normalization")
    mean = average(rows, 2, keepdims=True)
    centred = rows - broadcast_to(mean, rows.shape)
    covariance = matmul(centred, centred, transb=True) * (1.0 / max(rows.shape[2], 1))
    with get_device_from_array(rows.array) as device:
        margin = device.xp.eye(rows.shape[1], dtype=rows.dtype) * rows.dtype.type(eps)
        projection = InverseSquareRoot().apply((covariance + margin,))[0]
        moving = ((running_mean, mean.array[..., 0]), (running_projection, projection.array))
        for running, now in moving:
            if running is not None and not config.in_recomputing:
                running *= decay
                running += (1 - decay) * now
    return _ungrouped(matmul(projection, centred), x.shape)


def fixed_decorrelated_batch_normalization(
    x: Variable | Array, mean: Variable | Array, projection: Variable | Array, groups: int = 16
) -> Variable:
    """Whiten groups of channels by a given mean and projection.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, ...)
    mean : Variable or array, shape (groups, channels / groups)
    projection : Variable or array, shape (groups, channels / groups, channels / groups)
    groups : int
        Into which the channels are divided.

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
    >>> one = np.ones((1, 1, 1))
    >>> F.fixed_decorrelated_batch_normalization(np.array([[3.0]]), one[0], 2 * one, groups=1)
    variable([[4.]])
    """
    name = "fixed_decorrelated_batch_normalization"
    rows = _grouped(x, groups, name)
    n = rows.shape[1]
    if mean.shape != (groups, n) or projection.shape != (groups, n, n):
        raise ValueError(
            f"{name}: `mean` must have shape {(groups, n)} and `projection` {(groups, n, n)}, "
            f"not {mean.shape} and {projection.shape}"
        )
    centred = rows - broadcast_to(reshape(mean, (groups, n, 1)), rows.shape)
    return _ungrouped(matmul(projection, centred), x.shape)
