"""Windows against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
F = RNG.random((4, 5))


@rows(
    *[(name, (m,)) for name in ("bartlett", "blackman", "hamming", "hanning") for m in (0, 1, 7)],
    ("kaiser", (9, 4.5)), ("kaiser", (1, 4.5)), ("i0", (F * 9,)), ("sinc", (F * 4 - 2,)),
    ("sinc", (np.arange(3),)), ("i0", (F + 1j,)),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
