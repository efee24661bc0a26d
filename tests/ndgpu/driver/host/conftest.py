"""Host devices of a test's own, beside those that the rest of the process uses."""

import ctypes
from collections.abc import Callable, Iterator

import pytest

from ndgpu.driver import host
from ndgpu.driver.host import context, policies, queues
from ndgpu.driver.host.context import Device

MEMORY = 1 << 28


def add_device(monkeypatch: pytest.MonkeyPatch, memory: int = MEMORY) -> Device:
    host.cuInit(0)
    device = Device(len(context.devices), memory)
    monkeypatch.setattr(context, "devices", [*context.devices, device])
    monkeypatch.setitem(context._contexts, device.context.handle, device.context)
    return device


def _use(device: Device) -> Iterator[Device]:
    _, before = host.cuCtxGetCurrent()
    _, handle = host.cuDevicePrimaryCtxRetain(device.ordinal)
    host.cuCtxSetCurrent(handle)
    yield device
    host.cuDevicePrimaryCtxReset(device.ordinal)
    host.cuCtxSetCurrent(before)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """A fresh device, its primary context current; all that it holds goes afterwards."""
    yield from _use(add_device(monkeypatch))


@pytest.fixture
def other(monkeypatch: pytest.MonkeyPatch, device: Device) -> Iterator[Device]:
    """A second fresh device, its context retained and not current."""
    second = add_device(monkeypatch)
    host.cuDevicePrimaryCtxRetain(second.ordinal)
    yield second
    host.cuDevicePrimaryCtxReset(second.ordinal)


@pytest.fixture
def streams() -> Iterator[Callable[..., None]]:
    """Set when streams run their work, as `policies.Policy` has it; afterwards it is as before."""
    before = policies.current

    def use(streams: str, stress: int | None = None) -> None:
        queues.use_policy(policies.Policy(streams, stress))

    yield use
    queues.use_policy(before)


def value(result: tuple):
    """Return the one value of a call that succeeded."""
    code, answer = result
    assert code == 0, (code, host.last_error_detail())
    return answer


def read(pointer: int, size: int) -> bytes:
    """Read memory that the CPU can see."""
    return ctypes.string_at(pointer, size)
