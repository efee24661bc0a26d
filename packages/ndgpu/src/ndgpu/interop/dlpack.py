"""DLPack both ways: arrays of other libraries without a copy, and ours to them.

What it guarantees:

* `from_dlpack` shares memory that a device can use and copies the rest (or refuses, where the
  caller said ``copy=False``); nothing is shared that is read-only.
* What is exported can be used by the consumer at once: in its stream, if it named one, or by the
  processor, if the memory is given as the processor's.

Whose memory an array has is asked of the driver.  Where the driver says that host programs may
use it directly, as it does on the host device, the array is exported as memory of the processor,
so that ``numpy.from_dlpack(x)`` and ``torch.from_dlpack(x)`` share it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu import driver, runtime
from ndgpu.core import casts, layout, protocol
from ndgpu.core.ndarray import ndarray
from ndgpu.core.placement import as_device
from ndgpu.core.transfer import IMPORTERS, array
from ndgpu.interop import capsules
from ndgpu.interop.capsules import CPU, CUDA, CUDA_HOST, CUDA_MANAGED

__all__ = ["fromDlpack", "from_dlpack"]

_NO_SYNCHRONISATION = -1


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> ndarray:
    """Return the array of another library as a device array.

    Parameters
    ----------
    x : object
        Anything with ``__dlpack__`` and ``__dlpack_device__``: an array of NumPy, PyTorch, JAX,
        CuPy, or a device array.
    device : ndgpu.cuda.Device or int, optional
        Where the result shall be; by default where `x` is, and the current device for memory that
        no device can use.
    copy : bool, optional
        True always copies. None, the default, shares the memory where it is a device's and may be
        written to, and copies it otherwise. False never copies.

    Returns
    -------
    ndarray
        It keeps the memory alive. Work that is queued on other streams is the caller's to order.

    Raises
    ------
    AttributeError
        If `x` has no ``__dlpack__``.
    BufferError
        If ``copy=False`` and a copy is needed, or no device array can hold the elements.

    Examples
    --------
    >>> import ndgpu, numpy
    >>> ndgpu.from_dlpack(numpy.arange(3))
    array([0, 1, 2])
    """
    target = None if device is None else as_device(device)
    if isinstance(x, ndarray):
        return _place(x.view(), target, copy)
    # Who lacks these raises AttributeError, as NumPy does.
    produce, (kind, index) = x.__dlpack__, x.__dlpack_device__()
    keywords: dict[str, Any] = {}
    if kind in (CUDA, CUDA_MANAGED):
        keywords["stream"] = runtime.get_current_stream(index).ptr or 1
    try:
        capsule = produce(**keywords, max_version=(1, 0))
    except TypeError:  # a producer from before DLPack 1.0
        capsule = produce(**keywords)
    return _consume(capsule, target, copy)


def fromDlpack(dltensor: Any) -> ndarray:
    """Return a DLPack capsule's tensor as a device array; CuPy's older name.

    Parameters
    ----------
    dltensor : capsule
        What ``x.toDlpack()`` or ``x.__dlpack__()`` returned. It can be consumed once.

    Raises
    ------
    BufferError
        If the capsule was consumed before, or no device array can hold its elements.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fromDlpack(ndgpu.arange(3).toDlpack())
    array([0, 1, 2])
    """
    return _consume(dltensor, None, None)


def _consume(capsule: Any, target: runtime.Device | None, copy: bool | None) -> ndarray:
    tensor = capsules.open_capsule(capsule)
    if tensor.device[0] not in (CPU, CUDA, CUDA_HOST, CUDA_MANAGED):
        raise BufferError(f"from_dlpack: memory of DLPack's device {tensor.device} is not CUDA's")
    if not _is_device_memory(tensor):
        if copy is False and 0 not in tensor.shape:
            raise BufferError(
                "from_dlpack: the array is in host memory, which cannot be used with copy=False"
            )
        return _upload(tensor, target)
    if tensor.read_only and copy is False:
        raise BufferError(
            "from_dlpack: the array is read-only and device arrays are writeable, so it cannot be "
            "used with copy=False"
        )
    return _place(_share(tensor), target, True if tensor.read_only else copy)


def _is_device_memory(tensor: capsules.Tensor) -> bool:
    """Whether the memory is a device's; host memory that kernels may reach is not."""
    if 0 in tensor.shape:
        return False
    kind = _ask(driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, tensor.address)
    if kind is None and tensor.device[0] in (CUDA, CUDA_MANAGED):
        raise BufferError(
            f"from_dlpack: the driver in use knows no memory at {tensor.address:#x} (is the array "
            "on a GPU, and NDGPU_DEVICE=host set?)"
        )
    return kind == driver.CUmemorytype.CU_MEMORYTYPE_DEVICE


def _share(tensor: capsules.Tensor) -> ndarray:
    dtype = tensor.dtype
    strides = tensor.strides
    if strides is None:
        strides = layout.c_strides(tensor.shape, dtype.itemsize)
    low, high = layout.extent(tensor.shape, strides, dtype.itemsize)
    memory = runtime.UnownedMemory(tensor.address + low, high - low, tensor.owner)
    return ndarray(tensor.shape, dtype, runtime.MemoryPointer(memory, -low), strides)


class _HostMemory:
    """Memory of a tensor as NumPy takes it, kept alive by this."""

    def __init__(self, tensor: capsules.Tensor) -> None:
        plain = np.dtype(np.uint16) if tensor.dtype.kind == "V" else tensor.dtype
        self.owner = tensor.owner
        self.__array_interface__ = {
            "data": (tensor.address, True),
            "shape": tensor.shape,
            "strides": tensor.strides,
            "typestr": plain.str,
            "version": 3,
        }


