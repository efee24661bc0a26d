"""C++ text for conversions between dtypes, shared by casts, ufuncs and reductions."""

from __future__ import annotations

import numpy as np

from ndgpu import compile as _compile
from ndgpu.core.dtypes import is_bfloat16

__all__ = ["compute_dtype", "convert"]

_FLOAT32 = np.dtype(np.float32)


def compute_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype in which a kernel calculates: float32 for the 16-bit floats, else the same."""
    if dtype.itemsize == 2 and dtype.kind not in "iu":
        return _FLOAT32
    return dtype


def convert(text: str, source: np.dtype, target: np.dtype) -> str:
    """C++ that converts `text` from `source` to `target`, with the results NumPy has.

    Examples
    --------
    >>> import numpy as np
    >>> convert("x", np.dtype("i4"), np.dtype("f4"))
    '(float)(x)'
    """
    if source == target:
        return text
    if (
        target.kind in "iu"
        and (target.itemsize < 4 or (target.itemsize == 4 and target.kind == "u"))
        and (source.kind in "fc" or is_bfloat16(source))
    ):
        # Through a signed type wide enough: a bare conversion saturates where NumPy wraps.
        wide = np.dtype(np.int32) if target.itemsize < 4 else np.dtype(np.int64)
        return _compile.cast(f"({_compile.cast(text, source, wide)})", wide, target)
    return _compile.cast(text, source, target)
