"""Arrays on ndgpu's devices, by the names that the first versions gave.

`elementwise` and `reduce` make kernels and remember them; the rest moves arrays
between NumPy and devices.

Examples
--------
>>> import numpy as np
>>> from nnrun import cuda
>>> xp = cuda.get_array_module(np.zeros(2))
>>> xp.exp(xp.zeros(2))
array([1., 1.])
"""

from __future__ import annotations

import functools
from typing import Any

from nnrun.backend import GpuDevice, get_array_module, get_device

__all__ = [
    "elementwise",
    "get_array_module",
    "get_device_from_id",
    "is_available",
    "raw",
    "reduce",
    "to_cpu",
    "to_gpu",
]


def is_available() -> bool:
    """Whether ndgpu has a device (its software GPU counts)."""
    import ndgpu

    return ndgpu.cuda.is_available()


@functools.cache
def elementwise(in_params: str, out_params: str, operation: str, name: str, **options: Any) -> Any:
    """Return a kernel that computes element by element, made on first use and kept.

    Parameters
    ----------
    in_params, out_params : str
        Types and names, such as ``'T x, T y'``; a single letter stands for any
        type, ``raw`` for an array to be indexed by hand.
    operation : str
        CUDA code for one element; ``i`` is its index.
    name : str
        Of the kernel.
    **options
        See ``ndgpu.ElementwiseKernel``.

    Returns
    -------
    ndgpu.ElementwiseKernel
        Call it with ndgpu arrays.

    Examples
    --------
    >>> import ndgpu
    >>> from nnrun import cuda
    >>> muladd = cuda.elementwise("T x, T y, T z", "T w", "w = x * y + z", "muladd")
    >>> muladd(ndgpu.asarray([2.0]), ndgpu.asarray([3.0]), ndgpu.asarray([4.0]))
    array([10.])
    """
    import ndgpu

    return ndgpu.ElementwiseKernel(in_params, out_params, operation, name, **options)


@functools.cache
def reduce(
    in_params: str,
    out_params: str,
    map_expr: str,
    reduce_expr: str,
    post_map_expr: str,
    identity: str,
    name: str,
    **options: Any,
) -> Any:
    """Return a reduction kernel, made on first use and kept.

    Parameters
    ----------
    in_params, out_params, map_expr, reduce_expr, post_map_expr, identity, name
        See ``ndgpu.ReductionKernel``.
    **options
        See there.

    Returns
    -------
    ndgpu.ReductionKernel
    """
    import ndgpu

    return ndgpu.ReductionKernel(
        in_params, out_params, map_expr, reduce_expr, post_map_expr, identity, name, **options
    )


@functools.cache
def raw(code: str, name: str, *args: Any, **options: Any) -> Any:
    """Return a kernel from CUDA source, made on first use and kept (``ndgpu.RawKernel``)."""
    import ndgpu

    return ndgpu.RawKernel(code, name, *args, **options)


def to_cpu(array: Any) -> Any:
    """Return the array, or container of arrays, as NumPy's."""
    return get_device("numpy").send(array)


def to_gpu(array: Any, device: Any = None) -> Any:
    """Return the array, or container of arrays, on an ndgpu device, number 0 by default."""
    return get_device(0 if device is None else device).send(array)


def get_device_from_id(device_id: int | None) -> Any:
    """Return the device of a number, NumPy's for None or a negative one."""
    device = get_device(-1 if device_id is None else device_id)
    return device.device if isinstance(device, GpuDevice) else device
