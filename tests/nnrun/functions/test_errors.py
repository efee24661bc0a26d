"""Bad input to functions: each error names the function, what it wanted and what it got."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F

x23 = np.zeros((2, 3), np.float32)
t2 = np.zeros(2, np.int32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: F.linear(np.zeros((2, 4), "f"), np.zeros((5, 3), "f")),
            ValueError,
            r"linear: `W` has 3 inputs but `x` has 4 \(x.shape=\(2, 4\), W.shape=\(5, 3\)\)",
        ),
        (
            lambda: F.linear(x23, np.zeros((5, 3), "f"), np.zeros(4, "f")),
            ValueError,
            r"linear: `W` has 5 outputs but `b` has shape \(4,\)",
        ),
        (lambda: F.linear(x23, t2), ValueError, r"linear: `W` must be a matrix"),
        (lambda: F.linear(np.zeros(3, "f"), x23), ValueError, r"linear: `n_batch_axes`"),
        (lambda: F.matmul(x23, x23), ValueError, r"matmul: `a` has 3 columns but `b` has 2 rows"),
        (lambda: F.matmul(np.zeros(()), x23), ValueError, r"matmul: no numbers"),
        (lambda: F.reshape(x23, (4, -1)), ValueError, r"reshape: `x` has shape \(2, 3\)"),
        (lambda: F.reshape(x23, (-1, -1)), ValueError, r"reshape"),
        (lambda: F.reshape(x23, 7), ValueError, r"reshape: .* wanted \(7,\)"),
        (lambda: F.transpose(x23, (0, 0)), ValueError, r"transpose: axes \(0, 0\) must name"),
        (lambda: F.squeeze(x23, 1), ValueError, r"squeeze: axis 1 of `x` has length 3"),
        (lambda: F.expand_dims(x23, 5), ValueError, r"expand_dims: axis 5 is out of range"),
        (lambda: F.moveaxis(x23, (0, 1), 0), ValueError, r"moveaxis: 2 axes to move but 1"),
        (lambda: F.sum(x23, 2), ValueError, r"sum: axis 2 is out of range for 2 dimensions"),
        (lambda: F.sum(x23, (0, -2)), ValueError, r"sum: an axis is given twice"),
        (lambda: F.average(x23, 1, x23.T), ValueError, r"average: `weights` has shape \(3, 2\)"),
        (lambda: F.softmax(t2), ValueError, r"softmax: axis 1 is out of range"),
        (lambda: F.broadcast_to(x23, (2, 4)), ValueError, r"broadcast_to: `x` has shape \(2, 3\)"),
        (lambda: F.concat([]), ValueError, r"concat: nothing to join"),
        (lambda: F.concat([x23, x23.T]), ValueError, r"concat: input 1 has shape \(3, 2\)"),
        (lambda: F.split_axis(x23, 2, 1), ValueError, r"split_axis: axis 1 of length 3"),
        (lambda: F.split_axis(x23, [2, 1], 1), ValueError, r"split_axis: cuts \(2, 1\)"),
        (lambda: F.where(t2, x23, x23), TypeError, r"where: `condition` must be boolean"),
        (lambda: F.clip(x23, 1, 0), ValueError, r"clip: `x_min` 1 is larger"),
        (lambda: F.clip(x23, None, None), ValueError, r"clip: one of"),
        (lambda: F.dropout(x23, 1.0), ValueError, r"dropout: `ratio` must be"),
        (lambda: F.dropout(x23, mask=t2), ValueError, r"dropout: `mask` must have the shape"),
        (lambda: F.embed_id(x23, x23), TypeError, r"embed_id: `x` must be integers"),
        (lambda: F.embed_id(t2 + 2, x23), ValueError, r"embed_id: 2 is not one of 2 rows"),
        (lambda: F.accuracy(x23, x23), TypeError, r"accuracy: labels `t` must be integers"),
        (lambda: F.accuracy(x23, t2[:1]), ValueError, r"accuracy: .* don't fit"),
        (
            lambda: F.softmax_cross_entropy(x23, t2 + 3),
            ValueError,
            r"label 3 at \(0,\) is not one of 3 classes",
        ),
        (
            lambda: F.softmax_cross_entropy(x23, t2[:1]),
            ValueError,
            r"`t` must have shape \(2,\) \(t.shape=\(1,\), x.shape=\(2, 3\)\)",
        ),
        (lambda: F.softmax_cross_entropy(x23, t2 > 0), TypeError, r"labels `t` must be integers"),
        (
            lambda: F.softmax_cross_entropy(x23, t2, reduce="sum"),
            ValueError,
            r"`reduce` must be 'mean' or 'no', not 'sum'",
        ),
        (
            lambda: F.softmax_cross_entropy(x23, t2, class_weight=np.ones(2)),
            ValueError,
            r"`class_weight` must be an array of shape \(3,\)",
        ),
        (lambda: F.sigmoid_cross_entropy(x23, t2), ValueError, r"must have the same shape"),
        (lambda: F.mean_squared_error(x23, t2), ValueError, r"mean_squared_error: `x0` and `x1`"),
        (lambda: F.get_item(x23, 5), IndexError, r"out of bounds"),
        (lambda: F.exp(3.0), TypeError, r"must be an array"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()


class TestSoftmaxCrossEntropy:
    def test_nothing_but_ignored_labels(self):
        x = nnrun.Variable(np.ones((2, 3), np.float32))
        loss = F.softmax_cross_entropy(x, np.array([-1, -1]))
        loss.backward()
        assert loss.item() == 0
        assert not x.grad.any()

    def test_an_infinite_loss_at_an_ignored_row_counts_nothing(self):
        x = np.array([[0.0, -np.inf], [0.0, 0.0]], np.float32)
        loss = F.softmax_cross_entropy(x, np.array([1, 0]), ignore_label=1)
        assert loss.item() == pytest.approx(np.log(2))

    def test_empty_batch(self):
        x = nnrun.Variable(np.zeros((0, 3), np.float32))
        loss = F.softmax_cross_entropy(x, np.zeros(0, np.int32))
        loss.backward()
        assert loss.item() == 0
        assert x.grad.shape == (0, 3)

    def test_extreme_scores(self):
        x = nnrun.Variable(np.array([[1e4, -1e4]], np.float32))
        loss = F.softmax_cross_entropy(x, np.array([1]))
        loss.backward()
        assert loss.item() == 2e4
        assert x.grad.tolist() == [[1, -1]]

    def test_agrees_on_each_kind_of_array(self, xp):
        rng = np.random.default_rng(0)
        data, t = rng.standard_normal((5, 4)).astype(np.float32), np.array([0, 3, -1, 2, 1])
        weight = np.array([1, 2, 3, 4], np.float32)
        x = nnrun.Variable(xp.asarray(data))
        loss = F.softmax_cross_entropy(x, xp.asarray(t), class_weight=xp.asarray(weight))
        loss.backward()
        p = np.exp(data) / np.exp(data).sum(1, keepdims=True)
        w = np.where(t >= 0, weight[t], 0) / 4
        onehot = np.eye(4)[t]
        nnrun.testing.assert_allclose(loss, np.asarray((-np.log(p)[range(5), t] * w).sum()))
        nnrun.testing.assert_allclose(x.grad, (p - onehot) * w[:, None])


def test_accuracy_counts_what_is_right(xp):
    y = xp.asarray(np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], np.float32))
    t = xp.asarray(np.array([0, 1, 1]))
    share = F.accuracy(y, t)
    assert share.item() == pytest.approx(2 / 3)
    assert not share.requires_grad
    assert share.dtype == np.float32
    assert F.accuracy(y, t, ignore_label=1).item() == 1
    assert F.accuracy(y, t, ignore_label=0).item() == 0.5


def test_accuracy_of_an_empty_batch_is_zero():
    assert F.accuracy(np.zeros((0, 3), "f"), np.zeros(0, "i")).item() == 0


def test_argmax_and_argmin():
    x = np.array([[1.0, 3.0, 2.0], [4.0, 0.0, 5.0]])
    assert F.argmax(x, 1).array.tolist() == [1, 2]
    assert F.argmin(x, 0).array.tolist() == [0, 1, 0]
    assert F.argmax(x).item() == 5


class TestDropout:
    def test_statistics_and_mask(self, xp):
        x = nnrun.Variable(xp.ones(10_000, dtype=np.float32))
        y, mask = F.dropout(x, 0.25, return_mask=True)
        values = nnrun.cuda.to_cpu(y.array)
        assert set(np.unique(values)) == {np.float32(0), np.float32(1 / 0.75)}
        assert abs(values.mean() - 1) < 0.05
        F.sum(y).backward()
        assert (nnrun.cuda.to_cpu(x.grad) == nnrun.cuda.to_cpu(mask)).all()

    def test_outside_training_nothing_happens(self):
        x = nnrun.Variable(np.ones(10, np.float32))
        with nnrun.using_config("train", False):
            assert F.dropout(x) is x


def test_embed_id_agrees_on_each_kind_of_array(xp):
    W = nnrun.Variable(xp.asarray(np.arange(8, dtype=np.float32).reshape(4, 2)))
    ids = xp.asarray(np.array([[1, 3], [-1, 1]], np.int32))
    y = F.embed_id(ids, W, ignore_label=-1)
    y.grad = xp.asarray(np.ones((2, 2, 2), np.float32))
    y.backward()
    assert nnrun.cuda.to_cpu(y.array).tolist() == [[[2, 3], [6, 7]], [[0, 0], [2, 3]]]
    assert nnrun.cuda.to_cpu(W.grad).tolist() == [[0, 0], [2, 2], [0, 0], [1, 1]]


@pytest.mark.parametrize(
    "name", ["relu", "leaky_relu", "elu", "sigmoid", "tanh", "softplus", "exp"]
)
def test_activations_agree_on_each_kind_of_array(name, xp):
    data = np.linspace(-2, 2, 7, dtype=np.float32)
    results = []
    for module in (np, xp):
        x = nnrun.Variable(module.asarray(data))
        y = getattr(F, name)(x)
        F.sum(y * y).backward()
        results.append((y.array, x.grad))
    for expected, found in zip(*results, strict=True):
        assert isinstance(found, xp.ndarray)
        nnrun.testing.assert_allclose(found, expected)
