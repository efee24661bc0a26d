"""Rows of the instruction tables: a pattern of modifiers, the operands' types, and the meaning.

A row's pattern is read from left to right after the opcode:

``.rn``                 this modifier
``.ftz?``               this modifier or none; ``m["ftz"]`` is ``"ftz"`` or None
``.{round:rn,rz}``      one of these; ``m["round"]`` is the one given
``.{round:rn,rz}?``     one of these or none; ``m["round"]`` is None without

Operand types are words: an LLVM element type (``i32``), or the name of a capture, which stands for
the LLVM type of the PTX type captured (``type`` is ``float`` where ``m["type"]`` is ``f32``).
Half-precision numbers travel as ``i16`` (one) and ``i32`` (two packed), as PTX registers hold them.

A form is looked up once for each spelling that a program uses, then remembered.
"""

from __future__ import annotations

import functools
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..builder import Builder, Value
from ..errors import PtxError

__all__ = ["LLVM_TYPES", "Form", "Instruction", "Mods", "Op", "Row", "operations", "spellings"]

# The LLVM element type that carries each PTX type.
LLVM_TYPES = {
    "pred": "i1",
    **{f"{kind}{bits}": f"i{bits}" for kind in "bus" for bits in (8, 16, 32, 64)},
    "b128": "i128",
    "f16": "i16",
    "bf16": "i16",
    "f16x2": "i32",
    "bf16x2": "i32",
    "tf32": "i32",
    "f32": "float",
    "f64": "double",
}

Mods = dict[str, str | None]


class Instruction(Protocol):
    """What the tables read of a parsed PTX instruction."""

    @property
    def opcode(self) -> str: ...
    @property
    def modifiers(self) -> tuple[str, ...]: ...
    @property
    def line(self) -> int: ...
    @property
    def text(self) -> str: ...


Emit = Callable[..., "Value | tuple[Value, ...]"]


@dataclass(frozen=True)
class Row:
    """One family of forms of an opcode.

    Parameters
    ----------
    pattern : str
        Opcode and modifiers, such as ``"fma.{round:rn,rz,rm,rp}.ftz?.sat?.f32"``.
    sources, results : str
        The operands' types, as words.
    emit : callable
        ``emit(b, m, *args)`` writes the instruction for the modifiers captured in `m`.
    reads_carry, writes_carry : bool
        The form has the carry flag as a last source or a last result, of type ``i1``.
    arithmetic : bool
        The results do not depend on the payload or sign of a NaN among the sources.
    """

    pattern: str
    sources: str
    results: str
    emit: Emit
    reads_carry: bool = False
    writes_carry: bool = False
    arithmetic: bool = False

    @property
    def opcode(self) -> str:
        """Key in the table of operations; an underscore of the pattern stands for a dot."""
        return self.pattern.split(".", 1)[0].replace("_", ".")


@dataclass(frozen=True)
class Form:
    """One spelling of an opcode with its modifiers, resolved."""

    row: Row
    mods: Mods
    sources: tuple[str, ...]
    results: tuple[str, ...]


_SLOT = re.compile(r"\.(?:\{(?P<name>\w+):(?P<choices>[^}]*)\}|(?P<word>[\w:]+))(?P<optional>\??)")


