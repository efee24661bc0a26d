"""When work runs: deferred, by chance, within the call, and not at all after a fork or exit."""

import ctypes
import os
import signal
import subprocess
import sys
import threading

import pytest
from cuda.bindings.driver import CUresult

from ndgpu.driver import host
from ndgpu.driver.host import compiler, policies, queues

from .conftest import read, value
from .fakes import PTX, Kernel, Program

OK = (CUresult.CUDA_SUCCESS,)
NOT_READY = (CUresult.CUDA_ERROR_NOT_READY,)


def load(monkeypatch, kernel: Kernel) -> int:
    monkeypatch.setattr(compiler, "load", lambda *given: Program({"k": kernel}))
    return value(host.cuModuleGetFunction(value(host.cuModuleLoadData(PTX)), b"k"))


def run(function: int, stream: int = 0, blocks: int = 1) -> None:
    assert host.cuLaunchKernel(function, blocks, 1, 1, 1, 1, 1, 0, stream, 0, 0) == OK


def process(program: str, **variables: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", PRELUDE + program],
        env={**os.environ, "PYTHONWARNINGS": "error", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output(program: str, **variables: str) -> str:
    child = process(program, **variables)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    return out


PRELUDE = """
import ctypes, os, threading, warnings
from ndgpu import driver
_, context = driver.cuDevicePrimaryCtxRetain(0)
driver.cuCtxSetCurrent(context)
_, memory = driver.cuMemAlloc(1 << 20)
_, stream = driver.cuStreamCreate(1)
reached, opened = threading.Event(), threading.Event()

@ctypes.CFUNCTYPE(None, ctypes.c_void_p)
def wait(data):
    reached.set()
    opened.wait()

def hold():
    driver.cuLaunchHostFunc(stream, ctypes.cast(wait, ctypes.c_void_p).value, 0)

def first_byte():
    return ctypes.string_at(memory, 1)
"""


def test_deferred_work_runs_when_somebody_waits(device, streams, monkeypatch):
    streams("deferred")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    pointer = value(host.cuMemAlloc(8))
    first, second = value(host.cuStreamCreate(1)), value(host.cuStreamCreate(1))
    run(function, first)
    host.cuMemsetD8Async(pointer, 1, 8, second)
    assert host.cuStreamSynchronize(second) == OK
    assert read(pointer, 8) == b"\1" * 8
    assert kernel.ranges == []  # nobody waited for the first stream
    event = value(host.cuEventCreate(0))
    host.cuEventRecord(event, first)
    assert host.cuEventSynchronize(event) == OK
    assert kernel.ranges == [(0, 1)]


def test_deferred_copies_read_pageable_memory_at_once(device, streams):
    streams("deferred")
    size = 1 << 20
    pointer, source = value(host.cuMemAlloc(size)), ctypes.create_string_buffer(b"\3" * size)
    host.cuMemsetD8Async(pointer, 1, size, 0)
    assert host.cuMemcpyHtoDAsync(pointer, ctypes.addressof(source), size, 0) == OK
    ctypes.memset(source, 4, size)
    assert read(pointer, 1) == b"\xff"
    assert host.cuStreamSynchronize(0) == OK
    assert read(pointer, size) == b"\3" * size


@pytest.mark.parametrize("asked", ["stream", "event"])
def test_questions_about_deferred_work_come_to_an_end(device, streams, monkeypatch, asked):
    streams("deferred")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    for _ in range(3):
        run(function)
    event = value(host.cuEventCreate(0))
    host.cuEventRecord(event, 0)
    answers = []
    for _ in range(10):
        answers.append(host.cuStreamQuery(0) if asked == "stream" else host.cuEventQuery(event))
        if answers[-1] == OK:
            break
    assert answers == [NOT_READY] * 4 + [OK]
    assert kernel.ranges == [(0, 1)] * 3


def test_a_wait_of_one_stream_runs_what_it_depends_on(device, streams, monkeypatch):
    streams("deferred")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    first, second = value(host.cuStreamCreate(1)), value(host.cuStreamCreate(1))
    event = value(host.cuEventCreate(0))
    run(function, first, 1)
    host.cuEventRecord(event, first)
    run(function, first, 2)
    host.cuStreamWaitEvent(second, event, 0)
    run(function, second, 3)
    assert host.cuStreamSynchronize(second) == OK
    assert kernel.ranges[0] == (0, 1) and kernel.ranges[-1][1] == 3
    assert sum(end - start for start, end in kernel.ranges) == 4  # and not the two blocks


def test_a_queue_that_is_full_runs_its_oldest_work(device, streams, monkeypatch):
    streams("deferred")
    monkeypatch.setattr(queues, "_FULL", 4)
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    for _ in range(6):
        run(function)
    assert kernel.ranges == [(0, 1)] * 2


def schedule(streams, monkeypatch, seed: int) -> tuple[list, list]:
    """Run two streams and one large launch under a seed: in which order did things run?"""
    streams("async", seed)
    seen = []
    kernels = [Kernel(lambda *given, name=name: seen.append(name)) for name in "ab"]
    functions = [load(monkeypatch, kernel) for kernel in kernels]
    handles = [value(host.cuStreamCreate(1)) for _ in range(2)]
    for _ in range(20):
        for function, handle in zip(functions, handles, strict=True):
            run(function, handle)
    assert host.cuCtxSynchronize() == OK
    large = Kernel()
    run(load(monkeypatch, large), 0, 100)
    assert host.cuCtxSynchronize() == OK
    assert sorted(large.ranges) == [(block, block + 1) for block in range(100)]
    assert sorted(seen) == ["a"] * 20 + ["b"] * 20
    return seen, large.ranges


def test_a_seed_draws_the_same_order_each_time(device, streams, monkeypatch):
    first, again, other = (schedule(streams, monkeypatch, seed) for seed in (1, 1, 2))
    assert first == again
    assert first[0] != other[0] and first[1] != other[1]
    assert first[1] != sorted(first[1])


def test_chance_keeps_to_streams_and_events(device, streams, monkeypatch):
    for seed in range(20):
        streams("async", seed)
        seen = []
        kernels = [Kernel(lambda *given, name=name, to=seen: to.append(name)) for name in range(4)]
        functions = [load(monkeypatch, kernel) for kernel in kernels]
        first, second = value(host.cuStreamCreate(1)), value(host.cuStreamCreate(1))
        event = value(host.cuEventCreate(0))
        run(functions[0], first)
        run(functions[1], second)
        host.cuEventRecord(event, second)
        host.cuStreamWaitEvent(first, event, 0)
        run(functions[2], first)
        run(functions[3], second)
        assert host.cuCtxSynchronize() == OK
        assert seen.index(2) > max(seen.index(0), seen.index(1))
        assert seen.index(3) > seen.index(1)


def test_chance_runs_large_grids_by_ranges(device, streams, monkeypatch):
    streams("async", 7)
    kernel = Kernel()
    run(load(monkeypatch, kernel), 0, 100_000)
    assert host.cuCtxSynchronize() == OK
    ranges = sorted(kernel.ranges)
    assert len(ranges) <= 1024
    assert [first for first, _ in ranges] == [0, *(end for _, end in ranges[:-1])]
    assert ranges[-1][1] == 100_000


def test_a_kernel_known_to_be_short_runs_in_the_call(device, streams, monkeypatch):
    streams("async")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    monkeypatch.setattr(policies.current, "short", 1 << 40)
    run(function)
    assert host.cuCtxSynchronize() == OK
    run(function)
    assert kernel.ranges == [(0, 1)] * 2


def test_short_work_behind_short_work_waits_and_runs_in_the_call(device, streams, monkeypatch):
    streams("async")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    run(function)
    assert host.cuCtxSynchronize() == OK
    monkeypatch.setattr(policies.current, "short", 1 << 40)
    stream = device.context.streams[0]
    stream.defer(queues.Work(kernel.ranges.append, ("deferred",), 1))
    run(function)
    assert kernel.ranges == [(0, 1), "deferred", (0, 1)]


def test_an_odd_measurement_makes_no_great_difference(device, monkeypatch):
    function = load(monkeypatch, Kernel())
    run(function)
    assert host.cuCtxSynchronize() == OK
    (plan,) = host.launch.functions[function].plans.values()
    plan.cost = 2000
    plan.learn(4_000_000)
    assert plan.cost == 5000
    plan.learn(1500)
    assert plan.cost == 1500


def test_work_that_an_interrupt_kept_from_running_runs_later(device, streams):
    streams("deferred")
    calls = []

    def work():
        calls.append("called")
        if len(calls) == 1:
            raise KeyboardInterrupt

    host.cuStreamSynchronize(0)
    device.context.streams[0].enqueue(work)
    with pytest.raises(KeyboardInterrupt):
        host.cuStreamSynchronize(0)
    assert host.cuStreamSynchronize(0) == OK
    assert calls == ["called"] * 2


@pytest.mark.parametrize("blocks", [1, 2, 700])
def test_an_interrupted_launch_runs_each_block_once(device, streams, monkeypatch, blocks):
    streams("deferred")
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    run(function, blocks=blocks)
    (plan,) = host.launch.functions[function].plans.values()
    assert plan.compile()
    native, interrupts, main = plan.native, iter(range(3)), threading.current_thread()

    def interrupted(*args):
        native(*args)  # an interrupt is seen when native code has returned, by the main thread
        if threading.current_thread() is main and next(interrupts, None) is not None:
            raise KeyboardInterrupt
        return 0

    plan.native = interrupted
    for _ in range(5):
        try:
            host.cuStreamSynchronize(0)
        except KeyboardInterrupt:
            continue
        break
    assert sorted(block for first, end in kernel.ranges for block in range(first, end)) == [
        *range(blocks)
    ]


def test_an_interrupt_ends_a_wait_and_the_work_goes_on():
    child = process(
        """
hold()
driver.cuMemsetD8Async(memory, 1, 8, stream)
reached.wait()
try:
    print("waiting", flush=True)
    driver.cuStreamSynchronize(stream)
except KeyboardInterrupt:
    print("interrupted", first_byte())
opened.set()
print(driver.cuStreamSynchronize(stream)[0].name, first_byte())
""",
        NDGPU_HOST_STREAMS="async",
    )
    assert child.stdout.readline() == "waiting\n"
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, err) == (0, "")
    assert out == "interrupted b'\\xff'\nCUDA_SUCCESS b'\\x01'\n"


@pytest.mark.parametrize("mode", ["async", "deferred"])
def test_exit_with_work_that_never_ran(mode):
    out = output(
        """
hold()
for _ in range(100):
    driver.cuMemsetD8Async(memory, 1, 1 << 20, stream)
print("end")
""",
        NDGPU_HOST_STREAMS=mode,
    )
    assert out == "end\n"


def test_exit_while_work_runs():
    out = output(
        """
for _ in range(200):
    driver.cuMemsetD8Async(memory, 1, 1 << 20, stream)
import atexit
print("end")
""",
        NDGPU_HOST_STREAMS="async",
    )
    assert out == "end\n"


def test_calls_at_exit_still_work():
    out = output(
        """
import atexit
atexit._clear()  # so that what follows comes after the driver's own
def last():
    driver.cuMemsetD8Async(memory, 1, 8, stream)
    print(driver.cuStreamSynchronize(stream)[0].name, first_byte())
from ndgpu.driver.host import queues
atexit.register(last)
atexit.register(queues._close)
hold()
""",
        NDGPU_HOST_STREAMS="async",
    )
    assert out == "CUDA_SUCCESS b'\\xff'\n" or out == "CUDA_SUCCESS b'\\x01'\n"


def test_a_forked_child_has_none_of_the_work_and_the_parent_goes_on():
    out = output(
        """
warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads: on purpose
hold()
driver.cuMemsetD8Async(memory, 1, 8, stream)
reached.wait()
pid = os.fork()
if pid == 0:
    assert driver.cuStreamQuery(stream)[0] == 0
    assert driver.cuCtxSynchronize()[0] == 0
    assert first_byte() == b"\\xff"
    driver.cuMemsetD8Async(memory, 2, 8, stream)
    assert driver.cuStreamSynchronize(stream)[0] == 0
    os._exit(0 if first_byte() == b"\\2" else 1)
print(os.waitpid(pid, 0)[1])
opened.set()
print(driver.cuStreamSynchronize(stream)[0].name, first_byte())
""",
        NDGPU_HOST_STREAMS="async",
    )
    assert out == "0\nCUDA_SUCCESS b'\\x01'\n"


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"NDGPU_HOST_STREAMS": "soon"}, "NDGPU_HOST_STREAMS='soon': expected one of async"),
        ({"NDGPU_HOST_STRESS": "x"}, "NDGPU_HOST_STRESS='x'"),
    ],
)
def test_settings_that_are_not_understood(variables, words):
    child = process("", **variables)
    _, err = child.communicate(timeout=60)
    assert child.returncode == 1
    assert words in err
