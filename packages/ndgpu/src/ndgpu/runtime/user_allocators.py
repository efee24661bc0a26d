"""Allocators made of a program's own functions, in Python or in C."""

from __future__ import annotations

import ctypes
import operator
from collections.abc import Callable

from ndgpu.runtime import context
from ndgpu.runtime.memory import BaseMemory, MemoryPointer, checked_size

__all__ = ["CFunctionAllocator", "PythonFunctionAllocator"]


class _FunctionMemory(BaseMemory):
    """Memory that a function gave, and that another takes back."""

    __slots__ = ("_free",)

    def __init__(self, ptr: int, size: int, device_id: int, free: Callable[[int, int], object]):
        self.ptr = ptr
        self.size = size
        self.device_id = device_id
        self._free = free

    def __del__(self, life: context.Life = context.life) -> None:
        if self.ptr and life.usable:
            self._free(self.ptr, self.device_id)


class PythonFunctionAllocator:
    """An allocator that calls Python functions; for `set_allocator` or `MemoryPool`.

    Parameters
    ----------
    malloc_func : callable
        Takes bytes and a device's ordinal, and returns an address.
    free_func : callable
        Takes such an address and the ordinal.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> import ndgpu as xp
    >>> log = []
    >>> def malloc(size, device_id):
    ...     log.append(size)
    ...     return cuda.runtime.malloc(size)
    >>> def free(address, device_id):
    ...     cuda.runtime.free(address)
    >>> allocator = cuda.PythonFunctionAllocator(malloc, free)
    >>> with cuda.using_allocator(allocator.malloc):
    ...     array = xp.zeros(100)
    >>> log
    [800]
    >>> del array
    """

    def __init__(
        self, malloc_func: Callable[[int, int], int], free_func: Callable[[int, int], object]
    ) -> None:
        for name, function in (("malloc_func", malloc_func), ("free_func", free_func)):
            if not callable(function):
                raise TypeError(
                    f"PythonFunctionAllocator: `{name}` must be callable, got {function!r}"
                )
        self._malloc = malloc_func
        self._free = free_func

    def malloc(self, size: int) -> MemoryPointer:
        """Allocate on the current device.

        Parameters
        ----------
        size : int
            Bytes.
        """
        size, device_id = checked_size(size), context.current_device_id()
        ptr = operator.index(self._malloc(size, device_id)) if size else 0
        return MemoryPointer(_FunctionMemory(ptr, size, device_id, self._free))


class CFunctionAllocator:
    """An allocator that calls C functions; for `set_allocator` or `MemoryPool`.

    Parameters
    ----------
    param : int
        What the functions are given first, such as the address of an object.
    malloc_func : int
        Address of ``void *malloc(void *param, size_t size, int device_id)``.
    free_func : int
        Address of ``void free(void *param, void *ptr, int device_id)``.
    owner : object
        What must live as long as memory from here does.

    Examples
    --------
    >>> import ctypes
    >>> from ndgpu import cuda
    >>> malloc_type = ctypes.CFUNCTYPE(
    ...     ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    >>> free_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
    >>> malloc = malloc_type(lambda param, size, device: cuda.runtime.malloc(size))
    >>> free = free_type(lambda param, address, device: cuda.runtime.free(address))
    >>> addresses = (ctypes.cast(function, ctypes.c_void_p).value for function in (malloc, free))
    >>> allocator = cuda.CFunctionAllocator(0, *addresses, owner=(malloc, free))
    >>> pointer = allocator.malloc(64)
    >>> pointer.mem.size
    64
    >>> del pointer
    """

    def __init__(self, param: int, malloc_func: int, free_func: int, owner: object) -> None:
        self._param = operator.index(param)
        malloc_type = ctypes.CFUNCTYPE(
            ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int
        )
        free_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int)
        self._malloc = malloc_type(operator.index(malloc_func))
        self._free = free_type(operator.index(free_func))
        self._owner = owner

    def _give_back(self, ptr: int, device_id: int) -> None:
        self._free(self._param, ptr, device_id)

    def malloc(self, size: int) -> MemoryPointer:
        """Allocate on the current device.

        Parameters
        ----------
        size : int
            Bytes.

        Raises
        ------
        MemoryError
            If the function returns a null pointer.
        """
        size, device_id = checked_size(size), context.current_device_id()
        ptr = (self._malloc(self._param, size, device_id) or 0) if size else 0
        if size and not ptr:
            raise MemoryError(f"the C function that allocates has no room for {size} bytes")
        return MemoryPointer(_FunctionMemory(ptr, size, device_id, self._give_back))
