"""Layers beside the common ones: against their functions, their shapes, gradients and devices."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.testing import assert_allclose

rng = np.random.default_rng(71)


def normal(*shape: int) -> np.ndarray:
    return rng.standard_normal(shape).astype(np.float32)


@pytest.fixture(autouse=True)
def seeded():
    """NumPy's global generator, which initial values and masks come from."""
    state = np.random.get_state()
    np.random.seed(0)
    yield
    np.random.set_state(state)


image = normal(2, 4, 5, 5)
rows = normal(4, 3)
words = normal(2, 5, 8)

# Each layer, its input, what it is to compute, and the shapes of its parameters.
LAYERS = {
    "LayerNormalization": (
        L.LayerNormalization,
        rows,
        lambda link, x: F.layer_normalization(x, link.gamma, link.beta, 1e-6),
        {"gamma": (3,), "beta": (3,)},
    ),
    "GroupNormalization": (
        lambda: L.GroupNormalization(2),
        image,
        lambda link, x: F.group_normalization(x, 2, link.gamma, link.beta),
        {"gamma": (4,), "beta": (4,)},
    ),
    "RMSNormalization": (
        L.RMSNormalization,
        words,
        lambda link, x: F.rms_normalization(x, link.gamma),
        {"gamma": (8,)},
    ),
    "PReLU": (
        lambda: L.PReLU((3,)),
        rows,
        lambda link, x: F.prelu(x, link.W),
        {"W": (3,)},
    ),
    "Swish": (L.Swish, rows, lambda link, x: F.swish(x, 1.0), {"beta": (3,)}),
    "Maxout": (
        lambda: L.Maxout(None, 2, 3),
        rows,
        lambda link, x: F.max(F.reshape(link.linear(x), (4, 2, 3)), 2),
        {"linear/W": (6, 3), "linear/b": (6,)},
    ),
    "Highway": (
        lambda: L.Highway(3),
        rows,
        lambda link, x: (
            F.sigmoid(link.transform(x)) * F.relu(link.plain(x))
            + (1 - F.sigmoid(link.transform(x))) * x
        ),
        {"plain/W": (3, 3), "plain/b": (3,), "transform/W": (3, 3), "transform/b": (3,)},
    ),
    "SimplifiedDropconnect": (
        lambda: _outside_training(L.SimplifiedDropconnect(None, 2)),
        rows,
        lambda link, x: F.linear(x, link.W, link.b),
        {"W": (2, 3), "b": (2,)},
    ),
    "ConvolutionND": (
        lambda: L.ConvolutionND(2, None, 6, 3, groups=2),
        image,
        lambda link, x: F.convolution_2d(x, link.W, link.b, groups=2),
        {"W": (6, 2, 3, 3), "b": (6,)},
    ),
    "Convolution1D": (
        lambda: L.Convolution1D(None, 6, 3, pad=1, nobias=True),
        words,
        lambda link, x: F.convolution_1d(x, link.W, pad=1),
        {"W": (6, 5, 3)},
    ),
    "Convolution3D": (
        lambda: L.Convolution3D(2, 3, (1, 2, 2)),
        normal(1, 2, 2, 3, 3),
        lambda link, x: F.convolution_3d(x, link.W, link.b),
        {"W": (3, 2, 1, 2, 2), "b": (3,)},
    ),
    "DeconvolutionND": (
        lambda: L.DeconvolutionND(2, None, 3, 2, outsize=(6, 6)),
        image,
        lambda link, x: F.deconvolution_2d(x, link.W, link.b),
        {"W": (4, 3, 2, 2), "b": (3,)},
    ),
    "Deconvolution1D": (
        lambda: L.Deconvolution1D(5, 3, 2),
        words,
        lambda link, x: F.deconvolution_1d(x, link.W, link.b),
        {"W": (5, 3, 2), "b": (3,)},
    ),
    "Deconvolution3D": (
        lambda: L.Deconvolution3D(2, 3, 2),
        normal(1, 2, 2, 1, 2),
        lambda link, x: F.deconvolution_3d(x, link.W, link.b),
        {"W": (2, 3, 2, 2, 2), "b": (3,)},
    ),
    "DilatedConvolution2D": (
        lambda: L.DilatedConvolution2D(None, 3, 2, dilate=3),
        image,
        lambda link, x: F.convolution_2d(x, link.W, link.b, dilate=3),
        {"W": (3, 4, 2, 2), "b": (3,)},
    ),
    "DepthwiseConvolution2D": (
        lambda: L.DepthwiseConvolution2D(None, 2, 3),
        image,
        lambda link, x: F.depthwise_convolution_2d(x, link.W, link.b),
        {"W": (2, 4, 3, 3), "b": (8,)},
    ),
    "LocalConvolution2D": (
        lambda: L.LocalConvolution2D(4, 2, 5, 3, 2),
        image,
        lambda link, x: F.local_convolution_2d(x, link.W, link.b, 2),
        {"W": (2, 2, 2, 4, 3, 3), "b": (2, 2, 2)},
    ),
    "DeformableConvolution2D": (  # its places have not moved yet
        lambda: L.DeformableConvolution2D(4, 2, 3, pad=1),
        image,
        lambda link, x: F.convolution_2d(x, link.deform_conv.W, link.deform_conv.b, pad=1),
        {
            "deform_conv/W": (2, 4, 3, 3),
            "deform_conv/b": (2,),
            "offset_conv/W": (18, 4, 3, 3),
            "offset_conv/b": (18,),
        },
    ),
}


