"""Memory in the order of a stream, from the driver's own pools.

An alternative to `MemoryPool`: the driver keeps the memory, shares it among streams and with
other libraries that use the same pool, and remaps it so that little is lost to fragmentation; each
allocation is a call of the driver.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

from ndgpu import driver
from ndgpu.runtime import context
from ndgpu.runtime.device import Device
from ndgpu.runtime.errors import CUDADriverError, OutOfMemoryError, check
from ndgpu.runtime.memory import BaseMemory, MemoryPointer, checked_size
from ndgpu.runtime.pool import byte_limit

__all__ = ["MemoryAsync", "MemoryAsyncPool", "malloc_async"]

_OUT_OF_MEMORY = 2
_FOREVER = (1 << 64) - 1


class MemoryAsync(BaseMemory):
    """Memory that is there from one point of a stream to another.

    Parameters
    ----------
    size : int
        Bytes.
    stream : Stream, optional
        The stream in whose order it is allocated, and freed with the object; the current one
        by default.
    pool : int, optional
        Handle of the driver's pool; the device's current one by default.

    Raises
    ------
    OutOfMemoryError
        If the device has no room.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> cuda.MemoryAsync(1000).size
    1000
    """

    __slots__ = ("_stream", "_stream_ptr")

    def __init__(self, size: int, stream: Any | None = None, pool: int | None = None) -> None:
        self.ptr = 0
        self.size = checked_size(size)
        self.device_id = context.current_device_id()
        # The object, so that the stream is there when the memory is freed.
        self._stream = context.local.stream if stream is None else stream
        self._stream_ptr = context.local.place.stream_ptr if stream is None else stream.ptr
        if not self.size:
            return
        if pool is None:
            result = driver.cuMemAllocAsync(self.size, self._stream_ptr)
        else:
            result = driver.cuMemAllocFromPoolAsync(self.size, pool, self._stream_ptr)
        if result[0] == _OUT_OF_MEMORY:
            free, total = check(driver.cuMemGetInfo())
            raise OutOfMemoryError(
                self.size, device_id=self.device_id, device_free=free, device_total=total
            )
        self.ptr = int(check(result))

    def __del__(self, life: context.Life = context.life) -> None:
        if self.ptr and life.usable:
            # A finaliser has nobody to tell.
            with contextlib.suppress(CUDADriverError), context.entered(self.device_id):
                driver.cuMemFreeAsync(self.ptr, self._stream_ptr)


def malloc_async(size: int) -> MemoryPointer:
    """Allocate in the order of the current stream; for `set_allocator`.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    OutOfMemoryError
        If the device has no room.

    Examples
    --------
    >>> import ndgpu as xp
    >>> with xp.cuda.using_allocator(xp.cuda.malloc_async):
    ...     xp.arange(3) + 1
    array([1, 2, 3])
    """
    return MemoryPointer(MemoryAsync(size))


class MemoryAsyncPool:
    """The driver's pools, with the methods of a `MemoryPool`.

    Parameters
    ----------
    pool_handles : {"current", "default", "create"} or int or sequence of these
        The pool of each device: the one that the device uses now, the one that it had from
        the beginning, a new one, or one by its handle.  One value serves all devices.

    Notes
    -----
    A pool would give all that is unused back to the device at every synchronisation; here it
    is told to keep it, until `free_all_blocks` is called or the device has no room.

    Examples
    --------
    >>> import ndgpu as xp
    >>> pool = xp.cuda.MemoryAsyncPool("create")
    >>> with xp.cuda.using_allocator(pool.malloc):
    ...     array = xp.zeros(1000)
    >>> pool.used_bytes()
    8000
    """

    def __init__(self, pool_handles: str | int | Sequence[str | int] = "current") -> None:
        count = context.device_count()
        if isinstance(pool_handles, str | int):
            pool_handles = [pool_handles] * count
        if len(pool_handles) != count:
            raise ValueError(
                f"MemoryAsyncPool: {len(pool_handles)} pools were given for {count} devices"
            )
        for given in pool_handles:
            if isinstance(given, str) and given not in ("current", "default", "create"):
                raise ValueError(
                    "MemoryAsyncPool: a pool is 'current', 'default', 'create' or a handle, "
                    f"got {given!r}"
                )
        self._wanted = list(pool_handles)
        self._handles: dict[int, int] = {}
        self._own: list[int] = []
        self._limits: dict[int, int] = {}

    def __del__(self, life: context.Life = context.life) -> None:
        if life.usable:
            for handle in getattr(self, "_own", ()):
                with contextlib.suppress(CUDADriverError):
                    driver.cuMemPoolDestroy(handle)

    def _handle(self) -> int:
        """The pool of the current device."""
        device_id = context.current_device_id()
        handle = self._handles.get(device_id)
        if handle is None:
            handle = self._open(device_id, self._wanted[device_id])
            threshold = driver.CUmemPool_attribute.CU_MEMPOOL_ATTR_RELEASE_THRESHOLD
            check(driver.cuMemPoolSetAttribute(handle, threshold, _FOREVER))
            self._handles[device_id] = handle
        return handle

    def _open(self, device_id: int, wanted: str | int) -> int:
        if wanted == "current":
            return int(check(driver.cuDeviceGetMemPool(device_id)))
        if wanted == "default":
            return int(check(driver.cuDeviceGetDefaultMemPool(device_id)))
        if wanted != "create":
            return int(wanted)
        properties = driver.CUmemPoolProps()
        kinds, places = driver.CUmemAllocationType, driver.CUmemLocationType
        properties.allocType = kinds.CU_MEM_ALLOCATION_TYPE_PINNED
        properties.handleTypes = driver.CUmemAllocationHandleType.CU_MEM_HANDLE_TYPE_NONE
        properties.location.type = places.CU_MEM_LOCATION_TYPE_DEVICE
        properties.location.id = device_id
        handle = int(check(driver.cuMemPoolCreate(properties)))
        self._own.append(handle)
        return handle

    def malloc(self, size: int) -> MemoryPointer:
        """Allocate on the current device, in the order of the current stream.

        Parameters
        ----------
        size : int
            Bytes.

        Raises
        ------
        OutOfMemoryError
            If the limit or the device leaves no room, even after all unused memory was given
            back.
        """
        handle = self._handle()
        limit = self.get_limit()
        if limit and self.used_bytes() + size > limit:
            raise self._out_of_memory(size, limit)
        with contextlib.suppress(OutOfMemoryError):
            return MemoryPointer(MemoryAsync(size, pool=handle))
        self.free_all_blocks()
        try:
            return MemoryPointer(MemoryAsync(size, pool=handle))
        except OutOfMemoryError:
            raise self._out_of_memory(size, limit) from None

    def _out_of_memory(self, size: int, limit: int) -> OutOfMemoryError:
        device = Device()
        free, total = device.mem_info
        return OutOfMemoryError(
            size,
            device_id=device.id,
            used=self.used_bytes(),
            held=self.total_bytes(),
            limit=limit,
            device_free=free,
            device_total=total,
        )

    def free_all_blocks(self, stream: Any | None = None) -> None:
        """Give unused memory of the current device back to it.

        Parameters
        ----------
        stream : Stream, optional
            The stream to wait for before, so that what was freed in it counts as unused; the
            whole device by default.
        """
        handle = self._handle()
        if stream is None:
            Device().synchronize()
        else:
            stream.synchronize()
        check(driver.cuMemPoolTrimTo(handle, 0))

    def _count(self, name: str) -> int:
        attribute = getattr(driver.CUmemPool_attribute, f"CU_MEMPOOL_ATTR_{name}")
        return int(check(driver.cuMemPoolGetAttribute(self._handle(), attribute)))

    def used_bytes(self) -> int:
        """Return the bytes of the current device that live allocations use."""
        return self._count("USED_MEM_CURRENT")

    def total_bytes(self) -> int:
        """Return the bytes of the current device that the pool holds."""
        return self._count("RESERVED_MEM_CURRENT")

    def free_bytes(self) -> int:
        """Return the bytes of the current device that the pool holds unused."""
        return self.total_bytes() - self.used_bytes()

    def peak_bytes(self) -> int:
        """Return the most that `total_bytes` has been on the current device."""
        return self._count("RESERVED_MEM_HIGH")

    def n_free_blocks(self) -> int:
        """Raise `NotImplementedError`: the driver does not tell how its memory is cut."""
        raise NotImplementedError(
            "MemoryAsyncPool: the driver does not say how many blocks are free; "
            "free_bytes() has their size"
        )

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        """Bound what may be allocated from here on the current device.

        What others allocate from the same pool of the driver counts, and is not refused.

        Parameters
        ----------
        size : int, optional
            Bytes; 0 for no limit.
        fraction : float, optional
            Share of the device's memory, from 0 (no limit) to 1.

        Raises
        ------
        ValueError
            If both or neither are given, or out of range.
        """
        self._limits[context.current_device_id()] = byte_limit(size, fraction)

    def get_limit(self) -> int:
        """Return the limit on the current device in bytes; 0 for none."""
        return self._limits.get(context.current_device_id(), 0)
