"""Factors of matrices: Cholesky, QR, and singular values.

Guarantees: NumPy's shapes, dtypes and errors, over stacks of matrices.  What a
decomposition leaves open, such as the signs of singular vectors, may differ between
devices.  Each function waits for the device, since it may raise `LinAlgError`.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from ndgpu.core import sorting
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import solvers
from ndgpu.linalg.eigen import eigh, eigvalsh
from ndgpu.linalg.operands import (
    common_dtype,
    identity,
    matrices,
    real_dtype,
    square_matrices,
    stacked,
    unstacked,
    zeros,
)
from ndgpu.linalg.ordering import take_along

__all__ = ["QRResult", "SVDResult", "cholesky", "qr", "svd", "svdvals"]


class QRResult(NamedTuple):
    """Orthonormal columns, and the upper triangular factor."""

    Q: Any
    R: Any


class SVDResult(NamedTuple):
    """Left singular vectors, singular values, and right singular vectors as rows."""

    U: Any
    S: Any
    Vh: Any


def cholesky(a: Any, /, *, upper: bool = False) -> ndarray:
    """Return the Cholesky factor of each Hermitian positive definite matrix.

    Parameters
    ----------
    a : array-like, (..., m, m)
        Only the lower triangle is read, or the upper one.
    upper : bool
        Whether to return ``U`` with ``a = U.H @ U`` instead of ``L`` with ``a = L @ L.H``.

    Raises
    ------
    LinAlgError
        If a matrix is not positive definite, or not square.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.cholesky(ndgpu.asarray([[4.0, 2.0], [2.0, 5.0]]))
    array([[2., 0.],
           [1., 2.]])
    """
    a = square_matrices(a)
    dtype = common_dtype(a)
    if a._size == 0:
        return allocate(a._shape, dtype)
    return unstacked(solvers.current().cholesky(stacked(a, dtype), bool(upper)), a._shape[:-2])


def _qr_mode(mode: str) -> str:
    if mode in ("f", "full"):
        warnings.warn(
            "The 'full' option is deprecated in favor of 'reduced'.\n"
            "For backward compatibility let mode default.",
            DeprecationWarning,
            stacklevel=3,
        )
        return "reduced"
    if mode in ("e", "economic"):
        warnings.warn("The 'economic' option is deprecated.", DeprecationWarning, stacklevel=3)
        return "economic"
    if mode not in ("reduced", "complete", "r", "raw"):
        raise ValueError(f"Unrecognized mode '{mode}'")
    return mode


def qr(a: Any, mode: str = "reduced") -> Any:
    """Return the QR decomposition of each matrix, by Householder reflections.

    Parameters
    ----------
    a : array-like, (..., m, n)
    mode : {'reduced', 'complete', 'r', 'raw'}
        With ``k = min(m, n)``: Q (..., m, k) and R (..., k, n); Q (..., m, m) and
        R (..., m, n); R (..., k, n) alone; or the reflections as LAPACK's geqrf leaves
        them, transposed, (..., n, m), and their factors tau, (..., k).

    Returns
    -------
    QRResult, ndarray, or pair of ndarray

    Raises
    ------
    LinAlgError
        If `a` has fewer than two axes.
    ValueError
        For an unknown mode.

    Examples
    --------
    >>> import ndgpu
    >>> q, r = ndgpu.linalg.qr(ndgpu.asarray([[3.0, 1.0], [4.0, 2.0]]))
    >>> bool(ndgpu.allclose(q @ r, ndgpu.asarray([[3.0, 1.0], [4.0, 2.0]])))
    True
    """
    mode = _qr_mode(mode)
    a = matrices(a)
    dtype = common_dtype(a)
    stack, (m, n) = a._shape[:-2], a._shape[-2:]
    k = min(m, n)
    if a._size == 0:
        return _empty_qr(stack, m, n, mode, dtype)
    solver = solvers.current()
    given = stacked(a, dtype)
    if mode == "r":
        return unstacked(solver.qr_r(given), stack)
    if mode in ("raw", "economic"):
        packed, tau = solver.qr(given, "raw")
        if mode == "economic":
            return unstacked(packed.mT, stack)
        return unstacked(packed, stack), unstacked(tau, stack, 1)
    q, r = solver.qr(given, mode if m > n else "reduced")
    rows = m if mode == "complete" else k
    return QRResult(unstacked(q, stack), unstacked(r[:, :rows], stack))


def _empty_qr(stack: tuple[int, ...], m: int, n: int, mode: str, dtype: np.dtype) -> Any:
    k = min(m, n)
    if mode == "raw":
        return zeros((*stack, n, m), dtype), zeros((*stack, k), dtype)
    if mode == "economic":
        return zeros((*stack, m, n), dtype)
    rows = m if mode == "complete" else k
    r = zeros((*stack, k if mode == "r" else rows, n), dtype)
    return r if mode == "r" else QRResult(identity(stack, m, rows, dtype), r)


def svd(
    a: Any, full_matrices: bool = True, compute_uv: bool = True, hermitian: bool = False
) -> Any:
    """Return the singular value decomposition ``a = U @ diag(S) @ Vh`` of each matrix.

    Parameters
    ----------
    a : array-like, (..., m, n)
    full_matrices : bool
        Whether U is (..., m, m) and Vh (..., n, n); else they have
        ``k = min(m, n)`` columns and rows.
    compute_uv : bool
        Whether U and Vh are wanted.
    hermitian : bool
        Whether the matrices are Hermitian: the lower triangle decides.

    Returns
    -------
    SVDResult, or ndarray
        The singular values, (..., k), are real and descend; alone if not `compute_uv`.

    Raises
    ------
    LinAlgError
        If the iteration does not converge, as with NaN in the matrix.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.svd(ndgpu.asarray([[0.0, 3.0], [4.0, 0.0]]), compute_uv=False)
    array([4., 3.])
    """
    a = asarray(a)
    if hermitian:
        return _svd_hermitian(a, compute_uv)
    a = matrices(a)
    dtype = common_dtype(a)
    stack, (m, n) = a._shape[:-2], a._shape[-2:]
    k = min(m, n)
    if a._size == 0:
        s = zeros((*stack, k), real_dtype(dtype))
        if not compute_uv:
            return s
        left, right = (m, n) if full_matrices else (k, k)
        return SVDResult(identity(stack, m, left, dtype), s, identity(stack, right, n, dtype))
    if not compute_uv:
        return unstacked(solvers.current().svdvals(stacked(a, dtype)), stack, 1)
    u, s, vh = solvers.current().svd(stacked(a, dtype), bool(full_matrices))
    return SVDResult(unstacked(u, stack), unstacked(s, stack, 1), unstacked(vh, stack))


def _svd_hermitian(a: ndarray, compute_uv: bool) -> Any:
    """Take the decomposition from eigenvalues, whose absolute values are the singular ones."""
    if not compute_uv:
        return sorting.sort(TABLE["absolute"](eigvalsh(a)))[..., ::-1]
    w, u = eigh(a)
    sign, s = TABLE["copysign"](w._dtype.type(1), w), TABLE["absolute"](w)
    order = sorting.argsort(s)[..., ::-1]
    sign, s = (take_along(x, order) for x in (sign, s))
    u = take_along(u, order[..., None, :])
    vh = TABLE["multiply"](u, sign[..., None, :]).mT
    return SVDResult(u, s, TABLE["conjugate"](vh) if vh._dtype.kind == "c" else vh)


def svdvals(x: Any, /) -> ndarray:
    """Return the singular values of each matrix, descending; see `svd`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.svdvals(ndgpu.asarray([[0.0, 3.0], [4.0, 0.0]]))
    array([4., 3.])
    """
    return svd(x, compute_uv=False)
