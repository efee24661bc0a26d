"""Where running code reports figures, and how those are summarised.

A link calls `report` without knowing who listens.  Whoever wants the figures
makes a `Reporter` current (the trainer and the evaluator do), names the objects
whose figures it wants, and gives a dictionary to be filled, the observation.
`Summary` and `DictSummary` hold running means of such figures.

What is guaranteed:

- with no current reporter `report` does nothing, so that models need no trainer;
- the stack of current reporters is per thread;
- a reported `Variable` is stored as a copy without its computational graph, so
  that an observation never keeps a graph alive (unless
  ``nnrun.config.keep_graph_on_report`` is true);
- a summary adds device arrays on their device and waits for it only when asked
  for the figures.

Examples
--------
>>> from nnrun.reporter import Reporter, report
>>> reporter, model, observation = Reporter(), object(), {}
>>> reporter.add_observer("main", model)
>>> with reporter.scope(observation):
...     report({"loss": 0.5}, model)
...     report({"lr": 0.1})
>>> observation
{'main/loss': 0.5, 'lr': 0.1}
"""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from nnrun.config import config
from nnrun.core.variable import Variable

__all__ = [
    "DictSummary",
    "Reporter",
    "Summary",
    "get_current_reporter",
    "report",
    "report_scope",
]

_thread = threading.local()


def _stack() -> list[Reporter]:
    try:
        return _thread.reporters
    except AttributeError:
        _thread.reporters = []
        return _thread.reporters


