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

from ndgpu.compile import CompileException as CompileException
from ndgpu.driver import choose as choose
from ndgpu.driver import kind as kind
from ndgpu.runtime import BaseMemory as BaseMemory
from ndgpu.runtime import CUDADriverError as CUDADriverError
from ndgpu.runtime import Device as Device
from ndgpu.runtime import Event as Event
from ndgpu.runtime import ExternalStream as ExternalStream
from ndgpu.runtime import Graph as Graph
from ndgpu.runtime import ManagedMemory as ManagedMemory
from ndgpu.runtime import Memory as Memory
from ndgpu.runtime import MemoryPointer as MemoryPointer
from ndgpu.runtime import MemoryPool as MemoryPool
from ndgpu.runtime import OutOfMemoryError as OutOfMemoryError
from ndgpu.runtime import PinnedMemory as PinnedMemory
from ndgpu.runtime import PinnedMemoryPointer as PinnedMemoryPointer
from ndgpu.runtime import PinnedMemoryPool as PinnedMemoryPool
from ndgpu.runtime import Stream as Stream
from ndgpu.runtime import UnownedMemory as UnownedMemory
from ndgpu.runtime import alloc as alloc
from ndgpu.runtime import alloc_pinned_memory as alloc_pinned_memory
from ndgpu.runtime import current_device_id as get_device_id
from ndgpu.runtime import device_count as device_count
from ndgpu.runtime import get_allocator as get_allocator
from ndgpu.runtime import get_current_stream as get_current_stream
from ndgpu.runtime import get_elapsed_time as get_elapsed_time
from ndgpu.runtime import is_available as is_available
from ndgpu.runtime import malloc_managed as malloc_managed
from ndgpu.runtime import set_allocator as set_allocator
from ndgpu.runtime import set_pinned_memory_allocator as set_pinned_memory_allocator
from ndgpu.runtime import using_allocator as using_allocator

__all__ = [
    "BaseMemory",
    "CUDADriverError",
    "CompileException",
    "Device",
    "Event",
    "ExternalStream",
    "Graph",
    "ManagedMemory",
    "Memory",
    "MemoryPointer",
    "MemoryPool",
    "OutOfMemoryError",
    "PinnedMemory",
    "PinnedMemoryPointer",
    "PinnedMemoryPool",
    "Stream",
    "UnownedMemory",
    "alloc",
    "alloc_pinned_memory",
    "choose",
    "device_count",
    "get_allocator",
    "get_current_stream",
    "get_device_id",
    "get_elapsed_time",
    "is_available",
    "kind",
    "malloc_managed",
    "set_allocator",
    "set_pinned_memory_allocator",
    "using_allocator",
]
