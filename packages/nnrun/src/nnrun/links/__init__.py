"""Layers: links for ``import nnrun.links as L``."""

from nnrun.links.bias_scale import Bias, Scale
from nnrun.links.classifier import Classifier
from nnrun.links.embed_id import EmbedID
from nnrun.links.linear import Linear

__all__ = ["Bias", "Classifier", "EmbedID", "Linear", "Scale"]
