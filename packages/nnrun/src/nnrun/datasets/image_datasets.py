"""MNIST, its relatives and the shipped handwritten digits as training and test datasets."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.config import get_dtype
from nnrun.datasets.images import SOURCES, Images, load
from nnrun.datasets.tuple_dataset import TupleDataset

__all__ = [
    "get_digits",
    "get_fashion_mnist",
    "get_fashion_mnist_labels",
    "get_kuzushiji_mnist",
    "get_kuzushiji_mnist_labels",
    "get_mnist",
    "to_datasets",
]


def get_mnist(
    withlabel: bool = True,
    ndim: int = 1,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
    rgb_format: bool = False,
) -> tuple[Any, Any]:
    """Return MNIST: 60,000 and 10,000 handwritten digits of 28x28 pixels.

    Parameters
    ----------
    withlabel : bool, default True
        Whether an example is an (image, label) pair or only an image.
    ndim : {1, 2, 3}
        Images of shape ``(784,)``, ``(28, 28)`` or ``(1, 28, 28)``.
    scale : float, default 1
        Pixels go from 0 to this.
    dtype : dtype, optional
        Of the images; ``nnrun.config.dtype`` (float32) if not given.
    label_dtype : dtype, default int32
        Of the labels.
    rgb_format : bool, default False
        With ``ndim=3``, repeat the channel: ``(3, 28, 28)``.

    Returns
    -------
    train, test : TupleDataset, or numpy.ndarray if `withlabel` is false

    Raises
    ------
    ValueError
        If `ndim` is not 1, 2 or 3, or `rgb_format` is asked for with another than 3.
    nnrun.datasets.MissingDatasetError
        If the files are nowhere and cannot be downloaded.
    nnrun.datasets.IdxError
        If a file is damaged.
    """
    return to_datasets(load("mnist"), withlabel, ndim, scale, dtype, label_dtype, rgb_format)


def get_fashion_mnist(
    withlabel: bool = True,
    ndim: int = 1,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
    rgb_format: bool = False,
) -> tuple[Any, Any]:
    """Return Fashion-MNIST: 60,000 and 10,000 pictures of clothes, of 28x28 pixels.

    Parameters, results and errors are those of `get_mnist`.
    """
    return to_datasets(
        load("fashion-mnist"), withlabel, ndim, scale, dtype, label_dtype, rgb_format
    )


def get_kuzushiji_mnist(
    withlabel: bool = True,
    ndim: int = 1,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
    rgb_format: bool = False,
) -> tuple[Any, Any]:
    """Return Kuzushiji-MNIST: 60,000 and 10,000 cursive Japanese letters, of 28x28 pixels.

    Parameters, results and errors are those of `get_mnist`.
    """
    return to_datasets(
        load("kuzushiji-mnist"), withlabel, ndim, scale, dtype, label_dtype, rgb_format
    )


def get_fashion_mnist_labels() -> list[str]:
    """Return the names of Fashion-MNIST's ten classes.

    Examples
    --------
    >>> get_fashion_mnist_labels()[-2:]
    ['Bag', 'Ankle boot']
    """
    return list(SOURCES["fashion-mnist"].classes)


def get_kuzushiji_mnist_labels() -> list[tuple[str, str]]:
    """Return the names of Kuzushiji-MNIST's ten classes, and the letters of today.

    Examples
    --------
    >>> get_kuzushiji_mnist_labels()[0]
    ('o', 'お')
    """
    return list(zip(SOURCES["kuzushiji-mnist"].classes, "おきすつなはまやれを", strict=True))


def get_digits(
    withlabel: bool = True,
    ndim: int = 1,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
    rgb_format: bool = False,
) -> tuple[Any, Any]:
    """Return the handwritten digits that ship with the package: 1,497 and 300 of 8x8 pixels.

    Parameters, results and errors are those of `get_mnist`, but nothing is ever
    searched for or downloaded.

    Examples
    --------
    >>> train, test = get_digits()
    >>> len(train), len(test), train[0][0].shape
    (1497, 300, (64,))
    """
    return to_datasets(load("digits"), withlabel, ndim, scale, dtype, label_dtype, rgb_format)


def to_datasets(
    images: Images,
    withlabel: bool = True,
    ndim: int = 1,
    scale: float = 1.0,
    dtype: Any = None,
    label_dtype: Any = np.int32,
    rgb_format: bool = False,
) -> tuple[Any, Any]:
    """Turn images as they are stored into a training and a test dataset.

    Parameters
    ----------
    images : Images
        From `nnrun.datasets.images.load`.
    withlabel, ndim, scale, dtype, label_dtype, rgb_format
        As for `get_mnist`.

    Returns
    -------
    train, test : TupleDataset, or numpy.ndarray if `withlabel` is false

    Raises
    ------
    ValueError
        If `ndim` is not 1, 2 or 3, or `rgb_format` is asked for with another than 3.
    """
    if ndim not in (1, 2, 3):
        raise ValueError(f"ndim: an image has 1, 2 or 3 axes, not {ndim!r}")
    if rgb_format and ndim != 3:
        raise ValueError(f"rgb_format: three channels need ndim=3, not {ndim}")
    dtype = get_dtype(dtype)
    parts = []
    for pixels, labels in (
        (images.train_images, images.train_labels),
        (images.test_images, images.test_labels),
    ):
        count, height, width = pixels.shape
        shape = {1: (-1,), 2: (height, width), 3: (1, height, width)}[ndim]
        # Computed in float64 and rounded once, piece by piece: no array of float64 is made.
        x = np.empty(pixels.shape, dtype)
        np.multiply(pixels, np.float64(scale / images.source.levels), out=x, casting="unsafe")
        x = x.reshape(count, *shape)
        if rgb_format:
            x = np.repeat(x, 3, axis=1)
        parts.append(TupleDataset(x, labels.astype(label_dtype)) if withlabel else x)
    return parts[0], parts[1]
