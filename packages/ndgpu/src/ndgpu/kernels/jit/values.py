"""Numbers, elements and operators as CUDA C++, with their types.

Guarantees: an expression has the value that Python's rules give it (floor division, chained
comparisons, short-circuits), in the type that promotion gives; what cannot be translated raises
`JitError` with the Python line and a mark under the place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import cast, ctype
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

__all__ = ["FOLD", "Located", "Values", "is_half", "literal"]

_BOOL, _INT, _UINT = np.dtype(bool), np.dtype(np.int32), np.dtype(np.uint32)
_LONG, _FLOAT, _DOUBLE = np.dtype(np.int64), np.dtype(np.float32), np.dtype(np.float64)

_HELPERS = {"//": "ndgpu::floor_divide", "%": "ndgpu::remainder", "**": "ndgpu::power"}


class Located(JitError):
    """A `JitError` that shows its line."""


def literal(value: Any, dtype: np.dtype[Any]) -> str:
    """Write a number as C++ of a dtype."""
    name = ctype(dtype)
    if dtype.kind == "b":
        return "true" if value else "false"
    if dtype.kind == "c":
        part = np.dtype(f"f{dtype.itemsize // 2}")
        number = complex(value)
        return f"{name}({literal(number.real, part)}, {literal(number.imag, part)})"
    if dtype.kind in "iu":
        number = int(value)
        info = np.iinfo(dtype)
        if not info.min <= number <= info.max:
            raise JitError(f"{number} is out of bounds for {dtype}")
        if number == np.iinfo(np.int64).min:
            return "(-9223372036854775807ll - 1)"
        return f"({name}){number}{'ull' if dtype == np.uint64 else 'll'}"
    number = float(value)
    if number != number:
        return f'({name})nan("")'
    if number in (float("inf"), float("-inf")):
        return f"({name})({'-' if number < 0 else ''}ndgpu::infinity(0.0))"
    return f"({name}){number!r}"


class Values:
    """The translation of one function's expressions.

    Parameters
    ----------
    name : str
        The function's.
    lines : sequence of str
        Its source.
    first : int
        Number of the first of them in the file.
    file : str
    names : callable
        Finds a global or captured object by name.
    mode : {"cuda", "numpy"}
        Whose promotion holds.
    device : callable
        Translates a device function for types of arguments: returns its C++ name and type.
    """

    def __init__(
        self,
        name: str,
        lines: Sequence[str],
        first: int,
        file: str,
        names: Callable[[str], Any],
        mode: str,
        device: Callable[[Any, tuple[Type, ...]], tuple[str, Type | None]],
    ) -> None:
        self.name = name
        self.file = file
        self.first = first
        self.mode = mode
        self.variables: dict[str, Type] = {}
        self.shared: list[str] = []
        self._lines = lines
        self._names = names
        self._device = device

    # Errors.

    def located(self, node: ast.AST, message: object) -> Located:
        """Return the error for a place in the source."""
        number = getattr(node, "lineno", 1)
        line = self._lines[number - 1]
        start = getattr(node, "col_offset", 0)
        same = getattr(node, "end_lineno", number) == number
        end = getattr(node, "end_col_offset", start + 1) if same else len(line)
        indent = len(line) - len(line.lstrip())
        marks = " " * (start - indent) + "^" * max(1, end - start)
        return Located(
            f"{self.file}:{self.first + number - 1}, in {self.name}: {message}\n"
            f"    {line.strip()}\n    {marks}"
        )

    # Values.

    def number(self, value: Expression) -> np.dtype[Any]:
        """Return the dtype of a number; refuse what is none."""
        dtype = dtype_of(value.type)
        if dtype is None:
            raise JitError(f"wanted a number, got {value.type}")
        return dtype

    def convert(self, value: Expression, dtype: np.dtype[Any]) -> str:
        """Write a number as one of a dtype."""
        if isinstance(value.type, Const):
            self.number(value)
            constant = value.type.value
            if dtype.kind in "iu" and isinstance(constant, (float, np.floating)):
                constant = int(constant)
            if dtype.kind != "c" and isinstance(constant, (complex, np.complexfloating)):
                raise JitError(f"the complex number {constant} does not convert to {dtype}")
            return literal(constant, dtype)
        return cast(value.code, self.number(value), dtype)

    def condition(self, value: Expression) -> str:
        """Write whether a number is not zero."""
        return self.convert(value, _BOOL)

    def index(self, value: Expression) -> str:
        """Write an integer."""
        dtype = self.number(value)
        if dtype.kind not in "iu":
            raise JitError(f"wanted an integer, got {value.type}")
        return self.convert(value, dtype)

    def element(self, array: Expression, index: Expression) -> Expression:
        """Write an element of an array, an lvalue."""
        if not isinstance(array.type, (Array, Shared)):
            raise JitError(f"wanted an array, got {array.type}")
        at = index.type.items if isinstance(index.type, Tuple) else (index,)
        if len(at) != array.type.ndim:
            raise JitError(
                f"the array has {array.type.ndim} dimensions, and the index {len(at)}: a kernel "
                "takes single elements"
            )
        code = ", ".join(self.index(one) for one in at)
        return Expression(f"{array.code}.at({code})", Scalar(array.type.dtype))

    def operate(self, operator: str, a: Expression, b: Expression) -> Expression:
        """Write a binary operator."""
        if isinstance(a.type, Const) and isinstance(b.type, Const):
            self.number(a)
            self.number(b)
            return Expression("", Const(FOLD[operator](a.type.value, b.type.value)))
        dtype = promote(a.type, b.type, self.mode)
        if operator in ("&", "|", "^", "<<", ">>") and dtype.kind not in "biu":
            raise JitError(f"unsupported operand types for {operator}: {a.type} and {b.type}")
        if operator == "/" and dtype.kind in "biu":
            dtype = _DOUBLE
        if dtype.kind == "b" and operator not in ("&", "|", "^"):
            dtype = _INT
        if dtype.kind == "c" and operator in ("//", "%"):
            raise JitError(f"unsupported operand types for {operator}: {a.type} and {b.type}")
        compute = _FLOAT if is_half(dtype) else dtype
        x, y = self.convert(a, compute), self.convert(b, compute)
        helper = _HELPERS.get(operator)
        code = f"{helper}({x}, {y})" if helper else f"({x} {operator} {y})"
        if dtype.kind in "iu" and dtype.itemsize < 4 and not helper:
            code = f"({ctype(dtype)}){code}"
        return Expression(cast(code, compute, dtype), Scalar(dtype))


def is_half(dtype: np.dtype[Any]) -> bool:
    return dtype.itemsize == 2 and dtype.kind not in "iu"


FOLD: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
    "**": lambda a, b: a**b,
    "<<": lambda a, b: a << b,
    ">>": lambda a, b: a >> b,
    "&": lambda a, b: a & b,
    "|": lambda a, b: a | b,
    "^": lambda a, b: a ^ b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}
