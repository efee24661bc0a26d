"""Every instruction on registers that NVRTC writes for CUDA's mathematics is in the tables."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.ptx import compile_ptx

from ndgpu.driver.host.compiler import load
from ndgpu.driver.host.compiler.errors import PtxError
from ndgpu.driver.host.compiler.isa import OPS

from .cuda_source import halves, mathematics
from .machine import Instruction, parse

# Instructions that are not functions of registers: the code generator's.
OTHERS = frozenset(["ld", "st", "cvta", "bra", "call", "ret", "mov"])

_STATEMENT = re.compile(r"(?:^|[;{}])\s*(?:@!?%\w+\s+)?([a-z][\w.:]*)\s+([^;]*);", re.M)


def _headers() -> Path:
    from cuda.pathfinder import find_nvidia_header_directory

    found = find_nvidia_header_directory("cudart")
    if found is None:
        pytest.skip("needs CUDA's headers (the nvidia-cuda-runtime wheel)")
    return Path(found)


SOURCES: dict[str, tuple[Callable[[], str], tuple[str, ...]]] = {
    "precise": (mathematics, ("--device-int128",)),
    "fast": (mathematics, ("--device-int128", "--use_fast_math")),
    "flushing": (mathematics, ("--device-int128", "-ftz=true", "--fmad=false")),
    "fp16": (lambda: halves(_headers(), "cuda_fp16.h"), ()),
    "fp16-flushing": (lambda: halves(_headers(), "cuda_fp16.h"), ("-ftz=true",)),
    "bf16": (lambda: halves(_headers(), "cuda_bf16.h"), ()),
}


@pytest.mark.parametrize("name", SOURCES)
def test_every_opcode_is_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # CUDA's half headers declare some of these functions from compute_80 on only, so this source
    # is none of those that must compile for every architecture.
    monkeypatch.delenv("NDGPU_RECORD_SOURCES", raising=False)
    source, options = SOURCES[name]
    ptx = compile_ptx(source(), *options)
    seen, unknown = set(), set()
    for opcode, operands in _STATEMENT.findall(ptx):
        if opcode in seen or opcode.split(".")[0] in OTHERS - {"mov"}:
            continue
        seen.add(opcode)
        ins = parse(opcode)
        if ins.opcode == "mov" and "{" in operands:
            destination = operands.lstrip().startswith("{")
            root = "mov.unpack" if destination else "mov.pack"
            seen.discard(opcode)
            ins = Instruction(root, ins.modifiers, text=f"{opcode} {operands}")
        try:
            OPS[ins.opcode].check(ins)
        except (KeyError, PtxError):
            unknown.add(opcode)
    assert not unknown
    assert len(seen) >= 25


@pytest.mark.parametrize(
    "spelling",
    ["add.rn.s32", "fma.f32", "add.ftz.f64", "mul.s32", "setp.lo.f32", "cvt.s32.f32", "shl.u32",
     "cvt.rn.f16x2.f16", "ex2.f32", "mov.pack.b24"],
)  # fmt: skip
def test_unknown_form_is_refused_with_its_line(spelling: str) -> None:
    ins = parse(spelling, "mov.b24 %r1, {%rs1, %rs2};")
    with pytest.raises(PtxError, match=re.escape(spelling)) as caught:
        OPS[ins.opcode].check(ins)
    assert caught.value.line == 7
    assert caught.value.opcode == spelling


@pytest.mark.parametrize(
    "text", ["mov.b32 %r1, {%rs1, %rs2, %rs3};", "mov.b32 {%a, %b}, {%c, %d};"]
)
def test_braces_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(PtxError):
        OPS["mov.pack"].check(Instruction("mov.pack", ("b32",), text=text))


@pytest.mark.parametrize("header", ["cuda_fp16.h", "cuda_bf16.h"])
def test_headers_of_halves_compile_to_the_end(header: str) -> None:
    """Through the parser and the code generator, with the headers' inline assembly."""
    program = load(compile_ptx(halves(_headers(), header), f"-I{_headers()}"))
    assert len(program.kernels) >= 2
