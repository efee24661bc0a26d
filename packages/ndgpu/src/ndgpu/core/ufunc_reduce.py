"""``ufunc.reduce`` and ``ufunc.reduceat``, of every ufunc of two operands.

Guarantees: NumPy's dtypes, shapes and errors.  What NumPy regroups is reduced by many blocks
(`ndgpu.core.reducing`); of other operations, subtract or power for example, one thread walks
along each line in order, so their results are those of a loop.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ndgpu.compile import ctype, headers_of
from ndgpu.core import casts, layout, reductions, views
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.reducing import REDUCTIONS, absent, finish, make_result, run_from
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import as_mask, ufunc
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["check_binary", "expression", "resolved"]

_BOOL, _INT64 = np.dtype(bool), np.dtype(np.int64)


def check_binary(function: ufunc, method: str) -> None:
    """Refuse a ufunc that has no `method`, with NumPy's words."""
    if function.nin != 2:
        raise ValueError(f"{method} only supported for binary functions")
    if function.nout != 1:
        raise ValueError(f"{method} only supported for functions returning a single value")


def resolved(
    function: ufunc, method: str, a: ndarray, dtype: Any, out: Any
) -> tuple[np.dtype, ...]:
    """Return the dtypes of the loop by which NumPy reduces: of result, element and result."""
    kind = None if dtype is None else as_dtype(dtype)
    out = out[0] if isinstance(out, tuple) else out
    given = out._dtype if isinstance(out, ndarray) else None
    options: dict[str, Any] = {"reduction": True, "casting": "unsafe"}
    if kind is not None:
        options["signature"] = (kind, None, None)
    name = function.__name__
    if kind is None and given is None and name in ("add", "multiply") and a._dtype.kind in "biu":
        # NumPy adds integers up in at least its default integer.
        wide = as_dtype(getattr(np, name).reduce(np.zeros(1, a._dtype)).dtype)
        return (wide, wide, wide)
    found = function._twin.resolve_dtypes((given, a._dtype, None), **options)
    loop = tuple([as_dtype(d) for d in found])
    # A walk along elements that gives results on the way takes both operands of one dtype.
    if loop[0] != loop[2] or (method != "reduce" and loop[0] != loop[1]):
        raise TypeError(
            f"The resolved dtypes are not compatible with {name}.{method}. Resolved "
            f"({loop[0]!r}, {loop[1]!r}, {loop[2]!r})"
        )
    return loop


def expression(
    function: ufunc, loop: tuple[np.dtype, ...]
) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """C++ of the operation in a loop, the headers and the names of types that it needs."""
    computed = compute_dtype(loop[0])
    row = function._row
    code = (row.code.get("h") if computed != loop[0] else None) or row.code.get(computed.kind)
    if code is None:
        raise TypeError(f"ufunc {function.__name__!r} is not supported for {loop[0]}")
    headers = (("math",) if "ndgpu::" in code else ()) + headers_of(loop)
    return code, headers, {"T": ctype(computed), "S0": ctype(loop[0]), "S1": ctype(loop[1])}


@functools.cache
def _line_kernel(
    function: ufunc, source: np.dtype, loop: tuple[np.dtype, ...], starts: bool, masked: bool
) -> Elementwise:
    """Fold lines in order; from a given number if `starts`, only what a mask chooses if `masked`.

    One without a start begins with its first element.
    """
    code, headers, types = expression(function, loop)
    computed = [compute_dtype(kind) for kind in loop]
    operands = [
        Operand("x", source, "raw"),
        Operand("length", _INT64, "scalar"),
        Operand("inner", _INT64, "scalar"),
    ]
    if masked:
        operands.append(Operand("mask", _BOOL, "raw"))
    if starts:
        operands.append(Operand("start", loop[0], "in", computed[0]))
    operands.append(Operand("y", loop[0], "out", computed[0]))
    first = convert("x[base]", source, computed[0])
    guard = "if (!mask[base + k * inner]) continue;" if masked else ""
    # Results are stored between steps as NumPy stores them, in the loop's own dtype.
    step = f"T(({ctype(loop[0])})({code}))" if computed[0] != loop[0] else f"T({code})"
    return Elementwise(
        f"ndgpu_{function.__name__}_reduce",
        operands,
        f"""
        const long long base = i / inner * length * inner + i % inner;
        T x0 = {"start" if starts else first};
        for (long long k = {0 if starts else 1}; k < length; ++k) {{
          {guard}
          const {ctype(computed[1])} x1 = {convert("x[base + k * inner]", source, computed[1])};
          x0 = {step};
        }}
        y = x0;
        """,
        headers=headers,
        types=types,
    )


