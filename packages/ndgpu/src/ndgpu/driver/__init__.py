"""The CUDA driver API, from a real driver or from the software GPU.

Everything above this package calls ``driver.cuMemAlloc(...)`` and its sisters
and never learns which of the two answers.  Names and conventions are those of
``cuda.bindings.driver``: a call returns ``(CUresult, value...)`` and raises only
for arguments of the wrong type.  This package adds three guarantees:

* the implementation is chosen once, at the first call that needs it, and has
  been initialised (`cuInit`) by then; importing this package costs nothing;
* handles and device pointers that calls return are plain ints, and plain ints
  are accepted wherever a handle or pointer is wanted; stream 0 is the legacy
  default stream;
* `cuMemPrefetchAsync` and `cuMemAdvise` take a device's ordinal, -1 for the host, as in CUDA 12;
* `cuStreamGetCaptureInfo` returns ``(CUresult, status, id)`` alone, and the values of
  `cuMemPoolGetAttribute` and `cuMemPoolSetAttribute` are ints;
* enumerations (``driver.CUresult``, ...) are the ones of
  ``cuda.bindings.driver`` with either implementation, and asking for one does
  not make the choice.

Beyond CUDA's own functions the seam has `compile_target`, `load_library` and
`last_error_detail`, and to choose and name the implementation, `choose` and
`kind`.

Examples
--------
>>> from ndgpu import driver
>>> code, count = driver.cuDeviceGetCount()
>>> code == driver.CUresult.CUDA_SUCCESS and count >= 1
True
"""

from __future__ import annotations

import importlib
import threading
from types import ModuleType
from typing import Any

from ndgpu import config

__all__ = ["FUNCTIONS", "SEAM", "DriverNotFoundError", "choose", "kind"]

FUNCTIONS: tuple[str, ...] = (
    # the driver and its devices
    "cuInit",
    "cuDriverGetVersion",
    "cuGetErrorName",
    "cuGetErrorString",
    "cuDeviceGetCount",
    "cuDeviceGet",
    "cuDeviceGetName",
    "cuDeviceGetAttribute",
    "cuDeviceTotalMem",
    "cuDeviceGetUuid",
    "cuDeviceGetPCIBusId",
    "cuDeviceCanAccessPeer",
    # contexts
    "cuDevicePrimaryCtxRetain",
    "cuDevicePrimaryCtxRelease",
    "cuDevicePrimaryCtxReset",
    "cuDevicePrimaryCtxGetState",
    "cuCtxSetCurrent",
    "cuCtxGetCurrent",
    "cuCtxPushCurrent",
    "cuCtxPopCurrent",
    "cuCtxGetDevice",
    "cuCtxSynchronize",
    "cuCtxGetStreamPriorityRange",
    "cuCtxGetLimit",
    "cuCtxSetLimit",
    "cuCtxEnablePeerAccess",
    "cuCtxDisablePeerAccess",
    # memory
    "cuMemGetInfo",
    "cuMemAlloc",
    "cuMemFree",
    "cuMemAllocAsync",
    "cuMemFreeAsync",
    "cuMemAllocFromPoolAsync",
    "cuMemPoolCreate",
    "cuMemPoolDestroy",
    "cuMemPoolSetAttribute",
    "cuMemPoolGetAttribute",
    "cuMemPoolTrimTo",
    "cuDeviceGetDefaultMemPool",
    "cuDeviceGetMemPool",
    "cuDeviceSetMemPool",
    "cuMemAllocHost",
    "cuMemHostAlloc",
    "cuMemFreeHost",
    "cuMemAllocManaged",
    "cuMemPrefetchAsync",
    "cuMemAdvise",
    "cuPointerGetAttribute",
    # copies and fills
    "cuMemcpy",
    "cuMemcpyAsync",
    "cuMemcpyHtoD",
    "cuMemcpyHtoDAsync",
    "cuMemcpyDtoH",
    "cuMemcpyDtoHAsync",
    "cuMemcpyDtoD",
    "cuMemcpyDtoDAsync",
    "cuMemcpyPeer",
    "cuMemcpyPeerAsync",
    "cuMemsetD8",
    "cuMemsetD16",
    "cuMemsetD32",
    "cuMemsetD8Async",
    "cuMemsetD16Async",
    "cuMemsetD32Async",
    # streams and events
    "cuStreamCreate",
    "cuStreamCreateWithPriority",
    "cuStreamDestroy",
    "cuStreamSynchronize",
    "cuStreamQuery",
    "cuStreamWaitEvent",
    "cuStreamGetFlags",
    "cuStreamGetPriority",
    "cuStreamGetCtx",
    "cuLaunchHostFunc",
    "cuEventCreate",
    "cuEventDestroy",
    "cuEventRecord",
    "cuEventQuery",
    "cuEventSynchronize",
    "cuEventElapsedTime",
    # capture and graphs
    "cuStreamBeginCapture",
    "cuStreamEndCapture",
    "cuStreamIsCapturing",
    "cuStreamGetCaptureInfo",
    "cuThreadExchangeStreamCaptureMode",
    "cuGraphInstantiate",
    "cuGraphUpload",
    "cuGraphLaunch",
    "cuGraphExecUpdate",
    "cuGraphExecDestroy",
    "cuGraphDestroy",
    "cuGraphGetNodes",
    "cuGraphDebugDotPrint",
    # modules and launches
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuModuleGetFunction",
    "cuModuleGetGlobal",
    "cuFuncGetAttribute",
    "cuFuncSetAttribute",
    "cuFuncGetParamInfo",
    "cuLaunchKernel",
    "cuLaunchCooperativeKernel",
    "cuOccupancyMaxActiveBlocksPerMultiprocessor",
    "cuOccupancyMaxPotentialBlockSize",
    # profilers
    "cuProfilerStart",
    "cuProfilerStop",
)
"""CUDA's own functions that both implementations have."""

