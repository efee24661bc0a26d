"""Pictures of what a result was computed from: `build_computational_graph`.

The graph can be written as text for Graphviz (``dot``), as a picture (``svg``), or,
with Matplotlib, as ``png``.  The pictures need no Graphviz: nodes lie in layers by
their rank.

Examples
--------
>>> import numpy as np, nnrun, nnrun.functions as F
>>> from nnrun.computational_graph import build_computational_graph
>>> x = nnrun.Variable(np.zeros((2, 3), np.float32), name="x")
>>> graph = build_computational_graph([F.sum(F.exp(x))])
>>> print(graph.dump())
digraph graphname {
  rankdir=TB;
  n0 [label="(), float32", shape="octagon", style="filled", fillcolor="#eeeeee"];
  n1 [label="Sum", shape="box", style="filled", fillcolor="#9ecae1"];
  n2 [label="(2, 3), float32", shape="octagon", style="filled", fillcolor="#eeeeee"];
  n3 [label="exp", shape="box", style="filled", fillcolor="#9ecae1"];
  n4 [label="x: (2, 3), float32", shape="octagon", style="filled", fillcolor="#eeeeee"];
  n1 -> n0;
  n2 -> n1;
  n3 -> n2;
  n4 -> n3;
}
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nnrun.core import FunctionNode, Variable, VariableNode

__all__ = ["ComputationalGraph", "DotNode", "build_computational_graph"]

_VARIABLE_STYLE = {"shape": "octagon", "style": "filled", "fillcolor": "#eeeeee"}
_FUNCTION_STYLE = {"shape": "box", "style": "filled", "fillcolor": "#9ecae1"}
_FORMATS = ("dot", "svg", "png")


class DotNode:
    """One node as Graphviz writes it.

    Parameters
    ----------
    node : VariableNode or FunctionNode
    attribute : dict of str to str, optional
        Graphviz attributes; those of its kind by default.
    show_name : bool
        Show a variable's name.
    id_ : str
        By which edges name it.

    Attributes
    ----------
    text : str
        What it shows.
    """

    def __init__(
        self,
        node: Any,
        attribute: dict[str, str] | None = None,
        show_name: bool = True,
        id_: str = "n0",
    ) -> None:
        self.is_variable = isinstance(node, VariableNode)
        if attribute is None:
            attribute = _VARIABLE_STYLE if self.is_variable else _FUNCTION_STYLE
        self.text = node.label
        if self.is_variable and not show_name:
            self.text = f"{node.shape}, {node.dtype}"
        self.id_ = id_
        self.attribute = {"label": self.text, **attribute}

    @property
    def label(self) -> str:
        """The line that declares it."""
        attributes = ", ".join(f"{key}={_quoted(value)}" for key, value in self.attribute.items())
        return f"{self.id_} [{attributes}];"


def _quoted(text: Any) -> str:
    return '"' + str(text).replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class ComputationalGraph:
    """Nodes and edges, to be written; made by `build_computational_graph`.

    Attributes
    ----------
    nodes : list of VariableNode and FunctionNode
    edges : list of pair of nodes
        From inputs to functions and from functions to outputs.
    """

    def __init__(
        self,
        nodes: Sequence[Any],
        edges: Sequence[tuple[Any, Any]],
        variable_style: dict[str, str] | None = None,
        function_style: dict[str, str] | None = None,
        rankdir: str = "TB",
        remove_variable: bool = False,
        show_name: bool = True,
    ) -> None:
        if rankdir not in ("TB", "BT", "LR", "RL"):
            raise ValueError(f"`rankdir` must be TB, BT, LR or RL, not {rankdir!r}")
        self.nodes = list(nodes)
        self.edges = list(edges)
        self.variable_style = variable_style
        self.function_style = function_style
        self.rankdir = rankdir
        self.show_name = show_name
        if remove_variable:
            self.nodes, self.edges = _without_variables(self.nodes, self.edges)

    def dot_nodes(self) -> list[DotNode]:
        """Return the nodes as they are written, in the order of `nodes`."""
        return [
            DotNode(
                node,
                self.variable_style if isinstance(node, VariableNode) else self.function_style,
                self.show_name,
                f"n{i}",
            )
            for i, node in enumerate(self.nodes)
        ]

    def places(self) -> list[tuple[int, int]]:
        """Return the edges as pairs of places in `nodes`."""
        place = {id(node): i for i, node in enumerate(self.nodes)}
        return [(place[id(a)], place[id(b)]) for a, b in self.edges]

    def dump(self, format: str = "dot") -> Any:
        """Return the graph written out.

        Parameters
        ----------
        format : {'dot', 'svg', 'png'}

        Returns
        -------
        str, or bytes for ``png``

        Raises
        ------
        ValueError
            For another format.
        ImportError
            For ``png`` without Matplotlib.
        """
        if format == "dot":
            lines = [f"  {node.label}" for node in self.dot_nodes()]
            lines += [f"  n{a} -> n{b};" for a, b in self.places()]
            return "\n".join(["digraph graphname {", f"  rankdir={self.rankdir};", *lines, "}"])
        if format not in _FORMATS:
            raise ValueError(f"dump: `format` must be one of {_FORMATS}, not {format!r}")
        from nnrun import graph_drawing  # pictures are rarely wanted

        drawing = graph_drawing.arrange(
            self.dot_nodes(), self.places(), self.layers(), self.rankdir
        )
        return graph_drawing.svg(drawing) if format == "svg" else graph_drawing.png(drawing)

    def layers(self) -> list[int]:
        """Return the layer of each node: below those that it was computed from.

        What was not computed, such as a parameter, is right above the first that uses it.
        """
        layers = [2 * node.rank + (not isinstance(node, VariableNode)) for node in self.nodes]
        places = self.places()
        computed = {b for _, b in places}
        first_use: dict[int, int] = {}
        for a, b in places:
            if a not in computed:
                first_use[a] = min(layers[b], first_use.get(a, layers[b]))
        for a, layer in first_use.items():
            layers[a] = layer - 1
        return layers

    def save(self, path: str | Path) -> None:
        """Write the graph to a file, in the format that its name ends with."""
        path = Path(path)
        written = self.dump(path.suffix.lstrip("."))
        path.write_bytes(written if isinstance(written, bytes) else written.encode())


def _without_variables(nodes: list[Any], edges: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """The functions alone, with an edge from one to another that uses its output."""
    maker = {id(b): a for a, b in edges if isinstance(b, VariableNode)}
    functions = [node for node in nodes if not isinstance(node, VariableNode)]
    straight = [
        (maker[id(a)], b) for a, b in edges if isinstance(a, VariableNode) and id(a) in maker
    ]
    return functions, straight


def build_computational_graph(
    outputs: Sequence[Variable | VariableNode | FunctionNode],
    remove_split: bool = True,
    variable_style: dict[str, str] | None = None,
    function_style: dict[str, str] | None = None,
    rankdir: str = "TB",
    remove_variable: bool = False,
    show_name: bool = True,
) -> ComputationalGraph:
    """Return the graph of all that some results were computed from.

    Parameters
    ----------
    outputs : sequence of Variable
        The results; nodes will do too.
    remove_split : bool
        Must be true, as there are no functions that only split.
    variable_style, function_style : dict of str to str, optional
        Graphviz attributes of the nodes of each kind.
    rankdir : {'TB', 'BT', 'LR', 'RL'}
        Which way it grows.
    remove_variable : bool
        Leave out variables.
    show_name : bool
        Show the names of variables that have one.

    Returns
    -------
    ComputationalGraph

    Raises
    ------
    ValueError
        If `remove_split` is false or `rankdir` unknown.
    TypeError
        If an output is something else.
    """
    if not remove_split:
        raise ValueError("build_computational_graph: `remove_split` must be true")
    nodes: list[Any] = []
    edges: list[tuple[Any, Any]] = []
    seen: set[int] = set()
    todo: list[Any] = []
    for y in outputs:
        node = y.node if isinstance(y, Variable) else y
        if not isinstance(node, (VariableNode, FunctionNode)):
            raise TypeError(
                f"build_computational_graph: an output must be a Variable, not {type(y).__name__}"
            )
        todo.append(node)
    # Breadth first: what is near the results comes first.
    for node in todo:
        if id(node) in seen:
            continue
        seen.add(id(node))
        nodes.append(node)
        if isinstance(node, VariableNode):
            before = [] if node.creator is None else [node.creator]
        else:
            before = list(node.inputs or ())
        for other in before:
            edges.append((other, node))
            todo.append(other)
    return ComputationalGraph(
        nodes, edges, variable_style, function_style, rankdir, remove_variable, show_name
    )
