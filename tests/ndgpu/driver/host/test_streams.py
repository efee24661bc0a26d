"""Streams, events and host functions."""

import ctypes

import pytest
from cuda.bindings.driver import CUevent_flags, CUresult, CUstreamCaptureStatus

from ndgpu.driver import host

from .conftest import value

OK = (CUresult.CUDA_SUCCESS,)
INVALID = CUresult.CUDA_ERROR_INVALID_VALUE
BAD = CUresult.CUDA_ERROR_INVALID_HANDLE


def test_life_of_a_stream(device):
    stream = value(host.cuStreamCreate(1))
    assert value(host.cuStreamGetFlags(stream)) == 1
    assert value(host.cuStreamGetPriority(stream)) == 0
    assert value(host.cuStreamGetCtx(stream)) == device.context.handle
    assert host.cuStreamSynchronize(stream) == OK
    assert host.cuStreamQuery(stream) == OK
    none = CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_NONE
    assert value(host.cuStreamIsCapturing(stream)) == none
    assert host.cuStreamDestroy(stream) == OK
    for call in (host.cuStreamSynchronize, host.cuStreamQuery, host.cuStreamDestroy):
        assert call(stream) == (BAD,)
    for call in (host.cuStreamGetFlags, host.cuStreamGetPriority, host.cuStreamGetCtx):
        assert call(stream) == (BAD, None)
    assert host.cuStreamIsCapturing(stream) == (BAD, None)
    assert f"{stream:#x} is not a stream" in host.last_error_detail()


@pytest.mark.parametrize("default", [0, 1, 2])
def test_default_streams(device, default):
    assert host.cuStreamSynchronize(default) == OK
    assert host.cuStreamQuery(default) == OK
    assert value(host.cuStreamGetFlags(default)) == 0


def test_the_default_stream_cannot_be_destroyed(device):
    assert host.cuStreamDestroy(0) == (BAD,)


def test_priorities(device):
    assert host.cuCtxGetStreamPriorityRange() == (CUresult.CUDA_SUCCESS, 0, -5)
    for asked, given in ((-2, -2), (-100, -5), (3, 0)):
        stream = value(host.cuStreamCreateWithPriority(0, asked))
        assert value(host.cuStreamGetPriority(stream)) == given


def test_flags_that_are_not_known(device):
    assert host.cuStreamCreate(2) == (INVALID, None)
    assert host.cuEventCreate(64) == (INVALID, None)


def test_two_streams_have_two_handles(device):
    first = value(host.cuStreamCreate(0))
    host.cuStreamDestroy(first)
    assert value(host.cuStreamCreate(0)) != first  # a stale handle stays stale


def test_events_measure_time(device):
    stream = value(host.cuStreamCreate(0))
    start, end = value(host.cuEventCreate(0)), value(host.cuEventCreate(0))
    assert host.cuEventElapsedTime(start, end) == (BAD, None)
    assert "never recorded" in host.last_error_detail()
    assert host.cuEventRecord(start, stream) == OK
    pointer = value(host.cuMemAlloc(1 << 20))
    host.cuMemsetD8Async(pointer, 0, 1 << 20, stream)
    assert host.cuEventRecord(end, stream) == OK
    assert host.cuEventSynchronize(end) == OK
    assert host.cuEventQuery(end) == OK
    forward = value(host.cuEventElapsedTime(start, end))
    assert forward > 0
    assert value(host.cuEventElapsedTime(end, start)) == -forward


def test_an_event_never_recorded_is_no_reason_to_wait(device):
    event = value(host.cuEventCreate(0))
    assert host.cuEventQuery(event) == OK
    assert host.cuEventSynchronize(event) == OK
    assert host.cuStreamWaitEvent(0, event, 0) == OK


def test_events_without_timing(device):
    flag = CUevent_flags.CU_EVENT_DISABLE_TIMING
    start, end = value(host.cuEventCreate(flag)), value(host.cuEventCreate(flag))
    host.cuEventRecord(start, 0), host.cuEventRecord(end, 0)
    assert host.cuEventElapsedTime(start, end) == (BAD, None)
    assert "without timing" in host.last_error_detail()


