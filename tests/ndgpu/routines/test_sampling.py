"""Lookups and convolutions against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
A = RNG.random((4, 5))
S = np.sort(RNG.random(50))
NANS = np.array([1, 2, np.nan, np.nan])
Z = RNG.random(9) + 1j * RNG.random(9)


@rows(
    ("searchsorted", (S, A)), ("searchsorted", (S, 0.5), {"side": "right"}),
    ("searchsorted", (NANS, np.array([np.nan, 3, 0]))), ("searchsorted", (A, S)),
    ("searchsorted", (NANS, np.array([np.nan, 3, 0]), "right")),
    ("searchsorted", (np.array([5, 1, 3]), np.array([2, 5])), {"sorter": np.array([1, 2, 0])}),
    ("searchsorted", (S, A), {"side": "middle"}), ("searchsorted", (np.arange(9), 3.5)),
    ("digitize", (A, [0.2, 0.5, 0.9])), ("digitize", (A, [0.9, 0.5, 0.2], True)),
    ("digitize", (A, [0.9, 0.5, 0.2])), ("digitize", (A, [0.2, 0.9, 0.5])),
    ("interp", (A * 3, S, np.sin(S))), ("interp", (A * 3, S, np.sin(S)), {"period": 0.8}),
    ("interp", (A * 3, S, np.sin(S) + 1j), {"left": 1, "right": 2j}), ("interp", (A, S, S[1:])),
    *[(f, (x, y, m))
      for f in ("convolve", "correlate")
      for m in ("full", "same", "valid")
      for x, y in ((Z[:7], Z[:3]), (Z[:3], Z[:8]), (Z[:4], Z[:8]), (Z[:6], Z[:6]))],
    ("convolve", (np.arange(5), np.array([1, -1]))), ("convolve", ([], [1])), ("convolve", (A, S)),
    ("correlate", (S, S, "other")), ("convolve", (S > 0.5, S > 0.2)),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
