"""Questions about elements and small conversions: isreal, isposinf, real_if_close, packbits."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.placement import as_device
from ndgpu.core.sorting import sort
from ndgpu.core.transfer import array, asarray
from ndgpu.core.ufuncs import TABLE

__all__ = [
    "asarray_chkfinite",
    "astype",
    "iscomplex",
    "isneginf",
    "isposinf",
    "isreal",
    "msort",
    "packbits",
    "real_if_close",
    "require",
    "sort_complex",
    "unpackbits",
]


def isreal(x: Any) -> ndarray:
    """Return whether the imaginary part of each element is zero."""
    return TABLE["equal"](asarray(x).imag, 0)


def iscomplex(x: Any) -> ndarray:
    """Return whether the imaginary part of each element is not zero."""
    return TABLE["not_equal"](asarray(x).imag, 0)


def _signed_infinity(name: str, x: Any, out: Any, negative: bool) -> ndarray:
    x = asarray(x)
    if x._dtype.kind == "c":
        raise TypeError(
            f"This operation is not supported for {x._dtype} values because it would be ambiguous."
        )
    sign = TABLE["signbit"](x) if x._dtype.kind in "fV" else TABLE["less"](x, 0)
    sign = sign if negative else TABLE["logical_not"](sign)
    return TABLE["logical_and"](TABLE["isinf"](x), sign, out=out)


def isposinf(x: Any, out: ndarray | None = None) -> ndarray:
    """Return whether each element is positive infinity.

    Raises
    ------
    TypeError
        If `x` is complex.
    """
    return _signed_infinity("isposinf", x, out, False)


def isneginf(x: Any, out: ndarray | None = None) -> ndarray:
    """Return whether each element is negative infinity.

    Raises
    ------
    TypeError
        If `x` is complex.
    """
    return _signed_infinity("isneginf", x, out, True)


def real_if_close(a: Any, tol: float = 100) -> ndarray:
    """Return the real part if all imaginary parts are close to zero; waits for that.

    Parameters
    ----------
    a : array-like
    tol : number
        In epsilons of the dtype if above 1, else absolute.
    """
    a = asarray(a)
    if a._dtype.kind != "c":
        return a
    if tol > 1:
        tol = float(np.finfo(a._dtype).eps) * tol
    return a.real if bool((TABLE["absolute"](a.imag) < tol).all()) else a


def msort(a: Any) -> ndarray:
    """Return an array sorted along its first axis: ``sort(a, axis=0)``, a name of NumPy 1.

    Parameters
    ----------
    a : array-like

    Returns
    -------
    ndarray
        A copy, of the shape and dtype of `a`.

    Raises
    ------
    numpy.exceptions.AxisError
        If `a` has no axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.msort(ndgpu.asarray([[3, 1], [2, 4]]))
    array([[2, 1],
           [3, 4]])
    """
    return sort(asarray(a), 0)


def sort_complex(a: Any) -> ndarray:
    """Return the elements as complex numbers, sorted by real and then imaginary part."""
    b = sort(asarray(a))
    if b._dtype.kind == "c":
        return b
    small = b._dtype.char in "bhBH"
    return casts.astype(b, np.complex64 if small else np.complex128)


def astype(x: ndarray, dtype: Any, /, *, copy: bool = True, device: Any = None) -> ndarray:
    """Return an array cast to `dtype`, as the array API has it.

    Parameters
    ----------
    x : ndarray
    dtype : dtype-like
    copy : bool
        Whether to copy where neither the dtype nor the device changes.
    device : ndgpu.cuda.Device or int, optional
        Where the result shall be; by default where `x` is.

    Raises
    ------
    TypeError
        If `x` is no device array.
    ValueError
        If `device` is no device.
    """
    if not isinstance(x, ndarray):
        raise TypeError(f"Input should be a device array. It is a {type(x).__name__} instead.")
    target = x.device if device is None else as_device(device)
    if target != x.device:
        return asarray(x, dtype, device=target)
    with target:
        return casts.astype(x, dtype, copy=copy)


def asarray_chkfinite(a: Any, dtype: Any = None, order: Any = None) -> ndarray:
    """Return an array, checked for NaN and infinity; waits for that.

    Raises
    ------
    ValueError
        If an element is not finite.
    """
    a = array(a, dtype, copy=None, order=order or "K")
    if a._dtype.kind in "fcV" and not bool(TABLE["isfinite"](a).all()):
        raise ValueError("array must not contain infs or NaNs")
    return a


def require(a: Any, dtype: Any = None, requirements: Any = None, *, like: Any = None) -> ndarray:
    """Return an array that has properties: ``'C'``, ``'F'``, ``'O'`` (owns its memory).

    ``'A'`` and ``'W'`` (aligned, writeable) hold for every device array.

    Raises
    ------
    ValueError
        If both C and F order are asked for.
    """
    names = {
        "C": "C", "C_CONTIGUOUS": "C", "CONTIGUOUS": "C", "F": "F", "F_CONTIGUOUS": "F",
        "FORTRAN": "F", "A": "A", "ALIGNED": "A", "W": "W", "WRITEABLE": "W", "O": "O",
        "OWNDATA": "O", "E": "E", "ENSUREARRAY": "E",
    }  # fmt: skip
    given = [requirements] if isinstance(requirements, str) else list(requirements or ())
    wanted = {names[name.upper()] for name in given}
    if {"C", "F"} <= wanted:
        raise ValueError('Cannot specify both "C" and "F" order')
    order = "C" if "C" in wanted else "F" if "F" in wanted else "K"
    result = array(a, dtype, copy=None, order=order)
    return casts.copy(result, order) if "O" in wanted and result.base is not None else result


def packbits(a: Any, /, axis: int | None = None, bitorder: str = "big") -> ndarray:
    """Return the truth of elements as bits of uint8.

    Parameters
    ----------
    a : array-like of int or bool
    axis : int, optional
        The elements in C order by default.
    bitorder : {'big', 'little'}

    Raises
    ------
    TypeError
        If the elements are neither integers nor bool.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.packbits(ndgpu.asarray([1, 0, 1]))
    array([160], dtype=uint8)
    """
    _check_order(bitorder)
    a = asarray(a)
    if a._dtype.kind not in "biu":
        raise TypeError("Expected an input array of integer or boolean data type")
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    rows = views.moveaxis(a, axis, -1)
    n = rows._shape[-1]
    count = -(-n // 8)
    bits = allocate((*rows._shape[:-1], count * 8), np.dtype(np.uint8))
    casts.fill(bits, 0)
    bits[..., :n] = rows != 0
    bits = views.reshape(bits, (*rows._shape[:-1], count, 8))
    powers = 1 << np.arange(8)
    weights = asarray((powers[::-1] if bitorder == "big" else powers).astype(np.uint8))
    packed = TABLE["multiply"](bits, weights).sum(-1, dtype=np.uint8)
    return views.moveaxis(packed, -1, axis)


def unpackbits(
    a: Any, /, axis: int | None = None, count: int | None = None, bitorder: str = "big"
) -> ndarray:
    """Return the bits of uint8 elements as uint8; parameters as for `packbits`.

    Parameters
    ----------
    count : int, optional
        How many bits to return along the axis; negative leaves out the last ones.

    Raises
    ------
    TypeError
        If the elements are not of uint8.
    """
    _check_order(bitorder)
    a = asarray(a)
    if a._dtype != np.uint8:
        raise TypeError("Expected an input array of unsigned byte data type")
    if axis is None:
        a, axis = views.ravel(a), 0
    axis = layout.normalize_axis(axis, a.ndim)
    rows = views.moveaxis(a, axis, -1)
    places = np.arange(8, dtype=np.uint8)
    shifts = asarray(places[::-1].copy() if bitorder == "big" else places)
    bits = TABLE["bitwise_and"](TABLE["right_shift"](rows[..., None], shifts), 1)
    n = rows._shape[-1] * 8
    bits = views.reshape(bits, (*rows._shape[:-1], n))
    if count is not None:
        count = operator.index(count)
        if count < -n:
            raise ValueError(f"-ve count not allowed: {count}")
        if count > n:
            more = allocate((*rows._shape[:-1], count), np.dtype(np.uint8))
            casts.fill(more, 0)
            more[..., :n] = bits
            bits = more
        else:
            bits = bits[..., :count]
    return views.moveaxis(casts.astype(bits, as_dtype(np.uint8), copy=False), -1, axis)


def _check_order(bitorder: str) -> None:
    if bitorder not in ("big", "little"):
        raise ValueError("'order' must be either 'little' or 'big'")