SEAM: tuple[str, ...] = ("compile_target", "load_library", "last_error_detail")
"""Functions that are the seam's own:

``compile_target(device) -> str``
    What to give NVRTC as ``--gpu-architecture`` for that device: ``sm_90``
    says that the image is a cubin, ``compute_80`` that it is PTX.
``load_library(name) -> ctypes.CDLL | None``
    The vendor's library ``cublas``, ``cublasLt``, ``cudnn``, ``cusolver`` or
    ``cufft``, or None where this driver cannot run it.
``last_error_detail() -> str``
    What the driver can say beyond the error code about the latest call of
    this thread that failed; empty where it has nothing to add.
"""

_NAMES = frozenset(FUNCTIONS + SEAM)
_lock = threading.Lock()
_implementation: ModuleType | None = None
_kind = ""


class DriverNotFoundError(RuntimeError):
    """``NDGPU_DEVICE=cuda`` was asked for, and no CUDA device can be used."""


def choose(kind: str) -> None:
    """Choose which implementation answers, in place of ``NDGPU_DEVICE``.

    Parameters
    ----------
    kind : {"cuda", "host", "auto"}
        A real driver, the software GPU, or the first of these that has a
        device.

    Raises
    ------
    ValueError
        If `kind` is none of the three.
    DriverNotFoundError
        If `kind` is ``"cuda"`` and there is no CUDA driver or device; the
        message says which of them is missing.
    RuntimeError
        If the driver has been used already, and it is another one.

    Examples
    --------
    >>> from ndgpu import driver
    >>> driver.choose(driver.kind())    # what is in use already may be chosen again
    """
    global _implementation, _kind
    if kind not in ("cuda", "host", "auto"):
        raise ValueError(f"a driver is chosen as 'cuda', 'host' or 'auto', not {kind!r}")
    with _lock:
        if _implementation is not None:
            if kind not in (_kind, "auto"):
                raise RuntimeError(
                    f"the {_kind} driver is in use already; {kind!r} must be chosen "
                    "(driver.choose or NDGPU_DEVICE) before the first use of a device"
                )
            return
        _implementation, _kind = _open(kind)


def kind() -> str:
    """Return which implementation answers: ``"cuda"`` or ``"host"``.

    Meant for labels; a difference in behaviour is asked of the driver
    (``cuDeviceGetAttribute``, ``load_library``).  Makes the choice if it has
    not been made.

    Examples
    --------
    >>> from ndgpu import driver
    >>> driver.kind() in ("cuda", "host")
    True
    """
    if _implementation is None:
        choose(config.value("NDGPU_DEVICE"))
    return _kind


def _open(kind: str) -> tuple[ModuleType, str]:
    """Import and initialise the implementation for `kind`."""
    if kind != "host":
        cuda = importlib.import_module("ndgpu.driver.cuda")
        missing = cuda.missing()
        if not missing:
            return cuda, "cuda"
        if kind == "cuda":
            raise DriverNotFoundError(
                f"the CUDA driver cannot be used: {missing} "
                "(NDGPU_DEVICE=host runs kernels on the CPU)"
            )
    host = importlib.import_module("ndgpu.driver.host")
    host.cuInit(0)
    return host, "host"


def __getattr__(name: str) -> Any:
    """Find a function of the chosen implementation or an enumeration, and keep it here."""
    if name in _NAMES:
        kind()
        value = getattr(_implementation, name)
    elif name.startswith("CU"):
        bindings = importlib.import_module("cuda.bindings.driver")
        try:
            value = getattr(bindings, name)
        except AttributeError:
            raise AttributeError(f"cuda.bindings.driver has no {name!r}") from None
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *FUNCTIONS, *SEAM})
