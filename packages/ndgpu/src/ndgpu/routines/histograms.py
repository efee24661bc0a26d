"""Counting: bincount and histograms of one or several coordinates.

Counts are added by atomic operations on the device. How many bins there are is
waited for where the elements decide it; sums of weights are added in an order that
may change from run to run on a GPU, in their last digits.
"""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.moments import std
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.routines.creation import linspace, zeros
from ndgpu.routines.joining import stack
from ndgpu.routines.quantiles import percentile
from ndgpu.routines.sampling import searchsorted

__all__ = ["bincount", "histogram", "histogram2d", "histogram_bin_edges", "histogramdd"]

_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)
# `range` is the name of a parameter here, as in NumPy.
_integers = range


@functools.cache
def _count_kernel(dtype: np.dtype, weighted: bool) -> Elementwise:
    weights = [Operand("w", _FLOAT64)] if weighted else []
    add = "&y[x], w" if weighted else "(unsigned long long*)&y[x], 1ull"
    return Elementwise(
        "ndgpu_bincount",
        (
            Operand("x", dtype),
            *weights,
            Operand("count", _INT64, "scalar"),
            Operand("y", _FLOAT64 if weighted else _INT64, "rawout"),
        ),
        f"if ((long long)x >= 0 && (long long)x < count) atomicAdd({add});",
    )


def _count(x: ndarray, weights: ndarray | None, n: int) -> ndarray:
    result = zeros(n, _INT64 if weights is None else _FLOAT64)
    args = [x] if weights is None else [x, weights]
    if x._size and n:
        _count_kernel(x._dtype, weights is not None).launch([*args, n, result], x._shape)
    return result


def bincount(x: Any, /, weights: Any = None, minlength: int = 0) -> ndarray:
    """Return how often each number occurs; waits for the largest.

    Parameters
    ----------
    x : array-like of int
        One axis, no number below zero.
    weights : array-like, optional
        What each element counts.
    minlength : int
        Least length of the result.

    Raises
    ------
    ValueError
        If a number is below zero, `x` has several axes or `weights` another length.
    TypeError
        If `x` is not of integers.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.bincount(ndgpu.asarray([0, 1, 1, 3]))
    array([1, 2, 0, 1])
    """
    x = asarray(x)
    minlength = operator.index(minlength)
    if minlength < 0:
        raise ValueError("'minlength' must not be negative")
    if x.ndim != 1:
        raise ValueError(
            "object too deep for desired array"
            if x.ndim
            else "object of too small depth for desired array"
        )
    if x._dtype.kind not in "biu" and x._size:
        raise TypeError(
            f"Cannot cast array data from {x._dtype!r} to dtype('int64') according to the rule "
            "'safe'"
        )
    if x._dtype.kind not in "bi":
        x = casts.astype(x, _INT64, copy=False)
    if weights is not None:
        weights = casts.astype(asarray(weights), _FLOAT64, casting="safe", copy=False)
        if weights._shape != x._shape:
            raise ValueError("The weights and list don't have the same length.")
        if not x._size:
            weights = None  # NumPy gives integers where there is nothing to add up
    n = minlength
    if x._size:
        if x._dtype.kind == "i" and int(x.min()) < 0:
            raise ValueError("'list' argument must have no negative elements")
        n = max(n, int(x.max()) + 1)
    return _count(x, weights, n)


def _extent(a: ndarray) -> tuple[Any, Any]:
    """Least and largest element: scalars of the dtype, whose differences are rounded as NumPy's.

    Of integers, Python's: they do not overflow.
    """
    low, high = a.min().get()[()], a.max().get()[()]
    return (low.item(), high.item()) if a._dtype.kind in "iu" else (low, high)


def _bounds(a: ndarray, range: Any) -> tuple[Any, Any]:
    if range is not None:
        low, high = range
        if low > high:
            raise ValueError("max must be larger than min in range parameter.")
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"supplied range of [{low}, {high}] is not finite")
    elif a._size == 0:
        low, high = 0, 1
    else:
        low, high = _extent(a)
        if not (np.isfinite(low) and np.isfinite(high)):
            raise ValueError(f"autodetected range of [{low}, {high}] is not finite")
    return (low - 0.5, high + 0.5) if low == high else (low, high)


