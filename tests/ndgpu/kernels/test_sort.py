"""Sorting of rows: each kind of key, short rows and radix passes, against NumPy."""

import numpy as np
import pytest

import ndgpu
from ndgpu.kernels.sort import SHORT, Sort


def ordered(values, indexed):
    x = ndgpu.asarray(values)
    out = ndgpu.empty(values.shape, "i8" if indexed else values.dtype)
    n = values.shape[-1]
    Sort(values.dtype, indexed).launch(x, out, values.size // n, n)
    return out.get()


def data(code, shape, rng):
    values = (rng.standard_normal(shape) * 50).astype(code)
    if np.dtype(code).kind == "f":
        flat = values.reshape(-1)
        flat[::7], flat[1::9], flat[2::9], flat[3::11] = np.nan, -0.0, 0.0, -np.inf
    return values


@pytest.mark.parametrize("code", ["?", "b", "H", "e", "f", "q"])
@pytest.mark.parametrize("shape", [(1,), (5, 33), (SHORT,), (2, SHORT + 1), (9001,)], ids=repr)
def test_elements_and_indices(code, shape, rng):
    values = data(code, shape, rng)
    np.testing.assert_array_equal(ordered(values, False), np.sort(values, -1))
    np.testing.assert_array_equal(ordered(values, True), np.argsort(values, -1, kind="stable"))


@pytest.mark.parametrize("code", ["i", "Q", "d"])
def test_other_widths(code, rng):
    values = data(code, (5000,), rng) if code != "Q" else rng.integers(0, 2**64, 5000, np.uint64)
    np.testing.assert_array_equal(ordered(values, False), np.sort(values))


def test_bfloat16(rng):
    import ml_dtypes

    values = rng.standard_normal(3000).astype(ml_dtypes.bfloat16)
    np.testing.assert_array_equal(ordered(values, False), np.sort(values))


def test_the_signs_of_zeros_are_kept():
    values = np.array([0.0, -0.0] * 2000, np.float32)
    assert np.signbit(ordered(values, False)).sum() == 2000


def test_complex_numbers_have_no_key():
    with pytest.raises(TypeError, match="complex64"):
        Sort(np.dtype(np.complex64), False)
