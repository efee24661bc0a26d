"""The batches to come, as indices: what iterators that read ahead have in common.

`ReadingAhead` guarantees that its batches, its public state and what it saves are those of
a `SerialIterator` of the same arguments, however far its workers have read ahead.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from nnrun.dataset.iterator import Iterator
from nnrun.iterators.order_samplers import ShuffleOrderSampler
from nnrun.iterators.serial_iterator import SerialIterator
from nnrun.serializer import Deserializer
from nnrun.serializers import DictionarySerializer, NpzDeserializer

__all__ = ["Job", "ReadingAhead"]


@dataclass(frozen=True, slots=True)
class _State:
    """All that decides the batches after one."""

    current_position: int
    epoch: int
    is_new_epoch: bool
    previous_epoch_detail: float
    order: np.ndarray | None
    sampler: dict[str, Any]


class _Plan(SerialIterator):
    """Iterates over indices, and can be taken back to an earlier state."""

    def _sampled(self, order: np.ndarray, position: int) -> np.ndarray:
        new = super()._sampled(order, position)
        self._sampler_state: dict[str, Any] = {}
        if hasattr(self.order_sampler, "serialize"):
            self.order_sampler.serialize(DictionarySerializer(self._sampler_state))
        return new

    def state(self) -> _State:
        """Return the state; it shares the order, which is never changed in place."""
        sampler = {} if self._order is None else self._sampler_state
        return _State(
            self.current_position,
            self.epoch,
            self.is_new_epoch,
            self._previous_epoch_detail,
            self._order,
            sampler,
        )

    def go_back(self, state: _State) -> None:
        """Return to a state."""
        self.current_position = state.current_position
        self.epoch = state.epoch
        self.is_new_epoch = state.is_new_epoch
        self._previous_epoch_detail = state.previous_epoch_detail
        self._order = state.order
        if state.order is not None:
            self._sampler_state = state.sampler
            if hasattr(self.order_sampler, "serialize"):
                self.order_sampler.serialize(NpzDeserializer(state.sampler, strict=False))

    def serialize(self, serializer: Any) -> None:
        if self._order is not None:
            self._order = self._order.copy()  # loading fills it in place
        super().serialize(serializer)
        if self._order is not None and hasattr(self.order_sampler, "serialize"):
            self._sampler_state = {}
            self.order_sampler.serialize(DictionarySerializer(self._sampler_state))


@dataclass(frozen=True, slots=True)
class Job:
    """A batch to be read.

    Attributes
    ----------
    indices : list of int
        Its examples.
    key : tuple of int
        Where it is in the stream of batches: the same for the same batch, always.
    """

    indices: list[int]
    key: tuple[int, int]


class ReadingAhead(Iterator):
    """Base class of iterators whose workers read batches before they are asked for.

    A subclass gives `_submit`, `_collect` and `_discard`.  Without an order sampler or a
    seed, the seed is drawn from NumPy's global generator, once: how far the workers are
    ahead must not show in that generator.

    Parameters
    ----------
    dataset, batch_size, repeat, shuffle, order_sampler, seed
        As for `SerialIterator`.
    n_prefetch : int
        How many batches are read ahead, at least 1.
    """

    def __init__(
        self,
        dataset: Any,
        batch_size: int,
        repeat: bool,
        shuffle: bool | None,
        order_sampler: Any,
        seed: int | np.random.RandomState | None,
        n_prefetch: int,
    ) -> None:
        if n_prefetch < 1:
            raise ValueError(f"{type(self).__name__}: n_prefetch is at least 1, not {n_prefetch}")
        if order_sampler is None and seed is None and (shuffle is None or shuffle):
            seed = int(np.random.randint(1 << 31))
        if order_sampler is None and seed is not None:
            if shuffle is False:
                raise ValueError(
                    f"{type(self).__name__}: seed is of the shuffling, and there is none"
                )
            order_sampler, shuffle = ShuffleOrderSampler(seed), None
        self.dataset = dataset
        self._plan = _Plan(range(len(dataset)), batch_size, repeat, shuffle, order_sampler)
        self._ahead = n_prefetch
        self._pending: deque[tuple[Any, _State]] = deque()
        self._now = self._plan.state()
        self._finalized = False

    @property
    def batch_size(self) -> int:
        """Examples a batch."""
        return self._plan.batch_size

    @property
    def repeat(self) -> bool:
        """Whether the iterator starts again at the end."""
        return self._plan.repeat

    @property
    def order_sampler(self) -> Any:
        """What decides each sweep's order; None where there is only the dataset's."""
        return self._plan.order_sampler

    @property
    def current_position(self) -> int:
        """Examples used of this sweep."""
        return self._now.current_position

    @property
    def epoch(self) -> int:
        """Sweeps completed."""
        return self._now.epoch

    @property
    def is_new_epoch(self) -> bool:
        """Whether the last batch completed a sweep."""
        return self._now.is_new_epoch

    @property
    def epoch_detail(self) -> float:
        """Sweeps completed, with the fraction of the current one."""
        size = len(self.dataset) if self._now.order is None else len(self._now.order)
        return self._now.epoch + self._now.current_position / max(size, 1)

    @property
    def previous_epoch_detail(self) -> float | None:
        """`epoch_detail` before the last batch; None before the first."""
        detail = self._now.previous_epoch_detail
        return None if detail < 0 else detail

    def __next__(self) -> list[Any]:
        """Return the next batch, a list of examples.

        Raises
        ------
        StopIteration
            At the end of the sweep, without repetition.
        RuntimeError
            If the iterator was finalized.
        """
        if self._finalized:
            raise RuntimeError(f"{type(self).__name__}: it was finalized")
        self._read_ahead()
        if not self._pending:
            raise StopIteration
        handle, state = self._pending[0]
        batch = self._collect(handle)
        # Only now: after an error the state is that of the last batch given.
        self._pending.popleft()
        self._now = state
        self._read_ahead()
        return batch

    def _read_ahead(self) -> None:
        while len(self._pending) <= self._ahead:
            key = (self._plan.epoch, self._plan.current_position)
            try:
                indices = next(self._plan)
            except StopIteration:
                return
            self._pending.append((self._submit(Job(indices, key)), self._plan.state()))

    def _back_to_now(self) -> None:
        while self._pending:
            self._discard(self._pending.popleft()[0])
        self._plan.go_back(self._now)

    def reset(self) -> None:
        """Start from the beginning, with a new order if there is an order sampler."""
        self._back_to_now()
        self._plan.reset()
        self._now = self._plan.state()

    def finalize(self) -> None:
        """Stop the workers; what they have read ahead is dropped."""
        if not self._finalized:
            self._finalized = True
            self._pending.clear()
            self._stop()

    def serialize(self, serializer: Any) -> None:
        """Save or load the position, the order and the generator's state."""
        if isinstance(serializer, Deserializer):
            self._back_to_now()
            self._plan.serialize(serializer)
            self._now = self._plan.state()
            return
        ahead = self._plan.state()
        self._plan.go_back(self._now)
        self._plan.serialize(serializer)
        self._plan.go_back(ahead)

    def _submit(self, job: Job) -> Any:
        """Let workers begin to read a batch; return what `_collect` takes."""
        raise NotImplementedError

    def _collect(self, handle: Any) -> list[Any]:
        """Wait for a batch and return it."""
        raise NotImplementedError

    def _discard(self, handle: Any) -> None:
        """Forget a batch that was submitted."""
        raise NotImplementedError

    def _stop(self) -> None:
        """Release the workers."""
        raise NotImplementedError
