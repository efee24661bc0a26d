"""Streams and events of the host device.

A stream is a queue of work (`queues`) with a handle; copies, fills, kernels, events and
callbacks reach a device through `Stream.enqueue`, and kernels that are known to be
short without its help.  An event remembers the point of a stream
at which it was recorded last.
"""

from __future__ import annotations

import ctypes
import time

from cuda.bindings.driver import CUevent_flags, CUresult, CUstreamCaptureStatus

from ndgpu.driver.host.context import Context, lock, new_handle, thread
from ndgpu.driver.host.policies import UNKNOWN
from ndgpu.driver.host.queues import Queue, Work
from ndgpu.driver.host.results import OK, SUCCESS, fail

__all__ = ["Event", "Stream", "bad_stream", "find_stream"]

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
_BAD_HANDLE = CUresult.CUDA_ERROR_INVALID_HANDLE
_DISABLE_TIMING = int(CUevent_flags.CU_EVENT_DISABLE_TIMING)
_NOT_CAPTURING = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE
_LEGACY = (0, 1)  # two names of the legacy default stream
_PER_THREAD = 2  # the default stream of the calling thread

_host_function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Stream(Queue):
    """A queue of work that has a handle."""

    __slots__ = ("flags", "handle", "priority")

    def __init__(self, context: Context, flags: int, priority: int, handle: int) -> None:
        super().__init__(context, blocking=flags == 0, legacy=handle == 0)
        self.flags = flags
        self.priority = priority
        self.handle = handle

    def release(self) -> None:
        """Forget the stream; part of destroying it or its context.  Its work still runs."""
        _streams.pop(self.handle, None)
        self.context.streams.pop(self.handle, None)


class _Mark:
    """One record of an event: the point in a stream, and when it was reached."""

    __slots__ = ("nanoseconds", "number", "stream")

    def __init__(self, stream: Stream) -> None:
        self.stream = stream
        self.number = 0
        self.nanoseconds = 0

    def reach(self) -> None:
        """Note that the stream has come to this point."""
        self.nanoseconds = time.perf_counter_ns()


class Event:
    """A point in a stream, and the time when it was reached.

    Attributes
    ----------
    mark : _Mark or None
        The latest record.
    """

    __slots__ = ("context", "flags", "handle", "mark")

    def __init__(self, context: Context, flags: int) -> None:
        self.context = context
        self.flags = flags
        self.handle = new_handle()
        self.mark: _Mark | None = None

    def reached(self) -> bool:
        """Whether the point of the latest record, if there was one, is reached."""
        mark = self.mark
        return mark is None or mark.stream.reached(mark.number)

    def synchronize(self) -> None:
        """Return when that point is reached."""
        mark = self.mark
        if mark is not None:
            mark.stream.wait(mark.number)

    def release(self) -> None:
        """Forget the event; part of destroying it or its context."""
        _events.pop(self.handle, None)


class _Own:
    """The default streams of one thread, by the handle of the context; they go with it."""

    __slots__ = ("streams",)

    def __init__(self) -> None:
        self.streams: dict[int, Stream] = {}

    def find(self, context: Context) -> Stream:
        """Return the stream of this thread in `context`, which may be another one by now."""
        before = self.streams.get(context.handle)
        if before is not None and before.handle in context.streams:
            return before
        stream = Stream(context, 0, 0, new_handle())
        self.streams[context.handle] = context.streams[stream.handle] = stream
        return stream

    def __del__(self) -> None:
        for stream in self.streams.values():
            stream.context.streams.pop(stream.handle, None)


_streams: dict[int, Stream] = {}
_events: dict[int, Event] = {}


def find_stream(handle: int, context: Context) -> Stream | None:
    """Return the stream with this handle; a default stream is the one of `context`."""
    if handle in _LEGACY:
        stream: Stream | None = context.streams.get(0)
        if stream is None:
            with lock:
                stream = context.streams.setdefault(0, Stream(context, 0, 0, 0))
        return stream
    if handle == _PER_THREAD:
        own: _Own | None = thread.streams
        if own is None:
            own = thread.streams = _Own()
        return own.find(context)
    return _streams.get(handle)


def bad_stream(call: str, handle: int, values: int = 0) -> tuple:
    """Return the result of a call whose stream does not exist."""
    return fail(_BAD_HANDLE, f"{call}: {handle:#x} is not a stream (any more)", values)


def _bad_event(call: str, handle: int, values: int = 0) -> tuple:
    return fail(_BAD_HANDLE, f"{call}: {handle:#x} is not an event (any more)", values)


def cuStreamCreate(Flags: int) -> tuple:
    """Return ``(CUresult, stream)`` in the current context."""
    return cuStreamCreateWithPriority(Flags, 0)


def cuStreamCreateWithPriority(flags: int, priority: int) -> tuple:
    """Return ``(CUresult, stream)``; the priority is clamped to the range, as in CUDA."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if flags not in (0, 1):
        return fail(_INVALID, f"cuStreamCreate: flags must be 0 or 1, not {flags}", 1)
    stream = Stream(context, int(flags), max(-5, min(0, priority)), new_handle())
    with lock:
        _streams[stream.handle] = context.streams[stream.handle] = stream
    return SUCCESS, stream.handle


def cuStreamDestroy(hStream: int) -> tuple:
    """Destroy a stream; the work that it has been given still runs."""
    stream = _streams.get(hStream)
    if stream is None:
        return bad_stream("cuStreamDestroy", hStream)
    stream.release()
    return OK


def cuStreamSynchronize(hStream: int) -> tuple:
    """Wait for the stream's work; an error of a kernel comes out here."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamSynchronize", hStream)
    stream.synchronize()
    return OK if stream.context.error is None else stream.context.refuse()


