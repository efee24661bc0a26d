"""The seam to whatever transforms lines of an array: one description, several ways.

`transform` is asked for a `Transform` and takes, of the ways in `_ways`, the first that the
current device offers and that knows it:

1. cuFFT, where the driver can run it (`ndgpu.driver.load_library`);
2. NumPy's pocketfft, where the processor reads the device's memory in place;
3. the package's own kernels (`ndgpu.fft.kernels`), which know all.

Guarantees: all give the same to a few roundings times log2 of the length, in the order of the
current stream.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts
from ndgpu.core.dtypes import is_bfloat16
from ndgpu.core.in_place import host_view, in_order, readable
from ndgpu.core.ndarray import ndarray
from ndgpu.fft import kernels
from ndgpu.fft.cufft import Transformer

__all__ = ["Transform", "transform"]


@dataclass(frozen=True, slots=True)
class Transform:
    """One-dimensional transforms of all lines along an axis.

    Attributes
    ----------
    x : ndarray
        Of any dtype (real for ``"r2c"``), shape and strides. Along `axis` it is cropped, or
        continued with zeros, to what the transform takes.
    y : ndarray
        C-contiguous, of the same shape but along `axis`; its memory is not that of `x`.
        complex64 or complex128; float32 or float64 for ``"c2r"``.
    axis : int
        Not negative.
    n : int
        Length of the transform.
    kind : {"c2c", "r2c", "c2r"}
        ``"r2c"`` writes the first ``n // 2 + 1`` results, ``"c2r"`` reads as many.
    sign : {-1, 1}
        Of the exponent: -1 forward.
    scaled : {"none", "ortho", "full"}
        Results are multiplied by 1, ``1 / sqrt(n)`` or ``1 / n``.
    """

    x: ndarray
    y: ndarray
    axis: int
    n: int
    kind: str
    sign: int
    scaled: str

    @property
    def scale(self) -> float:
        """The factor that `scaled` names."""
        return {"none": 1.0, "ortho": 1.0 / sqrt(self.n), "full": 1.0 / self.n}[self.scaled]


def transform(t: Transform) -> None:
    """Make a transform; nothing is waited for where the device's own kernels do it."""
    if t.y._size == 0:
        return
    for way in _ways(runtime.current_device_id()):
        if way(t):
            return
    kernels.transform(t)


@functools.cache
def _ways(device_id: int) -> tuple[Callable[[Transform], bool], ...]:
    library = driver.load_library("cufft")
    if library is not None:
        return (Transformer(library).transform,)
    return (_in_place,) if readable(device_id) else ()


_FORWARD = {"none": "backward", "ortho": "ortho", "full": "forward"}
_BACKWARD = {"none": "forward", "ortho": "ortho", "full": "backward"}


def _in_place(t: Transform) -> bool:
    """Let NumPy transform where the elements lie."""
    x = casts.astype(t.x, np.float32) if is_bfloat16(t.x._dtype) else t.x
    functions: dict[str, Any] = {
        "c2c": np.fft.fft if t.sign < 0 else np.fft.ifft,
        "r2c": np.fft.rfft,
        "c2r": np.fft.irfft,
    }
    norm = (_FORWARD if t.sign < 0 else _BACKWARD)[t.scaled]
    in_order(lambda: functions[t.kind](host_view(x), t.n, t.axis, norm, host_view(t.y)))
    return True
