"""Histograms against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
I = RNG.integers(0, 6, 40)
R = RNG.standard_normal(300)


@rows(
    ("bincount", (I,)), ("bincount", (I,), {"weights": R[:40], "minlength": 9}),
    ("bincount", (np.array([-1, 2]),)), ("bincount", (R,)), ("bincount", (np.zeros(0, int),)),
    *[("histogram", (R, bins)) for bins in (10, "auto", "fd", "doane", "scott", "rice", "sturges",
      "sqrt", "stone", [-1, 0, 0.5, 2], "other", 0, [2, 1])],
    ("histogram", (I, 5)), ("histogram", (R, 5, (-1, 1), True)), ("histogram", (I, "auto")),
    ("histogram", (R, 5), {"weights": R * R}), ("histogram_bin_edges", (R, 7)),
    ("histogram2d", (R, R * R, [4, 5])), ("histogram2d", (R, R[1:])),
    ("histogram2d", (R, R * R, [[-1, 0, 1], 3]), {"weights": R}),
    ("histogramdd", (RNG.random((50, 3)), (2, 3, 4)), {"density": True}),
    ("histogramdd", (RNG.random((50, 3)), (2, 3))),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
