"""Devices: which one a thread works on, and what the driver says about each.

A `Device` is a name for an ordinal: two objects with one ordinal are equal, and
making one costs no driver call beyond the check that the device exists.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from types import TracebackType
from typing import Any

from ndgpu import driver
from ndgpu.runtime import context
from ndgpu.runtime.errors import check

__all__ = ["Device", "check_placement", "is_available"]

_PREFIX = "CU_DEVICE_ATTRIBUTE_"
# Enumerators that are no attributes: the end mark, and names kept for old programs.
_NO_ATTRIBUTE = frozenset(("Max", "SharedMemoryPerBlock", "RegistersPerBlock"))
_attributes: dict[int, dict[str, int]] = {}


class Device:
    """A device, by its ordinal.

    Parameters
    ----------
    device : int or Device, optional
        The ordinal; this thread's current device by default.

    Attributes
    ----------
    id : int
        The ordinal.

    Raises
    ------
    TypeError
        If `device` is no integer.
    ValueError
        If there is no such device.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> device = rt.Device(0)
    >>> with device:
    ...     rt.Device() == device
    True
    >>> device.attributes["WarpSize"]
    32
    """

    __slots__ = ("__weakref__", "id")

    def __init__(self, device: int | Device | None = None) -> None:
        if device is None:
            self.id = context.current_device_id()
            return
        try:
            ordinal = device.__index__()
        except AttributeError:
            raise TypeError(
                f"Device: the ordinal must be an integer, got {type(device).__name__} {device!r}"
            ) from None
        count = context.device_count()
        if not 0 <= ordinal < count:
            have = "device 0" if count == 1 else f"devices 0 to {count - 1}"
            raise ValueError(f"Device: there is no device {ordinal}; the driver has {have}")
        self.id = ordinal

    @classmethod
    def from_pci_bus_id(cls, pci_bus_id: str) -> Device:
        """Return the device on a PCI bus position such as ``0000:3b:00.0``.

        Raises
        ------
        ValueError
            If no device is there.
        """
        for ordinal in range(context.device_count()):
            device = cls(ordinal)
            if device.pci_bus_id.lower() == pci_bus_id.lower():
                return device
        raise ValueError(f"Device: no device has the PCI bus id {pci_bus_id!r}")

    def __int__(self) -> int:
        return self.id

    def __index__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return self.id == other.id if isinstance(other, Device) else NotImplemented

    def __hash__(self) -> int:
        return hash((Device, self.id))

    def __repr__(self) -> str:
        return f"<Device {self.id}>"

    def use(self) -> Device:
        """Make this the current device of this thread, and return it."""
        context.use_device(self.id)
        return self

    def __enter__(self) -> Device:
        before = context.current_device_id()
        if before != self.id:
            context.use_device(self.id)
        context.local.entered.append((before,))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not context.life.usable:  # in a child that was forked inside the block
            return
        (before,) = context.local.entered.pop()
        if context.local.device_id != before:
            context.use_device(before)

    def synchronize(self) -> None:
        """Wait until all work given to the device is complete.

        Raises
        ------
        CUDADriverError
            If some of that work failed.
        """
        with context.entered(self.id):
            check(driver.cuCtxSynchronize())

    @property
    def name(self) -> str:
        """The product's name."""
        return _text(check(driver.cuDeviceGetName(256, self.id)))

    @property
    def compute_capability(self) -> str:
        """Major and minor number in one string, such as ``"80"``."""
        attributes = self.attributes
        return f"{attributes['ComputeCapabilityMajor']}{attributes['ComputeCapabilityMinor']}"

    @property
    def pci_bus_id(self) -> str:
        """Where the device sits, such as ``"0000:3B:00.0"``."""
        return _text(check(driver.cuDeviceGetPCIBusId(32, self.id)))

    @property
    def uuid(self) -> str:
        """The device's own number, as ``nvidia-smi`` prints it."""
        raw = check(driver.cuDeviceGetUuid(self.id)).bytes
        return f"GPU-{uuid.UUID(bytes=bytes(raw))}"

    @property
    def mem_info(self) -> tuple[int, int]:
        """Free and total bytes of the device's memory, as the driver counts them."""
        with context.entered(self.id):
            free, total = check(driver.cuMemGetInfo())
        return int(free), int(total)

    @property
    def attributes(self) -> dict[str, int]:
        """What the driver knows about the device, such as ``MultiProcessorCount``.

        Attributes that this driver does not know are absent.  The names are those
        of ``cudaDevAttr...``: ``CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X`` is
        ``MaxBlockDimX``.
        """
        found = _attributes.get(self.id)
        if found is None:
            found = _attributes[self.id] = _read_attributes(self.id)
        return dict(found)

    def can_access_peer(self, other: int | Device) -> bool:
        """Tell whether kernels here can use another device's memory directly.

        Parameters
        ----------
        other : int or Device
            The device with the memory.
        """
        return bool(check(driver.cuDeviceCanAccessPeer(self.id, Device(other).id)))

    def enable_peer_access(self, other: int | Device) -> None:
        """Let kernels here use another device's memory directly, more slowly than their own.

        Operations of this device then take arrays of that one.

        Parameters
        ----------
        other : int or Device
            The device with the memory.

        Raises
        ------
        CUDADriverError
            If they can already, or cannot at all.
        """
        other = Device(other).id
        with context.entered(self.id):
            check(driver.cuCtxEnablePeerAccess(context.context_of(other), 0))
        context.machine.peers.add((self.id, other))

    def disable_peer_access(self, other: int | Device) -> None:
        """Undo `enable_peer_access`.

        Parameters
        ----------
        other : int or Device
            The device with the memory.

        Raises
        ------
        CUDADriverError
            If they could not.
        """
        other = Device(other).id
        with context.entered(self.id):
            check(driver.cuCtxDisablePeerAccess(context.context_of(other)))
        context.machine.peers.discard((self.id, other))


