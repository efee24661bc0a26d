"""Functions of CUDA's runtime, by the names that CuPy's users know, for programs that need them.

Handles and pointers are ints, sizes are bytes, an error raises `CUDARuntimeError`.  The functions
stand on the driver's API, as everything in ndgpu does.

Examples
--------
>>> from ndgpu.cuda import runtime
>>> runtime.getDeviceProperties(0)["warpSize"]
32
>>> pointer = runtime.malloc(100)
>>> runtime.memset(pointer, 1, 100)
>>> runtime.free(pointer)
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ndgpu import driver
from ndgpu.cuda.properties import getDeviceProperties
from ndgpu.runtime import (
    CUDADriverError,
    Device,
    check,
    context,
    current_device_id,
    device_count,
)
from ndgpu.runtime.event import query
from ndgpu.runtime.stream import launch_host_func

__all__ = [
    "CUDARuntimeError",
    "PointerAttributes",
    "cudaMemAttachGlobal",
    "cudaMemAttachHost",
    "deviceCanAccessPeer",
    "deviceDisablePeerAccess",
    "deviceEnablePeerAccess",
    "deviceGetAttribute",
    "deviceGetByPCIBusId",
    "deviceGetDefaultMemPool",
    "deviceGetMemPool",
    "deviceGetPCIBusId",
    "deviceSetMemPool",
    "deviceSynchronize",
    "driverGetVersion",
    "eventBlockingSync",
    "eventCreate",
    "eventCreateWithFlags",
    "eventDefault",
    "eventDestroy",
    "eventDisableTiming",
    "eventElapsedTime",
    "eventInterprocess",
    "eventQuery",
    "eventRecord",
    "eventSynchronize",
    "free",
    "freeAsync",
    "freeHost",
    "getDevice",
    "getDeviceCount",
    "getDeviceProperties",
    "hostAlloc",
    "hostAllocDefault",
    "hostAllocMapped",
    "hostAllocPortable",
    "hostAllocWriteCombined",
    "is_hip",
    "launchHostFunc",
    "malloc",
    "mallocAsync",
    "mallocFromPoolAsync",
    "mallocManaged",
    "memGetInfo",
    "memPoolCreate",
    "memPoolDestroy",
    "memPoolGetAttribute",
    "memPoolSetAttribute",
    "memPoolTrimTo",
    "memcpy",
    "memcpyAsync",
    "memcpyDefault",
    "memcpyDeviceToDevice",
    "memcpyDeviceToHost",
    "memcpyHostToDevice",
    "memcpyHostToHost",
    "memcpyPeer",
    "memcpyPeerAsync",
    "memoryTypeDevice",
    "memoryTypeHost",
    "memoryTypeManaged",
    "memoryTypeUnregistered",
    "memset",
    "memsetAsync",
    "pointerGetAttributes",
    "profilerStart",
    "profilerStop",
    "runtimeGetVersion",
    "setDevice",
    "streamAddCallback",
    "streamBeginCapture",
    "streamCaptureModeGlobal",
    "streamCaptureModeRelaxed",
    "streamCaptureModeThreadLocal",
    "streamCaptureStatusActive",
    "streamCaptureStatusInvalidated",
    "streamCaptureStatusNone",
    "streamCreate",
    "streamCreateWithFlags",
    "streamDefault",
    "streamDestroy",
    "streamEndCapture",
    "streamIsCapturing",
    "streamLegacy",
    "streamNonBlocking",
    "streamPerThread",
    "streamQuery",
    "streamSynchronize",
    "streamWaitEvent",
]  # fmt: skip

CUDARuntimeError = CUDADriverError
"""What a call that failed raises; `status` is the driver's code."""

is_hip = False

memcpyHostToHost, memcpyHostToDevice, memcpyDeviceToHost, memcpyDeviceToDevice = 0, 1, 2, 3
memcpyDefault = 4
hostAllocDefault, hostAllocPortable, hostAllocMapped, hostAllocWriteCombined = 0, 1, 2, 4
streamDefault, streamNonBlocking = 0, 1
streamLegacy, streamPerThread = 1, 2
eventDefault, eventBlockingSync, eventDisableTiming, eventInterprocess = 0, 1, 2, 4
cudaMemAttachGlobal, cudaMemAttachHost = 1, 2
memoryTypeUnregistered, memoryTypeHost, memoryTypeDevice, memoryTypeManaged = 0, 1, 2, 3
streamCaptureModeGlobal, streamCaptureModeThreadLocal, streamCaptureModeRelaxed = 0, 1, 2
streamCaptureStatusNone, streamCaptureStatusActive, streamCaptureStatusInvalidated = 0, 1, 2

