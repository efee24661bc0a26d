"""GoogLeNet (Szegedy et al., 2014)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, ClassVar

from nnrun.core import Variable
from nnrun.functions import (
    average_pooling_2d,
    dropout,
    local_response_normalization,
    max_pooling_2d,
    relu,
    softmax,
)
from nnrun.initializers import LeCunUniform
from nnrun.links import Convolution2D, Inception, Linear
from nnrun.models.vision import VisionModel

__all__ = ["GoogLeNet"]

# Channels of the seven parts of each module, as the paper's table gives them.
_MODULES = {
    "3a": (192, 64, 96, 128, 16, 32, 32),
    "3b": (256, 128, 128, 192, 32, 96, 64),
    "4a": (480, 192, 96, 208, 16, 48, 64),
    "4b": (512, 160, 112, 224, 24, 64, 64),
    "4c": (512, 128, 128, 256, 24, 64, 64),
    "4d": (512, 112, 144, 288, 32, 64, 64),
    "4e": (528, 256, 160, 320, 32, 128, 128),
    "5a": (832, 256, 160, 320, 32, 128, 128),
    "5b": (832, 384, 192, 384, 48, 128, 128),
}

_pool = functools.partial(max_pooling_2d, ksize=3, stride=2)
_normalize = functools.partial(local_response_normalization, n=5, k=1, alpha=1e-4 / 5)


class GoogLeNet(VisionModel):
    """GoogLeNet with weights, for pictures of 224 by 224 and 1,000 classes.

    Parameters
    ----------
    pretrained_model : str or path, optional
        See `VisionModel`; ``auto`` looks for ``bvlc_googlenet.npz``.
    """

    mean = (104.0, 117.0, 123.0)
    weights_file = "bvlc_googlenet.npz"
    # Two further classifiers help the training; where they begin.
    _branches: ClassVar[dict[str, tuple[str, str]]] = {
        "loss1_fc2": ("inception_4a", "loss1"),
        "loss2_fc2": ("inception_4d", "loss2"),
    }

    def __init__(self, pretrained_model: str | os.PathLike[str] | None = "auto") -> None:
        super().__init__()
        fill: Any = 0 if pretrained_model is not None else LeCunUniform(1.0)
        with self.init_scope():
            self.conv1 = Convolution2D(3, 64, 7, 2, 3, initialW=fill)
            self.conv2_reduce = Convolution2D(64, 64, 1, initialW=fill)
            self.conv2 = Convolution2D(64, 192, 3, 1, 1, initialW=fill)
            for name, channels in _MODULES.items():
                setattr(self, f"inc{name}", Inception(*channels, conv_init=fill))
            self.loss3_fc = Linear(1024, 1000, initialW=fill)
            for branch, n_in in (("loss1", 512), ("loss2", 528)):
                setattr(self, f"{branch}_conv", Convolution2D(n_in, 128, 1, initialW=fill))
                setattr(self, f"{branch}_fc1", Linear(2048, 1024, initialW=fill))
                setattr(self, f"{branch}_fc2", Linear(1024, 1000, initialW=fill))
        self.load(pretrained_model)

    @property
    def functions(self) -> dict[str, list[Callable[[Any], Any]]]:
        """The layers by name, in order; the two branches last."""
        layers: dict[str, list[Callable[[Any], Any]]] = {
            "conv1": [self.conv1, relu],
            "pool1": [_pool, _normalize],
            "conv2_reduce": [self.conv2_reduce, relu],
            "conv2": [self.conv2, relu, _normalize],
            "pool2": [_pool],
        }
        for name in _MODULES:
            if name == "4a":
                layers["pool3"] = [_pool]
            elif name == "5a":
                layers["pool4"] = [_pool]
            layers[f"inception_{name}"] = [self[f"inc{name}"]]
        layers["pool5"] = [functools.partial(average_pooling_2d, ksize=7, stride=1)]
        layers["loss3_fc"] = [functools.partial(dropout, ratio=0.4), self.loss3_fc]
        layers["prob"] = [softmax]
        for name, (_, branch) in self._branches.items():
            layers[name] = [
                functools.partial(average_pooling_2d, ksize=5, stride=3),
                self[f"{branch}_conv"],
                relu,
                self[f"{branch}_fc1"],
                relu,
                functools.partial(dropout, ratio=0.7),
                self[f"{branch}_fc2"],
            ]
        return layers

    def _compute(self, x: Any, wanted: set[str]) -> dict[str, Variable]:
        begins = {self._branches[name][0] for name in wanted if name in self._branches}
        trunk = (wanted - set(self._branches)) | begins
        found = super()._compute(x, trunk)
        for name in wanted & set(self._branches):
            y: Any = found[self._branches[name][0]]
            for step in self.functions[name]:
                y = step(y)
            found[name] = y
        return {name: y for name, y in found.items() if name in wanted}
