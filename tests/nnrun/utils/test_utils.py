"""Type expressions, sizes of windows, drawing with given probabilities."""

import os

import numpy as np
import pytest

import nnrun
from nnrun import Function, FunctionNode, Variable, utils
from nnrun.utils import type_check


class Dot(FunctionNode):
    def check_type_forward(self, in_types):
        type_check.expect(in_types.size() == 2)
        x, y = in_types
        type_check.expect(
            x.dtype.kind == "f", x.ndim == 2, x.shape[1] * 1 == y.shape[0], y.dtype == x.dtype
        )

    def forward(self, inputs):
        return (inputs[0] @ inputs[1],)


x23 = np.ones((2, 3), np.float32)


@pytest.mark.parametrize(
    "inputs, message",
    [
        ((x23,), r"Dot: in_types.size == 2 is wanted, but 1 is not 2"),
        ((x23.astype(int), x23), r"in_types\[0\].dtype.kind == 'f' is wanted, but i is not f"),
        ((x23[0], x23), r"in_types\[0\].ndim == 2 is wanted, but 1 is not 2"),
        ((x23, x23), r"in_types\[0\].shape\[1\] \* 1 == in_types\[1\].shape\[0\] .* 3 is not 2"),
        ((x23, x23.T.astype("d")), "is wanted, but float64 is not float32"),
    ],
)
def test_a_function_states_what_it_wants(inputs, message):
    with pytest.raises(type_check.InvalidType, match=message):
        Dot().apply(inputs)
    assert type_check.get_function_check_context() is None


def test_the_check_can_be_switched_off():
    with nnrun.using_config("type_check", False), pytest.raises(ValueError, match="matmul"):
        Dot().apply((x23, x23))
    assert Dot().apply((x23, x23.T))[0].shape == (2, 2)


def test_old_style_functions_check_too():
    class Old(Function):
        def check_type_forward(self, in_types):
            type_check.expect(in_types[0].ndim == 1)

        def forward(self, inputs):
            return inputs

    with pytest.raises(type_check.InvalidType, match="Old: "):
        Old()(Variable(x23))
    assert Old()(Variable(x23[0])).shape == (3,)


a, b = (type_check.make_variable(value, name) for value, name in ((7, "a"), (2, "b")))


@pytest.mark.parametrize(
    "expression, text, value",
    [
        (a + b * 2, "a + b * 2", 11),
        ((a + b) * 2, "(a + b) * 2", 18),
        (1 - a, "1 - a", -6),
        (a - (b - 1), "a - (b - 1)", 6),
        (a // b, "a // b", 3),
        (a / b, "a / b", 3.5),
        (a % b, "a % b", 1),
        (-(a + b), "-(a + b)", -9),
        (b**3, "b ** 3", 8),
        (a.bit_length(), "a.bit_length()", 3),
        (type_check.prod(type_check.make_variable((2, 3), "s")), "prod(s)", 6),
        (type_check.Constant(4) + a, "4 + a", 11),
        (a == b, "a == b", False),
        (a + 1 >= b, "a + 1 >= b", True),
        (a != b, "a != b", True),
        (a < b, "a < b", False),
        (a <= b, "a <= b", False),
        (a > b, "a > b", True),
    ],
)
def test_expressions(expression, text, value):
    assert str(expression) == text
    assert type_check.eval(expression) == value
    with pytest.raises(RuntimeError, match="has no truth value of its own"):
        bool(expression)


def test_shapes_that_do_not_broadcast():
    shape = type_check.make_variable((2, 3), "x.shape")
    type_check.expect_broadcast_shapes(shape, (1, 3))
    with pytest.raises(type_check.InvalidType, match=r"\(2, 3\), \(2, 2\)"):
        type_check.expect_broadcast_shapes(shape, (2, 2))
    with pytest.raises(type_check.InvalidType, match="False is not true"):
        type_check.expect(False)
    with pytest.raises(TypeError, match=r"in_types\[0\] must be an array"):
        type_check.get_types([3], "in_types", False)
    assert type_check.get_types([None], "x", True)[0].eval() is None
    assert type_check.same_types(x23, x23)


@pytest.mark.parametrize("size", range(5, 12))
@pytest.mark.parametrize("k, s, p, d", [(3, 2, 1, 1), (2, 3, 0, 2), (1, 1, 0, 1)])
@pytest.mark.parametrize("cover_all", [False, True])
def test_windows_there_and_back(size, k, s, p, d, cover_all):
    n = utils.get_conv_outsize(size, k, s, p, cover_all, d)
    starts = range(-p, size + p, s)
    reach = d * (k - 1) + 1
    fit = [at for at in starts if at + reach <= size + p]
    assert n == len(fit) + (cover_all and fit[-1] + reach < size + p)
    back = utils.get_deconv_outsize(n, k, s, p, cover_all, d)
    assert utils.get_conv_outsize(back, k, s, p, cover_all, d) == n
    assert utils.get_conv_outsize(back - 1, k, s, p, cover_all, d) == n - 1


def test_arrays():
    assert utils.force_array(3.0).shape == ()
    assert utils.force_array(x23, "d").dtype == np.float64
    assert utils.force_type(np.dtype("f"), x23.astype("d")).dtype == np.float32
    assert utils.force_type(np.dtype("f"), "text") == "text"
    assert utils.size_of_shape(()) == 1
    assert utils.sum_to(x23, (3,)).tolist() == [2, 2, 2]


def test_a_folder_goes_away():
    with utils.tempdir(prefix="nnrun") as path:
        assert os.path.basename(path).startswith("nnrun")
    assert not os.path.exists(path)


def test_drawing_with_given_probabilities(xp):
    sampler = utils.WalkerAlias([1, 0, 5, 2]).to_device("numpy" if xp is np else 0)
    xp.random.seed(0)
    values = sampler.sample((80, 100))
    assert isinstance(values, xp.ndarray) and values.shape == (80, 100)
    counts = np.bincount(nnrun.get_device("numpy").send(values).ravel(), minlength=4)
    assert counts[1] == 0
    np.testing.assert_allclose(counts / 8000, [1 / 8, 0, 5 / 8, 2 / 8], atol=0.025)
    # The table itself says it exactly.
    table = sampler.to_cpu()
    exact = np.zeros(4)
    for i, (own, other) in enumerate(zip(table.threshold, table.values, strict=True)):
        exact[i] += own / 4
        exact[other] += (1 - own) / 4
    np.testing.assert_allclose(exact, [1 / 8, 0, 5 / 8, 2 / 8])
    for bad in ([], [-1.0, 2.0], [0.0]):
        with pytest.raises(ValueError, match="`probs` must be"):
            utils.WalkerAlias(bad)
