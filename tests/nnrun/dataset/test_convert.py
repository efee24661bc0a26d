"""Batches become arrays of the right shape, dtype and place, or a clear error."""

import numpy as np
import pytest

from nnrun.dataset import concat_examples, to_device


def test_tuples_dicts_and_bare_arrays(xp):
    a, b = xp.arange(3.0), xp.arange(3.0) + 1
    expected = np.array([[0, 1, 2], [1, 2, 3]])
    x, t = concat_examples([(a, 0), (b, 1)])
    assert isinstance(x, type(a)) and isinstance(t, np.ndarray)
    np.testing.assert_array_equal(to_device("numpy", x), expected)
    np.testing.assert_array_equal(t, [0, 1])
    np.testing.assert_array_equal(to_device("numpy", concat_examples([a, b])), expected)
    np.testing.assert_array_equal(
        to_device("numpy", concat_examples([{"x": a}, {"x": b}])["x"]), expected
    )


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint8", "bool", "float16"])
def test_dtype_is_kept(dtype):
    assert concat_examples([np.ones(2, dtype), np.zeros(2, dtype)]).dtype == dtype


def test_numpy_scalars_keep_their_dtype():
    assert concat_examples([np.int32(1), np.int32(2)]).dtype == np.int32


@pytest.mark.parametrize("padding", [0, -1])
def test_padding_fills_every_axis(xp, padding):
    joined = concat_examples([xp.ones((1, 3)), xp.ones((2, 2))], padding=padding)
    expected = np.full((2, 2, 3), padding, float)
    expected[0, :1, :3] = 1
    expected[1, :2, :2] = 1
    np.testing.assert_array_equal(to_device("numpy", joined), expected)


def test_padding_for_each_element():
    x, t = concat_examples(
        [(np.array([1.0]), [1, 2]), (np.array([2.0, 3.0]), [3, 4])], padding=(9, None)
    )
    np.testing.assert_array_equal(x, [[1, 9], [2, 3]])
    np.testing.assert_array_equal(t, [[1, 2], [3, 4]])
    batch = [{"a": np.array([1]), "b": 1}, {"a": np.array([1, 2]), "b": 2}]
    joined = concat_examples(batch, padding={"a": 0, "b": None})
    np.testing.assert_array_equal(joined["a"], [[1, 0], [1, 2]])


def test_device_is_sent_to():
    ndgpu = pytest.importorskip("ndgpu")
    x, t = concat_examples([(np.ones(2, np.float32), 1)], device=0)
    assert isinstance(x, ndgpu.ndarray) and isinstance(t, ndgpu.ndarray)
    assert isinstance(to_device(-1, x), np.ndarray)
    assert to_device(None, x) is x


@pytest.mark.parametrize(
    ("batch", "padding", "error", "message"),
    [
        ([], None, ValueError, "the batch is empty"),
        ([np.ones(2), np.ones(3)], None, ValueError, r"example 1 has shape \(3,\): give `padding`"),
        ([(1, np.ones(2)), (1, np.ones(3))], None, ValueError, r"example 0\[1\] has shape \(2,\)"),
        ([np.ones(2), np.ones((1, 2))], 0, ValueError, "the numbers of axes differ"),
        ([(1, 2), (1,)], None, ValueError, "0 has 2 elements and example 1 has 1"),
        ([(1, 2), {"a": 1}], None, TypeError, "0 is a tuple and example 1 a dict"),
        ([{"a": 1}, {"b": 1}], None, ValueError, "key 'a', which another example"),
        ([(1, 2)], (0, 0, 0), ValueError, "padding has 3 values"),
        ([object()], None, TypeError, "is a object, which is no number or array"),
        ([[1], [1, 2]], None, ValueError, "inhomogeneous"),
    ],
)
def test_what_cannot_be_joined_is_named(batch, padding, error, message):
    with pytest.raises(error, match=message):
        concat_examples(batch, padding=padding)
