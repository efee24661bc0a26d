"""Saving to, and loading from, HDF5 files; h5py is imported when one is used."""

from __future__ import annotations

import os
from typing import Any

import numpy as np

from nnrun.serializer import Deserializer, Serializer
from nnrun.serializers._common import Ignore, atomic_write, ignored, restore, to_numpy

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
    """

    def __init__(self, group: Any, strict: bool = True, ignore_names: Ignore = None) -> None:
        self.group = group
        self.strict = strict
        self.ignore_names = ignore_names

    def __getitem__(self, key: str) -> HDF5Deserializer:
        """Return the deserializer of the part named `key`."""
        name = key.strip("/")
        if name and self.group is not None:
            group = self.group.get(name)
            if group is None and self.strict:
                raise KeyError(f"'{self.group.name}/{name}' is not in the file")
        else:
            group = self.group
        return HDF5Deserializer(group, self.strict, self.ignore_names)

    def __call__(self, key: str, value: Any) -> Any:
        """Return the stored value; an array given is filled in place.

        Raises
        ------
        KeyError
            If it is missing and the deserializer is strict.
        ValueError
            If its shape differs.
        """
        if self.group is None:
            return value
        name = key.lstrip("/")
        path = f"{self.group.name}/{name}".lstrip("/")
        if ignored(path, self.ignore_names):
            return value
        stored = self.group.get(name)
        if stored is None:
            if self.strict:
                raise KeyError(f"{path!r} is not in the file")
            return value
        if stored.attrs.get(_NONE):
            return None
        data = stored[()]
        if isinstance(data, bytes):
            data = data.decode()
        return restore(path, np.asarray(data), value)


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
    with h5:
        group = h5
        if path:
            group = h5.get(path)
            if group is None:
                raise KeyError(f"{os.fspath(filename)!r} has no part {path!r}")
        try:
            HDF5Deserializer(group, strict, ignore_names).load(obj)
        except KeyError as error:
            raise KeyError(f"{os.fspath(filename)!r}: {error.args[0]}") from None
        except ValueError as error:
            raise ValueError(f"{os.fspath(filename)!r}: {error}") from error
