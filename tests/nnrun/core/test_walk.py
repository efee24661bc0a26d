"""The backward walk: order, accumulation, depth, threads, errors."""

import threading
import traceback

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import FunctionNode, Variable


def var(*values):
    return Variable(np.array(values, np.float64))


class Recorder(FunctionNode):
    """The identity, which writes down when its backward runs."""

    def __init__(self, name, log):
        self.name = name
        self.log = log

    def forward(self, inputs):
        return inputs

    def backward(self, indexes, grad_outputs):
        self.log.append(self.name)
        return grad_outputs


def test_each_node_runs_once_and_in_order_of_rank():
    log = []

    def step(name, x):
        return Recorder(name, log).apply((x,))[0]

    x = var(1)
    a = step("a", x)
    long = step("d", step("c", step("b", a)))
    y = step("e", long + a)
    y.backward()
    assert log == ["e", "d", "c", "b", "a"]
    assert x.grad.tolist() == [2]


def test_gradients_of_a_variable_used_many_times_add_up():
    x = var(3)
    y = x + x
    y = y + x + x * x
    y.backward()
    assert x.grad.tolist() == [9]


def test_leaves_accumulate_over_backwards_until_cleared():
    x = var(3)
    for expected in (2, 4):
        (x * 2).backward()
        assert x.grad.tolist() == [expected]
    x.cleargrad()
    (x * 2).backward()
    assert x.grad.tolist() == [2]


def test_no_gradient_in_other_hands_is_written_to():
    x, y = var(1), var(2)
    seed = np.array([1.0])
    # Add hands its own gradient on to both inputs, and x takes part three times.
    z = (x + y) + x + x
    z.grad = seed
    z.backward()
    assert seed.tolist() == [1]
    assert z.grad is seed
    assert y.grad.tolist() == [1]
    first = x.grad
    z2 = x * 2
    z2.backward()
    assert first.tolist() == [3]
    assert x.grad.tolist() == [5]


def test_a_gradient_is_needed_for_several_elements():
    y = var(1, 2) * 2
    with pytest.raises(ValueError, match=r"has shape \(2,\); set its `grad` first"):
        y.backward()


def test_without_recording_there_is_nothing_to_walk():
    with nnrun.no_backprop_mode():
        y = F.sum(var(1, 2) * 2)
    assert y.creator is None
    assert y.requires_grad
    y.backward()  # a leaf: nothing to do
    constant = Variable(np.ones(1), requires_grad=False) * 2
    assert not constant.requires_grad
    with pytest.raises(RuntimeError, match="requires no gradient"):
        constant.backward()


def test_force_backprop_mode_wins_inside_no_backprop_mode():
    x = var(2)
    with nnrun.no_backprop_mode(), nnrun.force_backprop_mode():
        y = x * x
    y.backward()
    assert x.grad.tolist() == [4]


def test_constants_get_no_gradient_and_cost_none():
    x = var(1, 2)
    c = Variable(np.array([3.0, 4.0]), requires_grad=False)
    F.sum(x * c).backward()
    assert x.grad.tolist() == [3, 4]
    assert c.grad is None


@pytest.mark.parametrize("retain", [False, True])
def test_gradients_in_between_are_kept_on_demand(retain):
    x = var(2)
    h = x * 3
    y = h * h
    y.backward(retain_grad=retain)
    assert y.grad.tolist() == [1]
    assert (h.grad is not None) == retain
    if retain:
        assert h.grad.tolist() == [12]


def test_deep_graphs_need_no_recursion():
    x = y = var(1)
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1]
    del y  # nor does freeing them


def test_deep_graphs_can_be_cut():
    y = var(1)
    for _ in range(20_000):
        y = y + 1
    y.unchain_backward()
    assert y.creator is None


def test_backward_twice_over_one_graph():
    x = var(3)
    y = x * x
    y.backward()
    y.backward()
    assert x.grad.tolist() == [12]


def test_double_backprop():
    x = var(2)
    y = x * x * x
    y.backward(enable_double_backprop=True)
    gx = x.grad_var
    x.cleargrad()
    gx.backward()
    assert x.grad.tolist() == [12]


def test_loss_scale_multiplies_the_gradient():
    x = var(2)
    (x * 3).backward(loss_scale=8)
    assert x.grad.tolist() == [24]


