"""The Laplace distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import absolute, exp, expm1, log, log1p, sign, square

__all__ = ["Laplace"]

Array = Any


class Laplace(Distribution):
    """The Laplace distribution; samples are made of its parameters.

    Parameters
    ----------
    loc : Variable, array or number
        The mean.
    scale : Variable, array or number
        The mean distance from it.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Laplace(np.zeros(1), np.ones(1)).prob(np.zeros(1))
    variable([0.5])
    """

    loc: Variable
    scale: Variable

    def __init__(self, loc: Any, scale: Any) -> None:
        super().__init__(loc=loc, scale=scale)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        return self.icdf(self._draw("uniform", n))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density."""
        return -absolute(x - self.loc) / self.scale - log(2.0 * self.scale)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        z = (x - self.loc) / self.scale
        return 0.5 - 0.5 * sign(z) * expm1(-absolute(z))

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        half = as_variable(x) - 0.5
        return self.loc - self.scale * sign(half) * log1p(-2.0 * absolute(half))

    @property
    def mean(self) -> Variable:
        """The location."""
        return self.loc

    @property
    def mode(self) -> Variable:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Variable:
        """Twice the squared scale."""
        return 2.0 * square(self.scale)

    @property
    def stddev(self) -> Variable:
        """The scale times the root of 2."""
        return math.sqrt(2.0) * self.scale

    @property
    def entropy(self) -> Variable:
        """``1 + log(2 scale)``."""
        return 1.0 + log(2.0 * self.scale)


@register_kl(Laplace, Laplace)
def _kl(p: Laplace, q: Laplace) -> Variable:
    distance = absolute(p.loc - q.loc)
    near = p.scale * exp(-distance / p.scale) + distance
    return log(q.scale / p.scale) + near / q.scale - 1.0
