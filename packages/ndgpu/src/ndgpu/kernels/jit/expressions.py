"""Python's expressions as CUDA C++, with their types.

Guarantees: an expression has the value that Python's rules give it (floor division, chained
comparisons, short-circuits), in the type that promotion gives; what cannot be translated raises
`JitError` with the Python line and a mark under the place.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import cast, ctype
from ndgpu.kernels.jit import builtins as own
from ndgpu.kernels.jit.calls import Calls
from ndgpu.kernels.jit.types import (
    Array,
    Const,
    Expression,
    JitError,
    Scalar,
    Shared,
    Tuple,
    Type,
    promote,
)
from ndgpu.kernels.jit.values import FOLD, Located, is_half

__all__ = ["Expressions", "operator_of"]

_BOOL, _INT, _UINT = np.dtype(bool), np.dtype(np.int32), np.dtype(np.uint32)
_LONG, _FLOAT = np.dtype(np.int64), np.dtype(np.float32)
_OPERATORS: dict[type, str] = {
    ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%",
    ast.Pow: "**", ast.LShift: "<<", ast.RShift: ">>", ast.BitAnd: "&", ast.BitOr: "|",
    ast.BitXor: "^",
}  # fmt: skip
_COMPARISONS: dict[type, str] = {
    ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=", ast.Eq: "==", ast.NotEq: "!=",
}  # fmt: skip
_UNARY: dict[type, Callable[[Any], Any]] = {
    ast.USub: lambda a: -a,
    ast.UAdd: lambda a: +a,
    ast.Invert: lambda a: ~a,
}


def operator_of(node: ast.operator) -> str:
    """Return an operator as Python writes it.

    Raises
    ------
    JitError
        If kernels do not have it.
    """
    operator = _OPERATORS.get(type(node))
    if operator is None:
        raise JitError(f"operator {type(node).__name__} is not supported in a kernel")
    return operator


class Expressions(Calls):
    """The translation of expressions."""

    def expression(self, node: ast.AST) -> Expression:
        """Translate an expression."""
        method = getattr(self, f"_{type(node).__name__}", None)
        try:
            if method is None:
                raise JitError(f"{type(node).__name__} is not supported in a kernel")
            return method(node)
        except Located:
            raise
        except (JitError, OverflowError, ValueError, ZeroDivisionError) as error:
            raise self.located(node, error) from None

    # Syntax.

    def _Constant(self, node: ast.Constant) -> Expression:
        return Expression("", Const(node.value))

    def _Name(self, node: ast.Name) -> Expression:
        found = self.variables.get(node.id)
        if found is not None:
            return self.variable(node.id, found)
        return Expression("", Const(self._names(node.id)))

    def variable(self, name: str, type_: Type) -> Expression:
        """Read a variable."""
        if isinstance(type_, Tuple):
            items = [self.variable(f"{name}_{k}", t) for k, t in enumerate(type_.items)]
            return Expression("", Tuple(tuple(items)))
        return Expression("" if isinstance(type_, Const) else f"v_{name}", type_)

    def _Tuple(self, node: ast.Tuple) -> Expression:
        return Expression("", Tuple(tuple([self.expression(item) for item in node.elts])))

    def _BinOp(self, node: ast.BinOp) -> Expression:
        left, right = self.expression(node.left), self.expression(node.right)
        return self.operate(operator_of(node.op), left, right)

    def _UnaryOp(self, node: ast.UnaryOp) -> Expression:
        value = self.expression(node.operand)
        dtype = self.number(value)
        if isinstance(node.op, ast.Not):
            if isinstance(value.type, Const):
                return Expression("", Const(not value.type.value))
            return Expression(f"(!{self.condition(value)})", Scalar(_BOOL))
        if isinstance(value.type, Const):
            return Expression("", Const(_UNARY[type(node.op)](value.type.value)))
        if isinstance(node.op, ast.Invert):
            if dtype.kind not in "biu":
                raise JitError(f"unsupported operand type for ~: {value.type}")
            sign = "!" if dtype.kind == "b" else "~"
        else:
            sign = "-" if isinstance(node.op, ast.USub) else "+"
        if dtype.kind == "b" and sign != "!":
            dtype = _INT
        compute = _FLOAT if is_half(dtype) else dtype
        code = f"({sign}{self.convert(value, compute)})"
        if dtype.kind in "iu" and dtype.itemsize < 4:
            code = f"({ctype(dtype)}){code}"
        return Expression(cast(code, compute, dtype), Scalar(dtype))

    def _Compare(self, node: ast.Compare) -> Expression:
        values = [self.expression(v) for v in (node.left, *node.comparators)]
        parts = []
        for k, op in enumerate(node.ops):
            a, b = values[k], values[k + 1]
            operator = _COMPARISONS.get(type(op))
            if operator is None:
                raise JitError(f"comparison {type(op).__name__} is not supported in a kernel")
            if isinstance(a.type, Const) and isinstance(b.type, Const):
                parts.append("true" if FOLD[operator](a.type.value, b.type.value) else "false")
                continue
            dtype = promote(a.type, b.type, self.mode)
            compute = _FLOAT if is_half(dtype) else dtype
            parts.append(f"({self.convert(a, compute)} {operator} {self.convert(b, compute)})")
        if all(part in ("true", "false") for part in parts):
            return Expression("", Const(all(part == "true" for part in parts)))
        return Expression(f"({' && '.join(parts)})", Scalar(_BOOL))

    def _BoolOp(self, node: ast.BoolOp) -> Expression:
        operator = " && " if isinstance(node.op, ast.And) else " || "
        parts = [self.condition(self.expression(value)) for value in node.values]
        return Expression(f"({operator.join(parts)})", Scalar(_BOOL))

    def _IfExp(self, node: ast.IfExp) -> Expression:
        test = self.expression(node.test)
        if isinstance(test.type, Const):
            return self.expression(node.body if test.type.value else node.orelse)
        a, b = self.expression(node.body), self.expression(node.orelse)
        dtype = promote(a.type, b.type, self.mode)
        code = f"({self.condition(test)} ? {self.convert(a, dtype)} : {self.convert(b, dtype)})"
        return Expression(code, Scalar(dtype))

    def _Subscript(self, node: ast.Subscript) -> Expression:
        value, index = self.expression(node.value), self.expression(node.slice)
        if isinstance(value.type, Tuple):
            constant = index.type.value if isinstance(index.type, Const) else None
            if not isinstance(constant, int):
                raise JitError("a tuple's index must be a constant")
            return value.type.items[constant]
        if isinstance(value.type, Const):
            if not isinstance(index.type, Const):
                raise JitError(f"{value.type} cannot be indexed in a kernel")
            return Expression("", Const(value.type.value[index.type.value]))
        return self.element(value, index)

    def _Attribute(self, node: ast.Attribute) -> Expression:
        value, name = self.expression(node.value), node.attr
        kind = value.type
        if isinstance(kind, Const):
            if isinstance(kind.value, own.Dim3):
                if name not in ("x", "y", "z"):
                    raise JitError(f"{kind.value.name} has x, y and z, and no {name}")
                return Expression(f"{kind.value.name}.{name}", Scalar(_UINT))
            try:
                return Expression("", Const(getattr(kind.value, name)))
            except AttributeError as error:
                raise JitError(str(error)) from None
        if isinstance(kind, (Array, Shared)):
            if name == "size":
                return Expression(f"{value.code}.size", Scalar(_LONG))
            if name in ("ndim", "dtype"):
                return Expression("", Const(getattr(kind, name)))
            if name in ("shape", "strides"):
                return Expression("", Tuple(self._extents(value, kind, name)))
        if isinstance(kind, Scalar) and name in ("real", "imag"):
            if kind.dtype.kind != "c":
                zero = Expression("", Const(0))
                return value if name == "real" else Expression(self.convert(zero, kind.dtype), kind)
            part = np.dtype(f"f{kind.dtype.itemsize // 2}")
            return Expression(f"({value.code}).{name[:2]}", Scalar(part))
        if isinstance(kind, Scalar) and name == "dtype":
            return Expression("", Const(kind.dtype))
        raise JitError(f"{kind} has no attribute {name!r} in a kernel")

    def _extents(self, value: Expression, kind: Array | Shared, name: str) -> tuple[Any, ...]:
        if isinstance(kind, Shared):
            if name == "shape":
                return (Expression(f"{value.code}.size", Scalar(_LONG)),)
            return (Expression("", Const(kind.dtype.itemsize)),)
        field = "shape" if name == "shape" else "stride"
        return tuple(
            [Expression(f"{value.code}.{field}[{k}]", Scalar(_LONG)) for k in range(kind.ndim)]
        )

    def _Call(self, node: ast.Call) -> Expression:
        function = self.expression(node.func)
        if not isinstance(function.type, Const):
            raise JitError(f"{function.type} cannot be called")
        if any(isinstance(a, ast.Starred) for a in node.args):
            raise JitError("*arguments are not supported in a kernel")
        args = [self.expression(a) for a in node.args]
        options: dict[str, Expression] = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise JitError("**arguments are not supported in a kernel")
            options[keyword.arg] = self.expression(keyword.value)
        return self.call(function.type.value, args, options)
