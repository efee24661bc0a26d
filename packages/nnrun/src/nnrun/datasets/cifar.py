"""CIFAR-10 and CIFAR-100, from the archives of their binary version, which hold no pickles.

A record is one label byte (two for CIFAR-100: coarse, then fine) and 3 x 32 x 32 bytes of
pixels.  What is read is checked to be whole records with labels in range.
"""

from __future__ import annotations

import os
import tarfile
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnrun.config import get_dtype
from nnrun.datasets.files import find_or_fetch
from nnrun.datasets.tuple_dataset import TupleDataset

__all__ = ["CifarError", "get_cifar10", "get_cifar100", "read_cifar"]

_PIXELS = 3 * 32 * 32
_HOME = "https://www.cs.toronto.edu/~kriz"
_MOST_BYTES = 1 << 28  # a member is 30 MB (CIFAR-10) or 154 MB (CIFAR-100, training)


class CifarError(ValueError):
    """A file is not the archive that was wanted; says which file and what is wrong."""


@dataclass(frozen=True)
class _Kind:
    archive: str
    md5: str
    train: tuple[str, ...]
    test: str
    label_bytes: int
    classes: int  #: by the last label byte


_KINDS = {
    "cifar10": _Kind(
        "cifar-10-binary.tar.gz",
        "c32a1d4ab5d03f1284b67883e8d87530",
        tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
        "cifar-10-batches-bin/test_batch.bin",
        1,
        10,
    ),
    "cifar100": _Kind(
        "cifar-100-binary.tar.gz",
        "03b5dce01913d631647c71ecec9e9cb8",
        ("cifar-100-binary/train.bin",),
        "cifar-100-binary/test.bin",
        2,
        100,
    ),
}


def read_cifar(
    path: str | os.PathLike[str], kind: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Read an archive of the binary version.

    Parameters
    ----------
    path : path
        The ``.tar.gz``; nothing of it is unpacked to disk.
    kind : {'cifar10', 'cifar100'}
        Which.

    Returns
    -------
    train_images, train_labels, test_images, test_labels : numpy.ndarray of uint8
        Images of shape ``(n, 3, 32, 32)``; for CIFAR-100 the fine labels.

    Raises
    ------
    CifarError
        If the archive is damaged or something else; the message names it.
    """
    layout = _KINDS[kind]
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                if member.name in (*layout.train, layout.test) and member.isfile():
                    if member.size > _MOST_BYTES:
                        raise CifarError(f"{path}: {member.name} has {member.size} bytes")
                    content = archive.extractfile(member)
                    found[member.name] = b"" if content is None else content.read()
    except FileNotFoundError:
        raise
    except CifarError:
        raise
    except (tarfile.TarError, EOFError, OSError, zlib.error, ValueError) as error:
        raise CifarError(f"{path} is not a whole archive: {error}") from error
    missing = [name for name in (*layout.train, layout.test) if name not in found]
    if missing:
        raise CifarError(f"{path} lacks {', '.join(missing)}")
    parts = [_records(f"{path}: {name}", found[name], layout) for name in layout.train]
    train_images, train_labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    return (
        train_images,
        train_labels,
        *_records(f"{path}: {layout.test}", found[layout.test], layout),
    )


def _records(name: str, data: bytes, layout: _Kind) -> tuple[np.ndarray, np.ndarray]:
    length = layout.label_bytes + _PIXELS
    if not data or len(data) % length:
        raise CifarError(f"{name} has {len(data)} bytes, which are no records of {length}")
    records = np.frombuffer(data, np.uint8).reshape(-1, length)
    labels = records[:, layout.label_bytes - 1]
    if labels.max() >= layout.classes:
        raise CifarError(f"{name}: label {labels.max()} of {layout.classes} classes")
    return records[:, layout.label_bytes :].reshape(-1, 3, 32, 32), labels.copy()


def get_cifar10(
    withlabel: bool = True, ndim: int = 3, scale: float = 1.0, dtype: Any = None
) -> tuple[Any, Any]:
    """Return CIFAR-10: 50,000 and 10,000 colour pictures of 32x32 pixels, in 10 classes.

    Parameters
    ----------
    withlabel : bool, default True
        Whether an example is an (image, label) pair or only an image.
    ndim : {1, 3}
        Images of shape ``(3072,)`` or ``(3, 32, 32)``.
    scale : float, default 1
        Pixels go from 0 to this.
    dtype : dtype, optional
        Of the images; ``nnrun.config.dtype`` (float32) if not given.

    Returns
    -------
    train, test : TupleDataset, or numpy.ndarray if `withlabel` is false
        Labels are int32.

    Raises
    ------
    ValueError
        If `ndim` is neither 1 nor 3.
    nnrun.datasets.MissingDatasetError
        If the archive is nowhere and cannot be downloaded.
    CifarError
        If it is damaged.
    """
    return _get("cifar10", withlabel, ndim, scale, dtype)


def get_cifar100(
    withlabel: bool = True, ndim: int = 3, scale: float = 1.0, dtype: Any = None
) -> tuple[Any, Any]:
    """Return CIFAR-100: 50,000 and 10,000 colour pictures of 32x32 pixels, in 100 classes.

    Parameters, results and errors are those of `get_cifar10`.
    """
    return _get("cifar100", withlabel, ndim, scale, dtype)


def _get(kind: str, withlabel: bool, ndim: int, scale: float, dtype: Any) -> tuple[Any, Any]:
    if ndim not in (1, 3):
        raise ValueError(f"ndim: an image has 1 or 3 axes, not {ndim!r}")
    layout, dtype = _KINDS[kind], get_dtype(dtype)
    path = find_or_fetch(kind, layout.archive, f"{_HOME}/{layout.archive}", layout.md5)
    train_images, train_labels, test_images, test_labels = read_cifar(path, kind)
    parts = []
    for pixels, labels in ((train_images, train_labels), (test_images, test_labels)):
        x = np.empty(pixels.shape, dtype)
        np.multiply(pixels, np.float64(scale / 255), out=x, casting="unsafe")
        x = x.reshape(len(x), -1) if ndim == 1 else x
        parts.append(TupleDataset(x, labels.astype(np.int32)) if withlabel else x)
    return parts[0], parts[1]
