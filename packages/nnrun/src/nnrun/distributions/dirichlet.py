"""The Dirichlet distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.distributions._sampling import standard_gamma
from nnrun.functions import digamma, expand_dims, lgamma, log
from nnrun.functions import sum as sum_

__all__ = ["Dirichlet"]

Array = Any


class Dirichlet(Distribution):
    """The Dirichlet distribution, of shares of a whole.

    No gradient goes from samples to `alpha`.

    Parameters
    ----------
    alpha : Variable or array, shape (..., shares)
        The concentrations.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Dirichlet(np.array([1.0, 3.0])).mean
    variable([0.25, 0.75])
    """

    support = "[0, 1]"
    alpha: Variable
    _member_ndim = 1

    def __init__(self, alpha: Any) -> None:
        super().__init__(alpha=alpha)

    @property
    def alpha0(self) -> Variable:
        """The sum of the concentrations."""
        return sum_(self.alpha, -1)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        x = standard_gamma(self.alpha.array, n)
        return as_variable(x / x.sum(axis=-1, keepdims=True))

    def _log_norm(self) -> Variable:
        return sum_(lgamma(self.alpha), -1) - lgamma(self.alpha0)

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density at shares `x`."""
        return sum_((self.alpha - 1.0) * log(x), -1) - self._log_norm()

    @property
    def mean(self) -> Variable:
        """The concentrations' own shares."""
        return self.alpha / expand_dims(self.alpha0, -1)

    @property
    def variance(self) -> Variable:
        """``m (1 - m) / (alpha0 + 1)`` of the mean m."""
        return self.mean * (1.0 - self.mean) / (expand_dims(self.alpha0, -1) + 1.0)

    @property
    def entropy(self) -> Variable:
        """By digamma functions of the concentrations."""
        count = self.event_shape[0]
        return (
            self._log_norm()
            + (self.alpha0 - float(count)) * digamma(self.alpha0)
            - sum_((self.alpha - 1.0) * digamma(self.alpha), -1)
        )


@register_kl(Dirichlet, Dirichlet)
def _kl(p: Dirichlet, q: Dirichlet) -> Variable:
    expected_log = digamma(p.alpha) - expand_dims(digamma(p.alpha0), -1)
    return q._log_norm() - p._log_norm() + sum_((p.alpha - q.alpha) * expected_log, -1)
