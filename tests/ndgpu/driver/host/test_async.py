"""Asynchrony: what returns before it ran, what waits for what, and errors that come later.

A host function that waits for a `threading.Event` holds a stream; nothing here depends on time.
"""

import ctypes
import threading
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import numpy as np
import pytest
from cuda.bindings.driver import CUresult

from ndgpu.driver import host
from ndgpu.driver.host import compiler, queues

from .conftest import read, value
from .fakes import PTX, Kernel, Param, Program

OK = (CUresult.CUDA_SUCCESS,)
INVALID = (CUresult.CUDA_ERROR_INVALID_VALUE,)
NOT_READY = (CUresult.CUDA_ERROR_NOT_READY,)
FAILED = (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
LEGACY, PER_THREAD = 0, 2

_callback = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


class Hold:
    """A stream that goes no further until `open`."""

    def __init__(self, stream: int) -> None:
        self.reached = threading.Event()
        self._opened = threading.Event()
        self._function = _callback(self._wait)
        address = ctypes.cast(self._function, ctypes.c_void_p).value
        assert host.cuLaunchHostFunc(stream, address, 0) == OK

    def _wait(self, data: int | None) -> None:
        self.reached.set()
        self._opened.wait(timeout=60)

    def open(self) -> None:
        self._opened.set()


@pytest.fixture
def hold(device, streams) -> Iterator[Callable[[int], Hold]]:
    """Hold streams; what a failed test left held goes on afterwards."""
    streams("async")
    holds: list[Hold] = []

    def make(stream: int) -> Hold:
        holds.append(Hold(stream))
        return holds[-1]

    yield make
    for held in holds:
        held.open()
    host.cuCtxSynchronize()


@pytest.fixture
def note(device, monkeypatch) -> Callable[[int, object], None]:
    """Launch a kernel that appends to ``note.seen``."""
    seen: list[object] = []
    loaded: dict[object, int] = {}

    def launch(stream: int, what: object) -> None:
        if what not in loaded:
            kernel = Kernel(lambda *given: seen.append(what))
            monkeypatch.setattr(compiler, "load", lambda *given: Program({"k": kernel}))
            loaded[what] = value(host.cuModuleGetFunction(value(host.cuModuleLoadData(PTX)), b"k"))
        assert host.cuLaunchKernel(loaded[what], 1, 1, 1, 1, 1, 1, 0, stream, 0, 0) == OK

    launch.seen = seen
    return launch


def load(monkeypatch, kernel: Kernel) -> int:
    monkeypatch.setattr(compiler, "load", lambda *given: Program({"k": kernel}))
    return value(host.cuModuleGetFunction(value(host.cuModuleLoadData(PTX)), b"k"))


def new_stream(flags: int = 1) -> int:
    return value(host.cuStreamCreate(flags))


class Caller:
    """A call made in a thread of its own, with this thread's context."""

    def __init__(self, call: Callable[..., tuple], *args: int) -> None:
        _, context = host.cuCtxGetCurrent()
        self.entered = threading.Event()

        def work() -> None:
            host.cuCtxSetCurrent(context)
            self.entered.set()
            self.result = call(*args)

        self.result: tuple | None = None
        self._thread = threading.Thread(target=work)
        self._thread.start()
        assert self.entered.wait(timeout=30)

    def waits(self) -> bool:
        """Whether the call has not returned; it is given some time to do so wrongly."""
        self._thread.join(timeout=0.02)
        return self.result is None

    def join(self) -> tuple:
        self._thread.join(timeout=30)
        assert self.result is not None, "the call does not return"
        return self.result


def test_a_launch_returns_before_the_kernel_ran(hold, note):
    stream = new_stream()
    held = hold(stream)
    note(stream, "a")
    note(stream, "b")
    assert note.seen == []
    assert host.cuStreamQuery(stream) == NOT_READY
    held.open()
    assert host.cuStreamSynchronize(stream) == OK
    assert note.seen == ["a", "b"]
    assert host.cuStreamQuery(stream) == OK


def test_a_kernel_not_known_to_be_short_runs_while_the_caller_goes_on(device, monkeypatch, streams):
    streams("async")
    started, go_on = threading.Event(), threading.Event()

    def body(*given):
        started.set()
        assert go_on.wait(timeout=60)

    function = load(monkeypatch, Kernel(body))
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0) == OK
    assert started.wait(timeout=30)  # by itself, though nobody waits for the stream
    assert host.cuStreamQuery(0) == NOT_READY
    go_on.set()
    assert host.cuStreamSynchronize(0) == OK


