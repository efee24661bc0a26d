"""Variables: their array, their gradient, their place in the graph."""

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import Variable
from nnrun.testing import assert_allclose


def var(*values):
    return Variable(np.array(values, np.float32))


def test_what_is_no_array_is_refused():
    with pytest.raises(TypeError, match="`data` must be an array of numpy or ndgpu, not list"):
        Variable([1, 2])
    x = var(1)
    with pytest.raises(TypeError, match="must be an array"):
        x.array = 3.0
    with pytest.raises(TypeError):
        nnrun.as_variable("text")


def test_attributes_of_the_array():
    x = Variable(np.zeros((2, 3), np.float64), name="x")
    assert (x.shape, x.ndim, x.size, x.dtype, len(x)) == ((2, 3), 2, 6, np.float64, 2)
    assert x.array is x.data
    assert x.xp is np
    assert x.device.name == "numpy"
    assert x.label == "x: (2, 3), float64"
    assert x.rank == 0
    assert x.creator is None
    assert var(5).item() == 5.0
    assert x.T.shape == (3, 2)


def test_the_truth_of_a_variable_is_an_error_not_a_surprise():
    with pytest.raises(NotImplementedError):
        bool(var(1))


def test_gradient_must_suit_the_array():
    x = var(1, 2)
    with pytest.raises(ValueError, match=r"shape is \(3,\) but the variable's is \(2,\)"):
        x.grad = np.zeros(3, np.float32)
    with pytest.raises(TypeError, match="dtype is float64"):
        x.grad = np.zeros(2)
    x.grad = np.ones(2, np.float32)
    assert x.grad_var.array is x.grad
    x.cleargrad()
    assert x.grad is None
    x.zerograd()
    assert x.grad.tolist() == [0, 0]


def test_addgrad_makes_a_new_array():
    x, y = var(1, 2), var(3, 4)
    y.grad = np.ones(2, np.float32)
    x.addgrad(y)
    assert x.grad.tolist() == [1, 1]
    assert x.grad is not y.grad
    before = x.grad
    x.addgrad(y)
    assert x.grad.tolist() == [2, 2]
    assert before.tolist() == [1, 1]
    x.addgrad(var(0, 0))  # it has none
    assert x.grad.tolist() == [2, 2]


def test_copydata_copies_values_in_place():
    x, y = var(1, 2), var(3, 4)
    mine = x.array
    x.copydata(y)
    assert x.array is mine
    assert mine.tolist() == [3, 4]


