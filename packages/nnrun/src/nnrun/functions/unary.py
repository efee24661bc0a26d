"""Functions of one array, element by element, as rows of a table.

Each row gives the forward on arrays and the gradient on Variables; the gradient
is made of differentiable functions, so all rows can be differentiated any number
of times.  A row whose gradient is best told by its result keeps that, the others
keep their input.

Examples
--------
>>> import numpy as np, nnrun.functions as F
>>> F.sqrt(np.array([1.0, 4.0]))
variable([1., 2.])
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable

__all__ = [
    "arccos",
    "arcsin",
    "arctan",
    "arctanh",
    "cbrt",
    "ceil",
    "cos",
    "cosh",
    "exp",
    "exp2",
    "expm1",
    "fix",
    "floor",
    "log",
    "log1p",
    "log2",
    "log10",
    "reciprocal",
    "rsqrt",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "square",
    "tan",
]

Array = Any


@dataclass(frozen=True)
class Row:
    """One function.

    Attributes
    ----------
    forward : callable
        ``forward(xp, x)`` on arrays.
    gradient : callable or None
        ``gradient(gy, v)`` on Variables, where `v` is what `keep` says; None where
        the function is constant between jumps.
    keep : str
        ``x``, the input, or ``y``, the result.
    doc : str
        What it is, for the docstring.
    example : tuple
        An input and its result, for the docstring.
    """

    forward: Callable[[Any, Array], Array]
    gradient: Callable[[Variable, Variable], Variable] | None
    keep: str
    doc: str
    example: tuple[str, str]


_LN2 = 0.6931471805599453
_LN10 = 2.302585092994046

_TABLE: dict[str, Row] = {
    "exp": Row(lambda xp, x: xp.exp(x), lambda gy, y: gy * y, "y", "The exponential.", ("0", "1.")),
    "expm1": Row(
        lambda xp, x: xp.expm1(x),
        lambda gy, y: gy * (y + 1),
        "y",
        "``exp(x) - 1``, exact near 0.",
        ("0", "0."),
    ),
    "log": Row(
        lambda xp, x: xp.log(x), lambda gy, x: gy / x, "x", "The natural logarithm.", ("1", "0.")
    ),
    "log1p": Row(
        lambda xp, x: xp.log1p(x),
        lambda gy, x: gy / (x + 1),
        "x",
        "``log(1 + x)``, exact near 0.",
        ("0", "0."),
    ),
    "log2": Row(
        lambda xp, x: xp.log2(x),
        lambda gy, x: gy / (x * _LN2),
        "x",
        "The logarithm to base 2.",
        ("8", "3."),
    ),
    "log10": Row(
        lambda xp, x: xp.log10(x),
        lambda gy, x: gy / (x * _LN10),
        "x",
        "The logarithm to base 10.",
        ("100", "2."),
    ),
    "sqrt": Row(
        lambda xp, x: xp.sqrt(x),
        lambda gy, y: gy / (y * 2),
        "y",
        "The square root.",
        ("9", "3."),
    ),
    "rsqrt": Row(
        lambda xp, x: 1 / xp.sqrt(x),
        lambda gy, y: gy * y * y * y * -0.5,
        "y",
        "One over the square root.",
        ("4", "0.5"),
    ),
    "square": Row(lambda xp, x: x * x, lambda gy, x: gy * x * 2, "x", "The square.", ("3", "9.")),
    "reciprocal": Row(
        lambda xp, x: 1 / x, lambda gy, y: -gy * y * y, "y", "One over `x`.", ("4", "0.25")
    ),
    "sin": Row(lambda xp, x: xp.sin(x), lambda gy, x: gy * cos(x), "x", "The sine.", ("0", "0.")),
    "cos": Row(
        lambda xp, x: xp.cos(x), lambda gy, x: -gy * sin(x), "x", "The cosine.", ("0", "1.")
    ),
    "tan": Row(
        lambda xp, x: xp.tan(x),
        lambda gy, y: gy * (y * y + 1),
        "y",
        "The tangent.",
        ("0", "0."),
    ),
    "arcsin": Row(
        lambda xp, x: xp.arcsin(x),
        lambda gy, x: gy * rsqrt(1 - x * x),
        "x",
        "The inverse sine.",
        ("0", "0."),
    ),
    "arccos": Row(
        lambda xp, x: xp.arccos(x),
        lambda gy, x: -gy * rsqrt(1 - x * x),
        "x",
        "The inverse cosine.",
        ("1", "0."),
    ),
    "arctan": Row(
        lambda xp, x: xp.arctan(x),
        lambda gy, x: gy / (x * x + 1),
        "x",
        "The inverse tangent.",
        ("0", "0."),
    ),
    "arctanh": Row(
        lambda xp, x: xp.arctanh(x),
        lambda gy, x: gy / (1 - x * x),
        "x",
        "The inverse hyperbolic tangent.",
        ("0", "0."),
    ),
    "cbrt": Row(
        lambda xp, x: xp.cbrt(x),
        lambda gy, y: gy / (y * y * 3),
        "y",
        "The cube root.",
        ("27", "3."),
    ),
    "exp2": Row(
        lambda xp, x: xp.exp2(x), lambda gy, y: gy * y * _LN2, "y", "``2 ** x``.", ("3", "8.")
    ),
    "sinh": Row(
        lambda xp, x: xp.sinh(x),
        lambda gy, x: gy * cosh(x),
        "x",
        "The hyperbolic sine.",
        ("0", "0."),
    ),
    "cosh": Row(
        lambda xp, x: xp.cosh(x),
        lambda gy, x: gy * sinh(x),
        "x",
        "The hyperbolic cosine.",
        ("0", "1."),
    ),
    "floor": Row(
        lambda xp, x: xp.floor(x), None, "x", "Rounded down; its gradient is 0.", ("1.5", "1.")
    ),
    "ceil": Row(
        lambda xp, x: xp.ceil(x), None, "x", "Rounded up; its gradient is 0.", ("1.5", "2.")
    ),
    "fix": Row(
        lambda xp, x: xp.trunc(x),
        None,
        "x",
        "Rounded towards 0; its gradient is 0.",
        ("-1.5", "-1."),
    ),
    "sign": Row(
        lambda xp, x: xp.sign(x), None, "x", "-1, 0 or 1; its gradient is 0.", ("-2", "-1.")
    ),
}


class _Unary(FunctionNode):
    """A node class is made from this for each row."""

    __slots__ = ()

    row: Row

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        if self.row.keep == "y":
            self._output_indexes = (0,)
        elif self.row.gradient is not None:
            self._input_indexes = (0,)
        return (self.row.forward(get_array_module(x), x),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        gradient = self.row.gradient
        if gradient is None:
            return (None,)
        kept = self.get_retained_outputs() if self.row.keep == "y" else self.get_retained_inputs()
        return (gradient(grad_outputs[0], kept[0]),)


_DOC = """{doc}

    Parameters
    ----------
    x : Variable or array
        Floating.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.{name}(np.array([{given}], np.float64))
    variable([{result}])
    """


_Function = Callable[[Variable | Array], Variable]


def _make(name: str) -> _Function:
    """The public function of a row."""
    row = _TABLE[name]
    node = type(name, (_Unary,), {"__slots__": (), "row": row})

    def function(x: Variable | Array) -> Variable:
        return node().apply((x,))[0]

    function.__name__ = function.__qualname__ = name
    given, result = row.example
    function.__doc__ = _DOC.format(doc=row.doc, name=name, given=given, result=result)
    return function


arccos: _Function = _make("arccos")
arcsin: _Function = _make("arcsin")
arctan: _Function = _make("arctan")
arctanh: _Function = _make("arctanh")
cbrt: _Function = _make("cbrt")
ceil: _Function = _make("ceil")
cos: _Function = _make("cos")
cosh: _Function = _make("cosh")
exp: _Function = _make("exp")
exp2: _Function = _make("exp2")
expm1: _Function = _make("expm1")
fix: _Function = _make("fix")
floor: _Function = _make("floor")
log: _Function = _make("log")
log1p: _Function = _make("log1p")
log2: _Function = _make("log2")
log10: _Function = _make("log10")
reciprocal: _Function = _make("reciprocal")
rsqrt: _Function = _make("rsqrt")
sign: _Function = _make("sign")
sin: _Function = _make("sin")
sinh: _Function = _make("sinh")
sqrt: _Function = _make("sqrt")
square: _Function = _make("square")
tan: _Function = _make("tan")
