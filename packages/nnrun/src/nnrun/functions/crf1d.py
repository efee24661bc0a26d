"""Linear-chain conditional random fields: `crf1d` and `argmax_crf1d`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions._reduce import check_reduce, reduced
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat, split_axis
from nnrun.functions.shape import reshape
from nnrun.functions.softmax import logsumexp

__all__ = ["argmax_crf1d", "crf1d"]

Array = Any


def _check(name: str, cost: Any, xs: Sequence[Any]) -> None:
    if not xs:
        raise ValueError(f"{name}: `xs` is empty; there must be one step at least")
    k = cost.shape[0] if cost.ndim else 0
    if cost.shape != (k, k):
        raise ValueError(f"{name}: `cost` must be a square matrix (cost.shape={cost.shape})")
    sizes = [len(x) for x in xs]
    if any(x.ndim != 2 or x.shape[1] != k for x in xs) or sorted(sizes, reverse=True) != sizes:
        raise ValueError(
            f"{name}: `xs` must have shapes (batch_t, {k}) with batches that do not grow, not "
            f"{[x.shape for x in xs]}"
        )


def crf1d(
    cost: Variable | Array,
    xs: Sequence[Variable | Array],
    ys: Sequence[Variable | Array],
    reduce: str = "mean",
) -> Variable:
    """Return the negative log-likelihood of label sequences (Lafferty et al., 2001).

    A sequence's score is the sum of ``xs[t][y_t]`` and ``cost[y_t, y_{t+1}]``; the
    likelihood is its exponential over those of all sequences.

    Parameters
    ----------
    cost : Variable or array, shape (labels, labels)
        Scores of one label following another.
    xs : list of Variable or array, shape (batch_t, labels)
        Scores of the labels at each time, for the sequences that are still running:
        they go by falling length.
    ys : list of Variable or array of int, shape (batch_t,)
        The labels.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each sequence.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> xs, ys = [np.zeros((1, 2))] * 3, [np.array([0])] * 3
    >>> round(float(F.crf1d(np.zeros((2, 2)), xs, ys).item() / np.log(2)), 6)  # of 8 sequences
    3.0
    """
    check_reduce(reduce, "crf1d")
    _check("crf1d", cost, xs)
    labels = [as_array(y) for y in ys]
    if [y.shape for y in labels] != [x.shape[:1] for x in xs]:
        raise ValueError(
            f"crf1d: `ys` must have shapes {[x.shape[:1] for x in xs]}, not "
            f"{[y.shape for y in labels]}"
        )
    cost = as_variable(cost)
    inputs = [as_variable(x) for x in xs]
    rows = [get_array_module(y).arange(len(y)) for y in labels]
    alpha = inputs[0]
    score = get_item(inputs[0], (rows[0], labels[0]))
    wide = reshape(cost, (1, *cost.shape))
    done_alpha: list[Variable] = []  # of sequences that ended, the last first
    done_score: list[Variable] = []
    for t in range(1, len(inputs)):
        n = len(labels[t])
        if n < len(alpha.array):
            alpha, rest = split_axis(alpha, [n], 0)
            score, rest_score = split_axis(score, [n], 0)
            done_alpha.insert(0, rest)
            done_score.insert(0, rest_score)
        before = labels[t - 1][:n]
        alpha = logsumexp(reshape(alpha, (n, -1, 1)) + wide, 1) + inputs[t]
        score = score + get_item(inputs[t], (rows[t], labels[t]))
        score = score + get_item(cost, (before, labels[t]))
    if done_alpha:
        alpha = concat([alpha, *done_alpha], 0)
        score = concat([score, *done_score], 0)
    return reduced(logsumexp(alpha, 1) - score, reduce)


def argmax_crf1d(
    cost: Variable | Array, xs: Sequence[Variable | Array]
) -> tuple[Array, list[Array]]:
    """Return the most likely label sequences, by Viterbi's algorithm.  Not differentiable.

    Parameters
    ----------
    cost : Variable or array, shape (labels, labels)
        As for `crf1d`.
    xs : list of Variable or array, shape (batch_t, labels)
        As for `crf1d`.

    Returns
    -------
    scores : Variable, shape (batch,)
        The scores of the sequences.
    path : list of array of int, shape (batch_t,)
        The labels at each time.

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> score, path = F.argmax_crf1d(np.zeros((2, 2)), [np.array([[1.0, 2.0]])] * 2)
    >>> score.array, [y.tolist() for y in path]
    (array([4.]), [[1], [1]])
    """
    _check("argmax_crf1d", cost, xs)
    transitions = as_array(cost)
    arrays = [as_array(x) for x in xs]
    xp = get_array_module(transitions)
    with get_device_from_array(transitions):
        best = arrays[0]
        links = []
        ended: list[Array] = []  # scores by label of sequences that ended, the last first
        for x in arrays[1:]:
            if len(x) < len(best):
                ended.insert(0, best[len(x) :])
                best = best[: len(x)]
            candidates = best[:, :, None] + transitions
            links.append(candidates.argmax(axis=1))
            best = candidates.max(axis=1) + x
        final = xp.concatenate([best, *ended], axis=0) if ended else best
        # Backwards: where a sequence is at its last step, from its own best label.
        last = final.argmax(axis=1)
        path = [last[: len(arrays[-1])]]
        for t in range(len(links) - 1, -1, -1):
            now = path[0]
            before = links[t][xp.arange(len(now)), now]
            if len(arrays[t]) > len(now):
                before = xp.concatenate([before, last[len(now) : len(arrays[t])]])
            path.insert(0, before)
        return Variable(final.max(axis=1), requires_grad=False), path
