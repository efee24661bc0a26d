"""Arrays of more than 2**31 elements: indices of 64 bits where they are needed."""

import numpy as np
import pytest

import ndgpu
from ndgpu.core import selection
from ndgpu.fft import backend
from ndgpu.fft import kernels as fft_kernels
from ndgpu.kernels import elementwise, planning, reduction, reduction_layout

LARGE = 2**31 + 11


@pytest.fixture
def small_limit(monkeypatch):
    """Let every kernel take 64-bit indices from 256 elements on, as they do from 2**31 on."""
    for module in (elementwise, planning, fft_kernels):
        monkeypatch.setattr(module, "_INT32", 255)
    for module in (reduction, reduction_layout):
        monkeypatch.setattr(module, "INT32", 255)
    monkeypatch.setattr(backend, "_ways", lambda device_id: ())


# Shapes that no other test has, so that no launch was planned with the true limit before.
CALLS = [
    lambda xp, x: x + x,
    lambda xp, x: x[::2, ::-1] * 3,
    lambda xp, x: xp.ascontiguousarray(x.T),
    lambda xp, x: x.sum(),
    lambda xp, x: x.sum(axis=0),
    lambda xp, x: x.max(axis=1),
    lambda xp, x: x.argmax(),
    lambda xp, x: x.argmin(axis=0),
    lambda xp, x: xp.where(x > 40, x, -x),
    lambda xp, x: x[:, x[0] > 30],
    lambda xp, x: xp.cumsum(x),
    lambda xp, x: xp.take(x, xp.asarray([5, 3000, 8])),
    lambda xp, x: xp.concatenate([x, x, x], axis=1),
    lambda xp, x: xp.broadcast_to(x[0], (70, 83)) + x[:70],
]


@pytest.mark.parametrize("call", CALLS)
def test_wide_indices(small_limit, call):
    x = np.random.default_rng(0).integers(0, 100, (71, 83))
    np.testing.assert_array_equal(call(ndgpu, ndgpu.asarray(x)).get(), call(np, x))


def test_places_are_found_in_pieces(monkeypatch):
    monkeypatch.setattr(selection, "_CHUNK", 100)
    x = np.random.default_rng(0).integers(0, 3, (21, 31))
    x[5:12] = 0
    on_device = ndgpu.asarray(x)
    for ours, theirs in zip(ndgpu.nonzero(on_device), np.nonzero(x), strict=True):
        np.testing.assert_array_equal(ours.get(), theirs)
    np.testing.assert_array_equal(on_device[on_device > 1].get(), x[x > 1])


def test_wide_indices_of_transforms(small_limit):
    x = np.random.default_rng(0).random((9, 40))
    np.testing.assert_allclose(ndgpu.fft.fft(ndgpu.asarray(x)).get(), np.fft.fft(x))


@pytest.mark.nightly
def test_a_view_of_more_elements_than_32_bits_count():
    x = ndgpu.broadcast_to(ndgpu.asarray([[1], [2]], dtype="i1"), (2, 2**30 + 7))
    assert x.size == LARGE + 3
    assert x.sum().item() == 3 * (2**30 + 7)


@pytest.fixture(scope="module")
def bytes_of_2_gib():
    """Zeros, but for the last element and one on each side of the boundary."""
    x = ndgpu.zeros(LARGE, dtype="i1")
    x[-1], x[2**31 - 1], x[2**31] = 3, 1, 2
    yield x
    del x
    ndgpu.get_default_memory_pool().free_all_blocks()


@pytest.mark.nightly
def test_elements_and_slices(bytes_of_2_gib):
    x = bytes_of_2_gib
    assert x[2**31 - 2 :].tolist() == [0, 1, 2, *[0] * 9, 3]
    assert x[::-1][:2].tolist() == [3, 0]
    assert x[ndgpu.asarray([0, 2**31, -1])].tolist() == [0, 2, 3]
    assert ndgpu.take(x, ndgpu.asarray([2**31 - 1, LARGE - 1])).tolist() == [1, 3]


@pytest.mark.nightly
def test_reductions(bytes_of_2_gib):
    x = bytes_of_2_gib
    assert (x.sum().item(), x.max().item(), x.argmax().item()) == (6, 3, LARGE - 1)
    assert ndgpu.count_nonzero(x).item() == 3
    two = x[: LARGE // 2 * 2].reshape(2, -1)
    assert two.sum(axis=1).tolist() == [0, 3]
    assert two.max(axis=0).sum().item() == 3


@pytest.mark.nightly
def test_elementwise(bytes_of_2_gib):
    x = bytes_of_2_gib
    y = x + x
    assert y[2**31 - 1 :: 11].tolist() == [2, 6]
    y[:] = 1
    y[2**31 :] = 5
    assert y.sum().item() == 2**31 + 5 * 11
    y[::2] = 0
    assert y.sum().item() == 2**30 + 5 * 5


@pytest.mark.nightly
def test_places_and_copies(bytes_of_2_gib):
    x = bytes_of_2_gib
    assert ndgpu.nonzero(x)[0].tolist() == [2**31 - 1, 2**31, LARGE - 1]
    assert x[x > 1].tolist() == [2, 3]
    joined = ndgpu.concatenate([x[:5], x, x[-2:]])
    assert joined[-4:].tolist() == [0, 3, 0, 3]
    assert ndgpu.maximum.accumulate(x)[2**31 - 2 :].tolist() == [0, 1, *[2] * 10, 3]
