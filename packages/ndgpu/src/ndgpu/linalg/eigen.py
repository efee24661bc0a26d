"""Eigenvalues and eigenvectors of matrices.

Guarantees: NumPy's shapes, dtypes and errors, over stacks of matrices.  Each function
waits for the device, since it may raise `LinAlgError`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ndgpu.core import casts, reductions
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import solvers
from ndgpu.linalg.operands import (
    LinAlgError,
    common_dtype,
    real_dtype,
    square_matrices,
    stacked,
    unstacked,
)

__all__ = ["EigResult", "EighResult", "eig", "eigh", "eigvals", "eigvalsh"]


class EigResult(NamedTuple):
    """Eigenvalues, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


class EighResult(NamedTuple):
    """Eigenvalues, ascending, and eigenvectors as columns."""

    eigenvalues: Any
    eigenvectors: Any


def _lower(UPLO: str) -> bool:
    triangle = UPLO.upper()
    if triangle not in ("L", "U"):
        raise ValueError("UPLO argument must be 'L' or 'U'")
    return triangle == "L"


def eigh(a: Any, UPLO: str = "L") -> EighResult:
    """Return eigenvalues and eigenvectors of each Hermitian or symmetric matrix.

    Parameters
    ----------
    a : array-like, (..., m, m)
    UPLO : {'L', 'U'}
        Which triangle is read.

    Returns
    -------
    eigenvalues : ndarray, (..., m)
        Real and ascending.
    eigenvectors : ndarray, (..., m, m)
        Orthonormal columns.

    Raises
    ------
    LinAlgError
        If `a` is not square, or the iteration does not converge.

    Examples
    --------
    >>> import ndgpu
    >>> w, v = ndgpu.linalg.eigh(ndgpu.asarray([[2.0, 1.0], [1.0, 2.0]]))
    >>> ndgpu.round(w, 6)
    array([1., 3.])
    """
    lower = _lower(UPLO)
    a = square_matrices(a)
    dtype = common_dtype(a)
    stack = a._shape[:-2]
    if a._size == 0:
        return EighResult(allocate(a._shape[:-1], real_dtype(dtype)), allocate(a._shape, dtype))
    w, v = solvers.current().eigh(stacked(a, dtype), lower)
    return EighResult(unstacked(w, stack, 1), unstacked(v, stack))


def eigvalsh(a: Any, UPLO: str = "L") -> ndarray:
    """Return the eigenvalues of each Hermitian or symmetric matrix, ascending; see `eigh`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.round(ndgpu.linalg.eigvalsh(ndgpu.asarray([[2.0, 1.0], [1.0, 2.0]])), 6)
    array([1., 3.])
    """
    lower = _lower(UPLO)
    a = square_matrices(a)
    dtype = common_dtype(a)
    if a._size == 0:
        return allocate(a._shape[:-1], real_dtype(dtype))
    return unstacked(solvers.current().eigvalsh(stacked(a, dtype), lower), a._shape[:-2], 1)


def _finite(a: Any) -> ndarray:
    a = square_matrices(a)
    common_dtype(a)
    if not bool(reductions.all(TABLE["isfinite"](a))):
        raise LinAlgError("Array must not contain infs or NaNs")
    return a


def _narrowed(dtype: np.dtype, w: ndarray, *others: ndarray) -> tuple[ndarray, ...]:
    """Drop imaginary parts where the matrices were real and all eigenvalues are."""
    if dtype.kind == "c" or bool(reductions.any(TABLE["not_equal"](w.imag, 0))):
        return w, *others
    return tuple(casts.copy(x.real) for x in (w, *others))


def eig(a: Any) -> EigResult:
    """Return eigenvalues and right eigenvectors of each square matrix.

    Where the device has neither LAPACK nor a cuSOLVER of CUDA 12.6 or newer, the matrices
    go to the host and the results come back.

    Parameters
    ----------
    a : array-like, (..., m, m)

    Returns
    -------
    eigenvalues : ndarray, (..., m)
        In no order. Complex, unless `a` is real and so are all of them.
    eigenvectors : ndarray, (..., m, m)
        Columns of norm one.

    Raises
    ------
    LinAlgError
        If `a` is not square, holds inf or NaN, or the iteration does not converge.

    Examples
    --------
    >>> import ndgpu
    >>> w, v = ndgpu.linalg.eig(ndgpu.asarray([[2.0, 0.0], [0.0, 3.0]]))
    >>> w
    array([2., 3.])
    """
    a = _finite(a)
    dtype = common_dtype(a)
    stack = a._shape[:-2]
    if a._size == 0:
        return EigResult(allocate(a._shape[:-1], dtype), allocate(a._shape, dtype))
    w, v = _narrowed(dtype, *solvers.current().eig(stacked(a, dtype)))
    return EigResult(unstacked(w, stack, 1), unstacked(v, stack))


def eigvals(a: Any) -> ndarray:
    """Return the eigenvalues of each square matrix; see `eig`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.eigvals(ndgpu.asarray([[0.0, -1.0], [1.0, 0.0]])).imag.get().tolist()
    [1.0, -1.0]
    """
    a = _finite(a)
    dtype = common_dtype(a)
    if a._size == 0:
        return allocate(a._shape[:-1], dtype)
    (w,) = _narrowed(dtype, solvers.current().eigvals(stacked(a, dtype)))
    return unstacked(w, a._shape[:-2], 1)
