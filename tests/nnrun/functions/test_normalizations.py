"""Normalisation, functions with noise, and measures: against formulas, and derivatives."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun.testing import FunctionCase as Case
from nnrun.testing import assert_allclose

rng = np.random.default_rng(53)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.5, 2.0, shape)


def standard(x: np.ndarray, axes: tuple[int, ...], eps: float) -> np.ndarray:
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def _grouped(x: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    y = standard(x.reshape(2, 2, 2, 3), (2, 3), 1e-5).reshape(x.shape)
    return y * g[:, None] + b[:, None]


def _lrn(x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    for c in range(x.shape[1]):
        near = x[:, max(c - 1, 0) : c + 2]
        y[:, c] = x[:, c] / (1.5 + 0.3 * (near**2).sum(1)) ** 0.75
    return y


eps = normal(2, 3)
drop = rng.integers(0, 2, (4, 2, 3)).astype(float)
running = normal(3), positive(3)


def _renormalised(x: np.ndarray, g: np.ndarray, b: np.ndarray) -> np.ndarray:
    sigma = np.sqrt(running[1] + 2e-5)
    r = np.clip(np.sqrt(x.var(0) + 2e-5) / sigma, 1 / 1.5, 1.5)
    d = np.clip((x.mean(0) - running[0]) / sigma, -0.5, 0.5)
    return ((standard(x, (0,), 2e-5) * r + d) * g + b).astype(x.dtype)


CASES: dict[str, list[Case]] = {
    "layer_normalization": [
        Case(
            F.layer_normalization,
            (normal(4, 3), positive(3), normal(3)),
            lambda x, g, b: standard(x, (1,), 1e-5) * g + b,
        ),
        Case(
            F.layer_normalization,
            (normal(2, 2, 3, 2), positive(3, 2), normal(3, 2)),
            lambda x, g, b: standard(x, (2, 3), 1e-5) * g + b,
        ),
    ],
    "group_normalization": [
        Case(
            lambda x, g, b: F.group_normalization(x, 2, g, b),
            (normal(2, 4, 3), positive(4), normal(4)),
            _grouped,
        )
    ],
    "instance_normalization": [
        Case(
            F.instance_normalization,
            (normal(2, 3, 2, 2), positive(3), normal(3)),
            lambda x, g, b: standard(x, (2, 3), 2e-5) * g[:, None, None] + b[:, None, None],
        )
    ],
    "rms_normalization": [
        Case(
            F.rms_normalization,
            (normal(2, 2, 3), positive(3)),
            lambda x, g: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * g,
        )
    ],
    "normalize": [
        Case(
            F.normalize,
            (normal(2, 3),),
            lambda x: x / (np.linalg.norm(x, axis=1, keepdims=True) + 1e-5),
        ),
        Case(
            lambda x: F.normalize(x, axis=(0, 2)),
            (normal(2, 3, 2),),
            lambda x: x / (np.sqrt((x**2).sum((0, 2), keepdims=True)) + 1e-5),
        ),
    ],
    "local_response_normalization": [
        Case(lambda x: F.local_response_normalization(x, 3, 1.5, 0.3), (normal(2, 4, 2),), _lrn)
    ],
    "batch_renormalization": [
        # Not by differences: the corrections, of the batch too, count for constants.
        Case(
            lambda x, g, b: F.batch_renormalization(
                as_constant(x), g, b, 1.5, 0.5, 2e-5, running[0].copy(), running[1].copy()
            ),
            (normal(4, 3), positive(3), normal(3)),
            _renormalised,
            options={"no_grads": [True, False, False]},
        )
    ],
    "fixed_batch_renormalization": [
        Case(
            F.fixed_batch_renormalization,
            (normal(4, 3), positive(3), normal(3), normal(3), positive(3)),
            lambda x, g, b, m, v: (x - m) / np.sqrt(v + 2e-5) * g + b,
        )
    ],
    "zoneout": [
        Case(
            lambda h, x: _outside_training(F.zoneout, h, x, 0.25),
            (normal(2, 3), normal(2, 3)),
            lambda h, x: 0.25 * h + 0.75 * x,
        )
    ],
    "gaussian": [
        Case(
            lambda m, v: F.gaussian(m, v, eps=eps.astype(m.dtype)),
            (normal(2, 3), normal(2, 3)),
            lambda m, v: m + np.exp(v / 2) * eps.astype(m.dtype),
        )
    ],
    "gumbel_softmax": [
        Case(lambda x: _seeded(F.gumbel_softmax, x, 0.7), (normal(2, 3),)),
    ],
    "simplified_dropconnect": [
        Case(
            lambda x, W, b: F.simplified_dropconnect(x, W, b, mask=drop),
            (normal(4, 3), normal(2, 3), normal(2)),
            lambda x, W, b: np.einsum("bi,boi->bo", x, W * drop.astype(x.dtype)) * 2 + b,
        ),
        Case(
            lambda x, W: F.simplified_dropconnect(x, W, mask=drop[0]),
            (normal(4, 3), normal(2, 3)),
            lambda x, W: x @ (W * drop[0].astype(x.dtype)).T * 2,
        ),
    ],
}

NOT_DIFFERENTIABLE = {
    "binary_accuracy", "classification_summary", "f1_score", "perplexity", "precision",
    "r2_score", "recall",
}  # fmt: skip


def as_constant(x):
    return x.array if isinstance(x, nnrun.Variable) else x


def _outside_training(function, *args):
    with nnrun.using_config("train", False):
        return function(*args)


def _seeded(function, *args):
    state = np.random.get_state()
    np.random.seed(0)
    try:
        return function(*args)
    finally:
        np.random.set_state(state)


ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["layer_normalization-0", "group_normalization-0", "local_response_normalization-0",
     "normalize-0", "zoneout-0"],
)  # fmt: skip
def test_on_a_device(name):
    ALL[name].check_device(0)


def test_batch_renormalization_moves_the_running_statistics_and_has_a_gradient(xp):
    data = normal(4, 3)
    mean, var = (xp.asarray(v) for v in running)
    x = nnrun.Variable(xp.asarray(data))
    y = F.batch_renormalization(x, xp.ones(3), xp.zeros(3), 1.5, 0.5, 2e-5, mean.copy(), var.copy())
    moved = mean.copy(), var.copy()
    F.batch_renormalization(x, xp.ones(3), xp.zeros(3), 1.5, 0.5, 2e-5, *moved, 0.9, True)
    assert_allclose(moved[0], 0.9 * running[0] + 0.1 * data.mean(0))
    assert_allclose(moved[1], 0.9 * running[1] + 0.1 * data.var(0, ddof=1))
    weights = xp.asarray(normal(4, 3))
    F.sum(y * weights).backward()
    sigma = np.sqrt(running[1] + 2e-5)
    r = np.clip(np.sqrt(data.var(0) + 2e-5) / sigma, 1 / 1.5, 1.5)
    other = nnrun.Variable(xp.asarray(data))
    scaled = weights * xp.asarray(r)
    F.sum(F.batch_normalization(other, xp.ones(3), xp.zeros(3)) * scaled).backward()
    assert_allclose(x.grad, other.grad)


def test_a_vector_of_zeros_normalises_to_zeros():
    x = nnrun.Variable(np.zeros((1, 3)))
    y = F.normalize(x)
    F.sum(y).backward()
    assert y.array.tolist() == [[0, 0, 0]]
    assert np.isfinite(x.grad).all()


@pytest.fixture(autouse=True)
def seeded():
    """NumPy's global generator, which initial values and masks come from."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


