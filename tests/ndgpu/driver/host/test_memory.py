"""Allocation, limits, frees, and questions about pointers."""

import itertools

import numpy as np
import pytest
from cuda.bindings.driver import CUmemorytype, CUpointer_attribute, CUresult

from ndgpu.driver import host

from .conftest import MEMORY, read, value

OK = (CUresult.CUDA_SUCCESS,)
INVALID = CUresult.CUDA_ERROR_INVALID_VALUE


def ask(name: str, pointer: int):
    return host.cuPointerGetAttribute(
        getattr(CUpointer_attribute, f"CU_POINTER_ATTRIBUTE_{name}"), pointer
    )


@pytest.mark.parametrize("size", [1, 255, 4096, 100_000, (2 << 20) - 1, 2 << 20, 5_000_001])
def test_fresh_memory_is_aligned_and_poisoned(device, size):
    pointer = value(host.cuMemAlloc(size))
    assert pointer % 256 == 0
    assert read(pointer, size) == b"\xff" * size
    assert np.isnan(np.frombuffer(read(pointer, size // 4 * 4), np.float32)).all()
    assert host.cuMemFree(pointer) == OK


def test_allocations_do_not_overlap(device):
    sizes = [100, 5000, 300, 3 << 20, 1] * 4
    spans = sorted((value(host.cuMemAlloc(size)), size) for size in sizes)
    for (start, size), (following, _) in itertools.pairwise(spans):
        assert start + size <= following


def test_memory_is_counted(device):
    assert host.cuMemGetInfo() == (CUresult.CUDA_SUCCESS, MEMORY, MEMORY)
    small, large = value(host.cuMemAlloc(1000)), value(host.cuMemAllocManaged(4 << 20, 1))
    value(host.cuMemAllocHost(12345))  # pinned memory is the host's, not the device's
    assert host.cuMemGetInfo()[1] == MEMORY - 1000 - (4 << 20)
    host.cuMemFree(small), host.cuMemFree(large)
    assert host.cuMemGetInfo()[1] == MEMORY


def test_past_the_limit(device):
    kept = value(host.cuMemAlloc(MEMORY // 2))
    assert host.cuMemAlloc(MEMORY) == (CUresult.CUDA_ERROR_OUT_OF_MEMORY, None)
    wanted = f"{MEMORY} bytes wanted; {MEMORY // 2} of the {MEMORY} bytes"
    assert wanted in host.last_error_detail()
    assert host.cuMemFree(kept) == OK
    assert host.cuMemFree(value(host.cuMemAlloc(MEMORY))) == OK


def test_more_than_the_machine_has(device):
    device.memory = 1 << 62
    assert host.cuMemAlloc(1 << 60) == (CUresult.CUDA_ERROR_OUT_OF_MEMORY, None)
    assert device.used == 0


@pytest.mark.parametrize("size", [0, -1])
def test_a_size_that_is_not_positive(device, size):
    assert host.cuMemAlloc(size) == (INVALID, None)
    assert host.cuMemAllocHost(size) == (INVALID, None)
    assert host.cuMemAllocAsync(size, 0) == (INVALID, None)


def test_free_of_what_is_not_an_allocation(device):
    pointer = value(host.cuMemAlloc(1000))
    assert host.cuMemFree(pointer + 256) == (INVALID,)
    assert host.cuMemFree(0) == OK
    assert host.cuMemFree(pointer) == OK
    assert host.cuMemFree(pointer) == (INVALID,)
    assert hex(pointer) in host.last_error_detail()


def test_each_kind_has_its_own_free(device):
    pinned, plain = value(host.cuMemHostAlloc(100, 1)), value(host.cuMemAlloc(100))
    assert host.cuMemFree(pinned) == (INVALID,)
    assert host.cuMemFreeHost(plain) == (INVALID,)
    assert host.cuMemFreeHost(pinned) == OK
    assert host.cuMemFree(plain) == OK


def test_flags_that_are_not_known(device):
    assert host.cuMemHostAlloc(100, 64) == (INVALID, None)
    assert host.cuMemAllocManaged(100, 7) == (INVALID, None)


def test_in_stream_order(device):
    stream = value(host.cuStreamCreate(1))
    pointer = value(host.cuMemAllocAsync(1000, stream))
    assert host.cuMemFreeAsync(pointer, stream) == OK
    assert host.cuStreamSynchronize(stream) == OK
    assert host.cuMemFreeAsync(pointer, stream) == (INVALID,)
    assert host.cuMemFreeAsync(0, stream) == OK
    missing = CUresult.CUDA_ERROR_INVALID_HANDLE
    assert host.cuMemAllocAsync(1000, 0xBAD0) == (missing, None)
    assert host.cuMemFreeAsync(pointer, 0xBAD0) == (missing,)


def test_memory_of_a_stream_is_its_devices(device, other):
    host.cuCtxSetCurrent(other.context.handle)
    stream = value(host.cuStreamCreate(0))
    host.cuCtxSetCurrent(device.context.handle)
    pointer = value(host.cuMemAllocAsync(64, stream))
    assert value(ask("DEVICE_ORDINAL", pointer)) == other.ordinal
    assert host.cuMemFree(pointer) == OK  # any device's memory may be freed from any context
    assert other.used == 0


@pytest.mark.parametrize(
    ("allocate", "kind", "managed"),
    [
        (lambda: host.cuMemAlloc(1000), CUmemorytype.CU_MEMORYTYPE_DEVICE, False),
        (lambda: host.cuMemAllocManaged(1000, 1), CUmemorytype.CU_MEMORYTYPE_DEVICE, True),
        (lambda: host.cuMemAllocHost(1000), CUmemorytype.CU_MEMORYTYPE_HOST, False),
    ],
    ids=["device", "managed", "pinned"],
)
def test_questions_about_a_pointer(device, allocate, kind, managed):
    start = value(allocate())
    inside = start + 700
    assert value(ask("MEMORY_TYPE", inside)) == kind
    assert value(ask("IS_MANAGED", inside)) is managed
    assert value(ask("DEVICE_ORDINAL", inside)) == device.ordinal
    assert value(ask("CONTEXT", inside)) == device.context.handle
    assert value(ask("RANGE_START_ADDR", inside)) == start
    assert value(ask("RANGE_SIZE", inside)) == 1000
    assert value(ask("DEVICE_POINTER", inside)) == inside
    assert value(ask("HOST_POINTER", inside)) == inside
    assert value(ask("MAPPED", inside)) is True


def test_ordinals_of_two_devices(device, other):
    mine = value(host.cuMemAlloc(10))
    host.cuCtxSetCurrent(other.context.handle)
    theirs = value(host.cuMemAlloc(10))
    assert value(ask("DEVICE_ORDINAL", mine)) == device.ordinal
    assert value(ask("DEVICE_ORDINAL", theirs)) == other.ordinal
    assert value(ask("BUFFER_ID", mine)) != value(ask("BUFFER_ID", theirs))


def test_pointers_that_are_no_devices(device):
    array = np.zeros(10)
    assert ask("DEVICE_ORDINAL", array.ctypes.data) == (INVALID, None)
    assert ask("DEVICE_ORDINAL", 0) == (INVALID, None)
    pointer = value(host.cuMemAlloc(1000))
    assert ask("DEVICE_ORDINAL", pointer + 1000) == (INVALID, None)
    assert ask("P2P_TOKENS", pointer) == (INVALID, None)
    host.cuMemFree(pointer)
    assert ask("DEVICE_ORDINAL", pointer) == (INVALID, None)
