"""Norms of vectors and matrices that need no decomposition."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts, reductions, views
from ndgpu.core.layout import normalize_axis
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE

__all__ = ["norm"]


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> ndarray:
    """Return the norm of a vector or matrix.

    Parameters
    ----------
    x : array-like
    ord : {None, 'fro', inf, -inf, number}
        Which norm; None is the root of the sum of squares. For a matrix: 'fro',
        1, -1, inf or -inf.
    axis : int or pair of int, optional
        The vectors or matrices of a larger array.
    keepdims : bool
        Whether reduced axes stay, with length one.

    Raises
    ------
    ValueError
        For an unknown norm.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.norm(ndgpu.asarray([3.0, 4.0]))
    array(5.)
    """
    x = asarray(x)
    if x._dtype.kind in "iub":
        x = casts.astype(x, np.float64)
    if axis is None:
        if ord is None or (ord in ("f", "fro") and x.ndim == 2) or (ord == 2 and x.ndim == 1):
            result = TABLE["sqrt"](reductions.sum(_squares(views.ravel(x, "K"))))
            return views.reshape(result, (1,) * x.ndim) if keepdims else result
        axis = tuple(range(x.ndim))
    axes = tuple(normalize_axis(k, x.ndim) for k in (axis if isinstance(axis, tuple) else (axis,)))
    size = TABLE["absolute"]
    if len(axes) == 1:
        if ord == np.inf:
            return reductions.max(size(x), axes, keepdims=keepdims)
        if ord == -np.inf:
            return reductions.min(size(x), axes, keepdims=keepdims)
        if ord == 0:
            nonzero = TABLE["not_equal"](x, 0)
            return reductions.sum(casts.astype(nonzero, size(x)._dtype), axes, keepdims=keepdims)
        if ord == 1:
            return reductions.sum(size(x), axes, keepdims=keepdims)
        if ord is None or ord == 2:
            return TABLE["sqrt"](reductions.sum(_squares(x), axes, keepdims=keepdims))
        if isinstance(ord, str):
            raise ValueError(f"Invalid norm order '{ord}' for vectors")
        return TABLE["power"](
            reductions.sum(TABLE["power"](size(x), ord), axes, keepdims=keepdims), 1.0 / ord
        )
    if len(axes) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    if axes[0] == axes[1]:
        raise ValueError("Duplicate axes given.")
    if ord in (None, "fro", "f"):
        return TABLE["sqrt"](reductions.sum(_squares(x), axes, keepdims=keepdims))
    if ord in (1, -1, np.inf, -np.inf):
        rows = abs(ord) == np.inf
        inner, other = (axes[1], axes[0]) if rows else (axes[0], axes[1])
        sums = reductions.sum(size(x), inner, keepdims=True)
        pick = reductions.max if ord > 0 else reductions.min
        result = pick(sums, other, keepdims=True)
        return result if keepdims else views.squeeze(result, axes)
    raise ValueError(f"norm: ord={ord!r} of a matrix needs a decomposition, which is not available")


def _squares(x: ndarray) -> ndarray:
    if x._dtype.kind != "c":
        return TABLE["square"](x)
    return TABLE["add"](TABLE["square"](x.real), TABLE["square"](x.imag))
