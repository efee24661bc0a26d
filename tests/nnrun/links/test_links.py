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
    scale.b.array[...] = 1
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
