"""Indexing by slices and index lists for datasets that know how to get one example."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

__all__ = ["DatasetMixin"]


class DatasetMixin:
    """Base class of datasets: give `get_example` and ``__len__``, get full indexing.

    Indexing by an integer returns an example; by a slice, a list of integers, or a
    one-dimensional integer or boolean array, a list of examples.

    Examples
    --------
    >>> class Squares(DatasetMixin):
    ...     def __len__(self):
    ...         return 5
    ...     def get_example(self, i):
    ...         return i * i
    >>> Squares()[3], Squares()[1:4], Squares()[[-1, 0]]
    (9, [1, 4, 9], [16, 0])
    """

    def __getitem__(self, index: Any) -> Any:
        """Return one example, or a list of them.

        Raises
        ------
        IndexError
            If an index is outside the dataset.
        TypeError
            If the index is of another kind.
        """
        if isinstance(index, slice):
            return [self.get_example(i) for i in range(*index.indices(len(self)))]
        if isinstance(index, (list, np.ndarray)):
            return [self.get_example(self._checked(i)) for i in as_indices(index, len(self))]
        return self.get_example(self._checked(index))

    def __len__(self) -> int:
        """Return the number of examples."""
        raise NotImplementedError(f"{type(self).__name__} must define __len__")

    def get_example(self, i: int) -> Any:
        """Return the example of index `i`, which is in ``range(len(self))``.

        Parameters
        ----------
        i : int
            The index.
        """
        raise NotImplementedError(f"{type(self).__name__} must define get_example")

    def _checked(self, index: Any) -> int:
        return checked_index(index, len(self), type(self).__name__)


def checked_index(index: Any, length: int, name: str) -> int:
    """Return the index counted from 0, or raise naming the dataset."""
    try:
        i = operator.index(index)
    except TypeError:
        raise TypeError(
            f"{name}: an index is an integer, a slice, a list or an array, not "
            f"{type(index).__name__}"
        ) from None
    if not -length <= i < length:
        raise IndexError(f"{name}: index {i} is outside a dataset of {length} examples")
    return i + length if i < 0 else i


def as_indices(index: Any, length: int) -> list[int]:
    """Return a list of integers for a list or array of integers or of booleans."""
    array = np.asarray(index)
    if array.size == 0:
        return []
    if array.ndim != 1:
        raise IndexError(f"an index array has 1 dimension, not {array.ndim}")
    if array.dtype == bool:
        if len(array) != length:
            raise IndexError(f"a boolean index has {len(array)} values for {length} examples")
        return [int(i) for i in np.flatnonzero(array)]
    if array.dtype.kind not in "iu":
        raise IndexError(f"an index array holds integers or booleans, not {array.dtype}")
    return [int(i) for i in array]
