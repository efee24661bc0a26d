"""Helpers for functions of arrays, as `numpy.lib.array_utils`."""

from __future__ import annotations

from numpy.lib.array_utils import normalize_axis_index, normalize_axis_tuple

from ndgpu.core import layout
from ndgpu.core.ndarray import ndarray

__all__ = ["byte_bounds", "normalize_axis_index", "normalize_axis_tuple"]


def byte_bounds(a: ndarray) -> tuple[int, int]:
    """Return the device addresses of an array's first byte, and past its last.

    Examples
    --------
    >>> low, high = byte_bounds(ndgpu.zeros(4, dtype="f4")[::-1])
    >>> high - low
    16
    """
    low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
    return a._ptr + low, a._ptr + high
