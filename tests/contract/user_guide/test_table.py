"""CuPy's user guide, chapter by chapter: each capability is here, under its name, in a table.

The table is in docs/cupy_user_guide.md; each of its rows has a test, and no test lacks its row.
"""

import inspect
from pathlib import Path

import pytest

from . import device, interoperation, kernels
from .rows import ROWS

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "cupy_user_guide.md"


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.test.__name__)
def test_row(row, request):
    wanted = inspect.signature(row.test).parameters
    row.test(**{name: request.getfixturevalue(name) for name in wanted})


def written():
    lines = [f"| {r.chapter} | {r.capability} | `{r.names}` |" for r in ROWS]
    return sorted(lines)


def test_the_document_has_the_table():
    found = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("| ")]
    assert sorted(found[1:]) == written()


def test_every_row_is_counted_once():
    assert {module.__name__.rsplit(".", 1)[1] for module in (device, interoperation, kernels)} == {
        "device",
        "interoperation",
        "kernels",
    }
    assert len({row.capability for row in ROWS}) == len(ROWS) > 40
