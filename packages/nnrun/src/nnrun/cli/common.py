"""What the commands share: devices, data sets, and the folder that a training leaves.

A training writes ``training.json`` beside ``model.npz``: what the other commands need in
order to make the same model again.
"""

from __future__ import annotations

import argparse
import json
import zipfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nnrun import backend
from nnrun.cli.errors import UsageError
from nnrun.cli.models import find_model
from nnrun.config import no_backprop_mode, using_config
from nnrun.datasets.idx import IdxError
from nnrun.datasets.images import SOURCES, Images, MissingDatasetError, load
from nnrun.serializers import load_npz

__all__ = [
    "DESCRIPTION",
    "Description",
    "Trained",
    "add_device",
    "describe_device",
    "get_device",
    "load_images",
    "load_trained",
    "scores_of",
]

#: The file in a folder of results that says what was trained.
DESCRIPTION = "training.json"

# What `--dataset auto` tries, in this order; the last always works.
_AUTO = ("fashion-mnist", "digits")


def add_device(parser: argparse.ArgumentParser) -> None:
    """Add the option ``--device``."""
    parser.add_argument(
        "--device",
        default="auto",
        help="numpy, cuda:N, host:N (the software GPU), or auto: the first GPU if there is one, "
        "else what trains fastest without (default: auto)",
    )


def get_device(spec: str) -> Any:
    """Return the device of an option, and use it; UsageError if there is none."""
    try:
        device = backend.get_device(spec)
        device.use()
    except (ValueError, RuntimeError, ImportError) as error:
        raise UsageError(f"--device {spec}: {error}") from error
    return device


def describe_device(device: Any) -> str:
    """Return the device's name and its library's version."""
    if device.xp is np:
        return f"numpy (NumPy {np.__version__})"
    return f"{device.name} (ndgpu {device.xp.__version__})"


def load_images(dataset: str) -> Images:
    """Load the data set asked for, and print which it is and from where."""
    *first, last = _AUTO if dataset == "auto" else (dataset,)
    try:
        for name in first:
            try:
                return _announced(load(name))
            except MissingDatasetError as error:
                print(f"data: {error}", flush=True)
        return _announced(load(last))
    except (MissingDatasetError, IdxError) as error:
        raise UsageError(str(error)) from error


def _announced(images: Images) -> Images:
    print(f"data: {images.describe()}", flush=True)
    return images


@dataclass(frozen=True, slots=True)
class Description:
    """What was trained, as it stands in ``training.json``."""

    model: str
    units: int
    ndim: int
    dataset: str
    shape: tuple[int, ...]  #: of one image
    classes: tuple[str, ...]
    levels: int  #: pixels of the data set's files are integers from 0 to this

    def make(self) -> Any:
        """Make the model, with parameters of its own."""
        design = find_model(self.model, self.ndim)
        return design.make(self.shape, self.units, len(self.classes))

    def write(self, folder: Path) -> None:
        """Write the file into the folder of results."""
        (folder / DESCRIPTION).write_text(json.dumps(asdict(self), indent=1) + "\n")


@dataclass(frozen=True, slots=True)
class Trained:
    """A model that was trained, on the device where it is to run."""

    description: Description
    model: Any
    device: Any


def load_trained(folder: str, device: Any) -> Trained:
    """Make the model that a training left in a folder.

    Parameters
    ----------
    folder : str
        What was given as ``--out``; its ``training.json`` and ``model.npz`` are read.
    device : Device
        Where the model is to run.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        If the folder has not what it should.
    """
    path = Path(folder)
    try:
        fields = json.loads((path / DESCRIPTION).read_text())
        for name in "shape", "classes":
            fields[name] = tuple(fields[name])
        description = Description(**fields)
        if description.dataset not in SOURCES:
            raise ValueError(f"the data set {description.dataset!r} is unknown")
    except FileNotFoundError:
        raise UsageError(
            f"{folder} has no {DESCRIPTION}: train first, with --out {folder}"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path / DESCRIPTION} does not describe a training: {error}") from error
    model = description.make()
    try:
        load_npz(str(path / "model.npz"), model, path="predictor/")
    except FileNotFoundError:
        raise UsageError(f"{folder} has no model.npz: the training did not end") from None
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise UsageError(
            f"{path / 'model.npz'} has no parameters of this model: {error}"
        ) from error
    model.to_device(device)
    return Trained(description, model, device)


def scores_of(trained: Trained, images: np.ndarray, batch_size: int = 500) -> np.ndarray:
    """Return the model's scores of images.

    Parameters
    ----------
    trained : Trained
        Whose model is used.
    images : numpy.ndarray, shape (images, *shape of one)
        Values from 0 to 1.
    batch_size : int
        How many are looked at together.

    Returns
    -------
    numpy.ndarray, shape (images, classes)
    """
    home = backend.get_device("numpy")
    found = []
    with using_config("train", False), no_backprop_mode():
        for start in range(0, len(images), batch_size):
            x = trained.device.send(images[start : start + batch_size])
            found.append(home.send(trained.model(x).array))
    return np.concatenate(found)