def test_an_event_that_is_destroyed(device):
    event, kept = value(host.cuEventCreate(0)), value(host.cuEventCreate(0))
    assert host.cuEventDestroy(event) == OK
    assert host.cuEventDestroy(event) == (BAD,)
    assert host.cuEventRecord(event, 0) == (BAD,)
    assert host.cuEventQuery(event) == (BAD,)
    assert host.cuEventSynchronize(event) == (BAD,)
    assert host.cuEventElapsedTime(kept, event) == (BAD, None)
    assert host.cuStreamWaitEvent(0, event, 0) == (BAD,)
    assert host.cuEventRecord(kept, event) == (BAD,)  # an event is no stream
    assert host.cuStreamWaitEvent(event, kept, 0) == (BAD,)


def test_events_and_streams_of_two_devices(device, other):
    here = value(host.cuEventCreate(0))
    host.cuEventRecord(here, 0)
    host.cuCtxSetCurrent(other.context.handle)
    there = value(host.cuEventCreate(0))
    stream = value(host.cuStreamCreate(0))
    assert host.cuEventRecord(here, stream) == (BAD,)
    assert host.cuEventRecord(there, stream) == OK
    assert host.cuStreamWaitEvent(stream, here, 0) == OK  # waiting across devices is the point
    assert host.cuEventElapsedTime(here, there) == (BAD, None)


def test_host_functions_run_in_order(device):
    calls = []

    @ctypes.CFUNCTYPE(None, ctypes.c_void_p)
    def note(data):
        calls.append(data)

    address = ctypes.cast(note, ctypes.c_void_p).value
    for number in (3, 1, 2):
        assert host.cuLaunchHostFunc(0, address, number) == OK
    assert host.cuStreamSynchronize(0) == OK
    assert calls == [3, 1, 2]
    assert host.cuLaunchHostFunc(0, 0, 1) == (INVALID,)
    assert host.cuLaunchHostFunc(0xBAD0, address, 1) == (BAD,)
    device.context.poison(CUresult.CUDA_ERROR_ASSERT, "kernel k failed")
    assert host.cuLaunchHostFunc(0, address, 4) == (CUresult.CUDA_ERROR_ASSERT,)
    assert calls == [3, 1, 2]


def test_errors_of_another_device_come_out_of_its_streams(device, other):
    host.cuCtxSetCurrent(other.context.handle)
    stream, event = value(host.cuStreamCreate(0)), value(host.cuEventCreate(0))
    host.cuEventRecord(event, stream)
    host.cuCtxSetCurrent(device.context.handle)
    other.context.poison(CUresult.CUDA_ERROR_LAUNCH_FAILED, "kernel k failed")
    failed = (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
    assert host.cuStreamSynchronize(stream) == failed
    assert host.cuStreamQuery(stream) == failed
    assert host.cuEventSynchronize(event) == failed
    assert host.cuEventQuery(event) == failed
    assert host.cuStreamSynchronize(0) == OK


def test_all_calls_want_a_context(device):
    stream, event = value(host.cuStreamCreate(0)), value(host.cuEventCreate(0))
    host.cuCtxSetCurrent(0)
    none = CUresult.CUDA_ERROR_INVALID_CONTEXT
    assert host.cuStreamCreate(0) == (none, None)
    assert host.cuEventCreate(0) == (none, None)
    assert host.cuEventRecord(event, stream) == (none,)
    assert host.cuStreamWaitEvent(stream, event, 0) == (none,)
    assert host.cuStreamSynchronize(stream) == (none,)
    assert host.cuStreamQuery(stream) == (none,)
    assert host.cuStreamGetCtx(stream) == (none, None)
    assert host.cuLaunchHostFunc(stream, 1, 0) == (none,)
    assert host.cuCtxGetStreamPriorityRange() == (none, None, None)
