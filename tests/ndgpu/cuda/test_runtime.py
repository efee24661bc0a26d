"""cuda.runtime: CUDA's runtime by the names that programs use."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import ndgpu as xp
from ndgpu import cuda, driver
from ndgpu.cuda import runtime
from ndgpu.cuda.properties import PROPERTIES


def test_all_names_are_there():
    for name in runtime.__all__:
        assert hasattr(runtime, name)
    assert sorted(set(runtime.__all__), key=str.lower) == sorted(runtime.__all__, key=str.lower)


def test_devices():
    assert runtime.getDeviceCount() == cuda.device_count() == 2
    assert runtime.getDevice() == 0
    runtime.setDevice(1)
    try:
        assert runtime.getDevice() == 1
        runtime.deviceSynchronize()
    finally:
        runtime.setDevice(0)
    bus = runtime.deviceGetPCIBusId(1)
    assert runtime.deviceGetByPCIBusId(bus) == 1
    warp = driver.CUdevice_attribute.CU_DEVICE_ATTRIBUTE_WARP_SIZE
    assert runtime.deviceGetAttribute(int(warp), 0) == 32
    assert runtime.driverGetVersion() >= 12000
    assert runtime.runtimeGetVersion() == cuda.get_local_runtime_version() >= 12000
    free, total = runtime.memGetInfo()
    assert 0 < free <= total
    assert not runtime.is_hip


def test_properties_agree_with_the_attributes():
    properties = runtime.getDeviceProperties(0)
    attributes = cuda.Device(0).attributes
    assert properties["name"] == cuda.Device(0).name.encode()
    assert properties["totalGlobalMem"] == runtime.memGetInfo()[1]
    assert properties["multiProcessorCount"] == attributes["MultiProcessorCount"]
    assert f"{properties['major']}{properties['minor']}" == cuda.Device(0).compute_capability
    assert properties["maxGridSize"] == (2**31 - 1, 65535, 65535)
    assert len(properties["uuid"]) == 16


@pytest.mark.parametrize("name", sorted(PROPERTIES))
def test_a_property_is_an_attribute_of_cuda(name):
    member = f"CU_DEVICE_ATTRIBUTE_{PROPERTIES[name]}"
    assert hasattr(driver.CUdevice_attribute, member)


CONSTANTS = {
    "streamNonBlocking": ("CUstream_flags", "CU_STREAM_NON_BLOCKING"),
    "eventBlockingSync": ("CUevent_flags", "CU_EVENT_BLOCKING_SYNC"),
    "eventDisableTiming": ("CUevent_flags", "CU_EVENT_DISABLE_TIMING"),
    "eventInterprocess": ("CUevent_flags", "CU_EVENT_INTERPROCESS"),
    "cudaMemAttachGlobal": ("CUmemAttach_flags", "CU_MEM_ATTACH_GLOBAL"),
    "cudaMemAttachHost": ("CUmemAttach_flags", "CU_MEM_ATTACH_HOST"),
    "memoryTypeHost": ("CUmemorytype", "CU_MEMORYTYPE_HOST"),
    "memoryTypeDevice": ("CUmemorytype", "CU_MEMORYTYPE_DEVICE"),
    "streamCaptureModeGlobal": ("CUstreamCaptureMode", "CU_STREAM_CAPTURE_MODE_GLOBAL"),
    "streamCaptureModeThreadLocal": ("CUstreamCaptureMode", "CU_STREAM_CAPTURE_MODE_THREAD_LOCAL"),
    "streamCaptureModeRelaxed": ("CUstreamCaptureMode", "CU_STREAM_CAPTURE_MODE_RELAXED"),
    "streamCaptureStatusActive": ("CUstreamCaptureStatus", "CU_STREAM_CAPTURE_STATUS_ACTIVE"),
}


@pytest.mark.parametrize("name", CONSTANTS)
def test_constants_are_the_drivers(name):
    kind, member = CONSTANTS[name]
    assert getattr(runtime, name) == int(getattr(getattr(driver, kind), member))


@pytest.mark.parametrize(
    ("allocate", "free", "kind"),
    [
        (lambda: runtime.malloc(64), runtime.free, runtime.memoryTypeDevice),
        (lambda: runtime.mallocManaged(64), runtime.free, runtime.memoryTypeManaged),
        (lambda: runtime.hostAlloc(64), runtime.freeHost, runtime.memoryTypeHost),
        (
            lambda: runtime.mallocAsync(64, 0),
            lambda p: runtime.freeAsync(p, 0),
            runtime.memoryTypeDevice,
        ),
        (
            lambda: runtime.mallocFromPoolAsync(64, runtime.deviceGetMemPool(0), 0),
            lambda p: runtime.freeAsync(p, 0),
            runtime.memoryTypeDevice,
        ),
    ],
)
def test_memory(allocate, free, kind):
    pointer = allocate()
    found = runtime.pointerGetAttributes(pointer)
    assert (found.device, found.type) == (0, kind)
    assert f"type={kind}" in repr(found)
    runtime.memset(pointer, 3, 64)
    host = np.zeros(64, np.uint8)
    runtime.memcpy(host.ctypes.data, pointer, 64, runtime.memcpyDefault)
    assert (host == 3).all()
    free(pointer)
    with pytest.raises(runtime.CUDARuntimeError) as caught:
        free(pointer)
    assert caught.value.status == 1


def test_copies():
    a, b = runtime.malloc(16), runtime.malloc(16)
    host, back = np.arange(16, dtype=np.uint8), np.zeros(16, np.uint8)
    runtime.memcpy(a, host.ctypes.data, 16, runtime.memcpyHostToDevice)
    runtime.memcpyAsync(b, a, 16, runtime.memcpyDeviceToDevice, 0)
    runtime.memcpy(back.ctypes.data, b, 16, runtime.memcpyDeviceToHost)
    assert (back == host).all()
    with cuda.Device(1):
        there = runtime.malloc(16)
    runtime.memcpyPeer(there, 1, a, 0, 16)
    back[:] = 0
    runtime.memcpy(back.ctypes.data, there, 16, runtime.memcpyDeviceToHost)
    assert (back == host).all()
    with pytest.raises(ValueError, match="got 9"):
        runtime.memcpy(a, b, 16, 9)
    for pointer in (a, b, there):
        runtime.free(pointer)


def test_memory_that_cuda_does_not_know():
    host = np.zeros(4)
    found = runtime.pointerGetAttributes(host.ctypes.data)
    assert (found.device, found.type) == (-1, runtime.memoryTypeUnregistered)


def test_streams_and_events():
    stream = runtime.streamCreateWithFlags(runtime.streamNonBlocking)
    start, end = runtime.eventCreate(), runtime.eventCreateWithFlags(runtime.eventBlockingSync)
    calls = []
    runtime.eventRecord(start, stream)
    runtime.launchHostFunc(stream, calls.append, 1)
    runtime.streamAddCallback(stream, lambda *given: calls.append(given), "x")
    runtime.eventRecord(end, stream)
    runtime.streamWaitEvent(0, end)
    runtime.streamSynchronize(stream)
    runtime.eventSynchronize(end)
    assert runtime.streamQuery(stream) and runtime.eventQuery(end)
    assert calls == [1, (stream, 0, "x")]
    assert runtime.eventElapsedTime(start, end) >= 0
    runtime.eventDestroy(start)
    runtime.eventDestroy(end)
    runtime.streamDestroy(stream)
    with pytest.raises(runtime.CUDARuntimeError, match="INVALID_HANDLE"):
        runtime.streamQuery(stream)


def test_capture_by_hand():
    x = xp.zeros(2)
    cuda.Device().synchronize()
    stream = runtime.streamCreateWithFlags(runtime.streamNonBlocking)
    runtime.streamBeginCapture(stream)
    assert runtime.streamIsCapturing(stream)
    runtime.memsetAsync(x.data.ptr, 0, 16, stream)
    graph = runtime.streamEndCapture(stream)
    assert not runtime.streamIsCapturing(stream)
    assert driver.cuGraphGetNodes(graph)[2] == 1
    assert driver.cuGraphDestroy(graph)[0] == 0
    runtime.streamDestroy(stream)


def test_pools_of_the_driver():
    default = runtime.deviceGetDefaultMemPool(0)
    assert runtime.deviceGetMemPool(0) == default
    properties = driver.CUmemPoolProps()
    properties.allocType = driver.CUmemAllocationType.CU_MEM_ALLOCATION_TYPE_PINNED
    properties.location.type = driver.CUmemLocationType.CU_MEM_LOCATION_TYPE_DEVICE
    pool = runtime.memPoolCreate(properties)
    threshold = int(driver.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD)
    runtime.memPoolSetAttribute(pool, threshold, 1 << 40)
    assert runtime.memPoolGetAttribute(pool, threshold) == 1 << 40
    runtime.deviceSetMemPool(0, pool)
    try:
        assert runtime.deviceGetMemPool(0) == pool
    finally:
        runtime.deviceSetMemPool(0, default)
    runtime.memPoolTrimTo(pool, 0)
    runtime.memPoolDestroy(pool)


def test_an_error_has_the_codes_of_cuda():
    with pytest.raises(runtime.CUDARuntimeError) as caught:
        runtime.malloc(1 << 62)
    assert caught.value.status == 2  # cudaErrorMemoryAllocation as well
    assert ctypes.c_int(caught.value.status).value == 2
