"""A dataset seen through a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = ["TransformDataset"]


class TransformDataset(DatasetMixin):
    """The examples of a dataset, each given to a function when it is asked for.

    Parameters
    ----------
    dataset : sequence
        What is transformed.
    transform : callable
        Takes an example and returns another.

    Examples
    --------
    >>> TransformDataset([1, 2, 3], lambda x: x * 10)[:]
    [10, 20, 30]
    """

    def __init__(self, dataset: Any, transform: Callable[[Any], Any]) -> None:
        if not callable(transform):
            raise TypeError(f"TransformDataset: {transform!r} cannot be called")
        self._dataset = dataset
        self._transform = transform

    def __len__(self) -> int:
        return len(self._dataset)

    def get_example(self, i: int) -> Any:
        """Return the i-th example, transformed."""
        return self._transform(self._dataset[i])
