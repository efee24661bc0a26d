"""Devices, streams, events and memory, by the names that CuPy's users know.

Nothing here asks the driver before it is called.

Examples
--------
>>> from ndgpu import cuda
>>> with cuda.Device(0):
...     stream = cuda.Stream()
...     with stream:
...         event = cuda.Event()
...         event.record()
...     stream.synchronize()
"""

from __future__ import annotations

import os

from ndgpu.compile import CompileException as CompileException
from ndgpu.cuda import nvtx as nvtx
from ndgpu.cuda import profiler as profiler
from ndgpu.cuda import runtime as runtime
from ndgpu.cuda.timing import benchmark as benchmark
from ndgpu.cuda.timing import time_range as time_range
from ndgpu.driver import choose as choose
from ndgpu.driver import kind as kind
from ndgpu.runtime import BaseMemory as BaseMemory
from ndgpu.runtime import CFunctionAllocator as CFunctionAllocator
from ndgpu.runtime import CUDADriverError as CUDADriverError
from ndgpu.runtime import Device as Device
from ndgpu.runtime import Event as Event
from ndgpu.runtime import ExternalStream as ExternalStream
from ndgpu.runtime import Graph as Graph
from ndgpu.runtime import ManagedMemory as ManagedMemory
from ndgpu.runtime import Memory as Memory
from ndgpu.runtime import MemoryAsync as MemoryAsync
from ndgpu.runtime import MemoryAsyncPool as MemoryAsyncPool
from ndgpu.runtime import MemoryHook as MemoryHook
from ndgpu.runtime import MemoryPointer as MemoryPointer
from ndgpu.runtime import MemoryPool as MemoryPool
from ndgpu.runtime import OutOfMemoryError as OutOfMemoryError
from ndgpu.runtime import PinnedMemory as PinnedMemory
from ndgpu.runtime import PinnedMemoryPointer as PinnedMemoryPointer
from ndgpu.runtime import PinnedMemoryPool as PinnedMemoryPool
from ndgpu.runtime import PooledMemory as PooledMemory
from ndgpu.runtime import PythonFunctionAllocator as PythonFunctionAllocator
from ndgpu.runtime import Stream as Stream
from ndgpu.runtime import SynchronizationError as SynchronizationError
from ndgpu.runtime import SynchronizationWarning as SynchronizationWarning
from ndgpu.runtime import UnownedMemory as UnownedMemory
from ndgpu.runtime import alloc as alloc
from ndgpu.runtime import alloc_pinned_memory as alloc_pinned_memory
from ndgpu.runtime import current_device_id as get_device_id
from ndgpu.runtime import detect_synchronization as detect_synchronization
from ndgpu.runtime import device as device
from ndgpu.runtime import device_count as device_count
from ndgpu.runtime import empty_like_pinned as empty_like_pinned
from ndgpu.runtime import empty_pinned as empty_pinned
from ndgpu.runtime import get_allocator as get_allocator
from ndgpu.runtime import get_current_stream as get_current_stream
from ndgpu.runtime import get_default_memory_pool as get_default_memory_pool
from ndgpu.runtime import get_default_pinned_memory_pool as get_default_pinned_memory_pool
from ndgpu.runtime import get_elapsed_time as get_elapsed_time
from ndgpu.runtime import is_available as is_available
from ndgpu.runtime import malloc_async as malloc_async
from ndgpu.runtime import malloc_managed as malloc_managed
from ndgpu.runtime import memory as memory
from ndgpu.runtime import memory_hooks as memory_hooks
from ndgpu.runtime import pinned as pinned_memory
from ndgpu.runtime import set_allocator as set_allocator
from ndgpu.runtime import set_pinned_memory_allocator as set_pinned_memory_allocator
from ndgpu.runtime import stream as stream
from ndgpu.runtime import using_allocator as using_allocator
from ndgpu.runtime import zeros_like_pinned as zeros_like_pinned
from ndgpu.runtime import zeros_pinned as zeros_pinned

__all__ = [
    "BaseMemory",
    "CFunctionAllocator",
    "CUDADriverError",
    "CompileException",
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
    "benchmark",
    "choose",
    "detect_synchronization",
    "device",
    "device_count",
    "empty_like_pinned",
    "empty_pinned",
    "get_allocator",
    "get_cuda_path",
    "get_current_stream",
    "get_default_memory_pool",
    "get_default_pinned_memory_pool",
    "get_device_id",
    "get_elapsed_time",
    "get_local_runtime_version",
    "is_available",
    "kind",
    "malloc_async",
    "malloc_managed",
    "memory",
    "memory_hooks",
    "nvtx",
    "pinned_memory",
    "profiler",
    "runtime",
    "set_allocator",
    "set_pinned_memory_allocator",
    "stream",
    "time_range",
    "using_allocator",
    "zeros_like_pinned",
    "zeros_pinned",
]


def get_local_runtime_version() -> int:
    """Return the version of CUDA's compiler here: 1000 times the major plus 10 times the minor.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> cuda.get_local_runtime_version() >= 12000
    True
    """
    return runtime.runtimeGetVersion()


def get_cuda_path() -> str | None:
    """Return the folder of a CUDA toolkit that ``CUDA_PATH`` or ``CUDA_HOME`` names, if one does.

    ndgpu needs none: it finds its libraries by itself.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> cuda.get_cuda_path() is None or isinstance(cuda.get_cuda_path(), str)
    True
    """
    return os.environ.get("CUDA_PATH") or os.environ.get("CUDA_HOME") or None
