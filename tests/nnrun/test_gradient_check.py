"""Checks of gradients: what is wrong is found, and so are kinks."""

import numpy as np
import pytest

import nnrun.functions as F
from nnrun import FunctionNode, Variable, gradient_check
from nnrun.gradient_check import NondifferentiableError


class Wrong(FunctionNode):
    """The square, with a gradient of its own."""

    def forward(self, inputs):
        self.retain_inputs((0,))
        return (inputs[0] ** 2,)

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        return (3 * x * grad_outputs[0],)


def wrong(x):
    return Wrong().apply((x,))[0]


class HalfWrong(Wrong):
    """The square, with a gradient that says nothing of how it depends on the input."""

    def backward(self, indexes, grad_outputs):
        (x,) = self.get_retained_inputs()
        return (2 * Variable(x.array) * grad_outputs[0],)


def half_wrong(x):
    return HalfWrong().apply((x,))[0]


x, ones = np.array([0.5, -1.5, 2.0]), np.ones(3)


def test_a_wrong_gradient_is_found():
    with pytest.raises(AssertionError, match="check_backward: along a random direction"):
        gradient_check.check_backward(wrong, x, ones)
    with pytest.raises(AssertionError, match="the gradients say"):
        gradient_check.check_double_backward(half_wrong, x, ones, ones)
    gradient_check.check_backward(half_wrong, x, ones)
    gradient_check.check_backward(F.square, x, ones)


def test_kinks_are_found():
    gradient_check.check_backward(F.relu, x, ones, detect_nondifferentiable=True)
    gradient_check.check_double_backward(F.exp, x, ones, ones, detect_nondifferentiable=True)
    kink = np.array([1e-5, 1.0, 2.0])
    with pytest.raises(NondifferentiableError, match="the slopes on both sides differ"):
        gradient_check.check_backward(F.relu, kink, ones, detect_nondifferentiable=True)
    with pytest.raises(NondifferentiableError):
        gradient_check.check_backward(F.floor, kink, ones, detect_nondifferentiable=True)
    with pytest.raises(NondifferentiableError, match=r"element \(0,\)"):
        gradient_check.numerical_grad(
            lambda: (np.abs(kink),), (kink,), (ones,), detect_nondifferentiable=True
        )
    assert kink.tolist() == [1e-5, 1.0, 2.0]  # put back


def test_smooth_but_steep_is_no_kink():
    gradient_check.check_backward(
        lambda v: F.exp(8 * v), x, ones, eps=1e-4, rtol=1e-3, detect_nondifferentiable=True
    )
    (g,) = gradient_check.numerical_grad(
        lambda: (x**3,), (x,), (ones,), detect_nondifferentiable=True
    )
    np.testing.assert_allclose(g, 3 * x**2, atol=1e-5)
