"""Streams and events of the host device.

A stream is a queue of work (`queues`) with a handle; copies, fills, kernels, events and
callbacks reach a device through `Stream.enqueue`, and kernels that are known to be
short without its help.  An event remembers the point of a stream
at which it was recorded last.
"""

from __future__ import annotations

import ctypes
import time

from cuda.bindings.driver import CUevent_flags, CUresult

from ndgpu.driver.host import capture as captures
from ndgpu.driver.host.capture import Capture, Node, capture_of
from ndgpu.driver.host.context import Context, lock, new_handle, thread
from ndgpu.driver.host.policies import UNKNOWN
from ndgpu.driver.host.queues import Queue, Work
from ndgpu.driver.host.results import OK, SUCCESS, fail

__all__ = ["Event", "Stream", "bad_stream", "find_stream"]

_INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
_BAD_HANDLE = CUresult.CUDA_ERROR_INVALID_HANDLE
_DISABLE_TIMING = int(CUevent_flags.CU_EVENT_DISABLE_TIMING)
_UNSUPPORTED = CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
_CAPTURED = CUresult.CUDA_ERROR_CAPTURED_EVENT
_LEGACY = (0, 1)  # two names of the legacy default stream
_PER_THREAD = 2  # the default stream of the calling thread

_host_function = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Stream(Queue):
    """A queue of work that has a handle.

    `capture` is the capture that takes what it is given, if there is one, and `tips` the nodes
    there that its next piece of work waits for.
    """

    __slots__ = ("capture", "flags", "handle", "priority", "tips")

    def __init__(self, context: Context, flags: int, priority: int, handle: int) -> None:
        super().__init__(context, blocking=flags == 0, legacy=handle == 0)
        self.flags = flags
        self.priority = priority
        self.handle = handle
        self.capture: Capture | None = None
        self.tips: tuple[Node, ...] = ()

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
        The latest record in a stream that ran.
    captured : tuple or None
        The capture and the nodes of the latest record, if that was in a stream being captured.
    """

    __slots__ = ("captured", "context", "flags", "handle", "mark")

    def __init__(self, context: Context, flags: int) -> None:
        self.context = context
        self.flags = flags
        self.handle = new_handle()
        self.mark: _Mark | None = None
        self.captured: tuple[Capture, tuple[Node, ...]] | None = None

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
    if stream.capture is not None:
        stream.capture.spoil(_UNSUPPORTED, f"stream {hStream:#x} was destroyed")
        if stream is stream.capture.origin:  # nobody can end the capture any more
            stream.capture.end()
    stream.release()
    return OK


def _no_wait(call: str, stream: Stream) -> tuple | None:
    """Return why nobody may ask how far a stream is: it is captured; else None."""
    if stream.capture is not None:
        detail = f"{call}: stream {stream.handle:#x} is being captured, and does not run"
        return stream.capture.spoil(_UNSUPPORTED, detail)
    found = capture_of(call, stream)
    return found if isinstance(found, tuple) else None


def cuStreamSynchronize(hStream: int) -> tuple:
    """Wait for the stream's work; an error of a kernel comes out here."""
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamSynchronize", hStream)
    if stream.context.captures and (refusal := _no_wait("cuStreamSynchronize", stream)):
        return refusal
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
    if stream.context.captures and (refusal := _no_wait("cuStreamQuery", stream)):
        return refusal
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
    if event.captured is not None or stream.context.captures:
        result = _wait_captured(stream, event)
        if result is not None:
            return result
    mark = event.mark
    if mark is not None and mark.stream.completed < mark.number:
        stream.enqueue(_nothing, after=((mark.stream, mark.number),))
    return OK


def _wait_captured(stream: Stream, event: Event) -> tuple | None:
    """Have a stream wait for an event where either is captured; None if neither is."""
    call = "cuStreamWaitEvent"
    own = capture_of(call, stream) if stream.context.captures else None
    if isinstance(own, tuple):
        return own
    if event.captured is None:
        if own is None or event.mark is None:
            return None if own is None else OK
        detail = (
            f"{call}: stream {stream.handle:#x} is being captured, and event {event.handle:#x} "
            "was recorded outside of the capture"
        )
        return own.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION, detail)
    capture, tips = event.captured
    if capture.status != captures.ACTIVE:
        return _was_captured(call, event)
    if own is not None and own is not capture:
        detail = f"{call}: event {event.handle:#x} belongs to another capture"
        own.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE, detail)
        return capture.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE, detail)
    if stream.legacy:
        detail = f"{call}: the legacy default stream cannot be captured"
        return capture.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, detail)
    with lock:
        capture.join(stream, tips)
    return OK


def _was_captured(call: str, event: Event, values: int = 0) -> tuple:
    """Return the result of a call that an event cannot answer: it stands for no time."""
    detail = (
        f"{call}: event {event.handle:#x} was last recorded in a stream that was being captured"
    )
    if event.captured is not None:
        event.captured[0].spoil(_CAPTURED, detail)
    return fail(_CAPTURED, detail, values)


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
    call = _host_function(int(fn))
    if stream.context.captures:
        capture = capture_of("cuLaunchHostFunc", stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            return capture.add(stream, Node("host", f"host {int(fn):#x}", call, (userData,)))
    stream.defer(Work(call, (userData,), UNKNOWN, host=True))
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
    if stream.context.captures:
        capture = capture_of("cuEventRecord", stream)
        if isinstance(capture, tuple):
            return capture
        if capture is not None:
            event.captured = (capture, stream.tips)
            return OK
    event.captured = None
    mark = _Mark(stream)
    mark.number = stream.enqueue(mark.reach, unconditional=True)
    event.mark = mark
    return OK


def cuEventQuery(hEvent: int) -> tuple:
    """Return ``(CUDA_SUCCESS,)`` if the latest record, if any, is reached, else NOT_READY."""
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventQuery", hEvent)
    if event.captured is not None:
        return _was_captured("cuEventQuery", event)
    if event.context.error is not None:
        return event.context.refuse()
    return OK if event.reached() else fail(CUresult.CUDA_ERROR_NOT_READY)


def cuEventSynchronize(hEvent: int) -> tuple:
    """Wait until the event's latest record, if any, is reached."""
    event = _events.get(hEvent)
    if event is None:
        return _bad_event("cuEventSynchronize", hEvent)
    if event.captured is not None:
        return _was_captured("cuEventSynchronize", event)
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
    for event in (start, end):
        if event.captured is not None:
            return _was_captured("cuEventElapsedTime", event, 1)
    first, last = start.mark, end.mark
    if first is None or last is None:
        return fail(_BAD_HANDLE, "cuEventElapsedTime: an event was never recorded", 1)
    if start.context is not end.context:
        return fail(_BAD_HANDLE, "cuEventElapsedTime: the events are of two devices", 1)
    for event in (start, end):
        if not event.reached():
            return fail(CUresult.CUDA_ERROR_NOT_READY, "cuEventElapsedTime: not recorded yet", 1)
    return SUCCESS, (last.nanoseconds - first.nanoseconds) / 1e6
