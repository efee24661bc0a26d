"""Ranges, grids and indices: logspace, indices, mgrid, r_, tril_indices, unravel_index, ..."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.creation import arange, linspace, tri, zeros
from ndgpu.routines.joining import concatenate, stack
from ndgpu.routines.manipulation import atleast_1d, broadcast_arrays

__all__ = [
    "c_",
    "diag_indices",
    "diag_indices_from",
    "diagflat",
    "diagonal",
    "fill_diagonal",
    "fromfunction",
    "geomspace",
    "index_exp",
    "indices",
    "ix_",
    "logspace",
    "mask_indices",
    "mgrid",
    "ndenumerate",
    "ogrid",
    "r_",
    "ravel_multi_index",
    "s_",
    "tril_indices",
    "tril_indices_from",
    "triu_indices",
    "triu_indices_from",
    "unravel_index",
    "vander",
]

_INT64 = np.dtype(np.int64)
index_exp = np.index_exp
s_ = np.s_


def logspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    base: Any = 10.0,
    dtype: Any = None,
    axis: int = 0,
) -> ndarray:
    """Return numbers evenly spaced on a logarithmic scale, from ``base**start``.

    Parameters
    ----------
    start, stop : number or array-like
        Exponents of the first and the last number.
    num : int
    endpoint : bool
        Whether the last number is in the result.
    base : number or array-like
    dtype : dtype-like, optional
    axis : int
        Where the numbers lie in the result, if the ends are arrays.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.logspace(0, 2, 3)
    array([  1.,  10., 100.])
    """
    if np.ndim(base) > 0:
        start, stop, base = broadcast_arrays(asarray(start), asarray(stop), asarray(base))
        base = views.expand_dims(base, axis)
    exponents = linspace(start, stop, num=num, endpoint=endpoint, axis=axis)
    result = TABLE["power"](base, exponents)
    return result if dtype is None else casts.astype(result, as_dtype(dtype), copy=False)


def geomspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: Any = None, axis: int = 0
) -> ndarray:
    """Return numbers with a constant ratio; parameters as for `logspace`, ends as numbers.

    Raises
    ------
    ValueError
        If an end that comes from the host is zero.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.geomspace(1, 8, 4)
    array([1., 2., 4., 8.])
    """
    for end in (start, stop):
        if not isinstance(end, ndarray) and (np.asarray(end) == 0).any():
            raise ValueError("Geometric sequence cannot include zero")
    kind = np.result_type(*[_dtype(v) for v in (start, stop)], float(num), np.zeros(1))
    target = kind if dtype is None else np.result_type(kind, dtype)
    start, stop = (casts.astype(asarray(v), as_dtype(target)) for v in (start, stop))
    sign = TABLE["sign"](start)
    first, last = start / sign, stop / sign
    low, high = TABLE["log10"](first), TABLE["log10"](last)
    result = logspace(low, high, num=num, endpoint=endpoint, base=10.0, axis=0)
    if num > 0:
        result[0] = first
        if num > 1 and endpoint:
            result[-1] = last
    result = result * sign
    if axis != 0:
        result = views.moveaxis(result, 0, axis)
    return casts.astype(result, as_dtype(kind if dtype is None else dtype), copy=False)


def _dtype(value: Any) -> Any:
    return value._dtype if isinstance(value, ndarray) else np.asarray(value).dtype


def indices(dimensions: Any, dtype: Any = int, sparse: bool = False) -> Any:
    """Return the indices of each element of a grid, one array for each axis.

    Parameters
    ----------
    dimensions : sequence of int
    dtype : dtype-like
    sparse : bool
        Whether to return open arrays, as a tuple, not one dense array.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.indices((2, 2))[1]
    array([[0, 1],
           [0, 1]])
    """
    shape = tuple(dimensions)
    ndim = len(shape)
    lines = [
        views.reshape(arange(n, dtype=dtype), (1,) * k + (n,) + (1,) * (ndim - k - 1))
        for k, n in enumerate(shape)
    ]
    if sparse:
        return tuple(lines)
    if not lines:
        return zeros((0,), dtype)
    return stack([views.broadcast_to(line, shape) for line in lines])


def fromfunction(
    function: Callable[..., Any], shape: Any, *, dtype: Any = float, like: Any = None, **kwargs: Any
) -> Any:
    """Return ``function(i, j, ...)`` of the indices of a grid, called once with all of them."""
    return function(*indices(shape, dtype=dtype), **kwargs)


def ix_(*args: Any) -> tuple[ndarray, ...]:
    """Return index arrays that select the cross product of sequences.

    Raises
    ------
    ValueError
        If a sequence has not one axis.
    """
    result = []
    for k, entry in enumerate(args):
        sequence = entry if isinstance(entry, ndarray) else np.asarray(entry)
        if not isinstance(sequence, ndarray) and sequence.size == 0:
            sequence = sequence.astype(np.intp)
        if sequence.ndim != 1:
            raise ValueError("Cross index must be 1 dimensional")
        if sequence.dtype == bool:
            (sequence,) = sequence.nonzero()
        shape = (1,) * k + (sequence.size,) + (1,) * (len(args) - k - 1)
        result.append(views.reshape(asarray(sequence), shape))
    return tuple(result)


class _Grid:
    """What `mgrid` and `ogrid` are: grids by slices."""

    def __init__(self, sparse: bool) -> None:
        self.sparse = sparse

    def __getitem__(self, key: Any) -> Any:
        if not isinstance(key, tuple):
            return _line(key)
        lines = [_line(part) for part in key]
        kind = np.result_type(*[line._dtype for line in lines])
        shape = tuple([line._size for line in lines])
        ndim = len(lines)
        lines = [
            views.reshape(
                casts.astype(x, kind, copy=False), (1,) * k + (-1,) + (1,) * (ndim - k - 1)
            )
            for k, x in enumerate(lines)
        ]
        if self.sparse:
            return tuple(lines)
        return stack([views.broadcast_to(line, shape) for line in lines])


def _line(part: slice) -> ndarray:
    start, stop, step = part.start or 0, part.stop, 1 if part.step is None else part.step
    if isinstance(step, complex):
        return linspace(start, stop, int(abs(step)))
    return arange(start, stop, step)


mgrid = _Grid(False)
ogrid = _Grid(True)


class _Joiner:
    """What `r_` and `c_` are: arrays, numbers and ranges joined by an index."""

    def __init__(self, axis: int = 0, ndim: int = 1, trans: int = -1) -> None:
        self.axis, self.ndim, self.trans = axis, ndim, trans

    def __len__(self) -> int:
        return 0

    def __getitem__(self, key: Any) -> ndarray:
        entries = list(key) if isinstance(key, tuple) else [key]
        axis, least, trans, transpose = self.axis, self.ndim, self.trans, False
        if entries and isinstance(entries[0], str):
            text = entries.pop(0)
            if text in ("r", "c"):
                transpose, column, least = True, text == "c", 2
                rows = concatenate([_vector(e) for e in entries], 0)
                return views.reshape(rows, (-1, 1) if column else (1, -1))
            try:
                numbers = [int(part) for part in text.split(",")]
            except ValueError as error:
                raise ValueError(f"unknown special directive {text!r}") from error
            axis, least, trans = (*numbers, *(axis, least, trans)[len(numbers) :])[:3]
        del transpose
        parts: list[ndarray] = []
        weak: list[Any] = []
        for entry in entries:
            part = _vector(entry)
            is_number = not isinstance(entry, (slice, ndarray, np.ndarray, list, tuple))
            weak.append(entry if is_number and not isinstance(entry, np.generic) else part._dtype)
            if part.ndim < least:
                extra = least - part.ndim
                place = trans if trans >= 0 else trans + extra + 1
                shape = [1] * least
                if isinstance(entry, slice) or part.ndim:
                    for k, n in enumerate(part._shape):
                        shape[min(place + k, least - 1) if trans < 0 else place + k] = n
                    if trans == -1:
                        shape = [1] * extra + list(part._shape)
                part = views.reshape(part, tuple(shape))
            parts.append(part)
        kind = as_dtype(np.result_type(*weak))
        return concatenate([casts.astype(part, kind, copy=False) for part in parts], axis)


def _vector(entry: Any) -> ndarray:
    return atleast_1d(_line(entry) if isinstance(entry, slice) else asarray(entry))


r_ = _Joiner(0)
c_ = _Joiner(-1, 2, 0)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
    """Return the diagonals of two axes, a view."""
    return views.diagonal(asarray(a), offset, axis1, axis2)


def diagflat(v: Any, k: int = 0) -> ndarray:
    """Return a matrix with the flat array on a diagonal."""
    v = views.ravel(asarray(v))
    result = zeros((v._size + abs(k),) * 2, v._dtype)
    views.diagonal(result, k)[...] = v
    return result


def fill_diagonal(a: ndarray, val: Any, wrap: bool = False) -> None:
    """Set the main diagonal, in place.

    Parameters
    ----------
    a : ndarray
        At least two axes; more than two must be of one length.
    val : number or array-like
        Repeated as needed.
    wrap : bool
        Whether the diagonal goes on below a tall matrix.

    Raises
    ------
    ValueError
        If `a` has fewer than two axes, or more of different lengths.
    """
    if a.ndim < 2:
        raise ValueError("array must be at least 2-d")
    if a.ndim > 2 and len(set(a._shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    values = views.ravel(asarray(val))
    step = sum(layout.c_strides(a._shape, 1)) if a.ndim > 2 else a._shape[1] + 1
    end = None if wrap or a.ndim > 2 else a._shape[1] * a._shape[1]
    flat = views.ravel(a)
    target = flat[:end:step]
    if values._size != 1:
        values = values[arange(target._size) % values._size]
    target[...] = values
    if not a._c_contiguous:
        casts.copy_into(a, views.reshape(flat, a._shape))


def diag_indices(n: int, ndim: int = 2) -> tuple[ndarray, ...]:
    """Return the indices of the main diagonal of an array of `ndim` axes of length `n`."""
    return (arange(n),) * ndim


def diag_indices_from(arr: Any) -> tuple[ndarray, ...]:
    """Return the indices of the main diagonal of an array whose axes are of one length."""
    arr = asarray(arr)
    if arr.ndim < 2:
        raise ValueError("input array must be at least 2-d")
    if len(set(arr._shape)) > 1:
        raise ValueError("All dimensions of input must be of equal length")
    return diag_indices(arr._shape[0], arr.ndim)


def tril_indices(n: int, k: int = 0, m: int | None = None) -> tuple[ndarray, ...]:
    """Return the indices of the lower triangle of an ``n`` by ``m`` matrix."""
    return tri(n, m, k=k, dtype=bool).nonzero()


def triu_indices(n: int, k: int = 0, m: int | None = None) -> tuple[ndarray, ...]:
    """Return the indices of the upper triangle of an ``n`` by ``m`` matrix."""
    return TABLE["logical_not"](tri(n, m, k=k - 1, dtype=bool)).nonzero()


def _shape_of_matrix(arr: Any) -> tuple[int, int]:
    shape = np.shape(arr)
    if len(shape) != 2:
        raise ValueError("input array must be 2-d")
    return shape[0], shape[1]


def tril_indices_from(arr: Any, k: int = 0) -> tuple[ndarray, ...]:
    """Return the indices of the lower triangle of a matrix."""
    n, m = _shape_of_matrix(arr)
    return tril_indices(n, k, m)


def triu_indices_from(arr: Any, k: int = 0) -> tuple[ndarray, ...]:
    """Return the indices of the upper triangle of a matrix."""
    n, m = _shape_of_matrix(arr)
    return triu_indices(n, k, m)


def mask_indices(n: int, mask_func: Callable[..., Any], k: Any = 0) -> tuple[ndarray, ...]:
    """Return the indices of what `mask_func` (`triu`, `tril`) keeps of an `n` by `n` matrix."""
    full = allocate((n, n), np.dtype(np.int64))
    casts.fill(full, 1)
    return (mask_func(full, k) != 0).nonzero()


def unravel_index(indices: Any, shape: Any, order: str = "C") -> Any:
    """Return the index along each axis of places in the flat array.

    Raises
    ------
    ValueError
        If an index from the host is out of bounds.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.unravel_index(ndgpu.asarray([5]), (2, 3))
    (array([1]), array([2]))
    """
    if order not in ("C", "F"):
        raise ValueError("only 'C' or 'F' order is permitted")
    dims = layout.as_shape(shape)
    if not isinstance(indices, ndarray):
        found = np.unravel_index(indices, dims, order)  # type: ignore[call-overload]
        return tuple([asarray(index) for index in found])
    if indices._dtype.kind not in "iu":
        raise TypeError("only int indices permitted")
    rest = casts.astype(indices, _INT64, copy=False)
    result: list[ndarray] = []
    for n in reversed(dims) if order == "C" else dims:
        result.append(TABLE["remainder"](rest, n))
        rest = TABLE["floor_divide"](rest, n)
    return tuple(result[::-1] if order == "C" else result)


def ravel_multi_index(
    multi_index: Any, dims: Any, mode: Any = "raise", order: str = "C"
) -> ndarray:
    """Return places in the flat array of indices along each axis.

    Parameters
    ----------
    multi_index : sequence of array-like of int
    dims : sequence of int
    mode : str or tuple of str
        As in `take`; indices that are on the device are not looked at.
    order : {'C', 'F'}

    Raises
    ------
    ValueError
        If an index from the host is out of bounds.
    """
    dims = layout.as_shape(dims)
    if not any(isinstance(index, ndarray) for index in multi_index):
        twin: Any = np.ravel_multi_index
        return asarray(twin(multi_index, dims, mode, order))
    modes = (mode,) * len(dims) if isinstance(mode, str) else tuple(mode)
    if len(multi_index) != len(dims):
        raise ValueError(f"parameter multi_index must be a sequence of length {len(dims)}")
    steps = layout.c_strides(dims, 1) if order == "C" else layout.f_strides(dims, 1)
    total: Any = 0
    for index, n, step, rule in zip(multi_index, dims, steps, modes, strict=True):
        index = casts.astype(asarray(index), _INT64, copy=False)
        if rule == "wrap":
            index = TABLE["remainder"](index, n)
        elif rule == "clip":
            index = TABLE["minimum"](TABLE["maximum"](index, 0), n - 1)
        elif rule != "raise":
            raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {rule!r})")
        total = index * step + total
    return total


def vander(x: Any, N: int | None = None, increasing: bool = False) -> ndarray:
    """Return the Vandermonde matrix: powers of a vector in columns.

    Raises
    ------
    ValueError
        If `x` has not one axis.
    """
    x = asarray(x)
    if x.ndim != 1:
        raise ValueError("x must be a one-dimensional array or sequence.")
    n = x._size if N is None else N
    result = allocate((x._size, n), as_dtype(np.promote_types(x._dtype, int)))
    columns = result if increasing else result[:, ::-1]
    if n > 0:
        columns[:, 0] = 1
    if n > 1:
        columns[:, 1:] = x[:, None]
        TABLE["multiply"].accumulate(columns[:, 1:], axis=1, out=columns[:, 1:])
    return result


class ndenumerate:
    """Iterate over pairs of index and element; the array is copied to the host once.

    Examples
    --------
    >>> import ndgpu
    >>> [(i, int(x)) for i, x in ndgpu.ndenumerate(ndgpu.asarray([7, 8]))]
    [((0,), 7), ((1,), 8)]
    """

    def __init__(self, arr: Any) -> None:
        self._pairs = np.ndenumerate(arr.get() if isinstance(arr, ndarray) else arr)

    def __next__(self) -> tuple[tuple[int, ...], Any]:
        return next(self._pairs)

    def __iter__(self) -> Iterator[tuple[tuple[int, ...], Any]]:
        return self
