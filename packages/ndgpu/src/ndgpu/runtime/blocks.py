"""Chunks of device memory cut into blocks, and the free blocks of one stream.

What `ndgpu.runtime.pool` is built of.  A *chunk* is what the driver gave; a *block* is a
part of it that is handed out whole.  A *shelf* keeps free blocks by size, merged with
their free neighbours; an *arena* has the chunks, shelves and stacks of one (device,
stream).  Nothing here calls the driver.

Two rules bound how much an arena wastes:

* Requests of up to `SMALL` bytes share chunks of 2 MiB and have a shelf of their own, so
  that no small array keeps a large chunk from being used whole.
* A large request takes a free block only if what is left over is no more than the request
  itself (or 2 MiB): an array never strands more than its own size.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from typing import Any

from ndgpu.runtime.context import Place
from ndgpu.runtime.memory import MemoryPointer

__all__ = ["CHUNK", "SMALL", "UNIT", "Arena", "Block", "Chunk", "Shelf", "chunk_size"]

UNIT = 512
"""Every block is a multiple of this many bytes."""
SMALL = 192 << 10
"""Requests up to this size share chunks, so that they do not split large ones."""
CHUNK = 2 << 20
"""Chunks are multiples of this, in which drivers hand out memory anyway."""

_PATIENCE = 1024  # chunks that are added for nothing before more is held unused


def chunk_size(size: int) -> int:
    """Return how much to ask of the driver for a request that nothing free fits."""
    return (size + CHUNK - 1) & -CHUNK


class Chunk:
    """A piece that the driver gave, cut into blocks."""

    __slots__ = ("device_id", "pointer", "shelf", "size", "small", "stamp")

    def __init__(self, pointer: MemoryPointer, size: int, small: bool) -> None:
        self.pointer = pointer
        self.device_id = pointer.device_id
        self.size = size
        self.small = small  # whether it is for small requests
        self.shelf: Shelf  # where its free blocks are, in the arena that it is attached to
        self.stamp = 0  # of the latest block cut from it, in the arena's count


class Block:
    """A part of a chunk: live, on a stack (freed, not yet merged), or free."""

    __slots__ = ("after", "before", "chunk", "device_id", "dirty", "free", "ptr", "size", "stack")

    def __init__(
        self, chunk: Chunk, ptr: int, size: int, before: Block | None, after: Block | None
    ) -> None:
        self.chunk = chunk
        self.ptr = ptr
        self.size = size
        self.device_id = chunk.device_id
        self.before = before  # the neighbours in the chunk
        self.after = after
        self.free = False
        # Where the block goes when it is freed, and the marks that it is there; set
        # when it is handed out.
        self.stack: list[Block]
        self.dirty: set[int]


class Shelf:
    """The free blocks of an arena for one range of request sizes, best fit first."""

    __slots__ = ("dirty", "order")

    def __init__(self) -> None:
        self.order: list[tuple[int, int, Block]] = []  # (size, address, block), sorted
        # Sizes whose stack may have blocks that belong here.
        self.dirty: set[int] = set()

    def add(self, block: Block) -> None:
        block.free = True
        insort(self.order, (block.size, block.ptr, block))

    def remove(self, block: Block) -> None:
        block.free = False
        del self.order[bisect_left(self.order, (block.size, block.ptr))]


class Arena:
    """The memory of one device and stream.

    The stacks and the shelves' marks are used without a lock, by atomic
    operations alone; everything else under the lock of the device.
    """

    __slots__ = (
        "chunks", "large", "most", "owner", "place", "since", "slack", "small", "stacks", "stamp",
        "total",
    )  # fmt: skip

    def __init__(self, place: Place, owner: Any) -> None:
        self.place = place
        self.owner = owner  # what the pool has on the device
        self.stacks: dict[int, list[Block]] = {}
        self.small = Shelf()
        self.large = Shelf()
        self.chunks: set[Chunk] = set()
        self.total = 0  # bytes of the chunks
        self.most = 0  # bytes in use at one time, as far as growing has noticed
        self.slack = 1 / 16  # share of them that may be held unused
        self.since = 0  # chunks added since `most` rose
        self.stamp = 0  # blocks cut so far

    def take(self, size: int) -> Block | None:
        """Take the best free block off its shelf, cut to size; None if none fits."""
        if size <= SMALL:
            order, most = self.small.order, CHUNK
        else:
            order, most = self.large.order, size + max(size, CHUNK)
        index = bisect_left(order, (size,))
        if index == len(order) or order[index][0] > most:
            return None
        block = order.pop(index)[2]
        block.free = False
        return self.issue(block, size)

    def issue(self, block: Block, size: int) -> Block:
        """Cut a block that is on no shelf to `size`, and ready it to be handed out."""
        chunk = block.chunk
        shelf = chunk.shelf
        left = block.size - size
        if left:
            after = block.after
            start = block.ptr + size
            block.after = rest = Block(chunk, start, left, block, after)
            if after is not None:
                after.before = rest
            block.size = size
            rest.free = True
            insort(shelf.order, (left, start, rest))
        stack = self.stacks.get(size)
        if stack is None:
            stack = self.stacks.setdefault(size, [])
        block.stack = stack
        block.dirty = shelf.dirty
        self.stamp = chunk.stamp = self.stamp + 1
        return block

    def merge(self, shelf: Shelf) -> None:
        """Take a shelf's blocks off the stacks, and put them on it, merged."""
        dirty, order = shelf.dirty, shelf.order
        while dirty:
            try:
                stack = self.stacks[dirty.pop()]
            except KeyError:  # another thread was first
                return
            while stack:
                try:
                    block = stack.pop()
                except IndexError:  # another thread was first
                    break
                size, after = block.size, block.after
                if after is not None and after.free:
                    after.free = False
                    del order[bisect_left(order, (after.size, after.ptr))]
                    size += after.size
                    block.after = after = after.after
                    if after is not None:
                        after.before = block
                before = block.before
                if before is not None and before.free:
                    del order[bisect_left(order, (before.size, before.ptr))]
                    size += before.size
                    before.after = after
                    if after is not None:
                        after.before = before
                    block = before
                block.size = size
                block.free = True
                insort(order, (size, block.ptr, block))

    def detach_unused(self, goal: int = 0) -> list[Chunk]:
        """Remove and return chunks of which no part is in use, until `goal` bytes are left.

        Those that have not been used for longest go first.
        """
        self.merge(self.small)
        self.merge(self.large)
        unused = [
            block
            for shelf in (self.small, self.large)
            for size, _, block in shelf.order
            if size == block.chunk.size
        ]
        unused.sort(key=lambda block: block.chunk.stamp)
        gone = []
        for block in unused:
            if self.total <= goal:
                break
            chunk = block.chunk
            chunk.shelf.remove(block)
            self.chunks.discard(chunk)
            self.total -= chunk.size
            gone.append(chunk)
        return gone

    def attach(self, chunk: Chunk) -> Block:
        """Add a chunk of which no part is in use; return it as a block that is on no shelf."""
        self.chunks.add(chunk)
        self.total += chunk.size
        chunk.shelf = self.small if chunk.small else self.large
        return Block(chunk, chunk.pointer.ptr, chunk.size, None, None)

    def room(self, size: int) -> int:
        """Bytes of chunks that may stay when one is added for a request of `size` bytes.

        A sixteenth more than was ever in use at one time.  A program that needs more, since its
        sizes do not fit into one another, comes back again and again without using more: then
        the sixteenth is doubled, so that it stops giving back and asking anew.
        """
        used = self.total - self.free_blocks()[1] + size
        if used > self.most:
            self.most = used
            self.since = 0
        self.since += 1
        if self.since > _PATIENCE:
            self.since = 0
            self.slack *= 2
        return int(self.most * (1 + self.slack)) - chunk_size(size)

    def free_blocks(self) -> tuple[int, int]:
        """How many blocks are free, and their bytes."""
        count, nbytes = 0, 0
        for shelf in (self.small, self.large):
            for size in tuple(shelf.dirty):
                depth = len(self.stacks[size])
                count += depth
                nbytes += depth * size
            count += len(shelf.order)
            nbytes += sum(row[0] for row in shelf.order)
        return count, nbytes
