"""Means, variances and standard deviations.

Guarantees: NumPy's dtypes, shapes and errors; a variance is found from the
differences to the mean.  Where there is nothing to divide by, the result is NaN
with NumPy's `RuntimeWarning`.
"""

from __future__ import annotations

import warnings
from math import prod as _product
from typing import Any

import numpy as np

from ndgpu.core import casts, layout
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray, view_of
from ndgpu.core.reducing import finish, run
from ndgpu.core.reductions import sum
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import as_mask
from ndgpu.core.ufuncs import TABLE

__all__ = ["mean", "std", "var"]

_FLOAT64 = np.dtype(np.float64)


def _float_loop(a: ndarray, dtype: Any) -> np.dtype:
    if dtype is not None:
        return as_dtype(dtype)
    return _FLOAT64 if a._dtype.kind in "iub" else a._dtype


def _count(a: ndarray, axis: Any, where: Any) -> int:
    # With a mask NumPy sums the mask, and sums give an array without axes an axis 0.
    axes = layout.normalize_axes(axis, a.ndim, strict=where is True)
    return _product([a._shape[k] for k in axes])


def mean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> ndarray:
    """Return the mean over some axes; float64 for integers.

    Parameters are those of `sum`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.mean(ndgpu.asarray([[1, 2], [3, 4]]), axis=0)
    array([2., 3.])
    """
    a = asarray(a)
    loop = _float_loop(a, dtype)
    count = _count(a, axis, where)
    if loop.kind in "iub":
        # NumPy adds integers up and divides; the quotient is then cast back.
        total = sum(a, axis, loop, None, keepdims, where=where)
        quotient = TABLE["divide"].operator(total, count)
        return finish(casts.astype(quotient, loop), out)
    if where is not True:
        total = sum(a, axis, loop, None, keepdims, where=where)
        mask = _broadcast_mask(where, a)
        chosen = sum(mask, axis, np.int64, None, keepdims)
        return finish(_divided(total, chosen, loop), out)
    if count == 0:
        warnings.warn("Mean of empty slice.", RuntimeWarning, stacklevel=2)
    return run("mean", a, axis, loop, loop, out, keepdims)


def _broadcast_mask(where: Any, a: ndarray) -> ndarray:
    mask = as_mask(where)
    shape = layout.broadcast_shape([a._shape, mask._shape])
    return view_of(mask, shape, layout.broadcast_strides(mask._shape, mask._strides, shape))


def _divided(total: ndarray, count: Any, dtype: np.dtype) -> ndarray:
    return casts.astype(TABLE["divide"].operator(total, count), dtype, copy=False)


def _spread(
    name: str,
    a: Any,
    axis: Any,
    dtype: Any,
    out: ndarray | None,
    ddof: float,
    keepdims: bool,
    where: Any,
    given_mean: Any,
) -> ndarray:
    a = asarray(a)
    loop = _float_loop(a, dtype)
    target = loop if loop.kind != "c" else np.dtype(f"f{loop.itemsize // 2}")
    # The mean of a 16-bit array is kept in float32: rounding it would shift every difference.
    centre = compute_dtype(loop)
    if given_mean is None:
        given_mean = mean(a, axis, centre, None, True, where=where)
    else:
        given_mean = casts.astype(asarray(given_mean), centre, copy=False)
    count = _count(a, axis, where)
    if where is True:
        if count <= ddof:
            warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=3)
            # NumPy divides by max(n - ddof, 0).
            ddof = count
        return run(name, a, axis, loop, target, out, keepdims, True, (given_mean,), ddof)
    mask = _broadcast_mask(where, a)
    difference = TABLE["subtract"].operator(a, given_mean)
    squares = TABLE["square"].operator(TABLE["absolute"].operator(difference))
    total = sum(squares, axis, None, None, keepdims, where=mask)
    freedom = TABLE["maximum"].operator(
        TABLE["subtract"].operator(sum(mask, axis, np.int64, None, keepdims), ddof), 0
    )
    result = TABLE["divide"].operator(total, freedom)
    if name == "std":
        result = TABLE["sqrt"].operator(result)
    return finish(casts.astype(result, target, copy=False), out)


def var(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> ndarray:
    """Return the variance over some axes, found from differences to the mean.

    Parameters
    ----------
    a, axis, dtype, out, keepdims, where
        As for `sum`.
    ddof : number
        The divisor is the number of elements less this; `correction` is another name.
    mean : ndarray, optional
        The mean with its reduced axes kept, if it is known.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.var(ndgpu.asarray([1.0, 2.0, 3.0, 4.0]))
    array(1.25)
    """
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    return _spread("var", a, axis, dtype, out, ddof, keepdims, where, mean)


def std(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    ddof: float = 0,
    keepdims: bool = False,
    *,
    where: Any = True,
    mean: Any = None,
    correction: Any = None,
) -> ndarray:
    """Return the standard deviation over some axes; parameters as for `var`."""
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    return _spread("std", a, axis, dtype, out, ddof, keepdims, where, mean)
