"""`accuracy`: the share of labels that scores get right.  Not differentiable."""

from __future__ import annotations

from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import Variable, as_array

__all__ = ["accuracy"]

Array = Any


def accuracy(y: Variable | Array, t: Variable | Array, ignore_label: int | None = None) -> Variable:
    """Return the share of labels equal to the class of the largest score.

    Parameters
    ----------
    y : Variable or array, shape (batch, classes, ...)
        Scores.
    t : Variable or array, shape (batch, ...)
        Integer labels.
    ignore_label : int, optional
        Labels equal to it count nothing.

    Returns
    -------
    Variable
        Of shape ``()`` and the dtype of `y`; it requires no gradient.  0 where
        nothing counts.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.accuracy(np.array([[0.1, 0.9], [0.8, 0.2]]), np.array([1, 1]))
    variable(0.5)
    """
    y, t = as_array(y), as_array(t)
    xp = get_array_module(y)
    if t.dtype.kind not in "iu":
        raise TypeError(f"accuracy: labels `t` must be integers, not {t.dtype}")
    if y.ndim < 2 or t.size * y.shape[1] != y.size or len(t) != len(y):
        raise ValueError(
            f"accuracy: `y` of shape (batch, classes, ...) and `t` of shape (batch, ...) don't fit "
            f"(y.shape={y.shape}, t.shape={t.shape})"
        )
    with get_device_from_array(y):
        right = y.argmax(axis=1).reshape(t.shape) == t
        if ignore_label is None:
            share = right.astype(y.dtype).sum() * (1.0 / max(t.size, 1))
        else:
            valid = t != ignore_label
            share = (right & valid).sum() / xp.maximum(valid.sum(), 1)
        return Variable(xp.asarray(share, dtype=y.dtype), requires_grad=False)
