"""What `ndgpu.cudnn` offers, by a cuDNN that does what its documentation says, and without."""

import numpy as np
import pytest
from tests.ndgpu.cudnn import reference
from tests.ndgpu.cudnn.fake import FakeCuDnn

import ndgpu
from ndgpu import cudnn
from ndgpu.cudnn import binding, convolutions
from ndgpu.cudnn.binding import CuDnn, CuDnnError

RNG = np.random.default_rng(3)
TOLERANCE = {"e": 3e-3, "f": 2e-5, "d": 1e-11}


@pytest.fixture
def fake(monkeypatch):
    if ndgpu.cuda.kind() != "host":
        pytest.skip("the processor cannot read this device's memory")
    library = FakeCuDnn()
    offered = CuDnn(library)
    monkeypatch.setattr(binding, "current", lambda: offered)
    convolutions._chosen.clear()
    cudnn.seed_dropout(0)
    yield library
    convolutions._chosen.clear()
    cudnn.seed_dropout(0)


@pytest.fixture(params=["cudnn", "own"])
def way(request):
    """With cuDNN (the fake one, or on a GPU the real one), then without any."""
    if request.param == "cudnn" and ndgpu.cuda.kind() != "host":
        if not cudnn.available():
            pytest.skip("there is no cuDNN")
        return "real"
    if request.param == "cudnn":
        return request.getfixturevalue("fake")
    request.getfixturevalue("monkeypatch").setattr(binding, "current", lambda: None)
    return None


def values(*shape, dtype="d"):
    return RNG.standard_normal(shape).astype(dtype)


def near(got, expected, dtype):
    assert got.dtype == np.dtype(dtype)
    assert got.shape == expected.shape
    limit = TOLERANCE[np.dtype(dtype).char]
    np.testing.assert_allclose(got.get(), expected, limit, limit * max(abs(expected).max(), 1))


CONVOLUTIONS = {
    "plain": ((2, 3, 6, 5), (4, 3, 3, 2), {}),
    "strided": ((2, 3, 7, 6), (2, 3, 3, 3), {"stride": (2, 1), "pad": (1, 2)}),
    "dilated": ((1, 2, 9, 8), (3, 2, 2, 3), {"dilation": 2, "pad": 1}),
    "groups": ((2, 4, 5, 5), (6, 2, 2, 2), {"groups": 2}),
    "depthwise": ((2, 3, 5, 4), (3, 1, 3, 3), {"groups": 3, "pad": 1}),
    "one axis": ((2, 3, 8), (4, 3, 3), {"stride": 2, "pad": 1}),
    "three axes": ((1, 2, 4, 5, 4), (2, 2, 2, 2, 3), {"stride": (1, 2, 1)}),
}


def settings(axes, stride=1, pad=0, dilation=1, groups=1):
    spread = [v if isinstance(v, tuple) else (v,) * axes for v in (pad, stride, dilation)]
    return (*spread, groups)


@pytest.mark.parametrize("case", CONVOLUTIONS)
@pytest.mark.parametrize("dtype", ["f", "d"])
def test_convolutions(way, case, dtype):
    x_shape, w_shape, keywords = CONVOLUTIONS[case]
    x, w = values(*x_shape, dtype=dtype), values(*w_shape, dtype=dtype)
    given = settings(len(x_shape) - 2, **keywords)
    expected = reference.convolve(x, w, *given)
    y = cudnn.convolution(ndgpu.asarray(x), ndgpu.asarray(w), **keywords)
    near(y, expected, dtype)
    b = values(w_shape[0], dtype=dtype)
    channels = b.reshape(-1, *(1,) * (len(x_shape) - 2))
    near(cudnn.convolution(x, w, b, **keywords), expected + channels, dtype)
    gy = values(*expected.shape, dtype=dtype)
    gx, gw = reference.convolve_back(x, w, gy, *given)
    near(cudnn.convolution_backward_data(w, gy, x_shape, **keywords), gx, dtype)
    near(cudnn.convolution_backward_filter(x, gy, w_shape, **keywords), gw, dtype)


