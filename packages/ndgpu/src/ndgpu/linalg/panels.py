"""Launches of the package's own kernels for dense linear algebra (``ndgpu/linalg.cuh``).

Each function works in place on a stack (count, rows, columns) whose rows are dense
enough to walk along: any strides are allowed where the docstring says so.  Nothing
waits for the device.
"""

from __future__ import annotations

import functools

import numpy as np

from ndgpu.compile import Function, ctype, get_module
from ndgpu.core.ndarray import allocate, ndarray
from ndgpu.linalg.operands import real_dtype, zeros

__all__ = [
    "WIDTH",
    "cholesky_block",
    "jacobi",
    "lu_panel",
    "qr_panel",
    "reflector_triangle",
    "solve_block",
    "swap_rows",
]

WIDTH = 32
"""Columns of a panel, and rows of a diagonal block."""
_WARPS = 8
_COLUMN_THREADS = 128
_SHARED = 48 * 1024 - 9 * 1024
"""Dynamic shared memory that any device gives a block, beside what the kernels declare."""
_SWEEPS = 60
_ONE_BLOCK = 64
"""Rows up to which one block does all sweeps of a matrix."""

_SOURCE = """
#include <ndgpu/linalg.cuh>
typedef {type} T;
typedef ndgpu::linalg::real_of<T>::type R;
typedef long long Step;
using namespace ndgpu::linalg;
extern __shared__ __align__(16) unsigned char memory[];

extern "C" __global__ void lu_panel_kernel(T* a, Step stack, Step ld, int rows, int columns,
                                           int* swaps, int swaps_stack, int first, int* info,
                                           bool staged) {{
  a += blockIdx.x * stack;
  swaps += (long long)blockIdx.x * swaps_stack;
  info += blockIdx.x;
  if (!staged) {{
    lu_panel(a, ld, rows, columns, swaps, first, info);
    return;
  }}
  T* panel = reinterpret_cast<T*>(memory);
  copy_panel(panel, columns, a, ld, rows, columns);
  lu_panel(panel, columns, rows, columns, swaps, first, info);
  copy_panel(a, ld, panel, columns, rows, columns);
}}

extern "C" __global__ void swap_rows_kernel(T* a, Step stack, Step ld, Step column_step,
                                            int columns, const int* swaps, int swaps_stack,
                                            int count) {{
  swap_rows(a + blockIdx.x * stack, ld, column_step, columns,
            swaps + (long long)blockIdx.x * swaps_stack, count);
}}

extern "C" __global__ void cholesky_kernel(T* a, Step stack, Step ld, int n, int first,
                                           int* info) {{
  cholesky_block(a + blockIdx.x * stack, ld, n, first, info + blockIdx.x);
}}

extern "C" __global__ void solve_kernel(const T* t, Step t_stack, Step t_row, Step t_column, T* b,
                                        Step b_stack, Step b_row, Step b_column, int n,
                                        int columns, bool lower, bool unit, bool conjugated) {{
  solve_triangle(t + blockIdx.x * t_stack, t_row, t_column, b + blockIdx.x * b_stack, b_row,
                 b_column, n, columns, lower, unit, conjugated);
}}

extern "C" __global__ void qr_panel_kernel(T* a, Step stack, Step ld, int rows, int columns, T* tau,
                                           int tau_stack, bool staged) {{
  a += blockIdx.x * stack;
  tau += (long long)blockIdx.x * tau_stack;
  if (!staged) {{
    qr_panel(a, ld, rows, columns, tau);
    return;
  }}
  T* panel = reinterpret_cast<T*>(memory);
  copy_panel(panel, columns, a, ld, rows, columns);
  qr_panel(panel, columns, rows, columns, tau);
  copy_panel(a, ld, panel, columns, rows, columns);
}}

extern "C" __global__ void reflector_kernel(const T* gram, const T* tau, int tau_stack, T* t,
                                            int n) {{
  reflector_triangle(gram + (long long)blockIdx.x * n * n, tau + (long long)blockIdx.x * tau_stack,
                     t + (long long)blockIdx.x * n * n, n);
}}

extern "C" __global__ void jacobi_kernel(T* w, int length, T* v, int n, R tolerance, int sweeps,
                                         int* left, bool staged) {{
  w += (long long)blockIdx.x * n * length;
  v += (long long)blockIdx.x * n * n;
  if (!staged) {{
    jacobi(w, length, v, n, tolerance, sweeps, left + blockIdx.x);
    return;
  }}
  T* near_w = reinterpret_cast<T*>(memory);
  T* near_v = near_w + n * length;
  copy_panel(near_w, length, w, length, n, length);
  copy_panel(near_v, n, v, n, n, n);
  jacobi(near_w, length, near_v, n, tolerance, sweeps, left + blockIdx.x);
  copy_panel(w, length, near_w, length, n, length);
  copy_panel(v, n, near_v, n, n, n);
}}

extern "C" __global__ void jacobi_round_kernel(T* w, int length, T* v, int n, R tolerance,
                                               int round, int* turned) {{
  const int even = n + (n & 1);
  const int k = blockIdx.y * blockDim.y + threadIdx.y;
  if (k >= even / 2) return;
  int p, q;
  pair_of(round, k, even, &p, &q);
  w += (long long)blockIdx.x * n * length;
  v += (long long)blockIdx.x * n * n;
  if (q < n && rotate(w, length, v, n, p, q, tolerance) && threadIdx.x == 0) *turned = 1;
}}
"""


