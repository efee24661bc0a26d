"""Function nodes and old-style functions, as users write them."""

import numpy as np
import pytest

import nnrun
from nnrun import Function, FunctionNode, Variable


def var(*values):
    return Variable(np.array(values, np.float32))


class MulAdd(Function):
    """The talk's own example."""

    def forward(self, inputs):
        x, y, z = inputs
        return (x * y + z,)

    def backward(self, inputs, grad_outputs):
        x, y, _ = inputs
        (gw,) = grad_outputs
        return y * gw, x * gw, gw


def test_old_style_function():
    x, y, z = var(1, 2), var(3, 4), var(5, 6)
    w = MulAdd()(x, y, z)
    assert w.array.tolist() == [8, 14]
    assert isinstance(w.creator, MulAdd)
    w.grad = np.array([1, 10], np.float32)
    w.backward()
    assert x.grad.tolist() == [3, 40]
    assert y.grad.tolist() == [1, 20]
    assert z.grad.tolist() == [1, 10]


def test_one_old_style_function_applied_twice():
    f = MulAdd()
    x, one, zero = var(2), var(1), var(0)
    y = f(f(x, x, zero), x, one)
    y.backward()
    assert x.grad.tolist() == [12]


def test_old_style_gradients_cannot_be_differentiated_again():
    x = var(2)
    y = MulAdd()(x, x, x)
    (gx,) = nnrun.grad([y], [x], enable_double_backprop=True)
    with pytest.raises(RuntimeError, match="MulAdd is an old-style Function"):
        gx.backward()


def test_old_style_retaining():
    class Exp(Function):
        def forward(self, inputs):
            self.retain_inputs(())
            self.retain_outputs((0,))
            return (np.exp(inputs[0]),)

        def backward(self, inputs, grad_outputs):
            assert inputs == (None,)
            return (self.output_data[0] * grad_outputs[0],)

    x = var(0)
    Exp()(x).backward()
    assert x.grad.tolist() == [1]


def test_several_outputs_of_which_some_lead_nowhere():
    class Split(Function):
        def forward(self, inputs):
            return inputs[0][:1], inputs[0][1:]

        def backward(self, inputs, grad_outputs):
            g0, g1 = grad_outputs
            assert g1 is None
            return (np.concatenate([g0, np.zeros(1, np.float32)]),)

    x = var(1, 2)
    first, _ = Split()(x)
    (first * 3).backward()
    assert x.grad.tolist() == [3, 0]


def test_halves_for_cpu_and_gpu(xp):
    class Twice(FunctionNode):
        def forward_cpu(self, inputs):
            return (inputs[0] * 2,)

        def forward_gpu(self, inputs):
            return (inputs[0] + inputs[0],)

        def backward(self, indexes, grad_outputs):
            return (grad_outputs[0] * 2,)

    x = Variable(xp.asarray(np.ones(1, np.float32)))
    (y,) = Twice().apply((x,))
    y.backward()
    assert y.item() == x.grad.item() == 2


def test_a_function_is_named_in_its_errors():
    class Bad(FunctionNode):
        def forward(self, inputs):
            return inputs[0]

    with pytest.raises(TypeError, match=r"Bad\.forward must return a tuple"):
        Bad().apply((var(1),))

    class Worse(FunctionNode):
        def forward(self, inputs):
            return ([1],)

    with pytest.raises(TypeError, match=r"Worse\.forward: output 0 must be an array, not list"):
        Worse().apply((var(1),))
    with pytest.raises(NotImplementedError, match="FunctionNode defines neither forward nor"):
        FunctionNode().apply((var(1),))


def test_a_node_is_applied_once():
    class Same(FunctionNode):
        def forward(self, inputs):
            return inputs

    node = Same()
    node.apply((var(1),))
    with pytest.raises(RuntimeError, match="only once"):
        node.apply((var(1),))


def test_no_backward_means_not_differentiable():
    class Sign(FunctionNode):
        def forward(self, inputs):
            return (np.sign(inputs[0]),)

    (y,) = Sign().apply((var(1),))
    with pytest.raises(NotImplementedError, match="Sign has no backward"):
        y.backward()


def test_uninitialised_inputs_are_named():
    with pytest.raises(RuntimeError, match="Add: input 1 is uninitialised"):
        var(1) + nnrun.Parameter()


def test_retained_variables_belong_to_the_graph():
    class Cube(FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0,))
            self.retain_outputs((0,))
            return (inputs[0] ** 3,)

        def backward(self, indexes, grad_outputs):
            (x,) = self.get_retained_inputs()
            (y,) = self.get_retained_outputs()
            return (3 * y / x * grad_outputs[0],)

    x = var(2)
    (y,) = Cube().apply((x,))
    (gx,) = nnrun.grad([y], [x], enable_double_backprop=True)
    (ggx,) = nnrun.grad([gx], [x])
    assert gx.item() == 12
    assert ggx.item() == pytest.approx(12)


def test_a_backward_may_give_a_gradient_for_every_input():
    class Scale(FunctionNode):
        def forward(self, inputs):
            self.retain_inputs((0, 1))
            return (inputs[0] * inputs[1],)

        def backward(self, indexes, grad_outputs):
            x, y = self.get_retained_inputs()
            return y * grad_outputs[0], x * grad_outputs[0]

    x = var(3)
    Scale().apply((x, np.array([5], np.float32)))[0].backward()
    assert x.grad.tolist() == [5]

    class Wrong(Scale):
        def backward(self, indexes, grad_outputs):
            return (None, None, None)

    with pytest.raises(ValueError, match=r"Wrong.backward must return 1 gradients .* 2 inputs"):
        Wrong().apply((x, np.array([5], np.float32)))[0].backward()


def test_a_parameter_without_axes_is_trained():
    link = nnrun.Link()
    with link.init_scope():
        link.p = nnrun.Parameter(np.zeros(()))
    optimizer = nnrun.optimizers.Adam(0.1).setup(link)
    for _ in range(3):
        optimizer.update(lambda: nnrun.functions.sigmoid(link.p))
    assert link.p.shape == () and link.p.item() < -0.1


def test_several_outputs_are_walked_at_once():
    x = var(3)
    nnrun.backward([x * 2, x * x], [None, np.array([10], np.float32)])
    assert x.grad.tolist() == [62]
