"""Special functions against mpmath, at the edges of their domains, and over dtypes."""

import mpmath
import numpy as np
import pytest

import ndgpu
from ndgpu import special
from ndgpu.special.rows import ALIASES, ROWS

INF, NAN = float("inf"), float("nan")
mp = mpmath.mp.clone()
mp.dps = 40


# Reference, ranges of the operands, and the most units in the last place that are lost.
REFERENCES = {
    "erf": (mp.erf, [(-6, 6)], 4),
    "erfc": (mp.erfc, [(-6, 8)], 16),
    "erfcx": (lambda x: mp.exp(x * x) * mp.erfc(x), [(-5, 20)], 64),
    "erfinv": (mp.erfinv, [(-0.999, 0.999)], 8),
    "erfcinv": (lambda x: mp.erfinv(1 - mp.mpf(x)), [(0.001, 1.9)], 64),
    "ndtr": (mp.ncdf, [(-8, 8)], 64),
    "ndtri": (lambda p: mp.sqrt(2) * mp.erfinv(2 * mp.mpf(p) - 1), [(0.001, 0.4)], 64),
    "log_ndtr": (lambda x: mp.log(mp.ncdf(x)), [(-20, 5)], 64),
    "gamma": (mp.gamma, [(0.1, 30)], 64),
    "gammaln": (lambda x: mp.log(abs(mp.gamma(x))), [(3, 100)], 8),
    "gammasgn": (lambda x: mp.sign(mp.gamma(x)), [(-5.9, 5)], 0),
    "rgamma": (mp.rgamma, [(0.1, 30)], 64),
    "digamma": (lambda x: mp.psi(0, x), [(2, 50)], 16),
    "polygamma": (lambda n, x: mp.psi(int(n), x), [(1, 5), (0.5, 30)], 64),
    "gammainc": (
        lambda a, x: mp.gammainc(a, 0, x, regularized=True),
        [(0.5, 60), (0.5, 60)],
        2000,
    ),
    "gammaincc": (
        lambda a, x: mp.gammainc(a, x, mp.inf, regularized=True),
        [(30, 60), (20, 60)],
        2000,
    ),
    "beta": (mp.beta, [(0.2, 12), (0.2, 12)], 64),
    "betaln": (lambda a, b: mp.log(mp.beta(a, b)), [(3, 12), (3, 12)], 256),
    "binom": (mp.binomial, [(5, 30), (0.5, 4)], 256),
    "poch": (mp.rf, [(3, 12), (2, 9)], 256),
    "zeta": (mp.zeta, [(1.2, 20), (0.3, 30)], 64),
    "j0": (lambda x: mp.besselj(0, x), [(0, 2)], 8),
    "j1": (lambda x: mp.besselj(1, x), [(0.1, 3)], 8),
    "y0": (lambda x: mp.bessely(0, x), [(1, 3)], 16),
    "y1": (lambda x: mp.bessely(1, x), [(0.1, 2)], 16),
    "i0": (lambda x: mp.besseli(0, x), [(-20, 20)], 16),
    "i1": (lambda x: mp.besseli(1, x), [(-20, 20)], 16),
    "i0e": (lambda x: mp.exp(-abs(x)) * mp.besseli(0, x), [(-300, 300)], 64),
    "i1e": (lambda x: mp.exp(-abs(x)) * mp.besseli(1, x), [(-300, 300)], 64),
    "expit": (lambda x: 1 / (1 + mp.exp(-x)), [(-80, 30)], 4),
    "logit": (lambda p: mp.log(p / (1 - p)), [(0.001, 0.999)], 16),
    "log_expit": (lambda x: -mp.log(1 + mp.exp(-x)), [(-30, 30)], 8),
    "entr": (lambda x: -x * mp.log(x), [(0.01, 0.9)], 8),
    "rel_entr": (lambda x, y: x * mp.log(x / y), [(0.1, 1), (2, 4)], 8),
    "kl_div": (lambda x, y: x * mp.log(x / y) - x + y, [(0.1, 1), (2, 4)], 16),
    "xlogy": (lambda x, y: x * mp.log(y), [(-2, 2), (2, 9)], 8),
    "xlog1py": (lambda x, y: x * mp.log(1 + y), [(-2, 2), (1e-6, 9)], 8),
    "huber": (
        lambda d, r: r * r / 2 if abs(r) <= d else d * (abs(r) - d / 2),
        [(0.5, 2), (-5, 5)],
        8,
    ),
    "pseudo_huber": (
        lambda d, r: d * d * (mp.sqrt(1 + (r / d) ** 2) - 1),
        [(0.5, 2), (-5, 5)],
        8,
    ),
    "boxcox": (lambda x, k: (x**k - 1) / k, [(2, 9), (0.1, 3)], 64),
    "boxcox1p": (lambda x, k: ((1 + x) ** k - 1) / k, [(0.1, 9), (0.1, 3)], 64),
    "inv_boxcox": (lambda y, k: (k * y + 1) ** (1 / k), [(0.1, 5), (0.2, 3)], 64),
    "inv_boxcox1p": (lambda y, k: (k * y + 1) ** (1 / k) - 1, [(0.1, 5), (0.2, 3)], 64),
    "cosm1": (lambda x: mp.cos(x) - 1, [(-1, 1)], 8),
    "exprel": (lambda x: mp.expm1(x) / x, [(-5, 5)], 8),
    "exp10": (lambda x: mp.power(10, x), [(-5, 5)], 8),
}


