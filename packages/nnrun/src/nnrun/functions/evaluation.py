"""Measures of predictions, through which no gradient flows: accuracy, precision, R2 ..."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import Variable, as_array
from nnrun.functions.softmax import log_softmax_array

__all__ = [
    "binary_accuracy",
    "classification_summary",
    "f1_score",
    "perplexity",
    "precision",
    "r2_score",
    "recall",
]

Array = Any


def _result(value: Any, like: Array) -> Variable:
    xp = get_array_module(like)
    return Variable(xp.asarray(value).astype(like.dtype), requires_grad=False)


def binary_accuracy(y: Variable | Array, t: Variable | Array) -> Variable:
    """Return the share of yes-or-no labels that the signs of scores get right.

    Parameters
    ----------
    y : Variable or array
        Scores: yes where they are not negative.
    t : Variable or array of int
        1, 0, or -1, which counts nothing; of the shape of `y`.

    Returns
    -------
    Variable
        Of shape ``()``; 0 where nothing counts.

    Raises
    ------
    ValueError
        If the shapes differ.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.binary_accuracy(np.array([2.0, -1.0, 3.0]), np.array([1, 1, -1]))
    variable(0.5)
    """
    y, t = as_array(y), as_array(t)
    if t.dtype.kind not in "iu":
        raise TypeError(f"binary_accuracy: labels `t` must be integers, not {t.dtype}")
    if y.shape != t.shape:
        raise ValueError(
            f"binary_accuracy: `y` and `t` must have the same shape (y.shape={y.shape}, "
            f"t.shape={t.shape})"
        )
    with get_device_from_array(y) as device:
        valid = t != -1
        right = ((y >= 0) == (t == 1)) & valid
        return _result(right.sum() / device.xp.maximum(valid.sum(), 1), y)


def classification_summary(
    y: Variable | Array,
    t: Variable | Array,
    label_num: int | None = None,
    beta: float = 1.0,
    ignore_label: int = -1,
) -> tuple[Variable, Variable, Variable, Variable]:
    """Return precision, recall, F-score and number of examples for each class.

    Parameters
    ----------
    y : Variable or array, shape (batch, classes, ...)
        Scores.
    t : Variable or array of int, shape (batch, ...)
        Labels.
    label_num : int, optional
        How many classes to report on; all by default.
    beta : float
        How much recall counts in the F-score.
    ignore_label : int
        Labels equal to it count nothing.

    Returns
    -------
    precision, recall, fbeta : Variable, shape (label_num,)
        NaN where a class was never predicted, or has no examples.
    support : Variable of int, shape (label_num,)
        How many examples there are.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> y = np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]])
    >>> precision, recall, fbeta, support = F.classification_summary(y, np.array([0, 1, 1]))
    >>> precision
    variable([0.5, 1. ])
    """
    y, t = as_array(y), as_array(t)
    if t.dtype.kind not in "iu":
        raise TypeError(f"classification_summary: labels `t` must be integers, not {t.dtype}")
    if y.ndim < 2 or t.shape != (y.shape[0], *y.shape[2:]):
        raise ValueError(
            f"classification_summary: `y` of shape (batch, classes, ...) and `t` of shape "
            f"(batch, ...) don't fit (y.shape={y.shape}, t.shape={t.shape})"
        )
    with get_device_from_array(y) as device, np.errstate(divide="ignore", invalid="ignore"):
        classes = device.xp.arange(y.shape[1] if label_num is None else label_num)
        valid = (t != ignore_label).ravel()
        guess = (y.argmax(axis=1).ravel()[:, None] == classes) & valid[:, None]
        truth = (t.ravel()[:, None] == classes) & valid[:, None]
        support = truth.sum(axis=0)
        right = (guess & truth).sum(axis=0).astype(np.float64)
        of_guesses = right / guess.sum(axis=0)
        of_truths = right / support
        weight = beta * beta
        score = (1 + weight) * of_guesses * of_truths / (weight * of_guesses + of_truths)
        return (
            _result(of_guesses, y),
            _result(of_truths, y),
            _result(score, y),
            Variable(support, requires_grad=False),
        )


def precision(
    y: Variable | Array,
    t: Variable | Array,
    label_num: int | None = None,
    ignore_label: int = -1,
) -> tuple[Variable, Variable]:
    """Return precision and number of examples for each class; see `classification_summary`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.precision(np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), np.array([0, 1, 1]))[0]
    variable([0.5, 1. ])
    """
    value, _, _, support = classification_summary(y, t, label_num, 1.0, ignore_label)
    return value, support


def recall(
    y: Variable | Array,
    t: Variable | Array,
    label_num: int | None = None,
    ignore_label: int = -1,
) -> tuple[Variable, Variable]:
    """Return recall and number of examples for each class; see `classification_summary`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.recall(np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]]), np.array([0, 1, 1]))[0]
    variable([1. , 0.5])
    """
    _, value, _, support = classification_summary(y, t, label_num, 1.0, ignore_label)
    return value, support


def f1_score(
    y: Variable | Array,
    t: Variable | Array,
    label_num: int | None = None,
    ignore_label: int = -1,
) -> tuple[Variable, Variable]:
    """Return F1-score and number of examples for each class; see `classification_summary`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> scores = np.array([[2.0, 1.0], [2.0, 1.0], [1.0, 2.0]])
    >>> F.f1_score(scores, np.array([0, 1, 1]))[0].array.round(4)
    array([0.6667, 0.6667])
    """
    _, _, value, support = classification_summary(y, t, label_num, 1.0, ignore_label)
    return value, support


def r2_score(
    pred: Variable | Array,
    true: Variable | Array,
    sample_weight: Array | None = None,
    multioutput: str = "uniform_average",
) -> Variable:
    """Return the coefficient of determination: the share of variance that is explained.

    Parameters
    ----------
    pred, true : Variable or array, shape (batch, ...)
        Predictions and truth.
    sample_weight : array, optional
        How much each example counts, of shape (batch,).
    multioutput : {'uniform_average', 'raw_values'}
        Average over the outputs of an example, or not.

    Returns
    -------
    Variable
        0 for outputs whose truth does not vary.

    Raises
    ------
    ValueError
        If the shapes differ or `multioutput` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.r2_score(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    variable(0.5)
    """
    if multioutput not in ("uniform_average", "raw_values"):
        raise ValueError(
            f"r2_score: `multioutput` must be 'uniform_average' or 'raw_values', "
            f"not {multioutput!r}"
        )
    y, t = as_array(pred), as_array(true)
    if y.shape != t.shape or not y.ndim:
        raise ValueError(
            f"r2_score: `pred` and `true` must have the same shape (pred.shape={y.shape}, "
            f"true.shape={t.shape})"
        )
    with get_device_from_array(y) as device:
        xp = device.xp
        w = xp.ones(len(y), y.dtype) if sample_weight is None else sample_weight
        if w.shape != y.shape[:1]:
            raise ValueError(
                f"r2_score: `sample_weight` must have shape {y.shape[:1]}, not {w.shape}"
            )
        w = w.reshape(-1, *[1] * (y.ndim - 1))
        mean = (t * w).sum(axis=0) / w.sum()
        missed = ((t - y) ** 2 * w).sum(axis=0)
        whole = ((t - mean) ** 2 * w).sum(axis=0)
        varies = whole != 0
        score = xp.where(varies, 1 - missed / xp.where(varies, whole, 1), 0)
        return _result(score if multioutput == "raw_values" else score.mean(), y)


def perplexity(y: Variable | Array, t: Variable | Array, ignore_label: int = -1) -> Variable:
    """Return the exponential of the mean cross entropy: between how many classes one wavers.

    Parameters
    ----------
    y : Variable or array, shape (batch, classes, ...)
        Scores.
    t : Variable or array of int, shape (batch, ...)
        Labels.
    ignore_label : int
        Labels equal to it count nothing.

    Returns
    -------
    Variable
        Of shape ``()``; 1 where nothing counts.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.perplexity(np.zeros((2, 4)), np.array([1, 3])).array.round(6)
    np.float64(4.0)
    """
    y, t = as_array(y), as_array(t)
    if t.dtype.kind not in "iu":
        raise TypeError(f"perplexity: labels `t` must be integers, not {t.dtype}")
    if y.ndim < 2 or t.shape != (y.shape[0], *y.shape[2:]):
        raise ValueError(
            f"perplexity: `y` of shape (batch, classes, ...) and `t` of shape (batch, ...) don't "
            f"fit (y.shape={y.shape}, t.shape={t.shape})"
        )
    with get_device_from_array(y) as device:
        xp = device.xp
        rows = xp.moveaxis(log_softmax_array(y, 1), 1, -1).reshape(-1, y.shape[1])
        flat = t.ravel()
        valid = flat != ignore_label
        chosen = rows[xp.arange(len(flat)), xp.where(valid, flat, 0)]
        loss = -xp.where(valid, chosen, 0).sum() / xp.maximum(valid.sum(), 1)
        return _result(xp.exp(loss), y)
