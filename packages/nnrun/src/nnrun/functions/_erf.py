"""The error function and its kin on arrays, of NumPy by numerical formulas, of ndgpu by CUDA.

NumPy has none of them.  Accuracy in float64 is a few units in the last place but
for the far tails of `erfinv_array`, where it is some tens.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.cuda import elementwise

__all__ = [
    "erf_array",
    "erfc_array",
    "erfcinv_array",
    "erfcx_array",
    "erfinv_array",
    "log_ndtr_array",
    "ndtr_array",
    "ndtri_array",
]

Array = Any

_erf = np.frompyfunc(math.erf, 1, 1)
_erfc = np.frompyfunc(math.erfc, 1, 1)


def _by(function: Any, x: Array) -> Array:
    """A function of Python's mathematics on each element."""
    return np.asarray(function(x), dtype=object).astype(x.dtype).reshape(x.shape)


def _kernel(expression: str, name: str, x: Array) -> Array:
    return elementwise("T x", "T y", f"y = {expression}", name)(x)


def erf_array(x: Array) -> Array:
    """``2 / sqrt(pi)`` times the integral of ``exp(-t ** 2)`` from 0 to x."""
    return _by(_erf, x) if isinstance(x, np.ndarray) else _kernel("erf(x)", "erf", x)


def erfc_array(x: Array) -> Array:
    """``1 - erf(x)``."""
    return _by(_erfc, x) if isinstance(x, np.ndarray) else _kernel("erfc(x)", "erfc", x)


def erfcx_array(x: Array) -> Array:
    """``exp(x ** 2) * erfc(x)``."""
    if not isinstance(x, np.ndarray):
        return _kernel("erfcx(x)", "erfcx", x)
    v = x.astype(np.float64)
    near = np.minimum(v, 6.0)
    with np.errstate(over="ignore"):
        small = np.exp(near * near) * _by(_erfc, near)
    # Beyond, a continued fraction: 1 / (x + (1/2) / (x + (2/2) / (x + ...))) / sqrt(pi).
    far = np.maximum(v, 6.0)
    t = far
    for k in range(40, 0, -1):
        t = far + (k / 2) / t
    large = 1 / (t * math.sqrt(math.pi))
    return np.where(v <= 6.0, small, large).astype(x.dtype)


# Rational approximations of the normal quantile (Wichura, 1988, algorithm AS 241).
_A = (
    2.5090809287301226727e3, 3.3430575583588128105e4, 6.7265770927008700853e4,
    4.5921953931549871457e4, 1.3731693765509461125e4, 1.9715909503065514427e3,
    1.3314166789178437745e2, 3.3871328727963666080,
)  # fmt: skip
_B = (
    5.2264952788528545610e3, 2.8729085735721942674e4, 3.9307895800092710610e4,
    2.1213794301586595867e4, 5.3941960214247511077e3, 6.8718700749205790830e2,
    4.2313330701600911252e1, 1.0,
)  # fmt: skip
_C = (
    7.74545014278341407640e-4, 2.27238449892691845833e-2, 2.41780725177450611770e-1,
    1.27045825245236838258, 3.64784832476320460504, 5.76949722146069140550,
    4.63033784615654529590, 1.42343711074968357734,
)  # fmt: skip
_D = (
    1.05075007164441684324e-9, 5.47593808499534494600e-4, 1.51986665636164571966e-2,
    1.48103976427480074590e-1, 6.89767334985100004550e-1, 1.67638483018380384940,
    2.05319162663775882187, 1.0,
)  # fmt: skip
_E = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 1.24266094738807843860e-3,
    2.65321895265761230930e-2, 2.96560571828504891230e-1, 1.78482653991729133580,
    5.46378491116411436990, 6.65790464350110377720,
)  # fmt: skip
_F = (
    2.04426310338993978564e-15, 1.42151175831644588870e-7, 1.84631831751005468180e-5,
    7.86869131145613259100e-4, 1.48753612908506148525e-2, 1.36929880922735805310e-1,
    5.99832206555887937690e-1, 1.0,
)  # fmt: skip


def _quantile(p: Array) -> Array:
    """The normal quantile of float64 probabilities not above 1/2; exact near 0."""
    q = p - 0.5
    r = 0.180625 - q * q
    middle = q * np.polyval(_A, r) / np.polyval(_B, r)
    with np.errstate(divide="ignore", invalid="ignore"):
        r = np.sqrt(-np.log(p))
        near = np.minimum(r, 5.0) - 1.6
        far = np.minimum(np.maximum(r, 5.0), 40.0) - 5.0
        tail = np.where(
            r <= 5.0,
            np.polyval(_C, near) / np.polyval(_D, near),
            np.polyval(_E, far) / np.polyval(_F, far),
        )
        y = np.where(q >= -0.425, middle, -tail)
    return np.where(p == 0, -np.inf, np.where((p < 0) | np.isnan(p), np.nan, y))


def ndtri_array(p: Array) -> Array:
    """The inverse of the normal distribution function."""
    if not isinstance(p, np.ndarray):
        return _kernel("normcdfinv(x)", "ndtri", p)
    v = p.astype(np.float64)
    y = np.where(v <= 0.5, _quantile(np.minimum(v, 0.5)), -_quantile(np.minimum(1 - v, 0.5)))
    return y.astype(p.dtype)


def erfcinv_array(x: Array) -> Array:
    """The inverse of `erfc`."""
    if not isinstance(x, np.ndarray):
        return _kernel("erfcinv(x)", "erfcinv", x)
    half = x.astype(np.float64) / 2
    y = np.where(
        half <= 0.5, -_quantile(np.minimum(half, 0.5)), _quantile(np.minimum(1 - half, 0.5))
    )
    return (y * math.sqrt(0.5)).astype(x.dtype)


def erfinv_array(x: Array) -> Array:
    """The inverse of `erf`."""
    if not isinstance(x, np.ndarray):
        return _kernel("erfinv(x)", "erfinv", x)
    v = x.astype(np.float64)
    a = abs(v)
    # The quantile of (1 + a) / 2, by q = a / 2 in the middle, where 1 - a would round.
    r = 0.180625 - a * a / 4
    middle = a / 2 * np.polyval(_A, r) / np.polyval(_B, r)
    tail = -_quantile(np.minimum((1 - a) / 2, 0.5))
    return (np.sign(v) * np.where(a <= 0.85, middle, tail) * math.sqrt(0.5)).astype(x.dtype)


def ndtr_array(x: Array) -> Array:
    """The normal distribution function."""
    if not isinstance(x, np.ndarray):
        return _kernel("normcdf(x)", "ndtr", x)
    return 0.5 * erfc_array(x * -math.sqrt(0.5))


def log_ndtr_array(x: Array) -> Array:
    """The logarithm of the normal distribution function, exact in the lower tail."""
    if not isinstance(x, np.ndarray):
        return _kernel(
            "x < (T)-1 ? log(erfcx(x * (T)-0.7071067811865476) * (T)0.5) - x * x * (T)0.5"
            " : log1p(erfc(x * (T)0.7071067811865476) * (T)-0.5)",
            "log_ndtr",
            x,
        )
    low = np.minimum(x, -1)
    tail = np.log(erfcx_array(low * -math.sqrt(0.5)) * 0.5) - low * low * 0.5
    return np.where(x < -1, tail, np.log1p(-ndtr_array(-np.maximum(x, -1)))).astype(x.dtype)
