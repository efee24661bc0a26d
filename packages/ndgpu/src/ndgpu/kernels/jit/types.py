"""The types of kernels written in Python, and how operands of different types meet.

Guarantees: plain values that compare; promotion is C's (``mode="cuda"``) or NumPy's
(``mode="numpy"``), and Python's numbers take the type of what they meet, in both.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import ctype

__all__ = [
    "Array",
    "Const",
    "Expression",
    "JitError",
    "Scalar",
    "Shared",
    "Tuple",
    "Type",
    "dtype_of",
    "join",
    "promote",
]


class JitError(TypeError):
    """A function uses what a kernel cannot have; the message shows the line."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A number in a register."""

    dtype: np.dtype[Any]

    def c_name(self) -> str:
        """The C++ type."""
        return ctype(self.dtype)

    def __str__(self) -> str:
        return str(self.dtype)


@dataclass(frozen=True, slots=True)
class Array:
    """An array argument."""

    dtype: np.dtype[Any]
    ndim: int
    contiguous: bool

    def c_name(self) -> str:
        """The C++ type."""
        flag = "true" if self.contiguous else "false"
        return f"ndgpu::JitArray<{ctype(self.dtype)}, {self.ndim}, {flag}>"

    def __str__(self) -> str:
        return f"array of {self.dtype} with {self.ndim} dimensions"


@dataclass(frozen=True, slots=True)
class Shared:
    """An array in shared memory."""

    dtype: np.dtype[Any]

    ndim = 1

    def c_name(self) -> str:
        """The C++ type."""
        return f"ndgpu::JitShared<{ctype(self.dtype)}>"

    def __str__(self) -> str:
        return f"shared memory of {self.dtype}"


@dataclass(frozen=True, slots=True)
class Tuple:
    """Several values, known only to the translator: a shape, indices."""

    items: tuple[Any, ...]

    def __str__(self) -> str:
        return f"tuple of {len(self.items)}"


@dataclass(frozen=True, slots=True, eq=False)
class Const:
    """A Python object known when the kernel is made: a number, a function, a module."""

    value: Any

    def __eq__(self, other: object) -> bool:
        # Python's 1 equals True and 1.0, and is another type.
        if not isinstance(other, Const) or type(self.value) is not type(other.value):
            return False
        return self.value is other.value or bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash(type(self.value))

    def __str__(self) -> str:
        return f"{type(self.value).__name__} {self.value!r}"


Type = Scalar | Array | Shared | Tuple | Const


@dataclass(frozen=True, slots=True)
class Expression:
    """C++ and its type; constants and tuples have no C++."""

    code: str
    type: Type


_RANK = {"b": 0, "i": 1, "u": 1, "f": 2, "V": 2, "c": 3}


def dtype_of(type_: Type) -> np.dtype[Any] | None:
    """Return the dtype that a number of this type has by itself; None if it is no number."""
    if isinstance(type_, Scalar):
        return type_.dtype
    if isinstance(type_, Const):
        value = type_.value
        if isinstance(value, np.generic):
            return value.dtype
        for kind, code in ((bool, "?"), (int, "q"), (float, "d"), (complex, "D")):
            if isinstance(value, kind):
                return np.dtype(code)
    return None


def _weak(type_: Type) -> bool:
    if not isinstance(type_, Const) or isinstance(type_.value, (bool, np.generic)):
        return False
    return isinstance(type_.value, (int, float, complex))


def promote(a: Type, b: Type, mode: str) -> np.dtype[Any]:
    """Return the dtype in which two numbers meet.

    Raises
    ------
    JitError
        If one of them is no number.
    """
    left, right = dtype_of(a), dtype_of(b)
    if left is None or right is None:
        raise JitError(f"wanted a number, got {b if right is None else a}")
    if _weak(a) != _weak(b):
        strong, weak = (right, a) if _weak(a) else (left, b)
        return _meet_number(strong, weak)
    if mode == "numpy":
        return np.result_type(left, right)
    return _c_rules(left, right)


def _meet_number(strong: np.dtype[Any], weak: Type) -> np.dtype[Any]:
    """The dtype of a typed number and one of Python's."""
    if not isinstance(weak, Const):
        raise TypeError(f"{weak} is no constant")
    kind = "c" if isinstance(weak.value, complex) else "f" if isinstance(weak.value, float) else "i"
    if _RANK[kind] <= _RANK[strong.kind] and strong.kind != "b":
        return strong
    if kind == "i":
        return np.dtype(np.int64)
    if kind == "f":
        return np.dtype(np.float64)
    return np.dtype(np.complex64 if strong in (np.float32, np.float16) else np.complex128)


def _c_rules(a: np.dtype[Any], b: np.dtype[Any]) -> np.dtype[Any]:
    """C's usual arithmetic conversions, with complex numbers above and 16-bit floats below."""
    if a.kind in "fcV" or b.kind in "fcV":
        # Integers take the other's type; among floating-point numbers the wider one counts.
        floats = [d for d in (a, b) if d.kind in "fcV"]
        return floats[0] if len(floats) == 1 else np.result_type(*floats)
    a, b = (np.dtype(np.int32) if d.itemsize < 4 else d for d in (a, b))
    if a.itemsize != b.itemsize:
        return a if a.itemsize > b.itemsize else b
    return a if a.kind == "u" else b


def join(a: Type, b: Type, mode: str) -> Type:
    """Return the type of a variable to which values of both types are assigned.

    Raises
    ------
    JitError
        If there is none.
    """
    if a == b:
        return a
    if isinstance(a, Tuple) and isinstance(b, Tuple) and len(a.items) == len(b.items):
        return Tuple(tuple([join(x, y, mode) for x, y in zip(a.items, b.items, strict=True)]))
    if dtype_of(a) is None or dtype_of(b) is None:
        raise JitError(f"a variable is first {a} and then {b}")
    return Scalar(promote(a, b, mode))
