"""Special functions: the error function and the gamma function, and their kin.

Their gradients are made of themselves and of elementary functions, so all can be
differentiated any number of times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions import _erf, _gamma
from nnrun.functions._binary import is_number, number_like
from nnrun.functions.broadcast import broadcast_to, sum_to
from nnrun.functions.unary import exp

__all__ = [
    "digamma",
    "erf",
    "erfc",
    "erfcinv",
    "erfcx",
    "erfinv",
    "lgamma",
    "log_ndtr",
    "ndtr",
    "ndtri",
    "polygamma",
    "zeta",
]

Array = Any


@dataclass(frozen=True)
class _Row:
    """One function: its array form, its gradient from (gy, x, y), and its documentation."""

    forward: Callable[[Array], Array]
    gradient: Callable[[Variable, Variable, Variable], Variable]
    doc: str
    example: tuple[str, str]


_SLOPE = 2 / math.sqrt(math.pi)
_ROOT = math.sqrt(2 * math.pi)


_TABLE: dict[str, _Row] = {
    "erf": _Row(
        _erf.erf_array,
        lambda gy, x, y: gy * exp(-x * x) * _SLOPE,
        "The error function: ``2 / sqrt(pi)`` times the integral of ``exp(-t ** 2)`` up to `x`.",
        ("0", "0."),
    ),
    "erfc": _Row(
        _erf.erfc_array,
        lambda gy, x, y: gy * exp(-x * x) * -_SLOPE,
        "``1 - erf(x)``, exact where that is tiny.",
        ("0", "1."),
    ),
    "erfcx": _Row(
        _erf.erfcx_array,
        lambda gy, x, y: gy * (x * y * 2 - _SLOPE),
        "``exp(x ** 2) * erfc(x)``, which does not underflow.",
        ("0", "1."),
    ),
    "erfinv": _Row(
        _erf.erfinv_array,
        lambda gy, x, y: gy * exp(y * y) * (1 / _SLOPE),
        "The inverse of `erf`, for `x` between -1 and 1.",
        ("0", "0."),
    ),
    "erfcinv": _Row(
        _erf.erfcinv_array,
        lambda gy, x, y: gy * exp(y * y) * (-1 / _SLOPE),
        "The inverse of `erfc`, for `x` between 0 and 2.",
        ("0", "inf"),
    ),
    "ndtr": _Row(
        _erf.ndtr_array,
        lambda gy, x, y: gy * exp(x * x * -0.5) * (1 / _ROOT),
        "The distribution function of the standard normal distribution.",
        ("0", "0.5"),
    ),
    "ndtri": _Row(
        _erf.ndtri_array,
        lambda gy, x, y: gy * exp(y * y * 0.5) * _ROOT,
        "The inverse of `ndtr`, for `x` between 0 and 1.",
        ("0.5", "0."),
    ),
    "log_ndtr": _Row(
        _erf.log_ndtr_array,
        lambda gy, x, y: gy * exp(x * x * -0.5 - y) * (1 / _ROOT),
        "The logarithm of `ndtr`, exact where that underflows.",
        ("40", "-0."),
    ),
    "lgamma": _Row(
        _gamma.lgamma_array,
        lambda gy, x, y: gy * digamma(x),
        "The logarithm of the absolute value of the gamma function.",
        ("1", "0."),
    ),
    "digamma": _Row(
        _gamma.digamma_array,
        lambda gy, x, y: gy * polygamma(1, x),
        "The derivative of `lgamma`; it can be differentiated again for positive `x`.",
        ("-1", "nan"),
    ),
}


class _Special(FunctionNode):
    """A node class is made from this for each row."""

    __slots__ = ()

    row: _Row

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        y = self.row.forward(inputs[0])
        return (y.astype(inputs[0].dtype, copy=False),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        return (self.row.gradient(grad_outputs[0], x, y),)


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
    node = type(name, (_Special,), {"__slots__": (), "row": row})

    def function(x: Variable | Array) -> Variable:
        return node().apply((x,))[0]

    function.__name__ = function.__qualname__ = name
    given, result = row.example
    function.__doc__ = _DOC.format(doc=row.doc, name=name, given=given, result=result)
    return function


digamma: _Function = _make("digamma")
erf: _Function = _make("erf")
erfc: _Function = _make("erfc")
erfcinv: _Function = _make("erfcinv")
erfcx: _Function = _make("erfcx")
erfinv: _Function = _make("erfinv")
lgamma: _Function = _make("lgamma")
log_ndtr: _Function = _make("log_ndtr")
ndtr: _Function = _make("ndtr")
ndtri: _Function = _make("ndtri")


class PolyGamma(FunctionNode):
    __slots__ = ("_n",)

    def __init__(self, n: Array) -> None:
        self._n = n

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        xp = get_array_module(x)
        y = xp.zeros_like(x)
        for n in range(int(self._n.min()), int(self._n.max()) + 1) if self._n.size else ():
            y = xp.where(self._n == n, _gamma.polygamma_array(n, x), y)
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        return (grad_outputs[0] * polygamma(self._n + 1, x),)


def polygamma(n: Variable | Array | int, x: Variable | Array) -> Variable:
    """Return the n-th derivative of `digamma`.

    Parameters
    ----------
    n : Variable, array of int, or int
        Which derivative; of a shape that can be broadcast with that of `x`.
    x : Variable or array
        Positive where ``n > 0``.

    Returns
    -------
    Variable
        There is no gradient by `n`.

    Raises
    ------
    ValueError
        If some `n` is negative (on NumPy; a device is not asked).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.polygamma(1, np.array([1.0])).array.round(4)  # pi ** 2 / 6
    array([1.6449])
    """
    x = as_variable(x)
    xp = get_array_module(x.array)
    orders = xp.asarray(n) if is_number(n) else as_array(n)
    if isinstance(orders, np.ndarray) and orders.size and orders.min() < 0:
        raise ValueError(f"polygamma: `n` must not be negative, not {orders.min()}")
    return PolyGamma(orders).apply((broadcast_to(x, np.broadcast_shapes(x.shape, orders.shape)),))[
        0
    ]


class Zeta(FunctionNode):
    __slots__ = ("_s",)

    def __init__(self, s: Array) -> None:
        self._s = s

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        (q,) = inputs
        return (_gamma.zeta_array(self._s, q).astype(q.dtype, copy=False),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (q,) = self.get_retained_inputs()
        gy = grad_outputs[0] * -self._s.astype(q.dtype) * zeta(self._s + 1, q)
        return (sum_to(gy, q.shape),)


def zeta(x: Variable | Array | float, q: Variable | Array) -> Variable:
    """Return Hurwitz' zeta function: the sum of ``(k + q) ** -x`` over k = 0, 1, 2 ...

    Parameters
    ----------
    x : Variable, array or number
        Above 1.
    q : Variable or array
        Above 0.

    Returns
    -------
    Variable
        NaN elsewhere.  There is no gradient by `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.zeta(2.0, np.array([1.0])).array.round(4)  # pi ** 2 / 6
    array([1.6449])
    """
    s = number_like(x, q) if is_number(x) else as_array(x)
    q = as_variable(q)
    return Zeta(s).apply((broadcast_to(q, np.broadcast_shapes(s.shape, q.shape)),))[0]
