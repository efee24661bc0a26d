"""Pictures of graphs whose nodes lie in layers: where everything goes, as SVG and as PNG.

Within a layer nodes are put near the mean place of their neighbours, layer by layer
and back a few times (the barycentre heuristic of Sugiyama, Tagawa and Toda, 1981).
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

__all__ = ["Box", "Drawing", "arrange", "png", "svg"]

_CHARACTER, _LINE, _MARGIN = 7.2, 26.0, 14.0  # pixels
_BETWEEN_LAYERS, _BETWEEN_NODES = 30.0, 18.0
_SWEEPS = 4


@dataclass
class Box:
    """A node: its middle, its size, and how it looks."""

    x: float
    y: float
    width: float
    height: float
    text: str
    round: bool
    fill: str


@dataclass
class Drawing:
    """Boxes, pairs of their numbers to be joined by arrows, and the size of it all."""

    boxes: list[Box]
    arrows: list[tuple[int, int]]
    width: float
    height: float


def _orders(layers: Sequence[int], edges: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The nodes of each layer from left to right."""
    used = sorted(set(layers))
    rows = [[i for i, layer in enumerate(layers) if layer == one] for one in used]
    neighbours: list[list[int]] = [[] for _ in layers]
    for a, b in edges:
        neighbours[a].append(b)
        neighbours[b].append(a)
    place = {i: float(k) for row in rows for k, i in enumerate(row)}
    for sweep in range(_SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            centre = {
                i: sum(place[j] for j in neighbours[i]) / len(neighbours[i])
                if neighbours[i]
                else place[i]
                for i in row
            }
            row.sort(key=lambda i: centre[i])
            for k, i in enumerate(row):
                place[i] = float(k) - (len(row) - 1) / 2
    return rows


def arrange(
    nodes: Sequence[Any], edges: Sequence[tuple[int, int]], layers: Sequence[int], rankdir: str
) -> Drawing:
    """Return where everything goes.

    Parameters
    ----------
    nodes : sequence of DotNode
    edges : sequence of pair of int
        Numbers of nodes, from and to.
    layers : sequence of int
        The layer of each node.
    rankdir : {'TB', 'BT', 'LR', 'RL'}
        Which way layers follow one another.
    """
    sideways = rankdir in ("LR", "RL")
    widths = [len(node.text) * _CHARACTER + 2 * _MARGIN for node in nodes]
    rows = _orders(layers, edges)
    # `along` goes from layer to layer, `across` within one.
    boxes: dict[int, Box] = {}
    along, widest = _MARGIN, 0.0
    for row in rows:
        depth = max(widths[i] for i in row) if sideways else _LINE
        across = 0.0
        for i in row:
            size = _LINE if sideways else widths[i]
            middle = (along + depth / 2, across + size / 2)
            x, y = middle if sideways else middle[::-1]
            fill = nodes[i].attribute.get("fillcolor", "white")
            boxes[i] = Box(x, y, widths[i], _LINE, nodes[i].text, nodes[i].is_variable, fill)
            across += size + _BETWEEN_NODES
        widest = max(widest, across - _BETWEEN_NODES)
        along += depth + _BETWEEN_LAYERS
    for row in rows:  # each layer in the middle
        edge = (boxes[row[-1]].y + _LINE / 2) if sideways else 0.0
        if not sideways:
            edge = boxes[row[-1]].x + boxes[row[-1]].width / 2
        for i in row:
            shift = (widest - edge) / 2 + _MARGIN
            if sideways:
                boxes[i].y += shift
            else:
                boxes[i].x += shift
    along, widest = along - _BETWEEN_LAYERS + _MARGIN, widest + 2 * _MARGIN
    width, height = (along, widest) if sideways else (widest, along)
    drawing = Drawing([boxes[i] for i in range(len(nodes))], list(edges), width, height)
    for box in drawing.boxes:
        if rankdir == "BT":
            box.y = height - box.y
        elif rankdir == "RL":
            box.x = width - box.x
    return drawing


def _ends(drawing: Drawing, a: int, b: int) -> tuple[float, float, float, float]:
    """Where an arrow leaves a box and where it meets the other."""
    one, other = drawing.boxes[a], drawing.boxes[b]
    if abs(one.y - other.y) >= _LINE:
        side = 1 if other.y > one.y else -1
        return one.x, one.y + side * _LINE / 2, other.x, other.y - side * _LINE / 2
    side = 1 if other.x > one.x else -1
    return one.x + side * one.width / 2, one.y, other.x - side * other.width / 2, other.y


def svg(drawing: Drawing) -> str:
    """Return the drawing as the text of an SVG file."""
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{drawing.width:.0f}" '
        f'height="{drawing.height:.0f}" font-family="monospace" font-size="12">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
        'markerHeight="7" orient="auto"><path d="M0,0L8,4L0,8z"/></marker></defs>',
    ]
    for a, b in drawing.arrows:
        x0, y0, x1, y1 = _ends(drawing, a, b)
        out.append(
            f'<path d="M{x0:.1f},{y0:.1f}L{x1:.1f},{y1:.1f}" fill="none" stroke="#444444" '
            'marker-end="url(#head)"/>'
        )
    for box in drawing.boxes:
        out.append(
            f'<rect x="{box.x - box.width / 2:.1f}" y="{box.y - box.height / 2:.1f}" '
            f'width="{box.width:.1f}" height="{box.height:.1f}" rx="{12 if box.round else 0}" '
            f'fill="{escape(box.fill)}" stroke="#444444"/>'
        )
        out.append(
            f'<text x="{box.x:.1f}" y="{box.y + 4:.1f}" text-anchor="middle">'
            f"{escape(box.text)}</text>"
        )
    return "\n".join([*out, "</svg>", ""])


def png(drawing: Drawing) -> bytes:
    """Return the drawing as the bytes of a PNG file, made by Matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch

    inch = 100.0
    figure = Figure(figsize=(drawing.width / inch, drawing.height / inch), dpi=inch)
    FigureCanvasAgg(figure)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_xlim(0, drawing.width)
    axes.set_ylim(drawing.height, 0)  # downwards, as in SVG
    axes.set_axis_off()
    for a, b in drawing.arrows:
        x0, y0, x1, y1 = _ends(drawing, a, b)
        axes.annotate("", (x1, y1), (x0, y0), arrowprops={"arrowstyle": "-|>", "color": "#444444"})
    for box in drawing.boxes:
        style = "round,pad=0,rounding_size=10" if box.round else "square,pad=0"
        corner = (box.x - box.width / 2, box.y - box.height / 2)
        axes.add_patch(
            FancyBboxPatch(
                corner,
                box.width,
                box.height,
                boxstyle=style,
                facecolor=box.fill,
                edgecolor="#444444",
            )
        )
        axes.text(box.x, box.y, box.text, ha="center", va="center", fontsize=8, family="monospace")
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()
