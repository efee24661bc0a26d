"""Datasets made of others, and the small image data sets that examples train on."""

from nnrun.datasets.concatenated_dataset import ConcatenatedDataset
from nnrun.datasets.dict_dataset import DictDataset
from nnrun.datasets.idx import IdxError
from nnrun.datasets.image_datasets import get_digits, get_fashion_mnist, get_mnist
from nnrun.datasets.images import MissingDatasetError
from nnrun.datasets.sub_dataset import (
    SubDataset,
    get_cross_validation_datasets,
    get_cross_validation_datasets_random,
    split_dataset,
    split_dataset_n,
    split_dataset_n_random,
    split_dataset_random,
)
from nnrun.datasets.transform_dataset import TransformDataset
from nnrun.datasets.tuple_dataset import TupleDataset

__all__ = [
    "ConcatenatedDataset",
    "DictDataset",
    "IdxError",
    "MissingDatasetError",
    "SubDataset",
    "TransformDataset",
    "TupleDataset",
    "get_cross_validation_datasets",
    "get_cross_validation_datasets_random",
    "get_digits",
    "get_fashion_mnist",
    "get_mnist",
    "split_dataset",
    "split_dataset_n",
    "split_dataset_n_random",
    "split_dataset_random",
]
