"""Hooks that are told of allocations: what a pool asks of the device, gives out and gets back.

A hook is active in the thread that entered it, within its ``with`` block.  Where no hook is
active in any thread a pool pays one look at a counter.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Any

__all__ = ["MemoryHook", "active", "tell"]


class _Count:
    """How many hooks are active in all threads together."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class _Local(threading.local):
    def __init__(self) -> None:
        self.hooks: dict[str, MemoryHook] = {}


active = _Count()
_local = _Local()
_lock = threading.Lock()


class MemoryHook:
    """What to do when memory is allocated and freed; a base to derive from.

    A pool calls ``alloc_...`` before and after it asks the device for memory, ``malloc_...``
    before and after it gives memory out, and ``free_...`` before and after it gets it back.
    Every method is called with keywords alone and does nothing unless it is overridden.

    Attributes
    ----------
    name : str
        What tells hooks of one thread apart; two of one name cannot be active together.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> class Count(cuda.MemoryHook):
    ...     name = "Count"
    ...     nbytes = 0
    ...     def malloc_postprocess(self, **given):
    ...         self.nbytes += given["size"]
    >>> pool = cuda.MemoryPool()
    >>> with Count() as hook:
    ...     pointer = pool.malloc(1000)
    >>> hook.nbytes
    1000
    """

    name = "MemoryHook"

    def __enter__(self) -> MemoryHook:
        hooks = _local.hooks
        if self.name in hooks:
            raise KeyError(f"a memory hook called {self.name!r} is active in this thread already")
        hooks[self.name] = self
        with _lock:
            active.number += 1
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        del _local.hooks[self.name]
        with _lock:
            active.number -= 1

    def alloc_preprocess(self, **kwargs: Any) -> None:
        """Be told that a pool is about to ask the device for memory.

        Parameters
        ----------
        device_id : int
            The device.
        mem_size : int
            Bytes.
        """

    def alloc_postprocess(self, **kwargs: Any) -> None:
        """Be told that the device gave memory to a pool.

        Parameters
        ----------
        device_id : int
            The device.
        mem_size : int
            Bytes.
        mem_ptr : int
            Address; 0 if the device had no room.
        """

    def malloc_preprocess(self, **kwargs: Any) -> None:
        """Be told that a pool is about to give out memory.

        Parameters
        ----------
        device_id : int
            The device.
        size : int
            Bytes that were asked for.
        mem_size : int
            Bytes that this is rounded up to.
        """

    def malloc_postprocess(self, **kwargs: Any) -> None:
        """Be told that a pool gave out memory.

        Parameters
        ----------
        device_id : int
            The device.
        size : int
            Bytes that were asked for.
        mem_size : int
            Bytes of the memory.
        mem_ptr : int
            Address; 0 if there was no room.
        pmem_id : int
            What tells this memory apart from other that is in use.
        """

    def free_preprocess(self, **kwargs: Any) -> None:
        """Be told that memory is about to go back to its pool.

        Parameters
        ----------
        device_id : int
            The device.
        mem_size : int
            Bytes.
        mem_ptr : int
            Address.
        pmem_id : int
            As `malloc_postprocess` had it.
        """

    def free_postprocess(self, **kwargs: Any) -> None:
        """Be told that memory went back to its pool; as `free_preprocess`."""


def tell(event: str, **given: Any) -> None:
    """Call the method `event` of the hooks of this thread."""
    for hook in list(_local.hooks.values()):
        getattr(hook, event)(**given)
