"""Reductions, scans, statistics, sorting and searching."""

from functools import partial

import numpy as np
from tests.ndgpu.differential.compare import Call

__all__ = ["ENTRIES", "WITH_BFLOAT16"]

_REAL = "biuf"


def _reduction(name, kinds="biufc", initial=False, where=True, dtype=False, several=True, **more):
    def entry(c):
        a = c.array(kinds, exact=True)
        words = c.words(keepdims=(True, False), **more)
        if c.choose(True, True, False):
            words["axis"] = c.axis(a, several=several)
        if initial and c.choose(False, True):
            words["initial"] = c.choose(0, 2)
        if where and c.choose(False, False, True):
            words["where"] = c.mask(a.shape)
        if dtype and c.choose(False, False, True):
            words["dtype"] = c.dtype("f")
        return Call(name, (a,), words)

    return entry


def _of_axis(name, kinds="biufc", ulp=0, none=True, **more):
    def entry(c):
        a = c.array(kinds, exact=True)
        words = c.words(**more)
        if c.choose(True, True, False):
            words["axis"] = c.axis(a, none=none)
        return Call(name, (a,), words, ulp=ulp)

    return entry


def _quantile(name, scale):
    def entry(c):
        a = c.array("iuf", c.shape(0, 3, 1))
        q = c.choose(0.5 * scale, 0.1 * scale, [0.25 * scale, 1.0 * scale], 0, 2 * scale)
        words = c.words(
            keepdims=(True,),
            method=("linear", "lower", "higher", "midpoint", "nearest", "hazen", "weibull"),
        )
        if c.choose(True, False):
            words["axis"] = c.axis(a, several=True)
        return Call(name, (a, q), words)

    return entry


def _average(c):
    a = c.array("iufc", c.shape(1, 2, 1))
    axis = c.choose(None, 0, -1)
    weights = c.array("f", a.shape, low=0.5, high=2)
    return Call("average", (a, axis, weights), c.words(keepdims=(True,)))


def _partition(name):
    def entry(c):
        a = c.array(_REAL, c.shape(1, 2, 2))
        k = c.integer(-2, 1)

        def parts(result):
            # Elements of each part come in any order: the k-th alone is certain.
            values = result if name.endswith("partition") and name[0] == "p" else None
            return result[..., k] if values is not None else result.shape

        return Call(name, (a, k), view=parts)

    return entry


def _sorted_pair(name, **more):
    def entry(c):
        dtype = c.dtype("if")
        a = c.array(shape=c.shape(1, 2), dtype=dtype, special=False)
        b = c.array(shape=c.shape(1, 1), dtype=dtype, special=False)
        return Call(name, (a, b), c.words(**more), ulp=0)

    return entry


def _searchsorted(c):
    dtype = c.dtype("if")
    a = np.sort(c.values((6,), dtype))
    v = c.choose(2, c.array(shape=c.shape(0, 2), dtype=dtype))
    return Call("searchsorted", (a, v), c.words(side=("left", "right")), ulp=0)


def _digitize(c):
    bins = np.sort(c.values((4,), np.dtype("f4"), special=False))
    return Call("digitize", (c.array("f"), bins), c.words(right=(True,)), ulp=0)


def _histogram(name):
    def entry(c):
        a = c.array("iuf", c.shape(0, 2), low=0, high=9)
        words = c.words(bins=(4, [0, 2, 3.5, 9], "auto"), range=((1, 8),))
        if name == "histogram":
            words |= c.words(density=(True,))
            if c.choose(False, True):
                words["weights"] = c.array("f", a.shape, special=False)
        return Call(name, (a,), words)

    return entry


def _histogram2d(c):
    x, y = (c.array("f", (9,), low=0, high=4) for _ in range(2))
    return Call("histogram2d", (x, y), c.words(bins=(3, [3, 2]), density=(True,)))


def _histogramdd(c):
    return Call("histogramdd", (c.array("f", (9, 2), low=0, high=4),), c.words(bins=(3, [3, 2])))


def _bincount(c):
    x = c.array("iu", c.choose((5,), (0,), (3, 2)), low=c.choose(0, 0, -1), high=6)
    words = c.words(minlength=(0, 9))
    if c.choose(False, True) and x.ndim == 1:
        words["weights"] = c.array("f", x.shape, special=False)
    return Call("bincount", (x,), words)


def _lexsort(c):
    shape = c.shape(1, 2)
    return Call("lexsort", ((c.array("if", shape), c.array("i", shape)),), ulp=0)


def _covariance(name):
    def entry(c):
        a = c.array("ifc", c.shape(1, 2, 2), special=False)
        words = c.words(rowvar=(False,))
        if name == "cov":
            words |= c.words(bias=(True,), ddof=(0, 1))
        return Call(name, (a,), words)

    return entry


