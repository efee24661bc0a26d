"""Inserting, deleting and padding against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
F = RNG.random((4, 5))
I = RNG.integers(0, 9, (3, 4))
L = I.ravel()
MODES = (
    "constant",
    "edge",
    "linear_ramp",
    "maximum",
    "mean",
    "median",
    "minimum",
    "reflect",
    "symmetric",
    "wrap",
)


@rows(
    ("unstack", (F,), {"axis": 1}), ("resize", (I, (5, 7))), ("resize", (I, 5)),
    ("block", ([[F, F[:, :1]], [np.ones((1, 6))]],)), ("block", ([1, 2, 3],)),
    ("block", ([[1], 2],)), ("block", ([],)), ("delete", (F, [0, 7], 0)),
    *[("delete", (F, o, 0))
      for o in (1, [0, 2], slice(0, 3, 2), -1, [True, False, True, False], 9)],
    *[("insert", (L, o, v))
      for o, v in ((1, 9.0), ([0, 2], [1.0, 2]), ([2, 2, 0], [1, 2, 3]), (slice(0, 4, 2), 7),
                   ([1], [5, 6, 7]), (99, 1))],
    ("insert", (F, 1, 99), {"axis": 1}), ("insert", (F, 1, [1, 2, 3, 4]), {"axis": 1}),
    ("insert", (F, [1], [[1], [2], [3], [4]]), {"axis": 1}),
    ("insert", (F, 2, np.arange(5.0)), {"axis": 0}), ("insert", (F, 1, F[:2]), {"axis": 0}),
    ("trim_zeros", (np.array([0, 0, 1, 0, 2, 0]),)), ("trim_zeros", (L * 0,)),
    ("trim_zeros", (np.array([0, 0, 1, 0, 2, 0]), "f")), ("trim_zeros", (L, "x")),
    *[("pad", (a, w, m)) for a in (F, I) for m in MODES for w in (2, [(9, 8), (5, 0)])],
    *[("pad", (F, w, m), {"reflect_type": "odd"})
      for m in ("reflect", "symmetric") for w in (2, [(9, 8), (5, 0)])],
    ("pad", (F, 2, "mean"), {"stat_length": 2}), ("pad", (F, -1)), ("pad", (F, 1, "other")),
    ("pad", (F, 2, "linear_ramp"), {"end_values": (3, -1)}), ("pad", (F, {1: 2})),
    ("pad", (F, 1), {"constant_values": ((1, 2), (3, 4))}), ("pad", (F, 1.5)),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
