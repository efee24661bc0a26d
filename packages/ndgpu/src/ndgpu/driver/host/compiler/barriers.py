"""Barriers of some of a block's threads, and arrivals without waiting.

A kernel whose barriers are all for the whole block needs none of this: its warps run one after
another to their next barrier, and all go on when all have come.  With ``barrier.sync a, b``,
``barrier.arrive`` or an `mbarrier` (`counted`), the block has sixteen barriers that count who comes
(`barriers.ll`), and a warp goes on when the one that its lanes wait at is complete.  As on hardware
since compute capability 7.0, a warp counts as 32 threads once all of its lanes that have not exited
have come.

Warps that wait at barriers which nobody else will reach would wait for ever: the kernel then ends
with ``CUDA_ERROR_LAUNCH_TIMEOUT``.  Warps that ask an `mbarrier`, or a place in memory, again and
again (`spins`) give the others a turn each time; if only threads of the block can answer, they are
given up after a million turns in which nothing came to pass.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from string import Template

from .blocks import Block, yields
from .builder import Value
from .dataflow import Dataflow, Step
from .errors import PtxError
from .frames import FRAME_FIELDS, WORD_FIELDS
from .lanes import Lanes
from .syntax import Immediate, Instruction, Operand

__all__ = ["DEADLOCK", "DISAGREE", "ILLEGAL", "Barriers", "check", "counted", "operands_of"]

DEADLOCK = 702  # CUDA_ERROR_LAUNCH_TIMEOUT
ILLEGAL = 715  # CUDA_ERRORILLEGAL_INSTRUCTION: a number or a count that no barrier has
DISAGREE = 719  # CUDA_ERROR_LAUNCH_FAILED: two counts for one barrier
_BARRIERS = 16
_ATTRIBUTES = "noinline nounwind null_pointer_is_valid"


def operands_of(ins: Instruction) -> tuple[Operand, Operand, Operand | None]:
    """A barrier's number, the threads that it wants (0: all), and what they vote."""
    operands, vote = list(ins.operands), None
    if "red" in ins.modifiers:
        _, *operands, vote = operands
    count = operands[1] if len(operands) > 1 else Immediate(0)
    return operands[0] if operands else Immediate(0), count, vote


def _parts(ins: Instruction) -> bool:
    """Whether it is a barrier for which not all of the block need wait."""
    if yields(ins) or ins.opcode.startswith("mbarrier."):
        return True
    if ins.opcode not in ("bar", "barrier") or "warp" in ins.modifiers:
        return False
    return "arrive" in ins.modifiers or operands_of(ins)[1] != Immediate(0)


def counted(flow: Dataflow) -> bool:
    """Whether a kernel has barriers that count who comes."""
    ends = (b.end for b in flow.graph.blocks if b.end is not None)
    steps = (s.ins for steps in flow.steps for s in steps)
    return any(map(_parts, ends)) or any(map(_parts, steps))


def _within_block(ins: Instruction) -> bool:
    """Whether only threads of the same block can answer a question."""
    return not {"shared", "cta", "parity"}.isdisjoint(ins.modifiers) or "mbarrier" in ins.text


def check(blocks: Iterable[Block], kernel: str) -> None:
    """Raise `PtxError` for a barrier of a form that is not run."""
    for block in blocks:
        ends = [block.end] if block.kind == "barrier" and block.end is not None else []
        for ins in [*block.instructions, *ends]:
            if ins.opcode in ("bar", "barrier") and "warp" not in ins.modifiers:
                _check(ins, kernel)


def _check(ins: Instruction, kernel: str) -> None:
    def refuse(why: str) -> PtxError:
        return PtxError(f"{ins.text}: {why}", ins.line, kernel, ins.name)

    if "cluster" in ins.modifiers:
        raise refuse("clusters of blocks need compute capability 9.0")
    red, arrives = "red" in ins.modifiers, "arrive" in ins.modifiers
    given = len(ins.operands) - 2 * red
    # `red` has a result and a vote beside the number and the count.
    if not (2 if arrives else 1 if red else 0) <= given <= 2:
        raise refuse("not the operands of a barrier")
    number, count, _ = operands_of(ins)
    if isinstance(number, Immediate) and not 0 <= number.bits < _BARRIERS:
        raise refuse(f"a block has barriers 0 to {_BARRIERS - 1}")
    if isinstance(count, Immediate) and (count.bits % 32 or (arrives and not count.bits)):
        raise refuse("the threads at a barrier must be a multiple of 32")


