"""A recorded training: the pool holds little more than what the program uses at one time."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

import ndgpu.runtime as rt

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"


@pytest.fixture(scope="module")
def trace() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pool_trace", BENCHMARKS / "pool_trace.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_recorded_training(trace: ModuleType) -> None:
    events = trace.load()
    assert sum(event > 0 for event in events) == trace.ALLOCATIONS
    wanted = trace.live_peak(events)
    driver = trace.Driver()
    pool = rt.MemoryPool(driver.malloc)
    trace.replay(events, pool.malloc)
    assert pool.peak_bytes() <= 1.15 * wanted
    assert driver.calls < 0.01 * trace.ALLOCATIONS
    trace.replay(events, pool.malloc)  # goes on from what the pool holds
    assert pool.peak_bytes() <= 1.15 * wanted
    assert pool.used_bytes() == 0


def test_several_streams(trace: ModuleType) -> None:
    """Three streams by turns, each with a part of the trace: each is bounded by itself."""
    events = trace.load()[:60_000]
    pool = rt.MemoryPool(trace.Driver().malloc)
    streams = [rt.Stream() for _ in range(3)]
    wanted = trace.live_peak(events)
    step = 3000
    replays = [trace.Replay(events, pool.malloc) for _ in streams]
    for start in range(0, len(events), step):
        for stream, run in zip(streams, replays, strict=True):
            with stream:
                run.play(start, start + step)
    assert pool.peak_bytes() <= 1.25 * 3 * wanted


def test_what_a_trace_says(trace: ModuleType, tmp_path: Path) -> None:
    events = [100, 50, -1, 200, -3, -1]
    assert trace.live_peak(events) == 300
    trace.save(events, tmp_path / "t.xz")
    assert trace.load(tmp_path / "t.xz") == events
    seen: list[int] = []
    trace.replay(events, seen.append)
    assert seen == [100, 50, 200]
