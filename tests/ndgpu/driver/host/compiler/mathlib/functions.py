"""CUDA's single- and double-precision functions and the largest errors that are documented.

The bounds are those of the CUDA C++ Programming Guide, "Mathematical Functions", tables of
maximum ulp errors: the distance, in units of the last place, from the correctly rounded result.
They were taken from the copy of the tables in Intel's "CUDA vs OpenCL math builtin precision"; rows
marked `later` have the bound of the edition that goes with CUDA 12, which is another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

__all__ = ["ROWS", "Row"]

Interval = tuple[float, float]
_ANY = (-100.0, 100.0)


@dataclass(frozen=True)
class Row:
    """A function, its bounds for float and double, and where to look closely.

    Attributes
    ----------
    single, double : int
        The documented bounds; no `double` where there is no such function.
    intervals : tuple of (low, high)
        For each argument, where points are dense.
    code : str
        C++ of the result, where it is no plain call; ``T`` is the type, ``F`` the function.
    promised : callable, optional
        Of the arguments: where the bound in ulp holds; elsewhere `absolute`, or nothing.
    absolute : (float, float), optional
        Bounds of the absolute error, for float and double.
    wild : bool
        Whether any bit pattern is tried too, and special values.
    """

    name: str
    single: int
    double: int | None
    intervals: tuple[Interval, ...]
    code: str = ""
    promised: Callable[..., np.ndarray] | None = None
    absolute: tuple[float, float] | None = None
    wild: bool = True


def _small(x: np.ndarray) -> np.ndarray:
    return np.abs(x) < 8


def _not_cancelled(x: np.ndarray) -> np.ndarray:
    """Outside of the interval that the documentation excludes, and not right beside a pole.

    There the reflection's two logarithms cancel, and the library is up to 6 ulp off in double.  Its
    code has no approximate instruction on that way whose result could show, so that a GPU is too.
    """
    beside = np.abs(x - np.rint(x)) < 1e-6
    return (x > -2.2637) | ((x < -11.0001) & ~beside)


def _nowhere(x: np.ndarray, n: np.ndarray) -> np.ndarray:
    return np.zeros(x.shape, bool)


def _never(x: np.ndarray) -> np.ndarray:
    return np.zeros(x.shape, bool)


def _far_from_1(x: np.ndarray) -> np.ndarray:
    return (x < 0.5) | (x > 2)


_BESSEL = (2.2e-6, 5e-12)
_ORDER = (128.0, 128.0)

ROWS: tuple[Row, ...] = (
    # Exponential and logarithm.
    Row("exp", 2, 1, ((-110, 95),)),
    Row("exp2", 2, 1, ((-150, 130),)),
    Row("exp10", 2, 1, ((-46, 39),)),
    Row("expm1", 1, 1, ((-20, 20),)),
    Row("log", 1, 1, ((0, 10),)),
    Row("log2", 1, 1, ((0, 10),)),
    Row("log10", 2, 1, ((0, 10),)),
    Row("log1p", 1, 1, ((-1, 10),)),
    Row("pow", 8, 2, ((0, 20), (-30, 30))),
    # Trigonometric.
    Row("sin", 2, 2, (_ANY,)),  # later: 1 for double before
    Row("cos", 2, 2, (_ANY,)),  # later
    Row("tan", 4, 2, (_ANY,)),
    Row("sincos_sin", 2, 2, (_ANY,), "T c; sincosF(x0, &y, &c)"),  # later
    Row("sincos_cos", 2, 2, (_ANY,), "T s; sincosF(x0, &s, &y)"),  # later
    Row("sinpi", 2, 2, (_ANY,)),  # later
    Row("cospi", 2, 2, (_ANY,)),  # later
    Row("sincospi_sin", 2, 2, (_ANY,), "T c; sincospiF(x0, &y, &c)"),  # later
    Row("sincospi_cos", 2, 2, (_ANY,), "T s; sincospiF(x0, &s, &y)"),  # later
    Row("asin", 4, 2, ((-1, 1),)),
    Row("acos", 3, 2, ((-1, 1),)),  # later
    Row("atan", 2, 2, ((-20, 20),)),
    Row("atan2", 3, 2, ((-20, 20), (-20, 20))),
    # Hyperbolic.
    Row("sinh", 3, 2, ((-90, 90),)),  # later
    Row("cosh", 2, 1, ((-90, 90),)),
    Row("tanh", 2, 1, ((-10, 10),)),
    Row("asinh", 3, 3, (_ANY,)),  # later
    Row("acosh", 4, 3, ((1, 100),)),  # later
    Row("atanh", 3, 2, ((-1, 1),)),
    # Roots and norms.
    Row("sqrt", 0, 0, ((0, 100),)),
    Row("rsqrt", 2, 1, ((0, 100),)),
    Row("cbrt", 1, 1, (_ANY,)),
    Row("rcbrt", 1, 1, (_ANY,)),
    Row("hypot", 3, 2, (_ANY, _ANY)),
    Row("rhypot", 2, 1, (_ANY, _ANY)),
    Row("norm3d", 3, 2, (_ANY,) * 3),
    Row("rnorm3d", 2, 1, (_ANY,) * 3),
    Row("norm4d", 3, 2, (_ANY,) * 4),
    Row("rnorm4d", 2, 1, (_ANY,) * 4),
    Row("norm", 4, 3, (_ANY,) * 5, "T r[5] = {x0, x1, x2, x3, x4}; y = normF(5, r)"),
    Row("rnorm", 3, 2, (_ANY,) * 5, "T r[5] = {x0, x1, x2, x3, x4}; y = rnormF(5, r)"),
    # Error functions, gamma, Bessel.
    Row("erf", 2, 2, ((-6, 6),)),
    Row("erfc", 4, 5, ((-6, 27),)),  # later
    Row("erfcx", 4, 4, ((-9, 30),)),  # later
    Row("erfinv", 2, 5, ((-1, 1),), wild=False),
    Row("erfcinv", 2, 6, ((0, 2),), wild=False),
    Row("normcdf", 5, 5, ((-38, 9),)),
    Row("normcdfinv", 5, 7, ((0, 1),), wild=False),
    Row("tgamma", 11, 10, ((-40, 40),)),  # later
    Row("lgamma", 6, 4, ((-20, 50),), promised=_not_cancelled),
    Row("j0", 9, 7, ((-9, 9),), promised=_small, absolute=_BESSEL),
    Row("j1", 9, 7, ((-9, 9),), promised=_small, absolute=_BESSEL),
    Row("jn", 0, 0, ((2, 300), _ORDER), "y = jnF((int)x1, x0)", _nowhere, _BESSEL, False),
    Row("y0", 9, 7, ((0, 9),), promised=_small, absolute=_BESSEL),
    Row("y1", 9, 7, ((0, 9),), promised=_small, absolute=_BESSEL),
    Row("yn", 0, 0, ((200, 500), _ORDER), "y = ynF((int)x1, x0)", _nowhere, _BESSEL, False),
    Row("cyl_bessel_i0", 6, 6, ((-90, 90),)),
    Row("cyl_bessel_i1", 6, 6, ((-90, 90),)),
    # Intrinsics, which map to approximate instructions.
    Row("__fdividef", 2, None, (_ANY, _ANY), wild=False),
    Row("__expf", 2, None, ((-0.85, 0.85),), wild=False),  # 2 + floor(abs(1.173 x))
    Row("__exp10f", 2, None, ((-0.33, 0.33),), wild=False),  # 2 + floor(abs(2.97 x))
    Row("__logf", 3, None, ((0, 100),), "", _far_from_1, (2**-21.41, 0), False),
    Row("__log2f", 2, None, ((0, 100),), "", _far_from_1, (2**-22.0, 0), False),
    Row("__log10f", 3, None, ((0, 100),), "", _far_from_1, (2**-24.0, 0), False),
    Row("__sinf", 0, None, ((-np.pi, np.pi),), "", _never, (2**-21.41, 0), False),
    Row("__cosf", 0, None, ((-np.pi, np.pi),), "", _never, (2**-21.19, 0), False),
    Row("__frsqrt_rn", 0, None, ((0, 100),)),
    Row("__frcp_rn", 0, None, (_ANY,)),
    # Exact: arithmetic, rounding, remainders, parts.
    Row("add", 0, 0, (_ANY, _ANY), "y = x0 + x1"),
    Row("multiply", 0, 0, (_ANY, _ANY), "y = x0 * x1"),
    Row("divide", 0, 0, (_ANY, _ANY), "y = x0 / x1"),
    Row("reciprocal", 0, 0, (_ANY,), "y = 1 / x0"),
    Row("fabs", 0, 0, (_ANY,)),
    Row("fmax", 0, 0, (_ANY, _ANY)),
    Row("fmin", 0, 0, (_ANY, _ANY)),
    Row("fdim", 0, 0, (_ANY, _ANY)),
    Row("fmod", 0, 0, ((-1e4, 1e4), (-3, 3))),
    Row("remainder", 0, 0, ((-1e4, 1e4), (-3, 3))),
    Row("remquo", 0, 0, ((-1e4, 1e4), (-3, 3)), "int q; y = remquoF(x0, x1, &q)"),
    Row("remquo_bits", 0, 0, ((-1e4, 1e4), (1, 3)),
        "int q; remquoF(x0, x1, &q); y = (T)(q < 0 ? -(-q & 7) : q & 7)", wild=False),
    Row("copysign", 0, 0, (_ANY, _ANY)),
    Row("nextafter", 0, 0, (_ANY, _ANY)),
    Row("fma", 0, 0, (_ANY,) * 3),
    Row("ceil", 0, 0, (_ANY,)),
    Row("floor", 0, 0, (_ANY,)),
    Row("trunc", 0, 0, (_ANY,)),
    Row("rint", 0, 0, (_ANY,)),
    Row("nearbyint", 0, 0, (_ANY,)),
    Row("round", 0, 0, (_ANY,)),
    Row("lrint", 0, 0, ((-1e9, 1e9),), wild=False),
    Row("llrint", 0, 0, ((-1e9, 1e9),), wild=False),
    Row("lround", 0, 0, ((-1e9, 1e9),), wild=False),
    Row("llround", 0, 0, ((-1e9, 1e9),), wild=False),
    Row("logb", 0, 0, (_ANY,)),
    Row("ilogb", 0, 0, ((1e-30, 1e30),), wild=False),
    Row("ldexp", 0, 0, (_ANY, (-160, 160)), "y = ldexpF(x0, (int)x1)", wild=False),
    Row("scalbn", 0, 0, (_ANY, (-160, 160)), "y = scalbnF(x0, (int)x1)", wild=False),
    Row("scalbln", 0, 0, (_ANY, (-160, 160)), "y = scalblnF(x0, (long)x1)", wild=False),
    Row("modf", 0, 0, (_ANY,), "T w; y = modfF(x0, &w)"),
    Row("modf_whole", 0, 0, (_ANY,), "modfF(x0, &y)"),
    Row("frexp", 0, 0, (_ANY,), "int e; y = frexpF(x0, &e)"),
    Row("isfinite", 0, 0, (_ANY,), "y = isfinite(x0) ? 1 : 0"),
    Row("isinf", 0, 0, (_ANY,), "y = isinf(x0) ? 1 : 0"),
    Row("isnan", 0, 0, (_ANY,), "y = isnan(x0) ? 1 : 0"),
    Row("signbit", 0, 0, (_ANY,), "y = x0 == x0 && signbit(x0) ? 1 : 0"),
    Row("frexp_exponent", 0, 0, ((1e-30, 1e30),), "int e; frexpF(x0, &e); y = (T)e", wild=False),
)  # fmt: skip
