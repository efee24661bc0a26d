"""Covariances and correlation coefficients of variables in rows."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from ndgpu.core import casts
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.linalg.product import matmul
from ndgpu.routines.creation import diag
from ndgpu.routines.joining import concatenate
from ndgpu.routines.manipulation import atleast_2d
from ndgpu.routines.mathematics import average, clip

__all__ = ["corrcoef", "cov"]


def cov(
    m: Any,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
    *,
    dtype: Any = None,
) -> ndarray:
    """Return the covariance matrix of variables.

    Parameters
    ----------
    m : array-like
        Variables in rows, observations in columns.
    y : array-like, optional
        More variables.
    rowvar : bool
        False: variables are in columns.
    bias : bool
        Whether to divide by the number of observations, not by one less.
    ddof : int, optional
        Instead of `bias`: what to take off the number.
    fweights, aweights : array-like, optional
        How often each observation counts, and its importance.
    dtype : dtype-like, optional

    Raises
    ------
    ValueError
        If an array has more than two axes, or `ddof` is no integer.
    RuntimeError
        If weights have another number than observations.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.cov(ndgpu.asarray([[0, 1, 2], [2, 1, 0]]))
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    if ddof is not None and ddof != int(ddof):
        raise ValueError("ddof must be integer")
    m = asarray(m)
    if m.ndim > 2:
        raise ValueError("m has more than 2 dimensions")
    if y is not None:
        y = asarray(y)
        if y.ndim > 2:
            raise ValueError("y has more than 2 dimensions")
    if dtype is None:
        others = [m._dtype, np.float64] + ([] if y is None else [y._dtype])
        dtype = np.result_type(*others)
    x = casts.astype(atleast_2d(m), as_dtype(dtype))
    if not rowvar and m.ndim != 1:
        x = x.T
    if x._shape[0] == 0:
        return matmul(x, x.T)
    if y is not None:
        rows = casts.astype(atleast_2d(y), as_dtype(dtype))
        x = concatenate([x, rows.T if not rowvar and rows._shape[0] != 1 else rows], 0)
    if ddof is None:
        ddof = 0 if bias else 1
    weights: Any = None
    if fweights is not None:
        repeats = asarray(fweights)
        if repeats._dtype.kind == "f" and bool((TABLE["rint"](repeats) != repeats).any()):
            raise TypeError("fweights must be integer")
        _check_weights("fweights", repeats, x)
        weights = casts.astype(repeats, np.float64)
    if aweights is not None:
        importance = casts.astype(asarray(aweights), np.float64)
        _check_weights("aweights", importance, x)
        weights = importance if weights is None else weights * importance
    mean, total = average(x, 1, weights, True)
    if weights is None:
        factor: Any = x._shape[1] - ddof
    elif ddof == 0:
        factor = total[0]
    elif aweights is None:
        factor = total[0] - ddof
    else:
        factor = total[0] - ddof * (weights * importance).sum() / total[0]
    if not isinstance(factor, ndarray) and factor <= 0:
        warnings.warn("Degrees of freedom <= 0 for slice", RuntimeWarning, stacklevel=2)
        factor = 0.0
    x = x - mean[:, None]
    right = x.T if weights is None else (x * weights).T
    product = matmul(x, TABLE["conjugate"](right))
    return TABLE["true_divide"](product, factor).squeeze()


def _check_weights(name: str, weights: ndarray, x: ndarray) -> None:
    if weights.ndim > 1:
        raise RuntimeError(f"cannot handle multidimensional {name}")
    if weights._shape[0] != x._shape[1]:
        raise RuntimeError(f"incompatible numbers of samples and {name}")
    if bool((weights < 0).any()):
        raise ValueError(f"{name} cannot be negative")


def corrcoef(x: Any, y: Any = None, rowvar: bool = True, *, dtype: Any = None) -> ndarray:
    """Return the matrix of correlation coefficients of variables; parameters as for `cov`."""
    c = cov(x, y, rowvar, dtype=dtype)
    if c.ndim == 0:
        return c / c
    spread = TABLE["sqrt"](diag(c).real)
    c = c / spread[:, None] / spread[None, :]
    if c._dtype.kind != "c":
        return clip(c, -1, 1)
    c.real = clip(c.real, -1, 1)
    c.imag = clip(c.imag, -1, 1)
    return c
