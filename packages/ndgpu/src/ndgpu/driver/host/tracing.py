"""``NDGPU_HOST_TRACE``: each instruction that one thread runs, with its values, as it runs.

The trace goes to standard error: the line of the CUDA source where it changes, and below it the
PTX instructions, each with the registers that it read and, after an arrow, those that it wrote.
"""

from __future__ import annotations

import ctypes
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ndgpu.driver.host.compiler import Kernel

__all__ = ["teller", "where"]

_callback = ctypes.CFUNCTYPE(None, ctypes.c_int32, ctypes.POINTER(ctypes.c_uint64))
_FLOATS = {"f16": "<e", "f32": "<f", "f64": "<d"}


def where(kernel: Kernel, line: int) -> str:
    """The line of the CUDA source, or where that is not known the instruction."""
    ins = kernel.instruction(line)
    if ins is None:
        return f"at PTX line {line}"
    if ins.source is None:
        return f"at PTX line {line}: {ins.text}"
    file, number = ins.source
    name = Path(kernel.program.files.get(file, "source")).name
    text = kernel.program.source.get(number, "").strip() if file == 1 else ""
    return f"at {name}:{number}" + f": {text}" * bool(text)


def teller(kernel: Kernel) -> Any:
    """Return the C function that a kernel's traced thread calls: ``(line, values)``."""
    known: dict[int, tuple[str, str, list[tuple[str, Callable[[int], str]]], int]] = {}
    state = {"where": ""}

    def tell(line: int, values: Any) -> None:
        entry = known.get(line)
        if entry is None:
            entry = known[line] = _entry(kernel, line)
        place, text, names, reads = entry
        if place != state["where"]:
            state["where"] = place
            sys.stderr.write(f"{kernel.name} {place}\n")
        told = [f"{name}={show(values[i])}" for i, (name, show) in enumerate(names)]
        parts = [", ".join(told[:reads]), "-> " + ", ".join(told[reads:])]
        shown = "  ".join(part for part in parts if part not in ("", "-> "))
        sys.stderr.write(f"    {text:<40}  {shown}".rstrip() + "\n")

    return _callback(tell)


def _entry(
    kernel: Kernel, line: int
) -> tuple[str, str, list[tuple[str, Callable[[int], str]]], int]:
    """Of a line: its place in the source, its text, its registers, and how many are read."""
    from ndgpu.driver.host.compiler.trace import registers_of

    step, ins = kernel.step(line), kernel.instruction(line)
    text = " ".join(ins.text.split()) if ins else f"PTX line {line}"
    if step is None:
        return where(kernel, line), text, [], 0
    uses, defines = registers_of(kernel.flow, step)
    names = [(name, _format(kernel, name, step.ins.modifiers)) for name in (*uses, *defines)]
    return where(kernel, line), text, names, len(uses)


def _format(kernel: Kernel, name: str, modifiers: tuple[str, ...]) -> Callable[[int], str]:
    """How the bits of a register are shown: by its type, or if it has none by the instruction's."""
    type = kernel.flow.registers[name]
    if type == "pred":
        return lambda bits: str(bool(bits & 1))
    size = next(n for n in (16, 32, 64, 8, 128) if type.endswith(str(n)))
    kinds = [type, *(m for m in modifiers if m[1:] == str(size))]
    for kind in kinds:
        if kind in _FLOATS:
            code = _FLOATS[kind]
            width = struct.calcsize(code)
            return lambda bits: _short(struct.unpack(code, bits.to_bytes(8, "little")[:width])[0])
    signed = any(kind[0] == "s" for kind in kinds)

    def show(bits: int) -> str:
        bits &= (1 << size) - 1
        if size == 64 and bits >> 32 not in (0, (1 << 32) - 1):
            return hex(bits)
        if (signed or size == 64) and bits >> (size - 1):
            bits -= 1 << size
        return str(bits)

    return show


def _short(value: float) -> str:
    return f"{value:.9g}"
