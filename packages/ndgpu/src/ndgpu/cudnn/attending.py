"""Attention of queries to keys, and its gradients.

By cuDNN's fused operations where there are such (cuDNN 9.13 forward, 9.17 backward, 16-bit
floats, neither mask nor bias), which never hold all scores at once; elsewhere by products,
some queries at a time, so that the scores held at once are bounded.

Source of the blockwise form: T. Dao et al., "FlashAttention", 2022.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Iterator
from math import sqrt
from typing import Any, NamedTuple

import numpy as np

from ndgpu import runtime
from ndgpu.core import casts, reductions
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.core.ufuncs import TABLE
from ndgpu.cudnn import binding
from ndgpu.cudnn.binding import CuDnn, CuDnnError
from ndgpu.cudnn.graph import Plan, new_operation, new_tensor
from ndgpu.linalg.product import matmul

__all__ = ["AttentionResult", "attention", "attention_backward"]

_MOST_SCORES = 1 << 24
"""Scores that are held at once."""
# cudnn_graph.h: the operations, and the attributes that name their tensors.
_FORWARD, _BACKWARD = 41, 43
_FORWARD_NAMES = {"q": 2800, "k": 2801, "v": 2802, "o": 2803, "stats": 2804, "scale": 2805}
_BACKWARD_NAMES = {
    "q": 2851, "k": 2852, "v": 2853, "o": 2854, "stats": 2855, "scale": 2856,
    "gq": 2859, "gk": 2860, "gv": 2861, "go": 2862,
}  # fmt: skip
_VERSIONS = {_FORWARD: 91300, _BACKWARD: 91700}
_FLOAT = 0
_NOT_SUPPORTED = 3000


class AttentionResult(NamedTuple):
    """What queries see, and the logarithms of their sums of weights, for the gradient."""

    o: Any
    stats: Any


class _Heads:
    """Checked arguments."""

    def __init__(
        self, name: str, q: Any, k: Any, v: Any, scale: float | None, causal: bool, bias: Any
    ) -> None:
        arrays = [asarray(a) for a in (q, k, v)]
        dtype = as_dtype(np.result_type(*(a._dtype for a in arrays)))
        if dtype.kind in "iubc":
            raise TypeError(f"{name}: expected real floating arrays, got {dtype}")
        shapes = [a._shape for a in arrays]
        fits = all(len(s) == 4 and s[:2] == shapes[0][:2] for s in shapes)
        if not fits or shapes[0][3] != shapes[1][3] or shapes[1][2] != shapes[2][2]:
            raise ValueError(
                f"{name}: wanted q (count, heads, queries, width), k (count, heads, keys, width) "
                f"and v (count, heads, keys, any), got {shapes[0]}, {shapes[1]} and {shapes[2]}"
            )
        self.name, self.dtype, self.computed = name, dtype, compute_dtype(dtype)
        self.q, self.k, self.v = (casts.astype(a, dtype, "C", copy=False) for a in arrays)
        self.queries, self.keys = shapes[0][2], shapes[1][2]
        self.lead = shapes[0][:2]
        self.scale = 1 / sqrt(max(shapes[0][3], 1)) if scale is None else float(scale)
        self.causal = bool(causal)
        self.bias = None if bias is None else casts.astype(asarray(bias), self.computed, copy=False)

    def result(self, name: str, value: Any, shape: tuple[int, ...]) -> ndarray:
        """Return an array of the forward pass, checked."""
        a = asarray(value)
        if a._shape != shape:
            raise ValueError(f"{self.name}: `{name}` must have shape {shape}, got {a._shape}")
        return a

    def blocks(self) -> Iterator[slice]:
        """Yield ranges of queries."""
        size = max(_MOST_SCORES // max(self.lead[0] * self.lead[1] * self.keys, 1), 1)
        for start in range(0, self.queries, size):
            yield slice(start, min(start + size, self.queries))

    def scores(self, q: ndarray, k: ndarray, rows: slice) -> ndarray:
        """Return the scores of a range of queries, scaled, biased and masked."""
        scores = TABLE["multiply"](matmul(q[:, :, rows], k.mT), self.computed.type(self.scale))
        if self.bias is not None:
            bias = self.bias
            if bias.ndim >= 2 and bias._shape[-2] != 1:
                bias = bias[..., rows, :]
            scores = scores + bias
        if self.causal:
            seen = np.arange(rows.start, rows.stop)[:, None] >= np.arange(self.keys)[None, :]
            never = asarray(np.full((), -np.inf, self.computed))
            casts.copy_where(scores, never, asarray(~seen))
        return scores

    def wide(self, *arrays: ndarray) -> list[ndarray]:
        """Return arrays in the dtype of the computation."""
        return [casts.astype(a, self.computed, copy=False) for a in arrays]

    def cudnn(self, kind: int) -> CuDnn | None:
        """Return cuDNN if it may have the fused operation for these."""
        if self.causal or self.bias is not None or self.dtype.itemsize != 2:
            return None
        lengths = (*self.lead, self.queries, self.keys, self.q._shape[3], self.v._shape[3])
        library = binding.current()
        if library is None or library.version < _VERSIONS[kind] or 0 in lengths:
            return None
        return library


def attention(
    q: Any,
    k: Any,
    v: Any,
    *,
    scale: float | None = None,
    causal: bool = False,
    bias: Any = None,
) -> AttentionResult:
    """Return ``softmax(scale * q @ k.T + bias) @ v`` for each sample and head.

    Parameters
    ----------
    q : array-like, (count, heads, queries, width)
    k : array-like, (count, heads, keys, width)
    v : array-like, (count, heads, keys, any)
    scale : float, optional
        ``1 / sqrt(width)`` by default.
    causal : bool
        Whether a query sees only the keys up to its own place.
    bias : array-like, optional
        Broadcasts to (count, heads, queries, keys); -inf hides a key. It has no gradient.

    Returns
    -------
    o : ndarray, (count, heads, queries, any)
    stats : ndarray, (count, heads, queries, 1)
        Logarithms of the sums of the exponentials of the scores; float32 or float64.

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the arrays are not real and floating.

    Examples
    --------
    >>> import ndgpu
    >>> q = ndgpu.zeros((1, 1, 1, 2))
    >>> k = ndgpu.ones((1, 1, 4, 2))
    >>> ndgpu.cudnn.attention(q, k, ndgpu.arange(4.0).reshape(1, 1, 4, 1)).o.item()
    1.5
    """
    heads = _Heads("attention", q, k, v, scale, causal, bias)
    o = allocate((*heads.lead, heads.queries, heads.v._shape[3]), heads.dtype)
    stats = allocate((*heads.lead, heads.queries, 1), heads.computed)
    library = heads.cudnn(_FORWARD)
    arrays = {"q": heads.q, "k": heads.k, "v": heads.v, "o": o, "stats": stats}
    if library is not None and _fused(library, _FORWARD, heads, arrays):
        return AttentionResult(o, stats)
    wide_q, wide_k, wide_v = heads.wide(heads.q, heads.k, heads.v)
    for rows in heads.blocks():
        scores = heads.scores(wide_q, wide_k, rows)
        top = reductions.max(scores, -1, keepdims=True, initial=-np.inf)
        weights = TABLE["exp"](TABLE["subtract"](scores, top))
        total = reductions.sum(weights, -1, keepdims=True)
        casts.copy_into(o[:, :, rows], matmul(weights, wide_v) / total)
        casts.copy_into(stats[:, :, rows], top + TABLE["log"](total))
    return AttentionResult(o, stats)


def attention_backward(
    q: Any,
    k: Any,
    v: Any,
    result: AttentionResult,
    go: Any,
    *,
    scale: float | None = None,
    causal: bool = False,
    bias: Any = None,
) -> tuple[ndarray, ndarray, ndarray]:
    """Return the gradients of `attention` by queries, keys and values.

    Parameters
    ----------
    q, k, v
        As given to `attention`.
    result : AttentionResult
        What it returned.
    go : array-like
        The gradient by ``result.o``.
    scale, causal, bias
        As given to it.

    Returns
    -------
    gq, gk, gv : ndarray

    Raises
    ------
    ValueError
        If shapes do not fit.
    TypeError
        If the arrays are not real and floating.
    """
    heads = _Heads("attention_backward", q, k, v, scale, causal, bias)
    out = (*heads.lead, heads.queries, heads.v._shape[3])
    o = heads.result("o", result.o, out)
    stats = heads.result("stats", result.stats, (*out[:3], 1))
    slope = heads.result("go", go, out)
    o, slope = (casts.astype(a, heads.dtype, "C", copy=False) for a in (o, slope))
    stats = casts.astype(stats, heads.computed, "C", copy=False)
    gq, gk, gv = (allocate(a._shape, heads.dtype) for a in (heads.q, heads.k, heads.v))
    library = heads.cudnn(_BACKWARD)
    arrays = {"q": heads.q, "k": heads.k, "v": heads.v, "o": o, "stats": stats}
    arrays |= {"gq": gq, "gk": gk, "gv": gv, "go": slope}
    if library is not None and _fused(library, _BACKWARD, heads, arrays):
        return gq, gk, gv
    wide_q, wide_k, wide_v, wide_o, wide_go = heads.wide(heads.q, heads.k, heads.v, o, slope)
    sums = [allocate(a._shape, heads.computed) for a in (wide_k, wide_v)]
    for total in sums:
        casts.fill(total, 0)
    if heads.keys == 0:
        casts.fill(gq, 0)
        return gq, gk, gv
    for rows in heads.blocks():
        scores = heads.scores(wide_q, wide_k, rows)
        weights = TABLE["exp"](TABLE["subtract"](scores, stats[:, :, rows]))
        part = wide_go[:, :, rows]
        TABLE["add"](sums[1], matmul(weights.mT, part), out=sums[1])
        share = reductions.sum(part * wide_o[:, :, rows], -1, keepdims=True)
        inner = weights * (matmul(part, wide_v.mT) - share) * heads.computed.type(heads.scale)
        casts.copy_into(gq[:, :, rows], matmul(inner, wide_k))
        TABLE["add"](sums[0], matmul(inner.mT, wide_q[:, :, rows]), out=sums[0])
    casts.copy_into(gk, sums[0])
    casts.copy_into(gv, sums[1])
    return gq, gk, gv


class _Local(threading.local):
    def __init__(self) -> None:
        self.plans: dict[tuple[Any, ...], tuple[Plan, dict[str, int]] | None] = {}


_local = _Local()


def describe(
    library: CuDnn, kind: int, arrays: dict[str, tuple[tuple[int, ...], int]]
) -> tuple[Any, dict[str, int]]:
    """Return the fused operation on C-contiguous arrays, and the number of each tensor.

    Parameters
    ----------
    library : CuDnn
    kind : int
        Of the operation.
    arrays : dict
        Shape and ``cudnnDataType_t`` of each tensor.
    """
    names = _FORWARD_NAMES if kind == _FORWARD else _BACKWARD_NAMES
    numbers = {name: k + 1 for k, name in enumerate(names)}
    tensors = {}
    for name, attribute in names.items():
        by_value = name == "scale"
        shape, code = ((1, 1, 1, 1), _FLOAT) if by_value else arrays[name]
        strides = [1]
        for n in reversed(shape[1:]):
            strides.insert(0, strides[0] * n)
        tensors[attribute] = new_tensor(library, numbers[name], code, shape, strides, by_value)
    return new_operation(library, kind, tensors), numbers


def _fused(library: CuDnn, kind: int, heads: _Heads, arrays: dict[str, ndarray]) -> bool:
    """Run cuDNN's operation; False if none of its engines takes these shapes."""
    described = {
        name: (a._shape, binding.data_type(a._dtype) or _FLOAT) for name, a in arrays.items()
    }
    if any(a._ptr % 16 for a in arrays.values()):
        return False
    key = (kind, runtime.current_device_id(), library.handle(), *described.items())
    if key not in _local.plans:
        try:
            operation, numbers = describe(library, kind, described)
            _local.plans[key] = Plan(library, operation), numbers
        except CuDnnError as error:
            # 3000 and following say that these shapes are not supported; others are faults.
            if not _NOT_SUPPORTED <= error.status < 4000:
                raise
            _local.plans[key] = None
    found = _local.plans[key]
    if found is None:
        return False
    plan, numbers = found
    scale = ctypes.c_float(heads.scale)
    pointers = {numbers[name]: a._ptr for name, a in arrays.items()}
    pointers[numbers["scale"]] = ctypes.addressof(scale)
    plan.run(pointers)
    return True
