"""Where the capture of a stream begins and ends."""

from __future__ import annotations

import threading

from cuda.bindings.driver import CUresult, CUstreamCaptureMode

from ndgpu.driver.host import capture as captures
from ndgpu.driver.host.capture import Capture, capture_of
from ndgpu.driver.host.context import lock, thread
from ndgpu.driver.host.results import OK, SUCCESS, fail
from ndgpu.driver.host.stream import bad_stream, find_stream

__all__: list[str] = []

_RELAXED = int(CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED)


def cuStreamIsCapturing(hStream: int) -> tuple:
    """Return ``(CUresult, status)``: whether what the stream is given becomes part of a graph."""
    return cuStreamGetCaptureInfo(hStream)[:2]


def cuStreamGetCaptureInfo(hStream: int) -> tuple:
    """Return ``(CUresult, status, id)``; two streams with one id are in one capture."""
    context = thread.context
    if context.error is not None:
        return context.refuse(2)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream("cuStreamGetCaptureInfo", hStream, 2)
    capture = stream.capture
    if capture is None:
        found = capture_of("cuStreamGetCaptureInfo", stream, 2) if context.captures else None
        return found if isinstance(found, tuple) else (SUCCESS, captures.NONE, 0)
    return SUCCESS, capture.status, capture.number


def cuStreamBeginCapture(hStream: int, mode: int) -> tuple:
    """Have what the stream is given from here on become a graph."""
    call = "cuStreamBeginCapture"
    context = thread.context
    if context.error is not None:
        return context.refuse()
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream(call, hStream)
    if mode not in (0, 1, 2):
        detail = f"{call}: {mode!r} is not a mode of capture"
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, detail)
    if stream.legacy:
        return fail(
            CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
            f"{call}: the legacy default stream cannot be captured",
        )
    with lock:
        if stream.capture is not None:
            detail = f"{call}: stream {hStream:#x} is being captured already"
            return fail(CUresult.CUDA_ERROR_ILLEGAL_STATE, detail)
        Capture(stream, int(mode))
    return OK


def cuStreamEndCapture(hStream: int) -> tuple:
    """Return ``(CUresult, graph)`` of what the stream was given since the capture began."""
    call = "cuStreamEndCapture"
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    stream = find_stream(hStream, context)
    if stream is None:
        return bad_stream(call, hStream, 1)
    capture = stream.capture
    if capture is None:
        detail = f"{call}: stream {hStream:#x} is not being captured"
        return fail(CUresult.CUDA_ERROR_ILLEGAL_STATE, detail, 1)
    if stream is not capture.origin:
        detail = f"{call}: the capture began in stream {capture.origin.handle:#x}"
        return capture.spoil(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, detail, 1)
    if capture.mode != _RELAXED and capture.thread != threading.get_ident():
        detail = f"{call}: the capture was begun by another thread, in a mode other than relaxed"
        return fail(CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, detail, 1)
    unjoined = capture.unjoined()
    capture.end()
    if capture.status != captures.ACTIVE:
        return capture.refuse(1)
    capture.status = captures.NONE
    if unjoined:
        detail = (
            f"{call}: {len(unjoined)} nodes, the first of them {unjoined[0].label}, are in streams "
            "that the first one does not wait for"
        )
        return fail(CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED, detail, 1)
    graph = capture.graph
    captures.graphs[graph.handle] = graph.context.owned[graph.handle] = graph
    return SUCCESS, graph.handle
