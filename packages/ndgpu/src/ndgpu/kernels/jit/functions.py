"""Mathematics in kernels written in Python: a table from names to CUDA C++.

The names are those of `math`, NumPy and ndgpu, whose function objects stand for them.
Guarantees: a row's code has ``x0``, ``x1`` for its arguments, already of the type that the row asks
for.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["TABLE", "Function"]


class Function(NamedTuple):
    """One function: how many operands, its C++, and what they are converted to.

    `takes` is ``"float"`` for floating-point or complex numbers, ``"number"`` for any; `gives` is
    ``"same"`` or ``"bool"``.
    """

    operands: int
    code: str
    takes: str = "float"
    gives: str = "same"


def _same(*names: str) -> dict[str, Function]:
    return {name: Function(1, f"{name}(x0)") for name in names}


TABLE: dict[str, Function] = {
    **_same(
        *("exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "rsqrt"),
        *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh"),
        *("asinh", "acosh", "atanh", "erf", "erfc", "lgamma", "fabs", "rint"),
    ),
    "arcsin": Function(1, "asin(x0)"),
    "arccos": Function(1, "acos(x0)"),
    "arctan": Function(1, "atan(x0)"),
    "arcsinh": Function(1, "asinh(x0)"),
    "arccosh": Function(1, "acosh(x0)"),
    "arctanh": Function(1, "atanh(x0)"),
    "gamma": Function(1, "tgamma(x0)"),
    "floor": Function(1, "floor(x0)"),
    "ceil": Function(1, "ceil(x0)"),
    "trunc": Function(1, "trunc(x0)"),
    "degrees": Function(1, "x0 * 57.29577951308232"),
    "rad2deg": Function(1, "x0 * 57.29577951308232"),
    "radians": Function(1, "x0 * 0.017453292519943295"),
    "deg2rad": Function(1, "x0 * 0.017453292519943295"),
    "atan2": Function(2, "atan2(x0, x1)"),
    "arctan2": Function(2, "atan2(x0, x1)"),
    "hypot": Function(2, "hypot(x0, x1)"),
    "copysign": Function(2, "copysign(x0, x1)"),
    "nextafter": Function(2, "nextafter(x0, x1)"),
    "ldexp": Function(2, "ldexp(x0, (int)x1)"),
    "logaddexp": Function(2, "ndgpu::logaddexp(x0, x1)"),
    "isnan": Function(1, "ndgpu::isnan_(x0)", "number", "bool"),
    "isinf": Function(1, "ndgpu::isinf_(x0)", "number", "bool"),
    "isfinite": Function(1, "ndgpu::isfinite_(x0)", "number", "bool"),
    "signbit": Function(1, "ndgpu::signbit_(x0)", "float", "bool"),
    "absolute": Function(1, "ndgpu::absolute(x0)", "number"),
    "abs": Function(1, "ndgpu::absolute(x0)", "number"),
    "negative": Function(1, "-x0", "number"),
    "sign": Function(1, "ndgpu::sign(x0)", "number"),
    "square": Function(1, "x0 * x0", "number"),
    "reciprocal": Function(1, "ndgpu::reciprocal(x0)", "number"),
    "add": Function(2, "x0 + x1", "number"),
    "subtract": Function(2, "x0 - x1", "number"),
    "multiply": Function(2, "x0 * x1", "number"),
    "divide": Function(2, "x0 / x1"),
    "true_divide": Function(2, "x0 / x1"),
    "floor_divide": Function(2, "ndgpu::floor_divide(x0, x1)", "number"),
    "remainder": Function(2, "ndgpu::remainder(x0, x1)", "number"),
    "fmod": Function(2, "ndgpu::fmod_(x0, x1)", "number"),
    "power": Function(2, "ndgpu::power(x0, x1)", "number"),
    "pow": Function(2, "ndgpu::power(x0, x1)", "number"),
    "maximum": Function(2, "ndgpu::maximum(x0, x1)", "number"),
    "minimum": Function(2, "ndgpu::minimum(x0, x1)", "number"),
    "fmax": Function(2, "ndgpu::fmax_(x0, x1)", "number"),
    "fmin": Function(2, "ndgpu::fmin_(x0, x1)", "number"),
    "gcd": Function(2, "ndgpu::gcd(x0, x1)", "number"),
}
