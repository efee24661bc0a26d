"""Special registers, and the instructions by which the lanes of a warp see one another."""

from __future__ import annotations

from . import lanewise
from .builder import Value
from .dataflow import Step
from .emit import Held
from .grid import Grid
from .shapes import UNIFORM, VARYING, Shape
from .syntax import Immediate, Operand, Symbol

__all__ = ["RESERVED", "RESERVED_BYTES", "SPECIALS", "Lanes"]

# Special registers that are the same for a whole warp, and the value that holds each.
SPECIALS = {
    **{f"%ntid.{axis}": f"%ntid.{axis}" for axis in "xyz"},
    **{f"%ctaid.{axis}": f"%ctaid.{axis}" for axis in "xyz"},
    **{f"%nctaid.{axis}": f"%nctaid.{axis}" for axis in "xyz"},
    "%warpid": "%warp",
    "%nwarpid": "%warps",
    "%smid": "0",
    "%nsmid": "1",
    "%gridid": "1",
    "%dynamic_smem_size": "%dynamic",
    "%total_smem_size": "%shared.total",
    "%ntid.w": "1",
    "%ctaid.w": "0",
    "%nctaid.w": "1",
    "%tid.w": "0",
    "WARP_SZ": "32",
}
# Shared memory that the system keeps for itself, which cooperative groups of several warps use.
RESERVED_BYTES = 1024
RESERVED = {
    f"%reserved_smem_offset_{name}": offset
    for name, offset in (
        ("begin", 0), ("end", RESERVED_BYTES), ("cap", RESERVED_BYTES), ("0", 0), ("1", 512)
    )
}  # fmt: skip
# Counters of what nobody counts here.
_NOTHING = {
    **{f"%pm{i}": "i32" for i in range(8)},
    **{f"%pm{i}_64": "i64" for i in range(8)},
    "%current_graph_exec": "i64",
}
_LANEMASKS = {
    "%lanemask_eq": lambda i: 1 << i,
    "%lanemask_lt": lambda i: (1 << i) - 1,
    "%lanemask_le": lambda i: (2 << i) - 1,
    "%lanemask_gt": lambda i: 0xFFFFFFFF & ~((2 << i) - 1),
    "%lanemask_ge": lambda i: 0xFFFFFFFF & ~((1 << i) - 1),
}
_TIMERS = {
    "%globaltimer": (0, "i64"),
    "%globaltimer_lo": (0, "i32"),
    "%globaltimer_hi": (32, "i32"),
}
_CLOCKS = {"%clock": "i32", "%clock64": "i64", "%clock_hi": "i32"}


