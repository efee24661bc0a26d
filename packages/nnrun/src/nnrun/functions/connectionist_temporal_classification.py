"""`connectionist_temporal_classification`: labels of sequences whose alignment is unknown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device, get_device_from_array
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions._reduce import check_reduce, reduced
from nnrun.functions.joining import stack
from nnrun.functions.shape import reshape
from nnrun.functions.softmax import log_softmax_array

__all__ = ["connectionist_temporal_classification"]

Array = Any

# The logarithm of zero: finite, so that differences of it are no NaN.
_NEVER = -1e30


class CTC(FunctionNode):
    """Scores (time, batch, symbols) to losses (batch,), by the forward-backward algorithm.

    `path` holds each sequence's labels with blanks between and around them.
    """

    __slots__ = ("_blank", "_gradient", "_label_length", "_length", "_path")

    def __init__(self, path: Array, blank: int, input_length: Array, label_length: Array) -> None:
        self._path = path
        self._blank = blank
        self._length = input_length
        self._label_length = label_length

    def _moves(self, v: Array, skip: Array, forwards: bool) -> Array:
        """The sum over the states one may come from (or go to), in logarithms."""
        xp = get_array_module(v)
        out = v.copy()
        if forwards:
            out[:, 1:] = xp.logaddexp(out[:, 1:], v[:, :-1])
            if v.shape[1] > 2:
                out[:, 2:] = xp.logaddexp(out[:, 2:], v[:, :-2] + skip[:, 2:])
        else:
            out[:, :-1] = xp.logaddexp(out[:, :-1], v[:, 1:])
            if v.shape[1] > 2:
                # One may go on to a state two further where that may be come to so.
                out[:, :-2] = xp.logaddexp(out[:, :-2], v[:, 2:] + skip[:, 2:])
        return out

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (scores,) = inputs
        xp = get_array_module(scores)
        # Sums over time are beyond what 16 bits tell apart.
        x = scores if scores.dtype.itemsize > 2 else scores.astype(np.float32)
        steps, batch, _ = x.shape
        path, n = self._path, self._path.shape[1]
        log_y = log_softmax_array(x, 2)
        rows = xp.arange(batch)
        emit = log_y[:, rows[:, None], path]  # (time, batch, states)
        jump = path != self._blank
        jump[:, :2] = False
        jump[:, 2:] &= path[:, 2:] != path[:, :-2]
        skip = xp.where(jump, x.dtype.type(0), x.dtype.type(_NEVER))
        states = xp.arange(n)
        last = 2 * self._label_length[:, None]
        ends = (states == last) | (states == last - 1)
        begin = xp.where(states < 2, x.dtype.type(0), x.dtype.type(_NEVER))
        end = xp.where(ends, x.dtype.type(0), x.dtype.type(_NEVER))

        alpha = xp.empty_like(emit)
        alpha[0] = begin + emit[0]
        for t in range(1, steps):
            alpha[t] = self._moves(alpha[t - 1], skip, True) + emit[t]
        final = alpha[self._length - 1, rows] + end
        top = final.max(axis=1, keepdims=True)
        log_p = xp.log(xp.exp(final - top).sum(axis=1)) + top[:, 0]

        beta = xp.empty_like(emit)
        beta[steps - 1] = xp.where(self._length[:, None] == steps, end, x.dtype.type(_NEVER))
        for t in range(steps - 2, -1, -1):
            onwards = self._moves(beta[t + 1] + emit[t + 1], skip, False)
            beta[t] = xp.where(self._length[:, None] == t + 1, end, onwards)
        possible = log_p > _NEVER / 2
        posterior = xp.exp(xp.minimum(alpha + beta - log_p[:, None], 0))
        gradient = xp.exp(log_y)
        for s in range(n):
            # One state at a time, for an index must not name an element twice.
            gradient[:, rows, path[:, s]] -= posterior[:, :, s]
        running = (xp.arange(steps)[:, None] < self._length) & possible
        gradient = gradient * running[:, :, None].astype(x.dtype)
        self._gradient = gradient.astype(scores.dtype, copy=False)
        loss = xp.where(possible, -log_p, x.dtype.type(np.inf))
        return (loss.astype(scores.dtype, copy=False),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (gy,) = grad_outputs
        return (reshape(gy, (1, -1, 1)) * self._gradient,)


def connectionist_temporal_classification(
    x: Sequence[Variable | Array] | Variable | Array,
    t: Variable | Array | Sequence[Sequence[int]],
    blank_symbol: int,
    input_length: Variable | Array | None = None,
    label_length: Variable | Array | None = None,
    reduce: str = "mean",
) -> Variable:
    """Compare sequences of scores with shorter sequences of labels (Graves et al., 2006).

    The loss is minus the logarithm of the probability of all ways to spell the
    labels, each once or more in a row, blanks allowed between.

    Parameters
    ----------
    x : list of Variable or array of shape (batch, symbols), or one of shape \
