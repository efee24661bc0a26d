"""The chapter on kernels of CuPy's user guide: elementwise, reduction, raw, JIT kernels, fusion."""

import io

import numpy as np

import ndgpu as cp
from ndgpu import jit

from .rows import row

KERNELS = "User-defined kernels"


@row(KERNELS, "Elementwise kernels, broadcasting and numbers", "ElementwiseKernel")
def elementwise():
    kernel = cp.ElementwiseKernel(
        "float32 x, float32 y", "float32 z", "z = (x - y) * (x - y)", "squared_diff"
    )
    x = cp.arange(10, dtype=np.float32).reshape(2, 5)
    y = cp.arange(5, dtype=np.float32)
    wanted = (x.get() - y.get()) ** 2
    np.testing.assert_array_equal(kernel(x, y).get(), wanted)
    np.testing.assert_array_equal(kernel(x, 5).get(), (x.get() - 5) ** 2)


@row(KERNELS, "Output arguments", "ElementwiseKernel")
def outputs_given():
    kernel = cp.ElementwiseKernel("float32 x", "float32 z", "z = x * x", "squares")
    x, z = cp.arange(4, dtype="float32"), cp.empty(4, dtype="float32")
    assert kernel(x, z) is z
    assert z.tolist() == [0, 1, 4, 9]


@row(KERNELS, "Type-generic kernels, several outputs", "ElementwiseKernel")
def type_generic():
    kernel = cp.ElementwiseKernel(
        "X x, Y y", "Z z, W w", "z = x + y; w = x > y", "two", return_tuple=True
    )
    z, w = cp.empty(3, "float64"), cp.empty(3, "bool")
    kernel(cp.arange(3, dtype="int32"), cp.ones(3, dtype="float32"), z, w)
    assert z.tolist() == [1, 2, 3] and w.tolist() == [False, False, True]
    same = cp.ElementwiseKernel("T x, T y", "T z", "T a = x - y; z = a * a", "generic")
    assert same(cp.arange(3, dtype="int8"), cp.ones(3, dtype="int8")).dtype == np.int8


@row(KERNELS, "Raw arguments, `i`, `n`, `_ind.size()`", "ElementwiseKernel")
def raw_arguments():
    add_reverse = cp.ElementwiseKernel(
        "T x, raw T y", "T z", "z = x + y[_ind.size() - i - 1] + (n - _ind.size())", "add_reverse"
    )
    x = cp.arange(5.0)
    assert add_reverse(x, x).tolist() == [4.0] * 5


@row(KERNELS, "Only raw arguments: `size=`; indices as a vector", "ElementwiseKernel")
def sizes():
    kernel = cp.ElementwiseKernel(
        "raw T x", "raw T y", "ptrdiff_t at[] = {i, 1}; y[i] = x[at]", "column", no_return=True
    )
    x, y = cp.arange(12).reshape(4, 3), cp.empty(4, dtype="int64")
    assert kernel(x, y, size=4) is None
    assert y.tolist() == [1, 4, 7, 10]


@row(KERNELS, "`preamble`, `loop_prep`, `after_loop`, `options`, `block_size`", "ElementwiseKernel")
def pieces():
    kernel = cp.ElementwiseKernel(
        "T x, raw T sums", "T y", "y = twice(x) + bias;", "pieces",
        preamble="template <typename T> __device__ T twice(T x) { return 2 * x; }",
        loop_prep="const T bias = BIAS;", after_loop="if (threadIdx.x == 0) { }",
        options=("-DBIAS=10",),
    )  # fmt: skip
    x = cp.arange(4.0)
    assert kernel(x, x, block_size=64).tolist() == [10, 12, 14, 16]


@row(KERNELS, "Reduction kernels", "ReductionKernel")
def reductions():
    norm = cp.ReductionKernel("T x", "T y", "x * x", "a + b", "y = sqrt(a)", "0", "l2norm")
    x = cp.arange(10, dtype=np.float32).reshape(2, 5)
    wanted = np.sqrt((x.get() ** 2).sum(1))
    np.testing.assert_allclose(norm(x, axis=1).get(), wanted, rtol=1e-6)
    np.testing.assert_allclose(norm(x, axis=1, keepdims=True).get(), wanted[:, None], rtol=1e-6)


@row(KERNELS, "Reductions: raw inputs, `reduce_type`, `out=`, several outputs", "ReductionKernel")
def reductions_more():
    kernel = cp.ReductionKernel(
        "T x, raw T w", "T y, float64 z", "double(x) * w[_j]", "a + b", "y = a; z = a / _n", "0",
        reduce_type="double",
    )  # fmt: skip
    x, w = cp.ones((3, 4), "float32"), cp.arange(3, dtype="float32")
    out = cp.empty(4, "float32"), cp.empty(4)
    kernel(x, w, out=out, axis=0)
    assert out[0].tolist() == [3.0] * 4 and out[1].tolist() == [1.0] * 4


