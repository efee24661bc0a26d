"""Functions that CuPy has beyond NumPy: scatters into an array, the reciprocal square root.

The scatters are the ``at`` of a ufunc under another name: repeated indices act repeatedly, in
order, so results repeat bit by bit.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["rsqrt", "scatter_add", "scatter_max", "scatter_min"]


def scatter_add(a: ndarray, slices: Any, value: Any) -> None:
    """Add `value` to the elements ``a[slices]``, in place; repeated ones repeatedly.

    Parameters
    ----------
    a : ndarray
    slices : index
    value : array-like
        Broadcasts to the shape of ``a[slices]``.

    Examples
    --------
    >>> import ndgpu
    >>> a = ndgpu.zeros(3)
    >>> ndgpu.scatter_add(a, [0, 0, 2], 1.0)
    >>> a
    array([2., 0., 1.])
    """
    TABLE["add"].at(a, slices, value)


def scatter_max(a: ndarray, slices: Any, value: Any) -> None:
    """Raise the elements ``a[slices]`` to at least `value`, in place; see `scatter_add`."""
    TABLE["maximum"].at(a, slices, value)


def scatter_min(a: ndarray, slices: Any, value: Any) -> None:
    """Lower the elements ``a[slices]`` to at most `value`, in place; see `scatter_add`."""
    TABLE["minimum"].at(a, slices, value)


@functools.cache
def _rsqrt_kernel(source: np.dtype, target: np.dtype) -> Elementwise:
    computed = compute_dtype(target)
    return Elementwise(
        "ndgpu_rsqrt",
        (Operand("x", source, "in", computed), Operand("y", target, "out", computed)),
        "y = rsqrt(x);",
    )


def rsqrt(x: Any) -> ndarray:
    """Return ``1 / sqrt(x)`` of each element, in one step.

    Raises
    ------
    TypeError
        If `x` is complex.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.rsqrt(ndgpu.asarray([1.0, 4.0]))
    array([1. , 0.5])
    """
    a = asarray(x)
    if a._dtype.kind == "c":
        raise TypeError(f"rsqrt: `x` must be real, not of dtype {a._dtype}")
    target = as_dtype(np.sqrt.resolve_dtypes((np.dtype(a._dtype), None))[1])
    result = allocate(a._shape, target)
    if result._size:
        _rsqrt_kernel(a._dtype, target).launch([a, result], a._shape)
    return result
