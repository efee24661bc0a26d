"""Reductions: sum, prod, min, max, any, all, argmin, argmax, count_nonzero.

Guarantees: NumPy's dtypes, shapes and errors; ``axis`` may be a tuple; nothing
waits for the device.  float16 and bfloat16 are added up in float32.  Means and
variances are in `ndgpu.core.moments`, by `run` and `finish` of this module.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from math import prod as _product
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import casts, layout
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import REDUCERS, as_mask
from ndgpu.core.ufuncs import TABLE
from ndgpu.kernels.elementwise import Operand
from ndgpu.kernels.reduction import Reduction

__all__ = [
    "all",
    "any",
    "argmax",
    "argmin",
    "count_nonzero",
    "finish",
    "max",
    "min",
    "prod",
    "ptp",
    "run",
    "sum",
]

_BOOL, _INT64 = np.dtype(bool), np.dtype(np.int64)


@dataclass(frozen=True, slots=True)
class _Row:
    """One reduction: C++ of its three steps; `combine` is the ufunc that folds in `initial`."""

    name: str
    map: str
    reduce: str
    post: str
    identity: str | None
    combine: str


_ROWS: dict[str, _Row] = {
    row.name: row
    for row in (
        _Row("sum", "x", "a + b", "z = a", "T(0)", "add"),
        _Row("prod", "x", "a * b", "z = a", "T(1)", "multiply"),
        _Row("max", "x", "ndgpu::maximum(a, b)", "z = a", None, "maximum"),
        _Row("min", "x", "ndgpu::minimum(a, b)", "z = a", None, "minimum"),
        _Row("any", "x", "a || b", "z = a", "false", "logical_or"),
        _Row("all", "x", "a && b", "z = a", "true", "logical_and"),
        _Row("count_nonzero", "x ? 1 : 0", "a + b", "z = a", "0", "add"),
        _Row("mean", "x", "a + b", "z = {scale}", "T(0)", "add"),
        _Row("var", "{square}", "a + b", "z = a / R(_n - {ddof})", "R(0)", "add"),
        _Row("std", "{square}", "a + b", "z = sqrt(a / R(_n - {ddof}))", "R(0)", "add"),
    )
}


@functools.cache
def _kernel(
    name: str, source: np.dtype, loop: np.dtype, target: np.dtype, masked: bool, ddof: float
) -> Reduction:
    row = _ROWS[name]
    computed = compute_dtype(loop)
    real = computed if computed.kind != "c" else np.dtype(f"f{computed.itemsize // 2}")
    is_complex = computed.kind == "c"
    operands = [Operand("x", source, "in", computed)]
    mapped, reduced = row.map, row.reduce
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
            worst = "lowest" if name == "max" else "highest"
            identity = f"ndgpu::{worst}<R>()"
            if is_complex:
                identity = f"T({identity}, {identity})"
        mapped = f"where ? {ctype(partial)}({mapped}) : {ctype(partial)}({identity})"
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


def _result(
    name: str, shape: layout.Shape, axes: tuple[int, ...], dtype: np.dtype, out: Any, keepdims: bool
) -> ndarray:
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
    given = _result(name, shape, axes, dtype, out, keepdims)
    result = given
    if out is not None and (given._dtype != dtype or casts.overlaps(given, a)):
        result = _result(name, shape, axes, dtype, None, keepdims)
    if result._size and (0 not in shape or _ROWS[name].identity is not None or masked):
        kernel = _kernel(name, a._dtype, loop, dtype, masked, ddof)
        kernel.launch(args, result, shape, axes)
    elif result._size:
        raise ValueError(
            f"zero-size array to reduction operation {_ROWS[name].combine} which has no identity"
        )
    return finish(result, out)


def _with_initial(
    name: str,
    a: ndarray,
    axis: Any,
    loop: np.dtype,
    out: Any,
    keepdims: bool,
    initial: Any,
    where: Any,
) -> ndarray:
    row = _ROWS[name]
    if where is not True and row.identity is None and _absent(initial):
        raise ValueError(
            f"reduction operation '{row.combine}' does not have an identity, so to use a where "
            "mask one has to specify 'initial'"
        )
    if _absent(initial):
        return run(name, a, axis, loop, loop, out, keepdims, where)
    axes = layout.normalize_axes(axis, a.ndim)
    if row.identity is None and _product([a._shape[k] for k in axes]) == 0:
        result = _result(name, a._shape, axes, loop, None, keepdims)
        casts.fill(result, initial)
    else:
        result = run(name, a, axis, loop, loop, None, keepdims, where)
        TABLE[row.combine]._call((result, initial), result)
    if out is not None:
        _result(name, a._shape, axes, loop, out, keepdims)
    return finish(result, out)


def _absent(initial: Any) -> bool:
    return initial is None or initial is np._NoValue


@functools.cache
def _sum_dtype(dtype: np.dtype) -> np.dtype:
    return as_dtype(np.add.reduce(np.zeros(1, dtype)).dtype)


def _accumulator(a: ndarray, dtype: Any, out: Any) -> np.dtype:
    """The dtype in which to add up: NumPy's choice, or what holds both elements and `out`."""
    if dtype is not None:
        return as_dtype(dtype)
    return _sum_dtype(a._dtype) if out is None else _with_out(a, out)


def _with_out(a: ndarray, out: Any) -> np.dtype:
    out = out[0] if isinstance(out, tuple) else out
    # What is no array is refused later, by name.
    return as_dtype(np.result_type(a._dtype, out._dtype)) if isinstance(out, ndarray) else a._dtype