def _outside_training(link):
    forward = link.forward
    link.forward = lambda x: forward(x, train=False)
    return link


@pytest.mark.parametrize("name", LAYERS)
def test_layer(name):
    make, x, function, shapes = LAYERS[name]
    link = make()
    y = link(x)
    assert_allclose(y, function(link, x), atol=1e-4)
    assert {path[1:]: p.shape for path, p in link.namedparams()} == shapes
    weights = normal(*y.shape)
    F.sum(y * weights).backward()
    # (Where dropouts are off, that is all: each parameter takes part.)
    assert all(p.grad is not None and p.grad.shape == p.shape for p in link.params())
    assert repr(link).startswith(name + "(")


@pytest.mark.parametrize("name", ["LayerNormalization", "Highway", "DepthwiseConvolution2D"])
def test_layer_on_a_device(name):
    make, x, _, _ = LAYERS[name]
    link = make()
    expected = link(x)
    link.to_gpu()
    assert_allclose(link(nnrun.cuda.to_gpu(x)), expected, atol=1e-4)


def test_bilinear():
    link = L.Bilinear(3, 2, 4)
    a, b = normal(5, 3), normal(5, 2)
    assert_allclose(link(a, b), F.bilinear(a, b, link.W, link.V1, link.V2, link.b))
    assert {p.shape for p in link.params()} == {(3, 2, 4), (3, 4), (2, 4), (4,)}
    assert_allclose(L.Bilinear(3, 2, 4, True, link.W.array)(a, b), F.bilinear(a, b, link.W))


class TestBatchRenormalization:
    def test_moves_its_averages_and_uses_them(self):
        link = L.BatchRenormalization(3, rmax=2, dmax=1)
        for _ in range(300):
            link(rng.normal(5, 2, (64, 3)).astype(np.float32))
        assert abs(link.avg_mean - 5).max() < 0.3
        assert abs(link.avg_var - 4).max() < 0.6
        with nnrun.using_config("train", False):
            y = link(np.full((1, 3), 5, np.float32))
        assert abs(y.array).max() < 0.3

    def test_finetuning_counts_batches(self):
        link = L.BatchRenormalization()
        for x in (np.zeros((2, 3), "f"), np.full((2, 3), 2, "f")):
            link(x, finetune=True)
        assert_allclose(link.avg_mean, np.ones(3))
        link.start_finetuning()
        assert link.N == 0


