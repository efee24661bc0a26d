"""Sorting along an axis, on the device: sort, argsort, lexsort and partitions.

Guarantees: NaN comes last and every order is stable, whatever `kind` is asked for;
complex numbers are ordered by their real parts, then their imaginary parts, as in
NumPy. Nothing waits for the device.
"""

from __future__ import annotations

import functools
import operator
from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.kernels.sort import Sort

__all__ = [
    "argpartition",
    "argsort",
    "gather_rows",
    "lexsort",
    "partition",
    "sort",
    "sort_in_place",
    "sort_with_order",
]

_INT64 = np.dtype(np.int64)
_KINDS = ("quicksort", "mergesort", "heapsort", "stable", "q", "m", "h", "s", None)


@functools.cache
def _sorter(dtype: np.dtype, indexed: bool) -> Sort:
    return Sort(dtype, indexed)


@functools.cache
def _gather_kernel(dtype: np.dtype) -> Elementwise:
    return Elementwise(
        "ndgpu_gather_rows",
        (
            Operand("x", dtype, "raw"),
            Operand("order", _INT64),
            Operand("length", _INT64, "scalar"),
            Operand("y", dtype, "out"),
        ),
        "y = x[i - i % length + order];",
    )


def gather_rows(a: ndarray, order: ndarray) -> ndarray:
    """Take the elements of each row (last axis) of a C-contiguous array in its order."""
    result = allocate(a._shape, a._dtype)
    if a._size:
        _gather_kernel(a._dtype).launch([a, order, a._shape[-1], result], a._shape)
    return result


def _order(a: ndarray) -> ndarray:
    """The stable order of each row of a C-contiguous array."""
    n = a._shape[-1]
    rows = prod(a._shape[:-1])
    if a._dtype.kind != "c":
        result = allocate(a._shape, _INT64)
        _sorter(a._dtype, True).launch(a, result, rows, n)
        return result
    # Numbers first, then those with a NaN in the imaginary part, the real part, both.
    real, imag = casts.copy(a.real), casts.copy(a.imag)
    missing = TABLE["add"](
        casts.astype(TABLE["isnan"](imag), np.uint8),
        TABLE["multiply"](casts.astype(TABLE["isnan"](real), np.uint8), 2),
    )
    result = _order(imag)
    for key in (real, missing):
        result = gather_rows(result, _order(gather_rows(key, result)))
    return result


def _rows(a: ndarray, axis: int) -> ndarray:
    moved = views.moveaxis(a, axis, -1) if axis != a.ndim - 1 else a
    return moved if moved._c_contiguous else casts.copy(moved)


def _back(rows: ndarray, axis: int) -> ndarray:
    if axis == rows.ndim - 1:
        return rows
    return casts.copy(views.moveaxis(rows, -1, axis))


def _flipped(a: ndarray, axis: int) -> ndarray:
    return a[(slice(None),) * axis + (slice(None, None, -1),)]


def _check(kind: Any, order: Any, stable: Any) -> None:
    if order is not None:
        raise ValueError("Cannot specify order when the array has no fields.")
    if kind not in _KINDS:
        raise ValueError(f"sort kind must be one of 'quick', 'heap', or 'stable' (got {kind!r})")
    if kind is not None and stable is not None:
        raise ValueError(
            "`kind` and keyword parameters can't be provided at the same time. Use only one of "
            "them."
        )


def _sort_rows(a: ndarray) -> ndarray:
    if a._dtype.kind == "c":
        return gather_rows(a, _order(a))
    result = allocate(a._shape, a._dtype)
    n = a._shape[-1]
    _sorter(a._dtype, False).launch(a, result, prod(a._shape[:-1]), n)
    return result