ADD = r"""
extern "C" __global__ void my_add(const float* x1, const float* x2, float* y) {
    int tid = blockDim.x * blockIdx.x + threadIdx.x;
    y[tid] = x1[tid] + x2[tid];
}
"""


@row(KERNELS, "Raw kernels", "RawKernel")
def raw_kernels():
    kernel = cp.RawKernel(ADD, "my_add")
    x1 = x2 = cp.arange(25, dtype=cp.float32).reshape(5, 5)
    y = cp.zeros((5, 5), dtype=cp.float32)
    kernel((5,), (5,), (x1, x2, y))
    assert (y == 2 * x1).all()
    assert kernel.num_regs > 0 and kernel.attributes["max_threads_per_block"] > 0


@row(KERNELS, "Raw kernels on complex numbers", "RawKernel, cupy/complex.cuh")
def raw_complex():
    kernel = cp.RawKernel(
        r"""
        #include <cupy/complex.cuh>
        extern "C" __global__ void f(const complex<float>* x, complex<float>* y, complex<float> a) {
            y[threadIdx.x] = x[threadIdx.x] + complex<float>(0, 1) * a;
        }""",
        "f",
    )
    x, y = cp.arange(4, dtype=cp.complex64), cp.zeros(4, dtype=cp.complex64)
    kernel((1,), (4,), (x, y, cp.complex64(2)))
    np.testing.assert_array_equal(y.get(), x.get() + 2j)


@row(KERNELS, "Kernel arguments: scalars of NumPy and Python", "RawKernel")
def arguments():
    kernel = cp.RawKernel(
        'extern "C" __global__ void f(double* y, int a, float b, long long c, bool d, double e) {'
        " y[0] = a + b + c + d + e; }",
        "f",
    )
    y = cp.zeros(1)
    kernel((1,), (1,), (y, np.int32(1), np.float32(0.5), 10, True, 100.0))
    assert y.tolist() == [112.5]


@row(KERNELS, "Kernel arguments: structures by value", "RawKernel")
def custom_types():
    vector = np.dtype({"names": ["a", "v"], "formats": ["f8", ("f4", 2)], "itemsize": 16})
    kernel = cp.RawKernel(
        "struct Vec { double a; float v[2]; };"
        'extern "C" __global__ void f(Vec x, double* y) { y[0] = x.a + x.v[0] * x.v[1]; }',
        "f",
    )
    value = np.empty((), vector)
    value["a"], value["v"] = 1, [2, 3]
    y = cp.zeros(1)
    kernel((1,), (1,), (value, y))
    assert y.tolist() == [7.0]


@row(KERNELS, "Raw modules, several kernels; from files", "RawModule, RawModule(path=)")
def raw_modules(tmp_path):
    module = cp.RawModule(code=ADD + ADD.replace("my_add", "my_sub").replace("] + ", "] - "))
    x, y = cp.arange(4, dtype="float32"), cp.empty(4, dtype="float32")
    module.get_function("my_sub")((1,), (4,), (x, x, y))
    assert y.tolist() == [0.0] * 4
    from ndgpu import driver
    from ndgpu.compile import compile_source

    file = tmp_path / "module.bin"
    file.write_bytes(compile_source(ADD, (), driver.compile_target(0)).data.rstrip(b"\0"))
    cp.RawModule(path=str(file)).get_function("my_add")((1,), (4,), (x, x, y))
    assert y.tolist() == [0, 2, 4, 6]


@row(KERNELS, "C++ templates by name expressions", "RawModule(name_expressions=)")
def templates():
    module = cp.RawModule(
        code="template <typename T> __global__ void fx3(T* x, int n) {"
        " int t = threadIdx.x; if (t < n) x[t] *= 3; }",
        options=("-std=c++11",), name_expressions=["fx3<int>", "fx3<double>"],
    )  # fmt: skip
    x = cp.arange(3.0)
    module.get_function("fx3<double>")((1,), (4,), (x, 3))
    assert x.tolist() == [0, 3, 6]


@row(KERNELS, "Global and constant variables", "RawModule.get_global")
def module_globals():
    module = cp.RawModule(
        code='extern "C" { __constant__ float table[4];'
        " __global__ void f(float* y) { y[threadIdx.x] = table[threadIdx.x]; } }"
    )
    table = cp.ndarray((4,), cp.float32, module.get_global("table"))
    table[...] = cp.arange(4, dtype="float32")
    y = cp.empty(4, dtype="float32")
    module.get_function("f")((1,), (4,), (y,))
    assert y.tolist() == [0, 1, 2, 3]


