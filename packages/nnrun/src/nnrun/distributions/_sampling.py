"""Numbers drawn from gamma distributions and from tables of probabilities, on any device."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array

__all__ = ["categories", "standard_gamma"]

Array = Any


def standard_gamma(k: Array, n: int) -> Array:
    """Draw from gamma distributions of scale 1, by Marsaglia and Tsang's rejection (2000).

    Parameters
    ----------
    k : array
        The shapes.
    n : int
        How many for each.

    Returns
    -------
    array, shape (n, *k.shape)
        Of the dtype of `k`, never 0.
    """
    with get_device_from_array(k) as device:
        xp = device.xp
        shape = (n, *k.shape)
        wide = xp.broadcast_to(k.astype(np.float64), shape)
        # A shape below 1 is drawn as one more, and multiplied by a power of a uniform number.
        small = wide < 1
        d = xp.where(small, wide + 1, wide) - 1 / 3
        c = 1 / xp.sqrt(9 * d)
        y = xp.zeros(shape)
        todo = xp.ones(shape, bool)
        while bool(todo.any()):
            z = xp.asarray(xp.random.standard_normal(shape))
            v = (1 + c * z) ** 3
            u = xp.asarray(xp.random.random_sample(shape))
            positive = v > 0
            safe = xp.where(positive, v, 1.0)
            bound = 0.5 * z * z + d * (1 - safe + xp.log(safe))
            taken = todo & positive & (xp.log(xp.maximum(u, 1e-300)) < bound)
            y = xp.where(taken, d * safe, y)
            todo &= ~taken
        u = xp.asarray(xp.random.random_sample(shape))
        y = xp.where(small, y * xp.maximum(u, 1e-300) ** (1 / xp.where(small, wide, 1.0)), y)
        return xp.maximum(y.astype(k.dtype), np.finfo(k.dtype).tiny)


def categories(p: Array, n: int) -> Array:
    """Draw numbers with the probabilities in the last axis of `p`.

    Returns
    -------
    array of int, shape (n, *p.shape[:-1])
    """
    with get_device_from_array(p) as device:
        xp = device.xp
        rising = p.astype(np.float64).cumsum(axis=-1)
        u = xp.asarray(xp.random.random_sample((n, *p.shape[:-1], 1))) * rising[..., -1:]
        return (u >= rising[..., :-1]).sum(axis=-1)