def _nonzero(name):
    return lambda c: Call(name, (c.array(shape=c.shape(1, 3)),), ulp=0)


def _whole(name, c):
    return Call(name, (c.array(),), ulp=0, view=_in_order if name == "unique_values" else None)


def _in_order(values):
    """NumPy gives distinct values in no order."""
    host = values if isinstance(values, np.ndarray) else values.get()
    return np.sort(host)


def _where(c):
    a, b = c.pair()
    shape = np.broadcast_shapes(np.shape(a), np.shape(b))
    return Call("where", (c.mask(shape), a, b), ulp=0)


ENTRIES = {
    name: _reduction(name, initial=True, dtype=name in ("sum", "prod"))
    for name in ("sum", "prod", "max", "min", "amax", "amin")
}
ENTRIES |= {name: _reduction(name) for name in ("all", "any", "mean")}
ENTRIES |= {name: _reduction(name, correction=(0, 1)) for name in ("std", "var")}
ENTRIES["ptp"] = _reduction("ptp", "iufc", where=False)
ENTRIES["count_nonzero"] = _reduction("count_nonzero", where=False)
ENTRIES |= {
    name: _reduction(name, where=False, several=False)
    for name in ("argmax", "argmin", "nanargmax", "nanargmin")
}
ENTRIES |= {
    name: _reduction(name, initial=name in ("nansum", "nanprod", "nanmax", "nanmin"))
    for name in ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanstd", "nanvar")
}
ENTRIES |= {name: _reduction(name, _REAL, where=False) for name in ("median", "nanmedian")}
ENTRIES |= {name: _quantile(name, 1) for name in ("quantile", "nanquantile")}
ENTRIES |= {name: _quantile(name, 100) for name in ("percentile", "nanpercentile")}
ENTRIES |= {
    name: _of_axis(name, ulp=None) for name in ("cumsum", "cumprod", "nancumsum", "nancumprod")
}
ENTRIES |= {
    name: _of_axis(name, ulp=None, include_initial=(True,))
    for name in ("cumulative_sum", "cumulative_prod")
}
ENTRIES |= {
    "sort": _of_axis("sort", kind=("stable",)),
    # Only a stable order is one and the same.
    "argsort": lambda c: (lambda a: Call("argsort", (a, c.axis(a), "stable"), ulp=0))(c.array()),
    "sort_complex": lambda c: Call("sort_complex", (c.array("ifc", c.shape(1, 2)),), ulp=0),
    "partition": _partition("partition"),
    "argpartition": _partition("argpartition"),
    "average": _average,
    "searchsorted": _searchsorted,
    "digitize": _digitize,
    "histogram": _histogram("histogram"),
    "histogram_bin_edges": _histogram("histogram_bin_edges"),
    "histogram2d": _histogram2d,
    "histogramdd": _histogramdd,
    "bincount": _bincount,
    "lexsort": _lexsort,
    "cov": _covariance("cov"),
    "corrcoef": _covariance("corrcoef"),
    "where": _where,
    "unique": _of_axis(
        "unique", return_index=(True,), return_inverse=(True,), return_counts=(True,)
    ),
    "diff": _of_axis("diff", ulp=0, none=False, n=(1, 2, 0)),
    "unwrap": _of_axis("unwrap", "f", ulp=None, none=False),
    "trapezoid": _of_axis("trapezoid", "iufc", ulp=None, none=False, dx=(2.0,)),
    "ediff1d": lambda c: Call("ediff1d", (c.array("iuf"),), ulp=0),
    "gradient": lambda c: Call(
        "gradient", (c.array("if", c.shape(1, 2, 2), special=False),), c.words(edge_order=(1, 2))
    ),
}
ENTRIES |= {name: _nonzero(name) for name in ("nonzero", "argwhere", "flatnonzero")}
ENTRIES |= {
    name: partial(_whole, name)
    for name in ("unique_all", "unique_counts", "unique_inverse", "unique_values")
}
ENTRIES |= {
    name: _sorted_pair(name, **({"assume_unique": (False,)} if name != "union1d" else {}))
    for name in ("intersect1d", "setdiff1d", "setxor1d", "union1d")
}
ENTRIES["isin"] = _sorted_pair("isin", invert=(True,))

WITH_BFLOAT16 = (
    "sum", "prod", "max", "min", "all", "any", "mean", "std", "var", "ptp", "count_nonzero",
    "argmax", "argmin", "nanargmax", "nanargmin", "nansum", "nanprod", "nanmax", "nanmin",
    "nanmean", "cumsum", "cumprod", "nancumsum", "nancumprod", "sort", "argsort",
)  # fmt: skip
