"""New arrays: empty, zeros, ones, full, arange, linspace, eye and their kin.

Guarantees: the array is made on the current device by one or two launches; no
elements are copied from the host.
"""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.placement import placed
from ndgpu.core.transfer import array, asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = [
    "arange",
    "asanyarray",
    "ascontiguousarray",
    "asfortranarray",
    "copy",
    "diag",
    "empty",
    "empty_like",
    "eye",
    "full",
    "full_like",
    "identity",
    "linspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tri",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


@placed()
def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return a new array whose elements are not set.

    Parameters
    ----------
    shape : int or sequence of int
    dtype : dtype-like, default float64
    order : {'C', 'F'}

    Raises
    ------
    ValueError
        For a negative dimension or an unknown order.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.empty((2, 3)).shape
    (2, 3)
    """
    shape, dtype = layout.as_shape(shape), as_dtype(dtype)
    return allocate(shape, dtype) if order == "C" else ndarray(shape, dtype, order=order)


@placed()
def full(shape: Any, fill_value: Any, dtype: Any = None, order: str = "C") -> ndarray:
    """Return a new array with every element `fill_value`.

    Parameters
    ----------
    shape : int or sequence of int
    fill_value : number or array-like
        Broadcast to `shape`.
    dtype : dtype-like, optional
        That of `fill_value` by default.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.full((2,), 7)
    array([7, 7])
    """
    if dtype is None:
        if not isinstance(fill_value, ndarray):
            fill_value = np.asarray(fill_value)
        dtype = fill_value.dtype
    result = empty(shape, dtype, order)
    result[...] = fill_value if not isinstance(fill_value, np.ndarray) else asarray(fill_value)
    return result


@placed()
def zeros(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return a new array of zeros.

    Parameters
    ----------
    shape : int or sequence of int
    dtype : dtype-like, default float64
    order : {'C', 'F'}

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.zeros(3, dtype="i4")
    array([0, 0, 0], dtype=int32)
    """
    result = empty(shape, dtype, order)
    result._data.memset_async(0, result.nbytes)
    return result


@placed()
def ones(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    """Return a new array of ones; parameters as for `zeros`."""
    result = empty(shape, dtype, order)
    casts.fill(result, 1)
    return result


@placed(like=False)
def empty_like(
    prototype: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> ndarray:
    """Return a new array with the shape, dtype and axis order of `prototype`, not set."""
    prototype = asarray(prototype)
    dtype = prototype._dtype if dtype is None else as_dtype(dtype)
    if shape is None:
        shape = prototype._shape
    else:
        shape = layout.as_shape(shape)
        if len(shape) != prototype.ndim and order in ("K", "A"):
            order = "C"
    return casts.allocate_in_order(shape, dtype, prototype, order)


@placed(like=False)
def zeros_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> ndarray:
    """Return zeros with the shape, dtype and axis order of `a`."""
    result = empty_like(a, dtype, order, subok, shape)
    result._data.memset_async(0, result.nbytes)
    return result


@placed(like=False)
def ones_like(
    a: Any, dtype: Any = None, order: str = "K", subok: bool = True, shape: Any = None
) -> ndarray:
    """Return ones with the shape, dtype and axis order of `a`."""
    result = empty_like(a, dtype, order, subok, shape)
    casts.fill(result, 1)
    return result


@placed(like=False)
def full_like(
    a: Any,
    fill_value: Any,
    dtype: Any = None,
    order: str = "K",
    subok: bool = True,
    shape: Any = None,
) -> ndarray:
    """Return an array of `fill_value` with the shape, dtype and axis order of `a`."""
    result = empty_like(a, dtype, order, subok, shape)
    result[...] = fill_value
    return result


@functools.cache
def _ramp_kernel(dtype: np.dtype) -> Elementwise:
    kind = compute_dtype(dtype)
    number = np.dtype(np.int64) if kind.kind in "iub" else kind
    index = convert("i", np.dtype(np.int64), number)
    return Elementwise(
        "ndgpu_ramp",
        (
            Operand("start", number, "scalar"),
            Operand("step", number, "scalar"),
            Operand("y", dtype, "out"),
        ),
        f"y = {convert(f'start + {index} * step', number, dtype)};",
        # Rounded twice, as NumPy's is: a fused multiply-add would differ in the last bit.
        options=("--fmad=false",),
    )


@placed()
def arange(start: Any, stop: Any = None, step: Any = 1, dtype: Any = None) -> ndarray:
    """Return numbers from `start` up to, but not including, `stop`.

    Parameters
    ----------
    start, stop, step : number
        With one argument, it is `stop`, and `start` is 0.
    dtype : dtype-like, optional
        As NumPy chooses by default.

    Raises
    ------
    ZeroDivisionError
        If `step` is 0.
    ValueError
        If a bound is NaN, or there would be too many elements.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.arange(2, 10, 3)
    array([2, 5, 8])
    """
    if stop is None:
        start, stop = 0, start
    numbers = [v.item() if isinstance(v, ndarray) else v for v in (start, stop, step)]
    if step is None:
        numbers[2] = 1
    start, stop, step = numbers
    if dtype is None:
        # NumPy promotes from int64 here, and no number is weak.
        dtype = np.result_type(np.int64, *[np.asarray(v).dtype for v in numbers])
    kind = as_dtype(dtype)
    if step == 0:
        raise ZeroDivisionError("division by zero")
    span = (stop - start) / step
    if isinstance(span, complex):
        count = max(math.ceil(min(span.real, span.imag)), 0)
    else:
        if math.isnan(span):
            raise ValueError("arange: cannot compute length")
        if math.isinf(span):
            raise ValueError("Maximum allowed size exceeded")
        count = max(math.ceil(span), 0)
    if kind.kind == "b":
        if count > 2:
            raise TypeError(
                "arange() is only supported for booleans when the result has at most length 2."
            )
        return array(np.arange(start, stop, step, dtype=kind))
    result = allocate((count,), kind)
    if count:
        # The step that NumPy takes is the difference of the first two elements as they are stored.
        first, second = (np.asarray(v).astype(kind) for v in (start, start + step))
        computed = compute_dtype(kind)
        if computed.kind in "iu":
            start, step = int(first), int(second) - int(first)
            if kind.kind == "u":
                start, step = (v - (1 << 64) if v >= 1 << 63 else v for v in (start, step))
        else:
            start = first.astype(computed)[()]
            step = second.astype(computed)[()] - start
        _ramp_kernel(kind).launch([start, step, result], result._shape)
    return result


@placed(like=False)
def linspace(
    start: Any,
    stop: Any,
    num: int = 50,
    endpoint: bool = True,
    retstep: bool = False,
    dtype: Any = None,
    axis: int = 0,
) -> Any:
    """Return `num` evenly spaced numbers from `start` to `stop`.

    Parameters
    ----------
    start, stop : number or array-like
    num : int
        How many.
    endpoint : bool
        Whether `stop` is the last one.
    retstep : bool
        Whether to return the spacing too.
    dtype : dtype-like, optional
    axis : int
        Where the numbers lie if `start` or `stop` is an array.

    Raises
    ------
    ValueError
        If `num` is negative.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.linspace(0, 1, 5)
    array([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    num = operator.index(num)
    if num < 0:
        raise ValueError(f"Number of samples, {num}, must be non-negative.")
    intervals = num - 1 if endpoint else num
    arrays = [v for v in (start, stop) if isinstance(v, (ndarray, np.ndarray, list, tuple))]
    if arrays:
        start, stop = (v if np.isscalar(v) else asarray(v) for v in (start, stop))
        delta = TABLE["subtract"](TABLE["multiply"](stop, 1.0), start)
        numbers = views.reshape(arange(0, num, dtype=delta.dtype), (-1,) + (1,) * delta.ndim)
        step = delta / intervals if intervals > 0 else full_like(delta, np.nan)
        result = TABLE["add"](TABLE["multiply"](numbers, step if intervals > 0 else delta), start)
        if endpoint and num > 1:
            result[-1] = stop
        result = views.moveaxis(result, 0, axis)
        if dtype is not None:
            dtype = as_dtype(dtype)
            if dtype.kind in "iu":
                result = TABLE["floor"](result)
            result = casts.astype(result, dtype, copy=False)
        return (result, step) if retstep else result
    start, stop = np.asarray(start) * 1.0, np.asarray(stop) * 1.0
    kind = np.result_type(start, stop, float(num))
    delta = np.subtract(stop, start, dtype=kind)
    step = delta / intervals if intervals > 0 else np.nan
    target = as_dtype(kind if dtype is None else dtype)
    result = allocate((num,), target)
    if num:
        if intervals > 0 and step == 0:
            # So small a distance that its part is zero: NumPy divides before it multiplies.
            values = np.linspace(start, stop, num, endpoint, dtype=target)
            return (asarray(values), step) if retstep else asarray(values)
        _linspace_kernel(as_dtype(kind), target).launch(
            [start[()], step if intervals > 0 else delta, stop[()], num if endpoint else 0, result],
            result._shape,
        )
    return (result, step) if retstep else result


@functools.cache
def _linspace_kernel(kind: np.dtype, target: np.dtype) -> Elementwise:
    wide = compute_dtype(kind)

    def stored(text: str, source: np.dtype) -> str:
        """Rounded to `kind`, as NumPy does at each step, for what is calculated next."""
        return f"({convert(f'({convert(text, source, kind)})', kind, wide)})"

    number = stored("i", np.dtype(np.int64))
    part = stored(f"({number} * {stored('step', kind)})", wide)
    value = f"i == last - 1 && i > 0 ? {stored('stop', kind)} : " + stored(
        f"({part} + {stored('start', kind)})", wide
    )
    rounded = f"floor({value})" if target.kind in "iu" and kind.kind == "f" else f"({value})"
    return Elementwise(
        "ndgpu_linspace",
        (
            Operand("start", kind, "scalar"),
            Operand("step", kind, "scalar"),
            Operand("stop", kind, "scalar"),
            Operand("last", np.dtype(np.int64), "scalar"),
            Operand("y", target, "out"),
        ),
        f"y = {convert(rounded, wide, target)};",
        options=("--fmad=false",),
    )


@placed()
def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float, order: str = "C") -> ndarray:
    """Return an array of zeros with ones on a diagonal.

    Parameters
    ----------
    N, M : int
        Rows and columns; square by default.
    k : int
        Which diagonal: above the main one if positive.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.eye(2, dtype=int)
    array([[1, 0],
           [0, 1]])
    """
    result = zeros((N, N if M is None else M), dtype, order)
    diagonal = views.diagonal(result, k)
    if diagonal._size:
        casts.fill(diagonal, 1)
    return result


@placed()
def identity(n: int, dtype: Any = None) -> ndarray:
    """Return the square identity array."""
    return eye(n, dtype=float if dtype is None else dtype)


def diag(v: Any, k: int = 0) -> ndarray:
    """Return a diagonal of a matrix (a copy), or the matrix with that diagonal.

    Raises
    ------
    ValueError
        If `v` has neither one nor two axes.
    """
    v = asarray(v)
    if v.ndim == 1:
        n = v._size + abs(k)
        result = zeros((n, n), v._dtype)
        views.diagonal(result, k)[...] = v
        return result
    if v.ndim == 2:
        return casts.copy(views.diagonal(v, k))
    raise ValueError("Input must be 1- or 2-d.")


@placed()
def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> ndarray:
    """Return an array with ones at and below a diagonal, zeros above."""
    rows = views.reshape(arange(N), (-1, 1))
    columns = arange(-k, (N if M is None else M) - k)
    return casts.astype(TABLE["greater_equal"](rows, columns), dtype)


def tril(m: Any, k: int = 0) -> ndarray:
    """Return a copy of `m` with zeros above a diagonal of its last two axes."""
    m = asarray(m)
    return _masked(m, tri(*m._shape[-2:], k=k, dtype=bool))


def triu(m: Any, k: int = 0) -> ndarray:
    """Return a copy of `m` with zeros below a diagonal of its last two axes."""
    m = asarray(m)
    return _masked(m, TABLE["logical_not"](tri(*m._shape[-2:], k=k - 1, dtype=bool)))


def _masked(m: ndarray, mask: ndarray) -> ndarray:
    result = zeros(layout.broadcast_shape([m._shape, mask._shape]), m._dtype)
    TABLE["positive" if m._dtype.kind != "b" else "logical_or"](
        *((m,) if m._dtype.kind != "b" else (m, m)), out=result, where=mask
    )
    return result


def meshgrid(*xi: Any, copy: bool = True, sparse: bool = False, indexing: str = "xy") -> Any:
    """Return coordinate arrays from coordinate vectors, as `numpy.meshgrid`.

    Raises
    ------
    ValueError
        If `indexing` is neither ``'xy'`` nor ``'ij'``.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError("Valid values for `indexing` are 'xy' and 'ij'.")
    ndim = len(xi)
    grids = [
        views.reshape(asarray(x), (1,) * k + (-1,) + (1,) * (ndim - k - 1))
        for k, x in enumerate(xi)
    ]
    if indexing == "xy" and ndim > 1:
        grids[0] = views.reshape(grids[0], (1, -1) + (1,) * (ndim - 2))
        grids[1] = views.reshape(grids[1], (-1, 1) + (1,) * (ndim - 2))
    if not sparse:
        shape = layout.broadcast_shape([g._shape for g in grids]) if grids else ()
        grids = [views.broadcast_to(g, shape) for g in grids]
    return tuple(casts.copy(g) for g in grids) if copy else tuple(grids)


def ascontiguousarray(a: Any, dtype: Any = None, *, like: Any = None) -> ndarray:
    """Return `a` as a C-contiguous device array of at least one axis."""
    return array(a, dtype, copy=None, order="C", ndmin=1)


def asfortranarray(a: Any, dtype: Any = None, *, like: Any = None) -> ndarray:
    """Return `a` as a Fortran-contiguous device array of at least one axis."""
    return array(a, dtype, copy=None, order="F", ndmin=1)


def asanyarray(
    a: Any,
    dtype: Any = None,
    order: str = "K",
    *,
    device: Any = None,
    copy: bool | None = None,
    like: Any = None,
    blocking: bool = False,
) -> ndarray:
    """Return `a` as a device array; the same as `asarray`."""
    return asarray(a, dtype, order, device=device, copy=copy)


def copy(a: Any, order: str = "K", subok: bool = False) -> ndarray:
    """Return a copy of `a`."""
    return array(a, order=order)
