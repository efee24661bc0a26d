"""Questions about elements, and bits, against NumPy."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check_call, rows

import ndgpu

RNG = np.random.default_rng(7)
F = RNG.random((4, 5))
I = RNG.integers(0, 9, (3, 12))
Z = F + 1j * (F > 0.5)
X = np.array([1, np.inf, -np.inf, np.nan, -0.0])


@rows(
    *[(name, (a,)) for name in ("isreal", "iscomplex") for a in (Z, F)],
    *[(name, (a,)) for name in ("isposinf", "isneginf") for a in (X, I, Z)],
    ("real_if_close", (F + 1e-17j,)),
    ("real_if_close", (Z,)),
    ("sort_complex", (Z,)),
    *[
        (name, (I.astype("u1"),), {"axis": axis, "bitorder": order})
        for name in ("packbits", "unpackbits")
        for axis in (None, 0, 1)
        for order in ("big", "little")
    ],
    ("unpackbits", (I.astype("u1"),), {"count": -3}),
    ("packbits", (F,)),
    ("unpackbits", (I,)),
    ("unpackbits", (I.astype("u1"),), {"axis": 1, "count": 200}),
    ("require", (F, "f4", "F")),
    ("asarray_chkfinite", (X,)),
    ("asarray_chkfinite", (F,)),
    ("emath.sqrt", (F - 0.5,)),
    ("emath.log", (F,)),
    ("emath.arccos", (F * 2,)),
    ("emath.power", (np.array([2, 4]), -1)),
    ("emath.logn", (2, F - 0.5)),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=1e-9)


def test_msort_sorts_along_the_first_axis():
    a = ndgpu.asarray(I)
    assert ndgpu.msort(a).get().tolist() == np.sort(I, axis=0).tolist()
    assert a.get().tolist() == I.tolist()
    with pytest.raises(np.exceptions.AxisError):
        ndgpu.msort(ndgpu.asarray(1.0))
