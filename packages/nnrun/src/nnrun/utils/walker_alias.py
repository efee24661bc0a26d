"""`WalkerAlias`: draws numbers with given probabilities, each in constant time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_device

__all__ = ["WalkerAlias"]

Array = Any


class WalkerAlias:
    """The alias method (Walker, 1974; its table as Vose, 1991, builds it).

    The probabilities are cut into as many columns of equal weight as there are
    numbers, each shared by two numbers at most: one to draw a column, one to choose
    within it.

    Parameters
    ----------
    probs : sequence of float
        Of each number; only their ratios count.

    Raises
    ------
    ValueError
        If one is negative, or all are zero.

    Examples
    --------
    >>> from nnrun.utils import WalkerAlias
    >>> sampler = WalkerAlias([0.0, 3.0, 1.0])
    >>> np.random.seed(0)
    >>> np.bincount(sampler.sample((4000,)), minlength=3)
    array([   0, 3029,  971])
    """

    def __init__(self, probs: Sequence[float]) -> None:
        weights = np.asarray(probs, np.float64)
        if weights.ndim != 1 or not weights.size or weights.min() < 0 or weights.sum() <= 0:
            raise ValueError("WalkerAlias: `probs` must be a row of numbers >= 0, not all 0")
        share = weights * (weights.size / weights.sum())
        own = np.ones(weights.size)  # up to where a column is its own number's
        other = np.arange(weights.size)  # whose the rest is
        small = [i for i, v in enumerate(share) if v < 1]
        large = [i for i, v in enumerate(share) if v >= 1]
        while small and large:
            i, j = small.pop(), large.pop()
            own[i], other[i] = share[i], j
            share[j] -= 1 - share[i]
            (small if share[j] < 1 else large).append(j)
        # What is left over is 1 but for rounding.
        self.threshold: Array = own
        self.values: Array = other
        self.device = get_device("numpy")

    def to_device(self, device: Any) -> WalkerAlias:
        """Draw on that device from now on, and return the sampler itself."""
        self.device = get_device(device)
        self.threshold = self.device.send(self.threshold)
        self.values = self.device.send(self.values)
        return self

    def to_cpu(self) -> WalkerAlias:
        """Draw with NumPy from now on."""
        return self.to_device("numpy")

    def to_gpu(self) -> WalkerAlias:
        """Draw on ndgpu's device number 0 from now on."""
        return self.to_device(0)

    def sample(self, shape: int | tuple[int, ...]) -> Array:
        """Return numbers drawn independently.

        Parameters
        ----------
        shape : int or tuple of int

        Returns
        -------
        array of int, shape `shape`
        """
        xp = self.device.xp
        size = (shape,) if isinstance(shape, int) else tuple(shape)
        with self.device:
            # One number between 0 and n is column and place within it.
            u = xp.random.uniform(0, len(self.values), size)
            column = xp.minimum(u.astype(np.int64), len(self.values) - 1)
            rest = u - column
            return xp.where(rest < self.threshold[column], column, self.values[column])
