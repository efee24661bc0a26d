"""Copies and fills: what they move, and which ranges they refuse."""

import numpy as np
import pytest
from cuda.bindings.driver import CUresult

from ndgpu.driver import host

from .conftest import read, value

OK = (CUresult.CUDA_SUCCESS,)
INVALID = (CUresult.CUDA_ERROR_INVALID_VALUE,)
SIZE = 4000


@pytest.fixture
def source():
    return np.random.default_rng(1).integers(0, 256, SIZE, dtype=np.uint8)


@pytest.mark.parametrize(
    "copy",
    [
        host.cuMemcpyHtoD,
        lambda d, s, n: host.cuMemcpyHtoDAsync(d, s, n, 0),
        host.cuMemcpy,
        lambda d, s, n: host.cuMemcpyAsync(d, s, n, value(host.cuStreamCreate(1))),
    ],
)
def test_to_the_device(device, source, copy):
    pointer = value(host.cuMemAlloc(SIZE))
    assert copy(pointer, source.ctypes.data, SIZE) == OK
    assert host.cuCtxSynchronize() == OK
    assert read(pointer, SIZE) == source.tobytes()


@pytest.mark.parametrize(
    "copy",
    [
        host.cuMemcpyDtoH,
        lambda d, s, n: host.cuMemcpyDtoHAsync(d, s, n, 0),
        host.cuMemcpy,
        lambda d, s, n: host.cuMemcpyAsync(d, s, n, 0),
    ],
)
def test_to_the_host(device, source, copy):
    pointer = value(host.cuMemAlloc(SIZE))
    host.cuMemcpyHtoD(pointer, source.ctypes.data, SIZE)
    target = np.zeros(SIZE - 100, np.uint8)
    assert copy(target.ctypes.data, pointer + 100, SIZE - 100) == OK
    assert host.cuCtxSynchronize() == OK
    assert (target == source[100:]).all()


@pytest.mark.parametrize("name", ["cuMemcpyDtoD", "cuMemcpyDtoDAsync", "cuMemcpy"])
def test_within_the_device(device, source, name):
    a, b = value(host.cuMemAlloc(SIZE)), value(host.cuMemAlloc(SIZE))
    host.cuMemcpyHtoD(a, source.ctypes.data, SIZE)
    stream = (0,) if name.endswith("Async") else ()
    assert getattr(host, name)(b, a, SIZE, *stream) == OK
    assert host.cuCtxSynchronize() == OK
    assert read(b, SIZE) == source.tobytes()


@pytest.mark.parametrize("wait", [True, False])
def test_between_devices(device, other, source, wait):
    a = value(host.cuMemAlloc(SIZE))
    host.cuMemcpyHtoD(a, source.ctypes.data, SIZE)
    host.cuCtxSetCurrent(other.context.handle)
    b = value(host.cuMemAlloc(SIZE))
    mine, theirs = device.context.handle, other.context.handle
    copy = host.cuMemcpyPeer if wait else lambda *args: host.cuMemcpyPeerAsync(*args, 0)
    assert copy(b, mine, a, theirs, SIZE) == INVALID  # contexts the wrong way round
    assert copy(b, theirs, a, mine, SIZE) == OK
    assert host.cuCtxSynchronize() == OK
    assert read(b, SIZE) == source.tobytes()


def test_ranges_are_checked(device, source):
    pointer = value(host.cuMemAlloc(SIZE))
    address = source.ctypes.data
    assert host.cuMemcpyHtoD(pointer, address, SIZE + 1) == INVALID
    assert f"at byte 0 of an allocation of {SIZE} bytes" in host.last_error_detail()
    assert host.cuMemcpyHtoD(pointer + 1, address, SIZE) == INVALID
    assert host.cuMemcpyHtoD(address, address, 1) == INVALID  # not a device pointer
    assert "is in no allocation" in host.last_error_detail()
    assert host.cuMemcpyDtoH(address, pointer + SIZE, 1) == INVALID
    assert host.cuMemcpyDtoD(pointer, address, 1) == INVALID
    assert host.cuMemcpyDtoD(address, pointer, 1) == INVALID
    assert host.cuMemcpyAsync(pointer + 1, address, SIZE, 0) == INVALID
    assert host.cuMemcpyAsync(address, pointer + 1, SIZE, 0) == INVALID
    assert host.cuMemcpyAsync(pointer, 0, 1, 0) == INVALID
    assert host.cuMemcpyHtoD(pointer, address, -1) == INVALID
    assert read(pointer, SIZE) == b"\xff" * SIZE


def test_nothing_to_copy(device):
    assert host.cuMemcpyHtoD(0, 0, 0) == OK
    assert host.cuMemsetD32(0, 1, 0) == OK


def test_a_stream_that_is_not_there(device, source):
    pointer = value(host.cuMemAlloc(SIZE))
    bad = (CUresult.CUDA_ERROR_INVALID_HANDLE,)
    assert host.cuMemcpyHtoDAsync(pointer, source.ctypes.data, 8, 0xBAD0) == bad
    assert host.cuMemsetD8Async(pointer, 0, 8, 0xBAD0) == bad


@pytest.mark.parametrize(
    ("name", "dtype", "number"),
    [
        ("cuMemsetD8", np.uint8, 0xAB),
        ("cuMemsetD16", np.uint16, 0xABCD),
        ("cuMemsetD32", np.uint32, 0x89ABCDEF),
    ],
)
@pytest.mark.parametrize("start", [0, 1, 3])
@pytest.mark.parametrize("count", [1, 2, 7, 500])
@pytest.mark.parametrize("wait", [True, False])
def test_fills(device, name, dtype, number, start, count, wait):
    width = np.dtype(dtype).itemsize
    pointer = value(host.cuMemAlloc(SIZE))
    wanted = np.full(SIZE, 0xFF, np.uint8).view(dtype)
    wanted[start : start + count] = number
    fill = getattr(host, name if wait else name + "Async")
    assert fill(pointer + start * width, number, count, *([] if wait else [0])) == OK
    assert host.cuCtxSynchronize() == OK
    assert (np.frombuffer(read(pointer, SIZE), dtype) == wanted).all()


def test_fills_that_are_refused(device):
    pointer = value(host.cuMemAlloc(100))
    assert host.cuMemsetD32(pointer, 1, 26) == INVALID
    assert host.cuMemsetD32(pointer + 2, 1, 1) == INVALID
    assert "not aligned to 4 bytes" in host.last_error_detail()
    assert host.cuMemsetD16(pointer + 1, 1, 1) == INVALID
    assert host.cuMemsetD8(pointer, 1, -1) == INVALID


def test_a_failed_context_copies_nothing(device, source):
    pointer = value(host.cuMemAlloc(SIZE))
    device.context.poison(CUresult.CUDA_ERROR_ILLEGAL_ADDRESS, "kernel k failed")
    failed = (CUresult.CUDA_ERROR_ILLEGAL_ADDRESS,)
    assert host.cuMemcpyHtoD(pointer, source.ctypes.data, 8) == failed
    assert host.cuMemsetD8(pointer, 0, 8) == failed
    assert read(pointer, 8) == b"\xff" * 8
