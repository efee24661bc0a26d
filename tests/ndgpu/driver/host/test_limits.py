"""Limits of a context: the heap and the stack of kernels, and those that change nothing."""

import ctypes

import numpy as np
import pytest
from cuda.bindings.driver import CUlimit, CUresult
from tests.ptx import compile_ptx

from ndgpu.driver import host

from .conftest import read, value

STACK = CUlimit.CU_LIMIT_STACK_SIZE
HEAP = CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE
INVALID = CUresult.CUDA_ERROR_INVALID_VALUE

_SOURCE = """
struct Node { int value; Node* next; };
extern "C" __global__ void take(unsigned long long* out, unsigned long long bytes) {
    out[threadIdx.x] = (unsigned long long)malloc(bytes);
}
extern "C" __global__ void give(unsigned long long* out) { free((void*)out[threadIdx.x]); }
extern "C" __global__ void lists(int* out, int n) {
    Node* first = nullptr;
    for (int i = 0; i < n; i++) first = new Node{i * (int)threadIdx.x, first};
    int sum = 0;
    while (first) {
        Node* next = first->next;
        sum += first->value;
        delete first;
        first = next;
    }
    out[blockIdx.x * blockDim.x + threadIdx.x] = sum;
}
__device__ __noinline__ int depth(int n, int* x) {
    int here[16];
    for (int i = 0; i < 16; i++) here[i] = n + x[i & 3];
    return n ? depth(n - 1, here) + here[n & 15] : here[1];
}
extern "C" __global__ void recurse(int* out, int n) { out[threadIdx.x] = depth(n, out); }
"""


class Lab:
    def __init__(self) -> None:
        self.module = value(host.cuModuleLoadData(compile_ptx(_SOURCE).encode() + b"\0"))

    def run(self, name, grid, block, *args) -> int:
        function = value(host.cuModuleGetFunction(self.module, name.encode()))
        boxes = [a if isinstance(a, ctypes._SimpleCData) else ctypes.c_uint64(a) for a in args]
        table = (ctypes.c_void_p * len(boxes))(*map(ctypes.addressof, boxes))
        code = host.cuLaunchKernel(
            function, grid, 1, 1, block, 1, 1, 0, 0, ctypes.addressof(table), 0
        )[0]
        return int(code or host.cuCtxSynchronize()[0])


@pytest.fixture
def lab(device) -> Lab:
    return Lab()


def test_the_heap_gives_no_more_than_its_limit(lab):
    assert value(host.cuCtxGetLimit(HEAP)) == 8 << 20
    assert host.cuCtxSetLimit(HEAP, 1 << 20)[0] == 0
    assert value(host.cuCtxGetLimit(HEAP)) == 1 << 20
    out = value(host.cuMemAlloc(8 * 64))
    assert lab.run("take", 1, 64, out, 100_000) == 0
    given = np.frombuffer(read(out, 512), np.uint64)
    assert (given != 0).sum() == 10 and (given % 16 == 0).all()
    assert lab.run("give", 1, 64, out) == 0
    assert lab.run("take", 1, 64, out, 10_000) == 0  # there is room again
    assert (np.frombuffer(read(out, 512), np.uint64) != 0).all()
    assert lab.run("give", 1, 64, out) == 0
    code, *_ = host.cuCtxSetLimit(HEAP, 2 << 20)
    assert code == INVALID and "allocated from the heap already" in host.last_error_detail()


def test_a_request_that_no_memory_could_meet_gives_a_null_pointer(lab):
    out = value(host.cuMemAlloc(8 * 32))
    for size in ((1 << 64) - 1, 1 << 63, (8 << 20) + 1):
        assert lab.run("take", 1, 32, out, size) == 0
        assert not np.frombuffer(read(out, 256), np.uint64).any()


def test_objects_made_and_deleted_in_kernels(lab):
    out = value(host.cuMemAlloc(4 * 20 * 96))
    for _ in range(3):  # more in all than the heap holds at a time
        assert lab.run("lists", 20, 96, out, ctypes.c_int32(50)) == 0
        got = np.frombuffer(read(out, 4 * 20 * 96), np.int32).reshape(20, 96)
        np.testing.assert_array_equal(got, np.broadcast_to(np.arange(96) * 1225, (20, 96)))


@pytest.mark.parametrize("again", [False, True], ids=["before the module", "after"])
def test_the_stack_is_as_deep_as_was_asked_for(device, again):
    out = value(host.cuMemAlloc(4 * 64))
    if not again:
        assert host.cuCtxSetLimit(STACK, 64 << 10)[0] == 0
    lab = Lab()
    if again:
        assert lab.run("recurse", 1, 32, out, ctypes.c_int32(50)) == 0
        assert host.cuCtxSetLimit(STACK, 64 << 10)[0] == 0
    assert value(host.cuCtxGetLimit(STACK)) == 64 << 10
    assert lab.run("recurse", 1, 32, out, ctypes.c_int32(300)) == 0
    assert host.cuCtxSetLimit(STACK, 2048)[0] == 0
    assert lab.run("recurse", 1, 32, out, ctypes.c_int32(5)) == 0
    assert lab.run("recurse", 1, 32, out, ctypes.c_int32(100)) == 714


def test_other_limits_are_kept(device):
    for limit, default in (
        (CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE, 1 << 20),
        (CUlimit.CU_LIMIT_MAX_L2_FETCH_GRANULARITY, 64),
    ):
        assert value(host.cuCtxGetLimit(limit)) == default
        assert host.cuCtxSetLimit(limit, 128)[0] == 0
        assert value(host.cuCtxGetLimit(limit)) == 128
    host.cuDevicePrimaryCtxReset(device.ordinal)
    host.cuDevicePrimaryCtxRetain(device.ordinal)
    assert value(host.cuCtxGetLimit(CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE)) == 1 << 20


def test_limits_that_there_are_not(device):
    unknown = CUlimit.CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH
    assert host.cuCtxGetLimit(unknown)[0] == CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT
    assert host.cuCtxSetLimit(unknown, 3)[0] == CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT
    assert host.cuCtxSetLimit(STACK, 1 << 30)[0] == INVALID
    assert host.cuCtxSetLimit(HEAP, -1)[0] == INVALID