def _along_lines(
    self: ufunc,
    a: ndarray,
    axes: tuple[int, ...],
    loop: tuple[np.dtype, ...],
    out: Any,
    keepdims: bool,
    initial: Any,
    where: Any,
) -> ndarray:
    name = self.__name__
    mask = None
    if where is not True:
        if absent(initial):
            raise ValueError(
                f"reduction operation '{name}' does not have an identity, so to use a where "
                "mask one has to specify 'initial'"
            )
        shape = layout.broadcast_shape([a._shape, as_mask(where)._shape])
        a = views.broadcast_to(a, shape)
        mask = casts.copy(views.broadcast_to(as_mask(where), shape))
    if len(axes) > 1:
        raise ValueError(
            f"reduction operation '{name}' is not reorderable, so at most one axis may be specified"
        )
    if not axes:  # of a 0-d array: its element is the line
        a, axes = views.reshape(a, (1, *a._shape)), (0,)
        keepdims = False
    length = a._shape[axes[0]]
    inner = prod(a._shape[axes[0] + 1 :])
    if length == 0 and absent(initial):
        raise ValueError(f"zero-size array to reduction operation {name} which has no identity")
    # Checks `out` before anything is computed.
    make_result(name, a._shape, axes, loop[0], out, keepdims)
    result = make_result(name, a._shape, axes, loop[0], None, keepdims)
    args: list[Any] = [a if a._c_contiguous else casts.copy(a), length, inner]
    if mask is not None:
        args.append(mask)
    if not absent(initial):
        args.append(casts.astype(asarray(initial), loop[0]))
    if result._size:
        kernel = _line_kernel(self, a._dtype, loop, not absent(initial), mask is not None)
        kernel.launch([*args, result], result._shape)
    return finish(result, out)


def reduce(
    self: ufunc,
    array: Any,
    axis: Any = 0,
    dtype: Any = None,
    out: Any = None,
    keepdims: bool = False,
    initial: Any = np._NoValue,
    where: Any = True,
) -> ndarray:
    """Combine the elements along `axis`, as `numpy.ufunc.reduce`.

    Parameters
    ----------
    array : array-like
    axis : int, tuple of int or None
        The first by default; None for all. Several only if their order does not matter.
    dtype : dtype-like, optional
        Type to calculate in.
    out : ndarray, optional
    keepdims : bool
        Whether reduced axes stay, with length one.
    initial : number, optional
        What each reduction starts from; None for its first element even if there is an identity.
    where : array of bool, optional
        Elements to include.

    Raises
    ------
    ValueError
        If the ufunc has another number of operands than two or results than one, if there is
        nothing to reduce and no identity, or for several axes where the order matters.
    TypeError
        If there is no such reduction for the dtype.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.subtract.reduce(ndgpu.asarray([[10, 1], [2, 3]]), axis=1)
    array([ 9, -1])
    """
    check_binary(self, "reduce")
    a = asarray(array)
    row = self._row.reduce
    truth = row in ("any", "all")
    loop: tuple[np.dtype, ...] = (_BOOL,)
    if not truth or dtype is not None:
        loop = resolved(self, "reduce", a, dtype, out)
    if initial is None and (0 in a._shape or where is not True):
        what = (
            f"zero-size array to reduction operation {self.__name__} which has no identity"
            if where is True
            else f"reduction operation '{self.__name__}' does not have an identity, so to use a "
            "where mask one has to specify 'initial'"
        )
        if where is not True or 0 in [a._shape[k] for k in layout.normalize_axes(axis, a.ndim)]:
            raise ValueError(what)
    if a.ndim == 0 and axis is not None:
        axis = _axis_of_number(axis)
    if truth:
        return _truth(row, a, axis, out, keepdims, initial, where)
    if row is not None or self.__name__ in REDUCTIONS:
        name = row or self.__name__
        return run_from(name, a, axis, loop[0], out, keepdims, initial, where)
    axes = layout.normalize_axes(axis, a.ndim)
    return _along_lines(self, a, axes, loop, out, keepdims, initial, where)


