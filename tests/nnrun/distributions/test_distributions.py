"""Every distribution against its density as written down, summed or integrated.

A row gives the density in plain NumPy and a grid that holds all but nothing of the probability;
mean, variance, entropy, distribution function and divergence then follow by quadrature.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import nnrun
import nnrun.distributions as D
from nnrun import Variable, gradient_check
from nnrun.testing import assert_allclose

lgamma = np.vectorize(math.lgamma)
log_beta = lambda a, b: lgamma(a) + lgamma(b) - lgamma(a + b)  # noqa: E731


@dataclass
class Row:
    """A distribution of numbers.

    `params` and `other` are two sets of parameters, `density` is of (x, *params), `grid` holds
    the values; whole numbers if `discrete`.  `without` names what it has no formula for.
    """

    make: Callable[..., Any]
    params: tuple[float, ...]
    other: tuple[float, ...]
    density: Callable[..., np.ndarray]
    grid: np.ndarray
    discrete: bool = False
    without: set[str] = field(default_factory=set)
    tolerance: float = 1e-6


# Dense where densities are: a substitution of equidistant points.
t = np.linspace(-1, 1, 400_001)[1:-1]
line = np.sinh(6 * t) * 0.5
half_line = np.exp(np.linspace(-60, 8, 200_001))
unit = 1 / (1 + np.exp(-np.linspace(-60, 60, 200_001)))
counts = np.arange(200.0)

TABLE: dict[str, Row] = {
    "Normal": Row(
        D.Normal, (0.3, 1.5), (-0.5, 0.8),
        lambda x, m, s: np.exp(-((x - m) ** 2) / (2 * s * s)) / (s * np.sqrt(2 * np.pi)), line,
    ),
    "Laplace": Row(
        D.Laplace, (0.3, 1.5), (-0.5, 0.8),
        lambda x, m, s: np.exp(-np.abs(x - m) / s) / (2 * s), line,
    ),
    "Cauchy": Row(
        D.Cauchy, (0.3, 1.5), (-0.5, 0.8),
        lambda x, m, s: 1 / (np.pi * s * (1 + ((x - m) / s) ** 2)),
        np.tan(np.pi / 2 * np.linspace(-1, 1, 400_001)[1:-1]),
        without={"mean", "variance"}, tolerance=1e-3,
    ),
    "Gumbel": Row(
        D.Gumbel, (0.3, 1.5), (-0.5, 0.8),
        lambda x, m, s: np.exp(-(x - m) / s - np.exp(-(x - m) / s)) / s, line[line > -12],
    ),
    "Uniform": Row(
        lambda low, high: D.Uniform(low=low, high=high), (-0.5, 1.5), (-1.0, 2.5),
        lambda x, low, high: ((x >= low) & (x <= high)) / (high - low),
        np.linspace(-0.5, 1.5, 1001), without={"mode"},
    ),
    "Exponential": Row(
        D.Exponential, (0.7,), (1.6,), lambda x, lam: lam * np.exp(-lam * x), half_line,
    ),
    "LogNormal": Row(
        D.LogNormal, (0.3, 0.8), (-0.5, 1.2),
        lambda x, m, s: np.exp(-((np.log(x) - m) ** 2) / (2 * s * s))
        / (x * s * np.sqrt(2 * np.pi)),
        half_line,
    ),
    "Pareto": Row(
        D.Pareto, (1.5, 4.0), (1.2, 2.5),
        lambda x, s, a: a * s**a / x ** (a + 1), 1.5 * np.exp(np.linspace(0, 14, 200_001)),
    ),
    "Gamma": Row(
        D.Gamma, (2.5, 0.6), (0.8, 1.1),
        lambda x, k, th: np.exp((k - 1) * np.log(x) - x / th - lgamma(k) - k * np.log(th)),
        half_line, without={"mode", "cdf", "icdf"},
    ),
    "Chisquare": Row(
        D.Chisquare, (3.0,), (4.5,),
        lambda x, k: np.exp((k / 2 - 1) * np.log(x) - x / 2 - lgamma(k / 2) - k / 2 * np.log(2)),
        half_line, without={"mode", "cdf", "icdf"},
    ),
    "Beta": Row(
        D.Beta, (1.8, 2.5), (0.7, 1.2),
        lambda x, a, b: np.exp((a - 1) * np.log(x) + (b - 1) * np.log1p(-x) - log_beta(a, b)),
        unit[unit < 1], without={"mode", "cdf", "icdf"},
    ),
    "Bernoulli": Row(
        D.Bernoulli, (0.3,), (0.6,), lambda x, p: np.where(x == 1, p, 1 - p), np.arange(2.0), True,
        without={"cdf", "icdf"},
    ),
    "Geometric": Row(
        D.Geometric, (0.3,), (0.6,), lambda x, p: (1 - p) ** (x - 1) * p, counts[1:], True,
        without={"icdf"},
    ),
    "Poisson": Row(
        D.Poisson, (2.7,), (1.3,),
        lambda x, lam: np.exp(x * np.log(lam) - lam - lgamma(x + 1)), counts, True,
        without={"cdf", "icdf", "entropy"},
    ),
    "Categorical": Row(
        D.Categorical, (np.array([0.2, 0.5, 0.3]),), (np.array([0.4, 0.4, 0.2]),),
        lambda x, p: p[x.astype(int)], np.arange(3.0), True,
        without={"mean", "variance", "cdf", "icdf"},
    ),
}  # fmt: skip

OF_VECTORS = {"Dirichlet", "Independent", "MultivariateNormal", "OneHotCategorical"}
FUNCTIONS = {"cross_entropy", "kl_divergence", "register_kl"}

rows = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE)


def test_the_table_is_complete():
    assert set(TABLE) | OF_VECTORS | FUNCTIONS == set(D.__all__)


def made(row, params=None, xp=np):
    params = row.params if params is None else params
    return row.make(*[xp.asarray(np.asarray(p, np.float64)) for p in params])


def total(row, values):
    """The sum, or integral, of values at the points of the grid."""
    if row.discrete:
        return values.sum()
    return float(np.sum((values[1:] + values[:-1]) / 2 * np.diff(row.grid)))


@rows
def test_density_and_distribution_function(row):
    p = made(row)
    density = row.density(row.grid, *row.params)
    assert total(row, density) == pytest.approx(1, abs=100 * row.tolerance)
    few = row.grid[:: max(len(row.grid) // 50, 1)]
    expected = row.density(few, *row.params)
    few_or_numbers = few if row.make is not D.Categorical else few.astype(int)
    assert_allclose(p.prob(few_or_numbers), expected, 1e-12, 1e-9)
    some = expected > 1e-280
    log_prob = p.log_prob(few_or_numbers).array[some]
    np.testing.assert_allclose(log_prob, np.log(expected[some]), 1e-7, 1e-7)
    if "cdf" not in row.without:
        steps = (density[1:] + density[:-1]) / 2 * np.diff(row.grid)
        below = np.cumsum(density) if row.discrete else np.concatenate([[0], np.cumsum(steps)])
        below = below[:: max(len(row.grid) // 50, 1)]
        assert_allclose(p.cdf(few), below, 100 * row.tolerance, 1e-5)
        assert_allclose(p.survival_function(few), 1 - below, 100 * row.tolerance, 1e-5)
        middle = (below > 0.01) & (below < 0.99)
        assert_allclose(p.log_cdf(few[middle]), np.log(below[middle]), 1e-2, 1e-3)
        assert_allclose(p.log_survival_function(few[middle]), np.log1p(-below[middle]), 1e-2, 1e-3)
    if "icdf" not in row.without:
        chances = np.array([0.01, 0.3, 0.5, 0.9])
        assert_allclose(p.cdf(p.icdf(chances)), chances, 1e-9, 1e-9)


@rows
def test_moments_and_entropy(row):
    p = made(row)
    x, density = row.grid, row.density(row.grid, *row.params)
    mean = total(row, x * density)
    if "mean" not in row.without:
        assert p.mean.item() == pytest.approx(mean, rel=1e-3, abs=1e-5)
        variance = total(row, (x - mean) ** 2 * density)
        assert p.variance.item() == pytest.approx(variance, rel=1e-3)
        assert p.stddev.item() == pytest.approx(variance**0.5, rel=1e-3)
    if "mode" not in row.without:
        highest = x[density.argmax()]
        assert p.mode.item() == pytest.approx(highest, abs=2e-3)
    if "entropy" not in row.without:
        positive = density > 0
        surprise = np.where(positive, -np.log(np.where(positive, density, 1)), 0)
        entropy = total(row, density * surprise)
        assert p.entropy.item() == pytest.approx(entropy, rel=1e-3, abs=1e-4)
        assert p.perplexity().item() == pytest.approx(math.exp(entropy), rel=2e-3)


@rows
def test_divergence(row):
    p, q = made(row), made(row, row.other)
    x = row.grid
    one, other = row.density(x, *row.params), row.density(x, *row.other)
    positive = one > 1e-200
    ratio = np.log(one[positive]) - np.log(np.maximum(other[positive], 1e-300))
    terms = np.zeros_like(one)
    terms[positive] = one[positive] * ratio
    divergence = nnrun.kl_divergence(p, q).item()
    assert divergence == pytest.approx(total(row, terms), rel=2e-3, abs=1e-5)
    assert nnrun.kl_divergence(p, p).item() == pytest.approx(0, abs=1e-9)
    if "entropy" not in row.without:
        crossed = nnrun.cross_entropy(p, q).item()
        assert crossed == pytest.approx(p.entropy.item() + divergence)


@rows
def test_samples(row, xp):
    (xp.random if xp is not np else np.random).seed(3)
    p = made(row, xp=xp)
    y = p.sample((20, 200))
    assert y.shape == (20, 200) and isinstance(y.array, xp.ndarray)
    values = np.sort(nnrun.cuda.to_cpu(y.array).astype(float).ravel())
    # The sums of the probability up to each point, against the samples' (Kolmogorov, Smirnov).
    density = row.density(row.grid, *row.params)
    if row.discrete:
        expected = np.cumsum(density)
        found = np.searchsorted(values, row.grid, side="right") / values.size
    else:
        steps = (density[1:] + density[:-1]) / 2 * np.diff(row.grid)
        expected = np.concatenate([[0], np.cumsum(steps)])
        found = np.searchsorted(values, row.grid, side="right") / values.size
    assert np.abs(found - expected).max() < 1.95 / math.sqrt(values.size) + 10 * row.tolerance


@rows
def test_gradients_reach_the_parameters(row):
    density = row.density(row.grid, *row.params)
    likely = row.grid[density > density.max() / 3]
    x = likely[np.linspace(0, len(likely) - 1, 4).astype(int)]
    if row.make is D.Categorical:
        x = x.astype(int)
    if row.make in (TABLE["Uniform"].make, D.Pareto):
        x = x[1:-1]  # not at the edge

    def log_prob(*params):
        return row.make(*params).log_prob(x)

    params = tuple(np.asarray(v, np.float64) for v in row.params)
    gradient_check.check_backward(log_prob, params, None, eps=1e-5, atol=1e-4, rtol=1e-3)


REPARAMETRISED = ["Normal", "Laplace", "Cauchy", "Gumbel", "Uniform", "Exponential", "LogNormal"]


@pytest.mark.parametrize("name", [*REPARAMETRISED, "Pareto"])
def test_samples_are_made_of_the_parameters(name):
    row = TABLE[name]

    def sample(*params):
        np.random.seed(1)
        return row.make(*params).sample(3)

    params = tuple(np.asarray(v, np.float64) for v in row.params)
    gradient_check.check_backward(sample, params, None, eps=1e-5, atol=1e-4, rtol=1e-3)


@rows
def test_on_a_device(row):
    import ndgpu

    density = row.density(row.grid, *row.params)
    likely = row.grid[density > density.max() / 3]
    x = likely[np.linspace(0, len(likely) - 1, 4).astype(int)]
    x = x.astype(int) if row.make is D.Categorical else x
    here, there = made(row), made(row, xp=ndgpu)
    assert there.xp is ndgpu
    assert_allclose(there.log_prob(ndgpu.asarray(x)), here.log_prob(x), 1e-9, 1e-7)
    p, q = made(row, xp=ndgpu), made(row, row.other, xp=ndgpu)
    assert_allclose(
        nnrun.kl_divergence(p, q), nnrun.kl_divergence(here, made(row, row.other)), 1e-9, 1e-7
    )


@rows
def test_half_and_single_keep_their_dtype(row):
    for dtype in (np.float16, np.float32):
        p = row.make(*[np.asarray(v, dtype) for v in row.params])
        x = p.sample(3)
        assert p.log_prob(x).dtype == dtype
        assert p.sample(0).shape == (0,)


A = np.array([[1.0, 0.3, 0.0], [0.2, 0.9, 0.4], [0.1, 0.0, 1.2]])
cov, loc = A @ A.T, np.array([0.5, -1.0, 0.2])


class TestVectors:
    def test_multivariate_normal(self, xp):
        send = xp.asarray
        p = D.MultivariateNormal(send(loc), cov=send(cov))
        factor = np.linalg.cholesky(cov)
        other = D.MultivariateNormal(send(loc * 0), scale_tril=send(np.eye(3) * 1.5))
        x = np.random.default_rng(0).normal(size=(4, 3))
        z = np.linalg.solve(factor, (x - loc).T).T
        expected = (
            -0.5 * (z**2).sum(1) - np.log(np.diag(factor)).sum() - 1.5 * math.log(2 * math.pi)
        )
        assert_allclose(p.log_prob(send(x)), expected)
        assert_allclose(p.covariance, cov)
        assert_allclose(p.variance, np.diag(cov))
        entropy = 0.5 * np.linalg.slogdet(2 * np.pi * np.e * cov)[1]
        assert p.entropy.item() == pytest.approx(entropy, rel=1e-6)
        covariance = np.eye(3) * 1.5**2
        divergence = 0.5 * (
            np.trace(np.linalg.solve(covariance, cov))
            + loc @ np.linalg.solve(covariance, loc)
            - 3
            + np.linalg.slogdet(covariance)[1]
            - np.linalg.slogdet(cov)[1]
        )
        assert nnrun.kl_divergence(p, other).item() == pytest.approx(divergence, rel=1e-5)
        xp.random.seed(0)
        values = nnrun.cuda.to_cpu(p.sample(20_000).array)
        assert_allclose(values.mean(0), loc, 0.05)
        assert_allclose(np.cov(values.T), cov, 0.1)
        assert (p.batch_shape, p.event_shape, p.d) == ((), (3,), 3)

    def test_a_batch_of_multivariate_normals(self):
        p = D.MultivariateNormal(np.zeros((2, 3)), scale_tril=np.stack([np.eye(3), 2 * np.eye(3)]))
        assert p.sample((5,)).shape == (5, 2, 3)
        assert p.log_prob(np.zeros((5, 2, 3))).shape == (5, 2)
        both = D.MultivariateNormal(np.zeros((2, 3)), cov=np.stack([cov, 4 * cov]))
        assert_allclose(both.covariance, np.stack([cov, 4 * cov]))

    def test_dirichlet(self, xp):
        a, b = np.array([1.5, 2.0, 0.7]), np.array([1.0, 0.8, 2.2])
        p, q = (D.Dirichlet(xp.asarray(v)) for v in (a, b))
        x = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
        norm = lgamma(a).sum() - math.lgamma(a.sum())
        assert_allclose(p.log_prob(xp.asarray(x)), ((a - 1) * np.log(x)).sum(1) - norm)
        assert_allclose(p.mean, a / a.sum())
        xp.random.seed(0)
        sampled = p.sample(20_000)
        values = nnrun.cuda.to_cpu(sampled.array)
        assert_allclose(values.sum(1), np.ones(20_000))
        assert_allclose(values.mean(0), a / a.sum(), 0.01)
        assert_allclose(p.variance, values.var(0), 0.003)
        log_p, log_q = (nnrun.cuda.to_cpu(d.log_prob(sampled).array) for d in (p, q))
        assert p.entropy.item() == pytest.approx(-log_p.mean(), abs=0.03)
        assert nnrun.kl_divergence(p, q).item() == pytest.approx((log_p - log_q).mean(), abs=0.05)

    def test_one_hot_categorical(self, xp):
        probabilities = np.array([[0.2, 0.5, 0.3], [0.1, 0.1, 0.8]])
        p = D.OneHotCategorical(xp.asarray(probabilities))
        q = D.OneHotCategorical(xp.asarray(probabilities[::-1].copy()))
        assert (p.batch_shape, p.event_shape) == ((2,), (3,))
        y = p.sample(2000)
        values = nnrun.cuda.to_cpu(y.array)
        assert y.shape == (2000, 2, 3) and (values.sum(-1) == 1).all()
        assert_allclose(values.mean(0), probabilities, 0.05)
        assert_allclose(p.prob(y).array.mean(axis=0), (probabilities**2).sum(1), 0.05)
        assert_allclose(p.mean, probabilities)
        assert_allclose(p.mode, [[0, 1, 0], [0, 0, 1]])
        assert_allclose(p.variance, probabilities * (1 - probabilities))
        assert_allclose(p.entropy, -(probabilities * np.log(probabilities)).sum(1))
        ratio = np.log(probabilities / probabilities[::-1])
        assert_allclose(nnrun.kl_divergence(p, q), (probabilities * ratio).sum(1))

    def test_independent(self):
        normal = D.Normal(np.arange(6.0).reshape(2, 3), np.ones((2, 3)))
        p, q = (D.Independent(d, 1) for d in (normal, D.Normal(np.zeros((2, 3)), np.ones((2, 3)))))
        x = np.zeros((4, 2, 3))
        assert_allclose(p.log_prob(x), normal.log_prob(x).array.sum(2))
        assert_allclose(p.cdf(x), normal.cdf(x).array.prod(2))
        assert_allclose(p.entropy, normal.entropy.array.sum(1))
        assert_allclose(nnrun.kl_divergence(p, q), nnrun.kl_divergence(normal, q.distribution)
                        .array.sum(1))  # fmt: skip
        assert p.sample(5).shape == (5, 2, 3)
        for name in ("mean", "mode", "variance", "stddev"):
            assert_allclose(getattr(p, name), getattr(normal, name))
        assert D.Independent(normal).event_shape == (3,)
        with pytest.raises(ValueError, match="`reinterpreted_batch_ndims` is 3"):
            D.Independent(normal, 3)
        with pytest.raises(ValueError, match="shapes of"):
            nnrun.kl_divergence(p, D.Independent(normal, 2))


class TestParameters:
    def test_the_other_ways_to_give_them(self):
        one, two = np.full(2, 1.0), np.full(2, 2.0)
        p = D.Normal(one, log_scale=np.log(two))
        assert_allclose(p.scale, two)
        assert_allclose(p.log_scale, np.log(two))
        assert_allclose(D.Uniform(loc=one, scale=two).high, one + two)
        logit = np.log(0.3 / 0.7)
        assert_allclose(D.Bernoulli(logit=np.array(logit)).p, 0.3)
        table = np.log(np.array([0.2, 0.8]))
        assert_allclose(D.Categorical(logit=table).p, [0.2, 0.8])
        assert D.Normal(0.0, np.ones((2, 1))).batch_shape == (2, 1)
        assert list(p.params) == ["loc", "log_scale"]
        assert repr(p) == "<Normal batch_shape=(2,), event_shape=()>"

    def test_values_outside_the_support(self):
        assert D.Uniform(low=0.0, high=1.0).log_prob(np.array([2.0])).item() == -np.inf
        assert D.Exponential(1.0).log_prob(np.array([-1.0])).item() == -np.inf
        assert D.Exponential(1.0).cdf(np.array([-1.0])).item() == 0
        assert D.Pareto(1.0, 2.0).log_prob(np.array([0.5])).item() == -np.inf
        assert D.LogNormal(0.0, 1.0).log_prob(np.array([-0.5])).item() == -np.inf
        checked = D.Bernoulli(0.5, binary_check=True)
        assert checked.log_prob(np.array([0.5])).item() == -np.inf
        assert D.Pareto(1.0, 1.0).mean.item() == np.inf
        assert D.Pareto(1.0, 2.0).variance.item() == np.inf
        assert np.isnan(D.Cauchy(0.0, 1.0).mean.item())
        apart = D.Uniform(low=0.0, high=2.0), D.Uniform(low=0.0, high=1.0)
        assert nnrun.kl_divergence(*apart).item() == np.inf
        assert nnrun.kl_divergence(D.Pareto(1.0, 2.0), D.Pareto(2.0, 2.0)).item() == np.inf

    def test_certainty_has_no_entropy(self):
        assert D.Categorical(np.array([0.5, 0.5])).entropy.item() == pytest.approx(math.log(2))
        with np.errstate(divide="ignore"):
            assert D.Categorical(np.array([0.0, 1.0])).entropy.item() == 0

    @pytest.mark.parametrize(
        ("call", "error", "message"),
        [
            (lambda: D.Normal(0.0), ValueError, "one of `scale` and `log_scale`"),
            (lambda: D.Uniform(low=0.0), ValueError, "`low` and `high`, or"),
            (D.Bernoulli, ValueError, "one of `p` and `logit`"),
            (D.Categorical, ValueError, "one of `p` and `logit`"),
            (lambda: D.Normal("0", 1.0), TypeError, "`loc` must be a Variable"),
            (lambda: D.Dirichlet(1.0), ValueError, "need 1 axes"),
            (
                lambda: D.Normal(np.zeros(2), np.ones(3)),
                ValueError,
                r"Normal: parameters can't be broadcast together: loc \(2,\), scale \(3,\)",
            ),
            (
                lambda: D.MultivariateNormal(np.zeros(2), scale_tril=np.eye(3)),
                ValueError,
                r"wants a matrix of shape \(..., 2, 2\)",
            ),
            (
                lambda: D.MultivariateNormal(np.zeros(2)),
                ValueError,
                "one of `scale_tril` and `cov`",
            ),
            (
                lambda: D.Categorical(np.ones((2, 3)) / 3).log_prob(np.array(1)),
                ValueError,
                "the batch has",
            ),
            (lambda: D.Poisson(1.0).entropy, NotImplementedError, "Poisson.entropy has no formula"),
            (lambda: D.Gamma(1.0, 1.0).cdf(1.0), NotImplementedError, "Gamma.cdf"),
            (
                lambda: nnrun.kl_divergence(D.Poisson(1.0), D.Gamma(1.0, 1.0)),
                NotImplementedError,
                "none is registered of a Poisson and a Gamma",
            ),
        ],
    )
    def test_bad_input(self, call, error, message):
        with pytest.raises(error, match=message):
            call()


def test_gradients_reach_variables_that_were_given():
    m = Variable(np.array([0.5]))
    nnrun.kl_divergence(D.Normal(m, np.ones(1)), D.Normal(np.zeros(1), np.ones(1))).backward()
    assert_allclose(m.grad, [0.5])
