"""Host devices, their primary contexts, and each thread's current context.

A context owns what was made in it (streams, events, modules, memory): when the
last user releases it, or resets it, all of that goes.  Its handle stays the
same over its whole life and after, as does a device's ordinal.

After a kernel has failed, every call that needs the context returns the same
error (`Context.error`) until the context is reset, as on a GPU.
"""

from __future__ import annotations

import itertools
import os
import threading
from typing import Any

from cuda.bindings.driver import CUresult, CUuuid

from ndgpu import config
from ndgpu.driver.host import attributes
from ndgpu.driver.host.libc import libc
from ndgpu.driver.host.results import OK, SUCCESS, fail

__all__ = ["Context", "Device", "devices", "holds_lock", "lock", "new_handle", "thread"]

lock = threading.RLock()
"""Guards the driver's tables.  Never held while a kernel, a copy or a callback runs."""

# A child process must not find the lock taken by a thread that it does not have.
os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


def holds_lock() -> bool:
    """Whether the calling thread has `lock`, or compiles: it is a finaliser in the midst of that.

    What other threads might need the lock or the compiler for, it must not wait for.
    """
    return thread.compiling or lock._is_owned()  # type: ignore[attr-defined]


_handles = itertools.count(0x10_0000, 0x10)


def new_handle() -> int:
    """Return a handle that no object had before, so that a stale one is always noticed."""
    return next(_handles)


class Context:
    """The primary context of a host device.

    Attributes
    ----------
    error : CUresult or None
        What every call in this context returns at present, if it is not for the call to say.
    detail : str
        The words that go with `error`.
    streams : dict
        The streams by handle, 0 for the legacy default stream.
    active : set
        The streams that have work in their queues, destroyed ones among them.
    turn : lock
        Whoever has it may enqueue work, or run some at once; see `queues`.
    owned : dict
        By handle, the events and modules made here; each has a ``release()``.
    peers : set of int
        Ordinals of the devices whose memory may be used from here.
    limits : dict
        What `cuCtxSetLimit` has set, by limit.
    backwards : bool
        Whether the last long launch ran its blocks from the last to the first.
    heap : Heap or None
        From which kernels allocate, once a module asks for it.
    captures : set
        The captures that streams made here take part in; see `capture`.
    """

    def __init__(self, device: Device, error: CUresult, detail: str, handle: int) -> None:
        self.device = device
        self.handle = handle
        self.error: CUresult | None = error
        self.detail = detail
        self.users = 0
        self.streams: dict[int, Any] = {}
        self.active: set[Any] = set()
        self.turn = threading.RLock()
        self.owned: dict[int, Any] = {}
        self.peers: set[int] = set()
        self.limits: dict[int, int] = {}
        self.backwards = True
        self.heap: Any = None
        self.captures: set[Any] = set()

    def refuse(self, values: int = 0) -> tuple:
        """Return the result of a call, of `values` values, that `error` rules out."""
        return fail(self.error or CUresult.CUDA_ERROR_UNKNOWN, self.detail, values)

    def poison(self, code: CUresult, detail: str) -> None:
        """Make `code` the answer to every call from now on: a kernel failed."""
        if self.error is None:
            self.error, self.detail = code, detail

    def synchronize(self) -> bool:
        """Return when the work of all streams has run.

        Returns False at once where the calling thread interrupts such work, and cannot wait.
        """
        if holds_lock():
            return False
        with self.turn:  # what another thread runs without queueing it
            pass
        return all(stream.wait(stream.submitted) for stream in list(self.active))

    def destroy(self) -> None:
        """Release all that was made here, and refuse calls until someone retains it again."""
        device = self.device
        # What waits to run sees that it may not.
        self.error = CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED
        self.detail = f"the primary context of host device {device.ordinal} is not retained"
        self.synchronize()
        for things in (self.streams, self.owned, device.blocks):  # modules free variables
            for thing in list(things.values()):
                thing.release()
        self.owned.clear()
        self.peers.clear()
        self.limits.clear()
        self.heap = None
        self.captures.clear()
        self.users = 0


class Device:
    """One host device.

    Attributes
    ----------
    ordinal : int
        Its number, which is also its handle.
    memory, used : int
        The limit on its memory and what of it is allocated, in bytes.
    blocks : dict
        Its allocations by address; each has a ``release()``.
    attributes : dict
        The answers to `cuDeviceGetAttribute`.
    context : Context
        Its primary context.
    """

    def __init__(self, ordinal: int, memory: int) -> None:
        self.ordinal = ordinal
        self.memory = memory
        self.used = 0
        self.blocks: dict[int, Any] = {}
        self.attributes = attributes.table(ordinal)
        self.context = Context(
            self,
            CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,
            f"the primary context of host device {ordinal} is not retained",
            new_handle(),
        )


