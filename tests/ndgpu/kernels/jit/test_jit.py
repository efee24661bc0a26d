"""Kernels written in Python: what they compute, and what is refused with its line."""

import math

import numpy as np
import pytest

import ndgpu
from ndgpu import jit

SCALE = 3
FLAG = True


@jit.rawkernel()
def copy_strided(x, y, n):
    first = jit.blockIdx.x * jit.blockDim.x + jit.threadIdx.x
    total = jit.gridDim.x * jit.blockDim.x
    for i in range(first, n, total):
        y[i] = x[i]


def test_both_ways_to_launch():
    x = ndgpu.arange(1000, dtype="float32")
    for launch in (
        lambda y: copy_strided[4, 64](x, y, 1000),
        lambda y: copy_strided[(4,), (64,), 0](x, y, np.uint32(1000)),
        lambda y: copy_strided((4,), (64,), (x, y, 1000)),
        lambda y: copy_strided[4, 64, 0, ndgpu.cuda.Stream()](x, y, 1000),
    ):
        y = ndgpu.zeros(1000, dtype="float32")
        launch(y)
        ndgpu.cuda.Device().synchronize()
        assert (x == y).all()
    assert len(copy_strided.cached_codes) == 2
    with pytest.raises(RuntimeError, match="was translated for 2 combinations"):
        copy_strided.cached_code


@jit.rawkernel()
def tiled_sum(x, y):
    tile = jit.shared_memory(np.float32, 128)
    t = jit.threadIdx.x
    tile[t] = x[jit.grid(1)] if jit.grid(1) < x.size else 0
    jit.syncthreads()
    step = 64
    while step > 0:
        if t < step:
            tile[t] += tile[t + step]
        jit.syncthreads()
        step //= 2
    if t == 0:
        jit.atomic_add(y, 0, tile[0])


def test_shared_memory_barriers_and_atomics():
    x = ndgpu.asarray(np.arange(1000, dtype=np.float32))
    y = ndgpu.zeros(1, dtype="float32")
    tiled_sum[8, 128](x, y)
    assert float(y[0]) == 499500


@jit.rawkernel()
def reversed_by_dynamic(x, y):
    tile = jit.shared_memory(x.dtype, None)
    tile[jit.threadIdx.x] = x[jit.threadIdx.x]
    jit.syncthreads()
    y[jit.threadIdx.x] = tile[len(tile) - 1 - jit.threadIdx.x]


def test_dynamic_shared_memory():
    x = ndgpu.arange(64, dtype="float64")
    y = ndgpu.empty_like(x)
    reversed_by_dynamic[1, 64, 64 * 8](x, y)
    assert (y == x[::-1]).all()


@jit.rawkernel()
def transposed(x, y):
    i, j = jit.grid(2)
    rows, columns = x.shape
    if i < rows and j < columns:
        y[j, i] = x[i, j] * SCALE + x.ndim


@pytest.mark.parametrize("order", ["C", "F", "sliced"])
def test_indices_of_several_dimensions(order):
    host = np.arange(35).reshape(5, 7)
    x = ndgpu.asarray(host)
    if order == "F":
        x = ndgpu.asfortranarray(x)
    if order == "sliced":
        x, host = x[::2, 1::3], host[::2, 1::3]
    y = ndgpu.empty(host.shape[::-1], dtype=host.dtype)
    transposed[(2, 2), (4, 4)](x, y)
    np.testing.assert_array_equal(y.get(), host.T * 3 + 2)


@jit.rawkernel(device=True)
def factorial(n):
    result = 1
    for k in jit.range(2, n + 1, unroll=4):
        result *= k
    return result


@jit.rawkernel(device=True)
def twice(x):
    return x * 2


@jit.rawkernel(device=True)
def store(y, i, value):
    y[i] = value


@jit.rawkernel()
def uses_devices(x, y):
    i = jit.threadIdx.x
    store(y, i, twice(factorial(x[i])) + twice(0.5))


def test_device_functions():
    x = ndgpu.arange(8, dtype="int64")
    y = ndgpu.empty(8, dtype="float64")
    uses_devices[1, 8](x, y)
    assert y.tolist() == [2 * math.factorial(k) + 1 for k in range(8)]
    with pytest.raises(TypeError, match="twice is a device function"):
        twice[1, 1](x)


@jit.rawkernel()
def control(x, y):
    """A docstring."""
    i = jit.threadIdx.x
    total = 0
    for k in range(10, -1, -2):
        if k == i:
            continue
        if k == 0 or (not FLAG):
            break
        total += k
    else_branch: float = 0.5
    if total > 25:
        total -= 1
    elif total == 20:
        total = -total
    else:
        pass
    a, b = total, i
    a, b = b, a
    j = 0
    while True:
        j += 1
        if j >= 5:
            break
    y[i] = b + a * 100 + else_branch + j * 1000 + k * 10000
    if i > 3:
        return
    y[i] += 100000


