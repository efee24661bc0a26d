"""Compiles instruction forms straight from the tables, and runs them on arrays.

Each form becomes functions of one LLVM module: one lane at a time (``lane``), many lanes at once
with the extensions of this CPU (``wide``), and many without (``portable``).
"""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import llvmlite.binding as llvm
import numpy as np

from ndgpu.driver.host.compiler.builder import Builder, Value
from ndgpu.driver.host.compiler.isa import OPS

VARIANTS = ("lane", "wide", "portable")

# How each LLVM element type lies in an array.
ARRAYS = {
    "i1": np.uint8,
    "i8": np.uint8,
    "i16": np.uint16,
    "i32": np.uint32,
    "i64": np.uint64,
    "float": np.float32,
    "double": np.float64,
}


@dataclass(frozen=True)
class Instruction:
    """As the code generator's instructions: what the tables read."""

    opcode: str
    modifiers: tuple[str, ...]
    line: int = 7
    text: str = ""


def parse(spelling: str, text: str = "") -> Instruction:
    """``"add.rn.f32"``, or ``"mov.pack.b64"`` with the text that has the braces."""
    for root in ("mov.pack", "mov.unpack"):
        if spelling.startswith(root):
            return Instruction(root, tuple(spelling[len(root) + 1 :].split(".")), text=text)
    opcode, *modifiers = spelling.split(".")
    return Instruction(opcode, tuple(modifiers), text=text)


class Machine:
    """Native code of some instruction forms.

    Parameters
    ----------
    spellings : dict
        Each form's spelling, with its constant operands by position, or an instruction's text.
    canonical : bool
        As for `Op.emit`.
    width : int
        Lanes.
    """

    def __init__(
        self, spellings: dict[str, dict | str], canonical: bool = True, width: int = 16
    ) -> None:
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        self.width = width
        self.signatures: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {}
        self._constants: dict[str, dict[int, int]] = {}
        self._names: dict[tuple[str, str], str] = {}
        features = [name for name, has in llvm.get_host_cpu_features().items() if has]
        builder, portable = Builder(width, features), Builder(width)
        portable.declarations = builder.declarations
        functions = []
        for spelling, given in spellings.items():
            text = given if isinstance(given, str) else ""
            constants = given if isinstance(given, dict) else {}
            # Variants of one spelling with different constants are told apart by " #...".
            ins = parse(spelling.split(" ")[0], text)
            op = OPS[ins.opcode]
            signature = op.sources(ins), op.results(ins)
            self.signatures[spelling] = signature
            self._constants[spelling] = constants
            bodies = {
                "lane": _function(builder, ins, constants, False, canonical),
                "wide": _function(builder, ins, constants, True, canonical),
                "portable": _function(portable, ins, constants, True, canonical),
            }
            for variant, body in bodies.items():
                if variant == "portable" and body == bodies["wide"]:
                    self._names[spelling, variant] = self._names[spelling, "wide"]
                    continue
                name = self._names[spelling, variant] = f"f{len(functions)}"
                functions.append(f"define void @{name}{body}")
        module = llvm.parse_assembly("\n".join([*builder.declarations.values(), *functions]))
        module.verify()
        target = llvm.Target.from_default_triple().create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2
        )
        # One lane stays one lane, and code stays short.
        options = llvm.create_pipeline_tuning_options(speed_level=2)
        options.loop_vectorization = options.slp_vectorization = False
        options.loop_unrolling = options.loop_interleaving = False
        builder_ = llvm.create_pass_builder(target, options)
        builder_.getModulePassManager().run(module, builder_)
        self._engine = llvm.create_mcjit_compiler(module, target)
        self._engine.finalize_object()

    def __call__(self, spelling: str, variant: str, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        """The results of the form for each element of the arrays."""
        sources, results = self.signatures[spelling]
        constants = self._constants[spelling]
        kinds = [t for i, t in enumerate(sources) if i not in constants]
        assert len(kinds) == len(arrays), (spelling, sources)
        count = len(arrays[0])
        padded = -count % self.width
        given = [
            np.ascontiguousarray(np.concatenate([a, a[:1].repeat(padded)]).view(ARRAYS[t]))
            for a, t in zip(arrays, kinds, strict=True)
        ]
        made = [np.empty(count + padded, ARRAYS[t]) for t in results]
        pointers = [ctypes.c_void_p(a.ctypes.data) for a in [*given, *made]]
        prototype = ctypes.CFUNCTYPE(None, *([ctypes.c_void_p] * len(pointers)), ctypes.c_int64)
        address = self._engine.get_function_address(self._names[spelling, variant])
        prototype(address)(*pointers, count + padded)
        return tuple(a[:count] for a in made)


def _function(
    builder: Builder,
    ins: Instruction,
    constants: dict[int, int],
    wide: bool,
    canonical: bool,
) -> str:
    """Parameters and body of a loop that applies the instruction to arrays."""
    op = OPS[ins.opcode]
    builder.lines, builder._count = [], 0
    parameters, args = [], []
    for i, type in enumerate(op.sources(ins)):
        if i in constants:
            args.append(builder.const(type, constants[i], wide))
            continue
        parameters.append(f"ptr noalias %in{i}")
        stored = "i8" if type == "i1" else type
        at = builder.emit(f"getelementptr {stored}, ptr %in{i}, i64 %at", "ptr", False)
        loaded = builder.emit(
            f"load {builder.ir_type(stored, wide)}, ptr {at.text}, align 1", stored, wide
        )
        args.append(builder.cast("trunc", loaded, "i1") if type == "i1" else loaded)
    results = op.emit(builder, ins, args, canonical=canonical)
    assert tuple(r.type for r in results) == op.results(ins), ins
    for i, result in enumerate(results):
        assert result.wide == wide, ins
        parameters.append(f"ptr noalias %out{i}")
        value: Value = builder.cast("zext", result, "i8") if result.type == "i1" else result
        at = builder.emit(f"getelementptr {value.type}, ptr %out{i}, i64 %at", "ptr", False)
        builder.line(f"store {builder.typed(value)}, ptr {at.text}, align 1")
    body = "\n".join(builder.lines)
    return f"""({", ".join(parameters)}, i64 %n) {{
entry:
  br label %loop
loop:
  %at = phi i64 [ 0, %entry ], [ %next, %loop ]
{body}
  %next = add i64 %at, {builder.width if wide else 1}
  %more = icmp slt i64 %next, %n
  br i1 %more, label %loop, label %done
done:
  ret void
}}"""
