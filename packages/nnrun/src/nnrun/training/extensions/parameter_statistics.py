"""Figures about the parameters of links: means, deviations, extremes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from nnrun import backend
from nnrun.reporter import report
from nnrun.training.extension import PRIORITY_WRITER, Extension

__all__ = ["ParameterStatistics"]

# The percentiles that a normal distribution has at -3, -2, -1, 0, 1, 2 and 3 deviations.
_PERCENTILES = (0.13, 2.28, 15.87, 50.0, 84.13, 97.72, 99.87)


def _percentiles(x: Any) -> Any:
    return np.percentile(backend.get_device("numpy").send(x), _PERCENTILES)


class ParameterStatistics(Extension):
    """Reports statistics of every parameter and gradient of links, each epoch by default.

    A figure's name is ``prefix/link/path/of/parameter/data/mean``, with ``grad`` for the
    gradient's; the link's name where it has one.  A statistic that gives several
    numbers reports them as ``.../0``, ``.../1`` ...

    Parameters
    ----------
    links : Link or sequence of Link
        Whose parameters.
    statistics : dict of str to callable, or 'default'
        Each takes an array and returns a number, or a sequence of them: ``mean``, ``std``,
        ``min``, ``max``, ``zeros`` (how many) and ``percentile`` by default.
    report_params, report_grads : bool, default True
        Whether values, and gradients, are reported.
    prefix : str, optional
        Put before each name.
    trigger : tuple or callable, default (1, 'epoch')
        When they are reported.
    skip_nan_params : bool, default False
        Whether arrays with NaN in them are left out.

    Examples
    --------
    >>> import nnrun.links as L
    >>> from nnrun.reporter import Reporter
    >>> link = L.Linear(2, 1, initialW=0.5)
    >>> statistics = ParameterStatistics(link, {"mean": lambda x: x.mean()}, report_grads=False)
    >>> with Reporter() as reporter:
    ...     statistics(None)
    >>> reporter.observation
    {'W/data/mean': 0.5, 'b/data/mean': 0.0}
    """

    trigger = (1, "epoch")
    priority = PRIORITY_WRITER
    default_statistics: ClassVar[dict[str, Callable[[Any], Any]]] = {
        "mean": lambda x: x.mean(),
        "std": lambda x: x.std(),
        "min": lambda x: x.min(),
        "max": lambda x: x.max(),
        "zeros": lambda x: (x == 0).sum(),
        "percentile": _percentiles,
    }

    def __init__(
        self,
        links: Any,
        statistics: dict[str, Callable[[Any], Any]] | str = "default",
        report_params: bool = True,
        report_grads: bool = True,
        prefix: str | None = None,
        trigger: Any = (1, "epoch"),
        skip_nan_params: bool = False,
    ) -> None:
        self.trigger = trigger
        self._links = list(links) if isinstance(links, (list, tuple)) else [links]
        if isinstance(statistics, str):
            if statistics != "default":
                raise ValueError(
                    f"ParameterStatistics: statistics is 'default' or a dictionary, not "
                    f"{statistics!r}"
                )
            statistics = self.default_statistics
        self._statistics = dict(statistics)
        self._attributes = ("data",) * report_params + ("grad",) * report_grads
        self._prefix = prefix
        self._skip_nan = skip_nan_params

    def register_statistics(self, name: str, function: Callable[[Any], Any]) -> None:
        """Add a statistic.

        Parameters
        ----------
        name : str
            Of its figures.
        function : callable
            Takes an array and returns a number, or a sequence of them.
        """
        self._statistics[name] = function

    def __call__(self, trainer: Any) -> None:
        """Report the figures of all parameters that have values, or gradients."""
        figures: dict[str, float] = {}
        for link in self._links:
            parts = [part for part in (self._prefix, link.name) if part]
            for path, param in link.namedparams():
                for attribute in self._attributes:
                    array = param.array if attribute == "data" else param.grad
                    if array is not None and array.size:
                        with param.device:
                            name = "/".join([*parts, path.lstrip("/"), attribute])
                            self._add(figures, name, array)
        report(figures)

    def _add(self, figures: dict[str, float], name: str, array: Any) -> None:
        xp = backend.get_array_module(array)
        if self._skip_nan and bool(xp.isnan(array).any()):
            return
        for key, function in self._statistics.items():
            value = function(array)
            if np.ndim(value):
                for i, one in enumerate(value):
                    figures[f"{name}/{key}/{i}"] = float(one)
            else:
                figures[f"{name}/{key}"] = float(value)
