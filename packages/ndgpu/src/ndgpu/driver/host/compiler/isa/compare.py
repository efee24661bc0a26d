"""Comparisons: `set` and `setp` of every type, combined with a predicate where asked."""

from __future__ import annotations

from ..builder import Builder, Value
from .half import widened
from .numeric import flush, not_
from .table import LLVM_TYPES, Mods, Row

__all__ = ["ROWS", "relation"]

_SIGNED = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
_UNSIGNED = {
    "eq": "eq",
    "ne": "ne",
    "lt": "ult",
    "le": "ule",
    "gt": "ugt",
    "ge": "uge",
    "lo": "ult",
    "ls": "ule",
    "hi": "ugt",
    "hs": "uge",
}
_FLOAT = {
    "eq": "oeq",
    "ne": "one",
    "lt": "olt",
    "le": "ole",
    "gt": "ogt",
    "ge": "oge",
    "equ": "ueq",
    "neu": "une",
    "ltu": "ult",
    "leu": "ule",
    "gtu": "ugt",
    "geu": "uge",
    "num": "ord",
    "nan": "uno",
}


def relation(b: Builder, m: Mods, x: Value, y: Value) -> Value:
    """The comparison `m["cmp"]` of two operands of PTX type `m["type"]`."""
    kind = str(m["type"])
    if "f" in kind:
        if kind in ("f16", "bf16"):
            x, y = widened(b, kind, x), widened(b, kind, y)
        elif m.get("ftz"):
            x, y = flush(b, x), flush(b, y)
        return b.compare(f"fcmp {_FLOAT[str(m['cmp'])]}", x, y)
    table = _SIGNED if kind.startswith("s") else _UNSIGNED
    return b.compare(f"icmp {table[str(m['cmp'])]}", x, y)


def _combined(b: Builder, m: Mods, found: Value, other: tuple[Value, ...]) -> Value:
    return b.binary(str(m["bool"]), found, other[0]) if m.get("bool") else found


def _setp(b: Builder, m: Mods, x: Value, y: Value, *other: Value) -> tuple[Value, Value]:
    """Both destinations `p|q`: the comparison and its opposite, each combined."""
    found = relation(b, m, x, y)
    return _combined(b, m, found, other), _combined(b, m, not_(b, found), other)


def _set(b: Builder, m: Mods, x: Value, y: Value, *other: Value) -> Value:
    """All ones or zero; 1.0 or 0.0 for a float destination."""
    found = _combined(b, m, relation(b, m, x, y), other)
    to = str(m["to"])
    kind = LLVM_TYPES[to]
    if to in ("f16", "bf16"):
        one = b.const("i16", 0x3C00 if to == "f16" else 0x3F80, found.wide)
        return b.select(found, one, b.const("i16", 0, found.wide))
    if kind == "float":
        return b.select(found, b.const(kind, 1.0, found.wide), b.const(kind, 0.0, found.wide))
    return b.cast("sext", found, kind)


def _packed(b: Builder, m: Mods, x: Value, y: Value) -> tuple[Value, ...]:
    """The comparison of the low halves and that of the high halves."""
    element = {**m, "type": str(m["type"])[:-2]}
    found = []
    for shift in (0, 16):
        sides = []
        for v in (x, y):
            moved = b.binary("lshr", v, b.const("i32", shift, v.wide)) if shift else v
            sides.append(b.cast("trunc", moved, "i16"))
        found.append(relation(b, element, *sides))
    return tuple(found)


def _setp_packed(b: Builder, m: Mods, x: Value, y: Value, *other: Value) -> tuple[Value, ...]:
    """Destination p is the low halves', q the high halves'."""
    return tuple(_combined(b, m, found, other) for found in _packed(b, m, x, y))


def _set_packed(b: Builder, m: Mods, x: Value, y: Value, *other: Value) -> Value:
    low, high = (_combined(b, m, found, other) for found in _packed(b, m, x, y))
    to = str(m["to"])
    if to in ("f16x2", "bf16x2"):
        one = 0x3C00 if to == "f16x2" else 0x3F80
        ones = [b.const("i32", one << shift, low.wide) for shift in (0, 16)]
    else:
        ones = [b.const("i32", 0xFFFF << shift, low.wide) for shift in (0, 16)]
    zero = b.const("i32", 0, low.wide)
    return b.binary("or", b.select(low, ones[0], zero), b.select(high, ones[1], zero))


_EQUAL = "{cmp:eq,ne}"
_ORDER = "{cmp:eq,ne,lt,le,gt,ge}"
_ORDER_U = "{cmp:eq,ne,lt,le,gt,ge,lo,ls,hi,hs}"
_ORDER_F = "{cmp:eq,ne,lt,le,gt,ge,equ,neu,ltu,leu,gtu,geu,num,nan}"
_BOOL = "{bool:and,or,xor}"

# Comparisons and the types that they take.
_KINDS = (
    (_EQUAL, "", "{type:b16,b32,b64}"),
    (_ORDER, "", "{type:s16,s32,s64}"),
    (_ORDER_U, "", "{type:u16,u32,u64}"),
    (_ORDER_F, ".ftz?", "{type:f32}"),
    (_ORDER_F, "", "{type:f64}"),
    (_ORDER_F, ".ftz?", "{type:f16}"),
    (_ORDER_F, "", "{type:bf16}"),
)
_PACKED_KINDS = ((_ORDER_F, ".ftz?", "{type:f16x2}"), (_ORDER_F, "", "{type:bf16x2}"))


def _rows(kinds, setp, set_, results: str, targets: str) -> list[Row]:
    rows = []
    for cmp, ftz, type in kinds:
        float_ = "f" in type
        for bool_, more in (("", ""), (f".{_BOOL}", " i1")):
            rows.append(
                Row(
                    f"setp.{cmp}{bool_}{ftz}.{type}",
                    f"type type{more}",
                    results,
                    setp,
                    arithmetic=float_,
                )
            )
            rows.append(
                Row(
                    f"set.{cmp}{bool_}{ftz}.{{to:{targets}}}.{type}",
                    f"type type{more}",
                    "to",
                    set_,
                    arithmetic=float_,
                )
            )
    return rows


ROWS = (
    *_rows(_KINDS, _setp, _set, "i1 i1", "u32,s32,f32,u16,s16,f16,bf16"),
    *_rows(_PACKED_KINDS, _setp_packed, _set_packed, "i1 i1", "f16x2,bf16x2,u32,s32"),
)
