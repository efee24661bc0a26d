"""A trigger for given points of the training."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.training.triggers.interval_trigger import require_unit

__all__ = ["ManualScheduleTrigger"]


class ManualScheduleTrigger:
    """Fires when a given point is reached or passed.

    Parameters
    ----------
    points : number or sequence of numbers
        The points.
    unit : {'iteration', 'epoch'}
        What they are counted in.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> trigger = ManualScheduleTrigger([1, 3], "iteration")
    >>> updater = SimpleNamespace(iteration=0, epoch_detail=0)
    >>> fired = []
    >>> for updater.iteration in 1, 2, 3, 4:
    ...     fired.append(trigger(SimpleNamespace(updater=updater)))
    >>> fired
    [True, False, True, False]
    """

    def __init__(self, points: float | Sequence[float], unit: str) -> None:
        require_unit(unit, "ManualScheduleTrigger")
        self.points = list(points) if isinstance(points, Sequence) else [points]
        self.unit = unit
        self.finished = False
        self._previous = 0.0

    def __call__(self, trainer: Any) -> bool:
        """Whether a point lies between the last call and now."""
        updater = trainer.updater
        now = float(updater.epoch_detail if self.unit == "epoch" else updater.iteration)
        fired = any(self._previous < point <= now for point in self.points)
        self._previous = now
        self.finished = all(point <= now for point in self.points)
        return fired

    def serialize(self, serializer: Any) -> None:
        """Save or load when it was last called."""
        self._previous = float(serializer("previous", self._previous))
