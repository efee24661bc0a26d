"""The table of distributions: one row for each that draws its elements one by one.

A row is its parameters with their rules and a C++ expression over them and ``g``, the
element's `ndgpu::RandomStream`.  Formulas by inversion are here; what loops is in
``<ndgpu/random.cuh>`` and ``<ndgpu/random_discrete.cuh>``, with its source.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from ndgpu.random.parameters import (
    BELOW_ONE,
    GREATER_ONE,
    MEAN,
    NOT_NEGATIVE,
    POSITIVE,
    POSITIVE_NUMBER,
    PROBABILITY,
    PROBABILITY_NOT_ZERO,
    Param,
    Relation,
)

__all__ = ["ROWS", "Row"]


class Row(NamedTuple):
    """A distribution.

    Attributes
    ----------
    name : str
    params : tuple of Param
    code : str
        One element, as a C++ expression.
    relations : tuple of Relation
    integer : bool
        Whether the numbers are integers.
    discrete : bool
        Whether the expression needs ``<ndgpu/random_discrete.cuh>``.
    """

    name: str
    params: tuple[Param, ...]
    code: str
    relations: tuple[Relation, ...] = ()
    integer: bool = False
    discrete: bool = False

    def broken(self) -> Iterator[str]:
        """C++ conditions, each true of parameters that are not allowed."""
        for param in self.params:
            if param.rule.code != "false":
                yield param.rule.code.format(param.variable)
        for relation in self.relations:
            yield relation.code


def _continuous(name: str, params: tuple[Param, ...], code: str, *relations: Relation) -> Row:
    return Row(name, params, code, relations, False, "noncentral" in code)


def _discrete(name: str, params: tuple[Param, ...], code: str, *relations: Relation) -> Row:
    return Row(name, params, code, relations, True, True)


_LOC = Param("loc")
_SCALE = Param("scale", NOT_NEGATIVE)
_A = Param("a", POSITIVE)
_DF = Param("df", POSITIVE)
_DFNUM, _DFDEN = Param("dfnum", POSITIVE), Param("dfden", POSITIVE)
_NONC = Param("nonc", NOT_NEGATIVE)
_MOST = 2**63 - 1
_LARGEST_MEAN = float(_MOST - 10 * np.sqrt(_MOST))
"""NumPy's bound for Poisson means: ten deviations below the largest int64."""


