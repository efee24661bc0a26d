"""Device memory that the processor reads in place, seen as NumPy arrays.

Some devices share the host's page tables; the driver says so by an attribute. There, the
host's own libraries (BLAS, LAPACK, pocketfft) can work where the elements lie.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import layout
from ndgpu.core.ndarray import ndarray
from ndgpu.runtime import graph

__all__ = ["host_view", "in_order", "readable"]


@functools.cache
def readable(device_id: int) -> bool:
    """Whether the processor may read and write a device's memory by its address."""
    attribute = (
        driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES
    )
    return bool(runtime.check(driver.cuDeviceGetAttribute(attribute, device_id)))


def host_view(a: ndarray) -> np.ndarray:
    """Return a NumPy array over the memory of `a`.

    Nothing is waited for: synchronise the stream whose work wrote `a` first. The view is not
    valid after `a` is.
    """
    buffer: Any
    if a._c_contiguous:
        buffer = (ctypes.c_char * (a._size * a._dtype.itemsize)).from_address(a._ptr)
        return np.ndarray(a._shape, a._dtype, buffer)
    low, high = layout.extent(a._shape, a._strides, a._dtype.itemsize)
    buffer = (ctypes.c_char * (high - low)).from_address(a._ptr + low)
    return np.ndarray(a._shape, a._dtype, buffer, -low, a._strides)


def in_order(work: Callable[[], object]) -> None:
    """Do something on the processor, in the order of the current stream.

    What the stream was given before is waited for. Where the stream is being captured, `work`
    becomes a part of the graph and is done each time the graph runs: it must keep what it
    uses, and make host views only when it is called.
    """
    stream = runtime.get_current_stream()
    if graph.under_way() and stream.is_capturing():
        stream.launch_host_func(lambda _: work())
        return
    stream.synchronize()
    work()
