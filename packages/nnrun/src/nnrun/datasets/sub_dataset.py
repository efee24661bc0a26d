"""Parts of a dataset: a range of it, a random half, the folds of a cross validation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.dataset.dataset_mixin import DatasetMixin

__all__ = [
    "SubDataset",
    "get_cross_validation_datasets",
    "get_cross_validation_datasets_random",
    "split_dataset",
    "split_dataset_n",
    "split_dataset_n_random",
    "split_dataset_random",
]


class SubDataset(DatasetMixin):
    """The examples of a dataset from one position to another, in a given order.

    Parameters
    ----------
    dataset : sequence
        The whole.
    start, finish : int
        The part is ``[start, finish)``.
    order : sequence of int, optional
        Position i of the whole means ``dataset[order[i]]``; without it ``dataset[i]``.

    Raises
    ------
    ValueError
        If the range is not within the dataset, or `order` has another length.

    Examples
    --------
    >>> SubDataset("abcdef", 1, 4)[:]
    ['b', 'c', 'd']
    >>> SubDataset("abc", 0, 2, order=[2, 0, 1])[:]
    ['c', 'a']
    """

    def __init__(
        self, dataset: Any, start: int, finish: int, order: Sequence[int] | np.ndarray | None = None
    ) -> None:
        if not 0 <= start <= finish <= len(dataset):
            raise ValueError(
                f"SubDataset: [{start}, {finish}) is not within a dataset of {len(dataset)}"
            )
        if order is not None and len(order) != len(dataset):
            raise ValueError(
                f"SubDataset: order has {len(order)} indices for a dataset of {len(dataset)}"
            )
        self._dataset = dataset
        self._start = start
        self._size = finish - start
        self._order = order

    def __len__(self) -> int:
        return self._size

    def get_example(self, i: int) -> Any:
        """Return the i-th example of the part."""
        position = self._start + i
        return self._dataset[position if self._order is None else self._order[position]]


def _order(dataset: Any, seed: Any) -> np.ndarray:
    return np.random.RandomState(seed).permutation(len(dataset))


def split_dataset(
    dataset: Any, split_at: int, order: Sequence[int] | np.ndarray | None = None
) -> tuple[SubDataset, SubDataset]:
    """Split a dataset in two at a position.

    Parameters
    ----------
    dataset : sequence
        The whole.
    split_at : int
        The length of the first part, in ``range(len(dataset) + 1)``.
    order : sequence of int, optional
        See `SubDataset`.

    Raises
    ------
    TypeError
        If `split_at` is no integer.
    ValueError
        If it is out of range.

    Examples
    --------
    >>> first, second = split_dataset([1, 2, 3], 2)
    >>> first[:], second[:]
    ([1, 2], [3])
    """
    if isinstance(split_at, bool) or not isinstance(split_at, (int, np.integer)):
        raise TypeError(f"split_at: expected an integer, not {type(split_at).__name__}")
    n = len(dataset)
    if not 0 <= split_at <= n:
        raise ValueError(f"split_at: {split_at} is not within a dataset of {n} examples")
    at = int(split_at)
    return SubDataset(dataset, 0, at, order), SubDataset(dataset, at, n, order)


def split_dataset_random(
    dataset: Any, first_size: int, seed: Any = None
) -> tuple[SubDataset, SubDataset]:
    """Split a dataset in two at random.

    Parameters
    ----------
    dataset : sequence
        The whole.
    first_size : int
        The length of the first part.
    seed : int, optional
        Decides the parts; without it they differ each time.

    Examples
    --------
    >>> first, second = split_dataset_random(range(5), 3, seed=0)
    >>> sorted([*first[:], *second[:]])
    [0, 1, 2, 3, 4]
    """
    return split_dataset(dataset, first_size, _order(dataset, seed))


def split_dataset_n(
    dataset: Any, n: int, order: Sequence[int] | np.ndarray | None = None
) -> list[SubDataset]:
    """Split a dataset into `n` parts of ``len(dataset) // n`` examples; the rest is left out.

    Parameters
    ----------
    dataset : sequence
        The whole.
    n : int
        How many parts; at least 1.
    order : sequence of int, optional
        See `SubDataset`.

    Examples
    --------
    >>> [part[:] for part in split_dataset_n("abcde", 2)]
    [['a', 'b'], ['c', 'd']]
    """
    if n < 1:
        raise ValueError(f"split_dataset_n: at least 1 part is wanted, not {n}")
    size = len(dataset) // n
    return [SubDataset(dataset, size * i, size * (i + 1), order) for i in range(n)]


def split_dataset_n_random(dataset: Any, n: int, seed: Any = None) -> list[SubDataset]:
    """Split a dataset at random into `n` parts; see `split_dataset_n` and the `seed`.

    Examples
    --------
    >>> [len(part) for part in split_dataset_n_random(range(7), 3, seed=1)]
    [2, 2, 2]
    """
    return split_dataset_n(dataset, n, _order(dataset, seed))


def get_cross_validation_datasets(
    dataset: Any, n_folds: int = 5, order: Sequence[int] | np.ndarray | None = None
) -> list[tuple[SubDataset, SubDataset]]:
    """Return the (training, test) pairs of a cross validation.

    Each example is in the test part of exactly one pair; the parts' sizes differ by
    one at most.

    Parameters
    ----------
    dataset : sequence
        The whole.
    n_folds : int, default 5
        How many pairs, from 1 to the number of examples.
    order : sequence of int, optional
        See `SubDataset`.

    Raises
    ------
    ValueError
        If `n_folds` is out of range.

    Examples
    --------
    >>> [(train[:], test[:]) for train, test in get_cross_validation_datasets("abc", 3)]
    [(['a', 'b'], ['c']), (['c', 'a'], ['b']), (['b', 'c'], ['a'])]
    """
    n = len(dataset)
    if not 1 <= n_folds <= n:
        raise ValueError(f"n_folds: {n_folds} is not from 1 to the {n} examples")
    base = np.arange(n) if order is None else np.asarray(order)
    if len(base) != n:
        raise ValueError(f"order has {len(base)} indices for a dataset of {n}")
    pairs, end = [], n
    for fold in range(n_folds):
        size = (n - fold + n_folds - 1) // n_folds  # the first n % n_folds parts are one larger
        start = end - size
        # Rotated so that the test part is the end of the order.
        rotated = np.concatenate([base[end:], base[:end]])
        pairs.append(split_dataset(dataset, n - size, rotated))
        end = start
    return pairs


def get_cross_validation_datasets_random(
    dataset: Any, n_folds: int = 5, seed: Any = None
) -> list[tuple[SubDataset, SubDataset]]:
    """Return the pairs of a cross validation over a random order, which `seed` decides.

    Examples
    --------
    >>> [len(test) for _, test in get_cross_validation_datasets_random(range(7), 3, seed=0)]
    [3, 2, 2]
    """
    return get_cross_validation_datasets(dataset, n_folds, _order(dataset, seed))
