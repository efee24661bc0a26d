"""Curves of how the values of variables are distributed, in a picture."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nnrun import backend
from nnrun.dataset.download import atomic_write
from nnrun.training.extension import Extension
from nnrun.training.extensions.plot_report import SHARE_OF_TIME, PlotReport
from nnrun.training.triggers.interval_trigger import get_trigger

__all__ = ["VariableStatisticsPlot"]


class VariableStatisticsPlot(Extension):
    """Draws mean, deviation and percentiles of variables over the training.

    At each iteration a sample of every variable's values, and of its gradient's, is taken;
    at an interval's end their statistics are one point of the curves.  The picture has
    a row for each kind of statistic, and a column for values and one for gradients.

    Parameters
    ----------
    targets : Variable or sequence of Variable
        Parameters, usually.
    max_sample_size : int, default 1000
        Values taken of each variable at each iteration, at most.
    report_data, report_grad : bool, default True
        Whether values, and gradients, are drawn.
    plot_mean, plot_std : bool, default True
        Whether there are curves of the mean, and of the standard deviation.
    percentile_sigmas : sequence of float
        Percentiles to draw; those of a normal distribution at whole deviations by default.
    trigger : tuple or callable, default (1, 'epoch')
        The end of each interval.
    filename : str, default 'statistics.png'
        The picture, in the trainer's folder; its ending says which format.
    figsize : (float, float), optional
        Its size in inches.
    marker : str, optional
        How points are marked, as matplotlib names it.
    grid : bool, default True
        Whether there are grid lines.

    Raises
    ------
    ValueError
        If nothing is to be drawn.
    """

    def __init__(
        self,
        targets: Any,
        max_sample_size: int = 1000,
        report_data: bool = True,
        report_grad: bool = True,
        plot_mean: bool = True,
        plot_std: bool = True,
        percentile_sigmas: Sequence[float] = (0, 0.13, 2.28, 15.87, 50, 84.13, 97.72, 99.87, 100),
        trigger: Any = (1, "epoch"),
        filename: str = "statistics.png",
        figsize: tuple[float, float] | None = None,
        marker: str | None = None,
        grid: bool = True,
    ) -> None:
        self._targets = list(targets) if isinstance(targets, (list, tuple)) else [targets]
        self._columns = ["data"] * report_data + ["grad"] * report_grad
        self._percentiles = list(percentile_sigmas)
        self._rows = (
            ["mean"] * plot_mean + ["std"] * plot_std + ["percentile"] * bool(self._percentiles)
        )
        if not self._columns or not self._rows or not self._targets:
            raise ValueError("VariableStatisticsPlot: there is nothing to draw")
        if max_sample_size < 1:
            raise ValueError(
                f"VariableStatisticsPlot: max_sample_size is positive, not {max_sample_size}"
            )
        self._most = max_sample_size
        self._trigger = get_trigger(trigger)
        self._filename = filename
        self._figsize = figsize
        self._marker = marker
        self._grid = grid
        self._samples: dict[str, list[np.ndarray]] = {column: [] for column in self._columns}
        self._path = Path(filename)
        self._undrawn = False
        self._next_drawing_at = 0.0
        # column, then one list for each point: iteration, mean, std, percentiles...
        self._points: dict[str, list[list[float]]] = {column: [] for column in self._columns}

    @staticmethod
    def available() -> bool:
        """Whether matplotlib can be imported."""
        return PlotReport.available()

    def __call__(self, trainer: Any) -> None:
        """Take samples; at the end of an interval add a point and draw."""
        for column in self._columns:
            for variable in self._targets:
                array = variable.array if column == "data" else variable.grad
                if array is not None and array.size:
                    self._samples[column].append(self._sample(array))
        if not self._trigger(trainer):
            return
        for column, samples in self._samples.items():
            if samples:
                values = np.concatenate(samples)
                point = [values.mean(), values.std(), *np.percentile(values, self._percentiles)]
                self._points[column].append([trainer.updater.iteration, *map(float, point)])
                samples.clear()
        self._path = Path(trainer.out, self._filename)
        self._undrawn = self.available()
        if time.perf_counter() >= self._next_drawing_at:
            self._draw()

    def _sample(self, array: Any) -> np.ndarray:
        # Evenly spaced, from the device as a small array: no draw from a generator, so that
        # looking does not change the training.
        step = -(-array.size // self._most)
        with backend.get_device_from_array(array):
            part = array.ravel()[::step]
            return backend.get_device("numpy").send(part).astype(np.float64)

    def finalize(self) -> None:
        """Draw what was not drawn yet."""
        self._draw()

    def _draw(self) -> None:
        if not self._undrawn:
            return
        start, path = time.perf_counter(), self._path
        from matplotlib.figure import Figure  # its own canvas: no display, any thread

        size = self._figsize or (5.0 * len(self._columns), 2.5 * len(self._rows))
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots(len(self._rows), len(self._columns), squeeze=False, sharex=True)
        for j, column in enumerate(self._columns):
            points = np.array(self._points[column]).reshape(-1, 3 + len(self._percentiles))
            for i, row in enumerate(self._rows):
                curves = {"mean": slice(1, 2), "std": slice(2, 3), "percentile": slice(3, None)}
                axes[i, j].plot(points[:, 0], points[:, curves[row]], marker=self._marker)
                axes[i, j].set_ylabel(row)
                axes[i, j].grid(self._grid)
            axes[0, j].set_title(column)
            axes[-1, j].set_xlabel("iteration")
        os.makedirs(path.parent, exist_ok=True)
        with atomic_write(path) as file:
            figure.savefig(file, format=path.suffix[1:] or "png")
        self._undrawn = False
        now = time.perf_counter()
        self._next_drawing_at = now + (now - start) / SHARE_OF_TIME

    def serialize(self, serializer: Any) -> None:
        """Save or load the points; the samples of an unfinished interval are left out."""
        if hasattr(self._trigger, "serialize"):
            self._trigger.serialize(serializer["_trigger"])
        points = json.loads(str(serializer("_points", json.dumps(self._points))))
        for column in self._columns:
            self._points[column] = points.get(column, [])
