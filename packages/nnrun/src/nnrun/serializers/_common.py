"""What all file formats share: values to arrays and back, and files written whole or not at all."""

from __future__ import annotations

import contextlib
import math
import os
import secrets
from collections.abc import Callable, Iterator, Sequence
from typing import Any, BinaryIO

import numpy as np

from nnrun.backend import copyto, get_device, is_array
from nnrun.core import Variable

__all__ = ["atomic_write", "check_stored", "ignored", "restore", "to_numpy"]

Array = Any
Ignore = str | Callable[[str], bool] | Sequence[str | Callable[[str], bool]] | None


def to_numpy(key: str, value: Any) -> np.ndarray | None:
    """Return a value as a NumPy array that needs no pickling; None for None.

    Raises
    ------
    TypeError
        If it is nothing that can be stored.
    """
    if value is None:
        return None
    if isinstance(value, Variable):
        value = value.array
        if value is None:
            return None
    if is_array(value):
        array = get_device("numpy").send(value)
    elif isinstance(value, (bytes, bytearray)):
        array = np.frombuffer(bytes(value), np.uint8)
    else:
        array = np.asarray(value)
    if array.dtype.hasobject:
        raise TypeError(
            f"{key!r} can't be saved: {type(value).__name__} is neither an array, a number nor a "
            "string"
        )
    return array


# What is read where nothing says how large a value may be, unless the file itself is as large.
_LIMIT = 1 << 28


def check_stored(shape: tuple[int, ...], dtype: np.dtype, value: Any, stored_bytes: int) -> None:
    """Raise `ValueError` unless a stored array can be what `value` wants, before it is read.

    Parameters
    ----------
    shape, dtype
        Of the stored array, as the file says.
    value : object
        What it is to replace.
    stored_bytes : int
        How many bytes it takes in the file, where it may be compressed.
    """
    if dtype.kind not in "biufcUSV" or (dtype.kind == "V" and dtype.names is not None):
        raise ValueError(f"is of {dtype}, which is neither a number nor text")
    if is_array(value):
        if value.shape != shape:
            raise ValueError(f"has shape {shape} in the file but {value.shape} in the object")
        if not np.can_cast(dtype, value.dtype, "same_kind"):
            raise ValueError(f"is of {dtype} in the file but of {value.dtype} in the object")
    elif isinstance(value, (bool, int, float)) and shape:
        raise ValueError(f"has shape {shape} in the file and is a number in the object")
    size = math.prod(shape) * dtype.itemsize
    if not is_array(value) and size > max(_LIMIT, stored_bytes):
        raise ValueError(
            f"is {size} bytes of shape {shape}; more than {_LIMIT} are only read where the object "
            "says so, or the file is as large"
        )


def restore(key: str, stored: np.ndarray, value: Any) -> Any:
    """Return a stored array as what `value` is: an array is filled in place.

    Raises
    ------
    ValueError
        If the shapes differ, or the dtype is of another kind.
    """
    if value is None:
        return stored
    if is_array(value):
        try:
            check_stored(stored.shape, stored.dtype, value, stored.nbytes)
        except ValueError as error:
            raise ValueError(f"{key!r} {error}") from None
        copyto(value, stored)
        return value
    if isinstance(value, (bytes, bytearray)):
        return type(value)(stored.tobytes())
    if stored.ndim == 0:
        item = stored.item()
        if not isinstance(value, (int, float, bool, str)):
            return item
        try:
            return type(value)(item)
        except (TypeError, ValueError):
            raise ValueError(
                f"{key!r} is {item!r} in the file and of type {type(value).__name__} in the object"
            ) from None
    return stored


def ignored(path: str, names: Ignore) -> bool:
    """Whether a path within the file is among the names, or meets a predicate, to be ignored."""
    if names is None:
        return False
    if isinstance(names, str) or callable(names):
        names = [names]
    bare = path.lstrip("/")
    return any(n(path) if callable(n) else n.lstrip("/") == bare for n in names)


@contextlib.contextmanager
def atomic_write(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a file to write that takes its place only when it is complete.

    Whatever was there stays until then, and after an error.
    """
    target = os.path.abspath(os.fspath(path))
    temporary = f"{target}.{os.getpid()}-{secrets.token_hex(4)}.tmp"
    # Unlike those of `tempfile`, its permissions follow the umask.  HDF5 also reads what it wrote.
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666)
    try:
        with os.fdopen(handle, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise
