"""Functions of the device's run-time library: `vprintf`, `__assertfail`, `malloc` and `free`.

Calls of them become instructions of these names.  They call functions of this process, whose
addresses are in the launch's table of variables: object code, which outlives the process, may
not hold them.  Nor may it name them: LLVM's loader gives each object that names a symbol a table
of addresses, and finds the constants of later objects by the first such table.
"""

from __future__ import annotations

from . import console
from .builder import Value
from .dataflow import Step
from .lanes import Lanes
from .syntax import Module, Register, Variable

__all__ = ["EMITTERS", "variables"]

_CALLED = {
    "vprintf": "@vprintf",
    "__assertfail": "@assertfail",
    "malloc": "@malloc",
    "free": "@free",
}


def variables(module: Module, text: str) -> list[Variable]:
    """Variables that hold the addresses of what the module, of this PTX, may call back."""
    called = [holder for name, holder in _CALLED.items() if name in module.functions]
    if not {"malloc", "free"}.isdisjoint(module.functions):
        called.append("@heap")
    if "%globaltimer" in text:
        called.append("@clock_gettime")
    if "%envreg" in text:
        called.append("@sched_yield")
    return [
        Variable(holder, "const", 8, 8, console.address(holder).to_bytes(8, "little"))
        for holder in called
    ]


def _vectors(w: Lanes, step: Step, types: tuple[str, ...]) -> list[Value]:
    return [
        w.vector_argument(w.source(operand, step), type)
        for operand, type in zip(step.sources, types, strict=True)
    ]


def _function(w: Lanes, holder: str, step: Step) -> Value:
    """The function whose address a variable holds."""
    slot = w.variable_address(holder)
    if slot is None:
        raise w.error(f"the module does not declare {holder[1:]}", step)
    at = w.b.emit(f"inttoptr i64 {slot.text} to ptr", "ptr", False)
    return w.b.emit(f"load ptr, ptr {at.text}", "ptr", False)


def _each(
    w: Lanes, name: str, given: list[Value], result: str | None, body: list[str]
) -> Value | None:
    """Run `body` for each lane; the first of `given` is its ``%at``, the others are ``%y``, ``%z``.

    Values that are the same for all lanes are spread over them: none of this needs to be quick.
    """
    b = w.b
    vectors = [b.splat(value) for value in given]
    helper = w.lane_loop(name, [v.type for v in vectors[1:]], result, body)
    passed = ", ".join(map(b.typed, (*vectors, w.lane_number())))
    if result is None:
        b.line(f"call void @{helper}({passed})")
        return None
    return b.emit(f"call {b.ir_type(result, True)} @{helper}({passed})", result, True)


def _print(w: Lanes, step: Step) -> None:
    """``vprintf``: the lanes in order."""
    format, arguments = _vectors(w, step, ("i64", "i64"))
    given = [arguments, format, _function(w, "@vprintf", step)]
    body = [
        "%q = inttoptr i64 %y to ptr",
        "%x = call i32 %z(ptr %q, ptr %at)",
    ]
    count = _each(w, "device.vprintf", given, "i32", body)
    if count is not None:
        w.write_value(step.results[0], count)


def _assert_failed(w: Lanes, step: Step) -> None:
    """``__assertfail``: the message; a trap follows."""
    message, file, line, name, _ = _vectors(w, step, ("i64", "i64", "i32", "i64", "i64"))
    threads = [w.vector_argument(w.source(Register(f"%tid.{a}"), step), "i32") for a in "xyz"]
    blocks = [Value(f"%ctaid.{a}", "i32", False) for a in "xyz"]
    given = [message, file, name, line, *blocks, *threads, _function(w, "@assertfail", step)]
    body = [
        "%q = inttoptr i64 %y to ptr",
        "%r = inttoptr i64 %z to ptr",
        "call void %z9(ptr %at, ptr %q, ptr %r, i32 %z2, i32 %z3, i32 %z4, i32 %z5, "
        "i32 %z6, i32 %z7, i32 %z8)",
    ]
    _each(w, "device.assertfail", given, None, body)


def _allocate(w: Lanes, step: Step) -> None:
    """``malloc``."""
    given = [*_vectors(w, step, ("i64",)), _function(w, "@malloc", step), _heap(w, step)]
    body = ["%q = call ptr %y(i64 %p, ptr %z)", "%x = ptrtoint ptr %q to i64"]
    found = _each(w, "device.malloc", given, "i64", body)
    if found is not None:
        w.write_value(step.results[0], found)


def _release(w: Lanes, step: Step) -> None:
    """``free``."""
    given = [*_vectors(w, step, ("i64",)), _function(w, "@free", step), _heap(w, step)]
    _each(w, "device.free", given, None, ["call void %y(ptr %at, ptr %z)"])


def _heap(w: Lanes, step: Step) -> Value:
    return _function(w, "@heap", step)  # an address in a variable, as the functions' are


EMITTERS = {
    "vprintf": _print,
    "__assertfail": _assert_failed,
    "malloc": _allocate,
    "free": _release,
}
