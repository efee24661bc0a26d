"""Batches read by processes, ahead of their use."""

from __future__ import annotations

import multiprocessing
import os
import warnings
import weakref
from typing import Any

import numpy as np

from nnrun.iterators.plan import Job, ReadingAhead
from nnrun.iterators.worker import Worker

__all__ = ["MultiprocessIterator"]

# Room for the arrays of one worker's part of a batch: memory is taken only for what is used.
_SLOT_BYTES = 1 << 28


class _TimeoutWarning(RuntimeWarning):
    """A worker takes longer than `dataset_timeout` to read its part of a batch."""


class _Handle:
    """A batch in the hands of workers: how many of its parts are still to come, and those here."""

    def __init__(self, workers: list[Worker]) -> None:
        self.awaited = workers
        self.parts: list[list[Any]] = []
        self.error: Exception | None = None


class MultiprocessIterator(ReadingAhead):
    """An iterator whose examples are read by processes while the last batch is computed with.

    It suits datasets that compute in Python: images decoded and changed, text parsed.
    Batches are those of a `SerialIterator` of the same seed, in the same order,
    whatever the processes' timing.  For each part of a batch the workers' global generators, of
    NumPy and of Python, are seeded by its place in the stream: what a dataset draws
    from them (crops, flips) is the same each time too, and never twice the same in a sweep.

    Processes start with the first batch and end with `finalize`, with the iterator, or with
    their parent.  They are forked where the system can, so that the dataset may be anything; it
    must not touch a device.

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
    n_processes : int, optional
        How many; as many as the process may use CPUs if not given.
    n_prefetch : int, default 1
        How many batches are read ahead.
    shared_mem : int, optional
        Bytes of shared memory for an example; 256 MiB for a worker's part of a batch if
        not given.  Larger examples go through a pipe, more slowly.
    order_sampler : callable, optional
        Decides each sweep's order; see `nnrun.iterators.OrderSampler`.
    dataset_timeout : float or None, default 30
        Seconds after which a warning says that a worker has still not answered.
    seed : int or numpy.random.RandomState, optional
        Of the shuffling; drawn from NumPy's global generator if not given.
    start_method : {'fork', 'forkserver', 'spawn'}, optional
        How processes are started; the latter two need a dataset that can be pickled.

    Raises
    ------
    ValueError
        If a count is not positive, or as for `SerialIterator`.

    Examples
    --------
    >>> with MultiprocessIterator([10, 20, 30], 2, repeat=False, shuffle=False,
    ...                           n_processes=1) as iterator:
    ...     list(iterator)
    [[10, 20], [30]]
    """

    TimeoutWarning = _TimeoutWarning

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        repeat: bool = True,
        shuffle: bool | None = None,
        n_processes: int | None = None,
        n_prefetch: int = 1,
        shared_mem: int | None = None,
        order_sampler: Any = None,
        dataset_timeout: float | None = 30.0,
        *,
        seed: int | np.random.RandomState | None = None,
        start_method: str | None = None,
    ) -> None:
        if n_processes is None:
            n_processes = len(os.sched_getaffinity(0))
        if n_processes < 1:
            raise ValueError(f"MultiprocessIterator: n_processes is at least 1, not {n_processes}")
        super().__init__(dataset, batch_size, repeat, shuffle, order_sampler, seed, n_prefetch)
        if start_method is None:
            can_fork = "fork" in multiprocessing.get_all_start_methods()
            start_method = "fork" if can_fork else "spawn"
        self._context = multiprocessing.get_context(start_method)
        self._n_processes = min(n_processes, batch_size)
        self._part = -(-batch_size // self._n_processes)
        self._slot_bytes = _SLOT_BYTES if shared_mem is None else shared_mem * self._part
        self._slot_bytes = max(self._slot_bytes, 8 * self._part)  # the indices go there as well
        self._timeout = dataset_timeout
        self._worker_seed = int(np.random.RandomState(_seed_of(seed)).randint(1 << 31))
        self._workers: list[Worker] = []
        self._stopper: Any = None

    def _start(self) -> None:
        # Started here, not in a list at once: each closes what it inherits of those before.
        for number in range(self._n_processes):
            self._workers.append(
                Worker(
                    self._context,
                    number,
                    self.dataset,
                    self._ahead + 1,
                    self._slot_bytes,
                    self._workers,
                )
            )
        self._stopper = weakref.finalize(self, _stop, self._workers, os.getpid())

    def _submit(self, job: Job) -> _Handle:
        if not self._workers:
            self._start()
        parts = [job.indices[i : i + self._part] for i in range(0, len(job.indices), self._part)]
        used = self._workers[: len(parts)]
        for worker, part in zip(used, parts, strict=True):
            entropy = [self._worker_seed, *job.key, worker.number]
            seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
            worker.ask(part, seed)
        return _Handle(list(used))

    def _collect(self, handle: _Handle) -> list[Any]:
        while handle.awaited:
            worker = handle.awaited[0]
            if self._timeout is not None and not worker.has_reply(self._timeout):
                warnings.warn(
                    f"worker {worker.number} (process {worker.process.pid}) has not read its "
                    f"part of a batch after {self._timeout} s; waiting on",
                    _TimeoutWarning,
                    stacklevel=3,
                )
            try:
                handle.parts.append(worker.collect())
            except Exception as error:
                handle.error = handle.error or error
            del handle.awaited[0]
        if handle.error is not None:
            raise handle.error
        return [example for part in handle.parts for example in part]

    def _discard(self, handle: _Handle) -> None:
        # The replies are on their way, and come in order: these must be out of it.
        for worker in handle.awaited:
            try:
                worker.collect()
            except Exception:  # of an example that nobody will see
                continue

    def _stop(self) -> None:
        if self._stopper is not None:
            self._stopper()

    def serialize(self, serializer: Any) -> None:
        """Save or load the position, the order, and the seeds to come."""
        super().serialize(serializer)
        try:
            self._worker_seed = int(serializer("worker_seed", self._worker_seed))
        except KeyError:  # the state of another iterator, which has no workers
            return


def _seed_of(seed: Any) -> int:
    """A seed for what the workers draw, without drawing from a generator given."""
    if seed is None:
        return int(np.random.randint(1 << 31))
    if isinstance(seed, np.random.RandomState):
        state: Any = seed.get_state()
        return int(state[1][0])
    return int(seed)


def _stop(workers: list[Worker], owner: int) -> None:
    if os.getpid() == owner:  # not in a process that was forked meanwhile
        for worker in workers:
            worker.stop()
        workers.clear()
