"""A trigger for the first iteration only."""

from __future__ import annotations

from typing import Any

__all__ = ["OnceTrigger"]


class OnceTrigger:
    """Fires the first time it is asked, and never again.

    Parameters
    ----------
    call_on_resume : bool, default False
        Whether it fires again in a training that goes on from a snapshot.

    Examples
    --------
    >>> trigger = OnceTrigger()
    >>> trigger(None), trigger(None)
    (True, False)
    """

    def __init__(self, call_on_resume: bool = False) -> None:
        self._call_on_resume = call_on_resume
        self._fired = False

    @property
    def finished(self) -> bool:
        """Whether it will never fire again."""
        return self._fired

    def __call__(self, trainer: Any) -> bool:
        """Whether this is the first call."""
        fired, self._fired = self._fired, True
        return not fired

    def serialize(self, serializer: Any) -> None:
        """Save or load whether it has fired."""
        first = bool(serializer("flag_first", not self._fired))
        if not self._call_on_resume:
            self._fired = not first
