"""Softmax and its logarithm over one axis, and their gradients: by cuDNN, or by ufuncs."""

from __future__ import annotations

from math import prod
from typing import Any

from ndgpu.core import casts, layout, reductions
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn

__all__ = ["softmax", "softmax_backward"]

_ACCURATE, _LOG = 1, 2
_CHANNEL = 1


def _library(x: ndarray) -> CuDnn | None:
    if x._size == 0 or x._size >= 2**31 or binding.data_type(x._dtype) is None:
        return None
    return binding.current()


def _checked(name: str, x: Any, axis: int) -> tuple[ndarray, int, tuple[int, ...]]:
    """Return the array, dense, the axis from the front, and the shape that cuDNN sees."""
    x = asarray(x)
    if x._dtype.kind in "iubc":
        raise TypeError(f"{name}: expected a real floating array, got {x._dtype}")
    axis = layout.normalize_axis(axis, x.ndim)
    shape = (prod(x._shape[:axis]), x._shape[axis], prod(x._shape[axis + 1 :]), 1)
    return casts.astype(x, x._dtype, "C", copy=False), axis, shape


def softmax(x: Any, axis: int = 1, *, log: bool = False) -> ndarray:
    """Return ``exp(x) / sum(exp(x))`` over an axis, without overflow.

    Parameters
    ----------
    x : array-like
    axis : int
    log : bool
        Whether the logarithm of that is wanted.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.
    TypeError
        If `x` is not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cudnn.softmax(ndgpu.asarray([[1.0, 1.0]]))
    array([[0.5, 0.5]])
    """
    x, axis, shape = _checked("softmax", x, axis)
    y = allocate(x._shape, x._dtype)
    library = _library(x)
    if library is not None:
        described = library.tensor(x, shape)
        one, zero = binding.scalars(x._dtype)
        way = _LOG if log else _ACCURATE
        given = (one, described, x._ptr, zero, described, y._ptr)
        library.calls.cudnnSoftmaxForward(library.handle(), way, _CHANNEL, *given)
        return y
    if x._size:
        wide = casts.astype(x, compute_dtype(x._dtype), copy=False)
        shifted = TABLE["subtract"](wide, reductions.max(wide, axis, keepdims=True))
        powers = TABLE["exp"](shifted)
        total = reductions.sum(powers, axis, keepdims=True)
        casts.copy_into(y, shifted - TABLE["log"](total) if log else powers / total)
    return y


def softmax_backward(y: Any, gy: Any, axis: int = 1, *, log: bool = False) -> ndarray:
    """Return the gradient of `softmax` by `x`, from its result and the gradient by that.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If `y` is not real and floating.
    """
    y, axis, shape = _checked("softmax_backward", y, axis)
    gy = casts.astype(asarray(gy), y._dtype, "C", copy=False)
    if gy._shape != y._shape:
        raise ValueError(f"softmax_backward: `gy` must be {y._shape}, got {gy._shape}")
    gx = allocate(y._shape, y._dtype)
    library = _library(y)
    if library is not None:
        described = library.tensor(y, shape)
        one, zero = binding.scalars(y._dtype)
        way = _LOG if log else _ACCURATE
        given = (one, described, y._ptr, described, gy._ptr, zero, described, gx._ptr)
        library.calls.cudnnSoftmaxBackward(library.handle(), way, _CHANNEL, *given)
        return gx
    if y._size:
        wide, slope = (casts.astype(a, compute_dtype(y._dtype), copy=False) for a in (y, gy))
        if log:
            total = reductions.sum(slope, axis, keepdims=True)
            casts.copy_into(gx, slope - TABLE["exp"](wide) * total)
        else:
            total = reductions.sum(slope * wide, axis, keepdims=True)
            casts.copy_into(gx, (slope - total) * wide)
    return gx
