"""The log as a table on the screen."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, TextIO

from nnrun.training.extension import Extension
from nnrun.training.extensions.log_report import LogReport
from nnrun.training.extensions.terminal import write_line

__all__ = ["PrintReport"]


class PrintReport(Extension):
    """Prints a line of a table for each new entry of a `LogReport`.

    Parameters
    ----------
    entries : sequence of str
        The table's columns: names of figures, ``epoch``, ``iteration``,
        ``elapsed_time``.  A figure that an entry lacks leaves its place empty.
    log_report : str or LogReport, default 'LogReport'
        The log, or its name in the trainer.  A `LogReport` that is not in the trainer
        is called, and saved, by this extension.
    out : text file, optional
        Where to; standard output if not given.

    Raises
    ------
    TypeError
        If `log_report` is neither.
    """

    def __init__(
        self,
        entries: Sequence[str],
        log_report: str | LogReport = "LogReport",
        out: TextIO | None = None,
    ) -> None:
        if not isinstance(log_report, (str, LogReport)):
            raise TypeError(
                f"PrintReport: log_report is a name or a LogReport, not {type(log_report).__name__}"
            )
        self._entries = list(entries)
        self._log_report = log_report
        self._out = out
        self._printed = 0
        self._widths = [max(10, len(entry)) for entry in self._entries]
        self._header_printed = False

    def initialize(self, trainer: Any) -> None:
        """Check that the log is there, and print what a loaded log holds already."""
        self._print_new(self._find(trainer).log)

    def _find(self, trainer: Any) -> LogReport:
        if isinstance(self._log_report, str):
            return trainer.get_extension(self._log_report)
        return self._log_report

    def __call__(self, trainer: Any) -> None:
        """Print the new entries."""
        report = self._find(trainer)
        if isinstance(self._log_report, LogReport):
            report(trainer)
        self._print_new(report.log)

    def _print_new(self, log: list[dict[str, Any]]) -> None:
        # Not a default argument: standard output may have been replaced since.
        out = sys.stdout if self._out is None else self._out
        for entry in log[self._printed :]:
            if not self._header_printed:
                self._header_printed = True
                write_line(self._row(self._entries), out)
            write_line(self._row([_format(entry.get(name)) for name in self._entries]), out)
        self._printed = len(log)

    def _row(self, cells: Sequence[str]) -> str:
        padded = [cell.ljust(width) for cell, width in zip(cells, self._widths, strict=True)]
        return "  ".join(padded).rstrip()

    def serialize(self, serializer: Any) -> None:
        """Save or load the log, if it is this extension's own."""
        if isinstance(self._log_report, LogReport):
            self._log_report.serialize(serializer["_log_report"])


def _format(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:g}" if isinstance(value, float) else str(value)
