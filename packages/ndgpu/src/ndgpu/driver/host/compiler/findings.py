"""What checked code is told, and what it tells: what native code and the driver share."""

from __future__ import annotations

import ctypes
import re

from .barriers import DEADLOCK, DISAGREE, ILLEGAL

__all__ = [
    "ATOMIC", "CHECKS", "KINDS", "READ", "SPACES", "SPACE_SHIFT", "STATES", "VOLATILE", "WRITE",
    "WRITTEN", "Checks", "Report", "source_of",
]  # fmt: skip

CHECKS = ("memory", "race", "init", "leak")
"""What can be checked; ``leak`` needs nothing of the code."""

WRITTEN = frozenset(("memory", "race", "init"))
"""Those of them for which code is written."""

STATES = {"none": 0, "allocated": 1, "written": 2}
"""What a byte of the shadow says."""

# Kind of a finding -> the CUresult with which the launch ends.
KINDS = {
    "global": 700,
    "shared": 700,
    "local": 700,
    "misaligned": 716,
    "uninitialised": 719,
    "write after write": 719,
    "read after write": 719,
    "write after read": 719,
    "two blocks": 719,
    "other barrier": 719,
    "missing threads": 719,
    "deadlock": DEADLOCK,
    "no barrier": ILLEGAL,
    "other count": DISAGREE,
}

# Flags of an access, beside its size (bits 0 to 7) and alignment (8 to 15).
READ, WRITE, ATOMIC, VOLATILE = 1 << 16, 1 << 17, 1 << 18, 1 << 19
SPACES = {"generic": 0, "global": 1, "const": 1, "shared": 2, "local": 3}
SPACE_SHIFT = 20


class Report(ctypes.Structure):
    """The first thing that was found wrong; `claimed` tells that there is one.

    `line` is a line of the PTX; `other` and `other_line` are the thread and line that a race is
    with.  `thread` counts within the block, x fastest, and `block` within the grid.  `shared` and
    `local` are where the block's and the thread's memory begins.
    """

    _fields_ = (
        ("claimed", ctypes.c_uint32),
        ("kind", ctypes.c_uint32),
        ("line", ctypes.c_uint32),
        ("other_line", ctypes.c_uint32),
        ("thread", ctypes.c_uint32),
        ("other", ctypes.c_uint32),
        ("address", ctypes.c_uint64),
        ("how", ctypes.c_uint64),
        ("block", ctypes.c_uint64),
        ("shared", ctypes.c_uint64),
        ("shared_bytes", ctypes.c_uint64),
        ("local", ctypes.c_uint64),
    )

    @property
    def name(self) -> str:
        """The key of `KINDS`."""
        return tuple(KINDS)[self.kind - 1]

    @property
    def size(self) -> int:
        """Bytes of the access."""
        return self.how & 0xFF

    @property
    def align(self) -> int:
        """The alignment that it needs."""
        return self.how >> 8 & 0xFF

    @property
    def access(self) -> str:
        """What it is: a read, a write or an atomic operation."""
        return "atomic" if self.how & ATOMIC else "write" if self.how & WRITE else "read"


class Checks(ctypes.Structure):
    """What checked code is told beside the launch; the launch's last field points to it."""

    _fields_ = (
        ("arena", ctypes.c_uint64),
        ("arena_bytes", ctypes.c_uint64),
        ("shadow", ctypes.c_uint64),
        ("blocks", ctypes.c_uint64),  # which block wrote what, eight bytes for four
        ("launch", ctypes.c_uint64),  # a number that each launch has for itself, of 32 bits
        ("area", ctypes.c_uint64),  # where the records begin in the scratch buffer
        ("area_bytes", ctypes.c_uint64),
        ("trace", ctypes.c_uint64),  # what traced code calls (`trace`)
        ("report", Report),
    )


_SOURCE = re.compile(r"^//@ *(\d+): (.*)$", re.M)


def source_of(text: str) -> dict[int, str]:
    """The CUDA source by line, where the PTX carries it in comments such as ``//@ 12: return;``."""
    return {int(match[1]): match[2] for match in _SOURCE.finditer(text)}
