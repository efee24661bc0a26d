"""When a profiler of CUDA takes notes: `start` and `stop`.

Run under ``nsys profile --capture-range=cudaProfilerApi`` they choose the part of a program that
is recorded; without a profiler they do nothing.

Examples
--------
>>> from ndgpu.cuda import profiler
>>> with profiler.profile():
...     pass    # what is to be recorded
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ndgpu import driver
from ndgpu.runtime import check, current_device_id

__all__ = ["profile", "start", "stop"]


def start() -> None:
    """Let the profiler begin."""
    current_device_id()
    check(driver.cuProfilerStart())


def stop() -> None:
    """Let the profiler end."""
    current_device_id()
    check(driver.cuProfilerStop())


@contextlib.contextmanager
def profile() -> Iterator[None]:
    """Let the profiler record a ``with`` block."""
    start()
    try:
        yield
    finally:
        stop()
