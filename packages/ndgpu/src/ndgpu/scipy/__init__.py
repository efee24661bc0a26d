"""What ndgpu has of SciPy, where programs for `cupyx.scipy` look for it.

``from cupyx.scipy import special`` becomes ``from ndgpu.scipy import special``; with
``import ndgpu as cupyx`` the rest of a program stays as it is.

Examples
--------
>>> import ndgpu as cupyx
>>> cupyx.scipy.special.expit(cupyx.zeros(2))
array([0.5, 0.5])
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from ndgpu.core.ndarray import ndarray
from ndgpu.scipy import fft as fft
from ndgpu.scipy import special as special

__all__ = ["fft", "get_array_module", "special"]


def get_array_module(*args: Any) -> ModuleType:
    """Return this module if an argument is a device array, else `scipy`.

    Raises
    ------
    ImportError
        If no argument is a device array and SciPy is not installed.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.scipy.get_array_module(ndgpu.ones(2)) is ndgpu.scipy
    True
    """
    here = any(isinstance(arg, ndarray) for arg in args)
    return importlib.import_module(__name__ if here else "scipy")
