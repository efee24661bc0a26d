"""Losses over large vocabularies: `negative_sampling`, `black_out`, `hierarchical_softmax`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.backend import get_device_from_array
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions._reduce import check_reduce, reduced
from nnrun.functions.activations import softplus
from nnrun.functions.indexing import embed_id, get_item
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import expand_dims
from nnrun.functions.softmax import log_softmax
from nnrun.functions.unary import exp, log1p

__all__ = ["black_out", "hierarchical_softmax", "negative_sampling"]

Array = Any


def _check(name: str, x: Any, t: Any, W: Any) -> None:
    if x.ndim != 2 or W.ndim != 2 or t.shape != x.shape[:1] or x.shape[1] != W.shape[1]:
        raise ValueError(
            f"{name}: `x` of shape (batch, n), `t` of shape (batch,) and `W` of shape (ids, n) "
            f"don't fit (x.shape={x.shape}, t.shape={t.shape}, W.shape={W.shape})"
        )
    if t.dtype.kind not in "iu":
        raise TypeError(f"{name}: labels `t` must be integers, not {t.dtype}")


def _scores(x: Variable, ids: Array, W: Any, ignore: int | None = None) -> Variable:
    """The products of each row of `x` with its rows of `W`: (batch, ids of each)."""
    return sum_(embed_id(ids, W, ignore) * expand_dims(x, 1), 2)


def negative_sampling(
    x: Variable | Array,
    t: Variable | Array,
    W: Variable | Array,
    sampler: Callable[[tuple[int, int]], Array],
    sample_size: int,
    reduce: str = "sum",
    *,
    samples: Array | None = None,
    return_samples: bool = False,
) -> Any:
    """Tell the label from labels drawn at random (Mikolov et al., 2013).

    ``-log sigmoid(x W_t) - sum(log sigmoid(-x W_s))`` over samples s.

    Parameters
    ----------
    x : Variable or array, shape (batch, n)
        The vectors.
    t : Variable or array of int, shape (batch,)
        The labels; -1 counts nothing.
    W : Variable or array, shape (ids, n)
        A vector for each label.
    sampler : callable
        Given a shape, returns an array of labels.
    sample_size : int
        How many samples to draw for each row.
    reduce : {'sum', 'no'}
        ``no`` returns the loss of each row.
    samples : array of int, shape (batch, sample_size), optional
        What to use instead of drawing.
    return_samples : bool
        Return the samples too.

    Returns
    -------
    Variable, or (Variable, array)
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit or `reduce` is unknown.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, t, W = np.zeros((1, 2)), np.array([0]), np.zeros((3, 2))
    >>> loss = F.negative_sampling(x, t, W, lambda shape: np.ones(shape, int), 2)
    >>> (loss.array / np.log(2)).round(6)
    np.float64(3.0)
    """
    check_reduce(reduce, "negative_sampling", ("sum", "no"))
    x, t = as_variable(x), as_array(t)
    _check("negative_sampling", x, t, W)
    shape = (x.shape[0], sample_size)
    with get_device_from_array(x.array) as device:
        samples = device.send(sampler(shape) if samples is None else samples)
        if samples.shape != shape:
            raise ValueError(
                f"negative_sampling: samples must have shape {shape}, not {samples.shape}"
            )
        xp = device.xp
        ids = xp.concatenate([t[:, None].astype(samples.dtype), samples], axis=1)
        valid = (t != -1).astype(x.dtype)
        sign = xp.where(xp.arange(sample_size + 1) == 0, x.dtype.type(-1), x.dtype.type(1))
    loss = sum_(softplus(_scores(x, ids, W, -1) * sign), 1) * valid
    loss = reduced(loss, reduce)
    return (loss, samples) if return_samples else loss


def black_out(
    x: Variable | Array,
    t: Variable | Array,
    W: Variable | Array,
    samples: Variable | Array,
    reduce: str = "mean",
) -> Variable:
    """Tell the label from samples by a softmax among them: BlackOut (Ji et al., 2016).

    ``-log p(t) - sum(log(1 - p(s)))``

    Parameters
    ----------
    x : Variable or array, shape (batch, n)
        The vectors.
    t : Variable or array of int, shape (batch,)
        The labels.
    W : Variable or array, shape (ids, n)
        A vector for each label.
    samples : Variable or array of int, shape (batch, samples)
        Labels drawn at random.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each row.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit or `reduce` is unknown.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, t, W = np.zeros((1, 2)), np.array([0]), np.zeros((3, 2))
    >>> loss = F.black_out(x, t, W, np.array([[1]]))  # p is 1/2 twice
    >>> (loss.array / np.log(2)).round(6)
    np.float64(2.0)
    """
    check_reduce(reduce, "black_out")
    x, t, samples = as_variable(x), as_array(t), as_array(samples)
    _check("black_out", x, t, W)
    if samples.ndim != 2 or len(samples) != len(t):
        raise ValueError(
            f"black_out: `samples` must have shape ({len(t)}, samples), not {samples.shape}"
        )
    with get_device_from_array(x.array) as device:
        ids = device.xp.concatenate([t[:, None].astype(samples.dtype), samples], axis=1)
    log_p = log_softmax(_scores(x, ids, W))
    others = get_item(log_p, (slice(None), slice(1, None)))
    loss = -get_item(log_p, (slice(None), 0)) - sum_(log1p(-exp(others)), 1)
    return reduced(loss, reduce)


def hierarchical_softmax(
    x: Variable | Array,
    t: Variable | Array,
    W: Variable | Array,
    paths: Array,
    codes: Array,
    reduce: str = "sum",
) -> Variable:
    """Find the label by yes-or-no decisions down a tree (Morin and Bengio, 2005).

    ``sum(-log sigmoid(code * x W_node))`` over the nodes on the way to the label.

    Parameters
    ----------
    x : Variable or array, shape (batch, n)
        The vectors.
    t : Variable or array of int, shape (batch,)
        The labels.
    W : Variable or array, shape (nodes, n)
        A vector for each inner node.
    paths : array of int, shape (labels, depth)
        The nodes on the way to each label; -1 past its end.
    codes : array, shape (labels, depth)
        1 or -1: which way to go at each node; 0 past its end.
    reduce : {'sum', 'no'}
        ``no`` returns the loss of each row.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit or `reduce` is unknown.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> paths, codes = np.array([[0, -1], [0, 1], [0, 1]]), np.array([[1, 0], [-1, 1], [-1, -1]])
    >>> x, t, W = np.zeros((1, 2)), np.array([2]), np.zeros((2, 2))
    >>> loss = F.hierarchical_softmax(x, t, W, paths, codes)
    >>> (loss.array / np.log(2)).round(6)
    np.float64(2.0)
    """
    check_reduce(reduce, "hierarchical_softmax", ("sum", "no"))
    x, t = as_variable(x), as_array(t)
    _check("hierarchical_softmax", x, t, W)
    if paths.ndim != 2 or paths.shape != codes.shape:
        raise ValueError(
            f"hierarchical_softmax: `paths` and `codes` must have the same shape (labels, depth) "
            f"(paths.shape={paths.shape}, codes.shape={codes.shape})"
        )
    with get_device_from_array(x.array):
        nodes, code = paths[t], codes[t].astype(x.dtype)
        on_the_way = (nodes >= 0).astype(x.dtype)
    loss = sum_(softplus(_scores(x, nodes, W, -1) * -code) * on_the_way, 1)
    return reduced(loss, reduce)
