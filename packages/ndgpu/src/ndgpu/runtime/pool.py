"""A pool of device memory, so that a training step allocates nothing from the driver.

What it guarantees:

* Live allocations never overlap.  Each is a multiple of 512 bytes, aligned as the
  driver's own allocations are.
* Memory freed in one stream is handed out to that stream alone, until the stream
  is destroyed and its work complete, or until the memory has gone back to the
  driver.
* Freeing takes no lock and calls no driver, so it may happen anywhere: in a
  finaliser, in the middle of an allocation, in a signal handler, in a thread
  that never touched a device, in a forked child.
* The pool holds no more than its limit, and gives back all unused memory (of
  every stream, after a garbage collection) before it reports `OutOfMemoryError`.

How it works.  Each (device, stream) has an `Arena` (`ndgpu.runtime.blocks`).  A freed
block goes on the arena's stack for blocks of its very size, and an allocation of
that size takes it from there: two atomic list operations, no lock.  That is the
whole path in a loop that repeats its sizes.  Only when the stack is empty does an
allocation take the device's lock, merge what was freed meanwhile with its free
neighbours, and take the smallest free block that fits, the lowest address first,
cut to size.  Only when there is none does it ask the driver for another chunk; and
before that, it gives back unused chunks if the arena would otherwise hold over a
sixteenth more than it ever used at one time.  A loop whose arrays differ a little
each time would else keep one chunk of every size it had.
"""

from __future__ import annotations

import contextlib
import gc
import operator
import threading
from collections.abc import Callable
from typing import Any

from ndgpu import config
from ndgpu.runtime import context, hooks
from ndgpu.runtime.blocks import SMALL, UNIT, Arena, Block, Chunk, chunk_size
from ndgpu.runtime.context import Place, local
from ndgpu.runtime.device import Device
from ndgpu.runtime.errors import OutOfMemoryError
from ndgpu.runtime.hooks import active as _hooked
from ndgpu.runtime.memory import BaseMemory, MemoryPointer, UnownedMemory, malloc

__all__ = ["MemoryPool", "PooledMemory", "byte_limit"]

_new = object.__new__

_CALM = 500  # searches without a new chunk after which the pool counts as grown


class PooledMemory(BaseMemory):
    """Memory that goes back to its pool with the object.

    Made by `MemoryPool.malloc`.
    """

    __slots__ = ("_block",)

    # A pool fills it in without a call of __init__, which would cost a third of an allocation.
    _block: Block | None

    @property
    def ptr(self) -> int:  # type: ignore[override]
        """Its address; 0 once it was given back."""
        block = self._block
        return 0 if block is None else block.ptr

    @property
    def size(self) -> int:  # type: ignore[override]
        """Its length in bytes; 0 once it was given back."""
        block = self._block
        return 0 if block is None else block.size

    @property
    def device_id(self) -> int:  # type: ignore[override]
        """The device it belongs to; -1 once it was given back."""
        block = self._block
        return -1 if block is None else block.device_id

    def free(self) -> None:
        """Give the memory back before the object goes; nothing may use it any more."""
        block = self._block
        if block is not None:
            if _hooked.number:
                self._free_hooked(block)
                return
            self._block = None
            # In this order: a size is never left unmarked while its stack has blocks.
            block.stack.append(block)
            block.dirty.add(block.size)

    def _free_hooked(self, block: Block) -> None:
        given = {
            "device_id": block.device_id,
            "mem_size": block.size,
            "mem_ptr": block.ptr,
            "pmem_id": id(self),
        }
        hooks.tell("free_preprocess", **given)
        self._block = None
        block.stack.append(block)
        block.dirty.add(block.size)
        hooks.tell("free_postprocess", **given)

    __del__ = free


class _DevicePool:
    """What a pool has on one device, but for its arenas."""

    def __init__(self, device_id: int) -> None:
        self.device_id = device_id
        # Re-entrant: a finaliser that runs within an allocation may allocate.
        self.lock = threading.RLock()
        self.busy = False
        self.searches = 0  # since the last new chunk
        self.total = 0
        self.peak = 0
        limit = config.value("NDGPU_MEMORY_LIMIT")
        self.limit = byte_limit(None, limit) if isinstance(limit, float) else limit


