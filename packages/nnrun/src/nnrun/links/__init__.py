"""Layers: links for ``import nnrun.links as L``."""

from nnrun.links.batch_normalization import BatchNormalization
from nnrun.links.bias_scale import Bias, Scale
from nnrun.links.classifier import Classifier
from nnrun.links.convolution_2d import Convolution2D, Deconvolution2D
from nnrun.links.embed_id import EmbedID
from nnrun.links.gru import GRU, StatefulGRU, StatefulMGU, StatelessGRU, StatelessMGU
from nnrun.links.linear import Linear
from nnrun.links.lstm import LSTM, StatefulPeepholeLSTM, StatelessLSTM
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
from nnrun.links.tree_lstm import ChildSumTreeLSTM, NaryTreeLSTM

__all__ = [
    "GRU",
    "LSTM",
    "BatchNormalization",
    "Bias",
    "ChildSumTreeLSTM",
    "Classifier",
    "Convolution2D",
    "Deconvolution2D",
    "EmbedID",
    "Linear",
    "NStepBiGRU",
    "NStepBiLSTM",
    "NStepBiRNNReLU",
    "NStepBiRNNTanh",
    "NStepGRU",
    "NStepLSTM",
    "NStepRNNReLU",
    "NStepRNNTanh",
    "NaryTreeLSTM",
    "Scale",
    "StatefulGRU",
    "StatefulMGU",
    "StatefulPeepholeLSTM",
    "StatelessGRU",
    "StatelessLSTM",
    "StatelessMGU",
]
