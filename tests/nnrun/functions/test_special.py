"""Special functions against mpmath, activations against formulas, and derivatives."""

from collections.abc import Callable
from typing import Any

import mpmath
import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun.testing import FunctionCase as Case

rng = np.random.default_rng(31)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape)


def positive(*shape: int) -> np.ndarray:
    return rng.uniform(0.5, 3.0, shape)


def apart(*shape: int) -> np.ndarray:
    """Distinct values, none near 0, so that no kink is within reach of a small step."""
    n = int(np.prod(shape))
    return ((rng.permutation(n) - n / 2 + 0.25) / 4).reshape(shape)


def exact(function: Callable[..., Any]) -> Callable[..., np.ndarray]:
    """A function of mpmath on arrays, through float64."""

    def on_arrays(*xs: np.ndarray) -> np.ndarray:
        rows = zip(*(np.ravel(x).tolist() for x in np.broadcast_arrays(*xs)), strict=True)
        with mpmath.workdps(40):
            values = [float(function(*[mpmath.mpf(v) for v in row])) for row in rows]
        shape = np.broadcast_shapes(*(x.shape for x in xs))
        return np.array(values).reshape(shape).astype(xs[0].dtype)

    return on_arrays


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


REFERENCES: dict[str, tuple[Callable[..., Any], list[float]]] = {
    "erf": (mpmath.erf, [-5, -0.3, 1e-5, 0.7, 2.5]),
    "erfc": (mpmath.erfc, [-5, -0.3, 1e-5, 0.7, 2.5, 6, 20]),
    "erfcx": (lambda x: mpmath.exp(x * x) * mpmath.erfc(x), [-5, 0.7, 2.5, 5.9, 6.1, 30, 1e5]),
    "erfinv": (mpmath.erfinv, [-0.9999999, -0.84, 1e-9, 0.5, 0.86, 0.9999]),
    "erfcinv": (lambda x: mpmath.erfinv(1 - x), [1e-12, 1e-3, 0.5, 1.2, 1.9, 1.9999]),
    "ndtr": (mpmath.ncdf, [-30, -5, -0.3, 0.7, 2.5]),
    "ndtri": (lambda p: mpmath.sqrt(2) * mpmath.erfinv(2 * p - 1), [1e-12, 1e-3, 0.2, 0.6, 0.9999]),
    "log_ndtr": (lambda x: mpmath.log(mpmath.ncdf(x)), [-100, -10, -1.1, -0.9, 1, 8]),
    "lgamma": (lambda x: mpmath.log(abs(mpmath.gamma(x))), [-2.5, 0.1, 0.9, 3, 100]),
    "digamma": (mpmath.digamma, [-2.3, -0.7, 0.1, 0.6, 1, 50]),
}

half = np.array([0.3, 0.2, 0.3, 0.25, 0.2, 0.3]).reshape(2, 3)

CASES: dict[str, list[Case]] = {
    name: [
        Case(
            getattr(F, name),
            (
                rng.uniform(0.15, 0.85, (2, 3))
                if "inv" in name or name == "ndtri"
                else positive(2, 3),
            ),
            exact(reference),
        )
    ]
    for name, (reference, _) in REFERENCES.items()
}
CASES |= {
    "polygamma": [
        Case(
            lambda x: F.polygamma(np.array([1, 2, 3]), x),
            (positive(2, 3),),
            lambda x: exact(lambda v, n: mpmath.polygamma(int(n), v))(x, np.array([[1, 2, 3]])),
        ),
        Case(lambda x: F.polygamma(0, x), (positive(3),), exact(mpmath.digamma)),
    ],
    "zeta": [
        Case(lambda q: F.zeta(2.5, q), (positive(2, 3),), exact(lambda q: mpmath.zeta(2.5, q))),
        Case(
            lambda q: F.zeta(np.array([[1.5], [4.0]]), q),
            (positive(3),),
            lambda q: exact(lambda v, s: mpmath.zeta(s, v))(q, np.array([[1.5], [4.0]])),
        ),
    ],
    "relu6": [Case(F.relu6, (10 * apart(2, 3),), lambda x: np.clip(x, 0, 6))],
    "crelu": [
        Case(F.crelu, (apart(2, 3),), lambda x: np.maximum(np.concatenate([x, -x], 1), 0)),
        Case(
            lambda x: F.crelu(x, 0),
            (apart(2, 3),),
            lambda x: np.maximum(np.concatenate([x, -x], 0), 0),
        ),
    ],
    "selu": [
        Case(
            F.selu,
            (apart(2, 3),),
            lambda x: 1.0507009874 * np.where(x > 0, x, 1.6732632423 * np.expm1(x)),
        )
    ],
    "softsign": [Case(F.softsign, (apart(2, 3),), lambda x: x / (1 + abs(x)))],
    "hard_sigmoid": [
        Case(F.hard_sigmoid, (4 * apart(2, 3),), lambda x: np.clip(0.2 * x + 0.5, 0, 1))
    ],
    "mish": [Case(F.mish, (normal(2, 3),), lambda x: x * np.tanh(np.log1p(np.exp(x))))],
    "gelu": [
        Case(F.gelu, (normal(2, 3),), exact(lambda x: x * mpmath.ncdf(x))),
        Case(
            lambda x: F.gelu(x, True),
            (normal(2, 3),),
            lambda x: x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))) / 2,
        ),
    ],
    "prelu": [
        Case(F.prelu, (apart(2, 3), normal(3)), lambda x, W: np.where(x > 0, x, x * W)),
        Case(
            F.prelu,
            (apart(2, 3, 2), normal(3)),
            lambda x, W: np.where(x > 0, x, x * W[:, None]),
        ),
        Case(F.prelu, (apart(2, 3), np.array(0.3)), lambda x, W: np.where(x > 0, x, x * W)),
    ],
    "rrelu": [
        Case(lambda x: F.rrelu(x, r=half), (apart(2, 3),), lambda x: np.where(x > 0, x, x * half))
    ],
    "maxout": [
        Case(
            lambda x: F.maxout(x, 3),
            (apart(2, 6),),
            lambda x: x.reshape(2, 2, 3).max(2),
        ),
        Case(
            lambda x: F.maxout(x, 2, -1),
            (apart(2, 3, 4),),
            lambda x: x.reshape(2, 3, 2, 2).max(3),
        ),
    ],
    "glu": [Case(F.glu, (normal(2, 4),), lambda x: x[:, :2] * sigmoid(x[:, 2:]))],
    "reglu": [Case(F.reglu, (apart(2, 4),), lambda x: x[:, :2] * np.maximum(x[:, 2:], 0))],
    "geglu": [
        Case(
            F.geglu,
            (normal(2, 4),),
            lambda x: x[:, :2] * x[:, 2:] * exact(mpmath.ncdf)(x[:, 2:]),
        )
    ],
    "swiglu": [
        Case(
            lambda x: F.swiglu(x, 0),
            (normal(4, 2),),
            lambda x: x[:2] * x[2:] * sigmoid(x[2:]),
        )
    ],
}

