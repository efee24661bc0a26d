"""Models with published weights: layers and parameters by name, preparing, loading.

Shapes and names are those that the published files have; values were compared once with Chainer
7.8.1 (GoogLeNet and ResNet50 of the same random weights agreed to 3e-5).
"""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import models
from nnrun.dataset.download import set_dataset_root
from nnrun.models import resnet, vgg
from nnrun.models.vision import prepare
from nnrun.testing import assert_allclose

# Parameters of each model: how many arrays and how many values.
COUNTS = {
    "GoogLeNet": (128, 13_378_280),
    "ResNet50Layers": (162, 25_557_096),
}


class SmallVGG(vgg._VGG):
    """One block, and narrow affine layers."""

    weights_file = "small.npz"
    _depths = (2,)

    def __init__(self, pretrained_model=None):
        super(vgg._VGG, self).__init__()
        with self.init_scope():
            self.conv1_1 = L.Convolution2D(3, 4, 3, 1, 1)
            self.conv1_2 = L.Convolution2D(4, 4, 3, 1, 1)
            self.fc6 = L.Linear(None, 8)
            self.fc7 = L.Linear(8, 8)
            self.fc8 = L.Linear(8, 5)
        self.load(pretrained_model)


@pytest.fixture(scope="module")
def small():
    model = SmallVGG()
    model(np.zeros((1, 3, 224, 224), np.float32))
    return model


@pytest.mark.parametrize("name", COUNTS)
def test_parameters(name):
    # Filled with zeros, as before loading: drawing 25 million values takes longer than all else.
    class Empty(getattr(models, name)):
        def load(self, pretrained_model):
            pass

    model = Empty("unused")
    arrays = [p for p in model.params() if p.is_initialized]
    assert (len(arrays), model.count_params()) == COUNTS[name]


def test_vgg_layers():
    class Empty(models.VGG16Layers):
        _depths = (2, 2)  # the first blocks, whose names tell the rest

        def load(self, pretrained_model):
            pass

    names = [path for path, _ in Empty("unused").namedlinks(skipself=True)]
    assert names == ["/conv1_1", "/conv1_2", "/conv2_1", "/conv2_2", "/fc6", "/fc7", "/fc8"]
    assert sum(models.VGG16Layers._depths) + 3 == 16
    assert sum(models.VGG19Layers._depths) + 3 == 19


def test_residual_blocks():
    stage = resnet._Stage(2, 4, 2, 8, 2, False, None)
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 6)).astype(np.float32)
    a = stage.a
    with nnrun.using_config("train", False):
        h = F.relu(a.bn1(F.convolution_2d(x, a.conv1.W, stride=2)))
        h = F.relu(a.bn2(F.convolution_2d(h, a.conv2.W, pad=1)))
        h = a.bn3(F.convolution_2d(h, a.conv3.W))
        y = F.relu(h + a.bn4(F.convolution_2d(x, a.conv4.W, stride=2)))
        assert_allclose(a(x), y)
        assert stage(x).shape == (2, 8, 3, 3)
    late = resnet._Stage(1, 4, 2, 8, 2, True, None)
    assert (late.a.conv1.stride, late.a.conv2.stride) == ((1, 1), (2, 2))
    assert [sum(3 * d for d in m._depths) + 2 for m in (
        models.ResNet50Layers, models.ResNet101Layers, models.ResNet152Layers
    )] == [50, 101, 152]  # fmt: skip


