"""Copies and fills.

A device pointer must lie, with all its bytes, within one allocation; that is
checked before anything is enqueued.  A host pointer is taken as it comes.

When an asynchronous copy returns is as in CUDA: pinned and device memory is copied in
stream order, later; pageable memory to copy from has been read by then, if need be into
a buffer between; pageable memory to copy to has been written.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable

from cuda.bindings.driver import CUresult

from ndgpu.driver.host import checks, policies
from ndgpu.driver.host.capture import Node, capture_of
from ndgpu.driver.host.context import thread
from ndgpu.driver.host.libc import libc
from ndgpu.driver.host.memory import Block, contains, find
from ndgpu.driver.host.results import OK, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__: list[str] = []

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
# Pageable memory up to this size is copied aside, to be copied to the device later.
_STAGED = 64 << 10
# Bytes that a copy and a fill get done in a nanosecond, to tell which are short.
_COPY_RATE = 8
_FILL_RATE = 16


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


# For graphs, whose native code calls them; the fills by the width of an element.
_MEMMOVE = _address(libc.memmove)
_PLAIN = {1: _address(libc.memset), 4: _address(libc.wmemset)}


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


def _bad(block: Block | None, pointer: int, size: int, device: bool) -> bool:
    """Whether `size` bytes at a pointer into `block` may not be copied."""
    if block is None:
        return device or not pointer
    return pointer + size > block.address + block.size


def _is_host(block: Block | None) -> bool:
    return block is None or block.kind == "pinned"


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
    target, source = find(dst), find(src)
    if _bad(target, dst, size, "d" in devices):
        return _outside(call, "destination", dst, size)
    if _bad(source, src, size, "s" in devices):
        return _outside(call, "source", src, size)
    move = checks.move if checks.active else libc.memmove
    if stream.context.captures:
        capture = capture_of(call, stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            label = f"memcpy {size} bytes from {src:#x} to {dst:#x}"
            plain = None if checks.active else (_MEMMOVE, dst, src, size)
            node = Node("memcpy", label, move, (dst, src, size), plain=plain)
            return capture.add(stream, node)
    if target is None or (_is_host(target) and _is_host(source)):
        stream.wait(stream.enqueue(move, dst, src, size))
    elif source is not None:
        stream.enqueue(move, dst, src, size, cost=size // _COPY_RATE)
    elif not stream.attempt(move, dst, src, size):
        if size <= _STAGED or not policies.current.threads:
            stream.enqueue(move, dst, ctypes.string_at(src, size), size)
        else:
            stream.wait(stream.enqueue(move, dst, src, size))
    return stream.context.refuse() if stream.context.error is not None else OK


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


_FILLS: dict[int, Callable[..., object]] = {1: libc.memset, 2: _fill16, 4: _fill32}


def _fill_now(pointer: int, value: int, count: int, width: int) -> None:
    """Fill as a node of a graph does."""
    _FILLS[width](pointer, value, count)
    if checks.active:
        checks.fill(pointer, count * width)


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
    value &= (1 << 8 * width) - 1
    if stream.context.captures:
        capture = capture_of(call, stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            label = f"memset {count * width} bytes at {pointer:#x} to {value:#x}"
            plain = None
            if width in _PLAIN and not checks.active:
                plain = (_PLAIN[width], pointer, value, count)
            node = Node("memset", label, _fill_now, (pointer, value, count, width), plain=plain)
            return capture.add(stream, node)
    cost = count * width // _FILL_RATE
    stream.enqueue(_FILLS[width], pointer, value, count, cost=cost)
    if checks.active:
        stream.enqueue(checks.fill, pointer, count * width)
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
