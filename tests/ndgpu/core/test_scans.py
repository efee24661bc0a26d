"""Running totals, the other methods of ufuncs, and masks, against NumPy."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, check_call, rows

import ndgpu

I = np.arange(24, dtype=np.int32).reshape(2, 3, 4) % 7 - 3
F = (I / 4).astype(np.float32)
N = np.where(I == 2, np.nan, F)


@rows(
    ("cumsum", (I,)),
    ("cumsum", (I,), {"axis": 1}),
    ("cumsum", (F,), {"axis": -1, "dtype": "f8"}),
    ("cumsum", (I > 0,)),
    ("cumsum", (I.astype("u1"),)),
    ("cumsum", (F.T,), {"axis": 0}),
    ("cumsum", (I,), {"axis": 5}),
    ("cumsum", (np.float32(3),)),
    ("cumsum", (np.zeros((0, 3)), 0)),
    ("cumsum", (F + 1j,), {"axis": 2}),
    ("cumsum", (F.astype("f2"),)),
    ("cumprod", (I,), {"axis": 0}),
    ("cumprod", (F,)),
    ("nancumsum", (N,)),
    ("nancumprod", (N,), {"axis": 1}),
    ("nancumsum", (I,)),
    ("add.accumulate", (I,)),
    ("subtract.accumulate", (I, 1)),
    ("multiply.accumulate", (F, 2)),
    ("maximum.accumulate", (N, 1)),
    ("logical_and.accumulate", (I, 2)),
    ("bitwise_xor.accumulate", (I, -1)),
    ("power.accumulate", (F + 1, 1)),
    ("add.accumulate", (I > 0,)),
    ("sin.accumulate", (F,)),
    ("add.accumulate", (np.float64(1),)),
    ("add.reduceat", (I, [0, 1, 1]), {"axis": 1}),
    ("multiply.reduceat", (F, [0, 2, 1]), {"axis": 2}),
    ("maximum.reduceat", (I, [1, 0])),
    ("add.reduceat", (I, [9])),
    ("add.reduceat", (I, [])),
    ("multiply.outer", (I, F[0])),
    ("subtract.outer", (I[0, 0], [1.5, 2])),
    ("sin.outer", (F, F)),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords, tolerance=None if name != "cumsum" else 1e-2)


AT = {
    "add": lambda xp, a: xp.add.at(a, [0, 1, 1], 5),
    "add everywhere": lambda xp, a: xp.add.at(a, (slice(None), [0, 0, 2]), xp.arange(4)),
    "subtract in order": lambda xp, a: xp.subtract.at(a, ([0, 0], [1, 1]), xp.asarray([[1], [2]])),
    "negative": lambda xp, a: xp.negative.at(a, [0, 0, 1]),
    "maximum": lambda xp, a: xp.maximum.at(a, xp.asarray([1, 1]), 3),
    "mask": lambda xp, a: xp.multiply.at(a, a > 0, 3),
    "beyond": lambda xp, a: xp.add.at(a, [7], 1),
    "no operand": lambda xp, a: xp.add.at(a, [0]),
    "misfit": lambda xp, a: xp.add.at(a, [0], xp.ones(5, "i4")),
}


@pytest.mark.parametrize("name", AT)
@pytest.mark.parametrize("layout", [lambda a: a, lambda a: a.T[:2]], ids=["dense", "strided"])
def test_at(name, layout):
    def apply(xp, a):
        a = layout(a.copy())
        AT[name](xp, a)
        return a

    check(apply, I.copy())


MASKS = [I > 0, (I > 0).T, np.zeros((2, 3), bool), np.ones(5, bool), np.zeros((0, 4)), F, F * 0]


@pytest.mark.parametrize("mask", MASKS, ids=lambda m: f"{m.dtype}{m.shape}")
def test_nonzero(mask):
    check_call("nonzero", (mask,), {})
    check_call("argwhere", (mask,), {})
    check_call("flatnonzero", (mask,), {})


def test_a_mask_of_many_elements(rng):
    values = rng.standard_normal(100_000)
    x = ndgpu.asarray(values)
    np.testing.assert_array_equal(x[x > 0.3].get(), values[values > 0.3])
