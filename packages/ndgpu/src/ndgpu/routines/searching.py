"""Choosing and finding: where, nonzero, argwhere and their kin."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.core import indexing, layout, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.routines.joining import stack

__all__ = ["argwhere", "flatnonzero", "nonzero", "where"]


@functools.cache
def _where_kernel(condition: np.dtype, x: Any, y: Any, result: np.dtype) -> Elementwise:
    operands = [Operand("c", condition, "in", np.dtype(bool))]
    for name, kind in (("x", x), ("y", y)):
        scalar = isinstance(kind, type)
        operands.append(
            Operand(name, result if scalar else kind, "scalar" if scalar else "in", result)
        )
    operands.append(Operand("z", result, "out"))
    return Elementwise("ndgpu_where", operands, "z = c ? x : y;")


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    """Return elements of `x` where `condition` is true, and of `y` elsewhere.

    Parameters
    ----------
    condition : array-like
    x, y : array-like or number, optional
        Without them the result is that of ``condition.nonzero()``.

    Returns
    -------
    ndarray
        Of the shape to which all three broadcast.

    Raises
    ------
    ValueError
        If only one of `x` and `y` is given, or the shapes do not broadcast.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.arange(4)
    >>> ndgpu.where(x > 1, x, -x)
    array([ 0, -1,  2,  3])
    """
    condition = asarray(condition)
    if x is None and y is None:
        return indexing.nonzero(condition)
    if x is None or y is None:
        raise ValueError("either both or neither of x and y should be given")
    operands: list[Any] = []
    for value in (x, y):
        number = isinstance(value, (int, float, complex, np.generic)) or (
            isinstance(value, np.ndarray) and value.ndim == 0
        )
        operands.append(value[()] if isinstance(value, np.ndarray) and number else value)
        if not number:
            operands[-1] = asarray(value)
    kind = as_dtype(np.result_type(*[v._dtype if isinstance(v, ndarray) else v for v in operands]))
    kinds: list[Any] = [v._dtype if isinstance(v, ndarray) else type(v) for v in operands]
    shapes = [v._shape for v in (condition, *operands) if isinstance(v, ndarray)]
    result = allocate(layout.broadcast_shape(shapes), kind)
    kernel = _where_kernel(condition._dtype, *kinds, kind)
    kernel.launch([condition, *operands, result], result._shape)
    return result


def nonzero(a: Any) -> tuple[ndarray, ...]:
    """Return the indices of the elements that are not zero; waits for the device."""
    return indexing.nonzero(asarray(a))


def flatnonzero(a: Any) -> ndarray:
    """Return the indices in the flat array of what is not zero; waits for the device."""
    return indexing.nonzero(views.ravel(asarray(a)))[0]


def argwhere(a: Any) -> ndarray:
    """Return the indices of what is not zero, one row for each; waits for the device."""
    a = asarray(a)
    if a.ndim == 0:
        return argwhere(views.reshape(a, (1,)))[:, :0]
    return stack(indexing.nonzero(a), 1)
