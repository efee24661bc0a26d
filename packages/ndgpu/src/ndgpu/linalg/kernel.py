"""A tiled matrix product for every dtype, compiled from CUDA C++.

Each block makes one tile of the result; tiles of both factors pass through
shared memory.  float16 and bfloat16 are added up in float.
"""

from __future__ import annotations

import functools

import numpy as np

from ndgpu.compile import Function, ctype, get_module, headers_of
from ndgpu.core.codegen import compute_dtype
from ndgpu.core.ndarray import ndarray

__all__ = ["multiply"]

_TILE = 16
_MOST_BLOCKS_Z = 65535

_SOURCE = """
{includes}
typedef {memory} T;
typedef {computed} C;
#define TILE {tile}

extern "C" __global__ void ndgpu_matmul(
    const T* a, const T* b, T* c, long long m, long long n, long long k,
    long long a_stack, long long a_row, long long a_column,
    long long b_stack, long long b_row, long long b_column, long long first) {{
  __shared__ C left[TILE][TILE];
  __shared__ C right[TILE][TILE + 1];
  const long long entry = first + blockIdx.z;
  const int x = threadIdx.x, y = threadIdx.y;
  const long long row = (long long)blockIdx.y * TILE + y;
  const long long column = (long long)blockIdx.x * TILE + x;
  a += entry * a_stack;
  b += entry * b_stack;
  C sum = C(0);
  for (long long start = 0; start < k; start += TILE) {{
    left[y][x] = row < m && start + x < k ? C(a[row * a_row + (start + x) * a_column]) : C(0);
    right[y][x] =
        start + y < k && column < n ? C(b[(start + y) * b_row + column * b_column]) : C(0);
    __syncthreads();
#pragma unroll
    for (int j = 0; j < TILE; ++j) sum {add} left[y][j] {times} right[j][x];
    __syncthreads();
  }}
  if (row < m && column < n) c[(entry * m + row) * n + column] = T(sum);
}}
"""


@functools.cache
def _source(dtype: np.dtype) -> str:
    computed = compute_dtype(dtype)
    truth = dtype.kind == "b"
    return _SOURCE.format(
        includes="\n".join(f"#include <ndgpu/{name}.cuh>" for name in headers_of([dtype])),
        memory=ctype(dtype),
        computed=ctype(computed),
        tile=_TILE,
        # NumPy's product of truth values: any pair of them both true.
        add="|=" if truth else "+=",
        times="&" if truth else "*",
    )


def _function(dtype: np.dtype) -> Function:
    return get_module(_source(dtype), name="ndgpu_matmul.cu").get_function("ndgpu_matmul")


def multiply(a: ndarray, b: ndarray, c: ndarray) -> None:
    """Set ``c[i] = a[i] @ b[i]``; see `ndgpu.linalg.blas.multiply`."""
    count, m, n = c._shape
    k = a._shape[2]
    size = c._dtype.itemsize
    steps = [s // size for s in (*a._strides, *b._strides)]
    function = _function(c._dtype)
    grid_x, grid_y = -(-n // _TILE), -(-m // _TILE)
    for first in range(0, count, _MOST_BLOCKS_Z):
        blocks = min(count - first, _MOST_BLOCKS_Z)
        function.launch(
            (grid_x, grid_y, blocks), (_TILE, _TILE, 1), (a, b, c, m, n, k, *steps, first)
        )
