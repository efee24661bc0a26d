"""Atomic operations: one lane after the other, in the order of the lanes.

Memory shared by a block needs no atomic instruction, for one thread of the host runs all of a
block.  Where all lanes add to one place and nobody looks at the result, one operation does.
"""

from __future__ import annotations

from .builder import Builder, Value
from .dataflow import Step
from .isa import OPS
from .memory import MEMORY_TYPES, Memory
from .syntax import Instruction

__all__ = ["Atomics"]

_SCOPES = frozenset(("cta", "cluster", "gpu", "sys", "relaxed", "noftz", "L2"))
_ORDERS = frozenset(("acquire", "release", "acq_rel"))
_SPACES = frozenset(("global", "shared", "generic"))
_RMW = {
    "add": ("add", "add"),
    "and": ("and", "and"),
    "or": ("or", "or"),
    "xor": ("xor", "xor"),
    "exch": ("xchg", "xchg"),
    "min": ("min", "umin"),
    "max": ("max", "umax"),
    "inc": ("uinc_wrap", "uinc_wrap"),
    "dec": ("udec_wrap", "udec_wrap"),
}
_REDUCED = {"add", "and", "or", "xor", "min", "max"}
_HALVES = frozenset(("f16", "f16x2", "bf16", "bf16x2"))
_NEUTRAL = {"add": 0, "or": 0, "xor": 0, "and": -1}


class Atomics(Memory):
    """Emits `atom` and `red`."""

    def atomic(self, step: Step) -> None:
        """``atom`` and ``red``, of scalars."""
        ins = step.ins
        space, operation, order = "generic", "", "monotonic"
        for modifier in ins.modifiers[:-1]:
            if modifier in _SPACES:
                space = modifier
            elif modifier in _RMW or modifier == "cas":
                operation = modifier
            elif modifier in _ORDERS:
                order = "acq_rel"
            elif modifier not in _SCOPES:
                raise self.error(f"{ins.name}: .{modifier} is not known", step)
        type = ins.modifiers[-1]
        if not operation or type not in MEMORY_TYPES:
            raise self.error(f"{ins.name} is not known", step)
        self._check(operation, type, step)
        memory = MEMORY_TYPES[type]
        place = self.place(step.sources[0], space, step)
        sources = [self.source(o, step) for o in step.sources[1:]]
        if len(sources) != (2 if operation == "cas" else 1):
            raise self.error(f"{ins.name} with {len(sources)} values", step)
        unused = not any(self._is_used(name) for name in step.defines)
        if (
            unused
            and place.held.shape.kind == "uniform"
            and operation in _REDUCED
            and memory[0] == "i"
            and type not in _HALVES
        ):
            self._reduced(operation, type, order, space, place.held.scalar, place.offset,
                          self.vector_argument(sources[0], memory))  # fmt: skip
            return
        values = [self.vector_argument(s, memory) for s in sources]
        addresses = self.addresses(place.held, place.offset)
        name = self._helper(operation, type, memory, order, space == "shared", step)
        b, mask = self.b, self.lane_number()
        given = "".join(f"{b.typed(v)}, " for v in values)
        wide = b.ir_type(memory, True)
        found = b.emit(
            f"call {wide} @{name}({b.typed(addresses)}, {given}{mask.type} {mask.text})",
            memory, True,
        )  # fmt: skip
        if step.results:
            self.write_value(step.results[0], self.extended(found, type, step.results[0]))

    def _check(self, operation: str, type: str, step: Step) -> None:
        kind = type[0]
        known = {
            "add": type in ("u32", "s32", "u64", "s64", "f32", "f64") or type in _HALVES,
            "min": type in ("u32", "s32", "u64", "s64"),
            "max": type in ("u32", "s32", "u64", "s64"),
            "exch": type in ("b32", "b64"),
            "cas": type in ("b16", "b32", "b64"),
            "inc": type == "u32",
            "dec": type == "u32",
        }.get(operation, kind == "b" and type in ("b32", "b64"))
        if not known:
            raise self.error(f"{step.ins.name} is not known", step)

    def _is_used(self, name: str) -> bool:
        return name in self.used_registers

    @property
    def used_registers(self) -> set[str]:
        """Registers that something reads."""
        found = getattr(self, "_used", None)
        if found is None:
            found = set()
            for steps in self.flow.steps:
                for step in steps:
                    found.update(step.uses)
            for block in self.flow.graph.blocks:
                found.update(self.flow.end_uses(block))
            self._used = found
        return found

    def _reduced(
        self,
        operation: str,
        type: str,
        order: str,
        space: str,
        base: Value | None,
        offset: int,
        value: Value,
    ) -> None:
        b = self.b
        if base is None:
            raise AssertionError("an address without a value")
        rmw = _RMW[operation][type[0] in "ub"]
        if self.mask is not None:
            bits = 8 * int(value.type[1:]) // 8
            neutral = _NEUTRAL.get(operation)
            if neutral is None:
                low, high = (0, -1) if rmw[0] == "u" else (-(1 << bits - 1), (1 << bits - 1) - 1)
                neutral = high if operation == "min" else low
            value = b.select(self.mask.lanes, value, b.const(value.type, neutral, True))
        name = rmw if rmw in ("add", "and", "or", "xor", "umin", "umax") else f"s{rmw}"
        full = f"llvm.vector.reduce.{name}.v{self.width}{value.type}"
        b.declarations[full] = f"declare {value.type} @{full}({b.ir_type(value.type, True)})"
        total = b.emit(f"call {value.type} @{full}({b.typed(value)})", value.type, False)
        at = self.pointer(base, offset)
        if space == "shared":
            for line in _plain(operation, type, value.type, at.text, total.text, b.fresh()):
                b.line(line)
        else:
            b.line(f"atomicrmw {rmw} ptr {at.text}, {value.type} {total.text} {order}")

    def _helper(
        self, operation: str, type: str, memory: str, order: str, shared: bool, step: Step
    ) -> str:
        name = f"atom.{operation}.{type}.{'shared' if shared else order}"
        if name in self.helpers:
            return name
        size = int({"float": "32", "double": "64"}.get(memory, memory[1:])) // 8
        body: list[str] = []
        values = [memory]
        if operation == "cas":
            values.append(memory)
            body.append(
                f"%pair = cmpxchg ptr %at, {memory} %y, {memory} %z {order} "
                f"{'monotonic' if order == 'monotonic' else 'acquire'}"
            )
            body.append(f"%x = extractvalue {{{memory}, i1}} %pair, 0")
        elif type in _HALVES:
            body += self._half_add(type, memory, size, step)
        elif shared:
            body += _plain(operation, type, memory, "%at", "%y", "%x")
        else:
            rmw = "fadd" if type[0] == "f" else _RMW[operation][type[0] in "ub"]
            body.append(f"%x = atomicrmw {rmw} ptr %at, {memory} %y {order}, align {size}")
        return self.lane_loop(name, values, memory, body)

    def _half_add(self, type: str, memory: str, size: int, step: Step) -> list[str]:
        """A loop of compare and exchange round the instruction's own addition."""
        add = Instruction("add", (type,), (), None, step.ins.line, step.ins.text)
        b = Builder(self.width)
        total = OPS["add"].emit(b, add, [Value("%x", memory, False), Value("%y", memory, False)])[0]
        self.b.declarations.update(b.declarations)
        return [
            f"%first = load {memory}, ptr %at, align {size}",
            "br label %again",
            "again:",
            f"%x = phi {memory} [%first, %one], [%seen, %again]",
            *b.lines,
            f"%pair = cmpxchg ptr %at, {memory} %x, {memory} {total.text} monotonic monotonic",
            f"%seen = extractvalue {{{memory}, i1}} %pair, 0",
            f"%swapped = extractvalue {{{memory}, i1}} %pair, 1",
            "br i1 %swapped, label %stored, label %again",
            "stored:",
        ]


