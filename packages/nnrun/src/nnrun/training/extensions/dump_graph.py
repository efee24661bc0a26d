"""The graph of the first loss, written once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nnrun.computational_graph import build_computational_graph
from nnrun.config import config
from nnrun.core import Variable
from nnrun.training.extension import Extension

__all__ = ["DumpGraph", "dump_graph"]


class DumpGraph(Extension):
    """Writes the computational graph of a reported Variable, at the first iteration.

    Until then reported variables keep their graphs (``nnrun.config.keep_graph_on_report``),
    which takes the memory of one iteration.

    Parameters
    ----------
    root_name : str
        The reported Variable's name, such as ``main/loss``.
    filename : str, default 'cg.dot'
        The file, in the trainer's folder; its ending says whether it is text for Graphviz
        (``.dot``) or a picture (``.svg``, ``.png``).
    variable_style, function_style : dict of str to str, optional
        Graphviz attributes of the nodes.

    Raises
    ------
    KeyError
        At the first iteration, if nothing of that name is reported.
    TypeError
        Then, if it is no Variable.

    Examples
    --------
    >>> DumpGraph("main/loss", "graph.svg").trigger
    (1, 'iteration')
    """

    # The configuration is changed by the first of several that wait for their graphs, and
    # changed back by the last.
    _how_many_wait = 0
    _kept_before = False

    def __init__(
        self,
        root_name: str,
        filename: str = "cg.dot",
        variable_style: dict[str, str] | None = None,
        function_style: dict[str, str] | None = None,
    ) -> None:
        self._root_name = root_name
        self._filename = filename
        self._styles = variable_style, function_style
        self._waiting = False
        self._done = False

    @property
    def default_name(self) -> str:
        """The name it has in a trainer when nothing else is said."""
        return "dump_graph"

    def initialize(self, trainer: Any) -> None:
        """Let reported variables keep their graphs, if the graph is still to be written."""
        if not self._done:
            if not DumpGraph._how_many_wait:
                DumpGraph._kept_before = config.keep_graph_on_report
                config.keep_graph_on_report = True
            DumpGraph._how_many_wait += 1
            self._waiting = True

    def __call__(self, trainer: Any) -> None:
        """Write the graph, the first time."""
        if self._done:
            return
        observation = trainer.observation
        if self._root_name not in observation:
            raise KeyError(
                f"DumpGraph: {self._root_name!r} was not reported; reported: "
                f"{', '.join(observation) or 'nothing'}"
            )
        root = observation[self._root_name]
        if not isinstance(root, Variable):
            raise TypeError(
                f"DumpGraph: {self._root_name!r} must be a Variable, not {type(root).__name__}"
            )
        graph = build_computational_graph([root], True, *self._styles)
        graph.save(Path(trainer.out, self._filename))
        self._done = True
        self.finalize()

    def finalize(self) -> None:
        """Let reported variables be as they were before."""
        if self._waiting:
            self._waiting = False
            DumpGraph._how_many_wait -= 1
            if not DumpGraph._how_many_wait:
                config.keep_graph_on_report = DumpGraph._kept_before

    def serialize(self, serializer: Any) -> None:
        """Save or load whether the graph is written."""
        self._done = bool(serializer("_done", self._done))


def dump_graph(
    root_name: str,
    filename: str = "cg.dot",
    variable_style: dict[str, str] | None = None,
    function_style: dict[str, str] | None = None,
) -> DumpGraph:
    """Return a `DumpGraph` extension; the parameters are its own."""
    return DumpGraph(root_name, filename, variable_style, function_style)
