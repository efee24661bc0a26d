"""`ElementwiseKernel`: the language of the talk, its results and its errors."""

import numpy as np
import pytest

from ndgpu import runtime
from ndgpu.compile import CompileException
from ndgpu.kernels import ElementwiseKernel


@pytest.fixture
def x():
    return np.arange(12, dtype="f4").reshape(3, 4)


MULADD = ElementwiseKernel("T x, T y, T z", "T w", "w = x * y + z", "muladd")


def test_the_kernel_of_the_talk(bare, x):
    a = bare.of(x)
    result = MULADD(a, bare.of(x[0]), 2)
    assert result.dtype == np.float32
    np.testing.assert_array_equal(result.get(), x * x[0] + 2)


def test_types_are_resolved_for_each_call(bare):
    for code in "bHiqefdFD":
        a = np.arange(5).astype(code)
        np.testing.assert_array_equal(MULADD(bare.of(a), bare.of(a), 1).get(), a * a + 1)
    assert len(MULADD._resolved) >= 9


def test_given_output(bare, x):
    out = bare.empty((3, 4), "f4")
    assert MULADD(bare.of(x), 2, 1, out) is out
    np.testing.assert_array_equal(out.get(), x * 2 + 1)


def test_several_outputs(bare, x):
    kernel = ElementwiseKernel("T x", "T p, float64 q", "p = x + 1; q = x / 4.0", "two")
    p, q = kernel(bare.of(x))
    np.testing.assert_array_equal(p.get(), x + 1)
    np.testing.assert_array_equal(q.get(), x / 4.0)


def test_return_tuple_and_no_return(bare, x):
    a = bare.of(x)
    single = ElementwiseKernel("T x", "T y", "y = x", "single", return_tuple=True)(a)
    assert isinstance(single, tuple)
    out = bare.empty((3, 4), "f4")
    assert ElementwiseKernel("T x", "T y", "y = x", "none", no_return=True)(a, out) is None
    np.testing.assert_array_equal(out.get(), x)


def test_raw_arrays_and_size(bare):
    reverse = ElementwiseKernel("raw T x", "T y", "y = x[n - i - 1]", "reverse")
    a = np.arange(7.0)
    np.testing.assert_array_equal(reverse(bare.of(a), size=7).get(), a[::-1])
    # with an output given, its shape is the loop's
    out = bare.empty((7,), "f8")
    reverse(bare.of(a), out)
    np.testing.assert_array_equal(out.get(), a[::-1])


INDEX_TYPES = (
    "char", "signed char", "unsigned char", "short", "unsigned short", "int", "unsigned int",
    "long", "unsigned long", "long long", "unsigned long long",
)  # fmt: skip


@pytest.mark.parametrize("layout", ["contiguous", "strided"])
def test_raw_arrays_take_indices_of_every_integer_type(bare, layout):
    # one kernel reads an element with each of the types
    reads = [f"y[{k}u] = x[({kind})(i + {k})];" for k, kind in enumerate(INDEX_TYPES)]
    pick = ElementwiseKernel("raw T x, int32 first", "raw T y", " ".join(reads), "pick")
    a = np.arange(48.0).reshape(3, 16)
    device = bare.of(a if layout == "contiguous" else np.asfortranarray(a))
    y = bare.empty((len(INDEX_TYPES),), "f8")
    pick(device, bare.of(np.zeros(1, "i4")), y)
    np.testing.assert_array_equal(y.get(), a.ravel()[: len(INDEX_TYPES)])


def test_raw_output(bare):
    count = ElementwiseKernel("int32 k", "raw int32 y", "atomicAdd(&y[k], 1)", "count")
    k = np.array([0, 2, 2, 1, 2], "i4")
    y = bare.of(np.zeros(3, "i4"))
    count(bare.of(k), y)
    np.testing.assert_array_equal(y.get(), [1, 1, 3])
    with pytest.raises(TypeError, match="count: raw output `y` must be given"):
        count(bare.of(k))


