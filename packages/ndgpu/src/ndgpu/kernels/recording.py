"""How launches are recorded instead of made.

A stream whose ``ptr`` raises `Intercepted` takes no work: `Elementwise.launch` and
`Reduction.launch` hand themselves and their arguments to the exception's recorder, and whatever
else would use the stream fails.  Guarantees: launches on other streams pay nothing for this.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from ndgpu.kernels.elementwise import Elementwise
    from ndgpu.kernels.reduction import Reduction

__all__ = ["Intercepted", "Recorder"]


class Recorder(Protocol):
    """Who takes note of launches."""

    def elementwise(self, kernel: Elementwise, args: Sequence[Any], shape: tuple[int, ...]) -> None:
        """Take note of what `Elementwise.launch` was given."""

    def reduction(
        self,
        kernel: Reduction,
        args: Sequence[Any],
        outs: Sequence[Any],
        shape: tuple[int, ...],
        axes: tuple[int, ...],
    ) -> None:
        """Take note of what `Reduction.launch` was given."""


class Intercepted(Exception):
    """Work was given to a stream that only records.

    Attributes
    ----------
    recorder : Recorder
    """

    def __init__(self, recorder: Recorder) -> None:
        super().__init__("work was given to a stream that only records")
        self.recorder = recorder