def test_the_table_of_references_is_complete():
    assert REFERENCES.keys() == ROWS.keys()
    for name in (*ROWS, *ALIASES, "cbrt", "exp2", "expm1", "log1p"):
        assert name in special.__all__ and isinstance(getattr(special, name), ndgpu.ufunc)


# In single precision those whose methods depend on it: series, recurrences, thresholds.
SINGLE = ("beta", "digamma", "exprel", "gammainc", "i0e", "logit", "log_ndtr", "zeta", "erfc")


# What is CUDA's own is tested with the driver; here it is that the row calls it.
OWN = [name for name, row in ROWS.items() if "special::" in row.code]
LATER = [(n, "f8") for n in REFERENCES if n not in OWN] + [(n, "f4") for n in SINGLE]


@pytest.mark.parametrize(
    "name, dtype",
    [(n, "f8") for n in OWN] + [pytest.param(*v, marks=pytest.mark.nightly) for v in LATER],
)
def test_values(name, dtype, rng):
    reference, ranges, ulps = REFERENCES[name]
    operands = [rng.uniform(*r, 60).astype(dtype) for r in ranges]
    if name == "polygamma":
        operands[0] = np.floor(operands[0])
    got = getattr(special, name)(*map(ndgpu.asarray, operands)).get()
    assert got.dtype == dtype
    wanted = np.array(
        [float(reference(*map(mp.mpf, map(float, v)))) for v in zip(*operands, strict=True)]
    )
    error = np.abs(got.astype("f8") - wanted) / np.abs(wanted) / np.finfo(dtype).eps
    assert error.max() <= ulps + 1, (error.max(), [o[error.argmax()] for o in operands])


EDGES = [
    ("erf", (-INF,), -1),
    ("erfc", (INF,), 0),
    ("erfinv", (1,), INF),
    ("erfinv", (2,), NAN),
    ("ndtri", (0,), -INF),
    ("log_ndtr", (-INF,), -INF),
    ("log_ndtr", (-1e4,), -50000010.129278915),
    ("gamma", (0,), INF),
    ("gamma", (-0.0,), -INF),
    ("gamma", (-2,), NAN),
    ("gammaln", (-2,), INF),
    ("gammasgn", (-0.0,), -1),
    ("gammasgn", (-3,), NAN),
    ("rgamma", (-3,), 0),
    ("digamma", (0,), -INF),
    ("digamma", (-0.0,), INF),
    ("digamma", (-1,), NAN),
    ("digamma", (INF,), INF),
    ("digamma", (-1.5,), 0.7031566406452432),
    ("digamma", (1,), -0.5772156649015329),
    ("polygamma", (0, 1), -0.5772156649015329),
    ("polygamma", (-1, 1), NAN),
    ("polygamma", (1.5, 1), NAN),
    ("zeta", (1, 1), INF),
    ("zeta", (0.5, 1), NAN),
    ("zeta", (2, 1), 1.6449340668482264),
    ("zeta", (2, -1), INF),
    ("zeta", (2, -0.5), 8.934802200544679),
    ("zeta", (2.5, -0.5), NAN),
    ("zeta", (INF, 2), 0),
    ("zeta", (NAN, 2), NAN),
    ("zeta", (2, 1e300), 1e-300),
    ("gammainc", (1, 0), 0),
    ("gammainc", (1, INF), 1),
    ("gammainc", (0, 1), 1),
    ("gammainc", (0, 0), NAN),
    ("gammainc", (-1, 1), NAN),
    ("gammainc", (INF, 5), 0),
    ("gammaincc", (1, 700), 9.8596765437597708e-305),
    ("gammaincc", (1e3, 1e3), 0.49579475581978449),
    ("beta", (0, 1), INF),
    ("beta", (-0.5, 0.5), 0),
    ("binom", (5, 2), 10),
    ("binom", (5, -1), 0),
    ("binom", (-3, 2), 6),
    ("poch", (3, 0), 1),
    ("poch", (-2, 2), 2),
    ("y0", (0,), -INF),
    ("y1", (-1,), NAN),
    ("i0e", (INF,), 0),
    ("i1e", (-1e6,), -0.00039894213080056916),
    ("expit", (-INF,), 0),
    ("expit", (800,), 1),
    ("expit", (-740,), 4.2e-322),
    ("logit", (0,), -INF),
    ("logit", (1,), INF),
    ("logit", (2,), NAN),
    ("log_expit", (-1000,), -1000),
    ("entr", (0,), 0),
    ("entr", (-1,), -INF),
    ("rel_entr", (0, 0), 0),
    ("rel_entr", (1, 0), INF),
    ("rel_entr", (NAN, 1), NAN),
    ("kl_div", (0, 2), 2),
    ("kl_div", (-1, 2), INF),
    ("xlogy", (0, 0), 0),
    ("xlogy", (0, NAN), NAN),
    ("xlog1py", (0, -1), 0),
    ("huber", (-1, 1), INF),
    ("pseudo_huber", (0, 1), 0),
    ("boxcox", (3, 0), 1.0986122886681098),
    ("inv_boxcox", (3, 0), 20.085536923187668),
    ("exprel", (0,), 1),
    ("exprel", (INF,), INF),
    ("exprel", (-INF,), 0),
    ("cosm1", (1e-8,), -5e-17),
]


