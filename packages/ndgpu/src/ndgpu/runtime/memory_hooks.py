"""Hooks that print allocations, and that tell which source lines made them.

Examples
--------
>>> import ndgpu as xp
>>> from ndgpu.cuda import memory_hooks
>>> hook = memory_hooks.LineProfileHook()
>>> with hook:
...     array = xp.ones(1000)
>>> hook.print_report()    # doctest: +ELLIPSIS
_root (8.00KB, ...)
...
"""

from __future__ import annotations

import json
import os
import sys
from types import FrameType
from typing import Any, TextIO

from ndgpu.runtime.hooks import MemoryHook

__all__ = ["DebugPrintHook", "LineProfileHook"]

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class DebugPrintHook(MemoryHook):
    """Prints a line of JSON for each allocation and free.

    Parameters
    ----------
    file : file, optional
        Where to print; standard output by default.
    flush : bool
        Whether each line is flushed.

    Examples
    --------
    >>> from ndgpu import cuda
    >>> pool = cuda.MemoryPool()
    >>> with cuda.memory_hooks.DebugPrintHook():    # doctest: +ELLIPSIS
    ...     pointer = pool.malloc(100)
    ...     del pointer
    {"hook": "alloc", "device_id": 0, "mem_size": 2097152, "mem_ptr": ...}
    {"hook": "malloc", "device_id": 0, "size": 100, "mem_size": 512, "mem_ptr": ..., "pmem_id": ...}
    {"hook": "free", "device_id": 0, "mem_size": 512, "mem_ptr": ..., "pmem_id": ...}
    """

    name = "DebugPrintHook"

    def __init__(self, file: TextIO | None = None, flush: bool = True) -> None:
        self.file = file
        self.flush = flush

    def _print(self, hook: str, given: dict[str, Any]) -> None:
        line = json.dumps({"hook": hook, **given})
        print(line, file=sys.stdout if self.file is None else self.file, flush=self.flush)

    def alloc_postprocess(self, **kwargs: Any) -> None:
        """Print what the device gave."""
        self._print("alloc", kwargs)

    def malloc_postprocess(self, **kwargs: Any) -> None:
        """Print what the pool gave out."""
        self._print("malloc", kwargs)

    def free_postprocess(self, **kwargs: Any) -> None:
        """Print what went back to the pool."""
        self._print("free", kwargs)


class _Line:
    """A source line on the way to allocations, the bytes of those, and the lines it called."""

    __slots__ = ("acquired", "inner", "name", "used")

    def __init__(self, name: str) -> None:
        self.name = name
        self.used = 0
        self.acquired = 0
        self.inner: dict[str, _Line] = {}


class LineProfileHook(MemoryHook):
    """Adds up, for each source line, the bytes that it and what it called allocated.

    Parameters
    ----------
    max_depth : int
        How many lines to keep, from the outermost in; 0 for all.  Lines inside ndgpu are not
        shown.

    Examples
    --------
    >>> import io
    >>> import ndgpu as xp
    >>> from ndgpu.cuda import memory_hooks
    >>> def make():
    ...     return [xp.empty(10_000, xp.int8), xp.empty(10_000, xp.int8)]
    >>> hook = memory_hooks.LineProfileHook()
    >>> with hook:
    ...     kept = make()
    >>> report = io.StringIO()
    >>> hook.print_report(report)
    >>> report.getvalue().splitlines()[-1].split(":")[-1]    # doctest: +ELLIPSIS
    'make (20.00KB, ...)'
    """

    name = "LineProfileHook"

    def __init__(self, max_depth: int = 0) -> None:
        self._max_depth = max_depth
        self._root = _Line("_root")

    def malloc_preprocess(self, **kwargs: Any) -> None:
        """Add what is asked of the pool to the lines that ask."""
        for line in self._lines():
            line.used += kwargs["mem_size"]

    def alloc_preprocess(self, **kwargs: Any) -> None:
        """Add what is asked of the device to the lines that ask."""
        for line in self._lines():
            line.acquired += kwargs["mem_size"]

    def _lines(self) -> list[_Line]:
        """The lines that are at work, from the outermost in."""
        names = []
        frame: FrameType | None = sys._getframe(2)
        while frame is not None:
            code = frame.f_code
            if not code.co_filename.startswith(_PACKAGE):
                names.append(f"{code.co_filename}:{frame.f_lineno}:{code.co_name}")
            frame = frame.f_back
        names.reverse()
        if self._max_depth:
            del names[self._max_depth :]
        lines = [self._root]
        for name in names:
            inner = lines[-1].inner
            lines.append(inner.get(name) or inner.setdefault(name, _Line(name)))
        return lines

    def print_report(self, file: TextIO | None = None) -> None:
        """Print a line ``file:line:function (used, acquired)`` for each source line.

        The first figure is what was asked of the pool, the second what the pool had to ask of
        the device.  A line stands under the one that called it.

        Parameters
        ----------
        file : file, optional
            Where to print; standard output by default.
        """
        self._print(self._root, 0, sys.stdout if file is None else file)

    def _print(self, line: _Line, depth: int, file: TextIO) -> None:
        figures = f"({_readable(line.used)}, {_readable(line.acquired)})"
        print(f"{'  ' * depth}{line.name} {figures}", file=file)
        for inner in line.inner.values():
            self._print(inner, depth + 1, file)


def _readable(nbytes: float) -> str:
    for unit in ("B", "KB", "MB", "GB"):
        if nbytes < 1024 or unit == "GB":
            break
        nbytes /= 1024
    return f"{nbytes:.2f}{unit}"
