"""The categorical distribution."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable, as_array, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.distributions._sampling import categories
from nnrun.functions import broadcast_to, exp, gather, log, squeeze, where
from nnrun.functions import sum as sum_

__all__ = ["Categorical"]

Array = Any


class Categorical(Distribution):
    """The distribution of one of some numbers, each with its probability.

    Parameters
    ----------
    p : Variable or array, shape (..., n), optional
        Probabilities of 0 to n - 1.
    logit : Variable or array, shape (..., n), optional
        Their logarithms, in place of them.

    Raises
    ------
    ValueError
        If not one of `p` and `logit` is given.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> D.Categorical(np.array([0.25, 0.75])).prob(np.array([1, 0]))
    variable([0.75, 0.25])
    """

    support = "{0, ..., n - 1}"
    p: Variable
    log_p: Variable
    _member_ndim = 1

    def __init__(self, p: Any = None, *, logit: Any = None) -> None:
        if (p is None) == (logit is None):
            raise ValueError("Categorical: one of `p` and `logit` must be given")
        if logit is None:
            super().__init__(p=p)
            self.log_p = log(self.p)
        else:
            super().__init__(logit=logit)
            self.log_p = self.params["logit"]
            self.p = exp(self.log_p)
        self.event_shape = ()

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values: integers, through which no gradient goes."""
        return as_variable(categories(self.p.array, n))

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability of numbers `x`."""
        index = as_array(x).astype("l")
        lead = index.shape
        if len(lead) < len(self.batch_shape):
            raise ValueError(
                f"Categorical.log_prob: `x` has shape {lead} but the batch has {self.batch_shape}"
            )
        table = broadcast_to(self.log_p, (*lead, self.log_p.shape[-1]))
        return squeeze(gather(table, index[..., None], -1), -1)

    @property
    def mode(self) -> Variable:
        """The likeliest number."""
        return as_variable(self.xp.asarray(self.p.array.argmax(axis=-1)))

    @property
    def entropy(self) -> Variable:
        """The sum of ``-p log(p)``, 0 for what never happens."""
        return -sum_(_times_log(self.p, self.log_p), -1)


def _times_log(p: Variable, other: Variable) -> Variable:
    """``p * log``, 0 where `p` is, whatever the logarithm."""
    return p * where(p.array > 0, other, other.xp.zeros_like(other.array))


@register_kl(Categorical, Categorical)
def _kl(p: Categorical, q: Categorical) -> Variable:
    return sum_(_times_log(p.p, p.log_p - q.log_p), -1)
