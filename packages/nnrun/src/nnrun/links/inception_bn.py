"""`InceptionBN`: the Inception module with batch normalisation."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from nnrun.core import Chain, Variable
from nnrun.functions import average_pooling_2d, concat, max_pooling_2d, relu
from nnrun.links.batch_normalization import BatchNormalization
from nnrun.links.convolution_2d import Convolution2D

__all__ = ["InceptionBN"]

# As many places as the windows of a convolution have.
_POOLS: dict[str, Callable[..., Variable]] = {
    "max": functools.partial(max_pooling_2d, cover_all=False),
    "avg": average_pooling_2d,
}


class InceptionBN(Chain):
    """Windows of several sizes side by side, each normalised (Ioffe and Szegedy, 2015).

    Parameters
    ----------
    in_channels : int or None
        Channels of the input; None to take them from the first input.
    out1 : int
        Channels of the windows of 1 by 1; 0 for none.
    proj3, out3 : int
        Channels before and after the windows of 3 by 3.
    proj33, out33 : int
        Channels before and after two windows of 3 by 3 in a row.
    pooltype : {'max', 'avg'}
        Of the pooling.
    proj_pool : int, optional
        Channels after the pooling; as they are by default.
    stride : int
        Of the last windows of each branch, and of the pooling.
    conv_init : initializer, array or number, optional
        Of all filters.
    dtype : dtype, optional
        Of the normalisations.

    Raises
    ------
    ValueError
        If `pooltype` is neither.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> layer = L.InceptionBN(3, 2, 2, 3, 2, 4, "avg", 5)
    >>> layer(np.ones((2, 3, 7, 7), np.float32)).shape
    (2, 14, 7, 7)
    """

    def __init__(
        self,
        in_channels: int | None,
        out1: int,
        proj3: int,
        out3: int,
        proj33: int,
        out33: int,
        pooltype: str,
        proj_pool: int | None = None,
        stride: int = 1,
        conv_init: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if pooltype not in _POOLS:
            raise ValueError(f"InceptionBN: `pooltype` must be 'max' or 'avg', not {pooltype!r}")
        self.out1 = out1
        self.proj_pool = proj_pool
        self.stride = stride
        self._pool = _POOLS[pooltype]

        def add(name: str, normal: str, n_in: int | None, n_out: int, k: int, s: int = 1) -> None:
            filters = Convolution2D(n_in, n_out, k, s, k // 2, nobias=True, initialW=conv_init)
            setattr(self, name, filters)
            setattr(self, normal, BatchNormalization(n_out, dtype=dtype))

        with self.init_scope():
            if out1:
                add("conv1", "conv1n", in_channels, out1, 1, stride)
            add("proj3", "proj3n", in_channels, proj3, 1)
            add("conv3", "conv3n", proj3, out3, 3, stride)
            add("proj33", "proj33n", in_channels, proj33, 1)
            add("conv33a", "conv33an", proj33, out33, 3)
            add("conv33b", "conv33bn", out33, out33, 3, stride)
            if proj_pool is not None:
                add("poolp", "poolpn", in_channels, proj_pool, 1)

    def _apply(self, x: Any, *names: str) -> Variable:
        for name in names:
            x = relu(self[f"{name}n"](self[name](x)))
        return x

    def forward(self, x: Any) -> Variable:
        """Apply the module to `x`, of shape (batch, in_channels, height, width)."""
        parts = [self._apply(x, "conv1")] if self.out1 else []
        parts.append(self._apply(x, "proj3", "conv3"))
        parts.append(self._apply(x, "proj33", "conv33a", "conv33b"))
        pooled = self._pool(x, 3, stride=self.stride, pad=1)
        parts.append(pooled if self.proj_pool is None else self._apply(pooled, "poolp"))
        return concat(parts, 1)
