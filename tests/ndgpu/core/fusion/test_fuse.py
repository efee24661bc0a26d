"""`fuse`: what a fused function gives is what it gives unfused, in as few kernels as promised."""

import warnings

import numpy as np
import pytest

import ndgpu
from ndgpu import FusionWarning, fuse

X = np.linspace(-2, 3, 24, dtype=np.float32).reshape(4, 6)
Y = np.cos(np.arange(24, dtype=np.float32)).reshape(4, 6)
ROW = np.arange(6, dtype=np.float32)


def softmax(xp, x):
    e = xp.exp(x - x.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def normalised(xp, x, w):
    m = x.mean(axis=0)
    return (x - m) / xp.sqrt(((x - m) ** 2).mean(axis=0) + 1e-5) * w


def added_in_place(xp, x, y):
    z = x + y
    z *= 2
    z -= x
    return z


# Name: the function, its arguments, and how many kernels it comes to.
CASES = {
    "one operation": (lambda xp, x: x + 1, [X], 1),
    "ten operations": (
        lambda xp, x, y: ((x + y) * 0.5 - (x - y) * 0.25 + x * y - 1.5) * x + y,
        [X, Y],
        1,
    ),
    "functions": (lambda xp, x: xp.tanh(xp.exp(-xp.abs(x)) + xp.sin(x)) ** 2, [X], 1),
    "comparisons": (lambda xp, x, y: (x > y) & (x != 0) | ~(y <= 0.5), [X, Y], 1),
    "where": (lambda xp, x, y: xp.where(x > 0, x, y * 0.1), [X, Y], 1),
    "clip and maximum": (lambda xp, x: xp.clip(xp.maximum(x, 0), 0.5, 2), [X], 1),
    "astype": (lambda xp, x: (x.astype("float64") * 1.5).astype("int32") + 1, [X], 1),
    "promotion": (lambda xp, x, k: x * k + k // 3, [X, np.arange(24, dtype="i4").reshape(4, 6)], 1),
    "half": (lambda xp, x: (x + 0.1) * 3 - x, [X.astype("f2")], 1),
    "complex": (lambda xp, x: (x * 1j + 2).real + abs(x * 1j), [X], None),
    "a number": (lambda xp, x, s: x * s + s, [X, 2.5], 1),
    "broadcasting": (lambda xp, x, r: (x + r) * r, [X, ROW], 1),
    "rows by columns": (lambda xp, r, c: r * c + r - c, [ROW, X[:, :1].copy()], 1),
    "several results": (lambda xp, x, y: (x + y, [x - y, x * y]), [X, Y], 1),
    "two results of one": (lambda xp, x, y: xp.divmod(x, abs(y) + 1), [X, Y], 1),
    "a result used again": (lambda xp, x: ((y := x * 2), y + 1), [X], 1),
    "transposed": (lambda xp, x, y: x.T + y.T * 2, [X, Y], 1),
    "slices": (lambda xp, x: x[:, 1:] - x[:, :-1], [X], 1),
    "a temporary transposed": (lambda xp, x: (x + 1).T * 2, [X], 2),
    "a view returned": (lambda xp, x: (x + 1).T, [X], 1),
    "an argument returned": (lambda xp, x, y: (x, y[1:], x + y), [X, Y], 1),
    "in place": (added_in_place, [X, Y], 1),
    "out": (lambda xp, x, y: xp.add(x, y, out=xp.multiply(x, y)), [X, Y], 1),
    "masked": (lambda xp, x, y: xp.add(x, y, out=x * 2, where=y > 0), [X, Y], 1),
    "zeros": (lambda xp, x: xp.maximum(x, xp.zeros_like(x)) + 1, [X], 1),
    "a copy": (lambda xp, x: x.copy() + 1, [X], 1),
    "sum": (lambda xp, x, y: (x * y + 1).sum(), [X, Y], 1),
    "sum over an axis": (lambda xp, x, y: xp.sum((x - y) ** 2, axis=1), [X, Y], 1),
    "argmax": (lambda xp, x: (x * x).argmax(axis=0), [X], 1),
    "mean and after": (lambda xp, x: xp.sqrt((x * x).mean(axis=1)), [X], 2),
    "softmax": (softmax, [X], 3),
    "normalised": (normalised, [X, ROW], None),
    "std": (lambda xp, x: (x + 1).std(axis=0), [X], None),
    "any": (lambda xp, x: (x > 2.9).any(), [X], 1),
    "dictionary": (lambda xp, x: {"a": x + 1, "b": None, "c": 3}, [X], 1),
    "nothing": (lambda xp, x: x[:0] + 1, [X], 1),
    "zero dimensions": (lambda xp, x: x * 2 + 1, [np.array(1.5, "f4")], 1),
}


def flat(tree):
    if isinstance(tree, dict):
        tree = list(tree.values())
    if isinstance(tree, (tuple, list)):
        return [leaf for branch in tree for leaf in flat(branch)]
    return [tree]


def kernels(fused):
    ((program, _),) = fused._programs.values()
    return len(program.launches)


@pytest.mark.parametrize("name", sorted(CASES))
def test_as_numpy_and_as_unfused(name):
    function, args, count = CASES[name]
    fused = fuse(lambda *a: function(ndgpu, *a), kernel_name="case")
    device = [ndgpu.asarray(a) if isinstance(a, np.ndarray) else a for a in args]
    for _ in range(2):
        results = fused(*device)
        unfused = function(ndgpu, *device)
        wanted = function(np, *[a.copy() if isinstance(a, np.ndarray) else a for a in args])
        for a, b, c in zip(flat(results), flat(unfused), flat(wanted), strict=True):
            if not isinstance(a, ndgpu.ndarray):
                assert a == b
                continue
            assert (a.dtype, a.shape) == (b.dtype, b.shape)
            tolerance = 1e-3 if a.dtype == "f2" else 2e-6
            np.testing.assert_allclose(a.get(), b.get(), rtol=tolerance, atol=1e-6)
            np.testing.assert_allclose(a.get(), c, rtol=1e-5 + tolerance, atol=1e-5)
        assert type(results) is type(unfused)
    if count is not None:
        assert kernels(fused) == count


def test_half_rounds_between_operations():
    x = ndgpu.asarray(np.arange(1, 100, dtype=np.float16) / 7)

    def function(x):
        return (x * 3) / 7 - x

    assert (fuse(function)(x) == function(x)).all()


def test_arguments_changed_in_place():
    @fuse
    def step(p, g, m):
        m *= 0.9
        m += g
        p -= 0.1 * m
        return p

    host = [np.ones(5, "f4"), np.arange(5, dtype="f4"), np.zeros(5, "f4")]
    device = [ndgpu.asarray(a) for a in host]
    for _ in range(3):
        host[2] = host[2] * np.float32(0.9) + host[1]
        host[0] = host[0] - np.float32(0.1) * host[2]
        returned = step(*device)
        assert returned is device[0]
    np.testing.assert_allclose(device[0].get(), host[0], rtol=1e-6)
    np.testing.assert_allclose(device[2].get(), host[2], rtol=1e-6)
    assert kernels(step) == 1


def test_changed_arguments_that_share_memory_are_not_fused():
    def function(x, y):
        x += 1
        return x + y

    fused = fuse(function)
    x, y = ndgpu.ones(4), ndgpu.ones(4)
    assert fused(x, y).tolist() == [3.0] * 4
    x = ndgpu.ones(4)
    assert fused(x, x).tolist() == [4.0] * 4


def test_a_slice_set():
    @fuse
    def function(x, y):
        x[...] = x * 2 + y
        return x.sum()

    x = ndgpu.arange(4.0)
    assert float(function(x, ndgpu.ones(4))) == 16.0
    assert x.tolist() == [1.0, 3.0, 5.0, 7.0]


def weight(x):
    return x * 1.0


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: x + 1 if float(x.sum()) > 0 else x, "needs the value"),
        (lambda x: ndgpu.sort(x) + 1, "needs the value"),
        (lambda x: x @ x, "needs the value"),
        (lambda x: x[x > 0], "needs the value"),
        (lambda x: x + ndgpu.ones(4), "not one of its arguments|needs the value"),
        (lambda x: ndgpu.empty_like(x) + 1, "has not written"),
        (lambda x: iter([x + 1]), "returns a list_iterator"),
    ],
)
def test_what_cannot_be_fused_runs_unfused_and_says_why(function, why):
    fused = fuse(function)
    x = ndgpu.arange(4.0)
    if why == "not one of its arguments|needs the value":
        other = ndgpu.ones(4)
        fused = fuse(lambda x: x + other)
        why = "not one of its arguments"
        function = fused.__wrapped__
    with pytest.warns(FusionWarning, match=why):
        result = fused(x)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = fused(x)  # once for each kind of call
    if isinstance(result, ndgpu.ndarray) and why != "has not written":
        np.testing.assert_array_equal(result.get(), function(x).get())
        np.testing.assert_array_equal(again.get(), result.get())


