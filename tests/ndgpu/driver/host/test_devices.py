"""Devices, their attributes, primary contexts and each thread's current context."""

import threading

import pytest
from cuda.bindings.driver import CUdevice_attribute, CUresult

from ndgpu.driver import host

from .conftest import value

ATTRIBUTES = [a for a in CUdevice_attribute if not a.name.endswith("_MAX")]


def attribute(name: str) -> int:
    return getattr(CUdevice_attribute, f"CU_DEVICE_ATTRIBUTE_{name}")


def test_count_and_names(device):
    assert value(host.cuDeviceGetCount()) == device.ordinal + 1
    assert value(host.cuDeviceGet(device.ordinal)) == device.ordinal
    assert value(host.cuDeviceGetName(256, device.ordinal)) == b"ndgpu host device"
    assert value(host.cuDeviceGetName(6, device.ordinal)) == b"ndgpu"
    assert value(host.cuDeviceTotalMem(device.ordinal)) == device.memory


def test_devices_are_told_apart(device, other):
    uuids = [bytes(value(host.cuDeviceGetUuid(d.ordinal)).bytes) for d in (device, other)]
    assert uuids[0] != uuids[1] and all(len(u) == 16 for u in uuids)
    buses = [value(host.cuDeviceGetPCIBusId(32, d.ordinal)) for d in (device, other)]
    assert buses[0] != buses[1]


@pytest.mark.parametrize("ordinal", [-1, 10_000])
def test_a_device_that_is_not_there(device, ordinal):
    bad = CUresult.CUDA_ERROR_INVALID_DEVICE
    assert host.cuDeviceGet(ordinal) == (bad, None)
    assert host.cuDeviceGetName(10, ordinal) == (bad, None)
    assert host.cuDeviceGetAttribute(1, ordinal) == (bad, None)
    assert host.cuDeviceTotalMem(ordinal) == (bad, None)
    assert host.cuDeviceGetUuid(ordinal) == (bad, None)
    assert host.cuDeviceGetPCIBusId(10, ordinal) == (bad, None)
    assert host.cuDeviceCanAccessPeer(device.ordinal, ordinal) == (bad, None)
    assert host.cuDevicePrimaryCtxRetain(ordinal) == (bad, None)
    assert host.cuDevicePrimaryCtxRelease(ordinal) == (bad,)
    assert host.cuDevicePrimaryCtxReset(ordinal) == (bad,)
    assert host.cuDevicePrimaryCtxGetState(ordinal) == (bad, None, None)
    assert f"no host device {ordinal}" in host.last_error_detail()


@pytest.mark.parametrize("which", ATTRIBUTES, ids=lambda a: a.name[len("CU_DEVICE_ATTRIBUTE_") :])
def test_every_attribute_has_an_answer(device, which):
    assert isinstance(value(host.cuDeviceGetAttribute(which, device.ordinal)), int)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("COMPUTE_CAPABILITY_MAJOR", 8),
        ("COMPUTE_CAPABILITY_MINOR", 0),
        ("WARP_SIZE", 32),
        ("MAX_THREADS_PER_BLOCK", 1024),
        ("MAX_SHARED_MEMORY_PER_BLOCK", 48 * 1024),
        ("MAX_SHARED_MEMORY_PER_BLOCK_OPTIN", 163 * 1024),
        ("PAGEABLE_MEMORY_ACCESS_USES_HOST_PAGE_TABLES", 1),
        ("CLUSTER_LAUNCH", 0),
        ("MAXIMUM_TEXTURE2D_WIDTH", 0),
    ],
)
def test_attributes_that_programs_rely_on(device, name, wanted):
    assert value(host.cuDeviceGetAttribute(attribute(name), device.ordinal)) == wanted


def test_an_attribute_may_be_a_plain_int(device):
    assert host.cuDeviceGetAttribute(10, device.ordinal) == (CUresult.CUDA_SUCCESS, 32)


@pytest.mark.parametrize("number", [0, 100_000, -3])
def test_what_is_no_attribute(device, number):
    bad = (CUresult.CUDA_ERROR_INVALID_VALUE, None)
    assert host.cuDeviceGetAttribute(number, device.ordinal) == bad


