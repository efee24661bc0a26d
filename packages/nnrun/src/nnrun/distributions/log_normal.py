"""The log-normal distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, kl_divergence, register_kl
from nnrun.distributions.normal import Normal
from nnrun.functions import exp, expm1, log, square, where

__all__ = ["LogNormal"]

Array = Any


class LogNormal(Distribution):
    """The exponential of a normal variable; samples are made of its parameters.

    Parameters
    ----------
    mu, sigma : Variable, array or number
        Mean and standard deviation of the logarithm.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.LogNormal(np.zeros(1), np.ones(1)).mean
    variable([1.64872127])
    """

    support = "positive"
    mu: Variable
    sigma: Variable

    def __init__(self, mu: Any, sigma: Any) -> None:
        super().__init__(mu=mu, sigma=sigma)
        self._normal = Normal(self.mu, self.sigma)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        return exp(self._normal.sample_n(n))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density: ``-inf`` at 0 and below."""
        x = as_variable(x)
        positive = x.array > 0
        safe = log(where(positive, x, self.xp.ones_like(x.array)))
        y = self._normal.log_prob(safe) - safe
        return where(positive, y, self.xp.full(y.shape, -math.inf, y.dtype))

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`, which is positive."""
        return self._normal.cdf(log(x))

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return exp(self._normal.icdf(x))

    @property
    def mean(self) -> Variable:
        """``exp(mu + sigma^2 / 2)``."""
        return exp(self.mu + 0.5 * square(self.sigma))

    @property
    def mode(self) -> Variable:
        """``exp(mu - sigma^2)``."""
        return exp(self.mu - square(self.sigma))

    @property
    def variance(self) -> Variable:
        """``(exp(sigma^2) - 1) exp(2 mu + sigma^2)``."""
        s2 = square(self.sigma)
        return expm1(s2) * exp(2.0 * self.mu + s2)

    @property
    def entropy(self) -> Variable:
        """That of the normal variable and its mean."""
        return self._normal.entropy + self.mu


@register_kl(LogNormal, LogNormal)
def _kl(p: LogNormal, q: LogNormal) -> Variable:
    return kl_divergence(p._normal, q._normal)
