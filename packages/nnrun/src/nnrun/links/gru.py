"""Gated recurrent units and minimal gated units, with and without a state of their own."""

from __future__ import annotations

from typing import Any

from nnrun.core import Chain, Variable, as_variable
from nnrun.functions import concat, sigmoid, tanh
from nnrun.links._state import State, zeros_like_rows
from nnrun.links.linear import Linear

__all__ = ["GRU", "StatefulGRU", "StatefulMGU", "StatelessGRU", "StatelessMGU"]


class StatelessGRU(Chain):
    """One step of gated recurrent units (Cho et al., 2014); the caller keeps the state.

    ``r = sigmoid(W_r x + U_r h)``, ``z = sigmoid(W_z x + U_z h)``,
    ``new = tanh(W x + U (r * h))`` and ``h = (1 - z) * h + z * new``.

    Parameters
    ----------
    in_size : int or None
        Values per row of the input; None to take it from the first input.
    out_size : int
        Units.
    init, inner_init : initializer, array or number, optional
        Of the weights from the input and from the state; `LeCunNormal` by default.
    bias_init : initializer, array or number
        Of the biases.

    Attributes
    ----------
    W_r, U_r, W_z, U_z, W, U : Linear
        See the formulas.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.StatelessGRU(3, 2)(None, np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(
        self,
        in_size: int | None,
        out_size: int,
        init: Any = None,
        inner_init: Any = None,
        bias_init: Any = 0,
    ) -> None:
        super().__init__()
        self.state_size = out_size
        with self.init_scope():
            self.W_r = Linear(in_size, out_size, False, init, bias_init)
            self.U_r = Linear(out_size, out_size, False, inner_init, bias_init)
            self.W_z = Linear(in_size, out_size, False, init, bias_init)
            self.U_z = Linear(out_size, out_size, False, inner_init, bias_init)
            self.W = Linear(in_size, out_size, False, init, bias_init)
            self.U = Linear(out_size, out_size, False, inner_init, bias_init)

    def _step(self, h: Any, x: Any) -> Variable:
        if h is None:
            # The biases of U_r and U_z count from the first step on.
            h = zeros_like_rows(x, self.state_size)
        h = as_variable(h)
        r = sigmoid(self.W_r(x) + self.U_r(h))
        z = sigmoid(self.W_z(x) + self.U_z(h))
        new = tanh(self.W(x) + self.U(r * h))
        return h + z * (new - h)

    def forward(self, h: Any, x: Any) -> Variable:
        """Take one step.

        Parameters
        ----------
        h : Variable or array, shape (batch, out_size), or None
            The state before; None for zeros.
        x : Variable or array, shape (batch, in_size)
            The input.

        Returns
        -------
        Variable, shape (batch, out_size)
            The state.
        """
        return self._step(h, x)


class StatefulGRU(State, StatelessGRU):
    """Gated recurrent units that keep their state from call to call.

    Parameters
    ----------
    in_size, out_size, init, inner_init, bias_init
        As for `StatelessGRU`.

    Attributes
    ----------
    h : Variable or None
        The state.
    W_r, U_r, W_z, U_z, W, U : Linear
        See `StatelessGRU`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> rnn = L.StatefulGRU(3, 2)
    >>> rnn(np.ones((5, 3), np.float32)).shape
    (5, 2)
    >>> rnn.reset_state()
    """

    h: Variable | None

    def set_state(self, h: Any) -> None:
        """Take over a state of shape (batch, out_size)."""
        self._set(h)

    def forward(self, x: Any) -> Variable:  # type: ignore[override]
        """Take one step with `x`, of shape (batch, in_size), and return the state."""
        self.h = self._step(self.h, x)
        return self.h


class GRU(StatefulGRU):
    """Another name of `StatefulGRU`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.GRU(3, 2)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """


class StatelessMGU(Chain):
    """One step of minimal gated units (Zhou et al., 2016); the caller keeps the state.

    ``f = sigmoid(W_f [h, x])``, ``new = tanh(W_h [f * h, x])`` and
    ``h = (1 - f) * h + f * new``.

    Parameters
    ----------
    n_inputs : int
        Values per row of the input.
    n_units : int
        Units.

    Attributes
    ----------
    W_f, W_h : Linear
        See the formulas.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> h = np.zeros((5, 2), np.float32)
    >>> L.StatelessMGU(3, 2)(h, np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    def __init__(self, n_inputs: int, n_units: int) -> None:
        super().__init__()
        self.state_size = n_units
        with self.init_scope():
            self.W_f = Linear(n_inputs + n_units, n_units)
            self.W_h = Linear(n_inputs + n_units, n_units)

    def _step(self, h: Any, x: Any) -> Variable:
        h = as_variable(zeros_like_rows(x, self.state_size) if h is None else h)
        f = sigmoid(self.W_f(concat([h, x], 1)))
        new = tanh(self.W_h(concat([f * h, x], 1)))
        return h + f * (new - h)

    def forward(self, h: Any, x: Any) -> Variable:
        """Take one step from the state `h` (None for zeros) with `x`; return the state."""
        return self._step(h, x)


class StatefulMGU(State, StatelessMGU):
    """Minimal gated units that keep their state from call to call.

    Parameters
    ----------
    n_inputs, n_units : int
        As for `StatelessMGU`.

    Attributes
    ----------
    h : Variable or None
        The state.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.StatefulMGU(3, 2)(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    h: Variable | None

    def set_state(self, h: Any) -> None:
        """Take over a state of shape (batch, n_units)."""
        self._set(h)

    def forward(self, x: Any) -> Variable:  # type: ignore[override]
        """Take one step with `x`, of shape (batch, n_inputs), and return the state."""
        self.h = self._step(self.h, x)
        return self.h
