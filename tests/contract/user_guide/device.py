"""The chapters on devices, streams, memory and performance of CuPy's user guide."""

import numpy as np
import pytest

import ndgpu as cp

from .rows import row

BASICS = "Basics"
CUDA = "Accessing CUDA functionalities"
MEMORY = "Memory management"
PERFORMANCE = "Performance best practices"


@row(BASICS, "Arrays, and code for either device", "array, get_array_module, asnumpy, asarray")
def agnostic():
    def softplus(x):
        xp = cp.get_array_module(x)
        return xp.maximum(0, x) + xp.log1p(xp.exp(-abs(x)))

    host = np.linspace(-2, 2, 9)
    np.testing.assert_allclose(cp.asnumpy(softplus(cp.asarray(host))), softplus(host), rtol=1e-12)
    assert isinstance(cp.array([1, 2, 3]), cp.ndarray)


@row(BASICS, "Current device", "cuda.Device, ndarray.device")
def devices():
    last = cp.cuda.device_count() - 1
    with cp.cuda.Device(last):
        x = cp.arange(3)
        assert cp.cuda.get_device_id() == last
    assert x.device.id == last
    cp.cuda.Device(0).use()


@row(BASICS, "Data transfer", "asarray, ndarray.get, asnumpy, ndarray.set")
def transfer():
    x = cp.asarray(np.arange(3))
    x.set(np.array([4, 5, 6]))
    assert x.get().tolist() == cp.asnumpy(x).tolist() == [4, 5, 6]


@row(CUDA, "Streams: with, use, synchronize, null, ptds", "cuda.Stream")
def streams():
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        x = cp.arange(1000) * 2
        assert cp.cuda.get_current_stream() == stream
    stream.synchronize()
    assert stream.done and int(x[-1]) == 1998
    cp.cuda.Stream.null.use()
    assert cp.cuda.get_current_stream() == cp.cuda.Stream.null
    assert cp.cuda.Stream.ptds.ptr == 2


@row(CUDA, "Events: record, wait, elapsed time", "cuda.Event, cuda.get_elapsed_time")
def events():
    start, stop = cp.cuda.Event(), cp.cuda.Event()
    stream = cp.cuda.Stream()
    with stream:
        start.record()
        cp.arange(1000).sum()
        stop.record()
    cp.cuda.Stream.null.wait_event(stop)
    stop.synchronize()
    assert cp.cuda.get_elapsed_time(start, stop) >= 0


@row(CUDA, "Streams of others, streams as arguments", "cuda.ExternalStream, stream.ptr")
def external_streams():
    own = cp.cuda.Stream()
    with cp.cuda.ExternalStream(own.ptr):
        x = cp.arange(5) + 1
    own.synchronize()
    kernel = cp.ElementwiseKernel("T x", "T y", "y = 2 * x")
    y = kernel(x, stream=own)
    own.synchronize()
    assert y.tolist() == [2, 4, 6, 8, 10]


@row(CUDA, "Callbacks", "Stream.launch_host_func, Stream.add_callback")
def callbacks():
    stream, calls = cp.cuda.Stream(), []
    stream.launch_host_func(calls.append, 1)
    stream.synchronize()
    assert calls == [1]


@row(CUDA, "Graphs", "Stream.begin_capture, Stream.end_capture, cuda.Graph.launch")
def graphs():
    x = cp.zeros(4)
    stream = cp.cuda.Stream(non_blocking=True)
    with stream:
        x += 1  # what is compiled is compiled before
        stream.begin_capture()
        x += 1
        graph = stream.end_capture()
        graph.launch(stream)
        graph.launch(stream)
        stream.synchronize()
    assert x.tolist() == [3.0] * 4


@row(CUDA, "The CUDA runtime's functions", "cuda.runtime")
def runtime():
    assert cp.cuda.runtime.getDeviceCount() == cp.cuda.device_count()
    assert cp.cuda.runtime.driverGetVersion() >= 12000
    assert cp.cuda.runtime.getDeviceProperties(0)["totalGlobalMem"] > 0
    cp.cuda.runtime.deviceSynchronize()


