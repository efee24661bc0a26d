"""Allocators made of functions."""

from __future__ import annotations

import ctypes

import pytest

import ndgpu as xp
from ndgpu import cuda


def test_python_functions() -> None:
    log: list[tuple[str, int, int]] = []

    def malloc(size: int, device_id: int) -> int:
        log.append(("malloc", size, device_id))
        return cuda.runtime.malloc(size)

    def free(address: int, device_id: int) -> None:
        log.append(("free", address, device_id))
        cuda.runtime.free(address)

    allocator = cuda.PythonFunctionAllocator(malloc, free)
    with cuda.using_allocator(allocator.malloc):
        x = xp.arange(10, dtype=xp.int32)
        assert x.get().tolist() == list(range(10))
        address = x.data.ptr
        del x
        with cuda.Device(1):
            assert xp.empty(0).data.ptr == 0
            kept = xp.ones(1)
    assert log == [("malloc", 40, 0), ("free", address, 0), ("malloc", 8, 1)]
    assert kept.device.id == 1
    pool = cuda.MemoryPool(allocator.malloc)  # chunks of a pool come from there as well
    assert pool.malloc(5).mem.size == 512
    assert log[-1] == ("malloc", 2 << 20, 0)
    with pytest.raises(TypeError, match="`free_func` must be callable"):
        cuda.PythonFunctionAllocator(malloc, None)  # type: ignore[arg-type]


def test_c_functions() -> None:
    log: list[tuple[str, int | None, int]] = []
    malloc_type = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    free_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)

    @malloc_type
    def malloc(param: int | None, size: int, device_id: int) -> int:
        log.append(("malloc", param, size))
        return cuda.runtime.malloc(size) if size < 1 << 30 else 0

    @free_type
    def free(param: int | None, address: int, device_id: int) -> None:
        log.append(("free", param, device_id))
        cuda.runtime.free(address)

    first, second = (ctypes.cast(call, ctypes.c_void_p).value for call in (malloc, free))
    allocator = cuda.CFunctionAllocator(77, first, second, owner=(malloc, free))
    pointer = allocator.malloc(64)
    pointer.memset(1, 64)
    del pointer
    assert log == [("malloc", 77, 64), ("free", 77, 0)]
    with pytest.raises(MemoryError, match="no room for 1073741824 bytes"):
        allocator.malloc(1 << 30)
    with pytest.raises(ValueError, match="-1 bytes"):
        allocator.malloc(-1)
