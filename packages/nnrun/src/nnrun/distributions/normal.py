"""The normal distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import exp, log, log_ndtr, ndtr, ndtri, square

__all__ = ["Normal"]

Array = Any


_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)


class Normal(Distribution):
    """The normal distribution; samples are made of its parameters.

    Parameters
    ----------
    loc : Variable, array or number
        The mean.
    scale : Variable, array or number, optional
        The standard deviation.
    log_scale : Variable, array or number, optional
        Its logarithm, in place of it.

    Raises
    ------
    ValueError
        If not one of `scale` and `log_scale` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> p = D.Normal(np.zeros(2), np.array([1.0, 2.0]))
    >>> p.log_prob(np.zeros(2))
    variable([-0.91893853, -1.61208571])
    >>> p.sample(5).shape
    (5, 2)
    """

    loc: Variable
    scale: Variable

    def __init__(self, loc: Any, scale: Any = None, *, log_scale: Any = None) -> None:
        if (scale is None) == (log_scale is None):
            raise ValueError("Normal: one of `scale` and `log_scale` must be given")
        if log_scale is None:
            super().__init__(loc=loc, scale=scale)
        else:
            super().__init__(loc=loc, log_scale=log_scale)
            self.scale = exp(self.log_scale)

    def __getattr__(self, name: str) -> Any:
        if name == "log_scale":  # kept as given; else computed once asked for
            return log(self.scale)
        raise AttributeError(f"Normal has no attribute {name!r}")

    def _standard(self, x: Any) -> Variable:
        return (x - self.loc) / self.scale

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        return self.loc + self.scale * self._draw("normal", n)

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density."""
        return -0.5 * square(self._standard(x)) - self.log_scale - _HALF_LOG_2PI

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability of a value not above `x`."""
        return ndtr(self._standard(x))

    def icdf(self, x: Variable | Array) -> Variable:
        """Return the value of a probability."""
        return self.loc + self.scale * ndtri(x)

    def log_cdf(self, x: Variable | Array) -> Variable:
        """Return the logarithm of `cdf`, exact far out."""
        return log_ndtr(self._standard(x))

    def survival_function(self, x: Variable | Array) -> Variable:
        """Return the probability of a value above `x`."""
        return ndtr(-self._standard(x))

    def log_survival_function(self, x: Variable | Array) -> Variable:
        """Return the logarithm of `survival_function`, exact far out."""
        return log_ndtr(-self._standard(x))

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
        """The squared scale."""
        return square(self.scale)

    @property
    def stddev(self) -> Variable:
        """The scale."""
        return self.scale

    @property
    def entropy(self) -> Variable:
        """``log(scale) + log(2 pi e) / 2``."""
        return self.log_scale + (_HALF_LOG_2PI + 0.5)


@register_kl(Normal, Normal)
def _kl(p: Normal, q: Normal) -> Variable:
    ratio = square(p.scale / q.scale)
    distance = square((p.loc - q.loc) / q.scale)
    return q.log_scale - p.log_scale + 0.5 * (ratio + distance - 1.0)
