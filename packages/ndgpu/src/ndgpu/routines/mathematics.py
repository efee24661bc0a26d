"""Elementwise functions that are no ufuncs, and small compositions of ufuncs."""

from __future__ import annotations

import functools
import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = [
    "angle",
    "around",
    "average",
    "clip",
    "fix",
    "imag",
    "nan_to_num",
    "real",
    "round",
    "trace",
]


@functools.cache
def _clip_kernel(kinds: tuple[Any, ...], loop: np.dtype, target: np.dtype) -> Elementwise:
    computed = compute_dtype(loop)
    operands = [Operand("x", kinds[0], "in", computed)]
    code = "x"
    for name, function, kind in (("low", "maximum", kinds[1]), ("high", "minimum", kinds[2])):
        if kind is None:
            continue
        scalar = isinstance(kind, type)
        operands.append(
            Operand(name, loop if scalar else kind, "scalar" if scalar else "in", computed)
        )
        code = f"ndgpu::{function}({code}, {name})"
    operands.append(Operand("y", target, "out", computed))
    return Elementwise("ndgpu_clip", operands, f"y = {code};", headers=("math",))


def clip(
    a: Any,
    a_min: Any = None,
    a_max: Any = None,
    out: ndarray | None = None,
    *,
    min: Any = None,
    max: Any = None,
    dtype: Any = None,
    casting: Any = "same_kind",
) -> ndarray:
    """Return the elements, those below or above bounds replaced by the bound.

    Parameters
    ----------
    a : array-like
    a_min, a_max : number or array-like, optional
        The bounds; None is no bound. `min` and `max` are other names.
    out : ndarray, optional
        Where to put the result; may be `a`.

    Raises
    ------
    OverflowError
        If a bound is a Python integer that the dtype cannot hold.
    ValueError
        If a bound is given by both of its names.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.clip(ndgpu.arange(5), 1, 3)
    array([1, 1, 2, 3, 3])
    """
    if (a_min is not None and min is not None) or (a_max is not None and max is not None):
        raise ValueError(
            "Passing `min` or `max` keyword argument when `a_min` and `a_max` are provided is "
            "forbidden."
        )
    a = asarray(a)
    bounds = [a_min if min is None else min, a_max if max is None else max]
    for k, bound in enumerate(bounds):
        if isinstance(bound, (list, tuple, np.ndarray)):
            bounds[k] = asarray(bound)
    if a._dtype.kind in "iu":
        # A bound beyond what the dtype can hold is no bound.
        info = np.iinfo(a._dtype)
        if type(bounds[0]) is int and bounds[0] < info.min:
            bounds[0] = None
        if type(bounds[1]) is int and bounds[1] > info.max:
            bounds[1] = None
    asked = [b._dtype if isinstance(b, ndarray) else b for b in bounds if b is not None]
    loop = as_dtype(np.result_type(a._dtype, *asked) if dtype is None else dtype)
    kinds = (
        a._dtype,
        *[None if b is None else b._dtype if isinstance(b, ndarray) else type(b) for b in bounds],
    )
    arrays = [a, *[b for b in bounds if isinstance(b, ndarray)]]
    shape = layout.broadcast_shape([b._shape for b in arrays])
    if out is None:
        result = (
            casts.allocate_in_order(shape, loop, a, "K")
            if shape == a._shape
            else allocate(shape, loop)
        )
    else:
        result = out
        if out._shape != shape:
            raise ValueError(f"clip: `out` has shape {out._shape}, the result has {shape}")
        if not np.can_cast(loop, out._dtype, casting):
            raise TypeError(
                f"Cannot cast ufunc 'clip' output from {loop!r} to {out._dtype!r} with casting "
                f"rule '{casting}'"
            )
        if any(casts.overlaps(out, b) and not casts.same_memory(out, b) for b in arrays):
            result = allocate(shape, out._dtype)
    kernel = _clip_kernel(kinds, loop, result._dtype)
    kernel.launch([a, *[b for b in bounds if b is not None], result], shape)
    if out is not None and result is not out:
        casts.copy_into(out, result)
        return out
    return result


