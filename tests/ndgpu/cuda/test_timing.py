"""benchmark: what it calls, how often, and how it is printed."""

from __future__ import annotations

import re

import numpy as np
import pytest

import ndgpu as xp
from ndgpu import cuda
from ndgpu.profiler import PerfCaseResult, benchmark


def test_calls_are_counted():
    calls = []

    def work(a, b=0):
        calls.append((a, b))

    result = benchmark(work, (1,), {"b": 2}, n_repeat=7, n_warmup=3)
    assert calls == [(1, 2)] * 10
    assert result.name == "work"
    assert (result.cpu_times.shape, result.gpu_times.shape) == ((7,), (1, 7))
    assert (result.cpu_times >= 0).all() and (result.gpu_times >= 0).all()


def test_the_device_is_timed_with_the_processor():
    x = xp.ones(300_000)
    result = cuda.benchmark(lambda: xp.exp(xp.sin(x)), n_repeat=3, n_warmup=2, name="exp")
    assert result.gpu_times.mean() > 0
    assert (result.gpu_times[0] >= 0.5 * result.cpu_times).all()


def test_several_devices():
    result = benchmark(lambda: None, n_repeat=2, devices=(0, 1))
    assert result.gpu_times.shape == (2, 2)
    assert "GPU-0:" in str(result) and "GPU-1:" in str(result)


def test_the_time_is_bounded():
    result = benchmark(lambda: None, n_repeat=10**6, max_duration=0.0)
    assert result.cpu_times.size == 1


def test_how_it_is_printed():
    times = np.array([[1e-6, 2e-6, 3e-6], [4e-6, 4e-6, 4e-6]])
    result = PerfCaseResult("f", times, (0,))
    cpu = "    CPU:     2.000 us   +/-  0.816 (min:     1.000 / max:     3.000) us "
    gpu = "  GPU-0:     4.000 us   +/-  0.000 (min:     4.000 / max:     4.000) us "
    assert str(result) == f"{'f':<20}:{cpu}{gpu}"
    assert result.to_str() == f"{'f':<20}:{cpu}"
    assert repr(result) == f"<PerfCaseResult {result}>"
    one = PerfCaseResult("g", times[:, :1], (0,))
    assert re.fullmatch(r"g +: +CPU: +1.000 us  +GPU-0: +4.000 us ", str(one))


@pytest.mark.parametrize(
    "given", [{"n_repeat": 0}, {"n_warmup": -1}, {"max_duration": -1.0}, {"max_duration": np.nan}]
)
def test_numbers_out_of_range(given):
    with pytest.raises(ValueError, match="benchmark"):
        benchmark(lambda: None, **given)


def test_what_cannot_be_timed():
    with pytest.raises(ValueError, match="callable"):
        benchmark(3)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="shape"):
        PerfCaseResult("x", np.zeros((1, 3)), (0,))
