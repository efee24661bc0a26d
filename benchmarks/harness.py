"""Measure the same work in several libraries, interleaved in one process.

Machines drift: a figure alone says little, a ratio within one run says much.  So every case is
given as one callable per library, the libraries take turns, and what is reported is the median
of each with its spread, and the ratio to the first library.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field

__all__ = ["Case", "Measurement", "measure"]


@dataclass(frozen=True)
class Case:
    """One piece of work, as each library does it.

    `runs` maps a library's name to a callable that does the work once; `wait` maps it to one
    that returns when the work is done on its device (absent where calls are synchronous).  The
    first library is the reference of the ratios.  With `latency` the callable returns as soon
    as the work is submitted, and only the time to submit is measured.

    Work that is done elsewhere has `timers` instead of `runs`: by library, a function from a
    number of runs to the seconds that they took there.
    """

    group: str
    name: str
    runs: dict[str, Callable[[], object]]
    wait: dict[str, Callable[[], object]] = field(default_factory=dict)
    latency: bool = False
    timers: dict[str, Callable[[int], float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Measurement:
    """Seconds a call: median, and the fastest and slowest round."""

    library: str
    median: float
    best: float
    worst: float


def _nothing() -> None:
    return None


def _timer(
    run: Callable[[], object], wait: Callable[[], object], latency: bool
) -> Callable[[int], float]:
    """A function from a number of runs to the seconds that they take."""

    def time_runs(count: int) -> float:
        wait()
        start = time.perf_counter()
        for _ in range(count):
            run()
        if latency:
            elapsed = time.perf_counter() - start
            wait()
        else:
            wait()
            elapsed = time.perf_counter() - start
        return elapsed

    return time_runs


def measure(case: Case, rounds: int = 9, seconds: float = 0.05) -> list[Measurement]:
    """Time the case's libraries in turn.

    Parameters
    ----------
    case : Case
        The work.
    rounds : int
        Rounds per library; the median of them is reported.
    seconds : float
        About how long one round of one library lasts.
    """
    timers = case.timers or {
        library: _timer(run, case.wait.get(library, _nothing), case.latency)
        for library, run in case.runs.items()
    }
    counts = {}
    for library, timer in timers.items():
        timer(1)  # compile, fill caches, touch memory
        once = timer(2) / 2
        counts[library] = max(1, min(100_000, int(seconds / max(once, 1e-9))))
    times: dict[str, list[float]] = {library: [] for library in timers}
    for _ in range(rounds):
        for library, timer in timers.items():
            times[library].append(timer(counts[library]) / counts[library])
    return [
        Measurement(library, statistics.median(t), min(t), max(t)) for library, t in times.items()
    ]
