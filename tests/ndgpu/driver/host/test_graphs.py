"""Capture and graphs of the host device, and what CUDA says is not to be captured."""

import ctypes
import threading

import pytest
from cuda.bindings.driver import (
    CUgraphExecUpdateResult,
    CUresult,
    CUstreamCaptureMode,
    CUstreamCaptureStatus,
)

from ndgpu.driver import host

from .conftest import read, value
from .fakes import Kernel
from .test_launch import load

OK = (CUresult.CUDA_SUCCESS,)
RELAXED = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_RELAXED
GLOBAL = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
LOCAL = CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
ACTIVE = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE
SPOILT = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_INVALIDATED
UNSUPPORTED = (CUresult.CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,)
INVALIDATED = (CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, None)


@pytest.fixture
def stream(device):
    return value(host.cuStreamCreate(1))


@pytest.fixture
def memory(device):
    pointer = value(host.cuMemAlloc(4096))
    host.cuMemsetD8(pointer, 0, 4096)
    return pointer


def begin(stream, mode=RELAXED):
    assert host.cuStreamBeginCapture(stream, mode) == OK


def instantiate(stream):
    graph = value(host.cuStreamEndCapture(stream))
    instance = value(host.cuGraphInstantiate(graph, 0))
    assert host.cuGraphDestroy(graph) == OK
    return instance


def launch(instance, stream, times=1):
    for _ in range(times):
        assert host.cuGraphLaunch(instance, stream) == OK
    assert host.cuStreamSynchronize(stream) == OK


def kernel_call(function, stream, *pointers):
    values = (ctypes.c_uint64 * 2)(*pointers)
    arguments = (ctypes.c_void_p * 2)(ctypes.addressof(values), ctypes.addressof(values) + 8)
    return host.cuLaunchKernel(
        function, 3, 1, 1, 32, 1, 1, 0, stream, ctypes.addressof(arguments), 0
    )


def argument(args):
    return ctypes.c_uint64.from_address(ctypes.c_uint64.from_address(args).value).value


def test_what_is_captured_runs_when_the_graph_is_launched(device, stream, memory, monkeypatch):
    kernel = Kernel(lambda args, *rest: ctypes.memset(argument(args) + 512, 7, 4) and 0, params=1)
    function = load(monkeypatch, kernel)
    calls = []
    note = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(calls.append)
    begin(stream)
    assert value(host.cuStreamIsCapturing(stream)) == ACTIVE
    host.cuMemsetD8Async(memory, 5, 512, stream)
    host.cuMemsetD16Async(memory + 1024, 0x0102, 8, stream)
    assert kernel_call(function, stream, memory, 0) == OK
    host.cuMemcpyDtoDAsync(memory + 2048, memory, 1024, stream)
    host.cuLaunchHostFunc(stream, ctypes.cast(note, ctypes.c_void_p).value, 9)
    host.cuMemsetD32Async(memory, 0x01020304, 1, stream)
    assert read(memory, 4096) == bytes(4096)
    assert (kernel.ranges, calls) == ([], [])
    instance = instantiate(stream)
    for times in (1, 2, 3, 4):  # parts are joined once the kernel is known to be short
        host.cuMemsetD8(memory, 0, 4096)
        launch(instance, stream)
        assert read(memory, 8) == bytes((4, 3, 2, 1, 5, 5, 5, 5))
        assert read(memory + 512, 5) == bytes((7, 7, 7, 7, 0))
        assert read(memory + 1024, 17) == bytes((2, 1)) * 8 + b"\0"
        assert read(memory + 2048, 1024) == bytes((5,)) * 512 + bytes((7,)) * 4 + bytes(508)
        assert len(calls) == times
        assert sum(end - first for first, end in kernel.ranges) == 3 * times


