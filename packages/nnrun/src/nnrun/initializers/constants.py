"""Initial values that are not random."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device, is_array
from nnrun.initializers.base import Initializer

__all__ = ["Constant", "Identity", "NaN", "One", "Zero"]

Array = Any


class Constant(Initializer):
    """One value, or the values of an array.

    Parameters
    ----------
    fill_value : number or array
        An array must have the parameter's shape.
    dtype : dtype, optional
        See `Initializer`.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.Parameter(nnrun.initializers.Constant(0.5), (2,))
    variable([0.5, 0.5])
    """

    def __init__(self, fill_value: Any, dtype: Any = None) -> None:
        super().__init__(dtype)
        self.fill_value = fill_value

    def __call__(self, array: Array) -> None:
        """Fill the array.

        Raises
        ------
        ValueError
            If the values are an array of another shape.
        """
        value = self.fill_value
        if is_array(value):
            if value.ndim and value.shape != array.shape:
                raise ValueError(
                    f"Constant: the values have shape {value.shape}, the parameter {array.shape}"
                )
            value = get_device("numpy").send(value)
        array[...] = value


class Zero(Constant):
    """Zeros."""

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(0.0, dtype)


class One(Constant):
    """Ones."""

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(1.0, dtype)


class NaN(Constant):
    """Not a number, so that a forgotten initialisation shows."""

    def __init__(self, dtype: Any = None) -> None:
        super().__init__(np.nan, dtype)


class Identity(Initializer):
    """A scaled identity matrix.

    Parameters
    ----------
    scale : float
        What is on the diagonal.
    dtype : dtype, optional
        See `Initializer`.

    Examples
    --------
    >>> import nnrun
    >>> nnrun.Parameter(nnrun.initializers.Identity(2), (2, 2))
    variable([[2., 0.],
              [0., 2.]])
    """

    def __init__(self, scale: float = 1.0, dtype: Any = None) -> None:
        super().__init__(dtype)
        self.scale = scale

    def __call__(self, array: Array) -> None:
        """Fill the array.

        Raises
        ------
        ValueError
            If it is not a square matrix.
        """
        if array.ndim != 2 or array.shape[0] != array.shape[1]:
            raise ValueError(f"Identity: the parameter must be square, not of shape {array.shape}")
        array[...] = 0
        np.fill_diagonal(array, self.scale)