# The driver and the devices.


def driverGetVersion() -> int:
    """Return the version that the driver supports: 1000 times the major plus 10 times the minor."""
    return int(check(driver.cuDriverGetVersion()))


def runtimeGetVersion() -> int:
    """Return the version of the compiler that is used, numbered as `driverGetVersion`.

    ndgpu uses no runtime library of CUDA; NVRTC decides what kernels can be written.
    """
    from cuda.bindings import nvrtc

    code, major, minor = nvrtc.nvrtcVersion()
    if code != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(f"nvrtcVersion failed with {code.name}")
    return 1000 * int(major) + 10 * int(minor)


def getDevice() -> int:
    """Return the ordinal of this thread's current device."""
    return current_device_id()


def setDevice(device: int) -> None:
    """Make a device current in this thread."""
    Device(device).use()


def getDeviceCount() -> int:
    """Return how many devices there are."""
    return device_count()


def deviceGetAttribute(attrib: int, device: int) -> int:
    """Return an attribute of a device, by its number in ``CUdevice_attribute``."""
    context.device_count()
    return int(check(driver.cuDeviceGetAttribute(driver.CUdevice_attribute(attrib), device)))


def deviceGetByPCIBusId(pciBusId: str) -> int:
    """Return the ordinal of the device at a position such as ``0000:3b:00.0``."""
    return Device.from_pci_bus_id(pciBusId).id


def deviceGetPCIBusId(device: int) -> str:
    """Return where a device sits, such as ``0000:3B:00.0``."""
    return Device(device).pci_bus_id


def deviceSynchronize() -> None:
    """Wait for all work given to the current device."""
    Device().synchronize()


def deviceCanAccessPeer(device: int, peerDevice: int) -> int:
    """Return 1 if kernels of a device can use the memory of another, else 0."""
    return int(Device(device).can_access_peer(peerDevice))


def deviceEnablePeerAccess(peerDevice: int) -> None:
    """Let kernels of the current device use the memory of another one.

    Raises
    ------
    CUDARuntimeError
        If they can already, or cannot at all.
    """
    Device().enable_peer_access(peerDevice)


def deviceDisablePeerAccess(peerDevice: int) -> None:
    """Undo `deviceEnablePeerAccess`."""
    Device().disable_peer_access(peerDevice)


# Memory.


def memGetInfo() -> tuple[int, int]:
    """Return the free and total bytes of the current device."""
    return Device().mem_info


def malloc(size: int) -> int:
    """Allocate on the current device, and return the address; `free` gives it back."""
    current_device_id()
    return int(check(driver.cuMemAlloc(size)))


def mallocManaged(size: int, flags: int = cudaMemAttachGlobal) -> int:
    """Allocate memory that the processor and all devices share, and return the address."""
    current_device_id()
    return int(check(driver.cuMemAllocManaged(size, flags)))


def mallocAsync(size: int, stream: int) -> int:
    """Allocate in the order of a stream, and return the address."""
    current_device_id()
    return int(check(driver.cuMemAllocAsync(size, stream)))


def mallocFromPoolAsync(size: int, pool: int, stream: int) -> int:
    """Allocate from one of the driver's pools in the order of a stream; return the address."""
    current_device_id()
    return int(check(driver.cuMemAllocFromPoolAsync(size, pool, stream)))


def hostAlloc(size: int, flags: int = hostAllocDefault) -> int:
    """Allocate pinned memory of the host, and return the address."""
    current_device_id()
    return int(check(driver.cuMemHostAlloc(size, flags)))


def free(ptr: int) -> None:
    """Give back what `malloc` or `mallocManaged` returned, after all work that may use it."""
    current_device_id()
    check(driver.cuMemFree(ptr))


def freeAsync(ptr: int, stream: int) -> None:
    """Give memory back in the order of a stream."""
    current_device_id()
    check(driver.cuMemFreeAsync(ptr, stream))


def freeHost(ptr: int) -> None:
    """Give back what `hostAlloc` returned."""
    current_device_id()
    check(driver.cuMemFreeHost(ptr))


def memcpy(dst: int, src: int, size: int, kind: int = memcpyDefault) -> None:
    """Copy, and wait; the addresses tell where the memory is, and `kind` need not."""
    memcpyAsync(dst, src, size, kind, 0)
    check(driver.cuStreamSynchronize(0))


