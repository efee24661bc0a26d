"""Integer arithmetic.

Exact and two's complement, as the PTX manual has it.  Where the manual leaves a result open
(division by zero) the host gives what NVIDIA hardware gives, and never traps.
"""

from __future__ import annotations

from ..builder import Builder, Value
from . import longdiv
from .numeric import literal
from .table import Mods, Row

__all__ = ["ROWS"]

_TWICE = {"i8": "i16", "i16": "i32", "i32": "i64", "i64": "i128"}
_BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}


def _signed(m: Mods, key: str = "type") -> bool:
    return str(m[key]).startswith("s")


def _extend(b: Builder, x: Value, to: str, signed: bool) -> Value:
    return b.cast("sext" if signed else "zext", x, to)


def _simple(op: str):
    def emit(b: Builder, m: Mods, x: Value, y: Value) -> Value:
        if m.get("sat"):
            return b.intrinsic(f"s{op}.sat", x.type, x, y)
        return b.binary(op, x, y)

    return emit


def _packed(op: str):
    """Two 16-bit numbers in one register."""

    def emit(b: Builder, m: Mods, x: Value, y: Value) -> Value:
        kind = "s" if _signed(m) else "u"
        parts = []
        for shift in (0, 16):
            halves = [_half_word(b, v, shift) for v in (x, y)]
            if op in ("min", "max"):
                parts.append(b.intrinsic(f"{kind}{op}", "i16", *halves))
            else:
                parts.append(b.binary(op, *halves))
        low, high = (b.cast("zext", p, "i32") for p in parts)
        return b.binary("or", low, b.binary("shl", high, b.const("i32", 16, x.wide)))

    return emit


def _half_word(b: Builder, x: Value, shift: int) -> Value:
    if shift:
        x = b.binary("lshr", x, b.const("i32", shift, x.wide))
    return b.cast("trunc", x, "i16")


