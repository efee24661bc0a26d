"""Differences, running totals and integrals along an axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import casts, layout, scans, views
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.routines.joining import concatenate
from ndgpu.routines.manipulation import atleast_1d

__all__ = [
    "cumulative_prod",
    "cumulative_sum",
    "diff",
    "ediff1d",
    "gradient",
    "trapezoid",
    "unwrap",
]


def _at(axis: int, key: Any) -> tuple[Any, ...]:
    return (slice(None),) * axis + (key,)


def diff(
    a: Any, n: int = 1, axis: int = -1, prepend: Any = np._NoValue, append: Any = np._NoValue
) -> ndarray:
    """Return the differences of neighbours along an axis, `n` times over.

    Parameters
    ----------
    a : array-like
    n : int
        How often; 0 returns `a`.
    axis : int
    prepend, append : array-like, optional
        Joined to `a` along `axis` first; numbers stand for a slice of them.

    Raises
    ------
    ValueError
        If `n` is negative, or `a` has no axes.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.diff(ndgpu.asarray([1, 4, 9]))
    array([3, 5])
    """
    if n == 0:
        return asarray(a)
    if n < 0:
        raise ValueError(f"order must be non-negative but got {n!r}")
    a = asarray(a)
    if a.ndim == 0:
        raise ValueError("diff requires input that is at least one dimensional")
    axis = layout.normalize_axis(axis, a.ndim)
    parts = [a]
    for place, extra in ((0, prepend), (len(parts) + 1, append)):
        if extra is not np._NoValue:
            extra = asarray(extra)
            if extra.ndim == 0:
                shape = tuple([1 if k == axis else m for k, m in enumerate(a._shape)])
                extra = views.broadcast_to(extra, shape)
            parts.insert(place, extra)
    if len(parts) > 1:
        a = concatenate(parts, axis)
    operation = TABLE["not_equal" if a._dtype.kind == "b" else "subtract"]
    for _ in range(n):
        a = operation(a[_at(axis, slice(1, None))], a[_at(axis, slice(None, -1))])
    return a


def ediff1d(ary: Any, to_end: Any = None, to_begin: Any = None) -> ndarray:
    """Return the differences of neighbours of the flat array, with values around them.

    Raises
    ------
    TypeError
        If the values around cannot be cast to the array's dtype.
    """
    a = views.ravel(asarray(ary))
    parts = [a[1:] - a[:-1] if a._size else a]
    for place, extra, name in ((1, to_end, "to_end"), (0, to_begin, "to_begin")):
        if extra is None:
            continue
        extra = extra if isinstance(extra, ndarray) else np.asanyarray(extra)
        if not np.can_cast(extra.dtype, a._dtype, casting="same_kind"):
            raise TypeError(
                f"dtype of `{name}` must be compatible with input `ary` under the `same_kind` rule."
            )
        parts.insert(place, casts.astype(views.ravel(asarray(extra)), a._dtype, copy=False))
    return concatenate(parts) if len(parts) > 1 else parts[0]


def _spacing(f: ndarray, given: tuple[Any, ...], axes: tuple[int, ...]) -> list[Any]:
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError("invalid number of arguments")
    result: list[Any] = []
    for axis, distances in zip(axes, given, strict=True):
        if np.ndim(distances) == 0:
            result.append(distances)
            continue
        if np.ndim(distances) != 1:
            raise ValueError("distances must be either scalars or 1d")
        places = asarray(distances)
        if places._size != f._shape[axis]:
            raise ValueError(
                "when 1d, distances must match the length of the corresponding dimension"
            )
        if places._dtype.kind in "iu":
            places = casts.astype(places, np.float64)
        result.append(diff(places))
    return result


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Return the gradient by central differences, one-sided at the ends.

    Parameters
    ----------
    f : array-like
    *varargs : number or array-like
        Spacing of the samples: one for all axes, or one for each; an array gives their places.
    axis : int or tuple of int, optional
    edge_order : {1, 2}
        Order of the differences at the ends.

    Returns
    -------
    ndarray or tuple of ndarray
        One for each axis.

    Raises
    ------
    ValueError
        If an axis is too short, or `edge_order` is above 2.
    TypeError
        If the number of spacings is neither one nor that of axes.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.gradient(ndgpu.asarray([1.0, 2.0, 4.0]))
    array([1. , 1.5, 2. ])
    """
    f = asarray(f)
    axes = (
        tuple(range(f.ndim))
        if axis is None
        else tuple([layout.normalize_axis(k, f.ndim) for k in np.atleast_1d(axis)])
    )
    steps = _spacing(f, varargs, axes)
    if edge_order > 2:
        raise ValueError("'edge_order' greater than 2 not supported")
    if f._dtype.kind in "iu":
        f = casts.astype(f, np.float64)
    results = []
    for k, step in zip(axes, steps, strict=True):
        if f._shape[k] < edge_order + 1:
            raise ValueError(
                "Shape of array too small to calculate a numerical gradient, at least "
                "(edge_order + 1) elements are required."
            )
        results.append(_gradient(f, k, step, edge_order))
    return results[0] if len(results) == 1 else tuple(results)


