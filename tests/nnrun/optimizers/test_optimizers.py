"""Optimizers: every rule against its formula, in place, on each kind of array; hooks; states."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun import optimizer_hooks, optimizers
from nnrun.optimizer import GradientMethod
from nnrun.serializers import DictionarySerializer, NpzDeserializer
from nnrun.testing import assert_allclose


def sgd(p, g, s, t):
    return p - 0.1 * g


def momentum(p, g, s, t):
    s["v"] = 0.9 * s.get("v", 0) - 0.1 * g
    return p + s["v"]


def nesterov(p, g, s, t):
    before = s.get("v", 0)
    s["v"] = 0.9 * before - 0.1 * g
    return p - 0.9 * 0 + 0.9 * s["v"] - 0.1 * g


def adagrad(p, g, s, t):
    s["h"] = s.get("h", 0) + g * g
    return p - 0.1 * g / (np.sqrt(s["h"]) + 1e-8)


def rmsprop(p, g, s, t):
    s["ms"] = 0.99 * s.get("ms", 0) + 0.01 * g * g
    return p - 0.1 * g / (np.sqrt(s["ms"]) + 1e-8)


def rmsprop_inside(p, g, s, t):
    s["ms"] = 0.99 * s.get("ms", 0) + 0.01 * g * g
    return p - 0.1 * g / np.sqrt(s["ms"] + 1e-8)


def adam(p, g, s, t, decay=0.0, amsgrad=False):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    v = s["top"] if amsgrad else s["v"]
    lr = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return p - lr * s["m"] / (np.sqrt(v) + 1e-8) - decay * p


def corrected(p, g, s, t):
    s["v"] = 0.9 * s.get("v", 0) - g
    return p + 0.1 * s["v"]


def ada_delta(p, g, s, t):
    s["msg"] = 0.95 * s.get("msg", 0) + 0.05 * g * g
    dx = np.sqrt(s.get("msdx", 0) + 1e-6) / np.sqrt(s["msg"] + 1e-6) * g
    s["msdx"] = 0.95 * s.get("msdx", 0) + 0.05 * dx * dx
    return p - dx


def graves(p, g, s, t):
    s["n"] = 0.95 * s.get("n", 0) + 0.05 * g * g
    s["g"] = 0.95 * s.get("g", 0) + 0.05 * g
    s["delta"] = 0.9 * s.get("delta", 0) - 0.1 * g / np.sqrt(s["n"] - s["g"] ** 2 + 1e-4)
    return p + s["delta"]


def smorms3(p, g, s, t):
    r = 1 / (s.get("mem", 1) + 1)
    s["g"] = s.get("g", 0) * (1 - r) + g * r
    s["g2"] = s.get("g2", 0) * (1 - r) + g * g * r
    x = s["g"] ** 2 / (s["g2"] + 1e-16)
    s["mem"] = s.get("mem", 1) * (1 - x) + 1
    return p - g * np.minimum(0.1, x) / (np.sqrt(s["g2"]) + 1e-16)


def ada_bound(p, g, s, t, ams=False):
    s["m"] = 0.9 * s.get("m", 0) + 0.1 * g
    s["v"] = 0.999 * s.get("v", 0) + 0.001 * g * g
    s["top"] = np.maximum(s.get("top", 0), s["v"])
    v = s["top"] if ams else s["v"]
    rate = 0.1 * np.sqrt(1 - 0.999**t) / (1 - 0.9**t) / (np.sqrt(v) + 1e-8)
    # With gamma 0.5 both bounds are met by some of the elements.
    lower, upper = 0.1 * (1 - 1 / (0.5 * t + 1)), 0.1 * (1 + 1 / (0.5 * t))
    return p - np.clip(rate, lower, upper) * s["m"] - 0.01 * p


def msvag(p, g, s, t):
    beta = 0.9
    s["m"] = beta * s.get("m", 0) + (1 - beta) * g
    s["v"] = beta * s.get("v", 0) + (1 - beta) * g * g
    m, v = s["m"] / (1 - beta**t), s["v"] / (1 - beta**t)
    if t == 1:  # no variance is known from one gradient
        return p - 0.1 * m
    rho = (1 - beta) ** 2 * (1 - beta ** (2 * t)) / ((1 - beta**2) * (1 - beta**t) ** 2)
    variance = (v - m**2) / (1 - rho)
    return p - 0.1 * m**2 / (m**2 + rho * variance) * m


def lion(p, g, s, t):
    m = s.get("m", np.zeros_like(g))
    c = 0.9 * m + 0.1 * g
    s["m"] = 0.99 * m + 0.01 * g
    return p - 0.1 * (np.sign(c) + 0.5 * p)


RULES = {
    "SGD": (lambda: optimizers.SGD(0.1), sgd),
    "MomentumSGD": (lambda: optimizers.MomentumSGD(0.1), momentum),
    "NesterovAG": (lambda: optimizers.NesterovAG(0.1), nesterov),
    "AdaGrad": (lambda: optimizers.AdaGrad(0.1), adagrad),
    "RMSprop": (lambda: optimizers.RMSprop(0.1), rmsprop),
    "RMSprop-inside": (lambda: optimizers.RMSprop(0.1, eps_inside_sqrt=True), rmsprop_inside),
    "Adam": (lambda: optimizers.Adam(0.1), adam),
    "AdamW": (lambda: optimizers.AdamW(0.1), lambda *a: adam(*a, decay=0.01)),
    "AMSGrad": (lambda: optimizers.AMSGrad(0.1), lambda *a: adam(*a, amsgrad=True)),
    "CorrectedMomentumSGD": (lambda: optimizers.CorrectedMomentumSGD(0.1), corrected),
    "AdaDelta": (optimizers.AdaDelta, ada_delta),
    "RMSpropGraves": (lambda: optimizers.RMSpropGraves(0.1), graves),
    "SMORMS3": (lambda: optimizers.SMORMS3(0.1), smorms3),
    "AdaBound": (
        lambda: optimizers.AdaBound(0.1, gamma=0.5, weight_decay_rate=0.01),
        ada_bound,
    ),
    "AMSBound": (
        lambda: optimizers.AMSBound(0.1, gamma=0.5, weight_decay_rate=0.01),
        lambda *a: ada_bound(*a, ams=True),
    ),
    "MSVAG": (optimizers.MSVAG, msvag),
    "Lion": (lambda: optimizers.Lion(0.1, weight_decay_rate=0.5), lion),
}


def test_no_optimizer_is_without_its_formula():
    kinds = {k for k in optimizers.__all__ if issubclass(getattr(optimizers, k), GradientMethod)}
    assert kinds <= set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_rule_follows_its_formula_in_place(name, xp):
    make, formula = RULES[name]
    link = nnrun.Link()
    start = np.array([1.0, -2.0, 3.0], np.float32)
    with link.init_scope():
        link.p = nnrun.Parameter(start.copy())
    if xp is not np:
        link.to_gpu()
    optimizer = make().setup(link)
    array, expected, state = link.p.array, start.astype(np.float64), {}
    rng = np.random.default_rng(0)
    for t in range(1, 7):
        g = rng.standard_normal(3).astype(np.float32)
        link.p.grad = xp.asarray(g.copy())
        held = link.p.grad
        optimizer.update()
        expected = formula(expected, g.astype(np.float64), state, t)
        assert_allclose(held, g, atol=0, rtol=0)
    assert link.p.array is array
    assert array.dtype == np.float32
    assert_allclose(array, expected, rtol=2e-4)
    assert optimizer.t == link.p.update_rule.t == 6


@pytest.mark.parametrize("name", RULES)
def test_a_single_number_learns_as_an_array_of_one_does(name):
    # NumPy turns results without axes into scalars, which nothing can be written into.
    finals = []
    for shape in ((), (1,)):
        link = nnrun.Link()
        with link.init_scope():
            link.p = nnrun.Parameter(np.full(shape, 0.5, np.float32))
        optimizer = RULES[name][0]().setup(link)
        for _ in range(3):
            optimizer.update(lambda p: F.sum(F.sigmoid(p)), link.p)
        finals.append(float(link.p.array.sum()))
    assert finals[0] == finals[1] != 0.5


def model_and_data():
    np.random.seed(1)
    model = L.Classifier(nnrun.Sequential(L.Linear(None, 8), F.tanh, L.Linear(8, 3)))
    x = np.random.randn(30, 4).astype(np.float32)
    return model, x, (x[:, 0] > 0).astype(np.int32) + (x[:, 1] > 0)


def test_learning_from_a_loss_function(xp):
    model, x, t = model_and_data()
    if xp is not np:
        model.to_gpu()
    x, t = xp.asarray(x), xp.asarray(t)
    optimizer = optimizers.Adam(0.05).setup(model)
    first = model(x, t).item()
    for _ in range(20):
        optimizer.update(model, x, t)
    with nnrun.using_config("train", False), nnrun.no_backprop_mode():
        assert model(x, t).item() < first / 2


@pytest.mark.parametrize("name", RULES)
def test_saving_and_resuming_gives_the_same_parameters(name):
    model, x, t = model_and_data()
    make = RULES[name][0]
    optimizer = make().setup(model)
    for _ in range(3):
        optimizer.update(model, x, t)
    stored = DictionarySerializer()
    stored["model"].save(model)
    stored["optimizer"].save(optimizer)
    optimizer.update(model, x, t)

    again, _, _ = model_and_data()
    resumed = make().setup(again)
    NpzDeserializer(stored.target, "model/").load(again)
    NpzDeserializer(stored.target, "optimizer/").load(resumed)
    assert resumed.t == 3
    resumed.update(again, x, t)
    for p, q in zip(model.params(), again.params(), strict=True):
        assert_allclose(p, q, atol=0, rtol=0)


def test_loading_what_was_saved_before_the_first_update():
    model, x, t = model_and_data()
    optimizer = optimizers.Adam().setup(model)
    stored = DictionarySerializer()
    stored.save(optimizer)
    optimizer.update(model, x, t)
    NpzDeserializer(stored.target).load(optimizer)
    assert optimizer.t == 0
    optimizer.update(model, x, t)
    assert next(model.params()).update_rule.t == 1


def test_hyperparameters_of_one_parameter():
    link = L.Linear(2, 2)
    optimizer = optimizers.SGD(0.5).setup(link)
    link.b.update_rule.hyperparam.lr = 0.0
    link.W.grad, link.b.grad = np.ones((2, 2), np.float32), np.ones(2, np.float32)
    W, b = link.W.array.copy(), link.b.array.copy()
    optimizer.update()
    assert_allclose(link.W, W - 0.5)
    assert_allclose(link.b, b)
    optimizer.lr = 0.25
    assert link.W.update_rule.hyperparam.lr == 0.25
    assert link.b.update_rule.hyperparam.lr == 0.0
    with pytest.raises(AttributeError, match="no hyperparameter 'nothing'"):
        link.b.update_rule.hyperparam.nothing


def with_gradients(hook):
    link = nnrun.Link()
    with link.init_scope():
        link.p = nnrun.Parameter(np.array([1.0, -2.0], np.float32))
        link.unused = nnrun.Parameter(np.array([1.0], np.float32))
    optimizer = optimizers.SGD(1.0).setup(link)
    optimizer.add_hook(hook)
    link.p.grad = np.array([3.0, 4.0], np.float32)
    held = link.p.grad
    optimizer.update()
    assert held.tolist() == [3, 4]
    return (np.array([1.0, -2.0]) - link.p.array).tolist()


@pytest.mark.parametrize(
    ("hook", "step"),
    [
        (optimizer_hooks.WeightDecay(0.5), [3.5, 3.0]),
        (optimizer_hooks.Lasso(0.5), [3.5, 3.5]),
        (optimizer_hooks.GradientClipping(2.5), [1.5, 2.0]),
        (optimizer_hooks.GradientClipping(10), [3.0, 4.0]),
        (optimizer_hooks.GradientHardClipping(-1, 3.5), [3.0, 3.5]),
    ],
)
def test_hooks_change_the_step_but_no_gradient_in_other_hands(hook, step):
    assert with_gradients(hook) == pytest.approx(step)


def test_hooks_by_name_and_timing():
    calls = []
    link = L.Linear(1, 1)
    optimizer = optimizers.SGD().setup(link)
    optimizer.add_hook(lambda o: calls.append("pre"), name="a")
    optimizer.add_hook(lambda o: calls.append("post"), name="b", timing="post")
    with pytest.raises(KeyError, match="already has a hook 'a'"):
        optimizer.add_hook(print, name="a")
    optimizer.update()
    optimizer.remove_hook("a")
    optimizer.update()
    assert calls == ["pre", "post", "post"]
    with pytest.raises(KeyError, match="no hook 'a'"):
        optimizer.remove_hook("a")
    with pytest.raises(ValueError, match="`timing` must be"):
        optimizer.add_hook(print, name="c", timing="later")


def test_loss_scale_leaves_the_step_as_it_is():
    steps = []
    for scale in (None, 128.0):
        model, x, t = model_and_data()
        optimizer = optimizers.SGD(0.1).setup(model)
        if scale is not None:
            optimizer.set_loss_scale(scale)
        optimizer.update(model, x, t)
        steps.append([p.array for p in model.params()])
    for a, b in zip(*steps, strict=True):
        assert_allclose(a, b)


def test_without_setup_there_is_an_error():
    with pytest.raises(RuntimeError, match="call setup"):
        optimizers.SGD().update()
    with pytest.raises(TypeError, match="must be a Link"):
        optimizers.SGD().setup([1])


def test_nan_in_gradients_is_found():
    link = L.Linear(1, 1)
    optimizer = optimizers.SGD().setup(link)
    link.b.grad = np.array([np.nan], np.float32)
    with pytest.raises(RuntimeError, match="in the gradients of /b"):
        optimizer.check_nan_in_grads()
