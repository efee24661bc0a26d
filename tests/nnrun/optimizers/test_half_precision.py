"""float16: scaled losses, and float32 copies of the parameters."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import optimizer_hooks, optimizers
from nnrun.serializers import DictionarySerializer, NpzDeserializer
from nnrun.testing import assert_allclose


def half_link(xp, values=(1.0, -2.0)):
    link = nnrun.Link()
    with link.init_scope():
        link.p = nnrun.Parameter(np.array(values, np.float16))
    if xp is not np:
        link.to_device(0)
    return link


def test_small_steps_add_up_in_the_copy(xp):
    link = half_link(xp)
    optimizer = optimizers.SGD(1e-4).setup(link)
    optimizer.use_fp32_update()
    for _ in range(20):
        link.p.grad = xp.ones(2, np.float16)
        optimizer.update()
    assert link.p.dtype == np.float16
    assert_allclose(link.p.array, np.array([1 - 2e-3, -2 - 2e-3], np.float16), atol=0, rtol=0)
    plain = half_link(xp)
    optimizer = optimizers.SGD(1e-4).setup(plain)
    for _ in range(20):
        plain.p.grad = xp.ones(2, np.float16)
        optimizer.update()
    assert_allclose(plain.p.array, np.array([1.0, -2.0]), atol=0, rtol=0)


@pytest.mark.parametrize("make", [optimizers.Adam, optimizers.MomentumSGD, optimizers.AdaGrad])
def test_the_copy_follows_the_float64_update(make, xp):
    link, exact = half_link(xp), half_link(np)
    exact.p.array = exact.p.array.astype(np.float64)
    first, second = make().setup(link), make().setup(exact)
    first.use_fp32_update()
    rng = np.random.default_rng(0)
    for _ in range(10):
        g = rng.standard_normal(2).astype(np.float16)
        link.p.grad, exact.p.grad = xp.asarray(g), g.astype(np.float64)
        first.update()
        second.update()
    assert_allclose(link.p.array, exact.p.array, atol=0, rtol=2**-11)


def test_the_copy_is_saved(xp):
    def step(link, optimizer):
        link.p.grad = xp.full(2, 0.3, np.float16)
        optimizer.update()

    link, again = half_link(xp), half_link(xp)
    optimizer, resumed = optimizers.Adam(1e-4).setup(link), optimizers.Adam(1e-4)
    resumed.use_fp32_update()
    resumed.setup(again)
    optimizer.use_fp32_update()
    for _ in range(3):
        step(link, optimizer)
    stored = DictionarySerializer()
    stored["m"].save(link)
    stored["o"].save(optimizer)
    NpzDeserializer(stored.target, "m/").load(again)
    NpzDeserializer(stored.target, "o/").load(resumed)
    for _ in range(5):
        step(link, optimizer)
        step(again, resumed)
    assert_allclose(link.p.array, again.p.array, atol=0, rtol=0)


def test_hooks_see_the_unscaled_gradient(xp):
    link = half_link(xp)
    optimizer = optimizers.SGD(1.0).setup(link)
    optimizer.use_fp32_update()
    optimizer.set_loss_scale(1024)
    optimizer.add_hook(optimizer_hooks.WeightDecay(0.5))
    optimizer.add_hook(optimizer_hooks.GradientClipping(100))
    # 2**-20 is below what float16 resolves at 1, but not in its float32 copy; times 1024 it is
    # a good float16.
    optimizer.update(lambda: F.sum(link.p * np.float16(0.25)))
    assert_allclose(link.p.array, np.array([0.25, -1.25], np.float16), atol=0, rtol=0)


def test_tiny_gradients_survive_by_the_scale():
    link = half_link(np, [1.0])
    optimizer = optimizers.SGD(2.0**20).setup(link)
    optimizer.use_fp32_update()
    optimizer.set_loss_scale(2.0**14)
    # The derivative is 2**-26, which float16 rounds to 0.
    tiny = np.float16(2**-13)
    optimizer.update(lambda: F.sum(link.p * tiny * tiny))
    assert link.p.array.tolist() == [1 - 2**-6]


def test_dynamic_scale_halves_at_infinity_and_grows_after_good_steps(xp):
    link = half_link(xp, [1.0])
    optimizer = optimizers.SGD(0.0).setup(link)
    optimizer.use_fp32_update()
    optimizer.loss_scaling(interval=2)
    scales, safe = [], []
    for _ in range(6):
        # 8 * 32768 is more than float16 can be; 8 * 4096 is not.
        optimizer.update(lambda: F.sum(link.p * np.float16(8)))
        scales.append(optimizer._loss_scale)
        safe.append(optimizer.is_safe_to_update())
    assert safe == [False, False, False, True, True, False]
    assert scales == [16384, 8192, 4096, 4096, 8192, 4096]
    assert optimizer.t == 2
    assert link.p.array.tolist() == [1.0]
    stored = DictionarySerializer()
    stored.save(optimizer)
    resumed = optimizers.SGD(0.0).setup(link)
    resumed.loss_scaling(interval=2)
    NpzDeserializer(stored.target).load(resumed)
    assert resumed._loss_scale == 4096


def test_bad_arguments():
    optimizer = optimizers.SGD().setup(half_link(np))
    with pytest.raises(ValueError, match="must be positive, not 0"):
        optimizer.set_loss_scale(0)
    with pytest.raises(ValueError, match="`interval` must be positive"):
        optimizer.loss_scaling(0)
