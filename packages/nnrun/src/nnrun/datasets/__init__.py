"""Datasets made of others, files of pictures and text, and published data sets."""

from nnrun.datasets.cifar import CifarError, get_cifar10, get_cifar100
from nnrun.datasets.concatenated_dataset import ConcatenatedDataset
from nnrun.datasets.dict_dataset import DictDataset
from nnrun.datasets.idx import IdxError
from nnrun.datasets.image_dataset import ImageDataset, LabeledImageDataset
from nnrun.datasets.image_datasets import (
    get_digits,
    get_fashion_mnist,
    get_fashion_mnist_labels,
    get_kuzushiji_mnist,
    get_kuzushiji_mnist_labels,
    get_mnist,
)
from nnrun.datasets.images import MissingDatasetError
from nnrun.datasets.ptb import get_ptb_words, get_ptb_words_vocabulary
from nnrun.datasets.sub_dataset import (
    SubDataset,
    get_cross_validation_datasets,
    get_cross_validation_datasets_random,
    split_dataset,
    split_dataset_n,
    split_dataset_n_random,
    split_dataset_random,
)
from nnrun.datasets.svhn import MatError, get_svhn
from nnrun.datasets.text_dataset import TextDataset
from nnrun.datasets.texts import get_text
from nnrun.datasets.transform_dataset import TransformDataset
from nnrun.datasets.tuple_dataset import TupleDataset
from nnrun.datasets.zipped_image_dataset import (
    LabeledZippedImageDataset,
    MultiZippedImageDataset,
    ZippedImageDataset,
)

__all__ = [
    "CifarError",
    "ConcatenatedDataset",
    "DictDataset",
    "IdxError",
    "ImageDataset",
    "LabeledImageDataset",
    "LabeledZippedImageDataset",
    "MatError",
    "MissingDatasetError",
    "MultiZippedImageDataset",
    "SubDataset",
    "TextDataset",
    "TransformDataset",
    "TupleDataset",
    "ZippedImageDataset",
    "get_cifar10",
    "get_cifar100",
    "get_cross_validation_datasets",
    "get_cross_validation_datasets_random",
    "get_digits",
    "get_fashion_mnist",
    "get_fashion_mnist_labels",
    "get_kuzushiji_mnist",
    "get_kuzushiji_mnist_labels",
    "get_mnist",
    "get_ptb_words",
    "get_ptb_words_vocabulary",
    "get_svhn",
    "get_text",
    "split_dataset",
    "split_dataset_n",
    "split_dataset_n_random",
    "split_dataset_random",
]