def test_operators_with_arrays_and_numbers_on_either_side():
    x = var(1, 2)
    a = np.array([3, 4], np.float32)
    for y, expected in [
        (x + a, [4, 6]),
        (a + x, [4, 6]),
        (a - x, [2, 2]),
        (2 / x, [2, 1]),
        (np.float64(2) * x, [2, 4]),
        (x**2, [1, 4]),
        (2**x, [2, 4]),
        (x // 2, [0, 1]),
        (x % 2, [1, 0]),
        (5 // x, [5, 2]),
        (5 % x, [0, 1]),
        (-x, [-1, -2]),
        (abs(-x), [1, 2]),
        (x @ a, 11),
        (a @ x, 11),
    ]:
        assert isinstance(y, Variable)
        assert y.dtype == np.float32
        assert y.array.tolist() == expected
    with pytest.raises(TypeError, match="unsupported operand"):
        x + "text"
    with pytest.raises(TypeError):
        [1] * x


def test_augmented_assignment_makes_a_new_variable():
    x = var(1, 2)
    y = x
    y += 1
    assert x.array.tolist() == [1, 2]
    assert y.array.tolist() == [2, 3]


def test_methods_and_indexing():
    x = Variable(np.arange(6, dtype=np.float32).reshape(2, 3))
    assert x.reshape(3, 2).shape == x.reshape((3, 2)).shape == (3, 2)
    assert x.transpose().shape == x.transpose(1, 0).shape == x.transpose((1, 0)).shape == (3, 2)
    assert x[1].array.tolist() == [3, 4, 5]
    assert x[:, ::2].array.tolist() == [[0, 2], [3, 5]]
    assert x.sum().array == 15
    assert x.mean(axis=0).shape == (3,)
    assert x.max(axis=1).array.tolist() == [2, 5]
    assert x.astype(np.float64).dtype == np.float64


def test_advanced_indexing_adds_up_repeated_elements():
    x = var(1, 2, 3)
    y = x[np.array([0, 0, 2])]
    y.grad = np.array([1, 10, 100], np.float32)
    y.backward()
    assert x.grad.tolist() == [11, 0, 100]


def test_copies_and_pickles_are_leaves_of_their_own():
    x = var(1, 2)
    y = x * 2
    y.grad = np.ones(2, np.float32)
    shallow, deep, pickled = copy.copy(y), copy.deepcopy(y), pickle.loads(pickle.dumps(y))
    assert shallow.array is y.array
    assert deep.array is not y.array
    for z in (shallow, deep, pickled):
        assert z.array.tolist() == [2, 4]
        assert z.creator is None
    assert shallow.grad is None
    assert pickled.grad.tolist() == [1, 1]


def test_repr_and_str():
    assert repr(var(1, 2)) == "variable([1., 2.])"
    assert str(Variable(np.ones(1), name="x")) == "variable x([1.])"
    assert repr(Variable(np.ones((2, 1)), name="x")) == "variable x([[1.],\n            [1.]])"
    assert repr(nnrun.Parameter()) == "variable(None)"


def test_a_graph_goes_with_its_last_variable_without_the_garbage_collector():
    gc.disable()
    try:
        x = Variable(np.ones(3))
        y = F.exp(F.softmax((x * 2).reshape(1, 3)) + x)
        node = weakref.ref(y.creator_node)
        loss = F.sum(y)
        loss.backward(retain_grad=True)
        del y
        assert node() is not None
        del loss
        assert node() is None
    finally:
        gc.enable()


def test_unchain_backward_cuts_the_graph_and_frees_what_it_kept():
    x = var(1, 2)
    h = F.exp(x)
    y = F.sum(h * h)
    kept = weakref.ref(h.creator_node)
    y.unchain_backward()
    assert y.creator is None
    del h
    assert kept() is None
    y.backward()
    assert x.grad is None


def test_unchain_makes_a_leaf():
    x = var(1, 2)
    h = x * 3
    h.unchain()
    F.sum(h * 2).backward()
    assert h.grad.tolist() == [2, 2]
    assert x.grad is None


def test_moving_a_variable_moves_its_gradient(xp):
    x = var(1, 2)
    x.grad = np.ones(2, np.float32)
    if xp is not np:
        x.to_gpu()
        assert isinstance(x.array, xp.ndarray)
        assert isinstance(x.grad, xp.ndarray)
        assert x.xp is xp
    x.to_cpu()
    assert type(x.array) is type(x.grad) is np.ndarray


def test_arithmetic_on_each_kind_of_array(xp):
    x = Variable(xp.asarray(np.array([1, 2], np.float32)))
    y = Variable(xp.asarray(np.array([3, 4], np.float32)))
    z = F.sum((x * y + 2) / y - x)
    z.backward()
    assert isinstance(x.grad, xp.ndarray)
    assert_allclose(z, np.float32(1 + 2 / 3 + 2 / 4 + 2 - 3).reshape(()))
    assert_allclose(x.grad, np.zeros(2))
    assert_allclose(y.grad, -2 / np.array([9.0, 16.0]))


def test_inputs_on_different_devices_are_named():
    ndgpu = pytest.importorskip("ndgpu")
    x, y = var(1, 2), Variable(ndgpu.ones(2, dtype=np.float32))
    with pytest.raises(TypeError, match=r"Add: inputs are on different devices: numpy .*, ndgpu"):
        x + y


def test_several_lines_about_a_variable():
    x = Variable(np.array([1.0, 3.0], np.float32), name="x")
    assert x.debug_print().splitlines() == [
        "<variable x: shape=(2,), dtype=float32, device=numpy>",
        "- device: numpy",
        "- shape: (2,)",
        "- dtype: float32",
        "- statistics: mean=2.00000000, std=1.00000000",
        "- grad: None",
    ]
    assert "no array yet" in nnrun.Parameter().debug_print()
    assert "- statistics: 0 elements" in Variable(np.zeros(0)).debug_print()
