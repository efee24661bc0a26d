"""What initializers share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["Initializer", "get_fans"]

Array = Any


class Initializer:
    """Fills arrays; subclasses define ``__call__``.

    Parameters
    ----------
    dtype : dtype, optional
        Of the arrays that `nnrun.initializers.generate_array` makes with it.

    Examples
    --------
    >>> import numpy as np, nnrun
    >>> class Counting(nnrun.Initializer):
    ...     def __call__(self, array):
    ...         array[...] = np.arange(array.size).reshape(array.shape)
    >>> nnrun.Parameter(Counting(), (2, 2))
    variable([[0., 1.],
              [2., 3.]])
    """

    def __init__(self, dtype: Any = None) -> None:
        self.dtype = None if dtype is None else np.dtype(dtype)

    def __call__(self, array: Array) -> None:
        """Fill the array."""
        raise NotImplementedError(f"{type(self).__name__} defines no __call__")

    def __repr__(self) -> str:
        shown = {k: v for k, v in vars(self).items() if v is not None}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"


def get_fans(shape: Sequence[int]) -> tuple[int, int]:
    """Return how many values go into, and come out of, each unit.

    Parameters
    ----------
    shape : tuple of int
        ``(out, in, ...)``, as of the weights of a linear or convolution layer.

    Returns
    -------
    tuple of int
        ``(fan_in, fan_out)``.

    Raises
    ------
    ValueError
        If there are fewer than two dimensions.

    Examples
    --------
    >>> from nnrun.initializers import get_fans
    >>> get_fans((32, 3, 5, 5))
    (75, 800)
    """
    if len(shape) < 2:
        raise ValueError(f"this initializer needs at least two dimensions, not shape {shape}")
    receptive = math.prod(shape[2:])
    return shape[1] * receptive, shape[0] * receptive
