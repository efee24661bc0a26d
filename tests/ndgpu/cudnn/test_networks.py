"""Recurrent networks and attention: values against NumPy, gradients against differences."""

import numpy as np
import pytest
from tests.ndgpu.cudnn.fake import FakeCuDnn
from tests.ndgpu.cudnn.test_functions import fake, near, values, way  # noqa: F401

import ndgpu
from ndgpu import cudnn
from ndgpu.cudnn import attending

GATES = {"lstm": 4, "gru": 3, "tanh": 1, "relu": 1}


def logistic(x):
    return 1 / (1 + np.exp(-x))


def cell(mode, x, h, c, w, r, b, d):
    given, recurrent = x @ w.T + b, h @ r.T + d
    if mode == "lstm":
        i, f, g, o = np.split(given + recurrent, 4, -1)
        c = logistic(f) * c + logistic(i) * np.tanh(g)
        return logistic(o) * np.tanh(c), c
    if mode == "gru":
        (xr, xz, xn), (hr, hz, hn) = np.split(given, 3, -1), np.split(recurrent, 3, -1)
        z = logistic(xz + hz)
        return (1 - z) * np.tanh(xn + logistic(xr + hr) * hn) + z * h, c
    total = given + recurrent
    return (np.tanh(total) if mode == "tanh" else np.maximum(total, 0)), c


def run(mode, x, hx, cx, weights, directions, lengths):
    """A network by its definition, one sequence after the other."""
    hy, cy = np.zeros(hx.shape), np.zeros(hx.shape)
    for layer in range(len(weights) // directions):
        y = np.zeros((*x.shape[:2], hx.shape[2] * directions))
        for direction in range(directions):
            k = layer * directions + direction
            for n, length in enumerate(lengths):
                h, c = hx[k, n], cx[k, n]
                for t in range(length)[:: -1 if direction else 1]:
                    h, c = cell(mode, x[t, n], h, c, *weights[k])
                    y[t, n, direction * len(h) : (direction + 1) * len(h)] = h
                hy[k, n], cy[k, n] = h, c
        x = y
    return x, hy, cy


def network(mode, layers, directions, inputs=3, hidden=2, count=3, time=4):
    weights = []
    for k in range(layers * directions):
        width, rows = (inputs if k < directions else hidden * directions), GATES[mode] * hidden
        weights.append([values(rows, width), values(rows, hidden), values(rows), values(rows)])
    state = (layers * directions, count, hidden)
    return values(time, count, inputs), values(*state), values(*state), weights


def slope_of(function, a):
    """Central differences of a number by each element."""
    result = np.zeros(a.shape)
    for index in np.ndindex(a.shape):
        before = a[index]
        a[index] = before + 1e-6
        above = function()
        a[index] = before - 1e-6
        result[index] = (above - function()) / 2e-6
        a[index] = before
    return result


@pytest.mark.parametrize("mode", GATES)
@pytest.mark.parametrize(("layers", "directions"), [(1, 1), (2, 2)])
@pytest.mark.parametrize("lengths", [None, [4, 2, 1]])
def test_networks(way, mode, layers, directions, lengths):  # noqa: F811
    x, hx, cx, weights = network(mode, layers, directions)
    c = cx if mode == "lstm" else None
    every = [4, 4, 4] if lengths is None else lengths
    settings = {"mode": mode, "bidirectional": directions == 2, "lengths": lengths}
    result = cudnn.rnn(ndgpu.asarray(x), hx, c, weights, **settings)
    expected = run(mode, x, hx, cx, weights, directions, every)
    near(result.y, expected[0], "d")
    near(result.hy, expected[1], "d")
    if mode == "lstm":
        near(result.cy, expected[2], "d")
    if isinstance(way, FakeCuDnn):
        assert way.calls == ["cudnnRNNForward"]
    gy, ghy, gcy = (values(*a.shape) for a in expected)
    got = cudnn.rnn_backward(result, gy, ghy, gcy if mode == "lstm" else None)

    def loss():
        y, hy, cy = run(mode, x, hx, cx, weights, directions, every)
        cells = (cy * gcy).sum() if mode == "lstm" else 0
        return (y * gy).sum() + (hy * ghy).sum() + cells

    if layers == 2 and lengths is None:
        return  # differences of the larger networks take long: one of them will do
    for mine, a in ((got.gx, x), (got.ghx, hx), *([(got.gcx, cx)] if mode == "lstm" else [])):
        np.testing.assert_allclose(mine.get(), slope_of(loss, a), 1e-5, 1e-6)
    for group, gradients in zip(weights[-1:], got.gweights[-1:], strict=True):
        for a, mine in zip(group, gradients, strict=True):
            np.testing.assert_allclose(mine.get(), slope_of(loss, a), 1e-5, 1e-6)


def test_networks_refuse():
    x, hx, cx, weights = network("lstm", 1, 1)
    for change, message in (
        ({"mode": "other"}, "`mode` is one of"),
        ({"lengths": [5, 1, 1]}, "from 1 to 4"),
        ({"bidirectional": True}, "four arrays for each layer and direction"),
    ):
        with pytest.raises(ValueError, match=message):
            cudnn.rnn(x, hx, cx, weights, **change)
    with pytest.raises(ValueError, match="needs the cell's first state"):
        cudnn.rnn(x, hx, None, weights)
    with pytest.raises(ValueError, match=r"`W` of weights\[0\] must have shape"):
        cudnn.rnn(x[:, :, :2], hx, cx, weights)
    result = cudnn.rnn(x, hx, cx, weights, training=False)
    with pytest.raises(ValueError, match="training=False"):
        cudnn.rnn_backward(result, result.y)


@pytest.mark.parametrize("dtype", ["e", "f", "d"])
@pytest.mark.parametrize("kind", ["plain", "causal", "bias"])
def test_attention(dtype, kind, monkeypatch):
    q, k, v = values(2, 3, 5, 4, dtype=dtype), values(2, 3, 6, 4, dtype=dtype), None
    v = values(2, 3, 6, 2, dtype=dtype)
    bias = np.where(np.arange(6) < 4, values(3, 5, 6), -np.inf) if kind == "bias" else None
    settings = {"causal": kind == "causal", "bias": bias, "scale": 0.7}
    wide = [a.astype("d") for a in (q, k, v)]
    scores = 0.7 * wide[0] @ wide[1].swapaxes(-1, -2)
    scores = scores + (0 if bias is None else bias)
    if kind == "causal":
        scores = np.where(np.tri(5, 6, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    weights /= weights.sum(-1, keepdims=True)
    expected = weights @ wide[2]
    go = values(*expected.shape, dtype=dtype)
    slope = go.astype("d")
    inner = weights * (slope @ wide[2].swapaxes(-1, -2) - (slope * expected).sum(-1, keepdims=True))
    gradients = (0.7 * inner @ wide[1], 0.7 * inner.swapaxes(-1, -2) @ wide[0])
    for most in (1 << 24, 80):  # all scores at once, then two queries at a time
        monkeypatch.setattr(attending, "_MOST_SCORES", most)
        result = cudnn.attention(ndgpu.asarray(q), k, v, **settings)
        near(result.o, expected, dtype)
        got = cudnn.attention_backward(q, k, v, result, go, **settings)
        for mine, wanted in zip(got, (*gradients, weights.swapaxes(-1, -2) @ slope), strict=True):
            near(mine, wanted, dtype)
