"""What ``NDGPU_HOST_CHECK`` asks for: where memory was made, and what of it may be used.

With ``memory``, ``init`` or ``leak`` all allocations lie in one *arena*, each with room around it
that belongs to none.  Beside the arena lies its shadow, a byte for each of its bytes, which tells
checked code (`compiler.check`) whether that byte may be accessed and whether it was written.  A
freed range is not used again before the arena is full, so that a use after free is seen; who made
it and who freed it is remembered.

Nothing of this runs, and no kernel is written differently, where nothing is to be checked.
"""

from __future__ import annotations

import bisect
import ctypes
import linecache
import mmap
import os
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ndgpu import config
from ndgpu.driver.host.libc import libc

if TYPE_CHECKING:
    from ndgpu.driver.host.compiler.trace import Trace

__all__ = [
    "ARENA", "active", "arena", "around", "fill", "freed_before", "functions", "guarded", "move",
    "nearest", "obtain", "release", "silence", "told", "trace", "traced", "use",
]  # fmt: skip

ARENA = -1
"""In place of the mapping that holds an allocation: it lies in the arena."""

_ALIGN = 256
_PAGE = mmap.PAGESIZE
_SIZES = (1 << 42, 1 << 40, 1 << 38, 1 << 36)  # of address space, which costs nothing until used
_REMEMBERED = 4096  # allocations that were freed
_NONE, _ALLOCATED, _WRITTEN = range(3)
_MAP_NORESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000)
_MADV_DONTNEED = getattr(mmap, "MADV_DONTNEED", 4)

active: frozenset[str] = config.value("NDGPU_HOST_CHECK")
"""What is checked; see `use`."""

traced: tuple[str, tuple[int, int, int], tuple[int, int, int]] | None = config.value(
    "NDGPU_HOST_TRACE"
)
"""Kernel, block and thread that are traced."""

Frame = tuple[str, int, str, str]
"""File, line, function, and the line's text."""


@dataclass(slots=True)
class Record:
    """An allocation: where, how large, of which kind, made by whom and freed by whom."""

    address: int
    size: int
    kind: str
    made: tuple[Frame, ...]
    freed: tuple[Frame, ...] = ()

    @property
    def end(self) -> int:
        return self.address + self.size


# What is allocated, by address.
_records: dict[int, Record] = {}


