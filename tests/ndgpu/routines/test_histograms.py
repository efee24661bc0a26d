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
    # the edges' dtype is that of the ends of their range
    ("histogram2d", (R.astype("f4"), R * R, 4)), ("histogram2d", (I.astype("f4"), I)),
    ("histogram2d", (R.astype("f4"), R.astype("f4"), 4), {"density": True}),
    ("histogram2d", (R.astype("f4"), R.astype("f4")), {"range": ((-1, 1), (0, 2))}),
    ("histogram2d", (I > 2, I > 3, 2)), ("histogram2d", (R[:0], R[:0])),
    ("histogramdd", ([1, 2, 2.5],)), ("histogramdd", ([R, R], [3, 2.5])),
    ("histogramdd", ([R, R], [3, 0])), ("histogramdd", ([R, R], [3, [1, 0]])),
    ("histogramdd", ([R, R, R[1:]],)), ("histogramdd", (R.reshape(2, 3, 50),)),
    ("histogramdd", ([R, R],), {"weights": R + 1j}), ("histogramdd", ([R],), {"weights": R[1:]}),
    # elements that are all alike leave the width of a bin at zero
    *[("histogram", (np.array([2, 2]), bins, (1, 8))) for bins in ("auto", "fd", "stone", "rice")],
    ("histogram", (R, "stone", (-9, 9))), ("histogram", (np.array([3e8, 3e8], "f4"), 4)),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
