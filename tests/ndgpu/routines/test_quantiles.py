"""Order statistics against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
METHODS = [
    "inverted_cdf",
    "averaged_inverted_cdf",
    "closest_observation",
    "interpolated_inverted_cdf",
    "hazen",
    "weibull",
    "linear",
    "median_unbiased",
    "normal_unbiased",
    "lower",
    "higher",
    "midpoint",
    "nearest",
]
I = RNG.integers(0, 6, (5, 8))
R = RNG.standard_normal((15, 20))
F = I.astype(float)
F[1, 2] = F[3, 3] = np.nan
Q = [0, 0.25, 0.5, 0.97, 1]


@rows(
    *[("quantile", (R, 0.3), {"axis": 1, "method": m}) for m in METHODS],
    *[("quantile", (I, Q), {"axis": 0, "method": m, "keepdims": True}) for m in METHODS],
    *[("nanquantile", (F, Q), {"axis": 1, "method": m}) for m in METHODS],
    ("percentile", (F.astype("f4"), [10, 50])),
    ("quantile", (R, 2)),
    ("quantile", (R, 0.5, 4)),
    ("nanpercentile", (F, 40)),
    ("quantile", (R, 0.5), {"method": "other"}),
    ("quantile", (R, [0.2, 0.5]), {"method": "inverted_cdf", "weights": abs(R)}),
    ("quantile", (R, 0.4), {"axis": 1, "method": "inverted_cdf", "weights": np.arange(20.0)}),
    *[
        (f, (a,), {"axis": axis})
        for f in ("median", "nanmedian")
        for a in (I, F, F.astype("f2"))
        for axis in (None, 0, (0, 1))
    ],
    ("median", (R,), {"axis": 1, "keepdims": True}),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
