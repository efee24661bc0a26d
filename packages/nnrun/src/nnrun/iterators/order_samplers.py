"""The order in which an iterator goes through a dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.iterators.random_state import serialize_random_state

__all__ = ["OrderSampler", "ShuffleOrderSampler"]


class OrderSampler:
    """Base class of what decides an iterator's order, one sweep at a time.

    Any callable of the same arguments will do in its place.
    """

    def __call__(self, current_order: np.ndarray, current_position: int) -> np.ndarray:
        """Return the order of the next sweep.

        Parameters
        ----------
        current_order : numpy.ndarray of int
            The order of the sweep that ends; at first ``arange(len(dataset))``.
        current_position : int
            How many of its examples were used; at first 0.

        Returns
        -------
        numpy.ndarray of int
            One-dimensional.
        """
        raise NotImplementedError(f"{type(self).__name__} must define __call__")

    def serialize(self, serializer: Any) -> None:
        """Save or load what decides the orders to come."""


class ShuffleOrderSampler(OrderSampler):
    """A random permutation for each sweep.

    Parameters
    ----------
    random_state : numpy.random.RandomState, int or None
        Its generator, or a seed; ``None`` uses NumPy's global one.

    Examples
    --------
    >>> sampler = ShuffleOrderSampler(0)
    >>> sorted(sampler(np.arange(4), 0).tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, random_state: np.random.RandomState | int | None = None) -> None:
        self._is_global = random_state is None
        if random_state is None:
            # The object behind `numpy.random.shuffle` and `numpy.random.seed`.
            random_state = np.random.mtrand._rand
        elif not isinstance(random_state, np.random.RandomState):
            random_state = np.random.RandomState(random_state)
        self._random = random_state

    def __call__(self, current_order: np.ndarray, current_position: int) -> np.ndarray:
        """Return a permutation of ``range(len(current_order))``."""
        return self._random.permutation(len(current_order))

    def serialize(self, serializer: Any) -> None:
        """Save or load the generator's state, unless it is NumPy's global one."""
        if not self._is_global:
            serialize_random_state(serializer, self._random)
