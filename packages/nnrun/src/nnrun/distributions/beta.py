"""The beta distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.distributions._sampling import standard_gamma
from nnrun.functions import digamma, lgamma, log, log1p, square

__all__ = ["Beta"]

Array = Any


def _log_beta(a: Variable, b: Variable) -> Variable:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


class Beta(Distribution):
    """The beta distribution; no gradient goes from samples to its parameters.

    Parameters
    ----------
    a, b : Variable, array or number
        The two shapes.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Beta(np.array([1.0]), np.array([3.0])).mean
    variable([0.25])
    """

    support = "[0, 1]"
    a: Variable
    b: Variable

    def __init__(self, a: Any, b: Any) -> None:
        super().__init__(a=a, b=b)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        x, y = (standard_gamma(p.array, n) for p in (self.a, self.b))
        return as_variable(x / (x + y))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density at `x`, between 0 and 1."""
        x = as_variable(x)
        return (self.a - 1.0) * log(x) + (self.b - 1.0) * log1p(-x) - _log_beta(self.a, self.b)

    @property
    def mean(self) -> Variable:
        """``a / (a + b)``."""
        return self.a / (self.a + self.b)

    @property
    def variance(self) -> Variable:
        """``a b / ((a + b)^2 (a + b + 1))``."""
        total = self.a + self.b
        return self.a * self.b / (square(total) * (total + 1.0))

    @property
    def entropy(self) -> Variable:
        """By digamma functions of the parameters."""
        a, b = self.a, self.b
        return (
            _log_beta(a, b)
            - (a - 1.0) * digamma(a)
            - (b - 1.0) * digamma(b)
            + (a + b - 2.0) * digamma(a + b)
        )


@register_kl(Beta, Beta)
def _kl(p: Beta, q: Beta) -> Variable:
    return (
        _log_beta(q.a, q.b)
        - _log_beta(p.a, p.b)
        + (p.a - q.a) * digamma(p.a)
        + (p.b - q.b) * digamma(p.b)
        + (q.a - p.a + q.b - p.b) * digamma(p.a + p.b)
    )
