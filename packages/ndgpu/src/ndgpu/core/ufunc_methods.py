"""The methods of ufuncs besides calls and reductions: accumulate, reduceat, outer, at.

Guarantees: NumPy's dtypes, shapes and errors. `accumulate` of an operation that may be
regrouped is a scan over many blocks; of others, one thread walks along each line, in order.
`at` applies repeated indices one after the other, in order, so its results repeat.
"""

from __future__ import annotations

import functools
from math import prod
from typing import Any

import numpy as np

from ndgpu.compile import ctype, headers_of
from ndgpu.core import casts, indexing, layout, views
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.reductions import finish
from ndgpu.core.scans import scan_with
from ndgpu.core.sorting import sort_with_order
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import ufunc
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.kernels.scan import Scan

__all__: list[str] = []

_INT64 = np.dtype(np.int64)
# These give the same whatever way elements are grouped and ordered (but for rounding).
_REGROUPED = frozenset(
    (
        *("add", "multiply", "maximum", "minimum", "fmax", "fmin", "gcd", "lcm"),
        *("bitwise_and", "bitwise_or", "bitwise_xor", "logical_and", "logical_or", "logical_xor"),
        *("logaddexp", "logaddexp2"),
    )
)


def _check_binary(function: ufunc, method: str) -> None:
    if function.nin != 2:
        raise ValueError(f"{method} only supported for binary functions")
    if function.nout != 1:
        raise ValueError(f"{method} only supported for functions returning a single value")


def _loop(function: ufunc, method: str, a: ndarray, dtype: Any, out: Any) -> np.dtype:
    """The dtype in which to accumulate: both operands and the result have it."""
    name = function.__name__
    if dtype is not None:
        kind = as_dtype(dtype)
    elif name in ("add", "multiply") and a._dtype.kind in "biu" and out is None:
        kind = as_dtype(getattr(np, name).reduce(np.zeros(1, a._dtype)).dtype)
    else:
        kind = a._dtype if out is None else as_dtype(np.result_type(a._dtype, out._dtype))
    found = function._resolve((kind, kind), (None,), None, "unsafe")
    if name.startswith("logical_"):
        return np.dtype(bool)
    if found[2] != found[0] or found[1] != found[0]:
        raise TypeError(
            f"The resolved dtypes are not compatible with {name}.{method}. Resolved "
            f"({found[0]!r}, {found[1]!r}, {found[2]!r})"
        )
    return found[0]


def _expression(function: ufunc, loop: np.dtype) -> tuple[str, tuple[str, ...], dict[str, str]]:
    """C++ of the operation in `loop`, the headers and the names of types that it needs."""
    computed = compute_dtype(loop)
    row = function._row
    code = (row.code.get("h") if computed != loop else None) or row.code.get(computed.kind)
    if code is None:
        raise TypeError(f"ufunc {function.__name__!r} is not supported for {loop}")
    headers = (("math",) if "ndgpu::" in code else ()) + headers_of((loop,))
    return code, headers, {"S0": ctype(loop), "S1": ctype(loop)}


@functools.cache
def _scan_kernel(function: ufunc, source: np.dtype, loop: np.dtype) -> Scan:
    code, headers, types = _expression(function, loop)
    return Scan(
        f"ndgpu_{function.__name__}_accumulate",
        source,
        compute_dtype(loop),
        loop,
        code,
        associative=function.__name__ in _REGROUPED,
        headers=headers,
        types=types,
    )


def accumulate(
    self: ufunc, array: Any, axis: int = 0, dtype: Any = None, out: Any = None
) -> ndarray:
    """Return the results of applying the operation to ever more elements along `axis`.

    Raises
    ------
    ValueError
        If the ufunc has another number of operands than two, or results than one.
    TypeError
        If its result cannot be its first operand.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.maximum.accumulate(ndgpu.asarray([1, 3, 2, 5]))
    array([1, 3, 3, 5])
    """
    _check_binary(self, "accumulate")
    a = asarray(array)
    if a.ndim == 0:
        raise TypeError("cannot accumulate on a scalar")
    out = out[0] if isinstance(out, tuple) else out
    axis = layout.normalize_axis(axis, a.ndim)
    loop = _loop(self, "accumulate", a, dtype, out)
    if out is not None and out._shape != a._shape:
        raise ValueError(
            f"{self.__name__}.accumulate: `out` has shape {out._shape}, the result {a._shape}"
        )
    return finish(scan_with(_scan_kernel(self, a._dtype, loop), a, axis, loop), out)


