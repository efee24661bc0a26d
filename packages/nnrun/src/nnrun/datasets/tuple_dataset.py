"""Several sequences of equal length as one dataset of tuples."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.dataset.dataset_mixin import as_indices

__all__ = ["TupleDataset"]


class TupleDataset:
    """A dataset whose i-th example is the tuple of the i-th items of given sequences.

    Parameters
    ----------
    *datasets : sequence
        At least one; all of one length.

    Raises
    ------
    ValueError
        If there is none, or the lengths differ.

    Examples
    --------
    >>> dataset = TupleDataset([1, 2, 3], ["a", "b", "c"])
    >>> dataset[1], dataset[1:], dataset[[2, 0]]
    ((2, 'b'), [(2, 'b'), (3, 'c')], [(3, 'c'), (1, 'a')])
    """

    def __init__(self, *datasets: Any) -> None:
        if not datasets:
            raise ValueError("TupleDataset: no datasets were given")
        lengths = [len(dataset) for dataset in datasets]
        if len(set(lengths)) > 1:
            raise ValueError(f"TupleDataset: the datasets' lengths differ: {lengths}")
        self._datasets = datasets
        self._length = lengths[0]

    def __getitem__(self, index: Any) -> Any:
        """Return one example, or for a slice or an index array a list of them."""
        if isinstance(index, slice):
            return list(zip(*(dataset[index] for dataset in self._datasets), strict=True))
        if isinstance(index, (list, np.ndarray)):
            indices = as_indices(index, self._length)
            return [tuple(dataset[i] for dataset in self._datasets) for i in indices]
        return tuple(dataset[index] for dataset in self._datasets)

    def __len__(self) -> int:
        return self._length
