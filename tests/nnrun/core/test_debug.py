"""Debug mode, and the notes that errors carry."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import FunctionNode, Variable


def test_a_forward_that_fails_says_what_it_was_applied_to():
    with pytest.raises(ValueError) as caught:
        Variable(np.ones((2, 3), np.float32)) + Variable(np.ones(4, np.float32))
    assert caught.value.__notes__ == ["in Add, applied to float32 (2, 3), float32 (4,)"]


class Wider(FunctionNode):
    """Its gradient has another dtype than its input."""

    def forward(self, inputs):
        return (inputs[0] * 2,)

    def backward(self, indexes, grad_outputs):
        return (F.cast(grad_outputs[0] * 2, np.float64),)


def test_a_gradient_of_another_dtype_is_found_in_debug_mode():
    x = Variable(np.ones(1, np.float32))
    Wider().apply((x,))[0].backward()
    assert x.grad.dtype == np.float32  # converted at the leaf
    with nnrun.using_config("debug", True):
        y = Wider().apply((x,))[0]
        with pytest.raises(TypeError, match=r"Wider.backward: the gradient of input 0 is float64"):
            y.backward()


def test_debug_mode_can_be_on_for_a_part():
    with np.errstate(invalid="ignore"):
        x = F.log(Variable(np.array([-1.0])))
        with nnrun.using_config("debug", True), pytest.raises(RuntimeError, match="NaN in output"):
            F.exp(x)
        assert np.isnan(F.exp(x).array).all()
