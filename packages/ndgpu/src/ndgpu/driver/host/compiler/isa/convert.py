"""`cvt`: between integers, between floats, and across, in every rounding.

- A float becomes the nearest integer in the direction given, saturated to the integer's range.
  NaN becomes 0; with an `.f64` source or a 64-bit destination it becomes the top bit alone.
- An integer becomes the float in the direction given, with one rounding.
- A float becomes a narrower one with one rounding, a NaN the destination's canonical one.
"""

from __future__ import annotations

from ..builder import Builder, Value
from .half import narrowed, relu, satfinite, widened
from .numeric import bits_of, canonical, clamp01, flush, is_nan, sign_bit
from .rounding import narrow, odd_single
from .table import LLVM_TYPES, Mods, Row

__all__ = ["ROWS"]

_HALVES = ("f16", "bf16")
_PRECISION = {"float": 24, "double": 53}
_WHOLE = {"rni": "roundeven", "rzi": "trunc", "rmi": "floor", "rpi": "ceil"}


def _bits(kind: str) -> int:
    return int(kind[1:])


def _range(kind: str) -> tuple[int, int]:
    bits = _bits(kind)
    if kind.startswith("s"):
        return -(1 << (bits - 1)), (1 << (bits - 1)) - 1
    return 0, (1 << bits) - 1


def _resized(b: Builder, x: Value, type: str, signed: bool) -> Value:
    if int(x.type[1:]) > int(type[1:]):
        return b.cast("trunc", x, type)
    return b.cast("sext" if signed else "zext", x, type)


def _register(b: Builder, kind: str, x: Value) -> Value:
    """A result of 8 or 16 bits, extended: the register may be wider than the type."""
    signed = kind.startswith("s")
    exact = _resized(b, x, f"i{_bits(kind)}", signed)
    return _resized(b, exact, "i32", signed) if _bits(kind) < 32 else exact


def _int_to_int(b: Builder, m: Mods, x: Value) -> Value:
    to, source = str(m["to"]), str(m["from"])
    if m["sat"]:
        x = _clamped(b, x, to, source)
    return _register(b, to, _resized(b, x, f"i{max(_bits(to), 32)}", source.startswith("s")))


def _clamped(b: Builder, x: Value, to: str, source: str) -> Value:
    """`x`, of integer kind `source`, brought into the range of kind `to`."""
    (low, high), (lowest, highest) = _range(to), _range(source)
    kind = source[0]
    if low > lowest:
        x = b.intrinsic(f"{kind}max", x.type, x, b.const(x.type, low, x.wide))
    if high < highest:
        x = b.intrinsic(f"{kind}min", x.type, x, b.const(x.type, high, x.wide))
    return x


# -- integer to float ------------------------------------------------------------------


def _int_to_float(b: Builder, m: Mods, x: Value) -> Value:
    to, source, direction = str(m["to"]), str(m["from"]), str(m["round"])
    signed = source.startswith("s")
    if to in _HALVES:
        found = _odd_float(b, x, signed)
        if m["sat"]:
            found = clamp01(b, found)
        return narrowed(b, to, found, direction)
    kind = LLVM_TYPES[to]
    if direction == "rn" or _bits(source) <= _PRECISION[kind]:
        found = b.cast("sitofp" if signed else "uitofp", x, kind)
    else:
        found = _directed_float(b, x, kind, signed, direction)
    return clamp01(b, found) if m["sat"] else found


def _cut(b: Builder, x: Value, keep: int, signed: bool) -> tuple[Value, Value, Value | None]:
    """Magnitude with its top `keep` bits only; whether more was cut off; whether negative."""
    bits = int(x.type[1:])
    negative = None
    if signed:
        negative = b.compare("icmp slt", x, b.const(x.type, 0, x.wide))
        x = b.intrinsic("abs", x.type, x, extra=", i1 false")
    zeros = b.intrinsic("ctlz", x.type, x, extra=", i1 false")
    # Shifts of zero bits for numbers that are short enough, and for 0.
    drop = b.binary("sub", b.const(x.type, bits - keep, x.wide), zeros)
    drop = b.intrinsic("smax", x.type, drop, b.const(x.type, 0, x.wide))
    kept = b.binary("shl", b.binary("lshr", x, drop), drop)
    return kept, b.compare("icmp ne", kept, x), negative


