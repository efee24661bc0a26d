"""Joining, splitting, repeating and rearranging arrays.

Guarantees: views where NumPy gives views (`split`, `flip`, `rollaxis`, ...);
what is joined is copied once, array by array.
"""

from __future__ import annotations

import itertools
import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.layout import normalize_axis
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray

__all__ = [
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_to",
    "copyto",
    "expand_dims",
    "flip",
    "fliplr",
    "flipud",
    "matrix_transpose",
    "moveaxis",
    "ravel",
    "reshape",
    "roll",
    "rollaxis",
    "rot90",
    "squeeze",
    "swapaxes",
    "tile",
    "transpose",
]


def reshape(a: Any, shape: Any, order: str = "C", *, copy: bool | None = None) -> ndarray:
    """Return the elements of `a` in another shape; see `ndgpu.core.views.reshape`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.reshape(ndgpu.arange(4), (2, -1))
    array([[0, 1],
           [2, 3]])
    """
    return views.reshape(asarray(a), shape, order, copy)


def ravel(a: Any, order: str = "C") -> ndarray:
    """Return the elements along one axis, a view where that is possible."""
    return views.ravel(asarray(a), order)


def transpose(a: Any, axes: Any = None) -> ndarray:
    """Return a view with the axes in the given order, or in reverse order."""
    return views.transpose(asarray(a), axes)


def matrix_transpose(x: Any, /) -> ndarray:
    """Return a view with the last two axes exchanged."""
    x = asarray(x)
    if x.ndim < 2:
        raise ValueError(f"Input array must be at least 2-dimensional, but it is {x.ndim}")
    return views.swapaxes(x, -1, -2)


def swapaxes(a: Any, axis1: int, axis2: int) -> ndarray:
    """Return a view with two axes exchanged."""
    return views.swapaxes(asarray(a), axis1, axis2)


def moveaxis(a: Any, source: Any, destination: Any) -> ndarray:
    """Return a view with some axes moved, the others in their order."""
    return views.moveaxis(asarray(a), source, destination)


def rollaxis(a: Any, axis: int, start: int = 0) -> ndarray:
    """Return a view with `axis` moved to stand before `start`.

    Raises
    ------
    numpy.exceptions.AxisError
        If either is out of range.
    """
    a = asarray(a)
    axis = normalize_axis(axis, a.ndim)
    if start < 0:
        start += a.ndim
    if not 0 <= start <= a.ndim:
        raise np.exceptions.AxisError(
            f"'start' arg requires {-a.ndim} <= start < {a.ndim + 1}, but {start} was passed in"
        )
    return views.moveaxis(a, axis, start - 1 if axis < start else start)


def expand_dims(a: Any, axis: Any) -> ndarray:
    """Return a view with axes of length one put in."""
    return views.expand_dims(asarray(a), axis)


def squeeze(a: Any, axis: Any = None) -> ndarray:
    """Return a view without axes of length one."""
    return views.squeeze(asarray(a), axis)


def broadcast_to(array: Any, shape: Any, subok: bool = False) -> ndarray:
    """Return a view of `array` repeated to `shape`.

    Raises
    ------
    ValueError
        If it does not broadcast to `shape`.
    """
    return views.broadcast_to(asarray(array), shape)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[ndarray, ...]:
    """Return views of all arrays with the shape to which they broadcast together."""
    arrays = [asarray(a) for a in args]
    if not arrays:
        return ()
    try:
        shape = layout.broadcast_shape([a._shape for a in arrays])
    except ValueError:
        # NumPy's own error: its words tell which two do not fit.
        np.broadcast_shapes(*[a._shape for a in arrays])
        raise
    return tuple(views.broadcast_to(a, shape) for a in arrays)


def _at_least(a: ndarray, ndim: int) -> ndarray:
    if a.ndim >= ndim:
        return a
    if ndim == 3 and a.ndim:
        return views.expand_dims(a, 2 if a.ndim == 2 else (0, 2))
    return views.reshape(a, (1,) * (ndim - a.ndim) + a._shape)


def _each_at_least(arrays: tuple[Any, ...], ndim: int) -> Any:
    result = tuple(_at_least(asarray(a), ndim) for a in arrays)
    return result[0] if len(result) == 1 else result


def atleast_1d(*arys: Any) -> Any:
    """Return arrays with at least one axis."""
    return _each_at_least(arys, 1)


def atleast_2d(*arys: Any) -> Any:
    """Return arrays with at least two axes, new ones in front."""
    return _each_at_least(arys, 2)


def atleast_3d(*arys: Any) -> Any:
    """Return arrays with at least three axes, as `numpy.atleast_3d`."""
    return _each_at_least(arys, 3)