@pytest.mark.parametrize("policy", ["async", "eager", "deferred"])
def test_launches_are_in_the_order_of_the_stream(stream, memory, streams, policy):
    streams(policy)
    begin(stream)
    host.cuMemcpyDtoDAsync(memory + 8, memory, 8, stream)
    instance = instantiate(stream)
    host.cuMemsetD8Async(memory, 3, 8, stream)
    assert host.cuGraphLaunch(instance, stream) == OK
    host.cuMemsetD8Async(memory, 4, 8, stream)
    assert host.cuGraphExecDestroy(instance) == OK  # what was launched still runs
    assert host.cuStreamSynchronize(stream) == OK
    assert read(memory, 16) == bytes((4,)) * 8 + bytes((3,)) * 8
    assert host.cuGraphLaunch(instance, stream) == (CUresult.CUDA_ERROR_INVALID_VALUE,)


def test_an_instance_never_runs_twice_at_once(device, memory, monkeypatch):
    inside = []
    together = []

    def body(args, given, first, end, scratch):
        inside.append(1)
        together.append(len(inside))
        inside.pop()

    function = load(monkeypatch, Kernel(body))
    streams = [value(host.cuStreamCreate(1)) for _ in range(3)]
    begin(streams[0])
    for _ in range(4):
        assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, streams[0], 0, 0) == OK
    instance = instantiate(streams[0])
    handle = device.context.handle

    def work(stream):
        host.cuCtxSetCurrent(handle)
        launch(instance, stream, 20)

    threads = [threading.Thread(target=work, args=(stream,)) for stream in streams]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == [1] * (3 * 20 * 4)


def test_a_kernel_that_fails_in_a_graph_is_named(stream, device, monkeypatch):
    fail = Kernel(lambda *given: int(CUresult.CUDA_ERROR_ASSERT) if len(fail.ranges) > 3 else 0)
    function = load(monkeypatch, fail)
    begin(stream)
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, 0, 0) == OK
    instance = instantiate(stream)
    launch(instance, stream, 3)
    host.cuGraphLaunch(instance, stream)
    assert host.cuStreamSynchronize(stream) == (CUresult.CUDA_ERROR_ASSERT,)
    assert "kernel k failed with CUDA_ERROR_ASSERT" in host.last_error_detail()


def test_fork_and_join(device, stream, memory):
    side = value(host.cuStreamCreate(1))
    fork, join = value(host.cuEventCreate(0)), value(host.cuEventCreate(0))
    begin(stream)
    host.cuMemsetD8Async(memory, 1, 8, stream)
    host.cuEventRecord(fork, stream)
    assert host.cuStreamWaitEvent(side, fork, 0) == OK
    assert value(host.cuStreamIsCapturing(side)) == ACTIVE
    ids = [host.cuStreamGetCaptureInfo(which)[2] for which in (stream, side)]
    assert ids[0] == ids[1] != 0
    host.cuMemcpyDtoDAsync(memory + 8, memory, 8, side)
    host.cuMemsetD8Async(memory + 16, 2, 8, stream)
    host.cuEventRecord(join, side)
    assert host.cuStreamWaitEvent(stream, join, 0) == OK
    host.cuMemcpyDtoDAsync(memory + 24, memory + 8, 16, stream)
    instance = instantiate(stream)
    assert host.cuStreamQuery(side) == OK  # it is no longer part of a capture
    launch(instance, stream)
    assert (
        read(memory, 40) == bytes((1,)) * 16 + bytes((2,)) * 8 + bytes((1,)) * 8 + bytes((2,)) * 8
    )


def test_a_fork_that_is_not_joined(device, stream, memory):
    side = value(host.cuStreamCreate(1))
    fork = value(host.cuEventCreate(0))
    begin(stream)
    host.cuEventRecord(fork, stream)
    host.cuStreamWaitEvent(side, fork, 0)
    host.cuMemsetD8Async(memory, 1, 8, side)
    unjoined = CUresult.CUDA_ERROR_STREAM_CAPTURE_UNJOINED
    assert host.cuStreamEndCapture(stream) == (unjoined, None)
    assert "memset 8 bytes" in host.last_error_detail()
    assert host.cuStreamSynchronize(side) == OK
    assert read(memory, 8) == bytes(8)


