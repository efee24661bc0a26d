"""Each distribution fits its distribution function, at usual and at extreme parameters."""

import numpy as np
import pytest
from tests.ndgpu.random.references import CDFS, CELLS, chi_square_p

import ndgpu
from ndgpu.random.rows import ROWS

N = 20_000
# The lowest of some 90 probabilities is below this in 1 of 50 series of seeds.
LEAST = 2e-4

CASES = [
    ("beta", (2.0, 3.0)), ("beta", (0.5, 0.5)), ("beta", (0.02, 0.3)), ("beta", (1e4, 2e4)),
    ("chisquare", (3.0,)), ("chisquare", (0.1,)),
    ("exponential", (2.5,)), ("exponential", (1e-300,)),
    ("f", (3.0, 8.0)), ("f", (0.4, 0.6)),
    ("gamma", (2.0, 3.0)), ("gamma", (0.3, 1.0)), ("gamma", (1.0, 1.0)), ("gamma", (1e6, 1e-3)),
    ("gumbel", (1.0, 2.0)), ("laplace", (-1.0, 2.0)), ("logistic", (1.0, 0.5)),
    ("lognormal", (0.5, 1.5)),
    ("noncentral_chisquare", (3.0, 2.0)), ("noncentral_chisquare", (0.5, 4.0)),
    ("noncentral_chisquare", (1.0, 0.0)),
    ("noncentral_f", (3.0, 8.0, 2.0)), ("noncentral_f", (0.8, 5.0, 1.0)),
    ("normal", (3.0, 2.0)), ("pareto", (2.5,)), ("power", (4.0,)), ("power", (0.01,)),
    ("rayleigh", (2.0,)), ("standard_cauchy", ()),
    ("standard_gamma", (0.01,)), ("standard_gamma", (1e-3,)), ("standard_gamma", (50.0,)),
    ("standard_t", (1.5,)), ("standard_t", (40.0,)),
    ("triangular", (-1.0, 0.5, 3.0)), ("triangular", (0.0, 0.0, 1.0)),
    ("triangular", (0.0, 1.0, 1.0)), ("uniform", (-2.0, 5.0)),
    ("vonmises", (0.0, 0.0)), ("vonmises", (1.0, 1e-6)), ("vonmises", (0.5, 0.7)),
    ("vonmises", (-1.0, 20.0)), ("vonmises", (0.0, 1e5)), ("vonmises", (0.0, 1e9)),
    ("wald", (1.0, 3.0)), ("wald", (10.0, 0.3)), ("weibull", (1.5,)), ("weibull", (0.2,)),
    ("binomial", (10, 0.3)), ("binomial", (10, 0.97)), ("binomial", (1000, 0.2)),
    ("binomial", (40, 0.5)), ("binomial", (10**9, 1e-9)), ("binomial", (10**15, 0.3)),
    ("binomial", (10**18, 1e-16)), ("binomial", (10**7, 2e-6)),
    ("geometric", (0.3,)), ("geometric", (1e-12,)), ("geometric", (0.999,)),
    ("hypergeometric", (15, 25, 8)), ("hypergeometric", (30, 20, 12)),
    ("hypergeometric", (30, 20, 45)), ("hypergeometric", (400, 90, 200)),
    ("hypergeometric", (10**6, 3 * 10**6, 10**4)),
    ("logseries", (0.6,)), ("logseries", (0.999,)),
    ("negative_binomial", (3, 0.4)), ("negative_binomial", (0.3, 0.1)),
    ("negative_binomial", (50.5, 0.2)),
    ("poisson", (1e-3,)), ("poisson", (4.0,)), ("poisson", (9.999,)), ("poisson", (10.0,)),
    ("poisson", (30.0,)), ("poisson", (1e3,)), ("poisson", (1e9,)), ("poisson", (1e15,)),
    ("zipf", (2.0,)), ("zipf", (1.2,)), ("zipf", (6.0,)),
]  # fmt: skip


def cells(name, params):
    """Bounds of cells of about equal probability, from a sample of NumPy's."""
    sample = getattr(np.random.default_rng(1), name)(*params, size=4001)
    edges = np.unique(np.quantile(sample, np.arange(1, CELLS) / CELLS, method="lower"))
    if not ROWS[name].integer:
        edges = edges[edges != 0]  # what underflowed
    return edges[:-1] if len(edges) > 1 and edges[-1] == sample.max() else edges