def test_convolutions_of_half_precision_and_of_nothing(way):
    x, w = values(1, 2, 4, 4, dtype="e"), values(3, 2, 3, 3, dtype="e")
    near(cudnn.convolution(x, w), reference.convolve(x, w, (0, 0), (1, 1), (1, 1), 1), "e")
    assert cudnn.convolution(np.ones((0, 2, 4)), np.ones((3, 2, 2))).shape == (0, 3, 3)
    assert not cudnn.convolution(np.ones((1, 0, 4)), np.ones((3, 0, 2))).get().any()
    assert not cudnn.convolution_backward_filter(
        np.ones((0, 2, 4)), np.ones((0, 3, 3)), (3, 2, 2)
    ).any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cudnn.convolution(np.ones((1, 2, 3)), np.ones((1, 3, 1))), "3 input channels"),
        (lambda: cudnn.convolution(np.ones((1, 2)), np.ones((1, 2))), "must be .count, channels"),
        (lambda: cudnn.convolution(np.ones((1, 2, 3)), np.ones((1, 2, 5))), "no window fits"),
        (lambda: cudnn.convolution(np.ones((1, 1, 3)), np.ones((1, 1, 1)), pad=-1), "at least 0"),
        (lambda: cudnn.convolution(np.ones((1, 1, 3)), np.ones((1, 1, 1)), np.ones(2)), "must be"),
        (
            lambda: cudnn.convolution_backward_data(
                np.ones((1, 1, 1)), np.ones((1, 1, 2)), (1, 1, 3)
            ),
            "`gy` must have shape",
        ),
        (lambda: cudnn.pooling(np.ones((1, 1, 4)), 2, mode="least"), "`mode` is one of"),
        (lambda: cudnn.pooling(np.ones((1, 1, 4)), 2, pad=2), "must be less"),
        (lambda: cudnn.dropout(np.ones(3), 1.0), "must be in"),
        (lambda: cudnn.attention(np.ones((1, 1, 2, 3)), np.ones((1, 1, 2, 4)), 1), "wanted q"),
    ],
)
def test_what_is_refused(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    "call",
    [
        lambda x: cudnn.convolution(x[None], x[None]),
        lambda x: cudnn.pooling(x, 1),
        cudnn.softmax,
        cudnn.dropout,
        lambda x: cudnn.batch_normalization(x, np.ones(1), np.ones(1)),
        lambda x: cudnn.attention(x[None], x[None], x[None]),
    ],
)
def test_integers_are_refused(call):
    with pytest.raises(TypeError, match="real floating"):
        call(np.ones((1, 1, 1), int))


def test_the_algorithm_is_chosen_once_within_the_limit(fake):
    x, w = ndgpu.ones((1, 1, 5, 5), "f"), ndgpu.ones((1, 1, 2, 2), "f")
    for _ in range(2):
        cudnn.convolution(x, w)
    assert (
        fake.calls == ["cudnnGetConvolutionForwardAlgorithm_v7"] + ["cudnnConvolutionForward"] * 2
    )
    del fake.calls[:]
    with cudnn.using_settings(autotune=True, workspace_limit=1 << 20):
        cudnn.convolution(x, w)
        assert fake.calls[0] == "cudnnFindConvolutionForwardAlgorithmEx"
    del fake.calls[:]
    fake.algorithms = [(6, 300 << 20, 0)]
    with cudnn.using_settings(workspace_limit=1 << 20):
        y = cudnn.convolution(x, w)  # none fits: the package's own way
    assert fake.calls == ["cudnnGetConvolutionForwardAlgorithm_v7"]
    assert (y.get() == 4).all()
    with pytest.raises(TypeError), cudnn.using_settings(other=1):
        pass


def test_a_failure_is_named(fake):
    fake.cudnnSoftmaxForward.body = lambda *args: 2000
    with pytest.raises(CuDnnError, match=r"cudnnSoftmaxForward failed with status 2000 \(CUDNN"):
        cudnn.softmax(ndgpu.ones((1, 2)))


def test_an_old_cudnn_is_refused():
    with pytest.raises(RuntimeError, match="cuDNN 9 or newer"):
        CuDnn(FakeCuDnn(8907))


@pytest.mark.parametrize("mode", ["max", "average", "average_inside"])
@pytest.mark.parametrize(
    ("shape", "window", "keywords"),
    [
        ((2, 3, 6, 5), (2, 2), {}),
        ((2, 2, 7, 6), (3, 2), {"stride": (2, 1), "pad": (1, 1)}),
        ((2, 2, 9), (3,), {"stride": 2, "pad": 1}),
        ((1, 2, 4, 4, 4), (2, 2, 2), {"stride": 1}),
    ],
)
def test_poolings(way, mode, shape, window, keywords):
    # Small integers: many elements of a window are equal.
    x = RNG.integers(0, 4, shape).astype("f")
    axes = len(window)
    stride = keywords.get("stride", window)
    stride = stride if isinstance(stride, tuple) else (stride,) * axes
    pad = keywords.get("pad", 0)
    pad = pad if isinstance(pad, tuple) else (pad,) * axes
    expected = reference.pool(x, window, pad, stride, mode)
    y = cudnn.pooling(ndgpu.asarray(x), window, mode=mode, **keywords)
    near(y, expected, "f")
    gy = values(*expected.shape, dtype="f")
    got = cudnn.pooling_backward(x, y, gy, window, mode=mode, **keywords)
    near(got, reference.pool_back(x, gy, window, pad, stride, mode), "f")


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("axis", [0, 1, -1])
@pytest.mark.parametrize("dtype", ["e", "d"])
def test_softmax(way, axis, log, dtype):
    x, gy = values(3, 4, 5, dtype=dtype), values(3, 4, 5, dtype=dtype)
    powers = np.exp(x.astype("d"))
    expected = powers / powers.sum(axis, keepdims=True)
    result = np.log(expected) if log else expected
    y = cudnn.softmax(ndgpu.asarray(x), axis, log=log)
    near(y, result, dtype)
    slope = gy.astype("d")
    if log:
        gradient = slope - expected * slope.sum(axis, keepdims=True)
    else:
        gradient = expected * (slope - (slope * expected).sum(axis, keepdims=True))
    near(cudnn.softmax_backward(result.astype(dtype), gy, axis, log=log), gradient, dtype)


