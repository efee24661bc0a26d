"""Reductions without NaN, and correlations, against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
I = RNG.integers(0, 3, (4, 6))
F = I + RNG.random((4, 6))
F[1, 2] = F[3, 3] = np.nan
R = RNG.standard_normal((3, 9))
NAMES = ("nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd")


@rows(
    *[(name, (F,), {"axis": axis}) for name in NAMES for axis in (None, 0, 1)],
    *[(name, (I,), {"axis": 1, "keepdims": True}) for name in NAMES],
    *[
        (name, (np.asarray(value),), {"axis": axis})
        for name in ("nanmean", "nanvar", "nanstd")
        for value in (2.5, 3)
        for axis in (0, -1, 1, (0,))
    ],
    *[
        (name, (np.asarray(3),), {"axis": 0, "where": where})
        for name in ("mean", "var", "std", "nanmean", "nanvar")
        for where in (np.asarray(True), True)
    ],
    ("nanargmax", (F,)),
    ("nanargmin", (F, 1)),
    ("nanargmax", (F * np.nan, 1)),
    ("nanvar", (F,), {"ddof": 2, "axis": 0}),
    ("nanmean", (F,), {"where": I > 0}),
    ("cov", (R,)),
    ("cov", (R,), {"rowvar": False}),
    ("cov", (R[0], R[1]), {"ddof": 0}),
    ("cov", (R,), {"fweights": np.arange(9), "aweights": np.arange(9) + 0.5}),
    ("cov", (R,), {"fweights": np.arange(8)}),
    ("corrcoef", (R,)),
    ("corrcoef", (R + 1j * R[::-1],)),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
