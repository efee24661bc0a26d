"""The documents run: their Python blocks work, their links lead somewhere, and the names that
they give of files and of what is in them exist."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "packages/*/README.md", "benchmarks/*.md")
    for path in ROOT.glob(pattern)
)
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?://|#)([^)#]+)")
# `core/ufunc.py`: `Ufunc.__call__`, as the documents that follow a call through the code write it.
PLACE = re.compile(r"`((?:ndgpu|nnrun)/[\w/]+\.py)`(?:,|:) `([\w.]+)`")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_python_blocks_run(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for number, block in enumerate(BLOCK.findall(path.read_text()), 1):
        code = compile(block, f"{name_of(path)} block {number}", "exec")
        exec(code, {"__name__": "document"})


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_links_lead_to_files(path):
    missing = [to for to in LINK.findall(path.read_text()) if not (path.parent / to).exists()]
    assert missing == []


def defined(tree: ast.AST, dotted: str) -> bool:
    """Whether the module defines ``name`` or ``Class.name``."""
    body = tree.body
    for part in dotted.split("."):
        for node in body:
            names = set()
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                names = {node.name}
            elif isinstance(node, ast.Assign):
                names = {t.id for t in node.targets if isinstance(t, ast.Name)}
            elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                names = {node.target.id}
            if part in names:
                body = getattr(node, "body", [])
                break
        else:
            return False
    return True


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_places_in_the_code_exist(path):
    missing = []
    for file, name in PLACE.findall(path.read_text()):
        source = ROOT / "packages" / file.split("/")[0] / "src" / file
        if not source.exists() or not defined(ast.parse(source.read_text()), name):
            missing.append(f"{file}: {name}")
    assert missing == []
