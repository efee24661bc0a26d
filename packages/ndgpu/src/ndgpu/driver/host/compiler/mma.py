"""Matrix products of a warp: `mma`, `wmma` and `ldmatrix`.

The lanes' fragments are put side by side in memory, spread into matrices by tables that hold the
place of each element, multiplied there, and gathered into fragments again.

Guarantees: elements lie in the lanes' registers as the PTX manual tells for `mma` (for `wmma` it
tells nothing: the lanes hold them in the order of rows); products of half, bfloat16 and tf32 are
exact and are summed one by one in single precision, from the first column to the last, to which a
half-precision result is rounded at the end; a GPU sums in another order.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from .builder import BITS, Builder, Value
from .dataflow import Step
from .isa import OPS
from .lanes import Lanes
from .syntax import Address, Immediate, Instruction, Vector

__all__ = ["EMITTERS"]

_WARP = 32
_SHAPE = re.compile(r"m(\d+)n(\d+)k(\d+)$")


@dataclass(frozen=True, slots=True)
class _Element:
    """How an element is kept: its type in memory, in sums, and how many a register holds."""

    memory: str
    sum: str
    packed: int = 1


_ELEMENTS = {
    "f16": _Element("half", "float", 2),
    "bf16": _Element("bfloat", "float", 2),
    "tf32": _Element("i32", "float"),
    "f32": _Element("float", "float"),
    "f64": _Element("double", "double"),
    "s8": _Element("i8", "i32", 4),
    "u8": _Element("i8", "i32", 4),
    "s32": _Element("i32", "i32"),
}
_SHAPES = {
    "f16": {(16, 8, 8), (16, 8, 16)},
    "bf16": {(16, 8, 8), (16, 8, 16)},
    "tf32": {(16, 8, 4), (16, 8, 8)},
    "f64": {(8, 8, 4)},
    "s8": {(8, 8, 16), (16, 8, 16), (16, 8, 32)},
    "u8": {(8, 8, 16), (16, 8, 16), (16, 8, 32)},
}
_WMMA_SHAPES = {
    **{key: {(16, 16, 16), (32, 8, 16), (8, 32, 16)} for key in ("f16", "bf16", "s8", "u8")},
    "tf32": {(16, 16, 8)},
    "f64": {(8, 8, 4)},
}


@dataclass(frozen=True, slots=True)
class _Fragment:
    """A matrix in registers.

    `places[j]` is where, in the matrix by rows, the j-th element lies of the registers' memory:
    register by register, in each lane by lane, in each lane from the low bits up.
    """

    type: str
    rows: int
    columns: int
    places: tuple[int, ...]

    @property
    def registers(self) -> int:
        return len(self.places) // (_WARP * _ELEMENTS[self.type].packed)


def _of_mma(role: str, type: str, shape: tuple[int, int, int]) -> _Fragment:
    """The fragment of matrix ``a``, ``b`` or ``c`` of `mma`, as the manual has it."""
    m, n, k = shape
    packed = _ELEMENTS[type].packed
    rows, columns = {"a": (m, k), "b": (k, n), "c": (m, n)}[role]
    # A register holds 8 rows (or columns) of 4 lanes with `packed` elements each.
    high = m // 8
    if role == "c":
        each = 2 // packed
        count = high * each
    else:
        each = 1
        count = k // (4 * packed) * (high if role == "a" else 1)
    places = []
    for register in range(count):
        for lane in range(_WARP):
            group, within = divmod(lane, 4)
            for item in range(packed):
                if role == "a":
                    row = group + 8 * (register % high)
                    column = register // high * 4 * packed + within * packed + item
                elif role == "b":
                    row = register * 4 * packed + within * packed + item
                    column = group
                else:
                    row = group + 8 * (register // each)
                    column = 2 * within + (register % each if each > 1 else item)
                places.append(row * columns + column)
    return _Fragment(type, rows, columns, tuple(places))


def _of_wmma(role: str, type: str, shape: tuple[int, int, int], registers: int) -> _Fragment:
    """A fragment of `wmma`: by rows; where registers have room for more, each element again."""
    m, n, k = shape
    rows, columns = {"a": (m, k), "b": (k, n), "c": (m, n), "d": (m, n)}[role]
    packed = _ELEMENTS[type].packed
    each = registers * packed
    places = [
        (lane * each + register * packed + item) % (rows * columns)
        for register in range(registers)
        for lane in range(_WARP)
        for item in range(packed)
    ]
    return _Fragment(type, rows, columns, tuple(places))


# -- code ----------------------------------------------------------------------------------------


class _Code:
    """The body of a helper function."""

    def __init__(self) -> None:
        self.tables: list[str] = []
        self.lines: list[str] = []
        self.count = 0

    def table(self, name: str, numbers: Sequence[int]) -> str:
        items = ", ".join(f"i32 {n}" for n in numbers)
        type = f"[{len(numbers)} x i32]"
        self.tables.append(f"@{name} = private constant {type} [{items}], align 64")
        return f"@{name}"

    def loop(self, count: int, body: Sequence[str]) -> None:
        """Run `body`, with ``{i}`` its number, `count` times; names in it end in ``{n}``."""
        self.count += 1
        n = self.count
        index = f"%i{n}"
        lines = [line.replace("{i}", index).replace("{n}", str(n)) for line in body]
        self.lines += [
            f"  br label %before{n}",
            f"before{n}:",
            f"  br label %each{n}",
            f"each{n}:",
            f"  {index} = phi i32 [0, %before{n}], [{index}.next, %each{n}]",
            *(f"  {line}" for line in lines),
            f"  {index}.next = add i32 {index}, 1",
            f"  {index}.more = icmp ult i32 {index}.next, {count}",
            f"  br i1 {index}.more, label %each{n}, label %after{n}",
            f"after{n}:",
        ]

    def spread(self, name: str, fragment: _Fragment, source: str, wide: str) -> None:
        """Put a fragment into the matrix ``%<name>.m`` of elements of type `wide`."""
        element = _ELEMENTS[fragment.type]
        table = self.table(f"{name}.places", fragment.places)
        type = element.memory
        count = fragment.rows * fragment.columns
        self.lines.insert(0, f"  %{name}.m = alloca [{count} x {wide}], align 64")
        self.loop(
            len(fragment.places),
            [
                f"%s{{n}} = getelementptr {type}, ptr {source}, i32 {{i}}",
                f"%e{{n}} = load {type}, ptr %s{{n}}",
                *_widened(fragment.type, wide),
                f"%p{{n}} = getelementptr i32, ptr {table}, i32 {{i}}",
                "%at{n} = load i32, ptr %p{n}",
                f"%d{{n}} = getelementptr {wide}, ptr %{name}.m, i32 %at{{n}}",
                f"store {wide} %v{{n}}, ptr %d{{n}}",
            ],
        )

    def gathered(self, name: str, fragment: _Fragment, matrix: str, target: str, wide: str) -> None:
        """Take a fragment from a matrix."""
        element = _ELEMENTS[fragment.type]
        table = self.table(f"{name}.places", fragment.places)
        narrow = {"half": f"fptrunc {wide} %v{{n}} to half"}.get(element.memory)
        saturated = wide == "i64"
        stored = "%v{n}"
        extra = []
        if narrow:
            extra, stored = [f"%w{{n}} = {narrow}"], "%w{n}"
        elif saturated:
            extra = [
                "%hi{n} = call i64 @llvm.smin.i64(i64 %v{n}, i64 2147483647)",
                "%lo{n} = call i64 @llvm.smax.i64(i64 %hi{n}, i64 -2147483648)",
                "%w{n} = trunc i64 %lo{n} to i32",
            ]
            stored = "%w{n}"
        self.loop(
            len(fragment.places),
            [
                f"%p{{n}} = getelementptr i32, ptr {table}, i32 {{i}}",
                "%at{n} = load i32, ptr %p{n}",
                f"%s{{n}} = getelementptr {wide}, ptr {matrix}, i32 %at{{n}}",
                f"%v{{n}} = load {wide}, ptr %s{{n}}",
                *extra,
                f"%d{{n}} = getelementptr {element.memory}, ptr {target}, i32 {{i}}",
                f"store {element.memory} {stored}, ptr %d{{n}}",
            ],
        )

    def multiply(self, shape: tuple[int, int, int], type: str, b: Builder) -> None:
        """Add the product of ``%a.m`` and ``%b.m`` to ``%c.m``, a row at a time."""
        m, n, k = shape
        row = f"<{n} x {type}>"
        self.count += 1
        number = self.count
        x, y, s = (Value(f"%{name}{number}", type, True) for name in "xyz")
        b.width = n
        if type == "double":
            ins = Instruction("fma", ("rn", "f64"), (), None, 0, "mma")
            total = OPS["fma"].emit(b, ins, [x, y, s])[0]
        elif type == "float":
            # The product is exact, so that this is no different from a fused operation.
            total = b.binary("fadd", b.binary("fmul", x, y), s)
        else:
            total = b.binary("add", b.binary("mul", x, y), s)
        lines, b.lines = b.lines, []
        self.lines += [
            f"  br label %rows{number}",
            f"rows{number}:",
            f"  %r{number} = phi i32 [0, %after{number - 1}], [%r.next{number}, %row.done{number}]",
            f"  %cr{number} = getelementptr {row}, ptr %c.m, i32 %r{number}",
            f"  %first{number} = load {row}, ptr %cr{number}, align {BITS[type] // 8}",
            f"  %ar{number} = mul i32 %r{number}, {k}",
            f"  br label %terms{number}",
            f"terms{number}:",
            f"  %k{number} = phi i32 [0, %rows{number}], [%k.next{number}, %terms{number}]",
            f"  %z{number} = phi {row} [%first{number}, %rows{number}], "
            f"[{total.text}, %terms{number}]",
            f"  %ak{number} = add i32 %ar{number}, %k{number}",
            f"  %ap{number} = getelementptr {type}, ptr %a.m, i32 %ak{number}",
            f"  %as{number} = load {type}, ptr %ap{number}",
            f"  %ai{number} = insertelement {row} poison, {type} %as{number}, i32 0",
            f"  %x{number} = shufflevector {row} %ai{number}, {row} poison, "
            f"<{n} x i32> zeroinitializer",
            f"  %bp{number} = getelementptr {row}, ptr %b.m, i32 %k{number}",
            f"  %y{number} = load {row}, ptr %bp{number}, align {BITS[type] // 8}",
            *lines,
            f"  %k.next{number} = add i32 %k{number}, 1",
            f"  %k.more{number} = icmp ult i32 %k.next{number}, {k}",
            f"  br i1 %k.more{number}, label %terms{number}, label %row.done{number}",
            f"row.done{number}:",
            f"  store {row} {total.text}, ptr %cr{number}, align {BITS[type] // 8}",
            f"  %r.next{number} = add i32 %r{number}, 1",
            f"  %r.more{number} = icmp ult i32 %r.next{number}, {m}",
            f"  br i1 %r.more{number}, label %rows{number}, label %after{number}",
            f"after{number}:",
        ]

    def function(self, name: str, parameters: str) -> str:
        head = f"define internal void @{name}({parameters}) noinline nounwind {{"
        return "\n".join((*self.tables, head, "entry:", *self.lines, "  ret void", "}"))


def _widened(type: str, wide: str) -> list[str]:
    """Code that makes ``%v{n}`` of the element ``%e{n}``."""
    if type == "f16":
        return ["%v{n} = fpext half %e{n} to float"]
    if type == "bf16":
        return [
            "%b{n} = bitcast bfloat %e{n} to i16",
            "%h{n} = zext i16 %b{n} to i32",
            "%u{n} = shl i32 %h{n}, 16",
            "%v{n} = bitcast i32 %u{n} to float",
        ]
    if type == "tf32":
        return ["%u{n} = and i32 %e{n}, -8192", "%v{n} = bitcast i32 %u{n} to float"]
    memory = _ELEMENTS[type].memory
    if memory != wide:
        return [f"%v{{n}} = {'zext' if type == 'u8' else 'sext'} {memory} %e{{n}} to {wide}"]
    return [f"%v{{n}} = bitcast {memory} %e{{n}} to {wide}"]


# -- products ------------------------------------------------------------------------------------


def _shape(modifiers: Sequence[str]) -> tuple[int, int, int] | None:
    for modifier in modifiers:
        match = _SHAPE.match(modifier)
        if match:
            return int(match[1]), int(match[2]), int(match[3])
    return None


def _mma(w: Lanes, step: Step) -> None:
    """``mma.sync.aligned.shape.row.col``."""
    modifiers = step.ins.modifiers
    shape, types = _shape(modifiers), modifiers[-4:]
    if (
        shape is None
        or "row" not in modifiers
        or "col" not in modifiers
        or not set(types) <= set(_ELEMENTS)
        or shape not in _SHAPES.get(types[1], ())
    ):
        raise w.error(f"{step.ins.name} is not known", step)
    fragments = [
        _of_mma(role, type, shape) for role, type in zip("cabc", types, strict=True)
    ]  # d, a, b, c
    _product(w, step, shape, fragments)


def _wmma(w: Lanes, step: Step) -> None:
    """``wmma.mma``: the layouts of a and b were for their loads."""
    modifiers = step.ins.modifiers
    shape = _shape(modifiers)
    rest = [m for m in modifiers if m in _ELEMENTS]
    types = rest if len(rest) == 4 else [rest[0], "f16", "f16", rest[-1]]
    if shape is None or len(rest) not in (2, 4) or shape not in _WMMA_SHAPES.get(types[1], ()):
        raise w.error(f"{step.ins.name} is not known", step)
    counts = [len(o.elements) if isinstance(o, Vector) else 1 for o in step.ins.operands]
    fragments = [
        _of_wmma(role, type, shape, count)
        for role, type, count in zip("dabc", types, counts, strict=True)
    ]
    _product(w, step, shape, fragments)


def _product(
    w: Lanes, step: Step, shape: tuple[int, int, int], fragments: Sequence[_Fragment]
) -> None:
    b = w.b
    d, *given = fragments
    kind = given[0].type
    wide = _ELEMENTS[kind].sum
    if wide == "i32" and "satfinite" in step.ins.modifiers:
        wide = "i64"
    counts = [f.registers for f in given]
    if len(step.sources) != sum(counts) or len(step.results) != d.registers:
        raise w.error(f"{step.ins.name} with fragments of other sizes", step)
    areas, at = [], 0
    for name, fragment in zip("abc", given, strict=True):
        areas.append(_stored(w, step, name, fragment, at))
        at += fragment.registers
    areas.append(_area(w, "d", d))
    helper = f"{step.ins.name}.helper"
    if helper not in w.helpers:
        code, inner = _Code(), Builder(shape[1], b.features)
        for name, fragment in zip("abc", given, strict=True):
            code.spread(name, fragment, f"%{name}", wide)
        code.multiply(shape, wide, inner)
        code.gathered("d", d, "%c.m", "%d", wide)
        code.tables = [t.replace("@", f"@{helper}.", 1) for t in code.tables]
        code.lines = [
            re.sub(r"@([abcd])\.places", rf"@{helper}.\1.places", line) for line in code.lines
        ]
        b.declarations.update(inner.declarations)
        if wide == "i64":
            for name in ("llvm.smin.i64", "llvm.smax.i64"):
                b.declarations[name] = f"declare i64 @{name}(i64, i64)"
        w.helpers[helper] = code.function(helper, "ptr %a, ptr %b, ptr %c, ptr %d")
    b.line(f"call void @{helper}({', '.join(f'ptr {area}' for area in areas)})")
    _loaded(w, step, d, areas[-1])


def _register(type: str) -> str:
    """LLVM type of a register of a fragment, as it lies in memory."""
    return {"f64": "double", "f32": "float"}.get(type, "i32")


def _area(w: Lanes, name: str, fragment: _Fragment) -> str:
    register = w.b.ir_type(_register(fragment.type), True)
    tag = f"%mma.{name}.{fragment.type}.{fragment.registers}"
    return w.alloca(tag, f"[{fragment.registers} x {register}]")


def _stored(w: Lanes, step: Step, name: str, fragment: _Fragment, start: int) -> str:
    """Put a fragment's registers, one after the other, into memory."""
    b, area, type = w.b, _area(w, name, fragment), _register(fragment.type)
    for register in range(fragment.registers):
        source = w.source(step.sources[start + register], step)
        value = w.vector_argument(source, type)
        at = b.emit(
            f"getelementptr {b.ir_type(type, True)}, ptr {area}, i32 {register}", "ptr", False
        )
        b.line(f"store {b.typed(value)}, ptr {at.text}")
    return area


