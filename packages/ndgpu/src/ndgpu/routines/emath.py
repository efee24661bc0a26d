"""Functions whose results are complex where real ones are not defined: `ndgpu.emath`.

Whether an element is outside of the real domain decides the dtype of the result, so the host
waits for one flag.

Examples
--------
>>> import ndgpu
>>> ndgpu.emath.sqrt(ndgpu.asarray([-1.0, 4.0]))
array([0.+1.j, 2.+0.j])
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE

__all__ = ["arccos", "arcsin", "arctanh", "log", "log2", "log10", "logn", "power", "sqrt"]


def _complex(a: ndarray) -> ndarray:
    if a._dtype.kind == "c":
        return a
    small = a._dtype.itemsize <= 2 or a._dtype == np.float32
    return casts.astype(a, np.complex64 if small else np.complex128)


def _widened(a: Any, negative: bool) -> ndarray:
    """Make the array complex if an element is below zero, or beyond one in size."""
    a = asarray(a)
    if a._dtype.kind in "cb":
        return a
    outside = TABLE["less"](a, 0) if negative else TABLE["greater"](TABLE["absolute"](a), 1)
    return _complex(a) if bool(outside.any()) else a


def sqrt(x: Any) -> ndarray:
    """Return the square root; complex if an element is negative."""
    return TABLE["sqrt"](_widened(x, True))


def log(x: Any) -> ndarray:
    """Return the natural logarithm; complex if an element is negative."""
    return TABLE["log"](_widened(x, True))


def log2(x: Any) -> ndarray:
    """Return the logarithm to base 2; complex if an element is negative."""
    return TABLE["log2"](_widened(x, True))


def log10(x: Any) -> ndarray:
    """Return the logarithm to base 10; complex if an element is negative."""
    return TABLE["log10"](_widened(x, True))


def logn(n: Any, x: Any) -> ndarray:
    """Return the logarithm to base `n`; complex if an element is negative."""
    return TABLE["true_divide"](log(x), log(n))


def power(x: Any, p: Any) -> ndarray:
    """Return ``x**p``; complex if an element of `x` is negative, real if one of `p` is."""
    x, p = _widened(x, True), asarray(p)
    if p._dtype.kind in "iu" and bool(TABLE["less"](p, 0).any()):
        p = casts.astype(p, np.float64)
    return TABLE["power"](x, p)


def arccos(x: Any) -> ndarray:
    """Return the inverse cosine; complex if an element is beyond one."""
    return TABLE["arccos"](_widened(x, False))


def arcsin(x: Any) -> ndarray:
    """Return the inverse sine; complex if an element is beyond one."""
    return TABLE["arcsin"](_widened(x, False))


def arctanh(x: Any) -> ndarray:
    """Return the inverse hyperbolic tangent; complex if an element is beyond one."""
    return TABLE["arctanh"](_widened(x, False))
