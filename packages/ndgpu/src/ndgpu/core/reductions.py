"""Reductions: sum, prod, min, max, any, all, argmin, argmax, count_nonzero.

Guarantees: NumPy's dtypes, shapes and errors; ``axis`` may be a tuple; nothing
waits for the device.  `ndgpu.core.reducing` makes them; means and variances are in
`ndgpu.core.moments`.
"""

from __future__ import annotations

import functools
from math import prod as _product
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import layout
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.reducing import finish, make_result, run, run_from
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Operand
from ndgpu.kernels.reduction import Reduction

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "finish",
    "max",
    "min",
    "prod",
    "ptp",
    "run",
    "sum",
]

_BOOL, _INT64 = np.dtype(bool), np.dtype(np.int64)


@functools.cache
def _sum_dtype(dtype: np.dtype) -> np.dtype:
    return as_dtype(np.add.reduce(np.zeros(1, dtype)).dtype)


def _accumulator(a: ndarray, dtype: Any, out: Any) -> np.dtype:
    """The dtype in which to add up: NumPy's choice, or what holds both elements and `out`."""
    if dtype is not None:
        return as_dtype(dtype)
    return _sum_dtype(a._dtype) if out is None else _with_out(a, out)


def _with_out(a: ndarray, out: Any) -> np.dtype:
    out = out[0] if isinstance(out, tuple) else out
    # What is no array is refused later, by name.
    return as_dtype(np.result_type(a._dtype, out._dtype)) if isinstance(out, ndarray) else a._dtype


def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the sum of the elements over some axes.

    Parameters
    ----------
    a : array-like
    axis : int or tuple of int, optional
        Axes to reduce; all by default.
    dtype : dtype-like, optional
        Type to add in and of the result; 64-bit for smaller integers by default.
    out : ndarray, optional
        Where to put the result.
    keepdims : bool
        Whether reduced axes stay, with length one.
    initial : number, optional
        Added to each sum.
    where : array of bool, optional
        Elements to include.

    Returns
    -------
    ndarray
        0-d if all axes are reduced.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.sum(ndgpu.ones((2, 3)), axis=1)
    array([3., 3.])
    """
    a = asarray(a)
    return run_from("sum", a, axis, _accumulator(a, dtype, out), out, keepdims, initial, where)


def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the product of the elements over some axes; parameters as for `sum`."""
    a = asarray(a)
    loop = _accumulator(a, dtype, out)
    return run_from("prod", a, axis, loop, out, keepdims, initial, where)


def max(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the largest element over some axes; NaN if there is one.

    Raises
    ------
    ValueError
        If there is no element and no `initial`.
    """
    a = asarray(a)
    return run_from("max", a, axis, _with_out(a, out), out, keepdims, initial, where)


def min(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the smallest element over some axes; NaN if there is one.

    Raises
    ------
    ValueError
        If there is no element and no `initial`.
    """
    a = asarray(a)
    return run_from("min", a, axis, _with_out(a, out), out, keepdims, initial, where)


def ptp(a: Any, axis: Any = None, out: ndarray | None = None, keepdims: bool = False) -> ndarray:
    """Return the largest less the smallest element over some axes."""
    a = asarray(a)
    high = max(a, axis, keepdims=keepdims)
    return TABLE["subtract"]._call((high, min(a, axis, keepdims=keepdims)), out)


def any(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> ndarray:
    """Return whether any element over some axes is not zero."""
    a = asarray(a)
    return run("any", a, axis, _BOOL, _BOOL, out, keepdims, where)


def all(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> ndarray:
    """Return whether all elements over some axes are not zero."""
    a = asarray(a)
    return run("all", a, axis, _BOOL, _BOOL, out, keepdims, where)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> ndarray:
    """Return how many elements over some axes are not zero, as int64."""
    a = asarray(a)
    return run("count_nonzero", a, axis, _BOOL, _INT64, None, keepdims)


@functools.cache
def _argument_kernel(name: str, source: np.dtype) -> Reduction:
    computed = compute_dtype(source)
    kind = f"ndgpu::Indexed<{ctype(computed)}>"
    return Reduction(
        f"ndgpu_{name}",
        (Operand("x", source, "in", computed),),
        Operand("z", _INT64, "out"),
        map_expr=f"{kind}{{x, _j}}",
        reduce_expr=f"ndgpu::{name}(a, b)",
        post_map_expr="z = a.index",
        reduce_type=kind,
        identity=None,
        fold_expr=f"ndgpu::{name}_next(a, b)",
    )


def _argument(name: str, a: Any, axis: Any, out: ndarray | None, keepdims: bool) -> ndarray:
    a = asarray(a)
    axes = tuple(range(a.ndim)) if axis is None else (layout.normalize_axis(axis, a.ndim or 1),)
    if a.ndim == 0:
        axes = ()
    count = _product([a._shape[k] for k in axes])
    if count == 0:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    given = make_result(name, a._shape, axes, _INT64, out, keepdims)
    result = (
        given
        if given._dtype == _INT64
        else make_result(name, a._shape, axes, _INT64, None, keepdims)
    )
    if result._size:
        _argument_kernel(name, a._dtype).launch([a], result, a._shape, axes)
    return finish(result, out)


def argmax(
    a: Any, axis: int | None = None, out: ndarray | None = None, *, keepdims: bool = False
) -> ndarray:
    """Return the index of the first largest element (or first NaN) over one axis, or all.

    Raises
    ------
    ValueError
        If there is no element.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.argmax(ndgpu.asarray([[1, 5, 2], [7, 0, 7]]), axis=1)
    array([1, 0])
    """
    return _argument("argmax", a, axis, out, keepdims)


def argmin(
    a: Any, axis: int | None = None, out: ndarray | None = None, *, keepdims: bool = False
) -> ndarray:
    """Return the index of the first smallest element (or first NaN) over one axis, or all.

    Raises
    ------
    ValueError
        If there is no element.
    """
    return _argument("argmin", a, axis, out, keepdims)