@row(MEMORY, "Memory pools: used and total bytes, giving back", "get_default_memory_pool")
def pools():
    pool = cp.cuda.MemoryPool()
    with cp.cuda.using_allocator(pool.malloc):
        a = cp.zeros(400, dtype=np.float32)
    assert pool.used_bytes() == 2048 and pool.total_bytes() >= 2048
    del a
    assert pool.used_bytes() == 0
    pool.free_all_blocks()
    assert pool.total_bytes() == 0 and pool.n_free_blocks() == 0
    assert cp.get_default_memory_pool().total_bytes() >= 0
    cp.get_default_pinned_memory_pool().free_all_blocks()


@row(MEMORY, "Limits by bytes or by fraction", "MemoryPool.set_limit")
def limits():
    pool = cp.cuda.MemoryPool()
    pool.set_limit(size=1 << 20)
    with (
        cp.cuda.using_allocator(pool.malloc),
        pytest.raises(cp.cuda.OutOfMemoryError),
    ):
        cp.empty(2 << 20, dtype="int8")
    pool.set_limit(fraction=0.5)
    assert pool.get_limit() > 1 << 20


@row(MEMORY, "Other allocators: managed, stream-ordered, one's own", "cuda.set_allocator, ...")
def allocators():
    for malloc in (
        cp.cuda.MemoryPool(cp.cuda.malloc_managed).malloc,
        cp.cuda.MemoryAsyncPool().malloc,
        cp.cuda.malloc_async,
    ):
        with cp.cuda.using_allocator(malloc):
            assert int(cp.arange(10).sum()) == 45
    cp.cuda.set_allocator(cp.get_default_memory_pool().malloc)


@row(MEMORY, "Allocation by Python functions", "cuda.PythonFunctionAllocator")
def python_allocator():
    calls = []

    def malloc(size, device_id):
        calls.append(size)
        return cp.cuda.runtime.malloc(size)

    def free(ptr, device_id):
        cp.cuda.runtime.free(ptr)

    allocator = cp.cuda.PythonFunctionAllocator(malloc, free)
    with cp.cuda.using_allocator(allocator.malloc):
        assert int(cp.arange(10).sum()) == 45
    assert calls


@row(MEMORY, "Pinned memory", "cuda.alloc_pinned_memory, empty_pinned, zeros_pinned")
def pinned():
    host = cp.cuda.alloc_pinned_memory(80)
    a = np.frombuffer(host, np.float64, 10)
    a[...] = 3
    assert cp.asarray(a).sum() == 30
    assert cp.zeros_pinned((3,)).tolist() == [0, 0, 0]


@row(MEMORY, "Memory hooks", "cuda.memory_hooks.LineProfileHook, DebugPrintHook")
def hooks():
    hook = cp.cuda.memory_hooks.LineProfileHook()
    with hook:
        x = cp.empty(1000)
    assert x.size == 1000


@row(PERFORMANCE, "Benchmarking", "profiler.benchmark")
def benchmark():
    found = cp.profiler.benchmark(lambda a: a + 1, (cp.ones(3),), n_repeat=3, n_warmup=1)
    assert found.cpu_times.shape == (3,) and found.gpu_times.shape[-1] == 3
    assert "CPU" in str(found)


@row(PERFORMANCE, "Marking ranges", "profiler.time_range, profiler.profile, cuda.nvtx")
def ranges():
    with cp.profiler.profile(), cp.profiler.time_range("sum", color_id=0):
        cp.arange(10).sum()
    cp.cuda.nvtx.Mark("here")


@row(PERFORMANCE, "Kernels compiled once, and kept on disk", "python -m ndgpu cache")
def kept(capsys):
    from ndgpu.__main__ import main

    assert main(["cache", "size"]) == 0
    assert "entries" in capsys.readouterr().out