def test_every_row_is_tested():
    assert {name for name, _ in CASES} == set(CDFS) == set(ROWS) - {"uniform_any"}


@pytest.mark.parametrize(("name", "params"), CASES)
def test_distribution(name, params):
    seed = sum(map(ord, name)) + len(str(params))
    sample = getattr(ndgpu.random.default_rng(seed), name)(*params, size=N).get()
    assert sample.dtype == (np.int64 if ROWS[name].integer else np.float64)
    assert chi_square_p(sample, cells(name, params), CDFS[name](*params)) > LEAST


def test_the_test_finds_a_wrong_distribution():
    sample = ndgpu.random.default_rng(3).gamma(2.1, 3.0, N).get()
    assert chi_square_p(sample, cells("gamma", (2.0, 3.0)), CDFS["gamma"](2.0, 3.0)) < 1e-6


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(
    ("name", "reference", "params"),
    [
        ("random", "uniform", (0.0, 1.0)),
        ("standard_normal", "normal", (0.0, 1.0)),
        ("standard_exponential", "exponential", (1.0,)),
    ],
)
def test_standard_numbers_in_each_precision(name, reference, params, dtype):
    sample = getattr(ndgpu.random.default_rng(11), name)(N, dtype=dtype).get()
    assert sample.dtype == dtype
    x = sample.astype("f8")
    if dtype != "f2":  # few cells hold the rounding of float16 without harm
        assert chi_square_p(x, cells(reference, params), CDFS[reference](*params)) > LEAST
    # Numbers of one block are independent.
    for step in (1, 2, 3):
        assert abs(np.corrcoef(x[:-step], x[step:])[0, 1]) < 4 / np.sqrt(N)


def test_float32_of_other_distributions():
    for name, params in (("gamma", (2.0, 3.0)), ("laplace", (-1.0, 2.0)), ("beta", (2.0, 3.0))):
        rng = ndgpu.random.default_rng(4)
        x = getattr(rng, name)(*params, size=N, dtype="f4").get()
        assert x.dtype == np.float32
        assert chi_square_p(x.astype("f8"), cells(name, params), CDFS[name](*params)) > LEAST


MOMENTS = {
    "gamma": ((3.0, 2.0), 6.0, 12.0),
    "poisson": ((7.5,), 7.5, 7.5),
    "binomial": ((30, 0.3), 9.0, 6.3),
    "wald": ((2.0, 5.0), 2.0, 8 / 5),
    "normal": ((-4.0, 3.0), -4.0, 9.0),
    "hypergeometric": ((30, 40, 20), 60 / 7, 20 * 30 * 40 * 50 / (70**2 * 69)),
}


@pytest.mark.parametrize("name", MOMENTS)
def test_moments_with_parameters_that_are_arrays(name):
    params, mean, variance = MOMENTS[name]
    rng = ndgpu.random.default_rng(8)
    columns = [ndgpu.asarray([p, p]) for p in params]
    x = getattr(rng, name)(*columns, size=(N, 2)).get().astype("f8")
    assert x.shape == (N, 2)
    bound = 5 * np.sqrt(variance / N)
    assert np.abs(x.mean(0) - mean).max() < bound
    assert np.abs(x.var(0) / variance - 1).max() < 0.08


@pytest.mark.parametrize(("low", "high"), [(0, 7), (-3, 3), (0, 1), (-(2**62), 2**62), (0, 2**63)])
def test_integers_are_uniform(low, high):
    x = ndgpu.random.default_rng(9).integers(low, high, 14_000).get()
    assert x.dtype == np.int64 and low <= x.min() and x.max() < high
    bins = min(high - low, 7)
    counts = np.bincount(
        ((x.astype(object) - low) * bins // (high - low)).astype(int), minlength=bins
    )
    expected = len(x) / bins
    assert ((counts - expected) ** 2 / expected).sum() < 22.5  # chi-square, 6 degrees, 1 in 1000


def test_integers_have_no_bias():
    # Of 3 * 2**62 values a plain remainder or product would give a third twice as often.
    x = ndgpu.random.default_rng(2).integers(0, 3 * 2**62, 9000, dtype="u8").get()
    counts = np.bincount((x // np.uint64(2**62)).astype(int), minlength=3)
    assert ((counts - 3000) ** 2 / 3000).sum() < 13.8
