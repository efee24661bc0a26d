"""Relatives of relu and sigmoid: smooth, clipped, random and learnt ones."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.config import config
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions.activations import clipped_relu, elu, leaky_relu, relu, softplus, tanh
from nnrun.functions.arithmetic import absolute
from nnrun.functions.minmax import clip
from nnrun.functions.shape import reshape
from nnrun.functions.special import ndtr

__all__ = [
    "gelu",
    "hard_sigmoid",
    "mish",
    "prelu",
    "relu6",
    "rrelu",
    "selu",
    "softsign",
]

Array = Any


def relu6(x: Variable | Array) -> Variable:
    """Return ``min(max(x, 0), 6)``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.relu6(np.array([-1.0, 2.0, 30.0]))
    variable([0., 2., 6.])
    """
    return clipped_relu(x, 6.0)


def selu(
    x: Variable | Array, alpha: float = 1.6732632423543772, scale: float = 1.0507009873554805
) -> Variable:
    """Return ``scale * elu(x, alpha)``, which keeps mean and variance (Klambauer et al., 2017).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.selu(np.array([0.0, 1.0])).array.round(4)
    array([0.    , 1.0507])
    """
    return elu(x, alpha) * scale


def softsign(x: Variable | Array) -> Variable:
    """Return ``x / (1 + abs(x))``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.softsign(np.array([0.0, -3.0]))
    variable([ 0.  , -0.75])
    """
    x = as_variable(x)
    return x / (absolute(x) + 1)


def hard_sigmoid(x: Variable | Array) -> Variable:
    """Return ``0.2 * x + 0.5``, limited to between 0 and 1.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.hard_sigmoid(np.array([-9.0, 0.0, 9.0]))
    variable([0. , 0.5, 1. ])
    """
    return clip(as_variable(x) * 0.2 + 0.5, 0.0, 1.0)


def mish(x: Variable | Array) -> Variable:
    """Return ``x * tanh(softplus(x))`` (Misra, 2019).

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.mish(np.array([0.0, 100.0]))
    variable([  0., 100.])
    """
    x = as_variable(x)
    return x * tanh(softplus(x))


def gelu(x: Variable | Array, approximate: bool = False) -> Variable:
    """Return ``x * ndtr(x)``: `x` times the normal distribution function (Hendrycks, 2016).

    Parameters
    ----------
    x : Variable or array
    approximate : bool
        By way of tanh, as some trained networks have it.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.gelu(np.array([0.0, 1.0])).array.round(4)
    array([0.    , 0.8413])
    """
    x = as_variable(x)
    if not approximate:
        return x * ndtr(x)
    inner = (x + x * x * x * 0.044715) * math.sqrt(2 / math.pi)
    return x * (tanh(inner) * 0.5 + 0.5)


def prelu(x: Variable | Array, W: Variable | Array) -> Variable:
    """Return `x` where it is positive, ``W * x`` elsewhere, W learnt (He et al., 2015).

    Parameters
    ----------
    x : Variable or array, shape (batch, ...)
    W : Variable or array
        Of the shape of the first axes of `x` after that of the batch.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.prelu(np.array([[-1.0, -1.0]]), np.array([0.5, 0.25]))
    variable([[-0.5 , -0.25]])
    """
    x, W = as_variable(x), as_variable(W)
    if x.shape[1 : 1 + W.ndim] != W.shape:
        raise ValueError(
            f"prelu: `W` must have the shape of axes of `x` from 1 on (x.shape={x.shape}, "
            f"W.shape={W.shape})"
        )
    slope = reshape(W, (1, *W.shape, *[1] * (x.ndim - W.ndim - 1)))
    return relu(x) - relu(-x) * slope


def rrelu(
    x: Variable | Array,
    l: float = 1.0 / 8,
    u: float = 1.0 / 3,
    *,
    r: Array | None = None,
    return_r: bool = False,
) -> Any:
    """Return `x` where it is positive, ``r * x`` elsewhere, r drawn anew for each element.

    Outside training (``config.train`` false) r is the mean of `l` and `u`
    (Xu et al., 2015).

    Parameters
    ----------
    x : Variable or array
    l, u : float
        The range that r is drawn from.
    r : array, optional
        What to use instead of drawing; of the shape of `x`.
    return_r : bool
        Return r too (None outside training).

    Returns
    -------
    Variable, or (Variable, array)

    Raises
    ------
    ValueError
        If the range is empty or `r` has another shape.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.rrelu(np.array([-1.0, 2.0]), r=np.array([0.5, 0.5]))
    variable([-0.5,  2. ])
    """
    if not 0.0 <= l <= u:
        raise ValueError(f"rrelu: 0 <= l <= u is wanted, not l={l}, u={u}")
    if not config.train:
        y = leaky_relu(x, (l + u) / 2)
        return (y, None) if return_r else y
    array = as_array(x)
    if r is not None and r.shape != array.shape:
        raise ValueError(
            f"rrelu: `r` must have the shape of `x` (r.shape={r.shape}, x.shape={array.shape})"
        )
    with get_device_from_array(array) as device:
        if r is None:
            xp = device.xp
            # Of the global generator on NumPy, so that numpy.random.seed rules.
            r = (
                np.random.random_sample(array.shape)
                if xp is np
                else xp.random.random(array.shape, dtype=np.float32)
            )
            r = l + r * (u - l)
        r = r.astype(array.dtype, copy=False)
        factor = get_array_module(array).where(array >= 0, array.dtype.type(1), r)
    y = as_variable(x) * factor
    return (y, r) if return_r else y
