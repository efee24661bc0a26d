"""CUDA C++ through NVRTC to the host device and back, on one thread and on two."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest
from cuda.bindings.driver import CUfunction_attribute, CUresult
from tests.ptx import compile_ptx

from ndgpu.driver import host
from ndgpu.driver.host import launch, workers

from .conftest import value

OK = (CUresult.CUDA_SUCCESS,)

SOURCE = r"""
__device__ int counter;
__device__ float* where = nullptr;
__constant__ float table[4] = {1.0f, 10.0f, 100.0f, 1000.0f};
__device__ float scale = 2.5f;
__device__ float* indirect = &scale;

extern "C" __global__ void axpy(float a, const float* x, float* y, long long n) {
    long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (i < n) y[i] += a * x[i];
}

extern "C" __global__ void geometry(int* out) {
    int block = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    int thread = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    out[block * blockDim.x * blockDim.y * blockDim.z + thread] = block * 1000 + thread;
}

extern "C" __global__ void block_sums(const float* x, float* sums) {
    extern __shared__ float shared[];
    shared[threadIdx.x] = x[blockIdx.x * blockDim.x + threadIdx.x];
    __syncthreads();
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        if (threadIdx.x < half) shared[threadIdx.x] += shared[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0) sums[blockIdx.x] = shared[0];
}

extern "C" __global__ void variables(float* out) {
    atomicAdd(&counter, 1);
    if (blockIdx.x == 0) out[threadIdx.x] = table[threadIdx.x] * *indirect;
}

extern "C" __global__ void __launch_bounds__(64) narrow(int* out) { out[threadIdx.x] = 1; }

