"""Streams and events: which is current, what waits for what, and what is destroyed when."""

from __future__ import annotations

import gc
import threading
import time

import numpy as np
import pytest

import ndgpu.runtime as rt
from ndgpu import driver


def test_the_null_stream_is_current_at_first() -> None:
    assert rt.get_current_stream() is rt.Stream.null
    assert rt.Stream.null.ptr == 0
    assert rt.Stream(null=True) == rt.Stream.null


def test_the_context_manager_restores() -> None:
    one, two = rt.Stream(), rt.Stream(non_blocking=True)
    assert one.ptr != two.ptr != 0
    with one as entered:
        assert entered is one
        with two, rt.Stream.null, one:
            assert rt.get_current_stream() is one
        assert rt.get_current_stream() is one
    assert rt.get_current_stream() is rt.Stream.null


def test_each_thread_has_its_own() -> None:
    seen: list[object] = []
    with rt.Stream() as stream:

        def work() -> None:
            seen.append(rt.get_current_stream())
            stream.use()
            seen.append(rt.get_current_stream())

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert seen == [rt.Stream.null, stream]


def test_each_device_has_its_own() -> None:
    with rt.Stream() as zero:
        with rt.Device(1):
            assert rt.get_current_stream() is rt.Stream.null
            with rt.Stream() as one:
                assert (zero.device_id, one.device_id) == (0, 1)
                with rt.Device(0):
                    assert rt.get_current_stream() is zero
                    assert rt.get_current_stream(1) is one
                assert rt.get_current_stream() is one
            assert rt.get_current_stream() is rt.Stream.null
        assert rt.get_current_stream() is zero


def test_a_stream_of_another_device_is_refused() -> None:
    with rt.Device(1):
        stream = rt.Stream()
    with pytest.raises(RuntimeError, match=r"of device 1> cannot .* enter Device\(1\) first"):
        stream.use()
    with pytest.raises(RuntimeError, match="while device 0 is current"), stream:
        pass
    assert rt.get_current_stream() is rt.Stream.null


def test_work_goes_to_the_stream() -> None:
    stream = rt.Stream(non_blocking=True)
    host = np.zeros(100, np.uint8)
    with stream:
        pointer = rt.alloc(100)
        pointer.memset_async(3, 100)
        pointer.copy_to_host_async(host.ctypes.data, 100)
    stream.synchronize()
    assert stream.done
    assert (host == 3).all()


def test_one_stream_waits_for_another() -> None:
    one, two = rt.Stream(non_blocking=True), rt.Stream(non_blocking=True)
    order: list[str] = []
    one.launch_host_func(lambda name: (time.sleep(0.02), order.append(name)), "one")
    two.wait_event(one.record())
    two.launch_host_func(order.append, "two")
    two.synchronize()
    assert order == ["one", "two"]


def test_host_functions_run_in_order() -> None:
    stream = rt.Stream()
    seen: list[object] = []
    stream.launch_host_func(seen.append, 1)
    stream.add_callback(lambda *arguments: seen.append(arguments), "arg")
    stream.launch_host_func(lambda _: seen.append(3))
    stream.synchronize()
    assert seen == [1, (stream, 0, "arg"), 3]


def test_a_host_function_that_raises_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    reports: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: reports.append(report.exc_value))
    stream = rt.Stream()
    stream.launch_host_func(lambda _: 1 / 0)
    stream.synchronize()
    assert [type(report) for report in reports] == [ZeroDivisionError]


def test_the_driver_destroys_the_stream_with_the_object() -> None:
    stream = rt.Stream()
    handle = stream.ptr
    del stream
    gc.collect()
    with pytest.raises(rt.CUDADriverError):
        rt.ExternalStream(handle).synchronize()


def test_priority() -> None:
    assert rt.Stream(priority=0).priority == 0
    assert rt.Stream(priority=-1000).priority <= 0


def test_null_and_ptds_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="only one"):
        rt.Stream(null=True, ptds=True)


def test_the_stream_of_the_thread() -> None:
    host = np.zeros(4, np.uint8)
    with rt.Stream.ptds as stream:
        pointer = rt.alloc(4)
        pointer.memset(9, 4)
        pointer.copy_to_host(host.ctypes.data, 4)
        assert stream.done
    assert host.tolist() == [9, 9, 9, 9]


def test_an_external_stream_shares_memory_by_handle() -> None:
    owner = rt.Stream()
    pool = rt.MemoryPool()
    with rt.ExternalStream(owner.ptr):
        pointer = pool.malloc(512)
        address = pointer.ptr
        del pointer
    with rt.ExternalStream(owner.ptr) as again:
        assert pool.malloc(512).ptr == address
    assert again == rt.ExternalStream(owner.ptr)
    assert hash(again) == hash(rt.ExternalStream(owner.ptr))


def test_events_tell_the_time() -> None:
    start, end = rt.Event(), rt.Event(block=True)
    stream = rt.Stream()
    start.record(stream)
    stream.launch_host_func(lambda _: time.sleep(0.005))
    end.record(stream)
    end.synchronize()
    assert end.done
    assert rt.get_elapsed_time(start, end) >= 5
    with stream:
        end.record()


def test_an_event_without_timing_has_no_time() -> None:
    start, end = rt.Event(), rt.Event(disable_timing=True)
    start.record()
    end.record()
    with pytest.raises(rt.CUDADriverError, match=r"^cuEventElapsedTime: CUDA_ERROR"):
        rt.get_elapsed_time(start, end)


def test_an_event_is_of_the_current_device() -> None:
    with rt.Device(1):
        event = rt.Event()
        assert event.device_id == 1
    handle = event.ptr
    with pytest.raises(rt.CUDADriverError, match=r"^cuEventRecord: CUDA_ERROR"):
        event.record(rt.Stream())
    del event
    assert driver.cuEventQuery(handle)[0]
    assert rt.current_device_id() == 0


def test_default_streams_by_handle_are_the_same_places() -> None:
    pool = rt.MemoryPool()
    pointer = pool.malloc(512)
    address = pointer.ptr
    del pointer
    with rt.ExternalStream(1):
        assert pool.malloc(512).ptr == address
    with rt.ExternalStream(2):
        pointer = pool.malloc(512)
        assert pointer.ptr != address
        address = pointer.ptr
        del pointer
    with rt.Stream.ptds:
        assert pool.malloc(512).ptr == address
    seen: list[int] = []

    def work() -> None:
        with rt.Stream.ptds:
            seen.append(pool.malloc(512).ptr)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen != [address]
