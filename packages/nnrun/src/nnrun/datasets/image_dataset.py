"""Pictures in files, with labels or without, read one by one as they are asked for."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnrun.config import get_dtype
from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = ["ImageDataset", "LabeledImageDataset", "decode", "read_pairs"]


class ImageDataset(DatasetMixin):
    """Pictures as arrays of shape ``(channels, height, width)``, values as in the file.

    Parameters
    ----------
    paths : path or sequence of paths
        The pictures' files; or one text file that names one in each line.
    root : path, default '.'
        Where relative paths begin.
    dtype : dtype, optional
        Of the arrays; ``nnrun.config.dtype`` (float32) if not given.

    Raises
    ------
    ModuleNotFoundError
        If Pillow, which reads the pictures, is not installed.

    Examples
    --------
    >>> import numpy as np
    >>> from PIL import Image
    >>> Image.fromarray(np.zeros((4, 6, 3), np.uint8)).save("black.png")
    >>> ImageDataset(["black.png"])[0].shape
    (3, 4, 6)
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Sequence[str],
        root: str | os.PathLike[str] = ".",
        dtype: Any = None,
    ) -> None:
        _pillow()
        self._paths = _lines(paths) if isinstance(paths, (str, os.PathLike)) else list(paths)
        self._root = Path(root)
        self._dtype = get_dtype(dtype)

    def __len__(self) -> int:
        return len(self._paths)

    def get_example(self, i: int) -> np.ndarray:
        """Return the i-th picture.

        Raises
        ------
        ValueError
            If the file is no picture.
        """
        return _read(self._root / self._paths[i], self._dtype)


class LabeledImageDataset(DatasetMixin):
    """Pairs of a picture and its label.

    Parameters
    ----------
    pairs : path or sequence of (path, int)
        The pictures' files and labels; or one text file with a path and a label, separated
        by blanks, in each line.
    root : path, default '.'
        Where relative paths begin.
    dtype : dtype, optional
        Of the pictures; ``nnrun.config.dtype`` (float32) if not given.
    label_dtype : dtype, default int32
        Of the labels.

    Raises
    ------
    ValueError
        If a line is not a path and an integer; the message has its number.
    ModuleNotFoundError
        If Pillow, which reads the pictures, is not installed.
    """

    def __init__(
        self,
        pairs: str | os.PathLike[str] | Sequence[tuple[str, int]],
        root: str | os.PathLike[str] = ".",
        dtype: Any = None,
        label_dtype: Any = np.int32,
    ) -> None:
        _pillow()
        if isinstance(pairs, (str, os.PathLike)):
            pairs = read_pairs(pairs)
        self._pairs = list(pairs)
        self._root = Path(root)
        self._dtype = get_dtype(dtype)
        self._label_dtype = np.dtype(label_dtype)

    def __len__(self) -> int:
        return len(self._pairs)

    def get_example(self, i: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the i-th picture and its label, an array of no axes.

        Raises
        ------
        ValueError
            If the file is no picture.
        """
        path, label = self._pairs[i]
        return _read(self._root / path, self._dtype), np.array(label, self._label_dtype)


def _pillow() -> Any:
    try:
        import PIL.Image
    except ImportError:
        raise ModuleNotFoundError(
            "pictures are read by Pillow, which is not installed: pip install pillow"
        ) from None
    return PIL.Image


def _lines(path: str | os.PathLike[str]) -> list[str]:
    with open(path, encoding="utf-8") as file:
        return [line.strip() for line in file if line.strip()]


def _pair(path: Any, number: int, line: str) -> tuple[str, int]:
    try:
        name, label = line.rsplit(maxsplit=1)
        return name, int(label)
    except ValueError:
        raise ValueError(
            f"{os.fspath(path)!r}, line {number}: a path and a label are wanted, not {line!r}"
        ) from None


def read_pairs(path: str | os.PathLike[str]) -> list[tuple[str, int]]:
    """Return the names and labels that stand in the lines of a text file.

    Raises
    ------
    ValueError
        If a line is something else; the message has its number.
    """
    return [_pair(path, i, line) for i, line in enumerate(_lines(path), 1)]


def decode(file: Any, name: str, dtype: np.dtype) -> np.ndarray:
    """Return the picture in a file as an array of shape (channels, height, width).

    Parameters
    ----------
    file : path or binary file
    name : str
        Of the picture, for errors.
    dtype : numpy.dtype
        Of the array.

    Raises
    ------
    ValueError
        If it is no picture.
    """
    try:
        with _pillow().open(file) as picture:
            array = np.asarray(picture, dtype)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ValueError(f"{name!r} is no picture: {error}") from error
    return array[np.newaxis] if array.ndim == 2 else array.transpose(2, 0, 1)


def _read(path: Path, dtype: np.dtype) -> np.ndarray:
    return decode(path, str(path), dtype)
