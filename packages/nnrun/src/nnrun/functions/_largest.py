"""The largest of several samples, of which the first alone has the gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnrun.core import Variable
from nnrun.functions.rearranging import gather
from nnrun.functions.shape import reshape, transpose

__all__ = ["largest"]


def largest(x: Variable, axes: Sequence[int]) -> Variable:
    """The maximum over axes.

    Where several are equal, as copies of one element are, the first is taken: the
    gradient of `max` would count each.
    """
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = [x.shape[i] for i in kept]
    rows: Any = reshape(transpose(x, [*kept, *axes]), (*shape, math.prod(x.shape[a] for a in axes)))
    return reshape(gather(rows, rows.array.argmax(axis=-1)[..., None], -1), shape)
