"""Several named sequences of equal length as one dataset of dictionaries."""

from __future__ import annotations

from typing import Any

from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = ["DictDataset"]


class DictDataset(DatasetMixin):
    """A dataset whose i-th example has the i-th item of each given sequence, by its name.

    Parameters
    ----------
    **datasets : sequence
        At least one; all of one length.

    Raises
    ------
    ValueError
        If there is none, or the lengths differ.

    Examples
    --------
    >>> DictDataset(x=[1, 2], t=["a", "b"])[1]
    {'x': 2, 't': 'b'}
    """

    def __init__(self, **datasets: Any) -> None:
        if not datasets:
            raise ValueError("DictDataset: no datasets were given")
        lengths = {name: len(dataset) for name, dataset in datasets.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"DictDataset: the datasets' lengths differ: {lengths}")
        self._datasets = datasets
        self._length = next(iter(lengths.values()))

    def __len__(self) -> int:
        return self._length

    def get_example(self, i: int) -> dict[str, Any]:
        """Return the dictionary of the i-th items."""
        return {name: dataset[i] for name, dataset in self._datasets.items()}
