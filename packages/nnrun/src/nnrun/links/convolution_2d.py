"""`Convolution2D` and `Deconvolution2D`: layers of filters over images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnrun import initializers
from nnrun.core import Link, Parameter, Variable
from nnrun.functions import convolution_2d, deconvolution_2d
from nnrun.functions._windows import pair

__all__ = ["Convolution2D", "Deconvolution2D"]


class _Filters(Link):
    """What both layers share."""

    def __init__(
        self,
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
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.ksize = ksize
        self.stride = pair(stride, "stride")
        self.pad = pair(pad, "pad")
        self.dilate = pair(dilate, "dilate")
        self.groups = int(groups)
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
        self.W.initialize((*self._shape(in_channels), *pair(self.ksize, "ksize")))

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("in_channels", self.in_channels),
            ("out_channels", self.out_channels),
            ("ksize", self.ksize),
            ("stride", self.stride),
            ("pad", self.pad),
            ("nobias", self.b is None),
        )


def _sizes(in_channels: Any, out_channels: Any, ksize: Any) -> tuple[Any, Any, Any]:
    """Allow ``(out_channels, ksize)``: the input's channels are then taken from the first input."""
    if ksize is None:
        return None, in_channels, out_channels
    return in_channels, out_channels, ksize


class Convolution2D(_Filters):
    """A layer of filters over images; see `nnrun.functions.convolution_2d`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out_channels : int
        Channels of the result.
    ksize : int or pair of int
        Size of the filters.
    stride, pad, dilate : int or pair of int
        Steps between windows, zeros around the image, steps within a window.
    nobias : bool
        Leave out `b`.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.
    groups : int
        Channels in as many separate groups.

    Attributes
    ----------
    W : Parameter, shape (out_channels, in_channels / groups, kh, kw)
        The filters.
    b : Parameter, shape (out_channels,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Convolution2D(None, 8, 3, pad=1)(np.zeros((2, 3, 5, 5), np.float32)).shape
    (2, 8, 5, 5)
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        ksize: Any = None,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
        *,
        dilate: Any = 1,
        groups: int = 1,
    ) -> None:
        super().__init__(
            *_sizes(in_channels, out_channels, ksize),
            stride,
            pad,
            nobias,
            initialW,
            initial_bias,
            dilate,
            groups,
        )

    def _shape(self, in_channels: int) -> tuple[int, int]:
        return self.out_channels, in_channels // self.groups

    def forward(self, x: Any) -> Variable:
        """Apply the layer to images of shape (batch, in_channels, h, w)."""
        if not self.W.is_initialized:
            self._initialize(x.shape[1])
        return convolution_2d(
            x, self.W, self.b, self.stride, self.pad, dilate=self.dilate, groups=self.groups
        )


class Deconvolution2D(_Filters):
    """The transpose of a layer of filters; see `nnrun.functions.deconvolution_2d`.

    Parameters
    ----------
    in_channels, out_channels, ksize, stride, pad, nobias, initialW, initial_bias, dilate, groups
        As for `Convolution2D`.
    outsize : pair of int, optional
        Height and width of the result; the smallest possible by default.

    Attributes
    ----------
    W : Parameter, shape (in_channels, out_channels / groups, kh, kw)
        The filters.
    b : Parameter, shape (out_channels,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Deconvolution2D(3, 2, 4, stride=2, pad=1)(np.zeros((1, 3, 5, 5), np.float32)).shape
    (1, 2, 10, 10)
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        ksize: Any = None,
        stride: Any = 1,
        pad: Any = 0,
        nobias: bool = False,
        outsize: tuple[int, int] | None = None,
        initialW: Any = None,
        initial_bias: Any = None,
        *,
        dilate: Any = 1,
        groups: int = 1,
    ) -> None:
        self.outsize = outsize
        super().__init__(
            *_sizes(in_channels, out_channels, ksize),
            stride,
            pad,
            nobias,
            initialW,
            initial_bias,
            dilate,
            groups,
        )

    def _shape(self, in_channels: int) -> tuple[int, int]:
        return in_channels, self.out_channels // self.groups

    def forward(self, x: Any) -> Variable:
        """Apply the layer to images of shape (batch, in_channels, h, w)."""
        if not self.W.is_initialized:
            self._initialize(x.shape[1])
        return deconvolution_2d(
            x,
            self.W,
            self.b,
            self.stride,
            self.pad,
            self.outsize,
            dilate=self.dilate,
            groups=self.groups,
        )
