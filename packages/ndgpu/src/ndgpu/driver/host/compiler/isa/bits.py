"""Logic, shifts and bit fields: exact, on integers of 16, 32 and 64 bits and on predicates.

A shift by the width or more gives 0, or the sign in every bit for a signed shift right.
"""

from __future__ import annotations

from ..builder import Builder, Value
from ..errors import PtxError
from .numeric import literal, not_
from .table import Mods, Row

__all__ = ["ROWS"]

_BITS = {"i8": 8, "i16": 16, "i32": 32, "i64": 64}


def _logic(op: str):
    def emit(b: Builder, m: Mods, x: Value, y: Value) -> Value:
        return b.binary(op, x, y)

    return emit


def _not(b: Builder, m: Mods, x: Value) -> Value:
    return not_(b, x)


def _cnot(b: Builder, m: Mods, x: Value) -> Value:
    return b.cast("zext", b.compare("icmp eq", x, b.const(x.type, 0, x.wide)), x.type)


def _amount(b: Builder, x: Value, count: Value) -> tuple[Value, Value]:
    """The 32-bit shift amount as `x`'s type, and whether it is in range."""
    fits = b.compare("icmp ult", count, b.const("i32", _BITS[x.type], count.wide))
    inside = b.binary("and", count, b.const("i32", _BITS[x.type] - 1, count.wide))
    return b.cast("zext" if x.type == "i64" else "trunc", inside, x.type), fits


def _shl(b: Builder, m: Mods, x: Value, count: Value) -> Value:
    amount, fits = _amount(b, x, count)
    return b.select(fits, b.binary("shl", x, amount), b.const(x.type, 0, x.wide))


def _shr(b: Builder, m: Mods, x: Value, count: Value) -> Value:
    if str(m["type"]).startswith("s"):
        most = b.const("i32", _BITS[x.type] - 1, x.wide)
        count = b.intrinsic("umin", "i32", count, most)
        return b.binary("ashr", x, _amount(b, x, count)[0])
    amount, fits = _amount(b, x, count)
    return b.select(fits, b.binary("lshr", x, amount), b.const(x.type, 0, x.wide))


def _shf(b: Builder, m: Mods, low: Value, high: Value, count: Value) -> Value:
    """Funnel shift of the 64 bits {high, low}, its upper or its lower half."""
    if m["mode"] == "wrap":
        # LLVM's funnel shifts take the amount modulo the width.
        name = "fshl" if m["side"] == "l" else "fshr"
        return b.intrinsic(name, "i32", high, low, count)
    most = b.intrinsic("umin", "i32", count, b.const("i32", 32, count.wide))
    both = b.binary(
        "or",
        b.binary("shl", b.cast("zext", high, "i64"), b.const("i64", 32, high.wide)),
        b.cast("zext", low, "i64"),
    )
    amount = b.cast("zext", most, "i64")
    if m["side"] == "r":
        return b.cast("trunc", b.binary("lshr", both, amount), "i32")
    moved = b.binary("shl", both, amount)
    return b.cast("trunc", b.binary("lshr", moved, b.const("i64", 32, high.wide)), "i32")


def _lop3(b: Builder, m: Mods, x: Value, y: Value, z: Value, table: Value) -> Value:
    """Any function of three bits; its truth table is an immediate."""
    number = literal(table)
    if number is None:
        raise PtxError("lop3.b32 needs a constant for its truth table", opcode="lop3.b32")
    return lop3(b, x, y, z, number & 0xFF)


def _lop3_test(
    b: Builder, m: Mods, x: Value, y: Value, z: Value, table: Value, p: Value
) -> tuple[Value, Value]:
    """The same, and whether any bit of it is set, combined with a predicate."""
    result = _lop3(b, m, x, y, z, table)
    some = b.compare("icmp ne", result, b.const("i32", 0, result.wide))
    return result, b.binary(str(m["bool"]), some, p)


def lop3(b: Builder, x: Value, y: Value, z: Value, table: int) -> Value:
    """Shannon's expansion over `x`, then `y`; LLVM finds the ternary logic instruction."""
    nx = not_(b, x)
    result = b.const(x.type, 0, x.wide)
    for left, rows in ((nx, table & 15), (x, table >> 4)):
        if rows:
            result = b.binary("or", result, b.binary("and", left, _lop2(b, y, z, rows)))
    return result


