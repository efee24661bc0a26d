"""Pictures of graphs: nodes, edges, and their three formats."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

import nnrun
import nnrun.functions as F
import nnrun.links as L
from nnrun.computational_graph import DotNode, build_computational_graph


def diamond():
    x = nnrun.Variable(np.zeros((2, 3), np.float32), name='a "name"')
    h = F.exp(x)
    return x, F.sum(h * F.sin(h))


def test_nodes_and_edges():
    x, y = diamond()
    graph = build_computational_graph([y])
    labels = [node.label for node in graph.nodes]
    assert labels[:3] == ["(), float32", "Sum", "(2, 3), float32"]
    assert labels.count("exp") == labels.count("sin") == 1
    assert len(graph.nodes) == 9 and len(graph.edges) == 9
    for a, b in graph.edges:
        assert graph.layers()[graph.nodes.index(a)] < graph.layers()[graph.nodes.index(b)]
    # Two results share what they were computed from.
    both = build_computational_graph([y, F.cos(x)])
    assert len(both.nodes) == 11
    assert build_computational_graph([y.node, y.creator]).nodes[0] is y.node


def test_dot():
    _, y = diamond()
    text = build_computational_graph(
        [y], variable_style={"shape": "oval"}, function_style={"color": "red"}, rankdir="LR"
    ).dump()
    assert text.splitlines()[1] == "  rankdir=LR;"
    assert r'[label="a \"name\": (2, 3), float32", shape="oval"];' in text
    assert '[label="exp", color="red"];' in text
    assert len(re.findall(r"n\d+ -> n\d+;", text)) == 9
    unnamed = build_computational_graph([y], show_name=False).dump()
    assert "name" not in unnamed.replace("graphname", "")


def test_functions_alone():
    _, y = diamond()
    graph = build_computational_graph([y], remove_variable=True)
    assert sorted(node.label for node in graph.nodes) == ["Multiply", "Sum", "exp", "sin"]
    named = {(a.label, b.label) for a, b in graph.edges}
    assert named == {("Multiply", "Sum"), ("exp", "Multiply"), ("sin", "Multiply"), ("exp", "sin")}


@pytest.mark.parametrize("rankdir", ["TB", "BT", "LR", "RL"])
def test_svg(rankdir):
    _, y = diamond()
    graph = build_computational_graph([y], rankdir=rankdir)
    root = ET.fromstring(graph.dump("svg"))
    name = "{http://www.w3.org/2000/svg}"
    boxes = root.findall(f"{name}rect")
    texts = [t.text for t in root.findall(f"{name}text")]
    assert texts == [node.label for node in graph.nodes]
    assert len(root.findall(f"{name}path")) == len(graph.edges)
    spans = []
    for box in boxes:
        x, y0, w, h = (float(box.get(key)) for key in ("x", "y", "width", "height"))
        assert x >= 0 and y0 >= 0
        assert x + w <= float(root.get("width")) and y0 + h <= float(root.get("height"))
        spans.append((x, x + w, y0, y0 + h))
    for i, (a0, a1, b0, b1) in enumerate(spans):  # no two overlap
        for c0, c1, d0, d1 in spans[:i]:
            assert a1 <= c0 or c1 <= a0 or b1 <= d0 or d1 <= b0


def test_png_and_files(tmp_path):
    model = L.Classifier(nnrun.Sequential(L.Linear(3, 2), F.relu, L.Linear(2, 2)))
    graph = build_computational_graph([model(np.zeros((4, 3), "f"), np.zeros(4, "i"))])
    for ending in ("dot", "svg", "png"):
        graph.save(tmp_path / f"graph.{ending}")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "graph.dot").read_text() == graph.dump()


def test_bad_input():
    _, y = diamond()
    with pytest.raises(TypeError, match="an output must be a Variable, not ndarray"):
        build_computational_graph([y.array])
    with pytest.raises(ValueError, match="`remove_split` must be true"):
        build_computational_graph([y], remove_split=False)
    with pytest.raises(ValueError, match="`rankdir` must be"):
        build_computational_graph([y], rankdir="up")
    with pytest.raises(ValueError, match="`format` must be one of"):
        build_computational_graph([y]).dump("gif")
    assert DotNode(y.node).label.startswith('n0 [label="(), float32"')