def sort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: bool = False,
) -> ndarray:
    """Return a sorted copy of an array.

    Parameters
    ----------
    a : array-like
    axis : int or None
        None sorts the elements as one row.
    kind : str, optional
        Accepted as NumPy's; every sort here is by a stable radix sort.
    order : None
        Fields are not supported.
    stable : bool, optional
    descending : bool
        The largest first, and NaN before it: the array API's keyword, which NumPy lacks.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.sort(ndgpu.asarray([3, 1, 2]))
    array([1, 2, 3])
    """
    _check(kind, order, stable)
    a = asarray(a)
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    result = _back(_sort_rows(_rows(a, axis)), axis)
    return _flipped(result, axis) if descending else result


def argsort(
    a: Any,
    axis: int | None = -1,
    kind: Any = None,
    order: Any = None,
    *,
    stable: Any = None,
    descending: bool = False,
) -> ndarray:
    """Return the indices that sort an array; parameters as for `sort`.

    Equal elements keep their order, also where the largest come first.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.argsort(ndgpu.asarray([3, 1, 2]))
    array([1, 2, 0])
    """
    _check(kind, order, stable)
    a = asarray(a)
    if axis is None or a.ndim == 0:
        if axis is not None:
            layout.normalize_axes(axis, 0)
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    if descending:
        last = a._shape[axis] - 1
        backwards = _order(_rows(_flipped(a, axis), axis))
        return _flipped(TABLE["subtract"](last, _back(backwards, axis)), axis)
    return _back(_order(_rows(a, axis)), axis)


def sort_with_order(a: ndarray) -> tuple[ndarray, ndarray]:
    """Return a one-dimensional array sorted, and the stable order of its elements."""
    dense = a if a._c_contiguous else casts.copy(a)
    order = _order(dense)
    return gather_rows(dense, order), order


def sort_in_place(
    self: ndarray, axis: int = -1, kind: Any = None, order: Any = None, *, stable: Any = None
) -> None:
    """Sort the array itself along `axis`, as `numpy.ndarray.sort`."""
    casts.copy_into(self, sort(self, axis, kind, order, stable=stable))


def lexsort(keys: Any, axis: int = -1) -> ndarray:
    """Return the indices that sort by several keys, the last one first.

    Parameters
    ----------
    keys : sequence of array-like, or an array whose first axis counts the keys
    axis : int
        Axis of the keys to sort along.

    Raises
    ------
    TypeError
        If there is no key.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.lexsort((ndgpu.asarray([2, 1, 0]), ndgpu.asarray([0, 0, -1])))
    array([2, 1, 0])
    """
    arrays = [asarray(key) for key in keys]
    if not arrays:
        raise TypeError("need sequence of keys with len > 0 in lexsort")
    shape = arrays[0]._shape
    if any(key._shape != shape for key in arrays):
        raise ValueError("all keys need to be the same shape")
    if not shape:
        layout.normalize_axes(axis, 0)
        result = allocate((), _INT64)
        casts.fill(result, 0)
        return result
    axis = layout.normalize_axis(axis, len(shape))
    rows = _rows(arrays[0], axis)
    result = _order(rows)
    for key in arrays[1:]:
        result = gather_rows(result, _order(gather_rows(_rows(key, axis), result)))
    return _back(result, axis)


def _check_kth(kth: Any, a: ndarray, axis: int | None) -> None:
    n = a._size if axis is None else a._shape[layout.normalize_axis(axis, a.ndim or 1)]
    kths = kth if isinstance(kth, (list, tuple, np.ndarray)) else (kth,)
    for k in kths:
        if not -n <= operator.index(k) < n:
            raise ValueError(f"kth(={k}) out of bounds ({n})")


def partition(
    a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None
) -> ndarray:
    """Return a copy in which the elements at `kth` are where sorting puts them.

    The copy is sorted altogether, which is one of the partitions.

    Raises
    ------
    ValueError
        If `kth` is out of bounds.
    """
    a = asarray(a)
    _check_kth(kth, a, axis)
    return sort(a, axis, None, order)


def argpartition(
    a: Any, kth: Any, axis: int | None = -1, kind: str = "introselect", order: Any = None
) -> ndarray:
    """Return the indices of a partition; see `partition`."""
    a = asarray(a)
    _check_kth(kth, a, axis)
    return argsort(a, axis, None, order)
