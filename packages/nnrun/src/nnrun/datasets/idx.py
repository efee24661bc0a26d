"""Reading idx files, the format of MNIST and its relatives, and nothing beyond it.

The format: two zero bytes, a type code, the number of axes, each axis' length as
a big-endian 32-bit number, then the values.  `read_idx` takes unsigned bytes
only, plain or gzipped, and guarantees bounded memory: the header's lengths are
checked before anything is allocated, and reading stops at the first byte too many.
"""

from __future__ import annotations

import contextlib
import gzip
import math
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

__all__ = ["IdxError", "content_sha256", "read_idx", "write_idx"]

_UNSIGNED_BYTE = 0x08
_CHUNK = 1 << 20


class IdxError(ValueError):
    """A file is not the idx file that was wanted; says which file and what is wrong."""


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes]]:
    """The content of a plain or gzipped file; damage in the compression raises `IdxError`."""
    try:
        with open(path, "rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            if not zipped:
                yield plain
                return
            with gzip.GzipFile(fileobj=plain, mode="rb") as content:
                # GzipFile is a binary stream; typeshed knows it only as BufferedIOBase.
                yield content  # type: ignore[misc]
    except EOFError:
        raise IdxError(f"{path}: the gzip stream ends too early: the file is truncated") from None
    except (zlib.error, gzip.BadGzipFile) as error:
        raise IdxError(f"{path}: the gzip stream is damaged: {error}") from None


def read_idx(path: str | os.PathLike[str], ndim: int, limit: int = 1 << 30) -> np.ndarray:
    """Read an idx file of unsigned bytes.

    Parameters
    ----------
    path : path
        The file, plain or gzipped (told by its first bytes, not its name).
    ndim : int
        The number of axes wanted: 3 for images, 1 for labels.
    limit : int, default 1 GiB
        Most bytes of values accepted.

    Returns
    -------
    numpy.ndarray of uint8
        With `ndim` axes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    IdxError
        If the file is anything else; the message names it, what was wanted and what
        was found.

    Examples
    --------
    >>> write_idx("labels.gz", np.array([3, 1, 4], np.uint8))
    >>> read_idx("labels.gz", ndim=1)
    array([3, 1, 4], dtype=uint8)
    """
    path = Path(path)
    with _opened(path) as file:
        header = file.read(4)
        wanted = bytes([0, 0, _UNSIGNED_BYTE, ndim])
        if header != wanted:
            raise IdxError(
                f"{path}: an idx file of unsigned bytes with {ndim} axes starts with "
                f"{wanted.hex()}, this one with {header.hex() or 'nothing'}"
            )
        lengths = file.read(4 * ndim)
        if len(lengths) < 4 * ndim:
            raise IdxError(f"{path}: the header ends after {4 + len(lengths)} bytes")
        shape = tuple(int.from_bytes(lengths[4 * i : 4 * i + 4], "big") for i in range(ndim))
        size = math.prod(shape)
        if size > limit:
            raise IdxError(
                f"{path}: the header promises {size} bytes of shape {shape}; at most {limit} "
                "are accepted"
            )
        data = bytearray()
        while len(data) < size and (chunk := file.read(min(_CHUNK, size - len(data)))):
            data += chunk
        if len(data) < size:
            raise IdxError(
                f"{path}: the header promises {size} bytes of shape {shape}, and only "
                f"{len(data)} follow: the file is truncated"
            )
        if file.read(1):
            raise IdxError(f"{path}: more bytes follow the {size} of shape {shape}")
    return np.frombuffer(data, np.uint8).reshape(shape)


def write_idx(path: str | os.PathLike[str], array: np.ndarray) -> None:
    """Write an array of unsigned bytes as an idx file, gzipped if the name ends in ``.gz``.

    Parameters
    ----------
    path : path
        The file; it replaces one that exists.
    array : numpy.ndarray of uint8
        Of 1 to 255 axes.

    Raises
    ------
    TypeError
        If the array is not of uint8.
    """
    if array.dtype != np.uint8:
        raise TypeError(f"write_idx: an array of uint8 is wanted, not of {array.dtype}")
    content = bytes([0, 0, _UNSIGNED_BYTE, array.ndim])
    content += b"".join(length.to_bytes(4, "big") for length in array.shape)
    content += array.tobytes()
    path = Path(path)
    # No time stamp, so that the same values make the same file.
    path.write_bytes(gzip.compress(content, 9, mtime=0) if path.suffix == ".gz" else content)


def content_sha256(path: str | os.PathLike[str]) -> str:
    """Return the SHA-256 digest of a file's content, of what is inside if it is gzipped.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    IdxError
        If the compression is damaged.
    """
    import hashlib  # 5 ms that only the reading of files needs

    digest = hashlib.sha256()
    with _opened(Path(path)) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
