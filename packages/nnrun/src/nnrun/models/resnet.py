"""Residual networks of 50, 101 and 152 layers (He et al., 2015)."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any, ClassVar

from nnrun.core import Chain, Variable
from nnrun.functions import max_pooling_2d, relu, softmax
from nnrun.initializers import HeNormal
from nnrun.links import BatchNormalization, Convolution2D, Linear
from nnrun.models.vision import VisionModel, global_average_pooling_2d

__all__ = ["ResNet50Layers", "ResNet101Layers", "ResNet152Layers"]


class _Bottleneck(Chain):
    """Three convolutions, by 1, 3 and 1, added to the input (or to one more convolution)."""

    def __init__(
        self, n_in: int, n_mid: int, n_out: int, stride: int, project: bool, late: bool, fill: Any
    ) -> None:
        super().__init__()
        # The stride is the first convolution's in the paper, the second's in later practice.
        first, second = (1, stride) if late else (stride, 1)

        def filters(n_in: int, n_out: int, k: int, stride: int) -> Convolution2D:
            return Convolution2D(n_in, n_out, k, stride, k // 2, nobias=True, initialW=fill)

        with self.init_scope():
            self.conv1 = filters(n_in, n_mid, 1, first)
            self.bn1 = BatchNormalization(n_mid)
            self.conv2 = filters(n_mid, n_mid, 3, second)
            self.bn2 = BatchNormalization(n_mid)
            self.conv3 = filters(n_mid, n_out, 1, 1)
            self.bn3 = BatchNormalization(n_out)
            if project:
                self.conv4 = filters(n_in, n_out, 1, stride)
                self.bn4 = BatchNormalization(n_out)
        self._project = project

    def forward(self, x: Any) -> Variable:
        h = relu(self.bn1(self.conv1(x)))
        h = relu(self.bn2(self.conv2(h)))
        h = self.bn3(self.conv3(h))
        return relu(h + (self.bn4(self.conv4(x)) if self._project else x))


class _Stage(Chain):
    """Bottlenecks ``a``, ``b1``, ``b2`` ..., the first of which changes the size."""

    def __init__(
        self, depth: int, n_in: int, n_mid: int, n_out: int, stride: int, late: bool, fill: Any
    ) -> None:
        super().__init__()
        self._names = ["a", *[f"b{i}" for i in range(1, depth)]]
        with self.init_scope():
            self.a = _Bottleneck(n_in, n_mid, n_out, stride, True, late, fill)
            for name in self._names[1:]:
                setattr(self, name, _Bottleneck(n_out, n_mid, n_out, 1, False, late, fill))

    def forward(self, x: Any) -> Variable:
        for name in self._names:
            x = self[name](x)
        return x


class _ResNet(VisionModel):
    mean = (103.063, 115.903, 123.152)
    _depths: ClassVar[tuple[int, ...]]

    def __init__(
        self,
        pretrained_model: str | os.PathLike[str] | None = "auto",
        downsample_fb: bool = False,
    ) -> None:
        super().__init__()
        fill: Any = 0 if pretrained_model is not None else HeNormal(1.0)
        with self.init_scope():
            self.conv1 = Convolution2D(3, 64, 7, 2, 3, initialW=fill)
            self.bn1 = BatchNormalization(64)
            n_in = 64
            for i, depth in enumerate(self._depths):
                n_mid = 64 * 2**i
                stage = _Stage(
                    depth, n_in, n_mid, 4 * n_mid, 1 if i == 0 else 2, downsample_fb, fill
                )
                setattr(self, f"res{i + 2}", stage)
                n_in = 4 * n_mid
            self.fc6 = Linear(2048, 1000, initialW=fill)
        self.load(pretrained_model)

    @property
    def functions(self) -> dict[str, list[Callable[[Any], Any]]]:
        """The layers by name, in order."""
        return {
            "conv1": [self.conv1, self.bn1, relu],
            "pool1": [functools.partial(max_pooling_2d, ksize=3, stride=2)],
            **{f"res{i}": [self[f"res{i}"]] for i in (2, 3, 4, 5)},
            "pool5": [global_average_pooling_2d],
            "fc6": [self.fc6],
            "prob": [softmax],
        }


_DOC = """ResNet of {depth} layers with weights, for pictures of 224 by 224 and 1,000 classes.

    Parameters
    ----------
    pretrained_model : str or path, optional
        See `VisionModel`; ``auto`` looks for ``ResNet-{depth}-model.npz``.
    downsample_fb : bool
        Let the convolution by 3 of a bottleneck have the stride, not the first by 1.
    """


class ResNet50Layers(_ResNet):
    __doc__ = _DOC.format(depth=50)
    weights_file = "ResNet-50-model.npz"
    _depths = (3, 4, 6, 3)


class ResNet101Layers(_ResNet):
    __doc__ = _DOC.format(depth=101)
    weights_file = "ResNet-101-model.npz"
    _depths = (3, 4, 23, 3)


class ResNet152Layers(_ResNet):
    __doc__ = _DOC.format(depth=152)
    weights_file = "ResNet-152-model.npz"
    _depths = (3, 8, 36, 3)
