"""Devices: which is current in each thread, and what is known of each."""

from __future__ import annotations

import threading

import pytest

import ndgpu.runtime as rt
from ndgpu import driver


def in_thread(function: object) -> object:
    result: list[object] = []
    thread = threading.Thread(target=lambda: result.append(function()))  # type: ignore[operator]
    thread.start()
    thread.join()
    return result[0]


def test_the_context_manager_restores() -> None:
    assert rt.current_device_id() == 0
    with rt.Device(1):
        assert rt.current_device_id() == 1
        with rt.Device(0) as inner:
            assert (inner, rt.current_device_id()) == (rt.Device(0), 0)
        assert rt.current_device_id() == 1
        with pytest.raises(KeyError), rt.Device(0):
            raise KeyError
        assert rt.current_device_id() == 1
    assert rt.current_device_id() == 0


def test_use_lasts_and_is_the_thread_s_own() -> None:
    def work() -> tuple[int, int, int]:
        first = rt.current_device_id()
        rt.Device(1).use()
        _, ordinal = driver.cuCtxGetDevice()
        return first, rt.current_device_id(), int(ordinal)

    assert in_thread(work) == (0, 1, 1)
    assert rt.current_device_id() == 0


def test_a_new_thread_may_begin_with_any_question() -> None:
    assert in_thread(lambda: rt.Device(1).use().id) == 1
    assert in_thread(rt.get_current_stream) is rt.Stream.null
    assert in_thread(lambda: rt.alloc(10).device_id) == 0
    assert in_thread(lambda: rt.Stream().device_id) == 0
    assert in_thread(lambda: rt.Device(1).mem_info[1] > 0) is True
    assert in_thread(lambda: rt.Stream.null.done) is True


def test_the_same_object_in_two_threads() -> None:
    device = rt.Device(1)
    with device:
        assert in_thread(lambda: (device.__enter__().id, rt.current_device_id())) == (1, 1)
    assert rt.current_device_id() == 0


def test_equality() -> None:
    assert rt.Device(1) == rt.Device(rt.Device(1))
    assert rt.Device(1) != rt.Device(0)
    assert rt.Device(0) != 0
    assert len({rt.Device(0), rt.Device(), rt.Device(1)}) == 2
    assert (int(rt.Device(1)), repr(rt.Device(1))) == (1, "<Device 1>")


@pytest.mark.parametrize("ordinal", [-1, 99])
def test_a_missing_device_is_named(ordinal: int) -> None:
    with pytest.raises(ValueError, match=f"there is no device {ordinal}; the driver has device"):
        rt.Device(ordinal)


@pytest.mark.parametrize("ordinal", ["0", 1.0, [0]])
def test_an_ordinal_is_an_integer(ordinal: object) -> None:
    with pytest.raises(TypeError, match="the ordinal must be an integer, got"):
        rt.Device(ordinal)  # type: ignore[arg-type]


def test_what_is_known_of_a_device() -> None:
    device, other = rt.Device(0), rt.Device(1)
    attributes = device.attributes
    assert attributes["WarpSize"] == 32
    assert attributes["MaxThreadsPerBlock"] == 1024
    for name in ("MultiProcessorCount", "MaxBlockDimX", "MaxSharedMemoryPerBlock", "PciBusId"):
        assert name in attributes
    assert device.compute_capability.isdigit()
    assert isinstance(device.name, str)
    assert device.name
    free, total = device.mem_info
    assert 0 < free <= total
    assert device.uuid.startswith("GPU-")
    assert device.uuid != other.uuid
    assert rt.Device.from_pci_bus_id(other.pci_bus_id) == other
    with pytest.raises(ValueError, match="'none'"):
        rt.Device.from_pci_bus_id("none")
    assert isinstance(device.can_access_peer(other), bool)


def test_attributes_are_a_copy() -> None:
    rt.Device(0).attributes["WarpSize"] = 1
    assert rt.Device(0).attributes["WarpSize"] == 32


def test_mem_info_and_synchronize_leave_the_current_device() -> None:
    rt.Device(1).mem_info
    rt.Device(1).synchronize()
    _, ordinal = driver.cuCtxGetDevice()
    assert (rt.current_device_id(), int(ordinal)) == (0, 0)


def test_there_is_a_device() -> None:
    assert rt.is_available()
    assert rt.device_count() >= 2
