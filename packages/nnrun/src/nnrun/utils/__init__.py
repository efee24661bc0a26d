"""Helpers for those who write functions and links: sizes, types, sparse matrices.

`type_check` holds the expressions that state what a function's inputs must be.
"""

from nnrun.utils import type_check as type_check
from nnrun.utils.arrays import force_array, force_type, size_of_shape, sum_to
from nnrun.utils.conv import get_conv_outsize, get_deconv_outsize
from nnrun.utils.files import tempdir
from nnrun.utils.sparse import CooMatrix, get_order, to_coo
from nnrun.utils.walker_alias import WalkerAlias

__all__ = [
    "CooMatrix",
    "WalkerAlias",
    "force_array",
    "force_type",
    "get_conv_outsize",
    "get_deconv_outsize",
    "get_order",
    "size_of_shape",
    "sum_to",
    "tempdir",
    "to_coo",
    "type_check",
]
