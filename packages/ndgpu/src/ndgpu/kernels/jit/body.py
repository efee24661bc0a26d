"""Python's statements as CUDA C++: the whole of a function.

Variables have one type each, to which all values that are assigned to them convert; it is found by
translating until no type changes.  Guarantees: C++ lines carry the Python lines' numbers, so what
NVRTC reports names them too.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import ctype
from ndgpu.kernels.jit import builtins as own
from ndgpu.kernels.jit.expressions import Expressions, operator_of
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
    join,
    promote,
)
from ndgpu.kernels.jit.values import Located

__all__ = ["Body"]

_PASSES = 20
_INT64 = np.dtype(np.int64)


class Body(Expressions):
    """The translation of a function for types of its parameters.

    Attributes
    ----------
    returns : Type or None
        What a device function returns; None for nothing.
    """

    returns: Type | None = None

    def translate(
        self, tree: ast.FunctionDef, parameters: Sequence[tuple[str, Type]], kernel: bool
    ) -> list[str]:
        """Write the function's body, variables declared.

        Parameters
        ----------
        tree : ast.FunctionDef
        parameters : sequence of (str, Type)
        kernel : bool
            Whether it is a kernel, which returns nothing.

        Raises
        ------
        JitError
            If something cannot be translated.
        """
        self._kernel = kernel
        self.variables = dict(parameters)
        for _ in range(_PASSES):
            before = dict(self.variables), self.returns
            self.shared = []
            self._count = 0
            lines = self.block(tree.body)
            if (self.variables, self.returns) == before:
                break
        else:
            raise JitError(f"{self.name}: the types of its variables do not settle")
        given = dict(parameters)
        declarations = []
        for name, type_ in self.variables.items():
            initial = ""
            if name in given:
                value = Expression(f"p_{name}", given[name])
                initial = f" = {self._as(value, type_)}"
            declarations += self._declare(name, type_, initial)
        return [*self.shared, *declarations, *lines]

    def _declare(self, name: str, type_: Type, initial: str) -> list[str]:
        if isinstance(type_, Const):
            return []
        if isinstance(type_, Tuple):
            return [
                line
                for k, item in enumerate(type_.items)
                for line in self._declare(f"{name}_{k}", item, "")
            ]
        return [f"[[maybe_unused]] {type_.c_name()} v_{name}{initial};"]

    def _as(self, value: Expression, type_: Type) -> str:
        return self.convert(value, type_.dtype) if isinstance(type_, Scalar) else value.code

    def block(self, statements: Sequence[ast.stmt]) -> list[str]:
        """Translate statements."""
        lines: list[str] = []
        for statement in statements:
            method = getattr(self, f"_do_{type(statement).__name__}", None)
            lines.append(f'#line {self.first + statement.lineno - 1} "{self.file}"')
            try:
                if method is None:
                    what = type(statement).__name__
                    raise JitError(f"the statement {what} is not supported in a kernel")
                lines += method(statement)
            except Located:
                raise
            except (JitError, OverflowError, ValueError) as error:
                raise self.located(statement, error) from None
        return lines

    # Assignments.

    def _do_Assign(self, node: ast.Assign) -> list[str]:
        if len(node.targets) != 1:
            raise JitError("an assignment has one target in a kernel")
        target = node.targets[0]
        if isinstance(node.value, ast.Call) and isinstance(target, ast.Name):
            function = self.expression(node.value.func).type
            if isinstance(function, Const) and function.value is own.shared_memory:
                return self._shared(target.id, node.value)
        return self.assign(target, self.expression(node.value))

    def _do_AnnAssign(self, node: ast.AnnAssign) -> list[str]:
        if node.value is None:
            raise JitError("a variable without a value is not supported in a kernel")
        return self.assign(node.target, self.expression(node.value))

    def _do_AugAssign(self, node: ast.AugAssign) -> list[str]:
        value = ast.copy_location(ast.BinOp(node.target, node.op, node.value), node)
        if isinstance(node.target, ast.Name):
            return self.assign(node.target, self._BinOp(value))
        if not isinstance(node.target, ast.Subscript):
            raise JitError("only variables and elements of arrays are assigned to in a kernel")
        element = self.expression(node.target)
        dtype = self.number(element)
        # The index is worked out once.
        name = f"_at{self._fresh()}"
        result = self.operate(
            operator_of(node.op), Expression(name, Scalar(dtype)), self.expression(node.value)
        )
        return [
            f"{{ {ctype(dtype)}& {name} = {element.code};",
            f"{name} = {self.convert(result, dtype)}; }}",
        ]

    def assign(self, target: ast.expr, value: Expression) -> list[str]:
        """Write the assignment of a value to a variable, an element, or several of them."""
        if isinstance(target, ast.Name):
            return self._set(target.id, value)
        if isinstance(target, ast.Subscript):
            element = self.expression(target)
            if not isinstance(element.type, Scalar):
                raise self.located(target, f"{element.type} cannot be assigned to")
            return [f"{element.code} = {self.convert(value, element.type.dtype)};"]
        if isinstance(target, (ast.Tuple, ast.List)):
            if not isinstance(value.type, Tuple) or len(value.type.items) != len(target.elts):
                raise self.located(
                    target, f"{value.type} does not unpack into {len(target.elts)} variables"
                )
            # All values first: `a, b = b, a`.
            lines, kept = ["{"], []
            for item in value.type.items:
                if isinstance(item.type, Const):
                    kept.append(item)
                    continue
                name = f"_item{self._fresh()}"
                lines.append(f"const auto {name} = {item.code};")
                kept.append(Expression(name, item.type))
            for one, item in zip(target.elts, kept, strict=True):
                lines += self.assign(one, item)
            return [*lines, "}"]
        raise self.located(target, "only variables and elements of arrays are assigned to")

    def _set(self, name: str, value: Expression) -> list[str]:
        kind = _stored(value.type)
        if isinstance(kind, Const) and dtype_of(kind) is None and kind.value is None:
            raise JitError("the value is None: a function that returns nothing was called")
        before = self.variables.get(name)
        type_ = kind if before is None else join(before, kind, self.mode)
        self.variables[name] = type_
        return self._store(name, type_, value)

    def _store(self, name: str, type_: Type, value: Expression) -> list[str]:
        if isinstance(type_, Const):
            return []
        if isinstance(type_, Tuple) and isinstance(value.type, Tuple):
            return [
                line
                for k, (item, kind) in enumerate(zip(value.type.items, type_.items, strict=True))
                for line in self._store(f"{name}_{k}", kind, item)
            ]
        return [f"v_{name} = {self._as(value, type_)};"]

    def _shared(self, name: str, call: ast.Call) -> list[str]:
        args = [self.expression(a) for a in call.args]
        options = {k.arg: self.expression(k.value) for k in call.keywords}
        for position, option in enumerate(("dtype", "size", "alignment")):
            if option in options and len(args) == position:
                args.append(options.pop(option))
        alignment = options.pop("alignment", None) or (args[2] if len(args) == 3 else None)
        if options or not 2 <= len(args) <= 3 or any(not isinstance(a.type, Const) for a in args):
            raise JitError("shared_memory takes a dtype and a size that are constants")
        dtype = np.dtype(args[0].type.value)  # type: ignore[union-attr]
        size = args[1].type.value  # type: ignore[union-attr]
        element = ctype(dtype)
        raw = f"_shared{self._fresh()}"
        align = alignment.type.value if alignment is not None else None  # type: ignore[union-attr]
        aligned = f"__align__({max(align or 0, dtype.itemsize)})"
        if size is None:
            self.shared.append(f"extern __shared__ {aligned} unsigned char {raw}[];")
            count = f"(long long)(_dynamic_shared() / {dtype.itemsize})"
        elif isinstance(size, (int, np.integer)) and size > 0:
            count = str(int(size))
            bytes_ = int(size) * dtype.itemsize
            self.shared.append(f"__shared__ {aligned} unsigned char {raw}[{bytes_}];")
        else:
            raise JitError(f"shared memory's size must be a positive integer or None, got {size!r}")
        value = Expression(
            f"ndgpu::JitShared<{element}>{{({element}*){raw}, {count}}}", Shared(dtype)
        )
        return self._set(name, value)

    def _fresh(self) -> int:
        self._count += 1
        return self._count

    # Control.

    def _do_Expr(self, node: ast.Expr) -> list[str]:
        if isinstance(node.value, ast.Constant):
            return []  # a docstring
        return [f"{self.expression(node.value).code};"]

    def _do_Pass(self, node: ast.Pass) -> list[str]:
        return []

    def _do_Break(self, node: ast.Break) -> list[str]:
        return ["break;"]

    def _do_Continue(self, node: ast.Continue) -> list[str]:
        return ["continue;"]

    def _do_If(self, node: ast.If) -> list[str]:
        test = self.expression(node.test)
        if isinstance(test.type, Const):
            return self.block(node.body if test.type.value else node.orelse)
        lines = [f"if ({self.condition(test)}) {{", *self.block(node.body)]
        if node.orelse:
            lines += ["} else {", *self.block(node.orelse)]
        return [*lines, "}"]

    def _do_While(self, node: ast.While) -> list[str]:
        if node.orelse:
            raise JitError("`else` of a loop is not supported in a kernel")
        test = self.condition(self.expression(node.test))
        return [f"while ({test}) {{", *self.block(node.body), "}"]

    def _do_For(self, node: ast.For) -> list[str]:
        if node.orelse:
            raise JitError("`else` of a loop is not supported in a kernel")
        if not isinstance(node.target, ast.Name):
            raise self.located(node.target, "a loop has one variable in a kernel")
        call = node.iter
        function = self.expression(call.func).type if isinstance(call, ast.Call) else None
        if not isinstance(call, ast.Call) or not (
            isinstance(function, Const) and function.value in (range, own.range)
        ):
            raise self.located(call, "a loop in a kernel runs over a range")
        args = [self.expression(a) for a in call.args]
        unroll = None
        for keyword in call.keywords:
            value = self.expression(keyword.value)
            if keyword.arg != "unroll" or function.value is range:
                raise JitError(f"range takes no keyword {keyword.arg!r}")
            if not isinstance(value.type, Const):
                raise JitError("`unroll` must be a constant")
            unroll = value.type.value
        return self._loop(node, args, unroll)

    def _loop(self, node: ast.For, args: list[Expression], unroll: Any) -> list[str]:
        if not 1 <= len(args) <= 3:
            raise JitError(f"range takes one to three numbers, got {len(args)}")
        zero, one = Expression("", Const(0)), Expression("", Const(1))
        start, stop, step = {
            1: lambda: (zero, args[0], one),
            2: lambda: (args[0], args[1], one),
            3: lambda: tuple(args),
        }[len(args)]()
        down = isinstance(step.type, Const) and step.type.value < 0
        if isinstance(step.type, Const) and step.type.value == 0:
            raise JitError("range's step must not be 0")
        dtype = np.dtype(promote(start.type, stop.type, self.mode))
        if not isinstance(step.type, Const):
            dtype = np.dtype(promote(Scalar(dtype), step.type, self.mode))
        if dtype.kind not in "iub":
            raise JitError("range takes integers")
        if dtype.itemsize < 4 or (dtype.kind == "u" and down):
            dtype = _INT64
        if not isinstance(node.target, ast.Name):
            raise JitError("a loop has one variable in a kernel")
        k, kind = self._fresh(), ctype(dtype)
        i, end, by = f"_i{k}", f"_stop{k}", f"_step{k}"
        if isinstance(step.type, Const):
            test, advance = f"{i} {'>' if down else '<'} {end}", self.convert(step, dtype)
            before = []
        else:
            test, advance = f"{by} > 0 ? {i} < {end} : {i} > {end}", by
            before = [f"const {kind} {by} = {self.convert(step, dtype)};"]
        set_variable = self._set(node.target.id, Expression(i, Scalar(dtype)))
        pragma = []
        if unroll is True:
            pragma = ["#pragma unroll"]
        elif unroll is not None:
            pragma = [f"#pragma unroll {1 if unroll is False else int(unroll)}"]
        return [
            f"{{ const {kind} {end} = {self.convert(stop, dtype)};",
            *before,
            *pragma,
            f"for ({kind} {i} = {self.convert(start, dtype)}; {test}; {i} += {advance}) {{",
            *set_variable,
            *self.block(node.body),
            "} }",
        ]

    def _do_Return(self, node: ast.Return) -> list[str]:
        if node.value is None:
            return ["return;"]
        if self._kernel:
            raise JitError("a kernel returns nothing; write results into an array")
        value = self.expression(node.value)
        kind = _stored(value.type)
        if isinstance(kind, Const):
            dtype = dtype_of(kind)
            if dtype is None:
                raise JitError(f"a device function returns a number, not {kind}")
            kind = Scalar(dtype)
        if not isinstance(kind, (Scalar, Array, Shared)):
            raise JitError(f"a device function returns one number, not a {kind}")
        self.returns = kind if self.returns is None else join(self.returns, kind, self.mode)
        return [f"return {self._as(value, self.returns)};"]


def _stored(type_: Type) -> Type:
    """The type that a variable takes from a value."""
    if isinstance(type_, Tuple):
        return Tuple(tuple([_stored(item.type) for item in type_.items]))
    return type_
