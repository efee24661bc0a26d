"""A kernel's native function as LLVM IR: blocks of threads, their warps, and control flow.

Code exists in up to two copies.  In the *coherent* copy (labels ``C``) all lanes run: branches
are plain, nothing is masked.  In the *masked* copy (labels ``M``) each basic block has a set of
lanes that wait to run it, and the earliest block with any runs next; as blocks are in
topological order with loops together, lanes that parted meet as early as they can.  A branch
on which lanes disagree leads from C to M; a place where parted lanes meet, with all there,
leads back.

At a barrier a warp puts its live registers into its frame and the next warp runs; when all
have come, each goes on from its frame.  Masks of lanes that wait at several barriers are
kept in the frame too.
"""

from __future__ import annotations

from collections.abc import Iterable

from .builder import BITS, Value
from .cfg import Block
from .dataflow import Dataflow, Step, bits
from .emit import Mask
from .errors import PtxError
from .frames import ALIGN, WORDS, Layout, rounded, slots
from .lanes import Lanes
from .ptx import Instruction, Register, Variable
from .shapes import Shapes, Variant

__all__ = ["TRAPS", "Writer", "check_barriers"]

_DONE, _START, _MASKED, _FIRST = -1, 0, 1, 2
# CUresult that a trap of each kind gives.
TRAPS = {"": 719, "assert": 710}
_LOST = 999  # lanes that should have met did not: CUDA_ERROR_UNKNOWN
_IGNORED = frozenset(("prefetch", "prefetchu", "nanosleep", "applypriority", "discard", "pmevent"))


