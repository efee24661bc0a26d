"""``python -m nnrun predict``: what a trained classifier takes pictures for.

Pictures are files (``predict boot.png``), turned to grey and to the size that the model knows,
or images of the test set by their numbers (``predict --test 0 7``).  For each it prints the
likeliest classes with their probabilities.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

import nnrun.functions as F
from nnrun.cli.common import (
    Description,
    add_device,
    get_device,
    load_images,
    load_trained,
    scores_of,
)
from nnrun.cli.errors import UsageError
from nnrun.datasets.image_datasets import to_datasets

__all__ = ["add_parser"]

# How many classes are named for each picture.
_NAMED = 3


def add_parser(commands: Any) -> None:
    """Add the command ``predict`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "predict",
        help="say what pictures show",
        description=(__doc__ or "").partition("\n\n")[0],
    )
    parser.set_defaults(run=run)
    parser.add_argument("pictures", nargs="*", metavar="FILE", help="pictures")
    parser.add_argument("--test", nargs="+", type=int, metavar="N", help="images of the test set")
    parser.add_argument("--folder", default="result", help="of the training (default: result)")
    parser.add_argument(
        "--invert", action="store_true", help="the pictures are dark on a bright ground"
    )
    add_device(parser)


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    if not args.pictures and not args.test:
        raise UsageError("predict: give pictures, or --test and numbers")
    trained = load_trained(args.folder, get_device(args.device))
    description = trained.description
    names = list(args.pictures)
    images = [_read(path, description, args.invert) for path in args.pictures]
    if args.test:
        _, test = to_datasets(load_images(description.dataset), ndim=description.ndim)
        for i in args.test:
            if not 0 <= i < len(test):
                raise UsageError(f"--test {i}: there are {len(test)} test images, 0 the first")
            image, label = test[i]
            images.append(image)
            names.append(f"test image {i} ({description.classes[label]})")
    p = F.softmax(scores_of(trained, np.stack(images))).array
    for name, row in zip(names, p, strict=True):
        best = np.argsort(-row, kind="stable")[:_NAMED]
        print(f"{name}: " + ", ".join(f"{description.classes[i]} {row[i]:.1%}" for i in best))
    return 0


def _read(path: str, description: Description, invert: bool) -> np.ndarray:
    """A picture as the model wants it: values from 0 to 1."""
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise UsageError("predict: Pillow, which reads pictures, is not installed") from None
    height, width = _size_of(description)
    try:
        with Image.open(path) as picture:
            grey = picture.convert("L").resize((width, height), Image.Resampling.BILINEAR)
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: {error}") from error
    values = np.asarray(grey, np.float32) / 255
    return (1 - values if invert else values).reshape(description.shape)


def _size_of(description: Description) -> tuple[int, int]:
    """Height and width; the data sets' images are squares where they are vectors."""
    if description.ndim == 1:
        side = round(description.shape[0] ** 0.5)
        return side, side
    return description.shape[-2], description.shape[-1]