def _axis_of_number(axis: Any) -> Any:
    """NumPy lets a number be reduced over axis 0 or -1."""
    return None if axis in (0, -1) else axis


def _truth(
    row: Any, a: ndarray, axis: Any, out: Any, keepdims: bool, initial: Any, where: Any
) -> ndarray:
    found = getattr(reductions, row)(a, axis, None, keepdims, where=where)
    if not absent(initial):
        start = casts.astype(asarray(initial), _BOOL)
        found = found & start if row == "all" else found | start
    return finish(found, out)


@functools.cache
def _segment_kernel(function: ufunc, source: np.dtype, loop: tuple[np.dtype, ...]) -> Elementwise:
    code, headers, types = expression(function, loop)
    computed = [compute_dtype(kind) for kind in loop]
    return Elementwise(
        f"ndgpu_{function.__name__}_reduceat",
        (
            Operand("x", source, "raw"),
            Operand("starts", _INT64, "raw"),
            Operand("segments", _INT64, "scalar"),
            Operand("length", _INT64, "scalar"),
            Operand("inner", _INT64, "scalar"),
            Operand("y", loop[0], "out", computed[0]),
        ),
        f"""
        const long long q = i / inner, r = i - q * inner, o = q / segments, s = q - o * segments;
        const long long base = o * length * inner + r;
        const long long from = starts[s];
        const long long to = s + 1 < segments ? starts[s + 1] : length;
        T x0 = {convert("x[base + from * inner]", source, computed[0])};
        for (long long k = from + 1; k < to; ++k) {{
          const {ctype(computed[1])} x1 = {convert("x[base + k * inner]", source, computed[1])};
          x0 = T({code});
        }}
        y = x0;
        """,
        headers=headers,
        types=types,
    )


def reduceat(
    self: ufunc, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> ndarray:
    """Return the reductions of slices of `array`, one from each index to the next.

    Where an index is not below the next one, the result is the element at the index.
    Indices that are on the device are copied to the host, to be checked.

    Raises
    ------
    IndexError
        If an index is out of bounds.
    ValueError
        If the ufunc has another number of operands than two, or results than one.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.add.reduceat(ndgpu.arange(6), [0, 2, 4])
    array([1, 5, 9])
    """
    check_binary(self, "reduceat")
    a = asarray(array)
    if a.ndim == 0:
        raise TypeError("cannot reduceat on a scalar")
    out = out[0] if isinstance(out, tuple) else out
    axis = layout.normalize_axis(axis, a.ndim)
    starts = indices.get() if isinstance(indices, ndarray) else np.asarray(indices)
    if starts.dtype.kind not in "iu":
        if starts.size:
            raise TypeError(
                f"Cannot cast array data from {starts.dtype!r} to dtype('int64') according to "
                "the rule 'safe'"
            )
        starts = starts.astype(np.int64)
    if starts.ndim != 1:
        raise ValueError("object of too small depth for desired array")
    n = a._shape[axis]
    outside = (starts < 0) | (starts >= n)
    if outside.any():
        raise IndexError(
            f"index {starts[outside][0]} out-of-bounds in {self.__name__}.reduceat [0, {n})"
        )
    loop = resolved(self, "reduceat", a, dtype, out)
    shape = (*a._shape[:axis], len(starts), *a._shape[axis + 1 :])
    result = allocate(shape, loop[0])
    if result._size:
        dense = a if a._c_contiguous else casts.copy(a)
        inner = prod(shape[axis + 1 :])
        kernel = _segment_kernel(self, a._dtype, loop)
        places = asarray(starts.astype(np.int64))
        kernel.launch([dense, places, len(starts), n, inner, result], shape)
    return finish(result, out)


for _method in (reduce, reduceat):
    setattr(ufunc, _method.__name__, _method)
