"""Matrix products and the factors of stacks by cuBLAS, called through ctypes.

Row-major matrices are column-major ones transposed, so ``c = a @ b`` is asked for as
``c.T = b.T @ a.T``.  A factor whose rows or columns are dense is multiplied where it lies,
transposed or not; only others are copied.

Each handle has workspace of its own in the memory of the stream it works in, so that
products may be captured in a graph and streams do not wait for one another.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any, NamedTuple

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import is_bfloat16
from ndgpu.core.ndarray import ndarray
from ndgpu.linalg.precisions import get_precision
from ndgpu.runtime.libraries import Handles, Library, LibraryError

__all__ = [
    "PROTOTYPES",
    "CuBlas",
    "CuBlasError",
    "Factor",
    "Multiplier",
    "as_factor",
    "compute_type",
    "data_type",
    "workspace_bytes",
]

_EX = "piiiii" + "p" + "pii" + "pii" + "p" + "pii" + "ii"
_STRIDED = "piiiii" + "p" + "piiq" + "piiq" + "p" + "piiq" + "iii"
PROTOTYPES: dict[str, str] = {
    "cublasCreate_v2": "p",
    "cublasDestroy_v2": "p",
    "cublasSetStream_v2": "pp",
    "cublasSetWorkspace_v2": "ppz",
    "cublasGemmEx": _EX,
    "cublasGemmStridedBatchedEx": _STRIDED,
    "cublasGemmStridedBatchedEx_64": "piiqqqppiqqpiqqppiqqqii",
}
for _letter in "SDCZ":
    PROTOTYPES[f"cublas{_letter}getrfBatched"] = "pipippi"
    PROTOTYPES[f"cublas{_letter}getrsBatched"] = "piiipippipi"
"""Every function of cuBLAS that is called, as `ndgpu.runtime.libraries.Library` takes it."""

# library_types.h (cudaDataType) and cublas_api.h (cublasComputeType_t)
_DATA = {"float32": 0, "float64": 1, "float16": 2, "complex64": 4, "complex128": 5, "bfloat16": 14}
_COMPUTE_32F, _COMPUTE_64F = 68, 70
_COMPUTE = {"float32": 68, "float16": 74, "bfloat16": 75, "tf32": 77}
_KEEP, _TRANSPOSE = 0, 1
_DEFAULT_ALGORITHM = -1
_LARGEST = 2**31 - 1
_LETTERS = {np.dtype(c): s for c, s in zip("fdFD", "SDCZ", strict=True)}


class CuBlasError(LibraryError):
    """A call of cuBLAS or cuBLASLt that failed; says which, and its status."""


def data_type(dtype: np.dtype) -> int | None:
    """Return the ``cudaDataType`` of a dtype that cuBLAS multiplies, or None."""
    return _DATA.get("bfloat16" if is_bfloat16(dtype) else dtype.name)


def compute_type(dtype: np.dtype) -> int:
    """Return the ``cublasComputeType_t`` for a dtype, by the precision set in this thread."""
    if compute_dtype(dtype) != dtype:  # 16-bit floats are added up in float32
        return _COMPUTE_32F
    if dtype.name in ("float64", "complex128"):
        return _COMPUTE_64F
    return _COMPUTE[get_precision()]


@functools.cache
def workspace_bytes(device_id: int) -> int:
    """Return how much workspace NVIDIA recommends: 32 MiB from compute capability 9.0 on."""
    attribute = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR
    major = runtime.check(driver.cuDeviceGetAttribute(attribute, device_id))
    return (32 if major >= 9 else 4) << 20


def describe(library: Any, name: str) -> Any:
    """Return a function that asks a library what a status means (``char* name(int)``)."""
    function = getattr(library, name)
    function.argtypes, function.restype = [ctypes.c_int], ctypes.c_char_p

    def meaning(status: int) -> str:
        text = function(status)
        return text.decode() if text else ""

    return meaning


class Factor(NamedTuple):
    """A stack as BLAS takes it."""

    array: ndarray
    operation: int
    leading: int
    step: int


def as_factor(a: ndarray) -> Factor:
    """Return a stack (count, rows, columns) as BLAS reads it; a copy only if it must be.

    `operation` is 1 if the columns are dense instead of the rows, `leading` and `step` count
    elements between rows (or columns) and between matrices.
    """
    size = a._dtype.itemsize
    _, rows, columns = a._shape
    stack, row, column = (s // size for s in a._strides)
    if any(s % size for s in a._strides) or stack < 0:
        return as_factor(casts.copy(a))
    if (column == 1 or columns == 1) and (row >= columns or rows == 1):
        return Factor(a, _KEEP, max(row if rows > 1 else columns, columns, 1), stack)
    if (row == 1 or rows == 1) and (column >= rows or columns == 1):
        return Factor(a, _TRANSPOSE, max(column if columns > 1 else rows, rows, 1), stack)
    return as_factor(casts.copy(a))


class CuBlas:
    """One loaded cuBLAS: its calls, and a handle for each thread and device.

    Parameters
    ----------
    library : ctypes.CDLL
    """

    def __init__(self, library: Any) -> None:
        meaning = describe(library, "cublasGetStatusString")
        self.calls = Library(library, PROTOTYPES, meaning, CuBlasError)
        self._workspaces: dict[int, Any] = {}
        self._handles = Handles(self._create, self._destroy, self._set_stream)

    @staticmethod
    @functools.cache
    def of(library: Any) -> CuBlas:
        """Return the `CuBlas` of a library, the same one each time."""
        return CuBlas(library)

    def _create(self) -> int:
        handle = ctypes.c_void_p()
        self.calls.cublasCreate_v2(ctypes.byref(handle))
        return handle.value or 0

    def _destroy(self, handle: int) -> None:
        self.calls.cublasDestroy_v2(handle)
        self._workspaces.pop(handle, None)

    def _set_stream(self, handle: int, stream: int) -> None:
        self.calls.cublasSetStream_v2(handle, stream)
        size = workspace_bytes(runtime.current_device_id())
        memory = runtime.alloc(size)
        self.calls.cublasSetWorkspace_v2(handle, memory.ptr, size)
        # The workspace before belongs to its own stream, which may still be at work in it:
        # freed memory is used again in that stream's order only.
        self._workspaces[handle] = memory

    def handle(self) -> int:
        """Return the handle of this thread and device, working in the current stream."""
        return self._handles.current()

    def getrf_batched(
        self, dtype: np.dtype, n: int, a: ndarray, pivots: ndarray, info: ndarray, count: int
    ) -> None:
        """Factor the column-major matrices whose addresses are in `a`."""
        call = getattr(self.calls, f"cublas{_LETTERS[dtype]}getrfBatched")
        call(self.handle(), n, a._ptr, n, pivots._ptr, info._ptr, count)

    def getrs_batched(
        self,
        dtype: np.dtype,
        operation: int,
        n: int,
        columns: int,
        a: ndarray,
        pivots: ndarray,
        b: ndarray,
        count: int,
    ) -> None:
        """Solve with the factors of `getrf_batched`, in place of the matrices of `b`."""
        call = getattr(self.calls, f"cublas{_LETTERS[dtype]}getrsBatched")
        info = ctypes.c_int()
        matrices = (operation, n, columns, a._ptr, n, pivots._ptr, b._ptr, n)
        call(self.handle(), *matrices, ctypes.byref(info), count)


class Multiplier:
    """Stacks of matrix products by one loaded cuBLAS."""

    def __init__(self, library: Any) -> None:
        self._blas = CuBlas.of(library)

    def multiply(self, a: ndarray, b: ndarray, c: ndarray) -> bool:
        """Set ``c[i] = a[i] @ b[i]``; False if cuBLAS has no such product."""
        dtype = c._dtype
        code = data_type(dtype)
        if code is None:
            return False
        count, m, n = c._shape
        k = a._shape[2]
        left, right = as_factor(a), as_factor(b)
        real = np.dtype(np.float64) if dtype.name in ("float64", "complex128") else np.float32
        scalar = np.dtype(real) if dtype.kind != "c" else dtype
        alpha, beta = np.ones(1, scalar), np.zeros(1, scalar)
        one, zero = alpha.ctypes.data, beta.ctypes.data
        sizes = (right.operation, left.operation, n, m, k)
        compute = (compute_type(dtype), _DEFAULT_ALGORITHM)
        first, second = (right.array._ptr, code), (left.array._ptr, code)
        calls, handle = self._blas.calls, self._blas.handle()
        if max(m, n, k, left.leading, right.leading, count) > _LARGEST:
            run = calls.cublasGemmStridedBatchedEx_64
        elif count > 1:
            run = calls.cublasGemmStridedBatchedEx
        else:
            steps = (right.leading, *second, left.leading)
            result = (c._ptr, code, max(n, 1))
            calls.cublasGemmEx(handle, *sizes, one, *first, *steps, zero, *result, *compute)
            return True
        factors = (*first, right.leading, right.step, *second, left.leading, left.step)
        stack = (c._ptr, code, max(n, 1), m * n, count)
        run(handle, *sizes, one, *factors, zero, *stack, *compute)
        return True