def test_streams_do_not_change_within():
    def function(x):
        with ndgpu.cuda.Stream():
            return x + 1

    x = ndgpu.arange(3)
    with pytest.warns(FusionWarning, match="changes the current stream"):
        assert fuse(function)(x).tolist() == [1, 2, 3]
    assert ndgpu.cuda.get_current_stream() == ndgpu.cuda.Stream.null
    assert (x + 1).tolist() == [1, 2, 3]


def test_work_for_another_stream_is_not_fused():
    doubled = ndgpu.ElementwiseKernel("T x", "T y", "y = 2 * x", "doubled")
    tripled = ndgpu.RawKernel(
        'extern "C" __global__ void f(const double* x, double* y) {'
        " y[threadIdx.x] = 3 * x[threadIdx.x]; }",
        "f",
    )

    def by_raw(x, stream):
        y = ndgpu.empty_like(x)
        tripled((1,), (3,), (x, y), stream=stream)
        return y

    x, stream = ndgpu.arange(3.0), ndgpu.cuda.Stream()
    for function, factor in ((lambda x, s: doubled(x, stream=s), 2), (by_raw, 3)):
        with pytest.warns(FusionWarning, match="neither elementwise nor a reduction"):
            result = fuse(function)(x, stream)
        stream.synchronize()
        assert result.tolist() == [0, factor, 2 * factor]


