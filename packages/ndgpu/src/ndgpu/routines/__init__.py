"""NumPy's functions on device arrays, one room to a file.

What is an array's own (ufuncs, reductions, indexing) is in `ndgpu.core`; these
functions are written with it.
"""

from __future__ import annotations

from ndgpu.routines import methods as _methods

__all__: list[str] = []
