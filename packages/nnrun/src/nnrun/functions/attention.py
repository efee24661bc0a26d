"""Scaled dot-product attention in memory linear in length, and rotary position embedding.

Attention goes over keys in blocks with a running maximum and sum (Rabe and Staats,
2021; Dao et al., 2022): neither way are all scores held at once, unless it is
differentiated twice.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from nnrun.backend import get_array_module, get_device_from_array
from nnrun.config import config
from nnrun.core import FunctionNode, Variable, as_array, as_variable
from nnrun.functions.indexing import get_item
from nnrun.functions.joining import concat
from nnrun.functions.matmul import matmul
from nnrun.functions.reductions import sum as sum_
from nnrun.functions.unary import exp

__all__ = ["rotary_embedding", "scaled_dot_product_attention"]

Array = Any


def _never(dtype: Any) -> Any:
    """The score of what must not be looked at: finite, so that differences of it are no NaN."""
    return dtype.type(-1e30 if dtype.itemsize > 2 else -3e4)


class Attention(FunctionNode):
    """Queries (..., t, d), keys (..., s, d) and values (..., s, e) to (..., t, e)."""

    __slots__ = ("_block", "_causal", "_log_sum", "_mask", "_scale")

    def __init__(self, mask: Array | None, causal: bool, scale: float, block: int) -> None:
        self._mask = mask
        self._causal = causal
        self._scale = scale
        self._block = block

    def _allowed(self, xp: Any, t: int, s: int, keys: slice) -> Array | None:
        """Which keys of a block which queries may look at; None for all."""
        allowed = None
        if self._mask is not None:
            allowed = self._mask if self._mask.shape[-1] == 1 else self._mask[..., keys]
        if self._causal:
            # The last query looks at all keys: there may be more keys than queries.
            past = xp.arange(s)[keys] <= xp.arange(t)[:, None] + (s - t)
            allowed = past if allowed is None else allowed & past
        return allowed

    def _blocks(self, q: Array, k: Array) -> Iterator[tuple[slice, Array, Array | None]]:
        """The keys, the scores, and what is allowed, for each block of keys."""
        xp = get_array_module(q)
        t, s = q.shape[-2], k.shape[-2]
        for start in range(0, s, self._block):
            keys = slice(start, min(start + self._block, s))
            scores = xp.matmul(q, k[..., keys, :].swapaxes(-1, -2)) * q.dtype.type(self._scale)
            allowed = self._allowed(xp, t, s, keys)
            if allowed is not None:
                scores = xp.where(allowed, scores, _never(q.dtype))
            yield keys, scores, allowed

    def forward(self, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
        q, k, v = inputs
        self.retain_inputs((0, 1, 2))
        self.retain_outputs((0,))
        xp = get_array_module(q)
        top = xp.full((*q.shape[:-1], 1), _never(q.dtype), q.dtype)
        total = xp.zeros_like(top)
        y = xp.zeros((*q.shape[:-1], v.shape[-1]), q.dtype)
        for keys, scores, allowed in self._blocks(q, k):
            new_top = xp.maximum(top, scores.max(axis=-1, keepdims=True))
            p = xp.exp(scores - new_top)
            if allowed is not None:
                p = p * allowed  # where nothing is allowed the maximum is no help
            keep = xp.exp(top - new_top)
            total = total * keep + p.sum(axis=-1, keepdims=True)
            y = y * keep + xp.matmul(p, v[..., keys, :])
            top = new_top
        some = total > 0
        total = xp.where(some, total, q.dtype.type(1))
        self._log_sum = top + xp.log(total)
        return (y / total,)

    def backward(self, indexes: Any, grad_outputs: Any) -> Any:
        q, k, v = self.get_retained_inputs()
        (y,) = self.get_retained_outputs()
        (gy,) = grad_outputs
        if config.enable_backprop:
            grads = self._differentiable(q, k, v, y, gy)
        else:
            arrays = self._in_blocks(*(a.array for a in (q, k, v, y, gy)))
            grads = tuple(as_variable(g) for g in arrays)
        return tuple([grads[i] for i in indexes])

    def _in_blocks(self, q: Array, k: Array, v: Array, y: Array, gy: Array) -> tuple[Array, ...]:
        xp = get_array_module(q)
        gq, gk, gv = xp.zeros_like(q), xp.zeros_like(k), xp.zeros_like(v)
        along = (gy * y).sum(axis=-1, keepdims=True)
        scale = q.dtype.type(self._scale)
        for keys, scores, allowed in self._blocks(q, k):
            p = xp.exp(scores - self._log_sum)
            if allowed is not None:
                p = p * allowed
            gv[..., keys, :] = xp.matmul(p.swapaxes(-1, -2), gy)
            gs = p * (xp.matmul(gy, v[..., keys, :].swapaxes(-1, -2)) - along) * scale
            gq += xp.matmul(gs, k[..., keys, :])
            gk[..., keys, :] = xp.matmul(gs.swapaxes(-1, -2), q)
        return gq, gk, gv

    def _differentiable(
        self, q: Variable, k: Variable, v: Variable, y: Variable, gy: Variable
    ) -> tuple[Variable, ...]:
        scores = matmul(q, k, transb=True) * self._scale
        xp = get_array_module(q.array)
        allowed = self._allowed(xp, q.shape[-2], k.shape[-2], slice(None))
        top = self._log_sum
        p: Any
        if allowed is None:
            p = exp(scores - top)
        else:
            inside = allowed.astype(q.dtype)
            # Not what is not allowed, whose exponential may be infinite.
            p = exp((scores - top) * inside) * inside
        p = p / (sum_(p, -1, keepdims=True) + xp.asarray(p.array.sum(axis=-1, keepdims=True) == 0))
        gp = matmul(gy, v, transb=True)
        gs = p * (gp - sum_(gp * p, -1, keepdims=True)) * self._scale
        return matmul(gs, k), matmul(gs, q, transa=True), matmul(p, gy, transa=True)


def scaled_dot_product_attention(
    q: Variable | Array,
    k: Variable | Array,
    v: Variable | Array,
    mask: Variable | Array | None = None,
    causal: bool = False,
    scale: float | None = None,
    block_size: int = 512,
) -> Variable:
    """Look values up by how well keys suit queries (Vaswani et al., 2017).

    ``softmax(q @ k.T * scale) @ v``

    Parameters
    ----------
    q : Variable or array, shape (..., queries, n)
    k : Variable or array, shape (..., keys, n)
    v : Variable or array, shape (..., keys, m)
        Of the same leading axes: batch, heads ...
    mask : Variable or array of bool, optional
        Where queries may look at keys, of a shape that can be broadcast to
        (..., queries, keys); for padding, (batch, 1, 1, keys).
    causal : bool
        Let no query look at keys after it (the last query is at the last key).
    scale : float, optional
        ``1 / sqrt(n)`` by default.
    block_size : int
        How many keys are looked at in one go.

    Returns
    -------
    Variable, shape (..., queries, m)
        Zeros for queries that may look at nothing.

    Raises
    ------
    ValueError
        If the shapes don't fit.
    TypeError
        If the mask is not boolean.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> q, k, v = np.zeros((1, 2, 3)), np.zeros((1, 2, 3)), np.array([[[1.0], [3.0]]])
    >>> F.scaled_dot_product_attention(q, k, v, causal=True)
    variable([[[1.],
               [2.]]])
    """
    name = "scaled_dot_product_attention"
    if (
        q.ndim < 2
        or not q.shape[:-2] == k.shape[:-2] == v.shape[:-2]
        or q.shape[-1] != k.shape[-1]
        or k.shape[-2:-1] != v.shape[-2:-1]
    ):
        raise ValueError(
            f"{name}: `q` (..., queries, n), `k` (..., keys, n) and `v` (..., keys, m) don't fit "
            f"(q.shape={q.shape}, k.shape={k.shape}, v.shape={v.shape})"
        )
    if block_size < 1:
        raise ValueError(f"{name}: `block_size` must be at least 1, not {block_size}")
    if mask is not None:
        mask = as_array(mask)
        if mask.dtype != bool:
            raise TypeError(f"{name}: `mask` must be boolean, not {mask.dtype}")
        wanted = (*q.shape[:-1], k.shape[-2])
        try:
            fits = np.broadcast_shapes(mask.shape, wanted) == wanted
        except ValueError:
            fits = False
        if not fits or not mask.ndim:
            raise ValueError(f"{name}: `mask` must broadcast to {wanted}, not be {mask.shape}")
    factor = 1.0 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    return Attention(mask, causal, factor, block_size).apply((q, k, v))[0]


def rotary_embedding(
    x: Variable | Array, positions: Variable | Array | None = None, base: float = 10000.0
) -> Variable:
    """Turn pairs of elements by angles that grow with the position (Su et al., 2021).

    Elements j and ``j + n / 2`` are turned by ``position * base ** (-2 * j / n)``.

    Parameters
    ----------
    x : Variable or array, shape (..., length, n)
        Queries or keys.
    positions : Variable or array, shape (length,), optional
        By default 0, 1, 2 ...
    base : float
        How slow the slowest pair turns.

    Returns
    -------
    Variable
        Of the shape of `x`.

    Raises
    ------
    ValueError
        If n is odd or `positions` are not as many.

    Examples
    --------
    >>> import numpy as np, nnrun.functions as F
    >>> F.rotary_embedding(np.array([[1.0, 0.0], [1.0, 0.0]])).array.round(4)
    array([[1.    , 0.    ],
           [0.5403, 0.8415]])
    """
    if x.ndim < 2 or x.shape[-1] % 2:
        raise ValueError(
            f"rotary_embedding: `x` must have shape (..., length, n), n even (x.shape={x.shape})"
        )
    x = as_variable(x)
    length, n = x.shape[-2:]
    with get_device_from_array(x.array) as device:
        xp = device.xp
        at = xp.arange(length) if positions is None else as_array(positions)
        if at.shape != (length,):
            raise ValueError(
                f"rotary_embedding: `positions` must have shape ({length},), not {at.shape}"
            )
        speeds = device.send(base ** (np.arange(n // 2) * (-2.0 / n)))
        angles = at.astype(np.float64)[:, None] * speeds
        cos, sin = xp.cos(angles).astype(x.dtype), xp.sin(angles).astype(x.dtype)
    first = get_item(x, (Ellipsis, slice(0, n // 2)))
    second = get_item(x, (Ellipsis, slice(n // 2, None)))
    return concat([first * cos - second * sin, first * sin + second * cos], -1)