# -- code ------------------------------------------------------------------------------------------

_PLACES = "ptr %words, ptr %frames, i64 %warps.64"
_PATIENCE = 1 << 20  # turns of a block in which nothing but asking happens


class Barriers(Lanes):
    """Emits what warps do at barriers that count who comes.

    Attributes
    ----------
    frame_bytes : int
        Size of a warp's frame.
    """

    frame_bytes = 0

    def at_deadlock(self) -> None:
        """What code with checks (`check`) does beside where a block is given up."""

    def _helpers(self) -> None:
        if "barriers" in self.helpers:
            return
        for text in ("i32 @llvm.cttz.i32(i32, i1)", "i32 @llvm.ctpop.i32(i32)"):
            self.b.declarations[text[text.index("@") + 1 : text.index("(")]] = f"declare {text}"
        text = Path(__file__).with_suffix(".ll").read_text()
        self.helpers["barriers"] = Template(text).substitute(
            WORD_FIELDS | FRAME_FIELDS,
            attributes=_ATTRIBUTES,
            frame=self.frame_bytes,
            illegal=ILLEGAL,
            disagree=DISAGREE,
        )

    def arrive(self, step: Step, waits: bool) -> Value:
        """Have the lanes that run arrive at a barrier; 0 or a ``CUresult``."""
        self._helpers()
        b = self.b
        *numbers, vote = operands_of(step.ins)
        yes = self._predicate(vote, step).text if vote is not None else "0"
        given = [
            b.typed(b.splat(self._number(operand, step)))
            for operand in numbers
            if operand is not None
        ]
        return b.emit(
            f"call i32 @barrier.arrive({_PLACES}, ptr %frame, {', '.join(given)}, "
            f"i32 {self.lane_number().text}, i32 {yes}, i1 {str(waits).lower()}, "
            f"i32 {step.ins.line})",
            "i32", False,
        )  # fmt: skip

    def _number(self, operand: Operand, step: Step) -> Value:
        return self.vector_argument(self.source(operand, step), "i32")

    def leave(self, lanes: Value) -> Value:
        """Have lanes exit; 0 or a ``CUresult``."""
        self._helpers()
        text = f"call i32 @barrier.leave({_PLACES}, ptr %frame, i32 {lanes.text})"
        return self.b.emit(text, "i32", False)

    def let_go(self, lanes: Value) -> None:
        """Let lanes go on at the warp's next turn."""
        b = self.b
        at = self._field("released")
        old = b.emit(f"load i32, ptr {at}", "i32", False)
        b.line(f"store i32 {b.binary('or', old, lanes).text}, ptr {at}")

    def together(self, wanted: Operand, step: Step) -> Value:
        """Those of the lanes that run all of whose members, but for exited ones, run as well."""
        b, here = self.b, self.lane_number()
        dead = b.emit(f"load i32, ptr {self._field('dead')}", "i32", False)
        there = b.binary("or", here, dead)
        away = b.binary("xor", there, b.const("i32", -1))
        missing = b.binary("and", self._number(wanted, step), away)
        complete = b.compare("icmp eq", missing, b.const("i32", 0, True))
        return b.binary("and", self.number_of(complete), here)

    def note_change(self) -> None:
        """Something came to pass that other warps may wait for."""
        self.b.line("store i32 1, ptr %words.moved")

    def released(self) -> Value:
        """The lanes that may go on, which are told so once."""
        at = self._field("released")
        lanes = self.b.emit(f"load i32, ptr {at}", "i32", False)
        self.b.line(f"store i32 0, ptr {at}")
        return lanes

    def _field(self, name: str) -> str:
        text = f"getelementptr i8, ptr %frame, i64 {FRAME_FIELDS[name]}"
        return self.b.emit(text, "ptr", False).text

    def votes(self, step: Step) -> list[Value]:
        """How many voted for a barrier that is passed, and how many voted."""
        b = self.b
        number = self.source(operands_of(step.ins)[0], step)
        if self.uniform(number):
            index = b.cast("zext", self.scalar_argument(number, "i32"), "i64")
        else:
            index = b.cast("zext", self.vector_argument(number, "i32"), "i64")
        offset = b.binary("mul", index, b.const("i64", 4, index.wide))
        found = []
        for name in ("votes", "voters"):
            base = b.emit(f"ptrtoint ptr {self._field(name)} to i64", "i64", False)
            at = b.binary("add", offset, base)
            if at.wide:
                found += self._gathered(at, "i32", 1, False)
            else:
                found.append(b.emit(f"load i32, ptr {self.pointer(at, 0).text}", "i32", False))
        return found

    # -- a block's turns -------------------------------------------------------------------------

    def begin_barriers(self) -> None:
        """A block begins: nobody has come to any barrier."""
        self.alloca("%ran", "i1")
        self.alloca("%idle", "i32")
        self._clear("%words", "words", 0, WORD_FIELDS["end"])
        self.b.lines += [
            f"  %words.alive = getelementptr i8, ptr %words, i64 {WORD_FIELDS['alive']}",
            "  store i32 %warps, ptr %words.alive",
            f"  %words.moved = getelementptr i8, ptr %words, i64 {WORD_FIELDS['moved']}",
            "  store i32 0, ptr %idle",
        ]

    def begin_warp(self) -> None:
        """A block begins: the state of a warp, the lanes past whose last thread count as exited."""
        self._clear("%reset.frame", "reset", FRAME_FIELDS["arrived"], FRAME_FIELDS["end"])
        self.b.lines += [
            "  %reset.first = shl i64 %reset.at, 5",
            "  %threads.64 = zext i32 %threads to i64",
            "  %reset.left = sub i64 %threads.64, %reset.first",
            "  %reset.all = icmp uge i64 %reset.left, 32",
            "  %reset.n = select i1 %reset.all, i64 32, i64 %reset.left",
            "  %reset.ones = shl i64 -1, %reset.n",
            "  %reset.dead = trunc i64 %reset.ones to i32",
            f"  %reset.dead.p = getelementptr i8, ptr %reset.frame, i64 {FRAME_FIELDS['dead']}",
            "  store i32 %reset.dead, ptr %reset.dead.p",
        ]

    def _clear(self, base: str, name: str, first: int, end: int) -> None:
        for place in range(first, end, 64):
            self.b.line(f"%{name}.f{place} = getelementptr i8, ptr {base}, i64 {place}")
            self.b.line(f"store <16 x i32> zeroinitializer, ptr %{name}.f{place}, align 64")

    def begin_turn(self) -> None:
        """All warps are looked at once more."""
        self.b.lines += ["  store i1 false, ptr %ran", "  store i32 0, ptr %words.moved"]

    def take_turn(self, start: int, done: int) -> None:
        """Go on to a warp's code if its state is `start` or some of its lanes may go on."""
        self.b.lines += [
            f"  %released.p = getelementptr i8, ptr %frame, i64 {FRAME_FIELDS['released']}",
            "  %released = load i32, ptr %released.p",
            "  %is.released = icmp ne i32 %released, 0",
            f"  %is.new = icmp eq i32 %state, {start}",
            f"  %is.done = icmp eq i32 %state, {done}",
            "  %may.run = or i1 %is.released, %is.new",
            "  br i1 %may.run, label %warp.runs, label %warp.rests",
            "warp.rests:",
            "  br i1 %is.done, label %warp.next, label %warp.waits",
            "warp.waits:",
            "  store i1 true, ptr %alive",
            "  br label %warp.next",
            "warp.runs:",
            "  store i1 true, ptr %ran",
        ]

    def end_turn(self) -> None:
        """Go on with the block, unless all that is left of it waits for what will not come."""
        ends = [b.end for b in self.flow.graph.blocks if b.end is not None and yields(b.end)]
        patience = _PATIENCE if all(map(_within_block, ends)) else -1  # the largest number
        self.b.lines += [
            "  %turn.alive = load i1, ptr %alive",
            "  br i1 %turn.alive, label %turn.look, label %block.next",
            "turn.look:",
            "  %turn.ran = load i1, ptr %ran",
            "  %turn.moved = load i32, ptr %words.moved",
            "  %turn.idle = load i32, ptr %idle",
            "  %turn.still = icmp eq i32 %turn.moved, 0",
            "  %turn.more = add i32 %turn.idle, 1",
            "  %turn.count = select i1 %turn.still, i32 %turn.more, i32 0",
            "  store i32 %turn.count, ptr %idle",
            f"  %turn.patient = icmp ult i32 %turn.count, {patience}",
            "  %turn.on = and i1 %turn.ran, %turn.patient",
            "  br i1 %turn.on, label %phase, label %deadlock",
            "deadlock:",
        ]
        self.at_deadlock()
        self.b.lines += [f"  ret i32 {DEADLOCK}", "block.next:"]
