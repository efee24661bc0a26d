"""What checked code is told before a launch, and what it tells when it has found something wrong.

Guarantees: a report names the kernel, what is wrong, the line of the CUDA source, the thread and
block, and of an address the allocation or variable that it lies in or next to.
"""

from __future__ import annotations

import ctypes
import itertools
import re
from typing import TYPE_CHECKING

from ndgpu.driver.host import checks, tracing

if TYPE_CHECKING:
    from ndgpu.driver.host.compiler import Kernel
    from ndgpu.driver.host.compiler.findings import Checks, Report

__all__ = ["explain", "instruct", "number"]

_launches = itertools.count(1)


def number(told: Checks) -> None:
    """Give a launch a number of its own."""
    told.launch = next(_launches) & 0xFFFFFFFF


def instruct(kernel: Kernel, block: tuple[int, int, int], shared: int) -> Checks:
    """Make what checked code is told: where the arena is, where its records go."""
    from ndgpu.driver.host.compiler.findings import Checks

    told = Checks()
    if checks.guarded():
        place = checks.arena()
        told.arena, told.arena_bytes = place.base, place.size
        told.shadow, told.blocks = place.shadow, place.blocks
    told.area, told.area_bytes = kernel.records(block, shared)
    if kernel.trace is not None:
        told.keep = tracing.teller(kernel)
        told.trace = ctypes.cast(told.keep, ctypes.c_void_p).value
    return told


def explain(
    kernel: Kernel, grid: tuple[int, int, int], block: tuple[int, int, int], report: Report
) -> str:
    """Say what a report reports, over several lines; the report can then be used again."""
    kind = report.name
    words = {
        "global": f"{_access(report)} out of bounds in global memory",
        "shared": f"{_access(report)} out of bounds in shared memory",
        "local": f"{_access(report)} out of bounds in local memory",
        "misaligned": f"misaligned {_access(report)}",
        "uninitialised": f"{_access(report)} of memory that was never written",
        "other barrier": "threads of one block wait at different barriers",
        "missing threads": "a barrier that not all threads of the block reach",
        "two blocks": "race in global memory: two blocks write different values to one place",
        "deadlock": "threads wait at a barrier that no other thread will reach",
        "no barrier": "a barrier's number or count of threads that it cannot have",
        "other count": "threads that come to one barrier with different counts",
    }
    lines = [words.get(kind) or f"race in shared memory: {kind} without a barrier between them"]
    if kind == "global":
        record = checks.around(report.address, freed=True)
        if record is not None and record.freed:
            lines = [f"{_access(report)} of global memory after it was freed"]
    lines[0] = f"{kernel.name}: {lines[0]}"
    lines.append(tracing.where(kernel, report.line))
    thread, here = _index(report.thread, block), f"block {_index(report.block, grid)}"
    if kind == "missing threads":
        threads = block[0] * block[1] * block[2]
        lines.append(
            f"reached by {report.other} of {threads} threads of {here}, not by thread {thread}"
        )
    elif kind == "deadlock":
        wanted = report.how or "all"
        lines.append(
            f"where thread {thread} waits at barrier {report.address} of {here}, to which "
            f"{report.other} of {wanted} threads have come"
        )
    else:
        lines.append(f"by thread {thread} of {here}")
        lines += _other(kind, report, kernel, grid, block)
        if report.address or kind == "global":
            lines += _about(kernel, report)
    report.claimed = 0
    checks.silence()
    return "\n  ".join(lines)


def _other(
    kind: str,
    report: Report,
    kernel: Kernel,
    grid: tuple[int, int, int],
    block: tuple[int, int, int],
) -> list[str]:
    """Who else is to blame."""
    if kind == "two blocks":
        return [f"written before by block {_index(report.other, grid)}"]
    thread, place = _index(report.other, block), tracing.where(kernel, report.other_line)
    if kind == "other barrier":
        return [f"while thread {thread} waits {place}"]
    if kind in ("write after write", "read after write", "write after read"):
        verb = "read" if kind == "write after read" else "written"
        return [f"{verb} by thread {thread} {place}"]
    return []


def _access(report: Report) -> str:
    word = {"atomic": "atomic operation", "write": "write", "read": "read"}[report.access]
    size = report.align if report.name == "misaligned" else report.size
    return f"{size}-byte {word}"


def _index(number: int, extent: tuple[int, int, int]) -> tuple[int, int, int]:
    return number % extent[0], number // extent[0] % extent[1], number // extent[0] // extent[1]


def _about(kernel: Kernel, report: Report) -> list[str]:
    """What is at or near the address."""
    address = report.address
    offset = address - report.shared
    if 0 <= offset < report.shared_bytes or report.name == "shared":
        return _about_variable(
            f"address {offset:#x} of {report.shared_bytes} bytes of shared memory",
            kernel.layout.shared, kernel.sizes, offset,
        )  # fmt: skip
    offset = address - report.local
    if 0 <= offset < kernel.local_bytes or report.name == "local":
        return [f"byte {offset} of the thread's {kernel.local_bytes} bytes of local memory"]
    if address < 4096:
        return [f"address {address:#x}: a null pointer"]
    record = checks.around(address, freed=True) or checks.nearest(address)
    if record is None:
        return [f"address {address:#x} is in no allocation"]
    what = f"an allocation of {record.size} bytes"
    if record.address <= address < record.end:
        place = f"is at byte {address - record.address} of"
    elif address >= record.end:
        beyond = address - record.end
        place = f"is {beyond} bytes past the end of" if beyond else "is right past the end of"
    else:
        place = f"is {record.address - address} bytes before"
    lines = [f"address {address:#x} {place} {what}", *checks.told("made", record.made)]
    return lines + checks.told("freed", record.freed) if record.freed else lines


def _about_variable(
    what: str, offsets: dict[str, int], sizes: dict[str, int], offset: int
) -> list[str]:
    before = [name for name, at in offsets.items() if at <= offset]
    if not before:
        return [what]
    name = max(before, key=lambda n: offsets[n])
    size = sizes.get(name, 0)
    inside = offset - offsets[name]
    extent = f" of {size} bytes" if size else ""
    return [what, f"byte {inside} of `{_plain(name)}`{extent}"]


def _plain(name: str) -> str:
    """The variable's name in the source, out of a mangled one such as ``_ZZ6kernelE4tile``."""
    for match in re.finditer(r"(\d+)(?=([A-Za-z_]\w*)$)", name):
        if int(match[1]) == len(match[2]):
            return match[2]
    return name
