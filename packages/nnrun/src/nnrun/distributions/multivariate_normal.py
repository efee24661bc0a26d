"""The normal distribution of vectors."""

from __future__ import annotations

import math
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.distribution import Distribution, register_kl
from nnrun.functions import (
    batch_inv,
    broadcast_to,
    cholesky,
    diagonal,
    expand_dims,
    log,
    matmul,
    reshape,
    square,
    squeeze,
    stack,
)
from nnrun.functions import sum as sum_

__all__ = ["MultivariateNormal"]

Array = Any


class MultivariateNormal(Distribution):
    """The normal distribution of vectors; samples are made of its parameters.

    Parameters
    ----------
    loc : Variable or array, shape (..., d)
        The mean.
    scale_tril : Variable or array, shape (..., d, d), optional
        The covariance's Cholesky factor: lower triangular, positive on the diagonal.
    cov : Variable or array, shape (..., d, d), optional
        The covariance, in place of it.

    Raises
    ------
    ValueError
        If not one of `scale_tril` and `cov` is given, or shapes don't fit.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun import distributions as D
    >>> p = D.MultivariateNormal(np.zeros(2), scale_tril=np.eye(2))
    >>> p.log_prob(np.zeros((3, 2)))
    variable([-1.83787707, -1.83787707, -1.83787707])
    """

    loc: Variable
    scale_tril: Variable
    _member_ndim = 1

    def __init__(self, loc: Any, *, scale_tril: Any = None, cov: Any = None) -> None:
        if (scale_tril is None) == (cov is None):
            raise ValueError("MultivariateNormal: one of `scale_tril` and `cov` must be given")
        super().__init__(loc=loc)
        factor = as_variable(scale_tril) if cov is None else _cholesky(as_variable(cov))
        d = self.event_shape[0]
        if factor.shape[-2:] != (d, d):
            raise ValueError(
                f"MultivariateNormal: `loc` {self.loc.shape} wants a matrix of shape (..., {d}, "
                f"{d}), not {factor.shape}"
            )
        shape = (*self.batch_shape, d, d)
        self.scale_tril = factor if factor.shape == shape else broadcast_to(factor, shape)
        self.params["scale_tril"] = self.scale_tril

    @property
    def d(self) -> int:
        """The length of a vector."""
        return self.event_shape[0]

    def _inverse(self) -> Variable:
        flat = reshape(self.scale_tril, (-1, self.d, self.d))
        return reshape(batch_inv(flat), self.scale_tril.shape)

    @property
    def _log_det(self) -> Variable:
        """The logarithm of the factor's determinant."""
        return sum_(log(diagonal(self.scale_tril, 0, -2, -1)), -1)

    def sample_n(self, n: int) -> Variable:
        """Draw `n` values, made of the parameters."""
        noise = self._draw("normal", n)
        return self.loc + squeeze(matmul(self.scale_tril, noise[..., None]), -1)

    def log_prob(self, x: Variable | Array) -> Variable:
        """Return the logarithm of the density at vectors `x`."""
        z = matmul(self._inverse(), expand_dims(x - self.loc, -1))
        squares = sum_(square(squeeze(z, -1)), -1)
        return -0.5 * squares - self._log_det - 0.5 * self.d * math.log(2 * math.pi)

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
        """The covariance's diagonal."""
        return sum_(square(self.scale_tril), -1)

    @property
    def covariance(self) -> Variable:
        """The factor times its transpose."""
        return matmul(self.scale_tril, self.scale_tril, transb=True)

    @property
    def entropy(self) -> Variable:
        """``log(det) + d log(2 pi e) / 2`` of the factor."""
        return self._log_det + 0.5 * self.d * (1 + math.log(2 * math.pi))


def _cholesky(cov: Variable) -> Variable:
    """Factors of a stack of matrices, of which `cholesky` knows one at a time."""
    d = cov.shape[-1]
    flat: Any = reshape(cov, (-1, d, d))
    return reshape(stack([cholesky(flat[i]) for i in range(len(flat))]), cov.shape)


@register_kl(MultivariateNormal, MultivariateNormal)
def _kl(p: MultivariateNormal, q: MultivariateNormal) -> Variable:
    inverse = q._inverse()
    spread = sum_(square(matmul(inverse, p.scale_tril)), (-2, -1))
    distance = squeeze(matmul(inverse, expand_dims(q.loc - p.loc, -1)), -1)
    return q._log_det - p._log_det + 0.5 * (spread + sum_(square(distance), -1) - float(p.d))
