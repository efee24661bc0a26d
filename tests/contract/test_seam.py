"""Nothing above the driver asks which kind of device it has.

A difference between a GPU and the host device is an answer of the driver: an attribute, an
occupancy figure, "not supported".  What may be asked for is a label, for people to read.
"""

import ast
from pathlib import Path

import ndgpu

ROOT = Path(ndgpu.__file__).parent
# Where the kind of device is shown to a person, or chosen by one.
LABELS = {"cuda/__init__.py", "config.py", "about.py"}


def sources_above_the_driver() -> list[Path]:
    return [
        path
        for path in sorted(ROOT.rglob("*.py"))
        if "driver" not in path.relative_to(ROOT).parts
        and str(path.relative_to(ROOT)) not in LABELS
    ]


def asks_for_the_kind(tree: ast.AST) -> list[int]:
    """Lines that call ``kind()`` or compare something with the name of a kind of device."""
    lines = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            if ast.unparse(node.func) == "driver.kind":
                lines.append(node.lineno)
        elif isinstance(node, ast.Compare):
            for side in (node.left, *node.comparators):
                if isinstance(side, ast.Constant) and side.value in ("host", "cuda"):
                    lines.append(node.lineno)
    return lines


def test_no_branch_on_the_kind_of_device():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources_above_the_driver()
        for line in asks_for_the_kind(ast.parse(path.read_text()))
    ]
    assert found == []


def test_the_check_sees_a_branch():
    tree = ast.parse("if driver.kind() == 'host':\n    pass\n")
    assert asks_for_the_kind(tree) == [1, 1]
