"""Losses with a kink or a margin: `huber_loss`, `hinge`, `contrastive`, `triplet`, clustering."""

from __future__ import annotations

import math
from typing import Any

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.core import Variable, as_array, as_variable
from nnrun.functions._reduce import check_reduce, reduced
from nnrun.functions.activations import relu
from nnrun.functions.arithmetic import absolute
from nnrun.functions.minmax import minimum
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape
from nnrun.functions.unary import sqrt, square

__all__ = [
    "contrastive",
    "discriminative_margin_based_clustering_loss",
    "hinge",
    "huber_loss",
    "triplet",
]

Array = Any


def _check_shapes(name: str, **arrays: Any) -> None:
    shapes = {what: x.shape for what, x in arrays.items()}
    if len(set(shapes.values())) > 1:
        *firsts, last = (f"`{what}`" for what in shapes)
        raise ValueError(
            f"{name}: {', '.join(firsts)} and {last} must have the same shape ("
            + ", ".join(f"{what}.shape={shape}" for what, shape in shapes.items())
            + ")"
        )


def huber_loss(
    x: Variable | Array,
    t: Variable | Array,
    delta: float,
    reduce: str = "sum_along_second_axis",
) -> Variable:
    """Compare by squares where near and by distances where far (Huber, 1964).

    ``(x - t) ** 2 / 2`` where ``abs(x - t) < delta``, else
    ``delta * (abs(x - t) - delta / 2)``.

    Parameters
    ----------
    x, t : Variable or array
        Of the same shape.
    delta : float
        Where the one goes over into the other.
    reduce : {'sum_along_second_axis', 'no'}
        Sum over axis 1, or return the loss of each element.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the shapes differ or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.huber_loss(np.array([[1.0, 3.0]]), np.zeros((1, 2)), 1.0)
    variable([3.])
    """
    check_reduce(reduce, "huber_loss", ("sum_along_second_axis", "no"))
    _check_shapes("huber_loss", x=x, t=t)
    distance = absolute(as_variable(x) - t)
    near = minimum(distance, delta)
    loss = near * (distance - near * 0.5)
    return loss if reduce == "no" else sum_(loss, 1)


def hinge(
    x: Variable | Array, t: Variable | Array, norm: str = "L1", reduce: str = "mean"
) -> Variable:
    """Ask each label's score to be above 1 and all others to be below -1.

    Parameters
    ----------
    x : Variable or array, shape (batch, classes)
        Scores.
    t : Variable or array, shape (batch,)
        Integer labels.
    norm : {'L1', 'L2'}
        Sum what is missing over classes, or its squares.
    reduce : {'mean', 'no'}
        Over the batch (divided by its size); ``no`` returns the loss of each score.

    Returns
    -------
    Variable
        Of shape ``()``, or that of `x`.

    Raises
    ------
    ValueError
        If the shapes don't fit or an option is unknown.
    TypeError
        If the labels are not integers.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.hinge(np.array([[2.0, -0.5]]), np.array([0]))
    variable(0.5)
    """
    check_reduce(reduce, "hinge")
    if norm not in ("L1", "L2"):
        raise ValueError(f"hinge: `norm` must be 'L1' or 'L2', not {norm!r}")
    t = as_array(t)
    if t.dtype.kind not in "iu":
        raise TypeError(f"hinge: labels `t` must be integers, not {t.dtype}")
    if x.ndim != 2 or t.shape != x.shape[:1]:
        raise ValueError(
            f"hinge: `x` must be a matrix and `t` have one label per row (x.shape={x.shape}, "
            f"t.shape={t.shape})"
        )
    with get_device_from_array(t) as device:
        sign = 1 - 2 * (t[:, None] == device.xp.arange(x.shape[1])).astype(x.dtype)
    missing = relu(as_variable(x) * sign + 1)
    loss = missing if norm == "L1" else square(missing)
    return loss if reduce == "no" else sum_(loss) * (1.0 / max(x.shape[0], 1))


