"""Convolutions (cross-correlations) of any number of spatial axes, and their gradients.

Where the driver can run cuDNN, by the algorithm that is fastest for the shape within
`Settings.workspace_limit`, chosen once and kept.  Elsewhere windows of the padded array
are multiplied with the weights, one product for each group.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn, Descriptor
from ndgpu.cudnn.settings import get_settings
from ndgpu.cudnn.windows import output_lengths, padded, per_axis, taps, windows
from ndgpu.linalg.precisions import get_precision
from ndgpu.linalg.product import tensordot

__all__ = ["convolution", "convolution_backward_data", "convolution_backward_filter"]


class _Geometry(NamedTuple):
    """Everything about a convolution but the elements."""

    x: Shape
    w: Shape
    y: Shape
    stride: tuple[int, ...]
    pad: tuple[int, ...]
    dilation: tuple[int, ...]
    groups: int


def _geometry(
    name: str, x: Shape, w: Shape, stride: Any, pad: Any, dilation: Any, groups: int
) -> _Geometry:
    axes = len(x) - 2
    if axes < 1 or len(w) != len(x):
        raise ValueError(
            f"{name}: `x` must be (count, channels, spatial...) and `w` (out, in / groups, "
            f"spatial...), got {x} and {w}"
        )
    if groups < 1 or x[1] != w[1] * groups or w[0] % groups:
        raise ValueError(
            f"{name}: `w` has {w[1]} input channels and {w[0]} output channels for {groups} "
            f"groups, but `x` has {x[1]} channels (x.shape={x}, w.shape={w})"
        )
    steps = per_axis(stride, axes, "stride", 1), per_axis(pad, axes, "pad", 0)
    dilations = per_axis(dilation, axes, "dilation", 1)
    lengths = output_lengths(x[2:], w[2:], steps[1], steps[0], dilations)
    return _Geometry(x, w, (x[0], w[0], *lengths), *steps, dilations, groups)


def _floats(name: str, *arrays: ndarray) -> list[ndarray]:
    """Return C-contiguous arrays of their common floating dtype."""
    dtype = as_dtype(np.result_type(*(a._dtype for a in arrays)))
    if dtype.kind in "iubc":
        raise TypeError(f"{name}: expected real floating arrays, got {dtype}")
    return [casts.astype(a, dtype, "C", copy=False) for a in arrays]


def convolution(
    x: Any,
    w: Any,
    b: Any = None,
    *,
    stride: Any = 1,
    pad: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> ndarray:
    """Return the cross-correlation of `x` with the filters of `w`.

    Parameters
    ----------
    x : array-like, (count, channels, spatial...)
    w : array-like, (out, channels / groups, window...)
    b : array-like, (out,), optional
        Added to each output channel.
    stride, pad, dilation : int or sequence of int
        For all spatial axes, or for each.
    groups : int
        Into how many groups channels are parted; each filter sees one.

    Returns
    -------
    ndarray, (count, out, spatial...)

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the arrays are not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.ones((1, 1, 3, 3))
    >>> ndgpu.cudnn.convolution(x, ndgpu.ones((1, 1, 2, 2)))
    array([[[[4., 4.],
             [4., 4.]]]])
    """
    x, w = asarray(x), asarray(w)
    given = [x, w] if b is None else [x, w, asarray(b)]
    g = _geometry("convolution", x._shape, w._shape, stride, pad, dilation, groups)
    x, w, *bias = _floats("convolution", *given)
    if bias and bias[0]._shape != (w._shape[0],):
        raise ValueError(f"convolution: `b` must be ({w._shape[0]},), got {bias[0]._shape}")
    y = allocate(g.y, x._dtype)
    if y._size:
        library = binding.current()
        if 0 in g.w or 0 in g.x:
            casts.fill(y, 0)
        elif library is None or not _by_cudnn(library, "Forward", g, x, w, y):
            _forward(g, x, w, y)
        for values in bias:
            channels = views.reshape(values, (-1,) + (1,) * (len(g.x) - 2))
            TABLE["add"](y, channels, out=y)
    return y


def convolution_backward_data(
    w: Any,
    gy: Any,
    shape: Sequence[int],
    *,
    stride: Any = 1,
    pad: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> ndarray:
    """Return the gradient of `convolution` by `x`; also a transposed convolution.

    Parameters
    ----------
    w : array-like, (out, channels / groups, window...)
    gy : array-like, (count, out, spatial...)
        The gradient by the result.
    shape : sequence of int
        Of `x`.
    stride, pad, dilation, groups
        See `convolution`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the arrays are not real and floating.
    """
    name = "convolution_backward_data"
    w, gy = _floats(name, asarray(w), asarray(gy))
    g = _geometry(name, tuple(shape), w._shape, stride, pad, dilation, groups)
    if gy._shape != g.y:
        raise ValueError(f"{name}: `gy` must have shape {g.y}, got {gy._shape}")
    gx = allocate(g.x, w._dtype)
    if gx._size:
        library = binding.current()
        if gy._size == 0 or w._size == 0:
            casts.fill(gx, 0)
        elif library is None or not _by_cudnn(library, "BackwardData", g, w, gy, gx):
            _backward_data(g, w, gy, gx)
    return gx


def convolution_backward_filter(
    x: Any,
    gy: Any,
    shape: Sequence[int],
    *,
    stride: Any = 1,
    pad: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> ndarray:
    """Return the gradient of `convolution` by `w`.

    Parameters
    ----------
    x : array-like, (count, channels, spatial...)
    gy : array-like, (count, out, spatial...)
        The gradient by the result.
    shape : sequence of int
        Of `w`.
    stride, pad, dilation, groups
        See `convolution`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the arrays are not real and floating.
    """
    name = "convolution_backward_filter"
    x, gy = _floats(name, asarray(x), asarray(gy))
    g = _geometry(name, x._shape, tuple(shape), stride, pad, dilation, groups)
    if gy._shape != g.y:
        raise ValueError(f"{name}: `gy` must have shape {g.y}, got {gy._shape}")
    gw = allocate(g.w, x._dtype)
    if gw._size:
        library = binding.current()
        if gy._size == 0 or x._size == 0:
            casts.fill(gw, 0)
        elif library is None or not _by_cudnn(library, "BackwardFilter", g, x, gy, gw):
            _backward_filter(g, x, gy, gw)
    return gw


# -- by products of windows -----------------------------------------------------------


def _parts(g: _Geometry, channels: int) -> list[slice]:
    size = channels // g.groups
    return [slice(k * size, (k + 1) * size) for k in range(g.groups)]


def _forward(g: _Geometry, x: ndarray, w: ndarray, y: ndarray) -> None:
    axes = len(g.pad)
    every = windows(padded(x, g.pad, 0), g.w[2:], g.stride, g.dilation, g.y[2:])
    inner = (1, *range(2 + axes, 2 + 2 * axes))
    for inputs, outputs in zip(_parts(g, g.x[1]), _parts(g, g.w[0]), strict=True):
        product = tensordot(w[outputs], every[:, inputs], (tuple(range(1, 2 + axes)), inner))
        casts.copy_into(y[:, outputs], views.moveaxis(product, 0, 1))


def _backward_data(g: _Geometry, w: ndarray, gy: ndarray, gx: ndarray) -> None:
    spatial = [n + 2 * p for n, p in zip(g.x[2:], g.pad, strict=True)]
    wide = allocate((*g.x[:2], *spatial), gx._dtype)
    casts.fill(wide, 0)
    for inputs, outputs in zip(_parts(g, g.x[1]), _parts(g, g.w[0]), strict=True):
        # (channels, window..., count, spatial...)
        products = tensordot(w[outputs], gy[:, outputs], ((0,), (1,)))
        products = views.moveaxis(products, 1 + len(g.pad), 0)
        for place, target in taps(wide[:, inputs], g.w[2:], g.stride, g.dilation, g.y[2:]):
            part = products[(slice(None), slice(None), *place)]
            TABLE["add"](target, part, out=target)
    inner = tuple(slice(p, p + n) for n, p in zip(g.x[2:], g.pad, strict=True))
    casts.copy_into(gx, wide[(slice(None), slice(None), *inner)])


def _backward_filter(g: _Geometry, x: ndarray, gy: ndarray, gw: ndarray) -> None:
    axes = len(g.pad)
    every = windows(padded(x, g.pad, 0), g.w[2:], g.stride, g.dilation, g.y[2:])
    summed = (0, *range(2, 2 + axes))
    for inputs, outputs in zip(_parts(g, g.x[1]), _parts(g, g.w[0]), strict=True):
        product = tensordot(gy[:, outputs], every[:, inputs], (summed, summed))
        casts.copy_into(gw[outputs], product)


# -- by cuDNN -------------------------------------------------------------------------


class _Performance(ctypes.Structure):
    """cudnnConvolution...AlgoPerf_t, the same for all three directions."""

    _fields_ = (
        ("algorithm", ctypes.c_int),
        ("status", ctypes.c_int),
        ("time", ctypes.c_float),
        ("memory", ctypes.c_size_t),
        ("determinism", ctypes.c_int),
        ("math", ctypes.c_int),
        ("reserved", ctypes.c_int * 3),
    )


_MOST_ALGORITHMS = 16
_chosen: dict[tuple[Any, ...], tuple[int, int, int] | None] = {}


def _wide(shape: Sequence[int]) -> tuple[int, ...]:
    """Give a shape with one spatial axis a second one, which cuDNN wants."""
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 3 else tuple(shape)


def _by_cudnn(
    library: CuDnn, direction: str, g: _Geometry, first: ndarray, second: ndarray, result: ndarray
) -> bool:
    """Run one direction; False if cuDNN has no algorithm within the limits.

    The operands are those of ``cudnnConvolution{direction}``, in its order.
    """
    dtype = result._dtype
    if max(prod(g.x), prod(g.y), prod(g.w)) >= 2**31 or binding.data_type(dtype) is None:
        return False
    shapes = {"Forward": (g.x, g.w, g.y), "BackwardData": (g.w, g.y, g.x)}
    shapes["BackwardFilter"] = (g.x, g.y, g.w)
    narrow = len(g.pad) == 1
    pads, strides = ((0,) * narrow) + g.pad, ((1,) * narrow) + g.stride
    dilations = ((1,) * narrow) + g.dilation
    descriptors = [
        library.filter(a, _wide(shape)) if shape is g.w else library.tensor(a, _wide(shape))
        for a, shape in zip((first, second, result), shapes[direction], strict=True)
    ]
    settings = (dtype, pads, strides, dilations, g.groups)
    described = library.convolution(*settings)
    key = (
        id(library), runtime.current_device_id(), direction, g, dtype, get_precision(),
        get_settings(),
    )  # fmt: skip
    if key not in _chosen:
        arrays = (first, second, result)
        _chosen[key] = _choose(library, direction, descriptors, arrays, described)
    choice = _chosen[key]
    if choice is None:
        return False
    algorithm, math, workspace = choice
    memory = runtime.alloc(workspace)
    one, zero = binding.scalars(dtype)
    getattr(library.calls, f"cudnnConvolution{direction}")(
        library.handle(),
        one,
        descriptors[0],
        first._ptr,
        descriptors[1],
        second._ptr,
        library.convolution(*settings, math),
        algorithm,
        memory.ptr,
        workspace,
        zero,
        descriptors[2],
        result._ptr,
    )
    return True


def _choose(
    library: CuDnn,
    direction: str,
    descriptors: list[Descriptor],
    arrays: tuple[ndarray, ndarray, ndarray],
    described: Descriptor,
) -> tuple[int, int, int] | None:
    """Return algorithm, math and workspace of the fastest that the settings allow."""
    wishes = get_settings()
    found = (_Performance * _MOST_ALGORITHMS)()
    count = ctypes.c_int()
    first, second, third = descriptors
    handle, counted = library.handle(), (_MOST_ALGORITHMS, ctypes.byref(count), found)
    if wishes.autotune:
        memory = runtime.alloc(wishes.workspace_limit)
        search = getattr(library.calls, f"cudnnFindConvolution{direction}AlgorithmEx")
        a, b, c = (x._ptr for x in arrays)
        places = (first, a, second, b, described, third, c)
        search(handle, *places, *counted, memory.ptr, wishes.workspace_limit)
    else:
        ask = getattr(library.calls, f"cudnnGetConvolution{direction}Algorithm_v7")
        ask(handle, first, second, described, third, *counted)
    for row in found[: count.value]:
        fits = row.status == 0 and row.memory <= wishes.workspace_limit
        if fits and (row.determinism or not wishes.deterministic):
            return row.algorithm, row.math, row.memory
    return None