def test_a_stream_that_is_held_holds_no_other(hold, note):
    first, second, third = new_stream(), new_stream(), new_stream()
    held = [hold(first), hold(second)]
    note(first, 1)
    note(second, 2)
    note(third, 3)
    assert host.cuStreamSynchronize(third) == OK
    assert note.seen == [3]
    held[1].open()
    assert host.cuStreamSynchronize(second) == OK
    assert note.seen == [3, 2]
    assert host.cuStreamQuery(first) == NOT_READY


def test_all_kinds_of_work_keep_their_order(hold, note):
    stream = new_stream()
    size = 4096
    device, pinned = value(host.cuMemAlloc(size)), value(host.cuMemAllocHost(size))
    ctypes.memset(pinned, 7, size)
    held = hold(stream)
    assert host.cuMemsetD8Async(device, 1, size, stream) == OK
    assert host.cuMemcpyHtoDAsync(device + 1, pinned, 1, stream) == OK
    assert host.cuMemsetD8Async(device + 1, 2, 1, stream) == OK
    assert host.cuMemcpyHtoDAsync(device + 2, pinned, 1, stream) == OK
    assert host.cuMemcpyDtoDAsync(device + 4, device, 4, stream) == OK
    assert read(device, size) == b"\xff" * size
    held.open()
    assert host.cuStreamSynchronize(stream) == OK
    assert read(device, 9) == bytes([1, 2, 7, 1, 1, 2, 7, 1, 1])


@pytest.mark.parametrize("far", [False, True])
def test_arguments_are_copied_when_a_kernel_is_enqueued(hold, monkeypatch, far):
    seen = []

    def body(args, *given):
        pointers = ctypes.cast(args, ctypes.POINTER(ctypes.c_void_p))
        seen.append((read(pointers[0], 8), read(pointers[1], 4), pointers[0] % 8))

    function = load(monkeypatch, Kernel(body, params=2))
    memory = (ctypes.c_char * (1 << 16))()
    start = ctypes.addressof(memory) + (-ctypes.addressof(memory)) % 64
    places = (start + 8, start + (60_000 if far else 16))
    table = (ctypes.c_void_p * 2)(*places)
    ctypes.memmove(places[0], b"abcdefgh", 8)
    ctypes.memmove(places[1], b"wxyz", 4)
    held = hold(0)
    params = ctypes.addressof(table)
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, params, 0) == OK
    ctypes.memset(start, 0, 65_000)
    ctypes.memset(params, 0, 16)
    held.open()
    assert host.cuStreamSynchronize(0) == OK
    assert seen == [(b"abcdefgh", b"wxyz", 0)]


def test_a_kernel_without_arguments_needs_none(hold, monkeypatch):
    kernel = Kernel()
    kernel.params = []
    function = load(monkeypatch, kernel)
    held = hold(0)
    assert host.cuLaunchKernel(function, 3, 1, 1, 1, 1, 1, 0, 0, 0, 0) == OK
    held.open()
    assert host.cuCtxSynchronize() == OK
    assert sum(end - first for first, end in kernel.ranges) == 3


