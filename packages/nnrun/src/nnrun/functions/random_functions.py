"""Functions with a part drawn at random: `zoneout`, `gaussian`, `gumbel_softmax`, dropconnect."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_device_from_array
from nnrun.config import config
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions.matmul import linear
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import expand_dims
from nnrun.functions.softmax import softmax
from nnrun.functions.unary import exp

__all__ = ["gaussian", "gumbel_softmax", "simplified_dropconnect", "zoneout"]

Array = Any


def _uniform(like: Any, shape: tuple[int, ...]) -> Array:
    """Numbers from 0 to 1 beside an array; of NumPy's global generator there."""
    array = as_array(like)
    with get_device_from_array(array) as device:
        if device.xp is np:
            return np.random.random_sample(shape).astype(array.dtype)
        return device.xp.random.random(shape, dtype=np.float32).astype(array.dtype)


def _normal(like: Array) -> Array:
    with get_device_from_array(like) as device:
        if device.xp is np:
            return np.asarray(np.random.standard_normal(like.shape)).astype(like.dtype)
        return device.xp.random.standard_normal(like.shape, dtype=np.float32).astype(like.dtype)


def zoneout(h: Variable | Array, x: Variable | Array, ratio: float = 0.5) -> Variable:
    """Keep the old value of some units, take the new one of others (Krueger et al., 2016).

    Outside training (``config.train`` false) both are blended by `ratio`.

    Parameters
    ----------
    h, x : Variable or array
        The old and the new values, of the same shape.
    ratio : float
        The probability of the old one.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes differ or `ratio` is not between 0 and 1.

    Examples
    --------
    >>> import numpy as np, nnrun, nnrun.functions as F
    >>> set(F.zoneout(np.zeros(9), np.ones(9)).array.tolist()) <= {0.0, 1.0}
    True
    >>> with nnrun.using_config("train", False):
    ...     F.zoneout(np.zeros(1), np.ones(1), 0.25)
    variable([0.75])
    """
    if h.shape != x.shape:
        raise ValueError(
            f"zoneout: `h` and `x` must have the same shape (h.shape={h.shape}, x.shape={x.shape})"
        )
    if not 0.0 <= ratio <= 1.0:
        raise ValueError(f"zoneout: `ratio` must be between 0 and 1, not {ratio}")
    h, x = as_variable(h), as_variable(x)
    if not config.train:
        return h * ratio + x * (1 - ratio)
    old = _uniform(h, h.shape)
    with get_device_from_array(old):
        old = (old < ratio).astype(h.dtype)
        new = 1 - old
    return h * old + x * new


def gaussian(
    mean: Variable | Array,
    ln_var: Variable | Array,
    *,
    eps: Array | None = None,
    return_eps: bool = False,
) -> Any:
    """Draw from normal distributions, differentiably by mean and variance (Kingma, 2013).

    Parameters
    ----------
    mean, ln_var : Variable or array
        The means and the logarithms of the variances, of the same shape.
    eps : array, optional
        What to use instead of drawing from the standard normal distribution.
    return_eps : bool
        Return that too.

    Returns
    -------
    Variable, or (Variable, array)

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.gaussian(np.array([1.0]), np.array([0.0]), eps=np.array([0.5]))
    variable([1.5])
    """
    mean, ln_var = as_variable(mean), as_variable(ln_var)
    if eps is None:
        eps = _normal(mean.array)
    if mean.shape != ln_var.shape or eps.shape != mean.shape:
        raise ValueError(
            f"gaussian: `mean`, `ln_var` and `eps` must have the same shape "
            f"(mean.shape={mean.shape}, ln_var.shape={ln_var.shape}, eps.shape={eps.shape})"
        )
    y = mean + exp(ln_var * 0.5) * eps
    return (y, eps) if return_eps else y


def gumbel_softmax(log_pi: Variable | Array, tau: float = 0.1, axis: int = 1) -> Variable:
    """Draw nearly one-hot vectors, differentiably by probabilities (Jang et al., 2016).

    Parameters
    ----------
    log_pi : Variable or array
        The logarithms of the probabilities, or scores.
    tau : float
        The temperature: the smaller, the nearer to one-hot.
    axis : int
        Along which.

    Returns
    -------
    Variable
        Of the shape of `log_pi`; 1 in sum along the axis.

    Raises
    ------
    ValueError
        If `tau` is not positive or there is no such axis.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.gumbel_softmax(np.log([[0.2, 0.8]])).array.sum().round(6)
    np.float64(1.0)
    """
    if tau <= 0:
        raise ValueError(f"gumbel_softmax: `tau` must be positive, not {tau}")
    scores = as_variable(log_pi)
    u = _uniform(scores, scores.shape)
    with get_device_from_array(u) as device:
        xp = device.xp
        # Away from 0 and 1, whose double logarithms are infinite.
        tiny = float(np.finfo(u.dtype).tiny)
        noise = -xp.log(-xp.log(xp.clip(u, tiny, 1 - float(np.finfo(u.dtype).epsneg))))
    return softmax((scores + noise) * (1.0 / tau), axis)


def simplified_dropconnect(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    ratio: float = 0.5,
    *,
    train: bool | None = None,
    mask: Array | None = None,
    use_batchwise_mask: bool = True,
) -> Variable:
    """Apply an affine map some of whose weights are dropped (Wan et al., 2013, simplified).

    Outside training (``config.train`` false) it is `linear`.

    Parameters
    ----------
    x : Variable or array, shape (batch, n_in)
    W : Variable or array, shape (n_out, n_in)
        The weights.
    b : Variable or array, shape (n_out,), optional
        The bias.
    ratio : float
        The probability of dropping, at least 0 and less than 1; kept weights are scaled up.
    train : bool, optional
        In place of ``config.train``.
    mask : array, shape (batch, n_out, n_in) or (n_out, n_in), optional
        1 for weights to keep, 0 for others, instead of drawing.
    use_batchwise_mask : bool
        Draw for each example rather than once.

    Returns
    -------
    Variable, shape (batch, n_out)

    Raises
    ------
    ValueError
        If shapes don't fit or `ratio` is out of range.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, W = np.ones((1, 2)), np.array([[1.0, 2.0]])
    >>> F.simplified_dropconnect(x, W, mask=np.array([[0.0, 1.0]]))
    variable([[4.]])
    """
    if not 0.0 <= ratio < 1.0:
        raise ValueError(
            f"simplified_dropconnect: `ratio` must be at least 0 and less than 1, not {ratio}"
        )
    if not (config.train if train is None else train):
        return linear(x, W, b)
    x, W = as_variable(x), as_variable(W)
    if x.ndim != 2 or W.ndim != 2 or x.shape[1] != W.shape[1]:
        raise ValueError(
            f"simplified_dropconnect: `x` of shape (batch, n_in) and `W` of shape (n_out, n_in) "
            f"don't fit (x.shape={x.shape}, W.shape={W.shape})"
        )
    each = (x.shape[0], *W.shape)
    if mask is None:
        shape = each if use_batchwise_mask else W.shape
        mask = _uniform(W, shape) >= ratio
    if mask.shape not in (each, W.shape):
        raise ValueError(
            f"simplified_dropconnect: `mask` must have shape {each} or {W.shape}, not {mask.shape}"
        )
    with get_device_from_array(mask):
        mask = mask.astype(W.dtype) * W.dtype.type(1.0 / (1.0 - ratio))
    if mask.ndim == 2:
        return linear(x, W * mask, b)
    y = sum_(expand_dims(x, 1) * (W * mask), 2)
    return y if b is None else y + b
