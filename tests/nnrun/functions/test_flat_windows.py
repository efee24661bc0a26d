"""The CPU's fast path of convolutions gives what the plain path does, however it is cut up."""

import importlib

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun.functions import _flat_windows
from nnrun.functions._masks import keep

GEOMETRIES = {
    "plain": ((2, 4, 7, 6), (6, 4, 3, 2), {}),
    "padded": ((2, 4, 5, 6), (6, 4, 3, 3), {"pad": (1, 2)}),
    "dilated": ((3, 2, 9, 8), (4, 2, 3, 2), {"dilate": (2, 3), "pad": 1}),
    "groups": ((2, 6, 6, 5), (4, 3, 2, 2), {"groups": 2}),
    "one by one": ((3, 4, 5, 5), (2, 4, 1, 1), {}),
    "one by one, padded": ((3, 4, 5, 5), (2, 4, 1, 1), {"pad": 1}),
    "as large as the image": ((2, 3, 4, 5), (2, 3, 4, 5), {}),
    "no image": ((0, 2, 4, 5), (2, 2, 3, 3), {}),
}


def all_of(x, W, b, gy, options):
    """The result of a convolution, and all its gradients."""
    x, W, b = (nnrun.Variable(v) for v in (x, W, b))
    y = F.convolution_2d(x, W, b, **options)
    y.grad = gy
    y.backward()
    return y.array, x.grad, W.grad, b.grad


@pytest.mark.parametrize("cache", [0, 700, 1 << 20], ids=["row by row", "bands", "images"])
@pytest.mark.parametrize("name", GEOMETRIES)
def test_the_same_as_the_plain_path(name, cache, rng, monkeypatch):
    x_shape, W_shape, options = GEOMETRIES[name]
    x, W, b = (rng.standard_normal(s) for s in (x_shape, W_shape, W_shape[:1]))
    gy = rng.standard_normal(F.convolution_2d(x, W, b, **options).shape)
    monkeypatch.setattr(_flat_windows, "_CACHE", cache)
    fast = all_of(x, W, b, gy, options)
    module = importlib.import_module("nnrun.functions.convolution_2d")
    monkeypatch.setattr(module._Map, "_flat", lambda self, x: None)
    plain = all_of(x, W, b, gy, options)
    for one, other in zip(fast, plain, strict=True):
        assert one.flags.c_contiguous and one.dtype == other.dtype
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", [*GEOMETRIES, "strides", "past the end"])
def test_the_same_by_the_library_s_functions(name, rng, monkeypatch):
    import ndgpu

    further = {
        "strides": ((2, 4, 7, 6), (4, 2, 3, 2), {"stride": (2, 3), "pad": 1, "groups": 2}),
        "past the end": ((1, 2, 6, 7), (3, 2, 3, 2), {"stride": 2, "cover_all": True}),
    }
    x_shape, W_shape, options = (GEOMETRIES | further)[name]
    x, W, b = (rng.standard_normal(s) for s in (x_shape, W_shape, W_shape[:1]))
    gy = rng.standard_normal(F.convolution_2d(x, W, b, **options).shape)
    expected = all_of(x, W, b, gy, options)
    # Without cuDNN they do the same by means of their own.
    monkeypatch.setattr(ndgpu.cudnn, "available", lambda: True)
    called = []
    original = ndgpu.cudnn.convolution
    monkeypatch.setattr(
        ndgpu.cudnn, "convolution", lambda *a, **o: called.append(o) or original(*a, **o)
    )
    found = all_of(*map(ndgpu.asarray, (x, W, b, gy)), options)
    assert len(called) == (name != "past the end")
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(nnrun.cuda.to_cpu(one), other, rtol=1e-10, atol=1e-10)
    with nnrun.using_config("use_cudnn", "never"):
        F.convolution_2d(*map(ndgpu.asarray, (x, W, b)), **options)
    assert len(called) == (name != "past the end")


def test_of_views(rng):
    x, W = rng.standard_normal((5, 6, 3, 2)).T, rng.standard_normal((4, 3, 3, 2))[..., ::-1]
    expected = F.convolution_2d(np.ascontiguousarray(x), np.ascontiguousarray(W)).array
    np.testing.assert_allclose(F.convolution_2d(x, W).array, expected)


@pytest.mark.parametrize("dtype", ["e", "f", "d", "g"])
def test_keep_is_exact(dtype, rng):
    x = rng.standard_normal((4, 5)).astype(dtype)
    x[0, :3] = np.inf, np.nan, -0.0
    mask = rng.random((4, 5)) < 0.5
    mask[0, :3] = False
    for view in (np.s_[:], np.s_[::2, ::-1]):
        kept = keep(x[view], mask[view])
        assert kept.dtype == x.dtype
        np.testing.assert_array_equal(kept, np.where(mask[view], x[view], 0))


def test_pooling_hands_nan_on_and_tells_the_places(xp):
    x = np.arange(32, dtype=np.float32).reshape(1, 2, 4, 4)
    x[0, 0, 1, 1] = np.nan
    x[0, 1] = 7  # all are equal: the first is the largest
    y, places = F.max_pooling_2d(xp.asarray(x), 2, return_indices=True)
    array, places = (nnrun.cuda.to_cpu(v) for v in (y.array, places))
    np.testing.assert_array_equal(array[0, 0], [[np.nan, 7], [13, 15]])
    np.testing.assert_array_equal(places[0, 0, 1], [3, 3])
    np.testing.assert_array_equal(places[0, 1], 0)
    back = F.upsampling_2d(xp.asarray(array), xp.asarray(places), 2, outsize=(4, 4))
    expected = np.zeros((4, 4), np.float32)
    expected[::2, ::2] = 7
    np.testing.assert_array_equal(nnrun.cuda.to_cpu(back.array)[0, 1], expected)