class _Thread(threading.local):
    """What each thread has of its own: current contexts, and a default stream in each."""

    context = Context(
        Device(-1, 0),
        CUresult.CUDA_ERROR_INVALID_CONTEXT,
        "no context is current in this thread",
        0,
    )
    stack: tuple[Context, ...] = ()
    streams: Any = None  # see `stream.find_stream`
    compiling = False  # it has the compiler, which is for one thread at a time


thread = _Thread()
_NO_CONTEXT = thread.context
devices: list[Device] = []
_contexts: dict[int, Context] = {}


def cuInit(Flags: int) -> tuple:
    """Make the devices that ``NDGPU_HOST_DEVICES`` asks for; later calls change nothing."""
    if Flags != 0:
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, f"cuInit: flags must be 0, not {Flags}")
    with lock:
        if not devices:
            memory = config.value("NDGPU_HOST_MEMORY")
            devices.extend(Device(i, memory) for i in range(config.value("NDGPU_HOST_DEVICES")))
            _contexts.update({device.context.handle: device.context for device in devices})
    return OK


def cuDriverGetVersion() -> tuple:
    """Return ``(CUresult, 12090)``: the PTX of NVRTC 12.9 and older can be loaded."""
    return SUCCESS, 12090


def _bad_device(ordinal: int, values: int) -> tuple:
    if not devices:
        return fail(CUresult.CUDA_ERROR_NOT_INITIALIZED, "cuInit has not been called", values)
    return fail(
        CUresult.CUDA_ERROR_INVALID_DEVICE,
        f"there is no host device {ordinal}; NDGPU_HOST_DEVICES makes {len(devices)}",
        values,
    )


def _find(ordinal: int) -> Device | None:
    return devices[ordinal] if 0 <= ordinal < len(devices) else None


def cuDeviceGetCount() -> tuple:
    """Return ``(CUresult, count)``."""
    return (SUCCESS, len(devices)) if devices else _bad_device(0, 1)


def cuDeviceGet(ordinal: int) -> tuple:
    """Return ``(CUresult, device)``: the ordinal itself."""
    return _bad_device(ordinal, 1) if _find(ordinal) is None else (SUCCESS, ordinal)


def cuDeviceGetName(length: int, dev: int) -> tuple:
    """Return ``(CUresult, name)``, the name as at most ``length - 1`` bytes."""
    if _find(dev) is None:
        return _bad_device(dev, 1)
    return SUCCESS, b"ndgpu host device"[: max(length - 1, 0)]


def cuDeviceGetAttribute(attrib: int, dev: int) -> tuple:
    """Return ``(CUresult, value)``; a number that is no attribute is an invalid value."""
    device = _find(dev)
    if device is None:
        return _bad_device(dev, 1)
    value = device.attributes.get(attrib)
    if value is None:
        detail = f"cuDeviceGetAttribute: {attrib!r} is not a device attribute"
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, detail, 1)
    return SUCCESS, value


def cuDeviceTotalMem(dev: int) -> tuple:
    """Return ``(CUresult, bytes)``: ``NDGPU_HOST_MEMORY`` as it was at `cuInit`."""
    device = _find(dev)
    return _bad_device(dev, 1) if device is None else (SUCCESS, device.memory)


def cuDeviceGetUuid(dev: int) -> tuple:
    """Return ``(CUresult, CUuuid)``: "ndgpu", zeros, and the ordinal."""
    if _find(dev) is None:
        return _bad_device(dev, 1)
    uuid = CUuuid()
    libc.memmove(uuid.getPtr(), b"ndgpu".ljust(12, b"\0") + dev.to_bytes(4, "big"), 16)
    return SUCCESS, uuid


def cuDeviceGetPCIBusId(length: int, dev: int) -> tuple:
    """Return ``(CUresult, id)``: no bus, so a made-up id that tells devices apart."""
    if _find(dev) is None:
        return _bad_device(dev, 1)
    return SUCCESS, f"0000:00:{dev:02X}.0".encode()[: max(length - 1, 0)]


def cuDeviceCanAccessPeer(dev: int, peerDev: int) -> tuple:
    """Return ``(CUresult, 1)`` for two different devices, 0 for one and the same."""
    for ordinal in (dev, peerDev):
        if _find(ordinal) is None:
            return _bad_device(ordinal, 1)
    return SUCCESS, int(dev != peerDev)


def cuDevicePrimaryCtxRetain(dev: int) -> tuple:
    """Return ``(CUresult, context)``, the context made anew if nobody held it."""
    device = _find(dev)
    if device is None:
        return _bad_device(dev, 1)
    context = device.context
    with lock:
        if context.users == 0:
            context.error, context.detail = None, ""
        context.users += 1
    return SUCCESS, context.handle


