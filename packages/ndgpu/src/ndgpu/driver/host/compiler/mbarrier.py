"""`mbarrier`: barriers in shared memory, which threads ask whether a phase of theirs is over.

An object is a word of 64 bits: the arrivals that its phase still waits for in bits 0 to 19, those
that each phase waits for in 20 to 39, and above them the number of phases that are over.  The
state that an arrival returns is the word before it.  Asynchronous copies are done where they are
asked for (`async_copy`), so that they never hold up a phase.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from .barriers import Barriers
from .builder import Value
from .dataflow import Step
from .syntax import Immediate, Operand

__all__ = ["EMITTERS"]

_COUNT = (1 << 20) - 1
_FIELD, _PHASE = 20, 40
_IGNORED = frozenset(("shared", "cta", "b64", "acquire", "release", "relaxed"))


def _form(w: Barriers, step: Step, *known: str) -> None:
    """Refuse a form with modifiers that are not known."""
    for modifier in step.ins.modifiers:
        if modifier not in _IGNORED and modifier not in known:
            raise w.error(f"{step.ins.name}: .{modifier} is not known", step)


def _each(
    w: Barriers, step: Step, name: str, types: Sequence[str], result: str | None, body: list[str]
) -> Value | None:
    """Run `body` for each lane, with its object at ``%at`` and its operands in ``%y``."""
    space = "shared" if "shared" in step.ins.modifiers else "generic"
    place = w.place(step.sources[0], space, step)
    given = [w.addresses(place.held, place.offset)]
    given += [
        w.vector_argument(w.source(o, step), type)
        for o, type in zip(_operands(w, step, types), types, strict=True)
    ]
    helper = w.lane_loop(name, list(types), result, body)
    passed = ", ".join(map(w.b.typed, (*given, w.lane_number())))
    if result is None:
        w.b.line(f"call void @{helper}({passed})")
        return None
    return w.b.emit(f"call {w.b.ir_type(result, True)} @{helper}({passed})", result, True)


def _operands(w: Barriers, step: Step, types: Sequence[str]) -> Sequence[Operand]:
    given = step.sources[1:]
    if not given and "arrive" in step.ins.opcode:
        return (Immediate(1),)
    if len(given) != len(types):
        raise w.error(f"{step.ins.name} with {len(given)} operands", step)
    return given


def _init(w: Barriers, step: Step) -> None:
    _form(w, step)
    body = [
        "%b.n = zext i32 %y to i64",
        f"%again = shl i64 %b.n, {_FIELD}",
        "%word = or i64 %again, %b.n",
        "store i64 %word, ptr %at",
    ]
    _each(w, step, "mbarrier.init", ("i32",), None, body)


def _inval(w: Barriers, step: Step) -> None:
    _form(w, step)
    _each(w, step, "mbarrier.inval", (), None, ["store i64 0, ptr %at"])


def _arrival(drop: bool) -> Callable[[Barriers, Step], None]:
    def emit(w: Barriers, step: Step) -> None:
        _form(w, step, "noComplete")
        less = (1 << _FIELD if drop else 0) + 1
        body = [
            "%x = load i64, ptr %at",
            "%b.n = zext i32 %y to i64",
            f"%b.less = mul i64 %b.n, {less}",
            "%b.left = sub i64 %x, %b.less",
            f"%pending = and i64 %b.left, {_COUNT}",
            "%over = icmp eq i64 %pending, 0",
            f"%up = lshr i64 %b.left, {_FIELD}",
            f"%again = and i64 %up, {_COUNT}",
            f"%next = add i64 %b.left, {1 << _PHASE}",
            "%begun = or i64 %next, %again",
            "%word = select i1 %over, i64 %begun, i64 %b.left",
            "store i64 %word, ptr %at",
        ]
        name = "mbarrier.arrive_drop" if drop else "mbarrier.arrive"
        state = _each(w, step, name, ("i32",), "i64", body)
        if state is not None:
            w.write_value(step.results[0], state)
        w.note_change()

    return emit


def _test_wait(w: Barriers, step: Step) -> None:
    _form(w, step, "parity")
    parity = "parity" in step.ins.modifiers
    type = "i32" if parity else "i64"
    body = ["%w = load i64, ptr %at", f"%phase = lshr i64 %w, {_PHASE}"]
    if parity:
        body += ["%now = trunc i64 %phase to i1", "%then = trunc i32 %y to i1"]
        body.append("%over = xor i1 %now, %then")
    else:
        body += [f"%then = lshr i64 %y, {_PHASE}", "%over = icmp ne i64 %phase, %then"]
    body.append("%x = zext i1 %over to i32")
    name = f"mbarrier.test_wait{'.parity' * parity}"
    over = _each(w, step, name, (type,), "i32", body)
    if over is not None:
        none = w.b.const("i32", 0, True)
        w.write_value(step.results[0], w.b.compare("icmp ne", over, none))


def _pending_count(w: Barriers, step: Step) -> None:
    _form(w, step)
    b = w.b
    state = w.vector_argument(w.source(step.sources[0], step), "i64")
    count = b.binary("and", state, b.const("i64", _COUNT, True))
    w.write_value(step.results[0], b.cast("trunc", count, "i32"))


EMITTERS: dict[str, Callable[[Barriers, Step], None]] = {
    "mbarrier.init": _init,
    "mbarrier.inval": _inval,
    "mbarrier.arrive": _arrival(drop=False),
    "mbarrier.arrive_drop": _arrival(drop=True),
    "mbarrier.test_wait": _test_wait,
    "mbarrier.pending_count": _pending_count,
}
