"""The log: the means of all figures over each interval, in a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nnrun.dataset.download import atomic_write
from nnrun.reporter import DictSummary
from nnrun.training.extension import Extension
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["LogReport"]


class LogReport(Extension):
    """Collects figures at each iteration and logs their means at the end of an interval.

    The file is a JSON list of objects, one for each interval, with the means and
    ``epoch``, ``iteration`` and ``elapsed_time``.  It is replaced as a whole, so a
    reader never finds half of it, whatever happens to the training.  A figure that
    is not finite is written as JSON's ``NaN`` or ``Infinity`` (as Python does).

    Parameters
    ----------
    keys : iterable of str, optional
        The figures to log; all that are reported if not given.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval.
    postprocess : callable, optional
        Called with the entry before it is logged, to change it.
    filename : str or None, default 'log'
        The file, in the trainer's folder; may hold ``{epoch}``, ``{iteration}``.
        With ``None`` nothing is written.

    Attributes
    ----------
    log : list of dict
        The entries so far.
    """

    def __init__(
        self,
        keys: Iterable[str] | None = None,
        trigger: Any = (1, "epoch"),
        postprocess: Callable[[dict[str, Any]], Any] | None = None,
        filename: str | None = "log",
    ) -> None:
        self._keys = None if keys is None else list(keys)
        self._trigger = get_trigger(trigger)
        self._postprocess = postprocess
        self._filename = filename
        self._log: list[dict[str, Any]] = []
        self._summary = DictSummary()

    @property
    def log(self) -> list[dict[str, Any]]:
        """The entries so far."""
        return self._log

    def __call__(self, trainer: Any) -> None:
        """Take this iteration's figures; log them if an interval ends."""
        observation = trainer.observation
        if self._keys is not None:
            observation = {key: observation[key] for key in self._keys if key in observation}
        self._summary.add(observation)
        if not self._trigger(trainer):
            return
        entry: dict[str, Any] = {
            name: float(mean) for name, mean in self._summary.compute_mean().items()
        }
        self._summary = DictSummary()
        updater = trainer.updater
        entry["epoch"] = updater.epoch
        entry["iteration"] = updater.iteration
        entry["elapsed_time"] = trainer.elapsed_time
        if self._postprocess is not None:
            self._postprocess(entry)
        self._log.append(entry)
        if self._filename is not None:
            self._write(Path(trainer.out, self._filename.format(**entry)))

    def _write(self, path: Path) -> None:
        os.makedirs(path.parent, exist_ok=True)
        with atomic_write(path, "w") as file:
            json.dump(self._log, file, indent=4)
            file.write("\n")

    def serialize(self, serializer: Any) -> None:
        """Save or load the entries and the interval so far."""
        if hasattr(self._trigger, "serialize"):
            self._trigger.serialize(serializer["_trigger"])
        self._summary.serialize(serializer["_summary"])
        self._log = json.loads(str(serializer("_log", json.dumps(self._log))))
