"""Graphs from above: what is captured, whose memory it uses, who may launch it."""

from __future__ import annotations

import gc
import threading
from pathlib import Path

import numpy as np
import pytest

import ndgpu as xp
import ndgpu.runtime as rt
from ndgpu.runtime import callbacks


@pytest.fixture
def stream() -> rt.Stream:
    """A stream that does not wait for the null stream, in which arrays outside are filled."""
    return rt.Stream(non_blocking=True)


def code(caught: pytest.ExceptionInfo[rt.CUDADriverError]) -> str:
    return caught.value.name.removeprefix("CUDA_ERROR_")


def test_a_graph_repeats_what_was_captured(stream: rt.Stream) -> None:
    x = xp.arange(5, dtype=xp.float32)
    total = xp.zeros((), xp.float32)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        assert stream.is_capturing()
        x *= 2
        xp.sum(x + 1, out=total)
        graph = stream.end_capture()
        assert not stream.is_capturing()
        assert x.get().tolist() == [0, 1, 2, 3, 4]  # nothing has run
        graph.upload()
        for _ in range(3):
            graph.launch()
        stream.synchronize()
    assert x.get().tolist() == [0, 8, 16, 24, 32]
    assert total.get() == 85
    assert len(graph) >= 3
    assert repr(graph) == f"<Graph of {len(graph)} nodes of device 0>"


def test_memory_of_a_capture_belongs_to_the_graph(stream: rt.Stream) -> None:
    pool = rt.MemoryPool()
    source = xp.arange(1000, dtype=xp.float32)
    result = xp.zeros(1000, xp.float32)
    rt.Device().synchronize()
    with rt.using_allocator(pool.malloc), stream:
        warm = xp.empty(1000, xp.float32)
        del warm
        stream.begin_capture()
        middle = source + 1
        address = middle.data.ptr
        result[...] = middle * 2
        del middle
        graph = stream.end_capture()
        others = [xp.full(1000, -1, xp.float32) for _ in range(50)]
        assert address not in {a.data.ptr for a in others}
        for _ in range(2):
            graph.launch()
            stream.synchronize()
            assert all((a.get() == -1).all() for a in others)
            assert result.get().tolist() == [(i + 1) * 2 for i in range(1000)]
        held = pool.total_bytes()
        others.clear()
        pool.free_all_blocks()
        assert pool.total_bytes() < held
        result[...] = 0
        graph.launch()  # its memory is still there
        stream.synchronize()
        assert result.get()[:2].tolist() == [2, 4]
        del graph
        gc.collect()
        rt.Device().synchronize()
        pool.free_all_blocks()
        assert pool.total_bytes() == 0


def test_an_array_of_a_capture_outlives_the_graph(stream: rt.Stream) -> None:
    x = xp.arange(4, dtype=xp.int32)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        y = x + 10
        graph = stream.end_capture()
        graph.launch()
        del graph
        others = [xp.zeros(4, xp.int32) for _ in range(20)]
        stream.synchronize()
    assert y.get().tolist() == [10, 11, 12, 13]
    assert len(others) == 20


def test_fork_and_join_have_memory_of_their_own(stream: rt.Stream) -> None:
    side = rt.Stream(non_blocking=True)
    x, y = xp.zeros(100), xp.zeros(100)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        x += 1
        side.wait_event(stream.record())
        with side:
            assert side.is_capturing()
            y[...] = (x + 1) * 3
            address = (x + 2).data.ptr
        stream.wait_event(side.record())
        x += y
        graph = stream.end_capture()
    with side:
        assert not side.is_capturing()
        other = xp.ones(100)
        assert other.data.ptr != address
    graph.launch(stream)
    graph.launch(stream)
    stream.synchronize()
    side.synchronize()
    assert (x.get()[0], y.get()[0]) == (35.0, 27.0)
    assert other.get()[0] == 1


