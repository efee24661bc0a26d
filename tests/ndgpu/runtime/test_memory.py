"""Memory and pointers: copies in every direction, ownership, pinned memory."""

from __future__ import annotations

import ctypes
import gc

import numpy as np
import pytest

import ndgpu.runtime as rt


def filled(values: np.ndarray) -> rt.MemoryPointer:
    pointer = rt.alloc(values.nbytes)
    pointer.copy_from_host(values.ctypes.data, values.nbytes)
    return pointer


def read(pointer: rt.MemoryPointer, nbytes: int) -> np.ndarray:
    host = np.zeros(nbytes, np.uint8)
    pointer.copy_to_host(host.ctypes.data, nbytes)
    return host


DATA = np.arange(200, dtype=np.uint8)


def test_there_and_back() -> None:
    pointer = filled(DATA)
    assert (read(pointer, 200) == DATA).all()
    assert (read(pointer + 150, 50) == DATA[150:]).all()
    assert (read(100 + pointer - 50, 100) == DATA[50:150]).all()


def test_a_ctypes_address() -> None:
    pointer = rt.alloc(200)
    pointer.copy_from(ctypes.c_void_p(DATA.ctypes.data), 200)
    pointer.copy_from_async(DATA.ctypes.data, 200, rt.Stream.null)
    assert (read(pointer, 200) == DATA).all()


def test_between_pointers() -> None:
    source, target = filled(DATA), rt.alloc(200)
    target.copy_from(source, 100)
    target.copy_from_async(source + 100, 0)
    (target + 100).copy_from_async(source + 100, 100, rt.Stream.null)
    assert (read(target, 200) == DATA).all()


def test_between_devices() -> None:
    source = filled(DATA)
    with rt.Device(1):
        target = rt.alloc(200)
        target.copy_from(source, 200)
        assert (read(target, 200) == DATA).all()
    back = rt.alloc(200)
    back.copy_from_device(target, 200)
    assert (read(back, 200) == DATA).all()
    assert (source.device_id, target.device_id) == (0, 1)


def test_memset() -> None:
    pointer = filled(DATA)
    (pointer + 10).memset(255, 20)
    expected = DATA.copy()
    expected[10:30] = 255
    assert (read(pointer, 200) == expected).all()


def test_a_copy_outside_is_refused() -> None:
    pointer = rt.malloc(100)
    with pytest.raises(rt.CUDADriverError, match=r"^cuMemcpyDtoHAsync: CUDA_ERROR_INVALID_VALUE"):
        read(pointer, 200)


def test_memory_is_freed_with_its_last_pointer() -> None:
    gc.collect()
    before = rt.Device().mem_info[0]
    pointer = rt.malloc(1 << 20)
    inner = pointer + 100
    del pointer
    assert rt.Device().mem_info[0] <= before - (1 << 20)
    del inner
    assert rt.Device().mem_info[0] == before


def test_memory_of_another_device_is_freed_there() -> None:
    with rt.Device(1):
        before = rt.Device().mem_info[0]
        pointer = rt.malloc(1 << 20)
    del pointer
    assert rt.Device(1).mem_info[0] == before


def test_unowned_memory_keeps_its_owner() -> None:
    owner = filled(DATA)
    address = owner.ptr
    memory = rt.UnownedMemory(address, 200, owner)
    assert (memory.device_id, memory.size, int(memory)) == (0, 200, address)
    del owner
    assert (read(rt.MemoryPointer(memory, 5), 10) == DATA[5:15]).all()
    with pytest.raises(rt.CUDADriverError, match=r"^cuPointerGetAttribute: CUDA_ERROR"):
        rt.UnownedMemory(8, 1, None)


def test_unowned_memory_asks_for_the_device() -> None:
    with rt.Device(1):
        owner = rt.malloc(10)
    assert rt.UnownedMemory(owner.ptr, 10, owner).device == rt.Device(1)


@pytest.mark.parametrize("kind", [rt.Memory, rt.ManagedMemory, rt.PinnedMemory])
def test_sizes_are_checked(kind: type) -> None:
    assert kind(0).ptr == 0
    with pytest.raises(ValueError, match="cannot have -1 bytes"):
        kind(-1)
    with pytest.raises(TypeError):
        kind(2.5)


