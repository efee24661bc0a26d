"""Views of an array's memory under other strides, as `numpy.lib.stride_tricks`.

Guarantees: no copy is made; a view that would reach outside the array's memory is refused,
which NumPy leaves to the user.
"""

from __future__ import annotations

from typing import Any

from ndgpu.core import layout, views
from ndgpu.core.ndarray import ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.routines.manipulation import broadcast_arrays, broadcast_to

__all__ = ["as_strided", "broadcast_arrays", "broadcast_to", "sliding_window_view"]


def as_strided(
    x: Any,
    shape: Any = None,
    strides: Any = None,
    subok: bool = False,
    writeable: bool = True,
) -> ndarray:
    """Return a view with another shape and other strides, in bytes.

    Parameters
    ----------
    x : array-like
    shape, strides : sequence of int, optional
        Those of `x` by default.
    subok, writeable : bool
        Accepted as in NumPy; device arrays are always writeable.

    Raises
    ------
    ValueError
        If shape and strides have different lengths, or the view would reach outside the
        memory that `x` was allocated in.

    Examples
    --------
    >>> import ndgpu
    >>> as_strided(ndgpu.arange(4), (3, 2), (8, 8))
    array([[0, 1],
           [1, 2],
           [2, 3]])
    """
    a = asarray(x)
    shape = a._shape if shape is None else layout.as_shape(shape)
    strides = a._strides if strides is None else tuple([int(s) for s in strides])
    if len(shape) != len(strides):
        raise ValueError(
            f"as_strided: `shape` has {len(shape)} entries but `strides` has {len(strides)}"
        )
    low, high = layout.extent(shape, strides, a._dtype.itemsize)
    memory = a if a._base is None else a._base
    first, last = layout.extent(memory._shape, memory._strides, memory._dtype.itemsize)
    offset = a._ptr - memory._ptr
    if high > low and (offset + low < first or offset + high > last):
        raise ValueError(
            f"as_strided: the view would reach bytes {offset + low} to {offset + high} of an array "
            f"that holds bytes {first} to {last}"
        )
    return view_of(a, shape, strides)


def sliding_window_view(
    x: Any,
    window_shape: Any,
    axis: Any = None,
    *,
    subok: bool = False,
    writeable: bool = False,
) -> ndarray:
    """Return a view of all windows of an array: the windows' axes come last.

    Parameters
    ----------
    x : array-like
    window_shape : int or sequence of int
        Size of the window along each of `axis`.
    axis : int or sequence of int, optional
        All by default; an axis may come again.
    subok, writeable : bool
        Accepted as in NumPy; device arrays are always writeable.

    Raises
    ------
    ValueError
        If a window is negative or longer than its axis, or there are not as many as axes.

    Examples
    --------
    >>> import ndgpu
    >>> sliding_window_view(ndgpu.arange(4), 3)
    array([[0, 1, 2],
           [1, 2, 3]])
    """
    a = asarray(x)
    sizes = layout.as_shape(window_shape) if _entries_positive(window_shape) else ()
    if axis is None:
        axes = tuple(range(a.ndim))
        if len(sizes) != a.ndim:
            raise ValueError(
                f"Since axis is None, must provide window_shape for all dimensions of `x`; got "
                f"{len(sizes)} window_shape elements and `x.ndim` is {a.ndim}."
            )
    else:
        given = (axis,) if layout.is_integer(axis) else tuple(axis)
        axes = tuple([layout.normalize_axis(k, a.ndim) for k in given])
        if len(sizes) != len(axes):
            raise ValueError(
                f"Must provide matching length window_shape and axis; got {len(sizes)} "
                f"window_shape elements and {len(axes)} axes elements."
            )
    shape = list(a._shape)
    for k, size in zip(axes, sizes, strict=True):
        if shape[k] < size:
            raise ValueError("window shape cannot be larger than input array shape")
        shape[k] -= size - 1
    strides = a._strides + tuple([a._strides[k] for k in axes])
    return view_of(views.reshape(a, a._shape), (*shape, *sizes), strides)


def _entries_positive(window_shape: Any) -> bool:
    entries = (window_shape,) if layout.is_integer(window_shape) else tuple(window_shape)
    if any(n < 0 for n in entries):
        raise ValueError("`window_shape` cannot contain negative values")
    return True
