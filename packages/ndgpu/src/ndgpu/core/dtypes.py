"""The dtypes that a device array may hold.

NumPy's own objects are used throughout; this module only says which of them a
kernel can work on, and refuses the others by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["as_dtype", "is_bfloat16"]

_CODES = "?bhilqBHILQefdFD"
_known: dict[Any, np.dtype] = {}
for _code in _CODES:
    # On most machines `q` and `l` are one dtype under two names: the first stands for both.
    _dtype = _known.setdefault(np.dtype(_code), np.dtype(_code))
    _known[_dtype.type] = _dtype
for _type in (bool, int, float, complex):
    _known[_type] = np.dtype(_type)
_known[None] = np.dtype(np.float64)


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether `dtype` is the bfloat16 of ml_dtypes, which NumPy files under kind ``'V'``."""
    return dtype.kind == "V" and dtype.name == "bfloat16"


def as_dtype(dtype: Any) -> np.dtype:
    """Return `dtype` as a NumPy dtype that a device array may have; None is float64.

    Parameters
    ----------
    dtype : dtype-like or None
        Anything that `numpy.dtype` takes.

    Returns
    -------
    numpy.dtype
        In native byte order.

    Raises
    ------
    TypeError
        If NumPy does not know it, or no kernel can hold it (object, string,
        datetime, structured, long double).

    Examples
    --------
    >>> as_dtype("f4")
    dtype('float32')
    """
    try:
        return _known[dtype]
    except (KeyError, TypeError):
        pass
    result = np.dtype(dtype)
    if result.newbyteorder("=") in _known:
        result = _known[result.newbyteorder("=")]
    elif not is_bfloat16(result):
        raise TypeError(
            f"dtype {result} has no place on a device: expected bool, an integer, float16, "
            "float32, float64, bfloat16, complex64 or complex128"
        )
    if isinstance(dtype, (str, type, np.dtype)):
        _known[dtype] = result
    return result