def memcpyAsync(dst: int, src: int, size: int, kind: int, stream: int) -> None:
    """Copy in the order of a stream."""
    current_device_id()
    if kind not in range(5):
        raise ValueError(f"memcpyAsync: `kind` must be from 0 to 4, got {kind}")
    calls: dict[int, Callable[..., Any]] = {
        memcpyHostToDevice: driver.cuMemcpyHtoDAsync,
        memcpyDeviceToHost: driver.cuMemcpyDtoHAsync,
        memcpyDeviceToDevice: driver.cuMemcpyDtoDAsync,
    }
    check(calls.get(kind, driver.cuMemcpyAsync)(dst, src, size, stream))


def memcpyPeer(dst: int, dstDevice: int, src: int, srcDevice: int, size: int) -> None:
    """Copy from one device to another, and wait."""
    memcpyPeerAsync(dst, dstDevice, src, srcDevice, size, 0)
    check(driver.cuStreamSynchronize(0))


def memcpyPeerAsync(
    dst: int, dstDevice: int, src: int, srcDevice: int, size: int, stream: int
) -> None:
    """Copy from one device to another in the order of a stream."""
    current_device_id()
    into, out = context.context_of(dstDevice), context.context_of(srcDevice)
    check(driver.cuMemcpyPeerAsync(dst, into, src, out, size, stream))


def memset(ptr: int, value: int, size: int) -> None:
    """Fill with a byte, in the order of the null stream."""
    memsetAsync(ptr, value, size, 0)


def memsetAsync(ptr: int, value: int, size: int, stream: int) -> None:
    """Fill with a byte in the order of a stream."""
    current_device_id()
    check(driver.cuMemsetD8Async(ptr, value & 0xFF, size, stream))


class PointerAttributes:
    """What `pointerGetAttributes` found.

    Attributes
    ----------
    device : int
        The ordinal; -1 for memory that CUDA does not know.
    devicePointer, hostPointer : int
        The address for kernels and for the processor; 0 where there is none.
    type : int
        One of ``memoryType...``.
    """

    def __init__(self, device: int, devicePointer: int, hostPointer: int, type: int) -> None:
        self.device = device
        self.devicePointer = devicePointer
        self.hostPointer = hostPointer
        self.type = type

    def __repr__(self) -> str:
        return (
            f"PointerAttributes(device={self.device}, devicePointer={self.devicePointer:#x}, "
            f"hostPointer={self.hostPointer:#x}, type={self.type})"
        )


def pointerGetAttributes(ptr: int) -> PointerAttributes:
    """Tell where the memory at an address is.

    Examples
    --------
    >>> import ndgpu as xp
    >>> found = xp.cuda.runtime.pointerGetAttributes(xp.ones(3).data.ptr)
    >>> found.device, found.type == xp.cuda.runtime.memoryTypeDevice
    (0, True)
    """
    current_device_id()
    kinds = driver.CUpointer_attribute

    def ask(name: str) -> Any:
        code, answer = driver.cuPointerGetAttribute(
            getattr(kinds, f"CU_POINTER_ATTRIBUTE_{name}"), ptr
        )
        return None if code else answer

    kind = ask("MEMORY_TYPE")
    if kind is None:
        return PointerAttributes(-1, 0, int(ptr), memoryTypeUnregistered)
    where = memoryTypeManaged if ask("IS_MANAGED") else int(kind)
    host = 0 if where == memoryTypeDevice else int(ask("HOST_POINTER") or 0)
    return PointerAttributes(
        int(ask("DEVICE_ORDINAL")), int(ask("DEVICE_POINTER") or 0), host, where
    )


# The driver's pools.


def deviceGetDefaultMemPool(device: int) -> int:
    """Return the pool that a device had from the beginning."""
    context.device_count()
    return int(check(driver.cuDeviceGetDefaultMemPool(device)))


def deviceGetMemPool(device: int) -> int:
    """Return the pool that `mallocAsync` uses."""
    context.device_count()
    return int(check(driver.cuDeviceGetMemPool(device)))


def deviceSetMemPool(device: int, pool: int) -> None:
    """Let `mallocAsync` use another pool."""
    context.device_count()
    check(driver.cuDeviceSetMemPool(device, pool))


def memPoolCreate(properties: Any) -> int:
    """Return a new pool, of ``driver.CUmemPoolProps``."""
    context.device_count()
    return int(check(driver.cuMemPoolCreate(properties)))


