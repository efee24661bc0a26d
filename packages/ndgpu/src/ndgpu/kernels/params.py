"""The language of kernel parameters: ``'T x, raw float32 y'``, and what `T` is in a call.

Guarantees: a type error names the kernel, the parameter, what was declared and what came.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ndgpu.compile.dtypes import is_supported
from ndgpu.kernels.arrays import is_array

__all__ = ["Parameter", "Types", "parse", "resolve", "scalar_dtype"]

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*\Z")
_RESERVED = ("i", "n")


class Parameter(NamedTuple):
    """One declared parameter.

    Attributes
    ----------
    name : str
    dtype : numpy.dtype or None
        None where the type is a placeholder.
    placeholder : str
        The placeholder's letter; empty where the type is a dtype.
    raw : bool
    """

    name: str
    dtype: np.dtype[Any] | None
    placeholder: str
    raw: bool


def parse(text: str, kernel: str) -> tuple[Parameter, ...]:
    """Read a parameter list.

    Parameters
    ----------
    text : str
        Such as ``'T x, raw float32 y'``: types are placeholders of one letter or names of
        dtypes.
    kernel : str
        The kernel's name, for messages.

    Raises
    ------
    ValueError
        If the text is not such a list.

    Examples
    --------
    >>> [p.name for p in parse("T x, raw T y", "f")]
    ['x', 'y']
    """
    parameters = []
    for part in text.split(","):
        words = part.split()
        if not words:
            if text.strip():
                raise ValueError(f"{kernel}: a parameter is missing in {text!r}")
            continue
        raw = words[0] == "raw"
        if len(words) != 2 + raw:
            raise ValueError(
                f"{kernel}: parameter {part.strip()!r} must read 'type name' or 'raw type name'"
            )
        type_name, name = words[-2:]
        if not _NAME.match(name) or name in _RESERVED:
            raise ValueError(
                f"{kernel}: {name!r} cannot name a parameter; names begin with a letter, and "
                f"{' and '.join(_RESERVED)} are the kernel's own"
            )
        placeholder = len(type_name) == 1 and type_name.isalpha()
        dtype = None if placeholder else _dtype(type_name, kernel, name)
        parameters.append(Parameter(name, dtype, type_name if placeholder else "", raw))
    return tuple(parameters)


def _dtype(text: str, kernel: str, name: str) -> np.dtype[Any]:
    try:
        if text == "bfloat16":
            import ml_dtypes

            return np.dtype(ml_dtypes.bfloat16)
        dtype = np.dtype(text)
    except TypeError:
        dtype = None
    if dtype is None or keyword.iskeyword(text) or not is_supported(dtype):
        raise ValueError(
            f"{kernel}: parameter `{name}` has unknown type {text!r}; wanted a dtype's name such "
            "as float32, or a placeholder of one letter"
        )
    return dtype


class Types(NamedTuple):
    """What a call's types come to.

    Attributes
    ----------
    dtypes : tuple of numpy.dtype
        One per parameter, inputs and then outputs.
    placeholders : dict
        From each placeholder to its dtype.
    """

    dtypes: tuple[np.dtype[Any], ...]
    placeholders: dict[str, np.dtype[Any]]


def scalar_dtype(value: Any, kernel: str, name: str) -> np.dtype[Any]:
    """Return the dtype of a number that decides a placeholder alone.

    Raises
    ------
    TypeError
        If the value is no number.
    """
    if isinstance(value, np.generic):
        return value.dtype
    for kind, dtype in ((bool, "?"), (int, "q"), (float, "d"), (complex, "D")):
        if isinstance(value, kind):
            return np.dtype(dtype)
    raise TypeError(
        f"{kernel}: `{name}` must be an array of this package or a number, got "
        f"{type(value).__name__}"
    )


def resolve(kernel: str, parameters: Sequence[Parameter], args: Sequence[Any | None]) -> Types:
    """Find the dtype of each parameter in a call.

    Arrays decide placeholders; where a placeholder has no array, the first number does.

    Parameters
    ----------
    kernel : str
    parameters : sequence of Parameter
    args : sequence
        One value per parameter; None for an output that is still to be made.

    Raises
    ------
    TypeError
        If an array is not of its declared dtype, arrays disagree about a placeholder,
        a raw parameter is no array, or nothing decides a placeholder.
    """
    found: dict[str, np.dtype[Any]] = {}
    by: dict[str, str] = {}
    for parameter, value in zip(parameters, args, strict=True):
        if is_array(value):
            dtype = value.dtype  # type: ignore[union-attr]
            if parameter.dtype is not None:
                if dtype != parameter.dtype:
                    raise TypeError(
                        f"{kernel}: `{parameter.name}` is declared {parameter.dtype} but the "
                        f"array is {dtype}"
                    )
                continue
            earlier = found.setdefault(parameter.placeholder, dtype)
            if earlier != dtype:
                raise TypeError(
                    f"{kernel}: type {parameter.placeholder} is {earlier} by "
                    f"`{by[parameter.placeholder]}` but {dtype} by `{parameter.name}`"
                )
            by.setdefault(parameter.placeholder, parameter.name)
        elif parameter.raw and value is not None:
            raise TypeError(
                f"{kernel}: raw parameter `{parameter.name}` must be an array, got "
                f"{type(value).__name__}"
            )
    for parameter, value in zip(parameters, args, strict=True):
        if value is None or is_array(value):
            continue
        dtype = scalar_dtype(value, kernel, parameter.name)
        if parameter.dtype is None:
            found.setdefault(parameter.placeholder, dtype)
        wanted = found[parameter.placeholder] if parameter.dtype is None else parameter.dtype
        if dtype.kind == "c" and wanted.kind != "c":
            raise TypeError(
                f"{kernel}: `{parameter.name}` is {wanted}, but the number {value!r} is complex"
            )
    dtypes = []
    for parameter in parameters:
        dtype = parameter.dtype if parameter.dtype is not None else found.get(parameter.placeholder)
        if dtype is None:
            raise TypeError(
                f"{kernel}: no argument says what type {parameter.placeholder} of output "
                f"`{parameter.name}` is; give the output array"
            )
        dtypes.append(dtype)
    return Types(tuple(dtypes), found)