def _stone(x: ndarray, ptp: float, n: int, range: Any) -> float:
    if n <= 1 or ptp == 0:
        return 0.0

    def loss(bins: int) -> float:
        width = ptp / bins
        share = histogram(x, bins, range)[0].get() / n
        return (2 - (n + 1) * share.dot(share)) / width

    most = max(100, int(np.sqrt(n)))
    return ptp / min(_integers(1, most + 1), key=loss)


# Widths of bins from the elements, their spread and number, and the ends of the bins.
_WIDTHS: dict[str, Any] = {
    "sqrt": lambda x, ptp, n, range: ptp / np.sqrt(n),
    "sturges": lambda x, ptp, n, range: ptp / (np.log2(n) + 1.0),
    "rice": lambda x, ptp, n, range: ptp / (2.0 * n ** (1.0 / 3)),
    "scott": lambda x, ptp, n, range: (24.0 * np.pi**0.5 / n) ** (1.0 / 3.0) * std(x).get()[()],
    "stone": _stone,
}


def _doane(x: ndarray, ptp: float, n: int, range: Any) -> float:
    if n > 2:
        spread = np.sqrt(6.0 * (n - 2) / ((n + 1.0) * (n + 3)))
        sigma = float(std(x))
        if sigma > 0.0:
            skewness = float(TABLE["power"]((x - x.mean()) / sigma, 3).mean())
            return ptp / (1.0 + np.log2(n) + np.log2(1.0 + np.absolute(skewness) / spread))
    return 0.0


def _freedman_diaconis(x: ndarray, ptp: float, n: int, range: Any) -> float:
    high, low = percentile(x, [75, 25]).get()
    return 2.0 * (high - low) * n ** (-1.0 / 3.0)


def _auto(x: ndarray, ptp: float, n: int, range: Any) -> float:
    width = max(_freedman_diaconis(x, ptp, n, range), _WIDTHS["sqrt"](x, ptp, n, range) / 2)
    return min(width, _WIDTHS["sturges"](x, ptp, n, range))


_WIDTHS |= {"doane": _doane, "fd": _freedman_diaconis, "auto": _auto}


def _given_edges(bins: Any, message: str) -> ndarray:
    edges = asarray(bins)
    if bool((edges[:-1] > edges[1:]).any()):
        raise ValueError(message)
    return edges


def _bin_edges(a: ndarray, bins: Any, range: Any, weights: Any) -> ndarray:
    if isinstance(bins, str):
        if bins not in _WIDTHS:
            raise ValueError(f"{bins!r} is not a valid estimator for `bins`")
        if weights is not None:
            raise TypeError(
                "Automated estimation of the number of bins is not supported for weighted data"
            )
        low, high = _bounds(a, range)
        if range is not None:
            a = a[(a >= low) & (a <= high)]
        if a._size == 0:
            count = 1
        else:
            least, largest = _extent(a)
            width = _WIDTHS[bins](a, largest - least, a._size, (low, high))
            if a._dtype.kind in "iu" and 0 < width < 1:
                width = 1
            count = int(np.ceil((high - low) / width)) if width else 1
    elif np.ndim(bins) == 0:
        try:
            count = operator.index(bins)
        except TypeError as error:
            raise TypeError("`bins` must be an integer, a string, or an array") from error
        if count < 1:
            raise ValueError("`bins` must be positive, when an integer")
        low, high = _bounds(a, range)
    elif np.ndim(bins) == 1:
        return _given_edges(bins, "`bins` must increase monotonically, when an array")
    else:
        raise ValueError("`bins` must be 1d, when an array")
    kind = np.result_type(low, high, a._dtype)
    if np.issubdtype(kind, np.integer):
        kind = np.result_type(kind, float)
    # Only edges that are hardly further apart than numbers of the dtype can be equal.
    if (float(high) - float(low)) / count < 4 * float(
        np.spacing(np.maximum(abs(low), abs(high)).astype(kind))
    ):
        edges = np.linspace(low, high, count + 1, dtype=kind)
        if (edges[:-1] >= edges[1:]).any():
            raise ValueError(
                f"Too many bins for data range. Cannot create {count} finite-sized bins."
            )
    return linspace(low, high, count + 1, dtype=as_dtype(kind))