class Tiny(models.GoogLeNet):
    """GoogLeNet with an eighth of the channels; its trunk and branches as they are."""

    def __init__(self):
        super(models.GoogLeNet, self).__init__()
        from nnrun.models.googlenet import _MODULES

        with self.init_scope():
            self.conv1 = L.Convolution2D(3, 8, 7, 2, 3)
            self.conv2_reduce = L.Convolution2D(8, 8, 1)
            self.conv2 = L.Convolution2D(8, 24, 3, 1, 1)
            for name, channels in _MODULES.items():
                setattr(self, f"inc{name}", L.Inception(*[n // 8 for n in channels]))
            self.loss3_fc = L.Linear(None, 10)
            for branch in ("loss1", "loss2"):
                setattr(self, f"{branch}_conv", L.Convolution2D(None, 4, 1))
                setattr(self, f"{branch}_fc1", L.Linear(None, 8))
                setattr(self, f"{branch}_fc2", L.Linear(None, 10))


def test_googlenet_computes_what_is_asked_for():
    model = Tiny()
    x = np.zeros((1, 3, 224, 224), np.float32)
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        found = model(x, ["pool1", "inception_3b", "inception_5b", "prob", "loss1_fc2"])
        assert {name: y.shape for name, y in found.items()} == {
            "pool1": (1, 8, 56, 56),
            "inception_3b": (1, 60, 28, 28),
            "inception_5b": (1, 128, 7, 7),
            "prob": (1, 10),
            "loss1_fc2": (1, 10),
        }
        assert list(model(x, ["loss2_fc2"])) == ["loss2_fc2"]


class TestPictures:
    def test_layouts_and_channels(self):
        rng = np.random.default_rng(0)
        picture = rng.integers(0, 256, (5, 4, 3), dtype=np.uint8)
        mean = (103.939, 116.779, 123.68)
        expected = picture[:, :, ::-1].transpose(2, 0, 1) - np.array(mean)[:, None, None]
        assert_allclose(prepare(picture, mean, None), expected)
        assert_allclose(prepare(picture.transpose(2, 0, 1), mean, None), expected)
        grey = prepare(picture[..., 0], mean, None)
        assert_allclose(grey[1], picture[..., 0] - mean[1])
        with_alpha = np.concatenate([picture, picture[..., :1]], axis=2)
        assert_allclose(prepare(with_alpha, mean, None), expected)
        assert prepare(picture, mean, (8, 6)).shape == (3, 6, 8)
        with pytest.raises(ValueError, match="`image` must have shape"):
            prepare(np.zeros((5, 4, 7)), mean)

    def test_extract_and_predict(self, small):
        pictures = [np.full((40, 30, 3), v, np.uint8) for v in (0, 128)]
        with nnrun.using_config("train", False):
            found = small.extract(pictures, ["pool1", "fc8"])
        assert found["pool1"].shape == (2, 4, 112, 112) and found["fc8"].shape == (2, 5)
        one, many = (small.predict(pictures, oversample=flag) for flag in (False, True))
        assert one.creator is None
        assert_allclose(one.array.sum(1), np.ones(2))
        assert_allclose(many, one, 0.05)
        with pytest.raises(ValueError, match=r"no layers \['conv9'\]; there are \['conv1_1'"):
            small(np.zeros((1, 3, 224, 224), np.float32), ["conv9"])


class TestWeights:
    def test_a_file_is_loaded(self, small, tmp_path):
        nnrun.serializers.save_npz(tmp_path / "small.npz", small)
        again = SmallVGG(tmp_path / "small.npz")
        assert (again.fc6.W.array == small.fc6.W.array).all()
        set_dataset_root(tmp_path)
        try:
            with pytest.raises(FileNotFoundError, match=r"models/small.npz; put the published"):
                SmallVGG("auto")
            folder = tmp_path / "pfnet" / "chainer" / "models"
            folder.mkdir(parents=True)
            (tmp_path / "small.npz").rename(folder / "small.npz")
            assert (SmallVGG("auto").fc8.b.array == small.fc8.b.array).all()
        finally:
            set_dataset_root(None)

    def test_names_of_links(self):
        for name in models.__all__:
            assert getattr(L, name) is getattr(models, name)
            assert name in dir(L)
        with pytest.raises(AttributeError, match="no attribute 'AlexNet'"):
            L.AlexNet
