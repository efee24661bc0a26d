"""Small changes of arrays: to an array, to a dtype, to a smaller shape."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import is_array

__all__ = ["force_array", "force_type", "size_of_shape", "sum_to"]

Array = Any


def force_array(x: Any, dtype: Any = None) -> Array:
    """Return `x` as an array: NumPy's operations make scalars of arrays without axes.

    Parameters
    ----------
    x : array or number
    dtype : dtype, optional
        To convert to.

    Examples
    --------
    >>> from nnrun.utils import force_array
    >>> force_array(np.float32(3.0))
    array(3., dtype=float32)
    """
    if not is_array(x):
        return np.asarray(x, dtype)
    return x if dtype is None else x.astype(dtype, copy=False)


def force_type(dtype: Any, value: Any) -> Any:
    """Return a number, or a floating array, as that dtype; other values as they are.

    Examples
    --------
    >>> from nnrun.utils import force_type
    >>> force_type(np.dtype("f"), 3)
    np.float32(3.0)
    """
    if isinstance(value, (int, float, np.generic)) and not isinstance(value, bool):
        return np.dtype(dtype).type(value)
    if is_array(value) and value.dtype != dtype:
        return value.astype(dtype)
    return value


def size_of_shape(shape: Sequence[int]) -> int:
    """Return how many elements an array of that shape has.

    Examples
    --------
    >>> from nnrun.utils import size_of_shape
    >>> size_of_shape((2, 3))
    6
    """
    return math.prod(shape)


def sum_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Sum an array over the axes along which `shape` would be broadcast to its own.

    Parameters
    ----------
    x : array
    shape : tuple of int
        That can be broadcast to ``x.shape``.

    Returns
    -------
    array, shape `shape`

    Examples
    --------
    >>> from nnrun.utils import sum_to
    >>> sum_to(np.ones((2, 3)), (1, 3))
    array([[2., 2., 2.]])
    """
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1
    )
    y = x.sum(axis=axes, keepdims=True) if axes else x
    return y.reshape(shape)