def test_large_arguments_are_copied_whole(hold, monkeypatch):
    seen = []
    kernel = Kernel(lambda args, *given: seen.append(read(pointer_at(args), 6000)), params=1)
    kernel.params = [Param("p", 0, 6000)]
    function = load(monkeypatch, kernel)
    data = ctypes.create_string_buffer(bytes(range(250)) * 24, 6000)
    table = (ctypes.c_void_p * 1)(ctypes.addressof(data))
    held = hold(0)
    params = ctypes.addressof(table)
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, params, 0) == OK
    ctypes.memset(data, 0, 6000)
    held.open()
    host.cuCtxSynchronize()
    assert seen == [bytes(range(250)) * 24]


def pointer_at(address: int) -> int:
    return ctypes.c_void_p.from_address(address).value or 0


def test_events_order_streams(hold, note):
    first, second = new_stream(), new_stream()
    event = value(host.cuEventCreate(0))
    held = hold(first)
    note(first, "first")
    assert host.cuEventRecord(event, first) == OK
    assert host.cuStreamWaitEvent(second, event, 0) == OK
    note(second, "second")
    assert host.cuEventQuery(event) == NOT_READY
    assert host.cuStreamQuery(second) == NOT_READY
    held.open()
    assert host.cuStreamSynchronize(second) == OK
    assert note.seen == ["first", "second"]
    assert host.cuEventQuery(event) == OK


def test_events_order_streams_of_two_devices(hold, note, other):
    here = new_stream()
    event = value(host.cuEventCreate(0))
    held = hold(here)
    note(here, "here")
    host.cuEventRecord(event, here)
    _, mine = host.cuCtxGetCurrent()
    host.cuCtxSetCurrent(other.context.handle)
    there = new_stream()
    assert host.cuStreamWaitEvent(there, event, 0) == OK
    pointer = value(host.cuMemAlloc(8))
    host.cuMemsetD8Async(pointer, 5, 8, there)
    assert read(pointer, 8) == b"\xff" * 8
    held.open()
    assert host.cuStreamSynchronize(there) == OK
    assert (read(pointer, 8), note.seen) == (b"\5" * 8, ["here"])
    host.cuCtxSetCurrent(mine)


def test_an_event_recorded_again_moves_only_for_later_waits(hold, note):
    early, late, waiting = new_stream(), new_stream(), new_stream()
    event = value(host.cuEventCreate(0))
    first, second = hold(early), hold(late)
    host.cuEventRecord(event, early)
    host.cuStreamWaitEvent(waiting, event, 0)
    note(waiting, "after early")
    host.cuEventRecord(event, late)
    first.open()
    assert host.cuStreamSynchronize(waiting) == OK
    assert note.seen == ["after early"]
    assert host.cuEventQuery(event) == NOT_READY
    second.open()
    assert host.cuEventSynchronize(event) == OK


def test_an_event_that_is_destroyed_is_still_waited_for(hold, note):
    first, second = new_stream(), new_stream()
    event = value(host.cuEventCreate(0))
    held = hold(first)
    note(first, 1)
    host.cuEventRecord(event, first)
    host.cuStreamWaitEvent(second, event, 0)
    note(second, 2)
    assert host.cuEventDestroy(event) == OK
    held.open()
    assert host.cuCtxSynchronize() == OK
    assert note.seen == [1, 2]


def test_elapsed_time_needs_both_events(hold):
    stream = new_stream()
    start, end = value(host.cuEventCreate(0)), value(host.cuEventCreate(0))
    host.cuEventRecord(start, stream)
    held = hold(stream)
    host.cuEventRecord(end, stream)
    assert host.cuEventElapsedTime(start, end) == (*NOT_READY, None)
    held.open()
    assert host.cuEventSynchronize(end) == OK
    assert value(host.cuEventElapsedTime(start, end)) > 0