def _directed_float(b: Builder, x: Value, kind: str, signed: bool, direction: str) -> Value:
    kept, inexact, negative = _cut(b, x, _PRECISION[kind], signed)
    found = bits_of(b, b.cast("uitofp", kept, kind))
    if negative is not None:
        sign = b.const(found.type, sign_bit(kind), x.wide)
        found = b.select(negative, b.binary("or", found, sign), found)
    if direction != "rz":
        # `found` is towards zero; away from zero is one more.
        if negative is None:
            away = b.const("i1", direction == "rp", x.wide)
        else:
            flip = b.const("i1", direction == "rp", x.wide)
            away = b.binary("xor", negative, flip)
        more = b.binary("add", found, b.const(found.type, 1, x.wide))
        found = b.select(b.binary("and", inexact, away), more, found)
    return b.bitcast(found, kind)


def _odd_float(b: Builder, x: Value, signed: bool) -> Value:
    """An integer as a float rounded to odd, which a second rounding to half cannot notice."""
    if int(x.type[1:]) < 32:
        return b.cast("sitofp" if signed else "uitofp", x, "float")
    kept, inexact, negative = _cut(b, x, 24, signed)
    found = bits_of(b, b.cast("uitofp", kept, "float"))
    found = b.binary("or", found, b.cast("zext", inexact, "i32"))
    if negative is not None:
        sign = b.const("i32", sign_bit("i32"), x.wide)
        found = b.select(negative, b.binary("or", found, sign), found)
    return b.bitcast(found, "float")


# -- float to integer ------------------------------------------------------------------


def _float_to_int(b: Builder, m: Mods, x: Value) -> Value:
    to, source = str(m["to"]), str(m["from"])
    if source in _HALVES:
        x = widened(b, source, x)
    if m["ftz"]:
        x = flush(b, x)
    if m["round"] != "rzi":
        x = b.intrinsic(_WHOLE[str(m["round"])], x.type, x)
    type = f"i{max(_bits(to), 32)}"
    found = _saturated(b, x, type, *_range(to))
    if source == "f64" or _bits(to) == 64:
        # A negative number's bits where the type is signed: the register is extended by it.
        top = b.const(type, -1 << (_bits(to) - 1), x.wide)
    else:
        top = b.const(type, 0, x.wide)
    return _register(b, to, b.select(is_nan(b, x), top, found))


def _saturated(b: Builder, x: Value, type: str, low: int, high: int) -> Value:
    """A whole number brought into the range and made an integer.

    `llvm.fptosi.sat` says the same, but takes vectors apart on x86.  The range's ends are brought
    into `x`'s precision first, the upper one downwards; what lies above that becomes `high`.
    """
    least = b.const(x.type, float(low), x.wide)
    most = float(high)
    reaches = high.bit_length() <= _PRECISION[x.type]
    if not reaches:
        # The integer range ends one below a power of two, which is a float.
        most = high + 1 - (high + 1 >> _PRECISION[x.type])
    top = b.const(x.type, float(most), x.wide)
    inside = b.select(b.compare("fcmp ogt", x, least), x, least)
    inside = b.select(b.compare("fcmp olt", inside, top), inside, top)
    found = b.cast("fptosi" if low < 0 or high < 1 << 31 else "fptoui", inside, type)
    if reaches:
        return found
    above = b.compare("fcmp oge", x, b.const(x.type, float(high + 1), x.wide))
    return b.select(above, b.const(type, high, x.wide), found)


# -- float to float --------------------------------------------------------------------


def _float_to_float(b: Builder, m: Mods, x: Value) -> Value:
    to, source, direction = str(m["to"]), str(m["from"]), str(m["round"] or "rn")
    if source in _HALVES:
        x = widened(b, source, x)
    elif source == "f32" and m["ftz"]:
        x = flush(b, x)
    if direction in _WHOLE:
        x = b.intrinsic(_WHOLE[direction], x.type, x)
        direction = "rn"
    if to in _HALVES:
        if x.type == "double":
            x = odd_single(b, x)
        if m["sat"]:
            x = clamp01(b, x)
        return narrowed(b, to, x, direction)
    if to == "f32" and x.type == "double":
        x = narrow(b, x, direction)
        if m["ftz"]:
            x = flush(b, x)
    elif to == "f64":
        x = b.cast("fpext", x, "double")
    if m["sat"]:
        return clamp01(b, x)
    return x if m.get("any_nan") else canonical(b, x)


def _to_half(b: Builder, m: Mods, x: Value) -> Value:
    """`cvt` of a float to a half with `.relu` or `.satfinite`."""
    kind = str(m["to"]).removesuffix("x2")
    found = narrowed(b, kind, x, str(m["round"]))
    if m["satfinite"]:
        found = satfinite(b, kind, found)
    return relu(b, kind, found) if m["relu"] else found


def _to_packed(b: Builder, m: Mods, high: Value, low: Value) -> Value:
    """Two floats to two halves in a register, the first source in the upper one."""
    top, bottom = (b.cast("zext", _to_half(b, m, v), "i32") for v in (high, low))
    return b.binary("or", b.binary("shl", top, b.const("i32", 16, top.wide)), bottom)


