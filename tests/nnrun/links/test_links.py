"""Layers: shapes, parameters, gradients, printing."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.gradient_check import check_backward
from nnrun.testing import assert_allclose

rng = np.random.default_rng(0)


class TestLinear:
    def test_formula(self):
        link = L.Linear(3, 2, initial_bias=np.array([1.0, 2.0]))
        x = rng.standard_normal((4, 3)).astype(np.float32)
        assert_allclose(link(x), x @ link.W.array.T + [1, 2])

    def test_sizes(self):
        assert L.Linear(3, 2).W.shape == (2, 3)
        assert not L.Linear(2).W.is_initialized
        assert L.Linear(2).b.shape == (2,)
        assert L.Linear(3, 2, nobias=True).b is None
        with pytest.raises(ValueError, match="`out_size`"):
            L.Linear(None)

    def test_axes(self):
        link = L.Linear(None, 2)
        assert link(np.zeros((5, 3, 4), np.float32)).shape == (5, 2)
        assert link.W.shape == (2, 12)
        assert L.Linear(None, 2)(np.zeros((5, 3, 4), "f"), n_batch_axes=2).shape == (5, 3, 2)

    def test_wrong_input_names_both_shapes(self):
        with pytest.raises(ValueError, match=r"linear: `W` has 3 inputs but `x` has 4"):
            L.Linear(3, 2)(np.zeros((1, 4), np.float32))

    def test_gradients(self):
        link = L.Linear(3, 2)
        x = rng.standard_normal((4, 3))
        check_backward(link, x, None, params=tuple(link.params()), dtype=np.float64)

    def test_on_each_kind_of_array(self, xp):
        link = L.Linear(None, 2)
        x = rng.standard_normal((4, 3)).astype(np.float32)
        expected = link(x).array
        F.sum(link(x)).backward()
        gW = link.W.grad
        if xp is not np:
            link.to_gpu()
        link.cleargrads()
        y = link(xp.asarray(x))
        F.sum(y).backward()
        assert_allclose(y, expected)
        assert_allclose(link.W.grad, gW)


def test_embed_id():
    link = L.EmbedID(5, 3, ignore_label=-1)
    y = link(np.array([[1, -1]]))
    assert y.shape == (1, 2, 3)
    assert not y.array[0, 1].any()
    assert repr(link) == "EmbedID(in_size=5, out_size=3, ignore_label=-1)"
    F.sum(y).backward()
    assert link.W.grad.sum() == 3


def test_bias_and_scale():
    x = rng.standard_normal((2, 3, 4)).astype(np.float32)
    bias, scale = L.Bias(1, (3,)), L.Scale(1, (3, 4), bias_term=True)
    bias.b.array[...] = [1, 2, 3]
    assert_allclose(bias(x), x + np.array([1, 2, 3], "f")[:, None])
    scale.W.array[...] = np.arange(12).reshape(3, 4)
    scale.bias.b.array[...] = 1
    assert_allclose(scale(x), x * np.arange(12).reshape(3, 4) + 1)
    assert_allclose(L.Bias(2)(x, np.ones(4, "f")), x + 1)
    assert_allclose(L.Scale(0)(x, np.full(2, 2, "f")), x * 2)
    with pytest.raises(ValueError, match="Bias: give `b`"):
        L.Bias(1)(x)
    with pytest.raises(ValueError, match=r"Scale: the parameter has shape \(3, 4\)"):
        scale(x[:, :2])


class TestClassifier:
    def test_loss_and_accuracy_are_reported(self):
        model = L.Classifier(L.Linear(3, 2))
        reporter = nnrun.Reporter()
        reporter.add_observer("main", model)
        x, t = np.zeros((2, 3), np.float32), np.array([0, 1])
        with reporter.scope({}):
            loss = model(x, t)
            observed = dict(reporter.observation)
        assert set(observed) == {"main/loss", "main/accuracy"}
        assert loss.item() == pytest.approx(np.log(2))
        assert model.y.shape == (2, 2)

    def test_labels_by_place_and_by_name(self):
        x, t = np.zeros((2, 3), np.float32), np.array([0, 1])
        by_place = L.Classifier(L.Linear(3, 2), label_key=0)
        assert by_place(t, x).item() == pytest.approx(np.log(2))
        by_name = L.Classifier(L.Linear(3, 2), label_key="t")
        assert by_name(x, t=t).item() == pytest.approx(np.log(2))
        with pytest.raises(ValueError, match="keyword argument 't' should hold the labels"):
            by_name(x)
        with pytest.raises(ValueError, match="argument -1 should hold the labels"):
            L.Classifier(L.Linear(3, 2))()
        with pytest.raises(TypeError, match="`label_key`"):
            L.Classifier(L.Linear(3, 2), label_key=1.5)

    def test_other_losses(self):
        model = L.Classifier(L.Linear(3, 2), lossfun=F.mean_squared_error)
        model.compute_accuracy = False
        x = np.zeros((2, 3), np.float32)
        assert model(x, np.ones((2, 2), np.float32)).item() == 1
        assert model.accuracy is None


class TestConvolution2D:
    def test_sizes(self):
        assert L.Convolution2D(3, 8, 3).W.shape == (8, 3, 3, 3)
        assert L.Convolution2D(4, 8, (3, 2), groups=2).W.shape == (8, 2, 3, 2)
        lazy = L.Convolution2D(8, 3, nobias=True)
        assert lazy.b is None
        assert lazy(np.zeros((1, 2, 5, 5), np.float32)).shape == (1, 8, 3, 3)
        assert lazy.W.shape == (8, 2, 3, 3)
        with pytest.raises(ValueError, match="Convolution2D: 2 groups don't divide 3 and 8"):
            L.Convolution2D(3, 8, 3, groups=2)

    def test_the_transpose_goes_back_to_the_size(self):
        x = np.zeros((2, 3, 9, 9), np.float32)
        y = L.Convolution2D(3, 4, 3, stride=2, pad=1)(x)
        assert L.Deconvolution2D(None, 3, 3, stride=2, pad=1)(y).shape == x.shape
        larger = L.Deconvolution2D(4, 3, 3, stride=2, pad=1, outsize=(10, 10))
        assert larger(y).shape == (2, 3, 10, 10)

    def test_wrong_input_names_both_shapes(self):
        with pytest.raises(
            ValueError, match=r"`W` has 3 input channels but `x` has 4 \(x.shape=\(8, 4, 28, 28\)"
        ):
            L.Convolution2D(3, 2, 5)(np.zeros((8, 4, 28, 28), np.float32))
        with pytest.raises(ValueError, match=r"a window of \(5, 5\).* does not fit"):
            L.Convolution2D(3, 2, 5)(np.zeros((8, 3, 4, 28), np.float32))

    def test_on_each_kind_of_array(self, xp):
        x = rng.standard_normal((2, 2, 6, 6)).astype(np.float32)
        link = L.Convolution2D(2, 3, 3, pad=1)
        results = []
        for module in (np, xp):
            if module is not np:
                link.to_gpu()
            link.cleargrads()
            y = F.max_pooling_2d(F.relu(link(module.asarray(x))), 2)
            F.sum(y * y).backward()
            results.append((y.array, link.W.grad, link.b.grad))
        for expected, found in zip(*results, strict=True):
            assert isinstance(found, xp.ndarray)
            assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


class TestBatchNormalization:
    def test_averages_move_in_training_and_serve_afterwards(self):
        bn = L.BatchNormalization(decay=0.5)
        x = rng.standard_normal((8, 3, 2, 2)).astype(np.float32) * 4 + 1
        y = bn(x)
        assert bn.gamma.shape == (3,)
        assert_allclose(y.array.mean((0, 2, 3)), np.zeros(3), atol=1e-5)
        assert_allclose(y.array.std((0, 2, 3)), np.ones(3), atol=1e-3)
        assert_allclose(bn.avg_mean, 0.5 * x.mean((0, 2, 3)))
        assert_allclose(bn.avg_var, 0.5 + 0.5 * x.var((0, 2, 3), ddof=1))
        with nnrun.using_config("train", False):
            z = bn(x).array
        spread = np.sqrt(bn.avg_var + 2e-5)[:, None, None]
        assert_allclose(z, (x - bn.avg_mean[:, None, None]) / spread)

    def test_finetuning_averages_over_all_batches(self):
        bn = L.BatchNormalization(1)
        bn.start_finetuning()
        for value in (0.0, 6.0):
            bn(np.full((2, 1), value, np.float32), finetune=True)
        assert bn.avg_mean.tolist() == [3]
        assert bn.N == 2

    def test_averages_are_saved(self, tmp_path):
        bn, again = L.BatchNormalization(3), L.BatchNormalization()
        bn(rng.standard_normal((4, 3)).astype(np.float32))
        nnrun.serializers.save_npz(tmp_path / "bn", bn)
        nnrun.serializers.load_npz(tmp_path / "bn", again)
        assert_allclose(again.avg_var, bn.avg_var, atol=0, rtol=0)
        assert_allclose(again.gamma, bn.gamma, atol=0, rtol=0)

    def test_without_scale_and_shift(self):
        bn = L.BatchNormalization(3, use_gamma=False, use_beta=False)
        assert list(bn.params()) == []
        assert bn(np.zeros((2, 3), np.float32)).shape == (2, 3)

    def test_wrong_input(self):
        with pytest.raises(ValueError, match=r"`gamma` has shape \(3,\)"):
            L.BatchNormalization(3)(np.zeros((2, 4), np.float32))


def test_mixed_precision_keeps_statistics_in_single():
    x = rng.standard_normal((8, 3)).astype(np.float16)
    with nnrun.using_config("dtype", nnrun.mixed16):
        linear, bn = L.Linear(3, 3), L.BatchNormalization(3)
    assert linear.W.dtype == np.float16
    assert bn.gamma.dtype == bn.avg_mean.dtype == np.float32
    y = bn(linear(x))
    assert y.dtype == np.float16
    F.sum(y * y).backward()
    assert bn.gamma.grad.dtype == np.float32 and linear.W.grad.dtype == np.float16
    with nnrun.using_config("train", False):
        assert bn(linear(x)).dtype == np.float16
