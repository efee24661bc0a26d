"""A kernel as LLVM IR: the control flow of a warp whose lanes may part, and barriers.

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

from . import mbarrier, mma, services
from .blocks import Block, yields
from .builder import Value
from .dataflow import Dataflow, Step, bits
from .emit import Mask
from .errors import PtxError
from .frames import Layout, slots
from .shapes import Variant
from .skeleton import FIRST, MASKED, Skeleton
from .spins import members
from .syntax import Instruction, Register, Variable

__all__ = ["TRAPS", "Writer"]

# CUresult that a trap of each kind gives.
TRAPS = {"": 719, "assert": 710, "stack": 714}
_LOST = 999  # lanes that should have met did not: CUDA_ERROR_UNKNOWN
_CHANGES = frozenset(("st", "atom", "red"))  # what others may wait for
_POLICIES = frozenset(
    ("L2", "evict_last", "evict_first", "evict_normal", "evict_unchanged", "global", "b64")
)
_IGNORED = frozenset(("prefetch", "prefetchu", "nanosleep", "applypriority", "discard", "pmevent"))


class Writer(Skeleton):
    """Writes one kernel for one variant; `text` gives the module."""

    def __init__(
        self, flow: Dataflow, variant: Variant, layout: Layout, variables: list[Variable]
    ) -> None:
        super().__init__(flow, variant, layout, variables)
        # Lanes that wait at a barrier keep their registers while others run on.
        self.blend_all = layout.barriers
        self.frame: dict[str, int] = {}
        ends = [b.end for b in flow.graph.blocks if b.end is not None]
        self.questions = {end.line for end in ends if yields(end)}
        self._place_frame()

    def control_flow(self) -> None:
        """Write both copies of the blocks, and the ways back from barriers."""
        if self.variant.full:
            for block in self.flow.graph.blocks:
                self._coherent(block)
        for place, index in enumerate(self.masked):
            after = self.masked[place + 1] if place + 1 < len(self.masked) else None
            self._masked(self.flow.graph.blocks[index], after)
        if self.masked:
            self._masked_end()
        self._resume()

    # -- instructions --------------------------------------------------------------------------

    def _steps(self, block: Block) -> None:
        for step in self.flow.steps[block.index]:
            try:
                self._step(step)
            except PtxError as error:
                ins = step.ins
                raise PtxError(error.message, ins.line, self.kernel, ins.name) from None

    def _step(self, step: Step) -> None:
        changes = step.ins.opcode in _CHANGES and step.ins.line not in self.questions
        if self.layout.counted and changes:
            self.note_change()
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

    def cache_policy(self, step: Step) -> None:
        """``createpolicy``: which lines caches shall keep, of which nothing is known here."""
        first, *rest = step.ins.modifiers
        if first not in ("fractional", "range", "cvt") or not _POLICIES.issuperset(rest):
            raise self.error(f"{step.ins.name} is not known", step)
        self.write_value(step.results[0], self.b.const("i64", 0))

    def warp_barrier(self, step: Step) -> None:
        """``bar.warp.sync``, for the lanes of a warp run in step, and ``barrier.arrive``."""
        if "arrive" in step.ins.modifiers:
            self.fail(self.arrive(step, False), step.ins.line)

    def barrier_result(self, step: Step) -> None:
        """What ``bar.red`` found, once all have come."""
        b, modifiers = self.b, step.ins.modifiers
        b.line("; result of the barrier")
        if self.layout.counted:
            counts = self.votes(step)
        else:
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
        if block.kind == "jump" or block.kind == "meet":
            b.line(f"br label %C{targets[0]}")
        elif block.kind == "exit":
            b.line("br label %warp.finished")
        elif block.kind == "trap":
            b.line(f"ret i32 {self._trap(block)}")
        elif block.kind == "barrier":
            number = self.barriers.index(block)
            self._arrive(block)
            self._save(self._live_at(block))
            b.line(f"store i32 {FIRST + number}, ptr %frame")
            b.line("store i1 true, ptr %alive")
            b.line("br label %warp.next")
        elif block.index not in self.shapes.divergent:
            self._uniform_branch(block, "C")
        else:
            self._part(block)

    @staticmethod
    def _trap(block: Block) -> int:
        modifiers = block.end.modifiers if block.end else ()
        return TRAPS[modifiers[0] if modifiers else ""]

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
        none = b.const(self.mask_type, 0)
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
            left = b.binary("and", left, b.binary("xor", go, b.const(self.mask_type, -1)))
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
            mask = self.mask_type
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
        b, mask = self.b, self.mask_type
        name = self.alloca(f"%p{target}", mask)
        old = b.emit(f"load {mask}, ptr {name}", mask, False)
        new = b.binary("or", old, lanes)
        b.line(f"store {mask} {new.text}, ptr {name}")

    def _masked(self, block: Block, after: int | None) -> None:
        b, mask, index = self.b, self.mask_type, block.index
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
            self._park(block, here)
        elif block.kind == "meet":
            self._meet(block, here)
        elif block.kind == "jump":
            self._pend(block.targets[0].index, here)
        elif block.kind == "exit":
            if self.layout.counted:
                self.fail(self.leave(here), 0)
        else:
            for target, lanes in self._choices(block):
                self._pend(target, lanes)
        back = [t.index for t in block.targets if t.index <= index and not block.stops]
        for number, target in enumerate(sorted(set(back))):
            waiting = b.emit(f"load {mask}, ptr %p{target}", mask, False)
            some = b.compare("icmp ne", waiting, b.const(mask, 0))
            b.line(f"br i1 {some.text}, label %M{target}, label %M{index}.on{number}")
            b.label(f"M{index}.on{number}")
        b.line(f"br label %{following}")

    def _park(self, block: Block, lanes: Value) -> None:
        """Let lanes wait at the end of a block."""
        b, mask = self.b, self.mask_type
        name = self.alloca(f"%q{self.barriers.index(block)}", mask)
        old = b.emit(f"load {mask}, ptr {name}", mask, False)
        b.line(f"store {mask} {b.binary('or', old, lanes).text}, ptr {name}")

    def _meet(self, block: Block, here: Value) -> None:
        """Go on with the lanes whose members are there; the others ask again at the next turn."""
        wanted = members(block.end) if block.end is not None else None
        if block.end is None or wanted is None:
            raise AssertionError("lanes that meet for nothing")
        ready = self.together(wanted, _as_step(block.end))
        rest = self.b.binary("xor", ready, here)
        self._park(block, rest)
        self.let_go(rest)
        self._pend(block.targets[0].index, ready)

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
        b, mask = self.b, self.mask_type
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
        b.line(f"store i32 {MASKED}, ptr %frame")
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
        parts += [(f"%q{k}", self.mask_type, False) for k in self._parked()]
        self.frame, self.frame_bytes = slots(parts, self.width, self.layout.counted)

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
        """The lanes that run come to a barrier; those that vote for a ``bar.red`` are counted."""
        b, end, mask = self.b, block.end, self.mask_type
        if end is not None and self.layout.counted:
            if yields(end):
                self.let_go(self.lane_number())
            else:
                self.fail(self.arrive(_as_step(end), True), end.line)
            return
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

    def fail(self, code: Value, line: int) -> None:
        """End the kernel with the error that an arrival at a barrier gave, if it gave one."""
        b = self.b
        fine = b.compare("icmp eq", code, b.const("i32", 0))
        label = b.fresh()[1:]
        b.line(f"br i1 {fine.text}, label %{label}.right, label %{label}.wrong, !prof !0")
        b.label(f"{label}.wrong")
        b.line(f"ret i32 {code.text}")
        b.label(f"{label}.right")

    def at_finish(self) -> None:
        """All lanes of the warp have exited."""
        if self.layout.counted:
            self.mask = None
            self.fail(self.leave(self.b.const("i32", -1)), 0)

    def _resume(self) -> None:
        """Where warps go on after a barrier."""
        b, mask = self.b, self.mask_type
        if self.variant.full:
            for number, block in enumerate(self.barriers):
                b.label(f"resume.{number}")
                if self.layout.counted:
                    self.released()
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
        free = self.released() if self.layout.counted else None
        for number in parked:
            slot = self._slot(f"%q{number}")
            waiting = b.emit(f"load {mask}, ptr {slot}", mask, False)
            if free is not None:
                # The others stay where they are.
                stay = b.binary("and", waiting, b.binary("xor", free, b.const(mask, -1)))
                b.line(f"store {mask} {stay.text}, ptr {self.alloca(f'%q{number}', mask)}")
                waiting = b.binary("and", waiting, free)
            block = self.barriers[number]
            # Lanes that wait for others look again whether those have come.
            after = block if block.kind == "meet" else block.targets[0]
            self._pend(after.index, waiting)
        b.line(f"br label %M{self.masked[0]}")


def _as_step(ins: Instruction) -> Step:
    uses = tuple(o.name for o in ins.operands if isinstance(o, Register))
    return Step(ins, (), tuple(ins.operands), (), uses, None)


_EMITTERS = {
    "ld": Writer.waiting_load,
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
    "createpolicy": Writer.cache_policy,
    "membar": Writer.fence,
    "fence": Writer.fence,
    "bar": Writer.warp_barrier,
    "choose": Writer.choose,
    "barrier": Writer.warp_barrier,
    "barred": Writer.barrier_result,
    **services.EMITTERS,
    **mma.EMITTERS,
    **mbarrier.EMITTERS,
}
