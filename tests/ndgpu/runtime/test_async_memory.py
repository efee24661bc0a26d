"""Memory in the order of a stream, from the driver's pools."""

from __future__ import annotations

import pytest

import ndgpu as xp
import ndgpu.runtime as rt
from ndgpu import driver


def test_arrays_in_stream_order() -> None:
    pool = rt.MemoryAsyncPool("current")
    used = pool.used_bytes()
    with rt.using_allocator(rt.malloc_async):
        x = xp.arange(1000)
        y = x * 2
        del x
        assert int(y.sum()) == 999_000
        assert isinstance(y.data.mem, rt.MemoryAsync)
        assert pool.used_bytes() == used + 8000
    del y
    rt.Device().synchronize()
    assert pool.used_bytes() == used


def test_memory_is_freed_in_the_stream_that_it_was_allocated_in() -> None:
    stream = rt.Stream(non_blocking=True)
    with stream:
        memory = rt.MemoryAsync(100)
    handle = stream.ptr
    del stream
    assert memory._stream.ptr == handle  # it is there until the memory is freed
    other = rt.MemoryAsync(100, stream=rt.Stream())
    assert other.size == 100
    assert rt.MemoryAsync(0).ptr == 0


def test_a_pool_of_its_own() -> None:
    pool = rt.MemoryAsyncPool("create")
    assert (pool.used_bytes(), pool.total_bytes(), pool.get_limit()) == (0, 0, 0)
    pointer = pool.malloc(1000)
    assert pool.used_bytes() == 1000
    address = pointer.ptr
    del pointer
    rt.Device().synchronize()
    assert pool.used_bytes() == 0
    assert pool.free_bytes() == pool.total_bytes() == pool.peak_bytes() >= 1000
    pointer = pool.malloc(1000)
    assert pointer.ptr == address
    del pointer
    pool.free_all_blocks()
    assert pool.total_bytes() == 0
    with pytest.raises(NotImplementedError, match="free_bytes"):
        pool.n_free_blocks()


def test_each_device_has_its_pool() -> None:
    pool = rt.MemoryAsyncPool(["create", "default"])
    with rt.Device(1):
        kept = pool.malloc(4096)
        assert kept.device_id == 1
        assert pool.used_bytes() >= 4096
        handle = driver.cuDeviceGetDefaultMemPool(1)[1]
        attribute = driver.CUmemPool_attribute.CU_MEMPOOL_ATTR_USED_MEM_CURRENT
        assert driver.cuMemPoolGetAttribute(handle, attribute)[1] == pool.used_bytes()
    assert pool.used_bytes() == 0
    with rt.Device(1):
        del kept
        pool.free_all_blocks(rt.Stream.null)


def test_the_limit() -> None:
    pool = rt.MemoryAsyncPool("create")
    pool.set_limit(size=5000)
    kept = pool.malloc(3000)
    with pytest.raises(rt.OutOfMemoryError) as caught:
        pool.malloc(3000)
    assert (caught.value.used, caught.value.limit) == (3000, 5000)
    pool.set_limit(fraction=0)
    assert pool.malloc(3000).mem.size == 3000
    del kept
    with pytest.raises(rt.OutOfMemoryError):
        pool.malloc(1 << 60)
    with pytest.raises(ValueError, match="set_limit"):
        pool.set_limit()


@pytest.mark.parametrize("given", ["new", ["create"], ["create", "none"]])
def test_pools_that_there_are_not(given: object) -> None:
    with pytest.raises(ValueError, match="MemoryAsyncPool"):
        rt.MemoryAsyncPool(given)  # type: ignore[arg-type]
