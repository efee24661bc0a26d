"""Layers of filters over any number of axes, and relatives of those over images."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from nnrun import initializers
from nnrun.core import Link, Parameter, Variable
from nnrun.functions import (
    convolution_nd,
    deconvolution_nd,
    depthwise_convolution_2d,
    local_convolution_2d,
)
from nnrun.functions._windows import pair
from nnrun.functions._windows_nd import tuple_of
from nnrun.links.convolution_2d import Convolution2D
from nnrun.utils.conv import get_conv_outsize

__all__ = [
    "Convolution1D",
    "Convolution3D",
    "ConvolutionND",
    "Deconvolution1D",
    "Deconvolution3D",
    "DeconvolutionND",
    "DepthwiseConvolution2D",
    "DilatedConvolution2D",
    "LocalConvolution2D",
]


class _FiltersND(Link):
    """What both layers share."""

    def __init__(
        self,
        ndim: int,
        in_channels: int | None,
        out_channels: int,
        ksize: Any,
        stride: Any,
        pad: Any,
        nobias: bool,
        initialW: Any,
        initial_bias: Any,
        dilate: Any,
        groups: int,
    ) -> None:
        super().__init__()
        self.ndim = ndim
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.ksize = tuple_of(ksize, ndim, f"{type(self).__name__}: `ksize`")
        self.stride = stride
        self.pad = pad
        self.dilate = dilate
        self.groups = groups
        self.b: Parameter | None = None
        with self.init_scope():
            self.W = Parameter(initializers.LeCunNormal() if initialW is None else initialW)
            if in_channels is not None:
                self._initialize(in_channels)
            if not nobias:
                self.b = Parameter(0 if initial_bias is None else initial_bias, (out_channels,))

    def _shape(self, in_channels: int) -> tuple[int, int]:
        """The first two axes of the filters."""
        raise NotImplementedError

    def _initialize(self, in_channels: int) -> None:
        if in_channels % self.groups or self.out_channels % self.groups:
            raise ValueError(
                f"{type(self).__name__}: {self.groups} groups don't divide {in_channels} and "
                f"{self.out_channels} channels"
            )
        self.in_channels = in_channels
        self.W.initialize((*self._shape(in_channels), *self.ksize))

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("ndim", self.ndim),
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("ksize", self.ksize),
            ("stride", self.stride),
            ("pad", self.pad),
            ("nobias", self.b is None),
        )


class ConvolutionND(_FiltersND):
    """A layer of filters over `ndim` axes; see `nnrun.functions.convolution_nd`.

    Parameters
    ----------
    ndim : int
        How many axes come after the channels.
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out_channels : int
        Channels of the result.
    ksize, stride, pad, dilate : int or tuple of int
        Of the windows.
    nobias : bool
        Leave out `b`.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.
    cover_all : bool
        Let the last window reach past the end.
    groups : int
        Channels in as many separate groups.

    Attributes
    ----------
    W : Parameter, shape (out_channels, in_channels / groups, *ksize)
        The filters.
    b : Parameter, shape (out_channels,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.ConvolutionND(3, 2, 4, 3)(np.ones((1, 2, 5, 5, 5), np.float32)).shape
    (1, 4, 3, 3, 3)
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int | None,
        out_channels: int,
        ksize: Any,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
        cover_all: bool = False,
        dilate: Any = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            ndim, in_channels, out_channels, ksize, stride, pad, nobias, initialW, initial_bias,
            dilate, groups,
        )  # fmt: skip
        self.cover_all = cover_all

    def _shape(self, in_channels: int) -> tuple[int, int]:
        return self.out_channels, in_channels // self.groups

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_channels, ...)."""
        if not self.W.is_initialized:
            self._initialize(x.shape[1])
        return convolution_nd(
            x, self.W, self.b, self.stride, self.pad, self.cover_all, self.dilate, self.groups
        )


class DeconvolutionND(_FiltersND):
    """A transposed convolution over `ndim` axes; see `nnrun.functions.deconvolution_nd`.

    Parameters
    ----------
    ndim, in_channels, out_channels, ksize, stride, pad, nobias, initialW, initial_bias, \