def test_an_error_of_the_function_is_its_own():
    @fuse
    def function(x, y):
        return x + y

    with pytest.raises(ValueError, match="broadcast"):
        function(ndgpu.ones(3), ndgpu.ones(4))
    assert function(ndgpu.ones(3), ndgpu.ones(3)).tolist() == [2.0] * 3


def test_numpy_arrays_run_as_they_are():
    calls = []

    @fuse()
    def function(x):
        calls.append(1)
        return x + 1

    assert type(function(np.ones(3))) is np.ndarray
    assert function(2.0) == 3.0
    assert len(calls) == 2
    x = ndgpu.ones(3)
    for _ in range(5):
        function(x)
    assert len(calls) == 3
    function.clear_cache()
    function(x)
    assert len(calls) == 4


def test_names_and_nesting():
    @fuse(kernel_name="inner_part")
    def inner(x):
        return x * 2

    @fuse(kernel_name="outer part")
    def outer(x, *, shift=0):
        """Doc."""
        return inner(x) + shift

    assert outer(ndgpu.arange(3), shift=4).tolist() == [4, 6, 8]
    assert outer(ndgpu.arange(3), shift=5).tolist() == [5, 7, 9]
    assert (inner.kernel_name, outer.kernel_name) == ("inner_part", "outer_part")
    assert outer.__doc__ == "Doc." and outer.__name__ == "outer"
    assert not inner._programs

    class Model:
        @fuse
        def double(self, x):
            return x * 2

    assert Model().double(ndgpu.arange(3)).tolist() == [0, 2, 4]
    with pytest.raises(TypeError, match="expected a function, got int"):
        fuse(3)


def test_user_kernels_take_part():
    squares = ndgpu.ElementwiseKernel(
        "T x, T y",
        "T z",
        "z = sq(x - y)",
        "squares",
        preamble="template <typename T> __device__ T sq(T x) { return x * x; }",
    )
    norm = ndgpu.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "norm")

    @fuse
    def function(x, y):
        return norm(squares(x, y) + 1, axis=1)

    x, y = ndgpu.asarray(X), ndgpu.asarray(Y)
    wanted = np.sqrt((((X - Y) ** 2 + 1) ** 2).sum(1))
    np.testing.assert_allclose(function(x, y).get(), wanted, rtol=1e-5)
    assert kernels(function) == 1
