"""A trigger by the clock."""

from __future__ import annotations

from typing import Any

__all__ = ["TimeTrigger"]


class TimeTrigger:
    """Fires every so many seconds of training.

    Parameters
    ----------
    period : float
        Seconds, positive; measured by ``trainer.elapsed_time``.

    Raises
    ------
    ValueError
        If the period is not positive.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> trigger = TimeTrigger(60)
    >>> [trigger(SimpleNamespace(elapsed_time=t)) for t in (30, 61, 90, 200)]
    [False, True, False, True]
    """

    def __init__(self, period: float) -> None:
        if not period > 0:
            raise ValueError(f"TimeTrigger: a positive period is wanted, not {period!r}")
        self._period = period
        self._next = float(period)

    def __call__(self, trainer: Any) -> bool:
        """Whether the period has passed since the trigger fired last."""
        if trainer.elapsed_time < self._next:
            return False
        # What was missed meanwhile is one firing, not several.
        self._next += self._period * ((trainer.elapsed_time - self._next) // self._period + 1)
        return True

    def serialize(self, serializer: Any) -> None:
        """Save or load when it fires next."""
        self._next = float(serializer("next_time", self._next))
