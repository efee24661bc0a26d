"""What the host driver's calls return, and the words that go with a failure.

A call that succeeds returns a tuple made beforehand.  One that fails goes
through `fail`, which keeps for `last_error_detail` what a bare error code
cannot say: which object, what was wanted, what came.
"""

from __future__ import annotations

import threading

from cuda.bindings.driver import CUresult

__all__ = ["OK", "SUCCESS", "cuGetErrorName", "cuGetErrorString", "fail", "last_error_detail"]

SUCCESS = CUresult.CUDA_SUCCESS
OK = (SUCCESS,)


class _Detail(threading.local):
    text = ""


_detail = _Detail()


def fail(code: CUresult, detail: str = "", values: int = 0) -> tuple:
    """Return the result of a failed call that would have returned `values` values."""
    _detail.text = detail
    return (code, *(None,) * values)


def last_error_detail() -> str:
    """Return what the host driver can say about this thread's latest failed call."""
    return _detail.text


# The meanings that users meet, in CUDA's words; the rest are read off the names.
_MEANINGS = {
    CUresult.CUDA_SUCCESS: "no error",
    CUresult.CUDA_ERROR_INVALID_VALUE: "invalid argument",
    CUresult.CUDA_ERROR_OUT_OF_MEMORY: "out of memory",
    CUresult.CUDA_ERROR_NOT_INITIALIZED: "initialization error",
    CUresult.CUDA_ERROR_DEINITIALIZED: "driver shutting down",
    CUresult.CUDA_ERROR_NO_DEVICE: "no CUDA-capable device is detected",
    CUresult.CUDA_ERROR_INVALID_DEVICE: "invalid device ordinal",
    CUresult.CUDA_ERROR_INVALID_IMAGE: "device kernel image is invalid",
    CUresult.CUDA_ERROR_INVALID_CONTEXT: "invalid device context",
    CUresult.CUDA_ERROR_NO_BINARY_FOR_GPU: (
        "no kernel image is available for execution on the device"
    ),
    CUresult.CUDA_ERROR_INVALID_PTX: "a PTX JIT compilation failed",
    CUresult.CUDA_ERROR_INVALID_HANDLE: "invalid resource handle",
    CUresult.CUDA_ERROR_NOT_FOUND: "named symbol not found",
    CUresult.CUDA_ERROR_NOT_READY: "device not ready",
    CUresult.CUDA_ERROR_ILLEGAL_ADDRESS: "an illegal memory access was encountered",
    CUresult.CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES: "too many resources requested for launch",
    CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED: "peer access is already enabled",
    CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED: "peer access has not been enabled",
    CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED: "context is destroyed",
    CUresult.CUDA_ERROR_ASSERT: "device-side assert triggered",
    CUresult.CUDA_ERROR_ILLEGAL_INSTRUCTION: "an illegal instruction was encountered",
    CUresult.CUDA_ERROR_MISALIGNED_ADDRESS: "misaligned address",
    CUresult.CUDA_ERROR_LAUNCH_FAILED: "unspecified launch failure",
    CUresult.CUDA_ERROR_NOT_SUPPORTED: "operation not supported",
    CUresult.CUDA_ERROR_UNKNOWN: "unknown error",
}


def cuGetErrorName(error: int) -> tuple:
    """Return ``(CUresult, name)``, the name as bytes."""
    try:
        return SUCCESS, CUresult(error).name.encode()
    except ValueError:
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, f"{error} is not a CUresult", 1)


def cuGetErrorString(error: int) -> tuple:
    """Return ``(CUresult, meaning)``, the meaning as bytes."""
    try:
        code = CUresult(error)
    except ValueError:
        return fail(CUresult.CUDA_ERROR_INVALID_VALUE, f"{error} is not a CUresult", 1)
    meaning = _MEANINGS.get(code)
    if meaning is None:
        meaning = code.name.removeprefix("CUDA_ERROR_").replace("_", " ").lower()
    return SUCCESS, meaning.encode()