class Arena:
    """Address space for all allocations, and its shadow."""

    def __init__(self) -> None:
        parts = 4  # memory, its shadow, and twice the room for which block wrote what
        for size in _SIZES:
            flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _MAP_NORESERVE
            base = libc.mmap(None, parts * size, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
            if base and base != (1 << 64) - 1:
                break
        else:
            raise MemoryError("NDGPU_HOST_CHECK: no address space for checked memory")
        self.base, self.size = base, size
        self.shadow, self.blocks = base + size, base + 2 * size
        self.records = _records
        self.freed: deque[Record] = deque(maxlen=_REMEMBERED)
        self._starts: list[int] = []
        self._lock = threading.RLock()
        self._next = base + _PAGE

    def allocate(self, size: int, kind: str, state: int) -> int:
        """Return the address of `size` bytes; 0 if no such range is free."""
        with self._lock:
            return self._allocate(size, kind, state)

    def _allocate(self, size: int, kind: str, state: int) -> int:
        gap = min(max(1024, size // 4), 1 << 20)
        address = self._place(size + gap)
        if not address:
            return 0
        self._next = -(-(address + size + gap) // _ALIGN) * _ALIGN
        libc.memset(address, 0xFF, size)
        self.mark(address, size, state)
        self.records[address] = Record(address, size, kind, _callers())
        bisect.insort(self._starts, address)
        return address

    def _place(self, size: int) -> int:
        address = self._next
        if address + size <= self.base + self.size and not self._overlaps(address, size):
            return address
        # Once round: from the start of the arena, between what lives there.
        address = self.base + _PAGE
        for start in self._starts:
            if start - address >= size:
                break
            end = self.records[start].end + 1024
            address = max(address, -(-end // _ALIGN) * _ALIGN)
        return address if address + size <= self.base + self.size else 0

    def _overlaps(self, address: int, size: int) -> bool:
        place = bisect.bisect_left(self._starts, address)
        return place < len(self._starts) and self._starts[place] < address + size

    def release(self, address: int) -> None:
        """Make a range inaccessible and give its pages back."""
        with self._lock:
            self._release(address)

    def _release(self, address: int) -> None:
        record = self.records.pop(address)
        del self._starts[bisect.bisect_left(self._starts, address)]
        record.freed = _callers()
        self.freed.append(record)
        self.mark(address, record.size, _NONE)
        for start in (address, address - self.base + self.shadow):
            first = -(-start // _PAGE) * _PAGE
            last = (start + record.size) // _PAGE * _PAGE
            if last > first:
                libc.madvise(first, last - first, _MADV_DONTNEED)

    def mark(self, address: int, size: int, state: int) -> None:
        """Set the shadow of a range."""
        libc.memset(address - self.base + self.shadow, state, size)

    def holds(self, address: int) -> bool:
        """Whether an address lies in the arena."""
        return 0 <= address - self.base < self.size


_arena: Arena | None = None


def arena() -> Arena:
    """The one arena of the process."""
    global _arena
    if _arena is None:
        _arena = Arena()
    return _arena


def use(checks: frozenset[str]) -> frozenset[str]:
    """Check something else from now on; return what was checked before.

    It holds for allocations and modules made from then on: memory made without checks is no
    memory to kernels with them.
    """
    global active
    before, active = active, checks
    return before


def trace() -> Trace | None:
    """What modules are to be loaded with, for the thread that is traced."""
    if traced is None:
        return None
    from ndgpu.driver.host.compiler.trace import Trace

    return Trace(*traced)


def obtain(size: int, kind: str) -> tuple[int, int, int]:
    """Return address, `ARENA` and length of fresh memory; the address is 0 if there is none."""
    # The processor writes to memory that it shares, and to variables when a module is loaded.
    unwritten = "init" in active and kind == "device"
    state = _ALLOCATED if unwritten else _WRITTEN
    return arena().allocate(size, kind, state), ARENA, size


@ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p)
def _malloc(size: int, address: int) -> int:
    from ndgpu.driver.host.compiler.heap import Heap

    heap = Heap.from_address(address)
    with _allocating:
        heap.begun = 1
        if heap.used + size > heap.limit:
            return 0
        heap.used += size
    state = _ALLOCATED if "init" in active else _WRITTEN
    return arena().allocate(max(size, 1), "kernel", state)


@ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
def _free(address: int | None, heap: int) -> None:
    from ndgpu.driver.host.compiler.heap import Heap

    record = _records.get(address or 0)
    if record is not None:
        with _allocating:
            Heap.from_address(heap).used -= record.size
        arena().release(record.address)


_allocating = threading.Lock()


def functions() -> dict[str, bytes]:
    """Addresses of what kernels are to call for ``malloc`` and ``free``, by the holder's name."""
    if not guarded():
        return {}
    given = {"@malloc": _malloc, "@free": _free}
    return {
        name: (ctypes.cast(f, ctypes.c_void_p).value or 0).to_bytes(8, "little")
        for name, f in given.items()
    }


def release(address: int) -> None:
    """Free what `obtain` gave."""
    arena().release(address)


def guarded() -> bool:
    """Whether memory is to be allocated from the arena."""
    return not active.isdisjoint(("memory", "init", "leak"))


# -- copies and fills ------------------------------------------------------------------------------


def move(to: int, source: int | bytes, size: int) -> None:
    """Copy memory, and with it what is known of its bytes."""
    libc.memmove(to, source, size)
    place = _arena
    if place is None or not place.holds(to):
        return
    if isinstance(source, int) and place.holds(source):
        shift = place.shadow - place.base
        libc.memmove(to + shift, source + shift, size)
    else:
        place.mark(to, size, _WRITTEN)


def fill(address: int, size: int) -> None:
    """Note that a range was filled."""
    if _arena is not None and _arena.holds(address):
        _arena.mark(address, size, _WRITTEN)


# -- who calls -------------------------------------------------------------------------------------

_PACKAGE = str(Path(__file__).resolve().parents[2]) + os.sep


def _callers(most: int = 3) -> tuple[Frame, ...]:
    """The innermost frames of the user's code."""
    found: list[Frame] = []
    frame = sys._getframe(1)
    while frame is not None and len(found) < most:
        code = frame.f_code
        if not code.co_filename.startswith((_PACKAGE, "<frozen")):
            text = linecache.getline(code.co_filename, frame.f_lineno).strip()
            found.append((code.co_filename, frame.f_lineno, code.co_name, text))
        frame = frame.f_back  # type: ignore[assignment]
    return tuple(found)


def told(verb: str, frames: tuple[Frame, ...]) -> list[str]:
    """Say where something was done, over several lines."""
    lines = []
    for file, line, name, text in frames:
        lines.append(f"{verb} at {file}:{line} in {name}" + f": {text}" * bool(text))
        verb = "  called"
    return lines or [f"{verb} where no Python code was running"]


# -- what is where ---------------------------------------------------------------------------------


def around(address: int, freed: bool) -> Record | None:
    """The allocation that holds an address; of freed ones the latest."""
    if _arena is None:
        return None
    for record in _arena.records.values():
        if record.address <= address < record.end:
            return record
    for record in reversed(_arena.freed):
        if freed and record.address <= address < record.end:
            return record
    return None


def nearest(address: int) -> Record | None:
    """The allocation next to an address between allocations."""
    if _arena is None or not _arena.holds(address) or not _arena.records:
        return None
    return min(
        _arena.records.values(),
        key=lambda r: r.address - address if address < r.address else address - r.end,
    )


def freed_before(pointer: int) -> str:
    """Say who freed what began at a pointer; empty if that is not known."""
    if _arena is not None:
        for record in reversed(_arena.freed):
            if record.address == pointer:
                lines = [*told("made", record.made), *told("freed", record.freed)]
                return "\n  " + "\n  ".join(lines)
    return ""


# -- leaks -----------------------------------------------------------------------------------------


def _leaks(records: dict[int, Record], tell: Callable[..., list[str]]) -> str:
    """Say what is allocated now, the largest first; empty if nothing is."""
    found: dict[tuple[int, tuple[Frame, ...]], int] = {}
    for record in records.values():
        if record.kind != "variable":
            key = (record.size, record.made)
            found[key] = found.get(key, 0) + 1
    if not found:
        return ""
    total = sum(size * count for (size, _), count in found.items())
    lines = [f"ndgpu: memory that was never freed: {total} bytes in all"]
    for (size, made), count in sorted(found.items(), key=lambda item: -item[0][0] * item[1]):
        lines.append(f"  {count} x {size} bytes")
        lines += [f"    {line}" for line in tell("made", made)]
    return "\n".join(lines) + "\n"


_LAST = "_ndgpu_leaks"


def silence() -> None:
    """Report no leaks at exit: in a context that has failed nothing can be freed."""
    if last := getattr(sys, _LAST, None):
        last.silent = True


class _Last:
    """Reports leaks when it goes: kept in `sys`, it outlives the modules and their arrays.

    By then the modules are empty, so it uses nothing of theirs.
    """

    def __init__(self, report: Callable[..., str], *given: Any) -> None:
        self._report, self._given, self._write = report, given, os.write
        self.silent = False

    def __del__(self) -> None:
        text = "" if self.silent else self._report(*self._given)
        if text:
            self._write(2, text.encode())


if "leak" in active:
    setattr(sys, _LAST, _Last(_leaks, _records, told))
