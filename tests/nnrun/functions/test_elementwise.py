"""Functions made of expressions: values, derivatives of any order, devices, errors."""

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
from nnrun import elementwise_function
from nnrun.functions._expressions import OPERATIONS, parse
from nnrun.testing import FunctionCase, assert_allclose

rng = np.random.default_rng(4)
positive, other = rng.uniform(0.3, 2.0, (2, 3)), rng.uniform(0.2, 1.8, 3)

#: Expressions that use every row of the table, and the same in plain functions.
EXPRESSIONS = {
    "x * y + x / y - x": lambda x, y: x * y + x / y - x,
    "x ** y": lambda x, y: x**y,
    "-(x ** 2) * 3 + x ** -1.5 * y": lambda x, y: -(x**2) * 3 + x**-1.5 * y,
    "exp(x) * log(y) + expm1(x) * log1p(y)": lambda x, y: (
        F.exp(x) * F.log(y) + F.expm1(x) * F.log1p(y)
    ),
    "sin(x) * cos(y) + tan(x / 2) * arctan(y)": lambda x, y: (
        F.sin(x) * F.cos(y) + F.tan(x / 2) * F.arctan(y)
    ),
    "sinh(x) * cosh(y) + tanh(x * y)": lambda x, y: F.sinh(x) * F.cosh(y) + F.tanh(x * y),
    "sqrt(x) * sigmoid(y) + softplus(x - y)": lambda x, y: (
        F.sqrt(x) * F.sigmoid(y) + F.softplus(x - y)
    ),
    "erf(x) * abs(x - y) * sign(y - 1)": lambda x, y: (
        F.erf(x) * abs(x - y) * np.sign(nnrun.as_array(y) - 1)
    ),
    "maximum(x, y) * minimum(x * 2, y) + floor(x)": lambda x, y: (
        F.maximum(x, F.broadcast_to(y, x.shape)) * F.minimum(x * 2, F.broadcast_to(y, x.shape))
        + F.floor(x)
    ),
    "where(x < y, x * x, y) + (y if x >= 1 else x) * where(x > 1.1, 1, y)": lambda x, y: (
        F.where(_np(x) < _np(y), x * x, F.broadcast_to(y, x.shape))
        + F.where(_np(x) >= 1, F.broadcast_to(y, x.shape), x)
        * F.where(_np(x) > 1.1, np.ones(x.shape), F.broadcast_to(y, x.shape))
    ),
    "where(x <= 1, x, 2 * y)": lambda x, y: F.where(
        _np(x) <= 1, x, F.broadcast_to(2 * nnrun.as_variable(y), x.shape)
    ),
}
expressions = pytest.mark.parametrize("expr", EXPRESSIONS)


def _np(x):
    return nnrun.as_array(x)


def names_in(expr):
    return {expr[0]} | {n for part in expr[1:] if isinstance(part, tuple) for n in names_in(part)}


def test_every_operation_is_used():
    used = set().union(*(names_in(parse(expr)) for expr in EXPRESSIONS))
    assert used - {"var", "num"} == set(OPERATIONS)


@expressions
def test_values_and_derivatives(expr):
    function = elementwise_function(expr, "x, y")
    case = FunctionCase(function, (positive, other))
    case.check_derivatives()
    plain = EXPRESSIONS[expr]
    xs, ys = ([nnrun.Variable(v) for v in (positive, other)] for _ in range(2))
    one, two = function(*xs), plain(*ys)
    assert_allclose(one, two, 1e-12, 1e-12)
    wave = nnrun.Variable(np.cos(np.arange(6.0)).reshape(2, 3))
    for g, h in zip(nnrun.grad([one], xs, [wave]), nnrun.grad([two], ys, [wave]), strict=True):
        assert_allclose(g, h, 1e-10, 1e-10)


@expressions
def test_on_a_device(expr):
    FunctionCase(elementwise_function(expr, "x, y"), (positive, other)).check_device(0)


def test_third_derivatives():
    cube = elementwise_function("x ** 3 * exp(x)")
    x = nnrun.Variable(np.array([0.5]))
    y = cube(x)
    for _ in range(3):
        (y,) = nnrun.grad([y], [x], enable_double_backprop=True)
    v = 0.5
    assert y.item() == pytest.approx((v**3 + 9 * v**2 + 18 * v + 6) * np.exp(v))


def test_dtypes_numbers_and_shapes(xp):
    scale = elementwise_function("a * x + 1", name="scale")
    for dtype in (np.float16, np.float32, np.float64):
        x = nnrun.Variable(xp.asarray(np.ones((2, 3), dtype)))
        y = scale(2.0, x)
        assert y.dtype == dtype and y.shape == (2, 3)
        F.sum(y).backward()
        assert x.grad.dtype == dtype
        assert_allclose(x.grad, np.full((2, 3), 2.0))
    assert scale(2.0, xp.zeros((0, 3))).shape == (0, 3)
    constant = elementwise_function("2 + 0 * x", "x")
    assert_allclose(constant(xp.ones(3)), [2, 2, 2])
    assert scale.__name__ == "scale" and scale.__doc__.startswith("``a * x + 1``")


def test_equal_parts_are_computed_once(monkeypatch):
    calls = []
    real = np.exp
    monkeypatch.setattr(np, "exp", lambda x: calls.append(1) or real(x))
    elementwise_function("exp(x) / (1 + exp(x)) + exp(x)")(np.ones(2))
    assert len(calls) == 1


def test_the_backward_is_one_function():
    x, beta = (nnrun.Variable(np.ones(2)) for _ in range(2))
    swish = elementwise_function("x * sigmoid(beta * x)", name="swish")
    y = swish(x, beta)
    y.grad = np.ones(2)

    class Names(nnrun.FunctionHook):
        def __init__(self):
            self.names = []

        def forward_preprocess(self, function, in_data):
            self.names.append(function.label)

    with Names() as hook:
        y.backward()
    assert hook.names == ["swish_grad"]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: elementwise_function("x +"), ValueError, "is no expression"),
        (lambda: elementwise_function("x @ y"), ValueError, "'x @ y' in 'x @ y' is not understood"),
        (lambda: elementwise_function("x.y"), ValueError, "is not understood"),
        (lambda: elementwise_function("open(x)"), ValueError, r"'open\(x\)' .* there are \+ - \*"),
        (lambda: elementwise_function("where(x)"), ValueError, "is not understood"),
        (lambda: elementwise_function("x + 'a'"), ValueError, "is not understood"),
        (lambda: elementwise_function("3"), ValueError, "has no inputs"),
        (lambda: elementwise_function("x + y", "x"), ValueError, "must name each of"),
        (lambda: elementwise_function("x", "x x"), ValueError, "must name each of"),
        (lambda: elementwise_function("x", name="a b"), ValueError, "must be a Python name"),
        (lambda: elementwise_function("x")(1, 2), TypeError, "takes 1 arguments"),
        (lambda: elementwise_function("x")(1), TypeError, "one argument at least"),
        (lambda: elementwise_function("x")(np.arange(2)), TypeError, "of one floating dtype"),
        (
            lambda: elementwise_function("x + y")(np.ones(2), np.ones(2, "f")),
            TypeError,
            "of one floating dtype",
        ),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
