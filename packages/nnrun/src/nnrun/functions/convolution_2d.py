"""Convolution of images, its transpose, and the gradient by the weights.

Three linear maps in two arguments each, closed under differentiation: the
gradients of each are the other two.  So all can be differentiated any number of
times, and each needs one direction only.  A convolution is one matrix product of
the weights with the windows laid out as columns; the columns are not kept.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions._flat_windows import FlatWindows
from nnrun.functions._windows import Windows, pair
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape
from nnrun.utils.conv import get_deconv_outsize

__all__ = ["convolution_2d", "deconvolution_2d"]

Array = Any


class _Map(FunctionNode):
    """What the three maps share: geometry and groups."""

    __slots__ = ("_groups", "_windows")

    def __init__(self, windows: Windows, groups: int) -> None:
        self._windows = windows
        self._groups = groups

    def _library(self, x: Array) -> Any:
        """``ndgpu.cudnn`` where cuDNN can run and does this; else None.

        Elsewhere the products of the plain path are several times as fast as its own.
        """
        windows = self._windows
        if isinstance(x, np.ndarray) or config.use_cudnn == "never" or windows.reaches_past_end:
            return None
        library = get_array_module(x).cudnn
        return library if library.available() else None

    @property
    def _options(self) -> dict[str, Any]:
        """How ``ndgpu.cudnn`` calls the geometry."""
        w = self._windows
        return {"stride": w.stride, "pad": w.pad, "dilation": w.dilate, "groups": self._groups}

    def _flat(self, x: Array) -> FlatWindows | None:
        """The CPU's fast path, where it is one: windows that overlap most of the image."""
        if isinstance(x, np.ndarray) and self._windows.stride == (1, 1):
            return FlatWindows.over(self._windows, self._groups)
        return None


# On the CPU so many images are taken at a time that their columns stay in a core's cache
# between being laid out and being multiplied.
_CACHE = 1 << 20


