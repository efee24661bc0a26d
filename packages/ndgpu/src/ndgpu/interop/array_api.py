"""The array API standard: how a library that knows only the standard finds this one.

``x.__array_namespace__()`` is the module `ndgpu` itself, whose functions have the standard's
names and keywords as NumPy 2's do; ``ndgpu.__array_namespace_info__()`` tells what its devices
and dtypes are.  `VERSION` is the revision that is kept.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import protocol
from ndgpu.core.ndarray import ndarray
from ndgpu.core.placement import as_device

__all__ = ["VERSION", "NamespaceInfo", "namespace_info"]

VERSION = "2024.12"
"""Revision of the standard."""

_VERSIONS = ("2021.12", "2022.12", "2023.12", VERSION)

_DTYPES = tuple(
    np.dtype(name)
    for name in (
        *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
        *("float32", "float64", "complex64", "complex128"),
    )
)
_KINDS = (
    *("bool", "signed integer", "unsigned integer", "integral"),
    *("real floating", "complex floating", "numeric"),
)


class NamespaceInfo:
    """What an array library can do, as the standard's inspection functions ask it.

    Examples
    --------
    >>> import ndgpu
    >>> info = ndgpu.__array_namespace_info__()
    >>> info.default_dtypes()["integral"]
    dtype('int64')
    """

    __slots__ = ()

    def capabilities(self) -> dict[str, Any]:
        """Return what the standard leaves to each library.

        Returns
        -------
        dict
            ``"boolean indexing"`` and ``"data-dependent shapes"``, both True (either waits for
            the device), and ``"max dimensions"``, an int.
        """
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": 64}

    def default_device(self) -> runtime.Device:
        """Return the device on which arrays are made: this thread's current one."""
        return runtime.Device()

    def devices(self) -> list[runtime.Device]:
        """Return all devices."""
        return [runtime.Device(k) for k in range(runtime.device_count())]

    def default_dtypes(self, *, device: Any = None) -> dict[str, np.dtype]:
        """Return the dtypes of arrays for which none is asked.

        Parameters
        ----------
        device : ndgpu.cuda.Device or int, optional
            They are the same on every device.
        """
        _device(device)
        return {
            "real floating": np.dtype(np.float64),
            "complex floating": np.dtype(np.complex128),
            "integral": np.dtype(np.int64),
            "indexing": np.dtype(np.int64),
        }

    def dtypes(self, *, device: Any = None, kind: Any = None) -> dict[str, np.dtype]:
        """Return the standard's dtypes by name; float16 and bfloat16 are none of them.

        Parameters
        ----------
        device : ndgpu.cuda.Device or int, optional
            They are the same on every device.
        kind : str or tuple of str, optional
            ``"bool"``, ``"signed integer"``, ``"unsigned integer"``, ``"integral"``,
            ``"real floating"``, ``"complex floating"``, ``"numeric"``, or several of these.

        Raises
        ------
        ValueError
            If `kind` is none of these.
        """
        _device(device)
        if kind is None:
            return {d.name: d for d in _DTYPES}
        kinds = kind if isinstance(kind, tuple) else (kind,)
        for one in kinds:
            if one not in _KINDS:
                raise ValueError(f"unsupported kind: {one!r}; expected one of {_KINDS}")
        return {d.name: d for d in _DTYPES if any(np.isdtype(d, one) for one in kinds)}


_info = NamespaceInfo()


def namespace_info() -> NamespaceInfo:
    """Return what this library can do: the standard's ``__array_namespace_info__``."""
    return _info


def _device(device: Any) -> None:
    if device is not None:
        as_device(device)


def _array_namespace(self: ndarray, *, api_version: str | None = None) -> ModuleType:
    """Return the module with the functions for this array, `ndgpu`.

    Raises
    ------
    ValueError
        If `api_version` is a revision of the standard that is not kept.
    """
    if api_version is not None and api_version not in _VERSIONS:
        raise ValueError(
            f"version {api_version!r} of the array API standard is not supported: expected one "
            f"of {', '.join(_VERSIONS)}"
        )
    return sys.modules["ndgpu"]


protocol.attach(__array_namespace__=_array_namespace)
