"""kron, cross and einsum against NumPy."""

import numpy as np
from tests.ndgpu.core.differential import check_call, rows

RNG = np.random.default_rng(7)
F, H = RNG.random((4, 5)), RNG.random((5, 3))
G, K = RNG.random((4, 4)), RNG.random((2, 4, 5))
I = RNG.integers(0, 9, (3, 4))
SUMS = [
    ("ij,jk->ik", (F, H)), ("ij,jk", (F, H)), ("ii", (G,)), ("ii->i", (G,)), ("ij->", (F,)),
    ("ij->ji", (F,)), ("ij,ij->", (F, F)), ("bij,jk->bik", (K, H)), ("...j,jk->...k", (K, H)),
    ("i,j", (F[0], G[0])), ("ij,jk,kl->il", (F, H, H.T)), ("bij,bij->b", (K, K)),
    ("ij,kj->ikj", (F, F)), ("...ii->...i", (G,)), ("ij->k", (F,)), ("ij", (K,)),
    ("iij,jk->ik", (K[:, :2], H)), ("ij,jk", (F, F)), ("ba,ca,da->bcd", (F, F, F)), ("i-j", (F,)),
]  # fmt: skip


@rows(
    ("kron", (F, I)), ("kron", (F, I[0])), ("cross", (F[:, :3], F[:, 2:])), ("cross", (F, F)),
    ("cross", (I, I + 1), {"axis": 0}), ("matvec", (F, F[0])), ("vecmat", (F[:, 0] + 1j, F)),
    *[("einsum", (text, *operands), {"optimize": optimize})
      for text, operands in SUMS for optimize in (False, True)],
    ("einsum", (F, [0, 1], H, [1, 2], [0, 2])), ("einsum", ("ij,jk", I, I.T)), ("einsum", ()),
)  # fmt: skip
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)
