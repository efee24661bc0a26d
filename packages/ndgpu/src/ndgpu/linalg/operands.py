"""What every function of linear algebra does with its arguments first.

Guarantees: NumPy's dtypes (integers are computed as float64, float16 and bfloat16 are
refused) and NumPy's errors, and one form for all that follow: a *stack*, an array of
shape (count, rows, columns).
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.linalg import LinAlgError

from ndgpu.core import casts, layout, views
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray

__all__ = [
    "LinAlgError",
    "broadcast_stacks",
    "common_dtype",
    "complex_dtype",
    "diagonal",
    "identity",
    "matrices",
    "real_dtype",
    "square_matrices",
    "stacked",
    "unstacked",
    "zeros",
]

_REAL = {np.dtype(c): np.dtype(r) for c, r in ("ff", "dd", "Ff", "Dd")}
_COMPLEX = {np.dtype(r): np.dtype(c) for r, c in ("fF", "dD", "FF", "DD")}


def real_dtype(dtype: np.dtype) -> np.dtype:
    """Return the dtype of the parts of a number: float64 for complex128."""
    return _REAL[dtype]


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """Return the complex dtype with parts of this precision: complex64 for float32."""
    return _COMPLEX[dtype]


def common_dtype(*arrays: ndarray) -> np.dtype:
    """Return the dtype of a computation: float32 or float64, or complex of these.

    Raises
    ------
    TypeError
        For 16-bit floats, which linear algebra has not got in NumPy either.
    """
    double = complicated = False
    for a in arrays:
        dtype = a._dtype
        if dtype in _REAL:
            double |= _REAL[dtype].itemsize == 8
            complicated |= dtype.kind == "c"
        elif dtype.kind in "iub":
            double = True
        else:
            raise TypeError(f"array type {dtype.name} is unsupported in linalg")
    real = np.dtype(np.float64 if double else np.float32)
    return _COMPLEX[real] if complicated else real


def matrices(a: Any) -> ndarray:
    """Return `a` as an array of matrices.

    Raises
    ------
    LinAlgError
        If it has fewer than two axes.
    """
    a = asarray(a)
    if a.ndim < 2:
        raise LinAlgError(
            f"{a.ndim}-dimensional array given. Array must be at least two-dimensional"
        )
    return a


def square_matrices(a: Any) -> ndarray:
    """Return `a` as an array of square matrices.

    Raises
    ------
    LinAlgError
        If it has fewer than two axes, or the last two differ in length.
    """
    a = matrices(a)
    if a._shape[-1] != a._shape[-2]:
        raise LinAlgError("Last 2 dimensions of the array must be square")
    return a


def stacked(a: ndarray, dtype: np.dtype) -> ndarray:
    """View (or cast and copy) an array of matrices as (count, rows, columns) of `dtype`."""
    a = casts.astype(a, dtype, copy=False)
    return views.reshape(a, (prod(a._shape[:-2]), *a._shape[-2:]))


def unstacked(a: ndarray, stack: Shape, matrix_axes: int = 2) -> ndarray:
    """Give the first axis of a result the shape `stack`; the result owns its memory."""
    kept = a._shape[a.ndim - matrix_axes :]
    result = views.reshape(a, stack + kept)
    if a._base is None:
        result._base = None
    return result


def zeros(shape: Shape, dtype: np.dtype) -> ndarray:
    """Return a new array of zeros."""
    result = allocate(shape, dtype)
    casts.fill(result, 0)
    return result


def diagonal(a: ndarray) -> ndarray:
    """View the diagonals of the last two axes."""
    return views.diagonal(a, 0, -2, -1)


def identity(stack: Shape, rows: int, columns: int, dtype: np.dtype) -> ndarray:
    """Return matrices with ones on their diagonals, in an array that may be written."""
    result = zeros((*stack, rows, columns), dtype)
    casts.copy_into(diagonal(result), asarray(np.ones((), dtype)))
    return result


def broadcast_stacks(a: ndarray, b: ndarray) -> Shape:
    """Return the shape to which the axes before the last two broadcast."""
    return layout.broadcast_shape([a._shape[:-2], b._shape[:-2]])