@functools.cache
def _source(dtype: np.dtype) -> str:
    return _SOURCE.format(type=ctype(dtype))


def _function(dtype: np.dtype, name: str) -> Function:
    return get_module(_source(dtype), name="ndgpu_linalg.cu").get_function(name)


def _steps(a: ndarray) -> list[int]:
    return [s // a._dtype.itemsize for s in a._strides]


def _i(value: int) -> np.int32:
    return np.int32(value)


def _staged(a: ndarray) -> int:
    """Bytes of shared memory that one matrix of the stack takes, or 0 if they are too many."""
    nbytes = a._shape[1] * a._shape[2] * a._dtype.itemsize
    return nbytes if nbytes <= _SHARED else 0


def lu_panel(a: ndarray, swaps: ndarray, first: int, info: ndarray) -> None:
    """Factor panels of at most `WIDTH` columns, with partial pivoting.

    Parameters
    ----------
    a : ndarray, (count, rows, columns)
        Dense along rows.
    swaps : ndarray of int32, (count, at least columns)
        From its element `first` on, the row of the panel each row changed places with.
    first : int
        The panel's place in the matrix.
    info : ndarray of int32, (count,)
        Number (from 1) of the first pivot that is zero; left if not 0 before.
    """
    count, rows, columns = a._shape
    stack, ld, _ = _steps(a)
    shared = _staged(a)
    part = swaps[:, first:]
    _function(a._dtype, "lu_panel_kernel").launch(
        (count, 1, 1),
        (32, _WARPS, 1),
        (
            a,
            stack,
            ld,
            _i(rows),
            _i(columns),
            part,
            _i(swaps._shape[1]),
            _i(first),
            info,
            shared > 0,
        ),
        shared,
    )


def swap_rows(a: ndarray, swaps: ndarray, first: int, count: int) -> None:
    """Exchange rows of `a`, of any strides, as `count` columns of a panel from `first` on did."""
    stacks, _, columns = a._shape
    if a._size == 0:
        return
    stack, ld, step = _steps(a)
    _function(a._dtype, "swap_rows_kernel").launch(
        (stacks, -(-columns // _COLUMN_THREADS), 1),
        (_COLUMN_THREADS, 1, 1),
        (a, stack, ld, step, _i(columns), swaps[:, first:], _i(swaps._shape[1]), _i(count)),
    )


def cholesky_block(a: ndarray, first: int, info: ndarray) -> None:
    """Factor blocks of at most `WIDTH` rows, in their lower triangles; see `lu_panel`."""
    count, n, _ = a._shape
    stack, ld, _ = _steps(a)
    _function(a._dtype, "cholesky_kernel").launch(
        (count, 1, 1), (32, _WARPS, 1), (a, stack, ld, _i(n), _i(first), info)
    )


def solve_block(t: ndarray, b: ndarray, lower: bool, unit: bool, conjugated: bool) -> None:
    """Solve ``t @ x = b`` in place of `b`, for triangles of at most `WIDTH` rows; any strides."""
    count, n, columns = b._shape
    _function(b._dtype, "solve_kernel").launch(
        (count, -(-columns // _COLUMN_THREADS), 1),
        (_COLUMN_THREADS, 1, 1),
        (t, *_steps(t), b, *_steps(b), _i(n), _i(columns), lower, unit, conjugated),
    )


def qr_panel(a: ndarray, tau: ndarray, first: int) -> None:
    """Reflect panels of at most `WIDTH` columns to triangles, as LAPACK's geqr2.

    Parameters
    ----------
    a : ndarray, (count, rows, columns)
        Dense along rows.
    tau : ndarray, (count, k)
        From its element `first` on, the factors of the reflections.
    first : int
    """
    count, rows, columns = a._shape
    stack, ld, _ = _steps(a)
    shared = _staged(a)
    _function(a._dtype, "qr_panel_kernel").launch(
        (count, 1, 1),
        (32, _WARPS, 1),
        (a, stack, ld, _i(rows), _i(columns), tau[:, first:], _i(tau._shape[1]), bool(shared)),
        shared,
    )


def reflector_triangle(gram: ndarray, tau: ndarray, first: int) -> ndarray:
    """Return the triangles that join a panel's reflections, from the products of their vectors."""
    count, n, _ = gram._shape
    result = allocate(gram._shape, gram._dtype)
    _function(gram._dtype, "reflector_kernel").launch(
        (count, 1, 1), (32, 1, 1), (gram, tau[:, first:], _i(tau._shape[1]), result, _i(n))
    )
    return result


def jacobi(w: ndarray, v: ndarray) -> bool:
    """Rotate the rows of each matrix until they are orthogonal to one another; waits for that.

    Parameters
    ----------
    w : ndarray, (count, n, length)
        C-contiguous; its entries should be of moderate size.
    v : ndarray, (count, n, n)
        C-contiguous; its rows take part in the same rotations.

    Returns
    -------
    bool
        Whether the iteration converged.
    """
    count, n, length = w._shape
    real = real_dtype(w._dtype)
    tolerance = real.type(float(np.finfo(real).eps) * max(length, 4) ** 0.5)
    if n <= _ONE_BLOCK:
        left = zeros((count,), np.dtype(np.int32))
        nbytes = (n * length + n * n) * w._dtype.itemsize
        shared = nbytes if nbytes <= _SHARED else 0
        _function(w._dtype, "jacobi_kernel").launch(
            (count, 1, 1),
            (32, min(_WARPS, (n + 1) // 2), 1),
            (w, _i(length), v, _i(n), tolerance, _i(_SWEEPS), left, bool(shared)),
            shared,
        )
        return not left.get().any()
    function = _function(w._dtype, "jacobi_round_kernel")
    rounds = n - 1 + (n & 1)
    for _ in range(_SWEEPS):
        turned = zeros((1,), np.dtype(np.int32))
        for k in range(rounds):
            function.launch(
                (count, -(-(rounds + 1) // (2 * _WARPS)), 1),
                (32, _WARPS, 1),
                (w, _i(length), v, _i(n), tolerance, _i(k), turned),
            )
        if not turned.item():
            return True
    return False
