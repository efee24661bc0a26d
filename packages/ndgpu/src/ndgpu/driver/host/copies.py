"""Copies and fills.

A device pointer must lie, with all its bytes, within one allocation; that is
checked before anything is enqueued.  A host pointer is taken as it comes.
"""

from __future__ import annotations

from cuda.bindings.driver import CUresult

from ndgpu.driver.host.context import thread
from ndgpu.driver.host.libc import libc
from ndgpu.driver.host.memory import contains, find
from ndgpu.driver.host.results import OK, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__: list[str] = []

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE


def _outside(call: str, role: str, pointer: int, size: int) -> tuple:
    block = find(pointer)
    if block is None:
        where = "is in no allocation of a device"
    else:
        where = (
            f"is at byte {pointer - block.address} of an allocation of {block.size} bytes "
            f"on host device {block.device.ordinal}"
        )
    return fail(_INVALID, f"{call}: the {role} of {size} bytes at {pointer:#x} {where}")


def _past_end(pointer: int, size: int) -> bool:
    """Whether a pointer of either kind starts in an allocation and leaves it."""
    block = find(pointer)
    return block is not None and pointer + size > block.address + block.size


def _copy(call: str, dst: int, src: int, size: int, hStream: int, devices: str) -> tuple:
    """Check and enqueue; `devices` tells which of "d" and "s" must be device pointers."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream(call, hStream)
    if size <= 0:
        return OK if size == 0 else fail(_INVALID, f"{call}: a size of {size} bytes")
    if not contains(dst, size) and ("d" in devices or not dst or _past_end(dst, size)):
        return _outside(call, "destination", dst, size)
    if not contains(src, size) and ("s" in devices or not src or _past_end(src, size)):
        return _outside(call, "source", src, size)
    stream.enqueue(libc.memmove, dst, src, size)
    return OK


def _finish(result: tuple) -> tuple:
    """Wait for the copy or fill on the default stream that `result` tells of."""
    if result is OK:
        context = thread.context
        context.streams[0].synchronize()
        if context.error is not None:
            return context.refuse()
    return result


def cuMemcpyHtoDAsync(dstDevice: int, srcHost: int, ByteCount: int, hStream: int) -> tuple:
    """Copy from the host to a device in stream order."""
    return _copy("cuMemcpyHtoDAsync", dstDevice, srcHost, ByteCount, hStream, "d")


def cuMemcpyDtoHAsync(dstHost: int, srcDevice: int, ByteCount: int, hStream: int) -> tuple:
    """Copy from a device to the host in stream order."""
    return _copy("cuMemcpyDtoHAsync", dstHost, srcDevice, ByteCount, hStream, "s")


def cuMemcpyDtoDAsync(dstDevice: int, srcDevice: int, ByteCount: int, hStream: int) -> tuple:
    """Copy between allocations of devices in stream order."""
    return _copy("cuMemcpyDtoDAsync", dstDevice, srcDevice, ByteCount, hStream, "ds")


def cuMemcpyAsync(dst: int, src: int, ByteCount: int, hStream: int) -> tuple:
    """Copy between any two pointers in stream order."""
    return _copy("cuMemcpyAsync", dst, src, ByteCount, hStream, "")


def cuMemcpyPeerAsync(
    dstDevice: int, dstContext: int, srcDevice: int, srcContext: int, ByteCount: int, hStream: int
) -> tuple:
    """Copy from one device to another in stream order."""
    for pointer, handle in ((dstDevice, dstContext), (srcDevice, srcContext)):
        block = find(pointer)
        if ByteCount and block is not None and block.device.context.handle != handle:
            detail = (
                f"cuMemcpyPeerAsync: {pointer:#x} is on host device {block.device.ordinal}, "
                "and the context given is another device's"
            )
            return fail(_INVALID, detail)
    return _copy("cuMemcpyPeerAsync", dstDevice, srcDevice, ByteCount, hStream, "ds")


def cuMemcpyHtoD(dstDevice: int, srcHost: int, ByteCount: int) -> tuple:
    """Copy from the host to a device, and wait."""
    return _finish(cuMemcpyHtoDAsync(dstDevice, srcHost, ByteCount, 0))


def cuMemcpyDtoH(dstHost: int, srcDevice: int, ByteCount: int) -> tuple:
    """Copy from a device to the host, and wait."""
    return _finish(cuMemcpyDtoHAsync(dstHost, srcDevice, ByteCount, 0))


def cuMemcpyDtoD(dstDevice: int, srcDevice: int, ByteCount: int) -> tuple:
    """Copy between allocations of devices, and wait."""
    return _finish(cuMemcpyDtoDAsync(dstDevice, srcDevice, ByteCount, 0))


def cuMemcpy(dst: int, src: int, ByteCount: int) -> tuple:
    """Copy between any two pointers, and wait."""
    return _finish(cuMemcpyAsync(dst, src, ByteCount, 0))


def cuMemcpyPeer(
    dstDevice: int, dstContext: int, srcDevice: int, srcContext: int, ByteCount: int
) -> tuple:
    """Copy from one device to another, and wait."""
    return _finish(cuMemcpyPeerAsync(dstDevice, dstContext, srcDevice, srcContext, ByteCount, 0))


def _fill16(pointer: int, value: int, count: int) -> None:
    """Fill by 32 bits at a time, and a 16-bit element before and after where one is left."""
    head = min(count, (pointer >> 1) & 1)
    pairs, tail = divmod(count - head, 2)
    pattern = value.to_bytes(2, "little")
    if head:
        libc.memmove(pointer, pattern, 2)
    libc.wmemset(pointer + 2 * head, _signed(value * 0x10001), pairs)
    if tail:
        libc.memmove(pointer + 2 * (count - 1), pattern, 2)


def _fill32(pointer: int, value: int, count: int) -> None:
    libc.wmemset(pointer, _signed(value), count)


def _signed(value: int) -> int:
    return value - (1 << 32) if value >> 31 else value


_FILLS = {1: libc.memset, 2: _fill16, 4: _fill32}


def _fill(call: str, pointer: int, value: int, count: int, width: int, hStream: int) -> tuple:
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream(call, hStream)
    if count <= 0:
        return OK if count == 0 else fail(_INVALID, f"{call}: a count of {count} elements")
    if pointer % width:
        return fail(_INVALID, f"{call}: {pointer:#x} is not aligned to {width} bytes")
    if not contains(pointer, count * width):
        return _outside(call, "destination", pointer, count * width)
    stream.enqueue(_FILLS[width], pointer, value & ((1 << 8 * width) - 1), count)
    return OK


def cuMemsetD8Async(dstDevice: int, uc: int, N: int, hStream: int) -> tuple:
    """Fill `N` bytes in stream order."""
    return _fill("cuMemsetD8Async", dstDevice, uc, N, 1, hStream)


def cuMemsetD16Async(dstDevice: int, us: int, N: int, hStream: int) -> tuple:
    """Fill `N` 16-bit elements in stream order."""
    return _fill("cuMemsetD16Async", dstDevice, us, N, 2, hStream)


def cuMemsetD32Async(dstDevice: int, ui: int, N: int, hStream: int) -> tuple:
    """Fill `N` 32-bit elements in stream order."""
    return _fill("cuMemsetD32Async", dstDevice, ui, N, 4, hStream)


def cuMemsetD8(dstDevice: int, uc: int, N: int) -> tuple:
    """Fill `N` bytes, and wait."""
    return _finish(cuMemsetD8Async(dstDevice, uc, N, 0))


def cuMemsetD16(dstDevice: int, us: int, N: int) -> tuple:
    """Fill `N` 16-bit elements, and wait."""
    return _finish(cuMemsetD16Async(dstDevice, us, N, 0))


def cuMemsetD32(dstDevice: int, ui: int, N: int) -> tuple:
    """Fill `N` 32-bit elements, and wait."""
    return _finish(cuMemsetD32Async(dstDevice, ui, N, 0))
