"""Decompositions by NumPy's own LAPACK, on matrices that the processor reads in place.

The way where the driver says that the processor shares the device's page tables and
there is no cuSOLVER.  Each call waits for the current stream, since from then on it is
the processor's turn, and what it returns is complete.  NumPy computes float32 in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core.in_place import host_view
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.linalg.operands import complex_dtype

__all__ = ["LapackSolver"]


def _given(a: ndarray) -> np.ndarray:
    runtime.get_current_stream().synchronize()
    return host_view(a)


def _taken(values: Any, dtype: np.dtype) -> ndarray:
    """Copy what NumPy made to memory of the device."""
    result = allocate(values.shape, dtype)
    if result._size:
        host_view(result)[...] = values
    return result


class LapackSolver:
    """The decompositions of a stack by NumPy; see `ndgpu.linalg.solvers.Solver`."""

    widens = True

    def solve(self, a: ndarray, b: ndarray) -> ndarray:
        """Solve ``a @ x = b``."""
        return _taken(np.linalg.solve(_given(a), _given(b)), b._dtype)

    def inv(self, a: ndarray) -> ndarray:
        """Invert."""
        return _taken(np.linalg.inv(_given(a)), a._dtype)

    def slogdet(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return sign and logarithm of the absolute value of the determinants."""
        sign, size = np.linalg.slogdet(_given(a))
        return _taken(sign, sign.dtype), _taken(size, size.dtype)

    def cholesky(self, a: ndarray, upper: bool) -> ndarray:
        """Factor Hermitian positive definite matrices, of which one triangle is read."""
        given = _given(a)
        if not upper:
            return _taken(np.linalg.cholesky(given), a._dtype)
        # NumPy before 2.0 reads the lower triangle only.
        factor = np.linalg.cholesky(given.conj().swapaxes(-1, -2))
        return _taken(factor.conj().swapaxes(-1, -2), a._dtype)

    def qr(self, a: ndarray, mode: str) -> tuple[ndarray, ndarray]:
        """Return (Q, R), or what LAPACK's geqrf leaves: (packed transposed, tau) for 'raw'."""
        first, second = np.linalg.qr(_given(a), mode)  # type: ignore[call-overload]
        return _taken(first, a._dtype), _taken(second, a._dtype)

    def qr_r(self, a: ndarray) -> ndarray:
        """Return R alone."""
        return _taken(np.linalg.qr(_given(a), "r"), a._dtype)

    def svd(self, a: ndarray, full: bool) -> tuple[ndarray, ndarray, ndarray]:
        """Return U, the singular values and V transposed and conjugated."""
        u, s, vh = np.linalg.svd(_given(a), full)
        return _taken(u, a._dtype), _taken(s, s.dtype), _taken(vh, a._dtype)

    def svdvals(self, a: ndarray) -> ndarray:
        """Return the singular values alone."""
        s = np.linalg.svd(_given(a), compute_uv=False)
        return _taken(s, s.dtype)

    def eigh(self, a: ndarray, lower: bool) -> tuple[ndarray, ndarray]:
        """Return eigenvalues, ascending, and eigenvectors of Hermitian matrices."""
        w, v = np.linalg.eigh(_given(a), "L" if lower else "U")
        return _taken(w, w.dtype), _taken(v, a._dtype)

    def eigvalsh(self, a: ndarray, lower: bool) -> ndarray:
        """Return the eigenvalues of Hermitian matrices alone."""
        w = np.linalg.eigvalsh(_given(a), "L" if lower else "U")
        return _taken(w, w.dtype)

    def eig(self, a: ndarray) -> tuple[ndarray, ndarray]:
        """Return eigenvalues and eigenvectors, complex."""
        dtype = complex_dtype(a._dtype)
        w, v = np.linalg.eig(_given(a))
        return _taken(w, dtype), _taken(v, dtype)

    def eigvals(self, a: ndarray) -> ndarray:
        """Return the eigenvalues alone, complex."""
        return _taken(np.linalg.eigvals(_given(a)), complex_dtype(a._dtype))
