"""Pictures in zip files: one file to copy and to open, however many pictures there are."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.config import get_dtype
from nnrun.dataset.dataset_mixin import DatasetMixin
from nnrun.datasets.image_dataset import decode, read_pairs

__all__ = ["LabeledZippedImageDataset", "MultiZippedImageDataset", "ZippedImageDataset"]


class ZippedImageDataset(DatasetMixin):
    """The pictures of a zip file, in the order of their names.

    The file is opened anew in each process that reads, so a dataset may be used by
    `nnrun.iterators.MultiprocessIterator`.

    Parameters
    ----------
    zipfilename : path
        Has pictures only.
    dtype : dtype, optional
        Of the arrays; ``nnrun.config.dtype`` (float32) if not given.

    Raises
    ------
    ValueError
        If it is no zip file.
    ModuleNotFoundError
        If Pillow, which reads the pictures, is not installed.

    Examples
    --------
    >>> import io, zipfile
    >>> from PIL import Image
    >>> with zipfile.ZipFile("pictures.zip", "w") as archive:
    ...     with archive.open("black.png", "w") as file:
    ...         Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save(file, "png")
    >>> ZippedImageDataset("pictures.zip")[0].shape
    (3, 4, 6)
    """

    def __init__(self, zipfilename: str | os.PathLike[str], dtype: Any = None) -> None:
        self._archive = _Archive(zipfilename)
        self._names = sorted(self._archive.names())
        self._dtype = get_dtype(dtype)

    def __len__(self) -> int:
        return len(self._names)

    def get_example(self, i: int) -> np.ndarray:
        """Return the i-th picture; ValueError if the file is none."""
        return self._archive.picture(self._names[i], self._dtype)


class MultiZippedImageDataset(DatasetMixin):
    """The pictures of several zip files, one file after the other.

    Parameters
    ----------
    zipfilenames : sequence of path
        Have pictures only.
    dtype : dtype, optional
        As for `ZippedImageDataset`, and so are the errors.
    """

    def __init__(self, zipfilenames: Sequence[str | os.PathLike[str]], dtype: Any = None) -> None:
        self._parts = [ZippedImageDataset(name, dtype) for name in zipfilenames]
        self._ends = np.cumsum([len(part) for part in self._parts]).tolist()

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def get_example(self, i: int) -> np.ndarray:
        """Return the i-th picture of all; ValueError if the file is none."""
        part = int(np.searchsorted(self._ends, i, side="right"))
        return self._parts[part].get_example(i - (self._ends[part - 1] if part else 0))


class LabeledZippedImageDataset(DatasetMixin):
    """Pairs of a picture in a zip file and its label.

    Parameters
    ----------
    zipfilename : path
        Has the pictures.
    labelfilename : path
        A text file with the name of a picture and a label, separated by blanks, in each line.
    dtype, label_dtype : dtype, optional
        As for `nnrun.datasets.LabeledImageDataset`.

    Raises
    ------
    ValueError
        If it is no zip file, if a line is not a name and an integer, or if the zip file has no
        such picture.
    """

    def __init__(
        self,
        zipfilename: str | os.PathLike[str],
        labelfilename: str | os.PathLike[str],
        dtype: Any = None,
        label_dtype: Any = np.int32,
    ) -> None:
        self._archive = _Archive(zipfilename)
        self._pairs = read_pairs(labelfilename)
        known = set(self._archive.names())
        for name, _ in self._pairs:
            if name not in known:
                raise ValueError(f"{os.fspath(zipfilename)!r} has no {name!r}")
        self._dtype = get_dtype(dtype)
        self._label_dtype = np.dtype(label_dtype)

    def __len__(self) -> int:
        return len(self._pairs)

    def get_example(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the i-th picture and its label; ValueError if the file is no picture."""
        name, label = self._pairs[i]
        return self._archive.picture(name, self._dtype), np.array(label, self._label_dtype)


class _Archive:
    """A zip file that each process opens for itself."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = os.fspath(path)
        self._file: zipfile.ZipFile | None = None
        self._owner = 0
        self._open()

    def _open(self) -> zipfile.ZipFile:
        if self._file is None or self._owner != os.getpid():
            try:
                self._file = zipfile.ZipFile(self._path)
            except zipfile.BadZipFile as error:
                raise ValueError(f"{self._path!r} is no zip file: {error}") from error
            self._owner = os.getpid()
        return self._file

    def __getstate__(self) -> dict[str, Any]:
        return {"_path": self._path, "_file": None, "_owner": 0}

    def __del__(self) -> None:
        if self._file is not None:
            self._file.close()

    def names(self) -> list[str]:
        """Of all files, folders not counted."""
        return [info.filename for info in self._open().infolist() if not info.is_dir()]

    def picture(self, name: str, dtype: np.dtype) -> np.ndarray:
        """A picture as an array of shape (channels, height, width)."""
        try:
            with self._open().open(name) as file:
                return decode(file, f"{self._path}: {name}", dtype)
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            raise ValueError(f"{self._path!r}: {name!r} can't be read: {error}") from error
