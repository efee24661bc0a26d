"""Members of a batch taken as one event."""

from __future__ import annotations

from typing import Any

from nnrun.core import Variable
from nnrun.distribution import Distribution, kl_divergence, register_kl
from nnrun.functions import exp
from nnrun.functions import sum as sum_

__all__ = ["Independent"]

Array = Any


class Independent(Distribution):
    """Takes the last axes of another distribution's batch as part of its events.

    Parameters
    ----------
    distribution : Distribution
        The other one.
    reinterpreted_batch_ndims : int, optional
        How many axes; all but the first by default.

    Raises
    ------
    ValueError
        If the batch has fewer axes.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> p = D.Independent(D.Normal(np.zeros((2, 3)), np.ones((2, 3))), 1)
    >>> p.batch_shape, p.event_shape, p.log_prob(np.zeros((2, 3))).shape
    ((2,), (3,), (2,))
    """

    def __init__(
        self, distribution: Distribution, reinterpreted_batch_ndims: int | None = None
    ) -> None:
        batch = distribution.batch_shape
        n = reinterpreted_batch_ndims
        if n is None:
            n = max(len(batch) - 1, 0)
        if not 0 <= n <= len(batch):
            raise ValueError(
                f"Independent: `reinterpreted_batch_ndims` is {n} but the batch has shape {batch}"
            )
        self.distribution = distribution
        self.reinterpreted_batch_ndims = n
        self.params = distribution.params
        cut = len(batch) - n
        self.batch_shape = batch[:cut]
        self.event_shape = batch[cut:] + distribution.event_shape
        self.support = distribution.support

    def _sum(self, x: Variable) -> Variable:
        axes = tuple(range(-self.reinterpreted_batch_ndims, 0))
        return sum_(x, axes) if axes else x

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values."""
        return self.distribution.sample_n(n)

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density of whole events."""
        return self._sum(self.distribution.log_prob(x))

    def log_cdf(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the probability that no element is above that of `x`."""
        return self._sum(self.distribution.log_cdf(x))

    def cdf(self, x: Variable | Array) -> Variable:
        """Return the probability that no element is above that of `x`."""
        return exp(self.log_cdf(x))

    @property
    def mean(self) -> Variable:
        """Of each element."""
        return self.distribution.mean

    @property
    def mode(self) -> Variable:
        """Of each element."""
        return self.distribution.mode

    @property
    def variance(self) -> Variable:
        """Of each element."""
        return self.distribution.variance

    @property
    def stddev(self) -> Variable:
        """Of each element."""
        return self.distribution.stddev

    @property
    def entropy(self) -> Variable:
        """The sum of the elements'."""
        return self._sum(self.distribution.entropy)


@register_kl(Independent, Independent)
def _kl(p: Independent, q: Independent) -> Variable:
    if p.event_shape != q.event_shape or p.batch_shape != q.batch_shape:
        raise ValueError(f"kl_divergence: shapes of {p} and {q} differ")
    return p._sum(kl_divergence(p.distribution, q.distribution))
