"""Tree-LSTMs of Tai, Socher and Manning (2015): `ChildSumTreeLSTM` and `NaryTreeLSTM`."""

from __future__ import annotations

from typing import Any

from nnrun.core import Chain, Variable
from nnrun.functions import expand_dims, sigmoid, split_axis, stack, tanh, tree_lstm
from nnrun.functions import sum as sum_
from nnrun.links._state import zeros_like_rows
from nnrun.links.linear import Linear

__all__ = ["ChildSumTreeLSTM", "NaryTreeLSTM"]


class ChildSumTreeLSTM(Chain):
    """Joins the memories of any number of children, whose order does not matter.

    Parameters
    ----------
    in_size, out_size : int
        Values per row of the input; units.

    Attributes
    ----------
    W_x, W_h_aio, W_h_f : Linear
        From the input to a, i, o, f; from the sum of the children's outputs to a, i, o;
        from each child's output to its forget gate.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> cell = L.ChildSumTreeLSTM(3, 2)
    >>> s = np.zeros((5, 2), np.float32)
    >>> c, h = cell(s, s, s, s, np.ones((5, 3), np.float32))  # cells, then outputs, then input
    >>> h.shape
    (5, 2)
    """

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        self.in_size = in_size
        self.state_size = out_size
        with self.init_scope():
            self.W_x = Linear(in_size, 4 * out_size)
            self.W_h_aio = Linear(out_size, 3 * out_size, nobias=True)
            self.W_h_f = Linear(out_size, out_size, nobias=True)

    def forward(self, *cshsx: Any) -> tuple[Variable, Variable]:
        """Join children.

        Parameters
        ----------
        *cshsx : Variable, array or None
            The cells of all children, then their outputs, each of shape (batch,
            out_size), and last the input, of shape (batch, in_size).  Children may be
            none at all; cells and outputs that are None count as zeros, as does an
            input that is None.

        Returns
        -------
        c, h : Variable, shape (batch, out_size)
        """
        *states, x = cshsx
        if len(states) % 2:
            raise ValueError(
                f"ChildSumTreeLSTM: as many cells as outputs are wanted, not {len(states)} in all"
            )
        half = len(states) // 2
        pairs = []
        for c, h in zip(states[:half], states[half:], strict=True):
            given = c if h is None else h
            if given is not None:
                zeros = zeros_like_rows(given, self.state_size)
                pairs.append((zeros if c is None else c, zeros if h is None else h))
        if x is None:
            if not pairs:
                raise ValueError("ChildSumTreeLSTM: neither a child nor an input is given")
            x = zeros_like_rows(pairs[0][0], self.in_size)
        a, i, o, f = split_axis(self.W_x(x), 4, 1)
        if not pairs:
            c = tanh(a) * sigmoid(i)
            return c, tanh(c) * sigmoid(o)
        hs = stack([h for _, h in pairs], 1)
        ha, hi, ho = split_axis(self.W_h_aio(sum_(hs, 1)), 3, 1)
        forget = sigmoid(self.W_h_f(hs, n_batch_axes=2) + expand_dims(f, 1))
        c = tanh(a + ha) * sigmoid(i + hi) + sum_(forget * stack([c for c, _ in pairs], 1), 1)
        return c, tanh(c) * sigmoid(o + ho)


class NaryTreeLSTM(Chain):
    """Joins the memories of a fixed number of children, each with its own weights.

    Parameters
    ----------
    in_size, out_size : int
        Values per row of the input; units.
    n_ary : int
        How many children.

    Attributes
    ----------
    W_x : Linear
        From the input to all gates.
    W_h1, W_h2 ... : Linear
        From each child's output to all gates.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> cell = L.NaryTreeLSTM(3, 2, 2)
    >>> s = np.zeros((5, 2), np.float32)
    >>> c, h = cell(s, s, s, s, np.ones((5, 3), np.float32))  # cells, then outputs, then input
    >>> h.shape
    (5, 2)
    """

    def __init__(self, in_size: int, out_size: int, n_ary: int = 2) -> None:
        super().__init__()
        if n_ary < 1:
            raise ValueError(f"NaryTreeLSTM: `n_ary` must be at least 1, not {n_ary}")
        self.in_size = in_size
        self.state_size = out_size
        self.n_ary = n_ary
        with self.init_scope():
            self.W_x = Linear(in_size, (3 + n_ary) * out_size)
            for k in range(1, n_ary + 1):
                setattr(self, f"W_h{k}", Linear(out_size, (3 + n_ary) * out_size, nobias=True))

    def forward(self, *cshsx: Any) -> tuple[Variable, Variable]:
        """Join children.

        Parameters
        ----------
        *cshsx : Variable, array or None
            The cells of all children, then their outputs, each of shape (batch,
            out_size), and last the input, of shape (batch, in_size); None counts as
            zeros.

        Returns
        -------
        c, h : Variable, shape (batch, out_size)
        """
        if len(cshsx) != 2 * self.n_ary + 1:
            raise ValueError(
                f"NaryTreeLSTM: {self.n_ary} cells, {self.n_ary} outputs and an input are wanted, "
                f"not {len(cshsx)} arrays"
            )
        *states, x = cshsx
        given = next((v for v in cshsx if v is not None), None)
        if given is None:
            raise ValueError("NaryTreeLSTM: neither a child nor an input is given")
        gates = self.W_x(zeros_like_rows(given, self.in_size) if x is None else x)
        for k, h in enumerate(states[self.n_ary :], 1):
            if h is not None:
                gates = gates + getattr(self, f"W_h{k}")(h)
        cells = [
            zeros_like_rows(given, self.state_size) if c is None else c
            for c in states[: self.n_ary]
        ]
        return tree_lstm(*cells, gates)
