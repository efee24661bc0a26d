"""The same elements in another shape: reshape, transpose and their kin."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.core import FunctionNode, Variable, as_variable

__all__ = ["expand_dims", "flatten", "moveaxis", "reshape", "squeeze", "swapaxes", "transpose"]

Array = Any


class Reshape(FunctionNode):
    __slots__ = ("_shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].reshape(self._shape),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (reshape(grad_outputs[0], self.inputs[0].shape),)


class Transpose(FunctionNode):
    __slots__ = ("_axes",)

    def __init__(self, axes: tuple[int, ...] | None) -> None:
        self._axes = axes

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (inputs[0].transpose(self._axes),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        back = None
        if self._axes is not None:
            back = tuple(sorted(range(len(self._axes)), key=self._axes.__getitem__))
        return Transpose(back).apply(grad_outputs)


def _axis(axis: int, ndim: int, name: str) -> int:
    if not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is out of range for {ndim} dimensions")
    return axis % ndim


def reshape(x: Variable | Array, shape: int | Sequence[int]) -> Variable:
    """Give the elements another shape.

    Parameters
    ----------
    x : Variable or array
    shape : tuple of int
        One of them may be -1: what remains.

    Returns
    -------
    Variable
        A view where possible.

    Raises
    ------
    ValueError
        If the number of elements differs.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.reshape(np.array([1.0, 2.0, 3.0, 4.0]), (2, -1))
    variable([[1., 2.],
              [3., 4.]])
    """
    wanted = (int(shape),) if isinstance(shape, (int, np.integer)) else tuple(shape)
    if x.shape == wanted:
        return as_variable(x)
    unknown = wanted.count(-1)
    known = math.prod(n for n in wanted if n != -1)
    if unknown > 1 or (known != x.size if not unknown else (x.size % known if known else x.size)):
        raise ValueError(f"reshape: `x` has shape {x.shape} ({x.size} elements), wanted {wanted}")
    return Reshape(wanted).apply((x,))[0]


def flatten(x: Variable | Array) -> Variable:
    """Return all elements in a row.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.flatten(np.zeros((2, 3))).shape
    (6,)
    """
    return reshape(x, (x.size,))


def transpose(x: Variable | Array, axes: Sequence[int] | None = None) -> Variable:
    """Change the order of the axes.

    Parameters
    ----------
    x : Variable or array
    axes : tuple of int, optional
        For each axis of the result, that of `x`; the reverse order by default.

    Returns
    -------
    Variable
        A view.

    Raises
    ------
    ValueError
        If `axes` does not name each axis once.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.transpose(np.zeros((2, 3, 4)), (2, 0, 1)).shape
    (4, 2, 3)
    """
    if axes is not None:
        normal = tuple(_axis(a, x.ndim, "transpose") for a in axes)
        if sorted(normal) != list(range(x.ndim)):
            raise ValueError(f"transpose: axes {tuple(axes)} must name each of {x.ndim} axes once")
        return Transpose(normal).apply((x,))[0]
    return Transpose(None).apply((x,))[0]


def swapaxes(x: Variable | Array, axis1: int, axis2: int) -> Variable:
    """Exchange two axes.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.swapaxes(np.zeros((2, 3, 4)), 0, 2).shape
    (4, 3, 2)
    """
    order = list(range(x.ndim))
    a, b = _axis(axis1, x.ndim, "swapaxes"), _axis(axis2, x.ndim, "swapaxes")
    order[a], order[b] = order[b], order[a]
    return transpose(x, order)


def moveaxis(
    x: Variable | Array, source: int | Sequence[int], destination: int | Sequence[int]
) -> Variable:
    """Move axes to other places, keeping the order of the others.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.moveaxis(np.zeros((2, 3, 4)), 0, -1).shape
    (3, 4, 2)
    """
    sources = (source,) if isinstance(source, int) else tuple(source)
    targets = (destination,) if isinstance(destination, int) else tuple(destination)
    if len(sources) != len(targets):
        raise ValueError(f"moveaxis: {len(sources)} axes to move but {len(targets)} places")
    pairs = sorted(
        (_axis(t, x.ndim, "moveaxis"), _axis(s, x.ndim, "moveaxis"))
        for s, t in zip(sources, targets, strict=True)
    )
    order = [i for i in range(x.ndim) if i not in [s for _, s in pairs]]
    for target, source_axis in pairs:
        order.insert(target, source_axis)
    return transpose(x, order)


def expand_dims(x: Variable | Array, axis: int) -> Variable:
    """Insert an axis of length 1.

    Parameters
    ----------
    x : Variable or array
    axis : int
        Its place in the result.

    Returns
    -------
    Variable

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.expand_dims(np.zeros((2, 3)), 1).shape
    (2, 1, 3)
    """
    axis = _axis(axis, x.ndim + 1, "expand_dims")
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


def squeeze(x: Variable | Array, axis: int | Sequence[int] | None = None) -> Variable:
    """Drop axes of length 1.

    Parameters
    ----------
    x : Variable or array
    axis : int or tuple of int, optional
        Which; all by default.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If a named axis is longer than 1.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.squeeze(np.zeros((2, 1, 3, 1))).shape
    (2, 3)
    """
    if axis is None:
        return reshape(x, [n for n in x.shape if n != 1])
    axes = {
        _axis(a, x.ndim, "squeeze") for a in ((axis,) if isinstance(axis, int) else tuple(axis))
    }
    for a in axes:
        if x.shape[a] != 1:
            raise ValueError(
                f"squeeze: axis {a} of `x` has length {x.shape[a]} (x.shape={x.shape})"
            )
    return reshape(x, [n for i, n in enumerate(x.shape) if i not in axes])
