"""The Pareto distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import exp, log, log1p, square, where

__all__ = ["Pareto"]

Array = Any


class Pareto(Distribution):
    """The Pareto distribution (of type I); samples are made of its parameters.

    Parameters
    ----------
    scale : Variable, array or number
        The least value.
    alpha : Variable, array or number
        How fast the tail falls.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Pareto(np.array([2.0]), np.array([3.0])).mean
    variable([3.])
    """

    support = "[scale, inf]"
    scale: Variable
    alpha: Variable

    def __init__(self, scale: Any, alpha: Any) -> None:
        super().__init__(scale=scale, alpha=alpha)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        return self.icdf(self._draw("uniform", n))

    def _above(self, x: Any, y: Variable, otherwise: float) -> Variable:
        above = as_variable(x).array >= self.scale.array
        return where(above, y, self.xp.full(y.shape, otherwise, y.dtype))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density: ``-inf`` below the least value."""
        y = log(self.alpha) + self.alpha * log(self.scale) - (self.alpha + 1.0) * log(x)
        return self._above(x, y, -math.inf)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`, which is positive."""
        return self._above(x, 1.0 - exp(self.alpha * log(self.scale / x)), 0.0)

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return self.scale * exp(-log1p(-as_variable(x)) / self.alpha)

    def _finite(self, y: Variable, least: float) -> Variable:
        return where(self.alpha.array > least, y, self.xp.full(y.shape, math.inf, y.dtype))

    @property
    def mean(self) -> Variable:
        """Infinite where `alpha` is 1 or less."""
        excess = _away_from_0(self.alpha - 1.0)
        return self._finite(self.alpha * self.scale / excess, 1.0)

    @property
    def mode(self) -> Variable:
        """The least value."""
        return self.scale

    @property
    def variance(self) -> Variable:
        """Infinite where `alpha` is 2 or less."""
        below = _away_from_0(square(self.alpha - 1.0) * (self.alpha - 2.0))
        return self._finite(square(self.scale) * self.alpha / below, 2.0)

    @property
    def entropy(self) -> Variable:
        """``log(scale / alpha) + 1 / alpha + 1``."""
        return log(self.scale / self.alpha) + 1.0 / self.alpha + 1.0


def _away_from_0(x: Variable) -> Variable:
    """`x` with 1 for 0, where what is divided by it is not used."""
    zero = x.array == 0
    return where(zero, x.xp.ones_like(x.array), x)


@register_kl(Pareto, Pareto)
def _kl(p: Pareto, q: Pareto) -> Variable:
    ratio = q.alpha / p.alpha
    y = q.alpha * log(p.scale / q.scale) - log(ratio) + ratio - 1.0
    inside = p.scale.array >= q.scale.array
    return where(inside, y, p.xp.full(y.shape, math.inf, y.dtype))
