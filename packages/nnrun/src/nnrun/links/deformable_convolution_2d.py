"""`DeformableConvolution2D`: filters whose places move with the input."""

from __future__ import annotations

from typing import Any

from nnrun.core import Chain, Variable
from nnrun.functions import deformable_convolution_2d_sampler
from nnrun.functions._windows import pair
from nnrun.links.convolution_2d import Convolution2D

__all__ = ["DeformableConvolution2D"]


class DeformableConvolution2D(Chain):
    """A layer of filters whose places move (Dai et al., 2017).

    One convolution tells how far each place of each window moves; the filters of the
    other are applied there, see `deformable_convolution_2d_sampler`.

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out_channels : int
        Channels of the result.
    ksize, stride, pad : int or pair of int
        Of the windows.
    offset_nobias, deform_nobias : bool
        Leave out the bias of either convolution.
    offset_initialW, offset_initial_bias : initializer, array or number, optional
        0 by default: at first nothing moves.
    deform_initialW, deform_initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.

    Attributes
    ----------
    offset_conv, deform_conv : Convolution2D

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.DeformableConvolution2D(3, 2, 3)(np.ones((1, 3, 5, 5), np.float32)).shape
    (1, 2, 3, 3)
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: int,
        ksize: Any,
        stride: Any = 1,
        pad: Any = 0,
        offset_nobias: bool = False,
        offset_initialW: Any = None,
        offset_initial_bias: Any = None,
        deform_nobias: bool = False,
        deform_initialW: Any = None,
        deform_initial_bias: Any = None,
    ) -> None:
        super().__init__()
        kh, kw = pair(ksize, "DeformableConvolution2D: `ksize`")
        with self.init_scope():
            self.offset_conv = Convolution2D(
                in_channels,
                2 * kh * kw,
                (kh, kw),
                stride,
                pad,
                offset_nobias,
                0 if offset_initialW is None else offset_initialW,
                offset_initial_bias,
            )
            self.deform_conv = Convolution2D(
                in_channels,
                out_channels,
                (kh, kw),
                stride,
                pad,
                deform_nobias,
                deform_initialW,
                deform_initial_bias,
            )

    def forward(self, x: Any) -> Variable:
        """Apply the layer to `x`, of shape (batch, in_channels, height, width)."""
        offset = self.offset_conv(x)
        filters = self.deform_conv
        if not filters.W.is_initialized:
            filters._initialize(x.shape[1])
        return deformable_convolution_2d_sampler(
            x, offset, filters.W, filters.b, filters.stride, filters.pad
        )
