"""Calls in kernels: CUDA's own functions, mathematics, types, device functions.

Guarantees: a function that a kernel cannot call is refused by its name.
"""

from __future__ import annotations

import builtins
import re
import types
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import cast, ctype, is_supported
from ndgpu.kernels.jit import builtins as own
from ndgpu.kernels.jit.functions import TABLE
from ndgpu.kernels.jit.types import (
    Array,
    Const,
    Expression,
    JitError,
    Scalar,
    Shared,
    Tuple,
    Type,
    dtype_of,
    promote,
)
from ndgpu.kernels.jit.values import Values, is_half

__all__ = ["Calls"]

_BOOL, _INT, _UINT = np.dtype(bool), np.dtype(np.int32), np.dtype(np.uint32)
_LONG, _FLOAT, _DOUBLE = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)
_SHUFFLES: dict[Any, str] = {
    own.shfl_sync: "__shfl_sync",
    own.shfl_up_sync: "__shfl_up_sync",
    own.shfl_down_sync: "__shfl_down_sync",
    own.shfl_xor_sync: "__shfl_xor_sync",
}


class Calls(Values):
    """The translation of calls."""

    def call(
        self, function: Any, args: list[Expression], options: dict[str, Expression]
    ) -> Expression:
        """Write the call of a function with some arguments."""
        if isinstance(function, own.Builtin):
            return self._builtin(function, args, options)
        if hasattr(function, "_jit_device"):
            if options:
                raise JitError(f"{function.__name__}: device functions take no keywords")
            if not function._jit_device:
                raise JitError(f"{function.__name__} is a kernel; only device functions are called")
            return self._call_device(function, args)
        if options:
            raise JitError(f"{_name_of(function)} takes no keywords in a kernel")
        if function is builtins.len:
            return self._length(*args)
        if function in (builtins.min, builtins.max):
            return self._extreme(function is builtins.min, args)
        dtype = _as_dtype(function)
        if dtype is not None:
            if len(args) != 1:
                raise JitError(f"{_name_of(function)} takes one number, got {len(args)}")
            return Expression(self.convert(args[0], dtype), Scalar(dtype))
        row = TABLE.get(_name_of(function)) if _is_mathematics(function) else None
        if row is None:
            raise JitError(
                f"{_name_of(function)} cannot be called in a kernel; a function of your own can "
                "be if it is decorated by jit.rawkernel(device=True)"
            )
        if len(args) != row.operands:
            raise JitError(f"{_name_of(function)} takes {row.operands} arguments, got {len(args)}")
        return self._mathematics(row, args)

    def _mathematics(self, row: Any, args: list[Expression]) -> Expression:
        dtype = self.number(args[0])
        if len(args) == 2:
            dtype = promote(args[0].type, args[1].type, self.mode)
        if row.takes == "float" and dtype.kind in "biu":
            dtype = _DOUBLE
        if dtype.kind == "b":
            dtype = _INT
        compute = _FLOAT if is_half(dtype) else dtype
        written = [f"({self.convert(value, compute)})" for value in args]
        code = re.sub(r"\bx([01])\b", lambda found: written[int(found[1])], row.code)
        if row.gives == "bool":
            return Expression(f"({code})", Scalar(_BOOL))
        if compute.kind == "c" and _name_is_absolute(row.code):
            part = np.dtype(f"f{compute.itemsize // 2}")
            return Expression(f"abs({self.convert(args[0], compute)})", Scalar(part))
        return Expression(cast(f"({ctype(compute)})({code})", compute, dtype), Scalar(dtype))

    def _length(self, *args: Expression) -> Expression:
        if len(args) != 1:
            raise JitError(f"len takes one argument, got {len(args)}")
        kind = args[0].type
        if isinstance(kind, Tuple):
            return Expression("", Const(len(kind.items)))
        if isinstance(kind, Array) and kind.ndim:
            return Expression(f"{args[0].code}.shape[0]", Scalar(_LONG))
        if isinstance(kind, Shared):
            return Expression(f"{args[0].code}.size", Scalar(_LONG))
        if isinstance(kind, Const):
            return Expression("", Const(len(kind.value)))
        raise JitError(f"{kind} has no length")

    def _extreme(self, least: bool, args: list[Expression]) -> Expression:
        if len(args) < 2:
            raise JitError("min and max take two or more numbers in a kernel")
        result = args[0]
        row = TABLE["minimum" if least else "maximum"]
        for value in args[1:]:
            if isinstance(result.type, Const) and isinstance(value.type, Const):
                chosen = (min if least else max)(result.type.value, value.type.value)
                result = Expression("", Const(chosen))
            else:
                result = self._mathematics(row, [result, value])
        return result

    def _call_device(self, function: Any, args: list[Expression]) -> Expression:
        kinds: list[Type] = []
        codes = []
        for value in args:
            dtype = dtype_of(value.type)
            if isinstance(value.type, (Array, Shared)):
                kinds.append(value.type)
                codes.append(value.code)
            elif dtype is None:
                raise JitError(f"{function.__name__}: cannot pass {value.type}")
            else:
                kinds.append(Scalar(dtype))
                codes.append(self.convert(value, dtype))
        name, result = self._device(function, tuple(kinds))
        code = f"{name}({', '.join(codes)})"
        return Expression(code, Const(None) if result is None else result)

    def _builtin(
        self, function: own.Builtin, args: list[Expression], options: dict[str, Expression]
    ) -> Expression:
        name = function.name
        if function in own.ATOMICS:
            return self._atomic(function, args)
        if function in (own.grid, own.gridsize):
            return self._grid(function is own.grid, args)
        if function is own.laneid:
            code = "((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) & 31u)"
            return Expression(code, Scalar(_UINT))
        if function is own.syncthreads:
            return Expression("__syncthreads()", Const(None))
        if function is own.syncwarp:
            given = options.get("mask") or (args[0] if args else None)
            code = self.convert(given, _UINT) if given is not None else "0xffffffffu"
            return Expression(f"__syncwarp({code})", Const(None))
        if function in _SHUFFLES:
            width = options.pop("width", Expression("", Const(32)))
            if len(args) != 3 or options:
                raise JitError(f"{name} takes mask, var, val_id and width=")
            dtype = self.number(args[1])
            mask, lane = self.convert(args[0], _UINT), self.convert(args[2], _INT)
            value = self.convert(args[1], dtype)
            code = f"{_SHUFFLES[function]}({mask}, {value}, {lane}, {self.convert(width, _INT)})"
            return Expression(code, Scalar(dtype))
        if function is own.shared_memory:
            raise JitError("shared_memory must be assigned to a variable")
        raise JitError(f"jit.{name} cannot be used here")

    def _atomic(self, function: own.Builtin, args: list[Expression]) -> Expression:
        call, dtypes = own.ATOMICS[function]
        wanted = 4 if function is own.atomic_cas else 3
        if len(args) != wanted:
            last = ", value, alt" if wanted == 4 else ", value"
            raise JitError(f"{function.name} takes array, index{last}; got {len(args)} arguments")
        target = self.element(args[0], args[1])
        dtype = self.number(target)
        if dtype.name not in dtypes.split():
            # Two's complement adds, swaps and compares alike with and without a sign.
            if dtype != _LONG or call not in ("atomicAdd", "atomicExch", "atomicCAS", "atomicAnd",
                                              "atomicOr", "atomicXor"):  # fmt: skip
                raise JitError(f"{function.name} is for {dtypes.replace(' ', ', ')}; not {dtype}")
            values = [f"(unsigned long long){self.convert(v, dtype)}" for v in args[2:]]
            code = f"(long long){call}((unsigned long long*)&{target.code}, {', '.join(values)})"
            return Expression(f"({code})", Scalar(dtype))
        values = [self.convert(value, dtype) for value in args[2:]]
        return Expression(f"{call}(&{target.code}, {', '.join(values)})", Scalar(dtype))

    def _grid(self, index: bool, args: list[Expression]) -> Expression:
        ndim = args[0].type.value if len(args) == 1 and isinstance(args[0].type, Const) else None
        if ndim not in (1, 2, 3):
            raise JitError(f"{'grid' if index else 'gridsize'} takes 1, 2 or 3")
        items = []
        for axis in "xyz"[:ndim]:
            code = (
                f"(threadIdx.{axis} + blockIdx.{axis} * blockDim.{axis})"
                if index
                else f"(blockDim.{axis} * gridDim.{axis})"
            )
            items.append(Expression(code, Scalar(_UINT)))
        return items[0] if ndim == 1 else Expression("", Tuple(tuple(items)))


def _name_is_absolute(code: str) -> bool:
    return code == "ndgpu::absolute(x0)"


def _name_of(function: Any) -> str:
    return getattr(function, "__name__", None) or repr(function)


def _is_mathematics(function: Any) -> bool:
    """Whether a function object is one of math's, NumPy's or ndgpu's."""
    if isinstance(function, np.ufunc) or type(function).__name__ == "ufunc":
        return True
    if function in (builtins.abs, builtins.pow):
        return True
    module = (getattr(function, "__module__", None) or "").split(".")[0]
    return isinstance(function, (types.BuiltinFunctionType, types.FunctionType)) and module in (
        "math",
        "numpy",
        "ndgpu",
    )


_PYTHON = {int: _LONG, float: _DOUBLE, bool: _BOOL, complex: np.dtype(np.complex128)}


def _as_dtype(function: Any) -> np.dtype[Any] | None:
    """The dtype that a type stands for, as in ``numpy.float32(x)``."""
    if function in _PYTHON:
        return _PYTHON[function]
    if isinstance(function, type) and issubclass(function, np.generic):
        dtype = np.dtype(function)
        return dtype if is_supported(dtype) else None
    return None