def _plain(operation: str, type: str, memory: str, at: str, y: str, x: str) -> list[str]:
    """The operation without atomicity: `x` is the old value."""
    size = int({"float": "32", "double": "64"}.get(memory, memory[1:])) // 8
    load = f"{x} = load {memory}, ptr {at}, align {size}"
    new = f"{x}.new"
    signed = "s" if type[0] == "s" else "u"
    if operation == "exch":
        return [load, f"store {memory} {y}, ptr {at}, align {size}"]
    if operation == "add":
        make = [f"{new} = {'fadd' if type[0] == 'f' else 'add'} {memory} {x}, {y}"]
    elif operation in ("and", "or", "xor"):
        make = [f"{new} = {operation} {memory} {x}, {y}"]
    elif operation in ("min", "max"):
        relation = f"{signed}{'lt' if operation == 'min' else 'gt'}"
        make = [
            f"{x}.wins = icmp {relation} {memory} {y}, {x}",
            f"{new} = select i1 {x}.wins, {memory} {y}, {memory} {x}",
        ]
    elif operation == "inc":
        make = [
            f"{x}.over = icmp uge {memory} {x}, {y}",
            f"{x}.more = add {memory} {x}, 1",
            f"{new} = select i1 {x}.over, {memory} 0, {memory} {x}.more",
        ]
    else:
        make = [
            f"{x}.zero = icmp eq {memory} {x}, 0",
            f"{x}.above = icmp ugt {memory} {x}, {y}",
            f"{x}.over = or i1 {x}.zero, {x}.above",
            f"{x}.less = sub {memory} {x}, 1",
            f"{new} = select i1 {x}.over, {memory} {y}, {memory} {x}.less",
        ]
    return [load, *make, f"store {memory} {new}, ptr {at}, align {size}"]
