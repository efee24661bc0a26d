"""``python -m nnrun eval``: how good a trained classifier is, class by class.

It prints loss and accuracy over the test images, a table of precision and recall, and which
classes are taken for which; the same as a picture is left in ``confusion.png``.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

import nnrun.functions as F
from nnrun.cli.common import (
    add_device,
    describe_device,
    get_device,
    load_images,
    load_trained,
    scores_of,
)
from nnrun.datasets.image_datasets import to_datasets

__all__ = ["add_parser", "confusion_of"]

# How many of the commonest mistakes are named.
_MISTAKES = 5


def add_parser(commands: Any) -> None:
    """Add the command ``eval`` to the subcommands of an argument parser."""
    parser = commands.add_parser(
        "eval", help="say how good a trained classifier is", description=_title()
    )
    parser.set_defaults(run=run)
    parser.add_argument("folder", nargs="?", default="result", help="default: result")
    add_device(parser)


def _title() -> str:
    return (__doc__ or "").partition("\n\n")[0]


def run(args: argparse.Namespace) -> int:
    """Do what the arguments say; return the exit status."""
    device = get_device(args.device)
    trained = load_trained(args.folder, device)
    print(f"device: {describe_device(device)}")
    _, test = to_datasets(load_images(trained.description.dataset), ndim=trained.description.ndim)
    images, labels = (np.stack(column) for column in zip(*test, strict=True))
    scores = scores_of(trained, images)
    loss = float(F.softmax_cross_entropy(scores, labels).array)
    confusion = confusion_of(scores.argmax(axis=1), labels, len(trained.description.classes))
    right = int(np.trace(confusion))
    print(f"test loss: {loss:.4f}")
    print(f"test accuracy: {right / len(test):.4f} ({right} of {len(test)} images)\n")
    _print_classes(confusion, trained.description.classes)
    path = Path(args.folder) / "confusion.png"
    _draw(confusion, trained.description.classes, path)
    print(f"\nwrote {path}")
    return 0


def confusion_of(found: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return how many images of each class (row) were taken for each class (column).

    Parameters
    ----------
    found, labels : numpy.ndarray of int, shape (images,)
        What the model says, and what is true.
    n_classes : int

    Returns
    -------
    numpy.ndarray of int, shape (n_classes, n_classes)

    Examples
    --------
    >>> confusion_of(np.array([0, 1, 1]), np.array([0, 0, 1]), 2)
    array([[1, 1],
           [0, 1]])
    """
    return np.bincount(labels * n_classes + found, minlength=n_classes**2).reshape(n_classes, -1)


def _print_classes(confusion: np.ndarray, classes: tuple[str, ...]) -> None:
    width = max(map(len, classes))
    print(f"{'class':{width}}  images  precision  recall")
    for i, name in enumerate(classes):
        right, images, named = confusion[i, i], confusion[i].sum(), confusion[:, i].sum()
        precision = f"{right / named:9.4f}" if named else f"{'-':>9}"
        recall = f"{right / images:6.4f}" if images else f"{'-':>6}"
        print(f"{name:{width}}  {images:6}  {precision}  {recall}")
    mistakes = confusion - np.diag(np.diag(confusion))
    for index in np.argsort(-mistakes, axis=None, kind="stable")[:_MISTAKES]:
        true, found = divmod(int(index), len(classes))
        if mistakes[true, found]:
            print(f"{classes[true]} taken for {classes[found]}: {mistakes[true, found]}")


def _draw(confusion: np.ndarray, classes: tuple[str, ...], path: Path) -> None:
    from matplotlib.figure import Figure

    size = 2 + 0.5 * len(classes)
    figure = Figure(figsize=(size + 1, size), layout="constrained")
    axes = figure.add_subplot()
    shares = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for (i, j), count in np.ndenumerate(confusion):
        if count:
            color = "white" if shares[i, j] > 0.5 else "black"
            axes.text(j, i, str(count), ha="center", va="center", color=color, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=45, ha="right")
    axes.set_yticks(range(len(classes)), classes)
    axes.set_xlabel("taken for")
    axes.set_ylabel("is")
    figure.savefig(path)
