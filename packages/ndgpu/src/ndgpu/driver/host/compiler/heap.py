"""The heap from which kernels allocate: its description, and the native functions that use it.

Guarantees: no more bytes than `Heap.limit` are allocated at a time, sixteen to 31 for each
allocation's size among them; more is refused with a null pointer, as on a GPU; threads of several
blocks may allocate and free at the same time.
"""

from __future__ import annotations

import ctypes
import functools
from pathlib import Path

from ndgpu.driver.host.once import once

from . import llvm

__all__ = ["Heap", "default", "functions"]


class Heap(ctypes.Structure):
    """A heap, as native code sees it.

    Attributes
    ----------
    used, limit : int
        Bytes that are allocated, and that may be.
    begun : int
        Whether a kernel has allocated from it.
    """

    _fields_ = (
        ("used", ctypes.c_uint64),
        ("limit", ctypes.c_uint64),
        ("begun", ctypes.c_uint64),
        ("malloc", ctypes.c_void_p),
        ("free", ctypes.c_void_p),
    )

    def __init__(self, limit: int) -> None:
        library = ctypes.CDLL(None)
        super().__init__(
            0,
            limit,
            0,
            *(ctypes.cast(library[n], ctypes.c_void_p).value for n in ("malloc", "free")),
        )


@once
def default() -> Heap:
    """The heap of kernels that are run without a context."""
    return Heap(8 << 20)


@functools.cache
def functions() -> tuple[int, ...]:
    """Addresses of ``void* malloc(size_t, Heap*)`` and ``void free(void*, Heap*)``."""
    text = Path(__file__).with_suffix(".ll").read_text()
    code = llvm.object_code(text)
    return tuple(llvm.load_object(code, f"ndgpu.heap.{name}") for name in ("malloc", "free"))
