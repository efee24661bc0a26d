"""Methods of arrays whose work is done on this floor: `clip`, `round`, `trace`, ..."""

from __future__ import annotations

from typing import Any

from ndgpu.core import protocol, reductions
from ndgpu.core.ndarray import ndarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.mathematics import around, clip, trace

__all__: list[str] = []


def _conj(self: ndarray) -> ndarray:
    """Return the complex conjugate of each element."""
    return TABLE["conjugate"](self)


def _ptp(self: ndarray, axis: Any = None, out: Any = None, keepdims: bool = False) -> ndarray:
    """Return the largest less the smallest element over some axes."""
    return reductions.ptp(self, axis, out, keepdims)


protocol.attach(
    clip=clip,
    conj=_conj,
    conjugate=_conj,
    ptp=_ptp,
    round=around,
    trace=trace,
)
