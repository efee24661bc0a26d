"""Sets of numbers: unique elements, unions, intersections and membership.

Everything is a sort, a comparison of neighbours and a selection; how many elements
there are is waited for, since it is a shape.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ndgpu.core import casts, layout, scans, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.selection import flat_nonzero
from ndgpu.core.sorting import lexsort, sort, sort_with_order
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.differences import diff
from ndgpu.routines.joining import concatenate
from ndgpu.routines.sampling import searchsorted

__all__ = [
    "in1d",
    "intersect1d",
    "isin",
    "setdiff1d",
    "setxor1d",
    "union1d",
    "unique",
    "unique_all",
    "unique_counts",
    "unique_inverse",
    "unique_values",
]


def _starts(ordered: ndarray, equal_nan: bool) -> ndarray:
    """Whether each element of a sorted array differs from the one before."""
    flags = allocate(ordered._shape[:1], np.dtype(bool))
    flags[:1] = True
    now, before = ordered[1:], ordered[:-1]
    different = now != before
    if equal_nan and ordered._dtype.kind in "fcV":
        different = different & ~(TABLE["isnan"](now) & TABLE["isnan"](before))
    if different.ndim > 1:
        different = different.any(axis=1)
    flags[1:] = different
    return flags


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
    sorted: bool = True,
) -> Any:
    """Return the distinct elements, in order; waits for their number.

    Parameters
    ----------
    ar : array-like
    return_index, return_inverse, return_counts : bool
        Whether to return where each first is, which each element is, and how many each has.
    axis : int, optional
        Along which whole sub-arrays are compared; the elements by default.
    equal_nan : bool
        Whether all NaNs are one.
    sorted : bool
        Accepted; the result is sorted always.

    Returns
    -------
    ndarray or tuple of ndarray

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.unique(ndgpu.asarray([3, 1, 3]), return_counts=True)
    (array([1, 3]), array([1, 2]))
    """
    a = asarray(ar)
    if axis is None:
        shape: tuple[int, ...] = a._shape
        rows = views.ravel(a)
    else:
        axis = layout.normalize_axis(axis, a.ndim)
        moved = views.moveaxis(a, axis, 0)
        shape = (moved._shape[0],)
        width = a._size // max(shape[0], 1)
        rows = views.reshape(casts.copy(moved), (shape[0], width))
    wanted = return_index or return_inverse or return_counts
    order = None
    if axis is None:
        if wanted:
            ordered, order = sort_with_order(rows)
        else:
            ordered = sort(rows)
    else:
        columns = rows._shape[1]
        order = lexsort([rows[:, k] for k in range(columns - 1, -1, -1)]) if columns else None
        ordered = rows if order is None else rows[order]
    flags = _starts(ordered, equal_nan and axis is None)
    places = flat_nonzero(flags)
    values = ordered[places]
    if axis is not None:
        values = views.reshape(values, (places._size, *moved._shape[1:]))
        values = casts.copy(views.moveaxis(values, 0, axis))
    if not wanted:
        return values
    results = [values]
    if return_index:
        results.append(places if order is None else order[places])
    if return_inverse:
        inverse = allocate(flags._shape, np.dtype(np.int64))
        ranks = scans.cumsum(flags, dtype=np.int64) - 1
        if order is None:
            inverse = ranks
        else:
            inverse[order] = ranks
        results.append(views.reshape(inverse, shape))
    if return_counts:
        ends = asarray([flags._size], places._dtype)
        results.append(diff(concatenate([places, ends])))
    return tuple(results)


class UniqueAllResult(NamedTuple):
    """What `unique_all` returns."""

    values: ndarray
    indices: ndarray
    inverse_indices: ndarray
    counts: ndarray


class UniqueCountsResult(NamedTuple):
    """What `unique_counts` returns."""

    values: ndarray
    counts: ndarray


class UniqueInverseResult(NamedTuple):
    """What `unique_inverse` returns."""

    values: ndarray
    inverse_indices: ndarray


def unique_all(x: Any) -> UniqueAllResult:
    """Return distinct elements, first places, inverse and counts; every NaN is distinct."""
    return UniqueAllResult(*unique(x, True, True, True, equal_nan=False))


def unique_counts(x: Any) -> UniqueCountsResult:
    """Return distinct elements and their counts; every NaN is distinct."""
    return UniqueCountsResult(*unique(x, return_counts=True, equal_nan=False))


def unique_inverse(x: Any) -> UniqueInverseResult:
    """Return distinct elements and which of them each element is; every NaN is distinct."""
    return UniqueInverseResult(*unique(x, return_inverse=True, equal_nan=False))


def unique_values(x: Any) -> ndarray:
    """Return the distinct elements; every NaN is distinct."""
    return unique(x, equal_nan=False)


def _joined(first: Any, second: Any) -> ndarray:
    return concatenate([views.ravel(asarray(first)), views.ravel(asarray(second))])


def intersect1d(
    ar1: Any, ar2: Any, assume_unique: bool = False, return_indices: bool = False
) -> Any:
    """Return the elements that both arrays have, in order; waits for their number.

    Parameters
    ----------
    ar1, ar2 : array-like
    assume_unique : bool
        Whether each has no element twice.
    return_indices : bool
        Whether to return where they are first in each, too.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.intersect1d(ndgpu.asarray([1, 3, 4]), [3, 1, 9])
    array([1, 3])
    """
    a, b = views.ravel(asarray(ar1)), views.ravel(asarray(ar2))
    first = second = None
    if not assume_unique:
        if return_indices:
            a, first = unique(a, return_index=True)
            b, second = unique(b, return_index=True)
        else:
            a, b = unique(a), unique(b)
    ordered, order = sort_with_order(_joined(a, b))
    places = flat_nonzero(ordered[1:] == ordered[:-1])
    values = ordered[places]
    if not return_indices:
        return values
    in_a, in_b = order[places], order[places + 1] - a._size
    if first is not None and second is not None:
        in_a, in_b = first[in_a], second[in_b]
    return values, in_a, in_b


def union1d(ar1: Any, ar2: Any) -> ndarray:
    """Return the distinct elements of two arrays, in order; waits for their number."""
    return unique(_joined(ar1, ar2))


def setxor1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> ndarray:
    """Return the elements that only one of two arrays has; waits for their number."""
    a, b = asarray(ar1), asarray(ar2)
    if not assume_unique:
        a, b = unique(a), unique(b)
    ordered = sort(_joined(a, b))
    if ordered._size == 0:
        return ordered
    end = asarray([True])
    flags = concatenate([end, ordered[1:] != ordered[:-1], end])
    return ordered[flags[1:] & flags[:-1]]


def isin(
    element: Any,
    test_elements: Any,
    assume_unique: bool = False,
    invert: bool = False,
    *,
    kind: str | None = None,
) -> ndarray:
    """Return whether each element is among others, found by bisection of those sorted.

    Parameters
    ----------
    element : array-like
    test_elements : array-like
    assume_unique : bool
        Accepted; nothing depends on it.
    invert : bool
        Whether to return the opposite.
    kind : {None, 'sort', 'table'}
        Accepted as NumPy's; the result is the same.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.isin(ndgpu.asarray([1, 2, 3]), [2, 9])
    array([False,  True, False])
    """
    if kind not in (None, "sort", "table"):
        raise ValueError(f"Invalid kind: '{kind}'. Please use None, 'sort' or 'table'.")
    element = asarray(element)
    others = views.ravel(asarray(test_elements))
    if others._size == 0:
        result = allocate(element._shape, np.dtype(bool))
        casts.fill(result, invert)
        return result
    others = sort(others)
    places = TABLE["minimum"](searchsorted(others, element), others._size - 1)
    found = others[places]
    return found != element if invert else found == element


def setdiff1d(ar1: Any, ar2: Any, assume_unique: bool = False) -> ndarray:
    """Return the elements of one array that another has not; waits for their number."""
    a, b = views.ravel(asarray(ar1)), asarray(ar2)
    if not assume_unique:
        a = unique(a)
    return a[isin(a, b, invert=True)]


def in1d(ar1: Any, ar2: Any, assume_unique: bool = False, invert: bool = False) -> ndarray:
    """Return `isin` of the elements of `ar1` along one axis: a name of NumPy 1."""
    return isin(views.ravel(asarray(ar1)), ar2, assume_unique, invert)
