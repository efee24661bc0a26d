"""Gradients of a weight that is used again and again, computed together.

A recurrent network uses its weights at every step, with a batch of few rows.  Each step's part
of a weight's gradient is as large as the weight, and costs reading and writing all of it; computed
from the rows of many steps at once it is written once.  So a function may hand the walk, in place
of the gradient of a leaf, a `Deferred`: what the gradient is to be computed from.  The walk
collects those of one leaf and one kind, and computes them when there are enough rows or no more
come.

What is guaranteed: the gradient is the same sum (in another order of adding); no more than about
`ENOUGH` rows of a leaf are kept waiting; functions differentiated again, and everything when
debugging, go the plain way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from nnrun.config import config
from nnrun.core.variable import Variable

__all__ = ["ENOUGH", "Deferred", "may_defer"]

Array = Any

#: Rows from which on a matrix product is bound by computing rather than by memory.
ENOUGH = 256
# With so many rows of its own a gradient does not gain by waiting.
_MANY = 64


def may_defer(target: Any, rows: int) -> bool:
    """Whether the gradient of an input may wait for others.

    Parameters
    ----------
    target : VariableNode
        The input's node.
    rows : int
        From how many rows the gradient would be computed.
    """
    return rows < _MANY and target.creator is None and not (config.enable_backprop or config.debug)


class Deferred:
    """A part of a leaf's gradient that is not computed yet.

    Parameters
    ----------
    compute : callable
        ``compute(shape, *columns)`` returns the gradient; each column is the concatenation of
        one of the `parts` of all that are computed together.
    shape : tuple of int
        Of the gradient.
    parts : arrays
        What it is computed from; all have the same length.
    """

    __slots__ = ("_columns", "_compute", "rows", "shape")

    def __init__(
        self, compute: Callable[..., Array], shape: tuple[int, ...], *parts: Array
    ) -> None:
        self._compute = compute
        self._columns: Sequence[list[Array]] = [[part] for part in parts]
        self.shape = shape
        self.rows = len(parts[0])

    def take(self, other: Deferred) -> bool:
        """Take another one in, if it is of the same kind; return whether it is."""
        if other._compute is not self._compute or other._dtypes() != self._dtypes():
            return False
        for column, more in zip(self._columns, other._columns, strict=True):
            column += more
        self.rows += other.rows
        return True

    def _dtypes(self) -> list[np.dtype]:
        return [column[0].dtype for column in self._columns]

    def first(self) -> Array:
        """One of the arrays: it says on which device all are."""
        return self._columns[0][0]

    def array(self, xp: Any) -> Array:
        """Compute the gradient, with the arrays' module."""
        columns = [c[0] if len(c) == 1 else xp.concatenate(c) for c in self._columns]
        return self._compute(self.shape, *columns)

    def variable(self, xp: Any) -> Variable:
        """The gradient as a Variable."""
        return Variable(self.array(xp), requires_grad=False)
