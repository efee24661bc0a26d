"""How far the training is, how fast it goes and when it will be done."""

from __future__ import annotations

import sys
import time
from collections import deque
from datetime import timedelta
from typing import Any, TextIO

from nnrun.training.extension import Extension

__all__ = ["ProgressBar"]

# Where the output is not a terminal, whole lines are written, this many seconds apart.
_SECONDS_BETWEEN_LINES = 10.0
# On a terminal the bar is drawn at least this often, however slow the iterations are.
_SECONDS_BETWEEN_DRAWINGS = 0.5
# The rate is that of the drawings kept, so that it follows changes but does not flicker.
_DRAWINGS_KEPT = 20


class ProgressBar(Extension):
    """Shows progress, iterations per second and the time left.

    A bar of tqdm on a terminal; else (in a file or a pipe) a line every ten
    seconds and one at the end.

    Parameters
    ----------
    training_length : tuple, optional
        ``(number, 'epoch' or 'iteration')``; the trainer's stop trigger's if not
        given.  If that has none there is no time left to show, only the rate.
    update_interval : int, default 100
        Iterations between two drawings of the bar, if they do not take long.
    bar_length : int, optional
        Characters of the bar; what the terminal has room for if not given.
    out : text file, optional
        Where to; standard error if not given.

    Raises
    ------
    ValueError
        If `update_interval` is not positive.
    """

    def __init__(
        self,
        training_length: tuple[float, str] | None = None,
        update_interval: int = 100,
        bar_length: int | None = None,
        out: TextIO | None = None,
    ) -> None:
        if update_interval < 1:
            raise ValueError(f"ProgressBar: update_interval is positive, not {update_interval}")
        self._length = training_length
        self._update_interval = update_interval
        self._bar_length = bar_length
        self._given_out = out
        self._bar: Any = None
        self._times: deque[tuple[float, int, float]] = deque(maxlen=_DRAWINGS_KEPT)
        self._shown_iteration = -1

    def initialize(self, trainer: Any) -> None:
        """Find out how long the training is, and show where it stands."""
        if self._length is None and hasattr(trainer.stop_trigger, "get_training_length"):
            self._length = trainer.stop_trigger.get_training_length()
        # Not at construction: standard error may have been replaced since.
        self._out: TextIO = sys.stderr if self._given_out is None else self._given_out
        self._last_line_at = time.perf_counter()
        self._trainer = trainer
        self._remember(trainer)
        if self._out.isatty():
            self._bar = self._make_bar()
            self._draw(trainer)

    def _make_bar(self) -> Any:
        from tqdm import tqdm

        class Bar(tqdm):
            monitor_interval = 0  # this extension draws often enough: no thread to watch it

        bar = "{bar}" if self._bar_length is None else f"{{bar:{self._bar_length}}}"
        return Bar(
            total=None if self._length is None else self._length[0],
            file=self._out,
            bar_format=("{percentage:3.0f}% |" + bar + "| " if self._length else "") + "{desc}",
            dynamic_ncols=True,
            leave=True,
            mininterval=0,
        )

    def __call__(self, trainer: Any) -> None:
        """Draw if it is time to."""
        now = time.perf_counter()
        drawn_at, drawn_iteration, _ = self._times[-1]
        if self._bar is None:
            if now - self._last_line_at >= _SECONDS_BETWEEN_LINES:
                self._write_line(trainer)
        elif (
            trainer.updater.iteration - drawn_iteration >= self._update_interval
            or now - drawn_at >= _SECONDS_BETWEEN_DRAWINGS
        ):
            self._draw(trainer)

    def _remember(self, trainer: Any) -> None:
        updater = trainer.updater
        self._times.append((time.perf_counter(), updater.iteration, updater.epoch_detail))

    def _done(self, trainer: Any) -> float:
        """How much is done, in the unit of the length."""
        updater = trainer.updater
        by_epoch = self._length is not None and self._length[1] == "epoch"
        return updater.epoch_detail if by_epoch else updater.iteration

    def _draw(self, trainer: Any) -> None:
        self._remember(trainer)
        done = self._done(trainer)
        # At the end the last update may pass the length by a part of a batch.
        self._bar.n = done if self._bar.total is None else min(done, self._bar.total)
        self._bar.set_description_str(self._text(trainer), refresh=False)
        self._bar.refresh()
        self._shown_iteration = trainer.updater.iteration

    def _write_line(self, trainer: Any) -> None:
        self._remember(trainer)
        percent = ""
        if self._length is not None:
            percent = f"{100 * min(self._done(trainer) / self._length[0], 1.0):3.0f}%  "
        self._out.write(f"{percent}{self._text(trainer)}\n")
        self._out.flush()
        self._last_line_at = time.perf_counter()
        self._shown_iteration = trainer.updater.iteration

    def _text(self, trainer: Any) -> str:
        updater = trainer.updater
        length, unit = self._length or (None, None)
        epochs = f"/{length:g}" if unit == "epoch" else ""
        iterations = f"/{length:g}" if unit == "iteration" else ""
        text = (
            f"epoch {updater.epoch_detail:.2f}{epochs}, iteration {updater.iteration}{iterations}"
        )
        (start, first_iteration, first_epoch), (end, iteration, epoch) = (
            self._times[0],
            self._times[-1],
        )
        if iteration == first_iteration or end <= start:
            return text
        text += f", {(iteration - first_iteration) / (end - start):.1f} iters/s"
        if length is not None:
            first, last = (first_epoch, epoch) if unit == "epoch" else (first_iteration, iteration)
            if last > first:
                left = max(length - last, 0.0) * (end - start) / (last - first)
                text += f", {timedelta(seconds=round(left))} left"
        return text

    def finalize(self) -> None:
        """Show where the training ended, and leave the bar there."""
        if not self._times:
            return  # it was never initialized
        if self._shown_iteration != self._trainer.updater.iteration:
            (self._write_line if self._bar is None else self._draw)(self._trainer)
        if self._bar is not None:
            self._bar.close()
            self._bar = None
        self._times.clear()