class Writer(Lanes):
    """Writes one kernel for one variant.

    Parameters
    ----------
    flow : Dataflow
        The kernel.
    variant : Variant
        The class of block shapes to write it for.
    layout : Layout
        Its memory.
    variables : list of Variable
        The module's, in the order of the launch's table of addresses.
    """

    def __init__(
        self, flow: Dataflow, variant: Variant, layout: Layout, variables: list[Variable]
    ) -> None:
        super().__init__(flow, Shapes(flow, variant, layout.local_bytes), variant)
        self.layout = layout
        self.shared_offsets = layout.shared
        self.local_offsets = layout.local
        self.local_stride = layout.local_bytes
        self.variables = {v.name: i for i, v in enumerate(variables)}
        self.params = {p.name: (i, p) for i, p in enumerate(flow.flat.function.params)}
        self.parameters: dict[tuple[str, int, str], Value] = {}
        self.blend_all = layout.barriers
        blocks = flow.graph.blocks
        self.barriers = [b for b in blocks if b.kind == "barrier"]
        self.masked = sorted(self.shapes.masked | self.shapes.stubs)
        self.frame: dict[str, int] = {}
        self.frame_bytes = 0
        self._mask_type = f"i{self.width}"
        self._place_frame()

    # -- what is loaded once -------------------------------------------------------------------

    def _once(self, text: str, type: str, name: str) -> Value:
        self.prologue.append(f"  {name} = {text}")
        return Value(name, type, False)

    def parameter(self, name: str, offset: int, type: str, step: Step) -> Value:
        """A kernel's parameter, or a part of one, read before the loop over blocks."""
        if name not in self.params:
            raise self.error(f"{name} is not a parameter", step)
        key = (name, offset, type)
        if key not in self.parameters:
            index, param = self.params[name]
            if offset < 0 or offset + BITS[type] // 8 > param.size:
                raise self.error(f"{name} has {param.size} bytes, read at {offset}", step)
            tag = len(self.parameters)
            self.prologue += [
                f"  %pp{tag} = getelementptr ptr, ptr %args, i64 {index}",
                f"  %pa{tag} = load ptr, ptr %pp{tag}",
                f"  %pb{tag} = getelementptr i8, ptr %pa{tag}, i64 {offset}",
            ]
            text = f"load {type}, ptr %pb{tag}, align 1"
            self.parameters[key] = self._once(text, type, f"%pv{tag}")
        return self.parameters[key]

    def variable_address(self, name: str) -> Value | None:
        """Address of a module's variable, or of a parameter; None if there is no such one."""
        found = self.parameters.get((name, 0, "address"))
        if found is None:
            tag = len(self.parameters)
            if name in self.variables:
                index, table = self.variables[name], "%variables"
            elif name in self.params:
                index, table = self.params[name][0], "%args"
            else:
                return None
            self.prologue.append(f"  %pp{tag} = getelementptr i64, ptr {table}, i64 {index}")
            found = self._once(f"load i64, ptr %pp{tag}", "i64", f"%pv{tag}")
            self.parameters[name, 0, "address"] = found
        return found

    # -- the function --------------------------------------------------------------------------

    def text(self, symbol: str) -> str:
        """The whole module, with the function named `symbol`."""
        b = self.b
        if self.variant.full:
            for block in self.flow.graph.blocks:
                self._coherent(block)
        for place, index in enumerate(self.masked):
            after = self.masked[place + 1] if place + 1 < len(self.masked) else None
            self._masked(self.flow.graph.blocks[index], after)
        if self.masked:
            self._masked_end()
        self._resume()
        body, b.lines = b.lines, []
        self._start()
        head, b.lines = b.lines, []
        self._after()
        tail = b.lines
        entry = [f"  {name} = alloca {type}" for name, type in self.allocas.items()]
        clear = [
            f"  store {type} zeroinitializer, ptr {name}"
            for name, type in self.allocas.items()
            if name[1] in "svkpqd"
        ]
        place = head.index("  ; registers")
        head[place : place + 1] = clear
        lines = [
            *b.declarations.values(),
            *self.helpers.values(),
            f"define i32 @{symbol}(ptr %args, ptr %launch, i64 %first, i64 %end, ptr %scratch) "
            "nounwind null_pointer_is_valid {",
            "entry:",
            *entry,
            *self._launch(),
            *self.prologue,
            *head,
            *body,
            *tail,
            "}",
            '!0 = !{!"branch_weights", i32 2000, i32 1}',
            "",
        ]
        return "\n".join(lines)

    def _launch(self) -> list[str]:
        """Read the launch's geometry and find the places in the scratch buffer."""
        lines = []
        fields = [f"%nctaid.{a}" for a in "xyz"] + [f"%ntid.{a}" for a in "xyz"] + ["%dynamic"]
        for place, name in enumerate(fields):
            lines.append(f"  {name}.p = getelementptr i32, ptr %launch, i64 {place}")
            lines.append(f"  {name} = load i32, ptr {name}.p")
        shift = self.width.bit_length() - 1
        lines += [
            "  %variables.p = getelementptr i8, ptr %launch, i64 32",
            "  %variables = load ptr, ptr %variables.p",
            "  %threads.xy = mul i32 %ntid.x, %ntid.y",
            "  %threads = mul i32 %threads.xy, %ntid.z",
            f"  %threads.up = add i32 %threads, {self.width - 1}",
            f"  %warps = lshr i32 %threads.up, {shift}",
            "  %shared = ptrtoint ptr %scratch to i64",
            f"  %shared.total = add i32 %dynamic, {self.layout.shared_bytes}",
            "  %shared.bytes = zext i32 %shared.total to i64",
            f"  %shared.up = add i64 %shared.bytes, {ALIGN - 1}",
            f"  %shared.size = and i64 %shared.up, {-ALIGN}",
            "  %words = getelementptr i8, ptr %scratch, i64 %shared.size",
            f"  %frames = getelementptr i8, ptr %words, i64 {WORDS if self.layout.barriers else 0}",
            "  %warps.64 = zext i32 %warps to i64",
            f"  %frames.size = mul i64 %warps.64, "
            f"{self.frame_bytes if self.layout.barriers else 0}",
            "  %locals.p = getelementptr i8, ptr %frames, i64 %frames.size",
            "  %locals = ptrtoint ptr %locals.p to i64",
        ]
        return lines

    def _start(self) -> None:
        """From the first block to the start of a warp."""
        b, width = self.b, self.width
        for name in ("%cta.x", "%cta.y", "%cta.z", "%at.x", "%at.y", "%at.z", "%warp.at"):
            self.alloca(name, "i32")
        self.alloca("%block.at", "i64")
        b.lines += [
            "  %grid.x = zext i32 %nctaid.x to i64",
            "  %grid.y = zext i32 %nctaid.y to i64",
            "  %first.row = udiv i64 %first, %grid.x",
            "  %first.x = urem i64 %first, %grid.x",
            "  %first.y = urem i64 %first.row, %grid.y",
            "  %first.z = udiv i64 %first.row, %grid.y",
        ]
        for axis in "xyz":
            b.line(f"%first.{axis}.32 = trunc i64 %first.{axis} to i32")
            b.line(f"store i32 %first.{axis}.32, ptr %cta.{axis}")
        b.lines += [
            "  store i64 %first, ptr %block.at",
            "  br label %block.test",
            "block.test:",
            "  %block = load i64, ptr %block.at",
            "  %block.more = icmp slt i64 %block, %end",
            "  br i1 %block.more, label %block.start, label %finished",
            "block.start:",
        ]
        b.lines += [f"  %ctaid.{a} = load i32, ptr %cta.{a}" for a in "xyz"]
        if self.layout.barriers:
            self.alloca("%alive", "i1")
            b.lines += [
                "  store <4 x i32> zeroinitializer, ptr %words",
                "  br label %reset",
                "reset:",
                "  %reset.at = phi i64 [0, %block.start], [%reset.next, %reset]",
                f"  %reset.offset = mul i64 %reset.at, {self.frame_bytes}",
                "  %reset.frame = getelementptr i8, ptr %frames, i64 %reset.offset",
                f"  store i32 {_START}, ptr %reset.frame",
                "  %reset.next = add i64 %reset.at, 1",
                "  %reset.more = icmp ult i64 %reset.next, %warps.64",
                "  br i1 %reset.more, label %reset, label %phase",
                "phase:",
                "  store i1 false, ptr %alive",
            ]
        for name in ("%at.x", "%at.y", "%at.z", "%warp.at"):
            b.line(f"store i32 0, ptr {name}")
        b.lines += ["  br label %warp.start", "warp.start:", "  %warp = load i32, ptr %warp.at"]
        b.line(f"%warp.lane = mul i32 %warp, {width}")
        self._thread_indices()
        if self.layout.barriers:
            local = rounded(width * self.layout.local_bytes)
            b.lines += [
                "  %warp.64 = zext i32 %warp to i64",
                f"  %frame.offset = mul i64 %warp.64, {self.frame_bytes}",
                "  %frame = getelementptr i8, ptr %frames, i64 %frame.offset",
                f"  %local.offset = mul i64 %warp.64, {local}",
                "  %local = add i64 %locals, %local.offset",
                "  %state = load i32, ptr %frame",
            ]
        else:
            b.line("%local = add i64 %locals, 0")
        b.line(f"%local.bytes = add i64 0, {width * self.layout.local_bytes}")
        b.line("; registers")
        if self.layout.barriers:
            cases = [f"i32 {_START}, label %warp.enter"]
            if self.masked:
                cases.append(f"i32 {_MASKED}, label %resume.masked")
            if self.variant.full:
                cases += [f"i32 {_FIRST + k}, label %resume.{k}" for k in range(len(self.barriers))]
            b.line(f"switch i32 %state, label %warp.next [{' '.join(cases)}]")
            b.label("warp.enter")
        self._enter()

    def _thread_indices(self) -> None:
        b = self.b
        shape = self.variant.shape
        if shape != "general":
            b.lines += [f"  %tid.{a} = load i32, ptr %at.{a}" for a in "xyz"]
            return
        # Small numbers divided as floats: the quotient, rounded once, cannot reach the next one.
        lane = b.emit(
            f"add {b.typed(b.splat(Value('%warp.lane', 'i32', False)))}, {self.iota}", "i32", True
        )
        row, x = self._divided(lane, "%ntid.x")
        plane, y = self._divided(row, "%ntid.y")
        for name, value in (("%tid.x", x), ("%tid.y", y), ("%tid.z", plane)):
            b.line(f"{name} = add {b.typed(value)}, zeroinitializer")

    def _divided(self, a: Value, by: str) -> tuple[Value, Value]:
        b = self.b
        divisor = b.splat(Value(by, "i32", False))
        quotient = b.binary(
            "fdiv", b.cast("uitofp", a, "float"), b.cast("uitofp", divisor, "float")
        )
        whole = b.cast("fptoui", quotient, "i32")
        return whole, b.binary("sub", a, b.binary("mul", whole, divisor))

    def _enter(self) -> None:
        """Start a warp: in C if it has all lanes, else in M."""
        b, variant = self.b, self.variant
        if not variant.partial:
            b.line("br label %C0")
            return
        mask = self._mask_type
        b.line("%lanes.left = sub i32 %threads, %warp.lane")
        b.line(f"%lanes.all = icmp uge i32 %lanes.left, {self.width}")
        if variant.full:
            b.line("br i1 %lanes.all, label %C0, label %warp.partial")
            b.label("warp.partial")
        wide = Value("%lanes.left", "i32", False)
        one = b.emit(f"shl i64 1, {b.cast('zext', wide, 'i64').text}", "i64", False)
        ones = b.binary("sub", one, b.const("i64", 1))
        some = b.cast("trunc", ones, mask)
        if not variant.full:
            some = b.select(Value("%lanes.all", "i1", False), b.const(mask, -1), some)
        b.line(f"store {mask} {some.text}, ptr %p0")
        b.line("br label %M0")

    def _after(self) -> None:
        """From the end of a warp to the next one, the next block, the end."""
        b = self.b
        b.label("warp.finished")
        if self.layout.barriers:
            b.line(f"store i32 {_DONE}, ptr %frame")
        b.line("br label %warp.next")
        b.label("warp.next")
        b.lines += [
            "  %warp.then = load i32, ptr %warp.at",
            "  %warp.plus = add i32 %warp.then, 1",
            "  store i32 %warp.plus, ptr %warp.at",
        ]
        if self.variant.shape == "line":
            b.lines += [
                "  %x.then = load i32, ptr %at.x",
                f"  %x.plus = add i32 %x.then, {self.width}",
                "  store i32 %x.plus, ptr %at.x",
            ]
        elif self.variant.shape == "rows":
            b.lines += [
                "  %x.then = load i32, ptr %at.x",
                f"  %x.plus = add i32 %x.then, {self.width}",
                "  %x.over = icmp uge i32 %x.plus, %ntid.x",
                "  %x.new = select i1 %x.over, i32 0, i32 %x.plus",
                "  store i32 %x.new, ptr %at.x",
                "  %y.then = load i32, ptr %at.y",
                "  %x.carry = zext i1 %x.over to i32",
                "  %y.plus = add i32 %y.then, %x.carry",
                "  %y.over = icmp uge i32 %y.plus, %ntid.y",
                "  %y.new = select i1 %y.over, i32 0, i32 %y.plus",
                "  store i32 %y.new, ptr %at.y",
                "  %z.then = load i32, ptr %at.z",
                "  %y.carry = zext i1 %y.over to i32",
                "  %z.plus = add i32 %z.then, %y.carry",
                "  store i32 %z.plus, ptr %at.z",
            ]
        b.line("%warp.more = icmp ult i32 %warp.plus, %warps")
        b.line("br i1 %warp.more, label %warp.start, label %block.done")
        b.label("block.done")
        if self.layout.barriers:
            b.lines += [
                "  %words.result = getelementptr i8, ptr %words, i64 8",
                "  %arrived = load <2 x i32>, ptr %words",
                "  store <2 x i32> %arrived, ptr %words.result",
                "  store <2 x i32> zeroinitializer, ptr %words",
                "  %some.alive = load i1, ptr %alive",
                "  br i1 %some.alive, label %phase, label %block.next",
                "block.next:",
            ]
        b.lines += [
            "  %block.plus = add i64 %block, 1",
            "  store i64 %block.plus, ptr %block.at",
            "  %cx = add i32 %ctaid.x, 1",
            "  %cx.over = icmp uge i32 %cx, %nctaid.x",
            "  %cx.new = select i1 %cx.over, i32 0, i32 %cx",
            "  store i32 %cx.new, ptr %cta.x",
            "  %cx.carry = zext i1 %cx.over to i32",
            "  %cy = add i32 %ctaid.y, %cx.carry",
            "  %cy.over = icmp uge i32 %cy, %nctaid.y",
            "  %cy.new = select i1 %cy.over, i32 0, i32 %cy",
            "  store i32 %cy.new, ptr %cta.y",
            "  %cy.carry = zext i1 %cy.over to i32",
            "  %cz = add i32 %ctaid.z, %cy.carry",
            "  store i32 %cz, ptr %cta.z",
            "  br label %block.test",
            "finished:",
            "  ret i32 0",
        ]

    # -- instructions --------------------------------------------------------------------------

    def _steps(self, block: Block) -> None:
        for step in self.flow.steps[block.index]:
            try:
                self._step(step)
            except PtxError as error:
                ins = step.ins
                raise PtxError(error.message, ins.line, self.kernel, ins.name) from None

    def _step(self, step: Step) -> None:
        emitter = _EMITTERS.get(step.ins.opcode)
        if emitter is not None:
            emitter(self, step)
        elif step.ins.opcode not in _IGNORED:
            self.compute(step)

    def choose(self, step: Step) -> None:
        """``choose``: a select of predicates, which PTX has not."""
        sources = [self.source(o, step) for o in step.sources]
        if all(self.uniform(s) for s in sources):
            values = [self.scalar_argument(s, "i1") for s in sources]
        else:
            values = [self.vector_argument(s, "i1") for s in sources]
        self.write_value(step.results[0], self.b.select(values[2], values[0], values[1]))

    def fence(self, step: Step) -> None:
        """``membar`` and ``fence``: within a block, order is that of the program."""
        if "cta" not in step.ins.modifiers:
            self.b.line("fence seq_cst")

    def warp_barrier(self, step: Step) -> None:
        """``bar.warp.sync``: the lanes of a warp run in step."""

    def barrier_result(self, step: Step) -> None:
        """What ``bar.red`` found, once all have come."""
        b, modifiers = self.b, step.ins.modifiers
        b.line("; result of the barrier")
        counts = []
        for offset in (8, 12):
            at = b.emit(f"getelementptr i8, ptr %words, i64 {offset}", "ptr", False)
            counts.append(b.emit(f"load i32, ptr {at.text}", "i32", False))
        if "popc" in modifiers:
            value = counts[0]
        elif "and" in modifiers:
            value = b.compare("icmp eq", counts[0], counts[1])
        else:
            value = b.compare("icmp ne", counts[0], b.const("i32", 0))
        self.write_value(step.results[0], value)

    # -- the coherent copy ---------------------------------------------------------------------

    def _coherent(self, block: Block) -> None:
        b = self.b
        b.label(f"C{block.index}")
        self.begin_block(block.index, None)
        self._steps(block)
        targets = [t.index for t in block.targets]
        if block.kind == "jump":
            b.line(f"br label %C{targets[0]}")
        elif block.kind == "exit":
            b.line("br label %warp.finished")
        elif block.kind == "trap":
            b.line(f"ret i32 {self._trap(block)}")
        elif block.kind == "barrier":
            number = self.barriers.index(block)
            self._arrive(block)
            self._save(self._live_at(block))
            b.line(f"store i32 {_FIRST + number}, ptr %frame")
            b.line("store i1 true, ptr %alive")
            b.line("br label %warp.next")
        elif block.index not in self.shapes.divergent:
            self._uniform_branch(block, "C")
        else:
            self._part(block)

    @staticmethod
    def _trap(block: Block) -> int:
        return TRAPS["assert" if block.end and "assert" in block.end.modifiers else ""]

    def _uniform_branch(self, block: Block, copy: str) -> None:
        b = self.b
        name = block.condition.name if block.condition else ""
        value = self.held(name).scalar
        if value is None:
            raise AssertionError("a branch taken for uniform is not")
        labels = [f"%{copy}{t.index}" for t in block.targets]
        if block.kind == "branch":
            b.line(f"br i1 {value.text}, label {labels[0]}, label {labels[1]}")
            return
        cases = " ".join(f"{value.type} {i}, label {label}" for i, label in enumerate(labels))
        b.line(f"switch {value.type} {value.text}, label {labels[-1]} [{cases}]")

    def _choices(self, block: Block) -> list[tuple[int, Value]]:
        """Each target with the number of the lanes that go there, of those that run."""
        b = self.b
        name = block.condition.name if block.condition else ""
        held = self.held(name)
        here = self.lane_number()
        none = b.const(self._mask_type, 0)
        found: dict[int, Value] = {}
        if block.kind == "branch":
            if held.shape.kind == "uniform" and held.scalar is not None:
                yes = b.select(held.scalar, here, none)
            else:
                yes = b.binary("and", self.number_of(self.vector(held)), here)
            no = b.binary("xor", yes, here)
            return [(block.targets[0].index, yes), (block.targets[1].index, no)]
        left = here
        index = self.vector(held)
        for place, target in enumerate(block.targets):
            same = b.compare("icmp eq", index, b.const(index.type, place, True))
            go = b.binary("and", self.number_of(same), here)
            left = b.binary("and", left, b.binary("xor", go, b.const(self._mask_type, -1)))
            if target.index in found:
                go = b.binary("or", found[target.index], go)
            found[target.index] = go
        # An index past the table is undefined: such lanes stop.
        return list(found.items())

    def _part(self, block: Block) -> None:
        """A branch in C that lanes may disagree on."""
        b = self.b
        choices = self._choices(block)
        if block.kind == "branch":
            (yes, number), (no, _) = choices
            mask = self._mask_type
            b.line(
                f"switch {mask} {number.text}, label %part{block.index} "
                f"[{mask} -1, label %C{yes} {mask} 0, label %C{no}]"
            )
            b.label(f"part{block.index}")
        for target, number in choices:
            self._pend(target, number)
        b.line(f"br label %M{min(t for t, _ in choices)}")

    # -- the masked copy -----------------------------------------------------------------------

    def _pend(self, target: int, lanes: Value) -> None:
        """Let lanes wait at a block."""
        b, mask = self.b, self._mask_type
        name = self.alloca(f"%p{target}", mask)
        old = b.emit(f"load {mask}, ptr {name}", mask, False)
        new = b.binary("or", old, lanes)
        b.line(f"store {mask} {new.text}, ptr {name}")

    def _masked(self, block: Block, after: int | None) -> None:
        b, mask, index = self.b, self._mask_type, block.index
        following = "M.end" if after is None else f"M{after}"
        pending = self.alloca(f"%p{index}", mask)
        b.label(f"M{index}")
        here = b.emit(f"load {mask}, ptr {pending}", mask, False)
        none = b.compare("icmp eq", here, b.const(mask, 0))
        b.line(f"br i1 {none.text}, label %{following}, label %M{index}.some")
        b.label(f"M{index}.some")
        b.line(f"store {mask} 0, ptr {pending}")
        stub = index in self.shapes.stubs
        if self.variant.full and (stub or index in self._meetings()):
            every = b.compare("icmp eq", here, b.const(mask, -1))
            b.line(f"br i1 {every.text}, label %C{index}, label %M{index}.run")
            b.label(f"M{index}.run")
        if stub:
            b.line(f"ret i32 {_LOST}")
            return
        self.begin_block(index, Mask(here, self.lanes_of(here)))
        self._steps(block)
        if block.kind == "trap":
            b.line(f"ret i32 {self._trap(block)}")
            return
        if block.kind == "barrier":
            self._arrive(block)
            number = self.barriers.index(block)
            name = self.alloca(f"%q{number}", mask)
            old = b.emit(f"load {mask}, ptr {name}", mask, False)
            b.line(f"store {mask} {b.binary('or', old, here).text}, ptr {name}")
        elif block.kind == "jump":
            self._pend(block.targets[0].index, here)
        elif block.kind != "exit":
            for target, lanes in self._choices(block):
                self._pend(target, lanes)
        back = [t.index for t in block.targets if t.index <= index and block.kind != "barrier"]
        for number, target in enumerate(sorted(set(back))):
            waiting = b.emit(f"load {mask}, ptr %p{target}", mask, False)
            some = b.compare("icmp ne", waiting, b.const(mask, 0))
            b.line(f"br i1 {some.text}, label %M{target}, label %M{index}.on{number}")
            b.label(f"M{index}.on{number}")
        b.line(f"br label %{following}")

    def _meetings(self) -> set[int]:
        """Blocks at which a masked warp may find all its lanes."""
        found = getattr(self, "_meeting_blocks", None)
        if found is None:
            blocks = self.flow.graph.blocks
            found = {
                after.index
                for index in self.shapes.divergent
                if (after := self.shapes.meeting(blocks[index])) is not None
            }
            found |= {b.targets[0].index for b in self.barriers}
            self._meeting_blocks = found
        return found

    def _masked_end(self) -> None:
        """No lanes wait to run: the warp is done, or waits at barriers."""
        b, mask = self.b, self._mask_type
        b.label("M.end")
        parked = self._parked()
        if not parked:
            b.line("br label %warp.finished")
            return
        some = b.const(mask, 0)
        for number in parked:
            one = b.emit(f"load {mask}, ptr %q{number}", mask, False)
            b.line(f"store {mask} {one.text}, ptr {self._slot(f'%q{number}')}")
            some = b.binary("or", some, one)
        waits = b.compare("icmp ne", some, b.const(mask, 0))
        b.line(f"br i1 {waits.text}, label %M.wait, label %warp.finished")
        b.label("M.wait")
        self._save(self._live_masked())
        b.line(f"store i32 {_MASKED}, ptr %frame")
        b.line("store i1 true, ptr %alive")
        b.line("br label %warp.next")

    # -- barriers ------------------------------------------------------------------------------

    def _parked(self) -> list[int]:
        """Barriers that can be reached in M."""
        return [k for k, block in enumerate(self.barriers) if block.index in self.shapes.masked]

    def _live_at(self, block: Block) -> int:
        return self.flow.live_in[block.targets[0].index]

    def _live_masked(self) -> int:
        live = 0
        for number in self._parked():
            live |= self._live_at(self.barriers[number])
        return live

    def _parts(self, live: int) -> list[tuple[str, str, bool]]:
        """Variables that hold the registers: name, element type, wide."""
        found = []
        for place in bits(live):
            name = self.flow.names[place]
            shape = self.shapes.of[name]
            type = self.storage(name)
            if shape.kind != "varying":
                found.append((f"%s{place}", type, False))
            if shape.kind == "varying" or not shape.exact:
                found.append((f"%v{place}", type, True))
            if shape.kind == "strided" and not shape.exact:
                found.append((f"%k{place}", "i1", False))
            if shape.kind == "strided" and shape.stride is None:
                found.append((f"%d{place}", type, False))
        return found

    def _place_frame(self) -> None:
        live = 0
        for block in self.barriers:
            live |= self._live_at(block)
        parts = self._parts(live)
        parts += [(f"%q{k}", self._mask_type, False) for k in self._parked()]
        self.frame, self.frame_bytes = slots(parts, self.width)

    def _slot(self, name: str) -> str:
        offset = self.frame[name]
        return self.b.emit(f"getelementptr i8, ptr %frame, i64 {offset}", "ptr", False).text

    def _move(self, live: int, save: bool) -> None:
        b = self.b
        for name, element, wide in self._parts(live):
            type = b.ir_type(element, wide)
            self.alloca(name, type)
            slot = self._slot(name)
            source, target = (name, slot) if save else (slot, name)
            value = b.emit(f"load {type}, ptr {source}", element, wide)
            b.line(f"store {type} {value.text}, ptr {target}")

    def _save(self, live: int) -> None:
        self._move(live, True)

    def _arrive(self, block: Block) -> None:
        """Count the lanes that come to a ``bar.red``, and those of them that vote for it."""
        b, end, mask = self.b, block.end, self._mask_type
        if end is None or "red" not in end.modifiers:
            return
        yes = self._predicate(end.operands[-1], _as_step(end))
        count = f"llvm.ctpop.{mask}"
        b.declarations[count] = f"declare {mask} @{count}({mask})"
        for offset, lanes in ((0, yes), (4, self.lane_number())):
            ones = b.emit(f"call {mask} @{count}({mask} {lanes.text})", mask, False)
            ones = self.converted(ones, "i32")
            at = b.emit(f"getelementptr i8, ptr %words, i64 {offset}", "ptr", False)
            old = b.emit(f"load i32, ptr {at.text}", "i32", False)
            b.line(f"store i32 {b.binary('add', old, ones).text}, ptr {at.text}")

    def _resume(self) -> None:
        """Where warps go on after a barrier."""
        b, mask = self.b, self._mask_type
        if self.variant.full:
            for number, block in enumerate(self.barriers):
                b.label(f"resume.{number}")
                self._move(self._live_at(block), False)
                b.line(f"br label %C{block.targets[0].index}")
        if not self.barriers or not self.masked:
            return
        b.label("resume.masked")
        parked = self._parked()
        if not parked:
            b.line(f"ret i32 {_LOST}")
            return
        self._move(self._live_masked(), False)
        for number in parked:
            slot = self._slot(f"%q{number}")
            waiting = b.emit(f"load {mask}, ptr {slot}", mask, False)
            self._pend(self.barriers[number].targets[0].index, waiting)
        b.line(f"br label %M{self.masked[0]}")


