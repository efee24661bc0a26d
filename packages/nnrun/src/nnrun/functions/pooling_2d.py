"""Pooling of images: the largest, or the average, of each window."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_array
from nnrun.functions._masks import keep
from nnrun.functions._windows import Windows, pair

__all__ = ["average_pooling_2d", "max_pooling_2d"]

Array = Any


class MaxPooling2D(FunctionNode):
    """The largest element of each window; NaN where there is one.

    Its gradient goes to the first place in the window (row by row) that has that element.
    """

    __slots__ = ("_windows",)

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        xp = get_array_module(x)
        padded = self._windows.padded(x, float("-inf"))
        (_, _, place), *others = self._windows.places()
        best = padded[place].copy()
        for _, _, place in others:
            xp.maximum(best, padded[place], out=best)
        return (best,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, best = self.get_retained_inputs()[0].array, self.get_retained_outputs()[0].array
        chosen = _first_places(self._windows, x, best)
        return MaxPooling2DGrad(self._windows, chosen).apply(grad_outputs)


def _first_places(windows: Windows, x: Array, best: Array) -> Array:
    """For each window the number of the first place in it that has its largest element."""
    xp = get_array_module(x)
    padded = windows.padded(x, float("-inf"))
    kh, kw = windows.k
    dtype = np.int8 if kh * kw <= 127 else np.int32
    places = xp.zeros(best.shape, dtype)
    free = xp.ones(best.shape, bool)
    # NaN is the largest, and not equal to itself.
    may_be_nan = xp is not np or bool(np.isnan(best).any())
    for number, (_, _, place) in enumerate(windows.places()):
        candidate = padded[place]
        here = candidate == best
        if may_be_nan:
            here |= candidate != candidate
        here &= free
        free ^= here
        if number:
            places += here.view(np.int8) * dtype(number)
    return places


class MaxPooling2DGrad(FunctionNode):
    """Gives each window's gradient to the chosen place."""

    __slots__ = ("_chosen", "_windows")

    def __init__(self, windows: Windows, chosen: Array) -> None:
        self._windows = windows
        self._chosen = chosen

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        gx = self._windows.empty_padded(get_array_module(gy), gy.shape[:2], gy.dtype)
        apart = all(s >= k for s, k in zip(self._windows.stride, self._windows.k, strict=True))
        for number, (_, _, place) in enumerate(self._windows.places()):
            part = keep(gy, self._chosen == number)
            if apart:
                gx[place] = part
            else:
                gx[place] += part
        return (self._windows.cropped(gx),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return MaxPooling2DPick(self._windows, self._chosen).apply(grad_outputs)


class MaxPooling2DPick(FunctionNode):
    """Picks the chosen element of each window: the transpose of `MaxPooling2DGrad`."""

    __slots__ = ("_chosen", "_windows")

    def __init__(self, windows: Windows, chosen: Array) -> None:
        self._windows = windows
        self._chosen = chosen

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        padded = self._windows.padded(x)
        y = get_array_module(x).zeros(self._chosen.shape, x.dtype)
        for number, (_, _, place) in enumerate(self._windows.places()):
            y += keep(padded[place], self._chosen == number)
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return MaxPooling2DGrad(self._windows, self._chosen).apply(grad_outputs)


class AveragePooling2D(FunctionNode):
    __slots__ = ("_windows",)

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        padded = self._windows.padded(x)
        total: Any = None
        for _, _, place in self._windows.places():
            total = padded[place].copy() if total is None else total + padded[place]
        kh, kw = self._windows.k
        return (total * (1.0 / (kh * kw)),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return AveragePooling2DGrad(self._windows).apply(grad_outputs)


class AveragePooling2DGrad(FunctionNode):
    __slots__ = ("_windows",)

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        kh, kw = self._windows.k
        share = gy * (1.0 / (kh * kw))
        gx = self._windows.empty_padded(get_array_module(gy), gy.shape[:2], gy.dtype)
        for _, _, place in self._windows.places():
            gx[place] += share
        return (self._windows.cropped(gx),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return AveragePooling2D(self._windows).apply(grad_outputs)


def _windows(x: Any, ksize: Any, stride: Any, pad: Any, cover_all: bool, name: str) -> Windows:
    if x.ndim != 4:
        raise ValueError(f"{name}: `x` must have four axes (x.shape={x.shape})")
    k = pair(ksize, "ksize")
    s = k if stride is None else pair(stride, "stride")
    return Windows.over(x.shape, k, s, pair(pad, "pad"), (1, 1), cover_all, name)


def max_pooling_2d(
    x: Variable | Array,
    ksize: Any,
    stride: Any = None,
    pad: Any = 0,
    cover_all: bool = True,
    return_indices: bool = False,
) -> Any:
    """Return the largest element of each window.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, h, w)
        The images.
    ksize : int or pair of int
        The window.
    stride : int or pair of int, optional
        Steps between windows; that of `ksize` by default.
    pad : int or pair of int
        Padding around the image, which is never the largest.
    cover_all : bool
        Let the last windows reach past the end rather than leave elements out.
    return_indices : bool
        Return too, for each window, which place in it has the largest element, counted row by
        row (the first of equals), as `upsampling_2d` takes them.

    Returns
    -------
    Variable, shape (batch, channels, h_out, w_out)
    indices : array of int of the same shape, if `return_indices`

    Raises
    ------
    ValueError
        If the window does not fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.max_pooling_2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    variable([[[[ 5.,  7.],
                [13., 15.]]]])
    """
    windows = _windows(x, ksize, stride, pad, cover_all, "max_pooling_2d")
    y = MaxPooling2D(windows).apply((x,))[0]
    return (y, _first_places(windows, as_array(x), y.array)) if return_indices else y


def average_pooling_2d(
    x: Variable | Array, ksize: Any, stride: Any = None, pad: Any = 0
) -> Variable:
    """Return the average of each window; padding counts as zeros.

    Parameters
    ----------
    x : Variable or array, shape (batch, channels, h, w)
        The images.
    ksize : int or pair of int
        The window.
    stride : int or pair of int, optional
        Steps between windows; that of `ksize` by default.
    pad : int or pair of int
        Zeros around the image.

    Returns
    -------
    Variable, shape (batch, channels, h_out, w_out)

    Raises
    ------
    ValueError
        If the window does not fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.average_pooling_2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    variable([[[[ 2.5,  4.5],
                [10.5, 12.5]]]])
    """
    windows = _windows(x, ksize, stride, pad, False, "average_pooling_2d")
    return AveragePooling2D(windows).apply((x,))[0]
