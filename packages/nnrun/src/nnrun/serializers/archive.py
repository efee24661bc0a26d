"""Reading the arrays of an NPZ file that nobody vouches for.

What is guaranteed: before memory is taken for an array, its header is held against what is
wanted of it and against the size that the archive gives; nothing is unpickled; whatever is wrong
is a `ValueError`.
"""

from __future__ import annotations

import math
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from typing import Any, BinaryIO

import numpy as np

from nnrun.serializers._common import check_stored

__all__ = ["Archive"]

_SUFFIX = ".npy"
_MOST_FILES = 1 << 20


class Archive(Mapping[str, np.ndarray]):
    """The arrays of an open NPZ file, by name.

    Parameters
    ----------
    file : binary file
        Can seek.

    Raises
    ------
    ValueError
        If it is no zip archive, or one with more than a million files.
    """

    def __init__(self, file: BinaryIO) -> None:
        try:
            self._zip = zipfile.ZipFile(file)
        except _ERRORS as error:
            raise ValueError(f"not a whole NPZ file: {error}") from error
        infos = self._zip.infolist()
        if len(infos) > _MOST_FILES:
            raise ValueError(f"an NPZ file of {len(infos)} arrays: at most {_MOST_FILES} are read")
        self._infos = {info.filename.removesuffix(_SUFFIX): info for info in infos}

    def __len__(self) -> int:
        return len(self._infos)

    def __iter__(self) -> Iterator[str]:
        return iter(self._infos)

    def __contains__(self, name: object) -> bool:
        return name in self._infos

    def __getitem__(self, name: str) -> np.ndarray:
        """Return an array of any shape; see `read`."""
        return self.read(name, None)

    def read(self, name: str, value: Any) -> np.ndarray:
        """Return an array.

        Parameters
        ----------
        name : str
            Its name.
        value : object
            What it is to replace: an array says which shape is wanted.

        Raises
        ------
        KeyError
            If there is none of that name.
        ValueError
            If it is damaged, not what is wanted, or larger than may be.
        """
        info = self._infos[name]
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"it is compressed by method {info.compress_type}, not by deflate")
        try:
            with self._zip.open(info) as member:
                shape, fortran, dtype = _read_header(member)
                size = math.prod(shape) * dtype.itemsize
                if dtype.hasobject:
                    raise ValueError("it holds Python objects, which are not loaded")
                check_stored(shape, dtype, value, info.compress_size)
                if size != info.file_size - member.tell():
                    raise ValueError(
                        f"its header promises {size} bytes of shape {shape}, and "
                        f"{info.file_size - member.tell()} follow"
                    )
                data = member.read(size)
                if len(data) != size or member.read(1):
                    raise ValueError("its data end too early or too late")
        except _ERRORS as error:
            raise ValueError(str(error) or type(error).__name__) from error
        array = np.frombuffer(bytearray(data), dtype)
        return array.reshape(shape, order="F" if fortran else "C")


def _read_header(member: Any) -> tuple[tuple[int, ...], bool, np.dtype]:
    version = np.lib.format.read_magic(member)
    if version == (1, 0):
        return np.lib.format.read_array_header_1_0(member)
    if version == (2, 0):
        return np.lib.format.read_array_header_2_0(member)
    raise ValueError(f"its format is version {version}; 1.0 and 2.0 are read")


# All that zipfile, zlib and the header's parser raise for bytes that make no sense.
_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    TypeError,
    RuntimeError,
    OverflowError,
    SyntaxError,
    NotImplementedError,
)
