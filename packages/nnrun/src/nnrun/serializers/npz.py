"""Saving to, and loading from, NumPy's NPZ files.

A value's name in the file is its path, such as ``l1/W``.  Nothing is pickled or
unpickled, so a file from anywhere is safe to load.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from nnrun.serializer import Deserializer, Serializer
from nnrun.serializers._common import Ignore, atomic_write, ignored, restore, to_numpy
from nnrun.serializers.archive import Archive
from nnrun.serializers.report import LoadReport

__all__ = ["DictionarySerializer", "NpzDeserializer", "load_npz", "save_npz"]


class DictionarySerializer(Serializer):
    """Stores values in a dictionary by path.

    Parameters
    ----------
    target : dict, optional
        Where to store; a new one by default.
    path : str
        Put before every name.

    Attributes
    ----------
    target : dict of str to numpy.ndarray
        What was stored.

    Examples
    --------
    >>> import nnrun.links as L
    >>> from nnrun.serializers import DictionarySerializer
    >>> serializer = DictionarySerializer()
    >>> serializer.save(L.Linear(3, 2))
    >>> sorted(serializer.target)
    ['W', 'b']
    """

    def __init__(self, target: dict[str, Any] | None = None, path: str = "") -> None:
        self.target = {} if target is None else target
        self.path = path

    def __getitem__(self, key: str) -> DictionarySerializer:
        """Return the serializer of the part named `key`."""
        return DictionarySerializer(self.target, f"{self.path}{key.strip('/')}/")

    def __call__(self, key: str, value: Any) -> Any:
        """Store a copy of the value, and return the value."""
        path = self.path + key.lstrip("/")
        array = to_numpy(path, value)
        # None is stored as an empty array of text, which no parameter is.
        self.target[path] = np.asarray([], "U1") if array is None else np.array(array)
        return value


def _is_none(stored: np.ndarray) -> bool:
    return stored.dtype.kind == "U" and stored.shape == (0,)


def save_npz(file: str | os.PathLike[str] | BinaryIO, obj: Any, compression: bool = True) -> None:
    """Save an object to an NPZ file.

    Parameters
    ----------
    file : path or binary file
        A path is written atomically: the file there is replaced only when the new
        one is complete.
    obj : Link, Optimizer or anything with ``serialize``
        What to save.
    compression : bool
        Compress the file.

    Raises
    ------
    TypeError
        If a value is nothing that can be stored.
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import nnrun, nnrun.links as L
    >>> model = L.Linear(3, 2)
    >>> nnrun.serializers.save_npz("model.npz", model)
    >>> nnrun.serializers.load_npz("model.npz", model)
    """
    serializer = DictionarySerializer()
    serializer.save(obj)
    save = np.savez_compressed if compression else np.savez
    if hasattr(file, "write"):
        save(file, **serializer.target)
        return
    with atomic_write(file) as opened:
        save(opened, **serializer.target)


class NpzDeserializer(Deserializer):
    """Loads values from a mapping of paths to arrays, as ``numpy.load`` gives.

    Parameters
    ----------
    npz : mapping of str to numpy.ndarray
        What was stored.
    path : str
        Put before every name.
    strict : bool
        Raise where a value is missing; else it is left as it is.
    ignore_names : str, callable, or sequence of these, optional
        Paths, or predicates on paths, of values to leave as they are.
    report : LoadReport, optional
        Filled with what was found.
    """

    def __init__(
        self,
        npz: Mapping[str, np.ndarray],
        path: str = "",
        strict: bool = True,
        ignore_names: Ignore = None,
        report: LoadReport | None = None,
    ) -> None:
        self.npz = npz
        self.path = path
        self.strict = strict
        self.ignore_names = ignore_names
        self.report = LoadReport() if report is None else report

    def __getitem__(self, key: str) -> NpzDeserializer:
        """Return the deserializer of the part named `key`."""
        path = f"{self.path}{key.strip('/')}/"
        return NpzDeserializer(self.npz, path, self.strict, self.ignore_names, self.report)

    def __call__(self, key: str, value: Any) -> Any:
        """Return the stored value; an array given is filled in place.

        Raises
        ------
        KeyError
            If it is missing and the deserializer is strict.
        ValueError
            If its shape differs, or the file is damaged.
        """
        path = self.path + key.lstrip("/")
        if ignored(path, self.ignore_names):
            self.report.ignored.append(path)
            return value
        if path not in self.npz:
            self.report.missing.append(path)
            if self.strict:
                raise KeyError(f"{path!r} is not in the file")
            return value
        try:
            npz = self.npz
            stored = npz.read(path, value) if isinstance(npz, Archive) else npz[path]
        except (zipfile.BadZipFile, EOFError, OSError, ValueError) as error:
            wrong = str(error)
            what = wrong if wrong.startswith(("has ", "is ")) else f"can't be read: {wrong}"
            raise ValueError(f"{path!r} {what}") from error
        self.report.loaded.append(path)
        return None if _is_none(stored) else restore(path, stored, value)


def load_npz(
    file: str | os.PathLike[str] | BinaryIO,
    obj: Any,
    path: str = "",
    strict: bool = True,
    ignore_names: Ignore = None,
    report: LoadReport | None = None,
) -> None:
    """Load an object from an NPZ file.

    Parameters
    ----------
    file : path or binary file
        Written by `save_npz`.
    obj : Link, Optimizer or anything with ``serialize``
        What to fill; it must be made up as the saved one was.
    path : str
        Of the part of the file to load, such as ``updater/model:main/``.
    strict : bool
        Raise where a value is missing; else it is left as it is.
    ignore_names : str, callable, or sequence of these, optional
        Paths, or predicates on paths, of values to leave as they are.
    report : LoadReport, optional
        Filled with the names of what was loaded, missing, ignored and extra.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or a shape differs.
    KeyError
        If a value is missing.
    """
    if not hasattr(file, "read"):
        with open(file, "rb") as opened:  # numpy.load would leave a damaged file open
            load_npz(opened, obj, path, strict, ignore_names, report)
        return
    opened_file: Any = file
    start = opened_file.tell()
    magic = opened_file.read(len(np.lib.format.MAGIC_PREFIX))
    opened_file.seek(start)
    if magic == np.lib.format.MAGIC_PREFIX:
        raise ValueError(f"{_name(file)} holds a single array; it is not an NPZ file")
    try:
        npz = Archive(opened_file)
    except ValueError as error:
        raise ValueError(f"{_name(file)} is {error}") from error
    part = path and path.strip("/") + "/"
    report = LoadReport() if report is None else report
    try:
        NpzDeserializer(npz, part, strict, ignore_names, report).load(obj)
    except KeyError as error:
        raise KeyError(f"{_name(file)}: {error.args[0]}") from None
    except ValueError as error:
        raise ValueError(f"{_name(file)}: {error}") from error
    finally:
        report.finish(npz, part)


def _name(file: Any) -> str:
    return repr(getattr(file, "name", None) or (file if not hasattr(file, "read") else "the file"))
