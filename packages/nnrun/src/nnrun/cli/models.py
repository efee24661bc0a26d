"""The models that ``python -m nnrun train`` offers."""

from __future__ import annotations

from typing import Any

import nnrun.functions as F
import nnrun.links as L
from nnrun.core.chain import Chain

__all__ = ["MLP", "MODELS"]


class MLP(Chain):
    """A multilayer perceptron: two hidden layers with ReLU.

    Parameters
    ----------
    n_in : int
        Length of an input vector.
    n_units : int
        Width of the hidden layers.
    n_out : int
        Number of classes.

    Examples
    --------
    >>> import numpy as np
    >>> MLP(64, 16, 10)(np.zeros((3, 64), np.float32)).shape
    (3, 10)
    """

    def __init__(self, n_in: int, n_units: int, n_out: int) -> None:
        super().__init__()
        with self.init_scope():
            # Sizes are given, so that the parameters are made here, from NumPy's generator:
            # the same seed then makes the same model for every device.
            self.l1 = L.Linear(n_in, n_units)
            self.l2 = L.Linear(n_units, n_units)
            self.l3 = L.Linear(n_units, n_out)

    def forward(self, x: Any) -> Any:
        """Return a score for each class.

        Parameters
        ----------
        x : array or Variable of shape (batch, n_in)

        Returns
        -------
        Variable of shape (batch, n_out)
        """
        h = F.relu(self.l1(x))
        h = F.relu(self.l2(h))
        return self.l3(h)


#: By name: makes the model for vectors of a length, a width and a number of classes.
MODELS = {"mlp": MLP}
