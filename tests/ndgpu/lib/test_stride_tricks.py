"""Views under other strides, bytes of arrays, comparisons and annotations."""

import numpy as np
import pytest

import ndgpu
from ndgpu.lib import array_utils, stride_tricks

VIEW = np.lib.stride_tricks.sliding_window_view


@pytest.mark.parametrize(
    ("window", "axis"), [((2, 3), None), (2, 0), (4, -1), ((2, 2), (1, 1)), ((3, 4), None)]
)
def test_windows(window, axis):
    x = np.arange(12.0).reshape(3, 4)
    found = stride_tricks.sliding_window_view(ndgpu.asarray(x), window, axis)
    np.testing.assert_array_equal(found.get(), VIEW(x, window, axis))


def test_windows_are_views():
    x = ndgpu.zeros(4)
    stride_tricks.sliding_window_view(x, 2)[1, 1] = 5
    assert x.tolist() == [0, 0, 5, 0]


@pytest.mark.parametrize(
    ("window", "axis", "text"),
    [
        (5, None, "larger"),
        (-1, None, "negative"),
        ((1, 1), None, "axis is None"),
        (2, (0, 0), "match"),
    ],
)
def test_windows_that_there_are_not(window, axis, text):
    with pytest.raises(ValueError, match=text):
        stride_tricks.sliding_window_view(ndgpu.arange(4), window, axis)
    with pytest.raises(ValueError):
        VIEW(np.arange(4), window, axis)


def test_strides():
    x = ndgpu.arange(6)
    assert stride_tricks.as_strided(x, (2, 2), (8, 16)).tolist() == [[0, 2], [1, 3]]
    assert stride_tricks.as_strided(x[1:], (2,), (0,)).tolist() == [1, 1]
    assert stride_tricks.as_strided(x[5:], (6,), (-8,)).tolist() == [5, 4, 3, 2, 1, 0]
    assert stride_tricks.as_strided(x).shape == (6,)
    with pytest.raises(ValueError, match="reach bytes"):
        stride_tricks.as_strided(x, (7,), (8,))
    with pytest.raises(ValueError, match="entries"):
        stride_tricks.as_strided(x, (7,), (8, 8))


def test_bytes_of_an_array():
    x = ndgpu.zeros((2, 3), "f4")
    assert array_utils.byte_bounds(x) == (x.ptr, x.ptr + 24)
    low, high = ndgpu.byte_bounds(x[::-1, 1:])
    assert (low - x.ptr, high - x.ptr) == (4, 24)


def test_comparisons_take_device_arrays():
    x = ndgpu.asarray([1.0, 2.0])
    ndgpu.testing.assert_allclose(x, np.array([1.0, 2.0]))
    ndgpu.testing.assert_array_equal([x, x], [[1, 2], [1, 2]])
    ndgpu.testing.assert_equal({"a": x}, {"a": np.array([1.0, 2.0])})
    with pytest.raises(AssertionError, match="Mismatched elements: 1 / 2"):
        ndgpu.testing.assert_array_equal(x, ndgpu.asarray([1.0, 3.0]))
    with pytest.raises(AssertionError):
        ndgpu.testing.assert_array_less(x, x)


def test_annotations():
    assert ndgpu.typing.NDArray[ndgpu.float32].__args__[1] == np.dtype[np.float32]
