"""Finding and reading the small image data sets: where they are, and whether they are whole.

A data set is four idx files in a folder (`FILES`).  Folders are looked at in this
order, and the first with a file of the set in it is taken:

1. ``$NNRUN_DATASETS/<name>``, and ``$NNRUN_DATASETS`` itself;
2. ``/usr/share/datasets/<name>``, which Debian's ``dataset-fashion-mnist`` fills;
3. ``<name>`` in the user's cache folder (`nnrun.dataset.get_dataset_root`).

If none has it, the files are downloaded into the cache folder, from the data set's
public home or, where it is set, from ``$NNRUN_DATASETS_URL/<name>/<file>``, and
each must have the SHA-256 digest of the published content.  ``digits`` ships with
the package.

What is guaranteed: what `load` returns has consistent shapes and labels in range;
everything else is an error that names the file, or the folders and what to put there.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from nnrun.dataset.download import DownloadError, download, get_dataset_root, md5_of
from nnrun.datasets.idx import IdxError, content_sha256, read_idx

__all__ = [
    "FILES",
    "SOURCES",
    "Images",
    "MissingDatasetError",
    "Source",
    "find",
    "load",
    "load_images",
]

#: The four files of a data set: images and labels to train on, images and labels to test on.
FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)

_SYSTEM = Path("/usr/share/datasets")
_SHIPPED = Path(__file__).with_name("data")


@dataclass(frozen=True, slots=True)
class Source:
    """A data set: what it is, where it comes from, and how to know it."""

    name: str
    title: str
    url: str | None  #: the folder at its public home; None if it ships with the package
    sha256: tuple[str, ...]  #: of each file's content, uncompressed; empty with `packed_md5`
    levels: int  #: pixels are integers from 0 to this
    classes: tuple[str, ...]
    packed_md5: tuple[str, ...] = ()  #: of each gzipped file, where the publisher gives that


_DIGIT_NAMES = tuple("0123456789")

SOURCES: dict[str, Source] = {
    source.name: source
    for source in (
        Source(
            "fashion-mnist",
            "Fashion-MNIST",
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com",
            (
                "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
            ),
            255,
            (
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ),
        ),
        Source(
            "mnist",
            "MNIST",
            "https://storage.googleapis.com/cvdf-datasets/mnist",
            (
                "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            ),
            255,
            _DIGIT_NAMES,
        ),
        Source(
            "kuzushiji-mnist",
            "Kuzushiji-MNIST",
            "http://codh.rois.ac.jp/kmnist/dataset/kmnist",
            (),
            255,
            ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
            (
                "bdb82020997e1d708af4cf47b453dcf7",
                "e144d726b3acfaa3e44228e80efcd344",
                "5c965bf0a639b31b8f53240b1b52f4d7",
                "7320c461ea6c1c855c0b718fb2a4b134",
            ),
        ),
        Source(
            "digits",
            "Optical Recognition of Handwritten Digits (UCI)",
            None,
            (
                "b35c1b4e2735f125e8dc491f92c5d2c6278842d3babc12e95d6eb1df2d58579a",
                "82603edc3f3dde764e56a6cfc9acce6c41679941d9f19128475255a34c4ab7e8",
                "bcf6eef141266ce560f080b55d8d23d35ab3b13e58630f17e56fac3157c9aa7b",
                "bac2c5558222c2c11d17c71cea83844316e4b9c79bceb09ca2547ec3d62ce8e9",
            ),
            16,
            _DIGIT_NAMES,
        ),
    )
}


class MissingDatasetError(FileNotFoundError):
    """A data set is on no folder looked at and could not be downloaded."""


@dataclass(frozen=True, slots=True)
class Images:
    """A data set in memory.

    Attributes
    ----------
    source : Source
        Which data set.
    where : str
        Where it came from: a folder, or an address and a folder.
    train_images, test_images : numpy.ndarray of uint8
        Of shape ``(n, height, width)``.
    train_labels, test_labels : numpy.ndarray of uint8
        Of shape ``(n,)``.
    """

    source: Source
    where: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray

    def describe(self) -> str:
        """Return one line: which data, how much of it, and from where."""
        count, height, width = self.train_images.shape
        return (
            f"{self.source.title}: {count} training and {len(self.test_images)} test images of "
            f"{height}x{width} pixels, from {self.where}"
        )


def load(name: str) -> Images:
    """Find a data set, download it if it is nowhere, and read it.

    Parameters
    ----------
    name : str
        ``fashion-mnist``, ``mnist``, ``kuzushiji-mnist`` or ``digits``.

    Returns
    -------
    Images

    Raises
    ------
    ValueError
        If no data set has that name.
    MissingDatasetError
        If it is nowhere and cannot be downloaded; the message says where to put it.
    nnrun.dataset.download.ChecksumError
        If what was downloaded is something else.
    nnrun.datasets.idx.IdxError
        If a file is damaged, or a set is incomplete or inconsistent.

    Examples
    --------
    >>> images = load("digits")
    >>> images.train_images.shape, images.test_labels.shape
    ((1497, 8, 8), (300,))
    """
    folder = find(name)
    source = SOURCES[name]
    if folder is not None:
        return _read(source, folder, str(folder) if source.url else "the package")
    url = _download(source, _folders(name))
    cache = _cache(name)
    return _read(source, cache, f"{url}, kept in {cache}")


def find(name: str) -> Path | None:
    """Return the folder that a data set would be read from, None if it is nowhere.

    Parameters
    ----------
    name : str
        As for `load`.

    Raises
    ------
    ValueError
        If no data set has that name.

    Examples
    --------
    >>> find("digits").name
    'digits'
    """
    source = SOURCES.get(name)
    if source is None:
        raise ValueError(f"no data set is named {name!r}; there are {', '.join(SOURCES)}")
    if source.url is None:
        return _SHIPPED / name
    for folder in _folders(name):
        if any(_find(folder, file) for file in FILES):
            return folder
    return None


def load_images(folder: str | os.PathLike[str], name: str) -> Images:
    """Read a data set from one given folder.

    Parameters
    ----------
    folder : path
        Has the four idx files, plain or gzipped.
    name : str
        Which data set it is.

    Raises
    ------
    MissingDatasetError
        If a file is not there.
    nnrun.datasets.idx.IdxError
        If one is damaged or inconsistent.
    """
    return _read(SOURCES[name], Path(folder), str(folder))


def _cache(name: str) -> Path:
    return Path(get_dataset_root()) / name


def _folders(name: str) -> list[Path]:
    """Where to look, in order; the cache counts only once the whole set is in it."""
    folders = []
    chosen = os.environ.get("NNRUN_DATASETS")
    if chosen:
        folders += [Path(chosen) / name, Path(chosen)]
    folders.append(_SYSTEM / name)
    cache = _cache(name)
    if all(_find(cache, file) for file in FILES):
        folders.append(cache)
    return folders


def _find(folder: Path, file: str) -> Path | None:
    for path in (folder / file, folder / f"{file}.gz"):
        if path.is_file():
            return path
    return None


def _download(source: Source, looked_at: list[Path]) -> str:
    base = os.environ.get("NNRUN_DATASETS_URL")
    url = f"{base.rstrip('/')}/{source.name}" if base else str(source.url)
    cache = _cache(source.name)
    try:
        packed = bool(source.packed_md5)
        digests = source.packed_md5 if packed else source.sha256
        digest_of: Callable[[Path], str] = md5_of if packed else content_sha256
        for file, digest in zip(FILES, digests, strict=True):
            if _find(cache, file) is None:
                target = cache / f"{file}.gz"
                download(f"{url}/{file}.gz", target, digest, digest_of=digest_of)
    except DownloadError as error:
        folders = ", ".join(str(folder) for folder in [*looked_at, cache])
        message = (
            f"{source.title} is in none of {folders}, and could not be downloaded: {error}. "
            f"Put {', '.join(FILES)} (or the same with .gz) into {cache}, or into a folder that "
            "NNRUN_DATASETS names"
        )
        raise MissingDatasetError(message) from error
    return url


def _read(source: Source, folder: Path, where: str) -> Images:
    paths = [_find(folder, file) for file in FILES]
    missing = [file for file, path in zip(FILES, paths, strict=True) if path is None]
    if missing:
        raise MissingDatasetError(
            f"{source.title}: {folder} lacks {', '.join(missing)} (or the same with .gz)"
        )
    arrays = []
    for images_path, labels_path in (paths[:2], paths[2:]):
        images, labels = read_idx(str(images_path), 3), read_idx(str(labels_path), 1)
        if len(images) != len(labels):
            raise IdxError(
                f"{images_path} has {len(images)} images and {labels_path} {len(labels)} labels"
            )
        if len(images) == 0:
            raise IdxError(f"{images_path}: there are no images in it")
        _require_at_most(images_path, images, source.levels, "pixel value")
        _require_at_most(labels_path, labels, len(source.classes) - 1, "label")
        arrays += [images, labels]
    if arrays[0].shape[1:] != arrays[2].shape[1:]:
        raise IdxError(
            f"{source.title} in {folder}: training images are of {arrays[0].shape[1:]} pixels and "
            f"test images of {arrays[2].shape[1:]}"
        )
    _require_right_name(source, Path(str(paths[1])))
    return Images(source, where, *arrays)


def _require_at_most(path: Path | None, array: np.ndarray, most: int, what: str) -> None:
    found = int(array.max())
    if found > most:
        raise IdxError(f"{path}: {what} {found} found; {most} is the largest there may be")


def _require_right_name(source: Source, labels_path: Path) -> None:
    """Refuse one known data set under the name of another: their files are called the same."""
    found = content_sha256(labels_path)
    for other in SOURCES.values():
        if found in other.sha256 and other.name != source.name:
            raise IdxError(
                f"{labels_path} is a file of {other.title}, and {source.title} was asked for"
            )
