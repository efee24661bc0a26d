"""Addresses: what they are made of, and which space one lies in.

Addresses are numbers of 64 bits.  Those of `.shared` count from the start of the block's shared
memory; all others are addresses of the host, so that a generic address needs no test.
"""

from __future__ import annotations

from dataclasses import dataclass

from .builder import Value
from .dataflow import Step
from .emit import Emitter, Held
from .shapes import UNIFORM, VARYING
from .syntax import Address, Immediate, Operand, Symbol

__all__ = ["Addresses", "Place"]


@dataclass(slots=True)
class Place:
    """Where an access goes: a `Held` address of i64, and a constant to add."""

    held: Held
    offset: int


class Addresses(Emitter):
    """Emits addresses, and the instructions that are about them."""

    def place(self, operand: Operand, space: str, step: Step) -> Place:
        """Resolve ``[base+offset]`` of a state space to a host address."""
        if not isinstance(operand, Address):
            raise self.error(f"expected an address: {step.ins.text}", step)
        base = operand.base
        if base is None:
            held = Held(UNIFORM, self.b.const("i64", 0))
        elif isinstance(base, Symbol):
            held = self.symbol(base, step)
        else:
            source = self.source(base, step)
            held = self.address64(source) if isinstance(source, Held) else Held(UNIFORM)
        if space == "shared":
            held = self.moved(held, Value("%shared", "i64", False), "add")
        return Place(held, operand.offset)

    def address64(self, held: Held) -> Held:
        """A register as an address: one of 32 bits is extended with zeros."""
        type = (held.scalar or held.vector or self.vector(held)).type
        if type == "i64":
            return held
        b = self.b
        if held.shape.kind == "varying":
            return Held(VARYING, None, b.cast("zext", self.vector(held), "i64"))
        if held.scalar is None:
            raise AssertionError("an address without a value")
        scalar = b.cast("zext", held.scalar, "i64")
        if held.shape.kind == "uniform":
            return Held(UNIFORM, scalar)
        ok = self.no_wrap(held, held.scalar, False)
        if held.ok is not None:
            ok = b.binary("and", ok, held.ok)
        stride = None if held.stride is None else b.cast("sext", held.stride, "i64")
        made = Held(held.shape, scalar, None, ok, None, stride)
        made.make = lambda: b.cast("zext", self.vector(held), "i64")
        return made

    def moved(self, held: Held, by: Value, op: str) -> Held:
        """An address with a uniform number added or subtracted."""
        b = self.b
        scalar = None if held.scalar is None else b.binary(op, held.scalar, by)
        if held.shape.kind == "varying":
            return Held(VARYING, None, b.binary(op, self.vector(held), b.splat(by)))
        made = Held(held.shape, scalar, None, held.ok, None, held.stride)
        if held.shape.kind == "strided" and (held.make or held.vector):
            made.make = lambda: b.binary(op, self.vector(held), b.splat(by))
        return made

    def pointer(self, base: Value, offset: int) -> Value:
        """A scalar address as a pointer."""
        b = self.b
        if offset:
            base = b.binary("add", base, b.const("i64", offset))
        return b.emit(f"inttoptr i64 {base.text} to ptr", "ptr", False)

    def addresses(self, held: Held, offset: int) -> Value:
        """All lanes' addresses, as a vector of i64."""
        vector = self.vector(held)
        if offset:
            vector = self.b.binary("add", vector, self.b.const("i64", offset, True))
        return vector

    def convert_address(self, step: Step) -> None:
        """``cvta``: only shared addresses differ from generic ones."""
        modifiers = step.ins.modifiers
        source = self.source(step.sources[0], step)
        if isinstance(source, Immediate):
            source = Held(UNIFORM, self.constant(source, "i64"))
        if "shared" in modifiers:
            source = self.moved(
                self.address64(source),
                Value("%shared", "i64", False),
                "sub" if "to" in modifiers else "add",
            )
        self.write(step.results[0], source)

    def is_space(self, step: Step) -> None:
        """``isspacep``."""
        b = self.b
        source = self.source(step.sources[0], step)
        if isinstance(source, Immediate):
            source = Held(UNIFORM, self.constant(source, "i64"))
        address = source.scalar if source.shape.kind == "uniform" else self.vector(source)
        if address is None:
            raise AssertionError("an address without a value")
        inside = {}
        for space in ("shared", "local"):
            start = Value(f"%{space}", "i64", False)
            offset = b.binary("sub", address, start)
            inside[space] = b.compare("icmp ult", offset, Value(f"%{space}.bytes", "i64", False))
        for space, there in (("const", self.constants), ("param", self.arguments)):
            inside[space] = b.const("i1", 0, address.wide)
            for start, size in there():
                offset = b.binary("sub", address, start)
                one = b.compare("icmp ult", offset, b.const("i64", size, offset.wide))
                inside[space] = b.binary("or", inside[space], one)
        space = step.ins.modifiers[0]
        if space == "global":
            value = b.const("i1", 1, address.wide)
            for other in inside.values():
                value = b.binary("and", value, b.binary("xor", other, b.const("i1", 1, other.wide)))
        elif space in inside:
            value = inside[space]
        else:
            raise self.error(f"{step.ins.name} is not known", step)
        self.write_value(step.results[0], value)

    def variable_address(self, name: str) -> Value | None:
        """Address of a module's variable, or of a parameter; None if there is no such one."""
        raise NotImplementedError

    def constants(self) -> list[tuple[Value, int]]:
        """Where the module's constants are, and their sizes."""
        raise NotImplementedError

    def arguments(self) -> list[tuple[Value, int]]:
        """Where the kernel's parameters are, and their sizes."""
        raise NotImplementedError
