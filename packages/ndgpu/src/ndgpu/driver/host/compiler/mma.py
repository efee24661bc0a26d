"""Matrix products of a warp: `mma`, `wmma`, `ldmatrix` and `movmatrix`.

The lanes' fragments are put side by side in memory, spread into matrices by tables that hold the
place of each element (`fragments`), multiplied there, and gathered into fragments again
(`matrices`).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .builder import BITS, Builder, Value
from .dataflow import Step
from .fragments import (
    ELEMENTS,
    SHAPES,
    WARP,
    WMMA_SHAPES,
    Fragment,
    of_mma,
    of_quads,
    of_wmma,
    shape_of,
)  # fmt: skip
from .lanes import Lanes
from .matrices import Code
from .syntax import Address, Immediate, Vector

__all__ = ["EMITTERS"]

# -- products ------------------------------------------------------------------------------------


def _mma(w: Lanes, step: Step) -> None:
    """``mma.sync.aligned.shape.row.col``."""
    modifiers = step.ins.modifiers
    shape, types = shape_of(modifiers), [m for m in modifiers if m in ELEMENTS]
    if shape == (8, 8, 4) and types[1:3] == ["f16", "f16"]:
        _quads(w, step, types)
        return
    if (
        shape is None
        or len(types) != 4
        or "sp" in modifiers
        or _times(modifiers) is None
        or "row" not in modifiers
        or "col" not in modifiers
        or shape not in SHAPES.get(types[1], ())
    ):
        raise w.error(f"{step.ins.name} is not known", step)
    fragments = [
        of_mma(role, type, shape) for role, type in zip("cabc", types, strict=True)
    ]  # d, a, b, c
    _product(w, step, shape, fragments)


def _quads(w: Lanes, step: Step, types: Sequence[str]) -> None:
    """``mma.m8n8k4`` of half, which is four products."""
    layouts = [m for m in step.ins.modifiers if m in ("row", "col")]
    if len(layouts) != 2 or not {types[0], types[-1]} <= {"f16", "f32"}:
        raise w.error(f"{step.ins.name} is not known", step)
    fragments = [
        of_quads(role, type, layout)
        for role, type, layout in zip("cabc", types, ("", *layouts, ""), strict=True)
    ]
    _product(w, step, (32, 32, 4), fragments)


def _times(modifiers: Sequence[str]) -> str | None:
    """The instruction that multiplies integers; None if there is no such one."""
    if "b1" not in modifiers:
        return "mul" if not {"xor", "and", "popc"}.intersection(modifiers) else None
    if "popc" not in modifiers:
        return None
    return next((m for m in modifiers if m in ("xor", "and")), None)


def _wmma(w: Lanes, step: Step) -> None:
    """``wmma.mma``: the layouts of a and b were for their loads."""
    modifiers = step.ins.modifiers
    shape = shape_of(modifiers)
    rest = [m for m in modifiers if m in ELEMENTS]
    types = rest if len(rest) == 4 else [rest[0], "f16", "f16", rest[-1]]
    if (
        shape is None
        or len(rest) not in (2, 4)
        or _times(modifiers) is None
        or shape not in WMMA_SHAPES.get(types[1], ())
    ):
        raise w.error(f"{step.ins.name} is not known", step)
    counts = [len(o.elements) if isinstance(o, Vector) else 1 for o in step.ins.operands]
    fragments = [
        of_wmma(role, type, shape, count)
        for role, type, count in zip("dabc", types, counts, strict=True)
    ]
    _product(w, step, shape, fragments)


def _product(
    w: Lanes, step: Step, shape: tuple[int, int, int], fragments: Sequence[Fragment]
) -> None:
    b = w.b
    d, *given = fragments
    kind = given[0].type
    wide = ELEMENTS[kind].sum
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
        code, inner = Code(), Builder(shape[1], b.features)
        for name, fragment in zip("abc", given, strict=True):
            code.spread(name, fragment, f"%{name}", wide)
        code.multiply(shape, wide, _times(step.ins.modifiers) or "mul", inner)
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


def _area(w: Lanes, name: str, fragment: Fragment) -> str:
    register = w.b.ir_type(_register(fragment.type), True)
    tag = f"%mma.{name}.{fragment.type}.{fragment.registers}"
    return w.alloca(tag, f"[{fragment.registers} x {register}]")


def _stored(w: Lanes, step: Step, name: str, fragment: Fragment, start: int) -> str:
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


def _loaded(w: Lanes, step: Step, fragment: Fragment, area: str) -> None:
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
            f"shufflevector {wide} {addresses.text}, {wide} poison, <{WARP} x i32> <{order}>",
            "i64", True,
        )  # fmt: skip
        items = ", ".join(f"i64 {offset}" for offset in offsets)
        return b.binary("add", rows, Value(f"<{items}>", "i64", True))

    lanes = range(WARP)
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


def _movmatrix(w: Lanes, step: Step) -> None:
    """``movmatrix``: a matrix of 8 x 8 across the main diagonal."""
    b, ins = w.b, step.ins
    if ins.modifiers != ("sync", "aligned", "m8n8", "trans", "b16"):
        raise w.error(f"{ins.name} is not known", step)
    value = w.vector_argument(w.source(step.sources[0], step), "i32")
    wide, lanes = b.ir_type("i32", True), range(WARP)
    # Of the row lane / 4 of the result, which is a column of the source, the item's element.
    shift = ", ".join(f"i32 {lane // 4 % 2 * 16}" for lane in lanes)
    halves = []
    for item in range(2):
        order = ", ".join(f"i32 {lane % 4 * 8 + item * 4 + lane // 8}" for lane in lanes)
        pair = b.emit(
            f"shufflevector {wide} {value.text}, {wide} poison, {wide} <{order}>", "i32", True
        )
        half = b.binary("lshr", pair, Value(f"<{shift}>", "i32", True))
        halves.append(b.binary("and", half, b.const("i32", 0xFFFF, True)))
    high = b.binary("shl", halves[1], b.const("i32", 16, True))
    w.write_value(step.results[0], b.binary("or", halves[0], high))


def _wmma_memory(w: Lanes, step: Step) -> None:
    """``wmma.load`` and ``wmma.store``."""
    b, ins = w.b, step.ins
    modifiers = ins.modifiers
    role, type, shape = modifiers[0], modifiers[-1], shape_of(modifiers)
    load = ins.opcode == "wmma.load"
    layout = next((m for m in modifiers if m in ("row", "col")), None)
    address = next(o for o in step.sources if isinstance(o, Address))
    if shape is None or layout is None or type not in ELEMENTS or role not in "abcd":
        raise w.error(f"{ins.name} is not known", step)
    registers = next(len(o.elements) for o in ins.operands if isinstance(o, Vector))
    fragment = of_wmma(role, type, shape, registers)
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
    packed = ELEMENTS[type].packed
    if packed > 4:
        # Elements smaller than a byte are copied by whole registers.
        if (role, layout) not in (("a", "row"), ("b", "col")):
            raise w.error(f"{ins.name} is not known", step)
        step_by = b.binary("udiv", step_by, b.const("i32", packed))
        length //= packed
        fragment = Fragment("s32", count, length, tuple(range(count * length)))
        layout, type = "row", "s32"
    w.at_matrix(step, base, step_by, count, length, BITS[ELEMENTS[type].memory] // 8)
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


def _transfer(name: str, fragment: Fragment, layout: str, load: bool) -> str:
    """A helper that copies between a fragment and a matrix whose rows, or columns, are apart."""
    code = Code()
    memory = ELEMENTS[fragment.type].memory
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
    "movmatrix": _movmatrix,
    "wmma.mma": _wmma,
    "wmma.load": _wmma_memory,
    "wmma.store": _wmma_memory,
}