@pytest.mark.parametrize(
    "call",
    [
        lambda stream, device: host.cuStreamSynchronize(stream),
        lambda stream, device: host.cuStreamQuery(stream),
        lambda stream, device: host.cuCtxSynchronize(),
    ],
)
def test_nobody_waits_for_a_captured_stream(stream, device, call):
    begin(stream)
    assert call(stream, device) == UNSUPPORTED
    assert host.cuStreamIsCapturing(stream) == (CUresult.CUDA_SUCCESS, SPOILT)
    assert host.cuMemsetD8Async(1, 0, 0, stream) == OK  # nothing to do
    assert host.cuEventRecord(value(host.cuEventCreate(0)), stream) == INVALIDATED[:1]
    assert host.cuStreamEndCapture(stream) == INVALIDATED
    assert call(stream, device) == OK


def test_the_legacy_stream_beside_a_capture(device, memory):
    blocking, free = value(host.cuStreamCreate(0)), value(host.cuStreamCreate(1))
    implicit = (CUresult.CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,)
    begin(free)
    assert host.cuMemsetD8(memory, 1, 8) == OK  # a stream that does not take turns is apart
    value(host.cuStreamEndCapture(free))
    begin(blocking)
    assert host.cuMemsetD8(memory, 2, 8) == implicit
    assert "legacy default stream" in host.last_error_detail()
    assert host.cuStreamEndCapture(blocking) == INVALIDATED
    begin(blocking)
    assert host.cuStreamSynchronize(0) == implicit
    assert host.cuStreamEndCapture(blocking) == INVALIDATED
    assert host.cuStreamBeginCapture(0, RELAXED) == UNSUPPORTED
    assert read(memory, 8) == bytes((1,)) * 8


def test_events_of_inside_and_outside(device, stream, memory):
    outside, inside = value(host.cuEventCreate(0)), value(host.cuEventCreate(0))
    never = value(host.cuEventCreate(0))
    host.cuEventRecord(outside, stream)
    begin(stream)
    assert host.cuStreamWaitEvent(stream, never, 0) == OK
    assert host.cuEventRecord(inside, stream) == OK
    isolation = (CUresult.CUDA_ERROR_STREAM_CAPTURE_ISOLATION,)
    assert host.cuStreamWaitEvent(stream, outside, 0) == isolation
    assert host.cuStreamEndCapture(stream) == INVALIDATED
    captured = CUresult.CUDA_ERROR_CAPTURED_EVENT
    begin(stream)
    host.cuEventRecord(inside, stream)
    assert host.cuEventQuery(inside) == (captured,)
    assert host.cuStreamEndCapture(stream) == INVALIDATED
    assert host.cuEventSynchronize(inside) == (captured,)
    assert host.cuEventElapsedTime(outside, inside) == (captured, None)
    assert host.cuStreamWaitEvent(stream, inside, 0) == (captured,)
    assert host.cuEventRecord(inside, stream) == OK
    assert host.cuEventSynchronize(inside) == OK


def test_two_captures_are_not_merged(device, stream):
    other, event = value(host.cuStreamCreate(1)), value(host.cuEventCreate(0))
    begin(stream)
    begin(other)
    host.cuEventRecord(event, other)
    merge = (CUresult.CUDA_ERROR_STREAM_CAPTURE_MERGE,)
    assert host.cuStreamWaitEvent(stream, event, 0) == merge
    assert host.cuStreamEndCapture(stream) == INVALIDATED
    assert host.cuStreamEndCapture(other) == INVALIDATED


