"""Matrix products by cuBLAS, called through ctypes.

One handle is kept per device and thread, since a handle must not be used by two
threads at once.  Row-major matrices are column-major ones transposed, so
``c = a @ b`` is asked for as ``c.T = b.T @ a.T``.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts
from ndgpu.core.dtypes import is_bfloat16
from ndgpu.core.ndarray import ndarray

__all__ = ["CuBlasError", "Multiplier"]

# From library_types.h and cublas_api.h: (cudaDataType, cublasComputeType)
_TYPES = {"float32": (0, 68), "float64": (1, 70), "float16": (2, 68), "bfloat16": (14, 68)}
_TYPES |= {"complex64": (4, 68), "complex128": (5, 70)}
_KEEP, _TRANSPOSE = 0, 1
_DEFAULT_ALGORITHM = -1
_LARGEST = 2**31 - 1


class CuBlasError(RuntimeError):
    """A call of cuBLAS that failed; says which, and its status."""


class Multiplier:
    """Stacks of matrix products by one loaded cuBLAS."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._local = threading.local()
        gemm = library.cublasGemmStridedBatchedEx
        i, p, q = ctypes.c_int, ctypes.c_void_p, ctypes.c_longlong
        gemm.argtypes = [
            p, i, i, i, i, i, p, p, i, i, q, p, i, i, q, p, p, i, i, q, i, i, i,
        ]  # fmt: skip
        library.cublasCreate_v2.argtypes = [p]
        library.cublasSetStream_v2.argtypes = [p, p]

    def _handle(self) -> ctypes.c_void_p:
        handles: dict[int, ctypes.c_void_p] = self._local.__dict__.setdefault("handles", {})
        device_id = runtime.current_device_id()
        handle = handles.get(device_id)
        if handle is None:
            handle = ctypes.c_void_p()
            self._check("cublasCreate_v2", self._library.cublasCreate_v2(ctypes.byref(handle)))
            handles[device_id] = handle
        stream = runtime.get_current_stream().ptr
        self._check("cublasSetStream_v2", self._library.cublasSetStream_v2(handle, stream))
        return handle

    def _check(self, call: str, status: int) -> None:
        if status:
            raise CuBlasError(f"{call} failed with status {status}")

    def multiply(self, a: ndarray, b: ndarray, c: ndarray) -> bool:
        """Set ``c[i] = a[i] @ b[i]``; False if cuBLAS has no such product."""
        dtype = c._dtype
        types = _TYPES.get("bfloat16" if is_bfloat16(dtype) else dtype.name)
        count, m, n = c._shape
        k = a._shape[2]
        if types is None or max(m, n, k) > _LARGEST:
            return False
        left, right = _as_blas(a), _as_blas(b)
        data_type, compute_type = types
        computed = np.dtype(np.float32) if dtype.itemsize == 2 else dtype
        alpha, beta = np.ones(1, computed), np.zeros(1, computed)
        status = self._library.cublasGemmStridedBatchedEx(
            self._handle(),
            right[1],
            left[1],
            n,
            m,
            k,
            alpha.ctypes.data,
            right[0]._ptr,
            data_type,
            right[2],
            right[3],
            left[0]._ptr,
            data_type,
            left[2],
            left[3],
            beta.ctypes.data,
            c._ptr,
            data_type,
            max(n, 1),
            m * n,
            count,
            compute_type,
            _DEFAULT_ALGORITHM,
        )
        self._check("cublasGemmStridedBatchedEx", status)
        return True


def _as_blas(a: ndarray) -> tuple[ndarray, int, int, int]:
    """Return the stack (a copy if BLAS cannot read it), whether it is transposed, its steps."""
    size = a._dtype.itemsize
    _, rows, columns = a._shape
    stack, row, column = (s // size for s in a._strides)
    if (column == 1 or columns == 1) and (row >= columns or rows == 1) and stack >= 0:
        return a, _KEEP, max(row if rows > 1 else columns, columns, 1), stack
    if (row == 1 or rows == 1) and (column >= rows or columns == 1) and stack >= 0:
        return a, _TRANSPOSE, max(column if columns > 1 else rows, rows, 1), stack
    return _as_blas(casts.copy(a))
