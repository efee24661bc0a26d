"""Every spelling that the tables accept gives valid LLVM IR, and the types promised."""

from __future__ import annotations

import llvmlite.binding as llvm
import pytest

from ndgpu.driver.host.compiler.builder import Builder, Value
from ndgpu.driver.host.compiler.isa import OPS, Op
from ndgpu.driver.host.compiler.isa.table import spellings

from .machine import Instruction

BRACES = {"mov.pack": "mov.b64 %rd1, {%a, %b};", "mov.unpack": "mov.b64 {%a, %b}, %rd1;"}
# Of a row that stands for more spellings than this, some are tried.
MOST = 60


@pytest.mark.parametrize("features", [(), ("avx512f",)])
@pytest.mark.parametrize("width", [4, 16, 32])
def test_every_spelling_writes_valid_code(width: int, features: tuple[str, ...]) -> None:
    b = Builder(width, features)
    functions = []
    for name, op in OPS.items():
        for row in op.rows:
            every = list(spellings(row))
            for modifiers in every[:: max(1, len(every) // MOST)]:
                ins = Instruction(name, modifiers, text=BRACES.get(name, ""))
                functions += [_function(b, ins, wide) for wide in (False, True)]
    text = [f"define void @f{i}{body}" for i, body in enumerate(functions)]
    llvm.parse_assembly("\n".join([*b.declarations.values(), *text])).verify()
    assert len(functions) > 4000


def _function(b: Builder, ins: Instruction, wide: bool) -> str:
    op = OPS[ins.opcode]
    b.lines = []
    sources = op.sources(ins)
    args = [Value(f"%a{i}", type, wide) for i, type in enumerate(sources)]
    if ins.opcode == "lop3":
        args[3] = b.const("i32", 0xCA, wide)
    results = op.emit(b, ins, args)
    assert tuple(r.type for r in results) == op.results(ins), ins
    assert all(r.wide == wide for r in results), ins
    reads, writes = op.carry(ins)
    assert not reads or sources[-1] == "i1"
    assert not writes or results[-1].type == "i1"
    for result in results:
        b.line(f"store {b.typed(result)}, ptr %out")
    parameters = ", ".join(f"{b.ir_type(t, wide)} %a{i}" for i, t in enumerate(sources))
    body = "\n".join(b.lines)
    return f"({parameters}, ptr %out) {{\n{body}\n  ret void\n}}"


def test_no_spelling_is_claimed_by_two_rows_of_different_types() -> None:
    """The first row that fits is taken, so a second one must say the same of its operands."""
    for name, op in OPS.items():
        seen: dict[tuple[str, ...], tuple] = {}
        for row in op.rows:
            alone = Op(name, [row])
            for modifiers in spellings(row):
                ins = Instruction(name, modifiers, text=BRACES.get(name, ""))
                types = alone.sources(ins), alone.results(ins)
                before = seen.setdefault(modifiers, types)
                assert before == types, (name, modifiers)
