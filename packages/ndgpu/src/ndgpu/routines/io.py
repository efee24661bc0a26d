"""Files and text, through NumPy on the host.

What is read is copied to the device, what is written from it. Pickled objects are never
loaded unless `allow_pickle` asks for it; they have no place on a device then either.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ndgpu.core.ndarray import ndarray
from ndgpu.core.transfer import asarray, asnumpy

__all__ = [
    "array2string",
    "array_repr",
    "array_str",
    "frombuffer",
    "fromfile",
    "fromiter",
    "fromregex",
    "fromstring",
    "genfromtxt",
    "load",
    "loadtxt",
    "save",
    "savetxt",
    "savez",
    "savez_compressed",
]


def _host(value: Any) -> Any:
    return asnumpy(value) if isinstance(value, ndarray) else value


class NpzFile(Mapping[str, Any]):
    """The arrays of an ``.npz`` file, copied to the device when they are asked for."""

    def __init__(self, file: Any) -> None:
        self._file = file
        self.files: list[str] = file.files

    def __getitem__(self, name: str) -> ndarray:
        return asarray(self._file[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __enter__(self) -> NpzFile:
        return self

    def __exit__(self, *args: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def load(
    file: Any,
    mmap_mode: Any = None,
    allow_pickle: bool = False,
    fix_imports: bool = True,
    encoding: Any = "ASCII",
    *,
    max_header_size: int = 10000,
) -> Any:
    """Return the array of an ``.npy`` file, the arrays of an ``.npz`` file, or what was pickled.

    Parameters
    ----------
    file : path or file object
    mmap_mode, allow_pickle, fix_imports, encoding, max_header_size
        As in `numpy.load`.

    Returns
    -------
    ndarray, NpzFile or object
        An object only where `allow_pickle` is True and the file is a pickle.

    Raises
    ------
    ValueError
        If the file holds pickled objects and `allow_pickle` is False.
    TypeError
        If the elements have a dtype that no device array can have.
    """
    found = np.load(
        file, mmap_mode, allow_pickle, fix_imports, encoding, max_header_size=max_header_size
    )
    if isinstance(found, np.ndarray):
        return asarray(found)
    return NpzFile(found) if isinstance(found, np.lib.npyio.NpzFile) else found


def save(file: Any, arr: Any, allow_pickle: bool = True) -> None:
    """Write an array to an ``.npy`` file."""
    np.save(file, _host(arr), allow_pickle)


def savez(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Write several arrays to an ``.npz`` file."""
    named = {name: _host(v) for name, v in kwds.items()}
    np.savez(file, *[_host(v) for v in args], allow_pickle=allow_pickle, **named)


def savez_compressed(file: Any, *args: Any, allow_pickle: bool = True, **kwds: Any) -> None:
    """Write several arrays to a compressed ``.npz`` file."""
    named = {name: _host(v) for name, v in kwds.items()}
    np.savez_compressed(file, *[_host(v) for v in args], allow_pickle=allow_pickle, **named)


def _reader(name: str, summary: str) -> Any:
    twin = getattr(np, name)

    def read(*args: Any, **kwargs: Any) -> Any:
        found = twin(*[_host(v) for v in args], **{k: _host(v) for k, v in kwargs.items()})
        return tuple(asarray(v) for v in found) if isinstance(found, tuple) else asarray(found)

    read.__name__ = read.__qualname__ = name
    read.__doc__ = f"{summary}\n\nParameters are those of `numpy.{name}`."
    read.__wrapped__ = getattr(twin, "__wrapped__", twin)  # type: ignore[attr-defined]
    return read


loadtxt = _reader("loadtxt", "Return the numbers in a text file.")
genfromtxt = _reader("genfromtxt", "Return the numbers in a text file that lacks some.")
fromfile = _reader("fromfile", "Return the numbers in a binary or text file.")
frombuffer = _reader("frombuffer", "Return a copy of a buffer as an array.")
fromiter = _reader("fromiter", "Return the numbers that an iterator gives.")
fromregex = _reader("fromregex", "Return what a regular expression finds in a text file.")
fromstring = _reader("fromstring", "Return the numbers in a text.")


def _writer(name: str, summary: str) -> Any:
    twin = getattr(np, name)

    def write(*args: Any, **kwargs: Any) -> Any:
        return twin(*[_host(v) for v in args], **{k: _host(v) for k, v in kwargs.items()})

    write.__name__ = write.__qualname__ = name
    write.__doc__ = f"{summary}\n\nParameters are those of `numpy.{name}`."
    write.__wrapped__ = getattr(twin, "__wrapped__", twin)  # type: ignore[attr-defined]
    return write


savetxt = _writer("savetxt", "Write an array to a text file.")
array2string = _writer("array2string", "Return an array as text.")
array_repr = _writer("array_repr", "Return an array as text that names its type.")
array_str = _writer("array_str", "Return an array's elements as text.")
