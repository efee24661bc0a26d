"""Joining, inserting, deleting, repeating and padding."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, indexing, layout, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.routines.creation import arange, linspace
from ndgpu.routines.joining import concatenate
from ndgpu.routines.quantiles import median

__all__ = ["block", "delete", "insert", "pad", "resize", "trim_zeros", "unstack"]


def unstack(x: Any, /, *, axis: int = 0) -> tuple[ndarray, ...]:
    """Return the slices along an axis, views.

    Raises
    ------
    ValueError
        If `x` has no axes.
    """
    x = asarray(x)
    if x.ndim == 0:
        raise ValueError("Input array must be at least 1-d.")
    return tuple(views.moveaxis(x, axis, 0))


def resize(a: Any, new_shape: Any) -> ndarray:
    """Return the elements in another shape, repeated as often as it takes.

    Raises
    ------
    ValueError
        If a length is negative.
    """
    shape = layout.as_shape(new_shape)
    a = views.ravel(asarray(a))
    size = 1
    for n in shape:
        size *= n
    if a._size == 0 or size == 0:
        result = allocate(shape, a._dtype)
        casts.fill(result, 0)
        return result
    if size > a._size:
        a = a[arange(size) % a._size]
    return casts.copy(views.reshape(a[:size], shape))


def _depth(arrays: Any) -> int:
    if not isinstance(arrays, list):
        if isinstance(arrays, tuple):
            raise TypeError(
                "arrays is a tuple. Only lists can be used to arrange blocks, and np.block does "
                "not allow implicit conversion from tuple to ndarray."
            )
        return 0
    if not arrays:
        raise ValueError("List at arrays cannot be empty")
    depths = {_depth(item) for item in arrays}
    if len(depths) > 1:
        raise ValueError("List depths are mismatched.")
    return depths.pop() + 1


def block(arrays: Any) -> ndarray:
    """Return an array put together from nested lists of blocks.

    Parameters
    ----------
    arrays : nested list of array-like
        The innermost lists are joined along the last axis, those around them along the axis
        before, and so on.

    Raises
    ------
    ValueError
        If lists are empty, of different depths, or blocks do not fit.
    TypeError
        If there is a tuple among them.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.block([[ndgpu.ones((1, 2)), ndgpu.zeros((1, 1))]])
    array([[1., 1., 0.]])
    """
    depth = _depth(arrays)

    def leaves(item: Any) -> Any:
        if isinstance(item, list):
            return [leaf for part in item for leaf in leaves(part)]
        return [asarray(item)]

    ndim = max(depth, *[leaf.ndim for leaf in leaves(arrays)])

    def join(item: Any, level: int) -> ndarray:
        if isinstance(item, list):
            return concatenate([join(part, level - 1) for part in item], ndim - level)
        leaf = asarray(item)
        return views.reshape(leaf, (1,) * (ndim - leaf.ndim) + leaf._shape)

    result = join(arrays, depth)
    return casts.copy(result) if depth == 0 else result


def _host_index(obj: Any) -> Any:
    return obj.get() if isinstance(obj, ndarray) else obj


def delete(arr: Any, obj: Any, axis: int | None = None) -> ndarray:
    """Return an array without some slices along an axis.

    Parameters
    ----------
    arr : array-like
    obj : int, slice or array-like of int or bool
        Which to leave out; copied to the host if on the device.
    axis : int, optional
        The elements in C order by default.

    Raises
    ------
    IndexError
        If an index is out of bounds.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.delete(ndgpu.arange(5), [1, 3])
    array([0, 2, 4])
    """
    a = asarray(arr)
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    kept = np.delete(np.arange(a._shape[axis]), _host_index(obj))
    return indexing.getitem(a, (slice(None),) * axis + (kept,))


def insert(arr: Any, obj: Any, values: Any, axis: int | None = None) -> ndarray:
    """Return an array with slices inserted along an axis.

    Parameters
    ----------
    arr : array-like
    obj : int, slice or array-like of int or bool
        Before which slices; copied to the host if on the device.
    values : array-like
        What to insert; cast to the dtype of `arr`.
    axis : int, optional
        The elements in C order by default.

    Raises
    ------
    IndexError
        If an index is out of bounds.
    ValueError
        If `values` does not broadcast to the slices.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.insert(ndgpu.arange(3), 1, 9)
    array([0, 9, 1, 2])
    """
    a = asarray(arr)
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    n = a._shape[axis]
    where = _host_index(obj)
    values = casts.astype(asarray(values), a._dtype, copy=False)
    scalar = np.ndim(where) == 0 and not isinstance(where, slice)
    if scalar:
        # One place, and any number of slices there.
        values = views.reshape(values, (1,) * (a.ndim - values.ndim) + values._shape)
        values = views.moveaxis(values, 0, axis)
        count = values._shape[axis]
        places: Any = [operator.index(where)] * count
        if not -n <= operator.index(where) <= n:
            raise IndexError(f"index {where} is out of bounds for axis {axis} with size {n}")
    else:
        places = where
        if isinstance(where, slice):
            count = len(range(*where.indices(n)))
        else:
            host = np.asarray(where)
            count = int(host.sum()) if host.dtype == bool else host.size
            if count == 1 and host.dtype != bool and values.ndim:
                along = values._shape[axis - a.ndim] if values.ndim > a.ndim - 1 - axis else 1
                count = max(along, 1)
                places = [int(host.reshape(-1)[0])] * count
    order = np.insert(np.arange(n), places, n + np.arange(count))
    shape = (*a._shape[:axis], count, *a._shape[axis + 1 :])
    new = views.broadcast_to(values, shape)
    return indexing.getitem(concatenate([a, new], axis), (slice(None),) * axis + (order,))


def trim_zeros(filt: Any, trim: str = "fb", axis: Any = None) -> ndarray:
    """Return an array without the zeros at its ends; waits for their number.

    Parameters
    ----------
    filt : array-like
    trim : str
        ``'f'`` trims the front, ``'b'`` the back.
    axis : int or tuple of int, optional
        All axes by default.

    Raises
    ------
    ValueError
        If `trim` has other letters.
    """
    letters = trim.lower()
    if letters not in ("fb", "bf", "f", "b"):
        raise ValueError(f"unexpected character(s) in `trim`: {trim!r}")
    a = asarray(filt)
    chosen = layout.normalize_axes(axis, a.ndim)
    key: list[Any] = [slice(None)] * a.ndim
    for k, found in enumerate(a.nonzero()):
        if k not in chosen:
            continue
        if found._size == 0:
            key[k] = slice(0, 0)
            continue
        start = int(found.min()) if "f" in letters else 0
        key[k] = slice(start, int(found.max()) + 1 if "b" in letters else None)
    return a[tuple(key)]


def _pairs(value: Any, ndim: int, whole: bool = False) -> list[tuple[Any, Any]]:
    if isinstance(value, dict):
        result: list[tuple[Any, Any]] = [(0, 0)] * ndim
        for axis, width in value.items():
            pair = (width, width) if np.ndim(width) == 0 else tuple(width)
            result[layout.normalize_axis(axis, ndim)] = pair
        return result
    host = np.asarray(value.get() if isinstance(value, ndarray) else value)
    if whole:
        if host.dtype.kind not in "iu":
            raise TypeError("`pad_width` must be of integral type.")
        if (host < 0).any():
            raise ValueError("index can't contain negative values")
    return [(low, high) for low, high in np.broadcast_to(host, (ndim, 2)).tolist()]


_INDEXED = ("edge", "reflect", "symmetric", "wrap")
_STATISTICS = ("maximum", "mean", "median", "minimum")
_OPTIONS: dict[str, set[str]] = {
    "constant": {"constant_values"},
    "edge": set(),
    "empty": set(),
    "linear_ramp": {"end_values"},
    "maximum": {"stat_length"},
    "mean": {"stat_length"},
    "median": {"stat_length"},
    "minimum": {"stat_length"},
    "reflect": {"reflect_type"},
    "symmetric": {"reflect_type"},
    "wrap": set(),
}


def pad(array: Any, pad_width: Any, mode: Any = "constant", **kwargs: Any) -> ndarray:
    """Return an array with more elements around it.

    Parameters
    ----------
    array : array-like
    pad_width : int, sequence or dict
        Widths before and after, for all axes or for each.
    mode : str or callable
        One of NumPy's modes; a callable works on each line on the host.
    **kwargs
        ``constant_values``, ``end_values``, ``stat_length`` or ``reflect_type``.

    Raises
    ------
    ValueError
        If a width is negative, or the mode or an option unknown.
    TypeError
        If a width is no integer.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.pad(ndgpu.asarray([1, 2]), 1, constant_values=7)
    array([7, 1, 2, 7])
    """
    a = asarray(array)
    widths = _pairs(pad_width, a.ndim, not isinstance(pad_width, dict))
    if callable(mode):
        return asarray(np.pad(a.get(), widths, mode, **kwargs))
    if mode not in _OPTIONS:
        raise ValueError(f"mode '{mode}' is not supported")
    unknown = set(kwargs) - _OPTIONS[mode]
    if unknown:
        raise ValueError(f"unsupported keyword arguments for mode '{mode}': {unknown}")
    if mode in _INDEXED:
        return _pad_by_index(a, widths, mode, kwargs.get("reflect_type", "even"))
    shape = tuple([n + low + high for n, (low, high) in zip(a._shape, widths, strict=True)])
    result = allocate(shape, a._dtype)
    inside = [slice(low, low + n) for n, (low, _) in zip(a._shape, widths, strict=True)]
    result[tuple(inside)] = a
    if mode == "empty":
        return result
    option = kwargs.get(next(iter(_OPTIONS[mode])))
    default = 0 if mode in ("constant", "linear_ramp") else None
    options = [(default, default)] * a.ndim if option is None else _pairs(option, a.ndim)
    if mode in _STATISTICS and 0 in a._shape and any(low or high for low, high in widths):
        raise ValueError("can't extend empty axis using modes other than 'constant' or 'empty'")
    # Axis by axis: what was filled before belongs to what later axes see.
    for axis, ((low, high), pair) in enumerate(zip(widths, options, strict=True)):
        before = (slice(None),) * axis + (slice(0, low),)
        after = (slice(None),) * axis + (slice(shape[axis] - high, None),)
        rest = tuple(inside[axis + 1 :])
        start, stop = inside[axis].start, inside[axis].stop
        for target, count, value, at_front in (
            (before, low, pair[0], True),
            (after, high, pair[1], False),
        ):
            if not count:
                continue
            if mode == "constant":
                filling: Any = value
            elif mode == "linear_ramp":
                edge = start if at_front else stop - 1
                edge_values = result[(slice(None),) * axis + (slice(edge, edge + 1), *rest)]
                filling = _ramp(value, edge_values, count, axis, at_front, a._dtype)
            else:
                filling = _statistic(mode, result, axis, start, stop, rest, value, at_front)
            result[(*target, *rest)] = filling
    return result


def _ramp(
    end: Any, edge: ndarray, count: int, axis: int, at_front: bool, dtype: np.dtype
) -> ndarray:
    line = linspace(end, edge[(slice(None),) * axis + (0,)], count, False, dtype=dtype, axis=axis)
    return line if at_front else line[(slice(None),) * axis + (slice(None, None, -1),)]


def _statistic(
    mode: str,
    result: ndarray,
    axis: int,
    start: int,
    stop: int,
    rest: tuple[Any, ...],
    length: Any,
    at_front: bool,
) -> ndarray:
    n = stop - start
    length = n if length is None else min(int(length), n)
    if length < 1:
        if mode in ("maximum", "minimum"):
            raise ValueError("stat_length of 0 yields no value for padding")
        length = n if length < 0 else length
    section = slice(start, start + length) if at_front else slice(stop - length, stop)
    part = result[(slice(None),) * axis + (section, *rest)]
    if mode == "median":
        value = median(part, axis, keepdims=True)
    else:
        method: Any = {"maximum": part.max, "minimum": part.min, "mean": part.mean}[mode]
        value = method(axis, keepdims=True)
    if result._dtype.kind in "iu" and mode in ("mean", "median"):
        value = value.round()
    return value


def _pad_by_index(a: ndarray, widths: list[tuple[int, int]], mode: str, kind: str) -> ndarray:
    if kind not in ("even", "odd"):
        raise ValueError(f"pad: `reflect_type` must be 'even' or 'odd' (got {kind!r})")
    result = a
    for axis, (low, high) in enumerate(widths):
        n = a._shape[axis]
        if n == 0 and (low or high):
            raise ValueError(
                f"can't extend empty axis {axis} using modes other than 'constant' or 'empty'"
            )
        if not (low or high):
            continue
        places = np.pad(np.arange(n), (low, high), mode)  # type: ignore[call-overload]
        key = (slice(None),) * axis
        taken = result[(*key, places)]
        if kind == "odd" and mode in ("reflect", "symmetric") and n > 1:
            taken = _odd(result, taken, axis, (low, high), mode)
        result = taken
    return casts.copy(result) if result is a else result


def _odd(a: ndarray, even: ndarray, axis: int, widths: tuple[int, int], mode: str) -> ndarray:
    """Turn an even reflection into an odd one, about the values at the ends.

    Each element is ``sign * even + p * first + q * last``; padding a few lines of numbers on the
    host tells sign, p and q.
    """
    n = a._shape[axis]
    lines = np.zeros((3, n), np.int64)
    lines[0, 0], lines[1, -1] = 1, 1
    lines[2] = np.arange(n)
    pads = ((0, 0), widths)
    turned = np.pad(lines, pads, mode, reflect_type="odd")  # type: ignore[call-overload]
    plain = np.pad(lines, pads, mode)  # type: ignore[call-overload]
    ones = np.ones((1, n), np.int64)
    constant = np.pad(ones, pads, mode, reflect_type="odd")  # type: ignore[call-overload]
    # A constant line stays constant: sign + p + q = 1, and sign is 1 or -1.
    sign = np.ones(turned.shape[1], np.int64)
    for k in range(turned.shape[1]):
        for candidate in (1, -1):
            p, q = turned[0, k] - candidate * plain[0, k], turned[1, k] - candidate * plain[1, k]
            straight = candidate * plain[2, k] + q * (n - 1)
            if candidate + p + q == constant[0, k] and straight == turned[2, k]:
                sign[k] = candidate
                break
    shape = tuple([-1 if k == axis else 1 for k in range(a.ndim)])
    key = (slice(None),) * axis
    result = even * asarray(sign.reshape(shape).astype(a._dtype))
    for row, place in ((0, slice(0, 1)), (1, slice(n - 1, n))):
        weight = turned[row] - sign * plain[row]
        result = result + a[(*key, place)] * asarray(weight.reshape(shape).astype(a._dtype))
    return result