def sum(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the sum of the elements over some axes.

    Parameters
    ----------
    a : array-like
    axis : int or tuple of int, optional
        Axes to reduce; all by default.
    dtype : dtype-like, optional
        Type to add in and of the result; 64-bit for smaller integers by default.
    out : ndarray, optional
        Where to put the result.
    keepdims : bool
        Whether reduced axes stay, with length one.
    initial : number, optional
        Added to each sum.
    where : array of bool, optional
        Elements to include.

    Returns
    -------
    ndarray
        0-d if all axes are reduced.

    Raises
    ------
    numpy.exceptions.AxisError
        If there is no such axis.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.sum(ndgpu.ones((2, 3)), axis=1)
    array([3., 3.])
    """
    a = asarray(a)
    return _with_initial("sum", a, axis, _accumulator(a, dtype, out), out, keepdims, initial, where)


def prod(
    a: Any,
    axis: Any = None,
    dtype: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the product of the elements over some axes; parameters as for `sum`."""
    a = asarray(a)
    loop = _accumulator(a, dtype, out)
    return _with_initial("prod", a, axis, loop, out, keepdims, initial, where)


def max(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the largest element over some axes; NaN if there is one.

    Raises
    ------
    ValueError
        If there is no element and no `initial`.
    """
    a = asarray(a)
    return _with_initial("max", a, axis, _with_out(a, out), out, keepdims, initial, where)


def min(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    initial: Any = None,
    where: Any = True,
) -> ndarray:
    """Return the smallest element over some axes; NaN if there is one.

    Raises
    ------
    ValueError
        If there is no element and no `initial`.
    """
    a = asarray(a)
    return _with_initial("min", a, axis, _with_out(a, out), out, keepdims, initial, where)


def ptp(a: Any, axis: Any = None, out: ndarray | None = None, keepdims: bool = False) -> ndarray:
    """Return the largest less the smallest element over some axes."""
    a = asarray(a)
    high = max(a, axis, keepdims=keepdims)
    return TABLE["subtract"]._call((high, min(a, axis, keepdims=keepdims)), out)


def any(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> ndarray:
    """Return whether any element over some axes is not zero."""
    a = asarray(a)
    return run("any", a, axis, _BOOL, _BOOL, out, keepdims, where)


def all(
    a: Any,
    axis: Any = None,
    out: ndarray | None = None,
    keepdims: bool = False,
    *,
    where: Any = True,
) -> ndarray:
    """Return whether all elements over some axes are not zero."""
    a = asarray(a)
    return run("all", a, axis, _BOOL, _BOOL, out, keepdims, where)


def count_nonzero(a: Any, axis: Any = None, *, keepdims: bool = False) -> ndarray:
    """Return how many elements over some axes are not zero, as int64."""
    a = asarray(a)
    return run("count_nonzero", a, axis, _BOOL, _INT64, None, keepdims)


@functools.cache
def _argument_kernel(name: str, source: np.dtype) -> Reduction:
    computed = compute_dtype(source)
    kind = f"ndgpu::Indexed<{ctype(computed)}>"
    return Reduction(
        f"ndgpu_{name}",
        (Operand("x", source, "in", computed),),
        Operand("z", _INT64, "out"),
        map_expr=f"{kind}{{x, _j}}",
        reduce_expr=f"ndgpu::{name}(a, b)",
        post_map_expr="z = a.index",
        reduce_type=kind,
        identity=None,
    )


def _argument(name: str, a: Any, axis: Any, out: ndarray | None, keepdims: bool) -> ndarray:
    a = asarray(a)
    axes = tuple(range(a.ndim)) if axis is None else (layout.normalize_axis(axis, a.ndim or 1),)
    if a.ndim == 0:
        axes = ()
    count = _product([a._shape[k] for k in axes])
    if count == 0:
        raise ValueError(f"attempt to get {name} of an empty sequence")
    given = _result(name, a._shape, axes, _INT64, out, keepdims)
    result = (
        given if given._dtype == _INT64 else _result(name, a._shape, axes, _INT64, None, keepdims)
    )
    if result._size:
        _argument_kernel(name, a._dtype).launch([a], result, a._shape, axes)
    return finish(result, out)


def argmax(
    a: Any, axis: int | None = None, out: ndarray | None = None, *, keepdims: bool = False
) -> ndarray:
    """Return the index of the first largest element (or first NaN) over one axis, or all.

    Raises
    ------
    ValueError
        If there is no element.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.argmax(ndgpu.asarray([[1, 5, 2], [7, 0, 7]]), axis=1)
    array([1, 0])
    """
    return _argument("argmax", a, axis, out, keepdims)


def argmin(
    a: Any, axis: int | None = None, out: ndarray | None = None, *, keepdims: bool = False
) -> ndarray:
    """Return the index of the first smallest element (or first NaN) over one axis, or all.

    Raises
    ------
    ValueError
        If there is no element.
    """
    return _argument("argmin", a, axis, out, keepdims)


def _reducer(function: Callable[..., ndarray], takes_dtype: bool) -> Callable[..., ndarray]:
    def reduce(
        a: Any,
        axis: Any = 0,
        dtype: Any = None,
        out: Any = None,
        keepdims: bool = False,
        initial: Any = None,
        where: Any = True,
    ) -> ndarray:
        if takes_dtype:
            return function(a, axis, dtype, out, keepdims, initial, where)
        if function in (any, all):
            return function(a, axis, out, keepdims, where=where)
        return function(a, axis, out, keepdims, initial, where)

    return reduce


REDUCERS.update(
    sum=_reducer(sum, True),
    prod=_reducer(prod, True),
    max=_reducer(max, False),
    min=_reducer(min, False),
    any=_reducer(any, False),
    all=_reducer(all, False),
)
