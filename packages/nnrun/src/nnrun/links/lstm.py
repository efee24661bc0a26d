"""Links of long short-term memory: `StatelessLSTM`, `LSTM`, and two variants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from nnrun import initializers
from nnrun.core import Chain, Variable
from nnrun.functions import concat, lstm, sigmoid, split_axis, tanh, zoneout
from nnrun.links._state import State, zeros_like_rows
from nnrun.links.linear import Linear

__all__ = ["LSTM", "StatefulPeepholeLSTM", "StatefulZoneoutLSTM", "StatelessLSTM"]


class _GateBias(initializers.Initializer):
    """Biases of the gates a, i, f, o of each unit side by side, that of f apart."""

    def __init__(self, bias: Any, forget_bias: Any) -> None:
        super().__init__()
        self._bias = bias
        self._forget_bias = forget_bias

    def __call__(self, array: np.ndarray) -> None:
        units = array.reshape(-1, 4)
        for k in range(4):
            bias = self._forget_bias if k == 2 else self._bias
            units[:, k] = initializers.generate_array(bias, len(units), dtype=array.dtype)


class StatelessLSTM(Chain):
    """One step of long short-term memory; the caller keeps the state.

    Parameters
    ----------
    in_size : int or None
        Values per row of the input; None to take it from the first input.
    out_size : int
        Units.
    lateral_init, upward_init : initializer, array or number, optional
        Of the weights from the state and from the input; `LeCunNormal` by default.
    bias_init, forget_bias_init : initializer, array or number
        Of the biases; that of the forget gate apart.

    Attributes
    ----------
    upward, lateral : Linear
        From the input, with biases; from the last output, without.  Rows
        ``4 * j`` to ``4 * j + 3`` are a, i, f, o of unit j, as for `lstm`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> cell = L.StatelessLSTM(3, 2)
    >>> c, h = cell(None, None, np.ones((5, 3), np.float32))
    >>> h.shape
    (5, 2)
    """

    def __init__(
        self,
        in_size: int | None,
        out_size: int | None = None,
        lateral_init: Any = None,
        upward_init: Any = None,
        bias_init: Any = 0,
        forget_bias_init: Any = 1,
    ) -> None:
        super().__init__()
        if out_size is None:
            in_size, out_size = None, in_size
        if out_size is None:
            raise ValueError(f"{type(self).__name__}: `out_size` must be a number")
        self.state_size = out_size
        bias = _GateBias(bias_init, forget_bias_init)
        with self.init_scope():
            self.upward = Linear(in_size, 4 * out_size, False, upward_init, bias)
            self.lateral = Linear(out_size, 4 * out_size, True, lateral_init)

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (("in_size", self.upward.in_size), ("out_size", self.state_size))

    def _step(self, c: Any, h: Any, x: Any) -> tuple[Variable, Variable]:
        gates = self.upward(x)
        if h is not None:
            gates = gates + self.lateral(h)
        if c is None:
            c = zeros_like_rows(gates, self.state_size)
        new_c, new_h = lstm(c, gates)
        return new_c, new_h

    def forward(self, c: Any, h: Any, x: Any) -> tuple[Variable, Variable]:
        """Take one step.

        Parameters
        ----------
        c, h : Variable or array, shape (batch, out_size), or None
            The cells and outputs before; None for zeros.
        x : Variable or array, shape (batch, in_size)
            The input.

        Returns
        -------
        c, h : Variable, shape (batch, out_size)
        """
        return self._step(c, h, x)


class LSTM(State, StatelessLSTM):
    """Long short-term memory that keeps its state from call to call.

    The batch may shrink from call to call, where sequences are sorted by falling
    length: the state of those that ended stays.

    Parameters
    ----------
    in_size, out_size, lateral_init, upward_init, bias_init, forget_bias_init
        As for `StatelessLSTM`.

    Attributes
    ----------
    c, h : Variable or None
        The state.
    upward, lateral : Linear
        See `StatelessLSTM`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> rnn = L.LSTM(3, 2)
    >>> for t in range(4):
    ...     y = rnn(np.ones((5, 3), np.float32))
    >>> y.shape
    (5, 2)
    >>> rnn.reset_state()
    """

    state_names = ("c", "h")

    c: Variable | None
    h: Variable | None

    def set_state(self, c: Any, h: Any) -> None:
        """Take over cells and outputs, of shape (batch, out_size)."""
        self._set(c, h)

    def forward(self, x: Any) -> Variable:  # type: ignore[override]
        """Take one step with `x`, of shape (batch, in_size), and return the outputs."""
        batch = x.shape[0]
        h, rest = self.h, None
        if h is not None and h.shape[0] > batch:
            h, rest = split_axis(h, [batch], 0)
        elif h is not None and h.shape[0] < batch:
            raise ValueError(
                f"LSTM: the batch must not grow between calls; reset_state() first "
                f"(x.shape={x.shape}, h.shape={h.shape})"
            )
        self.c, y = self._step(self.c, h, x)
        self.h = y if rest is None else concat([y, rest], 0)
        return y


class StatefulPeepholeLSTM(State, Chain):
    """Long short-term memory whose gates look at the cells too (Gers and Schmidhuber, 2000).

    ``i, f`` see the cells before, ``o`` the new ones.

    Parameters
    ----------
    in_size : int
        Values per row of the input.
    out_size : int
        Units.

    Attributes
    ----------
    upward, lateral : Linear
        From the input, with biases; from the last output, without.  Their rows are
        the gates a, i, f, o one after another.
    peep_i, peep_f, peep_o : Linear
        From the cells to the gates.
    c, h : Variable or None
        The state.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> rnn = L.StatefulPeepholeLSTM(3, 2)
    >>> rnn(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    state_names = ("c", "h")

    c: Variable | None
    h: Variable | None

    def __init__(self, in_size: int, out_size: int) -> None:
        super().__init__()
        self.state_size = out_size
        with self.init_scope():
            self.upward = Linear(in_size, 4 * out_size)
            self.lateral = Linear(out_size, 4 * out_size, nobias=True)
            self.peep_i = Linear(out_size, out_size, nobias=True)
            self.peep_f = Linear(out_size, out_size, nobias=True)
            self.peep_o = Linear(out_size, out_size, nobias=True)

    def set_state(self, c: Any, h: Any) -> None:
        """Take over cells and outputs, of shape (batch, out_size)."""
        self._set(c, h)

    def forward(self, x: Any) -> Variable:
        """Take one step with `x`, of shape (batch, in_size), and return the outputs."""
        gates = self.upward(x)
        if self.h is not None:
            gates = gates + self.lateral(self.h)
        a, i, f, o = split_axis(gates, 4, 1)
        if self.c is not None:
            i = i + self.peep_i(self.c)
            f = f + self.peep_f(self.c)
        c = tanh(a) * sigmoid(i)
        if self.c is not None:
            c = c + self.c * sigmoid(f)
        self.c = c
        self.h = sigmoid(o + self.peep_o(c)) * tanh(c)
        return self.h


class StatefulZoneoutLSTM(State, StatelessLSTM):
    """Long short-term memory that keeps some units of its state at random; see `zoneout`.

    Parameters
    ----------
    in_size, out_size : int
        Values per row of the input; units.
    c_ratio, h_ratio : float
        The probabilities that a cell, and an output, stays as it was.
    **options
        As for `StatelessLSTM`.

    Attributes
    ----------
    c, h : Variable or None
        The state.
    upward, lateral : Linear
        See `StatelessLSTM`.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> rnn = L.StatefulZoneoutLSTM(3, 2)
    >>> rnn(np.ones((5, 3), np.float32)).shape
    (5, 2)
    """

    state_names = ("c", "h")

    c: Variable | None
    h: Variable | None

    def __init__(
        self,
        in_size: int | None,
        out_size: int,
        c_ratio: float = 0.5,
        h_ratio: float = 0.5,
        **options: Any,
    ) -> None:
        super().__init__(in_size, out_size, **options)
        self.c_ratio = c_ratio
        self.h_ratio = h_ratio

    def set_state(self, c: Any, h: Any) -> None:
        """Take over cells and outputs, of shape (batch, out_size)."""
        self._set(c, h)

    def forward(self, x: Any) -> Variable:  # type: ignore[override]
        """Take one step with `x`, of shape (batch, in_size), and return the outputs."""
        c, h = self._step(self.c, self.h, x)
        # A state that is not there yet is zeros.
        zeros = zeros_like_rows(h, self.state_size)
        self.c = zoneout(zeros if self.c is None else self.c, c, self.c_ratio)
        self.h = zoneout(zeros if self.h is None else self.h, h, self.h_ratio)
        return self.h
