"""The Bernoulli distribution."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import log, log1p, sigmoid, softplus, where

__all__ = ["Bernoulli"]

Array = Any


class Bernoulli(Distribution):
    """The distribution of 1 with a probability, else 0.

    Parameters
    ----------
    p : Variable, array or number, optional
        The probability of 1.
    logit : Variable, array or number, optional
        ``log(p / (1 - p))``, in place of it.
    binary_check : bool
        Let probabilities of other values than 0 and 1 be 0.

    Raises
    ------
    ValueError
        If not one of `p` and `logit` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Bernoulli(np.array([0.25])).log_prob(np.array([1]))
    variable([-1.38629436])
    """

    support = "{0, 1}"
    p: Variable
    logit: Variable

    def __init__(self, p: Any = None, logit: Any = None, binary_check: bool = False) -> None:
        if (p is None) == (logit is None):
            raise ValueError("Bernoulli: one of `p` and `logit` must be given")
        if logit is None:
            super().__init__(p=p)
            self.logit = log(self.p) - log1p(-self.p)
        else:
            super().__init__(logit=logit)
            self.p = sigmoid(self.logit)
        self.binary_check = binary_check

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values: integers, through which no gradient goes."""
        return as_variable((self._draw("uniform", n) < self.p.array).astype(int))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability."""
        values = as_variable(x).array
        y = self.logit * values.astype(self._like.dtype) - softplus(self.logit)
        if self.binary_check:
            binary = (values == 0) | (values == 1)
            y = where(binary, y, self.xp.full(y.shape, -math.inf, y.dtype))
        return y

    @property
    def mean(self) -> Variable:
        """The probability of 1."""
        return self.p

    @property
    def mode(self) -> Variable:
        """1 where that is more likely, else 0."""
        return as_variable(self.xp.asarray(self.p.array > 0.5).astype(self._like.dtype))

    @property
    def variance(self) -> Variable:
        """``p (1 - p)``."""
        return self.p * (1.0 - self.p)

    @property
    def entropy(self) -> Variable:
        """Exact for certain outcomes too."""
        return softplus(self.logit) - self.p * self.logit


@register_kl(Bernoulli, Bernoulli)
def _kl(p: Bernoulli, q: Bernoulli) -> Variable:
    return p.p * (p.logit - q.logit) - softplus(p.logit) + softplus(q.logit)
