"""Reductions that leave NaNs out.

Guarantees: NumPy's dtypes and shapes. Nothing waits for the device, so a slice of NaNs
only gives NaN without NumPy's warning; `nanargmax` and `nanargmin`, which NumPy makes an
error of it, wait for one flag.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts, moments, reductions
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.searching import where as _where

__all__ = [
    "nanargmax",
    "nanargmin",
    "nanmax",
    "nanmean",
    "nanmin",
    "nanprod",
    "nanstd",
    "nansum",
    "nanvar",
]


def _given(value: Any, default: Any) -> Any:
    return default if value is np._NoValue else value


def _without_nan(a: Any, value: Any) -> tuple[ndarray, ndarray | None]:
    """Return the array with `value` for NaN, and where NaNs are (None if the dtype has none)."""
    a = asarray(a)
    if a._dtype.kind in "biu":
        return a, None
    missing = TABLE["isnan"](a)
    return _where(missing, asarray(value, a._dtype), a), missing


def _mask(missing: ndarray | None, where: Any) -> Any:
    if missing is None:
        return where
    present = TABLE["logical_not"](missing)
    return present if where is True else present & asarray(where)


def _axis(a: ndarray, axis: Any, missing: ndarray | None) -> Any:
    """The axis of a mean: of floats NumPy takes sums, which give a number axes 0 and -1."""
    number = a.ndim == 0 and missing is not None
    return None if number and isinstance(axis, (int, np.integer)) and axis in (0, -1) else axis


def nansum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> ndarray:
    """Return the sum over some axes, NaN counted as zero; parameters as for `sum`."""
    a, _ = _without_nan(a, 0)
    where = _given(where, True)
    return reductions.sum(a, axis, dtype, out, _given(keepdims, False), initial, where)


def nanprod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> ndarray:
    """Return the product over some axes, NaN counted as one; parameters as for `prod`."""
    a, _ = _without_nan(a, 1)
    where = _given(where, True)
    return reductions.prod(a, axis, dtype, out, _given(keepdims, False), initial, where)


def _extreme(
    name: str, worst: float, a: Any, axis: Any, out: Any, keepdims: Any, initial: Any, where: Any
) -> ndarray:
    keepdims, where = _given(keepdims, False), _given(where, True)
    filled, missing = _without_nan(a, worst)
    reduce = getattr(reductions, name)
    result = reduce(filled, axis, None, keepdims, initial, where)
    if missing is not None and (initial is np._NoValue or initial is None):
        nothing = reductions.all(missing, axis, None, keepdims, where=where)
        result = _where(nothing, asarray(np.nan, result._dtype), result)
    return reductions.finish(result, out)


def nanmax(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> ndarray:
    """Return the largest element over some axes that is not NaN; parameters as for `max`."""
    return _extreme("max", -np.inf, a, axis, out, keepdims, initial, where)


def nanmin(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: Any = np._NoValue,
    initial: Any = np._NoValue,
    where: Any = np._NoValue,
) -> ndarray:
    """Return the smallest element over some axes that is not NaN; parameters as for `min`."""
    return _extreme("min", np.inf, a, axis, out, keepdims, initial, where)


def _argument(name: str, worst: float, a: Any, axis: Any, out: Any, keepdims: Any) -> ndarray:
    filled, missing = _without_nan(a, worst)
    if missing is not None and bool(reductions.any(reductions.all(missing, axis))):
        raise ValueError("All-NaN slice encountered")
    return getattr(reductions, name)(filled, axis, out, keepdims=_given(keepdims, False))


def nanargmax(
    a: Any, axis: Any = None, out: ndarray | None = None, *, keepdims: Any = np._NoValue
) -> ndarray:
    """Return the index of the largest element that is not NaN; waits for one flag.

    Raises
    ------
    ValueError
        If a slice has NaNs only.
    """
    return _argument("argmax", -np.inf, a, axis, out, keepdims)


def nanargmin(
    a: Any, axis: Any = None, out: ndarray | None = None, *, keepdims: Any = np._NoValue
) -> ndarray:
    """Return the index of the smallest element that is not NaN; waits for one flag.

    Raises
    ------
    ValueError
        If a slice has NaNs only.
    """
    return _argument("argmin", np.inf, a, axis, out, keepdims)


def nanmean(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
) -> ndarray:
    """Return the mean over some axes, NaNs left out; parameters as for `mean`.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.nanmean(ndgpu.asarray([1.0, ndgpu.nan, 4.0]))
    array(2.5)
    """
    keepdims, where = _given(keepdims, False), _given(where, True)
    filled, missing = _without_nan(a, 0)
    axis = _axis(filled, axis, missing)
    return moments.mean(filled, axis, dtype, out, keepdims, where=_mask(missing, where))


def nanvar(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    ddof: float = 0,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> ndarray:
    """Return the variance over some axes, NaNs left out; parameters as for `var`."""
    keepdims, where, mean = _given(keepdims, False), _given(where, True), _given(mean, None)
    correction = _given(correction, None)
    if correction is not None:
        if ddof != 0:
            raise ValueError("ddof and correction can't be provided simultaneously.")
        ddof = correction
    filled, missing = _without_nan(a, 0)
    axis = _axis(filled, axis, missing)
    mask = _mask(missing, where)
    result = moments.var(filled, axis, dtype, None, ddof, keepdims, where=mask, mean=mean)
    if mask is not True:
        # Too few elements to say anything of their spread.
        full = asarray(mask)
        if full._shape != filled._shape:
            full = TABLE["logical_and"](full, TABLE["equal"](filled, filled))
        count = reductions.count_nonzero(full, axis, keepdims=keepdims)
        result = _where(count <= ddof, asarray(np.nan, result._dtype), result)
    return reductions.finish(result, out)


def nanstd(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    ddof: float = 0,
    keepdims: Any = np._NoValue,
    *,
    where: Any = np._NoValue,
    mean: Any = np._NoValue,
    correction: Any = np._NoValue,
) -> ndarray:
    """Return the standard deviation over some axes, NaNs left out; parameters as for `var`."""
    options = {"where": where, "mean": mean, "correction": correction}
    spread = TABLE["sqrt"](nanvar(a, axis, dtype, None, ddof, keepdims, **options))
    return reductions.finish(casts.astype(spread, spread._dtype, copy=False), out)