def test_where_a_capture_ends(device, stream):
    illegal = CUresult.CUDA_ERROR_ILLEGAL_STATE
    assert host.cuStreamEndCapture(stream) == (illegal, None)
    begin(stream, LOCAL)
    assert host.cuStreamBeginCapture(stream, LOCAL) == (illegal,)
    side, event = value(host.cuStreamCreate(1)), value(host.cuEventCreate(0))
    host.cuEventRecord(event, stream)
    host.cuStreamWaitEvent(side, event, 0)
    answers = []

    def end():
        host.cuCtxSetCurrent(device.context.handle)
        answers.append(host.cuStreamEndCapture(stream))

    thread = threading.Thread(target=end)
    thread.start()
    thread.join()
    assert answers == [(CUresult.CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, None)]
    unmatched = CUresult.CUDA_ERROR_STREAM_CAPTURE_UNMATCHED
    assert host.cuStreamEndCapture(side) == (unmatched, None)
    assert host.cuStreamEndCapture(stream) == INVALIDATED
    assert host.cuStreamBeginCapture(stream, 7) == (CUresult.CUDA_ERROR_INVALID_VALUE,)


@pytest.mark.parametrize(
    ("mode", "here", "there"), [(GLOBAL, 0, 0), (LOCAL, 0, 1), (RELAXED, 1, 1)]
)
def test_calls_that_may_wait_for_the_device(device, stream, mode, here, there):
    def allowed():
        host.cuCtxSetCurrent(device.context.handle)
        return int(host.cuMemAlloc(64)[0] == CUresult.CUDA_SUCCESS)

    answers = []
    begin(stream, mode)
    thread = threading.Thread(target=lambda: answers.append(allowed()))
    thread.start()
    thread.join()
    assert answers == [there]
    host.cuStreamEndCapture(stream)
    begin(stream, mode)
    assert allowed() == here
    host.cuStreamEndCapture(stream)
    begin(stream, mode)
    assert value(host.cuThreadExchangeStreamCaptureMode(RELAXED)) == GLOBAL
    assert allowed() == 1
    assert value(host.cuThreadExchangeStreamCaptureMode(GLOBAL)) == RELAXED
    value(host.cuStreamEndCapture(stream))


def test_memory_of_a_graph(device, stream, memory):
    before = device.used
    begin(stream)
    pointer = value(host.cuMemAllocAsync(64, stream))
    host.cuMemsetD8Async(pointer, 6, 64, stream)
    host.cuMemcpyDtoDAsync(memory, pointer, 64, stream)
    assert host.cuMemFreeAsync(pointer, stream) == OK
    assert host.cuMemFreeAsync(memory, stream) == (CUresult.CUDA_ERROR_INVALID_VALUE,)
    host.cuStreamEndCapture(stream)
    assert device.used == before  # of a capture that failed nothing is left
    begin(stream)
    pointer = value(host.cuMemAllocAsync(64, stream))
    host.cuMemsetD8Async(pointer, 6, 64, stream)
    host.cuMemcpyDtoDAsync(memory, pointer, 64, stream)
    assert host.cuMemFreeAsync(pointer, stream) == OK
    instance = instantiate(stream)
    assert device.used == before + 64
    launch(instance, stream, 2)
    assert read(memory, 64) == bytes((6,)) * 64
    host.cuGraphExecDestroy(instance)
    assert device.used == before


def test_memory_of_a_graph_may_be_freed_outside_of_it(device, stream, memory):
    begin(stream)
    pointer = value(host.cuMemAllocAsync(64, stream))
    host.cuMemsetD8Async(pointer, 6, 64, stream)
    instance = instantiate(stream)
    for _ in range(2):
        launch(instance, stream)
        assert read(pointer, 64) == bytes((6,)) * 64
        assert host.cuMemFreeAsync(pointer, stream) == OK
        assert host.cuStreamSynchronize(stream) == OK
    assert host.cuMemFree(pointer) == OK
    used = device.used
    host.cuGraphExecDestroy(instance)
    assert device.used == used - 64