ALL = {f"{name}-{i}": case for name, cases in CASES.items() for i, case in enumerate(cases)}


@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_derivatives(case):
    case.check_derivatives()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ALL.values(), ids=ALL)
def test_value(case, dtype):
    case.check_value(dtype)


@pytest.mark.parametrize("name", REFERENCES)
def test_accuracy_in_double_precision(name):
    reference, points = REFERENCES[name]
    x = np.array(points)
    np.testing.assert_allclose(getattr(F, name)(x).array, exact(reference)(x), rtol=1e-13)


@pytest.mark.parametrize(
    "name",
    ["erf", "erfcx", "erfinv", "erfcinv", "ndtr", "ndtri", "log_ndtr", "lgamma", "digamma"],
)
def test_on_a_device(name):
    CASES[name][0].check_device(0, rtol=1e-3)


@pytest.mark.parametrize(
    ("name", "points", "expected"),
    [
        ("erfinv", [-1, 1, 2], [-np.inf, np.inf, np.nan]),
        ("erfcinv", [0, 2, 3], [np.inf, -np.inf, np.nan]),
        ("ndtri", [0, 1, -1], [-np.inf, np.inf, np.nan]),
        ("lgamma", [0, -1, np.inf, -np.inf, np.nan], [np.inf] * 4 + [np.nan]),
        ("digamma", [0, -1, np.nan], [np.nan] * 3),
        ("erfcx", [-30, np.inf], [np.inf, 0]),
    ],
)
def test_at_the_edges(name, points, expected):
    found = getattr(F, name)(np.array(points, float)).array
    np.testing.assert_array_equal(found, expected)


def test_zeta_out_of_range_is_no_number():
    assert np.isnan(F.zeta(1.0, np.array([1.0])).array).all()
    assert np.isnan(F.zeta(2.0, np.array([-1.0])).array).all()


@pytest.fixture(autouse=True)
def seeded():
    """NumPy's global generator, which initial values and masks come from."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


class TestRReLU:
    def test_draws_in_training_only(self, xp):
        x = xp.asarray(-np.ones(1000, np.float32))
        y, r = F.rrelu(x, 0.1, 0.3, return_r=True)
        values = nnrun.cuda.to_cpu(y.array)
        assert (-0.3 <= values).all() and (values <= -0.1).all()
        assert abs(values.mean() + 0.2) < 0.02
        assert (nnrun.cuda.to_cpu(r) == -values).all()
        with nnrun.using_config("train", False):
            y, r = F.rrelu(x, 0.1, 0.3, return_r=True)
        assert r is None
        np.testing.assert_allclose(nnrun.cuda.to_cpu(y.array), -0.2, rtol=1e-6)


z = np.zeros


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: F.prelu(z((2, 3)), z(2)), r"prelu: `W` must have the shape .*W.shape=\(2,\)"),
        (lambda: F.rrelu(z(2), 0.3, 0.2), r"rrelu: 0 <= l <= u is wanted"),
        (lambda: F.rrelu(z(2), r=z(3)), r"rrelu: `r` must have the shape"),
        (lambda: F.maxout(z((2, 3)), 2), r"maxout: axis 1 of `x` is no multiple of pool_size=2"),
        (lambda: F.maxout(z((2, 3)), 0), r"maxout: `pool_size` must be at least 1"),
        (lambda: F.maxout(z((2, 3)), 1, 2), r"maxout: axis 2 is out of range"),
        (lambda: F.glu(z((2, 3))), r"glu: axis 1 of `x` must have an even length"),
        (lambda: F.polygamma(-1, z(2)), r"polygamma: `n` must not be negative"),
    ],
)
def test_bad_input(call, message):
    with pytest.raises(ValueError, match=message):
        call()
