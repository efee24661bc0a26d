"""The Poisson distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device, get_device_from_array
from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import floor, lgamma, log

__all__ = ["Poisson"]

Array = Any


class Poisson(Distribution):
    """The distribution of how many independent events happen.

    No gradient goes through samples, which are drawn with NumPy wherever the
    parameter lives.

    Parameters
    ----------
    lam : Variable, array or number
        How many happen on average.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Poisson(np.array([2.0])).prob(np.array([0.0]))
    variable([0.13533528])
    """

    support = "non negative integer"
    lam: Variable

    def __init__(self, lam: Any) -> None:
        super().__init__(lam=lam)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        lam = get_device("numpy").send(self._like)
        values = np.random.poisson(lam, (n, *lam.shape)).astype(lam.dtype)
        with get_device_from_array(self._like) as device:
            return as_variable(device.send(values))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability of `x`, an integer not below 0."""
        x = as_variable(x)
        x = x if x.dtype.kind == "f" else x.astype(self._like.dtype)
        return x * log(self.lam) - lgamma(x + 1.0) - self.lam

    @property
    def mean(self) -> Variable:
        """``lam``."""
        return self.lam

    @property
    def mode(self) -> Variable:
        """`lam` rounded down."""
        return floor(self.lam)

    @property
    def variance(self) -> Variable:
        """``lam``."""
        return self.lam


@register_kl(Poisson, Poisson)
def _kl(p: Poisson, q: Poisson) -> Variable:
    return p.lam * log(p.lam / q.lam) - p.lam + q.lam
