"""Pooling of images: the largest, or the average, of each window."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable
from nnrun.functions._windows import Windows, pair

__all__ = ["average_pooling_2d", "max_pooling_2d"]

Array = Any


class MaxPooling2D(FunctionNode):
    """Keeps, for each window, which place had the largest element (the first of equals)."""

    __slots__ = ("_chosen", "_windows")

    def __init__(self, windows: Windows) -> None:
        self._windows = windows

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        xp = get_array_module(x)
        padded = self._windows.padded(x, float("-inf"))
        best = chosen = None
        for number, (_, _, place) in enumerate(self._windows.places()):
            here = padded[place]
            if best is None:
                best = here.copy()
                chosen = xp.zeros(best.shape, "i2")
            else:
                # Not (here <= best): so that NaN is handed on.
                better = ~(here <= best) & (best == best)
                chosen = xp.where(better, xp.asarray(number, dtype="i2"), chosen)
                best = xp.where(better, here, best)
        self._chosen = chosen
        return (best,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return MaxPooling2DGrad(self._windows, self._chosen).apply(grad_outputs)


class MaxPooling2DGrad(FunctionNode):
    """Gives each window's gradient to the chosen place."""

    __slots__ = ("_chosen", "_windows")

    def __init__(self, windows: Windows, chosen: Array) -> None:
        self._windows = windows
        self._chosen = chosen

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (gy,) = inputs
        xp = get_array_module(gy)
        gx = self._windows.empty_padded(xp, gy.shape[:2], gy.dtype)
        for number, (_, _, place) in enumerate(self._windows.places()):
            gx[place] += xp.where(self._chosen == number, gy, gy.dtype.type(0))
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
        xp = get_array_module(x)
        padded = self._windows.padded(x)
        y = xp.zeros(self._chosen.shape, x.dtype)
        for number, (_, _, place) in enumerate(self._windows.places()):
            y = xp.where(self._chosen == number, padded[place], y)
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
    x: Variable | Array, ksize: Any, stride: Any = None, pad: Any = 0, cover_all: bool = True
) -> Variable:
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
    >>> F.max_pooling_2d(np.arange(16.0).reshape(1, 1, 4, 4), 2)
    variable([[[[ 5.,  7.],
                [13., 15.]]]])
    """
    windows = _windows(x, ksize, stride, pad, cover_all, "max_pooling_2d")
    return MaxPooling2D(windows).apply((x,))[0]


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
