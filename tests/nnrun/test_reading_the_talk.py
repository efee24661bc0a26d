"""Every statement of the talk is shown by a program that the tests run."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reading_the_talk.md").read_text()
ROWS = re.findall(r"^\| (\d+) \| (.+?) \| ([\w/.]+) \| `(.+)` \|$", PAGE, re.MULTILINE)
# Where programs are run: the examples' own tests, and that of the documents' blocks.
RUN_BY = {
    "packages/nnrun/examples/talk_": "tests/nnrun/test_talk_examples.py",
    "packages/nnrun/examples/": "tests/nnrun/examples/test_examples.py",
    "docs/": "tests/contract/test_documents.py",
    "packages/nnrun/README.md": "tests/contract/test_documents.py",
}


def test_there_are_twenty_slides():
    assert [int(row[0]) for row in ROWS] == list(range(1, 21))


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_a_statement_is_shown(row):
    _, statement, path, what = row
    text = (ROOT / path).read_text()
    assert what in text, statement
    if not path.endswith(".py"):
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        assert any(what in block for block in blocks), "only Python blocks are run"


@pytest.mark.parametrize("path", sorted({row[2] for row in ROWS}))
def test_a_program_is_run(path):
    test = next(RUN_BY[start] for start in RUN_BY if path.startswith(start))
    source = (ROOT / test).read_text()
    name = Path(path).stem
    assert path.endswith(".md") or f'"{name}"' in source