def _gradient(f: ndarray, axis: int, step: Any, edge_order: int) -> ndarray:
    result = allocate(f._shape, f._dtype)

    def part(start: Any, stop: Any = None) -> ndarray:
        return f[_at(axis, slice(start, stop))]

    uniform = not isinstance(step, ndarray)
    n = f._shape[axis]
    if uniform:
        inside = (part(2) - part(0, n - 2)) / (2.0 * step)
    else:
        shape = tuple([-1 if k == axis else 1 for k in range(f.ndim)])
        before, after = step[:-1], step[1:]
        left = views.reshape(-after / (before * (before + after)), shape)
        middle = views.reshape((after - before) / (before * after), shape)
        right = views.reshape(before / (after * (before + after)), shape)
        inside = left * part(0, n - 2) + middle * part(1, n - 1) + right * part(2)
    result[_at(axis, slice(1, n - 1))] = inside
    first, last = (step, step) if uniform else (step[0], step[-1])
    if edge_order == 1:
        result[_at(axis, slice(0, 1))] = (part(1, 2) - part(0, 1)) / first
        result[_at(axis, slice(n - 1, n))] = (part(n - 1) - part(n - 2, n - 1)) / last
        return result
    if uniform:
        a, b, c = -1.5 / step, 2.0 / step, -0.5 / step
        left, middle, right = 0.5 / step, -2.0 / step, 1.5 / step
    else:
        p, q = step[0], step[1]
        a, b, c = -(2.0 * p + q) / (p * (p + q)), (p + q) / (p * q), -p / (q * (p + q))
        p, q = step[-2], step[-1]
        left, middle = q / (p * (p + q)), -(q + p) / (p * q)
        right = (2.0 * q + p) / (q * (p + q))
    result[_at(axis, slice(0, 1))] = a * part(0, 1) + b * part(1, 2) + c * part(2, 3)
    result[_at(axis, slice(n - 1, n))] = (
        left * part(n - 3, n - 2) + middle * part(n - 2, n - 1) + right * part(n - 1)
    )
    return result


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> ndarray:
    """Return the integral along an axis by the trapezoidal rule.

    Parameters
    ----------
    y : array-like
    x : array-like, optional
        Places of the samples.
    dx : number
        Their distance, if `x` is None.
    axis : int

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.trapezoid(ndgpu.asarray([1, 2, 3]))
    array(4.)
    """
    y = asarray(y)
    axis = layout.normalize_axis(axis, y.ndim)
    step = dx
    if x is not None:
        x = asarray(x)
        step = diff(x) if x.ndim == 1 else diff(x, axis=axis)
        if x.ndim == 1:
            step = views.reshape(step, tuple([-1 if k == axis else 1 for k in range(y.ndim)]))
    total = y[_at(axis, slice(1, None))] + y[_at(axis, slice(None, -1))]
    return (step * total / 2.0).sum(axis)


def unwrap(p: Any, discont: Any = None, axis: int = -1, *, period: Any = 6.283185307179586) -> Any:
    """Return the array with jumps above half a period taken out.

    Parameters
    ----------
    p : array-like
    discont : number, optional
        Jumps below it stay; half the period by default.
    axis : int
    period : number
    """
    p = asarray(p)
    axis = layout.normalize_axis(axis, p.ndim)
    jumps = diff(p, axis=axis)
    if discont is None:
        discont = period / 2
    dtype = np.result_type(jumps._dtype, period)
    integral = np.issubdtype(dtype, np.integer)
    high, remainder = divmod(period, 2) if integral else (period / 2, 0)
    low = -high
    modulo = TABLE["remainder"](jumps - low, period) + low
    if not integral or remainder == 0:
        modulo[(modulo == low) & (jumps > 0)] = high
    correction = modulo - jumps
    correction[TABLE["absolute"](jumps) < discont] = 0
    result = casts.astype(p, dtype, "C")
    section = _at(axis, slice(1, None))
    result[section] = p[section] + scans.cumsum(correction, axis)
    return result


def _cumulative(
    function: Any, initial: Any, x: Any, axis: Any, dtype: Any, out: Any, include_initial: bool
) -> ndarray:
    x = atleast_1d(asarray(x))
    if axis is None:
        if x.ndim != 1:
            raise ValueError(
                "For arrays which have more than one dimension ``axis`` argument is required."
            )
        axis = 0
    axis = layout.normalize_axis(axis, x.ndim)
    if not include_initial:
        return function(x, axis, dtype, out)
    result = function(x, axis, dtype)
    shape = tuple([1 if k == axis else n for k, n in enumerate(x._shape)])
    first = allocate(shape, result._dtype)
    casts.fill(first, initial)
    return concatenate([first, result], axis, out=out)


def cumulative_sum(
    x: Any,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> ndarray:
    """Return the running sum along an axis, as the array API has it.

    Parameters
    ----------
    x : array-like
        With several axes, `axis` must be given.
    axis, dtype, out
        As for `cumsum`.
    include_initial : bool
        Whether the result begins with 0.

    Raises
    ------
    ValueError
        If `axis` is missing and `x` has several.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cumulative_sum(ndgpu.asarray([1, 2]), include_initial=True)
    array([0, 1, 3])
    """
    return _cumulative(scans.cumsum, 0, x, axis, dtype, out, include_initial)


def cumulative_prod(
    x: Any,
    /,
    *,
    axis: int | None = None,
    dtype: Any = None,
    out: Any = None,
    include_initial: bool = False,
) -> ndarray:
    """Return the running product along an axis; parameters as for `cumulative_sum`."""
    return _cumulative(scans.cumprod, 1, x, axis, dtype, out, include_initial)
