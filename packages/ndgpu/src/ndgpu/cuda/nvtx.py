"""Ranges and marks that profilers show beside the device's work (NVIDIA Tools Extension).

They go to ``libnvToolsExt`` where the system has it, and cost next to nothing where not.

Examples
--------
>>> from ndgpu.cuda import nvtx
>>> nvtx.RangePush("step 1")
>>> nvtx.Mark("half way")
>>> nvtx.RangePop()
"""

from __future__ import annotations

import ctypes
import functools

__all__ = ["Mark", "MarkC", "RangePop", "RangePush", "RangePushC"]

# Colours that tell neighbours apart, chosen by the argument `id_color`.
_COLORS = (0xFF1F77B4, 0xFFFF7F0E, 0xFF2CA02C, 0xFFD62728, 0xFF9467BD, 0xFF8C564B, 0xFFE377C2,
           0xFF7F7F7F, 0xFFBCBD22, 0xFF17BECF)  # fmt: skip
_ARGB = 1  # NVTX_COLOR_ARGB
_ASCII = 1  # NVTX_MESSAGE_TYPE_ASCII


class Attributes(ctypes.Structure):
    """``nvtxEventAttributes_t``, version 2."""

    _fields_ = (
        ("version", ctypes.c_uint16),
        ("size", ctypes.c_uint16),
        ("category", ctypes.c_uint32),
        ("color_type", ctypes.c_int32),
        ("color", ctypes.c_uint32),
        ("payload_type", ctypes.c_int32),
        ("reserved", ctypes.c_int32),
        ("payload", ctypes.c_uint64),
        ("message_type", ctypes.c_int32),
        ("message", ctypes.c_char_p),
    )


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The library, its functions declared; None where there is none."""
    try:
        found = ctypes.CDLL("libnvToolsExt.so.1")
    except OSError:
        return None
    for name in ("nvtxRangePushEx", "nvtxMarkEx"):
        getattr(found, name).argtypes = (ctypes.POINTER(Attributes),)
    found.nvtxMarkEx.restype = None
    found.nvtxRangePop.argtypes = ()
    return found


def _attributes(message: str, color: int | None) -> Attributes:
    given = Attributes(version=2, size=ctypes.sizeof(Attributes))
    given.message_type, given.message = _ASCII, message.encode()
    if color is not None:
        given.color_type, given.color = _ARGB, color & 0xFFFF_FFFF
    return given


def _palette(id_color: int) -> int | None:
    return None if id_color < 0 else _COLORS[id_color % len(_COLORS)]


def MarkC(message: str, color: int = 0) -> None:
    """Set a mark at this point of time.

    Parameters
    ----------
    message : str
        Its name.
    color : int
        Its colour as ``0xAARRGGBB``.
    """
    library = _library()
    if library is not None:
        library.nvtxMarkEx(_attributes(message, color))


def Mark(message: str, id_color: int = -1) -> None:
    """Set a mark at this point of time.

    Parameters
    ----------
    message : str
        Its name.
    id_color : int
        Number of a colour, repeating after ten; negative for the profiler's own.
    """
    library = _library()
    if library is not None:
        library.nvtxMarkEx(_attributes(message, _palette(id_color)))


def RangePushC(message: str, color: int = 0) -> None:
    """Begin a range of this thread, inside the one that is open.

    Parameters
    ----------
    message : str
        Its name.
    color : int
        Its colour as ``0xAARRGGBB``.
    """
    library = _library()
    if library is not None:
        library.nvtxRangePushEx(_attributes(message, color))


def RangePush(message: str, id_color: int = -1) -> None:
    """Begin a range of this thread, inside the one that is open.

    Parameters
    ----------
    message : str
        Its name.
    id_color : int
        Number of a colour, repeating after ten; negative for the profiler's own.
    """
    library = _library()
    if library is not None:
        library.nvtxRangePushEx(_attributes(message, _palette(id_color)))


def RangePop() -> None:
    """End the range of this thread that was begun last."""
    library = _library()
    if library is not None:
        library.nvtxRangePop()
