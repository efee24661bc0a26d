"""Checked code: every access to memory and every barrier asks first whether it is right.

A kernel compiled with checks calls, before each load, store and atomic operation, one helper that
looks at the lanes' addresses one by one:

* of global memory, in a *shadow* of the arena that holds all allocations, one byte for each of
  theirs: not accessible, allocated, written (`findings.STATES`);
* of shared memory, in a record for each byte of the last write and the last reads: by which
  thread, after which barrier and which warp synchronisation, at which line;
* of local memory, in a number for each byte that tells for which threads it was written.

What the helper finds goes into the `findings.Report` that the launch points to, and the kernel
ends with the error's ``CUresult``.  The records live in the scratch buffer, after all that
unchecked code has there, and are cleared when the native function is entered.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from string import Template

from .blocks import Block
from .builder import BITS, Value
from .dataflow import Dataflow, Step
from .findings import (
    ATOMIC,
    KINDS,
    READ,
    SPACE_SHIFT,
    SPACES,
    VOLATILE,
    WRITE,
    WRITTEN,
    Checks,
    Report,
)
from .frames import FRAME_FIELDS, Layout, rounded
from .grid import WORKSPACE_OFFSET, waits
from .memory import MEMORY_TYPES
from .shapes import WARP_OPCODES, Variant
from .syntax import Address, Symbol, Variable
from .writer import Writer

__all__ = ["CheckedWriter", "area_bytes"]

_NUMBERS = {name: place for place, name in enumerate(KINDS, 1)}
# Modifiers of accesses that may meet one another, as atomic operations may.
_STRONG = frozenset(("relaxed", "acquire", "release"))
# Accesses by the lanes of a warp together, which come down to gathers and scatters.
_WHOLE = frozenset(("ldmatrix",))

# Places in the header of the records, in units of 8 bytes.
_HEADER = {
    name: place
    for place, name in enumerate(
        ("epoch", "first", "serial", "clock", "thread", "block", "shared", "shared.bytes",
         "shared.shadow", "local", "locals", "local.shadow", "arena", "arena.bytes",
         "arena.shadow", "report", "site", "arrived", "pending", "pending.thread",
         "pending.address", "args", "workspace", "blocks.shadow", "launch", "lanes")
    )
}  # fmt: skip
_HEADER_BYTES = 8 * 64  # from "lanes" on, 32 words of 32 bits
_RECORD = 24  # bytes for each of shared memory: write, reads, and the line of either


def area_bytes(layout: Layout, threads: int, dynamic: int, width: int) -> int:
    """Size of the records of one block."""
    warps = -(-threads // width) if layout.barriers else 1
    local = warps * rounded(width * layout.local_bytes)
    return _HEADER_BYTES + rounded(_RECORD * (layout.shared_bytes + dynamic)) + rounded(4 * local)


class CheckedWriter(Writer):
    """Writes a kernel with checks.

    Parameters
    ----------
    checks : frozenset of str
        Those of `findings.CHECKS` that are wanted.
    """

    def __init__(
        self,
        flow: Dataflow,
        variant: Variant,
        layout: Layout,
        variables: list[Variable],
        checks: frozenset[str],
    ) -> None:
        super().__init__(flow, variant, layout, variables)
        self.races = "race" in checks
        self.initialised = "init" in checks
        self._whole: Step | None = None  # an access by the lanes of a warp together
        self.wanted = bool(checks & WRITTEN)
        # Blocks of a kernel that cannot order them may not write to one place.
        self.blocks = self.races and not any(_orders(s) for steps in flow.steps for s in steps)
        self.addressed = bool(checks & {"memory", "init"})
        local = [v for v in flow.flat.variables.values() if v.name in layout.local]
        self.local_used = max((layout.local[v.name] + v.size for v in local), default=0)

    # -- what the function does beside the kernel ------------------------------------------------

    def control_flow(self) -> None:
        """Write the kernel, and the helpers that it calls."""
        super().control_flow()
        mask = f"i{self.width}"
        for text in (
            f"{mask} @llvm.cttz.{mask}({mask}, i1)", "i32 @llvm.cttz.i32(i32, i1)",
            "i32 @llvm.ctpop.i32(i32)",
        ):  # fmt: skip
            name = text[text.index("@") + 1 : text.index("(")]
            self.b.declarations[name] = f"declare {text}"
        self.helpers["check"] = _helper(self)

    def _launch(self) -> list[str]:
        lines = super()._launch()
        sources = {
            "shared": "%shared",
            "shared.bytes": "%shared.bytes",
            "shared.shadow": "%check.shared",
            "locals": "%locals",
            "local.shadow": "%check.local",
            "report": "%check.report",
            "args": "%check.args",
            "workspace": "%check.workspace",
        }
        lines += [
            "  %check.p = getelementptr i8, ptr %launch, i64 40",
            "  %check.told = load ptr, ptr %check.p",
            *_field("%check.area", "%check.told", Checks.area.offset),
            *_field("%check.size", "%check.told", Checks.area_bytes.offset),
            "  %check = getelementptr i8, ptr %scratch, i64 %check.area",
            "  call void @check.clear(ptr %check, i64 %check.size)",
            "  %check.start = ptrtoint ptr %check to i64",
            f"  %check.shared = add i64 %check.start, {_HEADER_BYTES}",
            f"  %check.records.all = mul i64 %shared.bytes, {_RECORD}",
            "  %check.records.up = add i64 %check.records.all, 63",
            "  %check.records = and i64 %check.records.up, -64",
            "  %check.local = add i64 %check.shared, %check.records",
            *_field("%check.workspace", "%launch", WORKSPACE_OFFSET),
            "  %check.args = ptrtoint ptr %args to i64",
            "  %check.told.64 = ptrtoint ptr %check.told to i64",
            f"  %check.report = add i64 %check.told.64, {Checks.report.offset}",
        ]
        for name, field in (
            ("arena", Checks.arena), ("arena.bytes", Checks.arena_bytes),
            ("arena.shadow", Checks.shadow),
            ("blocks.shadow", Checks.blocks),
            ("launch", Checks.launch),
        ):  # fmt: skip
            lines += _field(f"%check.{name}", "%check.told", field.offset)
            sources[name] = f"%check.{name}"
        for name, value in sources.items():
            lines += self._put(name, value)
        return lines

    def _slot_of(self, name: str) -> tuple[str, list[str]]:
        at = self.b.fresh()
        return at, [f"  {at} = getelementptr i64, ptr %check, i64 {_HEADER[name]}"]

    def _put(self, name: str, value: str) -> list[str]:
        at, lines = self._slot_of(name)
        return [*lines, f"  store i64 {value}, ptr {at}"]

    def _advance(self, name: str, copy: str = "") -> None:
        """Add one to a number of the header; `copy` takes the new value too."""
        at, lines = self._slot_of(name)
        old, new = self.b.fresh(), self.b.fresh()
        lines += [f"  {old} = load i64, ptr {at}", f"  {new} = add i64 {old}, 1"]
        lines.append(f"  store i64 {new}, ptr {at}")
        if copy:
            lines += self._put(copy, new)
        self.b.lines += lines

    def at_block(self) -> None:
        """A block starts: shared memory holds nothing, and no access before matters."""
        self.b.lines += self._put("block", "%block")
        self._advance("epoch", "first")
        if self.layout.barriers:
            self._advance("serial")

    def at_phase(self) -> None:
        """All threads have passed a barrier."""
        self._advance("epoch")

    def at_warp(self) -> None:
        """A warp starts or goes on."""
        b = self.b
        thread = b.emit("zext i32 %warp.lane to i64", "i64", False)
        b.lines += self._put("thread", thread.text) + self._put("local", "%local")
        self._advance("clock")
        if not self.layout.barriers:
            self._advance("serial")

    def at_phase_end(self) -> None:
        """All warps have come to a barrier, or have ended."""
        if self.races:
            self._verdict("call i32 @check.phase(ptr %check, i32 %threads)")

    # -- accesses ----------------------------------------------------------------------------------

    def _step(self, step: Step) -> None:
        opcode = step.ins.opcode
        if opcode in ("ld", "ldu", "st"):
            self._check_access(step)
        elif opcode in ("atom", "red"):
            self._check_atomic(step)
        elif opcode.startswith("mbarrier.") and opcode != "mbarrier.pending_count":
            self._check_mbarrier(step)
        self._whole = step if self.wanted and opcode in _WHOLE else None
        super()._step(step)
        if opcode in WARP_OPCODES or opcode in ("bar", "barrier"):
            self._advance("clock")
        if step.ins.line in self.questions:
            # What other threads did before they arrived is in order with what comes now.
            self._advance("epoch")

    def _gathered(
        self, addresses: Value, type: str, count: int, volatile: bool, rare: bool = False
    ) -> list[Value]:
        if self._whole is not None:
            self._ask_each(self._whole, addresses, [type] * count, READ)
        return super()._gathered(addresses, type, count, volatile, rare)

    def _scatter(
        self, addresses: Value, values: Sequence[Value], volatile: bool, rare: bool = False
    ) -> None:
        if self._whole is not None:
            self._ask_each(self._whole, addresses, [v.type for v in values], WRITE)
        super()._scatter(addresses, values, volatile, rare)

    def _ask_each(self, step: Step, addresses: Value, types: Sequence[str], flags: int) -> None:
        b, mask, wide = self.b, self.lane_number(), self.b.ir_type("i64", True)
        flags |= SPACES[_space(step)] << SPACE_SHIFT
        for i, type in enumerate(types):
            size = BITS[type] // 8
            at = b.binary("add", addresses, b.const("i64", i * size, True)) if i else addresses
            self._verdict(
                f"call i32 @check.access({b.typed(at)}, {wide} zeroinitializer, {mask.type} "
                f"{mask.text}, ptr %check, i32 {step.ins.line}, i32 {size | size << 8 | flags})"
            )

    def at_matrix(
        self, step: Step, base: Value, apart: Value, rows: int, length: int, size: int
    ) -> None:
        """A warp accesses the rows of a matrix: lane i is asked about row i."""
        if not self.wanted:
            return
        b = self.b
        stride = b.binary("mul", b.cast("zext", apart, "i64"), b.const("i64", size))
        offsets = b.binary("mul", b.splat(stride), self.lanes_times("i64", 1))
        at = b.binary("add", b.splat(base), offsets)
        flags = READ if step.ins.opcode == "wmma.load" else WRITE
        flags |= SPACES[_space(step)] << SPACE_SHIFT
        self._verdict(
            f"call i32 @check.access({b.typed(at)}, {b.ir_type('i64', True)} zeroinitializer, i32 "
            f"{(1 << rows) - 1}, ptr %check, i32 {step.ins.line}, "
            f"i32 {length * size | size << 8 | flags})"
        )

    def _check_access(self, step: Step) -> None:
        if not self.wanted:
            return
        space, count, type, volatile = self._form(step)
        read = step.ins.opcode != "st"
        address = step.sources[0]
        if space == "param" or not isinstance(address, Address):
            return
        if isinstance(address.base, Symbol) and address.base.name in self.params:
            return
        memory = MEMORY_TYPES[type]
        values: list[Value | None] = [None] * count
        if not read and self.races:
            sources = [self.source(o, step) for o in step.sources[1:]]
            values = [self.vector_argument(s, memory) for s in sources]
        flags = (READ if read else WRITE) | VOLATILE * volatile
        if not _STRONG.isdisjoint(step.ins.modifiers):
            flags |= ATOMIC
        self._ask(step, space, memory, values, flags)

    def _check_atomic(self, step: Step) -> None:
        if not self.wanted:
            return
        modifiers = step.ins.modifiers
        space = _space(step)
        flags = WRITE | ATOMIC
        if "exch" not in modifiers:
            flags |= READ
        type = MEMORY_TYPES.get(modifiers[-1])
        if type is not None and isinstance(step.sources[0], Address):
            self._ask(step, space, type, [None], flags)

    def _check_mbarrier(self, step: Step) -> None:
        if self.wanted and isinstance(step.sources[0], Address):
            begins = step.ins.opcode in ("mbarrier.init", "mbarrier.inval")
            flags = WRITE if begins else READ | WRITE | ATOMIC
            self._ask(step, _space(step), "i64", [None], flags)

    def _ask(
        self, step: Step, space: str, type: str, values: list[Value | None], flags: int
    ) -> None:
        """Call the helper for each element of the access."""
        if space in ("global", "const") and not self.addressed:
            return
        b = self.b
        place = self.place(step.sources[0], space, step)
        size = BITS[type] // 8
        align = size * len(values)
        mask = self.lane_number()
        for i, value in enumerate(values):
            addresses = self.addresses(place.held, place.offset + i * size)
            how = size | align << 8 | flags | SPACES[space] << SPACE_SHIFT
            given = "zeroinitializer"
            if value is not None and size <= 8:
                bits = self.converted(value, f"i{8 * size}")
                given = (bits if size == 8 else b.cast("zext", bits, "i64")).text
            wide = b.ir_type("i64", True)
            self._verdict(
                f"call i32 @check.access({b.typed(addresses)}, {wide} {given}, "
                f"{mask.type} {mask.text}, ptr %check, i32 {step.ins.line}, i32 {how})"
            )
            align = size

    def _verdict(self, call: str) -> None:
        """End the kernel if the helper found something."""
        b = self.b
        code = b.emit(call, "i32", False)
        fine = b.compare("icmp eq", code, b.const("i32", 0))
        label = b.fresh()[1:]
        b.line(f"br i1 {fine.text}, label %{label}.right, label %{label}.wrong, !prof !0")
        b.label(f"{label}.wrong")
        b.line(f"ret i32 {code.text}")
        b.label(f"{label}.right")

    # -- barriers ----------------------------------------------------------------------------------

    def _arrive(self, block: Block) -> None:
        end = block.end
        if self.races and end is not None and not self.layout.counted:
            # Barriers of one line of the source, as of an unrolled loop, count as one.
            site = end.source[0] << 24 | end.source[1] if end.source else end.line
            mask = self.lane_number()
            wide = self.converted(mask, "i32")
            self._verdict(
                f"call i32 @check.arrive(ptr %check, i32 {wide.text}, i32 {end.line}, i32 {site})"
            )
        super()._arrive(block)

    def fail(self, code: Value, line: int) -> None:
        """End the kernel, and say at which barrier, if an arrival there gave an error."""
        if self.races:
            lanes = self.converted(self.lane_number(), "i32")
            given = f"ptr %check, i32 {code.text}, i32 {lanes.text}, i32 {line}"
            code = self.b.emit(f"call i32 @check.barrier({given})", "i32", False)
        super().fail(code, line)

    def at_deadlock(self) -> None:
        """Say who waits, and for what."""
        if self.races:
            given = "ptr %check, ptr %words, ptr %frames, i64 %warps.64"
            self.b.emit(f"call i32 @check.deadlock({given})", "i32", False)


def _orders(step: Step) -> bool:
    """Whether an instruction can put accesses of several blocks in order."""
    opcode, modifiers = step.ins.opcode, step.ins.modifiers
    if opcode in ("membar", "fence"):
        return "cta" not in modifiers
    return opcode in ("atom", "red") and "shared" not in modifiers


def _space(step: Step) -> str:
    return next((m for m in step.ins.modifiers if m in SPACES), "generic")


def _field(name: str, base: str, offset: int) -> list[str]:
    return [
        f"  {name}.at = getelementptr i8, ptr {base}, i64 {offset}",
        f"  {name} = load i64, ptr {name}.at",
    ]


# -- the helpers -----------------------------------------------------------------------------------

_TEXT = Path(__file__).with_suffix(".ll")
_ATTRIBUTES = "noinline nounwind null_pointer_is_valid"


def _helper(writer: CheckedWriter) -> str:
    """The functions that checked code calls, for the checks and the lanes of a writer."""
    width = writer.width
    fields = {
        f"get_{name.replace('.', '_')}": (
            f"%{name}.p = getelementptr i64, ptr %h, i64 {place}\n"
            f"  %{name} = load i64, ptr %{name}.p"
        )
        for name, place in _HEADER.items()
    }
    numbers = {f"k_{name.replace(' ', '_')}": str(number) for name, number in _NUMBERS.items()}
    codes = {f"c_{name.replace(' ', '_')}": str(code) for name, code in KINDS.items()}
    report = {f"r_{name}": str(getattr(Report, name).offset) for name, *_ in Report._fields_}
    return Template(_TEXT.read_text()).substitute(
        fields | numbers | codes | report | {name: str(at) for name, at in FRAME_FIELDS.items()},
        attributes=_ATTRIBUTES,
        frame=writer.frame_bytes,
        width=width,
        mask=f"i{width}",
        races="true" if writer.races else "false",
        blocks="true" if writer.blocks else "false",
        recorded="true" if writer.races or writer.initialised else "false",
        init="true" if writer.initialised else "false",
        addressed="true" if writer.addressed else "false",
        in_params="\n".join(_in_params(writer)),
        stride=writer.layout.local_bytes,
        local_all=width * writer.layout.local_bytes,
        local_used=writer.local_used,
        record=_RECORD,
        lanes=8 * _HEADER["lanes"],
    )


def _in_params(writer: CheckedWriter) -> list[str]:
    """Whether ``%p`` lies in a parameter whose address is taken, or in the grid's workspace."""
    taken = [
        writer.params[n] for n, _, t in writer.parameters if t == "address" and n in writer.params
    ]
    lines = [
        f"%args.at = getelementptr i64, ptr %h, i64 {_HEADER['args']}",
        "%args = load i64, ptr %args.at",
        "%args.p = inttoptr i64 %args to ptr",
    ]
    found = "false"
    if waits(writer.flow):
        lines += [
            f"%work.at = getelementptr i64, ptr %h, i64 {_HEADER['workspace']}",
            "%work = load i64, ptr %work.at",
            "%work.off = sub i64 %p, %work",
            "%work.in = icmp ult i64 %work.off, 64",
            "%work.there = icmp ne i64 %work, 0",
            "%work.any = and i1 %work.in, %work.there",
        ]
        found = "%work.any"
    for index, param in taken:
        lines += [
            f"%param.{index}.p = getelementptr i64, ptr %args.p, i64 {index}",
            f"%param.{index} = load i64, ptr %param.{index}.p",
            f"%param.{index}.off = sub i64 %p, %param.{index}",
            f"%param.{index}.in = icmp ult i64 %param.{index}.off, {param.size}",
            f"%param.{index}.any = or i1 {found}, %param.{index}.in",
        ]
        found = f"%param.{index}.any"
    return [f"  {line}" for line in [*lines, f"%param.in = or i1 {found}, false"]]
