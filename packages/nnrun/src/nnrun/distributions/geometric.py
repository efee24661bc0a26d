"""The geometric distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import exp, log, log1p, reciprocal, square

__all__ = ["Geometric"]

Array = Any


class Geometric(Distribution):
    """The distribution of how many trials it takes to succeed: 1, 2, ...

    No gradient goes through samples.

    Parameters
    ----------
    p : Variable, array or number
        The probability of success.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Geometric(np.array([0.5])).prob(np.array([3.0]))
    variable([0.125])
    """

    support = "positive integer"
    p: Variable

    def __init__(self, p: Any) -> None:
        super().__init__(p=p)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        xp = self.xp
        trials = xp.ceil(xp.log1p(-self._draw("uniform", n)) / xp.log1p(-self.p.array))
        return as_variable(xp.maximum(trials, 1))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability of `x`, a positive integer."""
        return (x - 1.0) * log1p(-self.p) + log(self.p)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of success within `x` trials."""
        return 1.0 - exp(x * log1p(-self.p))

    @property
    def mean(self) -> Variable:
        """``1 / p``."""
        return reciprocal(self.p)

    @property
    def mode(self) -> Variable:
        """1."""
        return as_variable(self.xp.ones_like(self._like))

    @property
    def variance(self) -> Variable:
        """``(1 - p) / p^2``."""
        return (1.0 - self.p) / square(self.p)

    @property
    def entropy(self) -> Variable:
        """That of one trial, over `p`."""
        q = 1.0 - self.p
        return -(q * log1p(-self.p) + self.p * log(self.p)) / self.p


@register_kl(Geometric, Geometric)
def _kl(p: Geometric, q: Geometric) -> Variable:
    failures = (1.0 / p.p - 1.0) * (log1p(-p.p) - log1p(-q.p))
    return failures + log(p.p) - log(q.p)
