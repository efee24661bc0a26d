"""The largest of several samples, of which the first alone has the gradient."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from nnrun.core import Variable
from nnrun.functions.rearranging import gather
from nnrun.functions.shape import reshape, transpose

__all__ = ["largest", "largest_and_place"]


def largest(x: Variable, axes: Sequence[int]) -> Variable:
    """The maximum over axes; see `largest_and_place`."""
    return largest_and_place(x, axes)[0]


def largest_and_place(x: Variable, axes: Sequence[int]) -> tuple[Variable, Any]:
    """The maximum over axes, and where it is among them, counted row by row.

    Where several are equal, as copies of one element are, the first is taken: the
    gradient of `max` would count each.
    """
    kept = [i for i in range(x.ndim) if i not in axes]
    shape = [x.shape[i] for i in kept]
    rows: Any = reshape(transpose(x, [*kept, *axes]), (*shape, math.prod(x.shape[a] for a in axes)))
    places = rows.array.argmax(axis=-1)
    return reshape(gather(rows, places[..., None], -1), shape), places