@pytest.mark.parametrize("default", [LEGACY, 1])
def test_the_legacy_stream_waits_for_blocking_streams_and_they_for_it(hold, note, default):
    blocking, other, free = new_stream(0), new_stream(0), new_stream(1)
    held = hold(blocking)
    note(default, "legacy")
    note(other, "other")
    note(free, "free")
    assert host.cuStreamSynchronize(free) == OK
    assert note.seen == ["free"]
    assert host.cuStreamQuery(default) == NOT_READY
    assert host.cuStreamQuery(other) == NOT_READY
    held.open()
    assert host.cuStreamSynchronize(other) == OK
    assert note.seen == ["free", "legacy", "other"]


def test_blocking_streams_do_not_wait_for_each_other(hold, note):
    first, second = new_stream(0), new_stream(0)
    hold(first)
    note(second, 2)
    assert host.cuStreamSynchronize(second) == OK
    assert note.seen == [2]


def test_a_wait_for_the_legacy_stream_is_one_for_blocking_streams(hold):
    blocking = new_stream(0)
    held = hold(blocking)
    assert host.cuStreamQuery(LEGACY) == NOT_READY
    call = Caller(host.cuStreamSynchronize, LEGACY)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert host.cuStreamQuery(blocking) == OK


def test_each_thread_has_a_default_stream_of_its_own(hold, note):
    held = hold(PER_THREAD)
    note(PER_THREAD, "mine")
    assert host.cuStreamQuery(PER_THREAD) == NOT_READY
    assert Caller(host.cuStreamQuery, PER_THREAD).join() == OK
    assert Caller(host.cuStreamSynchronize, PER_THREAD).join() == OK
    note(LEGACY, "legacy")  # a blocking stream, as on a GPU
    assert note.seen == []
    held.open()
    assert host.cuStreamSynchronize(LEGACY) == OK
    assert note.seen == ["mine", "legacy"]


def test_the_context_waits_for_all_streams(hold, note):
    streams = [new_stream(0), new_stream(1), PER_THREAD]
    held = [hold(stream) for stream in streams]
    call = Caller(host.cuCtxSynchronize)
    for one in held:
        assert call.waits()
        one.open()
    assert call.join() == OK


@pytest.mark.parametrize("size", [64 << 10, (64 << 10) + 1])
def test_pageable_memory_has_been_read_when_a_copy_returns(hold, size):
    stream = new_stream()
    pointer = value(host.cuMemAlloc(size))
    source = np.full(size, 3, np.uint8)
    held = hold(stream)
    call = Caller(host.cuMemcpyHtoDAsync, pointer, source.ctypes.data, size, stream)
    if size > 64 << 10:  # too large for a buffer between: the copy waits for its turn
        assert call.waits()
        held.open()
    assert call.join() == OK
    source[:] = 4
    held.open()
    assert host.cuStreamSynchronize(stream) == OK
    assert read(pointer, size) == b"\3" * size


def test_pinned_memory_is_read_in_stream_order(hold):
    stream = new_stream()
    pointer, source = value(host.cuMemAlloc(100)), value(host.cuMemAllocHost(100))
    ctypes.memset(source, 3, 100)
    held = hold(stream)
    assert host.cuMemcpyHtoDAsync(pointer, source, 100, stream) == OK
    ctypes.memset(source, 4, 100)  # too early: what a program must not do
    held.open()
    host.cuStreamSynchronize(stream)
    assert read(pointer, 100) == b"\4" * 100


def test_a_copy_to_pageable_memory_waits_and_one_to_pinned_memory_does_not(hold):
    stream = new_stream()
    pointer, pinned = value(host.cuMemAlloc(100)), value(host.cuMemAllocHost(100))
    host.cuMemsetD8(pointer, 1, 100)
    target = np.zeros(100, np.uint8)
    held = hold(stream)
    host.cuMemsetD8Async(pointer, 2, 100, stream)
    assert host.cuMemcpyDtoHAsync(pinned, pointer, 100, stream) == OK
    assert read(pinned, 100) == b"\xff" * 100
    call = Caller(host.cuMemcpyDtoHAsync, target.ctypes.data, pointer, 100, stream)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert (target == 2).all()
    assert read(pinned, 100) == b"\2" * 100


