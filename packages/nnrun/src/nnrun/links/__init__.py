"""Layers: links for ``import nnrun.links as L``."""

from nnrun.links.attention import MultiHeadAttention, TransformerBlock
from nnrun.links.batch_normalization import BatchNormalization
from nnrun.links.bias_scale import Bias, Scale
from nnrun.links.classifier import Classifier
from nnrun.links.convolution_2d import Convolution2D, Deconvolution2D
from nnrun.links.convolution_nd import (
    Convolution1D,
    Convolution3D,
    ConvolutionND,
    Deconvolution1D,
    Deconvolution3D,
    DeconvolutionND,
    DepthwiseConvolution2D,
    DilatedConvolution2D,
    LocalConvolution2D,
)
from nnrun.links.decorrelated_batch_normalization import DecorrelatedBatchNormalization
from nnrun.links.deformable_convolution_2d import DeformableConvolution2D
from nnrun.links.embed_id import EmbedID
from nnrun.links.gru import GRU, StatefulGRU, StatefulMGU, StatelessGRU, StatelessMGU
from nnrun.links.inception import Inception, MLPConvolution2D
from nnrun.links.inception_bn import InceptionBN
from nnrun.links.learnt_activations import (
    Bilinear,
    Highway,
    Maxout,
    PReLU,
    SimplifiedDropconnect,
    Swish,
)
from nnrun.links.linear import Linear
from nnrun.links.loss_links import BinaryHierarchicalSoftmax, BlackOut, CRF1d, NegativeSampling
from nnrun.links.lstm import LSTM, StatefulPeepholeLSTM, StatefulZoneoutLSTM, StatelessLSTM
from nnrun.links.n_step import (
    NStepBiGRU,
    NStepBiLSTM,
    NStepBiRNNReLU,
    NStepBiRNNTanh,
    NStepGRU,
    NStepLSTM,
    NStepRNNReLU,
    NStepRNNTanh,
)
from nnrun.links.normalizations import (
    BatchRenormalization,
    GroupNormalization,
    LayerNormalization,
    RMSNormalization,
)
from nnrun.links.parameter import Parameter
from nnrun.links.tree_lstm import ChildSumTreeLSTM, NaryTreeLSTM

__all__ = [
    "GRU",
    "LSTM",
    "BatchNormalization",
    "BatchRenormalization",
    "Bias",
    "Bilinear",
    "BinaryHierarchicalSoftmax",
    "BlackOut",
    "CRF1d",
    "ChildSumTreeLSTM",
    "Classifier",
    "Convolution1D",
    "Convolution2D",
    "Convolution3D",
    "ConvolutionND",
    "Deconvolution1D",
    "Deconvolution2D",
    "Deconvolution3D",
    "DeconvolutionND",
    "DecorrelatedBatchNormalization",
    "DeformableConvolution2D",
    "DepthwiseConvolution2D",
    "DilatedConvolution2D",
    "EmbedID",
    "GroupNormalization",
    "Highway",
    "Inception",
    "InceptionBN",
    "LayerNormalization",
    "Linear",
    "LocalConvolution2D",
    "MLPConvolution2D",
    "Maxout",
    "MultiHeadAttention",
    "NStepBiGRU",
    "NStepBiLSTM",
    "NStepBiRNNReLU",
    "NStepBiRNNTanh",
    "NStepGRU",
    "NStepLSTM",
    "NStepRNNReLU",
    "NStepRNNTanh",
    "NaryTreeLSTM",
    "NegativeSampling",
    "PReLU",
    "Parameter",
    "RMSNormalization",
    "Scale",
    "SimplifiedDropconnect",
    "StatefulGRU",
    "StatefulMGU",
    "StatefulPeepholeLSTM",
    "StatefulZoneoutLSTM",
    "StatelessGRU",
    "StatelessLSTM",
    "StatelessMGU",
    "Swish",
    "TransformerBlock",
]

# Models with published weights stand on a higher floor; they are names of this one too.
_MODELS = (
    "GoogLeNet",
    "ResNet101Layers",
    "ResNet152Layers",
    "ResNet50Layers",
    "VGG16Layers",
    "VGG19Layers",
)


def __getattr__(name: str) -> object:
    if name in _MODELS:
        import importlib

        return getattr(importlib.import_module("nnrun.models"), name)
    raise AttributeError(f"module 'nnrun.links' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODELS})
