"""`EmbedID`: a table of vectors, one per identity number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from nnrun import initializers
from nnrun.core import Link, Parameter, Variable
from nnrun.functions import embed_id

__all__ = ["EmbedID"]


class EmbedID(Link):
    """A table of vectors, looked up by number.

    Parameters
    ----------
    in_size : int
        How many vectors.
    out_size : int
        Their length.
    initialW : initializer, array or number, optional
        Of the vectors; ``Normal(1.0)`` by default.
    ignore_label : int, optional
        A number that gives zeros.

    Attributes
    ----------
    W : Parameter, shape (in_size, out_size)
        The vectors.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.EmbedID(10, 4)(np.array([[1, 2, 3]])).shape
    (1, 3, 4)
    """

    def __init__(
        self,
        in_size: int,
        out_size: int,
        initialW: Any = None,
        ignore_label: int | None = None,
    ) -> None:
        super().__init__()
        self.in_size = in_size
        self.out_size = out_size
        self.ignore_label = ignore_label
        with self.init_scope():
            self.W = Parameter(
                initializers.Normal(1.0) if initialW is None else initialW, (in_size, out_size)
            )

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("in_size", self.in_size),
            ("out_size", self.out_size),
            ("ignore_label", self.ignore_label),
        )

    def forward(self, x: Any) -> Variable:
        """Look up the vectors of the numbers `x`."""
        return embed_id(x, self.W, self.ignore_label)
