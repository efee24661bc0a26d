"""Saving to, and loading from, HDF5 files; h5py is imported when one is used."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nnrun.serializer import Deserializer, Serializer
from nnrun.serializers._common import (
    Ignore,
    atomic_write,
    check_stored,
    ignored,
    restore,
    to_numpy,
)
from nnrun.serializers.report import LoadReport

__all__ = ["HDF5Deserializer", "HDF5Serializer", "load_hdf5", "save_hdf5"]

_NONE = "nnrun_none"  # the attribute that marks what stands for None


class HDF5Serializer(Serializer):
    """Stores values in an HDF5 group.

    Parameters
    ----------
    group : h5py.Group
        Where to store.
    compression : int or None
        The gzip level, 0 to 9.
    """

    def __init__(self, group: Any, compression: int | None = 4) -> None:
        self.group = group
        self.compression = compression

    def __getitem__(self, key: str) -> HDF5Serializer:
        """Return the serializer of the part named `key`."""
        name = key.strip("/")
        return HDF5Serializer(
            self.group.require_group(name) if name else self.group, self.compression
        )

    def __call__(self, key: str, value: Any) -> Any:
        """Store the value, and return it."""
        name = key.lstrip("/")
        array = to_numpy(f"{self.group.name}/{name}", value)
        if array is None:
            self.group.create_dataset(name, data=np.zeros(0, np.uint8)).attrs[_NONE] = True
        elif array.dtype.kind == "U":
            self.group.create_dataset(name, data=str(array))
        else:
            # HDF5 compresses no scalars and nothing of size 0.
            level = self.compression if array.size > 1 and array.ndim else None
            self.group.create_dataset(name, data=array, compression=level)
        return value


class HDF5Deserializer(Deserializer):
    """Loads values from an HDF5 group.

    Parameters
    ----------
    group : h5py.Group or None
        What was stored.
    strict : bool
        Raise where a value is missing; else it is left as it is.
    ignore_names : str, callable, or sequence of these, optional
        Paths, or predicates on paths, of values to leave as they are.
    report : LoadReport, optional
        Filled with what was found.
    """

    def __init__(
        self,
        group: Any,
        strict: bool = True,
        ignore_names: Ignore = None,
        report: LoadReport | None = None,
    ) -> None:
        self.group = group
        self.strict = strict
        self.ignore_names = ignore_names
        self.report = LoadReport() if report is None else report
        self._path = "" if group is None else group.name.strip("/")

    def __getitem__(self, key: str) -> HDF5Deserializer:
        """Return the deserializer of the part named `key`."""
        name = key.strip("/")
        if name and self.group is not None:
            group = _get(self.group, name, "Group")
            if group is None and self.strict:
                raise KeyError(f"'{self.group.name}/{name}' is not in the file")
        else:
            group = self.group
        part = HDF5Deserializer(group, self.strict, self.ignore_names, self.report)
        part._path = f"{self._path}/{name}".strip("/")
        return part

    def __call__(self, key: str, value: Any) -> Any:
        """Return the stored value; an array given is filled in place.

        Raises
        ------
        KeyError
            If it is missing and the deserializer is strict.
        ValueError
            If its shape differs.
        """
        name = key.lstrip("/")
        path = f"{self._path}/{name}".lstrip("/")
        if ignored(path, self.ignore_names):
            self.report.ignored.append(path)
            return value
        stored = None if self.group is None else _get(self.group, name, "Dataset")
        if stored is None:
            self.report.missing.append(path)
            if self.strict and self.group is not None:
                raise KeyError(f"{path!r} is not in the file")
            return value
        try:
            data = _read(stored, value)
        except _ERRORS as error:
            raise ValueError(f"{path!r} {error}") from error
        self.report.loaded.append(path)
        return None if data is None else restore(path, data, value)


def _get(group: Any, name: str, kind: str) -> Any:
    """A member of the group, None if there is none.

    Raises
    ------
    ValueError
        If it is something else, or elsewhere: a link to another file is not followed.
    """
    place, parts = group, name.split("/")
    for i, part in enumerate(parts):
        try:
            link = place.get(part, getlink=True)
            if link is None:
                return None
            found = place[part] if type(link).__name__ == "HardLink" else None
        except _ERRORS as error:
            raise ValueError(f"{name!r} can't be read: {error}") from error
        wanted = kind if i == len(parts) - 1 else "Group"
        if type(found).__name__ != wanted:
            what = type(link if found is None else found).__name__
            raise ValueError(f"{name!r} is a {what} and not a {wanted}")
        place = found
    return place


def _read(stored: Any, value: Any) -> np.ndarray | None:
    """The values of a dataset, once it is known what they are; None for what stands for it."""
    if stored.attrs.get(_NONE):
        return None
    if stored.external is not None or stored.is_virtual:
        raise ValueError("is kept in another file, which is not read")
    text = _h5py().check_string_dtype(stored.dtype)
    if text is not None:
        if stored.shape != ():
            raise ValueError(f"is an array of text of shape {stored.shape}")
        data = stored[()]
        return np.asarray(data.decode() if isinstance(data, bytes) else data)
    if stored.dtype.kind not in "biufc" or stored.shape is None:
        raise ValueError(f"is of {stored.dtype}, which is neither a number nor text")
    check_stored(stored.shape, stored.dtype, value, stored.id.get_storage_size())
    return np.asarray(stored[()])


# What h5py raises for files that make no sense.
_ERRORS = (OSError, ValueError, KeyError, RuntimeError, TypeError, OverflowError, AttributeError)


def _h5py() -> Any:
    import h5py  # 0.2 s that only users of HDF5 should pay

    return h5py


def save_hdf5(filename: str | os.PathLike[str], obj: Any, compression: int | None = 4) -> None:
    """Save an object to an HDF5 file.

    Parameters
    ----------
    filename : path
        Written atomically: the file there is replaced only when the new one is
        complete.
    obj : Link, Optimizer or anything with ``serialize``
        What to save.
    compression : int or None
        The gzip level, 0 to 9.

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
    >>> nnrun.serializers.save_hdf5("model.h5", model)
    >>> nnrun.serializers.load_hdf5("model.h5", model)
    """
    with atomic_write(filename) as file, _h5py().File(file, "w") as h5:
        HDF5Serializer(h5, compression).save(obj)


def load_hdf5(
    filename: str | os.PathLike[str],
    obj: Any,
    path: str = "",
    strict: bool = True,
    ignore_names: Ignore = None,
    report: LoadReport | None = None,
) -> None:
    """Load an object from an HDF5 file.

    Parameters
    ----------
    filename : path
        Written by `save_hdf5`.
    obj : Link, Optimizer or anything with ``serialize``
        What to fill; it must be made up as the saved one was.
    path : str
        Of the part of the file to load.
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
    try:
        h5 = _h5py().File(filename, "r")
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{os.fspath(filename)!r} is not a whole HDF5 file: {error}") from error
    report = LoadReport() if report is None else report
    part = path.strip("/")
    with h5:
        try:
            group = _get(h5, part, "Group") if part else h5
            if group is None:
                raise KeyError(f"there is no part {path!r}")
            HDF5Deserializer(group, strict, ignore_names, report).load(obj)
            report.finish(_names(h5), part and part + "/")
        except KeyError as error:
            raise KeyError(f"{os.fspath(filename)!r}: {error.args[0]}") from None
        except ValueError as error:
            raise ValueError(f"{os.fspath(filename)!r}: {error}") from error


def _names(h5: Any) -> list[str]:
    names: list[str] = []
    h5.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    return names
