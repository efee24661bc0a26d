"""The trigger of most things: every so many iterations or epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["IntervalTrigger", "get_trigger", "require_unit"]


def require_unit(unit: Any, who: str) -> None:
    """Raise ValueError unless `unit` is one that the trainer counts in."""
    if unit not in ("iteration", "epoch"):
        raise ValueError(f"{who}: the unit is 'iteration' or 'epoch', not {unit!r}")


class IntervalTrigger:
    """Fires whenever a multiple of a period is reached or passed.

    Parameters
    ----------
    period : int or float
        The length of the interval, positive; a fraction makes sense for epochs.
    unit : {'iteration', 'epoch'}
        What it is counted in.

    Raises
    ------
    ValueError
        If the period is not positive or the unit is another.

    Examples
    --------
    >>> IntervalTrigger(2, "epoch").get_training_length()
    (2, 'epoch')
    """

    def __init__(self, period: float, unit: str) -> None:
        require_unit(unit, "IntervalTrigger")
        if not period > 0:
            raise ValueError(f"IntervalTrigger: a positive period is wanted, not {period!r}")
        self.period = period
        self.unit = unit
        self._previous_iteration = 0
        self._previous_epoch_detail = 0.0

    def __call__(self, trainer: Any) -> bool:
        """Whether a multiple of the period lies between the last call and now."""
        updater = trainer.updater
        if self.unit == "epoch":
            now: float = updater.epoch_detail
            before: float = self._previous_epoch_detail
        else:
            now, before = updater.iteration, self._previous_iteration
        self._previous_iteration = updater.iteration
        self._previous_epoch_detail = updater.epoch_detail
        return before // self.period != now // self.period

    def serialize(self, serializer: Any) -> None:
        """Save or load when it was last called."""
        self._previous_iteration = serializer("previous_iteration", self._previous_iteration)
        self._previous_epoch_detail = float(
            serializer("previous_epoch_detail", self._previous_epoch_detail)
        )

    def get_training_length(self) -> tuple[float, str]:
        """Return the period and its unit: how long the training is, for a stop trigger."""
        return self.period, self.unit

    def __str__(self) -> str:
        return f"{type(self).__name__}({self.period}, {self.unit!r})"


def _never(trainer: Any) -> bool:
    return False


def get_trigger(trigger: Any) -> Callable[[Any], bool]:
    """Return a trigger: a ``(period, unit)`` tuple becomes an `IntervalTrigger`.

    Parameters
    ----------
    trigger : tuple, callable or None
        ``None`` never fires.

    Raises
    ------
    TypeError
        If it is neither.

    Examples
    --------
    >>> str(get_trigger((5, "iteration")))
    "IntervalTrigger(5, 'iteration')"
    """
    if trigger is None:
        return _never
    if callable(trigger):
        return trigger
    if isinstance(trigger, (tuple, list)) and len(trigger) == 2:
        return IntervalTrigger(*trigger)
    raise TypeError(
        f"a trigger is a (period, unit) tuple, a callable of the trainer or None, not {trigger!r}"
    )
