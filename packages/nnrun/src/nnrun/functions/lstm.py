"""Cells of long short-term memory: `lstm`, `slstm`, `tree_lstm`.

`lstm` is one pass over memory in each direction, on ndgpu one kernel; only a walk
that is to be differentiated again is made of several functions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.cuda import elementwise
from nnrun.functions.activations import sigmoid, tanh
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat, split_axis, stack
from nnrun.functions.shape import reshape

__all__ = ["lstm", "slstm", "tree_lstm"]

Array = Any

_GATES = """
    long long at = i / rest * 4 * rest + i % rest;
    T a = tanh(x[at]);
    T in = tanh(x[at + rest] * (T)0.5) * (T)0.5 + (T)0.5;
    T keep = tanh(x[at + 2 * rest] * (T)0.5) * (T)0.5 + (T)0.5;
    T out = tanh(x[at + 3 * rest] * (T)0.5) * (T)0.5 + (T)0.5;
"""
_BACKWARD = """
    T th = tanh(c);
    T g = gc + gh * out * ((T)1 - th * th);
    gc_prev = g * keep;
    gx[at] = g * in * ((T)1 - a * a);
    gx[at + rest] = g * a * in * ((T)1 - in);
    gx[at + 2 * rest] = g * c_prev * keep * ((T)1 - keep);
    gx[at + 3 * rest] = gh * th * out * ((T)1 - out)
