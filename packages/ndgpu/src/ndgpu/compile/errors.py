"""Errors of compilation: a log alone does not say much, so the source comes with it."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["CompileException", "NvrtcNotFoundError"]

_CONTEXT = 6


class NvrtcNotFoundError(ImportError):
    """NVRTC, CUDA's run-time compiler, is not installed."""


class CompileException(Exception):
    """NVRTC refused a source.

    Attributes
    ----------
    log : str
        The compiler's own messages.
    source : str
        What was compiled.
    options : tuple of str
    """

    def __init__(self, log: str, source: str, options: Sequence[str], name: str) -> None:
        self.log = log
        self.source = source
        self.options = tuple(options)
        self.name = name
        super().__init__(log, source, self.options, name)

    def __str__(self) -> str:
        return (
            f"NVRTC could not compile {self.name}:\n{self.log.rstrip()}\n"
            f"options: {' '.join(self.options)}\n{self._excerpt()}"
        )

    def _excerpt(self) -> str:
        """The numbered source around the first error, or its start where the log has no line."""
        match = re.search(re.escape(self.name) + r"\((\d+)\): (?:catastrophic )?error", self.log)
        lines = self.source.split("\n")
        wanted = int(match.group(1)) if match else 1
        first = max(wanted - _CONTEXT, 1)
        last = min(wanted + _CONTEXT, len(lines))
        return "\n".join(
            f"{'>' if match and number == wanted else ' '}{number:5d} | {lines[number - 1]}"
            for number in range(first, last + 1)
        )
