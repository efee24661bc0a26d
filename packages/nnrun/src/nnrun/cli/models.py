"""The models of ``python -m nnrun``: those that it offers, and a user's own.

A `Design` says how a model is made from the shape of an image, a width and a number of
classes, and how it wants its images.  What the user names as ``file.py:Name`` or
``package.module:Name`` becomes one too.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import nnrun.functions as F
import nnrun.links as L
from nnrun.cli.errors import UsageError
from nnrun.core.chain import Chain

__all__ = ["CNN", "MLP", "MODELS", "Design", "find_model"]


class MLP(Chain):
    """A multilayer perceptron: two hidden layers with ReLU.

    Parameters
    ----------
    n_in : int
        Length of an input vector.
    n_units : int
        Width of the hidden layers.
    n_out : int
        Number of classes.

    Examples
    --------
    >>> import numpy as np
    >>> MLP(64, 16, 10)(np.zeros((3, 64), np.float32)).shape
    (3, 10)
    """

    def __init__(self, n_in: int, n_units: int, n_out: int) -> None:
        super().__init__()
        with self.init_scope():
            # Sizes are given, so that the parameters are made here, from NumPy's generator:
            # the same seed then makes the same model for every device.
            self.l1 = L.Linear(n_in, n_units)
            self.l2 = L.Linear(n_units, n_units)
            self.l3 = L.Linear(n_units, n_out)

    def forward(self, x: Any) -> Any:
        """Return a score for each class.

        Parameters
        ----------
        x : array or Variable of shape (batch, n_in)

        Returns
        -------
        Variable of shape (batch, n_out)
        """
        h = F.relu(self.l1(x))
        h = F.relu(self.l2(h))
        return self.l3(h)


class CNN(Chain):
    """Two blocks of convolution, batch normalisation, ReLU and pooling, and two linear layers.

    Parameters
    ----------
    shape : tuple of int
        Of an image: (channels, height, width).
    n_units : int
        Width of the hidden linear layer; a quarter and half of it are the channels.
    n_out : int
        Number of classes.

    Examples
    --------
    >>> import numpy as np
    >>> CNN((1, 8, 8), 16, 10)(np.zeros((3, 1, 8, 8), np.float32)).shape
    (3, 10)
    """

    def __init__(self, shape: tuple[int, ...], n_units: int, n_out: int) -> None:
        super().__init__()
        channels, height, width = shape
        few, many = max(n_units // 4, 1), max(n_units // 2, 1)
        with self.init_scope():
            self.conv1 = L.Convolution2D(channels, few, 3, pad=1, nobias=True)
            self.norm1 = L.BatchNormalization(few)
            self.conv2 = L.Convolution2D(few, many, 3, pad=1, nobias=True)
            self.norm2 = L.BatchNormalization(many)
            # Pooling rounds up, twice.
            self.l3 = L.Linear(many * -(-height // 4) * -(-width // 4), n_units)
            self.l4 = L.Linear(n_units, n_out)

    def forward(self, x: Any) -> Any:
        """Return a score for each class.

        Parameters
        ----------
        x : array or Variable of shape (batch, channels, height, width)

        Returns
        -------
        Variable of shape (batch, n_out)
        """
        h = F.max_pooling_2d(F.relu(self.norm1(self.conv1(x))), 2)
        h = F.max_pooling_2d(F.relu(self.norm2(self.conv2(h))), 2)
        return self.l4(F.relu(self.l3(h)))


@dataclass(frozen=True, slots=True)
class Design:
    """How a model is made and what it is fed with.

    Parameters
    ----------
    make : callable
        ``make(shape, n_units, n_out)`` returns a link from images to scores; ``shape`` is
        that of one image.
    ndim : {1, 2, 3}
        Axes of an image: a vector, (height, width) or (channels, height, width).
    units : int
        The width, if the user gives none.
    epochs : mapping of str to int
        Sweeps over each data set, where it is not the usual number.
    """

    make: Callable[[tuple[int, ...], int, int], Any]
    ndim: int
    units: int = 256
    epochs: Mapping[str, int] = field(default_factory=dict)


#: By name.
MODELS = {
    "mlp": Design(
        lambda shape, n_units, n_out: MLP(shape[0], n_units, n_out),
        ndim=1,
        epochs={"fashion-mnist": 15, "mnist": 10, "digits": 40},
    ),
    "cnn": Design(CNN, ndim=3, units=128, epochs={"fashion-mnist": 6, "mnist": 4, "digits": 15}),
}


def find_model(name: str, ndim: int | None = None) -> Design:
    """Return the design of a name.

    Parameters
    ----------
    name : str
        One of `MODELS`; or ``file.py:Name`` or ``package.module:Name``, where ``Name`` is
        called with the number of classes and returns a link from images to scores.
    ndim : {1, 2, 3}, optional
        Axes of the images that a model of the user's takes; 3 if not given.

    Returns
    -------
    Design

    Raises
    ------
    UsageError
        If there is none of that name.

    Examples
    --------
    >>> find_model("mlp").ndim
    1
    >>> design = find_model("nnrun.links:Classifier")  # found, though not of much use here
    >>> design.ndim
    3
    """
    if name in MODELS:
        return MODELS[name]
    where, colon, attribute = name.rpartition(":")
    if not colon:
        raise UsageError(
            f"--model {name}: there are {', '.join(MODELS)}; a model of your own is named "
            "FILE.py:NAME or MODULE:NAME"
        )
    factory = getattr(_import(name, where), attribute, None)
    if not callable(factory):
        raise UsageError(f"--model {name}: {where} has no class or function {attribute}")
    return Design(lambda shape, n_units, n_out: factory(n_out), 3 if ndim is None else ndim)


def _import(name: str, where: str) -> ModuleType:
    try:
        if not where.endswith(".py"):
            return importlib.import_module(where)
        spec = importlib.util.spec_from_file_location(Path(where).stem, where)
        if spec is None or spec.loader is None:
            raise ImportError(f"{where} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules.setdefault(spec.name, module)
        spec.loader.exec_module(module)
    except (ImportError, OSError) as error:
        raise UsageError(f"--model {name}: {error}") from error
    return module