def check_placement(values: Iterable[Any], caller: str) -> None:
    """Check that what a kernel of the current device is given is within its reach.

    Parameters
    ----------
    values : iterable
        Arguments; those with a ``device_id`` are looked at.
    caller : str
        Whose arguments they are, for the message.

    Raises
    ------
    ValueError
        If one is on another device, and the current one has no peer access to that.

    Examples
    --------
    >>> import ndgpu as xp
    >>> check_placement([xp.ones(3), 1.5], "scale")
    """
    current = context.current_device_id()
    for value in values:
        other = getattr(value, "device_id", current)
        if other != current and (current, other) not in context.machine.peers:
            raise ValueError(
                f"{caller}: an operand is on device {other} but the current device is {current}; "
                f"copy it, or call within `with ndgpu.cuda.Device({other}):`"
            )


def is_available() -> bool:
    """Tell whether there is a device to work on.

    Examples
    --------
    >>> is_available()
    True
    """
    try:
        return context.device_count() > 0
    except RuntimeError:  # no driver, a driver that fails, or a forked child
        return False


def _read_attributes(device_id: int) -> dict[str, int]:
    context.device_count()
    found: dict[str, int] = {}
    for member in driver.CUdevice_attribute:
        name = _readable(member.name)
        if name in _NO_ATTRIBUTE:
            continue
        status, value = driver.cuDeviceGetAttribute(member, device_id)
        if not status:
            found[name] = int(value)
    return found


def _readable(name: str) -> str:
    words = name.removeprefix(_PREFIX).split("_")
    joined = "".join(word if word[:1].isdigit() else word.capitalize() for word in words)
    return joined.replace("Multiprocessor", "MultiProcessor")


def _text(raw: Any) -> str:
    return raw.split(b"\0", 1)[0].decode() if isinstance(raw, bytes) else str(raw)
