"""Kernels written in Python: `rawkernel` and what such a kernel may use.

A CuPy program's ``from cupyx import jit`` becomes ``from ndgpu import jit``.

Examples
--------
>>> import ndgpu
>>> from ndgpu import jit
>>> @jit.rawkernel()
... def add(x, y, z):
...     i = jit.grid(1)
...     if i < x.size:
...         z[i] = x[i] + y[i]
>>> x = ndgpu.arange(4)
>>> z = ndgpu.empty_like(x)
>>> add[1, 32](x, x, z)
>>> z
array([0, 2, 4, 6])
"""

from __future__ import annotations

from ndgpu.kernels.jit import *  # noqa: F403
from ndgpu.kernels.jit import __all__ as __all__
