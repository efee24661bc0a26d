"""The gamma distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.distributions._sampling import standard_gamma
from nnrun.functions import digamma, lgamma, log, square

__all__ = ["Gamma"]

Array = Any


class Gamma(Distribution):
    """The gamma distribution.

    Samples are made of `theta`; no gradient goes from them to `k`.

    Parameters
    ----------
    k : Variable, array or number
        The shape.
    theta : Variable, array or number
        The scale.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Gamma(np.array([2.0]), np.array([3.0])).mean
    variable([6.])
    """

    support = "positive"
    k: Variable
    theta: Variable

    def __init__(self, k: Any, theta: Any) -> None:
        super().__init__(k=k, theta=theta)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        return as_variable(standard_gamma(self.k.array, n)) * self.theta

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density at `x`, which is positive."""
        return (self.k - 1.0) * log(x) - x / self.theta - lgamma(self.k) - self.k * log(self.theta)

    @property
    def mean(self) -> Variable:
        """``k theta``."""
        return self.k * self.theta

    @property
    def variance(self) -> Variable:
        """``k theta^2``."""
        return self.k * square(self.theta)

    @property
    def entropy(self) -> Variable:
        """``k + log(theta) + log(Gamma(k)) + (1 - k) digamma(k)``."""
        return self.k + log(self.theta) + lgamma(self.k) + (1.0 - self.k) * digamma(self.k)


@register_kl(Gamma, Gamma)
def _kl(p: Gamma, q: Gamma) -> Variable:
    return (
        (p.k - q.k) * digamma(p.k)
        - lgamma(p.k)
        + lgamma(q.k)
        + q.k * log(q.theta / p.theta)
        + p.k * (p.theta / q.theta - 1.0)
    )