def test_multiprocessors_are_the_threads(monkeypatch):
    from ndgpu.driver.host import attributes

    monkeypatch.setenv("NDGPU_HOST_THREADS", "7")
    assert attributes.table(0)[int(attribute("MULTIPROCESSOR_COUNT"))] == 7


def test_init_wants_no_flags(device):
    assert host.cuInit(1) == (CUresult.CUDA_ERROR_INVALID_VALUE,)
    assert host.cuInit(0) == (CUresult.CUDA_SUCCESS,)
    assert value(host.cuDriverGetVersion()) >= 12090


def test_no_call_before_init(monkeypatch):
    monkeypatch.setattr("ndgpu.driver.host.context.devices", [])
    assert host.cuDeviceGetCount() == (CUresult.CUDA_ERROR_NOT_INITIALIZED, None)
    assert host.cuDeviceGet(0) == (CUresult.CUDA_ERROR_NOT_INITIALIZED, None)


def test_a_context_lives_while_someone_retains_it(device):
    ordinal = device.ordinal
    handle = value(host.cuCtxGetCurrent())
    assert value(host.cuDevicePrimaryCtxRetain(ordinal)) == handle
    pointer = value(host.cuMemAlloc(100))
    assert host.cuDevicePrimaryCtxRelease(ordinal) == (CUresult.CUDA_SUCCESS,)
    assert host.cuDevicePrimaryCtxGetState(ordinal) == (CUresult.CUDA_SUCCESS, 0, 1)
    assert host.cuMemFree(pointer) == (CUresult.CUDA_SUCCESS,)
    assert host.cuDevicePrimaryCtxRelease(ordinal) == (CUresult.CUDA_SUCCESS,)
    assert host.cuDevicePrimaryCtxGetState(ordinal) == (CUresult.CUDA_SUCCESS, 0, 0)
    assert host.cuMemAlloc(100) == (CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED, None)
    assert host.cuDevicePrimaryCtxRelease(ordinal) == (CUresult.CUDA_ERROR_CONTEXT_IS_DESTROYED,)


