"""NumPy arrays in pinned memory, which copies to and from a device can overlap with other work."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ndgpu.runtime.allocator import alloc_pinned_memory

__all__ = ["empty_like_pinned", "empty_pinned", "zeros_like_pinned", "zeros_pinned"]


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    """Return a NumPy array in pinned memory, its elements arbitrary.

    Parameters
    ----------
    shape : int or tuple of int
        The shape.
    dtype : dtype
        The type of the elements.
    order : {"C", "F"}
        Which index changes fastest in memory: the last, or the first.

    Returns
    -------
    numpy.ndarray
        It keeps the memory, which goes back to the pool with the last view of it.

    Examples
    --------
    >>> import ndgpu as xp
    >>> host = xp.empty_pinned((2, 3), xp.float32)
    >>> xp.ones((2, 3), xp.float32).get(out=host)
    array([[1., 1., 1.],
           [1., 1., 1.]], dtype=float32)
    """
    shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    dtype = np.dtype(dtype)
    count = math.prod(shape)
    memory: Any = alloc_pinned_memory(count * dtype.itemsize)
    as_given: Any = order
    return np.ndarray(shape, dtype, memory, order=as_given)


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    """Return a NumPy array of zeros in pinned memory; the parameters are `empty_pinned`'s.

    Examples
    --------
    >>> import ndgpu as xp
    >>> xp.zeros_pinned(3)
    array([0., 0., 0.])
    """
    array = empty_pinned(shape, dtype, order)
    array.fill(0)
    return array


def empty_like_pinned(
    a: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> np.ndarray:
    """Return a NumPy array in pinned memory, shaped as another one, its elements arbitrary.

    Parameters
    ----------
    a : array
        Of NumPy or of ndgpu: what the rest is like unless it is given.
    dtype : dtype, optional
        The type of the elements.
    order : {"C", "F", "A", "K"}
        Which index changes fastest: the last, the first, or as in `a` ("A": the first if `a` is
        so, else the last; "K": as close to `a` as can be).
    subok : None
        Not supported.
    shape : int or tuple of int, optional
        The shape.

    Examples
    --------
    >>> import ndgpu as xp
    >>> xp.empty_like_pinned(xp.ones((2, 3), xp.int8)).shape
    (2, 3)
    """
    if subok is not None:
        raise TypeError("empty_like_pinned: `subok` is not supported; the result is an ndarray")
    shape = a.shape if shape is None else shape
    shape = tuple(shape) if hasattr(shape, "__iter__") else (shape,)
    dtype = a.dtype if dtype is None else dtype
    if order in ("A", "K"):
        first = a.flags.f_contiguous and not a.flags.c_contiguous
        if order == "K" and not (first or a.flags.c_contiguous) and len(shape) == a.ndim:
            # The axes as they lie in `a`, from the slowest to the fastest.
            axes = sorted(range(a.ndim), key=lambda axis: -abs(a.strides[axis]))
            array = empty_pinned(tuple(shape[axis] for axis in axes), dtype)
            return array.transpose(np.argsort(axes))
        order = "F" if first else "C"
    return empty_pinned(shape, dtype, order)


def zeros_like_pinned(
    a: Any, dtype: Any = None, order: str = "K", subok: None = None, shape: Any = None
) -> np.ndarray:
    """Return zeros in pinned memory, shaped as another array; as `empty_like_pinned`.

    Examples
    --------
    >>> import ndgpu as xp
    >>> xp.zeros_like_pinned(xp.ones(2, xp.int8))
    array([0, 0], dtype=int8)
    """
    array = empty_like_pinned(a, dtype, order, subok, shape)
    array.fill(0)
    return array
