"""Tables of measurements of calls, which the timers and memory profiles of hooks share.

`in_unit` writes a quantity in a unit, or in the largest one in which it is at
least one; `print_table` lines up columns.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any, TextIO

from nnrun.backend import get_array_module

__all__ = ["Stopwatch", "Timings", "in_unit", "print_table"]

# The largest first: in seconds, in bytes.
SECONDS = {"sec": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
BYTES = {"TB": 1024.0**4, "GB": 1024.0**3, "MB": 1024.0**2, "KB": 1024.0, "B": 1.0}


def in_unit(value: float, units: dict[str, float], unit: str) -> str:
    """Write a quantity.

    Parameters
    ----------
    value : float
        In the unit of size 1.
    units : dict of str to float
        Sizes of the units, the largest first.
    unit : str
        One of them; ``auto`` takes the largest that is not larger than `value`.

    Raises
    ------
    ValueError
        If there is no such unit.

    Examples
    --------
    >>> in_unit(0.0125, SECONDS, "auto")
    '12.50ms'
    """
    if unit == "auto":
        unit = next((u for u, size in units.items() if abs(value) >= size), list(units)[-1])
    elif unit not in units:
        raise ValueError(f"`unit` must be 'auto' or one of {list(units)}, not {unit!r}")
    return f"{value / units[unit]:.2f}{unit}"


def print_table(
    head: tuple[str, ...], rows: Sequence[tuple[str, ...]], file: TextIO | None
) -> None:
    """Print rows under a head, each column as wide as its longest entry."""
    out = sys.stdout if file is None else file
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head))]
    for row in (head, *rows):
        cells = "  ".join(f"{cell:>{w}}" for cell, w in zip(row, widths, strict=True))
        out.write(cells.rstrip() + "\n")


class Stopwatch:
    """Seconds between `start` and `stop`, waiting for the device of given arrays.

    Starts may be nested: each stop belongs to the latest start.
    """

    def __init__(self) -> None:
        self._starts: list[float] = []

    @staticmethod
    def _wait(arrays: Any) -> None:
        for x in arrays:
            if x is not None:
                xp = get_array_module(x)
                if hasattr(xp, "cuda"):  # work is submitted, not done, when a call returns
                    xp.cuda.get_current_stream().synchronize()
                return

    def start(self, arrays: Any) -> None:
        """Start, once the device has nothing left to do."""
        self._wait(arrays)
        self._starts.append(time.perf_counter())

    def stop(self, arrays: Any) -> float:
        """Return the seconds since the latest start, up to when the device is done."""
        self._wait(arrays)
        return time.perf_counter() - self._starts.pop()


class Timings:
    """Names with the seconds they took, one pair for each call.

    Attributes
    ----------
    call_history : list of (str, float)
        Names and seconds, in the order of the calls' ends.
    table : dict of str to float
        The units that `print_report` knows, in seconds.
    """

    table = SECONDS
    _head = "FunctionName"

    def __init__(self) -> None:
        self.call_history: list[tuple[str, float]] = []
        self._watch = Stopwatch()

    def total_time(self) -> float:
        """Return the seconds of all calls together."""
        return sum(seconds for _, seconds in self.call_history)

    def summary(self) -> dict[str, dict[str, float]]:
        """Return ``{name: {'elapsed_time': seconds, 'occurrence': calls}}``."""
        found: dict[str, dict[str, float]] = {}
        for name, seconds in self.call_history:
            row = found.setdefault(name, {"elapsed_time": 0.0, "occurrence": 0})
            row["elapsed_time"] += seconds
            row["occurrence"] += 1
        return found

    def print_report(self, unit: str = "auto", file: TextIO | None = None) -> None:
        """Print one row for each name: seconds and number of calls.

        Parameters
        ----------
        unit : {'auto', 'sec', 'ms', 'us', 'ns'}
            Of the times.
        file : text file, optional
            Standard output by default.
        """
        rows = [
            (name, in_unit(row["elapsed_time"], self.table, unit), str(row["occurrence"]))
            for name, row in self.summary().items()
        ]
        print_table((self._head, "ElapsedTime", "Occurrence"), rows, file)
