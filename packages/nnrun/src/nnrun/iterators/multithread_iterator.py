"""Batches read by threads, ahead of their use."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from nnrun.iterators.plan import Job, ReadingAhead

__all__ = ["MultithreadIterator"]


class MultithreadIterator(ReadingAhead):
    """An iterator whose examples are read by threads while the last batch is computed with.

    It suits datasets that wait, for a disk or a network, or whose work lets go of the
    interpreter lock, as decompression and much of NumPy's does.  Batches are those of a
    `SerialIterator` of the same seed, in the same order, whatever the threads' timing.

    Parameters
    ----------
    dataset : sequence
        Its examples become the batches; it is read by several threads at once.
    batch_size : int
        Examples a batch, at least 1.
    repeat : bool, default True
        Whether to start again at the end.
    shuffle : bool, optional
        Whether each sweep has a random order; true unless `order_sampler` is given.
    n_threads : int, default 1
        How many threads.
    order_sampler : callable, optional
        Decides each sweep's order; see `nnrun.iterators.OrderSampler`.
    seed : int or numpy.random.RandomState, optional
        Of the shuffling; drawn from NumPy's global generator if not given.
    n_prefetch : int, default 1
        How many batches are read ahead.

    Raises
    ------
    ValueError
        If a count is not positive, or as for `SerialIterator`.

    Examples
    --------
    >>> with MultithreadIterator([10, 20, 30], 2, repeat=False, shuffle=False) as iterator:
    ...     list(iterator)
    [[10, 20], [30]]
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        repeat: bool = True,
        shuffle: bool | None = None,
        n_threads: int = 1,
        order_sampler: Any = None,
        *,
        seed: int | np.random.RandomState | None = None,
        n_prefetch: int = 1,
    ) -> None:
        if n_threads < 1:
            raise ValueError(f"MultithreadIterator: n_threads is at least 1, not {n_threads}")
        super().__init__(dataset, batch_size, repeat, shuffle, order_sampler, seed, n_prefetch)
        self._n_threads = n_threads
        self._pool = ThreadPoolExecutor(n_threads, "MultithreadIterator")

    def _submit(self, job: Job) -> list[Future[list[Any]]]:
        size = -(-len(job.indices) // self._n_threads)
        return [
            self._pool.submit(self._read, job.indices[i : i + size])
            for i in range(0, len(job.indices), size)
        ]

    def _read(self, indices: list[int]) -> list[Any]:
        dataset = self.dataset
        return [dataset[i] for i in indices]

    def _collect(self, handle: list[Future[list[Any]]]) -> list[Any]:
        return [example for part in handle for example in part.result()]

    def _discard(self, handle: list[Future[list[Any]]]) -> None:
        for part in handle:
            part.cancel()

    def _stop(self) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