@row(KERNELS, "Cooperative groups", "RawKernel(enable_cooperative_groups=)")
def cooperative():
    kernel = cp.RawKernel(
        "#include <cooperative_groups.h>\n"
        'extern "C" __global__ void f(int* x) { auto g = cooperative_groups::this_grid();'
        " if (threadIdx.x == 0) atomicAdd(x, 1); g.sync();"
        " if (g.thread_rank() == 0) x[1] = x[0]; }",
        "f", enable_cooperative_groups=True,
    )  # fmt: skip
    x = cp.zeros(2, dtype="int32")
    kernel((4,), (32,), (x,))
    assert x.tolist() == [4, 4]


@row(KERNELS, "Dynamic shared memory, carve-out", "max_dynamic_shared_size_bytes, shared_mem=")
def shared_memory():
    kernel = cp.RawKernel(
        'extern "C" __global__ void f(int* y) { extern __shared__ int s[]; s[threadIdx.x] = '
        "threadIdx.x; __syncthreads(); y[threadIdx.x] = s[blockDim.x - 1 - threadIdx.x]; }",
        "f",
    )
    kernel.max_dynamic_shared_size_bytes = 60000
    kernel.preferred_shared_memory_carveout = 50
    y = cp.empty(4, dtype="int32")
    kernel((1,), (4,), (y,), shared_mem=60000)
    assert y.tolist() == [3, 2, 1, 0]


@row(KERNELS, "Compilation by hand, its log", "compile(log_stream=), backend=")
def compile_by_hand():
    log = io.StringIO()
    cp.RawModule(code=ADD + "__device__ void g() { int unused; }", backend="nvrtc").compile(log)
    assert "unused" in log.getvalue()


@row(KERNELS, "Kernel fusion", "fuse, fuse(kernel_name=)")
def fusion():
    @cp.fuse()
    def squared_diff(x, y):
        return (x - y) * (x - y)

    @cp.fuse(kernel_name="sum_of_products")
    def sum_of_products(x, y):
        return cp.sum(x * y, axis=-1)

    x, y = cp.arange(10), cp.arange(10)[::-1]
    assert squared_diff(x, y).tolist() == [81, 49, 25, 9, 1, 1, 9, 25, 49, 81]
    assert int(sum_of_products(x, y)) == int((x.get() * y.get()).sum())
    np.testing.assert_array_equal(squared_diff(x.get(), y.get()), squared_diff(x, y).get())


@jit.rawkernel()
def elementwise_copy(x, y, size):
    tid = jit.blockIdx.x * jit.blockDim.x + jit.threadIdx.x
    ntid = jit.gridDim.x * jit.blockDim.x
    for i in range(tid, size, ntid):
        y[i] = x[i]


@row(KERNELS, "JIT kernels, both launches", "jit.rawkernel, jit.threadIdx, jit.blockIdx, ...")
def jit_kernels():
    size = cp.uint32(2**10)
    x, y = cp.arange(2**10, dtype=cp.float32), cp.empty(2**10, dtype=cp.float32)
    elementwise_copy((128,), (1024,), (x, y, size))
    assert (x == y).all()
    y[...] = 0
    elementwise_copy[128, 1024](x, y, size)
    assert (x == y).all()


@jit.rawkernel(device=True)
def halved(x):
    return x / 2


@jit.rawkernel()
def reduction(x, y, size):
    tid = jit.threadIdx.x
    value = cp.float32(0)
    for i in range(tid, size, jit.blockDim.x):
        value += halved(x[i])
    smem = jit.shared_memory(cp.float32, 256)
    smem[tid] = value
    jit.syncthreads()
    if tid == cp.uint32(0):
        value = cp.float32(0)
        for i in range(jit.blockDim.x):
            value += smem[i]
        jit.atomic_add(y, 0, value)


@row(KERNELS, "JIT: shared memory, barriers, atomics, device functions", "jit.shared_memory, ...")
def jit_shared():
    x, y = cp.arange(1000, dtype="float32"), cp.zeros(1, dtype="float32")
    reduction[1, 256](x, y, 1000)
    assert float(y[0]) == 249750


@row(KERNELS, "Memoised functions", "memoize, clear_memo")
def memoised():
    calls = []

    @cp.memoize(for_each_device=True)
    def kernel(name):
        calls.append(name)
        return cp.RawKernel(ADD, name)

    assert kernel("my_add") is kernel("my_add") and calls == ["my_add"]
    cp.clear_memo()
    kernel("my_add")
    assert len(calls) == 2
