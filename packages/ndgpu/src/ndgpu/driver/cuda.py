"""The driver API of a real GPU: ``cuda.bindings.driver``, with ints for handles.

Works with cuda-bindings 12.9 and 13.  Nothing here touches libcuda until a
function is called; `missing` is the one call that is safe without a driver.
"""

from __future__ import annotations

import ctypes
import functools
from collections.abc import Callable
from typing import Any

from cuda.bindings import driver as _bindings

from ndgpu import driver as _seam

__all__ = ["compile_target", "last_error_detail", "load_library", "missing"]

# Calls whose values are handles or device pointers, which upstairs are ints.
_GIVE_HANDLES = frozenset(
    (
        "cuDeviceGet",
        "cuDevicePrimaryCtxRetain",
        "cuCtxGetCurrent",
        "cuCtxPopCurrent",
        "cuCtxGetDevice",
        "cuMemAlloc",
        "cuMemAllocAsync",
        "cuMemAllocHost",
        "cuMemHostAlloc",
        "cuMemAllocManaged",
        "cuMemAllocFromPoolAsync",
        "cuMemPoolCreate",
        "cuDeviceGetDefaultMemPool",
        "cuDeviceGetMemPool",
        "cuStreamEndCapture",
        "cuGraphInstantiate",
        "cuStreamCreate",
        "cuStreamCreateWithPriority",
        "cuStreamGetCtx",
        "cuEventCreate",
        "cuModuleLoadData",
        "cuModuleGetFunction",
        "cuModuleGetGlobal",
    )
)

# Attributes of a memory pool that the driver keeps in 64 bits; the others are C ints.
_WIDE = frozenset(
    getattr(_bindings.CUmemPool_attribute, f"CU_MEMPOOL_ATTR_{name}")
    for name in (
        "RELEASE_THRESHOLD",
        "RESERVED_MEM_CURRENT",
        "RESERVED_MEM_HIGH",
        "USED_MEM_CURRENT",
        "USED_MEM_HIGH",
    )
)

# cuPointerGetAttribute answers these with an object of cuda.bindings.
_POINTER_HANDLES = frozenset(
    (
        _bindings.CUpointer_attribute.CU_POINTER_ATTRIBUTE_CONTEXT,
        _bindings.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_POINTER,
        _bindings.CUpointer_attribute.CU_POINTER_ATTRIBUTE_RANGE_START_ADDR,
    )
)


def _with_ints(function: Callable[..., tuple]) -> Callable[..., tuple]:
    """Wrap a call so that each value it returns is an int (or None after an error)."""

    @functools.wraps(function)
    def call(*args: Any) -> tuple:
        code, *values = function(*args)
        return (code, *(None if value is None else int(value) for value in values))

    return call


def _pick(name: str) -> Callable[..., tuple]:
    function = getattr(_bindings, name)
    return _with_ints(function) if name in _GIVE_HANDLES else function


globals().update({name: _pick(name) for name in _seam.FUNCTIONS})


def cuPointerGetAttribute(attribute: int, ptr: int) -> tuple:
    """Return ``(CUresult, value)``; a context or an address comes as an int."""
    code, value = _bindings.cuPointerGetAttribute(attribute, ptr)
    if value is not None and attribute in _POINTER_HANDLES:
        value = int(value)
    return code, value


def cuMemPoolSetAttribute(pool: int, attr: Any, value: int) -> tuple:
    """Return ``(CUresult,)``."""
    given: Any = _bindings.cuuint64_t(value) if attr in _WIDE else int(value)
    return _bindings.cuMemPoolSetAttribute(pool, attr, given)


def cuMemPoolGetAttribute(pool: int, attr: Any) -> tuple:
    """Return ``(CUresult, value)``, the value as an int."""
    code, value = _bindings.cuMemPoolGetAttribute(pool, attr)
    return code, None if value is None else int(value)


def cuStreamGetCaptureInfo(hStream: int) -> tuple:
    """Return ``(CUresult, status, id)``; what follows differs from CUDA 12 to 13."""
    code, status, number, *_ = _bindings.cuStreamGetCaptureInfo(hStream)
    return code, status, None if number is None else int(number)


