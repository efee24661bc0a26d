"""Expressions of elementwise functions: read, derived symbolically, and written out again.

An expression is a tuple: ``("var", name)``, ``("num", value)``, or the name of a row of
`OPERATIONS` and its operands.  Equal tuples are one value, which is computed once.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from nnrun.functions._erf import erf_array

__all__ = ["OPERATIONS", "Expr", "adjoints", "as_kernel", "as_numpy", "names", "parse"]

Expr = tuple[Any, ...]


def num(value: float) -> Expr:
    """A constant."""
    return ("num", float(value))


ZERO, ONE = num(0), num(1)


def op(name: str, *args: Expr) -> Expr:
    """An operation, with what is plain from its operands left out."""
    if name == "neg":
        return _neg(args[0])
    simpler = _SIMPLER.get(name)
    found = None if simpler is None else simpler(*args)
    if found is not None:
        return found
    if name in _FOLDED and all(a[0] == "num" for a in args):
        return num(_FOLDED[name](*[a[1] for a in args]))
    return (name, *args)


def _neg(a: Expr) -> Expr:
    if a[0] == "num":
        return num(-a[1])
    return a[1] if a[0] == "neg" else ("neg", a)


def _add(a: Expr, b: Expr) -> Expr | None:
    if a == ZERO:
        return b
    return a if b == ZERO else None


def _sub(a: Expr, b: Expr) -> Expr | None:
    if b == ZERO:
        return a
    return _neg(b) if a == ZERO else None


def _mul(a: Expr, b: Expr) -> Expr | None:
    if ZERO in (a, b):
        return ZERO
    if a == ONE:
        return b
    return a if b == ONE else None


def _div(a: Expr, b: Expr) -> Expr | None:
    if b == ONE:
        return a
    return ZERO if a == ZERO else None


def _pow(a: Expr, b: Expr) -> Expr | None:
    if b == ZERO:
        return ONE
    if b == ONE:
        return a
    return op("mul", a, a) if b == num(2) else None


_SIMPLER: dict[str, Callable[..., Expr | None]] = {
    "add": _add,
    "sub": _sub,
    "mul": _mul,
    "div": _div,
    "pow": _pow,
}
_FOLDED: dict[str, Callable[..., float]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "pow": lambda a, b: a**b,
}


@dataclass(frozen=True)
class Operation:
    """A row of the table.

    Attributes
    ----------
    numpy : str
        Python source on arrays, with `xp` the array module.
    c : str
        CUDA C source; `C` is the type that is computed in.
    adjoint : callable
        ``adjoint(g, y, *args)``: what the gradient `g` of the result `y` is for each
        operand.
    """

    numpy: str
    c: str
    adjoint: Callable[..., Sequence[Expr]]


def _power_adjoint(g: Expr, y: Expr, a: Expr, b: Expr) -> tuple[Expr, Expr]:
    base = op("mul", g, op("mul", b, op("pow", a, op("sub", b, ONE))))
    # The exponent of a square is no variable; then there is no logarithm to take.
    exponent = ZERO if b[0] == "num" else op("mul", g, op("mul", y, op("log", a)))
    return base, exponent


def _none(g: Expr, y: Expr, *args: Expr) -> tuple[Expr, ...]:
    return (ZERO,) * len(args)


def _of(factor: Callable[[Expr, Expr], Expr]) -> Callable[..., tuple[Expr]]:
    """The adjoint of a function of one operand by its derivative."""
    return lambda g, y, a: (op("mul", g, factor(y, a)),)


_2_OVER_ROOT_PI = num(2 / math.sqrt(math.pi))

OPERATIONS: dict[str, Operation] = {
    "add": Operation("({} + {})", "({} + {})", lambda g, y, a, b: (g, g)),
    "sub": Operation("({} - {})", "({} - {})", lambda g, y, a, b: (g, op("neg", g))),
    "mul": Operation(
        "({} * {})", "({} * {})", lambda g, y, a, b: (op("mul", g, b), op("mul", g, a))
    ),
    "div": Operation(
        "({} / {})",
        "({} / {})",
        lambda g, y, a, b: (op("div", g, b), op("neg", op("div", op("mul", g, y), b))),
    ),
    "pow": Operation("({} ** {})", "pow({}, {})", _power_adjoint),
    "neg": Operation("(-{})", "(-{})", lambda g, y, a: (op("neg", g),)),
    "exp": Operation("xp.exp({})", "exp({})", _of(lambda y, a: y)),
    "expm1": Operation("xp.expm1({})", "expm1({})", _of(lambda y, a: op("add", y, ONE))),
    "log": Operation("xp.log({})", "log({})", _of(lambda y, a: op("div", ONE, a))),
    "log1p": Operation(
        "xp.log1p({})", "log1p({})", _of(lambda y, a: op("div", ONE, op("add", a, ONE)))
    ),
    "sqrt": Operation("xp.sqrt({})", "sqrt({})", _of(lambda y, a: op("div", num(0.5), y))),
    "sin": Operation("xp.sin({})", "sin({})", _of(lambda y, a: op("cos", a))),
    "cos": Operation("xp.cos({})", "cos({})", _of(lambda y, a: op("neg", op("sin", a)))),
    "tan": Operation("xp.tan({})", "tan({})", _of(lambda y, a: op("add", op("mul", y, y), ONE))),
    "arctan": Operation(
        "xp.arctan({})",
        "atan({})",
        _of(lambda y, a: op("div", ONE, op("add", op("mul", a, a), ONE))),
    ),
    "sinh": Operation("xp.sinh({})", "sinh({})", _of(lambda y, a: op("cosh", a))),
    "cosh": Operation("xp.cosh({})", "cosh({})", _of(lambda y, a: op("sinh", a))),
    "tanh": Operation("xp.tanh({})", "tanh({})", _of(lambda y, a: op("sub", ONE, op("mul", y, y)))),
    "sigmoid": Operation(
        "(xp.tanh({} * 0.5) * 0.5 + 0.5)",
        "((C)1 / ((C)1 + exp(-({}))))",
        _of(lambda y, a: op("mul", y, op("sub", ONE, y))),
    ),
    "softplus": Operation(
        "xp.logaddexp({}, 0.0)",
        "(fmax({0}, (C)0) + log1p(exp(-fabs({0}))))",
        _of(lambda y, a: op("sigmoid", a)),
    ),
    "erf": Operation(
        "erf({})",
        "erf({})",
        _of(lambda y, a: op("mul", _2_OVER_ROOT_PI, op("exp", op("neg", op("mul", a, a))))),
    ),
    "abs": Operation("abs({})", "fabs({})", _of(lambda y, a: op("sign", a))),
    "sign": Operation("xp.sign({})", "(C)(({0} > 0) - ({0} < 0))", _none),
    "floor": Operation("xp.floor({})", "floor({})", _none),
    "maximum": Operation(
        "xp.maximum({}, {})",
        "fmax({}, {})",
        lambda g, y, a, b: (
            op("where", op("ge", a, b), g, ZERO),
            op("where", op("ge", a, b), ZERO, g),
        ),
    ),
    "minimum": Operation(
        "xp.minimum({}, {})",
        "fmin({}, {})",
        lambda g, y, a, b: (
            op("where", op("le", a, b), g, ZERO),
            op("where", op("le", a, b), ZERO, g),
        ),
    ),
    "where": Operation(
        "xp.where({}, {}, {})",
        "({} ? {} : {})",
        lambda g, y, c, a, b: (ZERO, op("where", c, g, ZERO), op("where", c, ZERO, g)),
    ),
    "lt": Operation("({} < {})", "({} < {})", _none),
    "le": Operation("({} <= {})", "({} <= {})", _none),
    "gt": Operation("({} > {})", "({} > {})", _none),
    "ge": Operation("({} >= {})", "({} >= {})", _none),
}

_CALLS = {name for name, row in OPERATIONS.items() if name.isalnum()} - {
    "add", "sub", "mul", "div", "pow", "neg", "lt", "le", "gt", "ge"
}  # fmt: skip
_ARITY = {"maximum": 2, "minimum": 2, "where": 3}
_BINARY: dict[type, str] = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
}
_COMPARISONS: dict[type, str] = {ast.Lt: "lt", ast.LtE: "le", ast.Gt: "gt", ast.GtE: "ge"}


def parse(source: str) -> Expr:
    """Read an expression in Python's notation.

    Raises
    ------
    ValueError
        If it has something else than names, numbers, operators and known functions.
    """
    try:
        tree = ast.parse(source.strip(), mode="eval").body
    except SyntaxError as error:
        raise ValueError(
            f"elementwise_function: {source!r} is no expression: {error.msg}"
        ) from None
    return _read(tree, source)


def _read(node: ast.AST, source: str) -> Expr:
    if isinstance(node, ast.Name):
        return ("var", node.id)
    if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
        return num(node.value)
    if isinstance(node, ast.BinOp) and type(node.op) in _BINARY:
        return op(_BINARY[type(node.op)], _read(node.left, source), _read(node.right, source))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        operand = _read(node.operand, source)
        return op("neg", operand) if isinstance(node.op, ast.USub) else operand
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARISONS:
        name = _COMPARISONS[type(node.ops[0])]
        return op(name, _read(node.left, source), _read(node.comparators[0], source))
    if isinstance(node, ast.IfExp):
        parts = (_read(part, source) for part in (node.test, node.body, node.orelse))
        return op("where", *parts)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        name = node.func.id
        if name in _CALLS and len(node.args) == _ARITY.get(name, 1):
            return op(name, *[_read(a, source) for a in node.args])
    raise ValueError(
        f"elementwise_function: {ast.unparse(node)!r} in {source!r} is not understood; there are "
        f"+ - * / **, comparisons within `where`, and {', '.join(sorted(_CALLS))}"
    )


def _in_order(outputs: Sequence[Expr]) -> Iterator[Expr]:
    """All parts of some expressions, each once, operands before what is made of them."""
    seen: set[Expr] = set()
    todo = [(e, False) for e in reversed(outputs)]
    while todo:
        e, ready = todo.pop()
        if e in seen:
            continue
        if ready or e[0] in ("var", "num"):
            seen.add(e)
            yield e
        else:
            todo.append((e, True))
            todo.extend((a, False) for a in reversed(e[1:]))


def names(expr: Expr) -> list[str]:
    """The names in an expression, in the order in which they are met."""
    return [e[1] for e in _in_order([expr]) if e[0] == "var"]


def adjoints(outputs: Sequence[tuple[Expr, Expr]], wanted: Sequence[str]) -> list[Expr]:
    """The gradients of variables.

    Parameters
    ----------
    outputs : sequence of pair of Expr
        Results with their gradients.
    wanted : sequence of str
        Of which variables.

    Returns
    -------
    list of Expr
    """
    order = list(_in_order([y for y, _ in outputs]))
    found: dict[Expr, Expr] = {}
    for y, g in outputs:
        found[y] = op("add", found[y], g) if y in found else g
    for y in reversed(order):
        g = found.get(y, ZERO)
        if y[0] in ("var", "num") or g == ZERO:
            continue
        for operand, part in zip(y[1:], OPERATIONS[y[0]].adjoint(g, y, *y[1:]), strict=True):
            if part != ZERO:
                old = found.get(operand)
                found[operand] = part if old is None else op("add", old, part)
    return [found.get(("var", name), ZERO) for name in wanted]


def _statements(
    outputs: Sequence[Expr], style: str, number: Callable[[float], str]
) -> tuple[list[tuple[str, str]], list[str]]:
    """Assignments of one operation each, and what the outputs are called."""
    called: dict[Expr, str] = {}
    lines: list[tuple[str, str]] = []
    for e in _in_order(outputs):
        if e[0] == "var":
            called[e] = f"v_{e[1]}"
        elif e[0] == "num":
            called[e] = number(e[1])
        else:
            row = OPERATIONS[e[0]]
            source = (row.numpy if style == "numpy" else row.c).format(*[called[a] for a in e[1:]])
            called[e] = f"t{len(lines)}"
            lines.append((called[e], source))
    return lines, [called[e] for e in outputs]


def as_numpy(outputs: Sequence[Expr], inputs: Sequence[str]) -> Callable[..., tuple[Any, ...]]:
    """A function ``(xp, *inputs)`` of arrays that computes the outputs."""
    lines, results = _statements(outputs, "numpy", repr)
    body = "\n".join(f"    {name} = {source}" for name, source in lines)
    head = ", ".join(["xp", *[f"v_{name}" for name in inputs]])
    source = f"def computed({head}):\n{body}\n    return ({', '.join(results)},)\n"
    scope: dict[str, Any] = {"erf": erf_array}
    exec(compile(source, "<elementwise_function>", "exec"), scope)
    return scope["computed"]


def as_kernel(outputs: Sequence[Expr], inputs: Sequence[str]) -> tuple[str, str, str]:
    """The parameters and the body of one kernel that computes the outputs."""
    lines, results = _statements(outputs, "c", lambda v: f"((C){v!r})")
    body = [f"const C v_{name} = (C)x_{name};" for name in inputs]
    body += [f"const auto {name} = {source};" for name, source in lines]
    body += [f"y{i} = (T){name};" for i, name in enumerate(results)]
    in_params = ", ".join(f"T x_{name}" for name in inputs)
    out_params = ", ".join(f"T y{i}" for i in range(len(outputs)))
    return in_params, out_params, "\n".join(body)
