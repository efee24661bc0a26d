"""Functions of the C library in long double, on arrays; NumPy has no more than the elementary ones.

Each is a loop that llvmlite compiles round a call of the C library's function.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import functools
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np

__all__ = ["LD", "libm"]

LD = np.longdouble
# By the bits of its mantissa.
_TYPES = {52: "double", 63: "x86_fp80", 112: "fp128"}
_LOOP = """
declare {type} @{name}({types})
define void @loop({pointers}, ptr %y, i64 %n) {{
entry:
  br label %test
test:
  %i = phi i64 [0, %entry], [%next, %one]
  %more = icmp slt i64 %i, %n
  br i1 %more, label %one, label %done
one:
{loads}
  %r = call {type} @{name}({given})
  %to = getelementptr {type}, ptr %y, i64 %i
  store {type} %r, ptr %to
  %next = add i64 %i, 1
  br label %test
done:
  ret void
}}
"""
_engines: list = []  # kept alive with their code


def libm(name: str, inputs: int = 1, dtype: type = LD) -> Callable[..., np.ndarray]:
    """A function of the C library as a function of arrays.

    Parameters
    ----------
    name : str
        With its suffix: ``"erfl"``.
    inputs : int
        How many arrays it takes.
    dtype : type
        Of inputs and output.
    """

    def call(*arrays: np.ndarray) -> np.ndarray:
        given = np.broadcast_arrays(*(np.asarray(a, dtype) for a in arrays))
        given = [np.ascontiguousarray(a) for a in given]
        result = np.empty_like(given[0])
        _loop(name, inputs, dtype)(*(a.ctypes.data for a in (*given, result)), result.size)
        return result

    return call


@functools.cache
def _loop(name: str, inputs: int, dtype: type) -> Callable[..., None]:
    kind = {np.float32: "float", np.float64: "double"}.get(dtype) or _TYPES[np.finfo(LD).nmant]
    numbers = range(inputs)
    text = _LOOP.format(
        type=kind,
        name=name,
        types=", ".join([kind] * inputs),
        pointers=", ".join(f"ptr %x{k}" for k in numbers),
        loads="\n".join(
            f"  %p{k} = getelementptr {kind}, ptr %x{k}, i64 %i\n  %v{k} = load {kind}, ptr %p{k}"
            for k in numbers
        ),
        given=", ".join(f"{kind} %v{k}" for k in numbers),
    )
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    library = ctypes.CDLL(ctypes.util.find_library("m"))
    llvm.add_symbol(name, ctypes.cast(library[name], ctypes.c_void_p).value)
    module = llvm.parse_assembly(text)
    machine = llvm.Target.from_default_triple().create_target_machine(opt=1)
    engine = llvm.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _engines.append(engine)
    pointers = [ctypes.c_void_p] * (inputs + 1)
    signature = ctypes.CFUNCTYPE(None, *pointers, ctypes.c_int64)
    return signature(engine.get_function_address("loop"))
