"""Frequencies of the results of a transform, and shifts that bring zero to the middle."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.core import layout
from ndgpu.core.casts import astype, copy, copy_into
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.placement import placed
from ndgpu.core.transfer import asarray
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["fftfreq", "fftshift", "ifftshift", "rfftfreq"]

_INT64, _FLOAT64 = np.dtype(np.int64), np.dtype(np.float64)


@functools.cache
def _multiples() -> Elementwise:
    return Elementwise(
        "ndgpu_fftfreq",
        (
            Operand("wrap", _INT64, "scalar"),
            Operand("length", _INT64, "scalar"),
            Operand("step", _FLOAT64, "scalar"),
            Operand("y", _FLOAT64, "out"),
        ),
        "y = double(i < wrap ? i : i - length) * step;",
    )


def _frequencies(n: Any, d: float, count: int, wrap: int) -> ndarray:
    result = allocate((count,), _FLOAT64)
    if count:
        _multiples().launch([wrap, n, 1.0 / (n * d), result], (count,))
    return result


def _checked(n: Any) -> int:
    if not isinstance(n, (int, np.integer)):
        raise ValueError(f"n should be an integer, not {type(n).__name__}")
    return int(n)


def _as(frequencies: ndarray, dtype: Any) -> ndarray:
    if dtype is None:
        return frequencies
    wanted = as_dtype(dtype)
    if wanted.kind != "f":
        raise TypeError(f"frequencies have a real floating dtype, not {wanted}")
    return astype(frequencies, wanted, copy=False)


@placed(like=False)
def fftfreq(n: int, d: float = 1.0, *, dtype: Any = None) -> ndarray:
    """Return the frequency of each result of `fft`, in cycles per unit of `d`.

    Parameters
    ----------
    n : int
        Length of the transform.
    d : float
        Time, or length, between samples.
    dtype : dtype-like, optional
        A real floating type, float64 by default: the array API's keyword, which NumPy lacks.

    Raises
    ------
    ValueError
        If `n` is no integer.
    TypeError
        If `dtype` is no real floating type.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.fftfreq(4, 0.5)
    array([ 0. ,  0.5, -1. , -0.5])
    """
    n = _checked(n)
    return _as(_frequencies(n, d, n, (n - 1) // 2 + 1), dtype)


@placed(like=False)
def rfftfreq(n: int, d: float = 1.0, *, dtype: Any = None) -> ndarray:
    """Return the frequency of each result of `rfft`; parameters and errors as for `fftfreq`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.rfftfreq(4, 0.5)
    array([0. , 0.5, 1. ])
    """
    n = _checked(n)
    return _as(_frequencies(n, d, n // 2 + 1, n), dtype)


def _shifted(x: Any, axes: Any, backward: bool) -> ndarray:
    x = asarray(x)
    if axes is None:
        axes = range(x.ndim)
    result = x
    for axis in [axes] if isinstance(axes, (int, np.integer)) else axes:
        k = layout.normalize_axis(axis, x.ndim)
        n = x._shape[k]
        split = n // 2 if backward else n - n // 2
        before, after = [(slice(None),) * k + (s,) for s in (slice(split), slice(split, None))]
        end, start = [(slice(None),) * k + (s,) for s in (slice(n - split, None), slice(n - split))]
        source, result = result, allocate(x._shape, x._dtype)
        copy_into(result[end], source[before])
        copy_into(result[start], source[after])
    return copy(x) if result is x else result


def fftshift(x: Any, axes: Any = None) -> ndarray:
    """Return an array with the frequency zero moved to the middle of each axis.

    Parameters
    ----------
    x : array-like
    axes : int or sequence of int, optional
        All by default.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.fftshift(ndgpu.fft.fftfreq(4))
    array([-0.5 , -0.25,  0.  ,  0.25])
    """
    return _shifted(x, axes, False)


def ifftshift(x: Any, axes: Any = None) -> ndarray:
    """Return an array with the middle of each axis moved to its start: undoes `fftshift`."""
    return _shifted(x, axes, True)
