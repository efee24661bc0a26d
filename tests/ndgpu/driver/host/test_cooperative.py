"""Cooperative launches: blocks at the same time, what is refused, and blocks that fail."""

import ctypes

import pytest
from cuda.bindings.driver import CUdevice_attribute, CUresult

from ndgpu.compile import compile_source
from ndgpu.driver import host

from .conftest import value

_SOURCE = r"""
#include <cooperative_groups.h>
extern "C" __global__ void fails(int which) {
  if (blockIdx.x == which && threadIdx.x == 3) __trap();
  cooperative_groups::this_grid().sync();
}
extern "C" __global__ void __launch_bounds__(64) meet(int* counter, int* seen) {
  if (threadIdx.x == 0) atomicAdd(counter, 1);
  cooperative_groups::this_grid().sync();
  if (threadIdx.x == 0) seen[blockIdx.x] = *counter;
}
"""


@pytest.fixture(scope="module")
def image() -> bytes:
    return compile_source(_SOURCE, (), "compute_80").data


@pytest.fixture
def kernel(device, image):
    module = value(host.cuModuleLoadData(image))
    return lambda name: value(host.cuModuleGetFunction(module, name))


def _launch(function, grid, block, *arguments, stream=0):
    table = (ctypes.c_void_p * len(arguments))(*map(ctypes.addressof, arguments))
    return host.cuLaunchCooperativeKernel(
        function, *grid, *block, 0, stream, ctypes.addressof(table)
    )


def test_the_device_says_that_it_launches_cooperatively(device):
    attribute = CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH
    assert value(host.cuDeviceGetAttribute(attribute, 0)) == 1


@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 3, 2)])
def test_all_blocks_have_come_when_one_goes_on(kernel, grid):
    blocks = grid[0] * grid[1] * grid[2]
    memory = value(host.cuMemAlloc(4 * (blocks + 1)))
    host.cuMemsetD32Async(memory, 0, blocks + 1, 0)
    where = (ctypes.c_uint64(memory), ctypes.c_uint64(memory + 4))
    assert _launch(kernel(b"meet"), grid, (40, 1, 1), *where) == (CUresult.CUDA_SUCCESS,)
    out = (ctypes.c_int32 * (blocks + 1))()
    assert host.cuMemcpyDtoH(ctypes.addressof(out), memory, ctypes.sizeof(out))[0] == 0
    assert out[0] == blocks
    assert out[1 : grid[0] + 1] == [blocks] * grid[0]


def test_a_block_that_fails_ends_those_that_wait_for_it(kernel):
    assert _launch(kernel(b"fails"), (6, 1, 1), (32, 1, 1), ctypes.c_int32(4))[0] == 0
    assert host.cuCtxSynchronize() == (CUresult.CUDA_ERROR_LAUNCH_FAILED,)


def test_an_ordinary_launch_cannot_synchronize_a_grid(kernel):
    argument = ctypes.c_int32(99)
    table = (ctypes.c_void_p * 1)(ctypes.addressof(argument))
    function = kernel(b"fails")
    host.cuLaunchKernel(function, 2, 1, 1, 32, 1, 1, 0, 0, ctypes.addressof(table), 0)
    assert host.cuCtxSynchronize() == (CUresult.CUDA_ERROR_LAUNCH_FAILED,)


def test_what_is_refused(kernel):
    meet, pointer = kernel(b"meet"), ctypes.c_uint64(0)
    most = value(host.cuOccupancyMaxActiveBlocksPerMultiprocessor(meet, 64, 0))
    count = CUdevice_attribute.CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT
    most *= value(host.cuDeviceGetAttribute(count, 0))
    too_large = (CUresult.CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE,)
    assert _launch(meet, (most + 1, 1, 1), (64, 1, 1), pointer, pointer) == too_large
    detail = f"with {most + 1} blocks, and {most} of 64 threads can run at the same time"
    assert detail in host.last_error_detail()
    resources = (CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,)
    assert _launch(meet, (1, 1, 1), (65, 1, 1), pointer, pointer) == resources
    handle = (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    assert _launch(meet, (1, 1, 1), (64, 1, 1), pointer, pointer, stream=12345) == handle
    assert _launch(77, (1, 1, 1), (64, 1, 1), pointer, pointer) == handle
