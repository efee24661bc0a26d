"""How kernels see arrays, without knowing the array type.

`ndgpu.core` comes after `ndgpu.kernels`, so its array type is registered here.
A registered type has these attributes, and kernels use no others:

========================  ==========================================================
``ptr``                   `int`, device address of the element at index 0
``shape``, ``strides``    tuples of `int`; strides in bytes
``dtype``                 `numpy.dtype`
``size``, ``ndim``        `int`
``device_id``             `int`, ordinal of the device that holds the memory
``_c_contiguous``         `bool`, C order without gaps
========================  ==========================================================

and a factory ``empty(shape, dtype)`` that makes an uninitialised C-ordered array
on the current device.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np

from ndgpu.runtime.context import machine

__all__ = ["Array", "device_of", "empty", "is_array", "register"]


class Array(Protocol):
    """What a registered array type offers to kernels."""

    @property
    def ptr(self) -> int: ...
    @property
    def shape(self) -> tuple[int, ...]: ...
    @property
    def strides(self) -> tuple[int, ...]: ...
    @property
    def dtype(self) -> np.dtype[Any]: ...
    @property
    def size(self) -> int: ...
    @property
    def ndim(self) -> int: ...
    @property
    def device_id(self) -> int: ...
    @property
    def _c_contiguous(self) -> bool: ...


Factory = Callable[[tuple[int, ...], "np.dtype[Any]"], Any]

_factories: dict[type, Factory] = {}
_types: tuple[type, ...] = ()


def register(array_type: type, empty: Factory | None = None) -> None:
    """Let kernels take arrays of a type and make outputs of it.

    Parameters
    ----------
    array_type : type
        A type with the attributes that the module's docstring lists; its
        subclasses are arrays too.
    empty : callable, optional
        ``empty(shape, dtype)`` makes an uninitialised array; the type itself by
        default.

    Notes
    -----
    The type that was registered first makes the outputs of kernels that have no
    array among their arguments.
    """
    global _types
    _factories[array_type] = array_type if empty is None else empty
    _types = tuple(_factories)


def is_array(x: object) -> bool:
    """Tell whether an object is an array of a registered type."""
    return isinstance(x, _types)


def empty(shape: tuple[int, ...], dtype: np.dtype[Any], like: object = None) -> Any:
    """Make an uninitialised array on the current device.

    Parameters
    ----------
    shape : tuple of int
    dtype : numpy.dtype
    like : array, optional
        The result is of the registered type that this array is of.

    Raises
    ------
    RuntimeError
        If no array type is registered.
    """
    for array_type, factory in _factories.items():
        if like is None or isinstance(like, array_type):
            return factory(shape, dtype)
    raise RuntimeError("no array type is registered with ndgpu.kernels.arrays; import ndgpu first")


def device_of(named: list[tuple[str, Any]], caller: str, current: int) -> None:
    """Check that arrays are on the current device.

    Raises
    ------
    ValueError
        If one is elsewhere, naming it.
    """
    for name, array in named:
        there = array.device_id
        if there != current and (current, there) not in machine.peers:
            raise ValueError(
                f"{caller}: `{name}` is on device {array.device_id} but the current device is "
                f"{current}; copy it, or call within `with Device({array.device_id}):`"
            )