@functools.cache
def _compile(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression over ``.rn.ftz.f32``."""
    parts = []
    position = pattern.find(".") if "." in pattern else len(pattern)
    while position < len(pattern):
        slot = _SLOT.match(pattern, position)
        if slot is None:
            raise ValueError(f"instruction table: cannot read {pattern!r} at {position}")
        name = slot["name"] or slot["word"].replace(":", "_")
        choices = slot["choices"] or slot["word"]
        alternatives = "|".join(re.escape(c.strip()) for c in choices.split(","))
        # A choice ends where the modifier ends: `f16` must not match the head of `f16x2`.
        parts.append(rf"(?:\.(?P<{name}>{alternatives})(?=\.|$)){slot['optional']}")
        position = slot.end()
    return re.compile("".join(parts) + "$")


class Op:
    """All forms of one opcode.

    Parameters
    ----------
    name : str
        The opcode's root.
    rows : sequence of Row
        Its families of forms; the first that fits a spelling is taken.

    Attributes
    ----------
    name : str
    rows : tuple of Row

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from ndgpu.driver.host.compiler.builder import Builder, Value
    >>> from ndgpu.driver.host.compiler.isa import OPS
    >>> ins = SimpleNamespace(opcode="mul", modifiers=("wide", "s32"), line=1, text="")
    >>> OPS["mul"].sources(ins), OPS["mul"].results(ins)
    (('i32', 'i32'), ('i64',))
    >>> b = Builder(16)
    >>> (product,) = OPS["mul"].emit(b, ins, [Value("%x", "i32", True), Value("%y", "i32", True)])
    >>> b.typed(product)
    '<16 x i64> %t3'
    """

    def __init__(self, name: str, rows: Sequence[Row]) -> None:
        self.name = name
        self.rows = tuple(rows)
        self._forms: dict[tuple[str, ...], Form] = {}

    def check(self, ins: Instruction) -> None:
        """Raise `PtxError` unless this spelling of the instruction is known."""
        self.form(ins)

    def sources(self, ins: Instruction) -> tuple[str, ...]:
        """LLVM element types wanted of the source operands, then ``i1`` for a carry read."""
        return self.form(ins).sources

    def results(self, ins: Instruction) -> tuple[str, ...]:
        """LLVM element types of the results, then ``i1`` for a carry written.

        Integers may come wider than the register: the low bits are meant.
        """
        return self.form(ins).results

    def carry(self, ins: Instruction) -> tuple[bool, bool]:
        """Whether the form reads the carry flag, and whether it writes it."""
        row = self.form(ins).row
        return row.reads_carry, row.writes_carry

    def arithmetic(self, ins: Instruction) -> bool:
        """Whether the results are the same whichever NaN a source is.

        A register all of whose readers are arithmetic may be computed with `canonical` false.
        """
        return self.form(ins).row.arithmetic

    def emit(
        self, b: Builder, ins: Instruction, args: Sequence[Value], *, canonical: bool = True
    ) -> tuple[Value, ...]:
        """Write the instruction and return its results.

        Parameters
        ----------
        b : Builder
            Where to write.
        ins : Instruction
            The instruction: its modifiers choose the form.
        args : sequence of Value
            The source operands, of the types that `sources` tells; all scalar or all wide.
        canonical : bool
            Give a float result that is not a number the one bit pattern that a GPU gives.
            Otherwise it is some quiet NaN, which costs two instructions less.

        Returns
        -------
        tuple of Value
            Of the types that `results` tells.
        """
        form = self.form(ins)
        mods = form.mods if canonical else {**form.mods, "any_nan": "any_nan"}
        made = form.row.emit(b, mods, *args)
        return made if isinstance(made, tuple) else (made,)

    def form(self, ins: Instruction) -> Form:
        """The form of this spelling; `PtxError` if there is none."""
        form = self._forms.get(ins.modifiers)
        if form is None or form.row.sources == "*" or form.row.results == "*":
            form = self._forms[ins.modifiers] = self._resolve(ins)
        return form

    def _resolve(self, ins: Instruction) -> Form:
        spelling = "".join(f".{m}" for m in ins.modifiers)
        for row in self.rows:
            match = _compile(row.pattern).match(spelling)
            if match:
                mods: Mods = dict(match.groupdict())
                sources = _types(row.sources, mods, ins, 1)
                results = _types(row.results, mods, ins, 0)
                return Form(
                    row,
                    mods,
                    sources + ("i1",) * row.reads_carry,
                    results + ("i1",) * row.writes_carry,
                )
        known = ", ".join(row.pattern for row in self.rows)
        raise PtxError(
            f"{self.name}{spelling} is not an instruction that the host device knows "
            f"(it knows {known})",
            line=ins.line,
            opcode=f"{self.name}{spelling}",
        )


def _types(words: str, mods: Mods, ins: Instruction, side: int) -> tuple[str, ...]:
    if words == "*":
        return _pieces(mods, ins, side)
    found = []
    for word in words.split():
        named = mods.get(word)
        found.append(word if named is None else LLVM_TYPES[named])
    return tuple(found)


def _pieces(mods: Mods, ins: Instruction, side: int) -> tuple[str, ...]:
    """Element types of the braces of ``mov.b64 {a, b}, c`` (side 0) or ``mov.b64 c, {a, b}``."""
    open_, close = ins.text.find("{"), ins.text.rfind("}")
    if "{" in ins.text[open_ + 1 : close]:
        raise PtxError("mov with braces on both sides", line=ins.line, opcode=ins.opcode)
    count = ins.text[open_:close].count(",") + 1
    total = int(str(mods["type"])[1:])
    if open_ < 0 or total % count or total // count not in (8, 16, 32, 64):
        raise PtxError(
            f"mov.{mods['type']} of {count} elements in {ins.text.strip()!r}",
            line=ins.line,
            opcode=ins.opcode,
        )
    mods["count"] = str(count)
    return (f"i{total // count}",) * count


def spellings(row: Row) -> Iterator[tuple[str, ...]]:
    """All tuples of modifiers that a row's pattern stands for."""
    slots = []
    position = row.pattern.find(".") if "." in row.pattern else len(row.pattern)
    while slot := _SLOT.match(row.pattern, position):
        choices: list[str | None] = [*(slot["choices"] or slot["word"]).split(",")]
        slots.append([*choices, None] if slot["optional"] else choices)
        position = slot.end()
    for chosen in itertools.product(*slots):
        yield tuple(c.strip() for c in chosen if c is not None)


def operations(*tables: Sequence[Row]) -> dict[str, Op]:
    """The rows of all tables, gathered by opcode."""
    rows: dict[str, list[Row]] = {}
    for table in tables:
        for row in table:
            rows.setdefault(row.opcode, []).append(row)
    return {name: Op(name, found) for name, found in rows.items()}
