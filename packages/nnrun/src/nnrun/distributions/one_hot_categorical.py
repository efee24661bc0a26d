"""The categorical distribution of vectors with a single 1."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, kl_divergence, register_kl
from nnrun.distributions._sampling import categories
from nnrun.distributions.categorical import Categorical
from nnrun.functions import log
from nnrun.functions import sum as sum_

__all__ = ["OneHotCategorical"]

Array = Any


class OneHotCategorical(Distribution):
    """The distribution of a vector of zeros and a single 1.

    Parameters
    ----------
    p : Variable or array, shape (..., n)
        Probabilities of the places of the 1.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.OneHotCategorical(np.array([0.25, 0.75])).prob(np.array([0.0, 1.0]))
    variable(0.75)
    """

    support = "one-hot vectors"
    p: Variable
    _member_ndim = 1

    def __init__(self, p: Any) -> None:
        super().__init__(p=p)
        self._categorical = Categorical(self.p)

    def _one_hot(self, index: Array) -> Array:
        return self.xp.eye(self.event_shape[0], dtype=self._like.dtype)[index]

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values; no gradient goes through them."""
        return as_variable(self._one_hot(categories(self.p.array, n)))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability of one-hot vectors `x`."""
        return sum_(x * log(self.p), -1)

    @property
    def mean(self) -> Variable:
        """The probabilities."""
        return self.p

    @property
    def mode(self) -> Variable:
        """The likeliest vector."""
        return as_variable(self._one_hot(self.p.array.argmax(axis=-1)))

    @property
    def variance(self) -> Variable:
        """``p (1 - p)``."""
        return self.p * (1.0 - self.p)

    @property
    def entropy(self) -> Variable:
        """That of the place of the 1."""
        return self._categorical.entropy


@register_kl(OneHotCategorical, OneHotCategorical)
def _kl(p: OneHotCategorical, q: OneHotCategorical) -> Variable:
    return kl_divergence(p._categorical, q._categorical)
