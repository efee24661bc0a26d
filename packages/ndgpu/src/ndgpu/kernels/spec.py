"""What kernels are made of: operands, descriptions and layout variants.

Guarantees: plain tuples that compare by value and import nothing of `ndgpu.kernels`, so that
planning and source text, which both speak of them, need not know each other.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

__all__ = ["STREAMED", "Kind", "Operand", "Spec", "Variant"]

STREAMED = "biufV"
"""Kinds of dtypes that a streaming store writes: one number of at most 8 bytes."""

Kind = Literal["in", "out", "scalar", "raw", "rawout"]


class Operand(NamedTuple):
    """One operand of a kernel.

    Attributes
    ----------
    name : str
        Its variable in the expression.
    dtype : numpy.dtype
        What lies in memory, or the type of a scalar parameter.
    kind : {"in", "out", "scalar", "raw", "rawout"}
        `ndgpu.kernels.elementwise` says what these mean.
    compute : numpy.dtype, optional
        Type of the variable; `dtype` by default.
    """

    name: str
    dtype: np.dtype[Any]
    kind: Kind = "in"
    compute: np.dtype[Any] | None = None


class Spec(NamedTuple):
    """Everything about an elementwise kernel but its layout."""

    name: str
    operands: tuple[Operand, ...]
    operation: str
    guard: str | None
    preamble: str
    loop_prep: str
    after_loop: str
    types: dict[str, str]
    headers: tuple[str, ...]


class Variant(NamedTuple):
    """What decides the generated source: one kernel per value of this.

    Attributes
    ----------
    form : {"flat", "rows", "points", "tiles64", "tiles32"}
    classes : tuple of str
        Class of innermost stride of each operand; ``""`` for those outside the loop.
    rank : int
        Of the collapsed loop, rounded up.
    wide : bool
        Whether indices need 64 bits.
    raw : tuple of (int, bool)
        Rank (at least 1) and C-contiguity of each raw operand, in order.
    index_rank : int
        Rank of ``_ind``'s shape where the code asks for it; 0 means no ``_ind``.
    streaming : bool
        Whether outputs are too large to be found in the cache by who reads them next.
    """

    form: str
    classes: tuple[str, ...]
    rank: int
    wide: bool
    raw: tuple[tuple[int, bool], ...]
    index_rank: int
    streaming: bool = False
