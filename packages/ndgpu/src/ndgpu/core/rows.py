"""The table of ufuncs: for each name, what a kernel computes for each class of type.

A row's `code` maps classes of the first operand's type in the loop (``b`` bool,
``i`` signed, ``u`` unsigned, ``f`` floating, ``c`` complex; ``h`` for the 16-bit
floats where they differ) to C++: an
expression in ``x0``, ``x1``, or, for more than one result, statements that set
``y0``, ``y1``.  ``T`` is the type of ``x0``, ``S0`` its type in memory: float16
and bfloat16 are calculated in float.  What begins with ``ndgpu::`` is in
``<ndgpu/math.cuh>``; the rest is CUDA's own mathematics, with the overloads of
``<ndgpu/complex.cuh>``.  Which loops there are, and what an integer or a Python
number is promoted to, is asked of the NumPy function of the same name; a row
says nothing of it.

To add a ufunc, add its row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ALIASES", "ROWS", "Row"]


@dataclass(frozen=True, slots=True)
class Row:
    """One ufunc: its name, its C++ by class of type, and which reduction ``ufunc.reduce`` is."""

    name: str
    code: Mapping[str, str]
    reduce: str | None = None


def _row(name: str, code: Mapping[str, str] | str, reduce: str | None = None) -> Row:
    # A plain expression stands for every class: NumPy's loops decide which are asked for.
    if isinstance(code, str):
        code = {"biufc": code}
    return Row(name, {letter: text for key, text in code.items() for letter in key}, reduce)


def _maths(name: str, function: str | None = None) -> Row:
    """A function of CUDA's, for real and complex numbers."""
    return _row(name, f"{function or name}(x0)")


_PI_180 = "T(0.017453292519943295)"
_180_PI = "T(57.29577951308232)"
# What adds, subtracts or multiplies small integers is int until it is stored; wider ones wrap
# as unsigned numbers, since signed overflow is undefined in C++.
_WRAP = "T((unsigned long long)x0 {0} (unsigned long long)x1)"

# Both 16-bit floats order their positive numbers as their bits; infinity tells them apart.
_NEXT_HALF = (
    "float(S0::from_bits(ndgpu::nextafter_half(S0(x0).bits, {0}.bits, "
    "S0(ndgpu::infinity(0.f)).bits)))"
)
# The distance to float16's next number up (next to zero: away from it), as NumPy has it; to the
# one further from zero of bfloat16, whose infinity is 0x7f80, as ml_dtypes has it.
_FURTHER = "S0(copysign({0}, S0({0}).bits == 0x7f80 ? x0 : 1.f))".format("ndgpu::infinity(0.f)")
_SPACING_HALF = f"ndgpu::isfinite_(x0) ? {_NEXT_HALF.format(_FURTHER)} - x0 : x0 - x0"
# Past these exponents every double is zero or infinite.
_LDEXP = "ldexp(x0, (int)ndgpu::maximum(-5000ll, ndgpu::minimum(5000ll, (long long)x1)))"

