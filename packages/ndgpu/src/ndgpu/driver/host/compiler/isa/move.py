"""Moves, selections, byte permutations, and taking registers apart and together."""

from __future__ import annotations

from ..builder import Builder, Value
from .table import Mods, Row

__all__ = ["ROWS"]


def _mov(b: Builder, m: Mods, x: Value) -> Value:
    return x


def _pack(b: Builder, m: Mods, *parts: Value) -> Value:
    """Elements into one number, the first in the lowest bits."""
    whole = f"i{str(m['type'])[1:]}"
    step = int(parts[0].type[1:])
    result = b.cast("zext", parts[0], whole)
    for i, part in enumerate(parts[1:], start=1):
        high = b.cast("zext", part, whole)
        moved = b.binary("shl", high, b.const(whole, step * i, high.wide))
        result = b.binary("or", result, moved)
    return result


def _unpack(b: Builder, m: Mods, x: Value) -> tuple[Value, ...]:
    count = int(str(m["count"]))
    bits = int(x.type[1:]) // count
    parts = []
    for i in range(count):
        moved = b.binary("lshr", x, b.const(x.type, bits * i, x.wide)) if i else x
        parts.append(b.cast("trunc", moved, f"i{bits}"))
    return tuple(parts)


def _selp(b: Builder, m: Mods, x: Value, y: Value, condition: Value) -> Value:
    return b.select(condition, x, y)


def _slct(b: Builder, m: Mods, x: Value, y: Value, by: Value) -> Value:
    """The first source where the third is not negative (-0 counts as +0), else the second."""
    if by.type == "float":
        condition = b.compare("fcmp oge", by, b.const("float", 0.0, by.wide))
    else:
        condition = b.compare("icmp sge", by, b.const(by.type, 0, by.wide))
    return b.select(condition, x, y)


def _prmt(b: Builder, m: Mods, x: Value, y: Value, selector: Value) -> Value:
    """Four bytes chosen by four nibbles from the eight of {y, x}; bit 3 spreads the byte's sign."""
    wide = selector.wide
    both = b.binary(
        "or",
        b.binary("shl", b.cast("zext", y, "i64"), b.const("i64", 32, wide)),
        b.cast("zext", x, "i64"),
    )
    result = b.const("i32", 0, wide)
    for i in range(4):
        nibble = b.binary("lshr", selector, b.const("i32", 4 * i, wide))
        nibble = b.binary("and", nibble, b.const("i32", 15, wide))
        byte = _byte(b, both, nibble)
        negative = b.binary("ashr", byte, b.const("i32", 31, wide))
        spread = b.compare("icmp ugt", nibble, b.const("i32", 7, wide))
        plain = b.binary("lshr", byte, b.const("i32", 24, wide))
        filled = b.binary("lshr", negative, b.const("i32", 24, wide))
        chosen = b.select(spread, filled, plain)
        result = b.binary("or", result, b.binary("shl", chosen, b.const("i32", 8 * i, wide)))
    return result


def _byte(b: Builder, both: Value, index: Value) -> Value:
    """Byte `index` modulo 8 of the 64-bit number, as the top byte of 32 bits."""
    place = b.binary("and", index, b.const("i32", 7, index.wide))
    shift = b.cast("zext", b.binary("shl", place, b.const("i32", 3, index.wide)), "i64")
    low = b.cast("trunc", b.binary("lshr", both, shift), "i32")
    return b.binary("shl", low, b.const("i32", 24, index.wide))


# For each named mode, the byte that each place of the result takes for selector 0 to 3.
_PRMT_MODES = {
    "f4e": ((0, 1, 2, 3), (1, 2, 3, 4), (2, 3, 4, 5), (3, 4, 5, 6)),
    "b4e": ((0, 7, 6, 5), (1, 0, 7, 6), (2, 1, 0, 7), (3, 2, 1, 0)),
    "rc8": ((0, 0, 0, 0), (1, 1, 1, 1), (2, 2, 2, 2), (3, 3, 3, 3)),
    "ecl": ((0, 1, 2, 3), (1, 1, 2, 3), (2, 2, 2, 3), (3, 3, 3, 3)),
    "ecr": ((0, 0, 0, 0), (0, 1, 1, 1), (0, 1, 2, 2), (0, 1, 2, 3)),
    "rc16": ((0, 1, 0, 1), (2, 3, 2, 3), (0, 1, 0, 1), (2, 3, 2, 3)),
}


def _prmt_mode(b: Builder, m: Mods, x: Value, y: Value, selector: Value) -> Value:
    """The selector's two low bits choose a row of the mode's table."""
    low = b.binary("and", selector, b.const("i32", 3, selector.wide))
    nibbles = b.const("i32", 0, selector.wide)
    for number, places in enumerate(_PRMT_MODES[str(m["mode"])]):
        code = sum(place << 4 * i for i, place in enumerate(places))
        here = b.compare("icmp eq", low, b.const("i32", number, selector.wide))
        nibbles = b.select(here, b.const("i32", code, selector.wide), nibbles)
    return _prmt(b, m, x, y, nibbles)


_ANY = "b16,b32,b64,u16,u32,u64,s16,s32,s64,f32,f64"

ROWS = (
    Row(f"mov.{{type:pred,b128,{_ANY}}}", "type", "type", _mov),
    Row("mov_pack.{type:b16,b32,b64,b128}", "*", "type", _pack),
    Row("mov_unpack.{type:b16,b32,b64,b128}", "type", "*", _unpack),
    Row(f"selp.{{type:{_ANY}}}", "type type i1", "type", _selp),
    Row(f"slct.{{type:{_ANY}}}.{{by:s32}}", "type type i32", "type", _slct),
    Row(f"slct.ftz?.{{type:{_ANY}}}.{{by:f32}}", "type type float", "type", _slct),
    Row("prmt.b32", "i32 i32 i32", "i32", _prmt),
    Row("prmt.b32.{mode:" + ",".join(_PRMT_MODES) + "}", "i32 i32 i32", "i32", _prmt_mode),
)