def test_synchronous_copies_wait(hold):
    blocking = new_stream(0)
    pointer = value(host.cuMemAlloc(100))
    target = np.zeros(100, np.uint8)
    held = hold(blocking)
    host.cuMemsetD8Async(pointer, 2, 100, blocking)
    call = Caller(host.cuMemcpyDtoH, target.ctypes.data, pointer, 100)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert (target == 2).all()


@pytest.mark.parametrize("pinned", [False, True])
def test_memory_is_freed_when_the_work_is_done(hold, device, pinned):
    stream = new_stream()
    allocate = host.cuMemAllocHost if pinned else host.cuMemAlloc
    free = host.cuMemFreeHost if pinned else host.cuMemFree
    pointer = value(allocate(1000))
    held = hold(stream)
    call = Caller(free, pointer)
    assert call.waits()
    assert pointer in device.blocks
    held.open()
    assert call.join() == OK
    assert pointer not in device.blocks


def test_memory_is_freed_in_stream_order(hold, device):
    stream = new_stream()
    pointer = value(host.cuMemAllocAsync(1000, stream))
    held = hold(stream)
    host.cuMemsetD8Async(pointer, 1, 1000, stream)
    assert host.cuMemFreeAsync(pointer, stream) == OK
    assert pointer in device.blocks  # the fill is still to come
    assert host.cuMemFreeAsync(pointer, stream) == INVALID
    assert host.cuMemFree(pointer) == INVALID
    assert host.cuMemsetD8Async(pointer, 1, 1000, stream) == INVALID
    held.open()
    assert host.cuStreamSynchronize(stream) == OK
    assert pointer not in device.blocks
    assert device.used == 0


def test_an_allocation_waits_for_memory_that_will_be_freed(hold, device):
    stream = new_stream()
    pointer = value(host.cuMemAlloc(device.memory))
    held = hold(stream)
    host.cuMemFreeAsync(pointer, stream)
    call = Caller(host.cuMemAlloc, 1000)
    assert call.waits()
    held.open()
    assert value(call.join())


def test_a_module_is_unloaded_when_its_kernels_ran(hold, monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr(compiler, "load", lambda *given: Program({"k": kernel}))
    module = value(host.cuModuleLoadData(PTX))
    function = value(host.cuModuleGetFunction(module, b"k"))
    held = hold(0)
    host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0)
    call = Caller(host.cuModuleUnload, module)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert kernel.ranges == [(0, 1)]


def test_a_destroyed_stream_ends_its_work(hold, note):
    stream = new_stream()
    held = hold(stream)
    note(stream, "still")
    assert host.cuStreamDestroy(stream) == OK
    assert host.cuStreamQuery(stream) == (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    held.open()
    assert host.cuCtxSynchronize() == OK
    assert note.seen == ["still"]


def test_an_error_comes_later_and_stays(hold, note, monkeypatch, device):
    stream, other = new_stream(), new_stream()
    function = load(monkeypatch, Kernel(lambda *given: 719))
    event, pointer = value(host.cuEventCreate(0)), value(host.cuMemAlloc(8))
    held = hold(stream)
    assert host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, stream, 0, 0) == OK
    note(stream, "after the failure")
    assert host.cuMemsetD8Async(pointer, 0, 8, stream) == OK
    assert host.cuEventRecord(event, stream) == OK
    assert host.cuStreamQuery(other) == OK  # nothing has happened yet
    held.open()
    assert host.cuStreamSynchronize(stream) == FAILED
    assert host.last_error_detail() == "kernel k failed with CUDA_ERROR_LAUNCH_FAILED"
    assert note.seen == []
    assert read(pointer, 8) == b"\xff" * 8
    for call in (
        lambda: host.cuStreamQuery(other),
        lambda: host.cuEventQuery(event),
        lambda: host.cuEventSynchronize(event),
        lambda: host.cuMemcpyDtoH(1, pointer, 1),
        lambda: host.cuMemFree(pointer),
        lambda: host.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0),
        host.cuCtxSynchronize,
    ):
        assert call() == FAILED
    host.cuDevicePrimaryCtxReset(device.ordinal)
    value(host.cuDevicePrimaryCtxRetain(device.ordinal))
    assert host.cuCtxSynchronize() == OK


