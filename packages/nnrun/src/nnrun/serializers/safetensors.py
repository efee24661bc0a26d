"""Saving to, and loading from, safetensors files; the library is imported when one is used.

The format holds nothing but arrays of numbers, so texts and what stands for None are kept in the
file's metadata, under ``nnrun:`` and the value's path.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from nnrun.serializers._common import Ignore, atomic_write, check_stored
from nnrun.serializers.npz import DictionarySerializer, NpzDeserializer
from nnrun.serializers.report import LoadReport

__all__ = ["load_safetensors", "save_safetensors"]

_PREFIX = "nnrun:"


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError:
        raise ModuleNotFoundError(
            "safetensors files need the library of that name: pip install 'nnrun[safetensors]'"
        ) from None
    return safetensors


def save_safetensors(
    filename: str | os.PathLike[str], obj: Any, metadata: Mapping[str, str] | None = None
) -> None:
    """Save an object to a safetensors file.

    Parameters
    ----------
    filename : path
        Written atomically: the file there is replaced only when the new one is
        complete.
    obj : Link, Optimizer or anything with ``serialize``
        What to save.
    metadata : dict of str to str, optional
        Texts of your own, kept beside the arrays.

    Raises
    ------
    TypeError
        If a value is nothing that can be stored.
    ModuleNotFoundError
        If the library is not installed.

    Examples
    --------
    >>> import nnrun, nnrun.links as L
    >>> model = L.Linear(3, 2)
    >>> nnrun.serializers.save_safetensors("model.safetensors", model)
    >>> nnrun.serializers.load_safetensors("model.safetensors", model)
    """
    library = _library()
    serializer = DictionarySerializer()
    serializer.save(obj)
    texts = dict(metadata or {})
    arrays = {}
    for path, array in serializer.target.items():
        if array.dtype.kind == "U":
            # JSON's null for the empty array that stands for None.
            texts[_PREFIX + path] = json.dumps(None if array.shape == (0,) else array.tolist())
        elif array.dtype.kind in "biuf":
            arrays[path] = np.ascontiguousarray(array).reshape(array.shape)
        else:
            raise TypeError(f"{path!r} can't be saved: safetensors has no {array.dtype}")
    with atomic_write(filename) as file:
        file.write(library.numpy.save(arrays, texts))


class _File(Mapping[str, np.ndarray]):
    """The values of an open file, by path."""

    def __init__(self, opened: Any) -> None:
        self._opened = opened
        self._arrays = set(opened.keys())
        metadata = opened.metadata() or {}
        self._texts = {
            key.removeprefix(_PREFIX): text
            for key, text in metadata.items()
            if key.startswith(_PREFIX)
        }

    def __len__(self) -> int:
        return len(self._arrays | set(self._texts))

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays | set(self._texts))

    def __contains__(self, path: object) -> bool:
        return path in self._arrays or path in self._texts

    def __getitem__(self, path: str) -> np.ndarray:
        if path in self._texts:
            value = json.loads(self._texts[path])
            return np.asarray([] if value is None else value, "U1" if value is None else np.str_)
        # The file is as large as its arrays, so this is bounded; shapes are compared later.
        array = self._opened.get_tensor(path)
        check_stored(array.shape, array.dtype, None, array.nbytes)
        return array


def load_safetensors(
    filename: str | os.PathLike[str],
    obj: Any,
    path: str = "",
    strict: bool = True,
    ignore_names: Ignore = None,
    report: LoadReport | None = None,
) -> None:
    """Load an object from a safetensors file.

    Parameters
    ----------
    filename : path
        Written by `save_safetensors`, or by another program with the same names.
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
    ModuleNotFoundError
        If the library is not installed.
    """
    library = _library()
    name = os.fspath(filename)
    if not os.path.exists(name):
        raise FileNotFoundError(f"there is no file {name!r}")
    report = LoadReport() if report is None else report
    part = path and path.strip("/") + "/"
    try:
        with library.safe_open(name, framework="np") as opened:
            file = _File(opened)
            NpzDeserializer(file, part, strict, ignore_names, report).load(obj)
            report.finish(file, part)
    except KeyError as error:
        raise KeyError(f"{name!r}: {error.args[0]}") from None
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from error
    except (library.SafetensorError, OSError) as error:
        raise ValueError(f"{name!r} is not a whole safetensors file: {error}") from error
