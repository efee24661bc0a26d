"""`Linear`: a fully connected layer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from nnrun import initializers
from nnrun.core import Link, Parameter, Variable
from nnrun.functions import linear

__all__ = ["Linear"]


class Linear(Link):
    """A fully connected layer: ``x @ W.T + b``.

    Parameters
    ----------
    in_size : int or None
        Values per row of the input; None to take it from the first input.  With
        one size given alone, that is `out_size`.
    out_size : int
        Values per row of the result.
    nobias : bool
        Leave out `b`.
    initialW : initializer, array or number, optional
        Of the weights; `LeCunNormal` by default.
    initial_bias : initializer, array or number, optional
        Of the bias; 0 by default.

    Attributes
    ----------
    W : Parameter, shape (out_size, in_size)
        The weights.
    b : Parameter, shape (out_size,), or None
        The bias.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> layer = L.Linear(3, 2)
    >>> layer(np.zeros((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_size: int | None,
        out_size: int | None = None,
        nobias: bool = False,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__()
        if out_size is None:
            in_size, out_size = None, in_size
        if out_size is None:
            raise ValueError("Linear: `out_size` must be a number")
        self.in_size = in_size
        self.out_size = out_size
        self.b: Parameter | None = None
        with self.init_scope():
            self.W = Parameter(initializers.LeCunNormal() if initialW is None else initialW)
            if in_size is not None:
                self.W.initialize((out_size, in_size))
            if not nobias:
                self.b = Parameter(0 if initial_bias is None else initial_bias, (out_size,))

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("in_size", self.in_size),
            ("out_size", self.out_size),
            ("nobias", self.b is None),
        )

    def forward(self, x: Any, n_batch_axes: int = 1) -> Variable:
        """Apply the layer.

        Parameters
        ----------
        x : Variable or array, shape (batch, ...)
            Axes after the first `n_batch_axes` are taken together.
        n_batch_axes : int
            How many leading axes count rows.

        Returns
        -------
        Variable, shape (batch, out_size)
        """
        if self.W._array is None:
            self.in_size = math.prod(x.shape[n_batch_axes:])
            self.W.initialize((self.out_size, self.in_size))
        return linear(x, self.W, self.b, n_batch_axes)
