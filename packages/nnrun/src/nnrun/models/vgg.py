"""VGG of 16 and of 19 layers (Simonyan and Zisserman, 2014)."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, ClassVar

from nnrun.functions import dropout, max_pooling_2d, relu, softmax
from nnrun.initializers import Normal
from nnrun.links import Convolution2D, Linear
from nnrun.models.vision import VisionModel

__all__ = ["VGG16Layers", "VGG19Layers"]


def _pool(x: Any) -> Any:
    return max_pooling_2d(x, 2, stride=2)


class _VGG(VisionModel):
    mean = (103.939, 116.779, 123.68)
    # How many convolutions there are before each pooling.
    _depths: ClassVar[tuple[int, ...]]

    def __init__(self, pretrained_model: str | os.PathLike[str] | None = "auto") -> None:
        super().__init__()
        # Values that are about to be loaded need not be drawn first.
        fill: Any = 0 if pretrained_model is not None else Normal(0.01)
        channels = 3
        with self.init_scope():
            for block, depth in enumerate(self._depths, 1):
                width = min(64 * 2 ** (block - 1), 512)
                for i in range(1, depth + 1):
                    conv = Convolution2D(channels, width, 3, 1, 1, initialW=fill)
                    setattr(self, f"conv{block}_{i}", conv)
                    channels = width
            self.fc6 = Linear(512 * 7 * 7, 4096, initialW=fill)
            self.fc7 = Linear(4096, 4096, initialW=fill)
            self.fc8 = Linear(4096, 1000, initialW=fill)
        self.load(pretrained_model)

    @property
    def functions(self) -> dict[str, list[Callable[[Any], Any]]]:
        """The layers by name, in order."""
        layers: dict[str, list[Callable[[Any], Any]]] = {}
        for block, depth in enumerate(self._depths, 1):
            for i in range(1, depth + 1):
                layers[f"conv{block}_{i}"] = [self[f"conv{block}_{i}"], relu]
            layers[f"pool{block}"] = [_pool]
        layers["fc6"] = [self.fc6, relu, dropout]
        layers["fc7"] = [self.fc7, relu, dropout]
        layers["fc8"] = [self.fc8]
        layers["prob"] = [softmax]
        return layers


class VGG16Layers(_VGG):
    """VGG of 16 layers with weights, for pictures of 224 by 224 and 1,000 classes.

    Parameters
    ----------
    pretrained_model : str or path, optional
        See `VisionModel`; ``auto`` looks for ``VGG_ILSVRC_16_layers.npz``.
    """

    weights_file = "VGG_ILSVRC_16_layers.npz"
    _depths = (2, 2, 3, 3, 3)


class VGG19Layers(_VGG):
    """VGG of 19 layers with weights, for pictures of 224 by 224 and 1,000 classes.

    Parameters
    ----------
    pretrained_model : str or path, optional
        See `VisionModel`; ``auto`` looks for ``VGG_ILSVRC_19_layers.npz``.
    """

    weights_file = "VGG_ILSVRC_19_layers.npz"
    _depths = (2, 2, 4, 4, 4)
