"""The Gumbel distribution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import exp, lgamma, log, square

__all__ = ["Gumbel"]

Array = Any


class Gumbel(Distribution):
    """The Gumbel distribution; samples are made of its parameters.

    Parameters
    ----------
    loc : Variable, array or number
        The mode.
    scale : Variable, array or number
        The spread.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Gumbel(np.zeros(1), np.ones(1)).mean
    variable([0.57721566])
    """

    loc: Variable
    scale: Variable

    def __init__(self, loc: Any, scale: Any) -> None:
        super().__init__(loc=loc, scale=scale)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        tiny = float(np.finfo(self._like.dtype).tiny)
        return self.icdf(self.xp.maximum(self._draw("uniform", n), tiny))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density."""
        z = (x - self.loc) / self.scale
        return -z - exp(-z) - log(self.scale)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        return exp(self.log_cdf(x))

    def log_cdf(self, x: Variable | Array) -> Variable:
        """Return the logarithm of `cdf`."""
        return -exp((self.loc - x) / self.scale)

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return self.loc - self.scale * log(-log(as_variable(x)))

    @property
    def mean(self) -> Variable:
        """The location and the scale times Euler's constant."""
        return self.loc + self.scale * np.euler_gamma

    @property
    def mode(self) -> Variable:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Variable:
        """``(pi scale)^2 / 6``."""
        return square(self.scale) * (math.pi**2 / 6)

    @property
    def entropy(self) -> Variable:
        """``log(scale) + 1 +`` Euler's constant."""
        return log(self.scale) + (1 + np.euler_gamma)


@register_kl(Gumbel, Gumbel)
def _kl(p: Gumbel, q: Gumbel) -> Variable:
    ratio = p.scale / q.scale
    shift = (q.loc - p.loc) / q.scale
    far = exp(shift + lgamma(ratio + 1.0))
    return -log(ratio) - shift + np.euler_gamma * (ratio - 1.0) + far - 1.0
