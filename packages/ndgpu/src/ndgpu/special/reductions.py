"""Reductions of exponentials that neither overflow nor underflow: logsumexp, softmax."""

from __future__ import annotations

from typing import Any

import numpy as np

from ndgpu.core import reductions
from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE

__all__ = ["log_softmax", "logsumexp", "softmax"]


def _shifted(x: Any, axis: Any) -> tuple[ndarray, ndarray]:
    """Return `x` less its maximum along `axis`, and the maximum, 0 where it is infinite."""
    x = asarray(x)
    if x.dtype.kind != "f":
        x = x.astype(np.float64)
    top = reductions.max(x, axis, keepdims=True)
    top[TABLE["logical_not"](TABLE["isfinite"](top))] = 0
    return x - top, top


def logsumexp(a: Any, axis: Any = None, b: Any = None, keepdims: bool = False) -> ndarray:
    """Return the logarithm of the sum of exponentials.

    Parameters
    ----------
    a : array-like
        Real numbers; integers are taken as float64.
    axis : int or tuple of int, optional
        Axes to sum over; all by default.
    b : array-like, optional
        Factors of the exponentials; broadcast with `a`. A negative sum gives NaN.
    keepdims : bool
        Whether the axes are kept with length one.

    Returns
    -------
    ndarray

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.special.logsumexp(ndgpu.asarray([1000.0, 1000.0]))
    array(1000.69314718)
    """
    rest, top = _shifted(a, axis)
    terms = TABLE["exp"](rest)
    if b is not None:
        terms = terms * asarray(b)
    result = TABLE["log"](reductions.sum(terms, axis, keepdims=True)) + top
    return result if keepdims else result.squeeze(axis)


def softmax(x: Any, axis: Any = None) -> ndarray:
    """Return exponentials divided by their sum.

    Parameters
    ----------
    x : array-like
        Real numbers; integers are taken as float64.
    axis : int or tuple of int, optional
        Axes along which the results sum to 1; all by default.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.special.softmax(ndgpu.asarray([0.0, 0.0]))
    array([0.5, 0.5])
    """
    terms = TABLE["exp"](_shifted(x, axis)[0])
    return terms / reductions.sum(terms, axis, keepdims=True)


def log_softmax(x: Any, axis: Any = None) -> ndarray:
    """Return the logarithm of `softmax`; parameters as there.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.special.log_softmax(ndgpu.asarray([1000.0, 0.0]))
    array([    0., -1000.])
    """
    rest = _shifted(x, axis)[0]
    return rest - TABLE["log"](reductions.sum(TABLE["exp"](rest), axis, keepdims=True))