def memPoolDestroy(pool: int) -> None:
    """Destroy a pool; what is allocated from it stays until it is given back."""
    check(driver.cuMemPoolDestroy(pool))


def memPoolTrimTo(pool: int, size: int) -> None:
    """Give unused memory back to the device until the pool holds at most `size` bytes."""
    check(driver.cuMemPoolTrimTo(pool, size))


def memPoolGetAttribute(pool: int, attr: int) -> int:
    """Return an attribute, by its number in ``CUmemPool_attribute``."""
    return int(check(driver.cuMemPoolGetAttribute(pool, driver.CUmemPool_attribute(attr))))


def memPoolSetAttribute(pool: int, attr: int, value: int) -> None:
    """Set an attribute, by its number in ``CUmemPool_attribute``."""
    check(driver.cuMemPoolSetAttribute(pool, driver.CUmemPool_attribute(attr), value))


# Streams and events.


def streamCreate() -> int:
    """Return the handle of a new stream; `streamDestroy` ends it."""
    return streamCreateWithFlags(streamDefault)


def streamCreateWithFlags(flags: int) -> int:
    """Return the handle of a new stream of a certain kind."""
    current_device_id()
    return int(check(driver.cuStreamCreate(flags)))


def streamDestroy(stream: int) -> None:
    """Destroy a stream; what it was given still runs."""
    check(driver.cuStreamDestroy(stream))


def streamSynchronize(stream: int) -> None:
    """Wait for all work given to a stream."""
    current_device_id()
    check(driver.cuStreamSynchronize(stream))


def streamQuery(stream: int) -> bool:
    """Tell whether all work given to a stream is complete."""
    current_device_id()
    return query(driver.cuStreamQuery(stream))


def streamWaitEvent(stream: int, event: int, flags: int = 0) -> None:
    """Let what a stream is given from now on wait for an event."""
    current_device_id()
    check(driver.cuStreamWaitEvent(stream, event, flags))


def streamAddCallback(
    stream: int, callback: Callable[[int, int, Any], object], arg: Any = None
) -> None:
    """Call ``callback(stream, status, arg)`` when a stream comes to this point."""
    launch_host_func(stream, lambda _: callback(stream, 0, arg), None)


def launchHostFunc(stream: int, callback: Callable[[Any], object], arg: Any = None) -> None:
    """Call ``callback(arg)`` when a stream comes to this point."""
    launch_host_func(stream, callback, arg)


def streamBeginCapture(stream: int, mode: int = streamCaptureModeRelaxed) -> None:
    """Take down what a stream is given; `Stream.begin_capture` also sees to the memory."""
    current_device_id()
    check(driver.cuStreamBeginCapture(stream, driver.CUstreamCaptureMode(mode)))


def streamEndCapture(stream: int) -> int:
    """End a capture, and return the handle of the graph, which is the caller's."""
    current_device_id()
    return int(check(driver.cuStreamEndCapture(stream)))


def streamIsCapturing(stream: int) -> bool:
    """Tell whether what a stream is given is taken down."""
    current_device_id()
    return bool(check(driver.cuStreamIsCapturing(stream)))


def eventCreate() -> int:
    """Return the handle of a new event; `eventDestroy` ends it."""
    return eventCreateWithFlags(eventDefault)


def eventCreateWithFlags(flags: int) -> int:
    """Return the handle of a new event of a certain kind."""
    current_device_id()
    return int(check(driver.cuEventCreate(flags)))


def eventDestroy(event: int) -> None:
    """Destroy an event."""
    check(driver.cuEventDestroy(event))


def eventElapsedTime(start: int, end: int) -> float:
    """Return the milliseconds from one event to another."""
    return float(check(driver.cuEventElapsedTime(start, end)))


def eventQuery(event: int) -> bool:
    """Tell whether the work before an event is complete."""
    return query(driver.cuEventQuery(event))


def eventRecord(event: int, stream: int) -> None:
    """Set an event behind what a stream was given."""
    current_device_id()
    check(driver.cuEventRecord(event, stream))


def eventSynchronize(event: int) -> None:
    """Wait for the work before an event."""
    check(driver.cuEventSynchronize(event))


def profilerStart() -> None:
    """Let a profiler begin to record."""
    current_device_id()
    check(driver.cuProfilerStart())


def profilerStop() -> None:
    """Let a profiler end recording."""
    current_device_id()
    check(driver.cuProfilerStop())
