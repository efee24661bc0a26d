"""Memory of the host devices, and the one address space that they share.

A device pointer is a host address.  Every allocation is known by its range, so
that a copy past its end, a free of what is not an allocation, and a question
about a pointer (`cuPointerGetAttribute`) are answered exactly.  Blocks are
aligned to 256 bytes at least; fresh memory is filled with 0xFF, which is NaN
in every floating-point type and -1 in every integer type.
"""

from __future__ import annotations

import bisect
import ctypes
import itertools
import mmap
from collections.abc import Callable
from typing import Any

from cuda.bindings.driver import CUmemorytype, CUpointer_attribute, CUresult

from ndgpu.driver.host import checks
from ndgpu.driver.host import context as contexts
from ndgpu.driver.host.capture import unsafe
from ndgpu.driver.host.context import Context, Device, lock, thread
from ndgpu.driver.host.libc import libc
from ndgpu.driver.host.queues import Queue
from ndgpu.driver.host.results import OK, SUCCESS, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__ = [
    "Block",
    "allocate",
    "allocate_for",
    "contains",
    "fill_fresh",
    "find",
    "find_for",
    "free",
]

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
_ALIGN = 256
_HUGE = 2 << 20
# Filling costs 1.5 ms for 40 MB, once per block that the pool above asks for.  Of a block past
# this size the rest stays as mapped (zeros), so that to hold it costs nothing until it is used.
_POISONED = 256 << 20
_MADV_HUGEPAGE = getattr(mmap, "MADV_HUGEPAGE", 0)
_MAP_FAILED = ctypes.c_void_p(-1).value

_ids = itertools.count(1)


class Block:
    """One allocation: where it is, how large, whose, and of which kind.

    From the call that frees it on it is `freed`: no later call may use it, though work that
    was enqueued before still does until it is released.
    """

    __slots__ = ("address", "base", "device", "freed", "id", "kind", "length", "pool", "size")

    def __init__(
        self, address: int, size: int, kind: str, device: Device, base: int, length: int
    ) -> None:
        self.address = address
        self.size = size
        self.kind = kind
        self.device = device
        self.id = next(_ids)
        self.freed = False
        self.pool: Any = None  # of stream-ordered memory, where it goes when it is freed
        # What the system gave, where that is a mapping of its own; 0 if it is the C heap's.
        self.base = base
        self.length = length

    def release(self) -> None:
        """Take the allocation out of the tables and give its memory back; once is enough."""
        with lock:
            if _blocks.get(self.address) is not self:
                return
            del _blocks[self.address]
            del _starts[bisect.bisect_left(_starts, self.address)]
            del self.device.blocks[self.address]
            if self.kind != "pinned":
                self.device.used -= self.size
            if self.pool is not None:
                self.pool.reserved -= self.size
        if self.base == checks.ARENA:
            checks.release(self.address)
        elif self.base:
            libc.munmap(self.base, self.length)
        else:
            libc.free(self.address)


# The allocations of all devices in order of address.
_starts: list[int] = []
_blocks: dict[int, Block] = {}


def find(pointer: int) -> Block | None:
    """Return the allocation that `pointer` points into, if there is one."""
    with lock:
        index = bisect.bisect_right(_starts, pointer) - 1
        if index < 0:
            return None
        block = _blocks[_starts[index]]
    return block if pointer - block.address < block.size and not block.freed else None


def contains(pointer: int, size: int) -> bool:
    """Whether the `size` bytes at `pointer` lie within one allocation."""
    block = find(pointer)
    return block is not None and pointer + size <= block.address + block.size


def fill_fresh(address: int, size: int) -> None:
    """Give fresh memory the bytes that show that nobody wrote it."""
    libc.memset(address, 0xFF, min(size, _POISONED))


def _obtain(size: int) -> tuple[int, int, int]:
    """Return address, base and length of fresh memory; the address is 0 if there is none."""
    if size < _HUGE:
        address = libc.aligned_alloc(_ALIGN, (size + _ALIGN - 1) & -_ALIGN) or 0
        if address:
            fill_fresh(address, size)
        return address, 0, 0
    length = size + _HUGE
    base = libc.mmap(
        None,
        length,
        mmap.PROT_READ | mmap.PROT_WRITE,
        mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS,
        -1,
        0,
    )
    if base is None or base == _MAP_FAILED:
        return 0, 0, 0
    address = (base + _HUGE - 1) & -_HUGE
    if _MADV_HUGEPAGE:  # 500 times fewer page faults; an answer of "no" changes nothing
        libc.madvise(address, size, _MADV_HUGEPAGE)
    fill_fresh(address, size)
    return address, base, length


