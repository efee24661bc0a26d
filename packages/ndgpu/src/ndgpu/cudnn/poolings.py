"""Poolings of any number of spatial axes, and their gradients: by cuDNN, or by windows."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, reductions
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn
from ndgpu.cudnn.windows import output_lengths, padded, per_axis, taps, windows

__all__ = ["MODES", "pooling", "pooling_backward"]

# cudnnPoolingMode_t; of several equal largest elements the first has the gradient.
MODES = {"max": 3, "average": 1, "average_inside": 2}
"""The kinds of pooling, and what cuDNN calls them."""
_MOST_AXES = 3


class _Geometry:
    """Checked arguments, and the shape of the result."""

    def __init__(
        self, name: str, x: ndarray, window: Any, stride: Any, pad: Any, mode: str
    ) -> None:
        axes = x.ndim - 2
        if axes < 1:
            raise ValueError(f"{name}: `x` must be (count, channels, spatial...), got {x._shape}")
        if mode not in MODES:
            raise ValueError(f"{name}: `mode` is one of {', '.join(MODES)}, not {mode!r}")
        if x._dtype.kind in "iubc":
            raise TypeError(f"{name}: expected a real floating array, got {x._dtype}")
        self.mode = mode
        self.window = per_axis(window, axes, "window", 1)
        self.stride = self.window if stride is None else per_axis(stride, axes, "stride", 1)
        self.pad = per_axis(pad, axes, "pad", 0)
        if any(p >= k for p, k in zip(self.pad, self.window, strict=True)):
            raise ValueError(f"{name}: `pad` {self.pad} must be less than the window {self.window}")
        self.dilation = (1,) * axes
        lengths = (self.window, self.pad, self.stride, self.dilation)
        self.shape = (*x._shape[:2], *output_lengths(x._shape[2:], *lengths))

    @property
    def taps(self) -> tuple[Any, ...]:
        """What `ndgpu.cudnn.windows.taps` takes after the array."""
        return self.window, self.stride, self.dilation, self.shape[2:]

    def descriptor(self, library: CuDnn) -> Any:
        """Return cuDNN's descriptor."""
        narrow = len(self.window) == 1
        one, none = (1,) * narrow, (0,) * narrow
        lengths = (one + self.window, none + self.pad, one + self.stride)
        return library.pooling(MODES[self.mode], *lengths)


def _wide(shape: tuple[int, ...]) -> tuple[int, ...]:
    return (*shape[:2], 1, *shape[2:]) if len(shape) == 3 else shape


def _library(x: ndarray) -> CuDnn | None:
    if x.ndim - 2 > _MOST_AXES or binding.data_type(x._dtype) is None or x._size >= 2**31:
        return None
    return binding.current()


def pooling(x: Any, window: Any, *, stride: Any = None, pad: Any = 0, mode: str = "max") -> ndarray:
    """Return the largest element, or the mean, of each window.

    Parameters
    ----------
    x : array-like, (count, channels, spatial...)
    window : int or sequence of int
        Lengths of the window.
    stride : int or sequence of int, optional
        From window to window; the window's lengths by default.
    pad : int or sequence of int
        How far windows reach over the edges: less than the window.
    mode : {'max', 'average', 'average_inside'}
        ``'average'`` counts padding as zeros, ``'average_inside'`` leaves it out.

    Returns
    -------
    ndarray, (count, channels, windows...)

    Raises
    ------
    ValueError
        If no window fits, or for another mode.
    TypeError
        If `x` is not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cudnn.pooling(ndgpu.asarray([[[1.0, 3.0, 2.0, 0.0]]]), 2)
    array([[[3., 2.]]])
    """
    x = asarray(x)
    g = _Geometry("pooling", x, window, stride, pad, mode)
    y = allocate(g.shape, x._dtype)
    if y._size == 0:
        return y
    library = _library(x)
    if library is not None:
        x = casts.astype(x, x._dtype, "C", copy=False)
        one, zero = binding.scalars(x._dtype)
        given = library.tensor(x, _wide(x._shape)), x._ptr
        library.calls.cudnnPoolingForward(
            library.handle(),
            g.descriptor(library),
            one,
            *given,
            zero,
            library.tensor(y, _wide(y._shape)),
            y._ptr,
        )
        return y
    outside = -np.inf if mode == "max" else 0
    every = windows(padded(x, g.pad, outside), *g.taps)
    inner = tuple(range(x.ndim, 2 * x.ndim - 2))
    if mode == "max":
        return reductions.max(every, inner)
    casts.copy_into(y, reductions.sum(every, inner, _sum_dtype(x)))
    TABLE["divide"](y, casts.astype(_counts(g, x), y._dtype), out=y)
    return y


