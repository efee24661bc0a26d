"""Pieces of device memory, and pointers into them.

What it guarantees:

* A `MemoryPointer` keeps its memory alive; the memory goes back to where it came
  from when the last pointer into it is gone.
* Copies are ordered by the current stream (or the one given) and are checked:
  the asynchronous ones return at once, and the host memory must then stay alive
  and, until the stream has got there, unchanged.
* Copies between devices work whether or not the devices can reach each other.
"""

from __future__ import annotations

import contextlib
import operator
from typing import Any

from ndgpu import driver
from ndgpu.runtime import context
from ndgpu.runtime.device import Device
from ndgpu.runtime.errors import CUDADriverError, OutOfMemoryError, check

__all__ = [
    "BaseMemory",
    "ManagedMemory",
    "Memory",
    "MemoryPointer",
    "UnownedMemory",
    "checked_size",
    "malloc",
    "malloc_managed",
]

_OUT_OF_MEMORY = 2
_ATTACH_GLOBAL = 1


class BaseMemory:
    """A piece of device memory.

    Attributes
    ----------
    ptr : int
        Its address; 0 if it is empty.
    size : int
        Its length in bytes.
    device_id : int
        The device it belongs to.
    """

    __slots__ = ("__weakref__", "device_id", "ptr", "size")

    ptr: int
    size: int
    device_id: int

    def __int__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.size} bytes at {self.ptr:#x} of {self.device_id}>"

    @property
    def device(self) -> Device:
        """The device it belongs to."""
        return Device(self.device_id)


class Memory(BaseMemory):
    """Memory of the current device straight from the driver, freed with the object.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    OutOfMemoryError
        If the driver has no room.

    Examples
    --------
    >>> from ndgpu.runtime import Memory
    >>> Memory(1000).size
    1000
    """

    __slots__ = ()

    def __init__(self, size: int) -> None:
        self.ptr = 0
        self.size = checked_size(size)
        self.device_id = context.current_device_id()
        if self.size:
            self.ptr = self._allocate()

    def _allocate(self) -> int:
        return self._result(driver.cuMemAlloc(self.size))

    def _result(self, result: tuple[Any, ...]) -> int:
        if result[0] == _OUT_OF_MEMORY:
            free, total = check(driver.cuMemGetInfo())
            raise OutOfMemoryError(
                self.size, device_id=self.device_id, device_free=free, device_total=total
            )
        return int(check(result))

    def __del__(self, life: context.Life = context.life) -> None:
        if self.ptr and life.usable:
            # A finaliser has nobody to tell.
            with contextlib.suppress(CUDADriverError), context.entered(self.device_id):
                driver.cuMemFree(self.ptr)


class ManagedMemory(Memory):
    """Memory that the processor and all devices share, its pages moved on use.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    OutOfMemoryError
        If the driver has no room.
    CUDADriverError
        If the device has no managed memory.
    """

    __slots__ = ()

    def _allocate(self) -> int:
        return self._result(driver.cuMemAllocManaged(self.size, _ATTACH_GLOBAL))

    def prefetch(self, stream: Any | None = None, *, device: int | Device | None = None) -> None:
        """Move the pages to where they will be used, in the order of a stream.

        Parameters
        ----------
        stream : Stream, optional
            The current stream by default.
        device : int or Device, optional
            Where to; -1 for the processor, and by default the device of the memory.

        Examples
        --------
        >>> from ndgpu import cuda
        >>> cuda.ManagedMemory(1000).prefetch()
        """
        where = self.device_id if device is None else int(device)
        if self.size:
            queue = _stream_ptr(stream)
            check(driver.cuMemPrefetchAsync(self.ptr, self.size, where, queue))

    def advise(self, advice: int, device: int | Device) -> None:
        """Tell the driver how the memory will be used.

        Parameters
        ----------
        advice : int
            Of ``CUmem_advise``: 1 and 2 set and unset that it is mostly read, 3 and 4 where it
            is best kept, 5 and 6 from where it will be accessed.
        device : int or Device
            The device that the advice names; -1 for the processor.
        """
        if self.size:
            kind = driver.CUmem_advise(advice)
            check(driver.cuMemAdvise(self.ptr, self.size, kind, int(device)))


class UnownedMemory(BaseMemory):
    """Memory that something else owns, which is kept alive.

    Parameters
    ----------
    ptr : int
        Address.
    size : int
        Bytes.
    owner : object
        What must live as long as this does.
    device_id : int
        The device it belongs to; by default the driver is asked.

    Raises
    ------
    CUDADriverError
        If `device_id` is not given and the driver does not know the address.
    """

    __slots__ = ("_owner",)

    def __init__(self, ptr: int, size: int, owner: object, device_id: int = -1) -> None:
        if device_id < 0:
            device_id = context.current_device_id()
            if ptr:
                ordinal = driver.CUpointer_attribute.CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
                device_id = int(check(driver.cuPointerGetAttribute(ordinal, ptr)))
        self.ptr = int(ptr)
        self.size = checked_size(size)
        self.device_id = device_id
        self._owner = owner


class MemoryPointer:
    """An address inside a piece of memory, which it keeps alive.

    Parameters
    ----------
    mem : BaseMemory
        The memory.
    offset : int
        Bytes from its start.

    Attributes
    ----------
    mem : BaseMemory
        The memory.
    ptr : int
        The address.
    device_id : int
        The device it belongs to.

    Examples
    --------
    >>> import numpy as np
    >>> import ndgpu.runtime as rt
    >>> pointer = rt.alloc(8)
    >>> pointer.memset(7, 8)
    >>> host = np.zeros(4, np.uint8)
    >>> (pointer + 4).copy_to_host(host.ctypes.data, 4); host
    array([7, 7, 7, 7], dtype=uint8)
    """

    __slots__ = ("__weakref__", "device_id", "mem", "ptr")

    def __init__(self, mem: BaseMemory, offset: int = 0) -> None:
        self.mem = mem
        self.ptr = mem.ptr + offset
        self.device_id = mem.device_id

    def __int__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<MemoryPointer {self.ptr:#x} of device {self.device_id}>"

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.ptr - self.mem.ptr + operator.index(offset))

    __radd__ = __add__

    def __sub__(self, offset: int) -> MemoryPointer:
        return self + -operator.index(offset)

    @property
    def device(self) -> Device:
        """The device it belongs to."""
        return Device(self.device_id)

    def copy_from_device(self, src: MemoryPointer, size: int) -> None:
        """Copy from device memory, in the order of the current stream.

        Parameters
        ----------
        src : MemoryPointer
            Where to read, on any device.
        size : int
            Bytes.
        """
        self.copy_from_device_async(src, size)

    def copy_from_device_async(
        self, src: MemoryPointer, size: int, stream: Any | None = None
    ) -> None:
        """Copy from device memory, in the order of a stream.

        Parameters
        ----------
        src : MemoryPointer
            Where to read, on any device.
        size : int
            Bytes.
        stream : Stream, optional
            The current stream by default.
        """
        if size <= 0:
            return
        queue = _stream_ptr(stream)
        if src.device_id == self.device_id:
            check(driver.cuMemcpyDtoDAsync(self.ptr, src.ptr, size, queue))
            return
        check(
            driver.cuMemcpyPeerAsync(
                self.ptr,
                context.context_of(self.device_id),
                src.ptr,
                context.context_of(src.device_id),
                size,
                queue,
            )
        )

    def copy_from_host(self, mem: Any, size: int) -> None:
        """Copy from host memory; `mem` may be changed as soon as this returns.

        Parameters
        ----------
        mem : int or ctypes.c_void_p
            Address of the host memory.
        size : int
            Bytes.
        """
        if size > 0:
            self.copy_from_host_async(mem, size)
            check(driver.cuStreamSynchronize(_stream_ptr(None)))

    def copy_from_host_async(self, mem: Any, size: int, stream: Any | None = None) -> None:
        """Copy from host memory, in the order of a stream.

        Parameters
        ----------
        mem : int or ctypes.c_void_p
            Address of the host memory; pinned memory lets the copy overlap with
            other work.
        size : int
            Bytes.
        stream : Stream, optional
            The current stream by default.
        """
        if size > 0:
            check(driver.cuMemcpyHtoDAsync(self.ptr, _address(mem), size, _stream_ptr(stream)))

    def copy_from(self, mem: Any, size: int) -> None:
        """Copy from device memory (a `MemoryPointer`) or host memory (an address)."""
        if isinstance(mem, MemoryPointer):
            self.copy_from_device(mem, size)
        else:
            self.copy_from_host(mem, size)

    def copy_from_async(self, mem: Any, size: int, stream: Any | None = None) -> None:
        """Copy from device or host memory, in the order of a stream."""
        if isinstance(mem, MemoryPointer):
            self.copy_from_device_async(mem, size, stream)
        else:
            self.copy_from_host_async(mem, size, stream)

    def copy_to_host(self, mem: Any, size: int) -> None:
        """Copy to host memory, and wait until the bytes are there.

        Parameters
        ----------
        mem : int or ctypes.c_void_p
            Address of the host memory.
        size : int
            Bytes.
        """
        if size > 0:
            self.copy_to_host_async(mem, size)
            check(driver.cuStreamSynchronize(_stream_ptr(None)))

    def copy_to_host_async(self, mem: Any, size: int, stream: Any | None = None) -> None:
        """Copy to host memory, in the order of a stream.

        Parameters
        ----------
        mem : int or ctypes.c_void_p
            Address of the host memory.
        size : int
            Bytes.
        stream : Stream, optional
            The current stream by default.
        """
        if size > 0:
            check(driver.cuMemcpyDtoHAsync(_address(mem), self.ptr, size, _stream_ptr(stream)))

    def memset(self, value: int, size: int) -> None:
        """Fill with a byte, in the order of the current stream.

        Parameters
        ----------
        value : int
            The byte.
        size : int
            Bytes.
        """
        self.memset_async(value, size)

    def memset_async(self, value: int, size: int, stream: Any | None = None) -> None:
        """Fill with a byte, in the order of a stream."""
        if size > 0:
            check(driver.cuMemsetD8Async(self.ptr, value, size, _stream_ptr(stream)))


def malloc(size: int) -> MemoryPointer:
    """Allocate from the driver itself, as ``set_allocator(None)`` has it.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    OutOfMemoryError
        If the driver has no room.

    Examples
    --------
    >>> from ndgpu.runtime.memory import malloc
    >>> malloc(100).mem.size
    100
    """
    return MemoryPointer(Memory(size))


def malloc_managed(size: int) -> MemoryPointer:
    """Allocate managed memory; for ``set_allocator`` or ``MemoryPool(malloc_managed)``.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    OutOfMemoryError
        If the driver has no room.
    """
    return MemoryPointer(ManagedMemory(size))


def checked_size(size: int) -> int:
    """Return a number of bytes as an int, or raise what is wrong with it."""
    size = operator.index(size)
    if size < 0:
        raise ValueError(f"an allocation cannot have {size} bytes")
    return size


def _address(mem: Any) -> int:
    """The integer behind an address or a ``c_void_p``."""
    return (mem.value or 0) if hasattr(mem, "value") else operator.index(mem)


def _stream_ptr(stream: Any | None) -> int:
    context.current_device_id()
    return context.local.place.stream_ptr if stream is None else stream.ptr
