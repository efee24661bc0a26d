"""Linear systems and what follows from them: solve, inv, det, lstsq, pinv and their kin.

Guarantees: NumPy's shapes, dtypes and errors, over stacks of matrices.  What may raise
`LinAlgError` waits for the device; `lstsq` and `tensorsolve` do as well.
"""

from __future__ import annotations

import operator
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ndgpu.core import casts, layout, reductions, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import solvers
from ndgpu.linalg.decompositions import svd
from ndgpu.linalg.operands import (
    LinAlgError,
    broadcast_stacks,
    common_dtype,
    identity,
    real_dtype,
    square_matrices,
    stacked,
    unstacked,
    zeros,
)
from ndgpu.linalg.product import matmul

__all__ = [
    "SlogdetResult",
    "det",
    "inv",
    "lstsq",
    "matrix_power",
    "pinv",
    "slogdet",
    "solve",
    "tensorinv",
    "tensorsolve",
]


class SlogdetResult(NamedTuple):
    """Sign and logarithm of the absolute value of a determinant."""

    sign: Any
    logabsdet: Any


def solve(a: Any, b: Any) -> ndarray:
    """Solve ``a @ x = b``.

    Parameters
    ----------
    a : array-like, (..., m, m)
    b : array-like, (m,) or (..., m, k)
        One axis alone is a vector; stacks broadcast.

    Returns
    -------
    ndarray
        Of the shape of `b`, broadcast.

    Raises
    ------
    LinAlgError
        If `a` is singular or not square.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.solve(ndgpu.asarray([[2.0, 0.0], [1.0, 1.0]]), ndgpu.asarray([2.0, 3.0]))
    array([1., 2.])
    """
    a, b = square_matrices(a), asarray(b)
    dtype = common_dtype(a, b)
    vector = b.ndim == 1
    if b.ndim == 0:
        raise ValueError("solve: `b` needs at least one axis, and is a number")
    right = views.expand_dims(b, 1) if vector else b
    n, k = right._shape[-2:]
    if a._shape[-1] != n:
        raise ValueError(
            f"solve: `a` is {a._shape[-2]} by {a._shape[-1]} and `b` has {n} rows "
            f"(a.shape={a._shape}, b.shape={b._shape})"
        )
    stack = broadcast_stacks(a, right)
    if prod(stack) and n:
        if k == 0:  # a singular matrix raises even where nothing is asked for
            right = zeros((n, 1), dtype)
        left = stacked(views.broadcast_to(a, (*stack, n, n)), dtype)
        right = stacked(views.broadcast_to(right, (*stack, n, max(k, 1))), dtype)
        x = unstacked(solvers.current().solve(left, right), stack)
        if k == 0:
            x = allocate((*stack, n, k), dtype)
    else:
        x = allocate((*stack, n, k), dtype)
    if vector:
        x = views.reshape(x, (*stack, n))
        x._base = None
    return x


