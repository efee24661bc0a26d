"""Division of vectors of 64-bit integers.

CPUs divide such integers one at a time.  Mostly they are small: indices and sizes.  The helper, a
function of the module, looks once whether all numbers of a vector are below 2**52, and then
divides them as doubles, which is exact (see `integer`); else one at a time.
"""

from __future__ import annotations

from ..builder import Builder, Value

__all__ = ["quotients"]

_BITS = 52
# The exponent of 2**52, whose double has the integer in its low bits.
_MAGIC = 0x433 << _BITS


def quotients(b: Builder, signed: bool, x: Value, y: Value) -> Value:
    """x / y, lane by lane, cut towards zero; no divisor is zero."""
    name = f"ndgpu.udiv64.v{b.width}"
    vector = b.ir_type("i64", True)
    if name not in b.declarations:
        _define(b, name, vector)
    sides = [b.intrinsic("abs", "i64", v, extra=", i1 false") for v in (x, y)] if signed else [x, y]
    given = ", ".join(b.typed(v) for v in sides)
    found = b.emit(f"call {vector} @{name}({given})", "i64", True)
    if not signed:
        return found
    zero = b.const("i64", 0, True)
    negative = b.compare("icmp slt", b.binary("xor", x, y), zero)
    return b.select(negative, b.binary("sub", zero, found), found)


def _define(b: Builder, name: str, vector: str) -> None:
    inner = Builder(b.width)
    inner.declarations = b.declarations
    x, y = Value("%x", "i64", True), Value("%y", "i64", True)
    inner.label("entry")
    most = inner.const("i64", (1 << _BITS) - 1, True)
    large = inner.compare("icmp ugt", inner.binary("or", x, y), most)
    reduce = f"llvm.vector.reduce.or.v{b.width}i1"
    b.declarations[reduce] = f"declare i1 @{reduce}(<{b.width} x i1>)"
    any_large = inner.emit(f"call i1 @{reduce}({inner.typed(large)})", "i1", False)
    inner.line(f"br i1 {any_large.text}, label %large, label %small")
    inner.label("small")
    magic, whole = inner.const("i64", _MAGIC, True), inner.const("double", 2.0**_BITS, True)
    reals = [
        inner.binary("fsub", inner.bitcast(inner.binary("or", v, magic), "double"), whole)
        for v in (x, y)
    ]
    quotient = inner.intrinsic("floor", "double", inner.binary("fdiv", *reals))
    bits = inner.bitcast(inner.binary("fadd", quotient, whole), "i64")
    inner.line(f"ret {inner.typed(inner.binary('and', bits, most))}")
    inner.label("large")
    inner.line(f"ret {inner.typed(inner.binary('udiv', x, y))}")
    lines = "\n".join(inner.lines)
    b.declarations[name] = (
        f"define private {vector} @{name}({vector} %x, {vector} %y) "
        f"noinline nounwind memory(none) {{\n{lines}\n}}"
    )