def _batches(xp: Any, n: int, columns_per_image: int, itemsize: int) -> list[slice]:
    """The batch in parts: one on a device, some images each on the CPU."""
    step = max(1, _CACHE // max(columns_per_image * itemsize, 1)) if xp is np else max(n, 1)
    return [slice(i, min(i + step, n)) for i in range(0, n, step)]


class Convolution2D(_Map):
    """(n, c, h, w), (o, c / groups, kh, kw) and perhaps (o,) to (n, o, out_h, out_w)."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x, W, *rest = inputs
        b = rest[0] if rest else None
        self.retain_inputs((0, 1))
        if flat := self._flat(x):
            return (flat.correlate(x, W, b),)
        if library := self._library(x):
            return (library.convolution(x, W, b, **self._options),)
        n, o, g = len(x), len(W), self._groups
        xp = get_array_module(x)
        weights = W.reshape(g, o // g, -1)
        rows, places = weights.shape[2], self._windows.count
        y = xp.empty((n, g, o // g, places), x.dtype)
        for part in _batches(xp, n, g * rows * places, x.itemsize):
            columns = self._windows.columns(x[part])
            xp.matmul(weights, columns.reshape(-1, g, rows, places), out=y[part])
        y = y.reshape(n, o, *self._windows.out)
        if b is not None:
            y += b[:, None, None]
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, W = self.get_retained_inputs()
        (gy,) = grad_outputs
        maps = (self._windows, self._groups)

        def gradient(i: int) -> Variable:
            if i == 0:
                return Deconvolution2D(*maps).apply((gy, W))[0]
            if i == 1:
                return ConvolutionWeights2D(*maps, W.shape[2:]).apply((x, gy))[0]
            return sum_(gy, (0, 2, 3))

        return tuple([gradient(i) for i in indexes])


class Deconvolution2D(_Map):
    """(n, o, out_h, out_w) and (o, c / groups, kh, kw) to (n, c, h, w)."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        y, W = inputs
        self.retain_inputs((0, 1))
        if flat := self._flat(y):
            return (flat.spread(y, W),)
        n, o, g = len(y), len(W), self._groups
        if library := self._library(y):
            shape = (n, g * W.shape[1], *self._windows.size)
            return (library.convolution_backward_data(W, y, shape, **self._options),)
        xp = get_array_module(y)
        weights = W.reshape(g, o // g, -1).transpose(0, 2, 1)
        rows, places = weights.shape[1], self._windows.count
        c = g * W.shape[1]
        x = xp.empty((n, c, *self._windows.size), y.dtype)
        for part in _batches(xp, n, g * rows * places, y.itemsize):
            columns = xp.matmul(weights, y[part].reshape(-1, g, o // g, places))
            shape = (-1, c, *W.shape[2:], *self._windows.out)
            x[part] = self._windows.image(columns.reshape(shape))
        return (x,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        y, W = self.get_retained_inputs()
        (gx,) = grad_outputs
        maps = (self._windows, self._groups)
        return tuple(
            [
                ConvolutionWeights2D(*maps, W.shape[2:]).apply((gx, y))[0]
                if i
                else Convolution2D(*maps).apply((gx, W))[0]
                for i in indexes
            ]
        )


class ConvolutionWeights2D(_Map):
    """(n, c, h, w) and (n, o, out_h, out_w) to (o, c / groups, kh, kw)."""

    __slots__ = ("_k",)

    def __init__(self, windows: Windows, groups: int, k: tuple[int, ...]) -> None:
        super().__init__(windows, groups)
        self._k = k

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x, y = inputs
        self.retain_inputs((0, 1))
        if flat := self._flat(x):
            return (flat.weights(x, y, self._k),)
        n, o, g = len(x), y.shape[1], self._groups
        c = x.shape[1] // g
        if library := self._library(x):
            shape = (o, c, *self._k)
            return (library.convolution_backward_filter(x, y, shape, **self._options),)
        xp = get_array_module(x)
        rows, places = c * self._k[0] * self._k[1], self._windows.count
        y = y.reshape(n, g, o // g, places)
        if xp is not np:
            columns = self._windows.columns(x).reshape(n, g, rows, places)
            W = xp.matmul(y, columns.transpose(0, 1, 3, 2)).sum(axis=0)
        else:
            W = np.zeros((g, o // g, rows), x.dtype)
            for part in _batches(xp, n, g * rows * places, x.itemsize):
                columns = self._windows.columns(x[part]).reshape(-1, g, rows, places)
                # Image by image: no array of so many times the weights is made.
                for image, column in zip(y[part], columns, strict=True):
                    W += np.matmul(image, column.transpose(0, 2, 1))
        return (W.reshape(o, c, *self._k),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, y = self.get_retained_inputs()
        (gW,) = grad_outputs
        maps = (self._windows, self._groups)
        return tuple(
            [
                Convolution2D(*maps).apply((x, gW))[0]
                if i
                else Deconvolution2D(*maps).apply((y, gW))[0]
                for i in indexes
            ]
        )


def _check(name: str, x: Any, W: Any, channels: int, groups: int) -> None:
    for what, v in (("x", x), ("W", W)):
        if v.ndim != 4:
            raise ValueError(f"{name}: `{what}` must have four axes ({what}.shape={v.shape})")
    if groups < 1 or len(W) % groups or x.shape[1] % groups:
        raise ValueError(
            f"{name}: {groups} groups don't divide the channels "
            f"(x.shape={x.shape}, W.shape={W.shape})"
        )
    if x.shape[1] != channels:
        raise ValueError(
            f"{name}: `W` has {channels} input channels but `x` has {x.shape[1]} "
            f"(x.shape={x.shape}, W.shape={W.shape}, groups={groups})"
        )


def _check_bias(name: str, b: Any, channels: int) -> None:
    if b is not None and b.shape != (channels,):
        raise ValueError(f"{name}: `b` must have shape ({channels},) (b.shape={b.shape})")


def convolution_2d(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
    cover_all: bool = False,
    *,
    dilate: Any = 1,
    groups: int = 1,
) -> Variable:
    """Correlate images with filters.

    Parameters
    ----------
    x : Variable or array, shape (batch, c_in, h, w)
        The images.
    W : Variable or array, shape (c_out, c_in / groups, kh, kw)
        The filters.
    b : Variable or array, shape (c_out,), optional
        Added to each channel.
    stride, pad, dilate : int or pair of int
        Steps between windows, zeros around the image, and steps within a window,
        down and across.
    cover_all : bool
        Let the last windows reach past the end rather than leave elements out.
    groups : int
        Channels in as many separate groups.

    Returns
    -------
    Variable, shape (batch, c_out, h_out, w_out)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.convolution_2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 2, 2)))
    variable([[[[4., 4.],
                [4., 4.]]]])
    """
    name = "convolution_2d"
    if W.ndim == 4 and x.ndim == 4:
        channels = W.shape[1] * groups
    else:
        channels = -1
    _check(name, x, W, channels, groups)
    windows = Windows.over(
        x.shape,
        W.shape[2:],
        pair(stride, "stride"),
        pair(pad, "pad"),
        pair(dilate, "dilate"),
        cover_all,
        name,
    )
    _check_bias(name, b, len(W))
    return Convolution2D(windows, groups).apply((x, W) if b is None else (x, W, b))[0]


def deconvolution_2d(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    stride: Any = 1,
    pad: Any = 0,
    outsize: tuple[int, int] | None = None,
    *,
    dilate: Any = 1,
    groups: int = 1,
) -> Variable:
    """Apply the transpose of `convolution_2d`, which makes images larger.

    Parameters
    ----------
    x : Variable or array, shape (batch, c_in, h, w)
        The images.
    W : Variable or array, shape (c_in, c_out / groups, kh, kw)
        The filters.
    b : Variable or array, shape (c_out,), optional
        Added to each channel.
    stride, pad, dilate : int or pair of int
        Those of the convolution that this transposes.
    outsize : pair of int, optional
        Height and width of the result; the smallest possible by default.
    groups : int
        Channels in as many separate groups.

    Returns
    -------
    Variable, shape (batch, c_out, h_out, w_out)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.deconvolution_2d(np.ones((1, 1, 2, 2)), np.ones((1, 1, 2, 2)))
    variable([[[[1., 2., 1.],
                [2., 4., 2.],
                [1., 2., 1.]]]])
    """
    name = "deconvolution_2d"
    _check(name, x, W, len(W), groups)
    k, s, p, d = (
        W.shape[2:],
        pair(stride, "stride"),
        pair(pad, "pad"),
        pair(dilate, "dilate"),
    )
    if outsize is None:
        h, w = (get_deconv_outsize(x.shape[2 + i], k[i], s[i], p[i], d=d[i]) for i in (0, 1))
    else:
        h, w = outsize
    windows = Windows.over((h, w), k, s, p, d, False, name)
    if windows.out != x.shape[2:]:
        raise ValueError(
            f"{name}: over an image of {(h, w)} there would be {windows.out} windows, "
            f"not {x.shape[2:]} (x.shape={x.shape})"
        )
    _check_bias(name, b, W.shape[1] * groups)
    y = Deconvolution2D(windows, groups).apply((x, W))[0]
    return y if b is None else y + reshape(as_variable(b), (1, -1, 1, 1))