"""


def _sigmoid(x: Array) -> Array:
    return np.tanh(x * 0.5) * 0.5 + 0.5


def _parts(x: Array) -> list[Array]:
    """The sources a, i, f, o, which lie side by side for each unit."""
    parts = x.reshape(len(x), x.shape[1] // 4, 4, *x.shape[2:])
    return [parts[:, :, k] for k in range(4)]


class LSTM(FunctionNode):
    """(c_prev, x) to (c, h)."""

    __slots__ = ("_gates",)

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        c_prev, x = inputs
        self.retain_inputs((0, 1))
        self.retain_outputs((0,))
        if not isinstance(x, np.ndarray):
            rest = x.size // max(x.shape[0] * x.shape[1], 1)
            return elementwise(
                "T c_prev, raw T x, int64 rest",
                "T c, T h",
                _GATES + "c = a * in + c_prev * keep; h = tanh(c) * out",
                "lstm_fwd",
            )(c_prev, x, rest)
        a, i, f, o = _parts(x)
        a, i, f, o = self._gates = np.tanh(a), _sigmoid(i), _sigmoid(f), _sigmoid(o)
        c = a * i + c_prev * f
        return c, np.tanh(c) * o

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        c_prev, x = self.get_retained_inputs()
        (c,) = self.get_retained_outputs()
        xp = get_array_module(c.array)
        gc, gh = (
            Variable(xp.zeros_like(c.array), requires_grad=False) if g is None else g
            for g in grad_outputs
        )
        if config.enable_backprop:
            grads = self._differentiable(c_prev, x, gc, gh)
        elif xp is np:
            grads = self._on_cpu(c_prev.array, x.array, c.array, gc.array, gh.array)
        else:
            rest = x.size // max(x.shape[0] * x.shape[1], 1)
            gx = xp.empty_like(x.array)
            gc_prev = xp.empty_like(c_prev.array)
            elementwise(
                "T c_prev, T c, raw T x, T gc, T gh, int64 rest",
                "T gc_prev, raw T gx",
                _GATES + _BACKWARD,
                "lstm_bwd",
            )(c_prev.array, c.array, x.array, gc.array, gh.array, rest, gc_prev, gx)
            grads = as_variable(gc_prev), as_variable(gx)
        return tuple([grads[i] for i in indexes])

    def _on_cpu(self, c_prev: Array, x: Array, c: Array, gc: Array, gh: Array) -> Any:
        a, i, f, o = self._gates
        th = np.tanh(c)
        g = gc + gh * o * (1 - th * th)
        gx = np.empty_like(x, order="C")
        ga, gi, gf, go = _parts(gx)
        ga[...] = g * i * (1 - a * a)
        gi[...] = g * a * i * (1 - i)
        gf[...] = g * c_prev * f * (1 - f)
        go[...] = gh * th * o * (1 - o)
        return as_variable(g * f), as_variable(gx)

    def _differentiable(self, c_prev: Variable, x: Variable, gc: Variable, gh: Variable) -> Any:
        a, i, f, o = _split(x)
        a, i, f, o = tanh(a), sigmoid(i), sigmoid(f), sigmoid(o)
        th = tanh(a * i + c_prev * f)
        g = gc + gh * o * (1 - th * th)
        parts = (
            g * i * (1 - a * a),
            g * a * i * (1 - i),
            g * c_prev * f * (1 - f),
            gh * th * o * (1 - o),
        )
        return g * f, reshape(stack(parts, 2), x.shape)


def _split(x: Variable) -> list[Variable]:
    """The sources of the gates as Variables."""
    parts = reshape(x, (len(x), x.shape[1] // 4, 4, *x.shape[2:]))
    return [get_item(parts, (slice(None), slice(None), k)) for k in range(4)]


def _check_gates(c: Any, x: Any, name: str, c_name: str, x_name: str) -> None:
    if c.ndim < 2 or c.ndim != x.ndim or x.shape[1] != 4 * c.shape[1] or x.shape[2:] != c.shape[2:]:
        raise ValueError(
            f"{name}: `{x_name}` must have four times the units of `{c_name}` along axis 1 "
            f"({x_name}.shape={x.shape}, {c_name}.shape={c.shape})"
        )


def lstm(c_prev: Variable | Array, x: Variable | Array) -> tuple[Variable, Variable]:
    """Take one step of long short-term memory with a forget gate.

    ``c = tanh(a) * sigmoid(i) + c_prev * sigmoid(f)`` and
    ``h = tanh(c) * sigmoid(o)``, where a, i, f and o of unit ``j`` are columns
    ``4 * j`` to ``4 * j + 3`` of `x`.

    Parameters
    ----------
    c_prev : Variable or array, shape (batch, units, ...)
        The cells before.
    x : Variable or array, shape (batch, 4 * units, ...)
        Sources of the gates.  Where its batch is smaller than that of `c_prev`, only
        the first cells change: sort sequences by falling length.

    Returns
    -------
    c : Variable, shape (batch of c_prev, units, ...)
        The cells.
    h : Variable, shape (batch of x, units, ...)
        The outputs.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> c, h = F.lstm(np.ones((1, 1)), np.zeros((1, 4)))
    >>> c
    variable([[0.5]])
    """
    _check_gates(c_prev, x, "lstm", "c_prev", "x")
    batch = x.shape[0]
    if batch > c_prev.shape[0]:
        raise ValueError(
            f"lstm: the batch of `x` must not be larger than that of `c_prev` "
            f"(x.shape={x.shape}, c_prev.shape={c_prev.shape})"
        )
    if batch == c_prev.shape[0]:
        c, h = LSTM().apply((c_prev, x))
        return c, h
    first, rest = split_axis(c_prev, [batch], 0)
    c, h = LSTM().apply((first, x))
    return concat([c, rest], 0), h


def slstm(
    c_prev1: Variable | Array, c_prev2: Variable | Array, x1: Variable | Array, x2: Variable | Array
) -> tuple[Variable, Variable]:
    """Join two memories in one step: the S-LSTM of Zhu, Sobhani and Guo (2015).

    ``c`` sums ``tanh(a) * sigmoid(i) + c_prev * sigmoid(f)`` over both sides;
    ``h = tanh(c) * sigmoid(o1 + o2)``.

    Parameters
    ----------
    c_prev1, c_prev2 : Variable or array, shape (batch, units)
        The cells of both sides.
    x1, x2 : Variable or array, shape (batch, 4 * units)
        Sources of the gates, laid out as for `lstm`.

    Returns
    -------
    c, h : Variable, shape (batch, units)
        The cells and the outputs.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> c, h = F.slstm(np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 4)), np.zeros((1, 4)))
    >>> c
    variable([[1.]])
    """
    _check_gates(c_prev1, x1, "slstm", "c_prev1", "x1")
    _check_gates(c_prev2, x2, "slstm", "c_prev2", "x2")
    if x1.shape != x2.shape:
        raise ValueError(
            f"slstm: `x1` and `x2` must have the same shape (x1.shape={x1.shape}, "
            f"x2.shape={x2.shape})"
        )
    a1, i1, f1, o1 = _split(as_variable(x1))
    a2, i2, f2, o2 = _split(as_variable(x2))
    c = (
        tanh(a1) * sigmoid(i1)
        + tanh(a2) * sigmoid(i2)
        + c_prev1 * sigmoid(f1)
        + c_prev2 * sigmoid(f2)
    )
    return c, tanh(c) * sigmoid(o1 + o2)


def tree_lstm(*inputs: Variable | Array) -> tuple[Variable, Variable]:
    """Join the memories of N children: the N-ary Tree-LSTM of Tai, Socher and Manning (2015).

    ``c = tanh(a) * sigmoid(i) + sum(c_k * sigmoid(f_k))`` and
    ``h = tanh(c) * sigmoid(o)``.

    Parameters
    ----------
    *inputs : Variable or array
        The cells of each child, of shape (batch, units), and last the sources of the
        gates, of shape (batch, (3 + N) * units): a, i, o, f_1 ... f_N one after
        another.

    Returns
    -------
    c, h : Variable, shape (batch, units)
        The cells and the outputs.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> c, h = F.tree_lstm(np.ones((1, 1)), np.ones((1, 1)), np.zeros((1, 5)))
    >>> c
    variable([[1.]])
    """
    if len(inputs) < 2:
        raise ValueError(f"tree_lstm: cells and gates must be given, not {len(inputs)} input")
    *cells, x = inputs
    parts = 3 + len(cells)
    shape = cells[0].shape
    if (
        any(c.shape != shape for c in cells)
        or len(shape) != 2
        or x.shape != (shape[0], parts * shape[1])
    ):
        raise ValueError(
            f"tree_lstm: {len(cells)} cells of equal shape need gates of {parts} times their "
            f"units (cells {[c.shape for c in cells]}, x.shape={x.shape})"
        )
    a, i, o, *forget = split_axis(x, parts, 1)
    c = tanh(a) * sigmoid(i)
    for c_k, f in zip(cells, forget, strict=True):
        c = c + c_k * sigmoid(f)
    return c, tanh(c) * sigmoid(o)
