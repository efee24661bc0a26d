"""When the work of streams runs, and who chooses what is next.

``NDGPU_HOST_STREAMS`` and ``NDGPU_HOST_STRESS`` set the policy that is `current` at
first; a process whose threads are at their end changes to ``eager``.
"""

from __future__ import annotations

import random

from ndgpu import config

__all__ = ["UNKNOWN", "Policy", "current", "use"]

UNKNOWN = 1 << 61
"""The cost of work that may take any time."""
# Nanoseconds of work below which to wake another thread takes longer.
_SHORT = 100_000


class Policy:
    """When work runs, and by which thread.

    Attributes
    ----------
    short : int
        Cost in nanoseconds up to which work with nothing ahead of it runs in the calling thread.
    eager : bool
        Whether a call that enqueues waits.
    threads : bool
        Whether the driver has threads of its own for work; without, a thread that waits runs it.
    random : random.Random or None
        Chooses which queue goes on and which block is next, if chance is to.
    """

    __slots__ = ("eager", "random", "short", "threads")

    def __init__(self, streams: str = "async", stress: int | None = None) -> None:
        if stress is not None:
            streams = "deferred"
        self.eager = streams == "eager"
        self.threads = streams == "async"
        self.short = {"eager": UNKNOWN + 1, "async": _SHORT, "deferred": -1}[streams]
        self.random = None if stress is None else random.Random(stress)


current = Policy(config.value("NDGPU_HOST_STREAMS"), config.value("NDGPU_HOST_STRESS"))


def use(policy: Policy) -> None:
    """Make `policy` the current one."""
    global current
    current = policy
