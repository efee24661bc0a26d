"""The uniform distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import clip, log, square, where

__all__ = ["Uniform"]

Array = Any


class Uniform(Distribution):
    """The uniform distribution on an interval; samples are made of its parameters.

    Parameters
    ----------
    low, high : Variable, array or number, optional
        The ends.
    loc, scale : Variable, array or number, optional
        The lower end and the length, in place of them.

    Raises
    ------
    ValueError
        If neither pair is given alone.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Uniform(low=np.array([1.0]), high=np.array([3.0])).prob(np.array([[2.0], [4.0]]))
    variable([[0.5],
              [0. ]])
    """

    support = "[low, high]"
    low: Variable
    high: Variable
    loc: Variable
    scale: Variable

    def __init__(
        self, *, loc: Any = None, scale: Any = None, low: Any = None, high: Any = None
    ) -> None:
        given = [p is not None for p in (loc, scale, low, high)]
        if given == [True, True, False, False]:
            super().__init__(loc=loc, scale=scale)
            self.low, self.high = self.loc, self.loc + self.scale
        elif given == [False, False, True, True]:
            super().__init__(low=low, high=high)
            self.loc, self.scale = self.low, self.high - self.low
        else:
            raise ValueError("Uniform: `low` and `high`, or `loc` and `scale`, must be given")

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        return self.icdf(self._draw("uniform", n))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density: ``-inf`` outside."""
        values = as_variable(x).array
        inside = (values >= self.low.array) & (values <= self.high.array)
        outside = self.xp.full(inside.shape, -math.inf, self._like.dtype)
        return where(inside, -log(self.scale), outside)

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        return clip((x - self.loc) / self.scale, 0.0, 1.0)

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return self.loc + self.scale * x

    @property
    def mean(self) -> Variable:
        """The middle."""
        return (self.low + self.high) * 0.5

    @property
    def variance(self) -> Variable:
        """A twelfth of the squared length."""
        return square(self.scale) * (1 / 12)

    @property
    def stddev(self) -> Variable:
        """The square root of the variance."""
        return self.scale * math.sqrt(1 / 12)

    @property
    def entropy(self) -> Variable:
        """The logarithm of the length."""
        return log(self.scale)


@register_kl(Uniform, Uniform)
def _kl(p: Uniform, q: Uniform) -> Variable:
    inside = (p.low.array >= q.low.array) & (p.high.array <= q.high.array)
    ratio = log(q.scale / p.scale)
    return where(inside, ratio, p.xp.full(ratio.shape, math.inf, ratio.dtype))