def test_threads_launch_one_graph(stream: rt.Stream) -> None:
    x = xp.zeros(8, xp.int64)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        x += 1
        graph = stream.end_capture()

    def work(times: int) -> None:
        own = rt.Stream(non_blocking=True)
        for number in range(times):
            if number % 2:  # conditional use: each decides for itself
                graph.launch(own)
        own.synchronize()

    threads = [threading.Thread(target=work, args=(40,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert x.get().tolist() == [60] * 8


def test_update(stream: rt.Stream) -> None:
    x = xp.zeros(3)

    def capture(value: float) -> rt.Graph:
        stream.begin_capture()
        x.fill(value)
        return stream.end_capture()

    with stream:
        graph, other = capture(1), capture(2)
        graph.update(other)
        del other
        graph.launch()
        stream.synchronize()
        assert x.get().tolist() == [2, 2, 2]
        stream.begin_capture()
        x.fill(1)
        x += 1
        longer = stream.end_capture()
        with pytest.raises(rt.CUDADriverError, match="nodes") as caught:
            graph.update(longer)
        assert code(caught) == "GRAPH_EXEC_UPDATE_FAILURE"


def test_what_spoils_a_capture(stream: rt.Stream) -> None:
    x = xp.zeros(3)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        with pytest.raises(rt.CUDADriverError) as caught:
            x.get()
        assert code(caught) == "STREAM_CAPTURE_UNSUPPORTED"
        with pytest.raises(rt.CUDADriverError, match="spoilt before") as caught:
            x += 1
        with pytest.raises(rt.CUDADriverError) as caught:
            stream.end_capture()
        assert code(caught) == "STREAM_CAPTURE_INVALIDATED"
        x += 1  # the stream is as it was
        assert x.get().tolist() == [1, 1, 1]
    with pytest.raises(rt.CUDADriverError, match="legacy"):
        rt.Stream.null.begin_capture()
    with pytest.raises(rt.CUDADriverError, match="is not being captured"):
        stream.end_capture()


def test_a_failed_capture_gives_its_memory_back(stream: rt.Stream) -> None:
    pool = rt.MemoryPool()
    side = rt.Stream(non_blocking=True)
    with rt.using_allocator(pool.malloc), stream:
        stream.begin_capture()
        side.wait_event(stream.record())
        with side:
            xp.ones(1000)
        with pytest.raises(rt.CUDADriverError) as caught:
            stream.end_capture()
        assert code(caught) == "STREAM_CAPTURE_UNJOINED"
        assert not side.is_capturing()
        pool.free_all_blocks()
        assert pool.total_bytes() == 0
    abandoned = rt.Stream(non_blocking=True)
    abandoned.begin_capture()
    del abandoned
    assert rt.Stream(non_blocking=True).is_capturing() is False


def test_the_default_stream_of_a_thread_is_captured(stream: rt.Stream) -> None:
    x = xp.zeros(3)
    with rt.Stream.ptds as own:
        x.fill(0)
        own.synchronize()
        own.begin_capture()
        x += 1
        graph = own.end_capture()
        graph.launch()
        own.synchronize()
    assert x.get().tolist() == [1, 1, 1]


def test_the_picture_of_a_graph(stream: rt.Stream, tmp_path: Path) -> None:
    x = xp.zeros(3)
    rt.Device().synchronize()
    with stream:
        stream.begin_capture()
        x += 1
        graph = stream.end_capture()
    graph.debug_dot_print(tmp_path / "graph.dot")
    assert "digraph" in (tmp_path / "graph.dot").read_text()
    with pytest.raises(TypeError, match="made by Stream"):
        rt.Graph()


def test_a_graph_on_the_second_device() -> None:
    with rt.Device(1):
        x = xp.zeros(3)
        rt.Device().synchronize()
        with rt.Stream(non_blocking=True) as there:
            there.begin_capture()
            x += 4
            graph = there.end_capture()
            graph.launch()
            there.synchronize()
    assert np.array_equal(xp.asnumpy(x), [4, 4, 4])
    with pytest.raises(rt.CUDADriverError, match="two devices"):
        graph.launch(rt.Stream.null)


def test_functions_of_a_graph_are_called_with_each_launch_and_then_forgotten(
    stream: rt.Stream,
) -> None:
    calls: list[object] = []
    before = len(callbacks._waiting)
    stream.begin_capture()
    stream.launch_host_func(calls.append, 1)
    stream.add_callback(lambda *given: calls.append(given[2]), 2)
    graph = stream.end_capture()
    assert calls == []
    for _ in range(3):
        graph.launch(stream)
    stream.synchronize()
    assert calls == [1, 2] * 3
    assert len(callbacks._waiting) == before + 2
    graph.launch(stream)
    del graph
    stream.synchronize()
    stream.launch_host_func(calls.append, 3)
    stream.synchronize()
    assert calls == [1, 2] * 4 + [3]
    assert len(callbacks._waiting) == before
    stream.begin_capture()
    stream.launch_host_func(calls.append, 4)
    with pytest.raises(rt.CUDADriverError):
        stream.synchronize()
    with pytest.raises(rt.CUDADriverError):
        stream.end_capture()
    assert len(callbacks._waiting) == before


def test_a_training_step_is_captured(stream: rt.Stream) -> None:
    generator = np.random.default_rng(0)
    x = xp.asarray(generator.standard_normal((32, 8)))
    t = xp.asarray(generator.standard_normal((32, 1)))
    w = xp.zeros((8, 1))
    loss = xp.zeros(())

    def step() -> None:
        error = x @ w - t
        loss[...] = (error * error).mean()
        w[...] -= 0.05 * (x.T @ error) / 32

    rt.Device().synchronize()
    with stream:
        step()  # compiles
        w.fill(0)
        stream.synchronize()
        stream.begin_capture()
        step()
        graph = stream.end_capture()
        for _ in range(200):
            graph.launch()
        stream.synchronize()
        captured = float(loss)
        w.fill(0)
        for _ in range(200):
            step()
        assert float(loss) == pytest.approx(captured, rel=1e-12)