def around(a: Any, decimals: int = 0, out: ndarray | None = None) -> ndarray:
    """Return the elements rounded to even at a number of decimals.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.around(ndgpu.asarray([0.5, 1.5, 2.5]))
    array([0., 2., 2.])
    """
    a = asarray(a)
    decimals = operator.index(decimals)
    if a._dtype.kind == "b":
        rounded = casts.astype(a, np.float16)
    elif a._dtype.kind in "iu":
        if decimals >= 0:
            rounded = casts.copy(a)
        else:
            scale = 10**-decimals
            if scale > np.iinfo(a._dtype).max:
                scale = float(scale)  # every element is less than half of it, or rounds as float
            quotient = TABLE["rint"](TABLE["divide"](a, scale))
            rounded = casts.astype(TABLE["multiply"](quotient, scale), a._dtype)
    elif decimals == 0:
        return TABLE["rint"](a) if out is None else TABLE["rint"](a, out=out)
    else:
        first, second = ("multiply", "divide") if decimals > 0 else ("divide", "multiply")
        scale = float(10 ** abs(decimals))
        rounded = TABLE[first](a, scale)
        TABLE["rint"](rounded, out=rounded)
        TABLE[second](rounded, scale, out=rounded)
    if out is None:
        return rounded
    casts.copy_into(out, rounded)
    return out


round = around


def fix(x: Any, out: ndarray | None = None) -> ndarray:
    """Return the elements rounded towards zero."""
    return TABLE["trunc"](asarray(x), out=out)


def real(val: Any) -> ndarray:
    """Return the real part, a view."""
    return asarray(val).real


def imag(val: Any) -> ndarray:
    """Return the imaginary part, a view of a complex array, else zeros."""
    return asarray(val).imag


def angle(z: Any, deg: bool = False) -> ndarray:
    """Return the angle of complex numbers, in radians or degrees."""
    z = asarray(z)
    result = TABLE["arctan2"](z.imag, z.real)
    return TABLE["degrees"](result) if deg else result


def nan_to_num(
    x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None
) -> ndarray:
    """Return the elements with NaN and infinities replaced by finite numbers.

    Parameters
    ----------
    x : array-like
    copy : bool
        Whether `x` stays as it is.
    nan : number
        Instead of NaN.
    posinf, neginf : number, optional
        Instead of the infinities; the largest and smallest finite numbers by default.
    """
    result = casts.copy(asarray(x), "K") if copy else asarray(x)
    parts = [result.real, result.imag] if result._dtype.kind == "c" else [result]
    if result._dtype.kind in "biu":
        return result
    for part in parts:
        info = np.finfo(part._dtype)
        high = info.max if posinf is None else posinf
        low = info.min if neginf is None else neginf
        is_infinite = TABLE["isinf"](part)
        positive = TABLE["logical_and"](is_infinite, TABLE["greater"](part, 0))
        negative = TABLE["logical_and"](is_infinite, TABLE["less"](part, 0))
        for mask, value in ((TABLE["isnan"](part), nan), (positive, high), (negative, low)):
            part[mask] = value
    return result


def trace(
    a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None, out: Any = None
) -> ndarray:
    """Return the sum along the diagonals of two axes."""
    return views.diagonal(asarray(a), offset, axis1, axis2).sum(-1, dtype, out)


def average(
    a: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False
) -> Any:
    """Return the weighted mean over some axes.

    Parameters
    ----------
    a : array-like
    axis : int or tuple of int, optional
    weights : array-like, optional
        Of the shape of `a`, or one per element along `axis`.
    returned : bool
        Whether to return the sum of weights too.

    Raises
    ------
    TypeError, ValueError
        If `weights` has another shape.
    """
    a = asarray(a)
    if weights is None:
        result = a.mean(axis, keepdims=keepdims)
        total: Any = a._size / max(result._size, 1)
        if returned:
            total = views.broadcast_to(asarray(total, result._dtype), result._shape)
    else:
        weights = asarray(weights)
        if weights._shape != a._shape:
            if axis is None:
                raise TypeError("Axis must be specified when shapes of a and weights differ.")
            axes = layout.normalize_axes(axis, a.ndim)
            if weights._shape != tuple(a._shape[k] for k in axes):
                raise ValueError(
                    "Shape of weights must be consistent with shape of a along specified axis."
                )
            weights = views.reshape(
                weights, tuple(n if k in axes else 1 for k, n in enumerate(a._shape))
            )
            weights = views.broadcast_to(weights, a._shape)
        kind = np.result_type(
            a._dtype, weights._dtype, *([float] if a._dtype.kind in "iub" else [])
        )
        total = weights.sum(axis, kind, keepdims=keepdims)
        products = TABLE["multiply"](a, weights, dtype=kind)
        result = products.sum(axis, keepdims=keepdims) / total
    return (result, total) if returned else result
