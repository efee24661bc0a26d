"""Launches: what is refused, what native code is given, errors, and sharing among threads."""

import ctypes
import threading
import time

import pytest
from cuda.bindings.driver import CUfunction_attribute, CUresult

from ndgpu.driver import host
from ndgpu.driver.host import compiler, launch, workers

from .conftest import read, value
from .fakes import PTX, Kernel, Program, Variable

OK = (CUresult.CUDA_SUCCESS,)
INVALID = (CUresult.CUDA_ERROR_INVALID_VALUE,)


def load(monkeypatch, kernel: Kernel, *variables: Variable) -> int:
    monkeypatch.setattr(compiler, "load", lambda *given: Program({"k": kernel}, variables))
    return value(host.cuModuleGetFunction(value(host.cuModuleLoadData(PTX)), b"k"))


def run(function: int, grid=(1, 1, 1), block=(1, 1, 1), shared=0, stream=0, params=0, extra=0):
    """Launch, and let the kernel run; return what the launch did."""
    result = host.cuLaunchKernel(function, *grid, *block, shared, stream, params, extra)
    host.cuCtxSynchronize()
    return result


@pytest.fixture
def threads():
    """Set how many threads large launches use; afterwards it is as before."""
    before = workers.count()
    yield workers.resize
    workers.resize(before)


def test_what_native_code_is_given(device, monkeypatch):
    seen = []

    def body(args, given, first, end, scratch):
        seen.append((list(given.grid), list(given.block), given.dynamic_shared))
        pointers = ctypes.cast(args, ctypes.POINTER(ctypes.c_void_p))
        seen.append((read(pointers[0], 8), read(pointers[1], 4)))
        pointers = ctypes.cast(given.variables, ctypes.POINTER(ctypes.c_void_p))
        seen.append((pointers[0], pointers[1], scratch % 64))
        ctypes.memset(scratch, 0, 1024 + 512)

    variables = (Variable("a", "global", 8, 8, b"x"), Variable("b", "const", 8, 8, b"y"))
    function = load(monkeypatch, Kernel(body, shared_bytes=1024, params=1), *variables)
    values = (ctypes.create_string_buffer(b"abcdefgh", 8), ctypes.create_string_buffer(b"wxyz", 4))
    arguments = (ctypes.c_void_p * 2)(*map(ctypes.addressof, values))
    address = ctypes.addressof(arguments)
    assert run(function, (2, 3, 4), (8, 4, 2), 512, params=address) == OK
    assert seen[0] == ([2, 3, 4], [8, 4, 2], 512)
    assert seen[1] == (b"abcdefgh", b"wxyz")
    a, b, misaligned = seen[2]
    assert (read(a, 1), read(b, 1), misaligned) == (b"x", b"y", 0)


def test_code_is_asked_for_once_per_block_shape_and_grid(device, monkeypatch):
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    for _ in range(5):
        assert run(function, (1, 1, 1), (32, 1, 1)) == OK
    assert kernel.entered == [(32, 1, 1)]
    assert kernel.ranges == [(0, 1)] * 5


def test_kernels_launched_with_ever_new_grids(device, monkeypatch):
    monkeypatch.setattr(launch, "_MAX_PLANS", 4)
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    for size in range(1, 20):
        assert run(function, (size, 1, 1)) == OK
    assert sum(end - first for first, end in kernel.ranges) == sum(range(1, 20))


@pytest.mark.parametrize(
    ("grid", "block", "shared", "words"),
    [
        ((0, 1, 1), (1, 1, 1), 0, "a grid of (0, 1, 1): x must be from 1"),
        ((2**31, 1, 1), (1, 1, 1), 0, "x must be from 1 to 2147483647"),
        ((1, 65536, 1), (1, 1, 1), 0, "y must be from 1 to 65535"),
        ((1, 1, 65536), (1, 1, 1), 0, "z must be from 1 to 65535"),
        ((1, 1, 1), (0, 1, 1), 0, "a block of (0, 1, 1)"),
        ((1, 1, 1), (1025, 1, 1), 0, "x must be from 1 to 1024"),
        ((1, 1, 1), (1, 1, 65), 0, "z must be from 1 to 64"),
        ((1, 1, 1), (32, 33, 1), 0, "has 1056 threads; 1024 may be"),
        ((1, 1, 1), (1, 1, 1), 47 * 1024 + 1, "beside 1024 static ones; 48128 may be asked for"),
        ((1, 1, 1), (1, 1, 1), -1, "-1 bytes of dynamic shared memory"),
    ],
)
def test_geometry_that_a_device_refuses(device, monkeypatch, grid, block, shared, words):
    kernel = Kernel(shared_bytes=1024)
    function = load(monkeypatch, kernel)
    assert run(function, grid, block, shared) == INVALID
    assert host.last_error_detail().startswith("k: ") and words in host.last_error_detail()
    assert kernel.ranges == []
    assert run(function) == OK  # a refused launch is not a failed kernel


