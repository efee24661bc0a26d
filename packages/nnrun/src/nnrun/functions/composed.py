"""Arithmetic made of simpler functions: products and sums along axes, differences, blends."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.functions._binary import pair_of_arrays
from nnrun.functions.broadcast import broadcast_to, sum_to
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat
from nnrun.functions.matmul import matmul
from nnrun.functions.rearranging import flip
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import flatten, moveaxis, reshape
from nnrun.functions.unary import fix, square

__all__ = [
    "arctan2",
    "batch_l2_norm_squared",
    "batch_matmul",
    "bias",
    "cumprod",
    "cumsum",
    "fmod",
    "linear_interpolate",
    "prod",
    "scale",
    "squared_difference",
]

Array = Any


# -- along axes ------------------------------------------------------------------


def prod(
    x: Variable | Array, axis: int | Sequence[int] | None = None, keepdims: bool = False
) -> Variable:
    """Multiply elements over axes.

    By halves, so that all derivatives are exact where elements are 0.

    Parameters
    ----------
    x : Variable or array
    axis : int or tuple of int, optional
        All axes by default.
    keepdims : bool
        Keep the axes, with length 1.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `x` has no such axis or one is given twice.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.prod(np.array([[1.0, 2.0], [3.0, 4.0]]), axis=1)
    variable([ 2., 12.])
    """
    x = as_variable(x)
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
    for a in axes:
        if not -x.ndim <= a < x.ndim:
            raise ValueError(f"prod: axis {a} is out of range for {x.ndim} dimensions")
    over = sorted(a % x.ndim for a in axes)
    if len(set(over)) < len(over):
        raise ValueError(f"prod: an axis is given twice: {tuple(axes)}")
    kept = [i for i in range(x.ndim) if i not in over]
    shape = [x.shape[i] for i in kept]
    count = 1
    for a in over:
        count *= x.shape[a]
    y = reshape(moveaxis(x, over, tuple(range(len(over)))), (count, *shape))
    while len(y.array) > 1:
        half = len(y.array) // 2
        product = get_item(y, slice(0, half)) * get_item(y, slice(half, 2 * half))
        odd = len(y.array) % 2
        y = concat([product, get_item(y, slice(-1, None))], 0) if odd else product
    if not count:
        y = as_variable(get_array_module(x.array).ones((1, *shape), x.dtype))
    return reshape(y, [1 if i in over else n for i, n in enumerate(x.shape)] if keepdims else shape)


class CumSum(FunctionNode):
    __slots__ = ("_axis",)

    def __init__(self, axis: int) -> None:
        self._axis = axis

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (get_array_module(inputs[0]).cumsum(inputs[0], axis=self._axis),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        backwards = CumSum(self._axis).apply((flip(grad_outputs[0], self._axis),))[0]
        return (flip(backwards, self._axis),)


def _along(x: Any, axis: int | None, name: str) -> tuple[Variable, int]:
    """An array and one of its axes; the elements in a row where none is named."""
    if axis is None:
        return flatten(x), 0
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for {x.ndim} dimensions")
    return as_variable(x), axis % x.ndim


def cumsum(x: Variable | Array, axis: int | None = None) -> Variable:
    """Return running sums.

    Parameters
    ----------
    x : Variable or array
    axis : int, optional
        By default the elements are taken as one row.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.cumsum(np.array([1.0, 2.0, 3.0]))
    variable([1., 3., 6.])
    """
    x, axis = _along(x, axis, "cumsum")
    return CumSum(axis).apply((x,))[0]


def cumprod(x: Variable | Array, axis: int | None = None) -> Variable:
    """Return running products.

    In as many steps as doublings reach the length, so that all derivatives are exact
    where elements are 0 (Hillis and Steele, 1986).

    Parameters
    ----------
    x : Variable or array
    axis : int, optional
        By default the elements are taken as one row.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.cumprod(np.array([1.0, 2.0, 3.0]))
    variable([1., 2., 6.])
    """
    y, axis = _along(x, axis, "cumprod")
    before = (slice(None),) * axis
    reach = 1
    while reach < y.shape[axis]:
        done = get_item(y, (*before, slice(0, reach)))
        earlier = get_item(y, (*before, slice(0, -reach)))
        y = concat([done, get_item(y, (*before, slice(reach, None))) * earlier], axis)
        reach *= 2
    return y


# -- of two arrays ---------------------------------------------------------------


class Fmod(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        return (get_array_module(*inputs).fmod(*inputs),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, divisor = self.get_retained_inputs()
        (gy,) = grad_outputs
        return tuple(
            [
                sum_to(gy * -fix(x / divisor), divisor.shape) if i else sum_to(gy, x.shape)
                for i in indexes
            ]
        )


def fmod(x: Any, divisor: Any) -> Variable:
    """Return what division towards 0 leaves, with the sign of `x`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.fmod(np.array([5.0, -5.0]), 3)
    variable([ 2., -2.])
    """
    return Fmod().apply(pair_of_arrays(x, divisor))[0]


class Arctan2(FunctionNode):
    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        return (get_array_module(*inputs).arctan2(*inputs),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        y, x = self.get_retained_inputs()
        g = grad_outputs[0] / (y * y + x * x)
        return tuple([sum_to(-g * y, x.shape) if i else sum_to(g * x, y.shape) for i in indexes])


def arctan2(x1: Any, x2: Any) -> Variable:
    """Return the angle of the points with heights `x1` over places `x2`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.arctan2(np.array([0.0, 1.0]), np.array([1.0, 0.0])).array.round(4)
    array([0.    , 1.5708])
    """
    return Arctan2().apply(pair_of_arrays(x1, x2))[0]


def squared_difference(x1: Any, x2: Any) -> Variable:
    """Return ``(x1 - x2) ** 2``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.squared_difference(np.array([1.0, 2.0]), np.array([1.0, 4.0]))
    variable([0., 4.])
    """
    return square(as_variable(x1) - x2)


def linear_interpolate(p: Variable | Array, x: Variable | Array, y: Variable | Array) -> Variable:
    """Blend: ``p * x + (1 - p) * y``.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.linear_interpolate(np.array([0.25]), np.array([4.0]), np.array([8.0]))
    variable([7.])
    """
    x = as_variable(x)
    return y + (x - y) * p


def _spread(y: Any, x: Any, axis: int, name: str) -> Variable:
    """`y` with its axes put to `axis` of `x` and after, broadcast."""
    end = axis + y.ndim
    if axis < 0 or x.shape[axis:end] != y.shape:
        raise ValueError(
            f"{name}: `y` must have the shape of axes of `x` from {axis} on (x.shape={x.shape}, "
            f"y.shape={y.shape})"
        )
    return broadcast_to(reshape(y, (1,) * axis + y.shape + (1,) * (x.ndim - end)), x.shape)


def scale(x: Variable | Array, y: Variable | Array, axis: int = 1) -> Variable:
    """Multiply `x` by `y`, whose axes are those of `x` from `axis` on.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.scale(np.ones((1, 2, 2)), np.array([2.0, 3.0]))
    variable([[[2., 2.],
               [3., 3.]]])
    """
    return as_variable(x) * _spread(y, x, axis, "scale")


def bias(x: Variable | Array, y: Variable | Array, axis: int = 1) -> Variable:
    """Add `y` to `x`, whose axes are those of `x` from `axis` on.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.bias(np.ones((1, 2, 2)), np.array([2.0, 3.0]))
    variable([[[3., 3.],
               [4., 4.]]])
    """
    return as_variable(x) + _spread(y, x, axis, "bias")


def batch_l2_norm_squared(x: Variable | Array) -> Variable:
    """Return the sum of squares of each row of a batch.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.batch_l2_norm_squared(np.array([[3.0, 4.0], [0.0, 1.0]]))
    variable([25.,  1.])
    """
    if x.ndim < 2:
        raise ValueError(f"batch_l2_norm_squared: `x` must have a batch axis (x.shape={x.shape})")
    return sum_(square(as_variable(x)), tuple(range(1, x.ndim)))


def batch_matmul(
    a: Variable | Array, b: Variable | Array, transa: bool = False, transb: bool = False
) -> Variable:
    """Multiply the matrices of two batches; a batch of vectors is one of columns.

    Parameters
    ----------
    a, b : Variable or array, shape (batch, m, k) and (batch, k, n)
    transa, transb : bool
        Exchange the last two axes first.

    Returns
    -------
    Variable, shape (batch, m, n)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.batch_matmul(np.ones((5, 2, 3)), np.ones((5, 3))).shape
    (5, 2, 1)
    """
    if a.ndim not in (2, 3) or b.ndim not in (2, 3) or a.shape[0] != b.shape[0]:
        raise ValueError(
            f"batch_matmul: `a` and `b` must be batches of as many matrices or vectors "
            f"(a.shape={a.shape}, b.shape={b.shape})"
        )
    a = reshape(a, (*a.shape, 1)) if a.ndim == 2 else a
    b = reshape(b, (*b.shape, 1)) if b.ndim == 2 else b
    return matmul(a, b, transa, transb)