def allocate(size: int, kind: str, device: Device) -> Block | None:
    """Allocate `size` > 0 bytes; None if the device's limit or the machine's memory is reached.

    `kind` is ``"device"``, ``"managed"``, ``"graph"`` (there as long as a graph that allocates
    it), ``"variable"`` (a module's) or ``"pinned"``; the last is not counted as the device's
    memory.
    """
    charge = 0 if kind == "pinned" else size
    with lock:
        if device.used + charge > device.memory:
            return None
        device.used += charge
    address, base, length = checks.obtain(size, kind) if checks.guarded() else _obtain(size)
    with lock:
        if not address:
            device.used -= charge
            return None
        block = Block(address, size, kind, device, base, length)
        _blocks[address] = device.blocks[address] = block
        bisect.insort(_starts, address)
    return block


def allocate_for(call: str, context: Context, size: int, kind: str) -> tuple:
    if size <= 0:
        return fail(_INVALID, f"{call}: a size of {size} bytes is not positive", 1)
    device = context.device
    block = allocate(size, kind, device)
    if block is None and device.context.active and device.context.synchronize():
        block = allocate(size, kind, device)  # what was to be freed in stream order is by now
    if block is None:
        return fail(
            CUresult.CUDA_ERROR_OUT_OF_MEMORY,
            f"{call}: {size} bytes wanted; {device.used} of the {device.memory} bytes of "
            f"host device {device.ordinal} are in use (NDGPU_HOST_MEMORY sets the limit)",
            1,
        )
    return SUCCESS, block.address


def find_for(call: str, pointer: int, kinds: tuple[str, ...]) -> Block | tuple:
    with lock:
        block = _blocks.get(pointer)
    if block is None or block.freed or block.kind not in kinds:
        wanted = " or ".join(kinds)
        detail = (
            f"{call}: {pointer:#x} is not the start of {wanted} memory, or has been freed already"
            + checks.freed_before(pointer)
        )
        return fail(_INVALID, detail)
    return block


def free(block: Block, context: Context) -> None:
    """Free memory once all work that may use it has run."""
    block.freed = True
    if context.synchronize() and block.device.context.synchronize():
        block.release()
        return
    # A finaliser in the midst of such work cannot wait; this queue of its own will.
    with lock:
        points = tuple([(queue, queue.submitted) for queue in block.device.context.active])
    Queue(context, blocking=False).enqueue(block.release, unconditional=True, after=points)


def cuMemGetInfo() -> tuple:
    """Return ``(CUresult, free, total)`` bytes of the current device."""
    context = thread.context
    if context.error is not None:
        return context.refuse(2)
    return SUCCESS, context.device.memory - context.device.used, context.device.memory


def cuMemAlloc(bytesize: int) -> tuple:
    """Return ``(CUresult, pointer)`` of fresh memory of the current device."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if (refusal := unsafe("cuMemAlloc", 1)) is not None:
        return refusal
    return allocate_for("cuMemAlloc", context, bytesize, "device")


def cuMemFree(dptr: int) -> tuple:
    """Free device memory once the work that may use it is done; 0 is allowed."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    if dptr == 0:
        return OK
    if (refusal := unsafe("cuMemFree")) is not None:
        return refusal
    block = find_for("cuMemFree", dptr, ("device", "managed", "graph"))
    if isinstance(block, tuple):
        return block
    if block.kind == "graph":  # the next launch of the graph has it again
        return OK
    free(block, context)
    return OK


def cuMemAllocHost(bytesize: int) -> tuple:
    """Return ``(CUresult, pointer)`` of pinned memory, which every device can use."""
    return cuMemHostAlloc(bytesize, 0)