def _as_step(ins: Instruction) -> Step:
    uses = tuple(o.name for o in ins.operands if isinstance(o, Register))
    return Step(ins, (), tuple(ins.operands), (), uses, None)


def check_barriers(blocks: Iterable[Block], kernel: str) -> None:
    """Raise `PtxError` for a barrier of a form that is not run."""
    for block in blocks:
        end = block.end
        if block.kind != "barrier" or end is None:
            continue
        operands = end.operands[1:] if "red" in end.modifiers else end.operands
        wanted = 2 if "red" in end.modifiers else 1
        if "arrive" in end.modifiers or len(operands) > wanted:
            raise PtxError(
                f"{end.text}: barriers for some of a block's threads are not run here",
                end.line, kernel, end.name,
            )  # fmt: skip


_EMITTERS = {
    "ld": Writer.load,
    "ldu": Writer.load,
    "st": Writer.store,
    "atom": Writer.atomic,
    "red": Writer.atomic,
    "cvta": Writer.convert_address,
    "isspacep": Writer.is_space,
    "ldslot": Writer.slot,
    "stslot": Writer.slot,
    "shfl": Writer.shuffle,
    "vote": Writer.vote,
    "match": Writer.match,
    "activemask": Writer.activemask,
    "redux": Writer.redux,
    "membar": Writer.fence,
    "fence": Writer.fence,
    "bar": Writer.warp_barrier,
    "choose": Writer.choose,
    "barrier": Writer.warp_barrier,
    "barred": Writer.barrier_result,
}
