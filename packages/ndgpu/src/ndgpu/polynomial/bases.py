"""The six bases of polynomials: one row each, and the kernels that evaluate them.

A row gives the recurrence ``P[k+1] = (a x + b) P[k] - c P[k-1]`` with ``P[0] = 1``, as C++ of
the degree ``k`` (a ``T``): all that the bases differ by when values are computed.  Sums are
evaluated by Clenshaw's algorithm (Mathematics of Computation 9, 1955), which for the powers is
Horner's rule.

Guarantees: one launch for the values of a series, or of all polynomials up to a degree, at any
number of points.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from math import prod

import numpy as np

from ndgpu.compile import cast, ctype
from ndgpu.core import casts, views
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.dtypes import as_dtype
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.core.transfer import asarray
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["BASES", "Basis", "evaluate", "polynomials"]

_INT64 = np.dtype(np.int64)


@dataclass(frozen=True, slots=True)
class Basis:
    """One basis: its module in `numpy.polynomial`, the prefix of its functions, its recurrence."""

    module: str
    prefix: str
    series: str
    a: str
    b: str
    c: str


BASES: dict[str, Basis] = {
    row.module: row
    for row in (
        Basis("polynomial", "poly", "Polynomial", "T(1)", "T(0)", "T(0)"),
        Basis("chebyshev", "cheb", "Chebyshev", "T(k > 0 ? 2 : 1)", "T(0)", "T(1)"),
        Basis("legendre", "leg", "Legendre", "T(2 * k + 1) / T(k + 1)", "T(0)", "T(k) / T(k + 1)"),
        Basis("hermite", "herm", "Hermite", "T(2)", "T(0)", "T(2 * k)"),
        Basis("hermite_e", "herme", "HermiteE", "T(1)", "T(0)", "T(k)"),
        Basis(
            module="laguerre",
            prefix="lag",
            series="Laguerre",
            a="T(-1) / T(k + 1)",
            b="T(2 * k + 1) / T(k + 1)",
            c="T(k) / T(k + 1)",
        ),
    )
}


def _recurrence(basis: Basis, computed: np.dtype) -> str:
    lines = [f"  typedef {_real(computed)} T;"]
    for name in "abc":
        expression = getattr(basis, name)
        lines.append(f"  static __device__ T {name}(long long k) {{ return {expression}; }}")
    return "\n".join(["struct Recurrence {", *lines, "};"])


def _real(dtype: np.dtype) -> str:
    return ctype(np.dtype(f"f{dtype.itemsize // 2}") if dtype.kind == "c" else dtype)


@functools.cache
def _sum_kernel(basis: Basis, series: np.dtype, point: np.dtype, result: np.dtype) -> Elementwise:
    computed = compute_dtype(result)
    coefficient = cast("c[k * count + place]", series, computed)
    return Elementwise(
        f"ndgpu_{basis.prefix}val",
        (
            Operand("c", series, "raw"),
            Operand("terms", _INT64, "scalar"),
            Operand("count", _INT64, "scalar"),
            Operand("place", _INT64),
            Operand("x", point, "in", computed),
            Operand("y", result, "out", computed),
        ),
        f"""
        V next = V(0), sum = V(0);
        for (long long k = terms - 1; k >= 0; --k) {{
          const V term = V({coefficient}) + (Recurrence::a(k) * x + Recurrence::b(k)) * sum
              - Recurrence::c(k + 1) * next;
          next = sum;
          sum = term;
        }}
        y = sum + x * V(0);
        """,
        preamble=_recurrence(basis, computed),
        types={"V": ctype(computed)},
    )


def evaluate(basis: Basis, c: ndarray, x: ndarray, tensor: bool) -> ndarray:
    """Return the values at `x` of the series whose coefficients lie along the first axis of `c`.

    Each series is evaluated at each point if `tensor`; else series and points broadcast.
    """
    result = as_dtype(np.result_type(_floating(c._dtype), x._dtype))
    rest = c._shape[1:]
    if tensor:
        shape = rest + x._shape
        spread = (*rest, *(1,) * x.ndim)
    else:
        shape = np.broadcast_shapes(rest, x._shape)
        spread = rest
    count = prod(rest)
    y = allocate(shape, result)
    dense = c if c._c_contiguous else casts.copy(c)
    places = views.reshape(asarray(np.arange(count)), spread)
    kernel = _sum_kernel(basis, c._dtype, x._dtype, result)
    if y._size:
        kernel.launch([dense, c._shape[0], count, places, x, y], shape)
    return y


@functools.cache
def _row_kernel(basis: Basis, point: np.dtype, result: np.dtype) -> Elementwise:
    computed = compute_dtype(result)
    return Elementwise(
        f"ndgpu_{basis.prefix}vander",
        (
            Operand("degree", _INT64, "scalar"),
            Operand("x", point, "in", computed),
            Operand("y", result, "rawout"),
        ),
        f"""
        V before = V(0), value = V(1);
        for (long long k = 0; k <= degree; ++k) {{
          y[k * n + i] = {cast("value", computed, result)};
          const V next = (Recurrence::a(k) * x + Recurrence::b(k)) * value
              - Recurrence::c(k) * before;
          before = value;
          value = next;
        }}
        """,
        preamble=_recurrence(basis, computed),
        types={"V": ctype(computed)},
    )


def polynomials(basis: Basis, x: ndarray, degree: int) -> ndarray:
    """Return the polynomials of degree 0 to `degree` at `x`, along a new last axis."""
    result = _floating(x._dtype)
    rows = allocate((degree + 1, *x._shape), result)
    if rows._size:
        _row_kernel(basis, x._dtype, result).launch([degree, x, rows], x._shape)
    return views.moveaxis(rows, 0, -1)


def _floating(dtype: np.dtype) -> np.dtype:
    """The dtype of values: double precision for integers, as in NumPy."""
    return np.dtype(np.float64) if dtype.kind in "iub" else dtype
