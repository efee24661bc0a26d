"""How gates and blocks of channels are laid out, where programs depend on it.

Chainer's documentation names the gates but not all of the order; the figures below were read
off Chainer 7.8.1, run as it is: one number at a time was given and the result noted.  Models
saved by one are read by the other, so these orders must not change.
"""

import numpy as np
import pytest

import nnrun.functions as F
from nnrun.testing import assert_allclose

HALF = np.full((1, 1), 0.5)

# (cell, output) of a cell of 0.5 where one of the four inputs to the gates is 2.
LSTM = [(0.7320138, 0.31214792), (0.25, 0.12245933), (0.44039854, 0.20698737), (0.25, 0.21572365)]
SLSTM = [(0.857, 0.3474), (0.375, 0.1792), (0.5654, 0.256), (0.375, 0.3156)]
# (output, cell) where one of the eight biases is 2: input, forget, cell, output; twice.
N_STEP_LSTM = [(0.1225, 0.25), (0.207, 0.4404), (0.3121, 0.732), (0.2157, 0.25)] * 2
N_STEP_GRU = [0.25, 0.4404, 0.732, 0.25, 0.4404, 0.6308]
# The change of the middle of a ramp (1 across, 6 down) read with weights 1, 10, 100, 1000 where
# one of the eight offsets is 1: first those across, of each place in the window, then down.
OFFSETS = [1, 10, 100, 1000, 6, 60, 600, 6000]


def one_of(n, k, value=2.0):
    v = np.zeros((1, n))
    v[0, k] = value
    return v


@pytest.mark.parametrize("k", range(4))
def test_lstm(k):
    c, h = F.lstm(HALF, one_of(4, k))
    assert_allclose(np.array([c.item(), h.item()]), np.array(LSTM[k]), 1e-6)


@pytest.mark.parametrize("k", range(4))
def test_slstm(k):
    c, h = F.slstm(HALF, HALF / 2, one_of(8, k)[:, :4], one_of(8, k)[:, 4:])
    assert_allclose(np.array([c.item(), h.item()]), np.array(SLSTM[k]), 1e-4)


@pytest.mark.parametrize("k", range(8))
def test_n_step_lstm(k):
    ws = [[np.zeros((1, 1)) for _ in range(8)]]
    bs = [[np.full(1, 2.0 if i == k else 0.0) for i in range(8)]]
    h, c, _ = F.n_step_lstm(1, 0.0, np.zeros((1, 1, 1)), HALF[None], ws, bs, [np.ones((1, 1))])
    assert_allclose(np.array([h.item(), c.item()]), np.array(N_STEP_LSTM[k]), 1e-4)


@pytest.mark.parametrize("k", range(6))
def test_n_step_gru(k):
    ws = [[np.zeros((1, 1)) for _ in range(6)]]
    bs = [[np.full(1, 2.0 if i == k else 0.0) for i in range(6)]]
    h, _ = F.n_step_gru(1, 0.0, HALF[None], ws, bs, [np.ones((1, 1))])
    assert h.item() == pytest.approx(N_STEP_GRU[k], abs=1e-4)


@pytest.mark.parametrize("k", range(8))
def test_offsets_of_deformable_convolution(k):
    x = np.arange(36.0).reshape(1, 1, 6, 6)
    W = np.array([[1.0, 10.0], [100.0, 1000.0]]).reshape(1, 1, 2, 2)
    offset = np.zeros((1, 8, 5, 5))
    before = F.deformable_convolution_2d_sampler(x, offset, W).array[0, 0, 2, 2]
    offset[:, k] = 1
    after = F.deformable_convolution_2d_sampler(x, offset, W).array[0, 0, 2, 2]
    assert after - before == pytest.approx(OFFSETS[k])


def test_blocks_of_pixels():
    x = np.arange(32.0).reshape(1, 8, 2, 2)
    assert F.depth2space(x, 2).array[0, :, :2].tolist() == [
        [[0, 8, 1, 9], [16, 24, 17, 25]],
        [[4, 12, 5, 13], [20, 28, 21, 29]],
    ]
    assert (F.space2depth(F.depth2space(x, 2), 2).array == x).all()


def test_who_has_the_gradient_of_equal_elements():
    """As Chainer gives it: every largest element; the first of two operands."""
    import nnrun

    x = nnrun.Variable(np.array([1.0, 3.0, 3.0]))
    F.max(x).backward()
    assert x.grad.tolist() == [0, 1, 1]
    for function in (F.maximum, F.minimum):
        a, b = (nnrun.Variable(np.array([2.0])) for _ in range(2))
        function(a, b).backward()
        assert (a.grad.tolist(), b.grad.tolist()) == ([1], [0])
    for function, expected in (
        (lambda v: F.clip(v, 0.0, 1.0), [1, 1, 0]),
        (F.relu, [0, 1, 0]),
        (abs, [0, 1, -1]),
    ):
        v = nnrun.Variable(np.array([0.0, 1.0, -1.0]))
        F.sum(function(v)).backward()
        assert v.grad.tolist() == expected


def test_logsumexp_of_infinite_numbers():
    inf = np.inf
    x = np.array([[-inf, -inf], [0.0, -inf], [inf, 0.0]])
    with np.errstate(divide="ignore"):  # the logarithm of 0
        assert F.logsumexp(x, 1).array.tolist() == [-inf, 0, inf]
