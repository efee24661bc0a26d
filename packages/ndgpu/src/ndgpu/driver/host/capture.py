"""Streams that are captured: what they are given becomes a graph in place of being run.

A `Capture` begins in one stream and spreads to those that wait for its events.  Each stream
in it has *tips*, the nodes that its next one depends on.  `Context.captures` has those under
way, so that a call that cannot be concerned pays one look at an empty set.

What would not make sense is refused as CUDA does, and spoils the capture: to wait for a stream
of it or ask how far it is, to use the legacy stream beside it (work there would have to wait for
what is not running), to wait for an event from outside.  A capture that was spoilt is over with
`cuStreamEndCapture`, which then returns no graph.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from cuda.bindings.driver import CUresult, CUstreamCaptureMode, CUstreamCaptureStatus

from ndgpu.driver.host import context as contexts
from ndgpu.driver.host.context import Context, lock, new_handle
from ndgpu.driver.host.results import OK, SUCCESS, fail

__all__ = [
    "ACTIVE",
    "GLOBAL",
    "NONE",
    "SPOILT",
    "Capture",
    "Graph",
    "Node",
    "capture_of",
    "cuThreadExchangeStreamCaptureMode",
    "graphs",
    "unsafe",
]

NONE = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE
ACTIVE = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE
SPOILT = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED
GLOBAL = int(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL)
_THREAD_LOCAL = int(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL)
_RELAXED = int(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)

_UNSUPPORTED = CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
_IMPLICIT = CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT


class Node:
    """One piece of work of a graph.

    Attributes
    ----------
    kind : str
        ``"kernel"``, ``"memcpy"``, ``"memset"``, ``"host"``, ``"memalloc"``, ``"memfree"`` or
        ``"graph"``.
    label : str
        What it does, for people.
    call, args : callable and tuple
        What runs it, if it is not a kernel; it may not be called twice for one launch.
    plan, params : Plan and int
        Of a kernel: what to launch, and the address of the arguments; else None and 0.
    plain : tuple of int or None
        Of a copy or fill that native code can do: the address of the C library's function, and
        its three arguments, the size last.
    keep : object
        What must live as long as the node.
    before : tuple of Node
        What it waits for.
    """

    __slots__ = ("args", "before", "call", "handle", "keep", "kind", "label", "params", "plain",
                 "plan")  # fmt: skip

    def __init__(
        self,
        kind: str,
        label: str,
        call: Callable[..., object] | None = None,
        args: tuple[Any, ...] = (),
        *,
        plan: Any = None,
        params: int = 0,
        plain: tuple[int, int, int, int] | None = None,
        keep: object = None,
    ) -> None:
        self.kind = kind
        self.label = label
        self.call = call
        self.args = args
        self.plan = plan
        self.params = params
        self.plain = plain
        self.keep = keep
        self.before: tuple[Node, ...] = ()
        self.handle = new_handle()


class Graph:
    """Nodes in an order in which they can run.

    Attributes
    ----------
    context : Context
        Where it was captured.
    handle : int
        Its handle.
    nodes : list of Node
        Each after all that it waits for.
    """

    __slots__ = ("context", "handle", "nodes")

    def __init__(self, context: Context) -> None:
        self.context = context
        self.handle = new_handle()
        self.nodes: list[Node] = []

    def release(self) -> None:
        """Forget the graph; part of destroying it or its context."""
        graphs.pop(self.handle, None)


graphs: dict[int, Graph] = {}


class Capture:
    """A graph in the making."""

    __slots__ = ("detail", "graph", "mode", "number", "origin", "status", "streams", "thread")

    def __init__(self, origin: Any, mode: int) -> None:
        self.graph = Graph(origin.context)
        self.origin = origin
        self.mode = mode
        self.number = new_handle()
        self.thread = threading.get_ident()
        self.status = ACTIVE
        self.detail = ""
        self.streams: list[Any] = []
        self.join(origin, ())
        origin.context.captures.add(self)

    def join(self, stream: Any, tips: tuple[Node, ...]) -> None:
        """Take a stream in, or have what it is given next wait for more nodes."""
        if stream.capture is None:
            stream.capture = self
            stream.tips = ()
            self.streams.append(stream)
            stream.context.captures.add(self)
        stream.tips = (*stream.tips, *(tip for tip in tips if tip not in stream.tips))

    def add(self, stream: Any, node: Node) -> tuple:
        """Append a node that waits for what the stream was given before; return ``OK``."""
        with lock:
            node.before = stream.tips
            stream.tips = (node,)
            self.graph.nodes.append(node)
        return OK

    def spoil(self, code: CUresult, detail: str, values: int = 0) -> tuple:
        """Note that a call broke the capture, and return the call's result."""
        if self.status == ACTIVE:
            self.status = SPOILT
            self.detail = detail
        return fail(code, detail, values)

    def refuse(self, values: int = 0) -> tuple:
        """Return the result of a call after the capture was spoilt."""
        detail = f"the capture was spoilt before: {self.detail}"
        return fail(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, detail, values)

    def unjoined(self) -> list[Node]:
        """The nodes that nothing waits for, the origin's next piece of work neither."""
        waited = {id(node) for node in self.origin.tips}
        for node in self.graph.nodes:
            waited.update(map(id, node.before))
        return [node for node in self.graph.nodes if id(node) not in waited]

    def end(self) -> None:
        """Let the streams go back to running what they are given."""
        with lock:
            for stream in self.streams:
                stream.capture = None
                stream.tips = ()
                stream.context.captures.discard(self)
            self.origin.context.captures.discard(self)


