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
from types import TracebackType
from typing import Any

from nnrun.backend import GpuDevice, get_array_module, get_device, is_array
from nnrun.backend import get_device_from_array as _place_of
from nnrun.config import should_use_cudnn

__all__ = [
    "DummyDevice",
    "DummyDeviceType",
    "check_cuda_available",
    "clear_memo",
    "copy",
    "cudnn_enabled",
    "elementwise",
    "get_array_module",
    "get_device",
    "get_device_from_array",
    "get_device_from_id",
    "is_available",
    "memoize",
    "raw",
    "reduce",
    "should_use_cudnn",
    "should_use_cudnn_tensor_core",
    "to_cpu",
    "to_gpu",
]

cudnn_enabled = False

# Names of ndgpu, which is imported when one of them is first asked for.
_OF_NDGPU = {
    "cupy": "",
    "ndarray": "ndarray",
    "fuse": "fuse",
    "Device": "cuda.Device",
    "Event": "cuda.Event",
    "Stream": "cuda.Stream",
}


def __getattr__(name: str) -> Any:
    if name == "available":
        return is_available()
    if name in _OF_NDGPU:
        import ndgpu

        found: Any = ndgpu
        for part in filter(None, _OF_NDGPU[name].split(".")):
            found = getattr(found, part)
        return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


class DummyDeviceType:
    """Stands for NumPy where a device of ndgpu might be: it has nothing to do.

    Attributes
    ----------
    id : int
        -1.
    """

    id = -1

    def use(self) -> None:
        """Do nothing."""

    def synchronize(self) -> None:
        """Do nothing."""

    def __enter__(self) -> DummyDeviceType:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        return None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DummyDeviceType)

    def __hash__(self) -> int:
        return hash(DummyDeviceType)

    def __repr__(self) -> str:
        return "<DummyDevice>"


DummyDevice = DummyDeviceType()


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


def check_cuda_available() -> None:
    """Raise `RuntimeError` unless ndgpu has a device."""
    if not is_available():
        raise RuntimeError("ndgpu has no device; NDGPU_DEVICE=host gives the software GPU")


def memoize(for_each_device: bool = False) -> Any:
    """Return a decorator that remembers a function's results (``ndgpu.memoize``)."""
    import ndgpu

    return ndgpu.memoize(for_each_device)


def clear_memo() -> None:
    """Forget what functions decorated by `memoize` returned."""
    import ndgpu

    ndgpu.clear_memo()


def should_use_cudnn_tensor_core(dtype: Any) -> bool:
    """Whether cuDNN is to use tensor cores for a dtype: there is none, so never."""
    return False


def to_cpu(array: Any, stream: Any = None) -> Any:
    """Return the array, or container of arrays, as NumPy's.

    Parameters
    ----------
    array : array, or tuple, list or dict of arrays
    stream : ndgpu.cuda.Stream, optional
        On which to copy; the current one by default.
    """
    if stream is None:
        return get_device("numpy").send(array)
    with stream:
        return get_device("numpy").send(array)


def to_gpu(array: Any, device: Any = None, stream: Any = None) -> Any:
    """Return the array, or container of arrays, on an ndgpu device, number 0 by default.

    Parameters
    ----------
    array : array, or tuple, list or dict of arrays
    device : device specifier, optional
        See `nnrun.get_device`.
    stream : ndgpu.cuda.Stream, optional
        On which to copy; the current one by default.
    """
    place = get_device(0 if device is None else device)
    if stream is None:
        return place.send(array)
    with stream:
        return place.send(array)


def copy(array: Any, out: Any = None, out_device: Any = None, stream: Any = None) -> Any:
    """Return a copy of an ndgpu array, on the same or on another device.

    Parameters
    ----------
    array : ndgpu.ndarray
    out : ndgpu.ndarray, optional
        Copied into, and returned.
    out_device : device specifier, optional
        Where the copy is to be.
    stream : ndgpu.cuda.Stream, optional
        On which to copy; the current one by default.

    Raises
    ------
    ValueError
        If both `out` and `out_device` are given.
    """
    if out is not None and out_device is not None:
        raise ValueError("copy: give `out` or `out_device`, not both")
    if stream is not None:
        with stream:
            return copy(array, out, out_device)
    place = _place_of(array if out is None else out)
    if out_device is not None:
        place = get_device(out_device)
    with place:
        if out is None:
            moved = place.send(array)
            return moved.copy() if moved is array else moved
        out[...] = place.send(array)
        return out


def get_device_from_array(*arrays: Any) -> Any:
    """Return the ``ndgpu.cuda.Device`` of the first array of ndgpu, else `DummyDevice`."""
    for x in arrays:
        if is_array(x) and hasattr(x, "device_id"):
            return x.device
    return DummyDevice


def get_device_from_id(device_id: int | None) -> Any:
    """Return the ``ndgpu.cuda.Device`` of a number, `DummyDevice` for None or a negative one."""
    device = get_device(-1 if device_id is None else device_id)
    return device.device if isinstance(device, GpuDevice) else DummyDevice
