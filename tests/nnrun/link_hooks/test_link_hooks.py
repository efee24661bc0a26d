"""Hooks around links: registration, times, and weights that are normalised."""

import io

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import gradient_check, link_hooks
from nnrun.testing import assert_allclose

rng = np.random.default_rng(5)


class Log(nnrun.LinkHook):
    name = "Log"

    def __init__(self):
        self.lines = []

    def added(self, link):
        self.lines.append(("added", link))

    def deleted(self, link):
        self.lines.append(("deleted", link))

    def forward_preprocess(self, args):
        self.lines.append(("before", args.link, args.forward_name, len(args.args), args.kwargs))

    def forward_postprocess(self, args):
        self.lines.append(("after", args.link, args.out.shape))


def test_registration_on_a_link():
    layer, hook = L.Linear(3, 2), Log()
    assert layer.add_hook(hook) is layer
    assert layer.local_link_hooks == {"Log": hook}
    layer(np.zeros((4, 3), np.float32))
    layer.delete_hook("Log")
    layer(np.zeros((4, 3), np.float32))
    assert hook.lines == [
        ("added", layer),
        ("before", layer, "forward", 1, {}),
        ("after", layer, (4, 2)),
        ("deleted", layer),
    ]
    layer.add_hook(hook)
    with pytest.raises(KeyError, match="there is a hook 'Log' already"):
        layer.add_hook(Log())
    with pytest.raises(KeyError, match="no hook 'Other'"):
        layer.delete_hook("Other")


def test_a_block_sees_all_links():
    model = nnrun.Sequential(L.Linear(3, 2), F.relu, L.Linear(2, 1))
    hook = Log()
    with hook:
        model(np.zeros((4, 3), np.float32))
    order = [(line[0], type(line[1]).__name__) for line in hook.lines]
    assert order == [
        ("added", "NoneType"),
        ("before", "Sequential"),
        ("before", "Linear"),
        ("after", "Linear"),
        ("before", "Linear"),
        ("after", "Linear"),
        ("after", "Sequential"),
        ("deleted", "NoneType"),
    ]
    with hook, pytest.raises(KeyError, match="watches this thread's links"), Log():
        pass


def test_timer():
    hook = link_hooks.TimerHook()
    with hook:
        nnrun.Sequential(L.Linear(3, 2), L.Linear(2, 1))(np.zeros((4, 3), np.float32))
    assert {name: row["occurrence"] for name, row in hook.summary().items()} == {
        "Linear": 2,
        "Sequential": 1,
    }
    out = io.StringIO()
    hook.print_report(file=out)
    assert out.getvalue().split()[:3] == ["LinkName", "ElapsedTime", "Occurrence"]


def weights(*shape):
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize(
    "make, x",
    [
        (lambda: L.Linear(5, 4), (2, 5)),
        (lambda: L.Linear(None, 4), (2, 5)),
        (lambda: L.Convolution2D(3, 4, 2), (2, 3, 4, 4)),
        (lambda: L.Deconvolution2D(3, 4, 2), (2, 3, 4, 4)),
    ],
)
def test_the_norm_of_a_spectrally_normalised_weight_is_1(make, x, xp):
    layer = make()
    layer.to_device("numpy" if xp is np else 0)
    layer.add_hook(link_hooks.SpectralNormalization(n_power_iteration=100))
    seen = []

    class See(nnrun.LinkHook):
        name = "See"

        def forward_preprocess(self, args):
            seen.append(args.link.W)

    layer.add_hook(See())
    y = layer(xp.asarray(weights(*x)))
    (W,) = seen
    matrix = nnrun.get_device("numpy").send(W.array)
    if isinstance(layer, L.Deconvolution2D):
        matrix = matrix.swapaxes(0, 1)
    norm = np.linalg.svd(matrix.reshape(len(matrix), -1), compute_uv=False)[0]
    assert norm == pytest.approx(1, abs=1e-3)
    assert isinstance(layer.W, nnrun.Parameter)
    F.sum(y * y).backward()
    assert layer.W.grad is not None and layer.W.grad.shape == layer.W.shape
    assert "W_u" in layer._persistent


def test_spectral_normalisation_divides_by_the_estimate_in_use():
    layer = L.Linear(3, 2, nobias=True)
    layer.add_hook(link_hooks.SpectralNormalization(use_gamma=True, factor=2.0))
    gamma = layer.gamma.array.copy()
    assert gamma == pytest.approx(np.linalg.svd(layer.W.array)[1][0], rel=1e-5)
    with nnrun.using_config("train", False):
        u = layer.W_u.copy()
        x = weights(1, 3)
        y = layer(x)
        assert (layer.W_u == u).all()
    W = layer.W.array
    v = W.T @ u
    v /= np.linalg.norm(v)
    sigma = u @ W @ v
    assert_allclose(y, x @ W.T * gamma / (sigma / 2.0), 1e-5, 1e-4)
    layer.delete_hook("SpectralNormalization")
    assert not hasattr(layer, "W_u") and not hasattr(layer, "gamma")


def test_weight_standardisation(xp):
    layer = L.Convolution2D(3, 4, 2, nobias=True)
    layer.to_device("numpy" if xp is np else 0)
    layer.add_hook(link_hooks.WeightStandardization(eps=1e-5))
    x = weights(2, 3, 4, 4)
    y = layer(xp.asarray(x))
    W = nnrun.get_device("numpy").send(layer.W.array)
    W = W - W.mean((1, 2, 3), keepdims=True)
    W = W / np.sqrt(W.var((1, 2, 3), keepdims=True) + 1e-5)
    assert_allclose(y, F.convolution_2d(x, W), 1e-4, 1e-4)


def test_gradients_go_through_the_normalisation():
    layer = L.Linear(3, 2, nobias=True, initialW=rng.standard_normal((2, 3)))
    layer.add_hook(link_hooks.WeightStandardization())
    gradient_check.check_backward(layer, rng.standard_normal((4, 3)), None, layer.W, dtype="d")


def test_a_failing_link_gets_its_parameter_back():
    layer = L.Linear(3, 2)
    W = layer.W
    layer.add_hook(link_hooks.WeightStandardization())
    with pytest.raises(Exception, match="linear"):
        layer(np.zeros((2, 7), np.float32))
    assert layer.W is W


def test_what_a_hook_cannot_be_added_to():
    with pytest.raises(ValueError, match="Link has no parameter 'W'"):
        nnrun.Link().add_hook(link_hooks.SpectralNormalization())
    with pytest.raises(TypeError, match="belongs on one link"), link_hooks.WeightStandardization():
        pass
    with pytest.raises(ValueError, match="`n_power_iteration` must be positive"):
        link_hooks.SpectralNormalization(0)
