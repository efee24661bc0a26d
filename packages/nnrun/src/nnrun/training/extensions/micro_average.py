"""The quotient of two sums, such as right answers over answers, for an interval."""

from __future__ import annotations

from typing import Any

from nnrun.reporter import Summary
from nnrun.training.extension import PRIORITY_EDITOR, Extension
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["MicroAverage"]


class MicroAverage(Extension):
    """Adds up a numerator and a denominator, and reports their quotient at the interval's end.

    The mean of batches' quotients is wrong where batches count differently much, such
    as sentences of different lengths; this one is right.

    Parameters
    ----------
    numerator_key, denominator_key : str
        Figures reported at each iteration.
    result_key : str
        The name of the quotient.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> average = MicroAverage("right", "all", "accuracy", trigger=lambda trainer: True)
    >>> trainer = SimpleNamespace(observation={"right": 3, "all": 4})
    >>> average(trainer)
    >>> trainer.observation["accuracy"]
    0.75
    """

    priority = PRIORITY_EDITOR

    def __init__(
        self,
        numerator_key: str,
        denominator_key: str,
        result_key: str,
        trigger: Any = (1, "epoch"),
    ) -> None:
        self._keys = (numerator_key, denominator_key)
        self._result_key = result_key
        self._trigger = get_trigger(trigger)
        self._sums = (Summary(), Summary())

    def __call__(self, trainer: Any) -> None:
        """Add this iteration's figures; report the quotient if an interval ends.

        Raises
        ------
        KeyError
            If one of the figures was not reported.
        """
        for key, total in zip(self._keys, self._sums, strict=True):
            if key not in trainer.observation:
                raise KeyError(
                    f"MicroAverage: {key!r} was not reported; reported: "
                    f"{sorted(trainer.observation)}"
                )
            total.add(trainer.observation[key])
        if self._trigger(trainer):
            # Both have as many terms, so the quotient of the means is that of the sums.
            numerator, denominator = (float(total.compute_mean()) for total in self._sums)
            self._sums = (Summary(), Summary())
            quotient = numerator / denominator if denominator else float("nan")
            trainer.observation[self._result_key] = quotient

    def serialize(self, serializer: Any) -> None:
        """Save or load the sums of the interval so far."""
        if hasattr(self._trigger, "serialize"):
            self._trigger.serialize(serializer["_trigger"])
        for name, total in zip(("_numerator", "_denominator"), self._sums, strict=True):
            total.serialize(serializer[name])
