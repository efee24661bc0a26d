"""Columns of matrices put into another order, in one launch."""

from __future__ import annotations

import functools

import numpy as np

from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["take_along"]

_INT64 = np.dtype(np.int64)


@functools.cache
def _kernel(dtype: np.dtype) -> Elementwise:
    return Elementwise(
        "ndgpu_take_columns",
        (
            Operand("x", dtype, "raw"),
            Operand("order", _INT64),
            Operand("length", _INT64, "scalar"),
            Operand("y", dtype, "out"),
        ),
        "y = x[i - i % length + order];",
    )


def take_along(a: ndarray, order: ndarray) -> ndarray:
    """Return ``a`` with its last axis in an order that broadcasts to its shape.

    Parameters
    ----------
    a : ndarray, (..., n)
    order : ndarray of int64, (..., n)
        Indices below n; axes of length one are repeated.
    """
    result = allocate(a._shape, a._dtype)
    if a._size:
        _kernel(a._dtype).launch([a, order, a._shape[-1], result], a._shape)
    return result
