"""Distribution functions, exact or to many digits, by mpmath; and a chi-square test."""

import math

import mpmath as mp
import numpy as np

__all__ = ["CDFS", "chi_square_p"]

CELLS = 24
"""Cells of about equal probability into which a sample is sorted."""


def chi_square_p(sample, edges, cdf):
    """Probability that a sample of this distribution fits worse.

    The cells are ``(e[k-1], e[k]]``, with open ends.
    """
    bounds = np.array([0.0, *[float(cdf(float(e))) for e in edges], 1.0])
    expected = np.diff(bounds) * len(sample)
    counts = np.bincount(np.searchsorted(edges, sample, "left"), minlength=len(edges) + 1)
    kept = expected > 0
    assert counts[~kept].sum() == 0
    statistic = ((counts - expected)[kept] ** 2 / expected[kept]).sum()
    return float(mp.gammainc((kept.sum() - 1) / 2, statistic / 2, mp.inf, regularized=True))


def _gamma(shape):
    """The lower incomplete gamma function, by its series or continued fraction."""

    def cdf(x):
        if x <= 0:
            return 0.0
        x = float(x)
        front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
        if x < shape + 1:
            term = total = 1 / shape
            k = shape
            while term > total * 1e-17:
                k += 1
                term *= x / k
                total += term
            return total * front
        return 1 - front * _fraction(
            lambda j: (1.0, x + 1 - shape) if j == 0 else (-j * (j - shape), x + 2 * j + 1 - shape)
        )

    return cdf


def _beta(a, b):
    """The incomplete beta function, by its continued fraction."""
    a, b = float(a), float(b)

    def part(a, b, x):
        log_front = a * math.log(x) + b * math.log1p(-x)
        log_front += math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)

        def term(j):
            m = j // 2
            if j == 0:
                return 1.0, 1.0
            if j % 2:
                return -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)), 1.0
            return m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)), 1.0

        return math.exp(log_front) / a * _fraction(term)

    def cdf(x):
        x = float(x)
        if x <= 0 or x >= 1:
            return float(x >= 1)
        return part(a, b, x) if x < (a + 1) / (a + b + 2) else 1 - part(b, a, 1 - x)

    return cdf


def _fraction(term):
    """The continued fraction ``a0 / (b0 + a1 / (b1 + ...))``, ``term(j) == (a[j], b[j])``."""
    tiny = 1e-300
    value, c, d = tiny, tiny, 0.0
    for j in range(100_000):
        a, b = term(j)
        d = 1 / (b + a * d or tiny)
        c = b + a / c or tiny
        value *= c * d
        if abs(c * d - 1) < 1e-15:
            return value
    raise ArithmeticError("no convergence")


def _chisquare(df):
    return lambda x: _gamma(df / 2)(x / 2)


def _f(d1, d2):
    return lambda x: _beta(d1 / 2, d2 / 2)(d1 * x / (d1 * x + d2))


def _t(df):
    def cdf(x):
        tail = _beta(df / 2, 0.5)(df / (df + x * x)) / 2
        return tail if x < 0 else 1 - tail

    return cdf


def _poisson_mixture(mean, cdf_of):
    """Mix distributions with Poisson weights."""
    count = int(mean + 12 * mean**0.5 + 20)
    weights = [mp.exp(-mean) * mp.mpf(mean) ** k / mp.factorial(k) for k in range(count)]
    return lambda x: mp.fsum(w * cdf_of(k)(x) for k, w in enumerate(weights))


def _noncentral_f(d1, d2, nonc):
    return _poisson_mixture(nonc / 2, lambda k: lambda x: _f(d1 + 2 * k, d2)(x * d1 / (d1 + 2 * k)))


def _wald(mean, scale):
    def cdf(x):
        root = mp.sqrt(scale / x)
        return mp.ncdf(root * (x / mean - 1)) + mp.exp(2 * scale / mean) * mp.ncdf(
            -root * (x / mean + 1)
        )

    return cdf


def _vonmises(mu, kappa):
    if kappa > 1e4:  # normal but for terms of 1 / kappa
        return lambda x: mp.ncdf((x - mu) * mp.sqrt(kappa))
    weight = [
        mp.besseli(j, kappa) / mp.besseli(0, kappa) for j in range(1, int(6 + 8 * kappa**0.5))
    ]

    def integral(x):
        return (
            x / (2 * mp.pi)
            + mp.fsum(w * mp.sin(j * x) / j for j, w in enumerate(weight, 1)) / mp.pi
        )

    return lambda x: integral(x - mu) - integral(-mp.pi - mu)


