"""Products with a bias and an activation in one launch, by cuBLASLt through ctypes.

The algorithm for each shape is what cuBLASLt's heuristics put first; it is asked for
once and kept.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core.ndarray import ndarray
from ndgpu.linalg.cublas import CuBlasError, Factor, as_factor, compute_type, data_type, describe
from ndgpu.linalg.cublas import workspace_bytes as _workspace_bytes
from ndgpu.runtime.libraries import Handles, Library

__all__ = ["PROTOTYPES", "CuBlasLt"]

PROTOTYPES: dict[str, str] = {
    "cublasLtCreate": "p",
    "cublasLtDestroy": "p",
    "cublasLtMatmulDescCreate": "pii",
    "cublasLtMatmulDescDestroy": "p",
    "cublasLtMatmulDescSetAttribute": "pipz",
    "cublasLtMatmulDescGetAttribute": "pipzp",
    "cublasLtMatrixLayoutCreate": "piUUq",
    "cublasLtMatrixLayoutDestroy": "p",
    "cublasLtMatrixLayoutSetAttribute": "pipz",
    "cublasLtMatrixLayoutGetAttribute": "pipzp",
    "cublasLtMatmulPreferenceCreate": "p",
    "cublasLtMatmulPreferenceDestroy": "p",
    "cublasLtMatmulPreferenceSetAttribute": "pipz",
    "cublasLtMatmulAlgoGetHeuristic": "pppppppipp",
    "cublasLtMatmul": "pppppppppppp" + "pp" + "zp",
}
"""Every function of cuBLASLt that is called, as `ndgpu.runtime.libraries.Library` takes it."""

# cublasLt.h
_TRANSA, _TRANSB, _EPILOGUE, _BIAS_POINTER, _BIAS_TYPE = 3, 4, 7, 8, 26
_A_SCALE, _B_SCALE = 17, 18
_MAX_WORKSPACE = 1
_MIN_ALIGNMENT = (5, 6, 7, 8)  # of A, B, C and D
_BATCH_COUNT, _BATCH_STEP = 5, 6
_DEFAULT, _RELU, _BIAS, _GELU = 1, 2, 4, 32
_ACTIVATIONS = {None: 0, "relu": _RELU, "gelu": _GELU}
_COMPUTE_32F, _SCALE_32F = 68, 0


class _Heuristic(ctypes.Structure):
    """cublasLtMatmulHeuristicResult_t."""

    _fields_ = (
        ("algo", ctypes.c_uint64 * 8),
        ("workspace", ctypes.c_size_t),
        ("state", ctypes.c_int),
        ("waves", ctypes.c_float),
        ("reserved", ctypes.c_int * 4),
    )


class CuBlasLt:
    """One loaded cuBLASLt.

    Parameters
    ----------
    library : ctypes.CDLL
    """

    def __init__(self, library: Any) -> None:
        meaning = describe(library, "cublasLtGetStatusString")
        self._calls = calls = Library(library, PROTOTYPES, meaning, CuBlasError)
        self._handles = Handles(
            lambda: self._made(calls.cublasLtCreate),
            calls.cublasLtDestroy,
            lambda handle, stream: None,  # each product is told its stream
        )
        self._found: dict[tuple[Any, ...], tuple[Any, int]] = {}

    @staticmethod
    def _made(create: Any, *args: Any) -> int:
        made = ctypes.c_void_p()
        create(ctypes.byref(made), *args)
        return made.value or 0

    @contextmanager
    def descriptor(self, kind: str, *args: Any) -> Iterator[int]:
        """Make a descriptor (``MatmulDesc``, ``MatrixLayout``, ``MatmulPreference``) to use."""
        made = self._made(getattr(self._calls, f"cublasLt{kind}Create"), *args)
        try:
            yield made
        finally:
            getattr(self._calls, f"cublasLt{kind}Destroy")(made)

    def set(self, kind: str, descriptor: int, attribute: int, value: Any) -> None:
        """Set an attribute of a descriptor to a ctypes value."""
        call = getattr(self._calls, f"cublasLt{kind}SetAttribute")
        call(descriptor, attribute, ctypes.byref(value), ctypes.sizeof(value))

    def get(self, kind: str, descriptor: int, attribute: int, form: Any) -> Any:
        """Return an attribute of a descriptor, read as a ctypes type."""
        value, size = form(), ctypes.c_size_t()
        call = getattr(self._calls, f"cublasLt{kind}GetAttribute")
        call(descriptor, attribute, ctypes.byref(value), ctypes.sizeof(value), ctypes.byref(size))
        return value.value

    def linear(
        self, x: ndarray, w: ndarray, bias: ndarray | None, activation: str | None, y: ndarray
    ) -> bool:
        """Set ``y = activation(x @ w.T + bias)``; False if cuBLASLt has no such product.

        Parameters
        ----------
        x, w, y : ndarray
            (m, k), (n, k) and (m, n) of one dtype; `y` is C-contiguous.
        bias : ndarray, (n,), optional
            C-contiguous, of the same dtype.
        activation : {None, 'relu', 'gelu'}
        """
        code = data_type(y._dtype)
        if code is None or (y._dtype.kind == "c" and (bias is not None or activation)):
            return False
        scale = {4: 4, 5: 5, 1: 1}.get(code, _SCALE_32F)
        compute = compute_type(y._dtype)
        return self._multiply(x, w, bias, activation, y, (code, code, code), compute, scale)

    def scaled(
        self, x: ndarray, w: ndarray, types: tuple[int, int], scales: tuple[ndarray, ndarray],
        y: ndarray,
    ) -> bool:  # fmt: skip
        """Set ``y = (x * scale) @ (w * scale).T`` for 8-bit floats; see `linear`.

        Parameters
        ----------
        x, w : ndarray of uint8
            C-contiguous, (m, k) and (n, k); lengths are multiples of 16.
        types : pair of int
            Their ``cudaDataType``.
        scales : pair of ndarray of float32
            One element each.
        y : ndarray of float16, bfloat16 or float32
        """
        code = data_type(y._dtype)
        if code is None:
            return False
        codes = (*types, code)
        return self._multiply(x, w, None, None, y, codes, _COMPUTE_32F, _SCALE_32F, scales)

    def _multiply(
        self,
        x: ndarray,
        w: ndarray,
        bias: ndarray | None,
        activation: str | None,
        y: ndarray,
        codes: tuple[int, int, int],
        compute: int,
        scale: int,
        scales: tuple[ndarray, ndarray] | None = None,
    ) -> bool:
        m, n = y._shape
        k = x._shape[1]
        # y.T = w @ x.T, column-major: a row-major matrix is its transpose already.
        right, left = as_factor(x[None]), as_factor(w[None])
        epilogue = (_ACTIVATIONS[activation] | (_BIAS if bias is not None else 0)) or _DEFAULT
        call = self._calls
        with ExitStack() as stack:

            def layout(code: int, rows: int, columns: int, leading: int) -> int:
                args = (code, rows, columns, leading)
                return stack.enter_context(self.descriptor("MatrixLayout", *args))

            operation = stack.enter_context(self.descriptor("MatmulDesc", compute, scale))
            settings: list[tuple[int, Any]] = [
                (_TRANSA, ctypes.c_int(1 - left.operation)),
                (_TRANSB, ctypes.c_int(right.operation)),
                (_EPILOGUE, ctypes.c_int(epilogue)),
            ]
            if bias is not None:
                settings.append((_BIAS_POINTER, ctypes.c_void_p(bias._ptr)))
            if scales is not None:
                # The first factor of the column-major product is `w`.
                settings.append((_A_SCALE, ctypes.c_void_p(scales[1]._ptr)))
                settings.append((_B_SCALE, ctypes.c_void_p(scales[0]._ptr)))
            for attribute, value in settings:
                self.set("MatmulDesc", operation, attribute, value)
            a = layout(codes[1], *_columns_first(left, n, k))
            b = layout(codes[0], *_columns_first(right, m, k))
            d = layout(codes[2], n, m, max(n, 1))
            # Of the addresses only their alignment counts: the lowest bit that is set.
            addresses = (left.array._ptr, right.array._ptr, y._ptr, y._ptr)
            alignments = [min(p & -p, 256) for p in addresses]
            key = (
                runtime.current_device_id(), codes, compute, scale, m, n, k,
                left[1:3], right[1:3], epilogue, scales is None, *alignments,
            )  # fmt: skip
            found = self._found.get(key)
            if found is None:
                found = self._heuristic(operation, (a, b, d, d), alignments)
                if found is None:
                    return False
                self._found[key] = found
            algorithm, workspace = found
            memory = runtime.alloc(workspace)
            scalar = {1: np.float64, 4: np.complex64, 5: np.complex128}.get(scale, np.float32)
            alpha: np.ndarray = np.ones(1, scalar)
            beta: np.ndarray = np.zeros(1, scalar)
            call.cublasLtMatmul(
                self._handles.current(),
                operation,
                alpha.ctypes.data,
                left.array._ptr,
                a,
                right.array._ptr,
                b,
                beta.ctypes.data,
                y._ptr,
                d,
                y._ptr,
                d,
                ctypes.byref(algorithm),
                memory.ptr,
                workspace,
                runtime.get_current_stream().ptr,
            )
        return True

    def _heuristic(
        self, operation: int, layouts: tuple[int, ...], alignments: list[int]
    ) -> tuple[Any, int] | None:
        """Return the first algorithm that cuBLASLt proposes, and the workspace it takes."""
        result, count = _Heuristic(), ctypes.c_int()
        limit = ctypes.c_size_t(_workspace_bytes(runtime.current_device_id()))
        with self.descriptor("MatmulPreference") as preference:
            self.set("MatmulPreference", preference, _MAX_WORKSPACE, limit)
            for attribute, nbytes in zip(_MIN_ALIGNMENT, alignments, strict=True):
                self.set("MatmulPreference", preference, attribute, ctypes.c_uint32(nbytes))
            try:
                self._calls.cublasLtMatmulAlgoGetHeuristic(
                    self._handles.current(),
                    operation,
                    *layouts,
                    preference,
                    1,
                    ctypes.byref(result),
                    ctypes.byref(count),
                )
            except CuBlasError as error:
                if error.status == 15:  # CUBLAS_STATUS_NOT_SUPPORTED
                    return None
                raise
        if count.value == 0 or result.state:
            return None
        algorithm = (ctypes.c_uint64 * 8)(*result.algo)
        return algorithm, result.workspace


def _columns_first(factor: Factor, rows: int, columns: int) -> tuple[int, int, int]:
    """Shape and leading dimension of a row-major (rows, columns) factor to column-major eyes."""
    if factor.operation:
        return rows, columns, factor.leading
    return columns, rows, factor.leading
