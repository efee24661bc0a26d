"""Arrays that show another array's memory: reshape, transpose, squeeze and their kin.

A view is returned wherever NumPy returns one; `reshape`, `ravel` and `flatten`
copy only where no strides can show the elements in the wanted order.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import Shape, normalize_axis
from ndgpu.core.ndarray import allocate, ndarray, view_of

__all__ = [
    "broadcast_to",
    "diagonal",
    "expand_dims",
    "flatten",
    "imag",
    "moveaxis",
    "ravel",
    "real",
    "reshape",
    "squeeze",
    "swapaxes",
    "transpose",
    "view",
]


def reshape(a: ndarray, shape: Any, order: str = "C", copy: bool | None = None) -> ndarray:
    """Return the elements of `a` in another shape, as `numpy.reshape`.

    Parameters
    ----------
    a : ndarray
        Any shape.
    shape : int or sequence of int
        One entry may be -1: it is worked out from the size.
    order : {'C', 'F', 'A'}
        Order in which elements are read and placed.
    copy : bool, optional
        True always copies; False never does; None copies if it must.

    Raises
    ------
    ValueError
        If the size differs, or ``copy=False`` and a copy is needed.
    """
    new_shape = layout.infer_shape(shape, a._size)
    if order == "A":
        order = "F" if a._f_contiguous and not a._c_contiguous else "C"
    if order == "F":
        return reshape(a.T, new_shape[::-1], "C", copy).T
    if order != "C":
        raise ValueError(f"order must be one of 'C', 'F', or 'A' (got {order!r})")
    if copy:
        return reshape(casts.copy(a), new_shape)
    itemsize = a._dtype.itemsize
    if a._c_contiguous:
        return view_of(a, new_shape, layout.c_strides(new_shape, itemsize), 0, True)
    strides = layout.reshaped_strides(a._shape, a._strides, new_shape, itemsize)
    if strides is not None:
        return view_of(a, new_shape, strides)
    if copy is False:
        raise ValueError("Unable to avoid creating a copy while reshaping.")
    return reshape(casts.copy(a), new_shape)


def ravel(a: ndarray, order: str = "C") -> ndarray:
    """Return the elements along one axis; a view where `order` allows it."""
    if order == "K":
        return reshape(_memory_order(a), (a._size,))
    return reshape(a, (a._size,), order)


def flatten(a: ndarray, order: str = "C") -> ndarray:
    """Return a copy of the elements along one axis."""
    if order == "K":
        a, order = _memory_order(a), "C"
    return reshape(a, (a._size,), order, copy=True)


def _memory_order(a: ndarray) -> ndarray:
    return transpose(a, sorted(range(a.ndim), key=lambda axis: -abs(a._strides[axis])))


def transpose(a: ndarray, axes: Any = None) -> ndarray:
    """Return a view of `a` with its axes in the order `axes`, or in reverse order.

    Raises
    ------
    ValueError
        If `axes` is no permutation of the axes.
    """
    if axes is None:
        return a.T
    ndim = len(a._shape)
    if layout.is_integer(axes):
        axes = (axes,)
    if len(axes) != ndim:
        raise ValueError("axes don't match array")
    axes = [normalize_axis(axis, ndim) for axis in axes]
    if len(set(axes)) != ndim:
        raise ValueError("repeated axis in transpose")
    return view_of(a, tuple([a._shape[k] for k in axes]), tuple([a._strides[k] for k in axes]))


def swapaxes(a: ndarray, axis1: Any, axis2: Any) -> ndarray:
    """Return a view of `a` with two axes exchanged."""
    axes = list(range(a.ndim))
    first, second = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    axes[first], axes[second] = axes[second], axes[first]
    return transpose(a, axes)


def moveaxis(a: ndarray, source: Any, destination: Any) -> ndarray:
    """Return a view of `a` with some axes moved, the others in their order.

    Raises
    ------
    ValueError
        If `source` and `destination` differ in number, or name an axis twice.
    """
    sources = _axes_in_order(source, a.ndim, "source")
    destinations = _axes_in_order(destination, a.ndim, "destination")
    if len(sources) != len(destinations):
        raise ValueError(
            "`source` and `destination` arguments must have the same number of elements"
        )
    order = [axis for axis in range(a.ndim) if axis not in sources]
    for to, axis in sorted(zip(destinations, sources, strict=True)):
        order.insert(to, axis)
    return transpose(a, order)


def _axes_in_order(axis: Any, ndim: int, name: str) -> list[int]:
    entries = [axis] if layout.is_integer(axis) else list(axis)
    axes = [normalize_axis(entry, ndim) for entry in entries]
    if len(set(axes)) != len(axes):
        raise ValueError(f"repeated axis in `{name}` argument")
    return axes


def squeeze(a: ndarray, axis: Any = None) -> ndarray:
    """Return a view of `a` without its axes of length one, or without those in `axis`.

    Raises
    ------
    ValueError
        If an axis in `axis` has another length.
    """
    if axis is None:
        gone = {k for k, n in enumerate(a._shape) if n == 1}
    else:
        gone = set(layout.normalize_axes(axis, a.ndim))
        if any(a._shape[k] != 1 for k in gone):
            raise ValueError("cannot select an axis to squeeze out which has size not equal to one")
    kept = [k for k in range(a.ndim) if k not in gone]
    return view_of(a, tuple(a._shape[k] for k in kept), tuple(a._strides[k] for k in kept))


def expand_dims(a: ndarray, axis: Any) -> ndarray:
    """Return a view of `a` with axes of length one put in at the places `axis`."""
    places = axis if isinstance(axis, (tuple, list)) else (axis,)
    ndim = a.ndim + len(places)
    new = layout.normalize_axes(tuple(places), ndim)
    shape, strides = iter(a._shape), iter(a._strides)
    return view_of(
        a,
        tuple(1 if k in new else next(shape) for k in range(ndim)),
        tuple(0 if k in new else next(strides) for k in range(ndim)),
    )


def broadcast_to(a: ndarray, shape: Any) -> ndarray:
    """Return a view of `a` repeated along new and length-one axes to `shape`.

    Raises
    ------
    ValueError
        If `a` does not broadcast to `shape`.
    """
    target: Shape = layout.as_shape(shape)
    if target == a._shape:
        return view_of(a, a._shape, a._strides)
    try:
        strides = layout.broadcast_strides(a._shape, a._strides, target)
    except ValueError:
        raise ValueError(
            "operands could not be broadcast together with remapped shapes "
            f"[original->remapped]: {a._shape} and requested shape {target}"
        ) from None
    return view_of(a, target, strides)


def diagonal(a: ndarray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
    """Return a view of the diagonals of two axes; they become the last axis."""
    if a.ndim < 2:
        raise ValueError("diag requires an array of at least two dimensions")
    first, second = normalize_axis(axis1, a.ndim), normalize_axis(axis2, a.ndim)
    if first == second:
        raise ValueError("axis1 and axis2 cannot be the same")
    rows, columns = a._shape[first], a._shape[second]
    offset = operator.index(offset)  # a small integer of NumPy's would overflow below
    length = max(min(rows + min(offset, 0), columns - max(offset, 0)), 0)
    start = 0
    if length:
        start = a._strides[second] * offset if offset >= 0 else a._strides[first] * -offset
    kept = [k for k in range(a.ndim) if k not in (first, second)]
    shape = tuple(a._shape[k] for k in kept) + (length,)
    strides = tuple(a._strides[k] for k in kept) + (a._strides[first] + a._strides[second],)
    return view_of(a, shape, strides, start)


def _component(a: ndarray, index: int) -> ndarray:
    dtype = np.dtype(np.float32 if a._dtype.itemsize == 8 else np.float64)
    result = view_of(a, a._shape, a._strides, index * dtype.itemsize)
    result._dtype = dtype
    result._c_contiguous = layout.is_c_contiguous(a._shape, a._strides, dtype.itemsize)
    return result


def real(a: ndarray) -> ndarray:
    """Return the real part of `a`, a view; `a` itself if it is not complex."""
    return _component(a, 0) if a._dtype.kind == "c" else a


def imag(a: ndarray) -> ndarray:
    """Return the imaginary part of `a`: a view if it is complex, else zeros."""
    if a._dtype.kind == "c":
        return _component(a, 1)
    result = allocate(a._shape, a._dtype)
    casts.fill(result, 0)
    return result


def view(a: ndarray, dtype: Any = None) -> ndarray:
    """Return the memory of `a` read as `dtype`, as `numpy.ndarray.view`.

    Raises
    ------
    ValueError
        If the item sizes differ and the last axis is not contiguous, or does not
        divide evenly.
    """
    if dtype is None:
        return view_of(a, a._shape, a._strides)
    dtype = as_dtype(dtype)
    old, new = a._dtype.itemsize, dtype.itemsize
    shape, strides = a._shape, a._strides
    if old != new:
        if not shape:
            raise ValueError(
                "Changing the dtype of a 0d array is only supported if the itemsize is unchanged"
            )
        if a._size > 1 and shape[-1] != 1 and strides[-1] != old:
            raise ValueError(
                "To change to a dtype of a different size, the last axis must be contiguous"
            )
        nbytes = shape[-1] * old
        if nbytes % new:
            raise ValueError(
                "When changing to a larger dtype, its size must be a divisor of the total size "
                "in bytes of the last axis of the array."
            )
        shape = shape[:-1] + (nbytes // new,)
        strides = strides[:-1] + (new,)
    result = view_of(a, shape, strides)
    result._dtype = dtype
    result._c_contiguous = layout.is_c_contiguous(shape, strides, new)
    return result
