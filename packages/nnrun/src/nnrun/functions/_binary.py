"""Helpers that functions of several inputs share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.core import Variable, as_variable

__all__ = ["is_number", "number", "sum_array_to", "variables"]

Array = Any

_NUMBERS = frozenset((int, float, bool, complex))


def is_number(x: Any) -> bool:
    """Whether `x` is a number rather than an array or Variable."""
    return type(x) in _NUMBERS or isinstance(x, np.generic)


def number(x: Any) -> Any:
    """`x` as a Python number, which takes on the dtype of the array it meets."""
    return x.item() if isinstance(x, np.generic) else x


def variables(*xs: Any) -> list[Variable]:
    """The arguments as Variables."""
    return [as_variable(x) for x in xs]


def sum_array_to(x: Array, shape: tuple[int, ...]) -> Array:
    """Sum `x` over the axes along which `shape` was broadcast to ``x.shape``."""
    lead = x.ndim - len(shape)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1
    )
    y = x.sum(axis=axes, keepdims=True) if axes else x
    return y.reshape(shape)
