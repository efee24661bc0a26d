"""Gives `Variable` its operators and array methods, which are functions of this floor."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.backend import is_array
from nnrun.core import Variable
from nnrun.functions import arithmetic, indexing, matmul, reductions, shape
from nnrun.functions._binary import is_number

__all__: list[str] = []


def _operand(x: Any) -> bool:
    return isinstance(x, Variable) or is_number(x) or is_array(x)


def _operator(function: Callable[[Any, Any], Variable]) -> Callable[[Any, Any], Any]:
    def operator(self: Variable, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return function(self, other)

    operator.__doc__ = function.__doc__
    return operator


def _reflected(function: Callable[[Any, Any], Variable]) -> Callable[[Any, Any], Any]:
    def operator(self: Variable, other: Any) -> Any:
        if not _operand(other):
            return NotImplemented
        return function(other, self)

    operator.__doc__ = function.__doc__
    return operator


_OPERATORS: dict[str, Callable[[Any, Any], Variable]] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.power,
    "matmul": matmul.matmul,
}
for _name, _function in _OPERATORS.items():
    setattr(Variable, f"__{_name}__", _operator(_function))
    setattr(Variable, f"__r{_name}__", _reflected(_function))


def _reshape(self: Variable, *sizes: Any) -> Variable:
    """Give the elements another shape; see `nnrun.functions.reshape`."""
    wanted = sizes[0] if len(sizes) == 1 and not isinstance(sizes[0], int) else sizes
    return shape.reshape(self, wanted)


def _transpose(self: Variable, *axes: Any) -> Variable:
    """Change the order of the axes; see `nnrun.functions.transpose`."""
    if len(axes) == 1 and not isinstance(axes[0], int):
        return shape.transpose(self, axes[0])
    return shape.transpose(self, axes or None)


def _astype(self: Variable, dtype: Any) -> Variable:
    """Convert to a dtype; see `nnrun.functions.cast`."""
    return indexing.cast(self, dtype)


for _name, _method in {
    "reshape": _reshape,
    "transpose": _transpose,
    "T": property(shape.transpose, doc="The axes in reverse order."),
    "flatten": shape.flatten,
    "squeeze": shape.squeeze,
    "astype": _astype,
    "sum": reductions.sum,
    "mean": reductions.mean,
    "max": reductions.max,
    "min": reductions.min,
    "__neg__": arithmetic.negative,
    "__abs__": arithmetic.absolute,
    "__getitem__": indexing.get_item,
}.items():
    setattr(Variable, _name, _method)
