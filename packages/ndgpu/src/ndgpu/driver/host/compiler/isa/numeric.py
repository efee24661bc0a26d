"""Pieces that the tables of floating-point instructions share: flushing, NaN, clamping, bits."""

from __future__ import annotations

from ..builder import Builder, Value
from .table import Mods

__all__ = [
    "bits_of",
    "canonical",
    "clamp01",
    "finish",
    "flush",
    "int_type",
    "is_nan",
    "literal",
    "not_",
    "operands",
    "sign_bit",
]

_INT = {"float": "i32", "double": "i64", "half": "i16", "bfloat": "i16"}
_SIGN = {"i16": 1 << 15, "i32": 1 << 31, "i64": 1 << 63}
_SMALLEST_NORMAL = {"float": 0x00800000, "double": 0x0010000000000000}
# What a GPU gives for any NaN that single precision arithmetic makes or passes on.
_CANONICAL = {"float": 0x7FFFFFFF}


def int_type(type: str) -> str:
    """The integer type as wide as a floating-point type."""
    return _INT[type]


def sign_bit(type: str) -> int:
    """The top bit of an integer type or of the integer that holds a floating-point type."""
    return _SIGN[_INT.get(type, type)]


def bits_of(b: Builder, x: Value) -> Value:
    """The bits of a floating-point value as an integer."""
    return b.bitcast(x, _INT[x.type])


def literal(x: Value) -> int | None:
    """The number that an integer constant spells, scalar or in every lane; None for others."""
    text = x.text[x.text.rindex(" ") + 1 : -1] if x.text.startswith("splat") else x.text
    return int(text) if text.lstrip("-").isdigit() else None


def not_(b: Builder, x: Value) -> Value:
    """All bits turned."""
    return b.binary("xor", x, b.const(x.type, 1 if x.type == "i1" else -1, x.wide))


def is_nan(b: Builder, x: Value) -> Value:
    return b.compare("fcmp uno", x, x)


def flush(b: Builder, x: Value) -> Value:
    """A subnormal number becomes a zero of its sign."""
    size = b.intrinsic("fabs", x.type, x)
    tiny = b.compare("fcmp olt", size, b.const(x.type, _SMALLEST_NORMAL[x.type], x.wide))
    kept = b.const(_INT[x.type], sign_bit(x.type), x.wide)
    zero = b.bitcast(b.binary("and", bits_of(b, x), kept), x.type)
    return b.select(tiny, zero, x)


def canonical(b: Builder, x: Value) -> Value:
    """A single-precision NaN becomes 0x7fffffff; double precision keeps its payload."""
    if x.type not in _CANONICAL:
        return x
    return b.select(is_nan(b, x), b.const(x.type, _CANONICAL[x.type], x.wide), x)


def clamp01(b: Builder, x: Value) -> Value:
    """`.sat`: into [0, 1], a NaN to +0."""
    zero, one = b.const(x.type, 0.0, x.wide), b.const(x.type, 1.0, x.wide)
    # In this order a comparison with NaN picks zero, and -0 becomes +0.
    positive = b.select(b.compare("fcmp ogt", x, zero), x, zero)
    return b.select(b.compare("fcmp olt", positive, one), positive, one)


def operands(b: Builder, m: Mods, *values: Value) -> tuple[Value, ...]:
    """The sources, flushed if the instruction has `.ftz`."""
    if not m.get("ftz"):
        return values
    return tuple(flush(b, v) for v in values)


def finish(b: Builder, m: Mods, x: Value) -> Value:
    """The result with the instruction's `.ftz`, `.sat` and NaN."""
    if m.get("ftz"):
        x = flush(b, x)
    if m.get("sat"):
        return clamp01(b, x)
    return x if m.get("any_nan") else canonical(b, x)