def test_preamble_loop_code_and_options(bare, x):
    kernel = ElementwiseKernel(
        "T x",
        "T y",
        "y = twice(x) + extra",
        "pre",
        preamble="template <typename T> __device__ T twice(T v) { return v + v; }",
        loop_prep="const int extra = EXTRA;",
        after_loop="(void)extra;",
        options=("-DEXTRA=5",),
    )
    np.testing.assert_array_equal(kernel(bare.of(x)).get(), x * 2 + 5)


def test_block_size_and_stream(bare, x):
    stream = runtime.Stream()
    a = bare.of(x)
    result = MULADD(a, a, a, stream=stream, block_size=64)
    stream.synchronize()
    np.testing.assert_array_equal(result.get(), x * x + x)


def test_numbers_of_their_own_type(bare):
    kernel = ElementwiseKernel("T x, int64 by", "float64 y", "y = x * by", "numbers")
    np.testing.assert_array_equal(
        kernel(bare.of(np.arange(3, dtype="f4")), np.int8(3)).get(), [0, 3, 6]
    )


def test_wrong_number_of_arguments(bare, x):
    with pytest.raises(TypeError, match="muladd takes 3 inputs, or 3 inputs and 1 outputs; got 2"):
        MULADD(bare.of(x), 1)


def test_types_that_conflict(bare, x):
    with pytest.raises(TypeError, match="T is float32 by `x` but float64 by `y`"):
        MULADD(bare.of(x), bare.of(x.astype("f8")), 1)


def test_shapes_that_do_not_broadcast(bare, x):
    with pytest.raises(ValueError, match=r"x.shape=\(3, 4\), y.shape=\(3,\)"):
        MULADD(bare.of(x), bare.of(x[:, 0].copy()), 1)


def test_output_of_another_shape(bare, x):
    with pytest.raises(ValueError, match=r"output `w` has shape \(4,\) but .* \(3, 4\)"):
        MULADD(bare.of(x), 1, 1, bare.empty((4,), "f4"))
    with pytest.raises(TypeError, match="output `w` must be an array, got float"):
        MULADD(bare.of(x), 1, 1, 1.0)


def test_sizes_that_are_not_known(bare, x):
    with pytest.raises(ValueError, match="give `size`"):
        MULADD(1, 2, 3)
    with pytest.raises(ValueError, match="only where all arrays are raw"):
        MULADD(bare.of(x), 2, 3, size=5)


def test_numpy_arrays_are_not_taken(x):
    with pytest.raises(TypeError, match="`x` must be an array of this package or a number"):
        MULADD(x, 1, 1)


def test_arrays_of_another_device(bare, x):
    if runtime.device_count() < 2:
        pytest.skip("there is one device")
    with runtime.Device(1):
        elsewhere = bare.of(x)
    with pytest.raises(ValueError, match="`y` is on device 1 but the current device is 0"):
        MULADD(bare.of(x), elsewhere, 1)


def test_code_that_does_not_compile(bare, x):
    kernel = ElementwiseKernel("T x", "T y", "y = undefined_name", "broken")
    with pytest.raises(CompileException, match="undefined_name") as caught:
        kernel(bare.of(x))
    assert "broken_flat.cu" in str(caught.value)


@pytest.mark.parametrize("name", ["", "two words", "3x", None])
def test_names_must_be_identifiers(name):
    with pytest.raises(ValueError, match="must be an identifier"):
        ElementwiseKernel("T x", "T y", "y = x", name)


def test_a_name_may_be_declared_once():
    with pytest.raises(ValueError, match="two parameters are called `x`"):
        ElementwiseKernel("T x", "T x", "x = x")


def test_no_elements(bare):
    empty = bare.empty((0, 3), "f4")
    assert MULADD(empty, empty, 1).shape == (0, 3)