(time, batch, symbols)
        Scores at each time, not yet softmaxed.
    t : Variable or array of int, shape (batch, labels)
        The labels.
    blank_symbol : int
        The symbol that is no label.
    input_length, label_length : Variable or array of int, shape (batch,), optional
        How many times and labels of each sequence count; all by default.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each sequence.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).  Infinite where the labels don't fit into the
        time; the gradient is 0 there.  It can be differentiated once.

    Raises
    ------
    ValueError
        If shapes don't fit, a label or length is out of range (on NumPy; a device is
        not asked), or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = [np.zeros((1, 2))] * 2  # ways to spell "1": 11, 10, 01 of 4
    >>> loss = F.connectionist_temporal_classification(x, np.array([[1]]), 0)
    >>> round(float(np.exp(-loss.item())), 4)
    0.75
    """
    name = "connectionist_temporal_classification"
    check_reduce(reduce, name)
    if isinstance(x, (list, tuple)):
        if not x:
            raise ValueError(f"{name}: `x` is empty; there must be one step at least")
        x = stack(x, 0)
    scores = as_variable(x)
    if scores.ndim != 3:
        raise ValueError(
            f"{name}: `x` must have shape (time, batch, symbols) (x.shape={scores.shape})"
        )
    steps, batch, symbols = scores.shape
    if not 0 <= blank_symbol < symbols:
        raise ValueError(f"{name}: blank_symbol {blank_symbol} is not one of {symbols} symbols")
    with get_device_from_array(scores.array) as device:
        xp = device.xp
        labels = device.send(as_array(t))
        if labels.ndim != 2 or len(labels) != batch:
            raise ValueError(
                f"{name}: `t` must have shape ({batch}, labels) (t.shape={labels.shape})"
            )
        lengths = []
        for what, given, most in (
            ("input_length", input_length, steps),
            ("label_length", label_length, labels.shape[1]),
        ):
            length = xp.full(batch, most) if given is None else device.send(as_array(given))
            low = 1 if what == "input_length" else 0
            if length.shape != (batch,):
                raise ValueError(f"{name}: `{what}` must have shape ({batch},), not {length.shape}")
            if isinstance(length, np.ndarray) and ((length < low) | (length > most)).any():
                raise ValueError(f"{name}: `{what}` must be from {low} to {most}: {length}")
            lengths.append(length)
        if isinstance(labels, np.ndarray):
            _check_labels(labels, lengths[1], symbols, blank_symbol, name)
        path = xp.full((batch, 2 * labels.shape[1] + 1), blank_symbol, dtype=np.int64)
        used = xp.arange(labels.shape[1]) < lengths[1][:, None]
        path[:, 1::2] = xp.where(used, labels, blank_symbol)
    losses = CTC(path, blank_symbol, *lengths).apply((scores,))[0]
    return reduced(losses, reduce)


def _check_labels(t: Array, length: Array, symbols: int, blank: int, name: str) -> None:
    t = get_device("numpy").send(t)
    used = np.arange(t.shape[1]) < length[:, None]
    bad = used & ((t < 0) | (t >= symbols) | (t == blank))
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"{name}: label {t[place]} at {place} is not one of {symbols} symbols other than the "
            f"blank {blank}"
        )
