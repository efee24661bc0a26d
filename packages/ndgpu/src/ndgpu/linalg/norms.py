"""Norms, condition numbers and ranks.

Guarantees: NumPy's shapes, dtypes and errors.  What needs singular values waits for the
device; so do `cond`, and `matrix_rank` of one matrix, which is a Python-sized answer.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, reductions, views
from ndgpu.core.layout import normalize_axis
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg import solvers
from ndgpu.linalg.decompositions import svd, svdvals
from ndgpu.linalg.operands import LinAlgError, common_dtype, square_matrices, stacked, unstacked

__all__ = ["cond", "matrix_norm", "matrix_rank", "norm", "vector_norm"]


def _squares(x: ndarray) -> ndarray:
    if x._dtype.kind != "c":
        return TABLE["square"](x)
    return TABLE["add"](TABLE["square"](x.real), TABLE["square"](x.imag))


def _vector_norm(x: ndarray, ord: Any, axis: int, keepdims: bool) -> ndarray:
    if ord is None or ord == 2:
        return TABLE["sqrt"](reductions.sum(_squares(x), axis, keepdims=keepdims))
    if isinstance(ord, str):
        raise ValueError(f"Invalid norm order '{ord}' for vectors")
    size = TABLE["absolute"](x)
    if ord == np.inf:
        return reductions.max(size, axis, keepdims=keepdims, initial=0)
    if ord == -np.inf:
        return reductions.min(size, axis, keepdims=keepdims)
    if ord == 0:
        nonzero = casts.astype(TABLE["not_equal"](x, 0), size._dtype)
        return reductions.sum(nonzero, axis, keepdims=keepdims)
    if ord == 1:
        return reductions.sum(size, axis, keepdims=keepdims)
    powers = TABLE["power"](size, ord)
    total = reductions.sum(powers, axis, keepdims=keepdims)
    # NumPy takes the reciprocal in the dtype of the sums.
    return TABLE["power"](total, np.reciprocal(ord, dtype=total._dtype))


def _of_singular_values(x: ndarray, rows: int, columns: int, ord: Any) -> ndarray:
    s = svdvals(views.moveaxis(x, (rows, columns), (-2, -1)))
    if ord == "nuc":
        return reductions.sum(s, -1)
    if ord == 2:
        return reductions.max(s, -1, initial=0)
    return reductions.min(s, -1)


def _matrix_norm(x: ndarray, ord: Any, rows: int, columns: int) -> ndarray:
    if ord in (None, "fro", "f"):
        return TABLE["sqrt"](reductions.sum(_squares(x), (rows, columns)))
    if ord in (2, -2, "nuc"):
        return _of_singular_values(x, rows, columns, ord)
    if ord in (1, -1, np.inf, -np.inf):
        inner, outer = (columns, rows) if abs(ord) == np.inf else (rows, columns)
        sums = reductions.sum(TABLE["absolute"](x), inner)
        outer -= outer > inner
        if ord > 0:
            return reductions.max(sums, outer, initial=0)
        return reductions.min(sums, outer)
    raise ValueError("Invalid norm order for matrices.")


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> ndarray:
    """Return the norm of vectors or matrices.

    Parameters
    ----------
    x : array-like
    ord : {None, 'fro', 'nuc', inf, -inf, number}
        Which norm; None is the root of the sum of squares. Of a vector: any number. Of a
        matrix: 'fro', 'nuc' (the sum of the singular values), 1, -1 (columns), inf, -inf
        (rows), 2 or -2 (the largest and smallest singular value).
    axis : int or pair of int, optional
        The vectors or matrices of a larger array; all axes by default.
    keepdims : bool
        Whether reduced axes stay, with length one.

    Raises
    ------
    ValueError
        For an unknown norm, or more than two axes.
    numpy.exceptions.AxisError
        If there is no such axis.
    LinAlgError
        If singular values do not converge.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.norm(ndgpu.asarray([3.0, 4.0]))
    array(5.)
    >>> ndgpu.linalg.norm(ndgpu.asarray([[3.0, 0.0], [0.0, 4.0]]), ord=2)
    array(4.)
    """
    x = asarray(x)
    if x._dtype.kind in "iub":
        x = casts.astype(x, np.float64)
    ndim = x.ndim
    if axis is None:
        if ord is None or (ord in ("f", "fro") and ndim == 2) or (ord == 2 and ndim == 1):
            result = TABLE["sqrt"](reductions.sum(_squares(views.ravel(x, "K"))))
            return views.reshape(result, (1,) * ndim) if keepdims else result
        axis = tuple(range(ndim))
    elif not isinstance(axis, tuple):
        try:
            axis = (int(axis),)
        except (TypeError, ValueError):
            raise TypeError("'axis' must be None, an integer or a tuple of integers") from None
    if len(axis) == 1:
        return _vector_norm(x, ord, normalize_axis(axis[0], ndim), keepdims)
    if len(axis) != 2:
        raise ValueError("Improper number of dimensions to norm.")
    rows, columns = (normalize_axis(k, ndim) for k in axis)
    if rows == columns:
        raise ValueError("Duplicate axes given.")
    result = _matrix_norm(x, ord, rows, columns)
    if keepdims:
        shape = [1 if k in (rows, columns) else n for k, n in enumerate(x._shape)]
        result = views.reshape(result, tuple(shape))
    return result


def matrix_norm(x: Any, /, *, keepdims: bool = False, ord: Any = "fro") -> ndarray:
    """Return the norm of each matrix in the last two axes; see `norm`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.matrix_norm(ndgpu.asarray([[3.0, 0.0], [0.0, 4.0]]), ord=1)
    array(4.)
    """
    return norm(x, ord, (-2, -1), keepdims)


def vector_norm(x: Any, /, *, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> ndarray:
    """Return the norm of vectors along one or more axes; all elements by default.

    Parameters
    ----------
    x : array-like
    axis : int or tuple of int, optional
        Several axes together make one vector.
    keepdims : bool
        Whether reduced axes stay, with length one.
    ord : number
        See `norm`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.vector_norm(ndgpu.asarray([[3.0, 0.0], [0.0, 4.0]]))
    array(5.)
    """
    x = asarray(x)
    ndim = x.ndim
    given = tuple(range(ndim)) if axis is None else axis if isinstance(axis, tuple) else (axis,)
    axes = tuple(normalize_axis(k, ndim) for k in given)
    if len(set(axes)) != len(axes):
        raise ValueError("repeated axis")
    kept = tuple(k for k in range(ndim) if k not in axes)
    rest = tuple(x._shape[k] for k in kept)
    lines = views.transpose(x, axes + kept) if ndim else x
    lines = views.reshape(lines, (prod(x._shape[k] for k in axes), *rest))
    result = norm(lines, ord, 0)
    if keepdims:
        shape = [1 if k in axes else n for k, n in enumerate(x._shape)]
        result = views.reshape(result, tuple(shape))
    return result


def cond(x: Any, p: Any = None) -> ndarray:
    """Return the condition number of each matrix.

    Parameters
    ----------
    x : array-like, (..., m, n)
    p : {None, 1, -1, 2, -2, inf, -inf, 'fro', 'nuc'}
        Which norm; None is 2. Other norms than 2 and -2 need square matrices.

    Returns
    -------
    ndarray, (...)
        Infinite for singular matrices.

    Raises
    ------
    LinAlgError
        If the matrices are empty, or not square where they must be.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.cond(ndgpu.asarray([[2.0, 0.0], [0.0, 0.5]]))
    array(4.)
    """
    x = asarray(x)
    if x._size == 0 and 0 in x._shape[-2:]:
        raise LinAlgError("cond is not defined on empty arrays")
    if p is None or p in (2, -2):
        s = svdvals(x)
        first, last = s[..., 0], s[..., -1]
        ratio = TABLE["divide"](last, first) if p == -2 else TABLE["divide"](first, last)
    else:
        x = square_matrices(x)
        ratio = TABLE["multiply"](norm(x, p, (-2, -1)), norm(_inverse_or_nan(x), p, (-2, -1)))
    unknown = TABLE["isnan"](ratio)
    if bool(reductions.any(unknown)):
        given = reductions.any(TABLE["isnan"](x), (-2, -1))
        unknown = TABLE["logical_and"](unknown, TABLE["logical_not"](given))
        casts.copy_where(ratio, asarray(np.full((), np.inf, ratio._dtype)), unknown)
    return ratio


def _inverse_or_nan(x: ndarray) -> ndarray:
    """Invert each matrix; NaN where one is singular."""
    dtype = common_dtype(x)
    given = stacked(x, dtype)
    solver = solvers.current()
    try:
        inverse = solver.inv(given)
    except LinAlgError:
        # Seldom: the matrices at fault are found one by one.
        inverse = casts.copy(given)
        for k in range(given._shape[0]):
            try:
                casts.copy_into(inverse[k], solver.inv(given[k : k + 1])[0])
            except LinAlgError:
                casts.fill(inverse[k], np.nan)
    return unstacked(inverse, x._shape[:-2])


def matrix_rank(A: Any, tol: Any = None, hermitian: bool = False, *, rtol: Any = None) -> Any:
    """Return the rank of each matrix: how many singular values are not negligible.

    Parameters
    ----------
    A : array-like, (..., m, n)
        One axis or none has rank 1 unless it is all zeros.
    tol : array-like, optional
        Singular values up to this count as zero; ``rtol`` times the largest by default.
    hermitian : bool
        Whether the matrices are Hermitian.
    rtol : array-like, optional
        The machine precision times ``max(m, n)`` by default.

    Raises
    ------
    ValueError
        If both `tol` and `rtol` are given.

    Examples
    --------
    >>> import ndgpu
    >>> int(ndgpu.linalg.matrix_rank(ndgpu.asarray([[1.0, 2.0], [2.0, 4.0]])))
    1
    """
    if rtol is not None and tol is not None:
        raise ValueError("`tol` and `rtol` can't be both set.")
    A = asarray(A)
    if A.ndim < 2:
        return int(not bool(reductions.all(TABLE["equal"](A, 0))))
    s = svd(A, compute_uv=False, hermitian=hermitian)
    if tol is None:
        if rtol is None:
            rtol = max(A._shape[-2:]) * np.finfo(s._dtype).eps
        else:
            rtol = asarray(rtol)[..., None]
        limit = TABLE["multiply"](reductions.max(s, -1, keepdims=True, initial=0), rtol)
    else:
        limit = asarray(tol)[..., None]
    return reductions.count_nonzero(TABLE["greater"](s, limit), axis=-1)
