"""ndgpu.cuda: the names that programs import from there."""

from __future__ import annotations

import pytest

import ndgpu
from ndgpu import cuda

# As CuPy's manual has them: the reference of devices, memory, streams, profiling.
NAMES = """
Device Stream ExternalStream Event Graph get_current_stream get_elapsed_time
Memory MemoryAsync UnownedMemory PinnedMemory MemoryPointer PinnedMemoryPointer
malloc_managed malloc_async alloc alloc_pinned_memory get_allocator set_allocator
set_pinned_memory_allocator using_allocator MemoryPool MemoryAsyncPool PinnedMemoryPool
PythonFunctionAllocator CFunctionAllocator MemoryHook
memory_hooks.DebugPrintHook memory_hooks.LineProfileHook
profiler.start profiler.stop profiler.profile
nvtx.Mark nvtx.MarkC nvtx.RangePush nvtx.RangePushC nvtx.RangePop
runtime.getDeviceCount runtime.CUDARuntimeError
get_device_id get_cuda_path get_local_runtime_version is_available
memory.OutOfMemoryError stream.get_current_stream device.Device pinned_memory.PinnedMemory
Stream.null Stream.ptds Stream.use Stream.record Stream.wait_event Stream.synchronize Stream.done
Stream.add_callback Stream.launch_host_func Stream.begin_capture Stream.end_capture
Stream.is_capturing Stream.priority
Event.record Event.synchronize Event.done Graph.launch Graph.upload
Device.use Device.synchronize Device.attributes Device.mem_info Device.compute_capability
Device.pci_bus_id Device.from_pci_bus_id
MemoryPool.malloc MemoryPool.free_all_blocks MemoryPool.n_free_blocks MemoryPool.used_bytes
MemoryPool.free_bytes MemoryPool.total_bytes MemoryPool.set_limit MemoryPool.get_limit
"""


@pytest.mark.parametrize("name", NAMES.split())
def test_a_name_is_there(name):
    found = cuda
    for part in name.split("."):
        found = getattr(found, part)
    assert found is not None


def test_what_is_announced_is_there():
    for name in cuda.__all__:
        assert hasattr(cuda, name)
    assert sorted(cuda.__all__) == cuda.__all__


def test_pinned_arrays_and_pools_are_at_the_top_too():
    for name in ("empty_pinned", "zeros_pinned", "empty_like_pinned", "zeros_like_pinned"):
        assert getattr(ndgpu, name) is getattr(cuda, name)
    assert ndgpu.get_default_memory_pool() is cuda.get_default_memory_pool()


def test_the_folder_of_a_toolkit(monkeypatch):
    monkeypatch.delenv("CUDA_PATH", raising=False)
    monkeypatch.delenv("CUDA_HOME", raising=False)
    assert cuda.get_cuda_path() is None
    monkeypatch.setenv("CUDA_HOME", "/opt/cuda")
    assert cuda.get_cuda_path() == "/opt/cuda"