def test_control_flow():
    y = ndgpu.empty(8, dtype="float64")
    control[1, 8](y, y)
    wanted = np.empty(8)
    for i in range(8):
        total = 0
        for k in range(10, -1, -2):
            if k == i:
                continue
            if k == 0:
                break
            total += k
        if total > 25:
            total -= 1
        elif total == 20:
            total = -total
        wanted[i] = total + i * 100 + 0.5 + 5000 + k * 10000 + (100000 if i <= 3 else 0)
    np.testing.assert_array_equal(y.get(), wanted)


@jit.rawkernel()
def arithmetic(x, y, z):
    i = jit.threadIdx.x
    a = x[i]
    z[0, i] = a // 3
    z[1, i] = a % 3
    z[2, i] = a / 4
    z[3, i] = -a + ~a
    z[4, i] = (a << 2) | (a & 5) ^ 1
    z[5, i] = 1 < a <= 4
    z[6, i] = a**2
    z[7, i] = min(a, 2, 3) + max(y[i], 1.5) + abs(a)
    z[8, i] = np.float32(a) + float(y[i]) + int(y[i])
    z[9, i] = 2 * np.pi * a
    z[10, i] = a and y[i]
    z[11, i] = y[i] // 0.75
    z[12, i] = y[i] % -0.75


def test_arithmetic_is_python_s():
    x = np.array([-7, -1, 0, 2, 4, 9])
    y = np.array([0.5, -2.25, 1.0, 3.5, 0.0, -0.5])
    z = ndgpu.empty((13, 6), dtype="float64")
    arithmetic[1, 6](ndgpu.asarray(x), ndgpu.asarray(y), z)
    wanted = [
        x // 3, x % 3, x / 4, -x + ~x, (x << 2) | (x & 5) ^ 1, (x > 1) & (x <= 4), x**2,
        np.minimum(x, 2) + np.maximum(y, 1.5) + abs(x), x + y + y.astype(int), 2 * np.pi * x,
        (x != 0) & (y != 0), y // 0.75, y % -0.75,
    ]  # fmt: skip
    np.testing.assert_allclose(z.get(), np.array(wanted, float), rtol=1e-6)


FUNCTIONS = [
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "sin", "cos", "tan",
    "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "arcsinh", "arctanh", "floor", "ceil",
    "trunc", "rint", "fabs", "absolute", "negative", "sign", "square", "reciprocal", "degrees",
    "radians", "rad2deg", "deg2rad", "isnan", "isinf", "isfinite", "signbit",
]  # fmt: skip
TWO = [
    "arctan2", "hypot", "copysign", "add", "subtract", "multiply", "divide", "floor_divide",
    "remainder", "fmod", "power", "maximum", "minimum", "fmax", "fmin", "logaddexp", "nextafter",
]  # fmt: skip


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_mathematics(dtype):
    x = np.linspace(0.05, 0.95, 16).astype(dtype)
    y = np.linspace(0.9, 0.3, 16).astype(dtype)
    names = [(f, 1) for f in FUNCTIONS] + [(f, 2) for f in TWO]
    lines = [f"    z[{k}, i] = np.{f}(x[i]{', y[i]' * (n - 1)})" for k, (f, n) in enumerate(names)]
    kernel = from_text("def k(x, y, z):\n    i = jit.threadIdx.x\n" + "\n".join(lines))
    z = ndgpu.empty((len(names), 16), dtype=dtype)
    kernel[1, 16](ndgpu.asarray(x), ndgpu.asarray(y), z)
    wanted = [getattr(np, f)(*(x, y)[:n]).astype(dtype) for f, n in names]
    np.testing.assert_allclose(z.get(), wanted, rtol=1e-5 if dtype == "float32" else 1e-12)


def test_math_module_and_ndgpu_s_functions():
    kernel = from_text(
        "def k(x, y):\n    i = jit.threadIdx.x\n"
        "    y[i] = math.erf(x[i]) + math.gamma(x[i]) + math.atan2(x[i], 2) + ndgpu.exp(x[i])"
    )
    x = np.linspace(0.5, 3, 8)
    y = ndgpu.empty(8)
    kernel[1, 8](ndgpu.asarray(x), y)
    wanted = [math.erf(v) + math.gamma(v) + math.atan2(v, 2) + math.exp(v) for v in x]
    np.testing.assert_allclose(y.get(), wanted, rtol=1e-12)


_texts = 0


