"""Host memory that a device copies from and to without waiting: pinned memory.

What it guarantees:

* A `PinnedMemoryPointer` offers the buffer protocol: ``np.frombuffer(pointer,
  dtype, count)`` is an array in pinned memory, which lives as long as the array.
* A `PinnedMemoryPool` keeps what was freed for requests of like size.  Allocating
  and freeing are atomic, from any thread or finaliser.

The pool does not know of copies: memory must stay referenced until a copy from or
to it is complete.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import operator
from collections.abc import Callable
from typing import Any

from ndgpu import driver
from ndgpu.runtime import context
from ndgpu.runtime.errors import CUDADriverError, check

__all__ = ["PinnedMemory", "PinnedMemoryPointer", "PinnedMemoryPool", "malloc_pinned"]

_PORTABLE = 1  # pinned for every device, not for the current one alone
_UNIT = 512


class PinnedMemory:
    """Pinned memory straight from the driver, freed with the object.

    Parameters
    ----------
    size : int
        Bytes.
    flags : int
        Flags of ``cuMemHostAlloc``.

    Attributes
    ----------
    ptr : int
        Its address; 0 if it is empty.
    size : int
        Its length in bytes.

    Raises
    ------
    CUDADriverError
        If the driver refuses.

    Examples
    --------
    >>> from ndgpu.runtime import PinnedMemory
    >>> PinnedMemory(1000).size
    1000
    """

    __slots__ = ("__weakref__", "ptr", "size")

    def __init__(self, size: int, flags: int = _PORTABLE) -> None:
        self.ptr = 0
        self.size = operator.index(size)
        if self.size < 0:
            raise ValueError(f"an allocation cannot have {size} bytes")
        if self.size:
            context.current_device_id()
            self.ptr = int(check(driver.cuMemHostAlloc(self.size, flags)))

    def __int__(self) -> int:
        return self.ptr

    def __del__(self, life: context.Life = context.life) -> None:
        if self.ptr and life.usable:
            # A finaliser has nobody to tell.
            with contextlib.suppress(CUDADriverError):
                context.current_device_id()
                driver.cuMemFreeHost(self.ptr)


class PinnedMemoryPointer:
    """An address inside pinned memory, which it keeps alive, as a buffer of bytes.

    Parameters
    ----------
    mem : PinnedMemory
        The memory.
    offset : int
        Bytes from its start.

    Attributes
    ----------
    mem : PinnedMemory
        The memory.
    ptr : int
        The address.

    Raises
    ------
    ValueError
        If `offset` is outside the memory.

    Examples
    --------
    >>> import numpy as np
    >>> import ndgpu.runtime as rt
    >>> pointer = rt.alloc_pinned_memory(12)
    >>> array = np.frombuffer(pointer, np.float32, 3)
    >>> array[:] = 1.5
    >>> array
    array([1.5, 1.5, 1.5], dtype=float32)
    """

    mem: Any
    ptr: int

    def __new__(cls, mem: Any, offset: int = 0) -> PinnedMemoryPointer:
        # Before Python 3.12 only types made in C offer the buffer protocol; a ctypes
        # array does, over memory that is there already.
        if not 0 <= offset <= mem.size:
            raise ValueError(
                f"PinnedMemoryPointer: offset {offset} is outside the {mem.size} bytes of memory"
            )
        self = _array_type(mem.size - offset).from_address(mem.ptr + offset)
        self.mem = mem
        self.ptr = mem.ptr + offset
        return self

    def __int__(self) -> int:
        return self.ptr

    def __repr__(self) -> str:
        return f"<PinnedMemoryPointer {self.size()} bytes at {self.ptr:#x}>"

    def __add__(self, offset: int) -> PinnedMemoryPointer:
        return PinnedMemoryPointer(self.mem, self.ptr - self.mem.ptr + operator.index(offset))

    __radd__ = __add__

    def __sub__(self, offset: int) -> PinnedMemoryPointer:
        return self + -operator.index(offset)

    def size(self) -> int:
        """Return the bytes from here to the end of the memory."""
        return int(self.mem.ptr + self.mem.size - self.ptr)


@functools.lru_cache(maxsize=1024)
def _array_type(size: int) -> Any:
    array = ctypes.c_ubyte * size
    # The array's own __init__ takes items; what PinnedMemoryPointer.__new__ made is complete.
    return type("PinnedMemoryPointer", (PinnedMemoryPointer, array), {"__init__": lambda *_: None})


class _PooledPinnedMemory:
    """Pinned memory that goes back to its pool with the object."""

    __slots__ = ("_memory", "_stack", "ptr", "size")

    def __init__(self, memory: Any, stack: list[Any]) -> None:
        self._memory = memory
        self._stack = stack
        self.ptr = memory.ptr
        self.size = memory.size

    def __int__(self) -> int:
        return self.ptr

    def free(self) -> None:
        """Give the memory back before the object goes; nothing may use it any more."""
        memory = self._memory
        if memory is not None:
            self._memory = None
            self._stack.append(memory)

    __del__ = free


class PinnedMemoryPool:
    """Pinned memory, kept for reuse.

    Parameters
    ----------
    allocator : callable, optional
        Where memory comes from: takes bytes, returns a `PinnedMemoryPointer`.
        The driver by default.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> pool = rt.PinnedMemoryPool()
    >>> pointer = pool.malloc(1000)
    >>> del pointer
    >>> pool.n_free_blocks()
    1
    >>> pool.free_all_blocks()
    >>> pool.n_free_blocks()
    0
    """

    def __init__(self, allocator: Callable[[int], PinnedMemoryPointer] | None = None) -> None:
        self._allocator = malloc_pinned if allocator is None else allocator
        self._stacks: dict[int, list[Any]] = {}

    def malloc(self, size: int) -> PinnedMemoryPointer:
        """Allocate pinned memory.

        Parameters
        ----------
        size : int
            Bytes; rounded up to one of four sizes for each power of two.

        Raises
        ------
        CUDADriverError
            If the driver has no more, even after all unused memory was given back.
        ValueError
            If `size` is negative.
        """
        size = operator.index(size)
        if size == 0:
            return PinnedMemoryPointer(PinnedMemory(0))
        size = _class_of(size)
        stack = self._stacks.setdefault(size, [])
        return PinnedMemoryPointer(_PooledPinnedMemory(self._take(stack, size), stack))

    def _take(self, stack: list[Any], size: int) -> Any:
        with contextlib.suppress(IndexError):  # empty, perhaps since another thread was first
            return stack.pop()
        with contextlib.suppress(CUDADriverError):
            return self._allocator(size).mem
        self.free_all_blocks()
        return self._allocator(size).mem

    def free_all_blocks(self) -> None:
        """Give all unused memory back to the driver."""
        for stack in list(self._stacks.values()):
            stack.clear()

    def n_free_blocks(self) -> int:
        """Return how many pieces of memory are unused."""
        return sum(len(stack) for stack in list(self._stacks.values()))


def malloc_pinned(size: int) -> PinnedMemoryPointer:
    """Allocate pinned memory from the driver itself.

    Parameters
    ----------
    size : int
        Bytes.

    Raises
    ------
    CUDADriverError
        If the driver has no more.
    """
    return PinnedMemoryPointer(PinnedMemory(size))


def _class_of(size: int) -> int:
    """Round up to a multiple of a quarter of the power of two below, at least 512.

    Pinning is slow and pinned memory scarce: like sizes share, at most a fifth is lost.
    """
    if size < 0:
        raise ValueError(f"an allocation cannot have {size} bytes")
    step = max(_UNIT, 1 << max((size - 1).bit_length() - 3, 0))
    return -(-size // step) * step
