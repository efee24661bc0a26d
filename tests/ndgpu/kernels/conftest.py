"""A bare array, so that kernels are tested without `ndgpu.core`."""

import ctypes
from math import prod

import numpy as np
import pytest

from ndgpu import driver, runtime
from ndgpu.kernels import arrays


class Bare:
    """Device memory seen through a NumPy array of the same shape, strides and dtype."""

    def __init__(self, memory, offset, shape, strides, dtype):
        self.memory = memory
        self.ptr = memory.ptr + offset
        self.shape, self.strides, self.dtype = tuple(shape), tuple(strides), np.dtype(dtype)
        self.size, self.ndim = prod(shape), len(shape)
        self.device_id = memory.device_id
        view = np.lib.stride_tricks.as_strided(np.empty(1, dtype), shape, strides)
        self._c_contiguous = view.flags.c_contiguous
        self._offset = offset

    @classmethod
    def empty(cls, shape, dtype):
        dtype = np.dtype(dtype)
        strides = np.empty(shape, dtype).strides
        return cls(runtime.alloc(max(prod(shape), 1) * dtype.itemsize), 0, shape, strides, dtype)

    @classmethod
    def of(cls, array):
        """Copy a NumPy array, memory layout and all: views keep their strides."""
        base = array
        while isinstance(base.base, np.ndarray):
            base = base.base
        base = np.ascontiguousarray(base) if not base.flags.forc else base
        memory = runtime.alloc(max(base.nbytes, 1))
        runtime.check(driver.cuMemcpyHtoD(memory.ptr, base.ctypes.data, base.nbytes))
        offset = array.ctypes.data - base.ctypes.data
        self = cls(memory, offset, array.shape, array.strides, array.dtype)
        self._nbytes = base.nbytes
        return self

    def get(self):
        runtime.get_current_stream().synchronize()
        spans = [(n - 1) * abs(s) for n, s in zip(self.shape, self.strides, strict=True) if n]
        if 0 in self.shape:
            return np.empty(self.shape, self.dtype)
        low = sum((n - 1) * s for n, s in zip(self.shape, self.strides, strict=True) if s < 0)
        raw = (ctypes.c_char * (sum(spans) + self.dtype.itemsize))()
        runtime.check(
            driver.cuMemcpyDtoH(ctypes.addressof(raw), self.ptr + low, ctypes.sizeof(raw))
        )
        return np.ndarray(self.shape, self.dtype, bytearray(raw), -low, self.strides).copy()


arrays.register(Bare, Bare.empty)


@pytest.fixture
def bare():
    """The array type."""
    return Bare
