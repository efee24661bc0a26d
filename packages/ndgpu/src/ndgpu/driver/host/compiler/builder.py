"""LLVM IR as text, written a line at a time, for one lane or for all lanes of a warp.

The host device runs a warp as one SIMD program: a PTX register that differs from
lane to lane is an LLVM vector of `Builder.width` elements, one that is the same in
all lanes is a scalar.  An instruction's meaning is written once, against `Value`
and `Builder`, and serves both.

Text rather than llvmlite's object tree: building and printing the tree costs more
than parsing the text, and any construct of LLVM can be written.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["BITS", "Builder", "Value"]

# Width in bits of each LLVM element type that a register or an intermediate can have.
BITS = {
    "i1": 1,
    "i8": 8,
    "i16": 16,
    "i32": 32,
    "i64": 64,
    "i128": 128,
    "half": 16,
    "bfloat": 16,
    "float": 32,
    "double": 64,
    "ptr": 64,
}
_FLOATS = frozenset(("half", "bfloat", "float", "double"))


@dataclass(frozen=True, slots=True)
class Value:
    """An LLVM operand: its text, its element type, and whether it has a value per lane."""

    text: str
    type: str
    wide: bool


class Builder:
    """Writes instructions of one LLVM function, and collects what they need declared.

    Parameters
    ----------
    width : int
        Lanes of a wide value.
    features : collection of str
        Extensions of the CPU that may be used by name, such as ``"avx512f"``; all of them are
        used by LLVM anyhow.
    """

    def __init__(self, width: int, features: Iterable[str] = ()) -> None:
        self.width = width
        self.features = frozenset(features)
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}  # intrinsic's or helper's name -> its text
        self._count = 0

    # -- names and types ---------------------------------------------------------------

    def fresh(self) -> str:
        self._count += 1
        return f"%t{self._count}"

    def ir_type(self, type: str, wide: bool) -> str:
        return f"<{self.width} x {type}>" if wide else type

    def typed(self, value: Value) -> str:
        """The operand with its type before it, as in ``<16 x i32> %t4``."""
        return f"{self.ir_type(value.type, value.wide)} {value.text}"

    # -- the one writer ----------------------------------------------------------------

    def emit(self, right: str, type: str, wide: bool) -> Value:
        """Write ``%tN = right`` and return its value."""
        name = self.fresh()
        self.lines.append(f"  {name} = {right}")
        return Value(name, type, wide)

    def line(self, text: str) -> None:
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")

    # -- operands ----------------------------------------------------------------------

    def const(self, type: str, number: int | float, wide: bool = False) -> Value:
        """A constant; a float may be given as its bits by passing an int for a float type."""
        if type in _FLOATS:
            text = _float_text(type, number)
        elif type == "i1":
            text = "true" if number else "false"
        elif type == "ptr":
            text = "null"
        else:
            text = str(int(number))
        return Value(f"splat ({type} {text})" if wide else text, type, wide)

    def splat(self, value: Value) -> Value:
        """The value in every lane; a wide one is returned as it is."""
        if value.wide:
            return value
        if not value.text.startswith("%"):
            return Value(f"splat ({value.type} {value.text})", value.type, True)
        vector = self.ir_type(value.type, True)
        first = self.emit(
            f"insertelement {vector} poison, {value.type} {value.text}, i64 0", value.type, True
        )
        return self.emit(
            f"shufflevector {vector} {first.text}, {vector} poison, "
            f"<{self.width} x i32> zeroinitializer",
            value.type,
            True,
        )

    def alike(self, *values: Value) -> tuple[Value, ...]:
        """The values, all made wide if any of them is."""
        if any(v.wide for v in values) and not all(v.wide for v in values):
            return tuple(self.splat(v) for v in values)
        return values

    # -- instructions ------------------------------------------------------------------

    def binary(self, op: str, a: Value, b: Value) -> Value:
        a, b = self.alike(a, b)
        return self.emit(f"{op} {self.typed(a)}, {b.text}", a.type, a.wide)

    def unary(self, op: str, a: Value) -> Value:
        return self.emit(f"{op} {self.typed(a)}", a.type, a.wide)

    def cast(self, op: str, a: Value, to: str) -> Value:
        """``trunc``, ``zext``, ``sext``, ``bitcast``, ``sitofp`` ... to another element type."""
        if a.type == to:
            return a
        return self.emit(f"{op} {self.typed(a)} to {self.ir_type(to, a.wide)}", to, a.wide)

    def bitcast(self, a: Value, to: str) -> Value:
        return self.cast("bitcast", a, to)

    def compare(self, op: str, a: Value, b: Value) -> Value:
        """``icmp slt`` or ``fcmp olt`` and the like."""
        a, b = self.alike(a, b)
        return self.emit(f"{op} {self.typed(a)}, {b.text}", "i1", a.wide)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        condition, a, b = self.alike(condition, a, b)
        return self.emit(
            f"select {self.typed(condition)}, {self.typed(a)}, {self.typed(b)}", a.type, a.wide
        )

    def intrinsic(
        self, name: str, result: str, *args: Value, suffix: str | None = None, extra: str = ""
    ) -> Value:
        """Call ``llvm.<name>`` overloaded on the result's type (or on `suffix`'s element type).

        `extra` is text after the last argument, such as ``, i1 false`` for ``ctlz``.
        """
        args = self.alike(*args)
        wide = args[0].wide
        element = suffix or result
        short = {"half": "f16", "bfloat": "bf16", "float": "f32", "double": "f64"}
        mangled = short.get(element, element)
        full = f"llvm.{name}.v{self.width}{mangled}" if wide else f"llvm.{name}.{mangled}"
        types = [self.ir_type(a.type, wide) for a in args]
        types += [part.split()[0] for part in extra.split(",") if part.strip()]
        returned = self.ir_type(result, wide)
        self.declarations[full] = f"declare {returned} @{full}({', '.join(types)})"
        listed = ", ".join(self.typed(a) for a in args)
        return self.emit(f"call {returned} @{full}({listed}{extra})", result, wide)


def _float_text(type: str, number: int | float) -> str:
    """LLVM's hexadecimal spelling, which alone carries every bit of a NaN."""
    if type == "double":
        bits = number if isinstance(number, int) else _bits("<d", "<Q", number)
        return f"0x{bits:016X}"
    if type == "float":
        # LLVM writes a float as the double of the same value; a NaN's payload moves with it.
        bits = number if isinstance(number, int) else _bits("<f", "<I", number)
        return f"0x{_widen_float_bits(bits):016X}"
    if type == "half":
        bits = number if isinstance(number, int) else _bits("<e", "<H", number)
        return f"0xH{bits:04X}"
    bits = number if isinstance(number, int) else _bits("<f", "<I", number) >> 16
    return f"0xR{bits:04X}"


def _bits(real: str, whole: str, number: float) -> int:
    return struct.unpack(whole, struct.pack(real, number))[0]


def _widen_float_bits(bits: int) -> int:
    sign, exponent, fraction = bits >> 31, bits >> 23 & 0xFF, bits & 0x7FFFFF
    if exponent == 0xFF:
        return sign << 63 | 0x7FF << 52 | fraction << 29
    return _bits("<d", "<Q", struct.unpack("<f", struct.pack("<I", bits))[0])
