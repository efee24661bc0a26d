"""One dataset after another as one."""

from __future__ import annotations

import bisect
import itertools
from typing import Any

from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = ["ConcatenatedDataset"]


class ConcatenatedDataset(DatasetMixin):
    """The examples of several datasets, in order.

    Parameters
    ----------
    *datasets : sequence
        Their lengths are asked for once.

    Examples
    --------
    >>> dataset = ConcatenatedDataset([1, 2], [3])
    >>> len(dataset), dataset[-1]
    (3, 3)
    """

    def __init__(self, *datasets: Any) -> None:
        self._datasets = datasets
        self._ends = list(itertools.accumulate(len(dataset) for dataset in datasets))

    def __len__(self) -> int:
        return self._ends[-1] if self._ends else 0

    def get_example(self, i: int) -> Any:
        """Return the i-th example over all datasets."""
        which = bisect.bisect_right(self._ends, i)
        return self._datasets[which][i - (self._ends[which - 1] if which else 0)]
