"""The Cauchy distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import arctan, log, log1p, square, tan

__all__ = ["Cauchy"]

Array = Any


class Cauchy(Distribution):
    """The Cauchy distribution, which has no mean; samples are made of its parameters.

    Parameters
    ----------
    loc : Variable, array or number
        The median.
    scale : Variable, array or number
        Half the width at half the height.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Cauchy(np.zeros(1), np.ones(1)).cdf(np.ones(1))
    variable([0.75])
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
        return -log1p(square((x - self.loc) / self.scale)) - log(math.pi * self.scale)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        return arctan((x - self.loc) / self.scale) * (1 / math.pi) + 0.5

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return self.loc + self.scale * tan(math.pi * (as_variable(x) - 0.5))

    def _undefined(self) -> Variable:
        return as_variable(self.xp.full_like(self._like, math.nan))

    @property
    def mean(self) -> Variable:
        """Not a number: there is none."""
        return self._undefined()

    @property
    def mode(self) -> Variable:
        """The location."""
        return self.loc

    @property
    def variance(self) -> Variable:
        """Not a number: there is none."""
        return self._undefined()

    @property
    def entropy(self) -> Variable:
        """``log(4 pi scale)``."""
        return log(4 * math.pi * self.scale)


@register_kl(Cauchy, Cauchy)
def _kl(p: Cauchy, q: Cauchy) -> Variable:
    # Chyzak and Nielsen, 2019.
    together = square(p.scale + q.scale) + square(p.loc - q.loc)
    return log(together / (4.0 * p.scale * q.scale))