def test_an_error_of_the_driver_itself_is_told(hold, device, monkeypatch):
    def broken(*given: int) -> int:
        raise MemoryError("no more")

    kernel = Kernel()
    function = load(monkeypatch, kernel)
    monkeypatch.setattr("ndgpu.driver.host.workers.scratch", broken)
    assert host.cuLaunchKernel(function, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0) == OK
    assert host.cuCtxSynchronize() == (CUresult.CUDA_ERROR_UNKNOWN,)
    assert "MemoryError('no more')" in host.last_error_detail()


def test_a_reset_drops_what_waits(hold, note, device):
    stream = new_stream()
    held = hold(stream)
    note(stream, "never")
    assert held.reached.wait(timeout=30)
    call = Caller(host.cuDevicePrimaryCtxReset, device.ordinal)
    while device.context.error is None:  # from then on, nothing new is run
        time.sleep(0.001)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert note.seen == []


def test_what_a_host_function_frees_is_freed_later(device, streams):
    streams("async")
    _, context = host.cuCtxGetCurrent()
    pointer = value(host.cuMemAlloc(1000))
    results = []

    @_callback
    def free(data):  # as a finaliser would that happens to run here
        host.cuCtxSetCurrent(context)
        results.append(host.cuMemFree(pointer))

    host.cuLaunchHostFunc(0, ctypes.cast(free, ctypes.c_void_p).value, 0)
    assert host.cuCtxSynchronize() == OK
    assert results == [OK]
    assert host.cuCtxSynchronize() == OK
    assert pointer not in device.blocks


def test_a_wait_that_ran_some_of_the_work_waits_for_the_rest(hold, device, monkeypatch):
    crew, sent = queues._crew, []
    monkeypatch.setattr(queues, "_crew", SimpleNamespace(send=sent.append))  # nobody comes yet
    number = new_stream()
    stream = device.context.streams[number]
    calls, ran = [], threading.Event()
    stream.defer(queues.Work(lambda: calls.append(1) or ran.set(), (), 1))
    held = hold(number)
    stream.defer(queues.Work(lambda: calls.append(2), (), 1))
    call = Caller(host.cuStreamSynchronize, number)
    assert ran.wait(timeout=30)
    assert call.waits()
    monkeypatch.undo()
    crew.send(sent[0])
    held.open()
    assert call.join() == OK
    assert calls == [1, 2]


def test_many_threads_give_one_stream_work(hold, note):
    stream = new_stream()
    held = hold(stream)
    for name in "abc":
        note(stream, name)
    held.open()
    host.cuStreamSynchronize(stream)
    note.seen.clear()
    _, context = host.cuCtxGetCurrent()

    def give(name: str) -> tuple:
        host.cuCtxSetCurrent(context)
        for _ in range(200):
            note(stream, name)
        return OK

    callers = [Caller(give, name) for name in "abc"]
    assert [caller.join() for caller in callers] == [OK] * 3
    assert host.cuStreamSynchronize(stream) == OK
    assert sorted(note.seen) == ["a"] * 200 + ["b"] * 200 + ["c"] * 200


def test_a_full_queue_makes_the_caller_wait(hold, note, monkeypatch):
    monkeypatch.setattr("ndgpu.driver.host.queues._FULL", 8)
    stream = new_stream()
    held = hold(stream)
    for number in range(7):
        note(stream, number)
    call = Caller(lambda: note(stream, "one too many") or OK)
    assert call.waits()
    held.open()
    assert call.join() == OK
    assert host.cuStreamSynchronize(stream) == OK
    assert note.seen == [*range(7), "one too many"]