def from_text(text):
    """A kernel from source text that `inspect` can find."""
    import linecache

    global _texts
    _texts += 1
    file = f"<kernel {_texts}>"
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    names = {"np": np, "jit": jit, "math": math, "ndgpu": ndgpu, "twice": twice}
    exec(compile(text, file, "exec"), names)
    return jit.rawkernel()(next(v for v in names.values() if getattr(v, "__name__", "") == "k"))


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "uint64", "float16", "complex64"])
def test_dtypes(dtype):
    kernel = from_text(
        "def k(x, y, s):\n    i = jit.threadIdx.x\n    v = x[i] + s\n    y[i] = v * x[i]"
    )
    x = np.array([0, 1, 1, 0, 1]).astype(dtype)
    y = ndgpu.empty(5, dtype=dtype)
    kernel[1, 5](ndgpu.asarray(x), y, 2)
    np.testing.assert_array_equal(y.get(), ((x + 2) * x).astype(dtype))


@pytest.mark.parametrize("mode", ["cuda", "numpy"])
def test_modes_of_promotion(mode):
    @jit.rawkernel(mode=mode)
    def kernel(x, k, y):
        y[0] = (x[0] + k[0]) - 16777216.0

    x, k = ndgpu.asarray([16777216], dtype="float32"), ndgpu.asarray([1], dtype="int32")
    y = ndgpu.empty(1)
    kernel[1, 1](x, k, y)
    assert float(y[0]) == (1.0 if mode == "numpy" else 0.0)


def test_shuffles_and_lanes():
    kernel = from_text(
        "def k(y):\n"
        "    lane = jit.laneid()\n"
        "    v = lane\n"
        "    for s in range(5):\n"
        "        v += jit.shfl_xor_sync(0xffffffff, v, 1 << s)\n"
        "    jit.syncwarp()\n"
        "    w = jit.shfl_down_sync(0xffffffff, lane, 1) + jit.shfl_up_sync(0xffffffff, lane, 1)\n"
        "    y[lane] = v * 1000 + w * 10 + jit.shfl_sync(0xffffffff, lane, 3) + jit.warpsize\n"
    )
    y = ndgpu.empty(32, dtype="int64")
    kernel[1, 32](y)
    lanes = np.arange(32)
    down, up = np.minimum(lanes + 1, 31), np.maximum(lanes - 1, 0)
    np.testing.assert_array_equal(y.get(), 496 * 1000 + (down + up) * 10 + 3 + 32)


ATOMICS = {
    "add": (100, "int32 uint32 int64 uint64 float32 float64", lambda v: 100 + v.sum()),
    "sub": (10000, "int32 uint32", lambda v: 10000 - v.sum()),
    "min": (50, "int32 uint32 int64 uint64", lambda v: min(50, v.min())),
    "max": (50, "int32 uint32 int64 uint64", lambda v: max(50, v.max())),
    "and": (0xFF, "int32 uint32 int64 uint64", lambda v: np.bitwise_and.reduce(v) & 0xFF),
    "or": (0, "int32 uint32 int64 uint64", np.bitwise_or.reduce),
    "xor": (0, "int32 uint32 int64 uint64", np.bitwise_xor.reduce),
    "exch": (0, "int32 uint32 int64 uint64 float32", None),
    "inc": (0, "uint32", lambda v: 64),
    "dec": (64, "uint32", lambda v: 0),
    "cas": (0, "int32 uint32 int64 uint64", None),
}


@pytest.mark.parametrize("name", sorted(ATOMICS))
def test_atomics(name):
    start, dtypes, wanted = ATOMICS[name]
    value = "1000" if name in ("inc", "dec") else "x[i]"
    args = "0, 7" if name == "cas" else value
    kernel = from_text(
        f"def k(x, y, old):\n    i = jit.grid(1)\n    old[i] = jit.atomic_{name}(y, 0, {args})"
    )
    for dtype in dtypes.split():
        x = (np.arange(64) * 37 % 101).astype(dtype)
        y = ndgpu.full(1, start, dtype=dtype)
        old = ndgpu.empty(64, dtype=dtype)
        kernel[2, 32](ndgpu.asarray(x), y, old)
        if name == "cas":
            assert y.tolist() == [7] and sorted(old.tolist()) == [0] + [7] * 63
        elif name == "exch":
            assert sorted([*old.tolist(), *y.tolist()]) == sorted([0, *x.tolist()])
        else:
            assert y.get()[0] == wanted(x)
    with pytest.raises(jit.JitError, match=f"atomic_{name} is for .*; not float16"):
        half = ndgpu.zeros(64, dtype="float16")
        kernel[2, 32](half, half, half)