def test_managed_memory_is_read_by_the_host() -> None:
    pointer = rt.malloc_managed(16)
    pointer.memset(5, 16)
    rt.Device().synchronize()
    assert ctypes.string_at(pointer.ptr, 16) == b"\5" * 16


def test_pinned_memory_is_an_array() -> None:
    pointer = rt.alloc_pinned_memory(800)
    assert isinstance(pointer, rt.PinnedMemoryPointer)
    array = np.frombuffer(pointer, np.float64, 100)
    assert array.ctypes.data == pointer.ptr
    array[:] = np.arange(100)
    device = rt.alloc(800)
    device.copy_from_host_async(pointer.ptr, 800)
    array = np.frombuffer(pointer + 8, np.float64, 99)
    device.copy_to_host((pointer + 8).ptr, 8)
    assert array[:2].tolist() == [0, 2]
    assert (pointer + 8 - 8).ptr == pointer.ptr
    with pytest.raises(ValueError, match="outside"):
        pointer + 5000


def test_an_array_keeps_pinned_memory() -> None:
    pool = rt.PinnedMemoryPool()
    array = np.frombuffer(pool.malloc(100), np.uint8, 100)
    gc.collect()
    assert pool.n_free_blocks() == 0
    array[:] = 1
    del array
    assert pool.n_free_blocks() == 1


def test_pinned_memory_is_reused_for_like_sizes() -> None:
    pool = rt.PinnedMemoryPool()
    pointer = pool.malloc(100_000)
    address = pointer.ptr
    del pointer
    assert pool.malloc(99_000).ptr == address
    assert pool.malloc(0).ptr == 0
    with pytest.raises(ValueError, match="-5 bytes"):
        pool.malloc(-5)


@pytest.mark.parametrize("size", [1, 512, 513, 4096, 4097, 100_000, 1 << 20, (1 << 20) + 1, 10**9])
def test_pinned_sizes_lose_little(size: int) -> None:
    from ndgpu.runtime.pinned import _class_of

    rounded = _class_of(size)
    assert size <= rounded <= max(size * 1.25, (size + 511) // 512 * 512)
    assert _class_of(rounded) == rounded


def test_pinned_memory_runs_out_until_unused_is_given_back() -> None:
    room = 2

    class Piece(rt.PinnedMemory):
        def __del__(self) -> None:
            nonlocal room
            room += 1
            super().__del__()

    def allocator(size: int) -> rt.PinnedMemoryPointer:
        nonlocal room
        if room == 0:
            raise rt.CUDADriverError(2, "cuMemHostAlloc")
        room -= 1
        return rt.PinnedMemoryPointer(Piece(size))

    pool = rt.PinnedMemoryPool(allocator)
    unused, kept = pool.malloc(1000), [pool.malloc(2000)]
    del unused
    kept.append(pool.malloc(5000))
    assert pool.n_free_blocks() == 0
    with pytest.raises(rt.CUDADriverError, match="cuMemHostAlloc"):
        pool.malloc(5000)
    assert [pointer.size() for pointer in kept] == [2048, 5120]


def test_the_pinned_allocator_can_be_changed() -> None:
    pool = rt.PinnedMemoryPool()
    rt.set_pinned_memory_allocator(pool.malloc)
    try:
        rt.alloc_pinned_memory(10)
        assert pool.n_free_blocks() == 1
        rt.set_pinned_memory_allocator(None)
        assert isinstance(rt.alloc_pinned_memory(10).mem, rt.PinnedMemory)
    finally:
        rt.set_pinned_memory_allocator(rt.get_default_pinned_memory_pool().malloc)
    with pytest.raises(TypeError, match="got str 'x'"):
        rt.set_pinned_memory_allocator("x")  # type: ignore[arg-type]


def test_managed_memory_is_moved_and_advised_on() -> None:
    memory = rt.ManagedMemory(1000)
    memory.prefetch()
    memory.prefetch(rt.Stream(), device=1)
    memory.prefetch(device=-1)
    memory.advise(1, 0)
    memory.advise(3, rt.Device(1))
    with pytest.raises(rt.CUDADriverError, match="no host device 7"):
        memory.prefetch(device=7)
    with pytest.raises(ValueError, match="9"):
        memory.advise(9, 0)
    plain = rt.UnownedMemory(rt.Memory(64).ptr, 64, None, 0)
    with pytest.raises(rt.CUDADriverError, match="not within managed memory"):
        rt.ManagedMemory.prefetch(plain)  # type: ignore[arg-type]