def _data(a: Any, weights: Any) -> tuple[ndarray, ndarray | None]:
    a = asarray(a)
    if a._dtype.kind == "b":
        a = casts.astype(a, np.uint8)
    if weights is not None:
        weights = asarray(weights)
        if weights._shape != a._shape:
            raise ValueError("weights should have the same shape as a.")
        weights = views.ravel(weights)
    return views.ravel(a), weights


def histogram_bin_edges(a: Any, bins: Any = 10, range: Any = None, weights: Any = None) -> ndarray:
    """Return the edges of the bins that `histogram` uses; waits for the least and largest."""
    a, weights = _data(a, weights)
    return _bin_edges(a, bins, range, weights)


def _places(a: ndarray, edges: ndarray) -> ndarray:
    """Number of each element's bin; outside of all bins -1, or the number of bins."""
    places = searchsorted(edges, a, "right") - 1
    last = edges._size - 1
    # The last bin has its right edge; NaN is in none.
    return TABLE["subtract"](places, (a == edges[last]) & (places == last))


def histogram(
    a: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[ndarray, ndarray]:
    """Return how many elements are in each bin, and the edges of the bins.

    Parameters
    ----------
    a : array-like
    bins : int, str or array-like
        Their number, the name of an estimator of their width, or their edges.
    range : (number, number), optional
        Ends of the bins; the least and largest element by default, which is waited for.
    density : bool, optional
        Whether to return densities, which integrate to 1.
    weights : array-like, optional
        What each element counts.

    Returns
    -------
    hist, bin_edges : ndarray

    Raises
    ------
    ValueError
        If the edges fall, the range is not finite, or `bins` is not positive.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.histogram(ndgpu.asarray([1, 2, 1]), bins=[0, 1, 2, 3])
    (array([0, 2, 1]), array([0, 1, 2, 3]))
    """
    a, weights = _data(a, weights)
    edges = _bin_edges(a, bins, range, weights)
    counts = _weighted(_places(a, edges), weights, edges._size - 1)
    if density:
        widths = casts.astype(edges[1:] - edges[:-1], _FLOAT64)
        return counts / widths / counts.sum(), edges
    return counts, edges


def _weighted(places: ndarray, weights: ndarray | None, n: int) -> ndarray:
    if weights is None:
        return _count(places, None, n)
    if weights._dtype.kind == "c":
        result = allocate((n,), np.dtype(np.complex128))
        result.real = _count(places, casts.astype(weights.real, _FLOAT64), n)
        result.imag = _count(places, casts.astype(weights.imag, _FLOAT64), n)
        return result
    counts = _count(places, casts.astype(weights, _FLOAT64), n)
    return casts.astype(counts, weights._dtype, copy=False)


def _length(bins: Any) -> int | None:
    """How many entries `bins` has; None if it is a number."""
    try:
        return len(bins)
    except TypeError:
        return None


def _columns(sample: Any) -> list[ndarray]:
    """The coordinates of the points, in one dtype."""
    if isinstance(sample, (list, tuple)):
        columns = [asarray(x) for x in sample]
        if all(x.ndim == 0 for x in columns):
            return [stack(columns)]
        if len({x._shape for x in columns}) > 1 or columns[0].ndim != 1:
            raise ValueError(
                "histogramdd: `sample` must be coordinates of one length, with one axis each, "
                f"and is of shapes {[x._shape for x in columns]}"
            )
        dtype = np.result_type(*[x._dtype for x in columns])
        return [casts.astype(x, dtype, copy=False) for x in columns]
    points = asarray(sample)
    if points.ndim < 2:
        return [views.ravel(points)]
    if points.ndim > 2:
        raise ValueError(
            f"histogramdd: `sample` must have the axes (N, D), and has the shape {points._shape}"
        )
    return [points[:, k] for k in _integers(points._shape[1])]


def _axis_edges(x: ndarray, bins: Any, range: Any, k: int) -> ndarray:
    """Edges along axis k: in the precision of their ends, as `linspace` has it."""
    if np.ndim(bins) == 0:
        if bins < 1:
            raise ValueError(f"`bins[{k}]` must be positive, when an integer")
        low, high = _bounds(x, range)
        try:
            count = operator.index(bins)
        except TypeError as error:
            raise TypeError(f"`bins[{k}]` must be an integer, when a scalar") from error
        return linspace(low, high, count + 1)
    if np.ndim(bins) == 1:
        return _given_edges(bins, f"`bins[{k}]` must be monotonically increasing, when an array")
    raise ValueError(f"`bins[{k}]` must be a scalar or 1d array")


def histogramdd(
    sample: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[ndarray, list[ndarray]]:
    """Return how many points are in each cell of a grid, and the edges along each axis.

    Parameters
    ----------
    sample : (N, D) array, or sequence of D arrays
        Coordinates of points.
    bins : int or sequence
        Number or edges of bins, for all coordinates or for each.
    range : sequence of (number, number) or None, optional
        Ends of the bins along each coordinate.
    density : bool, optional
        Whether to return densities.
    weights : array-like, optional
        What each point counts.

    Returns
    -------
    hist : ndarray of float64
    edges : list of ndarray

    Raises
    ------
    ValueError
        If `bins` or `range` has another length than the number of coordinates, the coordinates
        or the weights differ in length, a number of bins is not positive or edges fall.
    TypeError
        If weights are complex, or a number of bins is not an integer.
    """
    columns = _columns(sample)
    dimensions = len(columns)
    if (given := _length(bins)) is None:
        bins = [bins] * dimensions
    elif given != dimensions:
        raise ValueError("The dimension of bins must be equal to the dimension of the sample x.")
    if range is None:
        range = [None] * dimensions
    elif len(range) != dimensions:
        raise ValueError("range argument must have one entry per dimension")
    kept = None if weights is None else casts.astype(asarray(weights), _FLOAT64, casting="safe")
    if kept is not None and kept._shape != columns[0]._shape:
        raise ValueError("The weights and list don't have the same length.")
    edges = [_axis_edges(x, bins[k], range[k], k) for k, x in enumerate(columns)]
    flat: Any = 0
    outside: Any = False
    for x, e in zip(columns, edges, strict=True):
        n = e._size - 1
        places = _places(x, e)
        outside = (places < 0) | (places >= n) | outside
        flat = flat * n + places
    flat[outside] = -1
    shape = tuple([e._size - 1 for e in edges])
    counts = _count(flat, kept, int(np.prod(shape)))
    result = views.reshape(casts.astype(counts, _FLOAT64, copy=False), shape)
    if density:
        total = result.sum()
        for k, e in enumerate(edges):
            width = [1] * dimensions
            width[k] = shape[k]
            result = result / views.reshape(e[1:] - e[:-1], tuple(width))
        result = result / total
    return result, edges


def histogram2d(
    x: Any, y: Any, bins: Any = 10, range: Any = None, density: Any = None, weights: Any = None
) -> tuple[ndarray, ndarray, ndarray]:
    """Return how many points ``(x, y)`` are in each cell, and the edges along both axes.

    Parameters are those of `histogramdd`.
    """
    if len(x) != len(y):
        raise ValueError("x and y must have the same length.")
    if _length(bins) not in (None, 1, 2):
        bins = [asarray(bins)] * 2
    hist, edges = histogramdd([x, y], bins, range, density, weights)
    return hist, edges[0], edges[1]
