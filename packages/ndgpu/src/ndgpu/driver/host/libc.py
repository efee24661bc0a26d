"""The C library's functions that the host driver uses, with their types declared.

A call through `libc` releases the interpreter lock while it runs.
"""

from __future__ import annotations

import ctypes

__all__ = ["libc"]

libc = ctypes.CDLL(None)

_POINTER, _SIZE, _INT, _LONG = ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_long

for _name, _result, *_arguments in (
    ("aligned_alloc", _POINTER, _SIZE, _SIZE),
    ("free", None, _POINTER),
    ("mmap", _POINTER, _POINTER, _SIZE, _INT, _INT, _INT, _LONG),
    ("munmap", _INT, _POINTER, _SIZE),
    ("madvise", _INT, _POINTER, _SIZE, _INT),
    ("memmove", None, _POINTER, _POINTER, _SIZE),
    ("memset", None, _POINTER, _INT, _SIZE),
    ("wmemset", None, _POINTER, _INT, _SIZE),
):
    _function = getattr(libc, _name)
    _function.restype, _function.argtypes = _result, _arguments