def _lop2(b: Builder, y: Value, z: Value, rows: int) -> Value:
    """The function of `y` and `z` whose truth table is the four bits of `rows`."""
    if rows == 15:
        return b.const(y.type, -1, y.wide)
    result = b.const(y.type, 0, y.wide)
    for bit, (flip_y, flip_z) in enumerate(((1, 1), (1, 0), (0, 1), (0, 0))):
        if rows >> bit & 1:
            left = not_(b, y) if flip_y else y
            right = not_(b, z) if flip_z else z
            result = b.binary("or", result, b.binary("and", left, right))
    return result


def _popc(b: Builder, m: Mods, x: Value) -> Value:
    return _to32(b, b.intrinsic("ctpop", x.type, x))


def _clz(b: Builder, m: Mods, x: Value) -> Value:
    return _to32(b, b.intrinsic("ctlz", x.type, x, extra=", i1 false"))


def _to32(b: Builder, x: Value) -> Value:
    return b.cast("trunc", x, "i32")


def _bfind(b: Builder, m: Mods, x: Value) -> Value:
    """Place of the highest bit that tells the number's size, or all ones without one."""
    last = _BITS[x.type] - 1
    if str(m["type"]).startswith("s"):
        sign = b.binary("ashr", x, b.const(x.type, last, x.wide))
        x = b.binary("xor", x, sign)
    zeros = _to32(b, b.intrinsic("ctlz", x.type, x, extra=", i1 false"))
    found = zeros
    if not m["shiftamt"]:
        found = b.binary("sub", b.const("i32", last, x.wide), zeros)
    none = b.compare("icmp eq", x, b.const(x.type, 0, x.wide))
    return b.select(none, b.const("i32", -1, x.wide), found)


def _brev(b: Builder, m: Mods, x: Value) -> Value:
    return b.intrinsic("bitreverse", x.type, x)


def _bfe(b: Builder, m: Mods, x: Value, position: Value, length: Value) -> Value:
    """A field of `length` bits from `position`, filled up with zeros or with its sign."""
    bits = _BITS[x.type]
    start, count = _byte(b, position), _byte(b, length)
    if str(m["type"]).startswith("u"):
        return b.binary("and", _down(b, x, start, False), _mask(b, x.type, count))
    # The sign is the field's top bit, or the number's where the field reaches beyond it.
    # Shifting right by position fills with the number's sign; then the field's top bit is spread.
    shifted = _down(b, x, start, True)
    gap = b.binary(
        "sub",
        b.const("i32", bits, x.wide),
        b.intrinsic("umin", "i32", count, b.const("i32", bits, x.wide)),
    )
    inside = b.binary("and", gap, b.const("i32", bits - 1, x.wide))
    amount = b.cast("zext", inside, x.type)
    spread = b.binary("ashr", b.binary("shl", shifted, amount), amount)
    none = b.compare("icmp eq", count, b.const("i32", 0, x.wide))
    return b.select(none, b.const(x.type, 0, x.wide), spread)


def _bfi(b: Builder, m: Mods, field: Value, base: Value, position: Value, length: Value) -> Value:
    start, count = _byte(b, position), _byte(b, length)
    mask = _up(b, _mask(b, field.type, count), start)
    kept = b.binary("and", base, not_(b, mask))
    return b.binary("or", kept, b.binary("and", _up(b, field, start), mask))


def _byte(b: Builder, x: Value) -> Value:
    return b.binary("and", x, b.const("i32", 255, x.wide))


def _up(b: Builder, x: Value, count: Value) -> Value:
    return _shl(b, {}, x, count)


def _down(b: Builder, x: Value, count: Value, signed: bool) -> Value:
    return _shr(b, {"type": "s" if signed else "u"}, x, count)


def _mask(b: Builder, type: str, count: Value) -> Value:
    """The lowest `count` bits."""
    ones = b.const(type, -1, count.wide)
    return not_(b, _up(b, ones, count))


def _bmsk(b: Builder, m: Mods, position: Value, length: Value) -> Value:
    if m["mode"] == "wrap":
        low = b.const("i32", 31, position.wide)
        position, length = b.binary("and", position, low), b.binary("and", length, low)
    return _up(b, _mask(b, "i32", length), position)


