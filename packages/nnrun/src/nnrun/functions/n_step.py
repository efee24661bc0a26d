"""Recurrent networks over ragged sequences: `n_step_lstm`, `n_step_gru`, `n_step_rnn`.

A batch is given by time: the inputs of time t are those of the sequences that are
still running, so sequences go by falling length.  For each layer and direction the
inputs of all times are multiplied by the weights at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from nnrun.core import Variable, as_variable
from nnrun.functions.activations import relu, sigmoid, tanh
from nnrun.functions.joining import concat, split_axis, stack
from nnrun.functions.lstm import lstm
from nnrun.functions.matmul import linear
from nnrun.functions.noise import dropout
from nnrun.functions.shape import reshape

__all__ = [
    "n_step_bigru",
    "n_step_bilstm",
    "n_step_birnn",
    "n_step_gru",
    "n_step_lstm",
    "n_step_rnn",
]

Array = Any
Arrays = Sequence[Variable | Array]
State = tuple[Variable, ...]


class _Cell:
    """One layer in one direction.

    Attributes
    ----------
    n_weights : int
        How many matrices: one half for the input, one for the state.
    n_states : int
        2 where there are cells beside the outputs.
    """

    n_weights: int
    n_states = 1

    def __init__(self, ws: Sequence[Any], bs: Sequence[Any]) -> None:
        half = self.n_weights // 2
        self.W, self.U = self.joined(ws[:half]), self.joined(ws[half:])
        self.b, self.bU = self.joined(bs[:half]), self.joined(bs[half:])

    def joined(self, parts: Sequence[Any]) -> Variable:
        """The matrices (or vectors) of all gates as one."""
        return concat(parts, 0) if len(parts) > 1 else as_variable(parts[0])

    def step(self, x: Variable, state: State) -> State:
        """The state after an input, which is already multiplied by W."""
        raise NotImplementedError


class _LSTMCell(_Cell):
    n_weights = 8
    n_states = 2

    def joined(self, parts: Sequence[Any]) -> Variable:
        # From cuDNN's order i, f, a, o to what `lstm` takes: a, i, f, o side by side.
        i, f, a, o = parts
        rows = stack([a, i, f, o], 1)
        return reshape(rows, (-1, *rows.shape[2:]))

    def step(self, x: Variable, state: State) -> State:
        h, c = state
        c, h = lstm(c, x + linear(h, self.U, self.bU))
        return h, c


class _GRUCell(_Cell):
    n_weights = 6

    def step(self, x: Variable, state: State) -> State:
        (h,) = state
        xr, xz, xh = split_axis(x, 3, 1)
        hr, hz, hh = split_axis(linear(h, self.U, self.bU), 3, 1)
        z = sigmoid(xz + hz)
        new = tanh(xh + sigmoid(xr + hr) * hh)
        return (new + z * (h - new),)


class _RNNCell(_Cell):
    n_weights = 2
    activation: Callable[[Any], Variable]

    def step(self, x: Variable, state: State) -> State:
        (h,) = state
        return (type(self).activation(x + linear(h, self.U, self.bU)),)


class _TanhCell(_RNNCell):
    activation = staticmethod(tanh)


class _ReLUCell(_RNNCell):
    activation = staticmethod(relu)


_RNN_CELLS: dict[str, type[_Cell]] = {"tanh": _TanhCell, "relu": _ReLUCell}


def _layer(cell: _Cell, xs: Sequence[Any], state: State, backwards: bool) -> tuple[Any, State]:
    """The outputs for each time, and the last state of each sequence."""
    sizes = [x.shape[0] for x in xs]
    cuts = [sum(sizes[:t]) for t in range(1, len(sizes))]
    projected = linear(concat(xs, 0) if len(xs) > 1 else xs[0], cell.W, cell.b)
    by_time = split_axis(projected, cuts, 0) if cuts else (projected,)
    ys: list[Any] = [None] * len(xs)
    for t in reversed(range(len(xs))) if backwards else range(len(xs)):
        n = sizes[t]
        if n == state[0].shape[0]:
            state = cell.step(by_time[t], state)
            ys[t] = state[0]
            continue
        # Sequences that ended (or, backwards, have not begun) keep their state.
        parts = [split_axis(s, [n], 0) for s in state]
        moved = cell.step(by_time[t], tuple(p[0] for p in parts))
        ys[t] = moved[0]
        state = tuple(concat([m, p[1]], 0) for m, p in zip(moved, parts, strict=True))
    return ys, state


def _check(
    name: str, kind: type[_Cell], n: int, states: Sequence[Any], ws: Any, bs: Any, xs: Any
) -> None:
    if not xs:
        raise ValueError(f"{name}: `xs` is empty; there must be one input at least")
    sizes = [x.shape[0] for x in xs]
    hx = states[0]
    for what, s in zip(("hx", "cx"), states, strict=False):
        if s.ndim != 3 or s.shape[0] != n or s.shape != hx.shape:
            raise ValueError(
                f"{name}: `{what}` must have shape ({n}, batch, units) ({what}.shape={s.shape})"
            )
    if sorted(sizes, reverse=True) != sizes or sizes[0] > hx.shape[1]:
        raise ValueError(
            f"{name}: the batches of `xs` must not grow, nor be larger than that of `hx` "
            f"(they are {sizes}, hx.shape={hx.shape})"
        )
    for what, params in (("ws", ws), ("bs", bs)):
        if len(params) != n or any(len(p) != kind.n_weights for p in params):
            raise ValueError(
                f"{name}: `{what}` must be {n} lists of {kind.n_weights} arrays, not lists of "
                f"{[len(p) for p in params]}"
            )


def _n_step(
    name: str,
    kind: type[_Cell],
    n_layers: int,
    dropout_ratio: float,
    states: Arrays,
    ws: Sequence[Arrays],
    bs: Sequence[Arrays],
    xs: Arrays,
    directions: int,
) -> tuple[Any, ...]:
    _check(name, kind, n_layers * directions, states, ws, bs, xs)
    first = [
        [reshape(s[k], s.shape[1:]) for k in range(len(s.array))] for s in map(as_variable, states)
    ]
    last: list[list[Any]] = [[] for _ in states]
    ys: Sequence[Any] = [as_variable(x) for x in xs]
    for layer in range(n_layers):
        if layer and dropout_ratio:
            ys = [dropout(y, dropout_ratio) for y in ys]
        sides = []
        for side in range(directions):
            k = layer * directions + side
            outs, state = _layer(kind(ws[k], bs[k]), ys, tuple(s[k] for s in first), side == 1)
            sides.append(outs)
            for kept, s in zip(last, state, strict=True):
                kept.append(s)
        ys = sides[0] if directions == 1 else [concat(pair, 1) for pair in zip(*sides, strict=True)]
    return (*(stack(s, 0) for s in last), tuple(ys))


_DOC = """{what} over sequences of different lengths, {sided}.

    {formula}

    Parameters
    ----------
    n_layers : int
        How many layers, each fed with the outputs of the one before.
    dropout_ratio : float
        Of the dropout between layers.
    {states}
    ws : list of list of Variable or array
        For each layer{each} {count} matrices; those of the first layer's inputs have
        shape (units, in_size), those of further layers' (units, {wide}).
    bs : list of list of Variable or array
        As many vectors of shape (units,).
    xs : list of Variable or array
        For each time the inputs of the sequences that are still running, of shape
        (batch_t, in_size); sequences go by falling length.{activation}

    Returns
    -------
    {results}
        The last states of each sequence.
    ys : tuple of Variable
        For each time the outputs of the last layer, of shape (batch_t, {wide}).

    Raises
    ------
    ValueError
        If shapes or counts don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> def array(*shape):
    ...     return np.full(shape, 0.1, np.float32)
    >>> ws = [[array(3, 2)] * {half} + [array(3, 3)] * {half}] * {lists}
    >>> bs = [[array(3)] * {count}] * {lists}
    >>> xs = [array(2, 2), array(2, 2), array(1, 2)]  # lengths 3 and 2
    >>> *_, ys = F.{name}({call}, ws, bs, xs)
    >>> [y.shape for y in ys]
    [(2, {out}), (2, {out}), (1, {out})]
    """


def _document(function: Callable[..., Any], what: str, formula: str, n: int, cells: bool) -> None:
    two = "_bi" in function.__name__
    shape = f"({'2 * ' if two else ''}n_layers, batch, units)"
    names = "hx, cx" if cells else "hx"
    function.__doc__ = _DOC.format(
        what=what,
        formula=formula,
        name=function.__name__,
        sided="in both directions" if two else "forwards",
        states=f"{names} : Variable or array, shape {shape}\n        The first states.",
        each=" and direction (forwards first)" if two else "",
        count=n,
        half=n // 2,
        lists=2 if two else 1,
        wide="2 * units" if two else "units",
        results=f"{'hy, cy' if cells else 'hy'} : Variable, shape {shape}",
        call=", ".join(["1, 0.0"] + [f"array({2 if two else 1}, 2, 3)"] * (2 if cells else 1)),
        out=6 if two else 3,
        activation=(
            "\n    activation : {'tanh', 'relu'}\n        What makes the state of the sum."
            if n == 2
            else ""
        ),
    )


def n_step_lstm(
    n_layers: int, dropout_ratio: float, hx: Any, cx: Any, ws: Any, bs: Any, xs: Arrays
) -> tuple[Any, ...]:
    return _n_step("n_step_lstm", _LSTMCell, n_layers, dropout_ratio, (hx, cx), ws, bs, xs, 1)


def n_step_bilstm(
    n_layers: int, dropout_ratio: float, hx: Any, cx: Any, ws: Any, bs: Any, xs: Arrays
) -> tuple[Any, ...]:
    return _n_step("n_step_bilstm", _LSTMCell, n_layers, dropout_ratio, (hx, cx), ws, bs, xs, 2)


def n_step_gru(
    n_layers: int, dropout_ratio: float, hx: Any, ws: Any, bs: Any, xs: Arrays
) -> tuple[Any, ...]:
    return _n_step("n_step_gru", _GRUCell, n_layers, dropout_ratio, (hx,), ws, bs, xs, 1)


def n_step_bigru(
    n_layers: int, dropout_ratio: float, hx: Any, ws: Any, bs: Any, xs: Arrays
) -> tuple[Any, ...]:
    return _n_step("n_step_bigru", _GRUCell, n_layers, dropout_ratio, (hx,), ws, bs, xs, 2)


def _rnn_cell(activation: str, name: str) -> type[_Cell]:
    if activation not in _RNN_CELLS:
        raise ValueError(f"{name}: `activation` must be 'tanh' or 'relu', not {activation!r}")
    return _RNN_CELLS[activation]


def n_step_rnn(
    n_layers: int,
    dropout_ratio: float,
    hx: Any,
    ws: Any,
    bs: Any,
    xs: Arrays,
    activation: str = "tanh",
) -> tuple[Any, ...]:
    kind = _rnn_cell(activation, "n_step_rnn")
    return _n_step("n_step_rnn", kind, n_layers, dropout_ratio, (hx,), ws, bs, xs, 1)


def n_step_birnn(
    n_layers: int,
    dropout_ratio: float,
    hx: Any,
    ws: Any,
    bs: Any,
    xs: Arrays,
    activation: str = "tanh",
) -> tuple[Any, ...]:
    kind = _rnn_cell(activation, "n_step_birnn")
    return _n_step("n_step_birnn", kind, n_layers, dropout_ratio, (hx,), ws, bs, xs, 2)


_LSTM_FORMULA = """With the weights in the order of cuDNN, in which trained ones are saved:
    ``i, f, o = sigmoid(W_k x + U_k h + ...)`` for k = 0, 1, 3 and ``a = tanh(...)`` for
    k = 2, where ``U_k`` is ``ws[k + 4]``; then ``c = f * c + i * a``, ``h = o * tanh(c)``."""
_GRU_FORMULA = """``r, z = sigmoid(W_k x + U_k h + ...)`` for k = 0, 1, and
    ``new = tanh(W_2 x + b_2 + r * (U_2 h + b_5))``, where ``U_k`` is ``ws[k + 3]``; then
    ``h = (1 - z) * new + z * h``."""
_RNN_FORMULA = "``h = activation(W_0 x + W_1 h + b_0 + b_1)``."

for _f, _what, _formula, _n in (
    (n_step_lstm, "Long short-term memory", _LSTM_FORMULA, 8),
    (n_step_bilstm, "Long short-term memory", _LSTM_FORMULA, 8),
    (n_step_gru, "Gated recurrent units", _GRU_FORMULA, 6),
    (n_step_bigru, "Gated recurrent units", _GRU_FORMULA, 6),
    (n_step_rnn, "A simple recurrent network", _RNN_FORMULA, 2),
    (n_step_birnn, "A simple recurrent network", _RNN_FORMULA, 2),
):
    _document(_f, _what, _formula, _n, _n == 8)
