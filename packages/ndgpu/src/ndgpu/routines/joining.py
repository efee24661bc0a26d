"""Joining arrays: concatenate, stack and their kin.

Guarantees: what is joined is copied once; three and more small or interleaved arrays of one
dtype by one launch, large ones and those that must be cast array by array.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu.core import casts, packing, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import normalize_axis
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.routines.manipulation import atleast_1d, atleast_2d, atleast_3d

__all__ = [
    "append",
    "column_stack",
    "concatenate",
    "dstack",
    "hstack",
    "section",
    "stack",
    "vstack",
]


def concatenate(
    arrays: Sequence[Any],
    axis: int | None = 0,
    out: ndarray | None = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> ndarray:
    """Join arrays along an axis that they have.

    Parameters
    ----------
    arrays : sequence of array-like
        Equal in shape but for `axis`.
    axis : int, optional
        None joins them as flat arrays.
    out : ndarray, optional
        Where to put the result.
    dtype : dtype-like, optional
        Dtype of the result; not together with `out`.
    casting : str
        Which casts are allowed.

    Raises
    ------
    ValueError
        If there is nothing to join, or shapes do not fit.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.concatenate([ndgpu.arange(2), ndgpu.arange(3)])
    array([0, 1, 0, 1, 2])
    """
    parts = [asarray(a) for a in arrays]
    if not parts:
        raise ValueError("need at least one array to concatenate")
    if out is not None and dtype is not None:
        raise TypeError(
            "concatenate() only takes `out` or `dtype` as an argument, but both were provided."
        )
    if axis is None:
        parts, axis = [views.ravel(a) for a in parts], 0
    first = parts[0]
    if first.ndim == 0:
        raise ValueError("zero-dimensional arrays cannot be concatenated")
    axis = normalize_axis(axis, first.ndim)
    total = 0
    for k, part in enumerate(parts):
        if part.ndim != first.ndim:
            raise ValueError(
                "all the input array dimensions except for the concatenation axis must match "
                f"exactly, but the array at index 0 has {first.ndim} dimension(s) and the array at "
                f"index {k} has {part.ndim} dimension(s)"
            )
        for d in range(first.ndim):
            if d != axis and part._shape[d] != first._shape[d]:
                raise ValueError(
                    "all the input array dimensions except for the concatenation axis must match "
                    f"exactly, but along dimension {d}, the array at index 0 has size "
                    f"{first._shape[d]} and the array at index {k} has size {part._shape[d]}"
                )
        total += part._shape[axis]
    shape = first._shape[:axis] + (total,) + first._shape[axis + 1 :]
    if out is None:
        kind = np.result_type(*[p._dtype for p in parts]) if dtype is None else as_dtype(dtype)
        fortran = all(p._f_contiguous and not p._c_contiguous for p in parts)
        result = allocate(shape[::-1], kind).T if fortran else allocate(shape, kind)
        result._base = None
    else:
        if out._shape != shape:
            raise ValueError("Output array is the wrong shape")
        result = out
    for part in parts:
        if not np.can_cast(part._dtype, result._dtype, casting):
            raise TypeError(
                f"Cannot cast array data from {part._dtype!r} to {result._dtype!r} according to "
                f"the rule '{casting}'"
            )
    if packing.packable(parts, result, axis) and not any(casts.overlaps(result, p) for p in parts):
        packing.pack(parts, result, axis)
        return result
    start = 0
    for part in parts:
        stop = start + part._shape[axis]
        casts.copy_into(section(result, axis, start, stop), part)
        start = stop
    return result


def section(a: ndarray, axis: int, start: int, stop: int) -> ndarray:
    """Return a view of the elements from `start` to `stop` along an axis."""
    shape = a._shape[:axis] + (stop - start,) + a._shape[axis + 1 :]
    offset = start * a._strides[axis] if stop > start else 0
    return view_of(a, shape, a._strides, offset)


def stack(
    arrays: Sequence[Any],
    axis: int = 0,
    out: ndarray | None = None,
    *,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> ndarray:
    """Join arrays of one shape along a new axis.

    Raises
    ------
    ValueError
        If there are none, or their shapes differ.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.stack([ndgpu.zeros(2), ndgpu.ones(2)])
    array([[0., 0.],
           [1., 1.]])
    """
    parts = [asarray(a) for a in arrays]
    if not parts:
        raise ValueError("need at least one array to stack")
    if len({part._shape for part in parts}) != 1:
        raise ValueError("all input arrays must have the same shape")
    axis = normalize_axis(axis, parts[0].ndim + 1)
    parts = [views.expand_dims(part, axis) for part in parts]
    return concatenate(parts, axis, out, dtype=dtype, casting=casting)


def vstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> ndarray:
    """Join arrays along their first axis, one-axis arrays as rows."""
    return concatenate([atleast_2d(a) for a in tup], 0, dtype=dtype, casting=casting)


def hstack(tup: Sequence[Any], *, dtype: Any = None, casting: Any = "same_kind") -> ndarray:
    """Join arrays along their second axis, one-axis arrays along their only one."""
    parts = [atleast_1d(a) for a in tup]
    axis = 0 if parts and parts[0].ndim == 1 else 1
    return concatenate(parts, axis, dtype=dtype, casting=casting)


def dstack(tup: Sequence[Any]) -> ndarray:
    """Join arrays along their third axis."""
    return concatenate([atleast_3d(a) for a in tup], 2)


def column_stack(tup: Sequence[Any]) -> ndarray:
    """Join arrays along their second axis, one-axis arrays as columns."""
    parts = [asarray(a) for a in tup]
    return concatenate([p if p.ndim > 1 else views.reshape(p, (-1, 1)) for p in parts], 1)


def append(arr: Any, values: Any, axis: int | None = None) -> ndarray:
    """Return a copy of `arr` with `values` at the end of `axis` (of the flat array by default)."""
    return concatenate([arr, values], axis)
