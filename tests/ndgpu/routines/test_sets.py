"""Sets against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

import ndgpu

RNG = np.random.default_rng(7)
I = RNG.integers(0, 6, (5, 8))
F = I.astype(float)
F[1, 2] = np.nan
ALL = {"return_index": True, "return_inverse": True, "return_counts": True}


@rows(
    ("unique", (I,)), ("unique", (F,), ALL), ("unique", (I,), {"axis": 0, "return_inverse": True}),
    ("unique", (I,), {"axis": 1, "return_counts": True}), ("unique", (F,), {"equal_nan": False}),
    ("unique", (np.zeros(0),), ALL), ("unique", (I > 2,)), ("unique", (I,), {"axis": 3}),
    ("unique_all", (F,)), ("unique_counts", (I,)), ("unique_inverse", (I,)),
    *[(name, (I[0], I[1] + 1))
      for name in ("intersect1d", "union1d", "setxor1d", "setdiff1d", "isin")],
    ("intersect1d", (I[0], I[1]), {"return_indices": True}), ("isin", (I, [])),
    ("isin", (I, [1, 2, 9]), {"invert": True}), ("isin", (F, F[0])),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)


def test_unique_values_come_in_order():
    # NumPy's come in any order.
    assert ndgpu.unique_values(ndgpu.asarray(I)).tolist() == np.unique(I).tolist()
