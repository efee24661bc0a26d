"""Finding what a mask selects: nonzero and compress, by a scan on the device.

Guarantees: three launches, and the host waits once, for the number of results, which is their
shape; the same again for each 2**28 elements of larger arrays, so that the scratch memory of
4 bytes an element stays below 1 GiB.
"""

from __future__ import annotations

import functools
from math import prod

import numpy as np

from ndgpu.core import casts, views
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.kernels.scan import Scan

__all__ = ["flat_nonzero", "nonzero"]

_BOOL, _INT32, _INT64 = np.dtype(bool), np.dtype(np.int32), np.dtype(np.int64)
_CHUNK = 2**28
"""Elements whose places are found at a time."""


@functools.cache
def _rank_kernel() -> Scan:
    return Scan("ndgpu_rank", _BOOL, _INT32, _INT32, "x0 + x1")


@functools.cache
def _place_kernel() -> Elementwise:
    return Elementwise(
        "ndgpu_place_selected",
        (
            Operand("flag", _BOOL),
            Operand("rank", _INT32),
            Operand("first", _INT64, "scalar"),
            Operand("y", _INT64, "rawout"),
        ),
        "if (flag) y[rank - 1] = first + i;",
    )


@functools.cache
def _axis_kernel() -> Elementwise:
    return Elementwise(
        "ndgpu_axis_index",
        (
            Operand("flat", _INT64),
            Operand("step", _INT64, "scalar"),
            Operand("length", _INT64, "scalar"),
            Operand("y", _INT64, "out"),
        ),
        "y = flat / step % length;",
    )


def flat_nonzero(a: ndarray) -> ndarray:
    """Return the places, in C order, of the elements that are not zero; waits for their number."""
    flags = casts.astype(a, _BOOL, "C", copy=False)
    flags = flags if flags._c_contiguous else casts.copy(flags)
    n = flags._size
    if n == 0:
        return allocate((0,), _INT64)
    flat = views.reshape(flags, (n,))
    parts = []
    for first in range(0, n, _CHUNK):
        length = min(_CHUNK, n - first)
        parts.append(_places(view_of(flat, (length,), flat._strides, first), first))
    if len(parts) == 1:
        return parts[0]
    result = allocate((sum([p._size for p in parts]),), _INT64)
    start = 0
    for part in parts:
        casts.copy_into(view_of(result, part._shape, result._strides, 8 * start), part)
        start += part._size
    return result


def _places(flags: ndarray, first: int) -> ndarray:
    """The places, counted from `first`, of the flags that are set."""
    n = flags._size
    ranks = allocate((n,), _INT32)
    _rank_kernel().launch(flags, ranks, (1, n, 1))
    total = int(view_of(ranks, (1,), ranks._strides, 4 * (n - 1)).get()[0])
    result = allocate((total,), _INT64)
    if total:
        _place_kernel().launch([flags, ranks, first, result], (n,))
    return result


def nonzero(a: ndarray) -> tuple[ndarray, ...]:
    """Return, for each axis, the indices of the elements that are not zero, in C order.

    The host waits for the device: the number of results is a property of the elements.

    Raises
    ------
    ValueError
        If the array has no axes.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.asarray([0, 3, 0, 4]).nonzero()
    (array([1, 3]),)
    """
    if a.ndim == 0:
        raise ValueError(
            "Calling nonzero on 0d arrays is not allowed. Use np.atleast_1d(scalar).nonzero() "
            "instead."
        )
    flat = flat_nonzero(a)
    if a.ndim == 1:
        return (flat,)
    result = []
    for axis, length in enumerate(a._shape):
        index = allocate(flat._shape, _INT64)
        if flat._size:
            _axis_kernel().launch([flat, prod(a._shape[axis + 1 :]), length, index], flat._shape)
        result.append(index)
    return tuple(result)