def _to_tf32(b: Builder, m: Mods, x: Value) -> Value:
    """A float rounded to 10 bits after the point, ties away from zero (`rna`)."""
    bits = bits_of(b, x)
    mask = b.const("i32", 0xFFFFE000, x.wide)
    if m["round"] == "rna":
        bits = b.binary("add", bits, b.const("i32", 0x1000, x.wide))
    elif m["round"] == "rn":
        odd = b.binary("lshr", bits, b.const("i32", 13, x.wide))
        odd = b.binary("and", odd, b.const("i32", 1, x.wide))
        up = b.binary("add", bits, b.const("i32", 0xFFF, x.wide))
        bits = b.binary("add", up, odd)
    found = b.binary("and", bits, mask)
    if m["satfinite"]:
        sign = b.binary("and", found, b.const("i32", sign_bit("i32"), x.wide))
        size = b.binary("and", found, b.const("i32", 0x7FFFFFFF, x.wide))
        most = b.intrinsic("umin", "i32", size, b.const("i32", 0x7F7FE000, x.wide))
        found = b.binary("or", sign, most)
    if m["relu"]:
        found = b.intrinsic("smax", "i32", found, b.const("i32", 0, x.wide))
    return b.select(is_nan(b, x), b.const("i32", 0x7FFFFFFF, x.wide), found)


def _pack_sat(b: Builder, m: Mods, x: Value, y: Value, rest: Value | None = None) -> Value:
    """`cvt.pack`: two saturated integers side by side, above them the low part of a third."""
    to = str(m["to"])
    bits = _bits(to)
    mask = b.const("i32", (1 << bits) - 1, x.wide)
    parts = [b.binary("and", _clamped(b, v, to, str(m["from"])), mask) for v in (x, y)]
    found = b.binary("or", b.binary("shl", parts[0], b.const("i32", bits, x.wide)), parts[1])
    if rest is None:
        return found
    above = b.binary("shl", rest, b.const("i32", 2 * bits, x.wide))
    return b.binary("or", found, above)


_SHORT = "{to:u8,s8,u16,s16}"
_LONG = "{to:u32,s32,u64,s64}"
_INTS = "{from:u8,s8,u16,s16,u32,s32,u64,s64}"
_FLOATS = "{from:f16,bf16,f32,f64}"
_ROUND = "{round:rn,rz,rm,rp}"
_TO_INT = "cvt.{round:rni,rzi,rmi,rpi}.ftz?.sat?"

ROWS = (
    Row(f"cvt.sat?.{_SHORT}.{_INTS}", "from", "i32", _int_to_int),
    Row(f"cvt.sat?.{_LONG}.{_INTS}", "from", "to", _int_to_int),
    Row(f"cvt.{_ROUND}.ftz?.sat?.{{to:f16,bf16,f32,f64}}.{_INTS}", "from", "to", _int_to_float),
    Row(f"{_TO_INT}.{_SHORT}.{_FLOATS}", "from", "i32", _float_to_int, arithmetic=True),
    Row(f"{_TO_INT}.{_LONG}.{_FLOATS}", "from", "to", _float_to_int, arithmetic=True),
    Row(
        "cvt.{round:rn,rz,rm,rp,rni,rzi,rmi,rpi}?.ftz?.sat?.{to:f16,bf16,f32}." + _FLOATS,
        "from",
        "to",
        _float_to_float,
        arithmetic=True,
    ),
    Row(
        f"cvt.{{round:rn,rz,rm,rp,rni,rzi,rmi,rpi}}?.ftz?.sat?.{{to:f64}}.{_FLOATS}",
        "from",
        "to",
        _float_to_float,
    ),
    Row(
        "cvt.{round:rn,rz}.relu?.satfinite?.{to:f16,bf16}.f32",
        "float",
        "i16",
        _to_half,
        arithmetic=True,
    ),
    Row(
        "cvt.{round:rn,rz}.relu?.satfinite?.{to:f16x2,bf16x2}.f32",
        "float float",
        "i32",
        _to_packed,
        arithmetic=True,
    ),
    Row(
        "cvt.{round:rna,rn,rz}.satfinite?.relu?.tf32.f32",
        "float",
        "i32",
        _to_tf32,
        arithmetic=True,
    ),
    Row("cvt.pack.sat.{to:u16,s16}.{from:s32,u32}", "i32 i32", "i32", _pack_sat),
    Row("cvt.pack.sat.{to:u8,s8}.{from:s32,u32}.b32", "i32 i32 i32", "i32", _pack_sat),
)
