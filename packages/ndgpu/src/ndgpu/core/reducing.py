"""How reductions are made: their table, their kernels, and the way of one through them.

Guarantees: NumPy's dtypes, shapes and errors; ``axis`` may be a tuple; nothing waits for the
device.  float16 and bfloat16 are added up in float32.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from math import prod as _product
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import casts, layout
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.rows import ROWS
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import as_mask
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Operand
from ndgpu.kernels.reduction import Reduction

__all__ = ["REDUCTIONS", "absent", "finish", "joined", "make_result", "run", "run_from"]

_BOOL, _INT64 = np.dtype(bool), np.dtype(np.int64)
_NAN = "(ndgpu::infinity(R()) - ndgpu::infinity(R()))"


@dataclass(frozen=True, slots=True)
class _Row:
    """One reduction: C++ of its three steps; `combine` is the ufunc that folds in `initial`.

    `neutral` names the number that stands for what a mask leaves out where there is no identity.
    """

    name: str
    map: str
    reduce: str
    post: str
    identity: str | None
    combine: str
    neutral: str | None = None


REDUCTIONS: dict[str, _Row] = {
    row.name: row
    for row in (
        _Row("sum", "x", "a + b", "z = a", "T(0)", "add"),
        _Row("prod", "x", "a * b", "z = a", "T(1)", "multiply"),
        _Row("max", "x", "ndgpu::maximum(a, b)", "z = a", None, "maximum", "lowest"),
        _Row("min", "x", "ndgpu::minimum(a, b)", "z = a", None, "minimum", "highest"),
        _Row("any", "x", "a || b", "z = a", "false", "logical_or"),
        _Row("all", "x", "a && b", "z = a", "true", "logical_and"),
        _Row("count_nonzero", "x ? 1 : 0", "a + b", "z = a", "0", "add"),
        _Row("mean", "x", "a + b", "z = {scale}", "T(0)", "add"),
        _Row("var", "{square}", "a + b", "z = a / R(_n - {ddof})", "R(0)", "add"),
        _Row("std", "{square}", "a + b", "z = sqrt(a / R(_n - {ddof}))", "R(0)", "add"),
    )
}
# Ufuncs that NumPy regroups as well, besides those above: their own C++ joins two elements.
REDUCTIONS |= {
    name: _Row(name, "x", "", "z = a", identity, name, neutral)
    for name, identity, neutral in (
        ("fmax", None, "lowest"),
        ("fmin", None, "highest"),
        ("gcd", "T(0)", None),
        ("bitwise_and", "T(-1)", None),
        ("bitwise_or", "T(0)", None),
        ("bitwise_xor", "T(0)", None),
        ("logical_xor", "false", None),
        ("hypot", "T(0)", None),
        ("logaddexp", "-ndgpu::infinity(T())", None),
        ("logaddexp2", "-ndgpu::infinity(T())", None),
    )
}


def joined(name: str, computed: np.dtype) -> str:
    """C++ of a ufunc applied to two partial results ``a`` and ``b``."""
    code = ROWS[name].code.get(computed.kind)
    if code is None:
        raise TypeError(f"ufunc {name!r} is not supported for {computed}")
    return re.sub(r"\bx0\b", "a", re.sub(r"\bx1\b", "b", code))


@functools.cache
def _kernel(
    name: str, source: np.dtype, loop: np.dtype, target: np.dtype, masked: bool, ddof: float
) -> Reduction:
    row = REDUCTIONS[name]
    computed = compute_dtype(loop)
    real = computed if computed.kind != "c" else np.dtype(f"f{computed.itemsize // 2}")
    is_complex = computed.kind == "c"
    operands = [Operand("x", source, "in", computed)]
    mapped, reduced = row.map, row.reduce or joined(name, computed)
    partial = computed
    if name in ("var", "std"):
        operands.append(Operand("m", computed))
        mapped = (
            "(x.re - m.re) * (x.re - m.re) + (x.im - m.im) * (x.im - m.im)"
            if is_complex
            else "(x - m) * (x - m)"
        )
        partial = real
    elif name in ("any", "all"):
        partial = _BOOL
    elif name == "count_nonzero":
        partial = _INT64
    identity = row.identity
    if masked:
        operands.append(Operand("where", _BOOL))
        if identity is None:
            # `initial` is folded in afterwards, so where nothing is chosen the worst value stands.
            skips_nan = name in ("fmax", "fmin") and computed.kind in "fc"
            identity = _NAN if skips_nan else f"ndgpu::{row.neutral}<R>()"
            if is_complex:
                identity = f"T({identity}, {identity})"
        kind = ctype(partial)
        mapped = f"where ? ({kind})({mapped}) : ({kind})({identity})"
    scale = "T(a.re / R(_n), a.im / R(_n))" if is_complex else "a / R(_n)"
    post = row.post.replace("{scale}", scale).replace("{ddof}", repr(ddof))
    return Reduction(
        f"ndgpu_{name}",
        tuple(operands),
        Operand("z", target, "out", partial),
        map_expr=mapped,
        reduce_expr=reduced,
        post_map_expr=post,
        reduce_type=ctype(partial),
        identity=identity,
        headers=("math",),
        types={"T": ctype(computed), "R": ctype(real)},
    )


def make_result(
    name: str, shape: layout.Shape, axes: tuple[int, ...], dtype: np.dtype, out: Any, keepdims: bool
) -> ndarray:
    """Return a new array for a result, or `out` if it has the result's shape."""
    if keepdims:
        kept = tuple([1 if k in axes else n for k, n in enumerate(shape)])
    else:
        kept = tuple([n for k, n in enumerate(shape) if k not in axes])
    if out is None:
        return allocate(kept, dtype)
    if isinstance(out, tuple) and len(out) == 1:
        out = out[0]
    if not isinstance(out, ndarray):
        raise TypeError(f"{name}: `out` must be a device array, got {type(out).__name__}")
    if out.ndim != len(kept):
        raise ValueError(
            f"output parameter for reduction operation {name} has the wrong number of dimensions: "
            f"Found {out.ndim} but expected {len(kept)}"
        )
    if out._shape != kept:
        raise ValueError(
            f"output parameter for reduction operation {name} has shape {out._shape}, "
            f"expected {kept}"
        )
    return out