def test_reset_takes_everything_along(device):
    pointer = value(host.cuMemAlloc(100))
    stream, event = value(host.cuStreamCreate(0)), value(host.cuEventCreate(0))
    assert host.cuDevicePrimaryCtxReset(device.ordinal) == (CUresult.CUDA_SUCCESS,)
    assert device.used == 0 and not device.blocks
    value(host.cuDevicePrimaryCtxRetain(device.ordinal))
    assert host.cuMemFree(pointer) == (CUresult.CUDA_ERROR_INVALID_VALUE,)
    assert host.cuStreamSynchronize(stream) == (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    assert host.cuEventQuery(event) == (CUresult.CUDA_ERROR_INVALID_HANDLE,)


def test_a_failed_context_says_so_until_it_is_reset(device):
    device.context.poison(CUresult.CUDA_ERROR_LAUNCH_FAILED, "kernel k failed")
    failed = CUresult.CUDA_ERROR_LAUNCH_FAILED
    device.context.poison(CUresult.CUDA_ERROR_ASSERT, "a later error does not hide the first")
    assert host.cuCtxSynchronize() == (failed,)
    assert host.last_error_detail() == "kernel k failed"
    assert host.cuMemAlloc(10) == (failed, None)
    assert host.cuMemGetInfo() == (failed, None, None)
    assert host.cuStreamCreate(0) == (failed, None)
    assert host.cuStreamSynchronize(0) == (failed,)
    host.cuDevicePrimaryCtxReset(device.ordinal)
    value(host.cuDevicePrimaryCtxRetain(device.ordinal))
    assert host.cuCtxSynchronize() == (CUresult.CUDA_SUCCESS,)


def test_one_device_failing_leaves_the_other_alone(device, other):
    other.context.poison(CUresult.CUDA_ERROR_LAUNCH_FAILED, "kernel k failed")
    assert host.cuCtxSynchronize() == (CUresult.CUDA_SUCCESS,)


def test_current_context_is_the_threads_own(device):
    seen = []

    def look():
        seen.extend((host.cuCtxGetCurrent(), host.cuMemAlloc(8)))

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    nothing = (CUresult.CUDA_ERROR_INVALID_CONTEXT, None)
    assert seen == [(CUresult.CUDA_SUCCESS, 0), nothing]
    assert value(host.cuCtxGetCurrent()) == device.context.handle


def test_no_current_context(device):
    assert host.cuCtxSetCurrent(0) == (CUresult.CUDA_SUCCESS,)
    assert host.cuCtxGetDevice() == (CUresult.CUDA_ERROR_INVALID_CONTEXT, None)
    assert host.cuCtxPopCurrent() == (CUresult.CUDA_ERROR_INVALID_CONTEXT, None)
    assert host.cuCtxSetCurrent(0x123) == (CUresult.CUDA_ERROR_INVALID_CONTEXT,)
    assert host.cuCtxPushCurrent(0x123) == (CUresult.CUDA_ERROR_INVALID_CONTEXT,)


def test_push_and_pop(device, other):
    assert host.cuCtxPushCurrent(other.context.handle) == (CUresult.CUDA_SUCCESS,)
    assert value(host.cuCtxGetDevice()) == other.ordinal
    assert value(host.cuCtxPopCurrent()) == other.context.handle
    assert value(host.cuCtxGetDevice()) == device.ordinal
    assert value(host.cuCtxPopCurrent()) == device.context.handle
    assert value(host.cuCtxGetCurrent()) == 0


def test_peer_access(device, other):
    ok = (CUresult.CUDA_SUCCESS,)
    assert value(host.cuDeviceCanAccessPeer(device.ordinal, other.ordinal)) == 1
    assert value(host.cuDeviceCanAccessPeer(device.ordinal, device.ordinal)) == 0
    peer = other.context.handle
    assert host.cuCtxDisablePeerAccess(peer) == (CUresult.CUDA_ERROR_PEER_ACCESS_NOT_ENABLED,)
    assert host.cuCtxEnablePeerAccess(peer, 1) == (CUresult.CUDA_ERROR_INVALID_VALUE,)
    assert host.cuCtxEnablePeerAccess(peer, 0) == ok
    enabled = CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED
    assert host.cuCtxEnablePeerAccess(peer, 0) == (enabled,)
    assert host.cuCtxDisablePeerAccess(peer) == ok
    own = device.context.handle
    assert host.cuCtxEnablePeerAccess(own, 0) == (CUresult.CUDA_ERROR_INVALID_CONTEXT,)
    assert host.cuCtxDisablePeerAccess(7) == (CUresult.CUDA_ERROR_INVALID_CONTEXT,)


@pytest.mark.parametrize("code", list(CUresult))
def test_every_error_has_a_name_and_a_meaning(code):
    assert host.cuGetErrorName(code) == (CUresult.CUDA_SUCCESS, code.name.encode())
    assert len(value(host.cuGetErrorString(code))) > 3


def test_what_is_no_error():
    bad = (CUresult.CUDA_ERROR_INVALID_VALUE, None)
    assert host.cuGetErrorName(123456) == bad
    assert host.cuGetErrorString(123456) == bad


def test_compile_target_and_libraries():
    assert host.compile_target(0) == "compute_80"
    assert host.load_library("cublas") is None


def test_fork_while_another_thread_holds_the_lock(device):
    """A child forked at a bad moment can still allocate."""
    import multiprocessing
    import warnings

    stop = threading.Event()

    def churn():
        host.cuCtxSetCurrent(device.context.handle)
        while not stop.is_set():
            host.cuMemFree(host.cuMemAlloc(100)[1])

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # forking with threads: on purpose
            children = [
                multiprocessing.get_context("fork").Process(target=host.cuMemAlloc, args=(100,))
                for _ in range(5)
            ]
            for child in children:
                child.start()
        for child in children:
            child.join(timeout=30)
        assert [child.exitcode for child in children] == [0] * 5
    finally:
        stop.set()
        thread.join()