def _product(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    """The part of the product that `.lo`, `.hi` or `.wide` asks for."""
    if m["part"] == "lo":
        return b.binary("mul", x, y)
    twice, signed = _TWICE[x.type], _signed(m)
    full = b.binary("mul", _extend(b, x, twice, signed), _extend(b, y, twice, signed))
    if m["part"] == "wide":
        return full
    return b.cast("trunc", b.binary("lshr", full, b.const(twice, _BITS[x.type], x.wide)), x.type)


def _mad(b: Builder, m: Mods, x: Value, y: Value, z: Value) -> Value:
    product = _product(b, m, x, y)
    if m.get("sat"):
        return b.intrinsic("sadd.sat", product.type, product, z)
    return b.binary("add", product, z)


def _product24(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    """The low or the high 32 bits of the 48-bit product of two 24-bit numbers."""
    signed, eight = _signed(m), b.const("i32", 8, x.wide)
    shift = "ashr" if signed else "lshr"
    short = [b.binary(shift, b.binary("shl", v, eight), eight) for v in (x, y)]
    if m["part"] == "lo":
        return b.binary("mul", *short)
    full = b.binary("mul", *(_extend(b, v, "i64", signed) for v in short))
    return b.cast("trunc", b.binary("lshr", full, b.const("i64", 16, x.wide)), "i32")


def _mad24(b: Builder, m: Mods, x: Value, y: Value, z: Value) -> Value:
    product = _product24(b, m, x, y)
    if m.get("sat"):
        return b.intrinsic("sadd.sat", "i32", product, z)
    return b.binary("add", product, z)


def _sad(b: Builder, m: Mods, x: Value, y: Value, z: Value) -> Value:
    kind = "s" if _signed(m) else "u"
    more = b.intrinsic(f"{kind}max", x.type, x, y)
    less = b.intrinsic(f"{kind}min", x.type, x, y)
    return b.binary("add", b.binary("sub", more, less), z)


def _divide(b: Builder, m: Mods, x: Value, y: Value) -> tuple[Value, Value]:
    """Quotient and remainder; LLVM's instructions trap where these do not.

    A division by zero has all bits set for quotient and the dividend for remainder.  The one
    signed overflow wraps: its quotient is the dividend and its remainder 0.
    """
    if literal(y) not in (None, 0, -1):
        # LLVM multiplies by the constant's reciprocal.
        quotient = _quotient(b, _signed(m), x, y)
        return quotient, b.binary("sub", x, b.binary("mul", quotient, y))
    zero, one = b.const(x.type, 0, x.wide), b.const(x.type, 1, x.wide)
    ones = b.const(x.type, -1, x.wide)
    by_zero = b.compare("icmp eq", y, zero)
    bad = by_zero
    if _signed(m):
        lowest = b.const(x.type, -(1 << (_BITS[x.type] - 1)), x.wide)
        overflow = b.binary("and", b.compare("icmp eq", x, lowest), b.compare("icmp eq", y, ones))
        # With divisor 1 the overflow gives its dividend, as wrapping does.
        bad = b.binary("or", by_zero, overflow)
    divisor = b.select(bad, one, y)
    quotient = (_quotients if x.wide else _quotient)(b, _signed(m), x, divisor)
    remainder = b.binary("sub", x, b.binary("mul", quotient, divisor))
    return b.select(by_zero, ones, quotient), b.select(by_zero, x, remainder)


def _quotient(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    return b.binary("sdiv" if signed else "udiv", x, y)


def _quotients(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """Quotients of vectors, for which CPUs have no instruction, by floating-point division.

    For integers below 2**p divided with p bits or more, cutting the rounded quotient is exact:
    a quotient that is no integer is at least 1 / y below the next one, and rounding moves it by
    at most x / y * 2**-p, which is less.
    """
    if x.type == "i64":
        return longdiv.quotients(b, signed, x, y)
    real = "float" if x.type == "i16" else "double"
    sides = [b.cast("sitofp" if signed else "uitofp", v, real) for v in (x, y)]
    return b.cast("fptosi" if signed else "fptoui", b.binary("fdiv", *sides), x.type)


def _div(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    return _divide(b, m, x, y)[0]


def _rem(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    return _divide(b, m, x, y)[1]


def _abs(b: Builder, m: Mods, x: Value) -> Value:
    return b.intrinsic("abs", x.type, x, extra=", i1 false")


def _neg(b: Builder, m: Mods, x: Value) -> Value:
    return b.binary("sub", b.const(x.type, 0, x.wide), x)


def _extreme(op: str):
    def emit(b: Builder, m: Mods, x: Value, y: Value) -> Value:
        found = b.intrinsic(f"{'s' if _signed(m) else 'u'}{op}", x.type, x, y)
        if m.get("relu"):
            found = b.intrinsic("smax", x.type, found, b.const(x.type, 0, x.wide))
        return found

    return emit


def _add_carry(b: Builder, x: Value, y: Value, carry: Value | None) -> tuple[Value, Value]:
    """Sum and carry out."""
    total = b.binary("add", x, y)
    out = b.compare("icmp ult", total, x)
    if carry is None:
        return total, out
    more = b.binary("add", total, b.cast("zext", carry, x.type))
    return more, b.binary("or", out, b.compare("icmp ult", more, total))


def _add_cc(b: Builder, m: Mods, x: Value, y: Value, carry: Value | None = None):
    total, out = _add_carry(b, x, y, carry)
    return (total, out) if m.get("cc") else total


def _sub_cc(b: Builder, m: Mods, x: Value, y: Value, borrow: Value | None = None):
    """The carry flag holds the borrow."""
    rest = b.binary("sub", x, y)
    out = b.compare("icmp ult", x, y)
    if borrow is not None:
        wanted = b.cast("zext", borrow, x.type)
        out = b.binary("or", out, b.compare("icmp ult", rest, wanted))
        rest = b.binary("sub", rest, wanted)
    return (rest, out) if m.get("cc") else rest


def _mad_cc(b: Builder, m: Mods, x: Value, y: Value, z: Value, carry: Value | None = None):
    total, out = _add_carry(b, _product(b, m, x, y), z, carry)
    return (total, out) if m.get("cc") else total


def _dot(count: int):
    """`dp4a` and `dp2a`: bytes of the second source times bytes or halves of the first."""

    def emit(b: Builder, m: Mods, x: Value, y: Value, z: Value) -> Value:
        total = z
        for i in range(count):
            left = _field(b, x, i, 32 // count, _signed(m, "a"))
            byte = i + (2 if m.get("half") == "hi" else 0)
            right = _field(b, y, byte, 8, _signed(m, "b"))
            total = b.binary("add", total, b.binary("mul", left, right))
        return total

    return emit


def _field(b: Builder, x: Value, index: int, bits: int, signed: bool) -> Value:
    up = b.const("i32", 32 - bits * (index + 1), x.wide)
    down = b.const("i32", 32 - bits, x.wide)
    return b.binary("ashr" if signed else "lshr", b.binary("shl", x, up), down)


def _video_difference(lanes: int):
    """`vabsdiff2` and `vabsdiff4`: differences lane by lane, side by side or summed with `z`."""
    bits = 32 // lanes

    def emit(b: Builder, m: Mods, x: Value, y: Value, z: Value) -> Value:
        total = z if m["sum"] else b.const("i32", 0, x.wide)
        for i in range(lanes):
            left = _field(b, x, i, bits, _signed(m, "a"))
            right = _field(b, y, i, bits, _signed(m, "b"))
            size = b.intrinsic("abs", "i32", b.binary("sub", left, right), extra=", i1 false")
            if m["sum"]:
                total = b.binary("add", total, size)
            else:
                total = b.binary(
                    "or", total, b.binary("shl", size, b.const("i32", bits * i, x.wide))
                )
        return total

    return emit


_ALL = "{type:u16,s16,u32,s32,u64,s64}"
_CARRY = "{type:u32,s32,b32,u64,s64,b64}"

ROWS = (
    Row(f"add.{_ALL}", "type type", "type", _simple("add")),
    Row(f"sub.{_ALL}", "type type", "type", _simple("sub")),
    Row("add.sat.{type:s32}", "type type", "type", _simple("add")),
    Row("sub.sat.{type:s32}", "type type", "type", _simple("sub")),
    Row("add.{type:u16x2,s16x2}", "i32 i32", "i32", _packed("add")),
    Row("mul.{part:lo,hi}." + _ALL, "type type", "type", _product),
    Row("mul.{part:wide}.{type:u16,s16}", "type type", "i32", _product),
    Row("mul.{part:wide}.{type:u32,s32}", "type type", "i64", _product),
    Row("mad.{part:lo,hi}." + _ALL, "type type type", "type", _mad),
    Row("mad.{part:hi}.sat.{type:s32}", "type type type", "type", _mad),
    Row("mad.{part:wide}.{type:u16,s16}", "type type i32", "i32", _mad),
    Row("mad.{part:wide}.{type:u32,s32}", "type type i64", "i64", _mad),
    Row("mul24.{part:lo,hi}.{type:u32,s32}", "type type", "type", _product24),
    Row("mad24.{part:lo,hi}.{type:u32,s32}", "type type type", "type", _mad24),
    Row("mad24.{part:hi}.sat.{type:s32}", "type type type", "type", _mad24),
    Row(f"sad.{_ALL}", "type type type", "type", _sad),
    Row(f"div.{_ALL}", "type type", "type", _div),
    Row(f"rem.{_ALL}", "type type", "type", _rem),
    Row("abs.{type:s16,s32,s64}", "type", "type", _abs),
    Row("neg.{type:s16,s32,s64}", "type", "type", _neg),
    Row(f"min.{_ALL}", "type type", "type", _extreme("min")),
    Row(f"max.{_ALL}", "type type", "type", _extreme("max")),
    Row("min.relu.{type:s32}", "type type", "type", _extreme("min")),
    Row("max.relu.{type:s32}", "type type", "type", _extreme("max")),
    Row("min.{type:u16x2,s16x2}", "i32 i32", "i32", _packed("min")),
    Row("max.{type:u16x2,s16x2}", "i32 i32", "i32", _packed("max")),
    Row(f"add.cc.{_CARRY}", "type type", "type", _add_cc, writes_carry=True),
    Row(f"addc.cc.{_CARRY}", "type type", "type", _add_cc, True, True),
    Row(f"addc.{_CARRY}", "type type", "type", _add_cc, reads_carry=True),
    Row(f"sub.cc.{_CARRY}", "type type", "type", _sub_cc, writes_carry=True),
    Row(f"subc.cc.{_CARRY}", "type type", "type", _sub_cc, True, True),
    Row(f"subc.{_CARRY}", "type type", "type", _sub_cc, reads_carry=True),
    Row("mad.{part:lo,hi}.cc." + _CARRY, "type type type", "type", _mad_cc, writes_carry=True),
    Row("madc.{part:lo,hi}.cc." + _CARRY, "type type type", "type", _mad_cc, True, True),
    Row("madc.{part:lo,hi}." + _CARRY, "type type type", "type", _mad_cc, reads_carry=True),
    Row("dp4a.{a:u32,s32}.{b:u32,s32}", "i32 i32 i32", "i32", _dot(4)),
    *(
        Row(
            f"vabsdiff{lanes}.u32.{{a:u32,s32}}.{{b:u32,s32}}.{{sum:add}}?",
            "i32 i32 i32",
            "i32",
            _video_difference(lanes),
        )
        for lanes in (2, 4)
    ),
    Row("dp2a.{half:lo,hi}.{a:u32,s32}.{b:u32,s32}", "i32 i32 i32", "i32", _dot(2)),
)
