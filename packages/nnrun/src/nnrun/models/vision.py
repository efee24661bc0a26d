"""What the models of images share: named layers, preparing pictures, loading weights."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from nnrun.config import no_backprop_mode, using_config
from nnrun.core import Chain, Variable
from nnrun.dataset.download import get_dataset_root
from nnrun.functions import average_pooling_2d, resize_images
from nnrun.serializers.npz import load_npz

__all__ = ["VisionModel", "prepare"]

Array = Any


def prepare(
    image: Any, mean: Sequence[float], size: tuple[int, int] | None = (224, 224)
) -> np.ndarray:
    """Return a picture as the models take it: blue, green, red, each less its mean.

    Parameters
    ----------
    image : PIL image or array, shape (height, width), (height, width, channels) or \
(channels, height, width)
        Grey, or red, green and blue (more channels are left out), from 0 to 255.
    mean : sequence of 3 float
        Of blue, green and red.
    size : pair of int, optional
        Width and height to resize to, bilinearly; None to leave it.

    Returns
    -------
    numpy.ndarray, shape (3, height, width), float32

    Raises
    ------
    ValueError
        If the array has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from nnrun.models.vision import prepare
    >>> red = np.zeros((4, 4, 3), np.uint8); red[..., 0] = 255
    >>> prepare(red, (104, 117, 123), size=(2, 2))[:, 0, 0]
    array([-104., -117.,  132.], dtype=float32)
    """
    x = np.asarray(image)
    if x.ndim == 2:
        x = x[None]
    elif x.ndim == 3 and x.shape[0] not in (1, 3) and x.shape[2] in (1, 3, 4):
        x = x.transpose(2, 0, 1)
    if x.ndim != 3 or x.shape[0] not in (1, 3, 4):
        raise ValueError(
            "prepare: `image` must have shape (height, width), (height, width, channels) or "
            f"(channels, height, width), not {np.shape(image)}"
        )
    x = np.repeat(x, 3, axis=0) if x.shape[0] == 1 else x[:3]
    x = x[::-1].astype(np.float32)
    if size is not None and x.shape[1:] != (size[1], size[0]):
        x = resize_images(x[None], (size[1], size[0]), align_corners=False).array[0]
    return x - np.asarray(mean, np.float32)[:, None, None]


class VisionModel(Chain):
    """A chain whose layers have names, to be computed up to any of them.

    Parameters
    ----------
    pretrained_model : str or path, optional
        A file of weights (NPZ); ``auto`` for `weights_file` in the folder
        ``pfnet/chainer/models`` of `nnrun.dataset.get_dataset_root`; None for new
        random weights.

    Attributes
    ----------
    mean : tuple of float
        Subtracted from blue, green and red by `prepare`.
    weights_file : str
        The name that published weights have.
    """

    mean: ClassVar[tuple[float, float, float]]
    weights_file: ClassVar[str]

    def load(self, pretrained_model: str | os.PathLike[str] | None) -> None:
        """Load weights, as the parameter of the class says.

        Raises
        ------
        FileNotFoundError
            If there is no such file; it says where it was looked for.
        """
        if pretrained_model is None:
            return
        path = Path(pretrained_model)
        if str(pretrained_model) == "auto":
            path = Path(get_dataset_root()) / "pfnet" / "chainer" / "models" / self.weights_file
        if not path.exists():
            raise FileNotFoundError(
                f"{type(self).__name__}: no weights at {path}; put the published NPZ file there, "
                "give the path of one, or pretrained_model=None for random weights"
            )
        load_npz(path, self)

    @property
    def functions(self) -> dict[str, list[Callable[[Any], Any]]]:
        """The layers by name, in order; each a list of what is applied in turn."""
        raise NotImplementedError

    @property
    def available_layers(self) -> list[str]:
        """The names of the layers."""
        return list(self.functions)

    def forward(self, x: Any, layers: Sequence[str] | None = None) -> dict[str, Variable]:
        """Compute named layers.

        Parameters
        ----------
        x : Variable or array, shape (batch, 3, height, width)
            Pictures as `prepare` gives them.
        layers : sequence of str, optional
            Which; the probabilities, ``prob``, by default.

        Returns
        -------
        dict of str to Variable

        Raises
        ------
        ValueError
            If there is no layer of a name.
        """
        wanted = ["prob"] if layers is None else list(layers)
        unknown = [name for name in wanted if name not in self.functions]
        if unknown:
            raise ValueError(f"no layers {unknown}; there are {self.available_layers}")
        return self._compute(x, set(wanted))

    def _compute(self, x: Any, wanted: set[str]) -> dict[str, Variable]:
        found: dict[str, Variable] = {}
        for name, steps in self.functions.items():
            if len(found) == len(wanted):
                break
            for step in steps:
                x = step(x)
            if name in wanted:
                found[name] = x
        return found

    def _batch(self, images: Sequence[Any], size: tuple[int, int] | None) -> Array:
        return self.device.send(np.stack([prepare(image, self.mean, size) for image in images]))

    def extract(
        self,
        images: Sequence[Any],
        layers: Sequence[str] | None = None,
        size: tuple[int, int] | None = (224, 224),
    ) -> dict[str, Variable]:
        """Prepare pictures and compute named layers.

        Parameters
        ----------
        images : sequence of PIL image or array
            See `prepare`.
        layers : sequence of str, optional
            See `forward`.
        size : pair of int, optional
            Width and height to resize to.

        Returns
        -------
        dict of str to Variable
        """
        return self(self._batch(images, size), layers)

    def predict(self, images: Sequence[Any], oversample: bool = True) -> Variable:
        """Return the probabilities of the classes of pictures.

        Parameters
        ----------
        images : sequence of PIL image or array
            See `prepare`; resized to 256 by 256.
        oversample : bool
            Average over five crops of 224 by 224 (the corners and the middle) and their
            mirror images, rather than take the middle one.

        Returns
        -------
        Variable, shape (pictures, classes)
        """
        x = self._batch(images, (256, 256))
        corners = [(0, 0), (0, 32), (32, 0), (32, 32), (16, 16)] if oversample else [(16, 16)]
        crops = [x[:, :, i : i + 224, j : j + 224] for i, j in corners]
        if oversample:
            crops += [crop[:, :, :, ::-1] for crop in crops]
        with using_config("train", False), no_backprop_mode(), self.device:
            found: Any = None
            for crop in crops:
                prob = self(self.xp.ascontiguousarray(crop))["prob"]
                found = prob if found is None else found + prob
            return found * (1.0 / len(crops))


def global_average_pooling_2d(x: Any) -> Variable:
    """The mean over all places: (batch, channels)."""
    y: Any = average_pooling_2d(x, x.shape[2:])
    return y.reshape(y.shape[:2])
