"""`RandomState` and the module's functions: NumPy's older interface."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core.ndarray import ndarray
from ndgpu.random.generator import Generator

__all__ = ["RandomState"]


class RandomState:
    """Random numbers on the current device, by the older names.

    Parameters
    ----------
    seed : int, sequence of int or None
        None takes the seed from the operating system.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.random.RandomState(0).rand(2, 3).shape
    (2, 3)
    """

    def __init__(self, seed: Any = None) -> None:
        # A seed of the system's is taken at first use: making a state costs nothing.
        self._made = None if seed is None else Generator(seed)

    @property
    def _generator(self) -> Generator:
        if self._made is None:
            self._made = Generator()
        return self._made

    def seed(self, seed: Any = None) -> None:
        """Start the stream of another seed."""
        self._made = Generator(seed)

    def rand(self, *size: int, dtype: Any = np.float64) -> ndarray:
        """Return numbers uniform on [0, 1), in a shape given by its lengths."""
        return self._generator.random(size, dtype)

    def randn(self, *size: int, dtype: Any = np.float64) -> ndarray:
        """Return standard normal numbers, in a shape given by its lengths."""
        return self._generator.standard_normal(size, dtype)

    def random_sample(self, size: Any = None, dtype: Any = np.float64) -> ndarray:
        """Return numbers uniform on [0, 1)."""
        return self._generator.random(size, dtype)

    def random(self, size: Any = None, dtype: Any = np.float64) -> ndarray:
        """Return numbers uniform on [0, 1); the same as `random_sample`."""
        return self._generator.random(size, dtype)

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = np.float64
    ) -> ndarray:
        """Return numbers uniform on [low, high); see `Generator.uniform`."""
        return self._generator.uniform(low, high, size, dtype)

    def standard_normal(self, size: Any = None, dtype: Any = np.float64) -> ndarray:
        """Return standard normal numbers."""
        return self._generator.standard_normal(size, dtype)

    def normal(
        self, loc: Any = 0.0, scale: Any = 1.0, size: Any = None, dtype: Any = np.float64
    ) -> ndarray:
        """Return normal numbers; see `Generator.normal`."""
        return self._generator.normal(loc, scale, size, dtype)

    def randint(self, low: Any, high: Any = None, size: Any = None, dtype: Any = int) -> ndarray:
        """Return integers from `low` up to, but not including, `high`."""
        return self._generator.integers(low, high, size, dtype)

    def random_integers(self, low: int, high: int | None = None, size: Any = None) -> ndarray:
        """Return integers from `low` up to and including `high`; from 1 if it is not given."""
        low, high = (1, low) if high is None else (low, high)
        return self._generator.integers(operator.index(low), high, size, endpoint=True)

    def permutation(self, x: Any) -> ndarray:
        """Return `x` in random order along its first axis."""
        return self._generator.permutation(x)

    def shuffle(self, x: ndarray) -> None:
        """Put the parts of `x` along its first axis in random order, in place."""
        self._generator.shuffle(x)

    def choice(self, a: Any, size: Any = None, replace: bool = True, p: Any = None) -> ndarray:
        """Return random elements of `a`; see `Generator.choice`."""
        return self._generator.choice(a, size, replace, p)