def tile(A: Any, reps: Any) -> ndarray:
    """Return an array made of `A` repeated along each axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.tile(ndgpu.arange(2), 2)
    array([0, 1, 0, 1])
    """
    a = asarray(A)
    counts = tuple(reps) if hasattr(reps, "__iter__") else (reps,)
    ndim = max(a.ndim, len(counts))
    counts = (1,) * (ndim - len(counts)) + tuple(operator.index(n) for n in counts)
    shape = (1,) * (ndim - a.ndim) + a._shape
    spread: list[int] = []
    wide: list[int] = []
    for n, count in zip(shape, counts, strict=True):
        spread += (1, n)
        wide += (count, n)
    repeated = views.broadcast_to(views.reshape(a, spread), wide)
    result = allocate(tuple(wide), a._dtype)
    casts.copy_into(result, repeated)
    return views.reshape(result, tuple(n * c for n, c in zip(shape, counts, strict=True)))


def flip(m: Any, axis: Any = None) -> ndarray:
    """Return a view with the order of elements along some axes (all by default) reversed."""
    m = asarray(m)
    axes = layout.normalize_axes(axis, m.ndim, strict=True)
    return m[tuple(slice(None, None, -1) if k in axes else slice(None) for k in range(m.ndim))]


def flipud(m: Any) -> ndarray:
    """Return a view with the first axis reversed."""
    m = asarray(m)
    if m.ndim < 1:
        raise ValueError("Input must be >= 1-d.")
    return flip(m, 0)


def fliplr(m: Any) -> ndarray:
    """Return a view with the second axis reversed."""
    m = asarray(m)
    if m.ndim < 2:
        raise ValueError("Input must be >= 2-d.")
    return flip(m, 1)


def rot90(m: Any, k: int = 1, axes: Any = (0, 1)) -> ndarray:
    """Return a view turned by 90 degrees `k` times, from the first towards the second axis."""
    m = asarray(m)
    if len(axes) != 2:
        raise ValueError("len(axes) must be 2.")
    first, second = (normalize_axis(axis, m.ndim) for axis in axes)
    if first == second:
        raise ValueError("Axes must be different.")
    k %= 4
    if k == 0:
        return m[:]
    if k == 2:
        return flip(flip(m, first), second)
    if k == 1:
        return views.swapaxes(flip(m, second), first, second)
    return flip(views.swapaxes(m, first, second), second)


def roll(a: Any, shift: Any, axis: Any = None) -> ndarray:
    """Return a copy with elements moved along axes, those past the end put in at the start.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.roll(ndgpu.arange(4), 1)
    array([3, 0, 1, 2])
    """
    a = asarray(a)
    if axis is None:
        return views.reshape(roll(views.ravel(a), shift, 0), a._shape)
    shifts, axes = np.broadcast_arrays(shift, axis)
    if shifts.ndim > 1:
        raise ValueError("'shift' and 'axis' should be scalars or 1D sequences")
    moved = [0] * a.ndim
    for s, k in zip(shifts.ravel().tolist(), axes.ravel().tolist(), strict=True):
        moved[normalize_axis(k, a.ndim)] += s
    result = allocate(a._shape, a._dtype)
    pieces: list[list[tuple[slice, slice]]] = []
    for n, s in zip(a._shape, moved, strict=True):
        s = s % n if n else 0
        whole = (slice(None), slice(None))
        pieces.append(
            [(slice(None, -s), slice(s, None)), (slice(-s, None), slice(None, s))] if s else [whole]
        )
    for choice in itertools.product(*pieces):
        source, target = tuple(p[0] for p in choice), tuple(p[1] for p in choice)
        casts.copy_into(result[target], a[source])
    return result


def copyto(dst: ndarray, src: Any, casting: Any = "same_kind", where: Any = True) -> None:
    """Copy `src` into `dst`, where `where` is true.

    Raises
    ------
    TypeError
        If `dst` is no device array, or `casting` does not allow it.
    """
    if not isinstance(dst, ndarray):
        raise TypeError(f"copyto: `dst` must be a device array, got {type(dst).__name__}")
    if not isinstance(src, ndarray):
        src = asarray(src, dst._dtype if isinstance(src, (int, float, complex)) else None)
    if not np.can_cast(src._dtype, dst._dtype, casting):
        raise TypeError(
            f"Cannot cast array data from {src._dtype!r} to {dst._dtype!r} according to the rule "
            f"'{casting}'"
        )
    if where is True:
        casts.copy_into(dst, src)
    else:
        mask = views.broadcast_to(asarray(where, bool), dst._shape)
        casts.copy_where(dst, src, mask)
