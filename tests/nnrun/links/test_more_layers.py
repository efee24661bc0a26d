"""Parameter, InceptionBN, decorrelated normalisation; filters that resample."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import initializers
from nnrun.testing import assert_allclose

rng = np.random.default_rng(2)


def test_parameter(xp):
    link = L.Parameter(np.array([1.0, 2.0], np.float32))
    link.to_device("numpy" if xp is np else 0)
    F.sum(link() * link()).backward()
    assert_allclose(link.W.grad, [2, 4])
    assert [path for path, _ in link.namedparams()] == ["/W"]


@pytest.mark.parametrize("pooltype", ["max", "avg"])
def test_inception_bn(pooltype):
    x = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
    layer = L.InceptionBN(3, 2, 2, 3, 2, 4, pooltype, 5)

    def part(x, *names):
        for name in names:
            x = F.relu(layer[name + "n"](layer[name](x)))
        return x

    pool = F.max_pooling_2d if pooltype == "max" else F.average_pooling_2d
    with nnrun.using_config("train", False):
        y = layer(x)
        expected = [
            part(x, "conv1"),
            part(x, "proj3", "conv3"),
            part(x, "proj33", "conv33a", "conv33b"),
            part(pool(x, 3, 1, 1), "poolp"),
        ]
        assert_allclose(y, F.concat(expected, 1))
    assert layer.conv3.b is None
    reduction = L.InceptionBN(None, 0, 2, 3, 2, 4, pooltype, stride=2)
    assert reduction(x).shape == (2, 10, 4, 4)
    assert "conv1" not in [link.name for link in reduction.children()]
    with pytest.raises(ValueError, match="`pooltype` must be 'max' or 'avg'"):
        L.InceptionBN(3, 2, 2, 3, 2, 4, "sum")


class TestDecorrelated:
    def test_averages_move_in_training_and_serve_afterwards(self, xp):
        layer = L.DecorrelatedBatchNormalization(4, groups=2, decay=0.8)
        layer.to_device("numpy" if xp is np else 0)
        x = xp.asarray(rng.normal(size=(16, 4)).astype(np.float32) + 2)
        y = layer(x)
        rows = nnrun.cuda.to_cpu(y.array).T.reshape(2, 2, -1)
        for row in rows:
            assert_allclose(np.cov(row, bias=True), np.eye(2), 1e-3)
        mean = nnrun.cuda.to_cpu(x).mean(0).reshape(2, 2)
        assert_allclose(layer.avg_mean, 0.2 * mean, 1e-4)
        with nnrun.using_config("train", False):
            fixed = F.fixed_decorrelated_batch_normalization(
                x, layer.avg_mean, layer.avg_projection, groups=2
            )
            assert_allclose(layer(x), fixed)
        assert (
            repr(layer) == "DecorrelatedBatchNormalization(size=4, groups=2, decay=0.8, eps=2e-05)"
        )

    def test_finetuning_averages_over_all_batches(self):
        layer = L.DecorrelatedBatchNormalization(2, groups=1)
        batches = rng.normal(size=(3, 8, 2)).astype(np.float32)
        for x in batches:
            layer(x, finetune=True)
        assert layer.N == 3
        assert_allclose(layer.avg_mean[0], batches.mean((0, 1)))
        layer.start_finetuning()
        assert layer.N == 0
        with pytest.raises(ValueError, match="no multiple of `groups` 16"):
            L.DecorrelatedBatchNormalization(8)


class TestResamplingFilters:
    @pytest.mark.parametrize("size", [3, 4, 5])
    def test_a_deconvolution_interpolates(self, size):
        stride = (size + 1) // 2
        layer = L.Deconvolution1D(
            2, 2, size, stride, initialW=initializers.UpsamplingDeconvFilter(), nobias=True
        )
        ramp = np.stack([np.arange(6.0), np.ones(6)])[None].astype(np.float32)
        y = layer(ramp).array[0]
        inside = y[:, size:-size]
        assert_allclose(np.diff(inside[0]), np.full(inside.shape[1] - 1, 1 / stride))
        assert_allclose(inside[1], np.ones(inside.shape[1]))

    def test_a_convolution_averages(self):
        layer = L.Convolution2D(
            2, 2, 4, 2, initialW=initializers.DownsamplingConvFilter(), nobias=True
        )
        x = np.ones((1, 2, 8, 8), np.float32) * np.array([1, 5], np.float32)[:, None, None]
        y = layer(x).array
        assert_allclose(y[0, 0], np.ones((3, 3)))
        assert_allclose(y[0, 1], np.full((3, 3), 5))

    def test_bad_input(self):
        with pytest.raises(ValueError, match="`interpolation` must be 'linear'"):
            initializers.UpsamplingDeconvFilter("cubic")
        with pytest.raises(ValueError, match="must map channels to as many"):
            initializers.DownsamplingConvFilter()(np.zeros((2, 3, 4, 4)))
