"""Transforms along several axes, one after the other: fftn, rfft2 and the like.

Guarantees: NumPy's dtypes, shapes, errors and deprecation warnings.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.fft.lines import fft, ifft, irfft, rfft

__all__ = ["fft2", "fftn", "ifft2", "ifftn", "irfft2", "irfftn", "rfft2", "rfftn"]


def _sizes_and_axes(
    a: ndarray, s: Any, axes: Any, halved: bool = False
) -> tuple[list[Any], list[Any]]:
    given = s is not None
    if s is None:
        sizes = list(a._shape) if axes is None else [a._shape[k] for k in axes]
    else:
        sizes = list(s)
    if axes is None:
        if given:
            warnings.warn(
                "`axes` should not be `None` if `s` is not `None` (Deprecated in NumPy 2.0): pass "
                "the axes as well.",
                DeprecationWarning,
                stacklevel=3,
            )
        axes = range(-len(sizes), 0)
    axes = list(axes)
    if len(sizes) != len(axes):
        raise ValueError("Shape and axes have different lengths.")
    if halved and not given:
        sizes[-1] = 2 * (a._shape[axes[-1]] - 1)
    if None in sizes:
        warnings.warn(
            "Passing an array containing `None` values to `s` is deprecated in NumPy 2.0.",
            DeprecationWarning,
            stacklevel=3,
        )
    return [a._shape[k] if n == -1 else n for n, k in zip(sizes, axes, strict=True)], axes


def _each(
    function: Callable[..., ndarray], a: Any, sizes: list[Any], axes: list[Any], norm: Any, out: Any
) -> ndarray:
    """Transform along each axis, the last first; the last transform made writes to `out`."""
    result = asarray(a)
    for k in range(len(axes) - 1, -1, -1):
        result = function(result, sizes[k], axes[k], norm, out if k == 0 else None)
    return result


def fftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the discrete Fourier transform over several axes.

    Parameters
    ----------
    a : array-like
    s : sequence of int, optional
        Length of the transform along each of `axes`; -1 for all of an axis.
    axes : sequence of int, optional
        All by default; one that comes twice is transformed twice.
    norm, out
        As for `fft`.

    Raises
    ------
    ValueError
        If `s` and `axes` have different lengths, or as for `fft`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.fftn(ndgpu.ones((2, 2))).real
    array([[4., 0.],
           [0., 0.]])
    """
    a = asarray(a)
    sizes, axes = _sizes_and_axes(a, s, axes)
    return _each(fft, a, sizes, axes, norm, out)


def ifftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `fftn`; parameters and errors as there."""
    a = asarray(a)
    sizes, axes = _sizes_and_axes(a, s, axes)
    return _each(ifft, a, sizes, axes, norm, out)


def rfftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the transform of real input over several axes: half of it, along the last axis.

    Parameters and errors are those of `fftn`.
    """
    a = asarray(a)
    sizes, axes = _sizes_and_axes(a, s, axes)
    more = len(axes) > 1
    half = rfft(a, sizes[-1], axes[-1], norm, None if more else out)
    return _each(fft, half, sizes[:-1], axes[:-1], norm, out) if more else half


def irfftn(
    a: Any, s: Any = None, axes: Any = None, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `rfftn`; parameters and errors as for `fftn`."""
    a = asarray(a)
    sizes, axes = _sizes_and_axes(a, s, axes, halved=True)
    for n, axis in zip(sizes[:-1], axes[:-1], strict=True):
        a = ifft(a, n, axis, norm)
    return irfft(a, sizes[-1], axes[-1], norm, out)


def fft2(
    a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the transform over two axes; parameters and errors as for `fftn`."""
    return fftn(a, s, axes, norm, out)


def ifft2(
    a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `fft2`; parameters and errors as for `fftn`."""
    return ifftn(a, s, axes, norm, out)


def rfft2(
    a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the transform of real input over two axes; see `rfftn`."""
    return rfftn(a, s, axes, norm, out)


def irfft2(
    a: Any, s: Any = None, axes: Any = (-2, -1), norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `rfft2`; parameters and errors as for `fftn`."""
    return irfftn(a, s, axes, norm, out)
