"""What CUDA's mathematical functions should give: quickly in long double, and in mpmath.

Long double screens all points; mpmath judges those that the screen finds beyond the bound, and a
sample of the others.  Arrays are of long double; what is no number gives what C's Annex F says.
"""

from __future__ import annotations

from collections.abc import Callable

import mpmath
import numpy as np

from .longdouble import LD, libm

__all__ = ["JUDGES", "NEWTON", "SCREENS"]

Array = np.ndarray
_PI = LD("3.14159265358979323846264338327950288")
_ROOT_PI = LD("1.7724538509055160272981674833411452")
_ROOT_2 = np.sqrt(LD(2))
_erf, _erfc = libm("erfl"), libm("erfcl")


def _sinpi(x: Array) -> Array:
    """The argument's nearest integer is taken off without error."""
    finite = np.where(np.isfinite(x), x, np.nan)
    whole = np.rint(finite)
    turned = np.sin(_PI * (finite - whole)) * np.where(np.fmod(whole, 2) == 0, 1, -1)
    return np.where(finite == whole, np.copysign(LD(0), x), turned)


def _cospi(x: Array) -> Array:
    finite = np.where(np.isfinite(x), np.abs(x), np.nan)
    whole = np.rint(finite)
    rest = np.abs(finite - whole)
    return np.sin(_PI * (LD(0.5) - rest)) * np.where(np.fmod(whole, 2) == 0, 1, -1)


def _erfcx(x: Array) -> Array:
    """By its continued fraction where `erfc` is small."""
    large = np.maximum(x, 4)
    fraction = large
    for k in range(120, 0, -1):
        fraction = large + LD(k) / 2 / fraction
    small = np.minimum(x, 4)
    return np.where(x > 4, 1 / (_ROOT_PI * fraction), np.exp(small * small) * _erfc(small))


def _bessel_i(order: int) -> Callable[[Array], Array]:
    """The power series, whose terms are all of one sign; asymptotic where that takes too long."""

    def function(x: Array) -> Array:
        size = np.abs(x)
        half = np.minimum(size, 60) / 2
        term = np.ones_like(half) if order == 0 else half
        total = term
        for k in range(1, 160):
            term = term * (half / k) * (half / (k + order))
            total = total + term
        far = np.maximum(size, 60)
        step = np.ones_like(far)
        tail = step
        for k in range(1, 40):
            step = -step * (4 * order**2 - (2 * k - 1) ** 2) / (k * 8 * far)
            tail = tail + step
        large = np.exp(far) / np.sqrt(2 * _PI * far) * tail
        value = np.where(size > 60, np.where(np.isinf(size), np.inf, large), total)
        return np.copysign(value, x) if order else value

    return function


def _norm(*x: Array) -> Array:
    any_infinite = np.any(np.isinf(x), axis=0)
    return np.where(any_infinite, np.inf, np.sqrt(sum(one * one for one in x)))


def _quotient(x: Array, y: Array) -> Array:
    """Three low bits of the nearest whole quotient, with its sign."""
    whole = np.rint((x - libm("remainderl", 2)(x, y)) / y)
    return np.fmod(whole, 8) + LD(0)


def _greatest(x: Array, y: Array) -> Array:
    """A number before a NaN, and the positive zero before the negative one."""
    return np.where((x == 0) & (y == 0), np.where(np.signbit(x), y, x), np.fmax(x, y))


