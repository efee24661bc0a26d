"""A stop trigger for when the training no longer improves."""

from __future__ import annotations

from typing import Any

from nnrun.reporter import DictSummary
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["EarlyStoppingTrigger"]


class EarlyStoppingTrigger:
    """Fires when a figure has not improved for a number of checks, or time is up.

    Parameters
    ----------
    check_trigger : tuple or callable, default (1, 'epoch')
        When the figure's mean since the last check is looked at.
    monitor : str, default 'main/loss'
        The figure's name in the observation.
    patience : int, default 3
        Checks without improvement that are borne.
    mode : {'auto', 'max', 'min'}
        What is better; 'auto' takes 'max' if 'accuracy' is in the name.
    verbose : bool, default False
        Print a line when stopping.
    max_trigger : tuple or callable, default (100, 'epoch')
        When to stop at the latest.

    Raises
    ------
    ValueError
        If `mode` is another.

    Examples
    --------
    >>> EarlyStoppingTrigger(max_trigger=(20, "epoch")).get_training_length()
    (20, 'epoch')
    """

    def __init__(
        self,
        check_trigger: Any = (1, "epoch"),
        monitor: str = "main/loss",
        patience: int = 3,
        mode: str = "auto",
        verbose: bool = False,
        max_trigger: Any = (100, "epoch"),
    ) -> None:
        if mode not in ("auto", "max", "min"):
            raise ValueError(f"EarlyStoppingTrigger: mode is auto, max or min, not {mode!r}")
        self.monitor = monitor
        self.patience = patience
        self.verbose = verbose
        self.count = 0
        higher = mode == "max" or (mode == "auto" and "accuracy" in monitor)
        self._sign = 1.0 if higher else -1.0
        self._best = -float("inf")
        self._check_trigger = get_trigger(check_trigger)
        self._max_trigger = get_trigger(max_trigger)
        self._summary = DictSummary()

    def __call__(self, trainer: Any) -> bool:
        """Whether to stop now."""
        observation = trainer.observation
        if self.monitor in observation:
            self._summary.add({self.monitor: observation[self.monitor]})
        last = self._max_trigger(trainer)
        if not self._check_trigger(trainer):
            return last
        means = self._summary.compute_mean()
        if self.monitor not in means:
            return last
        self._summary = DictSummary()
        value = self._sign * float(means[self.monitor])
        if value > self._best:
            self._best = value
            self.count = 0
            return last
        self.count += 1
        if self.count < self.patience:
            return last
        if self.verbose:
            print(
                f"stopped early at epoch {trainer.updater.epoch}: {self.monitor} has not "
                f"improved on {self._sign * self._best:g} for {self.count} checks"
            )
        return True

    def get_training_length(self) -> tuple[float, str]:
        """Return the length of the training if it does not stop early."""
        return self._max_trigger.get_training_length()  # type: ignore[attr-defined]

    def serialize(self, serializer: Any) -> None:
        """Save or load the best value, the patience used and the interval so far."""
        self._summary.serialize(serializer["_summary"])
        for name in ("check_trigger", "max_trigger"):
            trigger = getattr(self, "_" + name)
            if hasattr(trigger, "serialize"):
                trigger.serialize(serializer[name])
        self._best = float(serializer("best", self._best))
        self.count = serializer("count", self.count)
