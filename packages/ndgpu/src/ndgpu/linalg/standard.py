"""Functions of the array API standard that NumPy has in ``numpy.linalg`` as well.

They take fewer arguments than those of the main namespace, and check more.
"""

from __future__ import annotations

from typing import Any

from ndgpu.core import reductions, views
from ndgpu.core.layout import normalize_axis
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.linalg import product

__all__ = ["cross", "diagonal", "matmul", "matrix_transpose", "outer", "tensordot", "trace"]


def matmul(x1: Any, x2: Any, /) -> ndarray:
    """Return the matrix product of two arrays; see `ndgpu.matmul`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.matmul(ndgpu.asarray([[1.0, 2.0]]), ndgpu.asarray([3.0, 4.0]))
    array([11.])
    """
    return product.matmul(x1, x2)


def tensordot(x1: Any, x2: Any, /, *, axes: Any = 2) -> ndarray:
    """Return the sum of products over pairs of axes; see `ndgpu.tensordot`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.tensordot(ndgpu.ones((2, 3)), ndgpu.ones((3, 2)), axes=1).shape
    (2, 2)
    """
    return product.tensordot(x1, x2, axes)


def matrix_transpose(x: Any, /) -> ndarray:
    """Return a view with the last two axes exchanged.

    Raises
    ------
    ValueError
        If there are fewer than two axes.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.matrix_transpose(ndgpu.ones((4, 2, 3))).shape
    (4, 3, 2)
    """
    return product.matrix_transpose(x)


def outer(x1: Any, x2: Any, /) -> ndarray:
    """Return the products of each element of one vector with each of another.

    Raises
    ------
    ValueError
        If one has not exactly one axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.outer(ndgpu.asarray([1, 2]), ndgpu.asarray([3, 4]))
    array([[3, 4],
           [6, 8]])
    """
    x1, x2 = asarray(x1), asarray(x2)
    if x1.ndim != 1 or x2.ndim != 1:
        raise ValueError(
            "Input arrays must be one-dimensional, but they are "
            f"x1.ndim={x1.ndim} and x2.ndim={x2.ndim}."
        )
    return product.outer(x1, x2)


def diagonal(x: Any, /, *, offset: int = 0) -> ndarray:
    """Return a view of the diagonal of each matrix.

    Parameters
    ----------
    x : array-like, (..., m, n)
    offset : int
        How far above the main diagonal; negative is below.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.diagonal(ndgpu.asarray([[1, 2], [3, 4]]))
    array([1, 4])
    """
    return views.diagonal(asarray(x), offset, -2, -1)


def trace(x: Any, /, *, offset: int = 0, dtype: Any = None) -> ndarray:
    """Return the sum of the diagonal of each matrix.

    Parameters
    ----------
    x : array-like, (..., m, n)
    offset : int
        How far above the main diagonal; negative is below.
    dtype : dtype-like, optional
        Of the sum; that of `sum` by default.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.trace(ndgpu.asarray([[1, 2], [3, 4]]))
    array(5)
    """
    return reductions.sum(diagonal(x, offset=offset), -1, dtype)


def cross(x1: Any, x2: Any, /, *, axis: int = -1) -> ndarray:
    """Return the cross product of vectors of three elements.

    Raises
    ------
    ValueError
        If vectors have another number of elements.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linalg.cross(ndgpu.asarray([1, 2, 3]), ndgpu.asarray([4, 5, 6]))
    array([-3,  6, -3])
    """
    x1, x2 = asarray(x1), asarray(x2)
    lengths = [x._shape[normalize_axis(axis, x.ndim)] for x in (x1, x2)]
    if lengths != [3, 3]:
        raise ValueError(
            "Both input arrays must be (arrays of) 3-dimensional vectors, but they are "
            f"{lengths[0]} and {lengths[1]} dimensional instead."
        )
    return product.cross(x1, x2, axis=axis)
