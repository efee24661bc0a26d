"""Elements kept or set to zero by a mask, at the speed of memory."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.cuda import elementwise
from nnrun.utils.in_parts import in_parts

__all__ = ["keep", "keep_where_positive"]

# By size in bytes: integers to whose bits those of a floating-point number are put.
_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


def keep(x: Any, mask: Any) -> Any:
    """Return `x` where `mask` is true, and 0 elsewhere.

    ``numpy.where`` branches at each element, which costs several times as much where the mask
    has no pattern; a product with the mask would turn infinities into NaN.

    Parameters
    ----------
    x : array of a floating type
    mask : array of bool, of the same module and shape

    Returns
    -------
    array of the type and shape of `x`

    Examples
    --------
    >>> keep(np.array([1.0, np.inf, 3.0]), np.array([True, False, True]))
    array([1., 0., 3.])
    """
    if get_array_module(x) is not np:
        return elementwise("T x, bool mask", "T y", "y = mask ? x : (T)0", "keep")(x, mask)
    integer = _BITS.get(x.dtype.itemsize)
    if integer is None or x.ndim == 0:
        return np.where(mask, x, x.dtype.type(0))
    kept = np.empty(x.shape, x.dtype)
    in_parts(_keep, kept.view(integer), x.view(integer), mask)
    return kept


def _keep(kept: np.ndarray, x: np.ndarray, mask: np.ndarray) -> None:
    # All bits of -1 are set.
    kept[...] = np.negative(mask.view(np.int8))
    kept &= x


def keep_where_positive(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return `x` where `y` is greater than 0, and 0 elsewhere: `keep` with no mask in memory.

    Parameters
    ----------
    x, y : numpy.ndarray of floating types, of the same shape

    Examples
    --------
    >>> keep_where_positive(np.array([1.0, 2.0]), np.array([-1.0, 1.0]))
    array([0., 2.])
    """
    integer = _BITS.get(x.dtype.itemsize)
    if integer is None or x.ndim == 0:
        return np.where(y > 0, x, x.dtype.type(0))
    kept = np.empty(x.shape, x.dtype)
    in_parts(_keep_where_positive, kept.view(integer), x.view(integer), y)
    return kept


def _keep_where_positive(kept: np.ndarray, x: np.ndarray, y: np.ndarray) -> None:
    _keep(kept, x, y > 0)
