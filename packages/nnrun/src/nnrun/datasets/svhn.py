"""Street View House Numbers, cropped to 32x32 pixels, from their MATLAB files.

Of MATLAB's level 5 format just so much is read as these files have: numeric arrays of unsigned
bytes, compressed or not.  Sizes are checked before memory is taken.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnrun.config import get_dtype
from nnrun.datasets.files import find_or_fetch
from nnrun.datasets.tuple_dataset import TupleDataset

__all__ = ["MatError", "get_svhn", "read_mat"]

_HOME = "http://ufldl.stanford.edu/housenumbers"
_FILES = {
    "train_32x32.mat": "e26dedcc434d2e4c54c9b2d4a06d8373",
    "test_32x32.mat": "eb5a983be6a315427106f1b164d9cef3",
}
_MOST_BYTES = 1 << 30
_COMPRESSED, _MATRIX, _UINT8 = 15, 14, 2
_UINT8_CLASS = 9


class MatError(ValueError):
    """A file is not the MATLAB file that was wanted; says which file and what is wrong."""


def _elements(data: memoryview) -> Iterator[tuple[int, memoryview]]:
    """The type and content of each element, one after another."""
    at = 0
    while at < len(data):
        if len(data) - at < 8:
            raise ValueError("the file ends within an element")
        kind, size = struct.unpack_from("<II", data, at)
        if kind >> 16:  # a small element: size, type and content in 8 bytes
            kind, size, start, end = kind & 0xFFFF, kind >> 16, at + 4, at + 8
        else:
            start = at + 8
            # Only compressed elements are not padded.
            end = start + (size if kind == _COMPRESSED else -(-size // 8) * 8)
        if start + size > len(data):
            raise ValueError("an element is longer than the file")
        yield kind, data[start : start + size]
        at = end


def _array(data: memoryview) -> tuple[str, np.ndarray]:
    """The name and values of a matrix element."""
    parts = [content for _, content in _elements(data)]
    kinds = [kind for kind, _ in _elements(data)]
    if len(parts) != 4 or len(parts[0]) != 8 or parts[0][0] != _UINT8_CLASS or kinds[3] != _UINT8:
        raise ValueError("a matrix is not of unsigned bytes")
    shape = np.frombuffer(parts[1], "<i4")
    if (shape < 0).any() or math.prod(shape.tolist()) != len(parts[3]):
        raise ValueError(f"a matrix of shape {shape.tolist()} has {len(parts[3])} values")
    values = np.frombuffer(parts[3], np.uint8).reshape(shape, order="F")
    return bytes(parts[2]).decode("ascii"), values


def read_mat(path: str | os.PathLike[str]) -> dict[str, np.ndarray]:
    """Read the matrices of unsigned bytes in a MATLAB file of level 5.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    dict of str to numpy.ndarray of uint8

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    MatError
        If it is damaged, or holds anything else.
    """
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES)
    try:
        if len(data) < 128 or data[126:128] != b"IM":
            raise ValueError("it does not begin as a little-endian one does")
        arrays = {}
        for kind, content in _elements(memoryview(data)[128:]):
            if kind == _COMPRESSED:
                unpack = zlib.decompressobj()
                whole = unpack.decompress(content, _MOST_BYTES)
                if not unpack.eof:
                    raise ValueError("a compressed matrix is cut, or too large")
                (kind, content), *_ = _elements(memoryview(whole))
            if kind != _MATRIX:
                raise ValueError(f"an element is of type {kind}, which is no matrix")
            name, values = _array(content)
            arrays[name] = values
    except (ValueError, zlib.error, struct.error) as error:
        raise MatError(f"{path} is no whole MATLAB file of matrices: {error}") from error
    return arrays


def get_svhn(
    withlabel: bool = True,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
) -> tuple[Any, Any]:
    """Return SVHN: 73,257 and 26,032 colour pictures of house numbers' digits, 32x32 pixels.

    Parameters
    ----------
    withlabel : bool, default True
        Whether an example is an (image, label) pair or only an image.
    scale : float, default 1
        Pixels go from 0 to this.
    dtype : dtype, optional
        Of the images, of shape ``(3, 32, 32)``; ``nnrun.config.dtype`` if not given.
    label_dtype : dtype, default int32
        Of the labels, 0 to 9.

    Returns
    -------
    train, test : TupleDataset, or numpy.ndarray if `withlabel` is false

    Raises
    ------
    nnrun.datasets.MissingDatasetError
        If a file is nowhere and cannot be downloaded.
    MatError
        If one is damaged.
    """
    dtype = get_dtype(dtype)
    parts = []
    for file, md5 in _FILES.items():
        path = find_or_fetch("svhn", file, f"{_HOME}/{file}", md5)
        arrays = read_mat(path)
        pixels, labels = arrays.get("X"), arrays.get("y")
        if pixels is None or labels is None or pixels.shape[:3] != (32, 32, 3):
            raise MatError(f"{path} has no pictures X of 32x32x3 with labels y")
        if labels.size != pixels.shape[-1] or labels.size == 0 or labels.max() > 10:
            raise MatError(f"{path}: the labels do not go with the {pixels.shape[-1]} pictures")
        x = np.empty((pixels.shape[3], 3, 32, 32), dtype)
        np.multiply(pixels.transpose(3, 2, 0, 1), np.float64(scale / 255), out=x, casting="unsafe")
        # The digit 0 has the label 10 in these files.
        parts.append(TupleDataset(x, (labels.ravel() % 10).astype(label_dtype)) if withlabel else x)
    return parts[0], parts[1]
