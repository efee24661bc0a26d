"""Batches from a dataset, one after another, in the calling thread."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.dataset.iterator import Iterator
from nnrun.iterators.order_samplers import ShuffleOrderSampler

__all__ = ["SerialIterator"]


class SerialIterator(Iterator):
    """An iterator that reads examples one by one, in order or shuffled.

    A repeating iterator's batches are all of `batch_size`: one that passes the end
    of a sweep is filled from the next sweep.  Without repetition the last batch has
    what is left.  The state that `serialize` saves includes the order and the
    generator, so that a loaded iterator gives the very batches that were to come.

    Parameters
    ----------
    dataset : sequence
        Its examples become the batches.
    batch_size : int
        Examples a batch, at least 1.
    repeat : bool, default True
        Whether to start again at the end.
    shuffle : bool, optional
        Whether each sweep has a random order; true unless `order_sampler` is given.
    order_sampler : callable, optional
        Decides each sweep's order; see `nnrun.iterators.OrderSampler`.
    seed : int or numpy.random.RandomState, optional
        Of the shuffling; without it NumPy's global generator is used.

    Attributes
    ----------
    epoch : int
        Sweeps completed.
    is_new_epoch : bool
        Whether the last batch completed a sweep.
    current_position : int
        Examples used of this sweep.

    Raises
    ------
    ValueError
        If `batch_size` is not positive, `order_sampler` comes with ``shuffle=True`` or
        `seed` without shuffling, or a sampler's order has another length.

    Examples
    --------
    >>> iterator = SerialIterator([10, 20, 30], 2, repeat=False, shuffle=False)
    >>> list(iterator)
    [[10, 20], [30]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        repeat: bool = True,
        shuffle: bool | None = None,
        order_sampler: Any = None,
        *,
        seed: int | np.random.RandomState | None = None,
    ) -> None:
        if isinstance(batch_size, bool) or batch_size < 1 or batch_size != int(batch_size):
            raise ValueError(f"batch_size: a positive integer is wanted, not {batch_size!r}")
        if order_sampler is not None and shuffle:
            raise ValueError("SerialIterator: order_sampler and shuffle=True exclude each other")
        if order_sampler is None and (shuffle is None or shuffle):
            order_sampler = ShuffleOrderSampler(seed)
        elif seed is not None:
            raise ValueError("SerialIterator: seed is of the shuffling, and there is none")
        self.dataset = dataset
        self.batch_size = int(batch_size)
        self.order_sampler = order_sampler
        self._repeat = bool(repeat)
        self.reset()

    @property
    def repeat(self) -> bool:
        """Whether the iterator starts again at the end."""
        return self._repeat

    @property
    def epoch_detail(self) -> float:
        """Sweeps completed, with the fraction of the current one."""
        return self.epoch + self.current_position / max(self._epoch_size, 1)

    @property
    def previous_epoch_detail(self) -> float | None:
        """`epoch_detail` before the last batch; None before the first."""
        return None if self._previous_epoch_detail < 0 else self._previous_epoch_detail

    @property
    def _epoch_size(self) -> int:
        return len(self.dataset) if self._order is None else len(self._order)

    def reset(self) -> None:
        """Start from the beginning, with a new order if there is an order sampler."""
        self.current_position = 0
        self.epoch = 0
        self.is_new_epoch = False
        self._previous_epoch_detail = -1.0
        self._order: np.ndarray | None = None
        if self.order_sampler is not None:
            self._order = self._sampled(np.arange(len(self.dataset)), 0)

    def _sampled(self, order: np.ndarray, position: int) -> np.ndarray:
        # A copy, because loading a state fills the order in place.
        new = np.array(self.order_sampler(order, position))
        if new.ndim != 1 or new.dtype.kind not in "iu":
            raise ValueError(
                "order_sampler: a one-dimensional array of integers is wanted, and it returned "
                f"{new.dtype} of shape {new.shape}"
            )
        if len(new) != len(order):
            raise ValueError(
                f"order_sampler: the order had {len(order)} indices and it returned {len(new)}"
            )
        return new

    def __next__(self) -> list[Any]:
        """Return the next batch, a list of examples.

        Raises
        ------
        StopIteration
            At the end of the sweep, without repetition.
        ValueError
            If the dataset is empty and the iterator repeats.
        """
        if not self._repeat and (self.epoch > 0 or self._epoch_size == 0):
            raise StopIteration
        if self._epoch_size == 0:
            raise ValueError("SerialIterator: the dataset is empty")
        self._previous_epoch_detail = self.epoch_detail
        self.is_new_epoch = False
        batch: list[Any] = []
        while True:
            start = self.current_position
            stop = min(start + self.batch_size - len(batch), self._epoch_size)
            batch += self._examples(start, stop)
            self.current_position = stop
            if stop == self._epoch_size:
                if self._order is not None:
                    self._order = self._sampled(self._order, stop)
                self.current_position = 0
                self.epoch += 1
                self.is_new_epoch = True
            if len(batch) == self.batch_size or not self._repeat:
                return batch

    def _examples(self, start: int, stop: int) -> list[Any]:
        if self._order is None:
            return list(self.dataset[start:stop])
        dataset = self.dataset
        return [dataset[i] for i in self._order[start:stop].tolist()]

    def serialize(self, serializer: Any) -> None:
        """Save or load the position, the order and the generator's state."""
        self.current_position = serializer("current_position", self.current_position)
        self.epoch = serializer("epoch", self.epoch)
        self.is_new_epoch = serializer("is_new_epoch", self.is_new_epoch)
        self._previous_epoch_detail = float(
            serializer("previous_epoch_detail", self._previous_epoch_detail)
        )
        if self._order is not None:
            self._order = serializer("order", self._order)
            if hasattr(self.order_sampler, "serialize"):
                self.order_sampler.serialize(serializer["order_sampler"])