def _szext(b: Builder, m: Mods, x: Value, position: Value) -> Value:
    """Keep the low `position` bits, and fill up with zeros or with the top one of them."""
    if m["mode"] == "wrap":
        position = b.binary("and", position, b.const("i32", 31, x.wide))
    if str(m["type"]).startswith("u"):
        return b.binary("and", x, _mask(b, "i32", position))
    kept = b.intrinsic("umin", "i32", position, b.const("i32", 32, x.wide))
    gap = b.binary("sub", b.const("i32", 32, x.wide), kept)
    gap = b.binary("and", gap, b.const("i32", 31, x.wide))
    spread = b.binary("ashr", b.binary("shl", x, gap), gap)
    none = b.compare("icmp eq", position, b.const("i32", 0, x.wide))
    return b.select(none, b.const("i32", 0, x.wide), spread)


def _fns(b: Builder, m: Mods, mask: Value, base: Value, offset: Value) -> Value:
    """Place of the n-th set bit from `base` upwards (n > 0) or downwards (n < 0).

    With n = 0, `base` itself if its bit is set; all ones if there is no such bit.
    """
    zero, one = b.const("i32", 0, mask.wide), b.const("i32", 1, mask.wide)
    up = b.compare("icmp sge", offset, zero)
    base = b.binary("and", base, b.const("i32", 31, mask.wide))
    # Downwards is upwards in the mirrored word.
    word = b.select(up, mask, b.intrinsic("bitreverse", "i32", mask))
    start = b.select(up, base, b.binary("sub", b.const("i32", 31, mask.wide), base))
    exactly = b.compare("icmp eq", offset, zero)
    at_base = b.binary("shl", one, start)
    above = b.binary("and", word, b.binary("shl", b.const("i32", -1, mask.wide), start))
    word = b.select(exactly, b.binary("and", word, at_base), above)
    count = b.intrinsic("abs", "i32", offset, extra=", i1 false")
    count = b.intrinsic("umax", "i32", count, one)
    for i in range(31):
        # Drop the lowest set bit while more are to be passed over.
        passes = b.compare("icmp ugt", count, b.const("i32", i + 1, mask.wide))
        dropped = b.binary("and", word, b.binary("sub", word, one))
        word = b.select(passes, dropped, word)
    many = b.compare("icmp ugt", count, b.const("i32", 32, mask.wide))
    found = b.intrinsic("cttz", "i32", word, extra=", i1 false")
    place = b.select(up, found, b.binary("sub", b.const("i32", 31, mask.wide), found))
    none = b.binary("or", many, b.compare("icmp eq", word, zero))
    return b.select(none, b.const("i32", -1, mask.wide), place)


_B = "{type:b16,b32,b64}"
_P = "{type:pred,b16,b32,b64}"
_U = "{type:u32,s32,u64,s64}"
_32_64 = "{type:b32,b64}"

ROWS = (
    Row(f"and.{_P}", "type type", "type", _logic("and")),
    Row(f"or.{_P}", "type type", "type", _logic("or")),
    Row(f"xor.{_P}", "type type", "type", _logic("xor")),
    Row(f"not.{_P}", "type", "type", _not),
    Row(f"cnot.{_B}", "type", "type", _cnot),
    Row(f"shl.{_B}", "type i32", "type", _shl),
    Row("shr.{type:b16,b32,b64,u16,u32,u64,s16,s32,s64}", "type i32", "type", _shr),
    Row("shf.{side:l,r}.{mode:clamp,wrap}.b32", "i32 i32 i32", "i32", _shf),
    Row("lop3.b32", "i32 i32 i32 i32", "i32", _lop3),
    Row("lop3.{bool:or,and}.b32", "i32 i32 i32 i32 i1", "i32 i1", _lop3_test),
    Row(f"popc.{_32_64}", "type", "i32", _popc),
    Row(f"clz.{_32_64}", "type", "i32", _clz),
    Row(f"bfind.shiftamt?.{_U}", "type", "i32", _bfind),
    Row(f"brev.{_32_64}", "type", "type", _brev),
    Row(f"bfe.{_U}", "type i32 i32", "type", _bfe),
    Row(f"bfi.{_32_64}", "type type i32 i32", "type", _bfi),
    Row("bmsk.{mode:clamp,wrap}.b32", "i32 i32", "i32", _bmsk),
    Row("szext.{mode:clamp,wrap}.{type:u32,s32}", "i32 i32", "i32", _szext),
    Row("fns.b32", "i32 i32 i32", "i32", _fns),
)
