"""Loops in which a thread waits for another by asking again and again.

On hardware every warp, and since compute capability 7.0 every lane, goes on in its own time, so
that such a loop ends.  Here warps run one after another, and lanes together: before each question
in such a loop the lanes that ask stop (`cfg`), so that the other lanes of their warp, and the other
warps of the block, get a turn.

Lanes then no longer come together to where they synchronise, as by `__syncwarp` or a shuffle: those
that come first wait there for the others (`members`).

Guarantees: a question is found if it is a load that others may answer (volatile, relaxed, acquire)
or an atomic operation, if what it tells decides whether the loop goes on, and if it asks for the
same each time round: no register that it reads is assigned within the loop, and nothing else in the
loop is stored.
"""

from __future__ import annotations

from collections.abc import Sequence

from .flat import Flat
from .syntax import (
    NO_RESULT,
    Address,
    Immediate,
    Instruction,
    Operand,
    Register,
    Symbol,
    Vector,
)

__all__ = ["members", "questions"]

_STRONG = frozenset(("volatile", "relaxed", "acquire", "mmio"))
_EFFECTS = frozenset(
    ("st", "red", "bar", "barrier", "enter", "leave", "stslot", "vprintf", "malloc")
)
_TOGETHER = frozenset(
    ("mma", "ldmatrix", "movmatrix", "wmma.load", "wmma.mma", "wmma.store")
)  # fmt: skip
_ALL = Immediate(0xFFFFFFFF)


def members(ins: Instruction) -> Operand | None:
    """The lanes that an instruction waits for, as a number; None if it waits for none."""
    if ins.opcode in _TOGETHER:
        return _ALL
    if ins.opcode in ("bar", "barrier") and "warp" in ins.modifiers:
        return ins.operands[0] if ins.operands else _ALL
    if ins.opcode in ("shfl", "vote", "match", "redux", "elect") and "sync" in ins.modifiers:
        return ins.operands[-1]
    return None


def questions(flat: Flat) -> set[int]:
    """Places in `flat.items` of the instructions by which a loop waits for other threads."""
    items = flat.items
    candidates = [i for i, item in enumerate(items) if _asks(item)]
    if not candidates:
        return set()
    loops = _loops(flat)
    found = set()
    for place in candidates:
        around = [loop for loop in loops if loop[0] <= place <= loop[1]]
        if around:
            first, last = min(around, key=lambda loop: loop[1] - loop[0])
            if _waits(items, place, range(first, last + 1)):
                found.add(place)
    return found


def _asks(item: Instruction | str) -> bool:
    if isinstance(item, str):
        return False
    if item.opcode == "ld":
        return not _STRONG.isdisjoint(item.modifiers)
    return item.opcode == "atom"


def _loops(flat: Flat) -> list[tuple[int, int]]:
    """Ranges of items from a label to a branch back to it."""
    labels = {item: i for i, item in enumerate(flat.items) if isinstance(item, str)}
    found = []
    for place, item in enumerate(flat.items):
        if isinstance(item, str) or item.opcode not in ("bra", "brx"):
            continue
        target = item.operands[-1]
        names = [target.name] if isinstance(target, Symbol) else []
        if item.opcode == "brx" and names:
            names = list(flat.tables.get(names[0], ()))
        found += [(labels[n], place) for n in names if labels.get(n, place) < place]
    return found


def _waits(items: Sequence[Instruction | str], place: int, loop: range) -> bool:
    """Whether a loop goes on until the answer is another, and does nothing else meanwhile."""
    question = items[place]
    body = [item for item in items[loop.start : loop.stop] if isinstance(item, Instruction)]
    if isinstance(question, str):
        return False
    if any(
        item.opcode in _EFFECTS or (item.opcode == "atom" and item is not question) for item in body
    ):
        return False
    reads = _registers(question.operands[1:])
    if any(not reads.isdisjoint(_results(item)) for item in body):
        return False
    # What decides whether the loop goes on, and what that is made of.
    decides = {item.guard.name for item in body if item.opcode == "bra" and item.guard}
    decides |= {name for item in body if item.opcode == "brx" for name in _registers(item.operands)}
    while True:
        made = {
            name
            for item in body
            if not decides.isdisjoint(_results(item))
            for name in _registers(item.operands[1:])
        }
        if made <= decides:
            return not decides.isdisjoint(_results(question))
        decides |= made


def _results(item: Instruction) -> set[str]:
    return set() if item.opcode in NO_RESULT else _registers(item.operands[:1])


def _registers(operands: Sequence[Operand]) -> set[str]:
    found: set[str] = set()
    for operand in operands:
        if isinstance(operand, Vector):
            found |= _registers(operand.elements)
        elif isinstance(operand, Address):
            operand = operand.base  # type: ignore[assignment]
        if isinstance(operand, Register):
            found.add(operand.name)
    return found
