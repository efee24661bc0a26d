"""Expressions that state what a function's inputs must be, and say so when they are not.

``in_types[0].dtype.kind == "f"`` is no truth value but an expression, which `expect`
evaluates; where it is false, the error shows the expression and both values.

Examples
--------
>>> import numpy as np
>>> from nnrun import FunctionNode
>>> from nnrun.utils import type_check
>>> class Dot(FunctionNode):
...     def check_type_forward(self, in_types):
...         type_check.expect(in_types.size() == 2)
...         x, y = in_types
...         type_check.expect(x.ndim == 1, x.shape == y.shape)
...     def forward(self, inputs):
...         return (inputs[0] @ inputs[1],)
>>> Dot().apply((np.ones(2), np.ones(3)))
Traceback (most recent call last):
...
nnrun.core.type_check.InvalidType: Dot: in_types[0].shape == in_types[1].shape is wanted,
but (2,) is not (3,)
"""

from __future__ import annotations

import contextlib
import math
import operator
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, is_array

__all__ = [
    "BoolExpr",
    "Constant",
    "Expr",
    "InvalidType",
    "TypeInfo",
    "TypeInfoTuple",
    "Variable",
    "eval",
    "expect",
    "expect_broadcast_shapes",
    "function_check_context",
    "get_function_check_context",
    "get_types",
    "make_variable",
    "prod",
    "same_types",
]


class InvalidType(Exception):
    """The inputs of a function are not what it wants.

    Parameters
    ----------
    expect, actual : str
        What is wanted, and what there is.
    msg : str, optional
        The whole message.
    """

    def __init__(self, expect: str, actual: str, msg: str | None = None) -> None:
        super().__init__(f"wanted: {expect}; found: {actual}" if msg is None else msg)
        self.expect = expect
        self.actual = actual


class Expr:
    """A value to be found out later, with the text that shows how."""

    def __init__(self, text: str, value: Callable[[], Any], priority: int = 10) -> None:
        self._text = text
        self._value = value
        self._priority = priority

    def eval(self) -> Any:
        """Return the value."""
        return self._value()

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<expression {self._text}>"

    def _inside(self, priority: int) -> str:
        return f"({self._text})" if self._priority < priority else self._text

    def __getattr__(self, name: str) -> Expr:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Composite(f"{self._inside(9)}.{name}", lambda: getattr(self.eval(), name))

    def __getitem__(self, index: Any) -> Expr:
        shown = _shown(index)
        return _Composite(f"{self._inside(9)}[{shown}]", lambda: self.eval()[eval(index)])

    def __call__(self, *args: Any) -> Expr:
        text = f"{self._inside(9)}({', '.join(_shown(a) for a in args)})"
        return _Composite(text, lambda: self.eval()(*[eval(a) for a in args]))

    def __bool__(self) -> bool:
        raise RuntimeError(
            f"the expression {self._text} has no truth value of its own; give it to "
            "type_check.expect, or take its value by eval()"
        )

    def __neg__(self) -> Expr:
        return _Composite(f"-{self._inside(8)}", lambda: -self.eval(), 8)

    __hash__ = object.__hash__


class _Composite(Expr):
    """An expression made of others.

    A sibling of `Variable`: Python would turn a comparison with a subclass round.
    """


class BoolExpr(Expr):
    """A comparison of two expressions."""

    def __init__(
        self, symbol: str, compare: Callable[[Any, Any], bool], left: Any, right: Any
    ) -> None:
        super().__init__(
            f"{_inside(left, 4)} {symbol} {_inside(right, 4)}",
            lambda: compare(eval(left), eval(right)),
            3,
        )
        self._symbol = symbol
        self._sides = left, right

    def expect(self) -> None:
        """Raise `InvalidType` unless it is true."""
        if self.eval():
            return
        left, right = (eval(side) for side in self._sides)
        but = f"{left} is not {_BUT[self._symbol]}{right}"
        message = f"{_where()}{self._text} is wanted, but {but}"
        raise InvalidType(self._text, f"{left} {_NOT[self._symbol]} {right}", message)


_NOT = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}
_BUT = {
    "==": "",
    "!=": "other than ",
    "<": "less than ",
    "<=": "at most ",
    ">": "more than ",
    ">=": "at least ",
}


def _shown(x: Any) -> str:
    return str(x) if isinstance(x, Expr) else repr(x)


def _inside(x: Any, priority: int) -> str:
    return x._inside(priority) if isinstance(x, Expr) else repr(x)


def _binary(symbol: str, compute: Callable[[Any, Any], Any], priority: int) -> None:
    """Give `Expr` an operator, both ways round."""

    def make(left: Any, right: Any) -> Expr:
        text = f"{_inside(left, priority)} {symbol} {_inside(right, priority + 1)}"
        return _Composite(text, lambda: compute(eval(left), eval(right)), priority)

    name = compute.__name__
    setattr(Expr, f"__{name}__", make)
    setattr(Expr, f"__r{name}__", lambda self, other: make(other, self))


