"""Ranges and marks: what a library is told, and that none is needed."""

from __future__ import annotations

import ctypes

import pytest

from ndgpu.cuda import nvtx, profiler
from ndgpu.profiler import time_range


class Library:
    def __init__(self) -> None:
        self.seen: list[tuple[object, ...]] = []

    def _note(self, name: str, given: nvtx.Attributes) -> None:
        color = given.color if given.color_type == 1 else None
        self.seen.append((name, given.message, color, given.version, given.size))

    def nvtxRangePushEx(self, given: nvtx.Attributes) -> None:
        self._note("push", given)

    def nvtxMarkEx(self, given: nvtx.Attributes) -> None:
        self._note("mark", given)

    def nvtxRangePop(self) -> None:
        self.seen.append(("pop",))


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    found = Library()
    monkeypatch.setattr(nvtx, "_library", lambda: found)
    return found


def test_the_structure_is_nvtx_version_2():
    assert ctypes.sizeof(nvtx.Attributes) == 48
    assert nvtx.Attributes.payload.offset == 24
    assert nvtx.Attributes.message.offset == 40


def test_without_a_library_nothing_happens(monkeypatch):
    monkeypatch.setattr(nvtx, "_library", lambda: None)
    nvtx.RangePush("a", 3)
    nvtx.RangePushC("b", 0xFF00FF00)
    nvtx.Mark("c")
    nvtx.MarkC("d", 1)
    nvtx.RangePop()


def test_what_the_library_is_told(library):
    nvtx.RangePush("a")
    nvtx.RangePush("b", 0)
    nvtx.RangePushC("c", 0xFF00FF00)
    nvtx.Mark("d", 10)
    nvtx.MarkC("ü", -1)
    nvtx.RangePop()
    first = nvtx._COLORS[0]
    assert library.seen == [
        ("push", b"a", None, 2, 48),
        ("push", b"b", first, 2, 48),
        ("push", b"c", 0xFF00FF00, 2, 48),
        ("mark", b"d", first, 2, 48),
        ("mark", "ü".encode(), 0xFFFFFFFF, 2, 48),
        ("pop",),
    ]


def test_time_range(library):
    with time_range("block", argb_color=5, sync=True):
        pass

    @time_range(color_id=1)
    def step(x):
        return x + 1

    assert step(2) == 3
    assert step.__name__ == "step"
    with pytest.raises(ZeroDivisionError), time_range("fails"):
        1 / 0
    names = [row[:2] for row in library.seen]
    pop = ("pop",)
    assert names == [("push", b"block"), pop, ("push", b"step"), pop, ("push", b"fails"), pop]
    assert [row[2] for row in library.seen[::2]] == [5, nvtx._COLORS[1], None]
    with pytest.raises(ValueError, match="only one"):
        time_range("x", color_id=1, argb_color=2)
    with pytest.raises(ValueError, match="needs a message"), time_range():
        pass


def test_the_profiler():
    profiler.start()
    profiler.stop()
    with pytest.raises(ZeroDivisionError), profiler.profile():
        1 / 0
