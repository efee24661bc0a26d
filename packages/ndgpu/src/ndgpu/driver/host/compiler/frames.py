"""Where a block's memory lies in the scratch buffer that the launch gives.

From its start: shared memory (static, then dynamic); then, for kernels with barriers, words for
the block (four for `bar.red`, or `WORD_FIELDS` where barriers count who comes) and a frame per
warp, in which a warp that waits keeps its registers; then local memory, for the warp that runs
or, with barriers, for all warps.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .builder import BITS
from .syntax import Variable

__all__ = ["ALIGN", "FRAME_FIELDS", "WORD_FIELDS", "Layout", "layout", "rounded", "slots"]

ALIGN = 64

WORD_FIELDS = {"alive": 256, "moved": 260, "end": 320}
"""Where barriers count who comes, offsets in a block's words: after the 16 barriers, the warps that
have not exited, and whether something changed that others may wait for."""

FRAME_FIELDS = {
    "arrived": 64,  # lanes at each barrier, while the rest of the warp has not come
    "waiting": 128,  # lanes that wait at it
    "votes": 192,
    "voters": 256,
    "counts": 320,  # threads wanted there
    "lines": 384,  # the line in the PTX
    "released": 448,  # lanes that may go on
    "dead": 452,  # lanes that have exited
    "end": 512,
}
"""Offsets in a warp's frame there, after its state; the first six have one for each barrier."""


def rounded(size: int, align: int = ALIGN) -> int:
    """The size, up to the next multiple of `align`."""
    return -(-size // align) * align


@dataclass(slots=True)
class Layout:
    """Sizes and offsets that do not depend on the launch.

    Attributes
    ----------
    shared_bytes : int
        Static shared memory; dynamic memory follows it.
    local_bytes : int
        Local memory of one thread.
    barriers : bool
        Whether warps need frames.
    counted : bool
        Whether barriers count who comes (`barriers`).
    """

    shared: dict[str, int] = field(default_factory=dict)
    shared_bytes: int = 0
    local: dict[str, int] = field(default_factory=dict)
    local_bytes: int = 0
    barriers: bool = False
    counted: bool = False

    @property
    def words(self) -> int:
        """Bytes between shared memory and the frames."""
        return WORD_FIELDS["end"] if self.counted else ALIGN if self.barriers else 0

    def scratch_bytes(self, threads: int, dynamic: int, width: int, frame: int) -> int:
        """Size of the scratch buffer for a launch."""
        warps = -(-threads // width)
        size = rounded(self.shared_bytes + dynamic)
        local = width * self.local_bytes
        if self.barriers:
            return size + self.words + warps * (frame + rounded(local))
        return size + rounded(local)


def layout(
    variables: Iterable[Variable], dynamic: Iterable[Variable], barriers: bool, counted: bool
) -> Layout:
    """Place static and dynamic shared variables, and local ones."""
    found = Layout(barriers=barriers, counted=counted)
    at = {"shared": 0, "local": 0}
    widest = 1
    for variable in variables:
        if variable.space not in at:
            continue
        place = rounded(at[variable.space], variable.align)
        getattr(found, variable.space)[variable.name] = place
        at[variable.space] = place + variable.size
        if variable.space == "local":
            widest = max(widest, variable.align)
    # All `extern __shared__` arrays begin at the same place.
    tail = at["shared"]
    for variable in dynamic:
        tail = rounded(tail, max(variable.align, 16))
    for variable in dynamic:
        found.shared[variable.name] = tail
    found.shared_bytes = tail
    found.local_bytes = rounded(at["local"], max(widest, 8)) if at["local"] else 0
    return found


def slots(
    types: Iterable[tuple[str, str, bool]], width: int, counted: bool
) -> tuple[dict[str, int], int]:
    """Offsets in a frame of (variable, element type, wide), and the frame's size."""
    offsets = {}
    at = FRAME_FIELDS["end"] if counted else ALIGN  # the first bytes hold the state
    for name, type, wide in sorted(types, key=lambda t: (not t[2], -BITS[t[1]], t[0])):
        size = max(BITS[type] // 8, 1)
        offsets[name] = at
        at += rounded(size * width) if wide else 8
    return offsets, rounded(at)