def _whole(function: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """An integer has no negative zero."""
    return lambda x: function(x) + LD(0)


def _fraction(x: Array) -> Array:
    return np.copysign(np.where(np.isinf(x), 0, x - np.trunc(x)), x)


def _yn(x: Array, n: Array) -> Array:
    """Upward in the order, the same for all points; stable for this kind."""
    before, value = libm("y0l")(x), libm("y1l")(x)
    for k in range(1, int(n[0])):
        before, value = value, 2 * k / x * value - before
    return value


def _jn(x: Array, n: Array) -> Array:
    """Downward from an order far above, to a sum that is known."""
    order = int(n[0])
    start = 2 * ((order + int(np.abs(x).max()) + 60) // 2)
    above, value, total = np.zeros_like(x), np.ones_like(x), np.zeros_like(x)
    for k in range(start, 0, -1):
        above, value = value, 2 * k / x * value - above
        if k - 1 == order:
            found = value
        if k % 2 == 1:
            total = total + (value if k == 1 else 2 * value)
    return found / total


# Name -> function of arrays of long double.
SCREENS: dict[str, Callable[..., Array]] = {
    "exp": np.exp, "exp2": np.exp2, "expm1": np.expm1, "log": np.log, "log2": np.log2,
    "log10": np.log10, "log1p": np.log1p, "sin": np.sin, "cos": np.cos, "tan": np.tan,
    "asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "sinh": np.sinh, "cosh": np.cosh,
    "tanh": np.tanh, "asinh": np.arcsinh, "acosh": np.arccosh, "atanh": np.arctanh,
    "sqrt": np.sqrt, "cbrt": np.cbrt, "atan2": np.arctan2, "hypot": np.hypot, "fmod": np.fmod,
    "rint": np.rint, "trunc": np.trunc, "ceil": np.ceil, "floor": np.floor, "fabs": np.abs,
    "copysign": np.copysign, "fmax": _greatest, "fmin": lambda x, y: -_greatest(-x, -y),
    "exp10": libm("exp10l"), "pow": libm("powl", 2), "erf": _erf, "erfc": _erfc,
    "erfcx": _erfcx, "tgamma": libm("tgammal"), "lgamma": libm("lgammal"),
    "remainder": libm("remainderl", 2),
    "j0": libm("j0l"), "j1": libm("j1l"), "y0": libm("y0l"), "y1": libm("y1l"),
    "jn": _jn, "yn": _yn,
    "cyl_bessel_i0": _bessel_i(0), "cyl_bessel_i1": _bessel_i(1),
    "sinpi": _sinpi, "cospi": _cospi, "normcdf": lambda x: _erfc(-x / _ROOT_2) / 2,
    "rsqrt": lambda x: 1 / np.sqrt(x), "rcbrt": lambda x: 1 / np.cbrt(x),
    "norm3d": _norm, "norm4d": _norm, "norm": _norm,
    "rhypot": lambda *x: 1 / _norm(*x), "rnorm3d": lambda *x: 1 / _norm(*x),
    "rnorm4d": lambda *x: 1 / _norm(*x), "rnorm": lambda *x: 1 / _norm(*x),
    "divide": lambda x, y: x / y, "reciprocal": lambda x: 1 / x, "add": lambda x, y: x + y,
    "multiply": lambda x, y: x * y, "__fdividef": lambda x, y: x / y, "__expf": np.exp,
    "__exp10f": libm("exp10l"), "__logf": np.log, "__log2f": np.log2, "__log10f": np.log10,
    "__sinf": np.sin, "__cosf": np.cos, "__frsqrt_rn": lambda x: 1 / np.sqrt(x),
    "__frcp_rn": lambda x: 1 / x, "isfinite": np.isfinite, "isinf": np.isinf, "isnan": np.isnan,
    "signbit": lambda x: np.signbit(x) & ~np.isnan(x), "round": libm("roundl"),
    "nearbyint": np.rint, "lrint": _whole(np.rint), "llrint": _whole(np.rint),
    "lround": _whole(libm("roundl")),
    "llround": _whole(libm("roundl")), "logb": libm("logbl"), "ilogb": libm("logbl"),
    "ldexp": lambda x, n: x * np.exp2(n), "scalbn": lambda x, n: x * np.exp2(n),
    "scalbln": lambda x, n: x * np.exp2(n), "remquo": libm("remainderl", 2),
    "remquo_bits": _quotient, "modf": _fraction,
    "modf_whole": np.trunc, "frexp": lambda x: np.frexp(x)[0],
    "frexp_exponent": lambda x: np.frexp(x)[1].astype(LD),
    "sincos_sin": np.sin, "sincos_cos": np.cos, "sincospi_sin": _sinpi, "sincospi_cos": _cospi,
}  # fmt: skip


def _erfinv(x: Array, y: Array) -> Array:
    """One step of Newton's from a result that is nearly right, for each sign alike."""
    size, at = np.abs(x), np.abs(y)
    residue = np.where(size < 0.5, size - _erf(at), _erfc(at) - (1 - size))
    return np.copysign(at + residue * _ROOT_PI / 2 * np.exp(at * at), x)


def _erfcinv(x: Array, y: Array) -> Array:
    near = np.abs(x - 1) < 0.5
    residue = np.where(near, (1 - x) - _erf(y), _erfc(y) - x)
    other = np.where(x > 1.5, -(_erfc(-y) - (2 - x)), residue)
    return y + other * _ROOT_PI / 2 * np.exp(y * y)


def _normcdfinv(x: Array, y: Array) -> Array:
    return -_ROOT_2 * _erfcinv(2 * x, -y / _ROOT_2)


# Inverse functions: a better result from the arguments and a good one.
NEWTON: dict[str, Callable[[Array, Array], Array]] = {
    "erfinv": _erfinv, "erfcinv": _erfcinv, "normcdfinv": _normcdfinv,
}  # fmt: skip


def _judged_erfcinv(x: mpmath.mpf) -> mpmath.mpf:
    if x > 1:
        return -_judged_erfcinv(2 - x)
    if x > mpmath.mpf("0.1"):
        return mpmath.erfinv(1 - x)
    y = mpmath.sqrt(-mpmath.log(x * mpmath.sqrt(-mpmath.log(x) * mpmath.pi)))
    for _ in range(20):
        # On the logarithm, which is nearly a parabola.
        value = mpmath.erfc(y)
        slope = 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-y * y) / value
        y += (mpmath.log(value) - mpmath.log(x)) / slope
    return y


def _root_of_squares(*x: mpmath.mpf) -> mpmath.mpf:
    return mpmath.sqrt(sum(one * one for one in x))


def _inverted(function: Callable) -> Callable:
    return lambda *x: 1 / function(*x)


# The same in mpmath, for finite arguments; what is exact in long double has no need of it.
JUDGES: dict[str, Callable[..., mpmath.mpf]] = {
    "exp": mpmath.exp, "exp2": lambda x: mpmath.mpf(2) ** x, "exp10": lambda x: mpmath.mpf(10) ** x,
    "expm1": mpmath.expm1, "log": mpmath.log, "log2": lambda x: mpmath.log(x, 2),
    "log10": mpmath.log10, "log1p": mpmath.log1p, "sin": mpmath.sin, "cos": mpmath.cos,
    "tan": mpmath.tan, "asin": mpmath.asin, "acos": mpmath.acos, "atan": mpmath.atan,
    "atan2": mpmath.atan2, "sinh": mpmath.sinh, "cosh": mpmath.cosh, "tanh": mpmath.tanh,
    "asinh": mpmath.asinh, "acosh": mpmath.acosh, "atanh": mpmath.atanh, "sqrt": mpmath.sqrt,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    "rcbrt": lambda x: mpmath.sign(x) / mpmath.cbrt(abs(x)),
    "rsqrt": _inverted(mpmath.sqrt), "pow": mpmath.power, "erf": mpmath.erf, "erfc": mpmath.erfc,
    "erfcx": lambda x: mpmath.exp(x * x) * mpmath.erfc(x), "erfinv": mpmath.erfinv,
    "erfcinv": _judged_erfcinv, "normcdf": lambda x: mpmath.erfc(-x / mpmath.sqrt(2)) / 2,
    "normcdfinv": lambda x: -mpmath.sqrt(2) * _judged_erfcinv(2 * x),
    "tgamma": mpmath.gamma, "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))),
    "sinpi": mpmath.sinpi, "cospi": mpmath.cospi, "hypot": _root_of_squares,
    "rhypot": _inverted(_root_of_squares), "norm3d": _root_of_squares, "norm": _root_of_squares,
    "norm4d": _root_of_squares, "rnorm3d": _inverted(_root_of_squares),
    "rnorm4d": _inverted(_root_of_squares), "rnorm": _inverted(_root_of_squares),
    "j0": lambda x: mpmath.besselj(0, x), "j1": lambda x: mpmath.besselj(1, x),
    "y0": lambda x: mpmath.bessely(0, x), "y1": lambda x: mpmath.bessely(1, x),
    "jn": lambda x, n: mpmath.besselj(n, x), "yn": lambda x, n: mpmath.bessely(n, x),
    "cyl_bessel_i0": lambda x: mpmath.besseli(0, x),
    "cyl_bessel_i1": lambda x: mpmath.besseli(1, x),
    "sincos_sin": mpmath.sin, "sincos_cos": mpmath.cos, "sincospi_sin": mpmath.sinpi,
    "sincospi_cos": mpmath.cospi, "divide": lambda x, y: x / y, "reciprocal": lambda x: 1 / x,
}  # fmt: skip