class TestLosses:
    def test_crf(self):
        crf = L.CRF1d(3, initial_cost=normal(3, 3), transpose=True)
        xs, ys = [normal(3, 3), normal(2, 3)], [np.array([0, 2, 1]), np.array([1, 1])]
        loss = crf(xs, ys)
        by_time = [x.array for x in F.transpose_sequence(xs)]
        labels = [y.array for y in F.transpose_sequence(ys)]
        assert_allclose(loss, F.crf1d(crf.cost, by_time, labels))
        loss.backward()
        assert crf.cost.grad.shape == (3, 3)
        score, path = crf.argmax(xs)
        assert [len(p) for p in path] == [3, 2]
        expected, _ = F.argmax_crf1d(crf.cost, by_time)
        assert_allclose(score, expected)

    def test_samples_follow_the_counts(self):
        link = L.NegativeSampling(2, [8, 0, 1, 1], 5, power=1.0)
        drawn = link.draw((20_000,))
        assert abs(np.bincount(drawn, minlength=4) / 20_000 - [0.8, 0, 0.1, 0.1]).max() < 0.02
        with pytest.raises(ValueError, match="`counts` must be numbers, not all 0"):
            L.BlackOut(2, [0, 0], 1)

    def test_negative_sampling_learns(self):
        link = L.NegativeSampling(4, [1] * 5, 3)
        optimizer = nnrun.optimizers.SGD(0.5).setup(link)
        x, t = np.eye(4, dtype=np.float32), np.arange(4)
        for _ in range(30):
            optimizer.update(link, x, t)
        scores = x @ link.W.array.T
        assert (scores.argmax(1) == t).all()
        _, samples = link(x, t, return_samples=True)
        assert samples.shape == (4, 3)

    def test_black_out(self, xp):
        link = L.BlackOut(4, [1, 2, 3], 6)
        if xp is not np:
            link.to_gpu()
        loss = link(xp.asarray(normal(2, 4)), xp.asarray(np.array([0, 2])))
        assert loss.item() == pytest.approx(-np.log(1 / 7) - 6 * np.log(6 / 7), rel=1e-4)

    def test_probabilities_of_a_tree_add_up_to_one(self, xp):
        tree = L.BinaryHierarchicalSoftmax.create_huffman_tree({0: 9, 1: 2, 2: 1, 3: 4})
        link = L.BinaryHierarchicalSoftmax(3, tree)
        assert link.W.shape == (3, 3)
        if xp is not np:
            link.to_gpu()
        x = xp.asarray(normal(1, 3))
        p = [np.exp(-link(x, xp.asarray(np.array([k]))).item()) for k in range(4)]
        assert sum(p) == pytest.approx(1, rel=1e-5)

    def test_frequent_labels_are_near_the_root(self):
        tree = L.BinaryHierarchicalSoftmax.create_huffman_tree({0: 9, 1: 2, 2: 1, 3: 4})
        link = L.BinaryHierarchicalSoftmax(3, tree)
        depths = (link._paths >= 0).sum(1)
        assert depths.tolist() == [1, 3, 3, 2]
        with pytest.raises(ValueError, match="`word_counts` is empty"):
            L.BinaryHierarchicalSoftmax.create_huffman_tree({})
        with pytest.raises(ValueError, match="labels must be 0 to 1"):
            L.BinaryHierarchicalSoftmax(3, (0, 2))
        with pytest.raises(ValueError, match="a label or a pair of trees"):
            L.BinaryHierarchicalSoftmax(3, (0, 1, 2))


def test_inception():
    link = L.Inception(None, 2, 3, 4, 1, 2, 3)
    y = link(image)
    assert y.shape == (2, 11, 5, 5)
    assert_allclose(y.array[:, :2], F.relu(link.conv1(image)))
    assert_allclose(y.array[:, 2:6], F.relu(link.conv3(F.relu(link.proj3(image)))))
    pooled = link.projp(F.max_pooling_2d(image, 3, 1, 1))
    assert_allclose(y.array[:, 8:], F.relu(pooled))
    assert len(list(link.params())) == 12


def test_mlp_convolution():
    link = L.MLPConvolution2D(None, (8, 6, 3), 3, pad=1, activation=F.tanh)
    y = link(image)
    assert_allclose(y, link[2](F.tanh(link[1](F.tanh(link[0](image))))))
    assert y.shape == (2, 3, 5, 5)
    with pytest.raises(ValueError, match="`out_channels` is empty"):
        L.MLPConvolution2D(3, (), 3)


class TestAttention:
    def test_one_head_is_the_function(self):
        link = L.MultiHeadAttention(8, 1)
        q, k, v = (m(words, n_batch_axes=2) for m in (link.query, link.key, link.value))
        expected = link.out(F.scaled_dot_product_attention(q, k, v), n_batch_axes=2)
        assert_allclose(link(words), expected)

    @pytest.mark.parametrize("rotary", [False, True])
    def test_no_position_sees_later_ones(self, rotary):
        block = L.TransformerBlock(8, 2, rotary=rotary)
        with nnrun.using_config("train", False):
            y = block(words, causal=True)
            changed = words.copy()
            changed[:, 3:] += 1
            z = block(changed, causal=True)
        assert_allclose(y.array[:, :3], z.array[:, :3])
        assert abs(y.array[:, 3:] - z.array[:, 3:]).min(axis=(0, 1)).max() > 1e-3

    def test_padding_is_not_seen(self):
        link = L.MultiHeadAttention(8, 2)
        mask = np.array([[True] * 3 + [False] * 2] * 2)
        assert_allclose(link(words[:, :2], words, mask), link(words[:, :2], words[:, :3]))

    def test_gradients_and_sizes(self):
        block = L.TransformerBlock(8, 2, 5)
        F.sum(F.square(block(words))).backward()
        assert all(p.grad is not None for p in block.params())
        assert block.hidden.W.shape == (5, 8)
        with pytest.raises(ValueError, match="`n_units` must be a multiple of `n_heads`"):
            L.MultiHeadAttention(8, 3)
