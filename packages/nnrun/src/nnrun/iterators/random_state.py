"""Saving and loading the state of NumPy's random generators without pickling it."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["serialize_random_state"]


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
