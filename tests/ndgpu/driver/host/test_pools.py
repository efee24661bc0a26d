"""Memory pools of the host device."""

import pytest
from cuda.bindings.driver import (
    CUmemAllocationType,
    CUmemLocationType,
    CUmemPool_attribute,
    CUmemPoolProps,
    CUresult,
)

from ndgpu.driver import host

from .conftest import read, value

OK = (CUresult.CUDA_SUCCESS,)
INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
ATTRIBUTE = CUmemPool_attribute


def properties(ordinal, limit=0):
    given = CUmemPoolProps()
    given.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    given.location.type = CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    given.location.id = ordinal
    given.maxSize = limit
    return given


@pytest.fixture
def pool(device):
    return value(host.cuMemPoolCreate(properties(device.ordinal)))


def ask(pool, name):
    return value(host.cuMemPoolGetAttribute(pool, getattr(ATTRIBUTE, f"CU_MEMPOOL_ATTR_{name}")))


def counts(pool):
    return ask(pool, "USED_MEM_CURRENT"), ask(pool, "RESERVED_MEM_CURRENT")


def test_memory_is_kept_up_to_the_threshold(device, pool):
    threshold = ATTRIBUTE.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
    assert value(host.cuMemPoolGetAttribute(pool, threshold)) == 0
    first = value(host.cuMemAllocFromPoolAsync(1000, pool, 0))
    assert counts(pool) == (1000, 1000)
    host.cuMemFreeAsync(first, 0)
    host.cuStreamSynchronize(0)
    assert (counts(pool), device.used) == ((0, 0), 0)
    assert host.cuMemPoolSetAttribute(pool, threshold, 1 << 20) == OK
    first = value(host.cuMemAllocFromPoolAsync(1000, pool, 0))
    host.cuMemsetD8Async(first, 1, 1000, 0)
    host.cuMemFreeAsync(first, 0)
    host.cuStreamSynchronize(0)
    assert (counts(pool), device.used) == ((0, 1000), 1000)
    assert host.cuMemFreeAsync(first, 0) == (INVALID,)
    assert host.cuMemsetD8Async(first, 1, 1000, 0) == (INVALID,)
    again = value(host.cuMemAllocFromPoolAsync(1000, pool, 0))
    assert again == first
    assert read(again, 1000) == b"\xff" * 1000  # what is new looks new
    host.cuMemFreeAsync(again, 0)
    host.cuStreamSynchronize(0)
    assert host.cuMemPoolTrimTo(pool, 0) == OK
    assert (counts(pool), device.used) == ((0, 0), 0)
    assert (ask(pool, "USED_MEM_HIGH"), ask(pool, "RESERVED_MEM_HIGH")) == (1000, 1000)
    assert host.cuMemPoolSetAttribute(pool, ATTRIBUTE.CU_MEMPOOL_ATTR_USED_MEM_HIGH, 0) == OK
    assert ask(pool, "USED_MEM_HIGH") == 0


def test_the_limit_of_a_pool(device):
    pool = value(host.cuMemPoolCreate(properties(device.ordinal, 4096)))
    threshold = ATTRIBUTE.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
    host.cuMemPoolSetAttribute(pool, threshold, 1 << 20)
    kept = value(host.cuMemAllocFromPoolAsync(3000, pool, 0))
    refused = host.cuMemAllocFromPoolAsync(2000, pool, 0)
    assert refused == (CUresult.CUDA_ERROR_OUT_OF_MEMORY, None)
    assert "may hold 4096 bytes" in host.last_error_detail()
    host.cuMemFreeAsync(kept, 0)
    host.cuStreamSynchronize(0)
    value(host.cuMemAllocFromPoolAsync(2000, pool, 0))  # what was kept makes room


def test_the_pool_that_asynchronous_allocation_uses(device, pool):
    default = value(host.cuDeviceGetDefaultMemPool(device.ordinal))
    assert value(host.cuDeviceGetMemPool(device.ordinal)) == default
    assert host.cuDeviceSetMemPool(device.ordinal, pool) == OK
    assert value(host.cuDeviceGetMemPool(device.ordinal)) == pool
    pointer = value(host.cuMemAllocAsync(64, 0))
    assert (counts(pool), counts(default)) == ((64, 64), (0, 0))
    assert host.cuMemPoolDestroy(pool) == OK  # what is allocated stays
    assert value(host.cuDeviceGetMemPool(device.ordinal)) == default
    assert host.cuMemsetD8(pointer, 1, 64) == OK
    assert host.cuMemFreeAsync(pointer, 0) == OK
    host.cuStreamSynchronize(0)
    assert device.used == 0
    assert host.cuMemPoolDestroy(default) == (INVALID,)


def test_rules_of_reuse(pool):
    rule = ATTRIBUTE.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC
    assert value(host.cuMemPoolGetAttribute(pool, rule)) == 1
    assert host.cuMemPoolSetAttribute(pool, rule, 0) == OK
    assert value(host.cuMemPoolGetAttribute(pool, rule)) == 0


def test_what_is_refused(device, pool):
    used = ATTRIBUTE.CU_MEMPOOL_ATTR_USED_MEM_CURRENT
    assert host.cuMemPoolSetAttribute(pool, used, 5) == (INVALID,)
    assert host.cuMemPoolGetAttribute(pool, 77) == (INVALID, None)
    for call in (
        host.cuMemPoolDestroy,
        lambda p: host.cuMemPoolTrimTo(p, 0),
        lambda p: host.cuMemPoolGetAttribute(p, used),
        lambda p: host.cuMemPoolSetAttribute(p, used, 0),
        lambda p: host.cuMemAllocFromPoolAsync(8, p, 0),
        lambda p: host.cuDeviceSetMemPool(device.ordinal, p),
    ):
        assert call(0xBAD)[0] == INVALID
    bad = CUresult.CUDA_ERROR_INVALID_DEVICE
    assert host.cuDeviceGetDefaultMemPool(99) == (bad, None)
    assert host.cuDeviceGetMemPool(99) == (bad, None)
    assert host.cuDeviceSetMemPool(99, pool) == (bad,)
    assert host.cuMemPoolCreate(properties(99)) == (bad, None)
    assert host.cuMemPoolCreate(CUmemPoolProps()) == (INVALID, None)
    nowhere = CUmemPoolProps()
    nowhere.allocType = CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    assert host.cuMemPoolCreate(nowhere) == (INVALID, None)
