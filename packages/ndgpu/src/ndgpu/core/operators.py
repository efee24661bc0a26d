"""Python's operators on arrays: a table from special method to ufunc.

Guarantees: an operand of a type that ufuncs do not know gets its turn
(`NotImplemented`), so other libraries' classes can work with arrays; a NumPy
array is refused with a message that says what to do.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core.ufunc import ufunc
from ndgpu.core.ufuncs import TABLE

__all__ = ["install"]

# special method: ufunc; the reflected and in-place methods follow from these
_BINARY = {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "divmod": "divmod",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
}
_COMPARISONS = {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}
_POWERS = {2: "square", 0.5: "sqrt", -1: "reciprocal"}


def _refuse(function: ufunc, other: Any) -> Any:
    # A NumPy array would hand the question back; its own answer would be less clear.
    if isinstance(other, np.ndarray):
        raise function._unsupported((other,))
    return NotImplemented


def _forward(function: ufunc) -> Any:
    operator = function.operator

    def method(self: Any, other: Any) -> Any:
        result = operator(self, other)
        return result if result is not NotImplemented else _refuse(function, other)

    return method


def _reflected(function: ufunc) -> Any:
    operator = function.operator

    def method(self: Any, other: Any) -> Any:
        result = operator(other, self)
        return result if result is not NotImplemented else _refuse(function, other)

    return method


def _in_place(function: ufunc) -> Any:
    call = function.into or (lambda a, b, out: function._call((a, b), out))

    def method(self: Any, other: Any) -> Any:
        result = call(self, other, self)
        return result if result is not NotImplemented else _refuse(function, other)

    return method


def _unary(function: ufunc) -> Any:
    operator = function.operator

    def method(self: Any) -> Any:
        return operator(self)

    return method


def _power(self: Any, exponent: Any, modulus: Any = None) -> Any:
    if modulus is not None:
        return NotImplemented
    # As NumPy: these powers of floating-point numbers have functions of their own.
    if type(exponent) in (int, float) and exponent in _POWERS and self.dtype.kind in "fc":
        return TABLE[_POWERS[exponent]].operator(self)
    if type(exponent) is int and exponent == 2 and self.dtype.kind in "iu":
        return TABLE["square"].operator(self)
    result = TABLE["power"].operator(self, exponent)
    return result if result is not NotImplemented else _refuse(TABLE["power"], exponent)


def install(array_type: type) -> None:
    """Give `array_type` the special methods of Python's operators."""
    methods: dict[str, Any] = {}
    for name, ufunc_name in _BINARY.items():
        function = TABLE[ufunc_name]
        methods[f"__{name}__"] = _forward(function)
        methods[f"__r{name}__"] = _reflected(function)
        if name != "divmod":
            methods[f"__i{name}__"] = _in_place(function)
    for name, ufunc_name in _COMPARISONS.items():
        methods[f"__{name}__"] = _forward(TABLE[ufunc_name])
    for name, ufunc_name in _UNARY.items():
        methods[f"__{name}__"] = _unary(TABLE[ufunc_name])
    methods["__pow__"] = _power
    methods["__rpow__"] = _reflected(TABLE["power"])
    methods["__ipow__"] = _in_place(TABLE["power"])
    for name, method in methods.items():
        method.__name__ = name
        method.__qualname__ = f"{array_type.__name__}.{name}"
        setattr(array_type, name, method)
