"""Kernel arguments, packed in one call.

A kernel's arguments lie side by side in a buffer that is kept from launch to launch,
and a table of pointers to them is filled once.  A launch writes all values with one
``struct.pack_into``.  Buffers are taken from a list and put back, so threads, and a
launch within a launch (a finaliser), never share one.

Guarantees: the buffer may be used again when the launch has returned (the driver copies
arguments, as ``cuLaunchKernel`` does); nothing is allocated per launch but small Python
objects.
"""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from ndgpu.compile.dtypes import pack_code

__all__ = ["Packer", "Slot", "classify", "fit"]

Slot = tuple[Any, int]
"""A buffer, and the address of the table of pointers to the arguments in it."""

_ALIGNMENT = 16


class Packer:
    """The layout of one list of argument types, with buffers of it.

    Parameters
    ----------
    codes : sequence of str
        One `struct` code per kernel parameter: ``Q`` for a pointer, ``i``, ``f``, ``16s``, or
        several letters for a structure by value (``iqq`` with explicit padding).

    Examples
    --------
    >>> packer = Packer(["Q", "i"])
    >>> slot = packer.take()
    >>> packer.pack_into(slot[0], 0, 0x7F00, 3)
    >>> packer.free.append(slot)
    """

    __slots__ = ("_offsets", "_size", "codes", "free", "pack_into")

    def __init__(self, codes: Sequence[str]) -> None:
        self.codes = tuple(codes)
        # '=' packs without gaps; each argument starts at a multiple of its own alignment (of at
        # most 16), as the device may read it with one load.
        text, offset, offsets = "=", 0, []
        for code in self.codes:
            size = struct.calcsize("=" + code)
            gap = -offset % _alignment(code, size)
            text += f"{gap}x{code}" if gap else code
            offsets.append(offset + gap)
            offset += gap + size
        self._offsets = offsets
        self._size = offset
        self.pack_into: Callable[..., None] = struct.Struct(text).pack_into
        self.free: list[Slot] = []

    def take(self) -> Slot:
        """Return a buffer that is free, or a new one; put it back with ``free.append``."""
        try:
            return self.free.pop()
        except IndexError:
            return self._make()

    def _make(self) -> Slot:
        count = len(self._offsets)
        memory = (ctypes.c_char * (self._size + _ALIGNMENT + 8 * count + 8))()
        start = -ctypes.addressof(memory) % _ALIGNMENT
        table_at = start + self._size + (-(start + self._size) % 8)
        base = ctypes.addressof(memory)
        table = (ctypes.c_uint64 * count).from_buffer(memory, table_at + (-(base + table_at) % 8))
        for k, offset in enumerate(self._offsets):
            table[k] = base + start + offset
        values = (ctypes.c_char * self._size).from_buffer(memory, start)
        return values, ctypes.addressof(table)


def _alignment(code: str, size: int) -> int:
    if size == 0:
        return 1
    if len(code.lstrip("0123456789")) > 1:  # a structure: its members are padded by its maker
        return _ALIGNMENT
    # The largest power of two that divides the size: 8 for a complex64, 16 for a complex128.
    return min(size & -size, _ALIGNMENT)


_ptr = attrgetter("ptr")


def _complex(value: complex) -> bytes:
    return struct.pack("=dd", value.real, value.imag)


# What an argument of a raw kernel is, by its type: code, and conversion (None: as it is).
_BY_TYPE: dict[type, tuple[str, Callable[[Any], Any] | None]] = {
    int: ("q", None),
    float: ("d", None),
    bool: ("?", None),
    complex: ("16s", _complex),
}


# What a Python number may be, by the size of the parameter that it is for.
_FITTED: dict[type, dict[int, tuple[str, Callable[[Any], Any] | None]]] = {
    int: {1: ("b", None), 2: ("h", None), 4: ("i", None), 8: ("q", None)},
    float: {4: ("f", None), 8: ("d", None)},
    bool: {1: ("?", None), 4: ("i", int), 8: ("q", int)},
    complex: {8: ("8s", lambda v: struct.pack("=ff", v.real, v.imag)), 16: ("16s", _complex)},
}


def fit(
    value: Any, code: str, convert: Callable[[Any], Any] | None, position: int, size: int
) -> tuple[str, Callable[[Any], Any] | None]:
    """Hold an argument against the size of its parameter.

    Python's numbers take the parameter's size, for they have none of their own.

    Parameters
    ----------
    value : object
    code, convert
        What `classify` says of it.
    position : int
        Of the argument, for messages.
    size : int
        Bytes of the parameter.

    Raises
    ------
    TypeError
        If an argument with a size has another.
    """
    if struct.calcsize("=" + code) == size:
        return code, convert
    found = _FITTED.get(type(value), {}).get(size)
    if found is not None:
        return found
    what = getattr(value, "dtype", None)
    raise TypeError(
        f"argument {position} of a raw kernel is {type(value).__name__}"
        f"{f' of dtype {what}' if isinstance(value, np.ndarray) else ''}, "
        f"{struct.calcsize('=' + code)} bytes, and the kernel's parameter has {size}; give a "
        "value of the parameter's type, such as numpy.int32 for `int` and numpy.float32 for `float`"
    )


def classify(value: Any, position: int) -> tuple[str, Callable[[Any], Any] | None]:
    """Tell how an argument of a raw kernel is packed: its code and its conversion.

    Python's `int`, `float`, `complex` and `bool` are ``long long``, ``double``,
    ``complex<double>`` and ``bool``; NumPy scalars are what their dtype says; structured scalars,
    structured and zero-dimensional NumPy arrays, and `bytes` go by value as they are; arrays and
    other objects with a ``ptr`` are pointers; None is a null pointer.

    Raises
    ------
    TypeError
        If the argument is none of these.
    """
    found = _BY_TYPE.get(type(value))
    if found is not None:
        return found
    if isinstance(value, (bytes, np.void)):
        size = len(value) if isinstance(value, bytes) else value.dtype.itemsize
        return f"{size}s", None if isinstance(value, bytes) else (lambda v: v.tobytes())
    if isinstance(value, np.ndarray):
        if value.ndim and value.dtype.fields is None:
            raise TypeError(
                f"argument {position} of a raw kernel is a NumPy array of shape {value.shape}, in "
                "the host's memory: copy it to the device first (`ndgpu.asarray`); by value go "
                "structured arrays, and arrays within a structure"
            )
        return f"{value.nbytes}s", lambda v: v.tobytes()
    if isinstance(value, np.generic):
        code = pack_code(value.dtype)
        found = code, (lambda v: v.tobytes()) if code.endswith("s") else None
    elif value is None:
        found = "Q", lambda v: 0
    elif hasattr(type(value), "ptr") or hasattr(value, "ptr"):
        found = "Q", _ptr
    elif isinstance(value, (int, np.integer)):
        found = "q", int
    else:
        raise TypeError(
            f"argument {position} of a raw kernel is of type {type(value).__name__}; wanted an "
            "array of this package, a NumPy scalar, int, float, complex, bool, bytes or None "
            "(copy a NumPy array to the device first)"
        )
    _BY_TYPE[type(value)] = found
    return found
