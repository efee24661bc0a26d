"""Devices, streams, events and memory: the driver with Python's manners.

Objects free what they hold, errors are exceptions that say what was wanted, and
nothing touches the driver before it is needed.  Threads may share all of it;
each has its own current device and current streams.  A forked child may not use
the devices of its parent, and is told so (`ndgpu.runtime.context`).
"""

from ndgpu.runtime.allocator import (
    alloc,
    alloc_pinned_memory,
    get_allocator,
    get_default_memory_pool,
    get_default_pinned_memory_pool,
    set_allocator,
    set_pinned_memory_allocator,
    using_allocator,
)
from ndgpu.runtime.async_memory import MemoryAsync, MemoryAsyncPool, malloc_async
from ndgpu.runtime.context import current_device_id, device_count
from ndgpu.runtime.device import Device, check_placement, is_available
from ndgpu.runtime.errors import CUDADriverError, OutOfMemoryError, check
from ndgpu.runtime.event import Event, get_elapsed_time
from ndgpu.runtime.graph import Graph
from ndgpu.runtime.hooks import MemoryHook
from ndgpu.runtime.memory import (
    BaseMemory,
    ManagedMemory,
    Memory,
    MemoryPointer,
    UnownedMemory,
    malloc,
    malloc_managed,
)
from ndgpu.runtime.pinned import PinnedMemory, PinnedMemoryPointer, PinnedMemoryPool
from ndgpu.runtime.pinned_arrays import (
    empty_like_pinned,
    empty_pinned,
    zeros_like_pinned,
    zeros_pinned,
)
from ndgpu.runtime.pool import MemoryPool, PooledMemory
from ndgpu.runtime.stream import ExternalStream, Stream, get_current_stream
from ndgpu.runtime.synchronization import (
    SynchronizationError,
    SynchronizationWarning,
    detect_synchronization,
)
from ndgpu.runtime.user_allocators import CFunctionAllocator, PythonFunctionAllocator

__all__ = [
    "BaseMemory",
    "CFunctionAllocator",
    "CUDADriverError",
    "Device",
    "Event",
    "ExternalStream",
    "Graph",
    "ManagedMemory",
    "Memory",
    "MemoryAsync",
    "MemoryAsyncPool",
    "MemoryHook",
    "MemoryPointer",
    "MemoryPool",
    "OutOfMemoryError",
    "PinnedMemory",
    "PinnedMemoryPointer",
    "PinnedMemoryPool",
    "PooledMemory",
    "PythonFunctionAllocator",
    "Stream",
    "SynchronizationError",
    "SynchronizationWarning",
    "UnownedMemory",
    "alloc",
    "alloc_pinned_memory",
    "check",
    "check_placement",
    "current_device_id",
    "detect_synchronization",
    "device_count",
    "empty_like_pinned",
    "empty_pinned",
    "get_allocator",
    "get_current_stream",
    "get_default_memory_pool",
    "get_default_pinned_memory_pool",
    "get_elapsed_time",
    "is_available",
    "malloc",
    "malloc_async",
    "malloc_managed",
    "set_allocator",
    "set_pinned_memory_allocator",
    "using_allocator",
    "zeros_like_pinned",
    "zeros_pinned",
]
