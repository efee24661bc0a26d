"""Bit generators: a key, and how much of its stream of random bits is used up.

Guarantees: a draw's element is a function of the key and of its place in the stream
alone, so a seed gives one stream on every device, whatever the geometry of a launch.
Nothing is kept in device memory between draws; the state is two integers.
"""

from __future__ import annotations

import operator
import threading
from typing import Any

import numpy as np

from ndgpu.core.layout import Shape, as_shape
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.random import kernels

__all__ = ["BitGenerator", "Philox4x3210", "as_philox"]

_ELEMENTS = 1 << 64
_PERIOD = 1 << 96
_KEYS = 1 << 64


class BitGenerator:
    """Base of the bit generators; `Philox4x3210` is the one there is.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence or None
        None takes the seed from the operating system.

    Raises
    ------
    ValueError
        For a negative seed.
    TypeError
        For a seed that is no integer.
    """

    lock: threading.Lock

    def __init__(self, seed: Any = None) -> None:
        if type(self) is BitGenerator:
            raise NotImplementedError("BitGenerator is a base class and cannot be instantiated")
        if not isinstance(seed, np.random.bit_generator.ISeedSequence):
            seed = np.random.SeedSequence(seed)
        self.seed_seq: Any = seed
        self.lock = threading.Lock()

    def spawn(self, n_children: int) -> list[Any]:
        """Return `n_children` bit generators whose streams are independent of this one's."""
        if not isinstance(self.seed_seq, np.random.bit_generator.ISpawnableSeedSequence):
            raise TypeError("The underlying SeedSequence does not implement spawning.")
        return [type(self)(child) for child in self.seed_seq.spawn(n_children)]


class Philox4x3210(BitGenerator):
    """Philox 4x32 with ten rounds, a counter-based generator.

    Its key comes from `numpy.random.SeedSequence`, as NumPy's generators' do. NumPy's
    own ``Philox`` has words of 64 bits, so the numbers differ from NumPy's.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence or None
        None takes the seed from the operating system.
    counter : int, optional
        Where in the stream to begin, below ``2**96``; 0 by default. Each element that
        is drawn, or each four of float32 and two of float64, uses up one.
    key : int, optional
        The key itself, below ``2**64``, instead of a seed.

    Raises
    ------
    ValueError
        If both `seed` and `key` are given, or a number is out of range.

    References
    ----------
    J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.

    Examples
    --------
    >>> import ndgpu
    >>> bits = ndgpu.random.Philox4x3210(7)
    >>> bits.random_raw(2).shape
    (2,)
    >>> bits.state["state"]["counter"]
    2
    """

    def __init__(self, seed: Any = None, counter: Any = None, key: Any = None) -> None:
        if seed is not None and key is not None:
            raise ValueError("seed and key cannot be both used")
        super().__init__(seed)
        if key is None:
            key = self.seed_seq.generate_state(1, np.uint64)[0]
        self._key = _within(key, _KEYS, "key")
        self._counter = _within(0 if counter is None else counter, _PERIOD, "counter")

    @property
    def state(self) -> dict[str, Any]:
        """The key and the counter, in a dictionary as NumPy's; may be set."""
        return {
            "bit_generator": type(self).__name__,
            "state": {"counter": self._counter, "key": self._key},
        }

    @state.setter
    def state(self, value: dict[str, Any]) -> None:
        if not isinstance(value, dict):
            raise TypeError("state must be a dict")
        if value.get("bit_generator") != type(self).__name__:
            raise ValueError(f"state must be for a {type(self).__name__} PRNG")
        inner = value["state"]
        key = _within(inner["key"], _KEYS, "key")
        self._key, self._counter = key, _within(inner["counter"], _PERIOD, "counter")

    def __getstate__(self) -> tuple[Any, ...]:
        return self.seed_seq, self._key, self._counter

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.seed_seq, self._key, self._counter = state
        self.lock = threading.Lock()

    def take(self, count: int) -> tuple[int, int, int]:
        """Use up `count` places of the stream.

        Returns
        -------
        key, first, jump : int
            What a kernel wants: the key, the lower 64 bits of the first place and the rest.
        """
        with self.lock:
            first = self._counter
            self._counter = (first + count) % _PERIOD
        return self._key, first % _ELEMENTS, first // _ELEMENTS

    def advance(self, delta: int) -> Philox4x3210:
        """Move the counter by `delta`, which may be negative; return this generator."""
        with self.lock:
            self._counter = (self._counter + operator.index(delta)) % _PERIOD
        return self

    def jumped(self, jumps: int = 1) -> Philox4x3210:
        """Return a generator whose counter is ahead by ``jumps * 2**64``."""
        moved = type(self)(self.seed_seq)
        moved.state = self.state
        return moved.advance(operator.index(jumps) * _ELEMENTS)

    def restart(self, other: Philox4x3210) -> None:
        """Take over the seed and the state of another generator."""
        self.seed_seq, self.state = other.seed_seq, other.state

    def random_raw(self, size: Any = None, output: bool = True) -> ndarray | None:
        """Return random uint64 numbers.

        Parameters
        ----------
        size : int or sequence of int, optional
            Shape of the result; 0-d by default.
        output : bool
            False uses up the numbers and returns None.
        """
        result = self.words(() if size is None else as_shape(size))
        return result if output else None

    def words(self, shape: Shape) -> ndarray:
        """Return random uint64 numbers of a shape."""
        result = allocate(shape, np.dtype(np.uint64))
        if result._size:
            kernels.raw_kernel().launch([*self.take(result._size), result], shape)
        return result


def as_philox(bits: Any) -> Philox4x3210:
    """Return a bit generator itself, or one whose key is the next 64 bits of one of NumPy's.

    Raises
    ------
    TypeError
        If `bits` is neither.
    """
    if isinstance(bits, Philox4x3210):
        return bits
    if isinstance(bits, np.random.BitGenerator):
        made = Philox4x3210(bits.seed_seq)
        key = np.random.Generator(bits).integers(_KEYS, dtype=np.uint64)
        made.state = {"bit_generator": "Philox4x3210", "state": {"counter": 0, "key": int(key)}}
        return made
    raise TypeError(
        f"expected a bit generator such as ndgpu.random.Philox4x3210, got {type(bits).__name__}; "
        "`default_rng` takes a seed"
    )


def _within(value: Any, limit: int, name: str) -> int:
    number = operator.index(value)
    if not 0 <= number < limit:
        raise ValueError(f"{name} must be between 0 and 2**{limit.bit_length() - 1} - 1")
    return number
