"""`MemoryProfileHook`: how much device memory each function takes."""

from __future__ import annotations

from typing import Any, TextIO

from nnrun.core import FunctionHook
from nnrun.utils.timing import BYTES, in_unit, print_table

__all__ = ["CupyMemoryProfileHook", "MemoryProfileHook"]


class MemoryProfileHook(FunctionHook):
    """Measures what each forward and backward leaves in ndgpu's memory pool.

    What counts is the difference between after and before: what a function
    allocates and gives back within its run does not show.

    Attributes
    ----------
    call_history : list of (str, int, int, int)
        Name of the function, bytes in use more than before, bytes that the pool got
        from the device, and depth of nested functions.

    Examples
    --------
    >>> import ndgpu, nnrun, nnrun.functions as F
    >>> x = nnrun.Variable(ndgpu.zeros((256, 256), "f"))
    >>> hook = nnrun.function_hooks.MemoryProfileHook()
    >>> with hook:
    ...     y = F.exp(x)
    >>> hook.summary()["exp"]["used_bytes"]
    262144
    """

    name = "MemoryProfileHook"
    table = BYTES

    def __init__(self) -> None:
        self.call_history: list[tuple[str, int, int, int]] = []
        self._before: list[tuple[int, int]] = []

    @staticmethod
    def _pool() -> Any:
        import ndgpu

        return ndgpu.get_default_memory_pool()

    def _start(self) -> None:
        pool = self._pool()
        self._before.append((pool.used_bytes(), pool.total_bytes()))

    def _stop(self, function: Any) -> None:
        pool = self._pool()
        used, total = self._before.pop()
        self.call_history.append(
            (
                function.label,
                pool.used_bytes() - used,
                pool.total_bytes() - total,
                len(self._before),
            )
        )

    def forward_preprocess(self, function: Any, in_data: Any) -> None:
        """Note the state of the pool."""
        self._start()

    def forward_postprocess(self, function: Any, in_data: Any) -> None:
        """Note the difference."""
        self._stop(function)

    def backward_preprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Note the state of the pool."""
        self._start()

    def backward_postprocess(self, function: Any, in_data: Any, out_grad: Any) -> None:
        """Note the difference."""
        self._stop(function)

    def _own(self) -> list[tuple[str, int, int, int]]:
        return [row for row in self.call_history if row[3] == 0]

    def total_used_bytes(self) -> int:
        """Return the bytes in use after all functions more than before."""
        return sum(row[1] for row in self._own())

    def total_acquired_bytes(self) -> int:
        """Return the bytes that the pool got from the device."""
        return sum(row[2] for row in self._own())

    def summary(self) -> dict[str, dict[str, int]]:
        """Return ``{name: {'used_bytes': ..., 'acquired_bytes': ..., 'occurrence': ...}}``."""
        found: dict[str, dict[str, int]] = {}
        for name, used, acquired, _ in self.call_history:
            row = found.setdefault(name, {"used_bytes": 0, "acquired_bytes": 0, "occurrence": 0})
            row["used_bytes"] += used
            row["acquired_bytes"] += acquired
            row["occurrence"] += 1
        return found

    def print_report(self, unit: str = "auto", file: TextIO | None = None) -> None:
        """Print one row for each function.

        Parameters
        ----------
        unit : {'auto', 'TB', 'GB', 'MB', 'KB', 'B'}
            Of the sizes.
        file : text file, optional
            Standard output by default.
        """
        rows = [
            (
                name,
                in_unit(row["used_bytes"], self.table, unit),
                in_unit(row["acquired_bytes"], self.table, unit),
                str(row["occurrence"]),
            )
            for name, row in self.summary().items()
        ]
        print_table(("FunctionName", "UsedBytes", "AcquiredBytes", "Occurrence"), rows, file)


class CupyMemoryProfileHook(MemoryProfileHook):
    """`MemoryProfileHook` under the name that Chainer's users know."""

    name = "CupyMemoryProfileHook"
