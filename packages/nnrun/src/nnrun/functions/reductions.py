"""Sums, means and extremes over axes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.backend import get_device_from_array
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions.broadcast import broadcast_to
from nnrun.functions.shape import reshape

__all__ = ["argmax", "argmin", "average", "max", "mean", "min", "sum"]

Array = Any
Axis = int | Sequence[int] | None


def _axes(axis: Axis, ndim: int, name: str) -> tuple[int, ...] | None:
    """`axis` as a sorted tuple of numbers from 0, None for all; or an error."""
    if axis is None:
        return None
    axes = (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -ndim <= a < ndim:
            raise ValueError(f"{name}: axis {a} is out of range for {ndim} dimensions")
    normal = sorted(a % ndim for a in axes)
    if len(set(normal)) != len(normal):
        raise ValueError(f"{name}: an axis is given twice in {axes}")
    return tuple(normal)


def _kept_shape(shape: tuple[int, ...], axes: tuple[int, ...] | None) -> tuple[int, ...]:
    """`shape` with the reduced axes kept as 1."""
    if axes is None:
        return (1,) * len(shape)
    return tuple([1 if i in axes else n for i, n in enumerate(shape)])


class _Reduction(FunctionNode):
    __slots__ = ("_axes", "_keepdims")

    def __init__(self, axes: tuple[int, ...] | None, keepdims: bool) -> None:
        self._axes = axes
        self._keepdims = keepdims

    def _kept(self, y: Variable, shape: tuple[int, ...]) -> Variable:
        """`y`, shaped like the result, with the reduced axes kept as 1."""
        return y if self._keepdims else reshape(y, _kept_shape(shape, self._axes))


class Sum(_Reduction):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].sum(axis=self._axes, keepdims=self._keepdims),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        shape = self.inputs[0].shape
        return (broadcast_to(self._kept(grad_outputs[0], shape), shape),)


class _Extreme(_Reduction):
    """Gradients go to every element that equals the extreme."""

    __slots__ = ()
    method: str

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0,))
        self.retain_outputs((0,))
        return (getattr(inputs[0], self.method)(axis=self._axes, keepdims=self._keepdims),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x = self.get_retained_inputs()[0]
        y = self.get_retained_outputs()[0]
        hit = (x.array == self._kept(y, x.shape).array).astype(x.dtype)
        return (broadcast_to(self._kept(grad_outputs[0], x.shape), x.shape) * hit,)


class Max(_Extreme):
    __slots__ = ()
    method = "max"


class Min(_Extreme):
    __slots__ = ()
    method = "min"


def sum(x: Variable | Array, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Sum over axes.

    Parameters
    ----------
    x : Variable or array
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Keep the summed axes as 1.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.sum(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    variable([4., 6.])
    """
    return Sum(_axes(axis, x.ndim, "sum"), keepdims).apply((x,))[0]


def max(x: Variable | Array, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the largest elements over axes; the arguments are those of `sum`.

    The gradient goes to every element that is equal to the largest.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.max(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    variable([3., 4.])
    """
    return Max(_axes(axis, x.ndim, "max"), keepdims).apply((x,))[0]


def min(x: Variable | Array, axis: Axis = None, keepdims: bool = False) -> Variable:
    """Return the smallest elements over axes; the arguments are those of `sum`.

    The gradient goes to every element that is equal to the smallest.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.min(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    variable([1., 3.])
    """
    return Min(_axes(axis, x.ndim, "min"), keepdims).apply((x,))[0]


def average(
    x: Variable | Array,
    axis: Axis = None,
    weights: Variable | Array | None = None,
    keepdims: bool = False,
) -> Variable:
    """Average over axes, weighted if so wished.

    Parameters
    ----------
    x : Variable or array
    axis : int or tuple of int, optional
        All axes by default.
    weights : Variable or array, optional
        Of the shape of `x`, or of its reduced axes alone.
    keepdims : bool
        Keep the averaged axes as 1.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If the weights' shape does not suit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.average(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=0)
    variable([2., 3.])
    """
    axes = _axes(axis, x.ndim, "average")
    reduced = range(x.ndim) if axes is None else axes
    if weights is None:
        count = 1
        for a in reduced:
            count *= x.shape[a]
        # 1 / 0 is the array's matter (NaN), not Python's (an error).
        return Sum(axes, keepdims).apply((x,))[0] * (1.0 / count if count else float("nan"))
    w = as_variable(weights)
    if w.shape != x.shape:
        if w.shape != tuple(x.shape[a] for a in reduced):
            raise ValueError(
                f"average: `weights` has shape {w.shape}, which suits neither `x` {x.shape} nor "
                f"its axes {tuple(reduced)}"
            )
        kept = tuple(n if i in reduced else 1 for i, n in enumerate(x.shape))
        w = broadcast_to(reshape(w, kept), x.shape)
    return sum(as_variable(x) * w, axes, keepdims) / sum(w, axes, keepdims)


def mean(
    x: Variable | Array,
    axis: Axis = None,
    weights: Variable | Array | None = None,
    keepdims: bool = False,
) -> Variable:
    """Average over axes: another name of `average`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.mean(np.array([1.0, 2.0]))
    variable(1.5)
    """
    return average(x, axis, weights, keepdims)


def argmax(x: Variable | Array, axis: int | None = None) -> Variable:
    """Return the place of the largest element along an axis; not differentiable.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.argmax(np.array([[1.0, 3.0, 2.0]]), axis=1).array.tolist()
    [1]
    """
    array = as_array(x)
    with get_device_from_array(array) as device:
        return Variable(device.xp.asarray(array.argmax(axis=axis)), requires_grad=False)


def argmin(x: Variable | Array, axis: int | None = None) -> Variable:
    """Return the place of the smallest element along an axis; not differentiable.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.argmin(np.array([[1.0, 3.0, 2.0]]), axis=1).array.tolist()
    [0]
    """
    array = as_array(x)
    with get_device_from_array(array) as device:
        return Variable(device.xp.asarray(array.argmin(axis=axis)), requires_grad=False)