@pytest.mark.parametrize("shape", [(5, 3), (4, 3, 2, 3), (3, 2, 2, 2, 2)])
@pytest.mark.parametrize("per_activation", [False, True])
@pytest.mark.parametrize("dtype", ["e", "d"])
def test_batch_normalization(way, shape, per_activation, dtype):
    computed = "f" if dtype == "e" else dtype
    x, gy = values(*shape, dtype=dtype), values(*shape, dtype=dtype)
    parameters = shape[1:] if per_activation else shape[1:2]
    gamma, beta = values(*parameters, dtype=computed), values(*parameters, dtype=computed)
    axes = (0,) if per_activation else (0, *range(2, len(shape)))

    def spread(a):
        return a if per_activation else a.reshape(-1, *(1,) * (len(shape) - 2))

    wide = x.astype("d")
    mean, var = wide.mean(axes), wide.var(axes)
    inv = 1 / np.sqrt(var + 1e-3)
    normal = (wide - spread(mean)) * spread(inv)
    running = [ndgpu.ones(parameters, computed), ndgpu.ones(parameters, computed)]
    result = cudnn.batch_normalization(
        x, gamma, beta, eps=1e-3, running_mean=running[0], running_var=running[1], momentum=0.25,
        per_activation=per_activation,
    )  # fmt: skip
    near(result.y, normal * spread(gamma) + spread(beta), dtype)
    near(result.mean, mean, computed)
    near(result.inv_std, inv, computed)
    count = x.size / mean.size
    near(running[0], 0.75 + 0.25 * mean, computed)
    near(running[1], 0.75 + 0.25 * var * count / (count - 1), computed)
    fixed = cudnn.batch_normalization_inference(
        x, gamma, beta, mean, var, eps=1e-3, per_activation=per_activation
    )
    near(fixed, normal * spread(gamma) + spread(beta), dtype)
    got = cudnn.batch_normalization_backward(
        x, gamma, gy, result.mean, result.inv_std, eps=1e-3, per_activation=per_activation
    )
    slope = gy.astype("d")
    gbeta, ggamma = slope.sum(axes), (slope * normal).sum(axes)
    rest = slope - (spread(gbeta) + normal * spread(ggamma)) / count
    near(got.gx, rest * spread(gamma * inv), dtype)
    near(got.ggamma, ggamma, computed)
    near(got.gbeta, gbeta, computed)


def test_running_statistics_must_fit(way):
    x, one = np.ones((2, 3)), np.ones(3)
    with pytest.raises(ValueError, match="both"):
        cudnn.batch_normalization(x, one, one, running_mean=ndgpu.ones(3))
    with pytest.raises(TypeError, match="running_mean"):
        wrong = ndgpu.ones(3, "f")
        cudnn.batch_normalization(x, one, one, running_mean=wrong, running_var=wrong)
    with pytest.raises(ValueError, match="`gamma` must have shape"):
        cudnn.batch_normalization(x, np.ones(2), one)


@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5])
def test_dropout(way, ratio):
    x = np.ones((200, 50), "f")
    y, reserve = cudnn.dropout(ndgpu.asarray(x), ratio)
    kept = y.get() != 0
    np.testing.assert_allclose(y.get(), kept / (1 - ratio), 1e-6)
    if way is None:
        assert abs(kept.mean() - (1 - ratio)) < 0.02
        again, _ = cudnn.dropout(ndgpu.asarray(x), ratio)
        assert ratio == 0 or (again.get() != y.get()).any()
    gx = cudnn.dropout_backward(3 * x, reserve, ratio)
    np.testing.assert_allclose(gx.get(), 3 * y.get(), 1e-6)


def test_dropout_starts_anew(way):
    cudnn.seed_dropout(5)
    first = cudnn.dropout(np.ones(100))[0].get()
    cudnn.seed_dropout(5)
    assert (cudnn.dropout(np.ones(100))[0].get() == first).all()
    with pytest.raises(ValueError, match="seed_dropout"):
        cudnn.seed_dropout(-1)