def _loaded(w: Lanes, step: Step, fragment: _Fragment, area: str) -> None:
    b, type = w.b, _register(fragment.type)
    whole = b.ir_type(type, True)
    for register, target in enumerate(step.results):
        at = b.emit(f"getelementptr {whole}, ptr {area}, i32 {register}", "ptr", False)
        w.write_value(target, b.emit(f"load {whole}, ptr {at.text}", type, True))


# -- matrices in memory --------------------------------------------------------------------------


def _ldmatrix(w: Lanes, step: Step) -> None:
    """``ldmatrix``: eight lanes tell where the rows of a matrix of 8 x 8 are."""
    b, modifiers = w.b, step.ins.modifiers
    counts = {"x1": 1, "x2": 2, "x4": 4}
    count = next((counts[m] for m in modifiers if m in counts), 0)
    if "m8n8" not in modifiers or modifiers[-1] != "b16" or len(step.results) != count:
        raise w.error(f"{step.ins.name} is not known", step)
    space = "shared" if "shared" in modifiers else "generic"
    place = w.place(step.sources[0], space, step)
    addresses = w.addresses(place.held, place.offset)
    wide = b.ir_type("i64", True)

    def row(lanes: Sequence[int], offsets: Sequence[int]) -> Value:
        order = ", ".join(f"i32 {lane}" for lane in lanes)
        rows = b.emit(
            f"shufflevector {wide} {addresses.text}, {wide} poison, <{_WARP} x i32> <{order}>",
            "i64", True,
        )  # fmt: skip
        items = ", ".join(f"i64 {offset}" for offset in offsets)
        return b.binary("add", rows, Value(f"<{items}>", "i64", True))

    lanes = range(_WARP)
    for number, target in enumerate(step.results):
        first = 8 * number
        if "trans" not in modifiers:
            at = row([first + lane // 4 for lane in lanes], [lane % 4 * 4 for lane in lanes])
            w.write_value(target, w._gathered(at, "i32", 1, False, False)[0])
            continue
        halves = []
        for item in range(2):
            at = row(
                [first + lane % 4 * 2 + item for lane in lanes], [lane // 4 * 2 for lane in lanes]
            )
            half = w._gathered(at, "i16", 1, False, False)[0]
            halves.append(b.cast("zext", half, "i32"))
        high = b.binary("shl", halves[1], b.const("i32", 16, True))
        w.write_value(target, b.binary("or", halves[0], high))


def _wmma_memory(w: Lanes, step: Step) -> None:
    """``wmma.load`` and ``wmma.store``."""
    b, ins = w.b, step.ins
    modifiers = ins.modifiers
    role, type, shape = modifiers[0], modifiers[-1], _shape(modifiers)
    load = ins.opcode == "wmma.load"
    layout = next((m for m in modifiers if m in ("row", "col")), None)
    address = next(o for o in step.sources if isinstance(o, Address))
    if shape is None or layout is None or type not in _ELEMENTS or role not in "abcd":
        raise w.error(f"{ins.name} is not known", step)
    registers = next(len(o.elements) for o in ins.operands if isinstance(o, Vector))
    fragment = _of_wmma(role, type, shape, registers)
    space = next((m for m in modifiers if m in ("global", "shared")), "generic")
    place = w.place(address, space, step)
    vector = w.addresses(place.held, place.offset)
    base = b.emit(f"extractelement {b.typed(vector)}, i32 0", "i64", False)
    values = 0 if load else registers
    rest = [o for o in step.sources if not isinstance(o, Address)][values:]
    if rest:
        stride = w.source(rest[0], step)
        if isinstance(stride, Immediate) or stride.scalar is not None:
            step_by = w.scalar_argument(stride, "i32")
        else:
            every = w.vector_argument(stride, "i32")
            step_by = b.emit(f"extractelement {b.typed(every)}, i32 0", "i32", False)
    else:
        step_by = b.const("i32", fragment.columns if layout == "row" else fragment.rows)
    extent = (fragment.rows, fragment.columns)
    count, length = extent if layout == "row" else extent[::-1]
    w.at_matrix(step, base, step_by, count, length, BITS[_ELEMENTS[type].memory] // 8)
    if load:
        area = _area(w, "m", fragment)
    else:
        area = _stored(w, step, "m", fragment, step.sources.index(address) + 1)
    helper = f"{ins.opcode}.{role}.{layout}.{type}.{'x'.join(map(str, shape))}"
    if helper not in w.helpers:
        w.helpers[helper] = _transfer(helper, fragment, layout, load)
    at = b.emit(f"inttoptr i64 {base.text} to ptr", "ptr", False)
    b.line(f"call void @{helper}(ptr {area}, ptr {at.text}, i32 {step_by.text})")
    if load:
        _loaded(w, step, fragment, area)


def _transfer(name: str, fragment: _Fragment, layout: str, load: bool) -> str:
    """A helper that copies between a fragment and a matrix whose rows, or columns, are apart."""
    code = _Code()
    memory = _ELEMENTS[fragment.type].memory
    pairs = [divmod(place, fragment.columns) for place in fragment.places]
    far, near = (0, 1) if layout == "row" else (1, 0)
    tables = [
        code.table(f"{name}.{which}", [pair[axis] for pair in pairs])
        for which, axis in (("far", far), ("near", near))
    ]
    source, target = ("%m{n}", "%r{n}") if load else ("%r{n}", "%m{n}")
    code.loop(
        len(pairs),
        [
            f"%f{{n}} = getelementptr i32, ptr {tables[0]}, i32 {{i}}",
            "%far{n} = load i32, ptr %f{n}",
            f"%g{{n}} = getelementptr i32, ptr {tables[1]}, i32 {{i}}",
            "%near{n} = load i32, ptr %g{n}",
            "%o{n} = mul i32 %far{n}, %stride",
            "%p{n} = add i32 %o{n}, %near{n}",
            f"%m{{n}} = getelementptr {memory}, ptr %matrix, i32 %p{{n}}",
            f"%r{{n}} = getelementptr {memory}, ptr %registers, i32 {{i}}",
            f"%v{{n}} = load {memory}, ptr {source}, align 1",
            f"store {memory} %v{{n}}, ptr {target}, align 1",
        ],
    )
    return code.function(name, "ptr %registers, ptr %matrix, i32 %stride")


EMITTERS = {
    "mma": _mma,
    "ldmatrix": _ldmatrix,
    "wmma.mma": _wmma,
    "wmma.load": _wmma_memory,
    "wmma.store": _wmma_memory,
}
