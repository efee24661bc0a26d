"""Cells and recurrent networks: values against loops over time, and derivatives."""

from typing import Any

import numpy as np
import pytest

import nnrun.functions as F
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(11)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def _lstm(c: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, i, f, o = (x[:, k::4] for k in range(4))
    new = c.copy()
    new[: len(x)] = np.tanh(a) * sigmoid(i) + c[: len(x)] * sigmoid(f)
    return new, np.tanh(new[: len(x)]) * sigmoid(o)


def _slstm(c1: Any, c2: Any, x1: Any, x2: Any) -> tuple[np.ndarray, np.ndarray]:
    g1, g2 = ([x[:, k::4] for k in range(4)] for x in (x1, x2))
    c = sum(np.tanh(g[0]) * sigmoid(g[1]) + c * sigmoid(g[2]) for g, c in ((g1, c1), (g2, c2)))
    return c, np.tanh(c) * sigmoid(g1[3] + g2[3])


def _tree(c1: Any, c2: Any, x: Any) -> tuple[np.ndarray, np.ndarray]:
    a, i, o, f1, f2 = np.split(x, 5, 1)
    c = np.tanh(a) * sigmoid(i) + c1 * sigmoid(f1) + c2 * sigmoid(f2)
    return c, np.tanh(c) * sigmoid(o)


# Two layers of 3 units over inputs of 2 values; three sequences of lengths 3, 2, 2.
LENGTHS = (3, 3, 1)


def weights(n: int, directions: int, layers: int = 2) -> tuple[list[Any], list[Any]]:
    ws, bs = [], []
    for layer in range(layers):
        size = 3 * directions if layer else 2
        for _ in range(directions):
            ws.append([0.5 * normal(3, size) for _ in range(n // 2)])
            ws[-1] += [0.5 * normal(3, 3) for _ in range(n // 2)]
            bs.append([0.5 * normal(3) for _ in range(n)])
    return ws, bs


def cell(kind: str, w: list[Any], b: list[Any], x: Any, state: list[Any]) -> list[Any]:
    """One step of one sequence, straight from the formulas."""
    h, half = state[0], len(w) // 2
    s = [w[k] @ x + b[k] for k in range(half)]
    r = [w[half + k] @ h + b[half + k] for k in range(half)]
    if kind == "lstm":
        i, f, o = (sigmoid(s[k] + r[k]) for k in (0, 1, 3))
        c = f * state[1] + i * np.tanh(s[2] + r[2])
        return [o * np.tanh(c), c]
    if kind == "gru":
        z = sigmoid(s[1] + r[1])
        return [(1 - z) * np.tanh(s[2] + sigmoid(s[0] + r[0]) * r[2]) + z * h]
    return [np.maximum(s[0] + r[0], 0) if kind == "relu" else np.tanh(s[0] + r[0])]


def by_loops(kind: str, directions: int, states: Any, ws: Any, bs: Any, xs: Any) -> tuple[Any, ...]:
    batch = len(xs[0])
    sequences = [[x[b] for x in xs if b < len(x)] for b in range(batch)]
    last = [np.zeros_like(s) for s in states]
    for b in range(batch):
        seq = sequences[b]
        for layer in range(len(ws) // directions):
            sides = []
            for side in range(directions):
                k = layer * directions + side
                state = [s[k, b] for s in states]
                outs = []
                for x in seq[::-1] if side else seq:
                    state = cell(kind, ws[k], bs[k], x, state)
                    outs.append(state[0])
                sides.append(outs[::-1] if side else outs)
                for s, value in zip(last, state, strict=True):
                    s[k, b] = value
            seq = [np.concatenate(ys) for ys in zip(*sides, strict=True)]
        sequences[b] = seq
    ys = [np.stack([sequences[b][t] for b in range(len(x))]) for t, x in enumerate(xs)]
    return (*last, *ys)


def network(kind: str, directions: int, **options: Any) -> Case:
    name = "n_step_" + ("bi" if directions == 2 else "")
    name += "rnn" if kind in ("relu", "tanh") else kind
    n_states, count = (2 if kind == "lstm" else 1), {"lstm": 8, "gru": 6}.get(kind, 2)
    ws, bs = weights(count, directions)
    # Parameters that are differentiated by: one list of the first layer, and one of the last.
    inputs = [normal(2 * directions, 3, 3) for _ in range(n_states)] + [
        normal(n, 2) for n in LENGTHS
    ]
    first, last = len(inputs), len(inputs) + count
    inputs += [*ws[0], *bs[-1]]

    def place(args: Any) -> tuple[Any, ...]:
        dtype = args[0].dtype
        w = [list(args[first:last]), *[[p.astype(dtype) for p in layer] for layer in ws[1:]]]
        b = [*[[p.astype(dtype) for p in layer] for layer in bs[:-1]], list(args[last:])]
        return args[:n_states], w, b, list(args[n_states:first])

    def function(*args: Any) -> tuple[Any, ...]:
        states, w, b, xs = place(args)
        *hs, ys = getattr(F, name)(2, 0.3, *states, w, b, xs, **options)
        return (*hs, *ys)

    def quiet(*args: Any) -> tuple[Any, ...]:
        import nnrun

        with nnrun.using_config("train", False):  # no dropout
            return function(*args)

    return Case(quiet, tuple(inputs), lambda *args: by_loops(kind, directions, *place(args)))


CASES: dict[str, list[Case]] = {
    "lstm": [
        Case(F.lstm, (normal(2, 3), normal(2, 12)), _lstm),
        Case(F.lstm, (normal(3, 2), normal(2, 8)), _lstm),
        Case(F.lstm, (normal(2, 2, 3), normal(2, 8, 3)), _lstm),
    ],
    "slstm": [
        Case(F.slstm, (normal(2, 2), normal(2, 2), normal(2, 8), normal(2, 8)), _slstm),
    ],
    "tree_lstm": [Case(F.tree_lstm, (normal(2, 2), normal(2, 2), normal(2, 10)), _tree)],
    "n_step_lstm": [network("lstm", 1)],
    "n_step_bilstm": [network("lstm", 2)],
    "n_step_gru": [network("gru", 1)],
    "n_step_bigru": [network("gru", 2)],
    "n_step_rnn": [network("tanh", 1)],
    "n_step_birnn": [network("relu", 2, activation="relu")],
}

ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype)


@pytest.mark.parametrize("name", ["lstm-1", "lstm-2"])
def test_on_a_device(name):
    ALL[name].check_device(0)


def test_networks_on_a_device():
    import ndgpu

    ws, bs = weights(6, 1, 1)
    hx, xs = normal(1, 2, 3), [normal(2, 2), normal(1, 2)]

    def send(tree: Any) -> Any:
        if isinstance(tree, list):
            return [send(x) for x in tree]
        return ndgpu.asarray(tree.astype(np.float32))

    hy, ys = F.n_step_gru(1, 0.0, send(hx), send(ws), send(bs), send(xs))
    expected = by_loops("gru", 1, [hx], ws, bs, xs)
    for found, wanted in zip((hy, *ys), expected, strict=True):
        assert_allclose(found, wanted)


def test_dropout_between_layers_acts_in_training():
    ws, bs = weights(2, 1)
    hx, xs = normal(2, 3, 3), [normal(3, 2)]
    _, (dropped,) = F.n_step_rnn(2, 0.9, hx, ws, bs, xs)
    _, (kept,) = F.n_step_rnn(2, 0.0, hx, ws, bs, xs)
    assert abs(dropped.array - kept.array).max() > 1e-3


z = np.zeros


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: F.lstm(z((2, 3)), z((2, 9))),
            r"lstm: `x` must have four times .*x.shape=\(2, 9\)",
        ),
        (lambda: F.lstm(z((1, 3)), z((2, 12))), r"lstm: the batch of `x`"),
        (lambda: F.slstm(*[z((2, 1))] * 2, z((2, 4)), z((2, 5))), r"slstm: `x2`"),
        (lambda: F.tree_lstm(z((2, 1)), z((2, 5))), r"tree_lstm: 1 cells .* gates of 4 times"),
        (lambda: F.tree_lstm(z((2, 1))), r"tree_lstm: cells and gates"),
        (lambda: F.n_step_gru(1, 0.0, z((1, 2, 3)), [], [], []), r"n_step_gru: `xs` is empty"),
        (
            lambda: F.n_step_gru(1, 0.0, z((2, 2, 3)), [], [], [z((2, 2))]),
            r"n_step_gru: `hx` must have shape \(1, batch, units\)",
        ),
        (
            lambda: F.n_step_rnn(1, 0.0, z((1, 2, 3)), [], [], [z((1, 2)), z((2, 2))]),
            r"n_step_rnn: the batches of `xs` must not grow",
        ),
        (
            lambda: F.n_step_rnn(1, 0.0, z((1, 2, 3)), [[1, 2, 3]], [[1, 2]], [z((1, 2))]),
            r"n_step_rnn: `ws` must be 1 lists of 2 arrays, not lists of \[3\]",
        ),
        (
            lambda: F.n_step_rnn(1, 0.0, z((1, 2, 3)), [], [], [z((1, 2))], "gelu"),
            r"n_step_rnn: `activation` must be 'tanh' or 'relu', not 'gelu'",
        ),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
