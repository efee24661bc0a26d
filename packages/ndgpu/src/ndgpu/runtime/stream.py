"""Streams: queues of a device's work, and which one each thread works in.

What it guarantees:

* The current stream is per thread and per device: ``stream.use()`` or
  ``with stream:`` changes it for the stream's device in the calling thread
  alone.  It starts as the null stream.
* A stream that this module made is destroyed with its object; work that it was
  given still completes.
* Memory freed in a stream is used again by that stream's later work only, so an
  array may be dropped while kernels that read it are still queued.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, ClassVar

from ndgpu import driver
from ndgpu.runtime import callbacks, context, graph
from ndgpu.runtime.context import Place
from ndgpu.runtime.errors import CUDADriverError, check
from ndgpu.runtime.event import Event, query

__all__ = ["ExternalStream", "Stream", "get_current_stream", "launch_host_func"]

_NON_BLOCKING = 1
_LEGACY = (0, 1)  # the handles of the null stream
_PER_THREAD = 2  # a handle that means another stream in each thread


class _BaseStream:
    """What every kind of stream can do."""

    __slots__ = ("__weakref__", "_place", "device_id", "ptr")

    ptr: int
    device_id: int
    _place: Place | None

    def place_on(self, device_id: int) -> Place:
        """Return the `Place` that memory pools keep this stream's memory under."""
        captured = graph.captured_place(self.ptr, device_id)
        if captured is not None:
            return captured
        if self.ptr in _LEGACY:
            return context.null_place(device_id)
        if self.ptr == _PER_THREAD:
            places = _own_places.__dict__
            return places.setdefault(str(device_id), Place(device_id, self.ptr))
        if self._place is None:
            self._place = Place(device_id, self.ptr)
        return self._place

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _BaseStream):
            return NotImplemented
        return self.ptr == other.ptr and self.device_id == other.device_id

    def __hash__(self) -> int:
        return hash((self.ptr, self.device_id))

    def __repr__(self) -> str:
        where = "any device" if self.device_id < 0 else f"device {self.device_id}"
        return f"<{type(self).__name__} {self.ptr:#x} of {where}>"

    def use(self) -> _BaseStream:
        """Make this the current stream of its device in this thread, and return it.

        Raises
        ------
        RuntimeError
            If it belongs to a device that is not the current one.
        """
        device_id = self._check_device()
        local = context.local
        local.streams[device_id] = self
        local.stream = self
        local.place = self.place_on(device_id)
        return self

    def __enter__(self) -> _BaseStream:
        device_id = self._check_device()
        context.local.entered.append((device_id, context.local.streams.get(device_id)))
        return self.use()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not context.life.usable:  # in a child that was forked inside the block
            return
        local = context.local
        device_id, before = local.entered.pop()
        local.streams[device_id] = before
        if local.device_id == device_id:
            local.stream = before
            local.place = (
                context.null_place(device_id) if before is None else before.place_on(device_id)
            )

    def synchronize(self) -> None:
        """Wait until all work given to the stream is complete.

        Raises
        ------
        CUDADriverError
            If some of that work failed.
        """
        context.current_device_id()
        check(driver.cuStreamSynchronize(self.ptr))

    @property
    def done(self) -> bool:
        """Whether all work given to the stream is complete."""
        context.current_device_id()
        return query(driver.cuStreamQuery(self.ptr))

    def record(self, event: Event | None = None) -> Event:
        """Set a mark behind the work given so far, and return it.

        Parameters
        ----------
        event : Event, optional
            The mark to set; a new one by default.
        """
        if event is None:
            event = Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        """Let work given from now on wait for a mark in another stream.

        Parameters
        ----------
        event : Event
            A recorded event, of any device.
        """
        device_id = context.current_device_id()
        check(driver.cuStreamWaitEvent(self.ptr, event.ptr, 0))
        if graph.under_way():  # it may have joined a capture by this
            graph.follow(self.ptr, device_id if self.device_id < 0 else self.device_id)

    def begin_capture(self, mode: int | None = None) -> None:
        """Take down what the stream is given from now on, in place of running it.

        Streams that wait for an event of this one take part in the capture, and this one must
        wait for an event of theirs before the end.  What cannot be taken down raises an error
        and spoils the capture: to wait for the stream, to copy to the host, to use the null
        stream (unless this stream is ``non_blocking``).

        Parameters
        ----------
        mode : int, optional
            Of ``CUstreamCaptureMode``: 0 to forbid meanwhile, in all threads, calls that may
            wait for the device, 1 in this thread alone, 2 (the default) nowhere.  The pool may
            have to ask the driver for memory, which only the last allows.

        Raises
        ------
        CUDADriverError
            If this is the null stream, or is being captured already.
        """
        device_id = context.current_device_id()
        graph.begin(self.ptr, device_id if self.device_id < 0 else self.device_id, mode)

    def end_capture(self) -> graph.Graph:
        """Run what the stream is given again, and return what was taken down.

        Returns
        -------
        Graph
            Ready to be launched.

        Raises
        ------
        CUDADriverError
            If the stream was not being captured, if something spoilt the capture, or if a
            stream that took part was not waited for.
        """
        device_id = context.current_device_id()
        return graph.end(self.ptr, device_id if self.device_id < 0 else self.device_id)

    def is_capturing(self) -> bool:
        """Tell whether what the stream is given is taken down in place of running."""
        context.current_device_id()
        return bool(check(driver.cuStreamIsCapturing(self.ptr)))

    def launch_host_func(self, callback: Callable[[Any], object], arg: Any = None) -> None:
        """Call ``callback(arg)`` on the processor once the work given so far is complete.

        Work given later waits for it.  It runs in a thread of the driver and must
        not use the device; what it raises is reported by `sys.unraisablehook`.

        Parameters
        ----------
        callback : callable
            Takes one argument; what it returns is ignored.
        arg : object
            The argument.
        """
        launch_host_func(self.ptr, callback, arg)

    def add_callback(self, callback: Callable[[Any, int, Any], object], arg: Any = None) -> None:
        """Call ``callback(stream, status, arg)`` once the work given so far is complete.

        Parameters
        ----------
        callback : callable
            Takes this stream, an error code (always 0) and `arg`.
        arg : object
            Its third argument.
        """
        self.launch_host_func(lambda _: callback(self, 0, arg))

    def _check_device(self) -> int:
        current = context.current_device_id()
        if self.device_id not in (-1, current):
            raise RuntimeError(
                f"{self!r} cannot be the current stream while device {current} is current: "
                f"enter Device({self.device_id}) first"
            )
        return current


