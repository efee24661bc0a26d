"""Windows for filters, and the functions that they are made of: sinc, i0."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.routines.creation import arange, ones
from ndgpu.routines.searching import where

__all__ = ["bartlett", "blackman", "hamming", "hanning", "i0", "kaiser", "sinc"]


def _window(M: Any, function: Any) -> ndarray:
    if M < 1:
        return asarray([], np.float64)
    if M == 1:
        return ones(1)
    return function(arange(1 - M, M, 2, dtype=np.float64), M - 1)


def _cosine(n: ndarray, length: Any, times: int = 1) -> ndarray:
    return TABLE["cos"](times * np.pi * n / length)


def bartlett(M: int) -> ndarray:
    """Return a triangular window of `M` points that begins and ends with zero."""
    return _window(M, lambda n, last: where(TABLE["less_equal"](n, 0), 1 + n / last, 1 - n / last))


def blackman(M: int) -> ndarray:
    """Return the Blackman window of `M` points: three terms of cosines."""
    return _window(M, lambda n, last: 0.42 + 0.5 * _cosine(n, last) + 0.08 * _cosine(n, last, 2))


def hamming(M: int) -> ndarray:
    """Return the Hamming window of `M` points: a raised cosine that does not reach zero."""
    return _window(M, lambda n, last: 0.54 + 0.46 * _cosine(n, last))


def hanning(M: int) -> ndarray:
    """Return the Hann window of `M` points: a raised cosine."""
    return _window(M, lambda n, last: 0.5 + 0.5 * _cosine(n, last))


def kaiser(M: int, beta: float) -> ndarray:
    """Return the Kaiser window of `M` points, of shape `beta`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.kaiser(3, 0.0)
    array([1., 1., 1.])
    """
    if M == 1:
        return ones(1)
    n = arange(0, M, dtype=np.float64)
    alpha = (M - 1) / 2.0
    inside = 1 - TABLE["square"]((n - alpha) / alpha)
    return i0(beta * TABLE["sqrt"](inside)) / float(np.i0(float(beta)))


_I0: dict[np.dtype, Elementwise] = {}


def i0(x: Any) -> ndarray:
    """Return the modified Bessel function of the first kind, of order 0.

    Raises
    ------
    TypeError
        If `x` is complex.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.i0(ndgpu.asarray([0.0]))
    array([1.])
    """
    x = asarray(x)
    if x._dtype.kind == "c":
        raise TypeError("i0 not supported for complex values")
    if x._dtype.kind != "f":
        x = casts.astype(x, np.float64)
    kernel = _I0.get(x._dtype)
    if kernel is None:
        computed = compute_dtype(x._dtype)
        operands = (Operand("x", x._dtype, "in", computed), Operand("y", x._dtype, "out", computed))
        kernel = _I0[x._dtype] = Elementwise("ndgpu_i0", operands, "y = cyl_bessel_i0(fabs(x));")
    result = allocate(x._shape, x._dtype)
    kernel.launch([x, result], x._shape)
    return result


def sinc(x: Any) -> ndarray:
    """Return ``sin(pi x) / (pi x)``, 1 at zero."""
    x = asarray(x)
    scaled = np.pi * (x if x._dtype.kind in "fc" else casts.astype(x, np.float64))
    return where(scaled == 0, asarray(1, scaled._dtype), TABLE["sin"](scaled) / scaled)
