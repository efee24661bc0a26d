"""Triggers for a new best value of a figure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.reporter import DictSummary
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["BestValueTrigger", "MaxValueTrigger", "MinValueTrigger"]


class BestValueTrigger:
    """Fires when the mean of a figure over an interval is better than ever before.

    Parameters
    ----------
    key : str
        The figure's name in the observation.
    compare : callable
        ``compare(best, new)`` says whether `new` is better.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval.
    """

    def __init__(
        self, key: str, compare: Callable[[float, float], bool], trigger: Any = (1, "epoch")
    ) -> None:
        self._key = key
        self._compare = compare
        self._interval_trigger = get_trigger(trigger)
        self._best: float | None = None
        self._summary = DictSummary()

    def __call__(self, trainer: Any) -> bool:
        """Whether an interval ends now with a new best.

        Raises
        ------
        KeyError
            If an interval ends in which the figure was never reported.
        """
        observation = trainer.observation
        if self._key in observation:
            self._summary.add({self._key: observation[self._key]})
        if not self._interval_trigger(trainer):
            return False
        means = self._summary.compute_mean()
        self._summary = DictSummary()
        if self._key not in means:
            raise KeyError(
                f"{type(self).__name__}: {self._key!r} was not reported in this interval; "
                f"reported: {sorted(observation)}"
            )
        value = float(means[self._key])
        if self._best is None or self._compare(self._best, value):
            self._best = value
            return True
        return False

    def serialize(self, serializer: Any) -> None:
        """Save or load the best value and the interval so far."""
        if hasattr(self._interval_trigger, "serialize"):
            self._interval_trigger.serialize(serializer["interval_trigger"])
        self._summary.serialize(serializer["_summary"])
        has_best = bool(serializer("has_best", self._best is not None))
        best = float(serializer("best_value", 0.0 if self._best is None else self._best))
        self._best = best if has_best else None


class MaxValueTrigger(BestValueTrigger):
    """Fires when the mean of a figure over an interval is higher than ever before.

    Parameters
    ----------
    key : str
        The figure's name in the observation.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> trigger = MaxValueTrigger("accuracy", trigger=lambda trainer: True)
    >>> [trigger(SimpleNamespace(observation={"accuracy": a})) for a in (0.5, 0.4, 0.6)]
    [True, False, True]
    """

    def __init__(self, key: str, trigger: Any = (1, "epoch")) -> None:
        super().__init__(key, lambda best, new: new > best, trigger)


class MinValueTrigger(BestValueTrigger):
    """Fires when the mean of a figure over an interval is lower than ever before.

    Parameters are those of `MaxValueTrigger`.
    """

    def __init__(self, key: str, trigger: Any = (1, "epoch")) -> None:
        super().__init__(key, lambda best, new: new < best, trigger)
