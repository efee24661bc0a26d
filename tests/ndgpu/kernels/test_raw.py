"""`RawKernel` and `RawModule`."""

import numpy as np
import pytest

from ndgpu import driver, runtime
from ndgpu.compile import CompileException
from ndgpu.kernels import RawKernel, RawModule

ALL = RawKernel(
    r"""
    #include <ndgpu/complex.cuh>
    struct Pair { int a; double b; };
    extern "C" __global__ void all(
        const float* x, long long l, double d, bool t, complex<double> c, unsigned char u,
        float f, Pair p, const float* nothing, double* out) {
      int k = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * blockIdx.x);
      if (k == 0) {
        double v[] = {x[1], (double)l, d, (double)t, c.re, c.im, (double)u, f, (double)p.a, p.b,
                      nothing == nullptr ? 1. : 0.};
        for (int i = 0; i < 11; ++i) out[i] = v[i];
      }
    }
    """,
    "all",
)


def test_every_kind_of_argument(bare):
    x, out = bare.of(np.arange(3, dtype="f4")), bare.empty((11,), "f8")
    pair = np.array((7, 8.5), np.dtype([("a", "i4"), ("b", "f8")], align=True))[()]
    ALL((1,), (4, 2), (x, -5, 2.5, True, 3 + 4j, np.uint8(200), np.float32(0.5), pair, None, out))
    np.testing.assert_array_equal(out.get(), [1, -5, 2.5, 1, 3, 4, 200, 0.5, 7, 8.5, 1])


def test_wrong_number_of_arguments():
    with pytest.raises(TypeError, match="kernel all takes 10 arguments, got 1"):
        ALL((1,), (1,), (1,))


def test_arguments_that_cannot_be_passed():
    with pytest.raises(TypeError, match="argument 1 of a raw kernel is of type ndarray"):
        ALL((1,), (1,), (None, np.zeros(3)))


def test_arrays_of_another_device(bare):
    if runtime.device_count() < 2:
        pytest.skip("there is one device")
    with runtime.Device(1):
        elsewhere = bare.empty((3,), "f4")
    with pytest.raises(ValueError, match="all: `argument 0` is on device 1"):
        ALL((1,), (1,), (elsewhere,))


def test_geometry_that_the_driver_refuses():
    kernel = RawKernel('extern "C" __global__ void f() {}', "f")
    with pytest.raises(runtime.CUDADriverError) as caught:
        kernel((1,), (2048,), ())
    assert any(
        "kernel f with grid (1, 1, 1), block (2048, 1, 1)" in n for n in caught.value.__notes__
    )
    with pytest.raises(ValueError, match="grid must have one to three numbers"):
        kernel((), (1,), ())


MODULE = r"""
__constant__ float table[4];
__device__ int counter = 5;
template <typename T, int N> __global__ void scale(T* x) { x[threadIdx.x] *= N; }
extern "C" __global__ void look(float* x) { x[threadIdx.x] = table[threadIdx.x] + counter; }
"""


def test_templates_by_name_expressions(bare):
    module = RawModule(MODULE, name_expressions=("scale<int, 3>", "scale<double, 2>"))
    x = bare.of(np.arange(4, dtype="i4"))
    module.get_function("scale<int, 3>")((1,), (4,), (x,))
    np.testing.assert_array_equal(x.get(), [0, 3, 6, 9])
    y = bare.of(np.arange(4.0))
    module.get_function("scale<double, 2>")((1,), (4,), (y,))
    np.testing.assert_array_equal(y.get(), [0, 2, 4, 6])


def test_a_template_as_one_kernel(bare):
    x = bare.of(np.arange(4, dtype="i4"))
    RawKernel(MODULE, "scale<int, 5>")((1,), (4,), (x,))
    np.testing.assert_array_equal(x.get(), [0, 5, 10, 15])


def test_globals_and_constants(bare):
    module = RawModule(MODULE)
    table = module.get_global("table")
    assert table.mem.size == 16
    values = np.array([1, 2, 3, 4], "f4")
    runtime.check(driver.cuMemcpyHtoD(table.ptr, values.ctypes.data, 16))
    x = bare.empty((4,), "f4")
    module.get_function("look")((1,), (4,), (x,))
    np.testing.assert_array_equal(x.get(), values + 5)


def test_names_that_are_not_there():
    module = RawModule(MODULE)
    with pytest.raises(ValueError, match="the module has no kernel 'absent'"):
        module.get_function("absent")
    with pytest.raises(ValueError, match="the module has no variable 'absent'"):
        module.get_global("absent")


def test_a_file_of_ptx(bare, tmp_path):
    from ndgpu.compile import compile_source

    if driver.compile_target(0).startswith("sm_"):
        target = driver.compile_target(0)
    else:
        target = "compute_80"
    file = tmp_path / "kernels.image"
    file.write_bytes(compile_source(MODULE, (), target).data)
    x = bare.empty((4,), "f4")
    RawModule(path=file).get_function("look")((1,), (4,), (x,))
    np.testing.assert_array_equal(x.get(), np.full(4, 5, "f4"))


def test_dynamic_shared_memory(bare):
    kernel = RawKernel(
        r"""
        extern "C" __global__ void turn(float* x) {
          extern __shared__ float s[];
          s[threadIdx.x] = x[threadIdx.x];
          __syncthreads();
          x[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x];
        }
        """,
        "turn",
    )
    x = bare.of(np.arange(64, dtype="f4"))
    kernel((1,), (64,), (x,), shared_mem=256)
    np.testing.assert_array_equal(x.get(), np.arange(64)[::-1])
    kernel.max_dynamic_shared_size_bytes = 65536
    assert kernel.max_dynamic_shared_size_bytes == 65536


def test_attributes():
    attributes = ALL.attributes
    assert attributes["max_threads_per_block"] == ALL.max_threads_per_block >= 1
    assert {"num_regs", "shared_size_bytes", "local_size_bytes"} <= set(attributes)


def test_wrong_construction():
    with pytest.raises(TypeError, match="give either `code` or `path`"):
        RawModule()
    with pytest.raises(ValueError, match="backend must be 'nvrtc', got 'nvcc'"):
        RawModule("", backend="nvcc")
    with pytest.raises(TypeError, match="`options` must be a sequence"):
        RawModule("", options="-DX")


def test_code_that_does_not_compile():
    with pytest.raises(CompileException, match="expected a"):
        RawKernel("nonsense", "f").compile()
