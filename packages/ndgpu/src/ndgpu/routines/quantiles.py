"""Order statistics: median, percentiles and quantiles, with and without NaN.

A quantile is found between two neighbours of the sorted elements; which ones is worked
out on the host, or on the device where NaNs are left out and each row has a number of
elements of its own. Nothing waits for the device, so an empty slice or one of NaNs only
gives NaN without NumPy's warning.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.reductions import count_nonzero, finish
from ndgpu.core.scans import cumsum
from ndgpu.core.sorting import argsort, sort
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.joining import stack
from ndgpu.routines.searching import where

__all__ = [
    "median",
    "nanmedian",
    "nanpercentile",
    "nanquantile",
    "percentile",
    "quantile",
]


def _floor(x: Any) -> Any:
    return TABLE["floor"](x) if isinstance(x, ndarray) else np.floor(x)


def _choose(condition: Any, x: Any, y: Any) -> Any:
    return (where if isinstance(condition, ndarray) else np.where)(condition, x, y)


def _inexact(alpha: float, beta: float) -> Any:
    return lambda n, q: n * q + (alpha + q * (1 - alpha - beta)) - 1


# Methods of Hyndman and Fan: virtual index of the quantile among n elements, counted from 0.
_CONTINUOUS: dict[str, Any] = {
    "interpolated_inverted_cdf": _inexact(0, 1),
    "hazen": _inexact(0.5, 0.5),
    "weibull": _inexact(0, 0),
    "median_unbiased": _inexact(1 / 3.0, 1 / 3.0),
    "normal_unbiased": _inexact(3 / 8.0, 3 / 8.0),
    "linear": lambda n, q: (n - 1) * q,
}
_METHODS = (
    *_CONTINUOUS,
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "lower",
    "higher",
    "midpoint",
    "nearest",
)


def _neighbours(method: str, n: Any, q: Any) -> tuple[Any, Any, Any]:
    """Indices of two neighbours (unclipped) and the weight of the second."""
    if method in _CONTINUOUS:
        virtual = _CONTINUOUS[method](n, q)
        below = _floor(virtual)
        return below, below + 1, virtual - below
    if method in ("lower", "higher", "nearest", "midpoint"):
        virtual = (n - 1) * q
        below = _floor(virtual)
        part = virtual - below
        if method == "lower":
            return below, below, 0.0
        above = below + _choose(part > 0, 1, 0)
        if method == "higher":
            return above, above, 0.0
        if method == "midpoint":
            return below, above, 0.5
        rint = TABLE["rint"](virtual) if isinstance(virtual, ndarray) else np.rint(virtual)
        return rint, rint, 0.0
    if method == "closest_observation":
        virtual = n * q - 1 - 0.5
        below = _floor(virtual)
        even = (virtual == below) & (_floor(below / 2) * 2 != below)
        index = _choose(even, below, below + 1)
        return index, index, 0.0
    virtual = n * q - 1
    below = _floor(virtual)
    if method == "inverted_cdf":
        index = _choose(virtual == below, below, below + 1)
        return index, index, 0.0
    return below, below + 1, _choose(virtual == below, 0.5, 1.0)


def _limit(index: Any, n: Any) -> Any:
    if isinstance(index, ndarray):
        index = TABLE["minimum"](TABLE["maximum"](index, 0), TABLE["maximum"](n - 1, 0))
        return casts.astype(index, np.int64)
    return np.clip(index, 0, n - 1).astype(np.int64)


def _prepare(a: Any, axis: Any) -> tuple[ndarray, tuple[int, ...], tuple[int, ...]]:
    """Return the array with the axes to reduce as its last one, and those axes."""
    axes = layout.normalize_axes(axis, a.ndim, strict=True)
    kept = tuple([k for k in range(a.ndim) if k not in axes])
    moved = views.transpose(a, [*kept, *axes]) if a.ndim else views.reshape(a, (1,))
    shape = tuple([a._shape[k] for k in kept])
    return views.reshape(moved, (*shape, prod([a._shape[k] for k in axes]))), axes, shape


def _probabilities(q: Any, scale: float) -> np.ndarray:
    values = q.get() if isinstance(q, ndarray) else np.asanyarray(q)
    values = np.true_divide(values, scale) if scale != 1 else values
    if values.ndim > 1:
        raise ValueError("q must be a scalar or 1d")
    if not (np.all(values >= 0) and np.all(values <= 1)):
        what = "Percentiles must be in the range [0, 100]"
        raise ValueError("Quantiles must be in the range [0, 1]" if scale == 1 else what)
    return values


def _quantile(
    a: Any,
    q: np.ndarray,
    axis: Any,
    out: Any,
    method: str,
    keepdims: bool,
    weights: Any,
    skip_nan: bool,
) -> ndarray:
    a = asarray(a)
    if a._dtype.kind == "c":
        raise TypeError("a must be an array of real numbers")
    if method not in _METHODS:
        raise ValueError(f"{method!r} is not a valid method. Use one of: {list(_METHODS)}")
    if weights is not None and method != "inverted_cdf":
        raise ValueError(f"Only method 'inverted_cdf' supports weights. Got: {method}.")
    rows, axes, shape = _prepare(a, axis)
    n = rows._shape[-1]
    exact = method in ("inverted_cdf", "closest_observation", "lower", "higher", "nearest")
    # A whole `q` is the dtype of integers still, as in NumPy.
    number: Any = 0 if q.dtype.kind in "iu" else 0.0
    if q.dtype.kind == "f" and q.ndim:
        number = q.dtype.type(0)
    kind = a._dtype if exact else as_dtype(np.result_type(a._dtype, number))
    if kind.kind == "b":
        kind = a._dtype
    if n == 0:
        raise IndexError("cannot do a quantile of an empty axis")
    results = []
    if weights is not None:
        results = _weighted(rows, a, weights, axes, q, skip_nan)
    else:
        ordered = sort(rows)
        missing = None
        count: Any = n
        if ordered._dtype.kind in "fV":
            if skip_nan:
                count = count_nonzero(~TABLE["isnan"](ordered), -1, keepdims=True)
            else:
                missing = TABLE["isnan"](ordered[..., -1])
        for fraction in q.reshape(-1):
            results.append(_between(ordered, method, count, float(fraction), exact, missing))
    joined = _assembled(results, kind, q.shape, shape, axes, a.ndim, keepdims)
    return finish(joined, out)


def _between(
    ordered: ndarray, method: str, count: Any, q: float, exact: bool, missing: ndarray | None
) -> ndarray:
    first, second, weight = _neighbours(method, count, q)
    below, above = _limit(first, count), _limit(second, count)
    if isinstance(below, ndarray):
        low, high = _along(ordered, below), _along(ordered, above)
        weight = weight[..., 0] if isinstance(weight, ndarray) else weight
    else:
        low, high = ordered[..., int(below)], ordered[..., int(above)]
        weight = float(weight)
    if exact:
        return low if missing is None else where(missing, ordered[..., -1], low)
    # From the nearer neighbour, so that both ends are met exactly.
    step = high - low
    if isinstance(weight, ndarray):
        result = where(weight >= 0.5, high - step * (1 - weight), low + step * weight)
    else:
        result = high - step * (1 - weight) if weight >= 0.5 else low + step * weight
    result = where(low == high, low, result)
    return result if missing is None else where(missing, np.nan, result)


def _along(rows: ndarray, index: ndarray) -> ndarray:
    flat = views.reshape(rows, (-1,))
    starts = casts.astype(TABLE["multiply"](_counting(index._size), rows._shape[-1]), np.int64)
    taken = flat[views.reshape(index, (-1,)) + starts]
    return views.reshape(taken, index._shape[:-1])


def _counting(n: int) -> ndarray:
    ones = asarray(np.ones(1, np.int64))
    return cumsum(views.broadcast_to(ones, (n,))) - 1


def _weighted(
    rows: ndarray, a: ndarray, weights: Any, axes: tuple[int, ...], q: np.ndarray, skip_nan: bool
) -> list[ndarray]:
    weights = asarray(weights)
    if weights._shape != a._shape:
        if len(axes) != 1 or weights._shape != (a._shape[axes[0]],):
            raise ValueError(
                "Shape of weights must be consistent with shape of a along specified axis."
            )
        shape = [1] * a.ndim
        shape[axes[0]] = -1
        weights = views.broadcast_to(views.reshape(weights, tuple(shape)), a._shape)
    heavy, _, _ = _prepare(casts.astype(weights, np.float64), axes)
    nan = TABLE["isnan"](rows) if rows._dtype.kind in "fV" else None
    if skip_nan and nan is not None:
        heavy = where(nan, 0.0, heavy)
    order = argsort(rows)
    flat_order = views.reshape(order, (-1, order._shape[-1]))
    starts = views.reshape(_counting(flat_order._shape[0]) * order._shape[-1], (-1, 1))
    places = flat_order + starts
    ordered = views.reshape(rows, (-1,))[places]
    totals = cumsum(views.reshape(casts.copy(heavy), (-1,))[places], 1)
    results = []
    for fraction in q.reshape(-1):
        reached = totals < totals[:, -1:] * float(fraction)
        index = TABLE["minimum"](count_nonzero(reached, 1, keepdims=True), rows._shape[-1] - 1)
        if fraction == 0:
            index = count_nonzero(totals <= 0, 1, keepdims=True)
        found = _along(ordered, index)
        if nan is not None and not skip_nan:
            found = where(views.reshape(nan.any(-1), found._shape), np.nan, found)
        results.append(views.reshape(found, rows._shape[:-1]))
    return results


def _assembled(
    results: list[ndarray],
    kind: np.dtype,
    q_shape: tuple[int, ...],
    shape: tuple[int, ...],
    axes: tuple[int, ...],
    ndim: int,
    keepdims: bool,
) -> ndarray:
    results = [casts.astype(r, kind, copy=False) for r in results]
    if results:
        joined = stack(results) if q_shape else results[0]
    else:
        joined = asarray(np.empty((0, *shape), kind))
    if keepdims:
        kept = iter(shape)
        full = tuple([1 if k in axes else next(kept) for k in range(ndim)])
        joined = views.reshape(joined, (*q_shape, *full))
    return joined


def quantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> ndarray:
    """Return quantiles over some axes.

    Parameters
    ----------
    a : array-like of real numbers
    q : number or array-like
        Probabilities; copied to the host if on the device.
    axis : int or tuple of int, optional
    out : ndarray, optional
    overwrite_input : bool
        Accepted; `a` stays as it is.
    method : str
        One of NumPy's thirteen.
    keepdims : bool
    weights : array-like, optional
        With method ``'inverted_cdf'``.

    Returns
    -------
    ndarray
        With the axis of `q`, if it has one, in front.

    Raises
    ------
    ValueError
        If a probability is out of range, or the method unknown.
    TypeError
        If `a` is complex.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.quantile(ndgpu.asarray([1.0, 2.0, 4.0]), [0.5, 0.75])
    array([2., 3.])
    """
    q = _probabilities(q, 1)
    return _quantile(a, q, axis, out, method, keepdims, weights, False)


def percentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> ndarray:
    """Return percentiles over some axes; as `quantile`, with `q` from 0 to 100."""
    q = _probabilities(q, 100)
    return _quantile(a, q, axis, out, method, keepdims, weights, False)


def nanquantile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> ndarray:
    """Return quantiles over some axes, NaNs left out; parameters as for `quantile`."""
    q = _probabilities(q, 1)
    return _quantile(a, q, axis, out, method, keepdims, weights, True)


def nanpercentile(
    a: Any,
    q: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    method: str = "linear",
    keepdims: bool = False,
    *,
    weights: Any = None,
) -> ndarray:
    """Return percentiles over some axes, NaNs left out; parameters as for `quantile`."""
    q = _probabilities(q, 100)
    return _quantile(a, q, axis, out, method, keepdims, weights, True)


def _median(a: Any, axis: Any, out: Any, keepdims: bool, skip_nan: bool) -> ndarray:
    a = asarray(a)
    rows, axes, shape = _prepare(a, axis)
    n = rows._shape[-1]
    kind = as_dtype(np.mean(np.zeros(1, a._dtype)).dtype)
    if n == 0:
        result = casts.astype(rows.sum(-1), kind)
        result[...] = np.nan
    else:
        ordered = sort(rows)
        missing = None
        if ordered._dtype.kind in "fcV":
            missing = TABLE["isnan"](ordered[..., -1])
        if skip_nan and missing is not None:
            count = count_nonzero(~TABLE["isnan"](ordered), -1, keepdims=True)
            low = _along(ordered, _limit((count - 1) // 2, count))
            high = _along(ordered, _limit(count // 2, count))
            missing = None
        else:
            low, high = ordered[..., (n - 1) // 2], ordered[..., n // 2]
        pair = casts.astype(low, kind) if kind != low._dtype else low
        result = where(low == high, pair, (pair + high) / 2)
        if missing is not None:
            result = where(missing, np.nan, result)
    return finish(_assembled([result], kind, (), shape, axes, a.ndim, keepdims), out)


def median(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> ndarray:
    """Return the median over some axes; NaN where there is one.

    Parameters
    ----------
    a : array-like
    axis : int or tuple of int, optional
    out : ndarray, optional
    overwrite_input : bool
        Accepted; `a` stays as it is.
    keepdims : bool

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.median(ndgpu.asarray([[10, 7, 4], [3, 2, 1]]), axis=1)
    array([7., 2.])
    """
    return _median(a, axis, out, keepdims, False)


def nanmedian(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    overwrite_input: bool = False,
    keepdims: bool = False,
) -> ndarray:
    """Return the median over some axes, NaNs left out; parameters as for `median`."""
    return _median(a, axis, out, keepdims, True)
