"""`softmax_cross_entropy`: softmax and the negative log-likelihood of labels, as one."""

from __future__ import annotations

from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device, get_device_from_array, is_array
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.cuda import elementwise
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import moveaxis, reshape
from nnrun.functions.softmax import log_softmax, log_softmax_array, softmax

__all__ = ["softmax_cross_entropy"]

Array = Any


class SoftmaxCrossEntropy(FunctionNode):
    """The input as a matrix, one row per label; the labels are no input of the graph.

    `weight` says how much each row counts, 0 where its label is to be ignored.
    """

    __slots__ = ("_labels", "_log_y", "_scale", "_weight")

    def __init__(self, labels: Array, weight: Array, scale: Any) -> None:
        self._labels = labels
        self._weight = weight
        self._scale = scale  # a number or 0-d array that multiplies the sum; None for no sum

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        self.retain_inputs((0,))
        log_y = self._log_y = log_softmax_array(x, 1)
        if isinstance(x, np.ndarray):
            loss = -log_y[np.arange(len(x)), self._labels]
            # Not a product alone: an infinite loss at an ignored row counts nothing.
            loss = np.where(self._weight != 0, loss, loss.dtype.type(0)) * self._weight
        else:
            loss = elementwise(
                "S t, T w, raw T log_y, int64 classes",
                "T loss",
                "loss = w != (T)0 ? -log_y[i * classes + t] * w : (T)0",
                "softmax_xent_fwd",
            )(self._labels, self._weight, log_y, x.shape[1])
        if self._scale is None:
            return (loss,)
        return (loss.sum() * self._scale,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        (x,) = self.get_retained_inputs()
        return SoftmaxCrossEntropyGrad(self).apply((x, grad_outputs[0]))

    def factor(self) -> Array:
        """What multiplies the gradient of each row."""
        return self._weight if self._scale is None else self._weight * self._scale


class SoftmaxCrossEntropyGrad(FunctionNode):
    """``(softmax(x) - onehot(t)) * gy * factor``, rows weighted; one kernel on ndgpu."""

    __slots__ = ("_of",)

    def __init__(self, of: SoftmaxCrossEntropy) -> None:
        self._of = of

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        x, gy = inputs
        of = self._of
        self.retain_inputs((0, 1))
        rows = of.factor() * gy
        if isinstance(x, np.ndarray):
            gx = np.exp(of._log_y)
            gx[np.arange(len(x)), of._labels] -= 1
            gx *= rows[:, None]
            return (gx,)
        gx = elementwise(
            "T log_y, raw S t, raw T factor, int64 classes",
            "T gx",
            "long long row = i / classes;"
            "gx = factor[row] * (exp(log_y) - (T)(i - row * classes == t[row] ? 1 : 0))",
            "softmax_xent_bwd",
        )(of._log_y, of._labels, rows, x.shape[1])
        return (gx,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        # The same, made of differentiable functions, of which this is the gradient.
        x, gy = self.get_retained_inputs()
        of = self._of
        (g,) = grad_outputs
        xp = get_array_module(x.array)
        onehot = (of._labels[:, None] == xp.arange(x.shape[1])).astype(x.dtype)
        p = softmax(x)
        gy_rows = gy * of.factor()
        grads = []
        for i in indexes:
            if i == 0:
                gp = g * p
                centred = gp - p * broadcast_to(sum_(gp, 1, keepdims=True), x.shape)
                grads.append(centred * broadcast_to(reshape(gy_rows, (-1, 1)), x.shape))
            else:
                by_row = sum_(g * (p - onehot), 1) * of.factor()
                grads.append(by_row if of._scale is None else sum_(by_row))
        return tuple(grads)


def softmax_cross_entropy(
    x: Variable | Array,
    t: Variable | Array,
    normalize: bool = True,
    cache_score: bool = True,
    class_weight: Array | None = None,
    ignore_label: int = -1,
    reduce: str = "mean",
    enable_double_backprop: bool = False,
    soft_target_loss: str = "cross-entropy",
    label_smoothing: float = 0.0,
) -> Variable:
    """Compare scores with labels: the loss of classification.

    Parameters
    ----------
    x : Variable or array, shape (batch, classes, ...)
        Scores, not yet softmaxed.
    t : Variable or array, shape (batch, ...)
        Integer labels; or, with the shape of `x`, probabilities.
    normalize : bool
        With ``reduce='mean'``: divide by the number of labels that count rather
        than by the batch size.
    cache_score : bool
        Accepted for Chainer's sake; the scores are always kept.
    class_weight : array, shape (classes,), optional
        How much each class counts.
    ignore_label : int
        Labels equal to it count nothing.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each label.
    enable_double_backprop : bool
        Accepted for Chainer's sake; it can always be differentiated twice.
    soft_target_loss : {'cross-entropy', 'kl-divergence'}
        What probabilities in `t` are compared by.
    label_smoothing : float
        How much of each label's probability is spread evenly over all classes.

    Returns
    -------
    Variable
        Of shape ``()``, or that of `t`.

    Raises
    ------
    ValueError
        If shapes don't fit, a label is out of range or an option is unknown.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x = np.array([[0.0, 0.0], [0.0, 800.0]])
    >>> F.softmax_cross_entropy(x, np.array([0, 1])).item()  # doctest: +ELLIPSIS
    0.3465...
    """
    if reduce not in ("mean", "no"):
        raise ValueError(f"softmax_cross_entropy: `reduce` must be 'mean' or 'no', not {reduce!r}")
    if not 0.0 <= label_smoothing < 1.0:
        raise ValueError(
            "softmax_cross_entropy: `label_smoothing` must be at least 0 and less than 1, "
            f"not {label_smoothing}"
        )
    x = as_variable(x)
    t = as_array(t)
    if x.ndim < 2:
        raise ValueError(f"softmax_cross_entropy: `x` needs a class axis 1 (x.shape={x.shape})")
    if t.dtype.kind == "f":
        if label_smoothing:
            with get_device_from_array(t):
                t = t * (1.0 - label_smoothing) + label_smoothing / x.shape[1]
        return _soft(x, t, class_weight, reduce, soft_target_loss)
    if t.dtype.kind not in "iu":
        raise TypeError(f"softmax_cross_entropy: labels `t` must be integers, not {t.dtype}")
    if t.shape != x.shape[:1] + x.shape[2:]:
        raise ValueError(
            f"softmax_cross_entropy: `t` must have shape {x.shape[:1] + x.shape[2:]} "
            f"(t.shape={t.shape}, x.shape={x.shape})"
        )
    classes = x.shape[1]
    # On ndgpu the check would wait for the device at every step.
    if isinstance(t, np.ndarray) or config.debug:
        _check_labels(t, classes, ignore_label)
    rows = x if x.ndim == 2 else reshape(moveaxis(x, 1, -1), (-1, classes))
    if class_weight is not None and (
        not is_array(class_weight) or class_weight.shape != (classes,)
    ):
        raise ValueError(
            f"softmax_cross_entropy: `class_weight` must be an array of shape ({classes},)"
        )
    with get_device_from_array(x.array) as device:
        xp = device.xp
        flat = t.reshape(-1)
        valid = flat != ignore_label
        labels = xp.where(valid, flat, flat.dtype.type(0))  # safe to index with
        weight = valid.astype(x.dtype)
        scale: Any = None
        if reduce == "mean" and normalize:
            # Stays on the device: asking for the number would wait for it.
            scale = xp.asarray(1.0 / xp.maximum(valid.sum(), 1), dtype=x.dtype)
        elif reduce == "mean":
            scale = 1.0 / max(len(x), 1)
        if class_weight is not None:
            weight = weight * class_weight.astype(x.dtype)[labels]
    y = SoftmaxCrossEntropy(labels, weight, scale).apply((rows,))[0]
    if label_smoothing:
        even = sum_(log_softmax(rows), 1) * (weight * (-1.0 / classes))
        even = even if scale is None else sum_(even) * scale
        y = y * (1.0 - label_smoothing) + even * label_smoothing
    return reshape(y, t.shape) if reduce == "no" else y


def _check_labels(t: Array, classes: int, ignore_label: int) -> None:
    t = get_device("numpy").send(t)
    bad = (t != ignore_label) & ((t < 0) | (t >= classes))
    if bad.any():
        place = tuple(int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"softmax_cross_entropy: label {t[place]} at {place} is not one of {classes} classes "
            f"(nor ignore_label={ignore_label})"
        )


def _soft(
    x: Variable, t: Array, class_weight: Array | None, reduce: str, soft_target_loss: str
) -> Variable:
    """The loss against probabilities."""
    if t.shape != x.shape:
        raise ValueError(
            f"softmax_cross_entropy: probabilities `t` must have the shape of `x` "
            f"(t.shape={t.shape}, x.shape={x.shape})"
        )
    if soft_target_loss not in ("cross-entropy", "kl-divergence"):
        raise ValueError(
            "softmax_cross_entropy: `soft_target_loss` must be 'cross-entropy' or "
            f"'kl-divergence', not {soft_target_loss!r}"
        )
    log_y = log_softmax(x)
    product = t * -log_y
    with get_device_from_array(t) as device:
        if soft_target_loss == "kl-divergence":
            # 0 log 0 is 0.
            product = product + t * device.xp.log(device.xp.where(t > 0, t, t.dtype.type(1)))
        if class_weight is not None:
            class_weight = class_weight.reshape((1, -1) + (1,) * (x.ndim - 2)).astype(x.dtype)
            product = product * class_weight
    loss = sum_(product, 1)
    return loss if reduce == "no" else sum_(loss) * (1.0 / max(loss.size, 1))