def test_launch_bounds(device, monkeypatch):
    function = load(monkeypatch, Kernel(max_threads=128))
    assert run(function, block=(128, 1, 1)) == OK
    out = (CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,)
    assert run(function, block=(129, 1, 1)) == out
    assert "was compiled for 128 at most" in host.last_error_detail()


def test_more_shared_memory_after_asking(device, monkeypatch):
    function = load(monkeypatch, Kernel())
    assert run(function, shared=100_000) == INVALID
    attribute = CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
    assert host.cuFuncSetAttribute(function, attribute, 100_000) == OK
    assert run(function, shared=100_000) == OK
    assert host.cuFuncSetAttribute(function, attribute, 50_000) == OK
    assert run(function, shared=100_000) == INVALID


def test_parameters_that_are_missing(device, monkeypatch):
    function = load(monkeypatch, Kernel(params=2))
    assert run(function) == INVALID
    assert "k has 2 parameters" in host.last_error_detail()
    assert run(function, extra=4096) == (CUresult.CUDA_ERROR_NOT_SUPPORTED,)


def test_handles_that_are_not_there(device, monkeypatch):
    function = load(monkeypatch, Kernel())
    bad = (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    assert run(0xBAD0) == bad
    assert run(function, stream=0xBAD0) == bad
    stream = value(host.cuStreamCreate(0))
    assert run(function, stream=stream) == OK
    host.cuStreamDestroy(stream)
    assert run(function, stream=stream) == bad


def test_a_stream_of_another_device(device, other, monkeypatch):
    function = load(monkeypatch, Kernel())
    host.cuCtxSetCurrent(other.context.handle)
    stream = value(host.cuStreamCreate(0))
    assert run(function, stream=stream) == (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    assert f"loaded on host device {device.ordinal}" in host.last_error_detail()
    assert run(function) == (CUresult.CUDA_ERROR_INVALID_HANDLE,)


@pytest.mark.parametrize("code", [CUresult.CUDA_ERROR_LAUNCH_FAILED, CUresult.CUDA_ERROR_ASSERT])
@pytest.mark.parametrize("blocks", [1, 10])
def test_a_kernel_that_fails(device, monkeypatch, code, blocks):
    function = load(monkeypatch, Kernel(lambda *given: int(code)))
    assert run(function, (blocks, 1, 1)) == OK  # as on a GPU, the launch itself succeeds
    assert host.cuCtxSynchronize() == (code,)
    assert host.last_error_detail() == f"kernel k failed with {code.name}"
    assert run(function) == (code,)
    host.cuDevicePrimaryCtxReset(device.ordinal)
    value(host.cuDevicePrimaryCtxRetain(device.ordinal))
    assert host.cuCtxSynchronize() == OK


def test_no_memory_for_scratch(device, monkeypatch):
    kernel = Kernel()
    monkeypatch.setattr(kernel, "scratch_bytes", lambda block, shared: 1 << 60)
    assert run(load(monkeypatch, kernel)) == OK
    assert host.cuCtxSynchronize() == (CUresult.CUDA_ERROR_OUT_OF_MEMORY,)


def covered(ranges: list[tuple[int, int]]) -> list[int]:
    return sorted(block for first, end in ranges for block in range(first, end))


@pytest.mark.parametrize("number", [1, 2, 5])
@pytest.mark.parametrize("blocks", [1, 2, 3, 100, 1001])
def test_every_block_runs_once(device, monkeypatch, threads, number, blocks):
    threads(number)
    kernel = Kernel(lambda *given: time.sleep(0.0003) or 0)
    function = load(monkeypatch, kernel)
    for _ in range(2):
        kernel.ranges.clear()
        assert run(function, (blocks, 1, 1)) == OK
        assert covered(kernel.ranges) == list(range(blocks))


def test_large_launches_use_all_threads_and_small_ones_their_own(
    device, monkeypatch, threads, streams
):
    threads(2)
    streams("eager")
    both = threading.Event()
    ran = set()
    came = set()

    def body(args, given, first, end, scratch):
        ran.add((threading.current_thread(), scratch))
        if first >= 1:  # block 0 is run alone, to see how long a block takes
            came.add(threading.current_thread())
            if len(came) == 2:
                both.set()
            both.wait(timeout=30)

    function = load(monkeypatch, Kernel(body))
    assert run(function) == OK
    assert {thread for thread, _ in ran} == {threading.current_thread()}
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    monkeypatch.setattr(launch, "_WORTH_FETCHING", 0)
    assert run(function, (64, 1, 1)) == OK
    assert both.is_set()
    assert len(ran) == 2  # two threads, each with scratch memory of its own
    assert len({scratch for _, scratch in ran}) == 2


def test_a_failure_in_one_chunk_stops_the_launch(device, monkeypatch, threads):
    threads(2)
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    monkeypatch.setattr(launch, "_WORTH_FETCHING", 0)
    kernel = Kernel(lambda args, given, first, end, scratch: 719 if first >= 500 else 0)
    function = load(monkeypatch, kernel)
    assert run(function, (100_000, 1, 1)) == OK
    assert host.cuCtxSynchronize() == (CUresult.CUDA_ERROR_LAUNCH_FAILED,)
    assert len(covered(kernel.ranges)) < 100_000


def test_launches_from_several_threads(device, monkeypatch, threads):
    threads(3)
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    results = []

    def work():
        host.cuCtxSetCurrent(device.context.handle)
        results.extend(run(function, (200, 1, 1)) for _ in range(20))

    launching = [threading.Thread(target=work) for _ in range(4)]
    for thread in launching:
        thread.start()
    for thread in launching:
        thread.join()
    assert results == [OK] * 80
    assert covered(kernel.ranges) == sorted(list(range(200)) * 80)


def test_every_other_long_launch_begins_at_the_end(device, monkeypatch, threads):
    """What one launch leaves in the caches is what the next begins with."""
    threads(1)
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    monkeypatch.setattr(launch, "_WORTH_FETCHING", 0)
    kernel, ordered = Kernel(), Kernel(ordered=1)
    function, other = load(monkeypatch, kernel), load(monkeypatch, ordered)
    for runs in range(4):
        kernel.ranges.clear()
        assert run(function, (640, 1, 1)) == OK
        if runs:  # of the first launch nothing was known
            assert covered(kernel.ranges) == list(range(640))
            assert kernel.ranges == sorted(kernel.ranges, reverse=runs % 2 == 1)
            assert runs % 2 == 0 or len(kernel.ranges) > 1
        ordered.ranges.clear()
        assert run(other, (640, 1, 1)) == OK
        assert ordered.ranges == sorted(ordered.ranges)


def test_an_interrupt_waits_for_the_helpers(device, monkeypatch, threads):
    threads(2)
    main = threading.current_thread()
    done = []
    interrupted = threading.Event()

    def native(params, given, first, end, scratch):
        if threading.current_thread() is main and not interrupted.is_set():
            interrupted.set()
            raise KeyboardInterrupt
        assert interrupted.wait(timeout=30)
        done.append(first)
        return 0

    with pytest.raises(KeyboardInterrupt):
        workers.Job(native, 0, 0, 0, 100, 1, 64).run()
    assert len(done) == 99  # all chunks but the interrupted one have run, and nobody is left


def test_scratch_grows_and_stays():
    small = workers.scratch(100)
    large = workers.scratch(1 << 20)
    assert small and large % 64 == 0
    assert workers.scratch(100) == large
    ctypes.memset(large, 1, 1 << 20)


def test_helpers_are_started_anew_after_fork(device, monkeypatch, threads, streams):
    import multiprocessing
    import warnings

    streams("async")
    threads(2)
    monkeypatch.setattr(launch, "_WORTH_SHARING", 0)
    kernel = Kernel()
    function = load(monkeypatch, kernel)
    assert run(function, (100, 1, 1)) == OK

    def child():
        kernel.ranges.clear()
        assert run(function, (100, 1, 1)) == OK
        assert covered(kernel.ranges) == list(range(100))
        assert any(thread.name == "ndgpu-host-1" for thread in threading.enumerate())

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads: on purpose
        process = multiprocessing.get_context("fork").Process(target=child)
        process.start()
    process.join(timeout=60)
    assert process.exitcode == 0