def _upload(tensor: capsules.Tensor, target: runtime.Device | None) -> ndarray:
    host = np.asarray(_HostMemory(tensor)).view(tensor.dtype)
    with target or runtime.Device():
        return array(host)


def _place(a: ndarray, target: runtime.Device | None, copy: bool | None) -> ndarray:
    elsewhere = target is not None and target.id != a.device_id
    if elsewhere and copy is False:
        raise BufferError(
            f"from_dlpack: the array is on device {a.device_id} and {target} was asked for, which "
            "cannot be done with copy=False"
        )
    if not elsewhere and not copy:
        return a
    with runtime.Device(a.device_id) if target is None else target:
        return array(a, order="K", copy=True)


def _ask(attribute: Any, pointer: int) -> Any:
    """What the driver knows about a pointer, None if nothing."""
    runtime.current_device_id()
    status, value = driver.cuPointerGetAttribute(attribute, pointer)
    return None if status else value


def _device_of(a: ndarray) -> tuple[int, int]:
    """DLPack's type of device, and number, for the memory of `a`."""
    attribute = driver.CUpointer_attribute
    if a._size:
        pointer = a._ptr
        keep = None
    else:  # it has no memory to ask about: what its device's memory is
        with runtime.Device(a.device_id):
            keep = runtime.alloc(1)
        pointer = keep.ptr
    if _ask(attribute.CU_POINTER_ATTRIBUTE_IS_MANAGED, pointer):
        return CUDA_MANAGED, a.device_id
    kind = _ask(attribute.CU_POINTER_ATTRIBUTE_MEMORY_TYPE, pointer)
    if kind == driver.CUmemorytype.CU_MEMORYTYPE_HOST:
        return CUDA_HOST, 0
    if _ask(attribute.CU_POINTER_ATTRIBUTE_HOST_POINTER, pointer):
        return CPU, 0
    return CUDA, a.device_id


def _dlpack_device(self: ndarray) -> tuple[int, int]:
    """Return DLPack's type of device and its number.

    Returns
    -------
    tuple of int
        ``(2, n)`` for memory of CUDA device `n`, ``(13, n)`` for managed memory, ``(3, 0)`` for
        page-locked memory, and ``(1, 0)`` for memory that the driver says is the processor's own,
        as a host device's is.
    """
    return _device_of(self)


def _dlpack(
    self: ndarray,
    *,
    stream: int | None = None,
    max_version: tuple[int, int] | None = None,
    dl_device: tuple[int, int] | None = None,
    copy: bool | None = None,
) -> Any:
    """Return the array as a DLPack capsule; see `from_dlpack` of the library that wants it.

    Parameters
    ----------
    stream : int, optional
        The consumer's stream: its work waits for what is queued on the current stream. None and 1
        are the legacy default stream, 2 is the per-thread one, -1 asks for no waiting. Memory of
        the processor is waited for here.
    max_version : tuple of int, optional
        The newest version that the consumer takes; from ``(1, 0)`` the capsule is versioned.
    dl_device : tuple of int, optional
        Where the memory shall be: the array's own ``__dlpack_device__()``, or ``(1, 0)`` for
        memory of the processor, a copy where it is not that.
    copy : bool, optional
        True always copies; False never does.

    Raises
    ------
    BufferError
        If the memory cannot be given on `dl_device`, or not without a copy and ``copy=False``.
    ValueError
        If `stream` is no stream.
    """
    here = _device_of(self)
    wanted = here if dl_device is None else (int(dl_device[0]), int(dl_device[1]))
    if wanted not in (here, (CPU, 0)):
        raise BufferError(
            f"__dlpack__: the array is on DLPack's device {here} and can be given there or as "
            f"memory of the processor, {(CPU, 0)}, not on {wanted}"
        )
    shared = wanted == here or here[0] in (CUDA_HOST, CUDA_MANAGED)
    if copy is False and not shared:
        raise BufferError(
            "__dlpack__: the array is in device memory, which cannot be given as memory of the "
            "processor with copy=False"
        )
    owner: Any = self
    if copy or not shared:
        if wanted[0] == CPU:
            owner = self.get(order="A")
        else:
            with runtime.Device(self.device_id):
                owner = casts.copy(self, "K")
            wanted = _device_of(owner)
    _hand_over(self.device_id, stream, wanted[0] in (CPU, CUDA_HOST))
    address = owner.ctypes.data if isinstance(owner, np.ndarray) else owner._ptr
    return capsules.make(
        address if self._size else 0,
        owner.shape,
        owner.strides,
        self._dtype,
        wanted,
        owner,
        versioned=max_version is not None and int(max_version[0]) >= 1,
        copied=owner is not self,
    )


def _hand_over(device_id: int, stream: int | None, to_processor: bool) -> None:
    """Let the consumer see what was queued on the current stream of the array's device."""
    if stream is not None and (type(stream) is not int or stream == 0 or stream < -1):
        raise ValueError(
            "__dlpack__: `stream` must be None, -1, 1 (the legacy default stream), 2 (the "
            f"per-thread one) or a stream's handle, got {stream!r}"
        )
    if stream == _NO_SYNCHRONISATION:
        return
    with runtime.Device(device_id):
        current = runtime.get_current_stream()
        if to_processor:
            current.synchronize()
            return
        handle = 0 if stream in (None, 1) else stream
        if handle != current.ptr:
            runtime.ExternalStream(handle).wait_event(current.record())


def _to_dlpack(self: ndarray) -> Any:
    """Return the array as a DLPack capsule; CuPy's older name for ``__dlpack__()``."""
    return _dlpack(self)


IMPORTERS["__dlpack__"] = lambda x, copy: from_dlpack(x, copy=copy)
protocol.attach(
    __dlpack__=_dlpack,
    __dlpack_device__=_dlpack_device,
    toDlpack=_to_dlpack,
)
