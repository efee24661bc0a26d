"""Taking and putting elements: choose, compress, extract, place, put, select, along an axis."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndgpu.core import casts, indexing, layout, views
from ndgpu.core.codegen import convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.selection import flat_nonzero
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.routines.creation import arange, zeros_like
from ndgpu.routines.joining import stack
from ndgpu.routines.searching import where

__all__ = [
    "choose",
    "compress",
    "extract",
    "piecewise",
    "place",
    "put",
    "put_along_axis",
    "putmask",
    "select",
    "take_along_axis",
]


def _along(arr: ndarray, indices: Any, axis: int) -> tuple[Any, ...]:
    kind = indices.dtype.kind
    if kind not in "iu":
        raise IndexError("`indices` must be an integer array")
    if indices.ndim != arr.ndim:
        raise ValueError("`indices` and `arr` must have the same number of dimensions")
    key: list[Any] = []
    for k, n in enumerate(arr._shape):
        if k == axis:
            key.append(indices)
        else:
            shape = (1,) * k + (-1,) + (1,) * (arr.ndim - k - 1)
            key.append(np.arange(n).reshape(shape))
    return tuple(key)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> ndarray:
    """Return elements by indices along an axis, other axes matched.

    Parameters
    ----------
    arr : array-like
    indices : array-like of int
        As many axes as `arr`; the other axes broadcast.
    axis : int, optional
        None takes from the flat array.

    Raises
    ------
    IndexError
        If `indices` are no integers, or (from the host) out of bounds.
    ValueError
        If the numbers of axes differ.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.asarray([[3, 1], [2, 9]])
    >>> ndgpu.take_along_axis(x, ndgpu.argsort(x), axis=1)
    array([[1, 3],
           [2, 9]])
    """
    arr = asarray(arr)
    indices = indices if isinstance(indices, ndarray) else np.asarray(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        arr, axis = views.ravel(arr), 0
    axis = layout.normalize_axis(axis, arr.ndim)
    return indexing.getitem(arr, _along(arr, indices, axis))


def put_along_axis(arr: ndarray, indices: Any, values: Any, axis: int | None) -> None:
    """Set elements by indices along an axis, other axes matched; see `take_along_axis`."""
    indices = indices if isinstance(indices, ndarray) else np.asarray(indices)
    if axis is None:
        if indices.ndim != 1:
            raise ValueError("when axis=None, `indices` must have a single dimension.")
        _put_flat(arr, indices, asarray(values, arr._dtype))
        return
    axis = layout.normalize_axis(axis, arr.ndim)
    indexing.setitem(arr, _along(arr, indices, axis), values)


def _put_flat(a: ndarray, places: Any, values: ndarray) -> None:
    flat = views.ravel(a)
    indexing.setitem(flat, places, values)
    if not a._c_contiguous:
        casts.copy_into(a, views.reshape(flat, a._shape))


@functools.cache
def _cycle_kernel(source: np.dtype, target: np.dtype) -> Elementwise:
    return Elementwise(
        "ndgpu_putmask",
        (
            Operand("mask", np.dtype(bool)),
            Operand("v", source, "raw"),
            Operand("count", np.dtype(np.int64), "scalar"),
            Operand("y", target, "out"),
        ),
        f"y = {convert('v[i % count]', source, target)};",
        guard="mask",
    )


def _cycled(values: ndarray, count: int) -> ndarray:
    """The elements of `values`, over and over."""
    flat = views.ravel(values)
    return flat if flat._size in (1, count) else flat[arange(count) % flat._size]


def putmask(a: ndarray, mask: Any, values: Any) -> None:
    """Set ``a.flat[k] = values[k % len(values)]`` where the mask is true.

    Raises
    ------
    ValueError
        If `mask` and `a` differ in size.
    """
    mask = casts.astype(asarray(mask), np.bool_, copy=False)
    values = asarray(values, _weak_dtype(values, a))
    if mask._size != a._size:
        raise ValueError("putmask: mask and data must be the same size")
    if values._size and a._size:
        mask = views.reshape(mask, a._shape)
        kernel = _cycle_kernel(values._dtype, a._dtype)
        kernel.launch([mask, views.ravel(values), values._size, a], a._shape)


def _weak_dtype(values: Any, a: ndarray) -> Any:
    weak = isinstance(values, (int, float, complex)) and not isinstance(values, bool)
    return np.result_type(a._dtype, values) if weak else None


def place(arr: ndarray, mask: Any, vals: Any) -> None:
    """Set the elements where the mask is true to the first values, in order, over and over.

    The number of such elements is waited for.

    Raises
    ------
    ValueError
        If there is an element to set and no value.
    """
    if not isinstance(arr, ndarray):
        raise TypeError(f"place: expected a device array, got {type(arr).__name__}")
    mask = asarray(mask)
    if mask._size != arr._size:
        raise ValueError("place: mask and data must be the same size")
    places = flat_nonzero(mask)
    values = asarray(vals)
    if places._size == 0:
        return
    if values._size == 0:
        raise ValueError("Cannot insert from an empty array!")
    values = _cycled(values, places._size)
    _put_flat(arr, places, values if values._size == 1 else values[: places._size])


def put(a: ndarray, ind: Any, v: Any, mode: str = "raise") -> None:
    """Set the elements of the flat array at indices to values, which are repeated as needed.

    Parameters
    ----------
    a : ndarray
    ind : array-like of int
    v : array-like
    mode : {'raise', 'wrap', 'clip'}
        As in `take`.

    Raises
    ------
    IndexError
        If an index from the host is out of bounds.
    """
    if not isinstance(a, ndarray):
        raise TypeError(f"put: expected a device array, got {type(a).__name__}")
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    places = views.ravel(ind) if isinstance(ind, ndarray) else np.asarray(ind).ravel()
    if places.size == 0:
        return
    if mode == "wrap":
        places = places % a._size
    elif mode == "clip":
        low: Any = TABLE["maximum"] if isinstance(places, ndarray) else np.maximum
        high: Any = TABLE["minimum"] if isinstance(places, ndarray) else np.minimum
        places = high(low(places, 0), a._size - 1)
    values = casts.astype(asarray(v), a._dtype)
    if values._size == 0:
        return
    values = _cycled(values, places.size)
    _put_flat(a, places, values if values._size == 1 else values[: places.size])


def compress(
    condition: Any, a: Any, axis: int | None = None, out: ndarray | None = None
) -> ndarray:
    """Return the slices along an axis where a condition is true; waits for their number.

    Parameters
    ----------
    condition : array-like of bool
        One axis; may be shorter than the array's.
    a : array-like
    axis : int, optional
        The elements in C order by default.
    out : ndarray, optional

    Raises
    ------
    ValueError
        If `condition` has several axes.
    """
    condition = asarray(condition)
    if condition.ndim != 1:
        raise ValueError("condition must be a 1-d array")
    a = asarray(a)
    places = flat_nonzero(condition)
    n = a._size if axis is None else a._shape[layout.normalize_axis(axis, a.ndim)]
    if condition._size > n and places._size and int(places[-1]) >= n:
        raise IndexError(f"index {int(places[-1])} is out of bounds for axis 0 with size {n}")
    return indexing.take(a, places, axis, out)


def extract(condition: Any, arr: Any) -> ndarray:
    """Return the elements where a condition is true, as one axis; waits for their number."""
    return indexing.take(views.ravel(asarray(arr)), flat_nonzero(asarray(condition)))


def choose(a: Any, choices: Any, out: ndarray | None = None, mode: str = "raise") -> ndarray:
    """Return an array whose elements come from one of several, by index.

    Parameters
    ----------
    a : array-like of int
        Which of `choices`; all broadcast together.
    choices : sequence of array-like
    out : ndarray, optional
    mode : {'raise', 'wrap', 'clip'}
        As in `take`.

    Raises
    ------
    ValueError
        If an index from the host is out of range.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.choose(ndgpu.asarray([0, 1, 0]), [[1, 2, 3], [7, 8, 9]])
    array([1, 8, 3])
    """
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError(f"clipmode must be one of 'clip', 'raise', or 'wrap' (got {mode!r})")
    options = [asarray(choice) for choice in choices]
    if not options:
        raise ValueError("choose: 0-length sequence of choices")
    n = len(options)
    if mode == "raise" and not isinstance(a, ndarray):
        host = np.asarray(a)
        if ((host < 0) | (host >= n)).any():
            raise ValueError("invalid entry in choice array")
    index = asarray(a)
    if index._dtype.kind not in "iub":
        raise TypeError(
            f"Cannot cast array data from {index._dtype!r} to dtype('int64') according to the "
            "rule 'safe'"
        )
    index = casts.astype(index, np.int64, copy=False)
    if mode == "wrap":
        index = TABLE["remainder"](index, n)
    else:
        index = TABLE["minimum"](TABLE["maximum"](index, 0), n - 1)
    shape = layout.broadcast_shape([index._shape, *[option._shape for option in options]])
    kind = as_dtype(np.result_type(*[option._dtype for option in options]))
    layers = stack([casts.astype(views.broadcast_to(o, shape), kind) for o in options])
    chosen = views.reshape(views.broadcast_to(index, shape), (1, *shape))
    result = take_along_axis(layers, chosen, 0)[0]
    if out is None:
        return result
    casts.copy_into(out, result)
    return out


def select(condlist: Sequence[Any], choicelist: Sequence[Any], default: Any = 0) -> ndarray:
    """Return elements of the first choice whose condition is true, else the default.

    Parameters
    ----------
    condlist : sequence of arrays of bool
    choicelist : sequence of array-like
    default : number or array-like

    Raises
    ------
    ValueError
        If the numbers of conditions and choices differ, or are zero.
    TypeError
        If a condition is not of bool.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.arange(4)
    >>> ndgpu.select([x < 1, x > 2], [-x, x * 10], 7)
    array([ 0,  7,  7, 30])
    """
    if len(condlist) != len(choicelist):
        raise ValueError("list of cases must be same length as list of conditions")
    if len(condlist) == 0:
        raise ValueError("select with an empty condition list is not possible")
    conditions = [asarray(c) for c in condlist]
    for k, condition in enumerate(conditions):
        if condition._dtype.kind != "b":
            raise TypeError(
                f"invalid entry {k} in condlist: should be boolean ndarray, got "
                f"{condition._dtype.type.__name__}"
            )
    values = [v if isinstance(v, (int, float, complex)) else asarray(v) for v in choicelist]
    default = default if isinstance(default, (int, float, complex)) else asarray(default)
    kind = as_dtype(np.result_type(*[_kind(v) for v in (*values, default)]))
    arrays = [v for v in (*values, default, *conditions) if isinstance(v, ndarray)]
    shape = layout.broadcast_shape([v._shape for v in arrays])
    result = casts.astype(asarray(default), kind)
    for condition, value in zip(reversed(conditions), reversed(values), strict=True):
        result = where(condition, casts.astype(asarray(value), kind, copy=False), result)
    return casts.copy(views.broadcast_to(result, shape)) if result._shape != shape else result


def _kind(value: Any) -> Any:
    return value._dtype if isinstance(value, ndarray) else value


def piecewise(
    x: Any, condlist: Any, funclist: Sequence[Callable[..., Any] | Any], *args: Any, **kw: Any
) -> ndarray:
    """Return a function that is another one under each condition.

    Parameters
    ----------
    x : array-like
    condlist : sequence of arrays of bool, or one array
    funclist : sequence of callables and numbers
        One for each condition; one more is for where no condition holds. Callables get the
        elements of `x` for which their condition holds, whose number is waited for.
    *args, **kw
        More arguments for callables.

    Raises
    ------
    ValueError
        If `funclist` has another length.
    """
    x = asarray(x)
    n = len(funclist)
    single = isinstance(condlist, (bool, np.bool_)) or (
        not isinstance(condlist[0], (list, tuple, ndarray, np.ndarray)) and x.ndim != 0
    )
    if single:
        condlist = [condlist]
    conditions = [views.broadcast_to(asarray(c, bool), x._shape) for c in condlist]
    if n == len(conditions) + 1:
        held = functools.reduce(operator.or_, conditions)
        conditions.append(TABLE["logical_not"](held))
    elif n != len(conditions):
        count = len(conditions)
        raise ValueError(
            f"with {count} condition(s), either {count} or {count + 1} functions are expected"
        )
    result = zeros_like(x)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result[condition] = function
            continue
        values = x[condition]
        if values._size:
            result[condition] = function(values, *args, **kw)
    return result