def cuGraphGetNodes(hGraph: int, numNodes: int = 0) -> tuple:
    """Return ``(CUresult, nodes, count)``: at most `numNodes` handles, and how many there are."""
    code, nodes, count = _bindings.cuGraphGetNodes(hGraph, numNodes)
    return code, None if nodes is None else [int(node) for node in nodes], count


def _location(device: int) -> Any:
    """Where memory is to be, as CUDA 13 wants to be told: a device, or the host for -1."""
    kinds = _bindings.CUmemLocationType
    location = _bindings.CUmemLocation()
    location.type = (
        kinds.CU_MEM_LOCATION_TYPE_HOST if device < 0 else kinds.CU_MEM_LOCATION_TYPE_DEVICE
    )
    location.id = max(device, 0)
    return location


def cuMemPrefetchAsync(devPtr: int, count: int, dstDevice: int, hStream: int) -> tuple:
    """Return ``(CUresult,)``."""
    if _bindings.CUDA_VERSION < 13000:
        return _bindings.cuMemPrefetchAsync(devPtr, count, dstDevice, hStream)
    return _bindings.cuMemPrefetchAsync(devPtr, count, _location(dstDevice), 0, hStream)


def cuMemAdvise(devPtr: int, count: int, advice: Any, device: int) -> tuple:
    """Return ``(CUresult,)``."""
    if _bindings.CUDA_VERSION < 13000:
        return _bindings.cuMemAdvise(devPtr, count, advice, device)
    return _bindings.cuMemAdvise(devPtr, count, advice, _location(device))


def missing() -> str:
    """Say what keeps CUDA from being used, or "" after initialising it."""
    try:
        (code,) = _bindings.cuInit(0)
    except RuntimeError as error:  # cuda.bindings raises where libcuda cannot be loaded
        return f"libcuda was not found ({error})"
    if code == _bindings.CUresult.CUDA_ERROR_NO_DEVICE:
        return "libcuda finds no device (cuInit: CUDA_ERROR_NO_DEVICE)"
    if code != _bindings.CUresult.CUDA_SUCCESS:
        return f"libcuda was found, but cuInit failed with {code.name}"
    code, count = _bindings.cuDeviceGetCount()
    if code != _bindings.CUresult.CUDA_SUCCESS:
        return f"libcuda was found, but cuDeviceGetCount failed with {code.name}"
    return "" if count else "libcuda was found, but it has no device (CUDA_VISIBLE_DEVICES?)"


@functools.cache
def compile_target(device: int) -> str:
    """Return the device's own architecture if NVRTC knows it, else PTX for the nearest before.

    A cubin needs no compiler in the driver, and no driver as new as NVRTC.

    Raises
    ------
    RuntimeError
        If the device is older than everything that NVRTC compiles for.
    """
    from cuda.bindings import nvrtc

    attribute = _bindings.CUdevice_attribute
    _, major = _bindings.cuDeviceGetAttribute(
        attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device
    )
    _, minor = _bindings.cuDeviceGetAttribute(
        attribute.CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device
    )
    own = 10 * major + minor
    code, supported = nvrtc.nvrtcGetSupportedArchs()
    if code != nvrtc.nvrtcResult.NVRTC_SUCCESS:
        raise RuntimeError(f"nvrtcGetSupportedArchs failed with {code.name}")
    if own in supported:
        return f"sm_{own}"
    older = [arch for arch in supported if arch < own]
    if not older:
        raise RuntimeError(
            f"device {device} has compute capability {major}.{minor}, and this NVRTC compiles "
            f"for {min(supported) // 10}.{min(supported) % 10} and newer"
        )
    return f"compute_{max(older)}"


@functools.cache
def load_library(name: str) -> ctypes.CDLL | None:
    """Load the vendor's library `name` as cuda-pathfinder finds it; None if it is not there."""
    from cuda import pathfinder

    try:
        found = pathfinder.load_nvidia_dynamic_lib(name)
    except pathfinder.DynamicLibNotFoundError:
        return None
    return None if found.abs_path is None else ctypes.CDLL(found.abs_path)


def last_error_detail() -> str:
    """Return "": a real driver says no more than its error code."""
    return ""