class Reporter:
    """A named set of observed objects and the observation being filled.

    Used as a context manager it becomes the current reporter of this thread.

    Attributes
    ----------
    observation : dict of str to object
        The figures reported so far, by full name.

    Examples
    --------
    >>> reporter = Reporter()
    >>> with reporter:
    ...     report({"x": 1})
    >>> reporter.observation
    {'x': 1}
    """

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        # The objects themselves are held as well: an id is only unique while its object lives.
        self._observed: dict[int, object] = {}
        self.observation: dict[str, Any] = {}

    def __enter__(self) -> Reporter:
        _stack().append(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        _stack().pop()

    @contextlib.contextmanager
    def scope(self, observation: dict[str, Any]) -> Iterator[None]:
        """Make this the current reporter, filling `observation` meanwhile.

        Parameters
        ----------
        observation : dict
            Filled with what is reported inside the ``with`` block.
        """
        previous, self.observation = self.observation, observation
        try:
            with self:
                yield
        finally:
            self.observation = previous

    def add_observer(self, name: str, observer: object) -> None:
        """Name an object, so that its figures are stored as ``name/key``.

        Parameters
        ----------
        name : str
            The prefix.
        observer : object
            Told apart by identity; a link, usually.
        """
        self._names[id(observer)] = name
        self._observed[id(observer)] = observer

    def add_observers(self, prefix: str, observers: Iterable[tuple[str, object]]) -> None:
        """Name several objects: each ``(name, object)`` becomes ``prefix + name``.

        Parameters
        ----------
        prefix : str
            Put before each name.
        observers : iterable of (str, object)
            Such as ``link.namedlinks(skipself=True)``.
        """
        for name, observer in observers:
            self.add_observer(prefix + name, observer)

    def report(self, values: dict[str, Any], observer: object | None = None) -> None:
        """Store figures in the observation.

        Parameters
        ----------
        values : dict of str to object
            Figures by name: numbers, 0-dimensional arrays or variables.
        observer : object, optional
            Who reports; its name becomes the prefix.

        Raises
        ------
        KeyError
            If `observer` was never named to this reporter.
        """
        prefix = ""
        if observer is not None:
            name = self._names.get(id(observer))
            if name is None:
                raise KeyError(
                    f"report: {type(observer).__name__} object at {id(observer):#x} is not "
                    f"observed by this reporter, which knows {sorted(self._names.values())}"
                )
            prefix = name + "/"
        for key, value in values.items():
            self.observation[prefix + key] = _without_graph(value)


def _without_graph(value: Any) -> Any:
    if isinstance(value, Variable) and not config.keep_graph_on_report:
        return Variable(value.array, requires_grad=False)
    return value


def get_current_reporter() -> Reporter:
    """Return this thread's current reporter.

    Raises
    ------
    RuntimeError
        If there is none.

    Examples
    --------
    >>> with Reporter() as reporter:
    ...     get_current_reporter() is reporter
    True
    """
    stack = _stack()
    if not stack:
        raise RuntimeError("no reporter is current in this thread: use `with reporter:`")
    return stack[-1]


def report(values: dict[str, Any], observer: object | None = None) -> None:
    """Report figures to the current reporter; without one, do nothing.

    Parameters
    ----------
    values : dict of str to object
        Figures by name: numbers, 0-dimensional arrays or variables.
    observer : object, optional
        Who reports; the name that the reporter knows it by becomes the prefix.

    Raises
    ------
    KeyError
        If the current reporter was never told of `observer`.

    Examples
    --------
    >>> observation = {}
    >>> with Reporter().scope(observation):
    ...     report({"accuracy": 0.9})
    >>> observation
    {'accuracy': 0.9}
    """
    stack = _stack()
    if stack:
        stack[-1].report(values, observer)


@contextlib.contextmanager
def report_scope(observation: dict[str, Any]) -> Iterator[None]:
    """Let the current reporter fill `observation` within the ``with`` block.

    Parameters
    ----------
    observation : dict
        Filled with what is reported inside.

    Raises
    ------
    RuntimeError
        If no reporter is current.

    Examples
    --------
    >>> inner = {}
    >>> with Reporter() as reporter:
    ...     with report_scope(inner):
    ...         report({"x": 1})
    >>> inner, reporter.observation
    ({'x': 1}, {})
    """
    with get_current_reporter().scope(observation):
        yield


def _number(value: Any) -> Any:
    """The array inside a variable, else the value itself."""
    return value.array if isinstance(value, Variable) else value


def _is_scalar(value: Any) -> bool:
    if isinstance(value, (bool, int, float, np.number, np.bool_)):
        return True
    return getattr(value, "shape", None) == () and getattr(value, "dtype", None) is not None


class Summary:
    """Running weighted mean and standard deviation of one figure.

    Sums are float64, and stay on the device for figures that are device arrays, so
    that adding one does not wait for it.

    Examples
    --------
    >>> summary = Summary()
    >>> for value in 1.0, 2.0, 6.0:
    ...     summary.add(value)
    >>> summary.compute_mean()
    3.0
    """

    def __init__(self) -> None:
        self._x: Any = 0.0
        self._x2: Any = 0.0
        self._n: Any = 0.0

    def add(self, value: Any, weight: float = 1) -> None:
        """Take one more figure.

        Parameters
        ----------
        value : number, 0-dimensional array or Variable
            The figure.
        weight : float, default 1
            How much it counts.
        """
        value = _number(value)
        if isinstance(value, (np.ndarray, np.generic, int, float)):
            value = float(value)
        else:
            value = value.astype(np.float64)
        # On a device each operation is a launch, and nearly all weights are 1.
        weighted = value if weight == 1 else weight * value
        self._x = self._x + weighted
        self._x2 = self._x2 + weighted * value
        self._n += float(weight)

    def compute_mean(self) -> Any:
        """Return the weighted mean: a float, or a device array of a device's figures.

        Raises
        ------
        ValueError
            If nothing was added.
        """
        self._require_values()
        return self._x / self._n

    def make_statistics(self) -> tuple[Any, Any]:
        """Return the weighted mean and (population) standard deviation.

        Raises
        ------
        ValueError
            If nothing was added.
        """
        self._require_values()
        mean = self._x / self._n
        # Rounding may leave a tiny negative variance when all values are equal.
        variance = max(float(self._x2 / self._n - mean * mean), 0.0)
        return mean, variance**0.5

    def _require_values(self) -> None:
        if self._n == 0:
            raise ValueError("Summary: nothing was added, so there is no mean")

    def serialize(self, serializer: Any) -> None:
        """Save or load the sums."""
        self._x = serializer("_x", _host_float(self._x))
        self._x2 = serializer("_x2", _host_float(self._x2))
        self._n = serializer("_n", self._n)


def _host_float(value: Any) -> float:
    return value if isinstance(value, float) else float(value)


class DictSummary:
    """A `Summary` for each name of a dictionary of figures.

    Examples
    --------
    >>> summary = DictSummary()
    >>> summary.add({"loss": 1.0, "note": "not a number"})
    >>> summary.add({"loss": 3.0})
    >>> summary.compute_mean()
    {'loss': 2.0}
    """

    def __init__(self) -> None:
        self._summaries: dict[str, Summary] = {}

    def add(self, values: dict[str, Any]) -> None:
        """Take one more figure for each name; what is not a scalar is passed over.

        Parameters
        ----------
        values : dict of str to object
            Each a number, a 0-dimensional array, a variable, or a tuple of such and
            its weight.
        """
        for name, value in values.items():
            weight = 1.0
            if isinstance(value, tuple) and len(value) == 2:
                value, weight = value[0], float(_number(value[1]))
            value = _number(value)
            if not _is_scalar(value):
                continue
            summary = self._summaries.get(name)
            if summary is None:
                summary = self._summaries[name] = Summary()
            summary.add(value, weight)

    def compute_mean(self) -> dict[str, Any]:
        """Return the mean of each name."""
        return {name: summary.compute_mean() for name, summary in self._summaries.items()}

    def make_statistics(self) -> dict[str, Any]:
        """Return ``name`` (the mean) and ``name.std`` for each name."""
        statistics: dict[str, Any] = {}
        for name, summary in self._summaries.items():
            statistics[name], statistics[name + ".std"] = summary.make_statistics()
        return statistics

    def serialize(self, serializer: Any) -> None:
        """Save or load the summaries; their names are kept as a JSON text."""
        names = json.loads(str(serializer("_names", json.dumps(list(self._summaries)))))
        self._summaries = {name: self._summaries.get(name, Summary()) for name in names}
        for index, summary in enumerate(self._summaries.values()):
            summary.serialize(serializer["_summaries"][str(index)])
