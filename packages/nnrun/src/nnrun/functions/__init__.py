"""Differentiable functions on Variables, for ``import nnrun.functions as F``.

Importing this package also gives `Variable` its operators and array methods.
"""

from nnrun.functions import _methods as _methods
from nnrun.functions.accuracy import accuracy
from nnrun.functions.activations import (
    clipped_relu,
    elu,
    leaky_relu,
    relu,
    sigmoid,
    silu,
    softplus,
    swish,
    tanh,
)
from nnrun.functions.arithmetic import (
    absolute,
    add,
    divide,
    floor_divide,
    multiply,
    negative,
    power,
    remainder,
    subtract,
)
from nnrun.functions.broadcast import broadcast, broadcast_to, sum_to
from nnrun.functions.indexing import cast, copy, embed_id, get_item, identity, where
from nnrun.functions.joining import concat, hstack, separate, split_axis, stack, vstack
from nnrun.functions.losses import (
    absolute_error,
    mean_absolute_error,
    mean_squared_error,
    sigmoid_cross_entropy,
    squared_error,
)
from nnrun.functions.matmul import linear, matmul
from nnrun.functions.minmax import clip, maximum, minimum
from nnrun.functions.noise import dropout
from nnrun.functions.reductions import argmax, argmin, average, max, mean, min, sum
from nnrun.functions.shape import (
    expand_dims,
    flatten,
    moveaxis,
    reshape,
    squeeze,
    swapaxes,
    transpose,
)
from nnrun.functions.softmax import log_softmax, logsumexp, softmax
from nnrun.functions.softmax_cross_entropy import softmax_cross_entropy
from nnrun.functions.unary import (
    arccos,
    arcsin,
    arctan,
    ceil,
    cos,
    cosh,
    exp,
    expm1,
    fix,
    floor,
    log,
    log1p,
    log2,
    log10,
    reciprocal,
    rsqrt,
    sign,
    sin,
    sinh,
    sqrt,
    square,
    tan,
)

__all__ = [name for name in dir() if not name.startswith("_") and name not in ("annotations",)]
