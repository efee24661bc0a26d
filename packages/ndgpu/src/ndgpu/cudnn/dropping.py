"""Dropout, and its gradient: by cuDNN's random numbers, or the package's own.

What is kept depends on the library; that each element is kept with the probability asked
for, that the kept ones are scaled, and that the gradient sees the same choice does not.
"""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn, Descriptor
from ndgpu.random import default_rng

__all__ = ["dropout", "dropout_backward", "dropout_descriptor", "seed_dropout"]


class _State:
    """cuDNN's generators on one device, and the descriptor that holds a ratio with them."""

    def __init__(self, library: CuDnn, ratio: float, seed: int) -> None:
        size = ctypes.c_size_t()
        library.calls.cudnnDropoutGetStatesSize(library.handle(), ctypes.byref(size))
        self.memory = allocate((size.value,), np.dtype(np.uint8))
        self.descriptor = library.new("Dropout")
        library.calls.cudnnSetDropoutDescriptor(
            self.descriptor, library.handle(), ratio, self.memory._ptr, size.value, seed
        )


class _Local(threading.local):
    def __init__(self) -> None:
        self.seed = 0
        self.states: dict[tuple[int, float], _State] = {}
        self.generators: dict[int, Any] = {}


_local = _Local()


def seed_dropout(seed: int) -> None:
    """Start the random numbers of `dropout` anew, in this thread.

    Parameters
    ----------
    seed : int
        Not negative, below 2**64.

    Raises
    ------
    ValueError
        If it is out of range.

    Examples
    --------
    >>> from ndgpu import cudnn
    >>> cudnn.seed_dropout(1)
    """
    if not 0 <= seed < 1 << 64:
        raise ValueError(f"seed_dropout: expected 0 <= seed < 2**64, got {seed}")
    _local.seed = seed
    _local.states.clear()
    _local.generators.clear()


def dropout_descriptor(library: CuDnn, ratio: float) -> Descriptor:
    """Return cuDNN's descriptor of a ratio, with the generators of this thread and device."""
    key = (runtime.current_device_id(), ratio)
    state = _local.states.get(key)
    if state is None:
        state = _local.states[key] = _State(library, ratio, _local.seed)
    return state.descriptor


def _check(name: str, x: ndarray, ratio: float) -> None:
    if not 0 <= ratio < 1:
        raise ValueError(f"{name}: `ratio` must be in [0, 1), got {ratio}")
    if x._dtype.kind in "iubc":
        raise TypeError(f"{name}: expected a real floating array, got {x._dtype}")


def dropout(x: Any, ratio: float = 0.5) -> tuple[ndarray, ndarray]:
    """Set a random part of the elements to zero, and scale the others up.

    Parameters
    ----------
    x : array-like
    ratio : float
        The part that is dropped, less than one; the rest is divided by ``1 - ratio``.

    Returns
    -------
    y : ndarray
    reserve : ndarray of uint8
        Which were kept, as `dropout_backward` takes it.

    Raises
    ------
    ValueError
        If `ratio` is not in [0, 1).
    TypeError
        If `x` is not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> y, reserve = ndgpu.cudnn.dropout(ndgpu.ones((10, 10)), 0.5)
    >>> sorted(set(y.ravel().tolist()))
    [0.0, 2.0]
    """
    x = asarray(x)
    _check("dropout", x, ratio)
    x = casts.astype(x, x._dtype, "C", copy=False)
    y = allocate(x._shape, x._dtype)
    library = _library(x)
    if library is None:
        device_id = runtime.current_device_id()
        generator = _local.generators.get(device_id)
        if generator is None:
            generator = _local.generators[device_id] = default_rng(_local.seed)
        kept = TABLE["greater_equal"](generator.random(x._shape, np.float32), np.float32(ratio))
        _keep(x, kept, ratio, y)
        return y, kept.view(np.uint8)
    described, size = library.tensor(x, (1, x._size, 1, 1)), ctypes.c_size_t()
    library.calls.cudnnDropoutGetReserveSpaceSize(described, ctypes.byref(size))
    reserve = allocate((size.value,), np.dtype(np.uint8))
    library.calls.cudnnDropoutForward(
        library.handle(),
        dropout_descriptor(library, float(ratio)),
        described,
        x._ptr,
        described,
        y._ptr,
        reserve._ptr,
        size.value,
    )
    return y, reserve


def _library(x: ndarray) -> CuDnn | None:
    if x._size == 0 or x._size >= 2**31 or binding.data_type(x._dtype) is None:
        return None
    return binding.current()


def _keep(x: ndarray, kept: ndarray, ratio: float, y: ndarray) -> None:
    scaled = TABLE["multiply"](x, x._dtype.type(1 / (1 - ratio)))
    casts.fill(y, 0)
    casts.copy_where(y, scaled, kept)


def dropout_backward(gy: Any, reserve: ndarray, ratio: float = 0.5) -> ndarray:
    """Return the gradient of `dropout` by `x`.

    Parameters
    ----------
    gy : array-like
    reserve : ndarray of uint8
        As `dropout` returned it.
    ratio : float
        As given to `dropout`.

    Raises
    ------
    ValueError
        If `ratio` is not in [0, 1).
    TypeError
        If `gy` is not real and floating.
    """
    gy = asarray(gy)
    _check("dropout_backward", gy, ratio)
    gy = casts.astype(gy, gy._dtype, "C", copy=False)
    gx = allocate(gy._shape, gy._dtype)
    library = _library(gy)
    if library is None:
        _keep(gy, reserve.view(bool), ratio, gx)
        return gx
    described = library.tensor(gy, (1, gy._size, 1, 1))
    library.calls.cudnnDropoutBackward(
        library.handle(),
        dropout_descriptor(library, float(ratio)),
        described,
        gy._ptr,
        described,
        gx._ptr,
        reserve._ptr,
        reserve._size,
    )
    return gx
