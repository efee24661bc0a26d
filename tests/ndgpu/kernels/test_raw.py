"""`RawKernel` and `RawModule`."""

import io
import sys

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
    with pytest.raises(TypeError, match="argument 1 of a raw kernel is of type list"):
        ALL((1,), (1,), (None, [1, 2], *[None] * 8))
    with pytest.raises(TypeError, match=r"argument 1 .* NumPy array of shape \(3,\), in the host"):
        ALL((1,), (1,), (None, np.zeros(3), *[None] * 8))


SIZES = RawKernel(
    r"""
    struct Inner { float v[3]; short s; };
    struct Outer { int a; Inner inner[2]; };
    extern "C" __global__ void sizes(int i, float f, short s, unsigned char u, bool b, Outer o,
                                     double z, double* out) {
      double v[] = {(double)i, f, (double)s, (double)u, (double)b, (double)o.a, o.inner[0].v[2],
                    o.inner[1].v[0], (double)o.inner[1].s, z};
      for (int k = 0; k < 10; ++k) out[k] = v[k];
    }
    """,
    "sizes",
)
INNER = np.dtype([("v", "f4", 3), ("s", "i2")], align=True)
OUTER = np.dtype([("a", "i4"), ("inner", INNER, 2)], align=True)


def outer():
    value = np.zeros((), OUTER)
    value["a"] = 6
    value["inner"]["v"] = [[1, 2, 3.5], [4.25, 5, 6]]
    value["inner"]["s"] = [7, -8]
    return value


@pytest.mark.parametrize("struct", [outer(), outer()[()], outer().tobytes()], ids=type)
def test_python_numbers_take_the_parameter_s_size_and_structures_go_by_value(bare, struct):
    out = bare.empty((10,), "f8")
    SIZES((1,), (1,), (-3, 0.5, 9, 200 - 256, True, struct, np.array(2.5), out))
    np.testing.assert_array_equal(out.get(), [-3, 0.5, 9, 200, 1, 6, 3.5, 4.25, -8, 2.5])


def test_an_argument_of_another_size_is_named(bare):
    good = [1, 1.0, 1, 1, True, outer(), 1.0, bare.empty((10,), "f8")]
    wrong = {
        0: (np.int64(1), "argument 0 of a raw kernel is int64.* 8 bytes, and .* parameter has 4"),
        1: (np.float64(1), "argument 1 .* float64.* 8 bytes, and the kernel's parameter has 4"),
        2: (1.0, "argument 2 of a raw kernel is float, 8 bytes, and the kernel's parameter has 2"),
        5: (outer()["inner"][0], "argument 5 .* void.* 16 bytes, and .* parameter has 36"),
        6: (np.float32(1), "argument 6 .* float32.* 4 bytes, and the kernel's parameter has 8"),
    }
    for position, (value, message) in wrong.items():
        args = [value if k == position else x for k, x in enumerate(good)]
        with pytest.raises(TypeError, match=message) as caught:
            SIZES((1,), (1,), args)
        assert caught.value.__notes__ == ["launching kernel sizes"]
    with pytest.raises(OverflowError, match="argument 0 of kernel sizes, 4294967296"):
        SIZES((1,), (1,), (1 << 32, *good[1:]))


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
    for name, value in attributes.items():
        assert getattr(ALL, name) == value
    assert ALL.ptx_version >= 70 and ALL.binary_version >= 70
    ALL.preferred_shared_memory_carveout = 50
    assert ALL.preferred_shared_memory_carveout == 50
    ALL.preferred_shared_memory_carveout = -1


def test_occupancy():
    assert ALL.max_active_blocks(128) >= 1
    assert ALL.max_active_blocks(128) >= ALL.max_active_blocks(1024)
    grid, block = ALL.suggest_block_size()
    assert grid >= 1 and 32 <= block <= ALL.max_threads_per_block
    assert ALL.suggest_block_size(limit=64)[1] <= 64


def test_the_compiler_s_messages():
    code = 'extern "C" __global__ void f(int* x) { int unused = 3; *x = 1; }'
    for _ in range(2):  # once more, though it is in the cache
        stream = io.StringIO()
        RawKernel(code, "f").compile(log_stream=stream)
        assert "unused" in stream.getvalue()
    stream = io.StringIO()
    RawModule(code=code).compile(stream)
    assert "unused" in stream.getvalue()


NVCC = """#!{python}
import sys
from ndgpu.compile import nvrtc
if "--version" in sys.argv:
    print("nvcc of the test")
    raise SystemExit
source = open(sys.argv[-1]).read()
(target,) = [a.removeprefix("-arch=") for a in sys.argv if a.startswith("-arch=")]
if "nonsense" in source:
    print(sys.argv[-1] + "(1): error: nonsense", file=sys.stderr)
    raise SystemExit(1)
options = ("--gpu-architecture=" + target,)
image, _, _ = nvrtc.compile_program(source, "x.cu", options, (), (), binary="--cubin" in sys.argv)
open(sys.argv[sys.argv.index("-o") + 1], "wb").write(image.rstrip(bytes(1)))
"""


def test_nvcc(bare, tmp_path, monkeypatch):
    monkeypatch.setenv("NDGPU_CACHE_DIR", str(tmp_path / "cache"))
    for name in ("NVCC", "CUDA_HOME", "CUDA_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    code = 'extern "C" __global__ void f(int* x) { x[threadIdx.x] = threadIdx.x + 5; }'
    with pytest.raises(RuntimeError, match="needs the CUDA toolkit's compiler, which is in none"):
        RawKernel(code, "f", backend="nvcc").compile()
    nvcc = tmp_path / "nvcc"
    nvcc.write_text(NVCC.format(python=sys.executable))
    nvcc.chmod(0o755)
    out = bare.empty((4,), "i4")
    RawKernel(code, "f", backend="nvcc")((1,), (4,), (out,))
    np.testing.assert_array_equal(out.get(), [5, 6, 7, 8])
    with pytest.raises(CompileException, match="error: nonsense"):
        RawKernel("nonsense", "f", backend="nvcc").compile()


def test_wrong_construction():
    with pytest.raises(TypeError, match="give either `code` or `path`"):
        RawModule()
    with pytest.raises(ValueError, match="backend must be 'nvrtc' or 'nvcc', got 'clang'"):
        RawModule("", backend="clang")
    with pytest.raises(ValueError, match="`name_expressions` need backend='nvrtc'"):
        RawModule("", backend="nvcc", name_expressions=["f<int>"])
    with pytest.raises(ValueError, match="translate_cucomplex=True is not supported: include"):
        RawKernel("", "f", (), "nvrtc", True)
    with pytest.raises(ValueError, match="jitify=True is not supported"):
        RawModule(code="", jitify=True)
    with pytest.raises(TypeError, match="`options` must be a sequence"):
        RawModule("", options="-DX")


def test_code_that_does_not_compile():
    with pytest.raises(CompileException, match="expected a"):
        RawKernel("nonsense", "f").compile()
