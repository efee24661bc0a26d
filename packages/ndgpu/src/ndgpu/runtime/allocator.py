"""Which pool an array's memory comes from: `alloc` and how to change it.

The choice of `set_allocator` is the process's, that of `using_allocator` the
thread's within its ``with`` block.  The default is a `MemoryPool` for the
process, and a `PinnedMemoryPool`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from ndgpu import config
from ndgpu.runtime.memory import MemoryPointer, malloc
from ndgpu.runtime.pinned import PinnedMemoryPointer, PinnedMemoryPool, malloc_pinned
from ndgpu.runtime.pool import MemoryPool

__all__ = [
    "alloc",
    "alloc_pinned_memory",
    "get_allocator",
    "get_default_memory_pool",
    "get_default_pinned_memory_pool",
    "set_allocator",
    "set_pinned_memory_allocator",
    "using_allocator",
]

Allocator = Callable[[int], MemoryPointer]
Pointer = TypeVar("Pointer")


class _Override(threading.local):
    """The allocator of the innermost `using_allocator` of this thread."""

    allocator: Allocator | None = None


_override = _Override()
_default_pool = MemoryPool()
_default_pinned_pool = PinnedMemoryPool()
# A pool would hide from the checks what is freed, and by how much an access misses.
_allocator: Allocator = malloc if config.value("NDGPU_HOST_CHECK") else _default_pool.malloc
_pinned_allocator: Callable[[int], PinnedMemoryPointer] = _default_pinned_pool.malloc


def alloc(size: int) -> MemoryPointer:
    """Allocate memory of the current device, for work in the order of the current stream.

    Parameters
    ----------
    size : int
        Bytes.

    Returns
    -------
    MemoryPointer
        To the start of the memory, whose content is arbitrary.

    Raises
    ------
    OutOfMemoryError
        If there is no room.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> rt.alloc(100).mem.size
    512
    """
    return (_override.allocator or _allocator)(size)


def get_allocator() -> Allocator:
    """Return the allocator that `alloc` calls in this thread."""
    return _override.allocator or _allocator


def set_allocator(allocator: Allocator | None = None) -> None:
    """Let `alloc` call another function, in every thread.

    Parameters
    ----------
    allocator : callable, optional
        Takes bytes and returns a `MemoryPointer`, such as ``MemoryPool().malloc``;
        None for the driver's own allocation, without any pool.

    Raises
    ------
    TypeError
        If `allocator` cannot be called.
    RuntimeError
        If this thread is inside `using_allocator`, which would hide the change.
    """
    global _allocator
    if _override.allocator is not None:
        raise RuntimeError("set_allocator cannot be called inside `using_allocator`")
    _allocator = _checked(allocator, malloc)


@contextlib.contextmanager
def using_allocator(allocator: Allocator | None = None) -> Iterator[None]:
    """Let `alloc` call another function in this thread, within a ``with`` block.

    Parameters
    ----------
    allocator : callable, optional
        As for `set_allocator`.

    Examples
    --------
    >>> import ndgpu.runtime as rt
    >>> pool = rt.MemoryPool()
    >>> with rt.using_allocator(pool.malloc):
    ...     memory = rt.alloc(100)
    >>> pool.used_bytes()
    512
    """
    before = _override.allocator
    _override.allocator = _checked(allocator, malloc)
    try:
        yield
    finally:
        _override.allocator = before


def get_default_memory_pool() -> MemoryPool:
    """Return the pool that `alloc` uses unless it was changed."""
    return _default_pool


def alloc_pinned_memory(size: int) -> PinnedMemoryPointer:
    """Allocate pinned host memory.

    Parameters
    ----------
    size : int
        Bytes; the memory may be larger.

    Raises
    ------
    CUDADriverError
        If the driver has no more.

    Examples
    --------
    >>> import numpy as np
    >>> import ndgpu.runtime as rt
    >>> np.frombuffer(rt.alloc_pinned_memory(80), np.float64, 10).shape
    (10,)
    """
    return _pinned_allocator(size)


def set_pinned_memory_allocator(
    allocator: Callable[[int], PinnedMemoryPointer] | None = None,
) -> None:
    """Let `alloc_pinned_memory` call another function, in every thread.

    Parameters
    ----------
    allocator : callable, optional
        Takes bytes and returns a `PinnedMemoryPointer`; None for the driver's own
        allocation, without any pool.

    Raises
    ------
    TypeError
        If `allocator` cannot be called.
    """
    global _pinned_allocator
    _pinned_allocator = _checked(allocator, malloc_pinned)


def get_default_pinned_memory_pool() -> PinnedMemoryPool:
    """Return the pool that `alloc_pinned_memory` uses unless it was changed."""
    return _default_pinned_pool


def _checked(
    allocator: Callable[[int], Pointer] | None, default: Callable[[int], Pointer]
) -> Callable[[int], Pointer]:
    if allocator is None:
        return default
    if not callable(allocator):
        raise TypeError(
            "an allocator is a function from a number of bytes to a memory pointer, "
            f"got {type(allocator).__name__} {allocator!r}"
        )
    return allocator
