"""What cuDNN does, by cuDNN 9 where the driver can run it, else by the package's own means.

Functions on arrays, with the same arguments and, to rounding, the same results on every
device: convolutions, poolings, batch normalisation, softmax, dropout, recurrent networks and
attention, each with its gradients.  `using_settings` decides how algorithms are chosen,
and `ndgpu.linalg.precision` how exactly float32 is multiplied.

Examples
--------
>>> import ndgpu
>>> ndgpu.cudnn.convolution(ndgpu.ones((1, 1, 4)), ndgpu.ones((1, 1, 3)))
array([[[3., 3.]]])
"""

from __future__ import annotations

from ndgpu.cudnn.attending import attention, attention_backward
from ndgpu.cudnn.binding import CuDnnError
from ndgpu.cudnn.convolutions import (
    convolution,
    convolution_backward_data,
    convolution_backward_filter,
)
from ndgpu.cudnn.dropping import dropout, dropout_backward, seed_dropout
from ndgpu.cudnn.normalization import (
    batch_normalization,
    batch_normalization_backward,
    batch_normalization_inference,
)
from ndgpu.cudnn.poolings import pooling, pooling_backward
from ndgpu.cudnn.presence import available, version
from ndgpu.cudnn.recurrent import rnn, rnn_backward
from ndgpu.cudnn.settings import Settings, get_settings, using_settings
from ndgpu.cudnn.weighting import softmax, softmax_backward

__all__ = [
    "CuDnnError",
    "Settings",
    "attention",
    "attention_backward",
    "available",
    "batch_normalization",
    "batch_normalization_backward",
    "batch_normalization_inference",
    "convolution",
    "convolution_backward_data",
    "convolution_backward_filter",
    "dropout",
    "dropout_backward",
    "get_settings",
    "pooling",
    "pooling_backward",
    "rnn",
    "rnn_backward",
    "seed_dropout",
    "softmax",
    "softmax_backward",
    "using_settings",
    "version",
]