def inv(a: Any) -> ndarray:
    """Return the inverse of each square matrix.

    Parameters
    ----------
    a : array-like, (..., m, m)

    Raises
    ------
    LinAlgError
        If `a` is singular or not square.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.inv(ndgpu.asarray([[2.0, 0.0], [0.0, 4.0]]))
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    a = square_matrices(a)
    dtype = common_dtype(a)
    if a._size == 0:
        return allocate(a._shape, dtype)
    return unstacked(solvers.current().inv(stacked(a, dtype)), a._shape[:-2])


def slogdet(a: Any) -> SlogdetResult:
    """Return sign and logarithm of the absolute value of each determinant.

    Parameters
    ----------
    a : array-like, (..., m, m)

    Returns
    -------
    sign, logabsdet : ndarray, (...)
        The determinant is ``sign * exp(logabsdet)``; of a singular matrix 0 and -inf.

    Raises
    ------
    LinAlgError
        If `a` is not square.

    Examples
    --------
    >>> import ndgpu
    >>> sign, size = ndgpu.linalg.slogdet(ndgpu.asarray([[0.0, 1.0], [1.0, 0.0]]))
    >>> float(sign), float(size)
    (-1.0, 0.0)
    """
    a = square_matrices(a)
    dtype = common_dtype(a)
    stack = a._shape[:-2]
    if a._size == 0:
        sign = allocate(stack, dtype)
        casts.fill(sign, 1)
        return SlogdetResult(sign, zeros(stack, real_dtype(dtype)))
    sign, size = solvers.current().slogdet(stacked(a, dtype))
    return SlogdetResult(unstacked(sign, stack, 0), unstacked(size, stack, 0))


def det(a: Any) -> ndarray:
    """Return the determinant of each square matrix.

    Raises
    ------
    LinAlgError
        If `a` is not square.

    Examples
    --------
    >>> import ndgpu
    >>> round(float(ndgpu.linalg.det(ndgpu.asarray([[1.0, 2.0], [3.0, 4.0]]))), 10)
    -2.0
    """
    sign, size = slogdet(a)
    return TABLE["multiply"](sign, TABLE["exp"](size))


def tensorsolve(a: Any, b: Any, axes: Any = None) -> ndarray:
    """Solve ``tensordot(a, x, x.ndim) = b``.

    Parameters
    ----------
    a : array-like
        Of shape ``b.shape + x.shape``.
    b : array-like
    axes : sequence of int, optional
        Axes of `a` to put last first.

    Raises
    ------
    LinAlgError
        If the shapes do not fit, or `a` as a matrix is singular.
    """
    a, b = asarray(a), asarray(b)
    if axes is not None:
        order = list(range(a.ndim))
        for k in axes:
            order.remove(k)
            order.insert(a.ndim, k)
        a = views.transpose(a, order)
    shape = a._shape[-(a.ndim - b.ndim) :]
    size = prod(shape)
    if a._size != size**2:
        raise LinAlgError(
            "Input arrays must satisfy the requirement prod(a.shape[b.ndim:]) == "
            "prod(a.shape[:b.ndim])"
        )
    x = views.reshape(solve(views.reshape(a, (size, size)), views.ravel(b)), shape)
    x._base = None
    return x


def tensorinv(a: Any, ind: int = 2) -> ndarray:
    """Return the array whose `tensordot` with `a` over `ind` axes is the identity.

    Parameters
    ----------
    a : array-like
        ``prod(a.shape[:ind]) == prod(a.shape[ind:])``.
    ind : int
        How many of the first axes are the rows.

    Raises
    ------
    ValueError
        If `ind` is not positive.
    LinAlgError
        If `a` as a matrix is singular or not square.
    """
    a = asarray(a)
    if ind <= 0:
        raise ValueError("Invalid ind argument.")
    inverse = inv(views.reshape(a, (prod(a._shape[ind:]), -1)))
    return views.reshape(inverse, a._shape[ind:] + a._shape[:ind])


def matrix_power(a: Any, n: Any) -> ndarray:
    """Return each square matrix to the integer power `n`, by repeated squaring.

    Parameters
    ----------
    a : array-like, (..., m, m)
    n : int
        The inverse is taken first if it is negative.

    Raises
    ------
    LinAlgError
        If `a` is not square, or singular with a negative `n`.
    TypeError
        If `n` is no integer.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.matrix_power(ndgpu.asarray([[1, 1], [0, 1]]), 5)
    array([[1, 5],
           [0, 1]])
    """
    a = square_matrices(a)
    try:
        n = operator.index(n)
    except TypeError:
        raise TypeError("exponent must be an integer") from None
    if n == 0:
        return identity(a._shape[:-2], a._shape[-1], a._shape[-1], a._dtype)
    if n < 0:
        a, n = inv(a), -n
    if n == 3:
        return matmul(matmul(a, a), a)
    square = a
    while n % 2 == 0:
        n, square = n // 2, matmul(square, square)
    result = square
    while n := n // 2:
        square = matmul(square, square)
        if n % 2:
            result = matmul(result, square)
    return result


def lstsq(a: Any, b: Any, rcond: Any = None) -> tuple[ndarray, ndarray, Any, ndarray]:
    """Return the solution of least squares, of least norm among several.

    Found through the singular value decomposition, as by LAPACK's gelsd.

    Parameters
    ----------
    a : array-like, (m, n)
    b : array-like, (m,) or (m, k)
    rcond : float, optional
        Singular values below this part of the largest count as zero; the machine
        precision times ``max(m, n)`` by default, and if it is negative.

    Returns
    -------
    x : ndarray, (n,) or (n, k)
    residuals : ndarray, (1,) or (k,)
        Sums of squared differences; empty if `a` has not full rank or ``m <= n``.
    rank : numpy.int32
    s : ndarray, (min(m, n),)
        Singular values of `a`.

    Raises
    ------
    LinAlgError
        If the shapes do not fit.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.asarray([0.0, 1.0, 2.0])
    >>> a = ndgpu.stack([x, ndgpu.ones(3)], axis=1)
    >>> line = ndgpu.linalg.lstsq(a, 2 * x + 1)[0]
    >>> ndgpu.round(line, 6)
    array([2., 1.])
    """
    a, b = asarray(a), asarray(b)
    vector = b.ndim == 1
    right = views.expand_dims(b, 1) if vector else b
    for x in (a, right):
        if x.ndim != 2:
            raise LinAlgError(f"{x.ndim}-dimensional array given. Array must be two-dimensional")
    m, n = a._shape
    if m != right._shape[0]:
        raise LinAlgError("Incompatible dimensions")
    dtype = common_dtype(a, b)
    real = real_dtype(dtype)
    limit = -1.0 if rcond is None else float(rcond)
    if limit < 0:
        limit = _roundoff(dtype) * max(m, n)
    a, right = casts.astype(a, dtype, copy=False), casts.astype(right, dtype, copy=False)
    u, s, vh = svd(a, full_matrices=False)
    kept = TABLE["greater"](s, TABLE["multiply"](limit, s[:1]))
    # NumPy, too, gives a scalar, which is why this waits.
    rank = np.int32(int(reductions.count_nonzero(kept)))
    inverse = zeros(s._shape, s._dtype)
    TABLE["reciprocal"](s, out=inverse, where=kept)
    projected = matmul(_adjoint(u), right)
    x = matmul(_adjoint(vh), TABLE["multiply"](views.expand_dims(inverse, 1), projected))
    residuals = allocate((0,), real)
    if rank == n and m > n:
        rest = TABLE["absolute"](TABLE["subtract"](right, matmul(a, x)))
        residuals = reductions.sum(TABLE["square"](rest), 0)
    if vector:
        x = views.reshape(x, (n,))
        x._base = None
    return x, residuals, rank, s


def _roundoff(dtype: np.dtype) -> float:
    """The machine precision in which matrices of a dtype are decomposed on this device."""
    wide = solvers.current().widens
    return float(np.finfo(np.float64 if wide else real_dtype(dtype)).eps)


def _adjoint(a: ndarray) -> ndarray:
    return TABLE["conjugate"](a.mT) if a._dtype.kind == "c" else a.mT


_not_given: Any = np._NoValue


def pinv(a: Any, rcond: Any = None, hermitian: bool = False, *, rtol: Any = _not_given) -> ndarray:
    """Return the Moore-Penrose inverse of each matrix.

    Parameters
    ----------
    a : array-like, (..., m, n)
    rcond, rtol : array-like, optional
        Singular values up to this part of the largest count as zero: 1e-15 by default
        (more for float32 where it is not computed in float64), and the machine precision
        times ``max(m, n)`` for ``rtol=None``. One of the two.
    hermitian : bool
        Whether the matrices are Hermitian, which takes an easier decomposition.

    Returns
    -------
    ndarray, (..., n, m)

    Raises
    ------
    LinAlgError
        If the decomposition does not converge.
    ValueError
        If both `rcond` and `rtol` are given.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.pinv(ndgpu.asarray([[2.0], [0.0]]))
    array([[0.5, 0. ]])
    """
    a = asarray(a)
    if rcond is None:
        if rtol is _not_given:
            dtype = common_dtype(a)
            # Where float32 is not computed in float64, 1e-15 of the largest is noise.
            single = real_dtype(dtype).itemsize == 4 and not solvers.current().widens
            rcond = _roundoff(dtype) * max(a._shape[-2:]) if single else 1e-15
        elif rtol is None:
            rcond = max(a._shape[-2:]) * float(np.finfo(common_dtype(a)).eps)
        else:
            rcond = rtol
    elif rtol is not _not_given:
        raise ValueError("`rtol` and `rcond` can't be both set.")
    if a._size == 0 and 0 in a._shape[-2:]:
        return allocate(a._shape[:-2] + a._shape[:-3:-1], a._dtype)
    u, s, vh = svd(a, full_matrices=False, hermitian=hermitian)
    largest = reductions.max(s, -1, keepdims=True)
    kept = TABLE["greater"](s, TABLE["multiply"](asarray(rcond)[..., None], largest))
    inverse = zeros(layout.broadcast_shape([s._shape, kept._shape]), s._dtype)
    TABLE["reciprocal"](s, out=inverse, where=kept)
    return matmul(_adjoint(vh), TABLE["multiply"](inverse[..., None], _adjoint(u)))
