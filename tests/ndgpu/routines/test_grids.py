"""Ranges, grids and indices against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
F = RNG.random((4, 5))
I = RNG.integers(0, 9, (3, 4))


@rows(
    ("logspace", (0, 2, 5)),
    ("logspace", (0, 2, 5), {"base": 2, "dtype": int}),
    ("geomspace", (1, 1000, 4)),
    ("geomspace", (-1000, -1, 4), {"endpoint": False}),
    ("geomspace", (0, 1, 4)),
    ("geomspace", (1j, 1000j, 4)),
    ("indices", ((2, 3),)),
    ("indices", ((2, 3),), {"sparse": True}),
    ("fromfunction", (lambda i, j: i * 2 + j, (3, 2))),
    ("ix_", ([1, 2], [True, False, True])),
    ("ix_", ([[1]],)),
    ("diagonal", (F, 1)),
    ("diagflat", (I, 1)),
    ("tril_indices", (4, 1, 5)),
    ("triu_indices", (4, 1, 5)),
    ("diag_indices", (3,)),
    ("diag_indices_from", (I,)),
    ("triu_indices_from", (F, 1)),
    ("mask_indices", (3, np.triu)),
    ("unravel_index", (I, (3, 4))),
    ("unravel_index", ([99], (3, 4))),
    ("unravel_index", (I, (3, 4)), {"order": "F"}),
    ("ravel_multi_index", ((I[0] % 3, I[1]), (3, 4)), {"mode": "wrap"}),
    ("ravel_multi_index", (([1, 2], [0, 9]), (3, 4))),
    ("vander", (np.arange(4.0),)),
    ("vander", (np.arange(4), 3, True)),
    ("vander", (I,)),
    *[
        (f"{grid}.__getitem__", (key,))
        for grid in ("mgrid", "ogrid")
        for key in (np.s_[0:3], np.s_[0:3, 1:2:5j], np.s_[-1:1:3j, 2:4])
    ],
    *[
        ("r_.__getitem__", (key,))
        for key in (
            (I[0], 0, 0, I[1]),
            np.s_[0:4, 5.0],
            ("0,2", I[0], I[1]),
            ("-1", I, I),
            ("1,2,0", I[0], I[1]),
            (1, 2.5),
            ("x", 1),
        )
    ],
    *[("c_.__getitem__", (key,)) for key in ((I[0], I[1]), (I, I[:, :1]), (np.s_[0:4], I[0]))],
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
