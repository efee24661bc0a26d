"""Registers and plain instructions of one kernel written as LLVM IR, a block at a time.

A register is an alloca, or up to three: a scalar (its value if uniform, its lane 0
if strided), a vector, and the flag that a strided register's formula holds.  LLVM makes
values of them.  Inside a block, values are kept at hand and only what is live after
the block is stored.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from . import llvm
from .builder import BITS, Builder, Value
from .dataflow import CARRY, Dataflow, Step
from .errors import PtxError
from .isa.table import Op
from .nans import observed
from .shapes import UNIFORM, VARYING, Shape, Shapes, Variant
from .syntax import STORAGE, Immediate, Operand, Register, Symbol

__all__ = ["Emitter", "Held", "Mask"]

_FLOAT_BITS = {"float": 32, "double": 64}


@dataclass(slots=True)
class Held:
    """What a register holds at one moment: any of a scalar, a vector, and how to make it.

    For a strided register `scalar` is lane 0's value, and `ok` tells at run time whether the
    other lanes' follow from it (None: they do), and `stride` is there if it is known only then.
    """

    shape: Shape
    scalar: Value | None = None
    vector: Value | None = None
    ok: Value | None = None
    make: Callable[[], Value] | None = None
    stride: Value | None = None


@dataclass(frozen=True, slots=True)
class Mask:
    """The lanes that run: as a number with a bit a lane, and as a vector of bits."""

    number: Value
    lanes: Value


class Emitter:
    """Writes the instructions of a kernel for one variant."""

    def __init__(self, flow: Dataflow, shapes: Shapes, variant: Variant) -> None:
        self.flow = flow
        self.shapes = shapes
        self.variant = variant
        self.width = variant.width
        self.b = Builder(variant.width, llvm.target().features)
        self.kernel = flow.flat.function.name
        self.prologue: list[str] = []  # runs once, before the loop over blocks
        self.allocas: dict[str, str] = {}  # name -> type
        self.helpers: dict[str, str] = {}  # name -> definition
        self.mask: Mask | None = None
        self.env: dict[str, Held] = {}
        self.block = 0
        self.blend_all = False
        self.blended = self._blended()
        self.observed = observed(flow.steps)

    def _blended(self) -> set[str]:
        """Registers that can hold, in lanes that do not run, a value still wanted."""
        flow = self.flow
        found = {name for name, where in flow.defined_in.items() if len(where) > 1}
        kept = 0
        for loop in flow.graph.loops:
            kept |= flow.defined_within(loop) & flow.live_after(loop)
        found.update(name for name, bit in flow.number.items() if kept >> bit & 1)
        return found

    def error(self, message: str, step: Step) -> PtxError:
        """The error for an instruction."""
        return PtxError(message, step.ins.line, self.kernel, step.ins.name)

    # -- small values --------------------------------------------------------------------

    @property
    def iota(self) -> str:
        """Constant vector 0, 1, 2 ... of i32."""
        return "<" + ", ".join(f"i32 {i}" for i in range(self.width)) + ">"

    def lanes_times(self, type: str, stride: int) -> Value:
        """Constant vector 0, stride, 2 * stride ..."""
        top = 1 << BITS[type]
        items = ", ".join(f"{type} {_signed(i * stride % top, top)}" for i in range(self.width))
        return Value(f"<{items}>", type, True)

    def all_lanes(self) -> Value:
        """The mask of the lanes that run, as a vector."""
        return self.mask.lanes if self.mask else self.b.const("i1", 1, True)

    def lane_number(self) -> Value:
        """The mask of the lanes that run, as a number."""
        if self.mask:
            return self.mask.number
        return Value("-1", f"i{self.width}", False)

    def number_of(self, lanes: Value) -> Value:
        """A vector of bits as a number; scalar true is all lanes."""
        b = self.b
        type = f"i{self.width}"
        if not lanes.wide:
            return b.emit(f"sext i1 {lanes.text} to {type}", type, False)
        # A lane that does not run may hold poison, which would spread to all bits.
        frozen = b.emit(f"freeze {b.typed(lanes)}", "i1", True)
        return b.emit(f"bitcast {b.typed(frozen)} to {type}", type, False)

    def lanes_of(self, number: Value) -> Value:
        """A number with a bit a lane as a vector of bits."""
        text = f"bitcast {number.type} {number.text} to <{self.width} x i1>"
        return self.b.emit(text, "i1", True)

    def alloca(self, name: str, type: str) -> str:
        """A variable of the function, made at its start."""
        self.allocas[name] = type
        return name

    def storage(self, name: str) -> str:
        """LLVM element type in which a register is kept."""
        return STORAGE[self.flow.registers[name]]

    def converted(self, value: Value, type: str) -> Value:
        """The value's bits as another type: the low ones if that is narrower."""
        if value.type == type:
            return value
        b = self.b
        if value.type in _FLOAT_BITS:
            value = b.bitcast(value, f"i{_FLOAT_BITS[value.type]}")
        bits, wanted = BITS[value.type], BITS[type]
        if bits != wanted:
            value = b.cast("trunc" if bits > wanted else "zext", value, f"i{wanted}")
        return value if value.type == type else b.bitcast(value, type)

    # -- reading --------------------------------------------------------------------------

    def begin_block(self, index: int, mask: Mask | None) -> None:
        """Start a block: what was at hand no longer is."""
        self.block = index
        self.mask = mask
        self.env = {}

    def held(self, name: str) -> Held:
        """What a register holds now."""
        found = self.env.get(name)
        if found is None:
            found = self.env[name] = self._load(name)
        return found

    def _load(self, name: str) -> Held:
        shape = self.shapes.of[name]
        type = self.storage(name)
        number = self.flow.number[name]
        held = Held(shape)
        if shape.kind != "varying":
            self.alloca(f"%s{number}", type)
            held.scalar = self.b.emit(f"load {type}, ptr %s{number}", type, False)
        if shape.kind == "varying" or not shape.exact:
            wide = self.b.ir_type(type, True)
            self.alloca(f"%v{number}", wide)
            held.vector = self.b.emit(f"load {wide}, ptr %v{number}", type, True)
        if shape.kind == "strided" and not shape.exact:
            self.alloca(f"%k{number}", "i1")
            held.ok = self.b.emit(f"load i1, ptr %k{number}", "i1", False)
        if shape.kind == "strided" and shape.stride is None:
            self.alloca(f"%d{number}", type)
            held.stride = self.b.emit(f"load {type}, ptr %d{number}", type, False)
        return held

    def vector(self, held: Held) -> Value:
        """All lanes of what a register holds."""
        if held.vector is None:
            b = self.b
            if held.make is not None:
                held.vector = held.make()
            elif held.scalar is not None:
                base = b.splat(held.scalar)
                if held.stride is not None:
                    lanes = b.binary("mul", held.stride, self.lanes_times(base.type, 1))
                    base = b.binary("add", base, lanes)
                elif held.shape.stride:
                    lanes = self.lanes_times(base.type, held.shape.stride)
                    base = b.emit(f"add {b.typed(base)}, {lanes.text}", base.type, True)
                held.vector = base
            else:
                raise AssertionError("a register that holds nothing")
        return held.vector

    def source(self, operand: Operand, step: Step) -> Held | Immediate:
        """An operand that is a register or a number."""
        if isinstance(operand, Immediate):
            return operand
        if isinstance(operand, Register):
            if operand.name in self.flow.registers:
                held = self.held(operand.name)
                return self._negated(held) if operand.negated else held
            return self.special(operand.name, step)
        if isinstance(operand, Symbol):
            return self.symbol(operand, step)
        raise self.error(f"an operand of a kind not wanted here: {step.ins.text}", step)

    def _negated(self, held: Held) -> Held:
        b = self.b
        if held.shape.kind == "uniform" and held.scalar is not None:
            return Held(UNIFORM, b.binary("xor", held.scalar, b.const("i1", 1)))
        vector = self.vector(held)
        return Held(VARYING, None, b.binary("xor", vector, b.const("i1", 1, True)))

    def special(self, name: str, step: Step) -> Held:
        raise NotImplementedError

    def symbol(self, symbol: Symbol, step: Step) -> Held:
        raise NotImplementedError

    def constant(self, number: Immediate, type: str, wide: bool = False) -> Value:
        """An immediate as a value of the type wanted."""
        if type == "double" and number.real == 32:
            number = Immediate(_widen(number.bits), 64)
        elif type == "float" and number.real == 64:
            number = Immediate(_narrow(number.bits), 32)
        value = number.bits
        if type == "i1":
            value = 1 if value else 0
        elif type not in _FLOAT_BITS:
            top = 1 << BITS[type]
            value = _signed(value % top, top)
        else:
            value %= 1 << _FLOAT_BITS[type]
        return self.b.const(type, value, wide)

    def scalar_argument(self, source: Held | Immediate, type: str) -> Value:
        """A uniform source, or lane 0 of a strided one."""
        if isinstance(source, Immediate):
            return self.constant(source, type)
        if source.scalar is None:
            raise AssertionError("a varying register where a uniform one was proven")
        return self.converted(source.scalar, type)

    def vector_argument(self, source: Held | Immediate, type: str) -> Value:
        """A source in all lanes."""
        if isinstance(source, Immediate):
            return self.constant(source, type, True)
        return self.converted(self.vector(source), type)

    def uniform(self, source: Held | Immediate) -> bool:
        """Whether a source is the same in all lanes."""
        return isinstance(source, Immediate) or source.shape.kind == "uniform"

    # -- writing --------------------------------------------------------------------------

    def write(self, operand: Operand | str, held: Held) -> None:
        """Assign a register, in the lanes that run; ``_`` takes nothing."""
        name = operand if isinstance(operand, str) else getattr(operand, "name", "_")
        if name == "_":
            return
        type = self.storage(name)
        shape = self.shapes.of[name]
        number = self.flow.number[name]
        kept = self.flow.live_out[self.block] >> number & 1
        if shape.kind == "varying":
            vector = self.converted(self.vector(held), type)
            vector = self._blend(name, vector)
            self.env[name] = Held(shape, None, vector)
            if kept:
                self._store(f"%v{number}", vector)
            return
        if held.scalar is None:
            raise AssertionError(f"{name} was proven {shape.kind}, its value is not")
        scalar = self.converted(held.scalar, type)
        made = Held(shape, scalar)
        if kept:
            self._store(f"%s{number}", scalar)
        if shape.kind == "strided" and shape.stride is None:
            if held.stride is None:
                raise AssertionError(f"{name} has a stride of run time that is not there")
            made.stride = self.converted(held.stride, type)
            if kept:
                self._store(f"%d{number}", made.stride)
        if shape.kind == "strided" and not shape.exact:
            made.ok = held.ok or self.b.const("i1", 1)
            made.vector = held.vector and self.converted(held.vector, type)
            if made.vector is None:
                made.make = lambda: self.converted(self.vector(held), type)
            if kept:
                self._store(f"%k{number}", made.ok)
                vector = self._blend(name, self.vector(made))
                self._store(f"%v{number}", vector)
        self.env[name] = made

    def _blend(self, name: str, vector: Value) -> Value:
        if self.mask is None or not (self.blend_all or name in self.blended):
            return vector
        return self.b.select(self.mask.lanes, vector, self.vector(self.held(name)))

    def _store(self, name: str, value: Value) -> None:
        self.alloca(name, self.b.ir_type(value.type, value.wide))
        self.b.line(f"store {self.b.typed(value)}, ptr {name}")

    def write_value(self, operand: Operand | str, value: Value) -> None:
        """Assign a register a scalar for all lanes, or a vector."""
        if value.wide:
            self.write(operand, Held(VARYING, None, value))
        else:
            self.write(operand, Held(UNIFORM, value))

    # -- instructions of the tables ----------------------------------------------------------

    def compute(self, step: Step) -> None:
        """An instruction that is a function of registers."""
        op, ins = step.op, step.ins
        if op is None:
            raise self.error(f"{ins.name} is not an instruction that the host device knows", step)
        types = op.sources(ins)
        operands: list[Operand] = list(step.sources)
        reads, writes = op.carry(ins)
        if reads:
            operands.append(Register(CARRY))
        sources = [self.source(o, step) for o in operands]
        targets: list[Operand] = list(step.results)
        if writes:
            targets.append(Register(CARRY))
        target = getattr(targets[0], "name", "_")
        shape = self.shapes.of.get(target, VARYING)
        if all(self.uniform(s) for s in sources):
            args = [self.scalar_argument(s, t) for s, t in zip(sources, types, strict=True)]
            results = self._operate(step, op, args)
        elif shape.kind == "strided":
            self.write(target, self._strided(step, sources, types, shape))
            return
        else:
            results = self._wide(step, sources, types)
        for place, operand in enumerate(targets):
            self.write_value(operand, results[place])

    def _operate(self, step: Step, op: Op, args: Sequence[Value]) -> tuple[Value, ...]:
        canonical = not self.observed.isdisjoint(step.defines)
        return op.emit(self.b, step.ins, args, canonical=canonical)

    def _wide(
        self, step: Step, sources: Sequence[Held | Immediate], types: Sequence[str]
    ) -> tuple[Value, ...]:
        op = step.op
        if op is None:
            raise AssertionError("no operation")
        args = [self.vector_argument(s, t) for s, t in zip(sources, types, strict=True)]
        return self._operate(step, op, args)

    def _strided(
        self, step: Step, sources: Sequence[Held | Immediate], types: Sequence[str], shape: Shape
    ) -> Held:
        """Lane 0 by the instruction itself on lane 0 of its sources; the others' follow."""
        op, ins = step.op, step.ins
        if op is None:
            raise AssertionError("no operation")
        args = [self.scalar_argument(s, t) for s, t in zip(sources, types, strict=True)]
        base = self._operate(step, op, args)[0]
        held = Held(shape, base)
        if shape.stride is None:
            held.stride = self._stride(step, sources, args, base.type)
        if shape.exact:
            return held
        ok: Value | None = None
        for place, source in enumerate(sources):
            if not isinstance(source, Held) or source.shape.kind != "strided":
                continue
            if source.ok is not None:
                ok = source.ok if ok is None else self.b.binary("and", ok, source.ok)
            if self._widens(step, place):
                signed = ins.modifiers[-1][0] == "s"
                fits = self.no_wrap(source, args[place], signed)
                ok = fits if ok is None else self.b.binary("and", ok, fits)
        held.ok = ok
        held.make = lambda: self._wide(step, sources, types)[0]
        return held

    @staticmethod
    def _widens(step: Step, place: int) -> bool:
        modifiers = step.ins.modifiers
        if step.ins.opcode == "cvt":
            return modifiers[0].endswith("64") and modifiers[-1].endswith("32")
        return "wide" in modifiers and place < 2

    def _stride(
        self, step: Step, sources: Sequence[Held | Immediate], args: Sequence[Value], type: str
    ) -> Value:
        """The stride of a result that is linear in its strided sources."""
        b, opcode = self.b, step.ins.opcode
        strides = [self.stride_of(s, type) for s in sources]
        if opcode in ("mov", "cvt", "cvta"):
            return strides[0]
        if opcode in ("add", "sub"):
            return b.binary(opcode, strides[0], strides[1])
        if opcode == "neg":
            return b.binary("sub", b.const(type, 0), strides[0])
        if opcode == "shl":
            return b.binary("shl", strides[0], self.converted(args[1], type))
        if opcode not in ("mul", "mad"):
            raise AssertionError(f"{opcode} has no stride")
        by = 0 if isinstance(sources[0], Held) and sources[0].shape.kind == "strided" else 1
        extend = "sext" if step.ins.modifiers[-1][0] == "s" else "zext"
        stride = b.binary("mul", strides[by], b.cast(extend, args[1 - by], type))
        return b.binary("add", stride, strides[2]) if opcode == "mad" else stride

    def stride_of(self, source: Held | Immediate, type: str) -> Value:
        """The stride of a source that is uniform or strided."""
        if isinstance(source, Immediate):
            return self.b.const(type, 0)
        if source.stride is None:
            return self.b.const(type, source.shape.stride or 0)
        if BITS[source.stride.type] < BITS[type]:
            return self.b.cast("sext", source.stride, type)
        return self.converted(source.stride, type)

    def no_wrap(self, source: Held, base: Value, signed: bool) -> Value:
        """Whether ``base + lane * stride`` in 32 bits is the same in 64 for all lanes."""
        b = self.b
        extend = "sext" if signed else "zext"
        wide = b.cast(extend, base, "i64")
        span = b.binary("mul", self.stride_of(source, "i64"), b.const("i64", self.width - 1))
        last = b.binary("add", wide, span)
        back = b.cast(extend, b.cast("trunc", last, "i32"), "i64")
        return b.compare("icmp eq", last, back)


def _signed(value: int, top: int) -> int:
    return value - top if value >= top // 2 else value


def _widen(bits: int) -> int:
    import struct

    return struct.unpack("<Q", struct.pack("<d", struct.unpack("<f", struct.pack("<I", bits))[0]))[
        0
    ]


def _narrow(bits: int) -> int:
    import struct

    return struct.unpack("<I", struct.pack("<f", struct.unpack("<d", struct.pack("<Q", bits))[0]))[
        0
    ]