def _triangular(left, mode, right):
    base = right - left
    return lambda x: (
        (x - left) ** 2 / (base * (mode - left))
        if x < mode
        else 1 - (right - x) ** 2 / (base * (right - mode))
    )


def _poisson(lam):
    if lam > 1e5:  # normal, with half a step and the skewness of the first order
        return lambda k: _skewed((k + 0.5 - lam) / mp.sqrt(lam), 1 / mp.sqrt(lam))
    return lambda k: 1 - _gamma(k + 1)(lam)


def _skewed(z, skewness):
    return mp.ncdf(z) - skewness * (z * z - 1) * mp.npdf(z) / 6


def _binomial(n, p):
    spread = mp.sqrt(n * mp.mpf(p) * (1 - p))
    if spread > 300:
        return lambda k: _skewed((k + 0.5 - n * p) / spread, (1 - 2 * p) / spread)
    if p < 1e-12:
        return _poisson(n * p)
    return lambda k: mp.mpf(1) if k >= n else _beta(n - k, k + 1)(1 - p)


def _summed(first, ratio, start=0, stop=10**5):
    """Distribution function from the first probability and the ratios of those that follow."""
    sums = [first]
    term = first
    for k in range(start, stop):
        step = ratio(k)
        term *= step
        sums.append(sums[-1] + term)
        if step < 1 and term < 1e-25:
            break
    return lambda x: sums[min(int(x) - start, len(sums) - 1)] if x >= start else 0


def _hypergeometric(good, bad, sample):
    def log_choose(n, k):
        return mp.loggamma(n + 1) - mp.loggamma(k + 1) - mp.loggamma(n - k + 1)

    mean = sample * mp.mpf(good) / (good + bad)
    spread = mp.sqrt(mean * bad / (good + bad) * (good + bad - sample) / (good + bad))
    low = max(int(mean - 14 * spread), 0, sample - bad)
    first = mp.exp(
        log_choose(good, low) + log_choose(bad, sample - low) - log_choose(good + bad, sample)
    )

    def ratio(k):
        return mp.mpf(good - k) * (sample - k) / ((k + 1) * mp.mpf(bad - sample + k + 1))

    return _summed(first, ratio, low)


def _zipf(a):
    return lambda k: 1 - mp.zeta(a, k + 1) / mp.zeta(a)


def _logseries(p):
    return _summed(-p / math.log1p(-p), lambda k: p * k / (k + 1), 1)


CDFS = {
    "beta": _beta,
    "binomial": _binomial,
    "chisquare": _chisquare,
    "exponential": lambda scale: lambda x: -mp.expm1(-x / scale),
    "f": _f,
    "gamma": lambda shape, scale: lambda x: _gamma(shape)(x / scale),
    "geometric": lambda p: lambda k: -mp.expm1(k * mp.log1p(-p)),
    "gumbel": lambda loc, scale: lambda x: mp.exp(-mp.exp(-(x - loc) / scale)),
    "hypergeometric": _hypergeometric,
    "laplace": lambda loc, scale: (
        lambda x: mp.exp((x - loc) / scale) / 2 if x < loc else 1 - mp.exp((loc - x) / scale) / 2
    ),
    "logistic": lambda loc, scale: lambda x: 1 / (1 + mp.exp(-(x - loc) / scale)),
    "lognormal": lambda mean, sigma: lambda x: mp.ncdf((mp.log(x) - mean) / sigma),
    "logseries": _logseries,
    "negative_binomial": lambda n, p: lambda k: _beta(n, k + 1)(p),
    "noncentral_chisquare": lambda df, nonc: _poisson_mixture(
        nonc / 2, lambda k: _chisquare(df + 2 * k)
    ),
    "noncentral_f": _noncentral_f,
    "normal": lambda loc, scale: lambda x: mp.ncdf((x - loc) / scale),
    "pareto": lambda a: lambda x: 1 - (1 + x) ** -a,
    "poisson": _poisson,
    "power": lambda a: lambda x: x**a,
    "rayleigh": lambda scale: lambda x: -mp.expm1(-((x / scale) ** 2) / 2),
    "standard_cauchy": lambda: lambda x: mp.atan(x) / mp.pi + 0.5,
    "standard_gamma": _gamma,
    "standard_t": _t,
    "triangular": _triangular,
    "uniform": lambda low, high: lambda x: (x - low) / (high - low),
    "vonmises": _vonmises,
    "wald": _wald,
    "weibull": lambda a: lambda x: -mp.expm1(-(x**a)),
    "zipf": _zipf,
}
