"""Fourier transforms by cuFFT, called through ctypes.

Plans are kept, for each thread and device the ones used last: making one costs
milliseconds.  Their workspace is not kept: it is taken from the pool in the order of the
current stream for each transform.
"""

from __future__ import annotations

import ctypes
import threading
from collections import OrderedDict
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.runtime.libraries import Library, LibraryError, Owned

if TYPE_CHECKING:
    from ndgpu.fft.backend import Transform

__all__ = ["PROTOTYPES", "CuFftError", "Transformer"]

PROTOTYPES: dict[str, str] = {
    "cufftCreate": "p",
    "cufftDestroy": "i",
    "cufftSetAutoAllocation": "ii",
    "cufftMakePlanMany64": "iippqqpqqiqp",
    "cufftSetWorkArea": "ip",
    "cufftSetStream": "ip",
    "cufftExecC2C": "ippi",
    "cufftExecZ2Z": "ippi",
    "cufftExecR2C": "ipp",
    "cufftExecD2Z": "ipp",
    "cufftExecC2R": "ipp",
    "cufftExecZ2D": "ipp",
}
"""Every function of cuFFT that is called, as `ndgpu.runtime.libraries.Library` takes it."""

# cufft.h: (kind, is double) -> (cufftType, function)
_TYPES = {
    ("c2c", False): (0x29, "C2C"),
    ("c2c", True): (0x69, "Z2Z"),
    ("r2c", False): (0x2A, "R2C"),
    ("r2c", True): (0x6A, "D2Z"),
    ("c2r", False): (0x2C, "C2R"),
    ("c2r", True): (0x6C, "Z2D"),
}
_SIGNS = {"c2c": (-1, 1), "r2c": (-1,), "c2r": (1,)}
_STATUSES = {
    1: "invalid plan",
    2: "allocation failed",
    3: "invalid type",
    4: "invalid value",
    5: "internal error",
    6: "execution failed",
    7: "setup failed",
    8: "invalid size",
    9: "unaligned data",
    10: "incomplete parameters",
    11: "invalid device",
    12: "parse error",
    13: "no workspace",
    14: "not implemented",
    15: "license error",
    16: "not supported",
}
_PLANS_KEPT = 64


class CuFftError(LibraryError):
    """A call of cuFFT that failed."""


class _Plan(NamedTuple):
    handle: Owned
    workspace: int


class Transformer:
    """Transforms by one loaded cuFFT.

    Parameters
    ----------
    library : ctypes.CDLL
    """

    def __init__(self, library: Any) -> None:
        self._calls = Library(
            library, PROTOTYPES, lambda status: _STATUSES.get(status, ""), CuFftError
        )
        self._local = threading.local()

    def transform(self, t: Transform) -> bool:
        """Make a transform; False if cuFFT does not know it.

        Parameters
        ----------
        t : ndgpu.fft.backend.Transform
        """
        double = t.y._dtype.name in ("complex128", "float64")
        if t.sign not in _SIGNS[t.kind]:
            return False
        if t.y._size == 0:
            return True
        real = np.dtype(np.float64 if double else np.float32)
        wide = np.dtype(np.complex128 if double else np.complex64)
        given = self._given(t, real if t.kind == "r2c" else wide)
        outer, inner = prod(t.y._shape[: t.axis]), prod(t.y._shape[t.axis + 1 :])
        if outer > 1 and inner > 1:
            # cuFFT knows one step from line to line: lines are made dense and put back.
            source = casts.copy(views.moveaxis(given, t.axis, -1))
            target = allocate(views.moveaxis(t.y, t.axis, -1)._shape, t.y._dtype)
            self._run(t, source, target, outer * inner, 1, double)
            casts.copy_into(t.y, views.moveaxis(target, -1, t.axis))
        else:
            self._run(t, given, t.y, outer * inner, inner, double)
        if t.scale != 1:
            TABLE["multiply"](t.y, real.type(t.scale), out=t.y)
        return True

    @staticmethod
    def _given(t: Transform, dtype: np.dtype) -> ndarray:
        """Return what the transform reads, dense: cropped or continued with zeros."""
        length = t.n // 2 + 1 if t.kind == "c2r" else t.n
        shape = (*t.x._shape[: t.axis], length, *t.x._shape[t.axis + 1 :])
        pair = 2 * (dtype.itemsize if dtype.kind == "f" else dtype.itemsize // 2)
        if (
            t.kind != "c2r"  # which may overwrite what it reads
            and t.x._dtype == dtype
            and t.x._shape == shape
            and t.x._c_contiguous
            and t.x._ptr % pair == 0
        ):
            return t.x
        result = allocate(shape, dtype)
        kept = min(length, t.x._shape[t.axis])
        before = (slice(None),) * t.axis
        casts.copy_into(result[(*before, slice(0, kept))], t.x[(*before, slice(0, kept))])
        casts.fill(result[(*before, slice(kept, None))], 0)
        if t.kind == "c2r":
            # The first number and, of an even length, the last are real by definition.
            casts.fill(result.imag[(*before, slice(0, 1))], 0)
            if t.n % 2 == 0:
                casts.fill(result.imag[(*before, slice(t.n // 2, None))], 0)
        return result

    def _run(
        self, t: Transform, x: ndarray, y: ndarray, count: int, step: int, double: bool
    ) -> None:
        code, name = _TYPES[t.kind, double]
        read = t.n // 2 + 1 if t.kind == "c2r" else t.n
        written = t.n // 2 + 1 if t.kind == "r2c" else t.n
        plan = self._plan(t.n, read, written, step, count, code)
        handle = plan.handle.value
        memory = runtime.alloc(plan.workspace)
        self._calls.cufftSetStream(handle, runtime.get_current_stream().ptr)
        self._calls.cufftSetWorkArea(handle, memory.ptr)
        sign = (t.sign,) if t.kind == "c2c" else ()
        getattr(self._calls, f"cufftExec{name}")(handle, x._ptr, y._ptr, *sign)

    def _plan(self, n: int, read: int, written: int, step: int, count: int, code: int) -> _Plan:
        key = (runtime.current_device_id(), n, step, count, code)
        plans: OrderedDict[Any, _Plan] = self._local.__dict__.setdefault("plans", OrderedDict())
        plan = plans.get(key)
        if plan is not None:
            plans.move_to_end(key)
            return plan
        handle, size = ctypes.c_int(), ctypes.c_size_t()
        self._calls.cufftCreate(ctypes.byref(handle))
        owned = Owned(handle.value, self._calls.cufftDestroy)
        self._calls.cufftSetAutoAllocation(handle.value, 0)
        lengths = [(ctypes.c_longlong * 1)(k) for k in (n, read, written)]
        # Lines lie one after the other, or side by side.
        steps = [(1, k) if step == 1 else (step, 1) for k in (read, written)]
        self._calls.cufftMakePlanMany64(
            handle.value,
            1,
            lengths[0],
            lengths[1],
            *steps[0],
            lengths[2],
            *steps[1],
            code,
            count,
            ctypes.byref(size),
        )
        plan = plans[key] = _Plan(owned, size.value)
        if len(plans) > _PLANS_KEPT:
            plans.popitem(last=False)
        return plan