class MemoryPool:
    """Device memory, kept for reuse.

    Parameters
    ----------
    allocator : callable, optional
        Where chunks come from: takes bytes, returns a `MemoryPointer`, raises
        `OutOfMemoryError`.  The driver by default; ``malloc_managed`` makes a
        pool of managed memory.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> pool = rt.MemoryPool()
    >>> memory = pool.malloc(400)
    >>> pool.used_bytes()
    512
    >>> del memory
    >>> pool.used_bytes(), pool.n_free_blocks() > 0
    (0, True)
    >>> pool.free_all_blocks()
    >>> pool.total_bytes()
    0
    """

    def __init__(self, allocator: Callable[[int], MemoryPointer] | None = None) -> None:
        self._allocator = malloc if allocator is None else allocator
        self._arenas: dict[Place, Arena] = {}
        self._devices: dict[int, _DevicePool] = {}

    def malloc(self, size: int) -> MemoryPointer:
        """Allocate on the current device, for work in the order of the current stream.

        Parameters
        ----------
        size : int
            Bytes; rounded up to a multiple of 512.

        Returns
        -------
        MemoryPointer
            To the start of the memory, whose content is arbitrary.

        Raises
        ------
        OutOfMemoryError
            If the limit or the device leaves no room, even after all unused
            memory was given back.
        ValueError
            If `size` is negative.
        """
        if _hooked.number:
            return self._malloc_hooked(size)
        try:
            arena = self._arenas[local.place]
            rounded = (size + 511) & -512
            stack = arena.stacks.get(rounded)
            block = stack.pop() if stack else None
            if block is None and type(size) is int and size > 0:
                block = self._fit(arena, rounded)
        except (AttributeError, KeyError, IndexError, OverflowError, TypeError):
            # This thread is new, or the stream is; another thread took the last block; a size
            # that is an odd kind of number.
            block = None
        if block is None:
            block = self._find(size)
            if block is None:
                return MemoryPointer(UnownedMemory(0, 0, None, context.current_device_id()))
        memory = _new(PooledMemory)
        memory._block = block
        pointer = _new(MemoryPointer)
        pointer.mem = memory
        pointer.ptr = block.ptr
        pointer.device_id = block.device_id
        return pointer

    def _malloc(self, size: int) -> MemoryPointer:
        """Allocate the long way."""
        context.current_device_id()
        arena = self._arenas.get(local.place)
        stack = None if arena is None else arena.stacks.get((operator.index(size) + 511) & -512)
        block: Block | None = None
        if stack:
            with contextlib.suppress(IndexError):  # another thread was first
                block = stack.pop()
        block = block or self._find(size)
        if block is None:
            return MemoryPointer(UnownedMemory(0, 0, None, context.current_device_id()))
        memory = _new(PooledMemory)
        memory._block = block
        return MemoryPointer(memory)

    def _malloc_hooked(self, size: int) -> MemoryPointer:
        """Allocate, and tell the hooks of this thread."""
        given = {
            "device_id": context.current_device_id(),
            "size": size,
            "mem_size": (operator.index(size) + UNIT - 1) & -UNIT,
        }
        hooks.tell("malloc_preprocess", **given)
        pointer = None
        try:
            pointer = self._malloc(size)
        finally:
            address, number = (0, 0) if pointer is None else (pointer.ptr, id(pointer.mem))
            hooks.tell("malloc_postprocess", **given, mem_ptr=address, pmem_id=number)
        return pointer

    def free_all_blocks(self, stream: Any | None = None) -> None:
        """Give unused memory of the current device back to the driver.

        Chunks with a live allocation in them stay.  The driver waits for the
        device's work.

        Parameters
        ----------
        stream : Stream, optional
            The stream whose memory to give back; all streams' by default.
        """
        pool = self._device()
        with pool.lock:
            if not pool.busy:
                pool.busy = True
                try:
                    self._release(pool, stream)
                finally:
                    pool.busy = False

    def n_free_blocks(self) -> int:
        """Return how many blocks of the current device are free."""
        return self._free_blocks()[0]

    def used_bytes(self) -> int:
        """Return the bytes of the current device that live allocations use."""
        pool = self._device()
        with pool.lock:
            return pool.total - self._free_blocks()[1]

    def free_bytes(self) -> int:
        """Return the bytes of the current device that the pool holds unused."""
        return self._free_blocks()[1]

    def total_bytes(self) -> int:
        """Return the bytes of the current device that the pool holds."""
        return self._device().total

    def peak_bytes(self) -> int:
        """Return the most that `total_bytes` has been on the current device."""
        return self._device().peak

    def reset_peak(self) -> None:
        """Let `peak_bytes` start again from what the pool holds now."""
        pool = self._device()
        pool.peak = pool.total

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Bound what the pool may hold on the current device.

        Parameters
        ----------
        size : int, optional
            Bytes; 0 for no limit.
        fraction : float, optional
            Share of the device's memory, from 0 (no limit) to 1.

        Raises
        ------
        ValueError
            If both or neither are given, or out of range.
        """
        self._device().limit = byte_limit(size, fraction)

    def get_limit(self) -> int:
        """Return the limit on the current device in bytes; 0 for none."""
        return self._device().limit

    def _device(self) -> _DevicePool:
        device_id = context.current_device_id()
        pool = self._devices.get(device_id)
        if pool is None:
            pool = self._devices.setdefault(device_id, _DevicePool(device_id))
        return pool

    def _arenas_of(self, pool: _DevicePool) -> list[Arena]:
        arenas = list(self._arenas.values())  # other devices' may be added meanwhile
        return [arena for arena in arenas if arena.place.device_id == pool.device_id]

    def _free_blocks(self) -> tuple[int, int]:
        pool = self._device()
        with pool.lock:
            counts = [arena.free_blocks() for arena in self._arenas_of(pool)]
        return sum(count for count, _ in counts), sum(nbytes for _, nbytes in counts)

    def _find(self, size: int) -> Block | None:
        """Find a block where none of the very size was waiting; None for no bytes."""
        size = operator.index(size)
        if size < 0:
            raise ValueError(f"an allocation cannot have {size} bytes")
        if size == 0:
            return None
        size = (size + UNIT - 1) & -UNIT
        pool = self._device()
        place = local.place
        with pool.lock:
            arena = self._arenas.get(place)
            if arena is None:
                arena = self._arenas[place] = Arena(place, pool)
        block = self._fit(arena, size)
        if block is None:
            # Without the lock, since finalisers may take locks of their own.
            gc.collect()  # frees what only cycles keep alive
            block = self._fit(arena, size)
        if block is None:
            raise self._out_of_memory(pool, size)
        return block

    def _fit(self, arena: Arena, size: int) -> Block | None:
        """Find a block among those freed, or get a chunk from the driver; None for no room."""
        pool: _DevicePool = arena.owner
        with pool.lock:
            if pool.busy:
                # A finaliser allocates in the middle of this very function: the
                # shelves are not to be touched, so it gets a chunk of its own.
                return self._grow(pool, arena, size, size)
            pool.busy = True
            try:
                # While the pool grows, merging large blocks first keeps it smallest.  Once it
                # has grown, the blocks on the stacks are left as they are where possible, for a
                # loop that repeats its sizes will ask for the same again.
                pool.searches += 1
                small = size <= SMALL
                block = arena.take(size) if small or pool.searches > _CALM else None
                if block is None:
                    arena.merge(arena.small if small else arena.large)
                    block = arena.take(size)
                return block or self._extend(pool, arena, size)
            finally:
                pool.busy = False

    def _extend(self, pool: _DevicePool, arena: Arena, size: int) -> Block | None:
        """Take a block from elsewhere or from the driver, after giving back what is too much."""
        block = arena.take(size) if self._adopt(pool, arena) else None
        if block is None:
            _give_back(pool, arena, arena.room(size))
            block = self._grow(pool, arena, size, chunk_size(size))
        if block is None:
            self._release(pool, None)
            block = self._grow(pool, arena, size, size)
        return block

    def _grow(self, pool: _DevicePool, arena: Arena, size: int, chunk: int) -> Block | None:
        """Get a chunk, and cut a block from its start; None for no room."""
        if pool.limit and pool.total + chunk > pool.limit:
            return None
        given = {"device_id": pool.device_id, "mem_size": chunk}
        if _hooked.number:
            hooks.tell("alloc_preprocess", **given)
        try:
            pointer = self._allocator(chunk)
        except OutOfMemoryError:
            if _hooked.number:
                hooks.tell("alloc_postprocess", **given, mem_ptr=0)
            return None
        if _hooked.number:
            hooks.tell("alloc_postprocess", **given, mem_ptr=pointer.ptr)
        pool.searches = 0
        pool.total += chunk
        pool.peak = max(pool.peak, pool.total)
        return arena.issue(arena.attach(Chunk(pointer, chunk, size <= SMALL)), size)

    def _out_of_memory(self, pool: _DevicePool, size: int) -> OutOfMemoryError:
        free, total = Device(pool.device_id).mem_info
        return OutOfMemoryError(
            size,
            device_id=pool.device_id,
            used=pool.total - self._free_blocks()[1],
            held=pool.total,
            limit=pool.limit,
            device_free=free,
            device_total=total,
        )

    def _release(self, pool: _DevicePool, stream: Any | None) -> None:
        """Give the unused chunks of a stream, or of all, back to where they came from."""
        only = None if stream is None else stream.place_on(pool.device_id)
        for arena in self._arenas_of(pool):
            if only is None or arena.place is only:
                _give_back(pool, arena)

    def _adopt(self, pool: _DevicePool, arena: Arena) -> bool:
        """Move unused chunks of destroyed streams, whose work is done, to an arena."""
        moved = False
        for other in self._arenas_of(pool):
            end = other.place.retired
            if end is None or not end.done:
                continue
            for chunk in other.detach_unused():
                block = arena.attach(chunk)
                chunk.shelf.add(block)
                moved = True
            if not other.chunks:
                del self._arenas[other.place]
        return moved


def byte_limit(size: int | None, fraction: float | None) -> int:
    """Return the bytes that the arguments of `MemoryPool.set_limit` mean."""
    if (size is None) == (fraction is None):
        raise ValueError("set_limit: give one of `size` and `fraction`")
    if fraction is not None:
        if not 0 <= fraction <= 1:
            raise ValueError(f"set_limit: `fraction` must be from 0 to 1, got {fraction}")
        return int(fraction * Device().mem_info[1])
    size = operator.index(size)  # type: ignore[arg-type]
    if size < 0:
        raise ValueError(f"set_limit: `size` must not be negative, got {size}")
    return size


def _give_back(pool: _DevicePool, arena: Arena, goal: int = 0) -> None:
    """Give unused chunks back to where they came from until the arena has `goal` bytes left."""
    if arena.total <= goal or arena.place.held:
        return
    for chunk in arena.detach_unused(goal):
        pool.total -= chunk.size
        # The last reference to the driver's memory: this frees it.
        chunk.pointer = None  # type: ignore[assignment]
