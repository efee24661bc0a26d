"""Traced code: one thread of a kernel tells each instruction that it runs, with its values.

After each instruction the code of the traced thread calls back, through the pointer that the
launch's `Checks` hold, with the instruction's line in the PTX and the bits of the registers that
it read and wrote.
"""

from __future__ import annotations

from dataclasses import dataclass

from .blocks import Block
from .builder import Value
from .check import CheckedWriter
from .dataflow import CARRY, Dataflow, Step
from .findings import Checks
from .frames import Layout
from .shapes import Variant
from .syntax import Variable

__all__ = ["Trace", "TracedWriter", "registers_of"]

Index = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Trace:
    """Which thread is traced: of which kernel (empty: of any), block and thread."""

    kernel: str
    block: Index
    thread: Index

    def wants(self, kernel: str) -> bool:
        """Whether it is a thread of this kernel."""
        return self.kernel in ("", kernel)


def registers_of(flow: Dataflow, step: Step) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The registers that an instruction reads, and those that it writes, as they are told."""
    there = flow.registers
    uses = tuple(dict.fromkeys(n for n in step.uses if n in there and n != CARRY))
    return uses, tuple(n for n in step.defines if n in there and n != CARRY)


class TracedWriter(CheckedWriter):
    """Writes a kernel with checks, if any, and with the trace of one thread."""

    def __init__(
        self,
        flow: Dataflow,
        variant: Variant,
        layout: Layout,
        variables: list[Variable],
        checks: frozenset[str],
        trace: Trace,
    ) -> None:
        super().__init__(flow, variant, layout, variables, checks)
        self.trace = trace
        self._most = 1  # values told at once

    def text(self, symbol: str) -> str:
        """The whole module."""
        text = super().text(symbol)
        return text.replace(
            "%trace.values = alloca i64", f"%trace.values = alloca [{self._most} x i64]"
        )

    def at_warp(self) -> None:
        """Find out whether the traced thread is in this warp, and in which lane."""
        super().at_warp()
        b, (x, y, z) = self.b, self.trace.thread
        self.alloca("%trace.values", "i64")
        b.lines += [
            f"  %trace.p = getelementptr i8, ptr %check.told, i64 {Checks.trace.offset}",
            "  %trace.call = load ptr, ptr %trace.p",
            f"  %trace.y = mul i32 %ntid.x, {y}",
            f"  %trace.z = mul i32 %threads.xy, {z}",
            "  %trace.yz = add i32 %trace.y, %trace.z",
            f"  %trace.thread = add i32 %trace.yz, {x}",
            "  %trace.in = sub i32 %trace.thread, %warp.lane",
            f"  %trace.here = icmp ult i32 %trace.in, {self.width}",
            "  %trace.lane = select i1 %trace.here, i32 %trace.in, i32 0",
        ]
        on = "%trace.here"
        for axis, index in zip("xyz", self.trace.block, strict=True):
            same = b.compare(
                "icmp eq", Value(f"%ctaid.{axis}", "i32", False), b.const("i32", index)
            )
            on = b.binary("and", Value(on, "i1", False), same).text
        b.line(f"%trace.on = and i1 {on}, true")

    def _step(self, step: Step) -> None:
        uses, defines = registers_of(self.flow, step)
        before = [self._seen(name) for name in uses]
        super()._step(step)
        self._tell(step.ins.line, [*before, *(self._seen(name) for name in defines)])

    def _arrive(self, block: Block) -> None:
        if block.end is not None:
            self._tell(block.end.line, [])
        super()._arrive(block)

    def _seen(self, name: str) -> Value:
        """What the traced lane has in a register, as 64 bits."""
        b, held = self.b, self.held(name)
        if held.shape.kind == "uniform" and held.scalar is not None:
            return self.converted(held.scalar, "i64")
        vector = self.vector(held)
        text = f"extractelement {b.typed(vector)}, i32 %trace.lane"
        return self.converted(b.emit(text, vector.type, False), "i64")

    def _tell(self, line: int, values: list[Value]) -> None:
        b = self.b
        on = Value("%trace.on", "i1", False)
        if self.mask is not None:
            lane = self.converted(Value("%trace.lane", "i32", False), self.mask_type)
            bit = b.cast("trunc", b.binary("lshr", self.mask.number, lane), "i1")
            on = b.binary("and", on, bit)
        label = b.fresh()[1:]
        b.line(f"br i1 {on.text}, label %{label}.tell, label %{label}.told")
        b.label(f"{label}.tell")
        self._most = max(self._most, len(values))
        for place, value in enumerate(values):
            at = b.emit(f"getelementptr i64, ptr %trace.values, i64 {place}", "ptr", False)
            b.line(f"store i64 {value.text}, ptr {at.text}")
        b.line(f"call void %trace.call(i32 {line}, ptr %trace.values)")
        b.line(f"br label %{label}.told")
        b.label(f"{label}.told")