def cuDevicePrimaryCtxRelease(dev: int) -> tuple:
    """Give back one retain; the last one destroys the context."""
    device = _find(dev)
    if device is None:
        return _bad_device(dev, 0)
    with lock:
        if device.context.users == 0:
            return device.context.refuse()
        device.context.users -= 1
        last = device.context.users == 0
    if last:
        device.context.destroy()
    return OK


def cuDevicePrimaryCtxReset(dev: int) -> tuple:
    """Destroy the context whoever holds it; after that, retain it for a clean one."""
    device = _find(dev)
    if device is None:
        return _bad_device(dev, 0)
    if device.context.users:
        device.context.destroy()
    return OK


def cuDevicePrimaryCtxGetState(dev: int) -> tuple:
    """Return ``(CUresult, flags, active)``."""
    device = _find(dev)
    if device is None:
        return _bad_device(dev, 2)
    return SUCCESS, 0, int(device.context.users > 0)


def _bad_context(handle: int, values: int = 0) -> tuple:
    detail = f"{handle:#x} is not the handle of a context"
    return fail(CUresult.CUDA_ERROR_INVALID_CONTEXT, detail, values)


def cuCtxSetCurrent(ctx: int) -> tuple:
    """Make `ctx` this thread's current context; 0 leaves the thread without one."""
    context = _contexts.get(ctx)
    if context is None:
        if ctx != 0:
            return _bad_context(ctx)
        context = _NO_CONTEXT
    thread.context = context
    return OK


def cuCtxGetCurrent() -> tuple:
    """Return ``(CUresult, context)``, 0 where there is none."""
    return SUCCESS, thread.context.handle


def cuCtxPushCurrent(ctx: int) -> tuple:
    """Make `ctx` current, and remember the one before for `cuCtxPopCurrent`."""
    context = _contexts.get(ctx)
    if context is None:
        return _bad_context(ctx)
    thread.stack = (*thread.stack, thread.context)
    thread.context = context
    return OK


def cuCtxPopCurrent() -> tuple:
    """Return ``(CUresult, context)``: the one that was current; the one before is again."""
    popped = thread.context
    if popped is _NO_CONTEXT:
        return popped.refuse(1)
    *rest, thread.context = thread.stack or (_NO_CONTEXT,)
    thread.stack = tuple(rest)
    return SUCCESS, popped.handle


def cuCtxGetDevice() -> tuple:
    """Return ``(CUresult, device)`` of the current context."""
    context = thread.context
    if context is _NO_CONTEXT:
        return context.refuse(1)
    return SUCCESS, context.device.ordinal


def cuCtxGetStreamPriorityRange() -> tuple:
    """Return ``(CUresult, least, greatest)``: (0, -5) as on a GPU; priorities change nothing."""
    context = thread.context
    return context.refuse(2) if context.error is not None else (SUCCESS, 0, -5)


def cuCtxSynchronize() -> tuple:
    """Wait for all work of the current context; an error of a kernel comes out here."""
    context = thread.context
    if context.error is None:
        for capture in context.captures:
            detail = (
                f"cuCtxSynchronize: stream {capture.origin.handle:#x} is being captured, and what "
                "it was given does not run"
            )
            return capture.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, detail)
        context.synchronize()
    return OK if context.error is None else context.refuse()


def cuProfilerStart() -> tuple:
    """Return ``(CUDA_SUCCESS,)``: no profiler watches a host device."""
    context = thread.context
    return OK if context.error is None else context.refuse()


def cuProfilerStop() -> tuple:
    """Return ``(CUDA_SUCCESS,)``, as `cuProfilerStart`."""
    return cuProfilerStart()


def cuCtxEnablePeerAccess(peerContext: int, Flags: int) -> tuple:
    """Let kernels of the current context use the memory of `peerContext`'s device."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    peer = _contexts.get(peerContext)
    if peer is None or peer is context:
        return _bad_context(peerContext)
    if Flags != 0:
        detail = f"cuCtxEnablePeerAccess: Flags must be 0, not {Flags}"
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, detail)
    if peer.device.ordinal in context.peers:
        return fail(CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED)
    context.peers.add(peer.device.ordinal)
    return OK


def cuCtxDisablePeerAccess(peerContext: int) -> tuple:
    """Undo `cuCtxEnablePeerAccess`."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    peer = _contexts.get(peerContext)
    if peer is None:
        return _bad_context(peerContext)
    if peer.device.ordinal not in context.peers:
        return fail(CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED)
    context.peers.remove(peer.device.ordinal)
    return OK
