"""What a dataset, an iterator and a converter of batches are, and the cache folder."""

from nnrun.dataset.convert import Converter, concat_examples, converter, to_device
from nnrun.dataset.dataset_mixin import DatasetMixin
from nnrun.dataset.download import (
    cache_or_load_file,
    cached_download,
    get_dataset_directory,
    get_dataset_root,
    set_dataset_root,
)
from nnrun.dataset.iterator import Iterator
from nnrun.dataset.pinned import ConcatWithAsyncTransfer, PinnedConverter

__all__ = [
    "ConcatWithAsyncTransfer",
    "Converter",
    "DatasetMixin",
    "Iterator",
    "PinnedConverter",
    "cache_or_load_file",
    "cached_download",
    "concat_examples",
    "converter",
    "get_dataset_directory",
    "get_dataset_root",
    "set_dataset_root",
    "to_device",
]
