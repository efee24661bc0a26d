"""The methods of ufuncs besides calls and reductions: accumulate, outer, at.

Guarantees: NumPy's dtypes, shapes and errors. `accumulate` of an operation that may be
regrouped is a scan over many blocks; of others, one thread walks along each line, in order.
`at` applies repeated indices one after the other, in order, so its results repeat.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core import casts, indexing, layout, views
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.reducing import finish
from ndgpu.core.scans import scan_with
from ndgpu.core.sorting import sort_with_order
from ndgpu.core.transfer import asarray
from ndgpu.core.ufunc import ufunc
from ndgpu.core.ufunc_reduce import check_binary, expression, resolved
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


@functools.cache
def _scan_kernel(function: ufunc, source: np.dtype, loop: np.dtype) -> Scan:
    code, headers, types = expression(function, (loop, loop))
    del types["T"]  # the scan's own name for what it calculates in
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
    check_binary(self, "accumulate")
    a = asarray(array)
    if a.ndim == 0:
        raise TypeError("cannot accumulate on a scalar")
    out = out[0] if isinstance(out, tuple) else out
    axis = layout.normalize_axis(axis, a.ndim)
    loop = resolved(self, "accumulate", a, dtype, out)[0]
    if out is not None and out._shape != a._shape:
        raise ValueError(
            f"{self.__name__}.accumulate: `out` has shape {out._shape}, the result {a._shape}"
        )
    return finish(scan_with(_scan_kernel(self, a._dtype, loop), a, axis, loop), out)


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
    # NumPy casts whatever it takes, here as in reductions.
    loop = function._resolve(kinds, (None,), None, "unsafe")
    code, headers, types = expression(function, loop)
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
        types={"R": ctype(computed[-1])} | types,
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


for _method in (accumulate, outer, at):
    setattr(ufunc, _method.__name__, _method)
