"""Initial values: their spread, their shapes, and the same from the same seed everywhere."""

import numpy as np
import pytest

import nnrun
from nnrun import initializers as I
from nnrun.testing import assert_allclose

SHAPE = (60, 40, 3)  # fan_in 120, fan_out 180

SPREADS = {
    "Normal": (I.Normal(0.5), 0.5),
    "Uniform": (I.Uniform(0.3), 0.3 / np.sqrt(3)),
    "LeCunNormal": (I.LeCunNormal(), np.sqrt(1 / 120)),
    "LeCunUniform": (I.LeCunUniform(), np.sqrt(1 / 120)),
    "GlorotNormal": (I.GlorotNormal(2.0), 2 * np.sqrt(2 / 300)),
    "GlorotUniform": (I.GlorotUniform(), np.sqrt(2 / 300)),
    "HeNormal": (I.HeNormal(), np.sqrt(2 / 120)),
    "HeNormal-out": (I.HeNormal(fan_option="fan_out"), np.sqrt(2 / 180)),
    "HeUniform": (I.HeUniform(), np.sqrt(2 / 120)),
}


@pytest.mark.parametrize("name", SPREADS)
def test_spread(name):
    initializer, spread = SPREADS[name]
    np.random.seed(0)
    array = I.generate_array(initializer, SHAPE)
    assert array.dtype == np.float32
    assert array.std() == pytest.approx(spread, rel=0.03)
    assert abs(array.mean()) < spread / 20


def test_the_same_seed_gives_the_same_parameters_on_each_kind_of_array(xp):
    values = []
    for module in (np, xp):
        np.random.seed(3)
        values.append(I.generate_array(I.HeNormal(), (4, 3), module))
    assert isinstance(values[1], xp.ndarray)
    assert_allclose(values[1], values[0], atol=0, rtol=0)


def test_a_generator_of_ones_own():
    a, b = (I.generate_array(I.Normal(rng=np.random.default_rng(5)), 4) for _ in range(2))
    assert_allclose(a, b, atol=0, rtol=0)


def test_constants():
    assert I.generate_array(I.Constant(2), 2).tolist() == [2, 2]
    assert I.generate_array(I.Constant(np.arange(2)), 2).tolist() == [0, 1]
    assert I.generate_array(I.One(), 1).tolist() == [1]
    assert I.generate_array(I.Zero(np.float64), 1).dtype == np.float64
    assert np.isnan(I.generate_array(I.NaN(), 1)).all()
    assert np.isnan(I.generate_array(None, 1)).all()
    assert I.generate_array(3, (1,)).tolist() == [3]
    assert I.generate_array(np.array([5.0]), (1,)).tolist() == [5]
    assert I.generate_array(I.Identity(), (2, 2)).tolist() == [[1, 0], [0, 1]]


def test_orthogonal_rows():
    np.random.seed(0)
    W = I.generate_array(I.Orthogonal(2.0), (3, 2, 4), dtype=np.float64).reshape(3, 8)
    assert_allclose(W @ W.T, 4 * np.eye(3), atol=1e-10)


@pytest.mark.parametrize(
    ("initializer", "shape", "message"),
    [
        (I.LeCunNormal(), (3,), "at least two dimensions"),
        (I.Orthogonal(mode="projection"), (3, 2), "3 rows and 2 columns are no projection"),
        (I.Orthogonal(mode="embedding"), (2, 3), "are no embedding"),
        (I.Orthogonal(mode="basis"), (2, 3), "are no basis"),
        (I.Orthogonal(), (), "at least one dimension"),
        (I.Identity(), (2, 3), "must be square"),
        (I.Constant(np.zeros(3)), (2,), r"shape \(3,\), the parameter \(2,\)"),
        (np.zeros(3), (2,), r"shape \(3,\), but the parameter has \(2,\)"),
        (I.HeNormal(fan_option="both"), (2, 2), "`fan_option` must be"),
    ],
)
def test_what_does_not_suit(initializer, shape, message):
    with pytest.raises(ValueError, match=message):
        I.generate_array(initializer, shape)


def test_what_is_no_initializer():
    with pytest.raises(TypeError, match="an initializer must be"):
        I.generate_array("zeros", (1,))


def test_repr_shows_the_settings():
    assert repr(I.Normal(0.5)) == "Normal(scale=0.5)"


def test_a_parameter_of_an_array_uses_it():
    array = np.zeros(2)
    p = nnrun.Parameter(array)
    assert p.array is array
    assert p.is_initialized


@pytest.mark.parametrize(
    ("mode", "shape"),
    [("auto", (2, 5)), ("auto", (5, 2)), ("projection", (2, 3, 2)), ("embedding", (5, 2)),
     ("basis", (3, 3))],
)  # fmt: skip
def test_orthogonal_by_the_shape(mode, shape):
    W = np.zeros(shape)
    I.Orthogonal(2.0, mode=mode)(W)
    W = W.reshape(len(W), -1)
    W = W if W.shape[0] <= W.shape[1] else W.T
    np.testing.assert_allclose(W @ W.T, 4 * np.eye(len(W)), atol=1e-12)
    with pytest.raises(ValueError, match="no mode 'other'"):
        I.Orthogonal(mode="other")