@pytest.mark.parametrize("name, operands, wanted", EDGES)
def test_edges(name, operands, wanted):
    got = float(getattr(special, name)(*[ndgpu.asarray(float(v)) for v in operands]))
    np.testing.assert_allclose(got, wanted, rtol=1e-11, atol=5e-324)
    if wanted == 0 and not np.isnan(got):
        assert got == 0


@pytest.mark.parametrize(
    "dtype, result",
    [("e", "f"), ("?", "f"), ("b", "f"), ("H", "f"), ("i", "d"), ("q", "d"), ("f", "f")],
)
def test_dtypes_are_scipys(dtype, result):
    x = ndgpu.ones(2, dtype)
    assert special.erf(x).dtype == result
    assert special.xlogy(x, x).dtype == result


def test_bfloat16_stays():
    assert special.erf(ndgpu.ones(2, ndgpu.bfloat16)).dtype == ndgpu.bfloat16


def test_complex_numbers_are_refused():
    with pytest.raises(TypeError):
        special.erf(ndgpu.ones(2, "c8"))


def test_they_are_ufuncs():
    x = ndgpu.asarray([[0.0], [1.0]])
    out = ndgpu.zeros((2, 3))
    assert special.xlogy(x, ndgpu.arange(1.0, 4.0), out=out, where=x > 0) is out
    np.testing.assert_allclose(out.get(), [[0, 0, 0], np.log([1, 2, 3])], rtol=1e-15)
    assert special.xlogy.outer(ndgpu.ones(2), ndgpu.ones(3)).shape == (2, 3)


ROWS_OF_NUMBERS = np.array([[1000.0, 1001.0, -INF], [-1e4, -1e4, -1e4], [0.5, -0.5, 0.1]])


def test_reductions_of_exponentials():
    x = ndgpu.asarray(ROWS_OF_NUMBERS)
    sums = special.logsumexp(x, axis=1).get()
    wanted = [1001 + np.log1p(np.exp(-1)), -1e4 + np.log(3), np.log(np.exp([0.5, -0.5, 0.1]).sum())]
    np.testing.assert_allclose(sums, wanted, rtol=1e-14)
    assert special.logsumexp(x, axis=(0, 1), keepdims=True).shape == (1, 1)
    parts = special.softmax(x, axis=1).get()
    np.testing.assert_allclose(parts.sum(1), 1, rtol=1e-15)
    np.testing.assert_allclose(parts, np.exp(ROWS_OF_NUMBERS - sums[:, None]), rtol=1e-12)
    logs = special.log_softmax(x, axis=1).get()
    np.testing.assert_allclose(logs, ROWS_OF_NUMBERS - sums[:, None], rtol=1e-11, atol=1e-12)


def test_reductions_of_infinities_and_other_dtypes():
    assert float(special.logsumexp(ndgpu.full(3, -INF))) == -INF
    assert float(special.logsumexp(ndgpu.asarray([INF, 1]))) == INF
    assert np.isnan(float(special.logsumexp(ndgpu.asarray([NAN, 1]))))
    assert special.softmax(ndgpu.ones(4, "f4")).dtype == "f4"
    assert special.softmax(ndgpu.arange(4)).dtype == "f8"
    weighted = special.logsumexp(ndgpu.asarray([0.0, 0.0]), b=ndgpu.asarray([3.0, -1.0]))
    np.testing.assert_allclose(float(weighted), np.log(2), rtol=1e-15)