class TestNoise:
    def test_zoneout(self, xp):
        h, x = xp.zeros(10_000, np.float32), xp.ones(10_000, np.float32)
        y = nnrun.cuda.to_cpu(F.zoneout(h, x, 0.2).array)
        assert set(np.unique(y)) == {0, 1}
        assert abs(y.mean() - 0.8) < 0.02

    def test_gaussian(self, xp):
        mean = xp.full(10_000, 3, dtype=np.float32)
        y, drawn = F.gaussian(mean, xp.full(10_000, np.log(4), dtype=np.float32), return_eps=True)
        values = nnrun.cuda.to_cpu(y.array)
        assert abs(values.mean() - 3) < 0.1
        assert abs(values.std() - 2) < 0.1
        assert_allclose(values, 3 + 2 * nnrun.cuda.to_cpu(drawn))

    def test_gumbel_softmax_draws_by_probability(self, xp):
        p = np.array([0.1, 0.6, 0.3], np.float32)
        scores = xp.asarray(np.tile(np.log(p), (5000, 1)))
        y = nnrun.cuda.to_cpu(F.gumbel_softmax(scores, 0.05).array)
        assert_allclose(y.sum(1), np.ones(5000, "f"))
        assert abs(np.bincount(y.argmax(1)) / 5000 - p).max() < 0.03

    def test_dropconnect(self):
        x, W = np.ones((1000, 3), "f"), np.ones((2, 3), "f")
        y = F.simplified_dropconnect(x, W, ratio=0.25).array
        assert abs(y.mean() - 3) < 0.1
        assert len(np.unique(F.simplified_dropconnect(x, W, use_batchwise_mask=False).array)) <= 2
        assert_allclose(F.simplified_dropconnect(x, W, train=False), np.full((1000, 2), 3))


