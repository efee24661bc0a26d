"""Events: marks in a stream's work that others wait for, and that tell the time.

An event belongs to the device that was current when it was made.  Its handle is
destroyed with the object; work that waits for it is not disturbed.
"""

from __future__ import annotations

import contextlib
from typing import Any

from ndgpu import driver
from ndgpu.runtime import context
from ndgpu.runtime.errors import CUDADriverError, check

__all__ = ["Event", "get_elapsed_time"]

# Values of the driver API, written out so that importing this costs no driver.
_BLOCKING_SYNC = 1
_DISABLE_TIMING = 2
_INTERPROCESS = 4
_NOT_READY = 600


class Event:
    """A mark in a stream.

    Parameters
    ----------
    block : bool
        Whether `synchronize` lets the processor sleep rather than spin.
    disable_timing : bool
        Whether the event records no time, which makes it cheaper.
    interprocess : bool
        Whether other processes may open the event; needs ``disable_timing``.

    Attributes
    ----------
    ptr : int
        The driver's handle.
    device_id : int
        The device it belongs to.

    Raises
    ------
    CUDADriverError
        If the driver refuses, as for ``interprocess`` with timing.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> start, end = rt.Event(), rt.Event()
    >>> start.record(); end.record(); end.synchronize()
    >>> end.done, rt.get_elapsed_time(start, end) >= 0
    (True, True)
    """

    __slots__ = ("__weakref__", "device_id", "ptr")

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self.ptr = 0
        self.device_id = context.current_device_id()
        flags = (
            (_BLOCKING_SYNC if block else 0)
            | (_DISABLE_TIMING if disable_timing else 0)
            | (_INTERPROCESS if interprocess else 0)
        )
        self.ptr = int(check(driver.cuEventCreate(flags)))

    def __del__(self, life: context.Life = context.life) -> None:
        if self.ptr and life.usable:
            # A finaliser has nobody to tell; the handle is gone either way.
            with contextlib.suppress(CUDADriverError), context.entered(self.device_id):
                driver.cuEventDestroy(self.ptr)

    def __repr__(self) -> str:
        return f"<Event {self.ptr:#x} of device {self.device_id}>"

    def record(self, stream: Any | None = None) -> None:
        """Set the mark behind the work that a stream has been given so far.

        Parameters
        ----------
        stream : Stream, optional
            The current stream by default.  It must be of the event's device.
        """
        ptr = _current_stream_ptr() if stream is None else stream.ptr
        check(driver.cuEventRecord(self.ptr, ptr))

    @property
    def done(self) -> bool:
        """Whether the work before the mark is complete; true before any `record`."""
        return query(driver.cuEventQuery(self.ptr))

    def synchronize(self) -> None:
        """Wait until the work before the mark is complete."""
        check(driver.cuEventSynchronize(self.ptr))


def query(result: tuple[object]) -> bool:
    """Turn the answer of ``cuEventQuery`` or ``cuStreamQuery`` into a truth value."""
    if result[0] == _NOT_READY:
        return False
    check(result)
    return True


def _current_stream_ptr() -> int:
    context.current_device_id()
    return context.local.place.stream_ptr


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    """Return the milliseconds between two marks that both have been reached.

    Parameters
    ----------
    start_event, end_event : Event
        Recorded and complete events of one device, made with timing.

    Raises
    ------
    CUDADriverError
        If one of them has no time, was not recorded, or is not complete.
    """
    return float(check(driver.cuEventElapsedTime(start_event.ptr, end_event.ptr)))
