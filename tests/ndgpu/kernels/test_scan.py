"""Scans: chunks, rows and columns of every form, against NumPy."""

import numpy as np
import pytest

import ndgpu
from ndgpu.kernels.scan import Scan

INT64, FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)
# Row forms: one thread, one tile, several tiles, several chunks; columns in one and many chunks.
SHAPES = [(1, 1, 1), (3, 64, 1), (2, 65, 1), (1, 2304, 1), (2, 2305, 1), (1, 70001, 1), (5, 700, 1),
          (1, 9, 3), (2, 500, 7), (1, 3000, 40), (600, 7, 1)]  # fmt: skip


def scanned(kernel, values, shape, dtype):
    x = ndgpu.asarray(values)
    y = ndgpu.empty(values.shape, dtype)
    kernel.launch(x, y, shape)
    return y.get()


@pytest.mark.parametrize("shape", SHAPES, ids=repr)
def test_a_sum_of_any_shape(shape, rng):
    kernel = Scan("test_sum", np.dtype(np.int32), INT64, INT64, "x0 + x1")
    values = rng.integers(-9, 9, shape).astype(np.int32)
    np.testing.assert_array_equal(scanned(kernel, values, shape, "i8"), values.cumsum(1))


@pytest.mark.parametrize("shape", [(1, 5000, 1), (3, 70, 5)], ids=repr)
def test_what_cannot_be_regrouped_goes_in_order(shape, rng):
    kernel = Scan("test_minus", INT64, INT64, INT64, "x0 - x1", associative=False)
    values = rng.integers(-9, 9, shape)
    expected = np.subtract.accumulate(values, 1)
    np.testing.assert_array_equal(scanned(kernel, values, shape, "i8"), expected)


def test_the_result_repeats_bit_by_bit(rng):
    kernel = Scan("test_sum_float", FLOAT64, FLOAT64, FLOAT64, "x0 + x1")
    values = rng.standard_normal((1, 50000, 1))
    first, second = (scanned(kernel, values, values.shape, "f8") for _ in range(2))
    np.testing.assert_array_equal(first, second)
    np.testing.assert_allclose(first, values.cumsum(1), rtol=1e-9, atol=1e-9)


def test_a_scan_in_place_and_one_of_nothing(rng):
    kernel = Scan("test_max", INT64, INT64, INT64, "x0 > x1 ? x0 : x1")
    values = rng.integers(0, 1000, 6000)
    x = ndgpu.asarray(values)
    kernel.launch(x, x, (1, 6000, 1))
    np.testing.assert_array_equal(x.get(), np.maximum.accumulate(values))
    kernel.launch(x[:0], x[:0], (1, 0, 1))
