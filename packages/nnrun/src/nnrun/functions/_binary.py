"""Helpers that functions of several inputs share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array
from nnrun.core import as_array

__all__ = ["is_number", "number", "number_like", "pair_of_arrays"]

Array = Any

_NUMBERS = frozenset((int, float, bool, complex))


def is_number(x: Any) -> bool:
    """Whether `x` is a number rather than an array or Variable."""
    return type(x) in _NUMBERS or isinstance(x, np.generic)


def number(x: Any) -> Any:
    """`x` as a Python number, which takes on the dtype of the array it meets."""
    return x.item() if isinstance(x, np.generic) else x


def number_like(x: Any, like: Any) -> Array:
    """A number as an array of the dtype, module and device of `like`."""
    array = as_array(like)
    with get_device_from_array(array) as device:
        return device.xp.asarray(number(x), dtype=array.dtype)


def pair_of_arrays(x: Any, y: Any) -> tuple[Any, Any]:
    """Two operands, a number among them made an array like the other."""
    if is_number(y):
        return x, number_like(y, x)
    if is_number(x):
        return number_like(x, y), y
    return x, y
