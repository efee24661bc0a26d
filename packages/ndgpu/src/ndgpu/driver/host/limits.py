"""What kernels may use: the stack of a thread, the heap, and limits that a GPU has beside them.

The heap is enforced: `malloc` and ``new`` in kernels return a null pointer once `cuCtxSetLimit`'s
bytes are allocated.  So is the stack of kernels that recurse, which end with
``CUDA_ERROR_HARDWARE_STACK_ERROR`` where it is full.  What kernels print is written as they print
it, and caches are the processor's, so the limits on these are kept and change nothing.
"""

from __future__ import annotations

from collections.abc import Callable

from cuda.bindings.driver import CUlimit, CUresult

from ndgpu.driver.host.context import Context, thread
from ndgpu.driver.host.module import HEAP_BYTES, STACK_BYTES, Module, heap_of
from ndgpu.driver.host.results import OK, SUCCESS, fail

__all__ = ["cuCtxGetLimit", "cuCtxSetLimit"]

_STACK = int(CUlimit.CU_LIMIT_STACK_SIZE)
_HEAP = int(CUlimit.CU_LIMIT_MALLOC_HEAP_SIZE)
_DEFAULTS = {
    _STACK: STACK_BYTES,
    _HEAP: HEAP_BYTES,
    int(CUlimit.CU_LIMIT_PRINTF_FIFO_SIZE): 1 << 20,
    int(CUlimit.CU_LIMIT_MAX_L2_FETCH_GRANULARITY): 64,
    int(CUlimit.CU_LIMIT_PERSISTING_L2_CACHE_SIZE): 0,
}
_MOST_STACK = 512 << 10  # the local memory of a thread
_GRAIN = 16


def cuCtxGetLimit(limit: int) -> tuple:
    """Return ``(CUresult, value)`` of a limit of the current context, in bytes."""
    context = thread.context
    if context.error is not None:
        return context.refuse(1)
    if limit not in _DEFAULTS:
        return _unknown("cuCtxGetLimit", limit, 1)
    return SUCCESS, context.limits.get(int(limit), _DEFAULTS[limit])


def cuCtxSetLimit(limit: int, value: int) -> tuple:
    """Set a limit of the current context, in bytes.

    The heap's can be set only before a kernel has allocated from it, as on a GPU.
    """
    context = thread.context
    if context.error is not None:
        return context.refuse()
    if limit not in _DEFAULTS:
        return _unknown("cuCtxSetLimit", limit, 0)
    value = int(value)
    if value < 0:
        return _bad(f"cuCtxSetLimit: a limit of {value} bytes")
    change = _CHANGES.get(limit)
    refused = change(context, value) if change is not None else None
    if refused is not None:
        return refused
    context.limits[int(limit)] = value
    return OK


def _set_heap(context: Context, value: int) -> tuple | None:
    heap = heap_of(context)
    context.synchronize()  # what runs may be about to allocate
    if heap.begun:
        return _bad("cuCtxSetLimit: a kernel has allocated from the heap already")
    heap.limit = value
    return None


def _set_stack(context: Context, value: int) -> tuple | None:
    if not _GRAIN <= value <= _MOST_STACK:
        return _bad(f"cuCtxSetLimit: a stack of {value} bytes; a thread may have {_MOST_STACK}")
    from ndgpu.driver.host.compiler import PtxError

    modules = [thing for thing in context.owned.values() if isinstance(thing, Module)]
    try:
        programs = [module.with_stack(-(-value // _GRAIN) * _GRAIN) for module in modules]
    except PtxError as error:
        return _bad(f"cuCtxSetLimit: {error}")
    for module, program in zip(modules, programs, strict=True):
        module.replace(program)
    return None


_CHANGES: dict[int, Callable[[Context, int], tuple | None]] = {
    _HEAP: _set_heap,
    _STACK: _set_stack,
}


def _unknown(call: str, limit: int, values: int) -> tuple:
    detail = f"{call}: a host device has no limit {limit!r}"
    return fail(CUresult.CUDA_ERROR_UNSUPPORTED_LIMIT, detail, values)


def _bad(detail: str) -> tuple:
    return fail(CUresult.CUDA_ERROR_INVALID_VALUE, detail)
