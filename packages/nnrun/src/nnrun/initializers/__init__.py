"""Initial values of parameters.

An initializer is called with a NumPy array and fills it.  Random ones draw from
their ``rng``, or from NumPy's global generator, so ``numpy.random.seed`` makes a
whole model reproducible, and the same on every device: values are always drawn
with NumPy and then sent.
"""

from nnrun.core.parameter import generate_array
from nnrun.initializers.base import Initializer, get_fans
from nnrun.initializers.constants import Constant, Identity, NaN, One, Zero
from nnrun.initializers.random import (
    GlorotNormal,
    GlorotUniform,
    HeNormal,
    HeUniform,
    LeCunNormal,
    LeCunUniform,
    Normal,
    Orthogonal,
    Uniform,
)
from nnrun.initializers.sampling_filters import DownsamplingConvFilter, UpsamplingDeconvFilter

__all__ = [
    "Constant",
    "DownsamplingConvFilter",
    "GlorotNormal",
    "GlorotUniform",
    "HeNormal",
    "HeUniform",
    "Identity",
    "Initializer",
    "LeCunNormal",
    "LeCunUniform",
    "NaN",
    "Normal",
    "One",
    "Orthogonal",
    "Uniform",
    "UpsamplingDeconvFilter",
    "Zero",
    "generate_array",
    "get_fans",
]
