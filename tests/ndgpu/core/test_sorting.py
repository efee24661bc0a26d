"""Sorting along any axis against NumPy."""

import numpy as np
import pytest
from tests.ndgpu.core.differential import check, check_call, rows

import ndgpu

I = np.arange(60).reshape(3, 4, 5) * 7 % 11
F = np.where(I == 3, np.nan, I / 2).astype(np.float32)
C = (I % 3 + 1j * (I % 4)).astype(np.complex64)
C[0, 0, :3] = [complex(np.nan, 1), complex(1, np.nan), complex(np.nan, np.nan)]


@rows(
    ("sort", (I,)),
    ("sort", (I,), {"axis": 0}),
    ("sort", (F,), {"axis": 1}),
    ("sort", (F,), {"axis": None}),
    ("sort", (C,)),
    ("sort", (I.T,)),
    ("sort", (I[::-1, ::2],)),
    ("sort", (np.zeros((0, 3)),)),
    ("sort", (np.zeros((3, 0)),)),
    ("sort", (I,), {"axis": 7}),
    ("sort", (I,), {"kind": "zigzag"}),
    ("sort", (I,), {"stable": True}),
    ("sort", (np.float32(1),)),
    ("sort", (I,), {"kind": "stable", "stable": True}),
    ("argsort", (I,), {"kind": "stable"}),
    ("argsort", (F,), {"axis": 0, "kind": "stable"}),
    ("argsort", (C,), {"kind": "stable"}),
    ("argsort", (F,), {"axis": None, "kind": "stable"}),
    ("argsort", (np.float32(1),)),
    ("lexsort", ([I[0], I[1], I[2]],)),
    ("lexsort", (I,), {"axis": 0}),
    ("lexsort", ([],)),
    ("sort_complex", (I[0, 0],)),
    ("partition", (I, 99)),
    ("argpartition", (I, -6)),
)
def test_a_call(name, args, keywords):
    check_call(name, args, keywords)


@pytest.mark.parametrize("axis", [0, 1, -1, None])
def test_a_partition_has_its_elements_in_place(axis):
    got = ndgpu.partition(ndgpu.asarray(I), 2, axis).get()
    expected = np.partition(I, 2, axis)
    place = 2 if axis is None else axis
    np.testing.assert_array_equal(got.take(2, place and axis), expected.take(2, place and axis))
    order = ndgpu.argpartition(ndgpu.asarray(I), 2, axis)
    taken = ndgpu.take_along_axis(ndgpu.asarray(I), order, axis).get()
    np.testing.assert_array_equal(taken.take(2, place and axis), expected.take(2, place and axis))


def test_sorting_in_place():
    def sort(xp, a):
        a = a.copy()
        a[:, 1].sort(0)
        a.T.sort()
        return a

    check(sort, I.copy())


def test_more_elements_than_a_block_takes(rng):
    values = rng.integers(0, 50, (2, 5000, 3))
    x = ndgpu.asarray(values)
    np.testing.assert_array_equal(ndgpu.sort(x, 1).get(), np.sort(values, 1))
    np.testing.assert_array_equal(ndgpu.argsort(x, 1).get(), np.argsort(values, 1, kind="stable"))
