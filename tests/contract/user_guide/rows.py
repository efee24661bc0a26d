"""The rows of the table: a chapter, a capability, the names that have it, and a test of it."""

from collections.abc import Callable
from typing import NamedTuple


class Row(NamedTuple):
    """One capability: where CuPy's user guide describes it, what it is called, and its test."""

    chapter: str
    capability: str
    names: str
    test: Callable[..., None]


ROWS: list[Row] = []


def row(chapter: str, capability: str, names: str) -> Callable[[Callable[..., None]], Callable]:
    """Make a function the test of a row."""

    def add(test: Callable[..., None]) -> Callable[..., None]:
        ROWS.append(Row(chapter, capability, names, test))
        return test

    return add
