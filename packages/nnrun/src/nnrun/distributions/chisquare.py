"""The chi-square distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, kl_divergence, register_kl
from nnrun.distributions.gamma import Gamma

__all__ = ["Chisquare"]

Array = Any


class Chisquare(Distribution):
    """The chi-square distribution: of a sum of squared normal variables.

    No gradient goes from samples to `k`.

    Parameters
    ----------
    k : Variable, array or number
        How many there are.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Chisquare(np.array([3.0])).variance
    variable([6.])
    """

    support = "positive"
    k: Variable

    def __init__(self, k: Any) -> None:
        super().__init__(k=k)
        two = as_variable(self.xp.full_like(self._like, 2.0))
        self._gamma = Gamma(self.k * 0.5, two)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        return self._gamma.sample_n(n)

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density at `x`, which is positive."""
        return self._gamma.log_prob(x)

    @property
    def mean(self) -> Variable:
        """``k``."""
        return self.k

    @property
    def variance(self) -> Variable:
        """``2 k``."""
        return 2.0 * self.k

    @property
    def entropy(self) -> Variable:
        """That of the gamma distribution of shape ``k / 2`` and scale 2."""
        return self._gamma.entropy


@register_kl(Chisquare, Chisquare)
def _kl(p: Chisquare, q: Chisquare) -> Variable:
    return kl_divergence(p._gamma, q._gamma)
