"""Graphs: what a stream was given once, launched again and again in one call.

What it guarantees:

* Memory that is allocated while a stream is captured belongs to the graph: nothing else uses it
  for as long as the graph lives, even after the arrays in it are gone.  Arrays made before the
  capture must be kept alive by the program if a launch reads or writes them.
* A graph may be launched by any thread, into any stream of its device.  Its launches run one
  after the other.
* A capture that fails leaves the streams as they were before it.
"""

from __future__ import annotations

import contextlib
import os
import threading
from typing import Any

from ndgpu import driver
from ndgpu.runtime import callbacks, context
from ndgpu.runtime.context import Place
from ndgpu.runtime.errors import CUDADriverError, check
from ndgpu.runtime.event import Event

__all__ = ["Graph"]

_PER_THREAD = 2  # a handle that means another stream in each thread
_ACTIVE = 1
_RELAXED = 2

Key = tuple[int, int, int]  # of a stream: device, handle, and thread where that matters

# The places of streams that are being captured, and which of them are of one capture.
_places: dict[Key, Place] = {}
_captures: dict[int, list[Key]] = {}
# Functions that a capture has, by their tickets.
_functions: dict[int, list[int]] = {}


class _Work:
    """The end of work on several events, as `Place.retired` wants it."""

    __slots__ = ("_events",)

    def __init__(self, events: list[Event]) -> None:
        self._events = events

    @property
    def done(self) -> bool:
        """Whether all of it is complete."""
        return all(event.done for event in self._events)


class Graph:
    """Work that was captured in a stream, ready to be launched.

    Made by `Stream.end_capture`.

    Attributes
    ----------
    graph, graphExec : int
        The driver's handles of the graph and of its executable form.
    device_id : int
        The device it belongs to.

    Examples
    --------
    >>> import ndgpu as xp
    >>> x, y = xp.zeros(4), xp.empty(4)
    >>> stream = xp.cuda.Stream(non_blocking=True)
    >>> with stream:
    ...     stream.begin_capture()
    ...     x += 1
    ...     y[...] = (x + x) * 5
    ...     graph = stream.end_capture()
    ...     graph.launch(); graph.launch()
    ...     stream.synchronize()
    >>> x, y
    (array([2., 2., 2., 2.]), array([20., 20., 20., 20.]))
    """

    __slots__ = (
        "__weakref__", "_lock", "_places", "_streams", "_tickets", "device_id", "graph",
        "graphExec",
    )  # fmt: skip

    graph: int
    graphExec: int
    device_id: int
    _places: list[Place]
    _streams: dict[int, Any]
    _tickets: list[int]
    _lock: Any

    def __new__(cls, *args: Any, **kwargs: Any) -> Graph:
        """Refuse: the driver makes graphs of captures."""
        raise TypeError("a Graph is made by Stream.begin_capture and Stream.end_capture")

    @classmethod
    def _made(cls, handle: int, device_id: int, places: list[Place], tickets: list[int]) -> Graph:
        self = object.__new__(cls)
        self.graph, self.graphExec = handle, 0
        self.device_id = device_id
        self._places = places
        self._tickets = tickets
        self._streams = {}
        self._lock = threading.RLock()
        self.graphExec = int(check(driver.cuGraphInstantiate(handle, 0)))
        return self

    def __del__(self, life: context.Life = context.life) -> None:
        if not life.usable:
            return
        # A finaliser has nobody to tell; launches still run.
        with contextlib.suppress(CUDADriverError), context.entered(self.device_id):
            ends = []
            for stream in self._streams.values():
                end = Event(disable_timing=True)
                end.device_id = self.device_id  # whose context is entered, if not current
                end.record(stream)
                ends.append(end)
            for place in self._places:
                _let_go(place, ends)
            callbacks.retire(self._tickets, _Work(ends))
            if self.graphExec:
                driver.cuGraphExecDestroy(self.graphExec)
            driver.cuGraphDestroy(self.graph)

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes of device {self.device_id}>"

    def __len__(self) -> int:
        return int(check(driver.cuGraphGetNodes(self.graph))[1])

    def __bool__(self) -> bool:
        return True

    def launch(self, stream: Any | None = None) -> None:
        """Run the graph, in the order of a stream.

        Parameters
        ----------
        stream : Stream, optional
            The current stream by default.  It must be of the graph's device.

        Raises
        ------
        CUDADriverError
            If the stream is of another device.
        """
        with self._lock:  # the driver does not guard a graph against two threads
            if stream is None:
                stream = _current()
            ptr = stream.ptr
            check(driver.cuGraphLaunch(self.graphExec, ptr))
            self._streams[ptr] = stream

    def upload(self, stream: Any | None = None) -> None:
        """Do now what the first launch would have to do before it runs.

        Parameters
        ----------
        stream : Stream, optional
            The current stream by default.
        """
        with self._lock:
            check(
                driver.cuGraphUpload(self.graphExec, (_current() if stream is None else stream).ptr)
            )

    def update(self, other: Graph) -> None:
        """Launch from now on what another graph does, which must have the same shape.

        This is much cheaper than to make a graph ready: the kernels' arguments change, and
        which kernel follows which does not.

        Parameters
        ----------
        other : Graph
            A graph of the same device, captured anew.

        Raises
        ------
        CUDADriverError
            If the graphs differ in more than arguments; this one is as it was then.

        Examples
        --------
        >>> import ndgpu as xp
        >>> stream, graphs, x = xp.cuda.Stream(non_blocking=True), [], xp.zeros(2)
        >>> with stream:
        ...     for value in (1, 5):
        ...         stream.begin_capture()
        ...         x.fill(value)
        ...         graphs.append(stream.end_capture())
        ...     graphs[0].update(graphs[1])
        ...     graphs[0].launch(); stream.synchronize()
        >>> x
        array([5., 5.])
        """
        with self._lock:
            _checked_update(driver.cuGraphExecUpdate(self.graphExec, other.graph))
            self._places = [*self._places, *other._places]
            self._tickets = [*self._tickets, *other._tickets]
            self.graph, other.graph = other.graph, self.graph

    def debug_dot_print(self, path: str | os.PathLike[str], flags: int = 0) -> None:
        """Write the graph as text for Graphviz's ``dot``.

        Parameters
        ----------
        path : str or path-like
            The file to write.
        flags : int
            What to show beside the nodes, of ``CUgraphDebugDot_flags``.

        Raises
        ------
        CUDADriverError
            If the file cannot be written.
        """
        check(driver.cuGraphDebugDotPrint(self.graph, os.fsencode(path), flags))