@functools.cache
def _segment_kernel(function: ufunc, source: np.dtype, loop: np.dtype) -> Elementwise:
    code, headers, types = _expression(function, loop)
    computed = compute_dtype(loop)
    return Elementwise(
        f"ndgpu_{function.__name__}_reduceat",
        (
            Operand("x", source, "raw"),
            Operand("starts", _INT64, "raw"),
            Operand("segments", _INT64, "scalar"),
            Operand("length", _INT64, "scalar"),
            Operand("inner", _INT64, "scalar"),
            Operand("y", loop, "out", computed),
        ),
        f"""
        const long long q = i / inner, r = i - q * inner, o = q / segments, s = q - o * segments;
        const long long base = o * length * inner + r;
        const long long from = starts[s];
        const long long to = s + 1 < segments ? starts[s + 1] : length;
        T x0 = {convert("x[base + from * inner]", source, computed)};
        for (long long k = from + 1; k < to; ++k) {{
          const T x1 = {convert("x[base + k * inner]", source, computed)};
          x0 = T({code});
        }}
        y = x0;
        """,
        headers=headers,
        types={"T": ctype(computed)} | types,
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
    _check_binary(self, "reduceat")
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
    loop = _loop(self, "reduceat", a, dtype, out)
    shape = (*a._shape[:axis], len(starts), *a._shape[axis + 1 :])
    result = allocate(shape, loop)
    if result._size:
        dense = a if a._c_contiguous else casts.copy(a)
        inner = prod(shape[axis + 1 :])
        kernel = _segment_kernel(self, a._dtype, loop)
        places = asarray(starts.astype(np.int64))
        kernel.launch([dense, places, len(starts), n, inner, result], shape)
    return finish(result, out)


def outer(self: ufunc, A: Any, B: Any, /, **kwargs: Any) -> Any:
    """Apply the operation to all pairs of an element of `A` and one of `B`.

    Raises
    ------
    ValueError
        If the ufunc has another number of operands than two.

    Examples
    --------
    >>> import ndgpu
    >>> ndgpu.multiply.outer(ndgpu.arange(2), ndgpu.arange(3))
    array([[0, 0, 0],
           [0, 1, 2]])
    """
    if self.nin != 2:
        raise ValueError("outer product only supported for binary functions")
    left, right = asarray(A), asarray(B)
    left = views.reshape(left, left._shape + (1,) * right.ndim)
    return self(left, right, **kwargs)


@functools.cache
def _at_kernel(function: ufunc, dtype: np.dtype, second: np.dtype | None) -> Elementwise:
    operands = [Operand("order", _INT64, "raw"), Operand("places", _INT64, "raw")]
    kinds = (dtype,) if second is None else (dtype, second)
    loop = function._resolve(kinds, (None,), None, "same_kind")
    if not np.can_cast(loop[-1], dtype, "same_kind"):
        raise TypeError(
            f"Cannot cast ufunc {function.__name__!r} output from {loop[-1]!r} to {dtype!r} with "
            "casting rule 'same_kind'"
        )
    code, headers, types = _expression(function, loop[0])
    computed = [compute_dtype(kind) for kind in loop]
    load = ""
    if second is not None:
        operands.append(Operand("values", second, "raw"))
        value = convert("values[order[k]]", second, computed[1])
        load = f"const {ctype(computed[1])} x1 = {value};"
    operands += [Operand("position", _INT64), Operand("target", dtype, "rawout")]
    result = convert(f"R({code})", computed[-1], dtype)
    return Elementwise(
        f"ndgpu_{function.__name__}_at",
        operands,
        f"""
        if (i == 0 || places[i - 1] != position) {{
          {ctype(dtype)} value = target[position];
          for (long long k = i; k < n && places[k] == position; ++k) {{
            const T x0 = {convert("value", dtype, computed[0])};
            {load}
            value = {result};
          }}
          target[position] = value;
        }}
        """,
        headers=headers,
        types={"T": ctype(computed[0]), "R": ctype(computed[-1])} | types,
    )


def at(self: ufunc, a: ndarray, indices: Any, b: Any = None, /) -> None:
    """Apply the operation in place to the elements of `a` at `indices`, repeated ones repeatedly.

    Parameters
    ----------
    a : ndarray
        Changed in place.
    indices : index
        As in ``a[indices]``.
    b : array-like, optional
        Second operand; broadcasts to the shape of ``a[indices]``.

    Raises
    ------
    ValueError
        If an operand is missing or too many.
    IndexError
        If an index from the host is out of bounds.

    Examples
    --------
    >>> import ndgpu
    >>> x = ndgpu.zeros(3)
    >>> ndgpu.add.at(x, [0, 0, 2], 1)
    >>> x
    array([2., 0., 1.])
    """
    if not isinstance(a, ndarray):
        raise TypeError(f"{self.__name__}.at: expected a device array, got {type(a).__name__}")
    if self.nout != 1:
        raise ValueError("Only single output ufuncs supported at this time")
    if (b is None) != (self.nin == 1):
        raise ValueError("second operand needed for ufunc" if b is None else "too many operands")
    numbers = allocate(a._shape, _INT64)
    casts.copy_into(numbers, views.reshape(_arange(a._size), a._shape))
    places = indexing.getitem(numbers, indices)
    values: list[ndarray] = []
    if b is not None:
        second = b if isinstance(b, ndarray) else asarray(b, _dtype_of(b, a._dtype))
        values = [casts.copy(views.broadcast_to(second, places._shape))]
    kernel = _at_kernel(self, a._dtype, values[0]._dtype if values else None)
    if not places._size:
        return
    places, order = sort_with_order(views.ravel(places))
    target = a if a._c_contiguous else casts.copy(a)
    kernel.launch([order, places, *values, places, target], places._shape)
    if target is not a:
        casts.copy_into(a, target)


def _dtype_of(b: Any, dtype: np.dtype) -> Any:
    weak = isinstance(b, (int, float, complex)) and not isinstance(b, bool)
    return np.result_type(dtype, b) if weak else None


def _arange(n: int) -> ndarray:
    result = allocate((n,), _INT64)
    _numbers().launch([result], (n,))
    return result


@functools.cache
def _numbers() -> Elementwise:
    return Elementwise("ndgpu_numbers", (Operand("y", _INT64, "out"),), "y = i;")


for _method in (accumulate, reduceat, outer, at):
    setattr(ufunc, _method.__name__, _method)
