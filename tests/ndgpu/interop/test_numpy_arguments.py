"""Shapes, axes and counts given as NumPy integers and NumPy arrays, as programs compute them."""

import numpy as np
import pytest

import ndgpu

one, two = np.int64(1), np.uint8(2)
CALLS = {
    "reshape": lambda xp, x: xp.reshape(x, np.array([4, 6])),
    "x.reshape": lambda xp, x: x.reshape(np.array([4, -1])),
    "zeros": lambda xp, x: xp.zeros(np.array([2, 3])),
    "zeros, one axis": lambda xp, x: xp.zeros(np.array(3)),
    "full": lambda xp, x: xp.full(np.array([2]), np.float32(3)),
    "empty_like": lambda xp, x: xp.zeros_like(x, shape=np.array([2, 2])),
    "transpose": lambda xp, x: xp.transpose(x, np.array([2, 0, 1])),
    "x.transpose": lambda xp, x: x.transpose(np.array([2, 0, 1])),
    "permute_dims": lambda xp, x: xp.permute_dims(x, np.array([2, 0, 1])),
    "moveaxis": lambda xp, x: xp.moveaxis(x, np.array([0, 1]), np.array([1, 0])),
    "swapaxes": lambda xp, x: xp.swapaxes(x, np.int8(0), two),
    "broadcast_to": lambda xp, x: xp.broadcast_to(x, np.array([5, 2, 3, 4])),
    "tile": lambda xp, x: xp.tile(x, np.array([1, 2, 1])),
    "roll": lambda xp, x: xp.roll(x, np.array([1, 2]), axis=np.array([0, 1])),
    "flip": lambda xp, x: xp.flip(x, axis=(one,)),
    "expand_dims": lambda xp, x: xp.expand_dims(x, (np.int64(0), 2)),
    "sum": lambda xp, x: x.sum(axis=tuple(np.array([0, 1]))),
    "repeat": lambda xp, x: xp.repeat(x, np.array([1, 2]), axis=np.int64(0)),
    "split": lambda xp, x: xp.split(x, np.array([1, 2]), axis=two)[1],
    "pad": lambda xp, x: xp.pad(x, np.array([[1, 1], [0, 0], [2, 0]])),
    "eye": lambda xp, x: xp.eye(np.int32(3), k=np.int8(1)),
    "indexing": lambda xp, x: x[one, ..., two],
    "a slice": lambda xp, x: x[:, : np.int64(2), :: np.int8(2)],
    "take": lambda xp, x: xp.take(x, xp.asarray([0, 2]), axis=two),
    "sliding windows": lambda xp, x: xp.lib.stride_tricks.sliding_window_view(
        x, np.array([2, 2]), axis=np.array([0, 2])
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_arguments_of_numpys(name):
    host = np.arange(24.0).reshape(2, 3, 4)
    got = CALLS[name](ndgpu, ndgpu.asarray(host))
    wanted = CALLS[name](np, host)
    assert got.dtype == wanted.dtype
    np.testing.assert_array_equal(got.get(), wanted)
