"""Saving and loading the states of random generators without pickling them."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["serialize_device_random_state", "serialize_random_state"]

_WORD = 1 << 64


def serialize_random_state(serializer: Any, random: Any) -> None:
    """Save a generator's state, or set it to a saved one.

    Parameters
    ----------
    serializer : Serializer or Deserializer
        Called as ``value = serializer(key, value)``.  A deserializer that has no
        such state (`KeyError`) leaves the generator as it is: snapshots written by
        other programs do not have it.
    random : numpy.random.RandomState or module numpy.random
        A Mersenne Twister.

    Examples
    --------
    >>> saved = {}
    >>> random = np.random.RandomState(0)
    >>> serialize_random_state(lambda key, value: saved.setdefault(key, value), random)
    >>> sorted(saved)
    ['random_gauss', 'random_keys', 'random_position']
    """
    _, keys, position, has_gauss, cached = random.get_state()
    try:
        keys = serializer("random_keys", keys)
        position = serializer("random_position", position)
        gauss = serializer("random_gauss", np.array([has_gauss, cached], np.float64))
    except KeyError:
        return
    random.set_state(("MT19937", keys, int(position), int(gauss[0]), float(gauss[1])))


def serialize_device_random_state(serializer: Any, random: Any) -> None:
    """Save the state of ndgpu's generator, or set it to a saved one.

    Parameters
    ----------
    serializer : Serializer or Deserializer
        As for `serialize_random_state`.
    random : module ndgpu.random
        Its functions share one counter-based generator: a key, and how far it has counted.

    Examples
    --------
    >>> import ndgpu
    >>> saved = {}
    >>> serialize_device_random_state(lambda k, v: saved.setdefault(k, v), ndgpu.random)
    >>> sorted(saved)
    ['random_counter', 'random_key']
    """
    generator = random.get_random_state()
    whole = generator.get_state()
    state = whole["state"]
    try:
        low, high = state["counter"] % _WORD, state["counter"] // _WORD
        words = serializer("random_counter", np.array([low, high], np.uint64))
        key = serializer("random_key", np.uint64(state["key"]))
    except KeyError:
        return
    counter = int(words[0]) + int(words[1]) * _WORD
    generator.set_state({**whole, "state": {"counter": counter, "key": int(key)}})