class Lanes(Grid):
    """Emits warp operations; the width is 32 wherever one is used."""

    # -- special registers and symbols --------------------------------------------------------

    def special(self, name: str, step: Step) -> Held:
        """What a special register holds."""
        b = self.b
        shape = self.shapes.special(name)
        if name in SPECIALS:
            return Held(UNIFORM, Value(SPECIALS[name], "i32", False))
        if name in ("%tid.x", "%tid.y", "%tid.z"):
            value = Value(name, "i32", False)
            if shape.kind == "varying":
                return Held(VARYING, None, Value(name, "i32", True))
            return Held(shape, value)
        if name == "%laneid":
            return Held(shape, b.const("i32", 0))
        if name in _LANEMASKS:
            items = ", ".join(f"i32 {_LANEMASKS[name](i)}" for i in range(self.width))
            return Held(VARYING, None, Value(f"<{items}>", "i32", True))
        if name in _CLOCKS:
            return Held(UNIFORM, self._clock(name))
        if name in _TIMERS:
            return Held(UNIFORM, self._timer(name))
        if name in _NOTHING:
            return Held(UNIFORM, b.const(_NOTHING[name], 0))
        if name in RESERVED:
            base = self.shared_offsets["%reserved"]
            return Held(UNIFORM, b.const("i32", base + RESERVED[name]))
        found = self.environment(name)
        if found is None:
            raise self.error(f"special register {name} is not known", step)
        return found

    def _clock(self, name: str) -> Value:
        b = self.b
        b.declarations["llvm.readcyclecounter"] = "declare i64 @llvm.readcyclecounter()"
        now = b.emit("call i64 @llvm.readcyclecounter()", "i64", False)
        if name == "%clock_hi":
            now = b.binary("lshr", now, b.const("i64", 32))
        return b.cast("trunc", now, _CLOCKS[name]) if _CLOCKS[name] == "i32" else now

    def _timer(self, name: str) -> Value:
        """Nanoseconds by the system's clock, or half of their bits."""
        b = self.b
        slot = self.variable_address("@clock_gettime")
        if slot is None:
            raise AssertionError("a module with a timer but no clock")
        at = b.emit(f"inttoptr i64 {slot.text} to ptr", "ptr", False)
        clock = b.emit(f"load ptr, ptr {at.text}", "ptr", False)
        time = self.alloca("%timespec", "[2 x i64]")
        b.emit(f"call i32 {clock.text}(i32 0, ptr {time})", "i32", False)
        seconds = b.emit(f"load i64, ptr {time}", "i64", False)
        second = b.emit(f"getelementptr i64, ptr {time}, i64 1", "ptr", False)
        rest = b.emit(f"load i64, ptr {second.text}", "i64", False)
        now = b.binary("add", b.binary("mul", seconds, b.const("i64", 10**9)), rest)
        shift, type = _TIMERS[name]
        return b.cast("trunc", b.binary("lshr", now, b.const("i64", shift)), type)

    def symbol(self, symbol: Symbol, step: Step) -> Held:
        """The address of a variable."""
        b = self.b
        name, offset = symbol.name, symbol.offset
        if name in SPECIALS:
            return Held(UNIFORM, Value(SPECIALS[name], "i32", False))
        if name in self.shared_offsets:
            return Held(UNIFORM, b.const("i64", self.shared_offsets[name] + offset))
        if name in self.local_offsets:
            at = self.local_offsets[name] + offset
            base = b.binary("add", Value("%local", "i64", False), b.const("i64", at))
            return Held(Shape("strided", self.local_stride), base)
        value = self.variable_address(name)
        if value is None:
            raise self.error(f"{name} is not a variable of the module", step)
        if offset:
            value = b.binary("add", value, b.const("i64", offset))
        return Held(UNIFORM, value)

    shared_offsets: dict[str, int]
    local_offsets: dict[str, int]
    local_stride: int

    # -- member masks ---------------------------------------------------------------------------

    def _members(self, operand: Operand, step: Step) -> Value:
        """The lanes that take part: a scalar number, or a vector of them."""
        source = self.source(operand, step)
        if self.uniform(source):
            return self.scalar_argument(source, "i32")
        return self.vector_argument(source, "i32")

    def _predicate(self, operand: Operand, step: Step) -> Value:
        """A predicate as the number of the running lanes where it holds."""
        source = self.source(operand, step)
        if isinstance(source, Immediate):
            lanes = self.constant(source, "i1")
        elif source.shape.kind == "uniform" and source.scalar is not None:
            lanes = source.scalar
        else:
            lanes = self.vector(source)
        number = self.number_of(lanes)
        return self.b.binary("and", number, self.lane_number())

    def vote(self, step: Step) -> None:
        """``vote.sync`` and the old ``vote`` without members."""
        b, modifiers = self.b, step.ins.modifiers
        mode = modifiers[1] if modifiers[0] == "sync" else modifiers[0]
        yes = self._predicate(step.sources[0], step)
        here = self.lane_number()
        if modifiers[0] == "sync":
            members = self._members(step.sources[1], step)
            here = b.binary("and", members, here)
            yes = b.binary("and", members, yes)
        if mode == "ballot":
            self.write_value(step.results[0], yes)
            return
        none = b.const("i32", 0)
        if mode == "any":
            found = b.compare("icmp ne", yes, none)
        elif mode == "all":
            found = b.compare("icmp eq", yes, here)
        elif mode == "uni":
            found = b.binary("or", b.compare("icmp eq", yes, none), b.compare("icmp eq", yes, here))
        else:
            raise self.error(f"{step.ins.name} is not known", step)
        self.write_value(step.results[0], found)

    def activemask(self, step: Step) -> None:
        """``activemask``."""
        self.write_value(step.results[0], self.lane_number())

    def redux(self, step: Step) -> None:
        """``redux.sync``."""
        b, modifiers = self.b, step.ins.modifiers
        operation, type = modifiers[1], modifiers[-1]
        neutral = {
            ("add", "u32"): 0, ("add", "s32"): 0, ("and", "b32"): -1, ("or", "b32"): 0,
            ("xor", "b32"): 0, ("min", "u32"): -1, ("max", "u32"): 0,
            ("min", "s32"): 0x7FFFFFFF, ("max", "s32"): -0x80000000,
        }.get((operation, type))  # fmt: skip
        if neutral is None or len(modifiers) != 3:
            raise self.error(f"{step.ins.name} is not known", step)
        members = self._members(step.sources[1], step)
        value = self.vector_argument(self.source(step.sources[0], step), "i32")
        kind = {"min": f"{type[0]}min", "max": f"{type[0]}max"}.get(operation, operation)
        full = f"llvm.vector.reduce.{kind}.v{self.width}i32"
        b.declarations[full] = f"declare i32 @{full}({b.ir_type('i32', True)})"
        if members.wide:
            # Several groups of lanes may come at once, each with the mask of its own lanes.
            name, here = f"redux.{kind}", self.lane_number()
            self.helpers.setdefault(name, lanewise.groups(self.width, name, full, neutral))
            given = f"{b.typed(value)}, {b.typed(members)}, {b.typed(here)}"
            wide = b.ir_type("i32", True)
            self.write_value(step.results[0], b.emit(f"call {wide} @{name}({given})", "i32", True))
            return
        lanes = self.lanes_of(b.binary("and", members, self.lane_number()))
        value = b.select(lanes, value, b.const("i32", neutral, True))
        self.write_value(
            step.results[0], b.emit(f"call i32 @{full}({b.typed(value)})", "i32", False)
        )

    def match(self, step: Step) -> None:
        """``match.any.sync`` and ``match.all.sync``."""
        b, modifiers = self.b, step.ins.modifiers
        type = f"i{modifiers[-1][1:]}"
        value = self.vector_argument(self.source(step.sources[0], step), type)
        members = self._members(step.sources[1], step)
        here = b.binary("and", members, self.lane_number())
        result = b.const("i32", 0, True)
        for lane in range(self.width):
            one = b.emit(f"extractelement {b.typed(value)}, i32 {lane}", type, False)
            same = self.number_of(b.compare("icmp eq", value, b.splat(one)))
            bit = b.const("i1", 1, True)
            items = ", ".join(f"i1 {'true' if i == lane else 'false'}" for i in range(self.width))
            bit = Value(f"<{items}>", "i1", True)
            result = b.select(bit, b.splat(same), result)
        result = b.binary("and", result, here)
        if modifiers[0] == "all":
            every = b.compare("icmp eq", result, here)
            result = b.select(every, b.splat(here), b.const("i32", 0, True))
            if len(step.results) > 1:
                self.write_value(step.results[1], every)
        self.write_value(step.results[0], result)

    # -- shuffles --------------------------------------------------------------------------------

    def shuffle(self, step: Step) -> None:
        """``shfl.sync``, and the old ``shfl``, in all modes."""
        b, ins = self.b, step.ins
        mode = next((m for m in ins.modifiers if m in ("up", "down", "bfly", "idx")), None)
        if mode is None or ins.modifiers[-1] != "b32":
            raise self.error(f"{ins.name} is not known", step)
        value = self.vector_argument(self.source(step.sources[0], step), "i32")
        by, clamp = (self.source(o, step) for o in step.sources[1:3])
        if isinstance(by, Immediate) and isinstance(clamp, Immediate):
            order, valid = _order(mode, by.bits, clamp.bits)
            indices = ", ".join(f"i32 {i}" for i in order)
            wide = b.ir_type("i32", True)
            moved = b.emit(
                f"shufflevector {wide} {value.text}, {wide} poison, "
                f"<{self.width} x i32> <{indices}>",
                "i32", True,
            )  # fmt: skip
            items = ", ".join(f"i1 {'true' if v else 'false'}" for v in valid)
            inside = Value(f"<{items}>", "i1", True)
        else:
            source, inside = self._sources(mode, self.vector_argument(by, "i32"),
                                           self.vector_argument(clamp, "i32"))  # fmt: skip
            moved = self._permuted(value, source)
        if len(step.results) > 1:
            self.write_value(step.results[1], inside)
        self.write_value(step.results[0], moved)

    def _sources(self, mode: str, by: Value, clamp: Value) -> tuple[Value, Value]:
        """For each lane, which lane it takes from, and whether that is in its segment."""
        b = self.b
        low = b.const("i32", 31, True)
        by = b.binary("and", by, low)
        bound = b.binary("and", clamp, low)
        segment = b.binary("and", b.binary("lshr", clamp, b.const("i32", 8, True)), low)
        outside = b.binary("xor", segment, low)
        lane = Value(self.iota, "i32", True)
        first = b.binary("and", lane, segment)
        last = b.binary("or", first, b.binary("and", bound, outside))
        if mode == "up":
            source = b.binary("sub", lane, by)
        elif mode == "down":
            source = b.binary("add", lane, by)
        elif mode == "bfly":
            source = b.binary("xor", lane, by)
        else:
            source = b.binary("or", first, b.binary("and", by, outside))
        inside = b.compare("icmp sge" if mode == "up" else "icmp sle", source, last)
        return b.select(inside, source, lane), inside

    def _permuted(self, value: Value, source: Value) -> Value:
        """Each lane's value of the lane that `source` tells, through memory."""
        b = self.b
        wide = b.ir_type("i32", True)
        table = self.alloca("%table", wide)
        b.line(f"store {b.typed(value)}, ptr {table}")
        result = Value("poison", "i32", True)
        for lane in range(self.width):
            index = b.emit(f"extractelement {b.typed(source)}, i32 {lane}", "i32", False)
            at = b.emit(f"getelementptr i32, ptr {table}, i32 {index.text}", "ptr", False)
            one = b.emit(f"load i32, ptr {at.text}", "i32", False)
            result = b.emit(
                f"insertelement {b.typed(result)}, i32 {one.text}, i32 {lane}", "i32", True
            )
        return result


def _order(mode: str, by: int, clamp: int) -> tuple[list[int], list[bool]]:
    """`_sources` of constants."""
    by, bound, segment = by & 31, clamp & 31, clamp >> 8 & 31
    order, valid = [], []
    for lane in range(32):
        first = lane & segment
        last = first | bound & ~segment
        source = {
            "up": lane - by,
            "down": lane + by,
            "bfly": lane ^ by,
            "idx": first | by & ~segment & 31,
        }[mode]
        inside = source >= last if mode == "up" else source <= last
        order.append(source if inside else lane)
        valid.append(inside)
    return order, valid