def cuMemHostAlloc(bytesize: int, Flags: int) -> tuple:
    """Return ``(CUresult, pointer)`` of pinned memory; all of it is portable and mapped."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if not 0 <= Flags < 8:
        return fail(_INVALID, f"cuMemHostAlloc: flags {Flags:#x} are not known", 1)
    if (refusal := unsafe("cuMemHostAlloc", 1)) is not None:
        return refusal
    return allocate_for("cuMemHostAlloc", context, bytesize, "pinned")


def cuMemFreeHost(p: int) -> tuple:
    """Free pinned memory."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    if (refusal := unsafe("cuMemFreeHost")) is not None:
        return refusal
    block = find_for("cuMemFreeHost", p, ("pinned",))
    if isinstance(block, tuple):
        return block
    free(block, context)
    return OK


def cuMemAllocManaged(bytesize: int, flags: int) -> tuple:
    """Return ``(CUresult, pointer)`` of memory that host and devices share."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if flags not in (1, 2):  # CU_MEM_ATTACH_GLOBAL, CU_MEM_ATTACH_HOST
        return fail(_INVALID, f"cuMemAllocManaged: flags must be 1 or 2, not {flags}", 1)
    if (refusal := unsafe("cuMemAllocManaged", 1)) is not None:
        return refusal
    return allocate_for("cuMemAllocManaged", context, bytesize, "managed")


def _managed(call: str, pointer: int, count: int, device: int) -> tuple:
    """Check what is said about a piece of managed memory; there is nothing to do."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    block = find(pointer)
    if block is None or block.kind != "managed" or not contains(pointer, count) or count <= 0:
        detail = f"{call}: {count} bytes at {pointer:#x} are not within managed memory"
        return fail(_INVALID, detail)
    if not -1 <= device < len(contexts.devices):
        detail = f"{call}: there is no host device {device}"
        return fail(CUresult.CUDA_ERROR_INVALID_DEVICE, detail)
    return OK


def cuMemPrefetchAsync(devPtr: int, count: int, dstDevice: int, hStream: int) -> tuple:
    """Move managed memory to a device, -1 for the host; here it is everywhere already."""
    if find_stream(hStream, thread.context) is None:
        return bad_stream("cuMemPrefetchAsync", hStream)
    return _managed("cuMemPrefetchAsync", devPtr, count, dstDevice)


def cuMemAdvise(devPtr: int, count: int, advice: int, device: int) -> tuple:
    """Be told how managed memory will be used."""
    if not 1 <= int(advice) <= 6:
        return fail(_INVALID, f"cuMemAdvise: {advice!r} is no advice")
    return _managed("cuMemAdvise", devPtr, count, device)


_ATTRIBUTE = CUpointer_attribute
_POINTER_ATTRIBUTES: dict[int, Callable[[Block, int], Any]] = {
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_CONTEXT): lambda b, p: b.device.context.handle,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_MEMORY_TYPE): lambda b, p: (
        CUmemorytype.CU_MEMORYTYPE_HOST if b.kind == "pinned" else CUmemorytype.CU_MEMORYTYPE_DEVICE
    ),
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_DEVICE_POINTER): lambda b, p: p,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_HOST_POINTER): lambda b, p: p,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_SYNC_MEMOPS): lambda b, p: False,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_BUFFER_ID): lambda b, p: b.id,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_IS_MANAGED): lambda b, p: b.kind == "managed",
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL): lambda b, p: b.device.ordinal,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE): lambda b, p: False,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR): lambda b, p: b.address,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_RANGE_SIZE): lambda b, p: b.size,
    int(_ATTRIBUTE.CU_POINTER_ATTRIBUTE_MAPPED): lambda b, p: True,
}


def cuPointerGetAttribute(attribute: int, ptr: int) -> tuple:
    """Return ``(CUresult, value)`` for a pointer anywhere into an allocation."""
    answer = _POINTER_ATTRIBUTES.get(attribute)
    if answer is None:
        detail = f"cuPointerGetAttribute: the host device has no answer to {attribute!r}"
        return fail(_INVALID, detail, 1)
    block = find(ptr)
    if block is None:
        detail = f"cuPointerGetAttribute: {ptr:#x} is in no allocation of a device"
        return fail(_INVALID, detail, 1)
    return SUCCESS, answer(block, ptr)
