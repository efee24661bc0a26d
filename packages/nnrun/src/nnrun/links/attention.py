"""Multi-head attention and transformer blocks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from nnrun.core import Chain, Variable, as_variable
from nnrun.functions import (
    dropout,
    gelu,
    reshape,
    rotary_embedding,
    scaled_dot_product_attention,
    transpose,
)
from nnrun.links.linear import Linear
from nnrun.links.normalizations import LayerNormalization

__all__ = ["MultiHeadAttention", "TransformerBlock"]


class MultiHeadAttention(Chain):
    """Attention of several heads, each in its own part of the units (Vaswani et al., 2017).

    Parameters
    ----------
    n_units : int
        Values per position; a multiple of `n_heads`.
    n_heads : int
        How many heads.
    rotary : bool
        Turn queries and keys by their positions; see `rotary_embedding`.

    Attributes
    ----------
    query, key, value, out : Linear
        The maps before and after.

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.MultiHeadAttention(8, 2)(np.ones((1, 5, 8), np.float32), causal=True).shape
    (1, 5, 8)
    """

    def __init__(self, n_units: int, n_heads: int, rotary: bool = False) -> None:
        super().__init__()
        if n_heads < 1 or n_units % n_heads:
            raise ValueError(
                f"MultiHeadAttention: `n_units` must be a multiple of `n_heads` "
                f"(n_units={n_units}, n_heads={n_heads})"
            )
        self.n_heads = n_heads
        self.rotary = rotary
        with self.init_scope():
            self.query = Linear(n_units, n_units)
            self.key = Linear(n_units, n_units)
            self.value = Linear(n_units, n_units)
            self.out = Linear(n_units, n_units)

    def _heads(self, x: Variable) -> Variable:
        batch, length, units = x.shape
        parts = reshape(x, (batch, length, self.n_heads, units // self.n_heads))
        return transpose(parts, (0, 2, 1, 3))

    def forward(
        self, x: Any, memory: Any = None, mask: Any = None, causal: bool = False
    ) -> Variable:
        """Let positions look at others.

        Parameters
        ----------
        x : Variable or array, shape (batch, length, n_units)
            Who looks.
        memory : Variable or array, shape (batch, keys, n_units), optional
            Who is looked at; `x` itself by default.
        mask : array of bool, optional
            (batch, keys): what is not padding; or of 4 axes, as for
            `scaled_dot_product_attention` with heads after the batch.
        causal : bool
            Let no position look at later ones.

        Returns
        -------
        Variable, shape (batch, length, n_units)
        """
        x = as_variable(x)
        source = x if memory is None else as_variable(memory)
        q = self._heads(self.query(x, n_batch_axes=2))
        k = self._heads(self.key(source, n_batch_axes=2))
        v = self._heads(self.value(source, n_batch_axes=2))
        if self.rotary:
            q, k = rotary_embedding(q), rotary_embedding(k)
        if mask is not None and mask.ndim == 2:
            mask = mask[:, None, None, :]
        y = scaled_dot_product_attention(q, k, v, mask, causal)
        return self.out(reshape(transpose(y, (0, 2, 1, 3)), x.shape), n_batch_axes=2)


class TransformerBlock(Chain):
    """Attention, then a map of each position, each normalised before and added to its input.

    Parameters
    ----------
    n_units : int
        Values per position; a multiple of `n_heads`.
    n_heads : int
        How many heads.
    n_hidden : int, optional
        Units within the map; four times `n_units` by default.
    dropout_ratio : float
        Of the dropout before both additions.
    activation : callable
        Of the hidden units.
    rotary : bool
        As for `MultiHeadAttention`.

    Attributes
    ----------
    attention : MultiHeadAttention
    norm1, norm2 : LayerNormalization
    hidden, out : Linear

    Examples
    --------
    >>> import numpy as np, nnrun.links as L
    >>> L.TransformerBlock(8, 2)(np.ones((1, 5, 8), np.float32)).shape
    (1, 5, 8)
    """

    def __init__(
        self,
        n_units: int,
        n_heads: int,
        n_hidden: int | None = None,
        dropout_ratio: float = 0.1,
        activation: Callable[[Any], Variable] = gelu,
        rotary: bool = False,
    ) -> None:
        super().__init__()
        self.dropout_ratio = dropout_ratio
        self.activation = activation
        n_hidden = 4 * n_units if n_hidden is None else n_hidden
        with self.init_scope():
            self.norm1 = LayerNormalization(n_units)
            self.attention = MultiHeadAttention(n_units, n_heads, rotary)
            self.norm2 = LayerNormalization(n_units)
            self.hidden = Linear(n_units, n_hidden)
            self.out = Linear(n_hidden, n_units)

    def forward(self, x: Any, mask: Any = None, causal: bool = False) -> Variable:
        """Apply the block to `x`, (batch, length, n_units); see `MultiHeadAttention`."""
        x = as_variable(x)
        y = self.attention(self.norm1(x), mask=mask, causal=causal)
        x = x + dropout(y, self.dropout_ratio)
        y = self.activation(self.hidden(self.norm2(x), n_batch_axes=2))
        return x + dropout(self.out(y, n_batch_axes=2), self.dropout_ratio)
