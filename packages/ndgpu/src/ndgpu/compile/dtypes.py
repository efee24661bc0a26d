"""What a NumPy dtype is in CUDA C++, and in a kernel's argument buffer.

Guarantees: every dtype that kernels support has a row in one table, and a dtype
without a row is refused with a `TypeError` that names it.

Examples
--------
>>> import numpy as np
>>> from ndgpu.compile import ctype
>>> ctype(np.dtype("float32")), ctype(np.dtype("int64")), ctype(np.dtype("complex64"))
('float', 'long long', 'complex<float>')
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

__all__ = ["CType", "cast", "ctype", "headers_of", "is_supported", "pack_code", "row"]


class CType(NamedTuple):
    """One dtype: its C++ name, its code in `struct`, and the header that defines it."""

    name: str
    code: str
    header: str | None = None


# `16s` and the like are packed from bytes: struct has no complex numbers and no bfloat16.
_TABLE: dict[str, CType] = {
    "bool": CType("bool", "?"),
    "int8": CType("signed char", "b"),
    "int16": CType("short", "h"),
    "int32": CType("int", "i"),
    "int64": CType("long long", "q"),
    "uint8": CType("unsigned char", "B"),
    "uint16": CType("unsigned short", "H"),
    "uint32": CType("unsigned int", "I"),
    "uint64": CType("unsigned long long", "Q"),
    "float16": CType("float16", "e", "half"),
    "bfloat16": CType("bfloat16", "2s", "half"),
    "float32": CType("float", "f"),
    "float64": CType("double", "d"),
    "complex64": CType("complex<float>", "8s", "complex"),
    "complex128": CType("complex<double>", "16s", "complex"),
}

_rows: dict[np.dtype[Any], CType] = {}


def row(dtype: np.dtype[Any]) -> CType:
    """Return the table's row of a dtype.

    Raises
    ------
    TypeError
        If kernels have no such type.
    """
    found = _rows.get(dtype)
    if found is None:
        dtype = np.dtype(dtype)
        found = _TABLE.get(dtype.name) if dtype.isnative else None
        if found is None:
            raise TypeError(
                f"dtype {dtype.str if dtype.kind == 'V' else dtype!s} is not supported in "
                f"kernels; supported are {', '.join(_TABLE)} in native byte order"
            )
        _rows[dtype] = found
    return found


def is_supported(dtype: np.dtype[Any]) -> bool:
    """Tell whether kernels support a dtype."""
    return dtype.isnative and dtype.name in _TABLE


def ctype(dtype: np.dtype[Any]) -> str:
    """Return the CUDA C++ type of a dtype.

    Parameters
    ----------
    dtype : numpy.dtype

    Returns
    -------
    str
        Such as ``"unsigned char"``; ``float16``, ``bfloat16`` and ``complex<T>``
        need the headers that `headers_of` names.

    Raises
    ------
    TypeError
        If kernels have no such type.
    """
    return row(dtype).name


def pack_code(dtype: np.dtype[Any]) -> str:
    """Return the `struct` code that packs one value of a dtype.

    Codes that end in ``s`` take bytes (``dtype.type(value).tobytes()``).
    """
    return row(dtype).code


def headers_of(dtypes: Iterable[np.dtype[Any]]) -> tuple[str, ...]:
    """Name the ndgpu headers that define the C++ types of dtypes, each once."""
    return tuple(dict.fromkeys(h for h in (row(dtype).header for dtype in dtypes) if h))


def cast(expression: str, source: np.dtype[Any], target: np.dtype[Any]) -> str:
    """Write the C++ conversion of an expression, with NumPy's meaning.

    A complex number turns real by dropping its imaginary part, and is true unless both
    parts are zero.

    Parameters
    ----------
    expression : str
    source, target : numpy.dtype
        Type of the expression, and type wanted.

    Examples
    --------
    >>> import numpy as np
    >>> cast("x", np.dtype("float64"), np.dtype("float32"))
    '(float)(x)'
    >>> cast("x", np.dtype("complex64"), np.dtype("int32"))
    '(int)((x).re)'
    """
    if source == target:
        return expression
    wanted = ctype(target)
    if target.kind == "b":
        if source.kind == "c":
            return f"(({expression}).re != 0 || ({expression}).im != 0)"
        return f"(({ctype(source)})({expression}) != 0)"
    if source.kind == "c" and target.kind != "c":
        return (
            cast(f"({expression}).re", np.dtype(f"f{source.itemsize // 2}"), target)
            if (wanted in ("float16", "bfloat16"))
            else f"({wanted})(({expression}).re)"
        )
    if target.kind == "c" and source.kind != "c":
        part = np.dtype(f"f{target.itemsize // 2}")
        return f"{wanted}({cast(expression, source, part)})"
    if row(source).header == "half" and target.kind in "iu":
        return f"({wanted})(float)({expression})"
    return f"({wanted})({expression})"
