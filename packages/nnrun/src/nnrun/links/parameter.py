"""`Parameter`: a link that is one parameter."""

from __future__ import annotations

from typing import Any

import nnrun.core as core
from nnrun.core import Link

__all__ = ["Parameter"]


class Parameter(Link):
    """Holds one parameter and returns it when called.

    Parameters
    ----------
    array : array
        Its initial value.

    Attributes
    ----------
    W : nnrun.Parameter

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.Parameter(np.array([1.0, 2.0]))()
    variable W([1., 2.])
    """

    def __init__(self, array: Any) -> None:
        super().__init__()
        with self.init_scope():
            self.W = core.Parameter(array)

    def forward(self) -> core.Parameter:
        """Return the parameter."""
        return self.W
