"""Curves of figures over the training, in a picture."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from nnrun.dataset.download import atomic_write
from nnrun.reporter import DictSummary
from nnrun.training.extension import Extension
from nnrun.training.extensions.terminal import write_line
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["SHARE_OF_TIME", "PlotReport"]

# Drawing takes about 0.2 s: of the time between two drawings at most this part is spent on it.
SHARE_OF_TIME = 0.02


class PlotReport(Extension):
    """Collects figures as `LogReport` does, and draws their means as curves.

    The picture is drawn by matplotlib without a display, at the ends of intervals
    (if the last drawing is long enough ago) and at the end of the training; it is
    replaced as a whole.  Without matplotlib one line says so and nothing is drawn.

    Parameters
    ----------
    y_keys : str or iterable of str
        The figures; one that is never reported has no curve.
    x_key : str, default 'iteration'
        What the curves go over: a figure, ``iteration`` or ``epoch``.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval: one point of the curves.
    postprocess : callable, optional
        Called with the figure, the axes and the summary before the picture is saved.
    filename : str, default 'plot.png'
        The picture, in the trainer's folder; its ending says which format.
    marker : str, default 'x'
        How points are marked, as matplotlib names it.
    grid : bool, default True
        Whether there are grid lines.
    file_name : str, optional
        The name of `filename` in older programs.
    """

    def __init__(
        self,
        y_keys: str | Iterable[str],
        x_key: str = "iteration",
        trigger: Any = (1, "epoch"),
        postprocess: Callable[[Any, Any, Any], Any] | None = None,
        filename: str = "plot.png",
        marker: str | None = "x",
        grid: bool = True,
        *,
        file_name: str | None = None,
    ) -> None:
        self._y_keys = [y_keys] if isinstance(y_keys, str) else list(y_keys)
        self._x_key = x_key
        self._trigger = get_trigger(trigger)
        self._postprocess = postprocess
        self._filename = filename if file_name is None else file_name
        self._marker = marker
        self._grid = grid
        self._summary = DictSummary()
        self._points: dict[str, list[tuple[float, float]]] = {key: [] for key in self._y_keys}
        self._path: Path | None = None
        self._undrawn = False
        self._next_drawing_at = 0.0

    @staticmethod
    def available() -> bool:
        """Whether matplotlib can be imported."""
        from importlib.util import find_spec

        return find_spec("matplotlib") is not None

    def initialize(self, trainer: Any) -> None:
        """Say so if there is no matplotlib."""
        self._path = Path(trainer.out, self._filename)
        if not self.available():
            self._path = None
            write_line(
                f"{self._filename} is not drawn: matplotlib is not installed "
                "(pip install 'nnrun[plot]')",
                sys.stderr,
            )

    def __call__(self, trainer: Any) -> None:
        """Take this iteration's figures; at the end of an interval add a point."""
        observation = trainer.observation
        wanted = [*self._y_keys, self._x_key]
        self._summary.add({key: observation[key] for key in wanted if key in observation})
        if not self._trigger(trainer):
            return
        means = {key: float(mean) for key, mean in self._summary.compute_mean().items()}
        self._summary = DictSummary()
        updater = trainer.updater
        means.setdefault("iteration", updater.iteration)
        means.setdefault("epoch", updater.epoch)
        if self._x_key not in means:
            raise KeyError(
                f"PlotReport: x_key {self._x_key!r} was not reported; reported: "
                f"{sorted(observation)}"
            )
        for key in self._y_keys:
            if key in means:
                self._points[key].append((means[self._x_key], means[key]))
                self._undrawn = True
        if time.perf_counter() >= self._next_drawing_at:
            self._draw()

    def _draw(self) -> None:
        if self._path is None or not self._undrawn:
            return
        start = time.perf_counter()
        # The figure's own canvas, not pyplot: no display, no global state, any thread.
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6.4, 4.8), layout="constrained")
        axes = figure.add_subplot()
        for key, points in self._points.items():
            if points:
                x, y = zip(*points, strict=True)
                axes.plot(x, y, marker=self._marker, label=key)
        axes.set_xlabel(self._x_key)
        axes.grid(self._grid)
        axes.legend()
        if self._postprocess is not None:
            self._postprocess(figure, axes, self._summary)
        os.makedirs(self._path.parent, exist_ok=True)
        with atomic_write(self._path) as file:
            figure.savefig(file, format=self._path.suffix[1:] or "png")
        self._undrawn = False
        now = time.perf_counter()
        self._next_drawing_at = now + (now - start) / SHARE_OF_TIME

    def finalize(self) -> None:
        """Draw what was not drawn yet."""
        self._draw()

    def serialize(self, serializer: Any) -> None:
        """Save or load the points and the interval so far."""
        if hasattr(self._trigger, "serialize"):
            self._trigger.serialize(serializer["_trigger"])
        self._summary.serialize(serializer["_summary"])
        points = json.loads(str(serializer("_points", json.dumps(self._points))))
        for key in self._y_keys:
            self._points[key] = [(x, y) for x, y in points.get(key, ())]