def contrastive(
    x0: Variable | Array,
    x1: Variable | Array,
    y: Variable | Array,
    margin: float = 1,
    reduce: str = "mean",
) -> Variable:
    """Draw like pairs together and push unlike ones apart (Hadsell et al., 2006).

    ``(y * d ** 2 + (1 - y) * max(margin - d, 0) ** 2) / 2`` with the Euclidean
    distance d.

    Parameters
    ----------
    x0, x1 : Variable or array, shape (batch, n)
        The pairs.
    y : Variable or array of int, shape (batch,)
        1 for like pairs, 0 for unlike.
    margin : float
        How far apart unlike pairs are to be.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each pair.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit, `margin` is not positive or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.contrastive(np.array([[3.0, 4.0]]), np.zeros((1, 2)), np.array([1]))
    variable(12.5)
    """
    check_reduce(reduce, "contrastive")
    if margin <= 0:
        raise ValueError(f"contrastive: `margin` must be positive, not {margin}")
    _check_shapes("contrastive", x0=x0, x1=x1)
    y = as_array(y)
    if x0.ndim != 2 or y.shape != x0.shape[:1]:
        raise ValueError(
            f"contrastive: `x0` must be a matrix and `y` have one element per row "
            f"(x0.shape={x0.shape}, y.shape={y.shape})"
        )
    with get_device_from_array(y):
        alike = y.astype(x0.dtype)
    squared = sum_(square(as_variable(x0) - x1), 1)
    # The root has no derivative at 0: there the distance is taken for constant.
    zero = (squared.array == 0).astype(x0.dtype)
    distance = sqrt(squared + zero) * (1 - zero)
    loss = (alike * squared + (1 - alike) * square(relu(margin - distance))) * 0.5
    return reduced(loss, reduce)


def triplet(
    anchor: Variable | Array,
    positive: Variable | Array,
    negative: Variable | Array,
    margin: float = 0.2,
    reduce: str = "mean",
) -> Variable:
    """Ask an anchor to be nearer to its like than to its unlike (Schroff et al., 2015).

    ``max(d(anchor, positive) - d(anchor, negative) + margin, 0)`` with squared
    Euclidean distances.

    Parameters
    ----------
    anchor, positive, negative : Variable or array, shape (batch, n)
        The triples.
    margin : float
        How much nearer.
    reduce : {'mean', 'no'}
        ``no`` returns the loss of each triple.

    Returns
    -------
    Variable
        Of shape ``()`` or (batch,).

    Raises
    ------
    ValueError
        If the shapes don't fit, `margin` is not positive or `reduce` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.triplet(np.array([[0.0]]), np.array([[2.0]]), np.array([[1.0]]), margin=1)
    variable(4.)
    """
    check_reduce(reduce, "triplet")
    if margin <= 0:
        raise ValueError(f"triplet: `margin` must be positive, not {margin}")
    _check_shapes("triplet", anchor=anchor, positive=positive, negative=negative)
    if anchor.ndim != 2:
        raise ValueError(f"triplet: `anchor` must be a matrix (anchor.shape={anchor.shape})")
    anchor = as_variable(anchor)
    difference = square(anchor - positive) - square(anchor - negative)
    return reduced(relu(sum_(difference, 1) + margin), reduce)


