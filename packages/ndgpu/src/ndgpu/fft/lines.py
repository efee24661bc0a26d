"""Transforms along one axis: fft, ifft, rfft, irfft, hfft, ihfft.

Guarantees: NumPy's dtypes, shapes and errors.  float16, bfloat16 and single precision are
transformed in single precision, everything else in double.
"""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.fft.backend import Transform, transform

__all__ = ["fft", "hfft", "ifft", "ihfft", "irfft", "rfft"]

_NORMS = {"backward": ("none", "full"), "ortho": ("ortho", "ortho"), "forward": ("full", "none")}
_OTHER_WAY = {None: "forward", "backward": "forward", "ortho": "ortho", "forward": "backward"}


def _unknown(norm: Any) -> ValueError:
    return ValueError(f'Invalid norm value {norm}; should be "backward","ortho" or "forward".')


def _turned(norm: Any) -> Any:
    """The norm that scales a transform as `norm` scales its inverse."""
    try:
        return _OTHER_WAY[norm]
    except (KeyError, TypeError):
        raise _unknown(norm) from None


def _run(a: ndarray, n: Any, axis: Any, kind: str, sign: int, norm: Any, out: Any) -> ndarray:
    n = operator.index(n)
    if n < 1:
        raise ValueError(f"Invalid number of FFT data points ({n}) specified.")
    try:
        scaled = _NORMS["backward" if norm is None else norm][sign > 0]
    except (KeyError, TypeError):
        raise _unknown(norm) from None
    axis = layout.normalize_axis(axis, a.ndim)
    if kind == "r2c" and a._dtype.kind == "c":
        raise TypeError(f"rfft: the input must be real, not of dtype {a._dtype}; use `fft`")
    single = a._dtype.kind not in "iub" and a._dtype.itemsize <= (8 if a._dtype.kind == "c" else 4)
    dtype = np.dtype(np.complex64 if single else np.complex128)
    length = n // 2 + 1 if kind == "r2c" else n
    wanted = dtype
    if kind == "c2r":
        dtype = np.dtype(f"f{dtype.itemsize // 2}")
        # NumPy gives a real transform of 16-bit floats back in them.
        wanted = a._dtype if a._dtype.itemsize == 2 and a._dtype.kind not in "iu" else dtype
    shape = (*a._shape[:axis], length, *a._shape[axis + 1 :])
    if out is not None:
        if not isinstance(out, ndarray):
            raise TypeError(f"`out` must be a device array, not {type(out).__name__}")
        if out._shape != shape:
            raise ValueError(f"output array has wrong shape: {out._shape}, not {shape}.")
        if not np.can_cast(wanted, out._dtype, "same_kind"):
            raise TypeError(f"Cannot cast the transform from {wanted!r} to {out._dtype!r}")
    direct = out is not None and out._dtype == dtype and out._c_contiguous
    y = out if direct and not casts.overlaps(out, a) else allocate(shape, as_dtype(dtype))
    transform(Transform(a, y, axis, n, kind, sign, scaled))
    if out is None:
        return casts.astype(y, wanted, copy=False)
    if y is not out:
        casts.copy_into(out, y)
    return out


def fft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the discrete Fourier transform of each line along an axis.

    Parameters
    ----------
    a : array-like
    n : int, optional
        Length of the transform: the input is cropped, or continued with zeros. That of the axis
        by default.
    axis : int
        The last by default.
    norm : {"backward", "ortho", "forward"}, optional
        Whether the inverse (the default), both or this transform is scaled by the length.
    out : ndarray, optional
        Where to put the result.

    Returns
    -------
    ndarray
        complex64 for inputs of at most single precision, else complex128.

    Raises
    ------
    ValueError
        If `n` is less than one, `norm` is unknown or `out` has another shape.
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> import ndgpu
    >>> abs(ndgpu.fft.fft(ndgpu.asarray([1.0, 0.0, -1.0, 0.0])))
    array([0., 2., 0., 2.])
    """
    a = asarray(a)
    return _run(a, a._shape[axis] if n is None else n, axis, "c2c", -1, norm, out)


def ifft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `fft` along an axis; parameters and errors as there.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.arange(4.0)
    >>> bool(ndgpu.allclose(ndgpu.fft.ifft(ndgpu.fft.fft(x)), x))
    True
    """
    a = asarray(a)
    return _run(a, a._shape[axis] if n is None else n, axis, "c2c", 1, norm, out)


def rfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the first ``n // 2 + 1`` results of `fft` for real input; the others mirror them.

    Parameters and errors are those of `fft`.

    Raises
    ------
    TypeError
        If the input is complex.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.rfft(ndgpu.ones(4)).real
    array([4., 0., 0.])
    """
    a = asarray(a)
    return _run(a, a._shape[axis] if n is None else n, axis, "r2c", -1, norm, out)


def irfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `rfft`: `n` real numbers, an even number by default.

    Parameters and errors are those of `fft`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.irfft(ndgpu.asarray([4.0, 0.0, 0.0]))
    array([1., 1., 1., 1.])
    """
    a = asarray(a)
    return _run(a, 2 * (a._shape[axis] - 1) if n is None else n, axis, "c2r", 1, norm, out)


def hfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the real transform of a Hermitian sequence, given its first half.

    Parameters and errors are those of `fft`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.hfft(ndgpu.asarray([1.0, 0.0, 0.0]))
    array([1., 1., 1., 1.])
    """
    a = asarray(a)
    turned = TABLE["conjugate"](a) if a._dtype.kind == "c" else a
    return irfft(turned, n, axis, _turned(norm), out)


def ihfft(
    a: Any, n: int | None = None, axis: int = -1, norm: str | None = None, out: Any = None
) -> ndarray:
    """Return the inverse of `hfft`: the first half of a Hermitian sequence.

    Parameters and errors are those of `rfft`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.fft.ihfft(ndgpu.ones(4)).real
    array([1., 0., 0.])
    """
    result = rfft(a, n, axis, _turned(norm), out)
    return TABLE["conjugate"](result, out=result)
