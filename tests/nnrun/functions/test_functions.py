"""Every function: its value against a formula, its derivatives against differences.

The tables of this folder have one case, or several, for each public function, and a test that
they have them all.
"""

import pathlib
import runpy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import nnrun.functions as F
from nnrun import Variable
from nnrun.testing import assert_allclose, assert_gradients

rng = np.random.default_rng(7)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.5, 2.0, shape)


def within(*shape: int) -> np.ndarray:
    return rng.uniform(-0.8, 0.8, shape)


def apart(*shape: int) -> np.ndarray:
    """Distinct values, none near 0, so that no kink is within reach of a small step."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n / 2 + 0.25) / 4).reshape(shape)


@dataclass
class Case:
    """A function, its inputs in float64, and what its result should be."""

    function: Callable[..., Any]
    inputs: tuple[np.ndarray, ...]
    expected: Callable[..., Any] | None = None
    double: bool = True
    options: dict[str, Any] = field(default_factory=dict)


ids = np.array([[0, 2], [2, 1]])
labels = np.array([1, -1, 0, 2])
yes_no = np.array([[1, 0, -1], [0, 1, 1]])
mask = np.array([[True, False, True], [False, False, True]])
drop = np.array([[2.0, 0.0, 2.0], [0.0, 2.0, 2.0]])


def _log_softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x)
    return np.log(e / e.sum(1, keepdims=True))


def _nll(x: np.ndarray) -> np.ndarray:
    rows = np.arange(4)[labels >= 0]
    return -_log_softmax(x)[rows, labels[rows]].mean()


def _correlate(x: np.ndarray, W: np.ndarray, stride: int = 1, pad: int = 0) -> np.ndarray:
    x = np.pad(x, [(0, 0), (0, 0), (pad, pad), (pad, pad)])
    h, w = ((x.shape[2 + i] - W.shape[2 + i]) // stride + 1 for i in (0, 1))
    y = np.empty((len(x), len(W), h, w), x.dtype)
    for i, j in np.ndindex(h, w):
        window = x[:, :, i * stride :, j * stride :][:, :, : W.shape[2], : W.shape[3]]
        y[:, :, i, j] = np.einsum("nchw,ochw->no", window, W)
    return y


def _normalised(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 2e-5)


CASES: dict[str, list[Case]] = {
    "average_pooling_2d": [
        Case(
            lambda x: F.average_pooling_2d(x, 2),
            (normal(2, 1, 4, 4),),
            lambda x: x.reshape(2, 1, 2, 2, 2, 2).mean((3, 5)),
        ),
        Case(lambda x: F.average_pooling_2d(x, (3, 2), 2, 1), (normal(1, 2, 5, 4),)),
    ],
    "batch_normalization": [
        Case(
            F.batch_normalization,
            (normal(4, 3), positive(3), normal(3)),
            lambda x, g, b: _normalised(x, (0,)) * g + b,
        ),
        Case(
            F.batch_normalization,
            (normal(2, 3, 2, 2), positive(3), normal(3)),
            lambda x, g, b: _normalised(x, (0, 2, 3)) * g[:, None, None] + b[:, None, None],
        ),
        Case(
            lambda x, g, b: F.batch_normalization(x, g, b, axis=(0, 1)),
            (normal(3, 2, 2), positive(2), normal(2)),
            lambda x, g, b: _normalised(x, (0, 1)) * g + b,
        ),
    ],
    "convolution_2d": [
        Case(F.convolution_2d, (normal(2, 3, 5, 4), normal(2, 3, 3, 2)), _correlate),
        Case(
            lambda x, W, b: F.convolution_2d(x, W, b, stride=2, pad=1),
            (normal(2, 2, 5, 5), normal(3, 2, 3, 3), normal(3)),
            lambda x, W, b: _correlate(x, W, 2, 1) + b[:, None, None],
        ),
        Case(
            lambda x, W: F.convolution_2d(x, W, groups=2),
            (normal(1, 4, 3, 3), normal(2, 2, 2, 2)),
            lambda x, W: np.concatenate(
                [_correlate(x[:, :2], W[:1]), _correlate(x[:, 2:], W[1:])], 1
            ),
        ),
        Case(
            lambda x, W: F.convolution_2d(x, W, dilate=2),
            (normal(1, 1, 5, 5), normal(1, 1, 2, 2)),
            lambda x, W: _correlate(x, np.kron(W, [[1, 0], [0, 0]])[:, :, :3, :3]),
        ),
        Case(
            lambda x, W: F.convolution_2d(x, W, stride=2, cover_all=True),
            (normal(1, 1, 4, 4), normal(1, 1, 3, 3)),
            lambda x, W: _correlate(np.pad(x, [(0, 0), (0, 0), (0, 1), (0, 1)]), W, 2),
        ),
    ],
    "deconvolution_2d": [
        Case(
            F.deconvolution_2d,
            (normal(2, 2, 3, 3), normal(2, 3, 2, 2)),
            lambda x, W: _correlate(x, W.transpose(1, 0, 2, 3)[:, :, ::-1, ::-1], 1, 1),
        ),
        Case(
            lambda x, W, b: F.deconvolution_2d(x, W, b, stride=2, pad=1, outsize=(6, 6)),
            (normal(1, 2, 3, 3), normal(2, 1, 3, 3), normal(1)),
        ),
    ],
    "fixed_batch_normalization": [
        Case(
            F.fixed_batch_normalization,
            (normal(4, 3), positive(3), normal(3), normal(3), positive(3)),
            lambda x, g, b, m, v: (x - m) / np.sqrt(v + 2e-5) * g + b,
        )
    ],
    "max_pooling_2d": [
        Case(
            lambda x: F.max_pooling_2d(x, 2),
            (apart(2, 1, 4, 4),),
            lambda x: x.reshape(2, 1, 2, 2, 2, 2).max((3, 5)),
        ),
        Case(lambda x: F.max_pooling_2d(x, (3, 2), 2, 1), (apart(1, 2, 5, 4),)),
        Case(lambda x: F.max_pooling_2d(x, 3, 2), (apart(1, 1, 4, 4),)),
    ],
    "absolute": [Case(F.absolute, (apart(2, 3),), np.abs)],
    "absolute_error": [
        Case(F.absolute_error, (apart(2, 3), apart(2, 3) + 9), lambda a, b: abs(a - b))
    ],
    "add": [
        Case(F.add, (normal(2, 3), normal(2, 3)), np.add),
        Case(F.add, (normal(2, 1), normal(3)), np.add),
        Case(lambda x: F.add(x, 2.5), (normal(2, 3),), lambda x: x + 2.5),
        Case(F.add, (normal(2), normal(2), normal(2)), lambda a, b, c: a + b + c),
    ],
    "arccos": [Case(F.arccos, (within(2, 3),), np.arccos)],
    "arcsin": [Case(F.arcsin, (within(2, 3),), np.arcsin)],
    "arctan": [Case(F.arctan, (normal(2, 3),), np.arctan)],
    "average": [
        Case(F.average, (normal(2, 3),), np.mean),
        Case(
            lambda x, w: F.average(x, 1, w),
            (normal(2, 3), positive(3)),
            lambda x, w: np.average(x, 1, w),
        ),
        Case(
            lambda x, w: F.average(x, (0, 2), w),
            (normal(2, 3, 2), positive(2, 3, 2)),
            lambda x, w: (x * w).sum((0, 2)) / w.sum((0, 2)),
        ),
    ],
    "broadcast": [Case(F.broadcast, (normal(2, 1), normal(3)), np.broadcast_arrays)],
    "broadcast_to": [
        Case(
            lambda x: F.broadcast_to(x, (4, 2, 3)),
            (normal(2, 1),),
            lambda x: np.broadcast_to(x, (4, 2, 3)),
        )
    ],
    "cast": [
        Case(
            lambda x: F.cast(x, np.float32),
            (normal(2, 3),),
            lambda x: x.astype("f"),
            options={"atol": 1e-2, "rtol": 1e-2},
        )
    ],
    "ceil": [Case(F.ceil, (apart(2, 3),), np.ceil)],
    "clip": [
        Case(lambda x: F.clip(x, -0.5, 0.5), (apart(2, 3),), lambda x: np.clip(x, -0.5, 0.5)),
        Case(lambda x: F.clip(x, None, 0.1), (apart(2, 3),), lambda x: np.minimum(x, 0.1)),
    ],
    "clipped_relu": [
        Case(lambda x: F.clipped_relu(x, 0.3), (apart(2, 3),), lambda x: np.clip(x, 0, 0.3))
    ],
    "concat": [
        Case(
            lambda *xs: F.concat(xs),
            (normal(2, 1), normal(2, 3)),
            lambda *xs: np.concatenate(xs, 1),
        ),
        Case(
            lambda *xs: F.concat(xs, -1),
            (normal(2, 2), normal(2, 0), normal(2, 1)),
            lambda *xs: np.concatenate(xs, 1),
        ),
    ],
    "copy": [Case(lambda x: F.copy(x, "numpy"), (normal(2, 3),), lambda x: x)],
    "cos": [Case(F.cos, (normal(2, 3),), np.cos)],
    "cosh": [Case(F.cosh, (normal(2, 3),), np.cosh)],
    "divide": [
        Case(F.divide, (normal(2, 3), positive(3)), np.divide),
        Case(lambda x: F.divide(x, 4), (normal(2, 3),), lambda x: x / 4),
        Case(lambda x: F.divide(4, x), (positive(2, 3),), lambda x: 4 / x),
    ],
    "dropout": [Case(lambda x: F.dropout(x, 0.5, mask=drop), (normal(2, 3),), lambda x: x * drop)],
    "elu": [Case(F.elu, (apart(2, 3),), lambda x: np.where(x > 0, x, np.expm1(x)))],
    "embed_id": [
        Case(lambda W: F.embed_id(ids, W), (normal(3, 2),), lambda W: W[ids]),
        Case(
            lambda W: F.embed_id(ids, W, ignore_label=2),
            (normal(3, 2),),
            lambda W: np.where((ids == 2)[..., None], 0, W[ids]),
        ),
    ],
    "exp": [Case(F.exp, (normal(2, 3),), np.exp)],
    "expand_dims": [Case(lambda x: F.expand_dims(x, -1), (normal(2, 3),), lambda x: x[..., None])],
    "expm1": [Case(F.expm1, (normal(2, 3),), np.expm1)],
    "fix": [Case(F.fix, (apart(2, 3),), np.trunc)],
    "flatten": [Case(F.flatten, (normal(2, 3),), np.ravel)],
    "floor": [Case(F.floor, (apart(2, 3),), np.floor)],
    "floor_divide": [Case(F.floor_divide, (apart(2, 3), positive(3) + 7), np.floor_divide)],
    "get_item": [
        Case(
            lambda x: F.get_item(x, (slice(None, None, -1), 1)),
            (normal(2, 3),),
            lambda x: x[::-1, 1],
        ),
        Case(lambda x: F.get_item(x, (1, 2)), (normal(2, 3),), lambda x: x[1, 2]),
    ],
    "hstack": [Case(lambda *xs: F.hstack(xs), (normal(2), normal(3)), lambda *xs: np.hstack(xs))],
    "identity": [Case(F.identity, (normal(2, 3),), lambda x: x)],
    "leaky_relu": [Case(F.leaky_relu, (apart(2, 3),), lambda x: np.where(x > 0, x, 0.2 * x))],
    "linear": [
        Case(F.linear, (normal(4, 3), normal(2, 3), normal(2)), lambda x, W, b: x @ W.T + b),
        Case(F.linear, (normal(4, 3, 2), normal(2, 6)), lambda x, W: x.reshape(4, 6) @ W.T),
        Case(
            lambda x, W: F.linear(x, W, n_batch_axes=2),
            (normal(4, 2, 3), normal(2, 3)),
            lambda x, W: x @ W.T,
        ),
    ],
    "log": [Case(F.log, (positive(2, 3),), np.log)],
    "log10": [Case(F.log10, (positive(2, 3),), np.log10)],
    "log1p": [Case(F.log1p, (positive(2, 3),), np.log1p)],
    "log2": [Case(F.log2, (positive(2, 3),), np.log2)],
    "log_softmax": [Case(F.log_softmax, (normal(2, 3),), _log_softmax)],
    "logsumexp": [
        Case(lambda x: F.logsumexp(x, 1), (normal(2, 3),), lambda x: np.log(np.exp(x).sum(1)))
    ],
    "matmul": [
        Case(F.matmul, (normal(2, 3), normal(3, 4)), np.matmul),
        Case(
            lambda a, b: F.matmul(a, b, True, False),
            (normal(3, 2), normal(3, 4)),
            lambda a, b: a.T @ b,
        ),
        Case(
            lambda a, b: F.matmul(a, b, False, True),
            (normal(2, 3), normal(4, 3)),
            lambda a, b: a @ b.T,
        ),
        Case(
            lambda a, b: F.matmul(a, b, True, True),
            (normal(3, 2), normal(4, 3)),
            lambda a, b: a.T @ b.T,
        ),
        Case(F.matmul, (normal(5, 2, 3), normal(3, 4)), np.matmul),
        Case(F.matmul, (normal(2, 3), normal(5, 3, 4)), np.matmul),
        Case(F.matmul, (normal(3), normal(3)), np.matmul),
        Case(F.matmul, (normal(2, 3), normal(3)), np.matmul),
        Case(F.matmul, (normal(5, 2, 3), normal(3)), np.matmul),
        Case(F.matmul, (normal(3), normal(5, 3, 2)), np.matmul),
    ],
    "max": [
        Case(F.max, (apart(2, 3),), np.max),
        Case(lambda x: F.max(x, -1, True), (apart(2, 3),), lambda x: x.max(1, keepdims=True)),
    ],
    "maximum": [
        Case(F.maximum, (apart(2, 3), apart(2, 3)[:, :1] + 0.05), np.maximum),
        Case(lambda x: F.maximum(x, 0.1), (apart(2, 3),), lambda x: np.maximum(x, 0.1)),
    ],
    "mean": [Case(lambda x: F.mean(x, 0), (normal(2, 3),), lambda x: x.mean(0))],
    "mean_absolute_error": [
        Case(F.mean_absolute_error, (apart(2, 3), apart(2, 3) + 9), lambda a, b: abs(a - b).mean())
    ],
    "mean_squared_error": [
        Case(F.mean_squared_error, (normal(2, 3), normal(2, 3)), lambda a, b: ((a - b) ** 2).mean())
    ],
    "min": [Case(lambda x: F.min(x, (0, 1)), (apart(2, 3),), np.min)],
    "minimum": [Case(F.minimum, (apart(2, 3), apart(2, 3)[:, :1] + 0.05), np.minimum)],
    "moveaxis": [
        Case(
            lambda x: F.moveaxis(x, (0, 1), (2, 0)),
            (normal(2, 3, 4),),
            lambda x: np.moveaxis(x, (0, 1), (2, 0)),
        )
    ],
    "multiply": [
        Case(F.multiply, (normal(2, 3), normal(2, 1)), np.multiply),
        Case(lambda x: F.multiply(3, x), (normal(2, 3),), lambda x: 3 * x),
    ],
    "negative": [Case(F.negative, (normal(2, 3),), np.negative)],
    "power": [
        Case(F.power, (positive(2, 3), normal(3)), np.power),
        Case(lambda x: F.power(x, 3), (normal(2, 3),), lambda x: x**3),
        Case(lambda x: F.power(x, 2), (normal(2, 3),), lambda x: x**2),
        Case(lambda x: F.power(3, x), (normal(2, 3),), lambda x: 3**x),
    ],
    "reciprocal": [Case(F.reciprocal, (positive(2, 3),), np.reciprocal)],
    "relu": [Case(F.relu, (apart(2, 3),), lambda x: np.maximum(x, 0))],
    "remainder": [Case(F.remainder, (apart(2, 3), positive(3) + 7), np.remainder)],
    "reshape": [Case(lambda x: F.reshape(x, (3, -1)), (normal(2, 3),), lambda x: x.reshape(3, 2))],
    "rsqrt": [Case(F.rsqrt, (positive(2, 3),), lambda x: x**-0.5)],
    "separate": [Case(F.separate, (normal(2, 3),), tuple)],
    "sigmoid": [Case(F.sigmoid, (normal(2, 3),), lambda x: 1 / (1 + np.exp(-x)))],
    "sigmoid_cross_entropy": [
        Case(lambda x: F.sigmoid_cross_entropy(x, yes_no), (normal(2, 3),)),
        Case(lambda x: F.sigmoid_cross_entropy(x, yes_no, reduce="no"), (normal(2, 3),)),
    ],
    "sign": [Case(F.sign, (apart(2, 3),), np.sign)],
    "silu": [Case(F.silu, (normal(2, 3),), lambda x: x / (1 + np.exp(-x)))],
    "sin": [Case(F.sin, (normal(2, 3),), np.sin)],
    "sinh": [Case(F.sinh, (normal(2, 3),), np.sinh)],
    "softmax": [Case(F.softmax, (normal(2, 3),), lambda x: np.exp(_log_softmax(x)))],
    "softmax_cross_entropy": [
        Case(lambda x: F.softmax_cross_entropy(x, labels), (normal(4, 3),), _nll),
        Case(
            lambda x: F.softmax_cross_entropy(x, labels, normalize=False),
            (normal(4, 3),),
            lambda x: _nll(x) * 3 / 4,
        ),
        Case(
            lambda x: F.softmax_cross_entropy(
                x, labels, reduce="no", class_weight=np.array([1.0, 2.0, 0.5])
            ),
            (normal(4, 3),),
        ),
        Case(lambda x: F.softmax_cross_entropy(x, ids), (normal(2, 3, 2),)),
        Case(
            lambda x, t: F.softmax_cross_entropy(x, F.softmax(t).array),
            (normal(2, 3), normal(2, 3)),
            options={"no_grads": [False, True]},
        ),
        Case(
            lambda x: F.softmax_cross_entropy(x, labels, label_smoothing=0.3),
            (normal(4, 3),),
            lambda x: 0.7 * _nll(x) - 0.3 * _log_softmax(x)[labels >= 0].mean(),
        ),
        Case(
            lambda x: F.softmax_cross_entropy(x, labels, reduce="no", label_smoothing=0.3),
            (normal(4, 3),),
        ),
    ],
    "softplus": [
        Case(lambda x: F.softplus(x, 2.0), (normal(2, 3),), lambda x: np.log1p(np.exp(2 * x)) / 2)
    ],
    "split_axis": [
        Case(
            lambda x: F.split_axis(x, [1, 1, 3], 1),
            (normal(2, 4),),
            lambda x: np.split(x, [1, 1, 3], 1),
        ),
        Case(lambda x: F.split_axis(x, 2, 0), (normal(2, 3),), lambda x: np.split(x, 2, 0)),
    ],
    "sqrt": [Case(F.sqrt, (positive(2, 3),), np.sqrt)],
    "square": [Case(F.square, (normal(2, 3),), np.square)],
    "squared_error": [
        Case(F.squared_error, (normal(2, 3), normal(2, 3)), lambda a, b: (a - b) ** 2)
    ],
    "squeeze": [Case(lambda x: F.squeeze(x, -2), (normal(2, 1, 3),), lambda x: x[:, 0])],
    "stack": [
        Case(lambda *xs: F.stack(xs, -1), (normal(2), normal(2)), lambda *xs: np.stack(xs, -1))
    ],
    "subtract": [
        Case(F.subtract, (normal(2, 3), normal(3)), np.subtract),
        Case(lambda x: F.subtract(1, x), (normal(2, 3),), lambda x: 1 - x),
        Case(lambda x: F.subtract(x, 1), (normal(2, 3),), lambda x: x - 1),
    ],
    "sum": [
        Case(F.sum, (normal(2, 3),), np.sum),
        Case(lambda x: F.sum(x, (0, -1)), (normal(2, 3, 2),), lambda x: x.sum((0, 2))),
        Case(lambda x: F.sum(x, 1, True), (normal(2, 3),), lambda x: x.sum(1, keepdims=True)),
    ],
    "sum_to": [
        Case(
            lambda x: F.sum_to(x, (3, 1)), (normal(2, 3, 4),), lambda x: x.sum((0, 2)).reshape(3, 1)
        )
    ],
    "swapaxes": [
        Case(lambda x: F.swapaxes(x, 0, 2), (normal(2, 3, 4),), lambda x: x.swapaxes(0, 2))
    ],
    "swish": [
        Case(
            F.swish,
            (normal(2, 3), positive(3)),
            lambda x, b: x / (1 + np.exp(-b * x)),
        )
    ],
    "tan": [Case(F.tan, (within(2, 3),), np.tan)],
    "tanh": [Case(F.tanh, (normal(2, 3),), np.tanh)],
    "transpose": [
        Case(F.transpose, (normal(2, 3, 4),), np.transpose),
        Case(
            lambda x: F.transpose(x, (1, 2, 0)), (normal(2, 3, 4),), lambda x: x.transpose(1, 2, 0)
        ),
    ],
    "vstack": [Case(lambda *xs: F.vstack(xs), (normal(3), normal(3)), lambda *xs: np.vstack(xs))],
    "where": [
        Case(
            lambda x, y: F.where(mask, x, y),
            (normal(2, 3), normal(3)),
            lambda x, y: np.where(mask, x, y),
        )
    ],
}

# Functions through which no gradient flows; tested elsewhere.
NOT_DIFFERENTIABLE = {"accuracy", "argmax", "argmin"}

ALL = [(name, i, case) for name, cases in CASES.items() for i, case in enumerate(cases)]
IDS = [f"{name}-{i}" for name, i, _ in ALL]


def test_the_tables_are_complete():
    named = set(CASES) | NOT_DIFFERENTIABLE
    for path in pathlib.Path(__file__).parent.glob("test_*.py"):
        if path.name != pathlib.Path(__file__).name:
            others = runpy.run_path(str(path))
            named |= set(others.get("CASES", ())) | set(others.get("NOT_DIFFERENTIABLE", ()))
    assert set(F.__all__) == named


@pytest.mark.parametrize(("name", "i", "case"), ALL, ids=IDS)
def test_derivatives(name, i, case):
    # Whether an input is moved to a float32 function decides how small a step may be.
    options = {"eps": 1e-3 if name != "cast" else 1e-1, **case.options}
    assert_gradients(case.function, *case.inputs, double=case.double, **options)


@pytest.mark.parametrize(("name", "i", "case"), ALL, ids=IDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_value_and_dtype(name, i, case, dtype):
    inputs = [x.astype(dtype) for x in case.inputs]
    ys = case.function(*[Variable(x) for x in inputs])
    several = isinstance(ys, (tuple, list))
    for y in ys if several else (ys,):
        assert isinstance(y, Variable)
        assert type(y.array) is np.ndarray
        if name not in ("cast",) and case.options.get("no_grads") is None:
            assert y.dtype == dtype or (name == "softmax_cross_entropy" and i == 3)
    if case.expected is not None:
        expected = case.expected(*inputs)
        for y, e in zip(
            ys if several else (ys,), expected if several else (expected,), strict=True
        ):
            assert_allclose(y, e, atol=1e-5, rtol=1e-4)
