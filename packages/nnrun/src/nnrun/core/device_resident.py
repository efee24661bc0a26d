"""`DeviceResident`: what lives on a device and can be moved as a whole.

A move is a visitor that goes through a tree of objects and replaces arrays; a
user's own visitor can do other things with every array of a tree.
"""

from __future__ import annotations

from typing import Any

from nnrun.backend import Device, get_device
from nnrun.core.variable import Variable

__all__ = ["DeviceResident", "DeviceResidentsVisitor"]

Array = Any


class DeviceResidentsVisitor:
    """Goes through a tree of device residents; to be subclassed.

    Examples
    --------
    >>> import nnrun, nnrun.links as L
    >>> class Count(nnrun.core.DeviceResidentsVisitor):
    ...     total = 0
    ...     def visit_variable(self, param):
    ...         self.total += param.size
    >>> count = Count()
    >>> L.Linear(3, 2).device_resident_accept(count)
    >>> count.total
    8
    """

    def visit_device_resident(self, device_resident: DeviceResident) -> None:
        """Be shown an object, before what it holds."""

    def visit_array(self, arr: Array) -> Array:
        """Return what is to stand in place of an array that is not learnt."""
        return arr

    def visit_variable(self, param: Variable) -> None:
        """Be shown a parameter, or a Variable that is kept."""


class _Move(DeviceResidentsVisitor):
    def __init__(self, device: Device) -> None:
        self._device = device

    def visit_device_resident(self, device_resident: DeviceResident) -> None:
        device_resident._device = self._device

    def visit_array(self, arr: Array) -> Array:
        return self._device.send(arr)

    def visit_variable(self, param: Variable) -> None:
        param.to_device(self._device)


class DeviceResident:
    """An object on a device, such as a link.

    Subclasses show what they hold to a visitor in `device_resident_accept`.
    """

    _device: Device = get_device("numpy")

    @property
    def device(self) -> Device:
        """Where it lives."""
        return self._device

    @property
    def xp(self) -> Any:
        """The array module of its device: ``numpy`` or ``ndgpu``."""
        return self._device.xp

    def device_resident_accept(self, visitor: DeviceResidentsVisitor) -> None:
        """Show this object, and all that it holds, to a visitor."""
        visitor.visit_device_resident(self)

    def to_device(self, device: Any) -> Any:
        """Move everything to a device.

        Parameters
        ----------
        device : device specifier
            See `nnrun.get_device`.

        Returns
        -------
        DeviceResident
            The object itself.
        """
        self.device_resident_accept(_Move(get_device(device)))
        return self

    def to_cpu(self) -> Any:
        """Move everything to NumPy and return the object."""
        return self.to_device("numpy")

    def to_gpu(self, device: Any = None) -> Any:
        """Move everything to an ndgpu device, number 0 by default, and return the object."""
        return self.to_device(0 if device is None else device)