def test_an_update_has_other_arguments_and_the_same_shape(device, stream, memory):
    def capture(*fills):
        begin(stream)
        for offset, byte in fills:
            host.cuMemsetD8Async(memory + offset, byte, 8, stream)
        return value(host.cuStreamEndCapture(stream))

    first, second, third = capture((0, 1), (8, 2)), capture((16, 3), (24, 4)), capture((0, 1))
    begin(stream)
    host.cuMemsetD8Async(memory, 1, 8, stream)
    host.cuMemcpyDtoDAsync(memory + 8, memory, 8, stream)
    fourth = value(host.cuStreamEndCapture(stream))
    instance = value(host.cuGraphInstantiate(first, 0))
    code, info = host.cuGraphExecUpdate(instance, second)
    assert code == CUresult.CUDA_SUCCESS
    assert info.result == CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_SUCCESS
    launch(instance, stream)
    assert read(memory, 32) == bytes(16) + bytes((3,)) * 8 + bytes((4,)) * 8
    failure = CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE
    results = CUgraphExecUpdateResult
    for graph, reason in (
        (third, results.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED),
        (fourth, results.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED),
    ):
        code, info = host.cuGraphExecUpdate(instance, graph)
        assert (code, info.result) == (failure, reason)
    launch(instance, stream)  # a refused update changes nothing


def test_a_graph_in_a_graph(device, stream, memory):
    begin(stream)
    host.cuMemcpyDtoDAsync(memory + 8, memory, 8, stream)
    inner = instantiate(stream)
    begin(stream)
    host.cuMemsetD8Async(memory, 9, 8, stream)
    assert host.cuGraphLaunch(inner, stream) == OK
    outer = instantiate(stream)
    assert read(memory, 16) == bytes(16)
    launch(outer, stream)
    assert read(memory, 16) == bytes((9,)) * 16


def test_nodes_and_their_picture(device, stream, memory, tmp_path):
    begin(stream)
    host.cuMemsetD8Async(memory, 9, 8, stream)
    host.cuMemcpyDtoDAsync(memory + 8, memory, 8, stream)
    graph = value(host.cuStreamEndCapture(stream))
    code, none, count = host.cuGraphGetNodes(graph)
    assert (code, none, count) == (CUresult.CUDA_SUCCESS, [], 2)
    nodes = host.cuGraphGetNodes(graph, 2)[1]
    assert len(set(nodes)) == 2
    assert host.cuGraphDebugDotPrint(graph, bytes(tmp_path / "g.dot"), 0) == OK
    text = (tmp_path / "g.dot").read_text()
    assert f"n{nodes[0]:x} -> n{nodes[1]:x}" in text
    assert "memset 8 bytes" in text
    missing = bytes(tmp_path / "no" / "g.dot")
    assert host.cuGraphDebugDotPrint(graph, missing, 0) == (CUresult.CUDA_ERROR_OPERATING_SYSTEM,)
    assert host.cuGraphDestroy(graph) == OK
    for call in (
        host.cuGraphDestroy,
        lambda g: host.cuGraphInstantiate(g, 0),
        host.cuGraphGetNodes,
        lambda g: host.cuGraphDebugDotPrint(g, b"x", 0),
    ):
        assert call(graph)[0] == CUresult.CUDA_ERROR_INVALID_VALUE


def test_a_stream_destroyed_in_the_midst(device, stream, memory):
    begin(stream)
    host.cuStreamDestroy(stream)
    assert host.cuStreamEndCapture(stream) == (CUresult.CUDA_ERROR_INVALID_HANDLE, None)
    assert host.cuCtxSynchronize() == OK


def test_upload_compiles(device, stream, monkeypatch):
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    begin(stream)
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, 0, 0) == OK
    instance = instantiate(stream)
    assert kernel.entered == []
    assert host.cuGraphUpload(instance, stream) == OK
    assert (len(kernel.entered), kernel.ranges) == (1, [])
