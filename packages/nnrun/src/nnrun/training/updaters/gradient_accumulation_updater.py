"""An updater that takes several batches for one step, for batches larger than the memory."""

from __future__ import annotations

from typing import Any

from nnrun.training.updaters.parts import Figures, add_gradients
from nnrun.training.updaters.standard_updater import StandardUpdater

__all__ = ["GradientAccumulationUpdater"]


class GradientAccumulationUpdater(StandardUpdater):
    """Adds up the gradients of several batches, then lets the main optimizer make one step.

    The step is that of one batch of all their examples, as far as the loss is a mean over
    examples (batch normalization sees each batch by itself).

    Parameters
    ----------
    iterator, optimizer
        As for `StandardUpdater`.
    n_batches : int
        Batches for a step, at least 1.  Without repetition the last step has what is left.
    **options
        As for `StandardUpdater`.

    Raises
    ------
    ValueError
        If `n_batches` is not positive.
    """

    def __init__(self, iterator: Any, optimizer: Any, n_batches: int, **options: Any) -> None:
        super().__init__(iterator, optimizer, **options)
        if n_batches < 1:
            raise ValueError(
                f"GradientAccumulationUpdater: n_batches is at least 1, not {n_batches}"
            )
        self._n_batches = n_batches
        self._is_new_epoch = False

    @property
    def is_new_epoch(self) -> bool:
        """Whether one of the last step's batches completed a sweep."""
        return self._is_new_epoch

    def update_core(self) -> None:
        """Learn from several batches."""
        iterator, optimizer = self._iterators["main"], self._optimizers["main"]
        loss_func = self.loss_func or optimizer.target
        batches, sweeps = [], 0
        for _ in range(self._n_batches):
            try:
                batches.append(iterator.next())
            except StopIteration:
                if not batches:
                    raise
                break
            sweeps += iterator.is_new_epoch
        total = sum(len(batch) for batch in batches)
        optimizer.target.cleargrads()
        figures = Figures(optimizer.target.device)
        for batch in batches:
            share = len(batch) / total
            with figures.of(share):
                inputs = self.converter(batch, self.input_device)
                add_gradients(loss_func, inputs, share, optimizer._loss_scale)
        figures.report()
        optimizer.update()
        self._is_new_epoch = sweeps > 0
        for _ in range(sweeps if self.auto_new_epoch else 0):
            for one in self._optimizers.values():
                one.new_epoch(auto=True)
