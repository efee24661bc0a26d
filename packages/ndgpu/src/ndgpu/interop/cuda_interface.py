"""``__cuda_array_interface__``: arrays of Numba, CuPy and PyTorch on the same device, not copied.

The array shares the producer's memory and keeps the producer alive. Work that the producer has
queued on the stream that it names comes before ours. What is read-only is copied, since device
arrays are writeable.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts, layout
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import IMPORTERS

__all__ = ["from_cuda_array_interface"]


def from_cuda_array_interface(source: Any, copy: bool | None = None) -> ndarray:
    """Return the memory that ``source.__cuda_array_interface__`` describes as a device array.

    Parameters
    ----------
    source : object
        Any version of the interface from 0 to 3.
    copy : bool, optional
        True always copies; None only what is read-only; False never.

    Raises
    ------
    BufferError
        If the memory has a mask, or is read-only and ``copy=False``.
    TypeError
        If no device array can have the elements' type or byte order.
    """
    interface = source.__cuda_array_interface__
    if interface.get("mask") is not None:
        raise BufferError("__cuda_array_interface__: arrays with a mask are not supported")
    given = np.dtype(interface["typestr"])
    dtype = as_dtype(given)
    if not given.isnative:
        raise TypeError(f"__cuda_array_interface__: the elements are not in native order: {given}")
    shape = tuple(interface["shape"])
    if 0 in shape:
        return allocate(shape, dtype)
    strides = interface.get("strides")
    if strides is None:
        strides = layout.c_strides(shape, dtype.itemsize)
    address, read_only = interface["data"]
    low, high = layout.extent(shape, strides, dtype.itemsize)
    memory = runtime.UnownedMemory(address + low, high - low, source)
    result = ndarray(shape, dtype, runtime.MemoryPointer(memory, -low), strides)
    if interface.get("version", 0) >= 3:
        _wait_for(interface.get("stream"), result.device_id)
    if read_only and copy is False:
        raise BufferError("__cuda_array_interface__: the array is read-only, and copy=False")
    if not (copy or read_only):
        return result
    with runtime.Device(result.device_id):
        return casts.copy(result, "K")


def _wait_for(producer: int | None, device_id: int) -> None:
    """Let our stream wait for the producer's: 1 is the legacy default one, 2 the per-thread one."""
    if producer is None:
        return
    with runtime.Device(device_id):
        current = runtime.get_current_stream()
        handle = 0 if producer == 1 else producer
        if handle != current.ptr:
            current.wait_event(runtime.ExternalStream(handle).record())


IMPORTERS["__cuda_array_interface__"] = from_cuda_array_interface
