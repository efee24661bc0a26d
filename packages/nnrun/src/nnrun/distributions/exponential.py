"""The exponential distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import expm1, log, log1p, reciprocal, square, where

__all__ = ["Exponential"]

Array = Any


class Exponential(Distribution):
    """The exponential distribution; samples are made of its parameter.

    Parameters
    ----------
    lam : Variable, array or number
        The rate: one over the mean.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Exponential(np.array([2.0])).mean
    variable([0.5])
    """

    support = "positive"
    lam: Variable

    def __init__(self, lam: Any) -> None:
        super().__init__(lam=lam)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameter."""
        return self.icdf(self._draw("uniform", n))

    def _where_positive(self, x: Any, y: Variable, otherwise: float) -> Variable:
        positive = as_variable(x).array >= 0
        return where(positive, y, self.xp.full(y.shape, otherwise, y.dtype))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density: ``-inf`` below 0."""
        return self._where_positive(x, log(self.lam) - self.lam * x, -math.inf)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        return self._where_positive(x, -expm1(-self.lam * x), 0.0)

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return -log1p(-as_variable(x)) / self.lam

    @property
    def mean(self) -> Variable:
        """One over the rate."""
        return reciprocal(self.lam)

    @property
    def mode(self) -> Variable:
        """0."""
        return as_variable(self.xp.zeros_like(self._like))

    @property
    def variance(self) -> Variable:
        """One over the squared rate."""
        return reciprocal(square(self.lam))

    @property
    def entropy(self) -> Variable:
        """``1 - log(lam)``."""
        return 1.0 - log(self.lam)


@register_kl(Exponential, Exponential)
def _kl(p: Exponential, q: Exponential) -> Variable:
    return log(p.lam / q.lam) + q.lam / p.lam - 1.0
