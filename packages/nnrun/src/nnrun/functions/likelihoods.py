"""Negative log-likelihoods and divergences: `gaussian_nll`, `bernoulli_nll` and others."""

from __future__ import annotations

import math
from typing import Any

from nnrun.backend import get_device_from_array
from nnrun.core import Variable, as_variable
from nnrun.functions._reduce import check_reduce, reduced
from nnrun.functions.activations import softplus
from nnrun.functions.matmul import matmul
from nnrun.functions.reductions import mean as mean_
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.unary import exp, square

__all__ = [
    "bernoulli_nll",
    "cross_covariance",
    "decov",
    "gaussian_kl_divergence",
    "gaussian_nll",
]

Array = Any

_REDUCE = ("sum", "mean", "no")


def gaussian_nll(
    x: Variable | Array, mean: Variable | Array, ln_var: Variable | Array, reduce: str = "sum"
) -> Variable:
    """Return the negative log-likelihood of values under normal distributions.

    Parameters
    ----------
    x, mean, ln_var : Variable or array
        The values, the means and the logarithms of the variances, of the same shape.
    reduce : {'sum', 'mean', 'no'}
        ``no`` returns that of each value.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes differ or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> zero = np.zeros(1)
    >>> F.gaussian_nll(zero, zero, zero).item()  # doctest: +ELLIPSIS
    0.9189...
    """
    check_reduce(reduce, "gaussian_nll", _REDUCE)
    if x.shape != mean.shape or x.shape != ln_var.shape:
        raise ValueError(
            f"gaussian_nll: `x`, `mean` and `ln_var` must have the same shape (x.shape={x.shape}, "
            f"mean.shape={mean.shape}, ln_var.shape={ln_var.shape})"
        )
    ln_var = as_variable(ln_var)
    distance = square(as_variable(x) - mean) * exp(-ln_var)
    return reduced((distance + ln_var + math.log(2 * math.pi)) * 0.5, reduce)


def bernoulli_nll(x: Variable | Array, y: Variable | Array, reduce: str = "sum") -> Variable:
    """Return the negative log-likelihood of bits under Bernoulli distributions.

    Parameters
    ----------
    x : Variable or array
        The bits (or probabilities of bits).
    y : Variable or array
        The log-odds: scores before the sigmoid.  Of the shape of `x`.
    reduce : {'sum', 'mean', 'no'}
        ``no`` returns that of each bit.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes differ or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.bernoulli_nll(np.ones(1), np.zeros(1)).item()  # doctest: +ELLIPSIS
    0.6931...
    """
    check_reduce(reduce, "bernoulli_nll", _REDUCE)
    if x.shape != y.shape:
        raise ValueError(
            f"bernoulli_nll: `x` and `y` must have the same shape (x.shape={x.shape}, "
            f"y.shape={y.shape})"
        )
    y = as_variable(y)
    return reduced(softplus(y) - x * y, reduce)


def gaussian_kl_divergence(
    mean: Variable | Array, ln_var: Variable | Array, reduce: str = "sum"
) -> Variable:
    """Return the divergence of normal distributions from the standard one.

    ``(mean ** 2 + var - ln_var - 1) / 2``

    Parameters
    ----------
    mean, ln_var : Variable or array
        The means and the logarithms of the variances, of the same shape.
    reduce : {'sum', 'mean', 'no'}
        ``no`` returns that of each value.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes differ or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.gaussian_kl_divergence(np.array([2.0]), np.array([0.0]))
    variable(2.)
    """
    check_reduce(reduce, "gaussian_kl_divergence", _REDUCE)
    if mean.shape != ln_var.shape:
        raise ValueError(
            f"gaussian_kl_divergence: `mean` and `ln_var` must have the same shape "
            f"(mean.shape={mean.shape}, ln_var.shape={ln_var.shape})"
        )
    ln_var = as_variable(ln_var)
    return reduced((square(as_variable(mean)) + exp(ln_var) - ln_var - 1) * 0.5, reduce)


def _covariance(y: Variable, z: Variable) -> Variable:
    n = max(len(y.array), 1)
    centred = y - mean_(y, 0, keepdims=True), z - mean_(z, 0, keepdims=True)
    return matmul(*centred, transa=True) * (1.0 / n)


def cross_covariance(
    y: Variable | Array, z: Variable | Array, reduce: str = "half_squared_sum"
) -> Variable:
    """Ask two groups of units to be uncorrelated (Cheung et al., 2014).

    Parameters
    ----------
    y, z : Variable or array, shape (batch, n) and (batch, m)
        The units.
    reduce : {'half_squared_sum', 'no'}
        Half the sum of squares of the covariances, or those themselves.

    Returns
    -------
    Variable
        Of shape ``()`` or (n, m).

    Raises
    ------
    ValueError
        If the shapes don't fit or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.array([[1.0], [-1.0]])
    >>> F.cross_covariance(x, 2 * x)
    variable(2.)
    """
    check_reduce(reduce, "cross_covariance", ("half_squared_sum", "no"))
    if y.ndim != 2 or z.ndim != 2 or y.shape[0] != z.shape[0]:
        raise ValueError(
            f"cross_covariance: `y` and `z` must be matrices of as many rows (y.shape={y.shape}, "
            f"z.shape={z.shape})"
        )
    c = _covariance(as_variable(y), as_variable(z))
    return c if reduce == "no" else sum_(square(c)) * 0.5


def decov(h: Variable | Array, reduce: str = "half_squared_sum") -> Variable:
    """Ask units to be uncorrelated: the DeCov loss (Cogswell et al., 2015).

    Parameters
    ----------
    h : Variable or array, shape (batch, n)
        The units.
    reduce : {'half_squared_sum', 'no'}
        Half the sum of squares of the covariances between different units, or those
        themselves (with a diagonal of zeros).

    Returns
    -------
    Variable
        Of shape ``()`` or (n, n).

    Raises
    ------
    ValueError
        If `h` is not a matrix or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.decov(np.array([[1.0, 2.0], [-1.0, -2.0]]))
    variable(4.)
    """
    check_reduce(reduce, "decov", ("half_squared_sum", "no"))
    if h.ndim != 2:
        raise ValueError(f"decov: `h` must be a matrix (h.shape={h.shape})")
    h = as_variable(h)
    with get_device_from_array(h.array) as device:
        others = (1 - device.xp.eye(h.shape[1])).astype(h.dtype)
    c = _covariance(h, h) * others
    return c if reduce == "no" else sum_(square(c)) * 0.5