def _sum_dtype(x: ndarray) -> Any:
    return np.float32 if x._dtype.itemsize == 2 else x._dtype


def _counts(g: _Geometry, x: ndarray) -> ndarray:
    """Return by how many elements each window's sum is divided, (1, 1, windows...)."""
    if g.mode == "average":
        return asarray(np.full((1,) * x.ndim, prod(g.window), np.float32))
    ones = asarray(np.ones((1, 1, *x._shape[2:]), np.float32))
    every = windows(padded(ones, g.pad, 0), *g.taps)
    return reductions.sum(every, tuple(range(x.ndim, 2 * x.ndim - 2)))


def pooling_backward(
    x: Any,
    y: Any,
    gy: Any,
    window: Any,
    *,
    stride: Any = None,
    pad: Any = 0,
    mode: str = "max",
) -> ndarray:
    """Return the gradient of `pooling` by `x`.

    Parameters
    ----------
    x : array-like, (count, channels, spatial...)
    y, gy : array-like, (count, channels, windows...)
        What `pooling` returned, and the gradient by it.
    window, stride, pad, mode
        See `pooling`.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If `x` is not real and floating.
    """
    x, y, gy = asarray(x), asarray(y), asarray(gy)
    g = _Geometry("pooling_backward", x, window, stride, pad, mode)
    for name, a in (("y", y), ("gy", gy)):
        if a._shape != g.shape:
            raise ValueError(f"pooling_backward: `{name}` must be {g.shape}, got {a._shape}")
    x, y, gy = (casts.astype(a, x._dtype, "C", copy=False) for a in (x, y, gy))
    gx = allocate(x._shape, x._dtype)
    if gx._size == 0:
        return gx
    library = _library(x)
    if library is not None:
        one, zero = binding.scalars(x._dtype)
        inner, outer = (library.tensor(a, _wide(a._shape)) for a in (x, y))
        library.calls.cudnnPoolingBackward(
            library.handle(),
            g.descriptor(library),
            one,
            outer,
            y._ptr,
            outer,
            gy._ptr,
            inner,
            x._ptr,
            zero,
            inner,
            gx._ptr,
        )
        return gx
    spatial = [n + 2 * p for n, p in zip(x._shape[2:], g.pad, strict=True)]
    wide = allocate((*x._shape[:2], *spatial), x._dtype)
    casts.fill(wide, 0)
    if mode == "max":
        _give_to_largest(g, x, y, gy, wide)
    else:
        share = TABLE["divide"](gy, casts.astype(_counts(g, x), gy._dtype))
        for _, target in taps(wide, *g.taps):
            TABLE["add"](target, share, out=target)
    inside = tuple(slice(p, p + n) for n, p in zip(x._shape[2:], g.pad, strict=True))
    casts.copy_into(gx, wide[(slice(None), slice(None), *inside)])
    return gx


def _give_to_largest(g: _Geometry, x: ndarray, y: ndarray, gy: ndarray, wide: ndarray) -> None:
    taken = allocate(y._shape, np.dtype(bool))
    casts.fill(taken, False)
    values = taps(padded(x, g.pad, -np.inf), *g.taps)
    for (_, value), (_, target) in zip(values, taps(wide, *g.taps), strict=True):
        here = TABLE["logical_and"](TABLE["equal"](value, y), TABLE["logical_not"](taken))
        TABLE["add"](target, gy, out=target, where=here)
        TABLE["logical_or"](taken, here, out=taken)
