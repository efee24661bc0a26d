"""Hooks with formulas of their own: noise that fades, and rates by the parameter's length."""

import numpy as np
import pytest

import nnrun
from nnrun import optimizer_hooks, optimizers
from nnrun.testing import assert_allclose


def stepped(hook, xp, param, grad):
    """The gradient as the hook leaves it."""
    link = nnrun.Link()
    with link.init_scope():
        link.p = nnrun.Parameter(np.asarray(param, np.float32))
    if xp is not np:
        link.to_device(0)
    optimizer = optimizers.SGD(1.0).setup(link)
    optimizer.add_hook(hook)
    link.p.grad = xp.asarray(np.asarray(grad, np.float32))
    optimizer.update()
    return link.p.grad


def test_lars(xp):
    hook = optimizer_hooks.GradientLARS(threshold=1e-2, weight_decay=0.5)
    # |p| = 5, |g| = 10, so the rate is 5 / (10 + 2.5).
    changed = stepped(hook, xp, [3, 4], [6, -8])
    assert_allclose(changed, [(6 + 1.5) * 0.4, (-8 + 2) * 0.4], rtol=1e-6)
    # Below the threshold only the decay is added.
    changed = stepped(hook, xp, [3e-3, 4e-3], [6, -8])
    assert_allclose(changed, [6 + 1.5e-3, -8 + 2e-3], rtol=1e-6)


def test_noise_has_its_variance_and_fades(xp):
    xp.random.seed(0)
    grad = np.zeros(20000)
    first = xp.std(stepped(optimizer_hooks.GradientNoise(0.25), xp, grad, grad))
    assert float(first) == pytest.approx(0.5, rel=0.03)

    class Rule:
        t = 99

    noise = optimizer_hooks.exponential_decay_noise(
        xp, (20000,), np.float32, optimizer_hooks.GradientNoise(0.25), Rule
    )
    assert noise.dtype == np.float32
    assert float(xp.std(noise)) == pytest.approx(0.5 / 100**0.275, rel=0.03)


def test_wrong_noise():
    with pytest.raises(ValueError, match="must not be negative"):
        optimizer_hooks.GradientNoise(-1)
