"""Matrix products: `matmul` (the operator ``@``) and the affine map `linear`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nnrun.backend import get_array_module
from nnrun.core import FunctionNode, Variable, as_variable
from nnrun.core.deferred import Deferred, may_defer
from nnrun.functions.broadcast import sum_to
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.shape import reshape

__all__ = ["linear", "matmul"]

Array = Any


def _swap(x: Any) -> Any:
    """A view of an array with its last two axes exchanged."""
    return x.swapaxes(-1, -2) if x.ndim > 1 else x


class MatMul(FunctionNode):
    """``op(a) @ op(b)`` where op may transpose the last two axes."""

    __slots__ = ("_ta", "_tb")

    def __init__(self, transa: bool, transb: bool) -> None:
        self._ta = transa
        self._tb = transb

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        a, b = inputs
        self.retain_inputs((0, 1))
        return (
            get_array_module(a).matmul(_swap(a) if self._ta else a, _swap(b) if self._tb else b),
        )

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        a, b = self.get_retained_inputs()
        (gy,) = grad_outputs
        ta, tb = self._ta and a.ndim > 1, self._tb and b.ndim > 1
        # Vectors count as a row on the left and a column on the right.
        if a.ndim == 1:
            gy = reshape(gy, (*gy.shape[:-1], 1, gy.shape[-1])) if b.ndim > 1 else gy
        a2 = reshape(a, (1, -1)) if a.ndim == 1 else a
        b2 = b
        if b.ndim == 1:
            b2 = reshape(b, (-1, 1))
            gy = reshape(gy, (1, 1)) if a.ndim == 1 else reshape(gy, (*gy.shape, 1))
        grads = []
        for i in indexes:
            if i == 0:
                # y = A b  with A = a or a^T:  gA = gy b^T
                g = (
                    MatMul(tb, True).apply((b2, gy))[0]
                    if ta
                    else MatMul(False, not tb).apply((gy, b2))[0]
                )
                grads.append(sum_to(g, a2.shape) if a.ndim > 1 else _to_vector(g, a.shape))
            else:
                g = (
                    MatMul(True, ta).apply((gy, a2))[0]
                    if tb
                    else MatMul(not ta, False).apply((a2, gy))[0]
                )
                grads.append(sum_to(g, b2.shape) if b.ndim > 1 else _to_vector(g, b.shape))
        return tuple(grads)


def _to_vector(g: Variable, shape: tuple[int, ...]) -> Variable:
    """The gradient of a vector, summed over the stack of matrices it was used with."""
    if g.size != shape[0]:
        g = sum_(g, tuple(range(g.ndim - 2)))
    return reshape(g, shape)


def matmul(
    a: Variable | Array, b: Variable | Array, transa: bool = False, transb: bool = False
) -> Variable:
    """Multiply matrices, or stacks of them, by NumPy's rules: ``a @ b``.

    Parameters
    ----------
    a, b : Variable or array
        Vectors, matrices, or stacks of matrices whose leading axes broadcast.
    transa, transb : bool
        Exchange the last two axes of `a` or `b` first.

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
    >>> F.matmul(np.ones((2, 3)), np.ones((3, 4))).shape
    (2, 4)
    """
    if a.ndim == 0 or b.ndim == 0:
        raise ValueError(f"matmul: no numbers, please (a.shape={a.shape}, b.shape={b.shape})")
    ka = a.shape[-2] if transa and a.ndim > 1 else a.shape[-1]
    kb = b.shape[-1] if b.ndim == 1 or transb else b.shape[-2]
    if ka != kb:
        raise ValueError(
            f"matmul: `a` has {ka} columns but `b` has {kb} rows "
            f"(a.shape={a.shape}, b.shape={b.shape}, transa={transa}, transb={transb})"
        )
    return MatMul(transa, transb).apply((a, b))[0]


# Measured with OpenBLAS: between 1.04 and 1.4 times as fast within these bounds.
_FEW_ROWS = 128
_LARGE = 1 << 16


class Linear(FunctionNode):
    """``x @ W.T + b`` on matrices."""

    __slots__ = ()

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        self.retain_inputs((0, 1))
        x, W, *b = inputs
        if isinstance(x, np.ndarray) and len(x) <= _FEW_ROWS and W.size >= _LARGE:
            # With few rows a product costs reading the weights, which BLAS does faster as they
            # lie; the bias is added while the result is turned.
            turned = np.matmul(W, x.T).T
            y = np.empty(turned.shape, turned.dtype)
            return (np.add(turned, b[0] if b else turned.dtype.type(0), out=y),)
        y = get_array_module(x).matmul(x, W.T)
        if b:
            y += b[0]
        return (y,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        x, W = self.get_retained_inputs()
        (gy,) = grad_outputs
        grads: list[Any] = []
        for i in indexes:
            if i == 0:
                grads.append(MatMul(False, False).apply((gy, W))[0])
            elif i == 1 and may_defer(self.inputs[1], len(gy)):
                grads.append(Deferred(_products_of_rows, W.shape, gy.array, x.array))
            elif i == 1:
                grads.append(MatMul(True, False).apply((gy, x))[0])
            else:
                grads.append(sum_(gy, 0))
        return tuple(grads)


def _products_of_rows(shape: tuple[int, ...], gy: Array, x: Array) -> Array:
    """The gradient of the weights, from the rows of any number of uses."""
    return get_array_module(gy).matmul(gy.T, x)


def linear(
    x: Variable | Array,
    W: Variable | Array,
    b: Variable | Array | None = None,
    n_batch_axes: int = 1,
) -> Variable:
    """Apply an affine map to each row: ``x @ W.T + b``.

    Parameters
    ----------
    x : Variable or array, shape (batch, ...)
        Axes after the first `n_batch_axes` are taken together, n_in elements in all.
    W : Variable or array, shape (n_out, n_in)
        The weights.
    b : Variable or array, shape (n_out,), optional
        The bias.
    n_batch_axes : int
        How many leading axes of `x` count rows.

    Returns
    -------
    Variable, shape (batch, n_out)

    Raises
    ------
    ValueError
        If the shapes don't fit.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.linear(np.ones((1, 2)), np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([0.0, 1.0]))
    variable([[3., 8.]])
    """
    x = as_variable(x)
    if not 1 <= n_batch_axes < x.ndim:
        raise ValueError(
            f"linear: `n_batch_axes` must be at least 1 and less than {x.ndim} "
            f"(x.shape={x.shape}), not {n_batch_axes}"
        )
    batch = x.shape[:n_batch_axes]
    if x.ndim != 2:
        x = reshape(x, (math.prod(batch), math.prod(x.shape[n_batch_axes:])))
    if W.ndim != 2:
        raise ValueError(f"linear: `W` must be a matrix (W.shape={W.shape})")
    if x.shape[1] != W.shape[1]:
        raise ValueError(
            f"linear: `W` has {W.shape[1]} inputs but `x` has {x.shape[1]} "
            f"(x.shape={x.shape}, W.shape={W.shape})"
        )
    if b is None:
        y = Linear().apply((x, W))[0]
    else:
        if b.shape != W.shape[:1]:
            raise ValueError(
                f"linear: `W` has {W.shape[0]} outputs but `b` has shape {b.shape} "
                f"(W.shape={W.shape})"
            )
        y = Linear().apply((x, W, b))[0]
    return y if n_batch_axes == 1 else reshape(y, (*batch, W.shape[0]))