class TestGrad:
    def test_of_intermediate_variables_leaves_others_alone(self):
        x, w = var(2), var(5)
        h = x * 3
        y = h * h * w
        gh, gx = nnrun.grad([y], [h, x])
        assert gh.array.tolist() == [60]
        assert gx.array.tolist() == [180]
        assert x.grad is w.grad is h.grad is None

    def test_none_where_nothing_depends(self):
        x, z = var(2), var(3)
        assert nnrun.grad([x * 2], [z]) == [None]
        y = x * 2
        assert nnrun.grad([y], [y])[0].array.tolist() == [1]

    def test_only_functions_between_run(self):
        log = []
        x, w = var(2), var(3)
        (a,) = Recorder("a", log).apply((x,))
        (b,) = Recorder("b", log).apply((w,))
        nnrun.grad([a * b], [x])
        assert log == ["a"]

    def test_given_gradients_and_higher_orders(self):
        x = var(2)
        y = x * x * x * x
        derivatives = []
        for _ in range(4):
            (y,) = nnrun.grad([y], [x], enable_double_backprop=True)
            derivatives.append(y.item())
        assert derivatives == [32, 48, 48, 24]
        (g,) = nnrun.grad([x * 2], [x], [var(10)], [var(1)], set_grad=True)
        assert g.array.tolist() == [21]
        assert x.grad.tolist() == [21]

    def test_a_bare_variable_is_refused(self):
        x = var(1)
        with pytest.raises(TypeError, match="`outputs` must be a sequence"):
            nnrun.grad(x * 2, [x])


def test_threads_are_independent():
    x = var(2)
    results = {}
    entered = threading.Barrier(2)

    def without():
        with nnrun.no_backprop_mode(), nnrun.using_config("train", False):
            entered.wait(10)
            results["without"] = ((x * 2).creator, nnrun.config.train)
            entered.wait(10)

    thread = threading.Thread(target=without)
    thread.start()
    entered.wait(10)
    y = x * 3
    assert nnrun.config.train
    y.backward()
    entered.wait(10)
    thread.join()
    assert results["without"] == (None, False)
    assert x.grad.tolist() == [3]


class Wrong(FunctionNode):
    def __init__(self, grads):
        self.grads = grads

    def forward(self, inputs):
        return (inputs[0] * 2,)

    def backward(self, indexes, grad_outputs):
        return self.grads


@pytest.mark.parametrize(
    ("grads", "error", "message"),
    [
        ((), ValueError, "must return 1 gradients"),
        ((np.ones(1),), TypeError, "must be a Variable or None, not ndarray"),
        ((Variable(np.ones(3)),), ValueError, r"has shape \(3,\) but the input has \(1,\)"),
    ],
)
def test_a_backward_that_returns_nonsense_is_named(grads, error, message):
    (y,) = Wrong(grads).apply((var(1),))
    with pytest.raises(error, match="Wrong.backward.*" + message):
        y.backward()


class Failing(FunctionNode):
    def forward(self, inputs):
        return (inputs[0] + 0,)

    def backward(self, indexes, grad_outputs):
        raise ZeroDivisionError("oh")


def test_an_error_in_backward_names_the_function():
    (y,) = Failing().apply((var(1),))
    with pytest.raises(ZeroDivisionError) as caught:
        y.backward()
    assert "in Failing; set nnrun.config.debug" in "".join(caught.value.__notes__)


def test_in_debug_mode_an_error_in_backward_shows_the_line_of_the_forward():
    with nnrun.using_config("debug", True):
        (y,) = Failing().apply((var(1),))  # this very line
        with pytest.raises(ZeroDivisionError) as caught:
            y.backward()
    text = "".join(traceback.format_exception(caught.value))
    assert "test_walk.py" in text.split("called at")[1]
    assert "# this very line" in text.split("called at")[1]


def test_debug_mode_finds_nan_in_forward_and_backward():
    with nnrun.using_config("debug", True):
        with (
            np.errstate(invalid="ignore"),
            pytest.raises(RuntimeError, match=r"NaN in output 0 of log.forward"),
        ):
            F.log(var(-1))
        y = F.sqrt(var(0))
        with np.errstate(divide="ignore", invalid="ignore"):
            y.grad = np.array([0.0])
            with pytest.raises(RuntimeError, match=r"NaN in output 0 of Divide\.forward") as caught:
                y.backward()
    assert "in sqrt, called at" in "".join(caught.value.__notes__)


def test_a_leaf_gets_its_gradient_in_its_own_dtype():
    x = Variable(np.ones(2, np.float32))
    F.sum(x * np.ones(2, np.float64)).backward()
    assert x.grad.dtype == np.float32
