"""`RandomState`: NumPy's older interface, over the same streams as `Generator`.

Guarantees: NumPy's names and parameters, and `dtype` where a program may want float32.
The numbers are not those that NumPy's Mersenne twister gives for a seed.
"""

from __future__ import annotations

import operator
import warnings
from typing import Any

import numpy as np

from ndgpu.core.ndarray import ndarray
from ndgpu.random.bit_generator import BitGenerator, Philox4x3210, as_philox
from ndgpu.random.multivariate import Multivariate

__all__ = ["RandomState"]

_MOST = np.iinfo(np.int64).max


class RandomState(Multivariate):
    """Random numbers on the current device, by the older names.

    Parameters
    ----------
    seed : int, sequence of int, Philox4x3210 or None
        None takes the seed from the operating system.

    Raises
    ------
    ValueError
        If a seed is not within [0, 2**32).
    TypeError
        If a seed is no integer.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.random.RandomState(0).rand(2, 3).shape
    (2, 3)
    """

    def __init__(self, seed: Any = None) -> None:
        self._state = None if seed is None else _bits_of(seed)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(Philox4x3210) at {id(self):#x}"

    def __getstate__(self) -> Philox4x3210:
        return self._bits

    def __setstate__(self, bits: Philox4x3210) -> None:
        self._state = bits

    def seed(self, seed: Any = None) -> None:
        """Start the stream of another seed.

        Parameters
        ----------
        seed : int, sequence of int or None

        Examples
        --------
        >>> import ndgpu
        >>> state = ndgpu.random.RandomState()
        >>> state.seed(4)
        >>> first = state.rand()
        >>> state.seed(4)
        >>> bool(first == state.rand())
        True
        """
        self._bits.restart(Philox4x3210() if seed is None else _bits_of(seed))

    @property
    def bit_generator(self) -> Philox4x3210:
        """Where the bits come from."""
        return self._bits

    def share(self, other: RandomState) -> None:
        """Go on with the stream of another state, which both then use up."""
        self._state = other._bits

    def get_state(self, legacy: bool = True) -> dict[str, Any]:
        """Return the state: the dictionary of `Philox4x3210.state`.

        Parameters
        ----------
        legacy : bool
            Accepted for NumPy's sake: the tuple it asks for is one of Mersenne twisters.
        """
        return self._bits.state

    def set_state(self, state: dict[str, Any]) -> None:
        """Go on from a state that `get_state` gave."""
        self._bits.state = state

    def rand(self, *size: int, dtype: Any = float) -> ndarray:
        """Return numbers uniform on [0, 1), in a shape given by its lengths."""
        return self._standard("uniform", "rand", size, dtype, None)

    def randn(self, *size: int, dtype: Any = float) -> ndarray:
        """Return standard normal numbers, in a shape given by its lengths."""
        return self._standard("normal", "randn", size, dtype, None)

    def random_sample(self, size: Any = None, dtype: Any = float) -> ndarray:
        """Return numbers uniform on [0, 1).

        Parameters
        ----------
        size : int or sequence of int, optional
            Shape of the result; 0-d by default.
        dtype : {float64, float32, float16}
        """
        return self._standard("uniform", "random_sample", size, dtype, None)

    def random(self, size: Any = None, dtype: Any = float) -> ndarray:
        """Return numbers uniform on [0, 1); the same as `random_sample`."""
        return self.random_sample(size, dtype)

    def uniform(
        self, low: Any = 0.0, high: Any = 1.0, size: Any = None, dtype: Any = float
    ) -> ndarray:
        """Draw from a uniform distribution between `low` and `high`, whichever is less.

        Parameters
        ----------
        low, high : float or array-like
            Limits; ``high - low`` must be finite.
        size : int or sequence of int, optional
            Shape of the result; by default that to which the parameters broadcast.
        dtype : dtype-like
            float64, float32 or float16.

        Raises
        ------
        OverflowError
            If the range is not finite.
        """
        return self._draw("uniform_any", (low, high), size, dtype)

    def standard_normal(self, size: Any = None, dtype: Any = float) -> ndarray:
        """Return standard normal numbers; parameters as for `random_sample`."""
        return self._standard("normal", "standard_normal", size, dtype, None)

    def standard_exponential(self, size: Any = None, dtype: Any = float) -> ndarray:
        """Return exponential numbers of mean 1; parameters as for `random_sample`."""
        return self._standard("exponential", "standard_exponential", size, dtype, None)

    def standard_gamma(self, shape: Any, size: Any = None, dtype: Any = float) -> ndarray:
        """Return gamma numbers of scale 1; parameters as for `gamma`."""
        return self._draw("standard_gamma", (shape,), size, dtype)

    def randint(self, low: Any, high: Any = None, size: Any = None, dtype: Any = int) -> ndarray:
        """Return integers from `low` up to, but not including, `high`.

        Parameters
        ----------
        low, high, size, dtype
            As for `Generator.integers`.

        Examples
        --------
        >>> import ndgpu
        >>> state = ndgpu.random.RandomState(0)
        >>> set(state.randint(1, 3, size=50).tolist())
        {1, 2}
        """
        return self._integers(low, high, size, dtype, False)

    def random_integers(self, low: Any, high: Any = None, size: Any = None) -> ndarray:
        """Return integers from `low` to `high`, both included; `randint` has taken its place.

        With one argument it is `high`, and `low` is 1.
        """
        warnings.warn(
            "random_integers is deprecated; use randint(low, high + 1)",
            DeprecationWarning,
            stacklevel=2,
        )
        if high is None:
            low, high = 1, low
        return self._integers(low, high, size, np.int64, True)

    def tomaxint(self, size: Any = None) -> ndarray:
        """Return integers from 0 to the largest int64, both included."""
        return self._integers(0, _MOST, size, np.int64, True)

    def bytes(self, length: int) -> bytes:
        """Return random bytes, which come to the host."""
        return self._bytes(length)

    def choice(self, a: Any, size: Any = None, replace: bool = True, p: Any = None) -> ndarray:
        """Return random elements of `a`, or of ``arange(a)``; see `Generator.choice`.

        Parameters
        ----------
        a : int or array-like
            An array has one axis.
        size, replace, p
            As for `Generator.choice`.

        Raises
        ------
        ValueError
            If `a` has several axes, there is not enough to choose from, or `p` are no
            probabilities.

        Examples
        --------
        >>> import ndgpu
        >>> ndgpu.random.RandomState(0).choice([5, 6], 3).shape
        (3,)
        """
        if np.ndim(a) > 1:
            raise ValueError("a must be 1-dimensional")
        empty = "a must be greater than 0 unless no samples are taken"
        return self._choose(a, size, replace, p, 0, empty)

    def permutation(self, x: Any) -> ndarray:  # type: ignore[override]
        """Return `x` in random order along its first axis; see `Generator.permutation`."""
        return super().permutation(x)

    def shuffle(self, x: Any) -> None:  # type: ignore[override]
        """Put `x` in random order along its first axis, in place; see `Generator.shuffle`."""
        super().shuffle(x)


def _bits_of(seed: Any) -> Philox4x3210:
    if isinstance(seed, (BitGenerator, np.random.BitGenerator)):
        return as_philox(seed)
    if isinstance(seed, np.random.bit_generator.ISeedSequence):
        return Philox4x3210(seed)
    numbers = [operator.index(s) for s in np.ravel(np.asarray(seed)).tolist()]
    if any(not 0 <= number < 2**32 for number in numbers):
        raise ValueError("Seed must be between 0 and 2**32 - 1")
    return Philox4x3210(numbers[0] if np.ndim(seed) == 0 else numbers)
