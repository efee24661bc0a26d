"""The array: its class, its ufuncs, indexing and reductions.

`ndgpu.core.rows` is the table of ufuncs; `ndgpu.core.ndarray` the class.
Everything else here is one job in one file.  Importing this touches no driver.
"""

from __future__ import annotations

from ndgpu.core import methods as _methods
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import array, asarray, asnumpy
from ndgpu.core.ufunc import ufunc

__all__ = ["array", "asarray", "asnumpy", "ndarray", "ufunc"]
