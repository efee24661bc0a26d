"""Running totals along an axis: cumsum, cumprod and what ``ufunc.accumulate`` needs.

Guarantees: NumPy's dtypes, shapes and errors; one or two launches (and a copy where
the array is not C-contiguous); nothing waits for the device. Floating-point sums are
grouped in chunks, so the last digits may differ from adding one by one. float16 and
bfloat16 are added up in float32.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ndgpu.core import casts, layout, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.reducing import finish
from ndgpu.core.transfer import asarray
from ndgpu.kernels.scan import Scan

__all__ = ["cumprod", "cumsum", "nancumprod", "nancumsum", "scan_with"]


@functools.cache
def _kernel(name: str, source: np.dtype, loop: np.dtype, skip_nan: bool) -> Scan:
    operator, identity = ("+", "0") if name == "cumsum" else ("*", "1")
    return Scan(
        f"ndgpu_{name}",
        source,
        compute_dtype(loop),
        loop,
        f"x0 {operator} x1",
        f"ndgpu::isnan_(x) ? T({identity}) : x" if skip_nan else "x",
        headers=("math",) if skip_nan else (),
    )


def scan_with(kernel: Scan, a: ndarray, axis: int, dtype: np.dtype) -> ndarray:
    """Return `a` scanned along `axis` by a kernel whose results are of `dtype`."""
    result = allocate(a._shape, dtype)
    source = a if a._c_contiguous else casts.copy(a)
    shape = a._shape
    kernel.launch(source, result, (prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])))
    return result


@functools.cache
def _loop(dtype: np.dtype, name: str) -> np.dtype:
    return as_dtype(getattr(np, name)(np.zeros(1, dtype)).dtype)


def _cumulative(
    name: str, a: Any, axis: Any, dtype: Any, out: ndarray | None, skip_nan: bool = False
) -> ndarray:
    a = asarray(a)
    if axis is None:
        a, axis = views.ravel(a), 0
    elif a.ndim == 0:
        layout.normalize_axes(axis, 0)
        a = views.reshape(a, (1,))
        axis = 0
    axis = layout.normalize_axis(axis, a.ndim)
    if dtype is not None:
        loop = as_dtype(dtype)
    elif out is not None:
        loop = as_dtype(np.result_type(a._dtype, out._dtype))
    else:
        loop = _loop(a._dtype, name)
    if out is not None and out._shape != a._shape:
        raise ValueError(f"{name}: `out` has shape {out._shape}, the result has shape {a._shape}")
    kernel = _kernel(name, a._dtype, loop, skip_nan and a._dtype.kind in "fcV")
    return finish(scan_with(kernel, a, axis, loop), out)


def cumsum(a: Any, axis: Any = None, dtype: Any = None, out: ndarray | None = None) -> ndarray:
    """Return the running sum of the elements along an axis.

    Parameters
    ----------
    a : array-like
    axis : int, optional
        The elements in C order by default.
    dtype : dtype-like, optional
        Type to add in and of the result; 64-bit for smaller integers by default.
    out : ndarray, optional
        Where to put the result.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.
    ValueError
        If `out` has another shape.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cumsum(ndgpu.asarray([1, 2, 3]))
    array([1, 3, 6])
    """
    return _cumulative("cumsum", a, axis, dtype, out)


def cumprod(a: Any, axis: Any = None, dtype: Any = None, out: ndarray | None = None) -> ndarray:
    """Return the running product of the elements along an axis; parameters as for `cumsum`."""
    return _cumulative("cumprod", a, axis, dtype, out)


def nancumsum(a: Any, axis: Any = None, dtype: Any = None, out: ndarray | None = None) -> ndarray:
    """Return the running sum along an axis, NaN counted as zero; parameters as for `cumsum`."""
    return _cumulative("cumsum", a, axis, dtype, out, True)


def nancumprod(a: Any, axis: Any = None, dtype: Any = None, out: ndarray | None = None) -> ndarray:
    """Return the running product along an axis, NaN counted as one; parameters as for `cumsum`."""
    return _cumulative("cumprod", a, axis, dtype, out, True)
