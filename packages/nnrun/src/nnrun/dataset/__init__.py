"""What a dataset, an iterator and a converter of batches are, and the cache folder."""

from nnrun.dataset.convert import concat_examples, to_device
from nnrun.dataset.dataset_mixin import DatasetMixin
from nnrun.dataset.download import (
    cached_download,
    get_dataset_root,
    set_dataset_root,
)
from nnrun.dataset.iterator import Iterator
from nnrun.dataset.pinned import PinnedConverter

__all__ = [
    "DatasetMixin",
    "Iterator",
    "PinnedConverter",
    "cached_download",
    "concat_examples",
    "get_dataset_root",
    "set_dataset_root",
    "to_device",
]
