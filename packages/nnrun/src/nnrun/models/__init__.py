"""Models of images whose learnt weights are published: VGG, GoogLeNet, ResNet.

They are also names of `nnrun.links`.
"""

from nnrun.models.googlenet import GoogLeNet
from nnrun.models.resnet import ResNet50Layers, ResNet101Layers, ResNet152Layers
from nnrun.models.vgg import VGG16Layers, VGG19Layers

__all__ = [
    "GoogLeNet",
    "ResNet50Layers",
    "ResNet101Layers",
    "ResNet152Layers",
    "VGG16Layers",
    "VGG19Layers",
]