dilate, groups
        As for `ConvolutionND`.
    outsize : tuple of int, optional
        The lengths of the result's axes.

    Attributes
    ----------
    W : Parameter, shape (in_channels, out_channels / groups, *ksize)
        The filters.
    b : Parameter, shape (out_channels,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.DeconvolutionND(3, 2, 4, 3)(np.ones((1, 2, 3, 3, 3), np.float32)).shape
    (1, 4, 5, 5, 5)
    """

    def __init__(
        self,
        ndim: int,
        in_channels: int | None,
        out_channels: int,
        ksize: Any,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        outsize: Any = None,
        initialW: Any = None,
        initial_bias: Any = None,
        dilate: Any = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            ndim, in_channels, out_channels, ksize, stride, pad, nobias, initialW, initial_bias,
            dilate, groups,
        )  # fmt: skip
        self.outsize = outsize

    def _shape(self, in_channels: int) -> tuple[int, int]:
        return in_channels, self.out_channels // self.groups

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_channels, ...)."""
        if not self.W.is_initialized:
            self._initialize(x.shape[1])
        return deconvolution_nd(
            x, self.W, self.b, self.stride, self.pad, self.outsize, self.dilate, self.groups
        )


_DOC = """`{general}` over {axes}.

    Parameters
    ----------
    *args, **options
        Those of `{general}` but ``ndim``.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.{name}(2, 4, 3)(np.ones({x}, np.float32)).shape
    {y}
    """


def _of_axes(general: type[_FiltersND], n: int) -> Any:
    """The class for a number of axes."""
    name = f"{general.__name__[:-2]}{n}D"
    back = general is DeconvolutionND

    def __init__(self: Any, *args: Any, **options: Any) -> None:
        general.__init__(self, n, *args, **options)

    return type(
        name,
        (general,),
        {
            "__init__": __init__,
            "__module__": __name__,
            "__doc__": _DOC.format(
                general=general.__name__,
                axes="one axis" if n == 1 else f"{n} axes",
                name=name,
                x=(1, 2) + (5,) * n,
                y=(1, 4) + (7 if back else 3,) * n,
            ),
        },
    )


Convolution1D: Any = _of_axes(ConvolutionND, 1)
Convolution3D: Any = _of_axes(ConvolutionND, 3)
Deconvolution1D: Any = _of_axes(DeconvolutionND, 1)
Deconvolution3D: Any = _of_axes(DeconvolutionND, 3)


class DilatedConvolution2D(Convolution2D):
    """A layer of filters with gaps: `Convolution2D` with ``dilate`` after ``pad``.

    Parameters
    ----------
    in_channels, out_channels, ksize, stride, pad, dilate, nobias, initialW, initial_bias
        As for `Convolution2D`.

    Attributes
    ----------
    W, b : Parameter
        As those of `Convolution2D`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.DilatedConvolution2D(3, 4, 3, dilate=2)(np.ones((1, 3, 7, 7), np.float32)).shape
    (1, 4, 3, 3)
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        ksize: Any = None,
        stride: Any = 1,
        pad: Any = 0,
        dilate: Any = 1,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__(
            in_channels, out_channels, ksize, stride, pad, nobias, initialW, initial_bias,
            dilate=dilate,
        )  # fmt: skip


class DepthwiseConvolution2D(Link):
    """A layer of filters over each channel; see `depthwise_convolution_2d`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    channel_multiplier : int
        Filters for each channel.
    ksize, stride, pad : int or pair of int
        Of the windows.
    nobias : bool
        Leave out `b`.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.

    Attributes
    ----------
    W : Parameter, shape (channel_multiplier, in_channels, kh, kw)
        The filters.
    b : Parameter, shape (in_channels * channel_multiplier,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.DepthwiseConvolution2D(3, 2, 3)(np.ones((1, 3, 5, 5), np.float32)).shape
    (1, 6, 3, 3)
    """

    def __init__(
        self,
        in_channels: int | None,
        channel_multiplier: int,
        ksize: Any,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__()
        self.channel_multiplier = channel_multiplier
        self.ksize = pair(ksize, "DepthwiseConvolution2D: `ksize`")
        self.stride = stride
        self.pad = pad
        self.b: Parameter | None = None
        with self.init_scope():
            self.W = Parameter(initializers.LeCunNormal() if initialW is None else initialW)
            if not nobias:
                self.b = Parameter(0 if initial_bias is None else initial_bias)
        if in_channels is not None:
            self._initialize(in_channels)

    def _initialize(self, channels: int) -> None:
        self.W.initialize((self.channel_multiplier, channels, *self.ksize))
        if self.b is not None:
            self.b.initialize((channels * self.channel_multiplier,))

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_channels, height, width)."""
        if not self.W.is_initialized:
            self._initialize(x.shape[1])
        return depthwise_convolution_2d(x, self.W, self.b, self.stride, self.pad)


class LocalConvolution2D(Link):
    """A layer of other filters at each place; see `local_convolution_2d`.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the input and of the result.
    in_size : int or pair of int
        Height and width of the input.
    ksize, stride : int or pair of int
        Of the windows.
    nobias : bool
        Leave out `b`.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` of one window, and 0, by default.

    Attributes
    ----------
    W : Parameter, shape (out_channels, out_height, out_width, in_channels, kh, kw)
        The filters.
    b : Parameter, shape (out_channels, out_height, out_width), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.LocalConvolution2D(3, 2, 5, 3)(np.ones((1, 3, 5, 5), np.float32)).shape
    (1, 2, 3, 3)
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        in_size: Any,
        ksize: Any,
        stride: Any = 1,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__()
        size, k, s = (
            pair(v, f"LocalConvolution2D: `{what}`")
            for what, v in (("in_size", in_size), ("ksize", ksize), ("stride", stride))
        )
        out = tuple(get_conv_outsize(size[i], k[i], s[i], 0) for i in (0, 1))
        self.stride = s
        self.b: Parameter | None = None
        # An initializer would take all axes but the first for inputs.
        spread = 1.0 / math.sqrt(in_channels * k[0] * k[1])
        with self.init_scope():
            self.W = Parameter(
                initializers.Normal(spread) if initialW is None else initialW,
                (out_channels, *out, in_channels, *k),
            )
            if not nobias:
                self.b = Parameter(
                    0 if initial_bias is None else initial_bias, (out_channels, *out)
                )

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_channels, height, width)."""
        return local_convolution_2d(x, self.W, self.b, self.stride)