def cuStreamQuery(hStream: int) -> tuple:
    """Return ``(CUDA_SUCCESS,)`` if the stream has nothing left to do, else NOT_READY."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamQuery", hStream)
    if stream.context.error is not None:
        return stream.context.refuse()
    return OK if stream.idle() else fail(CUresult.CUDA_ERROR_NOT_READY)


def cuStreamWaitEvent(hStream: int, hEvent: int, Flags: int) -> tuple:
    """Have later work of the stream wait for the event's latest record, on any device."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamWaitEvent", hStream)
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuStreamWaitEvent", hEvent)
    mark = event.mark
    if mark is not None and mark.stream.completed < mark.number:
        stream.enqueue(_nothing, after=((mark.stream, mark.number),))
    return OK


def _nothing() -> None:
    """Be something to wait with."""


def cuStreamGetFlags(hStream: int) -> tuple:
    """Return ``(CUresult, flags)`` that the stream was made with."""
    stream = find_stream(hStream, thread.context)
    if stream is None:
        return bad_stream("cuStreamGetFlags", hStream, 1)
    return SUCCESS, stream.flags


def cuStreamGetPriority(hStream: int) -> tuple:
    """Return ``(CUresult, priority)``."""
    stream = find_stream(hStream, thread.context)
    if stream is None:
        return bad_stream("cuStreamGetPriority", hStream, 1)
    return SUCCESS, stream.priority


def cuStreamGetCtx(hStream: int) -> tuple:
    """Return ``(CUresult, context)``; of a default stream, the current one."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamGetCtx", hStream, 1)
    return SUCCESS, stream.context.handle


def cuStreamIsCapturing(hStream: int) -> tuple:
    """Return ``(CUresult, status)``: never capturing, for there are no graphs to capture into."""
    if find_stream(hStream, thread.context) is None:
        return bad_stream("cuStreamIsCapturing", hStream, 1)
    return SUCCESS, _NOT_CAPTURING


def cuLaunchHostFunc(hStream: int, fn: int, userData: int) -> tuple:
    """Have the C function ``void fn(void *userData)`` called in stream order."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuLaunchHostFunc", hStream)
    if not fn:
        return fail(_INVALID, "cuLaunchHostFunc: fn is a null pointer")
    stream.defer(Work(_host_function(int(fn)), (userData,), UNKNOWN, host=True))
    return OK


def cuEventCreate(Flags: int) -> tuple:
    """Return ``(CUresult, event)`` in the current context."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if not 0 <= Flags < 8:
        return fail(_INVALID, f"cuEventCreate: flags {Flags:#x} are not known", 1)
    event = Event(context, int(Flags))
    with lock:
        _events[event.handle] = context.owned[event.handle] = event
    return SUCCESS, event.handle


def cuEventDestroy(hEvent: int) -> tuple:
    """Destroy an event; streams that wait for it already go on waiting."""
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventDestroy", hEvent)
    event.release()
    event.context.owned.pop(hEvent, None)
    return OK


def cuEventRecord(hEvent: int, hStream: int) -> tuple:
    """Have the event take note when the stream comes to this point."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventRecord", hEvent)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuEventRecord", hStream)
    if stream.context is not event.context:
        return fail(_BAD_HANDLE, "cuEventRecord: the event and the stream are of two devices")
    mark = _Mark(stream)
    mark.number = stream.enqueue(mark.reach, unconditional=True)
    event.mark = mark
    return OK


def cuEventQuery(hEvent: int) -> tuple:
    """Return ``(CUDA_SUCCESS,)`` if the latest record, if any, is reached, else NOT_READY."""
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventQuery", hEvent)
    if event.context.error is not None:
        return event.context.refuse()
    return OK if event.reached() else fail(CUresult.CUDA_ERROR_NOT_READY)


def cuEventSynchronize(hEvent: int) -> tuple:
    """Wait until the event's latest record, if any, is reached."""
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventSynchronize", hEvent)
    event.synchronize()
    return OK if event.context.error is None else event.context.refuse()


def cuEventElapsedTime(hStart: int, hEnd: int) -> tuple:
    """Return ``(CUresult, milliseconds)`` between two recorded events of one device."""
    start, end = _events.get(hStart), _events.get(hEnd)
    if start is None or end is None:
        return _bad_event("cuEventElapsedTime", hStart if start is None else hEnd, 1)
    for event in (start, end):
        if event.flags & _DISABLE_TIMING:
            return fail(_BAD_HANDLE, "cuEventElapsedTime: an event was made without timing", 1)
    first, last = start.mark, end.mark
    if first is None or last is None:
        return fail(_BAD_HANDLE, "cuEventElapsedTime: an event was never recorded", 1)
    if start.context is not end.context:
        return fail(_BAD_HANDLE, "cuEventElapsedTime: the events are of two devices", 1)
    for event in (start, end):
        if not event.reached():
            return fail(CUresult.CUDA_ERROR_NOT_READY, "cuEventElapsedTime: not recorded yet", 1)
    return SUCCESS, (last.nanoseconds - first.nanoseconds) / 1e6