def finish(result: ndarray, out: Any) -> ndarray:
    """Return `result`, or `out` set to it: reductions cast whatever it takes, as NumPy's do."""
    target = out[0] if isinstance(out, tuple) else out
    if target is None or target is result:
        return result
    casts.copy_into(target, result)
    return target


def run(
    name: str,
    a: ndarray,
    axis: Any,
    loop: np.dtype,
    dtype: np.dtype,
    out: Any,
    keepdims: bool,
    where: Any = True,
    extra: tuple[ndarray, ...] = (),
    ddof: float = 0,
) -> ndarray:
    """Reduce `a` over `axis` with elements as `loop`, to an array of `dtype` (or into `out`)."""
    shape = a._shape
    args: list[ndarray] = [a, *extra]
    masked = where is not True
    if masked:
        mask = as_mask(where)
        shape = layout.broadcast_shape([shape, mask._shape])
        if shape != a._shape:
            # Axes count from the array's own; a mask with more axes makes it a larger array.
            args[0] = view_of(a, shape, layout.broadcast_strides(a._shape, a._strides, shape))
        args.append(mask)
    axes = layout.normalize_axes(axis, len(shape))
    given = make_result(name, shape, axes, dtype, out, keepdims)
    result = given
    if out is not None and (given._dtype != dtype or casts.overlaps(given, a)):
        result = make_result(name, shape, axes, dtype, None, keepdims)
    if result._size and (0 not in shape or REDUCTIONS[name].identity is not None or masked):
        kernel = _kernel(name, a._dtype, loop, dtype, masked, ddof)
        kernel.launch(args, result, shape, axes)
    elif result._size:
        combine = REDUCTIONS[name].combine
        raise ValueError(f"zero-size array to reduction operation {combine} which has no identity")
    return finish(result, out)


def run_from(
    name: str,
    a: ndarray,
    axis: Any,
    loop: np.dtype,
    out: Any,
    keepdims: bool,
    initial: Any,
    where: Any,
) -> ndarray:
    """Reduce as `run` does, with NumPy's rules for `initial` and `where`."""
    row = REDUCTIONS[name]
    if where is not True and row.identity is None and absent(initial):
        raise ValueError(
            f"reduction operation '{row.combine}' does not have an identity, so to use a where "
            "mask one has to specify 'initial'"
        )
    if absent(initial):
        return run(name, a, axis, loop, loop, out, keepdims, where)
    axes = layout.normalize_axes(axis, a.ndim)
    if row.identity is None and _product([a._shape[k] for k in axes]) == 0:
        result = make_result(name, a._shape, axes, loop, None, keepdims)
        casts.fill(result, initial)
    else:
        result = run(name, a, axis, loop, loop, None, keepdims, where)
        # NumPy brings `initial` into the result's dtype first, whatever that loses.
        start = casts.astype(asarray(initial), loop)
        TABLE[row.combine]._call((result, start), result)
    if out is not None:
        make_result(name, a._shape, axes, loop, out, keepdims)
    return finish(result, out)


def absent(initial: Any) -> bool:
    """Whether no `initial` was given."""
    return initial is None or initial is np._NoValue