class Stream(_BaseStream):
    """A queue of work on a device.

    Parameters
    ----------
    null : bool
        Whether to return an object for the null stream rather than a new stream.
    non_blocking : bool
        Whether the stream runs without regard to the null stream.
    ptds : bool
        Whether to return an object for the calling thread's own default stream.
    priority : int, optional
        Lower numbers run earlier; the driver clamps it to what the device knows.

    Attributes
    ----------
    ptr : int
        The driver's handle; 0 for the null stream.
    device_id : int
        The device that was current when the stream was made; -1 for `null` and
        `ptds`, which exist on every device.
    null, ptds : Stream
        The null stream, and the default stream of the calling thread.

    Raises
    ------
    ValueError
        If both `null` and `ptds` are true.
    CUDADriverError
        If the driver refuses to make one.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> stream = rt.Stream(non_blocking=True)
    >>> with stream:
    ...     rt.get_current_stream() is stream
    True
    >>> stream.synchronize(); stream.done
    True
    >>> rt.get_current_stream() is rt.Stream.null
    True
    """

    __slots__ = ("_owned",)

    null: ClassVar[Stream]
    ptds: ClassVar[Stream]

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: int | None = None,
    ) -> None:
        self._owned = False
        self._place = None
        self.device_id = -1
        self.ptr = _PER_THREAD if ptds else 0
        if null and ptds:
            raise ValueError("Stream: only one of `null` and `ptds` can be true")
        if null or ptds:
            return
        self.device_id = context.current_device_id()
        flags = _NON_BLOCKING if non_blocking else 0
        if priority is None:
            self.ptr = int(check(driver.cuStreamCreate(flags)))
        else:
            self.ptr = int(check(driver.cuStreamCreateWithPriority(flags, priority)))
        self._owned = True

    def __del__(self, life: context.Life = context.life) -> None:
        if not (self._owned and life.usable):
            return
        # A finaliser has nobody to tell; the handle is gone either way.
        with contextlib.suppress(CUDADriverError), context.entered(self.device_id):
            graph.forget(self.ptr, self.device_id)
            if self._place is not None:
                # Memory freed in this stream may go elsewhere once its work is done.
                end = Event(disable_timing=True)
                end.device_id = self.device_id  # whose context is entered, if not current
                self._place.retired = self.record(end)
            driver.cuStreamDestroy(self.ptr)

    @property
    def priority(self) -> int:
        """The priority that the driver gave the stream."""
        context.current_device_id()
        return int(check(driver.cuStreamGetPriority(self.ptr)))


class ExternalStream(_BaseStream):
    """A stream that another library made and will destroy.

    Parameters
    ----------
    ptr : int
        Its handle.
    device_id : int
        Its device; the current one by default.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> owner = rt.Stream()
    >>> with rt.ExternalStream(owner.ptr) as stream:
    ...     stream.ptr == owner.ptr
    True
    """

    __slots__ = ()

    def __init__(self, ptr: int, device_id: int = -1) -> None:
        self.ptr = int(ptr)
        self.device_id = context.current_device_id() if device_id < 0 else device_id
        # Two objects for one stream share what was freed in it.
        self._place = _external_places.setdefault(
            (self.device_id, self.ptr), Place(self.device_id, self.ptr)
        )


def get_current_stream(device_id: int | None = None) -> Any:
    """Return the stream that this thread works in.

    Parameters
    ----------
    device_id : int, optional
        The device to ask about; the current one by default.

    Returns
    -------
    Stream or ExternalStream
        The last one used in this thread, at first `Stream.null`.
    """
    try:
        stream = context.local.stream
    except AttributeError:
        context.start()
        stream = context.local.stream
    if device_id is not None:
        stream = context.local.streams.get(device_id)
    return Stream.null if stream is None else stream


Stream.null = Stream(null=True)
Stream.ptds = Stream(ptds=True)

_external_places: dict[tuple[int, int], Place] = {}
_own_places = threading.local()


def launch_host_func(ptr: int, callback: Callable[[Any], object], arg: Any) -> None:
    """Call ``callback(arg)`` when the stream with a handle comes to this point."""
    context.current_device_id()
    if graph.under_way() and int(check(driver.cuStreamIsCapturing(ptr))) != 0:
        graph.keep(ptr, callbacks.launch(ptr, callback, arg, again=True))
    else:
        callbacks.launch(ptr, callback, arg, again=False)
