"""Differences, totals and integrals against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
A = RNG.random((4, 5))
I = RNG.integers(-9, 9, (3, 6))


@rows(
    ("diff", (A, 2)), ("diff", (I > 0,)), ("diff", (I,), {"prepend": 0, "append": I[:, :2]}),
    ("diff", (A, -1)), ("diff", (np.float64(1),)), ("diff", (A, 0)),
    ("ediff1d", (A,), {"to_end": [1.0, 2], "to_begin": 3}), ("ediff1d", (I,), {"to_end": 1.5}),
    ("gradient", (A,)), ("gradient", (A, 2.0, np.array([0, 1, 3, 4.5, 9])), {"edge_order": 2}),
    ("gradient", (I,), {"axis": 1}), ("gradient", (A[:1],)), ("gradient", (A, 1, 2, 3)),
    ("gradient", (A,), {"edge_order": 3}), ("gradient", (A[0], np.arange(5) ** 2)),
    ("trapezoid", (A,), {"axis": 0}), ("trapezoid", (A, np.array([1, 2, 4, 7, 8.0]))),
    ("trapezoid", (I,), {"dx": 2}), ("unwrap", (np.cumsum(RNG.random(20) * 4) % 6,)),
    ("unwrap", (np.array([0, 3, 1, 2, 0]),), {"period": 4}),
    ("cumulative_sum", (A,), {"axis": 1, "include_initial": True}), ("cumulative_sum", (A,)),
    ("cumulative_prod", (I[0],)), ("cumulative_sum", (np.float64(1),)),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
