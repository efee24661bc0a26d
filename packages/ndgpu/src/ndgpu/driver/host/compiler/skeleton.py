"""A kernel's native function around its warps: the launch, the blocks, and one warp after another.

The function reads the launch's geometry once, then goes through its range of blocks, and in each
through the warps; with barriers, again and again until all warps are done.  What a warp does is
the `control_flow` of a subclass, which starts at label ``C0`` or ``M0`` and ends by going to
``warp.finished``, or to ``warp.next`` to be called again.
"""

from __future__ import annotations

from .barriers import Barriers
from .builder import BITS, Value
from .dataflow import Dataflow, Step
from .frames import ALIGN, Layout, rounded
from .shapes import Shapes, Variant
from .syntax import Variable

__all__ = ["DONE", "FIRST", "MASKED", "START", "Skeleton"]

# A warp's state in its frame: done, not begun, waiting with some lanes, or (from FIRST on) waiting
# with all of them at the barrier of that number.
DONE, START, MASKED, FIRST = -1, 0, 1, 2


class Skeleton(Barriers):
    """Writes what surrounds the warps.

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
        self.constant_sizes = {v.name: v.size for v in variables if v.space == "const" and v.size}
        self.params = {p.name: (i, p) for i, p in enumerate(flow.flat.function.params)}
        self.parameters: dict[tuple[str, int, str], Value] = {}
        self.barriers = [b for b in flow.graph.blocks if b.stops]
        self.masked = sorted(self.shapes.masked | self.shapes.stubs)
        self.mask_type = f"i{self.width}"

    def control_flow(self) -> None:
        """Write what a warp does, from its start and from each barrier."""
        raise NotImplementedError

    # What code with checks (`check`) does beside, where a block, a part of it between barriers,
    # and a warp start, and where such a part ends.
    def at_block(self) -> None: ...

    def at_phase(self) -> None: ...

    def at_warp(self) -> None: ...

    def at_phase_end(self) -> None: ...

    def at_finish(self) -> None:
        """What a warp does when all of its lanes have exited."""

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

    def constants(self) -> list[tuple[Value, int]]:
        """Where the module's constants are, and their sizes."""
        return self._known(self.constant_sizes)

    def arguments(self) -> list[tuple[Value, int]]:
        """Where the kernel's parameters are, and their sizes."""
        return self._known({name: param.size for name, (_, param) in self.params.items()})

    def _known(self, sizes: dict[str, int]) -> list[tuple[Value, int]]:
        places = ((self.variable_address(name), size) for name, size in sizes.items())
        return [(address, size) for address, size in places if address is not None]

    # -- the function --------------------------------------------------------------------------

    def text(self, symbol: str) -> str:
        """The whole module, with the function named `symbol`."""
        b = self.b
        self.control_flow()
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
            "!1 = !{i32 1}",
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
            f"  %frames = getelementptr i8, ptr %words, i64 {self.layout.words}",
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
        self.at_block()
        if self.layout.barriers:
            self.alloca("%alive", "i1")
            if self.layout.counted:
                self.begin_barriers()
            else:
                b.line("store <4 x i32> zeroinitializer, ptr %words")
            b.lines += [
                "  br label %reset",
                "reset:",
                "  %reset.at = phi i64 [0, %block.start], [%reset.next, %reset]",
                f"  %reset.offset = mul i64 %reset.at, {self.frame_bytes}",
                "  %reset.frame = getelementptr i8, ptr %frames, i64 %reset.offset",
                f"  store i32 {START}, ptr %reset.frame",
            ]
            if self.layout.counted:
                self.begin_warp()
            b.lines += [
                "  %reset.next = add i64 %reset.at, 1",
                "  %reset.more = icmp ult i64 %reset.next, %warps.64",
                "  br i1 %reset.more, label %reset, label %phase",
                "phase:",
                "  store i1 false, ptr %alive",
            ]
            if self.layout.counted:
                self.begin_turn()
            self.at_phase()
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
            if self.layout.counted:
                self.take_turn(START, DONE)
        else:
            b.line("%local = add i64 %locals, 0")
        b.line(f"%local.bytes = add i64 0, {width * self.layout.local_bytes}")
        self.at_warp()
        b.line("; registers")
        if self.layout.barriers:
            cases = [f"i32 {START}, label %warp.enter"]
            if self.masked:
                cases.append(f"i32 {MASKED}, label %resume.masked")
            if self.variant.full:
                cases += [f"i32 {FIRST + k}, label %resume.{k}" for k in range(len(self.barriers))]
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
        mask = self.mask_type
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
        self.at_finish()
        if self.layout.barriers:
            b.line(f"store i32 {DONE}, ptr %frame")
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
        self.at_phase_end()
        if self.layout.counted:
            self.end_turn()
        elif self.layout.barriers:
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
            # Other threads see what was stored past the caches only after a fence.
            *(["  fence seq_cst"] if self.streams else []),
            "  ret i32 0",
        ]
