"""Chains of convolutions with a name: `Inception` and `MLPConvolution2D`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnrun.core import Chain, ChainList, Variable
from nnrun.functions import concat, max_pooling_2d, relu
from nnrun.links.convolution_2d import Convolution2D

__all__ = ["Inception", "MLPConvolution2D"]


class Inception(Chain):
    """Windows of several sizes side by side: the module of GoogLeNet (Szegedy et al., 2014).

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out1, proj3, out3, proj5, out5, proj_pool : int
        Channels of the windows of 1 by 1; before and after those of 3 by 3 and of 5 by
        5; after the pooling.
    conv_init, bias_init : initializer, array or number, optional
        Of all filters and biases.

    Attributes
    ----------
    conv1, proj3, conv3, proj5, conv5, projp : Convolution2D

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Inception(3, 2, 2, 3, 2, 4, 1)(np.ones((1, 3, 7, 7), np.float32)).shape
    (1, 10, 7, 7)
    """

    def __init__(
        self,
        in_channels: int | None,
        out1: int,
        proj3: int,
        out3: int,
        proj5: int,
        out5: int,
        proj_pool: int,
        conv_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        super().__init__()

        def filters(n_in: int | None, n_out: int, k: int) -> Convolution2D:
            return Convolution2D(
                n_in, n_out, k, pad=k // 2, initialW=conv_init, initial_bias=bias_init
            )

        with self.init_scope():
            self.conv1 = filters(in_channels, out1, 1)
            self.proj3 = filters(in_channels, proj3, 1)
            self.conv3 = filters(proj3, out3, 3)
            self.proj5 = filters(in_channels, proj5, 1)
            self.conv5 = filters(proj5, out5, 5)
            self.projp = filters(in_channels, proj_pool, 1)

    def forward(self, x: Any) -> Variable:
        """Apply the module to `x`, of shape (batch, in_channels, height, width)."""
        parts = [
            self.conv1(x),
            self.conv3(relu(self.proj3(x))),
            self.conv5(relu(self.proj5(x))),
            self.projp(max_pooling_2d(x, 3, stride=1, pad=1)),
        ]
        return relu(concat(parts, 1))


class MLPConvolution2D(ChainList):
    """A convolution, then maps of each pixel's channels (Lin et al., 2013).

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out_channels : sequence of int
        Channels after each layer.
    ksize, stride, pad : int or pair of int
        Of the windows of the first.
    activation : callable
        Between layers.
    conv_init, bias_init : initializer, array or number, optional
        Of all filters and biases.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.MLPConvolution2D(3, (8, 4), 3)(np.ones((1, 3, 5, 5), np.float32)).shape
    (1, 4, 3, 3)
    """

    def __init__(
        self,
        in_channels: int | None,
        out_channels: Sequence[int],
        ksize: Any,
        stride: Any = 1,
        pad: Any = 0,
        activation: Callable[[Any], Variable] = relu,
        conv_init: Any = None,
        bias_init: Any = None,
    ) -> None:
        if not out_channels:
            raise ValueError(
                "MLPConvolution2D: `out_channels` is empty; a layer at least is wanted"
            )
        first, *more = out_channels
        options = {"initialW": conv_init, "initial_bias": bias_init}
        super().__init__(Convolution2D(in_channels, first, ksize, stride, pad, **options))
        for n_in, n_out in zip(out_channels, more, strict=False):
            self.append(Convolution2D(n_in, n_out, 1, **options))
        self.activation = activation

    def forward(self, x: Any) -> Variable:
        """Apply the layers to `x`, of shape (batch, in_channels, height, width)."""
        layers: list[Any] = list(self)
        for layer in layers[:-1]:
            x = self.activation(layer(x))
        return layers[-1](x)