def _range_is_infinite(low: Any, high: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        return ~np.isfinite(np.subtract(high, low))


def _negative_binomial_mean(n: Any, p: Any) -> Any:
    with np.errstate(over="ignore", invalid="ignore"):
        mean = (1 - np.asarray(p)) / p * (n + 10 * np.sqrt(n))
        return ~(mean <= _LARGEST_MEAN)


_FINITE_RANGE = Relation(
    _range_is_infinite, "!isfinite(high - low)", "Range exceeds valid bounds", OverflowError
)
_LEGACY_UNIFORM = _continuous(
    "uniform_any", (Param("low"), Param("high")), "low + (high - low) * g.uniform()", _FINITE_RANGE
)

_TABLE = (
    _LEGACY_UNIFORM,
    _continuous(
        "uniform",
        (Param("low"), Param("high")),
        "low + (high - low) * g.uniform()",
        _FINITE_RANGE,
        Relation(lambda low, high: np.less(high, low), "high < low", "high - low < 0"),
    ),
    _continuous("normal", (_LOC, _SCALE), "loc + scale * g.normal()"),
    _continuous(
        "lognormal",
        (Param("mean"), Param("sigma", NOT_NEGATIVE)),
        "exp(mean + sigma * g.normal())",
    ),
    _continuous("exponential", (_SCALE,), "scale * g.exponential()"),
    _continuous("standard_gamma", (Param("shape", NOT_NEGATIVE),), "standard_gamma(g, shape)"),
    _continuous(
        "gamma", (Param("shape", NOT_NEGATIVE), _SCALE), "scale * standard_gamma(g, shape)"
    ),
    _continuous("beta", (_A, Param("b", POSITIVE)), "beta(g, a, b)"),
    _continuous("chisquare", (_DF,), "chisquare(g, df)"),
    _continuous("noncentral_chisquare", (_DF, _NONC), "noncentral_chisquare(g, df, nonc)"),
    _continuous("f", (_DFNUM, _DFDEN), "f_ratio(g, dfnum, dfden)"),
    _continuous("noncentral_f", (_DFNUM, _DFDEN, _NONC), "noncentral_f(g, dfnum, dfden, nonc)"),
    _continuous("standard_t", (_DF,), "standard_t(g, df)"),
    _continuous("standard_cauchy", (), "standard_cauchy(g)"),
    _continuous("vonmises", (Param("mu"), Param("kappa", NOT_NEGATIVE)), "vonmises(g, mu, kappa)"),
    _continuous("pareto", (_A,), "expm1(g.exponential() / a)"),
    _continuous("weibull", (Param("a", NOT_NEGATIVE),), "weibull(g, a)"),
    _continuous("power", (_A,), "exp(log(g.open()) / a)"),
    _continuous("laplace", (_LOC, _SCALE), "laplace(g, loc, scale)"),
    _continuous("gumbel", (_LOC, _SCALE), "loc - scale * log(g.exponential())"),
    _continuous("logistic", (_LOC, _SCALE), "logistic(g, loc, scale)"),
    _continuous("rayleigh", (_SCALE,), "scale * sqrt(2 * g.exponential())"),
    _continuous(
        "wald", (Param("mean", POSITIVE), Param("scale", POSITIVE)), "wald(g, mean, scale)"
    ),
    _continuous(
        "triangular",
        (Param("left"), Param("mode"), Param("right")),
        "triangular(g, left, mode, right)",
        Relation(lambda left, mode, right: np.greater(left, mode), "left > mode", "left > mode"),
        Relation(lambda left, mode, right: np.greater(mode, right), "mode > right", "mode > right"),
        Relation(lambda left, mode, right: np.equal(left, right), "left == right", "left == right"),
    ),
    _discrete(
        "binomial",
        (Param("n", NOT_NEGATIVE, True), Param("p", PROBABILITY)),
        "binomial(g, n_, p)",
    ),
    _discrete(
        "negative_binomial",
        (Param("n", POSITIVE_NUMBER), Param("p", PROBABILITY_NOT_ZERO)),
        "negative_binomial(g, n_, p)",
        Relation(
            _negative_binomial_mean,
            f"!((1 - p) / p * (n_ + 10 * sqrt(n_)) <= {_LARGEST_MEAN!r})",
            "n too large or p too small, see Generator.negative_binomial Notes",
        ),
    ),
    _discrete(
        "poisson",
        (Param("lam", MEAN),),
        "poisson(g, lam)",
        Relation(
            lambda lam: np.greater(lam, _LARGEST_MEAN),
            f"lam > {_LARGEST_MEAN!r}",
            "lam value too large",
        ),
    ),
    _discrete("geometric", (Param("p", PROBABILITY_NOT_ZERO),), "geometric(g, p)"),
    _discrete("logseries", (Param("p", BELOW_ONE),), "logseries(g, p)"),
    _discrete("zipf", (Param("a", GREATER_ONE),), "zipf(g, a)"),
    _discrete(
        "hypergeometric",
        (
            Param("ngood", NOT_NEGATIVE, True),
            Param("nbad", NOT_NEGATIVE, True),
            Param("nsample", NOT_NEGATIVE, True),
        ),
        "hypergeometric(g, ngood, nbad, nsample)",
        Relation(
            lambda good, bad, sample: np.less(np.add(good, bad), sample),
            "ngood + nbad < nsample",
            "ngood + nbad < nsample",
        ),
    ),
)

ROWS: dict[str, Row] = {row.name: row for row in _TABLE}
"""By name: NumPy's, and `uniform_any` for the older `uniform`, whose bounds may be exchanged."""