REFUSED = {
    "a list": ("    y[0] = [1, 2][0]", "List is not supported"),
    "a name": ("    y[0] = nothing", "name 'nothing' is not defined"),
    "an attribute": ("    y[0] = y.T", "has no attribute 'T'"),
    "one index": ("    y[0] = x[0]", "the array has 2 dimensions, and the index 1"),
    "a float index": ("    y[1.5] = 0", "wanted an integer, got float 1.5"),
    "a string": ("    y[0] = 'a' + 1", "wanted a number, got str 'a'"),
    "a call": ("    y[0] = sorted(y)", "sorted cannot be called in a kernel"),
    "a result": ("    return y", "a kernel returns nothing"),
    "try": ("    try:\n        pass\n    finally:\n        pass", "statement Try is not supported"),
    "a comprehension": ("    y[0] = sum(v for v in y)", "GeneratorExp is not supported"),
    "a loop": ("    for v in y:\n        pass", "a loop in a kernel runs over a range"),
    "else": ("    while 1:\n        break\n    else:\n        pass", "`else` of a loop"),
    "unpacking": ("    a, b = x.shape[0], 1, 2", "does not unpack into 2 variables"),
    "types": ("    a = y\n    a = 1", "a variable is first array of float64 with 1 dim.* and then"),
    "size": ("    s = jit.shared_memory('f4', x.size)", "a dtype and a size that are constants"),
    "shared": ("    jit.shared_memory('f4', 3)[0] = 1", "must be assigned to a variable"),
    "complex": ("    y[0] = 1j", "the complex number 1j does not convert to float64"),
    "grid": ("    y[0] = jit.grid(4)", "grid takes 1, 2 or 3"),
    "keywords": ("    y[0] = np.sin(x=1.0)", "sin takes no keywords"),
    "bits of floats": ("    y[0] = y[0] & 1", "unsupported operand types for &"),
    "step": ("    for i in range(0, 4, 0):\n        pass", "step must not be 0"),
    "matrix product": ("    y[0] = y @ y", "operator MatMult is not supported"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_is_refused_shows_the_line(name):
    text, message = REFUSED[name]
    kernel = from_text(f"def k(x, y):\n    i = 0\n{text}\n")
    with pytest.raises(jit.JitError, match=message) as caught:
        kernel[1, 1](ndgpu.zeros((2, 2)), ndgpu.zeros(3))
    first, line, marks = str(caught.value).splitlines()[-3:]
    assert first.startswith("<kernel ") and ", in k: " in first
    assert line.strip() in text and set(marks.strip()) == {"^"}


def test_the_mark_is_under_the_place():
    kernel = from_text("def k(x):\n    for i in range(3):\n        x[i] = x[i] + nope(i)\n")
    with pytest.raises(jit.JitError) as caught:
        kernel[1, 1](ndgpu.zeros(3))
    first, line, marks = str(caught.value).splitlines()
    assert first.split(":")[1] == "3, in k"
    assert line[marks.index("^") : marks.rindex("^") + 1] == "nope"


def test_arguments_that_cannot_be_passed():
    x = ndgpu.zeros(3)
    with pytest.raises(TypeError, match="kernel copy_strided takes 3 arguments, got 1"):
        copy_strided[1, 1](x)
    with pytest.raises(TypeError, match="argument `n` must be an array of this package or a num"):
        copy_strided[1, 1](x, x, "3")
    with pytest.raises(TypeError, match="argument `x` must be an array of this package"):
        copy_strided[1, 1](np.zeros(3), x, 3)
    with pytest.raises(TypeError, match=r"copy_strided\[grid, block\]"):
        copy_strided[1](x, x, 3)
    with pytest.raises(TypeError, match=r"launch copy_strided as f\(grid, block, args"):
        copy_strided(x, x)
    with pytest.raises(ValueError, match="mode must be 'cuda' or 'numpy', got 'c'"):
        jit.rawkernel(mode="c")
    with pytest.raises(TypeError, match="expected a function, got int"):
        jit.rawkernel()(3)
    with pytest.raises(RuntimeError, match="works within a function decorated"):
        jit.syncthreads()


def test_recursion_is_refused():
    with pytest.raises(jit.JitError, match="calls itself"):
        kernel = from_text(
            "@jit.rawkernel(device=True)\ndef loops(n):\n    return loops(n - 1)\n\n"
            "def k(x):\n    x[0] = loops(3)\n"
        )
        kernel[1, 1](ndgpu.zeros(3))


def test_every_atomic_has_a_test():
    from ndgpu.kernels.jit.builtins import ATOMICS as table

    assert {f.name.removeprefix("atomic_") for f in table} == set(ATOMICS)


def test_every_function_has_a_test():
    from ndgpu.kernels.jit.functions import TABLE

    aliases = {"asin", "acos", "atan", "asinh", "acosh", "atanh", "atan2", "abs", "pow"}
    others = {"arccosh", "erf", "erfc", "lgamma", "gamma", "rsqrt", "ldexp", "true_divide", "gcd"}
    assert set(FUNCTIONS) | set(TWO) | aliases | others == set(TABLE)
