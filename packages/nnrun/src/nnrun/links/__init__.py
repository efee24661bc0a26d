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
    DeformableConvolution2D,
    DepthwiseConvolution2D,
    DilatedConvolution2D,
    LocalConvolution2D,
)
from nnrun.links.embed_id import EmbedID
from nnrun.links.gru import GRU, StatefulGRU, StatefulMGU, StatelessGRU, StatelessMGU
from nnrun.links.inception import Inception, MLPConvolution2D
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
    "DeformableConvolution2D",
    "DepthwiseConvolution2D",
    "DilatedConvolution2D",
    "EmbedID",
    "GroupNormalization",
    "Highway",
    "Inception",
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