class TestMeasures:
    def test_binary_accuracy(self, xp):
        y = xp.asarray(np.array([[1.0, -1.0], [2.0, -2.0]]))
        t = xp.asarray(np.array([[1, 1], [-1, 0]]))
        assert F.binary_accuracy(y, t).item() == pytest.approx(2 / 3)
        assert F.binary_accuracy(y, xp.full((2, 2), -1)).item() == 0

    def test_summary(self, xp):
        y = np.eye(3)[[0, 0, 1, 1, 1, 2]] + 0.1
        t = np.array([0, 1, 1, 1, -1, 0])
        y, t = xp.asarray(y), xp.asarray(t)
        p, r, f, s = F.classification_summary(y, t, beta=2.0)
        assert_allclose(p, np.array([1 / 2, 1, 0]))
        assert_allclose(r, np.array([1 / 2, 2 / 3, np.nan]))
        assert_allclose(f, np.array([1 / 2, 5 * 2 / 3 / (4 + 2 / 3), np.nan]))
        assert nnrun.cuda.to_cpu(s.array).tolist() == [2, 3, 0]
        assert_allclose(F.precision(y, t)[0], p)
        assert_allclose(F.recall(y, t)[0], r)
        assert_allclose(F.f1_score(y, t, 1)[0], np.array([0.5]))

    def test_r2_score(self, xp):
        y, t = (
            xp.asarray(v)
            for v in (np.array([[1.0, 5], [2, 5], [4, 5]]), np.array([[1.0, 2], [2, 2], [3, 2]]))
        )
        assert_allclose(F.r2_score(y, t, multioutput="raw_values"), np.array([0.5, 0]))
        assert F.r2_score(y, t).item() == 0.25
        assert F.r2_score(y, t, sample_weight=xp.asarray(np.array([1.0, 1, 0]))).item() == 0.5

    def test_perplexity(self, xp):
        y = xp.asarray(normal(2, 3, 2))
        t = xp.asarray(np.array([[0, 2], [-1, 1]]))
        loss = F.softmax_cross_entropy(y, t)
        assert F.perplexity(y, t).item() == pytest.approx(np.exp(loss.item()))
        assert F.perplexity(y, xp.full((2, 2), -1)).item() == 1


z = np.zeros


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.layer_normalization(z((2, 3)), z(2), z(2)),
            ValueError,
            r"`gamma` must have sha",
        ),
        (lambda: F.layer_normalization(z(3), z(3), z(3)), ValueError, r"of the last axes of `x`"),
        (
            lambda: F.group_normalization(z((2, 3)), 2, z(3), z(3)),
            ValueError,
            r"multiple of groups",
        ),
        (lambda: F.group_normalization(z((2, 3)), 3, z(3), z(2)), ValueError, r"`beta` must have"),
        (lambda: F.instance_normalization(z((2, 3)), z(3), z(3)), ValueError, r"axes after the"),
        (lambda: F.rms_normalization(z((2, 3)), z(2)), ValueError, r"rms_normalization: `gamma`"),
        (lambda: F.local_response_normalization(z(2)), ValueError, r"`x` must have channels"),
        (
            lambda: F.batch_renormalization(z((2, 3)), z(3), z(2), 1, 1),
            ValueError,
            r"batch_renormalization: `beta` has shape \(2,\) but `gamma` has \(3,\)",
        ),
        (lambda: F.zoneout(z(2), z(3)), ValueError, r"zoneout: `h` and `x` must have the same"),
        (lambda: F.zoneout(z(2), z(2), 2), ValueError, r"zoneout: `ratio` must be between"),
        (lambda: F.gaussian(z(2), z(3)), ValueError, r"gaussian: `mean`, `ln_var` and `eps`"),
        (lambda: F.gumbel_softmax(z((2, 3)), 0), ValueError, r"gumbel_softmax: `tau`"),
        (lambda: F.simplified_dropconnect(z((2, 3)), z((2, 2))), ValueError, r"don't fit"),
        (lambda: F.simplified_dropconnect(z((2, 3)), z((2, 3)), ratio=1), ValueError, r"`ratio`"),
        (
            lambda: F.simplified_dropconnect(z((2, 3)), z((2, 3)), mask=z(2)),
            ValueError,
            r"`mask` must have shape \(2, 2, 3\) or \(2, 3\), not \(2,\)",
        ),
        (lambda: F.binary_accuracy(z(2), z(2)), TypeError, r"binary_accuracy: labels"),
        (lambda: F.binary_accuracy(z(2), z(3, int)), ValueError, r"binary_accuracy: `y` and `t`"),
        (lambda: F.precision(z((2, 3)), z(3, int)), ValueError, r"classification_summary: `y` of"),
        (lambda: F.perplexity(z((2, 3)), z(3, int)), ValueError, r"perplexity: `y` of shape"),
        (lambda: F.perplexity(z((2, 3)), z(2)), TypeError, r"perplexity: labels"),
        (lambda: F.r2_score(z(2), z(3)), ValueError, r"r2_score: `pred` and `true`"),
        (lambda: F.r2_score(z(2), z(2), z(3)), ValueError, r"r2_score: `sample_weight`"),
        (lambda: F.r2_score(z(2), z(2), multioutput="max"), ValueError, r"`multioutput` must be"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
