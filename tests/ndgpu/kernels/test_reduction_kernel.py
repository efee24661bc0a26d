"""`ReductionKernel`: results and errors."""

import numpy as np
import pytest

from ndgpu.kernels import ReductionKernel

NORM = ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")


@pytest.fixture
def x():
    return np.arange(24, dtype="f8").reshape(2, 3, 4)


@pytest.mark.parametrize("axis", [None, 0, 1, -1, (0, 2), (2, 0), ()])
@pytest.mark.parametrize("keepdims", [False, True])
def test_norm(axis, keepdims, bare, x):
    result = NORM(bare.of(x), axis=axis, keepdims=keepdims)
    expected = np.sqrt((x * x).sum(axis=axis, keepdims=keepdims))
    assert result.shape == expected.shape
    np.testing.assert_allclose(result.get(), expected, rtol=1e-15)


def test_given_output(bare, x):
    for give in (lambda a, out: NORM(a, out, axis=1), lambda a, out: NORM(a, axis=1, out=out)):
        out = bare.empty((2, 4), "f8")
        assert give(bare.of(x), out) is out
        np.testing.assert_allclose(out.get(), np.sqrt((x * x).sum(1)), rtol=1e-15)


def test_several_inputs_outputs_and_reduce_type(bare, x):
    kernel = ReductionKernel(
        "T x, T y, float32 by",
        "float32 total, float64 mean",
        "x * y * by",
        "a + b",
        "total = a; mean = a / _n",
        0,
        "dot",
        reduce_type="double",
    )
    total, mean = kernel(bare.of(x), bare.of(x[0]), 2, axis=(0, 2))
    expected = (x * x[0] * 2).sum((0, 2))
    np.testing.assert_array_equal(total.get(), expected.astype("f4"))
    np.testing.assert_array_equal(mean.get(), expected / 8)


@pytest.mark.parametrize(
    ("identity", "value"),
    [(0, 0), (1.5, 1.5), (True, 1), (float("inf"), np.inf), ("-2", -2), (-float("inf"), -np.inf)],
)
def test_identity_of_nothing(identity, value, bare):
    kernel = ReductionKernel("T x", "T y", "x", "a + b", "y = a", identity, "nothing")
    assert kernel(bare.empty((0,), "f8")).get() == value


def test_no_identity(bare):
    kernel = ReductionKernel("T x", "T y", "x", "max(a, b)", "y = a", None, "most")
    assert kernel(bare.of(np.array([-3.0, -1.0, -2.0]))).get() == -1
    with pytest.raises(ValueError, match="reduction operation most which has no identity"):
        kernel(bare.empty((0,), "f8"))


def test_errors_name_the_argument(bare, x):
    a = bare.of(x)
    with pytest.raises(TypeError, match="norm takes 1 inputs, or 1 inputs and 1 outputs; got 3"):
        NORM(a, a, a)
    with pytest.raises(np.exceptions.AxisError):
        NORM(a, axis=3)
    with pytest.raises(ValueError, match="duplicate value in 'axis'"):
        NORM(a, axis=(0, -3))
    with pytest.raises(ValueError, match=r"output `y` has shape \(2,\) but the reduction's is"):
        NORM(a, axis=1, out=bare.empty((2,), "f8"))
    with pytest.raises(TypeError, match="output `y` must be an array, got ndarray"):
        NORM(a, axis=1, out=x)
    with pytest.raises(TypeError, match="at least one input must be an array"):
        NORM(3.0)
    with pytest.raises(ValueError, match="a reduction has no raw output"):
        ReductionKernel("T x", "raw T y", "x", "a + b", "y = a", 0)
    with pytest.raises(ValueError, match="a reduction needs an output"):
        ReductionKernel("T x", "", "x", "a + b", "", 0)
    two = ReductionKernel("T x, T y", "T z", "x * y", "a + b", "z = a", 0, "two")
    with pytest.raises(ValueError, match=r"x.shape=\(2, 3, 4\), y.shape=\(3,\)"):
        two(a, bare.of(x[0, :, 0].copy()))


DOT = ReductionKernel("T x, raw T w, T s", "T y", "x * w[_j] * s", "a + b", "y = a", "0", "dot")


@pytest.mark.parametrize("rows", [3, 40, 9000])
@pytest.mark.parametrize("step", [1, 2])
def test_raw_inputs(bare, rows, step):
    x = np.arange(rows * 5, dtype="f8").reshape(rows, 5) % 7
    w = (np.arange(rows * step, dtype="f8") % 5)[::step]
    result = DOT(bare.of(x), bare.of(w), 2, axis=0)
    np.testing.assert_allclose(result.get(), 2 * (w @ x), rtol=1e-12)
    whole = DOT(bare.of(x[:, 0].copy()), bare.of(w), 1.0)
    np.testing.assert_allclose(whole.get(), w @ x[:, 0], rtol=1e-12)


def test_raw_inputs_alone_have_no_shape(bare, x):
    kernel = ReductionKernel("raw T w", "T y", "w[_j]", "a + b", "y = a", "0")
    with pytest.raises(TypeError, match="at least one input must be an array that is not raw"):
        kernel(bare.of(x))
