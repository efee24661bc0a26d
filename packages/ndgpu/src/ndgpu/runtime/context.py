"""The current device and stream of each thread, and the contexts behind them.

What it guarantees:

* Nothing here touches the driver before a thread first asks for its current
  device.  That first question makes device 0's primary context current.
* A primary context is retained once per process and never released: arrays,
  modules and streams of a device stay valid until the process ends.
* A child that was forked after its parent used a device cannot use one: the
  CUDA driver does not survive a fork, so the runtime refuses with a clear
  error on every kind of device, and the finalisers of what the child inherited
  leave the driver alone.  Fork first, or start processes by ``spawn``.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from ndgpu import config, driver
from ndgpu.runtime.errors import check

__all__ = [
    "Life",
    "Machine",
    "Place",
    "context_of",
    "current_device_id",
    "device_count",
    "entered",
    "life",
    "local",
    "machine",
    "null_place",
    "start",
    "use_device",
]


class Place:
    """One stream of one device: whose order decides when freed memory is free.

    Memory pools keep what was freed per place, by identity.  A driver may give a
    new stream the handle of a destroyed one, so the handle itself would not do.
    """

    __slots__ = ("device_id", "held", "retired", "stream_ptr")

    def __init__(self, device_id: int, stream_ptr: int) -> None:
        self.device_id = device_id
        self.stream_ptr = stream_ptr
        # Whether a graph uses the memory: none of it may go elsewhere, free or not.
        self.held = False
        # Once the stream is destroyed: the Event at the end of its work.
        self.retired: Any = None

    def __repr__(self) -> str:
        return f"<Place device={self.device_id} stream={self.stream_ptr:#x}>"


class _Local(threading.local):
    """What is current in this thread; empty until `start` has run in it."""

    device_id: int
    place: Place
    stream: Any  # the current Stream of the current device
    streams: dict[int, Any]  # the current Stream of each device
    entered: list[tuple[Any, ...]]  # what the open `with` blocks must restore


class Life:
    """Whether finalisers may call the driver: not at exit, and not in a forked child.

    They keep the object as a default argument, since at exit the names of a module
    may be gone before the last objects are.
    """

    __slots__ = ("usable",)

    def __init__(self) -> None:
        self.usable = True

    def end(self) -> None:
        """Tell all finalisers to leave the driver alone from now on."""
        self.usable = False


class Machine:
    """What is known of all devices together.

    Attributes
    ----------
    several : bool
        Whether there are more than one, so that an array may be on another than the current.
    peers : set of (int, int)
        Pairs of a device and another whose memory its kernels may use.
    """

    __slots__ = ("peers", "several")

    def __init__(self) -> None:
        self.several = False
        self.peers: set[tuple[int, int]] = set()


local = _Local()
life = Life()
machine = Machine()
if "leak" not in config.value("NDGPU_HOST_CHECK"):  # else what lives to the end is freed too
    atexit.register(life.end)

_lock = threading.Lock()
_contexts: dict[int, Any] = {}
_null_places: dict[int, Place] = {}
_count = -1  # of devices, which the driver fixes when it is initialised
_initialized = False
_touched = False  # set before the driver is: a fork may come halfway
_forked = False


def current_device_id() -> int:
    """Return the ordinal of this thread's current device.

    Raises
    ------
    CUDADriverError
        If the driver cannot be initialised.
    RuntimeError
        If this process was forked from one that had used a device.

    Examples
    --------
    >>> current_device_id()
    0
    """
    try:
        return local.device_id
    except AttributeError:
        start()
        return local.device_id


def device_count() -> int:
    """Return how many devices the driver has.

    Examples
    --------
    >>> device_count() >= 1
    True
    """
    global _count
    _initialize()
    if _count < 0:
        _count = int(check(driver.cuDeviceGetCount()))
    return _count


def start() -> None:
    """Make device 0 current in a thread that has no current device yet."""
    if not hasattr(local, "device_id"):
        local.streams = {}
        local.entered = []
        use_device(0)


def use_device(device_id: int) -> None:
    """Make a device current in this thread, with the stream it last had there."""
    if not hasattr(local, "streams"):
        local.streams = {}
        local.entered = []
    handle = context_of(device_id)  # before the driver is named: this may initialise it
    check(driver.cuCtxSetCurrent(handle))
    machine.several = device_count() > 1
    stream = local.streams.get(device_id)
    local.device_id = device_id
    local.stream = stream
    local.place = null_place(device_id) if stream is None else stream.place_on(device_id)


@contextlib.contextmanager
def entered(device_id: int) -> Iterator[None]:
    """Run a few driver calls in a device's context; the current device stays what it is."""
    current = current_device_id()
    if current == device_id:
        yield
        return
    check(driver.cuCtxSetCurrent(context_of(device_id)))
    try:
        yield
    finally:
        check(driver.cuCtxSetCurrent(context_of(current)))


def null_place(device_id: int) -> Place:
    """The place of a device's null stream, one for all threads."""
    place = _null_places.get(device_id)
    if place is None:
        place = _null_places.setdefault(device_id, Place(device_id, 0))
    return place


def _initialize() -> None:
    global _initialized, _touched
    if _forked:
        raise RuntimeError(
            "this process was forked from one that had used a device, which the driver does not "
            "survive: start processes with multiprocessing's 'spawn' or 'forkserver', or first "
            "use ndgpu in the child"
        )
    if not _initialized:
        _touched = True
        check(driver.cuInit(0))
        _initialized = True


def context_of(device_id: int) -> Any:
    """Return a device's primary context, retained at the first call."""
    context = _contexts.get(device_id)
    if context is not None:
        return context
    _initialize()
    with _lock:
        if device_id not in _contexts:
            _contexts[device_id] = check(driver.cuDevicePrimaryCtxRetain(device_id))
        return _contexts[device_id]


def _after_fork_in_child() -> None:
    global _forked, _lock
    _lock = threading.Lock()
    if _touched:
        _forked = True
        life.end()
        _contexts.clear()
        local.__dict__.clear()


os.register_at_fork(after_in_child=_after_fork_in_child)