for _symbol, _compute, _priority in (
    ("+", operator.add, 5),
    ("-", operator.sub, 5),
    ("*", operator.mul, 6),
    ("//", operator.floordiv, 6),
    ("/", operator.truediv, 6),
    ("%", operator.mod, 6),
    ("**", operator.pow, 7),
):
    _binary(_symbol, _compute, _priority)

for _symbol, _comparison in (
    ("==", operator.eq),
    ("!=", operator.ne),
    ("<", operator.lt),
    ("<=", operator.le),
    (">", operator.gt),
    (">=", operator.ge),
):

    def _compare(
        self: Expr, other: Any, symbol: str = _symbol, compare: Any = _comparison
    ) -> BoolExpr:
        return BoolExpr(symbol, compare, self, other)

    setattr(Expr, f"__{_comparison.__name__}__", _compare)


class Variable(Expr):
    """A value with a name.

    Parameters
    ----------
    value : object
    name : str
        How it is shown.
    """

    def __init__(self, value: Any, name: str) -> None:
        super().__init__(name, lambda: value)


class Constant(Expr):
    """A value that is shown as itself."""

    def __init__(self, value: Any) -> None:
        super().__init__(repr(value), lambda: value)


class TypeInfo:
    """What a function may ask of an input: its shape and dtype.

    Attributes
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    ndim, size : int
    """

    def __init__(self, shape: tuple[int, ...], dtype: Any) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self.ndim = len(shape)
        self.size = math.prod(shape)


class TypeInfoTuple(tuple[Expr, ...]):
    """Expressions of `TypeInfo`, one for each input."""

    name: str = ""

    def size(self) -> Expr:
        """Return how many inputs there are, as an expression."""
        return Variable(len(self), f"{self.name}.size")


def get_types(data: Sequence[Any], name: str, accept_none: bool) -> TypeInfoTuple:
    """Return expressions for arrays.

    Parameters
    ----------
    data : sequence of array
    name : str
        How the tuple is shown.
    accept_none : bool
        Whether an array may be missing (None).

    Raises
    ------
    TypeError
        If one is no array.
    """
    found: list[Any] = []
    for i, x in enumerate(data):
        if is_array(x):
            found.append(Variable(TypeInfo(x.shape, x.dtype), f"{name}[{i}]"))
        elif x is None and accept_none:
            found.append(Variable(None, f"{name}[{i}]"))
        else:
            raise TypeError(f"{name}[{i}] must be an array, not {type(x).__name__}")
    types = TypeInfoTuple(found)
    types.name = name
    return types


class _Context(threading.local):
    function: Any = None


_context = _Context()


@contextlib.contextmanager
def function_check_context(function: Any) -> Iterator[None]:
    """Have errors name `function` inside a ``with`` block."""
    before, _context.function = _context.function, function
    try:
        yield
    finally:
        _context.function = before


def get_function_check_context() -> Any:
    """Return the function whose inputs are being checked, or None."""
    return _context.function


def _where() -> str:
    function = _context.function
    return "" if function is None else f"{function.label}: "


def eval(exp: Any) -> Any:
    """Return the value of an expression, or what is none as it is."""
    return exp.eval() if isinstance(exp, Expr) else exp


def make_variable(value: Any, name: str) -> Variable:
    """Return a value as an expression of a name."""
    return Variable(value, name)


def expect(*bool_exprs: Any) -> None:
    """Raise unless every comparison is true.

    Parameters
    ----------
    *bool_exprs : BoolExpr or bool

    Raises
    ------
    InvalidType
        For the first that is false; it shows the expression and both its values.

    Examples
    --------
    >>> from nnrun.utils import type_check
    >>> n = type_check.make_variable(3, "n")
    >>> type_check.expect(n > 2, n % 2 == 1)
    >>> type_check.expect(n + 1 < 4)
    Traceback (most recent call last):
    ...
    nnrun.core.type_check.InvalidType: n + 1 < 4 is wanted, but 4 is not less than 4
    """
    for e in bool_exprs:
        if isinstance(e, BoolExpr):
            e.expect()
        elif not eval(e):
            raise InvalidType("True", str(eval(e)), f"{_where()}{_shown(e)} is not true")


def expect_broadcast_shapes(*shape_types: Any) -> None:
    """Raise `InvalidType` unless shapes can be broadcast together."""
    shapes = [eval(s) for s in shape_types]
    try:
        np.broadcast_shapes(*shapes)
    except ValueError:
        raise InvalidType(
            "shapes that can be broadcast together",
            ", ".join(map(str, shapes)),
            f"{_where()}{', '.join(_shown(s) for s in shape_types)} cannot be broadcast together: "
            + ", ".join(map(str, shapes)),
        ) from None


def prod(xs: Any) -> Expr:
    """Return the product of the numbers in an expression, as an expression."""
    return _Composite(f"prod({_shown(xs)})", lambda: math.prod(eval(xs)))


def same_types(*arrays: Any) -> bool:
    """Whether all arrays are of one module."""
    return len({get_array_module(x) for x in arrays}) < 2