extern "C" __global__ void nothing() {}
"""


@pytest.fixture(scope="module")
def ptx() -> bytes:
    """The PTX that NVRTC makes of `SOURCE` for the host device."""
    return compile_ptx(SOURCE).encode() + b"\0"


@pytest.fixture
def module(device, ptx) -> int:
    return value(host.cuModuleLoadData(ptx))


@pytest.fixture(params=[1, 2])
def threads(request, monkeypatch):
    """Run on this many threads, even what is too small to be worth it."""
    before = workers.count()
    workers.resize(request.param)
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    monkeypatch.setattr(launch, "_WORTH_FETCHING", 0)
    yield request.param
    workers.resize(before)


@pytest.fixture
def run(module, threads) -> Callable[..., None]:
    """Launch a kernel of the module: ``run(name, grid, block, *ctypes values, shared=0)``."""

    def runner(name: str, grid: tuple, block: tuple, *values, shared: int = 0) -> None:
        function = value(host.cuModuleGetFunction(module, name.encode()))
        pointers = (ctypes.c_void_p * max(len(values), 1))(*map(ctypes.addressof, values))
        params = ctypes.addressof(pointers)
        grid, block = (*grid, 1, 1)[:3], (*block, 1, 1)[:3]
        assert host.cuLaunchKernel(function, *grid, *block, shared, 0, params, 0) == OK
        assert host.cuCtxSynchronize() == OK

    return runner


def to_device(array: np.ndarray) -> ctypes.c_void_p:
    pointer = value(host.cuMemAlloc(array.nbytes))
    assert host.cuMemcpyHtoD(pointer, array.ctypes.data, array.nbytes) == OK
    return ctypes.c_void_p(pointer)


def to_host(pointer: ctypes.c_void_p, count: int, dtype) -> np.ndarray:
    array = np.empty(count, dtype)
    assert host.cuMemcpyDtoH(array.ctypes.data, pointer.value, array.nbytes) == OK
    return array


@pytest.mark.parametrize("n", [1, 31, 1000, 100_003])
def test_elementwise(run, n):
    rng = np.random.default_rng(n)
    x, y = rng.random(n, np.float32), rng.random(n, np.float32)
    px, py = to_device(x), to_device(y)
    a = ctypes.c_float(1.5)
    run("axpy", (-(-n // 128),), (128,), a, px, py, ctypes.c_longlong(n))
    # NVRTC contracts to a fused multiply-add: one rounding, which float64 shows.
    wanted = (np.float64(1.5) * x + y.astype(np.float64)).astype(np.float32)
    np.testing.assert_array_equal(to_host(py, n, np.float32), wanted)


@pytest.mark.parametrize("grid", [(7,), (3, 4), (2, 3, 5)])
@pytest.mark.parametrize("block", [(1,), (40,), (8, 5), (4, 3, 2)])
def test_every_thread_knows_where_it_is(run, grid, block):
    blocks, size = int(np.prod(grid)), int(np.prod(block))
    out = to_device(np.zeros(blocks * size, np.int32))
    run("geometry", grid, block, out)
    wanted = np.arange(blocks)[:, None] * 1000 + np.arange(size)
    np.testing.assert_array_equal(to_host(out, blocks * size, np.int32), wanted.ravel())


@pytest.mark.parametrize("block", [32, 64, 256, 1024])
def test_barriers_and_dynamic_shared_memory(run, block):
    x = np.arange(37 * block, dtype=np.float32).reshape(37, block) % 16
    px, sums = to_device(x), to_device(np.zeros(37, np.float32))
    run("block_sums", (37,), (block,), px, sums, shared=4 * block)
    np.testing.assert_array_equal(to_host(sums, 37, np.float32), x.sum(1))


def test_variables(run, module):
    out = to_device(np.zeros(4, np.float32))
    run("variables", (50,), (4,), out)
    np.testing.assert_array_equal(
        to_host(out, 4, np.float32), np.array([2.5, 25, 250, 2500], np.float32)
    )
    code, counter, size = host.cuModuleGetGlobal(module, b"counter")
    assert (code, size) == (CUresult.CUDA_SUCCESS, 4)
    assert to_host(ctypes.c_void_p(counter), 1, np.int32) == [200]
    code, where, size = host.cuModuleGetGlobal(module, b"where")
    assert (code, size) == (CUresult.CUDA_SUCCESS, 8)
    assert to_host(ctypes.c_void_p(where), 1, np.int64) == [0]


def test_a_kernel_without_parameters(run):
    run("nothing", (100,), (32,))


def test_functions_of_a_real_module(module):
    def ask(name: str, function: int) -> int:
        attribute = getattr(CUfunction_attribute, f"CU_FUNC_ATTRIBUTE_{name}")
        return value(host.cuFuncGetAttribute(attribute, function))

    axpy = value(host.cuModuleGetFunction(module, b"axpy"))
    narrow = value(host.cuModuleGetFunction(module, b"narrow"))
    assert ask("MAX_THREADS_PER_BLOCK", axpy) == 1024
    assert ask("MAX_THREADS_PER_BLOCK", narrow) == 64
    assert ask("CONST_SIZE_BYTES", axpy) == 16
    infos = [host.cuFuncGetParamInfo(axpy, index) for index in range(4)]
    ok = CUresult.CUDA_SUCCESS
    assert infos == [(ok, 0, 4), (ok, 8, 8), (ok, 16, 8), (ok, 24, 8)]
    out = CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES
    assert host.cuLaunchKernel(narrow, 1, 1, 1, 65, 1, 1, 0, 0, 1, 0) == (out,)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (b"fma.rn.f32", b"frobnicate.f32", "frobnicate"),
        (b"fma.rn.f32", b"fma.rn.f33", "f33"),
    ],
)
def test_ptx_with_an_error_names_it(device, ptx, old, new, words):
    assert old in ptx
    assert host.cuModuleLoadData(ptx.replace(old, new)) == (CUresult.CUDA_ERROR_INVALID_PTX, None)
    detail = host.last_error_detail()
    assert words in detail and "axpy" in detail and "line" in detail
