"""Memory in the order of a stream, and the pools that keep it.

What is freed in stream order goes, when the stream gets there, back to the pool that it came
from.  A pool keeps up to its release threshold (none at first) for requests of the same size,
by whichever stream: by then nothing uses it any more.
"""

from __future__ import annotations

from typing import Any

from cuda.bindings.driver import (
    CUmemAllocationType,
    CUmemLocationType,
    CUmemPool_attribute,
    CUmemPoolProps,
    CUresult,
)

from ndgpu.driver.host import checks
from ndgpu.driver.host import context as contexts
from ndgpu.driver.host.capture import Capture, Node, capture_of
from ndgpu.driver.host.context import Device, lock, new_handle, thread
from ndgpu.driver.host.memory import Block, allocate_for, fill_fresh, find_for, free
from ndgpu.driver.host.results import OK, SUCCESS, fail
from ndgpu.driver.host.stream import Stream, bad_stream, find_stream

__all__: list[str] = []

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
_KIND = CUmemPool_attribute
_THRESHOLD = int(_KIND.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
_REUSE = frozenset(
    (
        int(_KIND.CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES),
        int(_KIND.CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC),
        int(_KIND.CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES),
    )
)
_COUNTS = {
    int(_KIND.CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT): "reserved",
    int(_KIND.CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH): "reserved_high",
    int(_KIND.CU_MEMPOOL_ATTR_USED_MEM_CURRENT): "used",
    int(_KIND.CU_MEMPOOL_ATTR_USED_MEM_HIGH): "used_high",
}


class Pool:
    """Memory of one device that is kept when it is freed.

    Attributes
    ----------
    threshold : int
        Bytes that it may hold unused.
    limit : int
        Bytes that it may hold in all; 0 for no limit.
    used, reserved : int
        Bytes that are allocated, and that it holds in all; each with its ``_high``.
    """

    def __init__(self, device: Device, limit: int = 0) -> None:
        self.device = device
        self.handle = new_handle()
        self.threshold = 0
        self.limit = limit
        self.used = self.used_high = 0
        self.reserved = self.reserved_high = 0
        self.reuse = dict.fromkeys(_REUSE, 1)
        self._unused: dict[int, list[Block]] = {}

    def take(self, size: int) -> Block | None:
        """Return a block of this size that is kept; None if there is none."""
        with lock:
            stack = self._unused.get(size)
            if not stack:
                return None
            block = stack.pop()
            block.freed = False
            self.count(block)
        fill_fresh(block.address, size)
        return block

    def count(self, block: Block) -> None:
        """Note that a block is allocated."""
        self.used += block.size
        self.used_high = max(self.used_high, self.used)
        self.reserved_high = max(self.reserved_high, self.reserved)

    def put(self, block: Block) -> None:
        """Keep a block that nothing uses any more, or release what is too much."""
        with lock:
            self.used -= block.size
            self._unused.setdefault(block.size, []).append(block)
        self.trim(self.threshold if not checks.guarded() else 0)

    def trim(self, least: int) -> None:
        """Release what is unused until at most `least` bytes are held."""
        while self.reserved > least:
            with lock:
                size = next((size for size, stack in self._unused.items() if stack), None)
                block = None if size is None else self._unused[size].pop()
            if block is None:
                return
            block.release()

    def release(self) -> None:
        """Forget the pool; part of destroying it or its context."""
        _pools.pop(self.handle, None)
        self.threshold = 0
        self.trim(0)


_pools: dict[int, Pool] = {}
_defaults: dict[int, Pool] = {}  # of each context, by its handle
_current: dict[int, Pool] = {}


def _default(device: Device) -> Pool:
    with lock:
        pool = _defaults.get(device.context.handle)
        if pool is None:
            pool = _defaults[device.context.handle] = Pool(device)
            _pools[pool.handle] = pool
    return pool


def _bad_pool(call: str, handle: int, values: int = 0) -> tuple:
    return fail(_INVALID, f"{call}: {handle:#x} is not a memory pool (any more)", values)


def _bad_device(call: str, ordinal: int, values: int = 0) -> tuple:
    detail = f"{call}: there is no host device {ordinal}"
    return fail(CUresult.CUDA_ERROR_INVALID_DEVICE, detail, values)


def cuDeviceGetDefaultMemPool(dev: int) -> tuple:
    """Return ``(CUresult, pool)``: the one that a device has from the beginning."""
    if not 0 <= dev < len(contexts.devices):
        return _bad_device("cuDeviceGetDefaultMemPool", dev, 1)
    return SUCCESS, _default(contexts.devices[dev]).handle


def cuDeviceGetMemPool(dev: int) -> tuple:
    """Return ``(CUresult, pool)``: the one that `cuMemAllocAsync` uses."""
    if not 0 <= dev < len(contexts.devices):
        return _bad_device("cuDeviceGetMemPool", dev, 1)
    device = contexts.devices[dev]
    return SUCCESS, (_current.get(device.context.handle) or _default(device)).handle


def cuDeviceSetMemPool(dev: int, pool: int) -> tuple:
    """Have `cuMemAllocAsync` use another pool of the device."""
    if not 0 <= dev < len(contexts.devices):
        return _bad_device("cuDeviceSetMemPool", dev)
    found = _pools.get(pool)
    if found is None or found.device is not contexts.devices[dev]:
        return _bad_pool("cuDeviceSetMemPool", pool)
    _current[contexts.devices[dev].context.handle] = found
    return OK


def cuMemPoolCreate(poolProps: CUmemPoolProps) -> tuple:
    """Return ``(CUresult, pool)`` of the device that the properties name."""
    call = "cuMemPoolCreate"
    if poolProps.allocType != CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED:
        return fail(_INVALID, f"{call}: the type of allocation must be PINNED", 1)
    if poolProps.location.type != CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE:
        return fail(_INVALID, f"{call}: the location must be a device", 1)
    ordinal = int(poolProps.location.id)
    if not 0 <= ordinal < len(contexts.devices):
        return _bad_device(call, ordinal, 1)
    pool = Pool(contexts.devices[ordinal], int(poolProps.maxSize))
    _pools[pool.handle] = contexts.devices[ordinal].context.owned[pool.handle] = pool
    return SUCCESS, pool.handle


def cuMemPoolDestroy(pool: int) -> tuple:
    """Destroy a pool; memory that is allocated from it stays until it is freed."""
    found = _pools.get(pool)
    if found is None:
        return _bad_pool("cuMemPoolDestroy", pool)
    handle = found.device.context.handle
    if found is _defaults.get(handle):
        return fail(_INVALID, "cuMemPoolDestroy: a default pool cannot be destroyed")
    if _current.get(handle) is found:
        del _current[handle]
    found.release()
    found.device.context.owned.pop(pool, None)
    return OK


def cuMemPoolSetAttribute(pool: int, attr: int, value: int) -> tuple:
    """Set the release threshold, a rule of reuse, or one of the highest counts to 0."""
    call = "cuMemPoolSetAttribute"
    found = _pools.get(pool)
    if found is None:
        return _bad_pool(call, pool)
    attr, value = int(attr), int(value)
    name = _COUNTS.get(attr, "")
    if attr == _THRESHOLD and value >= 0:
        found.threshold = value
    elif attr in _REUSE:
        found.reuse[attr] = int(bool(value))
    elif name.endswith("_high") and value == 0:
        setattr(found, name, getattr(found, name.removesuffix("_high")))
    else:
        return fail(_INVALID, f"{call}: attribute {attr} cannot be set to {value}")
    return OK


def cuMemPoolGetAttribute(pool: int, attr: int) -> tuple:
    """Return ``(CUresult, value)``."""
    call = "cuMemPoolGetAttribute"
    found = _pools.get(pool)
    if found is None:
        return _bad_pool(call, pool, 1)
    attr = int(attr)
    if attr == _THRESHOLD:
        return SUCCESS, found.threshold
    if attr in _REUSE:
        return SUCCESS, found.reuse[attr]
    if attr in _COUNTS:
        return SUCCESS, getattr(found, _COUNTS[attr])
    return fail(_INVALID, f"{call}: {attr} is no attribute of a memory pool", 1)


def cuMemPoolTrimTo(pool: int, minBytesToKeep: int) -> tuple:
    """Release unused memory until the pool holds at most `minBytesToKeep` bytes."""
    found = _pools.get(pool)
    if found is None:
        return _bad_pool("cuMemPoolTrimTo", pool)
    found.trim(int(minBytesToKeep))
    return OK


def cuMemAllocAsync(bytesize: int, hStream: int) -> tuple:
    """Return ``(CUresult, pointer)`` of memory to be used from this point of the stream on."""
    return _allocate("cuMemAllocAsync", bytesize, None, hStream)


def cuMemAllocFromPoolAsync(bytesize: int, pool: int, hStream: int) -> tuple:
    """Return ``(CUresult, pointer)`` as `cuMemAllocAsync`, of a certain pool."""
    found = _pools.get(pool)
    if found is None:
        return _bad_pool("cuMemAllocFromPoolAsync", pool, 1)
    return _allocate("cuMemAllocFromPoolAsync", bytesize, found, hStream)


def _allocate(call: str, size: int, pool: Pool | None, hStream: int) -> tuple:
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream(call, hStream, 1)
    capture = capture_of(call, stream, 1) if stream.context.captures else None
    if isinstance(capture, tuple):
        return capture
    device = stream.context.device
    if pool is None:
        pool = _current.get(stream.context.handle) or _default(device)
    if capture is not None:
        return _allocate_in_graph(call, capture, stream, size)
    block = pool.take(size)
    if block is not None:
        return SUCCESS, block.address
    if pool.limit and pool.reserved + size > pool.limit:
        pool.trim(max(pool.limit - size, 0))
        if pool.reserved + size > pool.limit:
            detail = f"{call}: {size} bytes wanted; the pool may hold {pool.limit} bytes"
            return fail(CUresult.CUDA_ERROR_OUT_OF_MEMORY, detail, 1)
    result = allocate_for(call, pool.device.context, size, "device")
    if result[0] == CUresult.CUDA_ERROR_OUT_OF_MEMORY and pool.reserved > pool.used:
        pool.trim(0)  # what is kept may be in the way
        result = allocate_for(call, pool.device.context, size, "device")
    if result[0] == SUCCESS:
        block = pool.device.blocks[result[1]]
        with lock:
            block.pool = pool
            pool.reserved += size
            pool.count(block)
    return result


class _Lasting:
    """Memory that a graph allocates: it is there until the last that may run the graph is gone."""

    __slots__ = ("block",)

    def __init__(self, block: Block) -> None:
        self.block = block

    def __del__(self) -> None:
        block = self.block
        if not block.freed:
            free(block, block.device.context)


def _allocate_in_graph(call: str, capture: Capture, stream: Stream, size: int) -> tuple:
    """Allocate for a graph: its memory has one address for as long as the graph lives."""
    result = allocate_for(call, stream.context, size, "graph")
    if result[0] == SUCCESS:
        block = stream.context.device.blocks[result[1]]
        label = f"memalloc {size} bytes at {block.address:#x}"
        capture.add(stream, Node("memalloc", label, keep=_Lasting(block)))
    return result


def cuMemFreeAsync(dptr: int, hStream: int) -> tuple:
    """Free device memory when the stream comes to this point; 0 is allowed."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuMemFreeAsync", hStream)
    if dptr == 0:
        return OK
    block = find_for("cuMemFreeAsync", dptr, ("device", "managed", "graph"))
    if isinstance(block, tuple):
        return block
    if stream.context.captures:
        capture = capture_of("cuMemFreeAsync", stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            return _free_in_graph(capture, stream, block)
    if block.kind == "graph":  # the next launch of the graph has it again
        return OK
    block.freed = True
    back: Any = block.release if block.pool is None else _give_back
    stream.enqueue(*((back,) if block.pool is None else (back, block)), unconditional=True)
    return OK


def _give_back(block: Block) -> None:
    block.pool.put(block)


def _free_in_graph(capture: Capture, stream: Stream, block: Block) -> tuple:
    """Note that the graph frees what it allocated; the next launch has it at the same place."""
    nodes = capture.graph.nodes
    if not any(isinstance(n.keep, _Lasting) and n.keep.block is block for n in nodes):
        detail = (
            f"cuMemFreeAsync: {block.address:#x} was not allocated in this capture, and a graph "
            "could free it only once"
        )
        return capture.spoil(_INVALID, detail)
    return capture.add(stream, Node("memfree", f"memfree {block.address:#x}"))