ROWS: dict[str, Row] = {
    row.name: row
    for row in (
        # Arithmetic
        _row("add", {"b": "x0 | x1", "iu": _WRAP.format("+"), "fc": "x0 + x1"}, "sum"),
        _row("subtract", {"iu": _WRAP.format("-"), "fc": "x0 - x1"}),
        _row("multiply", {"b": "x0 & x1", "iu": _WRAP.format("*"), "fc": "x0 * x1"}, "prod"),
        _row("divide", "x0 / x1"),
        _row("floor_divide", "ndgpu::floor_divide(x0, x1)"),
        _row("remainder", "ndgpu::remainder(x0, x1)"),
        _row("divmod", "y0 = ndgpu::floor_divide(x0, x1); y1 = ndgpu::remainder(x0, x1);"),
        _row("fmod", "ndgpu::fmod_(x0, x1)"),
        _row("negative", {"iu": "T(0ull - (unsigned long long)x0)", "fc": "-x0"}),
        _row("positive", "x0"),
        _row("absolute", {"b": "x0", "iuf": "ndgpu::absolute(x0)", "c": "abs(x0)"}),
        _row("fabs", "fabs(x0)"),
        _row("sign", "ndgpu::sign(x0)"),
        _row("power", "ndgpu::power(x0, x1)"),
        _row("float_power", "ndgpu::power(x0, x1)"),
        _row("square", "ndgpu::square(x0)"),
        _row("reciprocal", "ndgpu::reciprocal(x0)"),
        _row("conjugate", {"biuf": "x0", "c": "conj(x0)"}),
        _row("gcd", "ndgpu::gcd(x0, x1)"),
        _row("lcm", "ndgpu::lcm(x0, x1)"),
        # Exponentials and logarithms
        _maths("exp"),
        _maths("exp2"),
        _maths("expm1"),
        _maths("log"),
        _maths("log2"),
        _maths("log10"),
        _maths("log1p"),
        _maths("sqrt"),
        _maths("cbrt"),
        _row("logaddexp", "ndgpu::logaddexp(x0, x1)"),
        _row("logaddexp2", "ndgpu::logaddexp2(x0, x1)"),
        # Trigonometry
        _maths("sin"),
        _maths("cos"),
        _maths("tan"),
        _maths("arcsin", "asin"),
        _maths("arccos", "acos"),
        _maths("arctan", "atan"),
        _maths("sinh"),
        _maths("cosh"),
        _maths("tanh"),
        _maths("arcsinh", "asinh"),
        _maths("arccosh", "acosh"),
        _maths("arctanh", "atanh"),
        _row("arctan2", "atan2(x0, x1)"),
        _row("hypot", "hypot(x0, x1)"),
        _row("degrees", f"x0 * {_180_PI}"),
        _row("rad2deg", f"x0 * {_180_PI}"),
        _row("radians", f"x0 * {_PI_180}"),
        _row("deg2rad", f"x0 * {_PI_180}"),
        # Bits
        _row("bitwise_and", "x0 & x1"),
        _row("bitwise_or", "x0 | x1"),
        _row("bitwise_xor", "x0 ^ x1"),
        _row("invert", {"b": "!x0", "iu": "~x0"}),
        _row("left_shift", "ndgpu::left_shift(x0, x1)"),
        _row("right_shift", "ndgpu::right_shift(x0, x1)"),
        _row("bitwise_count", "ndgpu::bit_count(x0)"),
        # Comparison: exact where one operand is signed and the other is not
        _row("less", {"biuf": "ndgpu::less(x0, x1)", "c": "x0 < x1"}),
        _row("less_equal", {"biuf": "ndgpu::less_equal(x0, x1)", "c": "x0 <= x1"}),
        _row("greater", {"biuf": "ndgpu::less(x1, x0)", "c": "x1 < x0"}),
        _row("greater_equal", {"biuf": "ndgpu::less_equal(x1, x0)", "c": "x1 <= x0"}),
        _row("equal", {"biuf": "ndgpu::equal(x0, x1)", "c": "x0 == x1"}),
        _row("not_equal", {"biuf": "!ndgpu::equal(x0, x1)", "c": "x0 != x1"}),
        # Logic
        _row("logical_and", "x0 != T(0) && x1 != T(0)", "all"),
        _row("logical_or", "x0 != T(0) || x1 != T(0)", "any"),
        _row("logical_xor", "(x0 != T(0)) != (x1 != T(0))"),
        _row("logical_not", "x0 == T(0)"),
        _row("maximum", "ndgpu::maximum(x0, x1)", "max"),
        _row("minimum", "ndgpu::minimum(x0, x1)", "min"),
        _row("fmax", "ndgpu::fmax_(x0, x1)"),
        _row("fmin", "ndgpu::fmin_(x0, x1)"),
        # Rounding
        _row("rint", {"f": "rint(x0)", "c": "T(rint(x0.re), rint(x0.im))"}),
        _row("floor", {"biu": "x0", "f": "floor(x0)"}),
        _row("ceil", {"biu": "x0", "f": "ceil(x0)"}),
        _row("trunc", {"biu": "x0", "f": "trunc(x0)"}),
        # Floating-point numbers
        _row("isfinite", "ndgpu::isfinite_(x0)"),
        _row("isinf", "ndgpu::isinf_(x0)"),
        _row("isnan", "ndgpu::isnan_(x0)"),
        _row("signbit", "ndgpu::signbit_(x0)"),
        _row("copysign", "copysign(x0, x1)"),
        _row("nextafter", {"f": "nextafter(x0, x1)", "h": _NEXT_HALF.format("S1(x1)")}),
        _row(
            "spacing",
            {
                "f": "ndgpu::spacing(x0 == 0 ? T(0) : x0)",
                "h": _SPACING_HALF,
            },
        ),
        _row("heaviside", "ndgpu::heaviside(x0, x1)"),
        _row("ldexp", _LDEXP),
        _row("modf", "y0 = ndgpu::modf_fraction(x0); y1 = ndgpu::modf_integer(x0);"),
        _row("frexp", "y0 = ndgpu::frexp_mantissa(x0); y1 = ndgpu::frexp_exponent(x0);"),
    )
}

# Names of NumPy for the same object.
ALIASES: dict[str, str] = {
    "abs": "absolute",
    "acos": "arccos",
    "acosh": "arccosh",
    "asin": "arcsin",
    "asinh": "arcsinh",
    "atan": "arctan",
    "atan2": "arctan2",
    "atanh": "arctanh",
    "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift",
    "bitwise_not": "invert",
    "bitwise_right_shift": "right_shift",
    "conj": "conjugate",
    "mod": "remainder",
    "pow": "power",
    "true_divide": "divide",
}
