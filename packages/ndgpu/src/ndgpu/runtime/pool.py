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

How it works.  Each (device, stream) has an `_Arena`.  A freed block goes on the
arena's stack for blocks of its very size, and an allocation of that size takes
it from there: two atomic list operations, no lock.  That is the whole path in a
loop that repeats its sizes.  Only when the stack is empty does an allocation
take the device's lock, merge what was freed meanwhile with its free neighbours,
and take the smallest free block that is large enough, the lowest address first,
split to size.  Only when there is none does it ask the driver for another chunk.

Small requests have chunks of their own, so that none of them keeps a large
chunk from being used whole.  And before an arena grows it gives back its unused
chunks if they are more than an eighth of what it will use: a loop whose arrays
grow a little each time would otherwise keep one chunk of every size it had.
"""

from __future__ import annotations

import gc
import operator
import threading
from bisect import bisect_left, insort
from collections.abc import Callable
from typing import Any

from ndgpu import config
from ndgpu.runtime import context
from ndgpu.runtime.context import Place, local
from ndgpu.runtime.device import Device
from ndgpu.runtime.errors import OutOfMemoryError
from ndgpu.runtime.memory import BaseMemory, MemoryPointer, UnownedMemory, malloc

__all__ = ["MemoryPool", "PooledMemory"]

_UNIT = 512
_SMALL = 1 << 20  # requests up to this share chunks, so that they do not split large ones
_SMALL_CHUNK = 2 << 20
_CALM = 500  # searches without a new chunk after which the pool counts as grown
_SPARE = 8  # an arena that grows keeps at most 1 / _SPARE of its use in unused chunks


class _Chunk:
    """A piece that the driver gave, cut into blocks."""

    __slots__ = ("pointer", "shelf", "size")

    def __init__(self, pointer: MemoryPointer, size: int, shelf: _Shelf) -> None:
        self.pointer = pointer
        self.size = size
        self.shelf = shelf  # where its free blocks are


class _Block:
    """A part of a chunk: live, on a stack (freed, not yet merged), or free."""

    __slots__ = ("after", "before", "chunk", "dirty", "free", "ptr", "size", "stack")

    def __init__(self, chunk: _Chunk, ptr: int, size: int) -> None:
        self.chunk = chunk
        self.ptr = ptr
        self.size = size
        self.free = False
        self.before: _Block | None = None  # the neighbours in the chunk
        self.after: _Block | None = None
        # Where the block goes when it is freed, and the marks that it is there; set
        # when it is handed out.
        self.stack: list[_Block]
        self.dirty: set[int]


class PooledMemory(BaseMemory):
    """Memory that goes back to its pool with the object.

    Made by `MemoryPool.malloc`.
    """

    __slots__ = ("_block",)

    _block: _Block | None

    def __init__(self, block: _Block) -> None:
        self.ptr = block.ptr
        self.size = block.size
        self.device_id = block.chunk.pointer.device_id
        self._block = block

    def free(self) -> None:
        """Give the memory back before the object goes; nothing may use it any more."""
        block = self._block
        if block is not None:
            self._block = None
            # In this order: a size is never left unmarked while its stack has blocks.
            block.stack.append(block)
            block.dirty.add(block.size)

    __del__ = free


class _Shelf:
    """The free blocks of an arena for one range of request sizes, best fit first."""

    __slots__ = ("blocks", "dirty", "order")

    def __init__(self) -> None:
        self.order: list[tuple[int, int]] = []  # (size, address), sorted
        self.blocks: dict[int, _Block] = {}  # by address
        # Sizes whose stack may have blocks that belong here.
        self.dirty: set[int] = set()

    def add(self, block: _Block) -> None:
        block.free = True
        self.blocks[block.ptr] = block
        insort(self.order, (block.size, block.ptr))

    def remove(self, block: _Block) -> None:
        block.free = False
        del self.blocks[block.ptr]
        del self.order[bisect_left(self.order, (block.size, block.ptr))]

    def take(self, size: int) -> _Block | None:
        """Remove and return the smallest block of at least `size` bytes."""
        index = bisect_left(self.order, (size, 0))
        if index == len(self.order):
            return None
        block = self.blocks.pop(self.order.pop(index)[1])
        block.free = False
        return block


class _Arena:
    """The memory of one device and stream.

    The stacks and the shelves' marks are used without a lock, by atomic
    operations alone; everything else under the lock of the device.
    """

    __slots__ = ("chunks", "large", "place", "small", "stacks")

    def __init__(self, place: Place) -> None:
        self.place = place
        self.stacks: dict[int, list[_Block]] = {}
        self.small = _Shelf()
        self.large = _Shelf()
        self.chunks: set[_Chunk] = set()

    def shelf(self, size: int) -> _Shelf:
        """The shelf that requests of `size` bytes are served from."""
        return self.small if size <= _SMALL else self.large

    def issue(self, block: _Block, size: int) -> _Block:
        """Cut a block that is on no shelf to `size`, and ready it to be handed out."""
        if block.size > size:
            rest = _Block(block.chunk, block.ptr + size, block.size - size)
            rest.before = block
            rest.after = block.after
            if rest.after is not None:
                rest.after.before = rest
            block.after = rest
            block.size = size
            block.chunk.shelf.add(rest)
        block.stack = self.stacks.setdefault(size, [])
        block.dirty = block.chunk.shelf.dirty
        return block

    def merge(self, shelf: _Shelf) -> None:
        """Take a shelf's blocks off the stacks, and put them on it, merged."""
        while True:
            try:
                stack = self.stacks[shelf.dirty.pop()]
            except KeyError:  # no size is marked any more
                return
            while True:
                try:
                    block = stack.pop()
                except IndexError:  # empty, perhaps because another thread was first
                    break
                self._put(block)

    def _put(self, block: _Block) -> None:
        shelf = block.chunk.shelf
        after = block.after
        if after is not None and after.free:
            shelf.remove(after)
            block.size += after.size
            block.after = after.after
            if block.after is not None:
                block.after.before = block
        before = block.before
        if before is not None and before.free:
            shelf.remove(before)
            before.size += block.size
            before.after = block.after
            if before.after is not None:
                before.after.before = before
            block = before
        shelf.add(block)

    def unused(self) -> list[_Block]:
        """The blocks on the shelves that are a chunk each."""
        return [
            block
            for shelf in (self.small, self.large)
            for block in shelf.blocks.values()
            if block.size == block.chunk.size
        ]

    def detach_unused(self) -> list[_Chunk]:
        """Remove and return the chunks of which no part is in use."""
        self.merge(self.small)
        self.merge(self.large)
        unused = self.unused()
        for block in unused:
            block.chunk.shelf.remove(block)
            self.chunks.discard(block.chunk)
        return [block.chunk for block in unused]

    def attach(self, chunk: _Chunk) -> None:
        """Add a chunk of which no part is in use."""
        self.chunks.add(chunk)
        chunk.shelf = self.small if chunk.size <= _SMALL_CHUNK else self.large
        chunk.shelf.add(_Block(chunk, chunk.pointer.ptr, chunk.size))

    def free_blocks(self) -> tuple[int, int]:
        """How many blocks are free, and their bytes."""
        count, nbytes = 0, 0
        for shelf in (self.small, self.large):
            for size in tuple(shelf.dirty):
                depth = len(self.stacks[size])
                count += depth
                nbytes += depth * size
            count += len(shelf.order)
            nbytes += sum(size for size, _ in shelf.order)
        return count, nbytes


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
        self.limit = config.value("NDGPU_MEMORY_LIMIT")


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
        self._arenas: dict[Place, _Arena] = {}
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
        try:
            block = self._arenas[local.place].stacks[(size + 511) & -512].pop()
        except (AttributeError, KeyError, IndexError, TypeError):
            # This thread is new, or the stream is, or no block of this size is free.
            block = None
        if block is None:
            return self._find(size)
        return MemoryPointer(PooledMemory(block))

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
        if (size is None) == (fraction is None):
            raise ValueError("set_limit: give one of `size` and `fraction`")
        if fraction is not None:
            if not 0 <= fraction <= 1:
                raise ValueError(f"set_limit: `fraction` must be from 0 to 1, got {fraction}")
            size = int(fraction * Device().mem_info[1])
        size = operator.index(size)  # type: ignore[arg-type]
        if size < 0:
            raise ValueError(f"set_limit: `size` must not be negative, got {size}")
        self._device().limit = size

    def get_limit(self) -> int:
        """Return the limit on the current device in bytes; 0 for none."""
        return self._device().limit

    def _device(self) -> _DevicePool:
        device_id = context.current_device_id()
        pool = self._devices.get(device_id)
        if pool is None:
            pool = self._devices.setdefault(device_id, _DevicePool(device_id))
        return pool

    def _arenas_of(self, pool: _DevicePool) -> list[_Arena]:
        arenas = list(self._arenas.values())  # other devices' may be added meanwhile
        return [arena for arena in arenas if arena.place.device_id == pool.device_id]

    def _free_blocks(self) -> tuple[int, int]:
        pool = self._device()
        with pool.lock:
            counts = [arena.free_blocks() for arena in self._arenas_of(pool)]
        return sum(count for count, _ in counts), sum(nbytes for _, nbytes in counts)

    def _find(self, size: int) -> MemoryPointer:
        """Allocate where no block of the very size was waiting."""
        size = operator.index(size)
        if size < 0:
            raise ValueError(f"an allocation cannot have {size} bytes")
        pool = self._device()
        if size == 0:
            return MemoryPointer(UnownedMemory(0, 0, None, pool.device_id))
        size = (size + _UNIT - 1) & -_UNIT
        block = self._fit(pool, size)
        if block is None:
            # Without the lock, since finalisers may take locks of their own.
            gc.collect()  # frees what only cycles keep alive
            block = self._fit(pool, size)
        if block is None:
            raise self._out_of_memory(pool, size)
        return MemoryPointer(PooledMemory(block))

    def _fit(self, pool: _DevicePool, size: int) -> _Block | None:
        """Find a block among those freed, or get a chunk from the driver; None for no room."""
        place = local.place
        with pool.lock:
            arena = self._arenas.get(place)
            if arena is None:
                arena = self._arenas[place] = _Arena(place)
            if pool.busy:
                # A finaliser allocates in the middle of this very function: the
                # shelves are not to be touched, so it gets a chunk of its own.
                return self._grow(pool, arena, size, size)
            pool.busy = True
            try:
                block = self._search(pool, arena, size)
                if block is not None:
                    return arena.issue(block, size)
                self._trim(pool, arena, size)
                block = self._grow(pool, arena, size, _chunk_size(size))
                if block is None:
                    self._release(pool, None)
                    block = self._grow(pool, arena, size, size)
                return block
            finally:
                pool.busy = False

    def _search(self, pool: _DevicePool, arena: _Arena, size: int) -> _Block | None:
        """Take the best free block off a shelf, if one is large enough."""
        shelf = arena.shelf(size)
        pool.searches += 1
        # While the pool grows, merging first keeps it smallest.  Once it has grown, the
        # blocks on the stacks are left as they are where possible, for a loop that
        # repeats its sizes will ask for the same again.
        block = shelf.take(size) if pool.searches > _CALM else None
        if block is None:
            arena.merge(shelf)
            block = shelf.take(size)
        if block is None and self._adopt(pool, arena):
            block = shelf.take(size)
        return block

    def _grow(self, pool: _DevicePool, arena: _Arena, size: int, chunk_size: int) -> _Block | None:
        """Get a chunk, and cut a block from its start; None for no room."""
        if pool.limit and pool.total + chunk_size > pool.limit:
            return None
        try:
            pointer = self._allocator(chunk_size)
        except OutOfMemoryError:
            return None
        chunk = _Chunk(pointer, chunk_size, arena.shelf(size))
        arena.chunks.add(chunk)
        pool.searches = 0
        pool.total += chunk_size
        pool.peak = max(pool.peak, pool.total)
        return arena.issue(_Block(chunk, pointer.ptr, chunk_size), size)

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

    def _trim(self, pool: _DevicePool, arena: _Arena, size: int) -> None:
        """Before an arena grows: give its unused chunks back, if they are many.

        Only its own: two streams that grow by turns would take from each other.
        """
        spare = sum(block.size for block in arena.unused())
        if spare:
            used = sum(chunk.size for chunk in arena.chunks) - spare
            if spare * _SPARE > used + size:
                _give_back(pool, arena)

    def _adopt(self, pool: _DevicePool, arena: _Arena) -> bool:
        """Move unused chunks of destroyed streams, whose work is done, to an arena."""
        moved = False
        for other in self._arenas_of(pool):
            end = other.place.retired
            if end is None or not end.done:
                continue
            for chunk in other.detach_unused():
                arena.attach(chunk)
                moved = True
            if not other.chunks:
                del self._arenas[other.place]
        return moved


def _give_back(pool: _DevicePool, arena: _Arena) -> None:
    for chunk in arena.detach_unused():
        pool.total -= chunk.size
        # The last reference to the driver's memory: this frees it.
        chunk.pointer = None  # type: ignore[assignment]


def _chunk_size(size: int) -> int:
    """How much to ask of the driver for a request that nothing free fits."""
    return _SMALL_CHUNK if size <= _SMALL else size
