"""What a recorded function computes: values, and the steps that make them.

A value is the content of an array at one moment; a step is one kernel launch that was recorded.
Guarantees: plain data, in the order of recording; a step comes after the steps that it reads.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ndgpu.core.layout import Shape
from ndgpu.kernels.elementwise import Elementwise
from ndgpu.kernels.reduction import Reduction

__all__ = ["Step", "Value", "View"]


@dataclass(frozen=True, slots=True)
class View:
    """How an array lies in a piece of memory: bytes from its start, shape, strides, dtype."""

    offset: int
    shape: Shape
    strides: Shape
    dtype: np.dtype


@dataclass(eq=False, slots=True)
class Value:
    """The content of an array at one moment.

    Attributes
    ----------
    view : View
        Where the array lies in its memory.
    argument : int
        Which argument's memory that is; -1 for memory of its own.
    step, output : Step or None, int
        What makes it; None for what is there when the function is called.
    base : Value or None
        The value whose memory this one shows in another way.
    number : numpy scalar or None
        What all elements are, where that is known.
    before : Value or None
        What was in the array before, where the step may leave elements as they are.
    """

    view: View
    argument: int = -1
    step: Step | None = None
    output: int = 0
    base: Value | None = None
    number: Any = None
    before: Value | None = None


@dataclass(eq=False, slots=True)
class Step:
    """One launch.

    Attributes
    ----------
    kernel : Elementwise or Reduction
    inputs : list
        A `Value` or a number per operand that is read, in the kernel's order.
    outputs : list of Value
    shape : tuple of int
        Of the loop.
    axes : tuple of int
        Those that a reduction reduces.
    """

    kernel: Elementwise | Reduction
    inputs: list[Any]
    shape: Shape
    axes: tuple[int, ...] = ()
    outputs: list[Value] = field(default_factory=list)

    @property
    def reduces(self) -> bool:
        """Whether it is a reduction."""
        return isinstance(self.kernel, Reduction)
