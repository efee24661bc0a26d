"""Taking and putting against NumPy."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, check_call, rows

RNG = np.random.default_rng(7)
I = RNG.integers(0, 3, (4, 6))
F = I + RNG.random((4, 6))


@rows(
    ("take_along_axis", (F, np.argsort(F, 1)), {"axis": 1}), ("take_along_axis", (F, I, 5)),
    ("take_along_axis", (F, np.array([1, 2])), {"axis": None}), ("take_along_axis", (F, I[0])),
    ("compress", ([True, False, True], F), {"axis": 0}), ("compress", ([True, False, True], F)),
    ("extract", (I > 1, F)), ("choose", (I, [F, 1.0, F[:1] * 2])), ("choose", ([0, 3], [1, 2])),
    ("choose", (I * 5, [1, 2, 3]), {"mode": "wrap"}), ("select", ([I > 1, I < 1], [F, I], -1.5)),
    ("select", ([I], [F])), ("select", ([], [])), ("piecewise", (F, [F < 1, F > 2], [-1, abs, 5])),
    ("piecewise", (F, [F < 1], [1, 2, 3])),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)


@rows(
    ("put_along_axis", (I[:, :1] * 2, 99, 1)), ("putmask", (I > 1, np.array([1.0, 2, 3]))),
    ("place", (I > 0, np.array([1.0, 2, 3]))), ("put", ([0, 5, -1], [1, 2])),
    ("put", ([0, 50], [1, 2], "clip")), ("put", ([0, 50], [1, 2])), ("place", (I > 0, [])),
    ("fill_diagonal", (7,)), ("fill_diagonal", ([1, 2], True)),
)  # fmt: skip
@pytest.mark.parametrize("layout", [lambda a: a, lambda a: a[::-1, ::1]], ids=["dense", "strided"])
def test_a_change_in_place(name, args, keywords, layout):
    def change(xp, a, *values):
        a = layout(a.copy())
        getattr(xp, name)(a, *values)
        return a

    check(change, F.copy(), *args)
