"""Broadcasting, and its reverse `sum_to`; each is the other's gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.utils.arrays import sum_to as sum_array_to

__all__ = ["broadcast", "broadcast_to", "sum_to"]

Array = Any


class BroadcastTo(FunctionNode):
    __slots__ = ("_shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        (x,) = inputs
        return (get_array_module(x).broadcast_to(x, self._shape),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (sum_to(grad_outputs[0], self.inputs[0].shape),)


class SumTo(FunctionNode):
    __slots__ = ("_shape",)

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = shape

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        return (sum_array_to(inputs[0], self._shape),)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        return (broadcast_to(grad_outputs[0], self.inputs[0].shape),)


def broadcast_to(x: Variable | Array, shape: Sequence[int]) -> Variable:
    """Broadcast to a shape, by NumPy's rules.

    Parameters
    ----------
    x : Variable or array
    shape : tuple of int
        Each dimension of `x` must be equal to the last ones of `shape`, or 1.

    Returns
    -------
    Variable
        Of that shape; its array may be a read-only view.

    Raises
    ------
    ValueError
        If `x` can't be broadcast to `shape`.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.broadcast_to(np.array([1.0, 2.0]), (2, 2))
    variable([[1., 2.],
              [1., 2.]])
    """
    shape = tuple(shape)
    if x.shape == shape:
        return as_variable(x)
    try:
        fits = np.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        fits = False
    if not fits:
        raise ValueError(f"broadcast_to: `x` has shape {x.shape}, which does not fit {shape}")
    return BroadcastTo(shape).apply((x,))[0]


def broadcast(*args: Variable | Array) -> Any:
    """Broadcast all arguments to their common shape.

    Parameters
    ----------
    *args : Variable or array

    Returns
    -------
    Variable or tuple of Variable
        One Variable where there is one argument.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> a, b = F.broadcast(np.ones((2, 1)), np.ones(3))
    >>> a.shape, b.shape
    ((2, 3), (2, 3))
    """
    if not args:
        raise ValueError("broadcast: needs at least one argument")
    shape = np.broadcast_shapes(*[x.shape for x in args])
    outputs = tuple(broadcast_to(x, shape) for x in args)
    return outputs[0] if len(outputs) == 1 else outputs


def sum_to(x: Variable | Array, shape: Sequence[int]) -> Variable:
    """Sum over axes so that the result has `shape`: the reverse of `broadcast_to`.

    Parameters
    ----------
    x : Variable or array
    shape : tuple of int
        A shape that can be broadcast to that of `x`.

    Returns
    -------
    Variable

    Raises
    ------
    ValueError
        If `shape` can't be broadcast so.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.sum_to(np.ones((2, 3)), (1, 3))
    variable([[2., 2., 2.]])
    """
    shape = tuple(shape)
    if x.shape == shape:
        return as_variable(x)
    tail = x.shape[x.ndim - len(shape) :] if len(shape) <= x.ndim else None
    if tail is None or any(n not in (1, m) for n, m in zip(shape, tail, strict=True)):
        raise ValueError(f"sum_to: {shape} can't be broadcast to the shape of `x`, {x.shape}")
    return SumTo(shape).apply((x,))[0]
