"""Layers: links for ``import nnrun.links as L``."""

from nnrun.links.batch_normalization import BatchNormalization
from nnrun.links.bias_scale import Bias, Scale
from nnrun.links.classifier import Classifier
from nnrun.links.convolution_2d import Convolution2D, Deconvolution2D
from nnrun.links.embed_id import EmbedID
from nnrun.links.linear import Linear

__all__ = [
    "BatchNormalization",
    "Bias",
    "Classifier",
    "Convolution2D",
    "Deconvolution2D",
    "EmbedID",
    "Linear",
    "Scale",
]
