"""Figures of the training as event files, which TensorBoard shows."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

from nnrun.backend import is_array
from nnrun.reporter import DictSummary
from nnrun.training.extension import Extension
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["TensorBoardReport"]


class TensorBoardReport(Extension):
    """Collects figures as `LogReport` does, and writes their means to event files.

    The files are written by ``tensorboardX`` (``pip install 'nnrun[tensorboard]'``);
    ``tensorboard --logdir result`` shows them.  The step of a point is the iteration.  A
    resumed training adds a file of its own, from which on TensorBoard ignores what the
    interrupted one wrote about later steps.

    Parameters
    ----------
    keys : iterable of str, optional
        The figures; all that are reported if not given.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval: one point.
    folder : str, default 'tensorboard'
        Of the event files, in the trainer's folder.
    histograms : bool, default False
        Whether the values of all parameters and their gradients are written too, at the end
        of each interval, as histograms.

    Raises
    ------
    ModuleNotFoundError
        When the training starts, if ``tensorboardX`` is not installed.

    Examples
    --------
    >>> report = TensorBoardReport(["main/loss"], trigger=(100, "iteration"))
    >>> report.default_name
    'TensorBoardReport'
    """

    def __init__(
        self,
        keys: Iterable[str] | None = None,
        trigger: Any = (1, "epoch"),
        folder: str = "tensorboard",
        histograms: bool = False,
    ) -> None:
        self._keys = None if keys is None else list(keys)
        self._trigger = get_trigger(trigger)
        self._folder = folder
        self._histograms = histograms
        self._summary = DictSummary()
        self._writer: Any = None

    def initialize(self, trainer: Any) -> None:
        """Open a file, from the present iteration on."""
        try:
            from tensorboardX import SummaryWriter
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(
                "TensorBoardReport: tensorboardX, which writes the files, is not installed "
                "(pip install 'nnrun[tensorboard]')",
                name=error.name,
            ) from error
        iteration = trainer.updater.iteration
        self._writer = SummaryWriter(
            os.path.join(trainer.out, self._folder),
            purge_step=iteration + 1 if iteration else None,
            # The library's names tell seconds apart; two trainings may begin within one.
            filename_suffix=f".{iteration}",
        )

    def __call__(self, trainer: Any) -> None:
        """Take this iteration's figures; write them if an interval ends."""
        observation = trainer.observation
        if self._keys is not None:
            observation = {key: observation[key] for key in self._keys if key in observation}
        self._summary.add(observation)
        if not self._trigger(trainer):
            return
        step = trainer.updater.iteration
        for key, mean in self._summary.compute_mean().items():
            self._writer.add_scalar(key, float(mean), step)
        self._summary = DictSummary()
        if self._histograms:
            for name, optimizer in trainer.updater.get_all_optimizers().items():
                self._add_histograms(name, optimizer.target, step)
        self._writer.flush()

    def _add_histograms(self, name: str, link: Any, step: int) -> None:
        from nnrun.cuda import to_cpu

        for path, param in link.namedparams():
            for what, array in (("", param.array), ("/grad", param.grad)):
                if is_array(array):
                    self._writer.add_histogram(f"{name}{path}{what}", to_cpu(array), step)

    def finalize(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def serialize(self, serializer: Any) -> None:
        """Save or load the interval so far."""
        if hasattr(self._trigger, "serialize"):
            self._trigger.serialize(serializer["_trigger"])
        self._summary.serialize(serializer["_summary"])
