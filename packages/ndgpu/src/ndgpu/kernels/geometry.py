"""How many threads and blocks a launch takes.

Guarantees: figures come from the driver's attributes, asked once per device; a grid that
the device cannot launch is refused with a `ValueError`.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from ndgpu import driver, runtime

__all__ = ["BLOCK", "Limits", "Loop", "limits", "row_block"]

BLOCK = 256
"""Threads of a block where nothing else decides: enough warps to hide latency, and blocks
small enough that a multiprocessor holds several."""


class Limits(NamedTuple):
    """What one device can launch, and the bytes of the cache that all of it shares."""

    multiprocessors: int
    threads_per_multiprocessor: int
    block: int
    grid: int
    cache: int


class Loop(NamedTuple):
    """How threads are laid over a collapsed loop.

    Attributes
    ----------
    form, classes, rank, wide
        As in `ndgpu.kernels.spec.Variant`; `classes` of the looped operands alone.
    grid, block : int
    static : tuple
        Values of the form's leading parameters.
    warps : int
        The block's second dimension.
    """

    form: str
    classes: tuple[str, ...]
    rank: int
    wide: bool
    grid: int
    block: int
    static: tuple[Any, ...]
    warps: int = 1


@functools.cache
def limits(device_id: int) -> Limits:
    """Return the limits of a device."""
    names = driver.CUdevice_attribute

    def ask(name: str) -> int:
        attribute = getattr(names, f"CU_DEVICE_ATTRIBUTE_{name}")
        return int(runtime.check(driver.cuDeviceGetAttribute(attribute, device_id)))

    return Limits(
        ask("MULTIPROCESSOR_COUNT"),
        ask("MAX_THREADS_PER_MULTIPROCESSOR"),
        ask("MAX_THREADS_PER_BLOCK"),
        ask("MAX_GRID_DIM_X"),
        ask("L2_CACHE_SIZE"),
    )


def row_block(count: int, block: int) -> int:
    """Return the threads of a block for rows of `count` elements: whole warps, at most `block`."""
    return min(block, (count + 31) // 32 * 32)
