"""Recurrent networks over lists of sequences of different lengths: `NStepLSTM` and its kin."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np

from nnrun import initializers
from nnrun.core import ChainList, Link, Parameter, Variable, as_variable
from nnrun.functions import get_item, n_step, transpose_sequence

__all__ = [
    "NStepBiGRU",
    "NStepBiLSTM",
    "NStepBiRNNReLU",
    "NStepBiRNNTanh",
    "NStepGRU",
    "NStepLSTM",
    "NStepRNNReLU",
    "NStepRNNTanh",
]


class _Layer(Link):
    """The weights ``w0``, ``w1`` ... and biases ``b0``, ``b1`` ... of one layer and direction."""

    def __init__(self, n: int, in_size: int, out_size: int, initialW: Any, bias: Any) -> None:
        super().__init__()
        self._count = n
        with self.init_scope():
            for k in range(n):
                shape = (out_size, in_size if k < n // 2 else out_size)
                init = initializers.LeCunNormal() if initialW is None else initialW
                setattr(self, f"w{k}", Parameter(init, shape))
                setattr(self, f"b{k}", Parameter(0 if bias is None else bias, (out_size,)))

    def weights(self) -> list[Parameter]:
        """All matrices, in order."""
        return [getattr(self, f"w{k}") for k in range(self._count)]

    def biases(self) -> list[Parameter]:
        """All vectors, in order."""
        return [getattr(self, f"b{k}") for k in range(self._count)]


class _NStep(ChainList):
    """What the networks share; the class attributes say how they differ."""

    n_weights: ClassVar[int]
    n_states: ClassVar[int] = 1
    directions: ClassVar[int] = 1
    function_name: ClassVar[str]
    options: ClassVar[dict[str, Any]] = {}

    def __init__(
        self,
        n_layers: int,
        in_size: int,
        out_size: int,
        dropout: float,
        initialW: Any = None,
        initial_bias: Any = None,
    ) -> None:
        super().__init__()
        self.n_layers = n_layers
        self.in_size = in_size
        self.out_size = out_size
        self.dropout = dropout
        for layer in range(n_layers):
            size = out_size * self.directions if layer else in_size
            for _ in range(self.directions):
                self.append(_Layer(self.n_weights, size, out_size, initialW, initial_bias))

    @property
    def printable_specs(self) -> Iterator[tuple[str, Any]]:
        """What `repr` shows."""
        yield from (
            ("n_layers", self.n_layers),
            ("in_size", self.in_size),
            ("out_size", self.out_size),
            ("dropout", self.dropout),
        )

    def _run(self, states: Sequence[Any], xs: Sequence[Any]) -> tuple[Any, ...]:
        name = type(self).__name__
        if not isinstance(xs, (list, tuple)) or not xs:
            raise TypeError(f"{name}: `xs` must be a list of sequences, at least one")
        for k, x in enumerate(xs):
            if x.ndim != 2 or x.shape[1] != self.in_size:
                raise ValueError(
                    f"{name}: sequence {k} must have shape (length, {self.in_size}), not {x.shape}"
                )
        lengths = [x.shape[0] for x in xs]
        order = sorted(range(len(xs)), key=lambda k: -lengths[k])  # stable
        back = sorted(range(len(xs)), key=order.__getitem__)
        sorted_already = order == back == list(range(len(xs)))
        first = [self._state(s, len(xs)) for s in states]
        if not sorted_already:
            first = [get_item(s, (slice(None), np.array(order))) for s in first]
        by_time = transpose_sequence([xs[k] for k in order])
        if not by_time:
            raise ValueError(f"{name}: all sequences are empty")
        layers: Any = list(self)
        ws = [layer.weights() for layer in layers]
        bs = [layer.biases() for layer in layers]
        function = getattr(n_step, self.function_name)
        *last, ys = function(self.n_layers, self.dropout, *first, ws, bs, by_time, **self.options)
        outs = list(transpose_sequence(ys))
        # Sequences of length 0 have no outputs.
        empty = len(xs) - len(outs)
        outs += [get_item(outs[0], slice(0, 0)) for _ in range(empty)]
        if sorted_already:
            return (*last, outs)
        last = [get_item(s, (slice(None), np.array(back))) for s in last]
        return (*last, [outs[k] for k in back])

    def _state(self, state: Any, batch: int) -> Variable:
        shape = (self.n_layers * self.directions, batch, self.out_size)
        if state is None:
            dtype = self[0].w0.dtype
            with self.device:
                return as_variable(self.xp.zeros(shape, dtype))
        if state.shape != shape:
            raise ValueError(
                f"{type(self).__name__}: the state must have shape {shape}, not {state.shape}"
            )
        return as_variable(state)


class _WithCells(_NStep):
    n_weights = 8
    n_states = 2

    def forward(self, hx: Any, cx: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
        """Run over sequences.

        Parameters
        ----------
        hx, cx : Variable or array, or None
            The first states, of shape (layers and directions, batch, out_size).
        xs : list of Variable or array, shape (length, in_size)
            The sequences, in any order.

        Returns
        -------
        hy, cy : Variable
            The last states, shaped as the first.
        ys : list of Variable, shape (length, out_size times directions)
            The outputs of the last layer for each sequence.
        """
        return self._run((hx, cx), xs)


class _WithoutCells(_NStep):
    def forward(self, hx: Any, xs: Sequence[Any]) -> tuple[Any, ...]:
        """Run over sequences.

        Parameters
        ----------
        hx : Variable or array, or None
            The first states, of shape (layers and directions, batch, out_size).
        xs : list of Variable or array, shape (length, in_size)
            The sequences, in any order.

        Returns
        -------
        hy : Variable
            The last states, shaped as the first.
        ys : list of Variable, shape (length, out_size times directions)
            The outputs of the last layer for each sequence.
        """
        return self._run((hx,), xs)


_DOC = """{what} over sequences of different lengths, {sided}.

    Parameters
    ----------
    n_layers : int
        How many layers.
    in_size, out_size : int
        Values per step of the input; units per layer and direction.
    dropout : float
        Of the dropout between layers, in training.
    initialW, initial_bias : initializer, array or number, optional
        `LeCunNormal` and 0 by default.

    See Also
    --------
    nnrun.functions.{function}
        The formulas; child k has the matrices ``w0`` ... and vectors ``b0`` ... of one
        layer{direction}.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> rnn = L.{name}(2, 3, 4, 0.1)
    >>> xs = [np.ones((n, 3), np.float32) for n in (2, 5)]
    >>> *states, ys = rnn({nones}, xs)
    >>> [y.shape for y in ys]
    [(2, {wide}), (5, {wide})]
    """


def _make(name: str, what: str, function: str, n: int, options: dict[str, Any]) -> Any:
    """The class of a row."""
    cells, two = n == 8, "bi" in function
    return type(
        name,
        (_WithCells if cells else _WithoutCells,),
        {
            "__module__": __name__,
            "__doc__": _DOC.format(
                what=what,
                sided="in both directions" if two else "forwards",
                function=function,
                direction=" and direction (forwards first)" if two else "",
                name=name,
                nones="None, None" if cells else "None",
                wide=8 if two else 4,
            ),
            "n_weights": n,
            "directions": 2 if two else 1,
            "function_name": function,
            "options": options,
        },
    )


_TANH, _RELU = {"activation": "tanh"}, {"activation": "relu"}
_L, _G, _R = "Long short-term memory", "Gated recurrent units", "A simple recurrent network"

NStepLSTM: Any = _make("NStepLSTM", _L, "n_step_lstm", 8, {})
NStepBiLSTM: Any = _make("NStepBiLSTM", _L, "n_step_bilstm", 8, {})
NStepGRU: Any = _make("NStepGRU", _G, "n_step_gru", 6, {})
NStepBiGRU: Any = _make("NStepBiGRU", _G, "n_step_bigru", 6, {})
NStepRNNTanh: Any = _make("NStepRNNTanh", f"{_R} with tanh", "n_step_rnn", 2, _TANH)
NStepBiRNNTanh: Any = _make("NStepBiRNNTanh", f"{_R} with tanh", "n_step_birnn", 2, _TANH)
NStepRNNReLU: Any = _make("NStepRNNReLU", f"{_R} with relu", "n_step_rnn", 2, _RELU)
NStepBiRNNReLU: Any = _make("NStepBiRNNReLU", f"{_R} with relu", "n_step_birnn", 2, _RELU)
