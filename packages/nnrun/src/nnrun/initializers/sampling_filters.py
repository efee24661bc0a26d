"""Filters that resample images: what a (de)convolution that is to learn that begins with."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.initializers.base import Initializer

__all__ = ["DownsamplingConvFilter", "UpsamplingDeconvFilter"]

Array = Any


def _bilinear(size: int) -> np.ndarray:
    """The weights of linear interpolation at the places of a window: 1 in its middle."""
    factor = (size + 1) // 2
    middle = factor - 1 if size % 2 else factor - 0.5
    return 1 - np.abs(np.arange(size) - middle) / factor


class _Resampling(Initializer):
    def __init__(self, interpolation: str = "linear", dtype: Any = None) -> None:
        if interpolation != "linear":
            raise ValueError(
                f"{type(self).__name__}: `interpolation` must be 'linear', not {interpolation!r}"
            )
        super().__init__(dtype)

    def _fill(self, array: Array, normal: bool) -> None:
        if array.ndim < 3 or array.shape[0] != array.shape[1]:
            raise ValueError(
                f"{type(self).__name__}: the filters must map channels to as many channels, "
                f"not have shape {array.shape}"
            )
        window = np.ones(())
        for size in array.shape[2:]:
            window = window[..., None] * _bilinear(size)
        if normal:
            window = window / window.sum()
        array[...] = 0
        for i in range(len(array)):
            array[i, i] = window


class UpsamplingDeconvFilter(_Resampling):
    """A deconvolution that interpolates linearly, each channel by itself.

    Parameters
    ----------
    interpolation : {'linear'}
        How.
    dtype : dtype, optional
        See `Initializer`.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.Parameter(nnrun.initializers.UpsamplingDeconvFilter(), (1, 1, 3)).array
    array([[[0.5, 1. , 0.5]]], dtype=float32)
    """

    def __call__(self, array: Array) -> None:
        """Fill filters of shape (channels, channels, ...)."""
        self._fill(array, False)


class DownsamplingConvFilter(_Resampling):
    """A convolution that averages by a linear window, each channel by itself.

    Parameters
    ----------
    interpolation : {'linear'}
        How.
    dtype : dtype, optional
        See `Initializer`.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.Parameter(nnrun.initializers.DownsamplingConvFilter(), (1, 1, 3)).array
    array([[[0.25, 0.5 , 0.25]]], dtype=float32)
    """

    def __call__(self, array: Array) -> None:
        """Fill filters of shape (channels, channels, ...)."""
        self._fill(array, True)