def discriminative_margin_based_clustering_loss(
    embeddings: Variable | Array,
    labels: Variable | Array,
    delta_v: float,
    delta_d: float,
    max_embedding_dim: int,
    norm: int = 1,
    alpha: float = 1.0,
    beta: float = 1.0,
    gamma: float = 0.001,
) -> tuple[Variable, Variable, Variable]:
    """Cluster pixels of instances (De Brabandere et al., 2017).

    Parameters
    ----------
    embeddings : Variable or array, shape (batch, dimensions, ...)
        A vector for each pixel.
    labels : Variable or array of int, shape (batch, ...)
        The instance of each pixel; 0 is background, which counts nothing.
    delta_v, delta_d : float
        Pixels may be as far as `delta_v` from their mean; means are to be
        ``2 * delta_d`` apart.
    max_embedding_dim : int
        The dimensions that embeddings may have at most.
    norm : {1, 2}
        Of the distances.
    alpha, beta, gamma : float
        Weights of the three results.

    Returns
    -------
    variance, distance, regularisation : Variable, shape ()
        The means over the batch: pixels far from their mean, means close together,
        means far from 0.

    Raises
    ------
    ValueError
        If the shapes don't fit or `norm` is unknown.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> x, t = np.array([[[0.0, 2.0, 9.0]]]), np.array([[1, 1, 2]])
    >>> losses = F.discriminative_margin_based_clustering_loss(x, t, 0.5, 1.0, 1, gamma=1.0)
    >>> [v.item() for v in losses]
    [0.125, 0.0, 5.0]
    """
    name = "discriminative_margin_based_clustering_loss"
    x, t = as_variable(embeddings), as_array(labels)
    if norm not in (1, 2):
        raise ValueError(f"{name}: `norm` must be 1 or 2, not {norm!r}")
    if x.ndim < 3 or t.shape != (x.shape[0], *x.shape[2:]):
        raise ValueError(
            f"{name}: `labels` must have the shape of `embeddings` without axis 1 "
            f"(embeddings.shape={x.shape}, labels.shape={t.shape})"
        )
    if x.shape[1] > max_embedding_dim:
        raise ValueError(
            f"{name}: `embeddings` have {x.shape[1]} dimensions, more than "
            f"max_embedding_dim={max_embedding_dim}"
        )
    batch, dims = x.shape[:2]
    places = math.prod(x.shape[2:])
    x, t = reshape(x, (batch, dims, places)), t.reshape(batch, places)
    with get_device_from_array(t):
        instances = int(t.max()) if t.size else 0
        xp = get_array_module(x.array)
        ids = xp.arange(1, instances + 1)
        # (batch, instances, pixels): which pixels are whose.
        member = (t[:, None, :] == ids[None, :, None]).astype(x.dtype)
        pixels = member.sum(axis=2)
        present = (pixels > 0).astype(x.dtype)
        count = xp.maximum(present.sum(axis=1), 1)
        share = member / xp.maximum(pixels, 1)[:, :, None]
        off_diagonal = present[:, :, None] * present[:, None, :] * (1 - xp.eye(instances))
        off_diagonal = off_diagonal.astype(x.dtype)
        pairs = xp.maximum(count * (count - 1), 1)
    from nnrun.functions.matmul import matmul

    means = matmul(share, x, transb=True)  # (batch, instances, dims)
    centres = matmul(means, member, transa=True)  # (batch, dims, pixels)
    away = square(relu(_length(x - centres, 1, norm) - delta_v))  # (batch, pixels)
    variance = sum_(away * (share / count[:, None, None]).sum(axis=1))
    apart = _length(
        reshape(means, (batch, instances, 1, dims)) - reshape(means, (batch, 1, instances, dims)),
        3,
        norm,
    )
    near = square(relu(2 * delta_d - apart)) * (off_diagonal / pairs[:, None, None])
    far = _length(means, 2, norm) * (present / count[:, None])
    scale = 1.0 / max(batch, 1)
    return variance * (alpha * scale), sum_(near) * (beta * scale), sum_(far) * (gamma * scale)


def _length(x: Variable, axis: int, norm: int) -> Variable:
    """The norm along an axis, whose derivative is 0 at 0."""
    if norm == 1:
        return sum_(absolute(x), axis)
    squared = sum_(square(x), axis)
    zero = (squared.array == 0).astype(x.dtype)
    return sqrt(squared + zero) * (1 - zero)
