"""The gamma function's kin on arrays: logarithm, digamma, polygamma, Hurwitz' zeta function.

`zeta_array` and `digamma_array` are written once, in operations of either module: some
terms of the series, and the rest by its asymptotic (Euler-Maclaurin) expansion.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.cuda import elementwise

__all__ = ["digamma_array", "lgamma_array", "polygamma_array", "zeta_array"]

Array = Any

_lgamma = np.frompyfunc(lambda x: math.inf if x <= 0 and x == int(x) else math.lgamma(x), 1, 1)

# Bernoulli numbers B_2, B_4 ... B_24.
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip
_TERMS = 10


def lgamma_array(x: Array) -> Array:
    """The logarithm of the absolute value of the gamma function."""
    if not isinstance(x, np.ndarray):
        return elementwise("T x", "T y", "y = lgamma(x)", "lgamma")(x)
    finite = np.isfinite(x)
    y = np.asarray(_lgamma(np.where(finite, x, 1)), dtype=object).astype(x.dtype).reshape(x.shape)
    return np.where(finite, y, np.where(np.isnan(x), x, x.dtype.type(np.inf)))


def digamma_array(x: Array) -> Array:
    """The derivative of `lgamma_array`; NaN at 0, -1, -2 ..."""
    xp = get_array_module(x)
    v = x.astype(np.float64)
    # psi(x) = psi(1 - x) - pi / tan(pi x) below 1/2.
    reflected = v < 0.5
    poles = (v <= 0) & (xp.floor(v) == v)
    z = xp.where(reflected, 1 - v, v)
    total = xp.zeros_like(z)
    for _ in range(_TERMS):
        total = total - 1 / z
        z = z + 1
    inverse = 1 / (z * z)
    series = xp.zeros_like(z)
    for k in range(len(_BERNOULLI), 0, -1):
        series = (series + _BERNOULLI[k - 1] / (2 * k)) * inverse
    y = total + xp.log(z) - 0.5 / z - series
    # Of the fraction only, for the tangent's sake.
    f = v - xp.floor(v)
    tangent = xp.tan(xp.where(reflected & ~poles, f, 0.25) * math.pi)
    y = xp.where(reflected, y - math.pi / tangent, y)
    return xp.where(poles, math.nan, y).astype(x.dtype)


def zeta_array(s: Array, q: Array) -> Array:
    """The sum of ``(k + q) ** -s`` over k = 0, 1, 2 ..., for s > 1 and q > 0; else NaN."""
    xp = get_array_module(s, q)
    dtype = np.result_type(s.dtype, q.dtype)
    a, z = s.astype(np.float64), q.astype(np.float64)
    valid = (a > 1) & (z > 0)
    a, z = xp.where(valid, a, 2.0), xp.where(valid, z, 1.0)
    total = 0.0
    for _ in range(_TERMS):
        total = total + z**-a
        z = z + 1
    power = z**-a
    y = total + power * z / (a - 1) + power * 0.5
    # B_2k / (2k)! times the rising factorial of s with 2k - 1 factors, times z ** -(s + 2k - 1).
    factor = a * power / z
    for k, b in enumerate(_BERNOULLI, 1):
        y = y + factor * (b / math.factorial(2 * k))
        factor = factor * (a + (2 * k - 1)) * (a + 2 * k) / (z * z)
    return xp.where(valid, y, math.nan).astype(dtype)


def polygamma_array(n: int, x: Array) -> Array:
    """The n-th derivative of `digamma_array`, for x > 0 where n > 0."""
    if n == 0:
        return digamma_array(x)
    xp = get_array_module(x)
    order = xp.full(x.shape, n + 1.0)
    sign = 1.0 if n % 2 else -1.0
    y = zeta_array(order, x.astype(np.float64)) * (sign * math.factorial(n))
    return y.astype(x.dtype)