def _checked_update(result: tuple[Any, ...]) -> None:
    if result[0]:
        reason = getattr(result[1], "result", None)
        detail = getattr(reason, "name", "") or ""
        tell = driver.last_error_detail() or detail
        raise CUDADriverError(int(result[0]), "cuGraphExecUpdate", tell)


def _current() -> Any:
    """The stream of this thread, as `Event.record` takes it."""
    context.current_device_id()
    stream = context.local.stream
    return _Handle(context.local.place.stream_ptr) if stream is None else stream


class _Handle:
    """A stream known by its handle alone."""

    __slots__ = ("ptr",)

    def __init__(self, ptr: int) -> None:
        self.ptr = ptr


def _key(ptr: int, device_id: int) -> Key:
    return device_id, ptr, threading.get_ident() if ptr == _PER_THREAD else 0


def captured_place(ptr: int, device_id: int) -> Place | None:
    """The place of a stream's memory while it is captured; None if it is not."""
    return _places.get(_key(ptr, device_id)) if _places else None


def begin(ptr: int, device_id: int, mode: int | None) -> None:
    """Begin a capture; the stream's memory comes from a place of its own from now on."""
    modes = driver.CUstreamCaptureMode
    check(driver.cuStreamBeginCapture(ptr, modes(_RELAXED if mode is None else mode)))
    follow(ptr, device_id)


def follow(ptr: int, device_id: int) -> None:
    """If a stream has come to take part in a capture, give its memory a place of its own."""
    status, number = check(driver.cuStreamGetCaptureInfo(ptr))
    key = _key(ptr, device_id)
    if int(status) == _ACTIVE and key not in _places:
        place = _places[key] = Place(device_id, ptr)
        place.held = True
        _captures.setdefault(number, []).append(key)
        _refresh()


def under_way() -> bool:
    """Whether any stream of the process is being captured."""
    return bool(_captures)


def end(ptr: int, device_id: int) -> Graph:
    """End a capture, and return what it took down."""
    _, number = check(driver.cuStreamGetCaptureInfo(ptr))
    # What follows, `check` included, happens whether the capture succeeded or not.
    result = driver.cuStreamEndCapture(ptr)
    tell = driver.last_error_detail() if result[0] else ""
    over = not result[0] or _status(ptr) == 0
    places = [_places.pop(key) for key in _captures.pop(number, ())] if over else []
    tickets = _functions.pop(number, []) if over else []
    _refresh()
    if result[0]:
        for place in places:
            _let_go(place, [])
        callbacks.drop(tickets)
        raise CUDADriverError(int(result[0]), "cuStreamEndCapture", tell)
    return Graph._made(result[1], device_id, places, tickets)


def keep(ptr: int, ticket: int) -> None:
    """Note that the capture of a stream has a function."""
    _, number = check(driver.cuStreamGetCaptureInfo(ptr))
    _functions.setdefault(number, []).append(ticket)


def forget(ptr: int, device_id: int) -> None:
    """Let a stream that is destroyed while it is captured leave nothing behind."""
    key = _key(ptr, device_id)
    place = _places.pop(key, None)
    if place is not None:
        _let_go(place, [])
        for number, keys in list(_captures.items()):
            if key in keys:
                keys.remove(key)
                if not keys:
                    del _captures[number]
                    callbacks.drop(_functions.pop(number, []))


def _let_go(place: Place, ends: list[Event]) -> None:
    """Let the memory of a place serve others once the work up to some events is complete."""
    place.held = False
    place.retired = _Work(ends)


def _status(ptr: int) -> int:
    return int(check(driver.cuStreamIsCapturing(ptr)))


def _refresh() -> None:
    """Have this thread allocate where its stream's memory now comes from."""
    local = context.local
    stream = local.stream
    if stream is not None:
        local.place = stream.place_on(local.device_id)