def capture_of(call: str, stream: Any, values: int = 0) -> Capture | tuple | None:
    """Return the capture that takes what `stream` is given, or why nothing may be; else None.

    For a call that found ``stream.context.captures`` not empty.
    """
    capture = stream.capture
    if capture is not None:
        return capture if capture.status == ACTIVE else capture.refuse(values)
    if not stream.legacy:
        return None
    for other in list(stream.context.captures):
        if any(taken.blocking and taken.context is stream.context for taken in other.streams):
            detail = (
                f"{call}: the legacy default stream waits for stream {other.origin.handle:#x}, "
                "which is being captured and does not run (a stream made with non_blocking=True "
                "would not be waited for)"
            )
            return other.spoil(_IMPLICIT, detail, values)
    return None


class _Thread(threading.local):
    mode = GLOBAL


_thread = _Thread()


def cuThreadExchangeStreamCaptureMode(mode: int) -> tuple:
    """Return ``(CUresult, mode)``: how careful this thread was; now it is as `mode` says."""
    if mode not in (GLOBAL, _THREAD_LOCAL, _RELAXED):
        detail = f"cuThreadExchangeStreamCaptureMode: {mode!r} is not a mode"
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, detail, 1)
    before, _thread.mode = _thread.mode, int(mode)
    return SUCCESS, CUstreamCaptureMode(before)


def unsafe(call: str, values: int = 0) -> tuple | None:
    """Return why a call that may wait for the device is refused beside a capture; else None.

    As CUDA has it: a capture in mode ``GLOBAL`` forbids such calls to every thread, one in mode
    ``THREAD_LOCAL`` to its own, one in mode ``RELAXED`` to none; and a thread that has exchanged
    its mode for ``RELAXED`` may always make them.
    """
    if _thread.mode == _RELAXED:
        return None
    for device in contexts.devices:
        for capture in list(device.context.captures):
            own = capture.thread == threading.get_ident()
            if (capture.mode == GLOBAL and _thread.mode == GLOBAL) or (
                capture.mode == _THREAD_LOCAL and own
            ):
                detail = (
                    f"{call}: not while stream {capture.origin.handle:#x} is captured in a mode "
                    "other than relaxed"
                )
                return capture.spoil(_UNSUPPORTED, detail, values)
    return None
