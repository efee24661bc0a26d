"""Loads and stores.

An access whose address is strided by exactly its size is one vector load or store; one whose
address is uniform is scalar.  Every other element, and elements backwards, are loaded as vectors
and put in order.  Any other access goes lane by lane, in hardware where that has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from . import lanewise
from .addresses import Addresses, Place
from .builder import BITS, Value
from .dataflow import Step
from .emit import Held
from .syntax import SIZES, Address, Operand, Symbol

__all__ = ["MEMORY_TYPES", "Memory"]

# The LLVM type that an access of each PTX type moves.
MEMORY_TYPES = {
    **{name: f"i{8 * size}" for name, size in SIZES.items() if name != "pred"},
    "f32": "float",
    "f64": "double",
}
_SPACES = frozenset(("global", "shared", "local", "const", "param"))
_VOLATILE = frozenset(("volatile", "relaxed", "acquire", "release", "mmio"))
# Modifiers of `ld` and `st` that do not change what is read or written here.
_IGNORED = frozenset(
    ("nc", "ca", "cg", "cs", "lu", "cv", "wb", "wt", "weak", "cta", "cluster", "gpu", "sys",
     "L1", "L2", "evict_last", "evict_first", "evict_normal", "evict_unchanged", "no_allocate",
     "64B", "128B", "256B", "func", "entry", "unified")
)  # fmt: skip
# Bytes of a cache line.
_LINE = 64


class Memory(Addresses):
    """Emits instructions that touch memory.

    Attributes
    ----------
    streams : bool
        Whether some store goes past the caches, so that the function must end with a fence.
    """

    streams = False

    def at_matrix(
        self, step: Step, base: Value, apart: Value, rows: int, length: int, size: int
    ) -> None:
        """A warp accesses rows, as many elements apart, of so many elements of that size.

        Code with checks (`check`) asks here whether it may.
        """

    # -- ld and st ------------------------------------------------------------------------

    def _form(self, step: Step) -> tuple[str, int, str, bool]:
        """State space, elements per lane, PTX type and whether it is volatile."""
        space, count, volatile = "generic", 1, False
        modifiers = step.ins.modifiers
        for modifier in modifiers[:-1]:
            if modifier in _SPACES:
                space = modifier
            elif modifier in ("v2", "v4", "v8"):
                count = int(modifier[1:])
            elif modifier in _VOLATILE:
                volatile = True
            elif modifier not in _IGNORED:
                raise self.error(f"{step.ins.name}: .{modifier} is not known", step)
        if modifiers[-1] not in MEMORY_TYPES:
            raise self.error(f"{step.ins.name}: .{modifiers[-1]} is not a type of memory", step)
        return space, count, modifiers[-1], volatile

    def load(self, step: Step) -> None:
        """``ld``."""
        space, count, type, volatile = self._form(step)
        if len(step.results) != count:
            raise self.error(f"{step.ins.name} with {len(step.results)} results", step)
        address = step.sources[0]
        memory = MEMORY_TYPES[type]
        if space == "param" and isinstance(address, Address) and isinstance(address.base, Symbol):
            values = [
                self.parameter(address.base.name, address.offset + i * SIZES[type], memory, step)
                for i in range(count)
            ]
        else:
            place = self.place(address, space, step)
            values = self.fetch(place, memory, count, volatile)
        for operand, value in zip(step.results, values, strict=True):
            self.write_value(operand, self.extended(value, type, operand))

    def extended(self, value: Value, type: str, operand: Operand) -> Value:
        """A value from memory as wide as the register that takes it."""
        name = getattr(operand, "name", "_")
        if name == "_":
            return value
        storage = self.storage(name)
        if type[0] == "s" and value.type[0] == "i" and BITS[storage] > BITS[value.type]:
            value = self.b.cast("sext", value, f"i{BITS[storage]}")
        return self.converted(value, storage)

    def parameter(self, name: str, offset: int, type: str, step: Step) -> Value:
        raise NotImplementedError

    def fetch(self, place: Place, type: str, count: int, volatile: bool) -> list[Value]:
        """Load `count` neighbours per lane."""
        b, held, offset = self.b, place.held, place.offset
        size = BITS[type] // 8
        how = "load volatile" if volatile else "load"
        if held.shape.kind == "uniform" and held.scalar is not None:
            found = []
            for i in range(count):
                at = self.pointer(held.scalar, offset + i * size)
                found.append(b.emit(f"{how} {type}, ptr {at.text}, align {size}", type, False))
            return found
        if held.shape.kind == "strided" and held.scalar is not None:
            base = held.scalar
            fast = {
                count * size: lambda: self._row(base, offset, type, count, how),
                0: lambda: self._spread(base, offset, type, count, how),
            }
            if count == 1 and self.mask is None and not volatile:
                fast[2 * size] = lambda: [self._every_other(base, offset, type)]
                fast[-size] = lambda: [self._backwards(base, offset, type)]
            stride = held.shape.stride
            if stride is None or stride in fast:
                if stride is not None:
                    fast = {stride: fast[stride]}
                return self._choose(
                    held, offset, fast,
                    lambda a, rare: self._gathered(a, type, count, volatile, rare), type,
                )  # fmt: skip
        return self._gathered(self.addresses(held, offset), type, count, volatile)

    def _choose(
        self,
        held: Held,
        offset: int,
        fast: dict[int, Callable[[], list[Value]]],
        slow: Callable[[Value, bool], list[Value]],
        type: str | None,
    ) -> list[Value]:
        """The fast way for the stride if the address is strided indeed, else the slow one.

        A stride known only at run time is looked up among those of `fast`.
        """  # fmt: skip
        b = self.b
        fixed = held.shape.stride is not None
        if held.ok is None and fixed:
            return next(iter(fast.values()))()
        addresses = self.addresses(held, offset)
        label = b.fresh()[1:]
        ways: list[tuple[str, list[Value]]] = []
        if held.ok is not None:
            weights = ", !prof !0" if fixed else ""
            b.line(f"br i1 {held.ok.text}, label %{label}.ok, label %{label}.slow{weights}")
            b.label(f"{label}.ok")
        if fixed:
            (stride,) = fast
            b.line(f"br label %{label}.s{stride}")
        else:
            cases = " ".join(f"i64 {stride}, label %{label}.s{stride}" for stride in fast)
            if held.stride is None:
                raise AssertionError("a stride of run time that is not there")
            b.line(f"switch {b.typed(held.stride)}, label %{label}.slow [{cases}]")
        for stride, way in fast.items():
            b.label(f"{label}.s{stride}")
            ways.append((f"{label}.s{stride}", way()))
            b.line(f"br label %{label}.both")
        b.label(f"{label}.slow")
        ways.append((f"{label}.slow", slow(addresses, fixed)))
        b.line(f"br label %{label}.both")
        b.label(f"{label}.both")
        if type is None:
            return []
        wide = b.ir_type(type, True)
        return [
            b.emit(
                f"phi {wide} "
                + ", ".join(f"[{values[i].text}, %{place}]" for place, values in ways),
                type,
                True,
            )
            for i in range(len(ways[0][1]))
        ]

    def _row(self, base: Value, offset: int, type: str, count: int, how: str) -> list[Value]:
        """Lanes' elements that lie one after the other."""
        b, size = self.b, BITS[type] // 8
        total = self.width * count
        whole = f"<{total} x {type}>"
        at = self.pointer(base, offset)
        if self.mask is None:
            text = f"{how} {whole}, ptr {at.text}, align {size}"
        else:
            lanes = self._repeated(self.mask.lanes, count)
            name = f"llvm.masked.load.v{total}{_short(type)}.p0"
            b.declarations[name] = f"declare {whole} @{name}(ptr, i32, <{total} x i1>, {whole})"
            text = (
                f"call {whole} @{name}(ptr {at.text}, i32 {size}, <{total} x i1> {lanes}, "
                f"{whole} zeroinitializer)"
            )
        found = b.emit(text, type, True)
        if count == 1:
            return [found]
        return [
            self._shuffled(found.text, whole, "poison", range(i, total, count), type)
            for i in range(count)
        ]

    def _every_other(self, base: Value, offset: int, type: str) -> Value:
        """Lanes' elements with one between each two.

        The second of two vectors begins at the first one's last element, so that it ends at the
        last lane's: nothing is read that is not between the lanes' own.
        """
        b, size, width = self.b, BITS[type] // 8, self.width
        whole = f"<{width} x {type}>"
        halves = [
            b.emit(f"load {whole}, ptr {self.pointer(base, at).text}, align {size}", type, True)
            for at in (offset, offset + (width - 1) * size)
        ]
        order = [*range(0, width, 2), *range(width + 1, 2 * width, 2)]
        return self._shuffled(halves[0].text, whole, halves[1].text, order, type)

    def _backwards(self, base: Value, offset: int, type: str) -> Value:
        """Lanes' elements that lie one before the other."""
        size, width = BITS[type] // 8, self.width
        whole = f"<{width} x {type}>"
        at = self.pointer(base, offset - (width - 1) * size)
        found = self.b.emit(f"load {whole}, ptr {at.text}, align {size}", type, True)
        return self._shuffled(found.text, whole, "poison", range(width - 1, -1, -1), type)

    def _shuffled(self, a: str, vector: str, other: str, order: Sequence[int], type: str) -> Value:
        indices = ", ".join(f"i32 {i}" for i in order)
        text = f"shufflevector {vector} {a}, {vector} {other}, <{len(order)} x i32> <{indices}>"
        return self.b.emit(text, type, True)

    def _repeated(self, lanes: Value, count: int) -> str:
        """A mask with each lane's bit `count` times."""
        if count == 1:
            return lanes.text
        order = [i // count for i in range(self.width * count)]
        return self._shuffled(lanes.text, f"<{self.width} x i1>", "poison", order, "i1").text

    def _spread(self, base: Value, offset: int, type: str, count: int, how: str) -> list[Value]:
        found = []
        for i in range(count):
            size = BITS[type] // 8
            at = self.pointer(base, offset + i * size)
            one = self.b.emit(f"{how} {type}, ptr {at.text}, align {size}", type, False)
            found.append(self.b.splat(one))
        return found

    def _gathered(
        self, addresses: Value, type: str, count: int, volatile: bool, rare: bool = False
    ) -> list[Value]:
        b, size = self.b, BITS[type] // 8
        found = []
        for i in range(count):
            here = addresses
            if i:
                here = b.binary("add", addresses, b.const("i64", i * size, True))
            name = self._gather_helper(type, volatile, rare)
            wide = b.ir_type(type, True)
            mask = self.lane_number()
            text = f"call {wide} @{name}({b.typed(here)}, {mask.type} {mask.text})"
            found.append(b.emit(text, type, True))
        return found

    def store(self, step: Step) -> None:
        """``st``."""
        space, count, type, volatile = self._form(step)
        memory = MEMORY_TYPES[type]
        place = self.place(step.sources[0], space, step)
        given = step.sources[1:]
        if len(given) != count:
            raise self.error(f"{step.ins.name} with {len(given)} values", step)
        sources = [self.source(o, step) for o in given]
        b, held, offset = self.b, place.held, place.offset
        size = BITS[memory] // 8
        how = "store volatile" if volatile else "store"
        if held.shape.kind == "uniform" and held.scalar is not None:
            for i, source in enumerate(sources):
                if self.uniform(source):
                    value = self.scalar_argument(source, memory)
                else:
                    value = self._last(self.vector_argument(source, memory))
                at = self.pointer(held.scalar, offset + i * size)
                b.line(f"{how} {memory} {value.text}, ptr {at.text}, align {size}")
            return
        values = [self.vector_argument(s, memory) for s in sources]
        if held.shape.kind == "strided" and held.scalar is not None:
            base = held.scalar
            if held.shape.stride in (None, count * size):
                streaming = "cs" in step.ins.modifiers and not volatile

                def row() -> list[Value]:
                    self._put_row(base, offset, values, how, streaming)
                    return []

                def scattered(addresses: Value, rare: bool) -> list[Value]:
                    self._scatter(addresses, values, volatile, rare)
                    return []

                self._choose(held, offset, {count * size: row}, scattered, None)
                return
        self._scatter(self.addresses(held, offset), values, volatile)

    def _last(self, vector: Value) -> Value:
        """The value of the last lane that runs: of many writers to one place, one wins."""
        b, lane = self.b, str(self.width - 1)
        if self.mask is not None:
            number = self.mask.number
            name = f"llvm.ctlz.{number.type}"
            b.declarations[name] = f"declare {number.type} @{name}({number.type}, i1)"
            zeros = b.emit(
                f"call {number.type} @{name}({number.type} {number.text}, i1 true)",
                number.type, False,
            )  # fmt: skip
            lane = b.binary("sub", b.const(number.type, self.width - 1), zeros).text
            text = f"extractelement {b.typed(vector)}, {number.type} {lane}"
        else:
            text = f"extractelement {b.typed(vector)}, i32 {lane}"
        return b.emit(text, vector.type, False)

    def _put_row(
        self, base: Value, offset: int, values: Sequence[Value], how: str, streaming: bool = False
    ) -> None:
        """Store lanes' elements one after the other; past the caches, if `streaming`."""
        b, type = self.b, values[0].type
        count, size = len(values), BITS[type] // 8
        total = self.width * count
        whole = f"<{total} x {type}>"
        text = values[0].text if count == 1 else self._woven(values).text
        at = self.pointer(base, offset)
        if self.mask is None:
            plain = f"{how} {whole} {text}, ptr {at.text}, align"
            if not streaming or total * size % _LINE:
                b.line(f"{plain} {size}")
                return
            # Whole lines alone are written without being read first.
            self.streams = True
            label = b.fresh()[1:]
            number = b.emit(f"ptrtoint ptr {at.text} to i64", "i64", False)
            within = b.binary("and", number, b.const("i64", _LINE - 1))
            b.line(f"%{label}.aligned = icmp eq {b.typed(within)}, 0")
            b.line(f"br i1 %{label}.aligned, label %{label}.lines, label %{label}.plain")
            b.label(f"{label}.lines")
            b.line(f"{plain} {_LINE}, !nontemporal !1")
            b.line(f"br label %{label}.stored")
            b.label(f"{label}.plain")
            b.line(f"{plain} {size}")
            b.line(f"br label %{label}.stored")
            b.label(f"{label}.stored")
            return
        lanes = self._repeated(self.mask.lanes, count)
        name = f"llvm.masked.store.v{total}{_short(type)}.p0"
        b.declarations[name] = f"declare void @{name}({whole}, ptr, i32, <{total} x i1>)"
        b.line(
            f"call void @{name}({whole} {text}, ptr {at.text}, i32 {size}, <{total} x i1> {lanes})"
        )

    def _woven(self, values: Sequence[Value]) -> Value:
        """Vectors as one, lane by lane: a0 b0 c0 d0 a1 b1 ..."""
        type, width = values[0].type, self.width
        pairs = list(values)
        size = width
        while len(pairs) > 1:  # concatenate, two by two
            vector = f"<{size} x {type}>"
            pairs = [
                self._shuffled(pairs[i].text, vector, pairs[i + 1].text, range(2 * size), type)
                for i in range(0, len(pairs), 2)
            ]
            size *= 2
        order = [part * width + lane for lane in range(width) for part in range(len(values))]
        return self._shuffled(pairs[0].text, f"<{size} x {type}>", "poison", order, type)

    def _scatter(
        self, addresses: Value, values: Sequence[Value], volatile: bool, rare: bool = False
    ) -> None:
        b = self.b
        for i, value in enumerate(values):
            here = addresses
            if i:
                size = BITS[value.type] // 8
                here = b.binary("add", addresses, b.const("i64", i * size, True))
            name = self._scatter_helper(value.type, volatile, rare)
            mask = self.lane_number()
            b.line(f"call void @{name}({b.typed(here)}, {b.typed(value)}, {mask.type} {mask.text})")

    # -- lane by lane -----------------------------------------------------------------------

    def lane_loop(
        self, name: str, values: Sequence[str], result: str | None, body: Sequence[str]
    ) -> str:
        """Define a helper of `lanewise.loop`, unless it is defined; its name."""
        if name not in self.helpers:
            mask = f"i{self.width}"
            count = f"llvm.cttz.{mask}"
            self.b.declarations[count] = f"declare {mask} @{count}({mask}, i1)"
            self.helpers[name] = lanewise.loop(self.width, name, values, result, body)
        return name

    def _gather_helper(self, type: str, volatile: bool, rare: bool) -> str:
        name = f"gather.{type}" + ".volatile" * volatile + ".rare" * rare
        if name in self.helpers:
            return name
        if rare:
            how = "load volatile" if volatile else "load"
            body = [f"%x = {how} {type}, ptr %at, align {BITS[type] // 8}"]
            return self.lane_loop(name, (), type, body)
        self.b.declarations["zero"] = lanewise.ZERO
        self.helpers[name] = lanewise.gather(self.width, name, type, volatile)
        return name

    def _scatter_helper(self, type: str, volatile: bool, rare: bool) -> str:
        name = f"scatter.{type}" + ".volatile" * volatile + ".rare" * rare
        if name in self.helpers:
            return name
        if rare:
            how = "store volatile" if volatile else "store"
            body = [f"{how} {type} %y, ptr %at, align {BITS[type] // 8}"]
            return self.lane_loop(name, (type,), None, body)
        self.helpers[name] = lanewise.scatter(self.width, name, type, volatile)
        return name

    # -- the rest ---------------------------------------------------------------------------

    def slot(self, step: Step) -> None:
        """``ldslot`` and ``stslot``: a parameter of an expanded call."""
        type = step.ins.modifiers[0]
        source = self.source(step.sources[0], step)
        memory = MEMORY_TYPES[type]
        target = step.results[0]
        if self.uniform(source):
            value = self.scalar_argument(source, memory)
        else:
            value = self.vector_argument(source, memory)
        self.write_value(target, self.extended(value, type, target))


def _short(type: str) -> str:
    return {"float": "f32", "double": "f64"}.get(type, type)
