"""Matrix programs: tiled product, transpose, matrix-vector products dense and sparse."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
template <typename T, int TILE>
__global__ void matmul(const T* a, const T* b, T* c, int m, int n, int k) {
  __shared__ T as[TILE][TILE], bs[TILE][TILE];
  int row = blockIdx.y * TILE + threadIdx.y, column = blockIdx.x * TILE + threadIdx.x;
  T sum = 0;
  for (int tile = 0; tile < k; tile += TILE) {
    int x = tile + threadIdx.x, y = tile + threadIdx.y;
    as[threadIdx.y][threadIdx.x] = row < m && x < k ? a[row * k + x] : T(0);
    bs[threadIdx.y][threadIdx.x] = y < k && column < n ? b[y * n + column] : T(0);
    __syncthreads();
#pragma unroll
    for (int i = 0; i < TILE; ++i) sum += as[threadIdx.y][i] * bs[i][threadIdx.x];
    __syncthreads();
  }
  if (row < m && column < n) c[row * n + column] = sum;
}

// A block of 32 x 8 threads moves a tile of 32 x 32; the padding avoids bank conflicts.
__global__ void transpose(const float* in, float* out, int rows, int columns) {
  __shared__ float tile[32][33];
  int x = blockIdx.x * 32 + threadIdx.x, y = blockIdx.y * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < columns && y + j < rows) tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * columns + x];
  __syncthreads();
  x = blockIdx.y * 32 + threadIdx.x, y = blockIdx.x * 32 + threadIdx.y;
  for (int j = 0; j < 32; j += 8)
    if (x < rows && y + j < columns) out[(y + j) * rows + x] = tile[threadIdx.x][threadIdx.y + j];
}

// A warp for each row; each lane takes four numbers at a time.
__global__ void gemv(const float4* a, const float4* x, float* y, int rows, int quads) {
  int row = blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32, lane = threadIdx.x % 32;
  if (row >= rows) return;
  float sum = 0;
  for (int i = lane; i < quads; i += 32) {
    float4 u = a[row * quads + i], v = __ldg(&x[i]);
    sum += u.x * v.x + u.y * v.y + u.z * v.z + u.w * v.w;
  }
  for (int offset = 16; offset > 0; offset /= 2) sum += __shfl_down_sync(~0u, sum, offset);
  if (lane == 0) y[row] = sum;
}

// Compressed sparse rows: a thread for each row, then a warp for each row.
__global__ void spmv_thread(const int* start, const int* column, const double* value,
                            const double* x, double* y, int rows) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= rows) return;
  double sum = 0;
  for (int i = start[row]; i < start[row + 1]; ++i) sum += value[i] * x[column[i]];
  y[row] = sum;
}
__global__ void spmv_warp(const int* start, const int* column, const double* value,
                          const double* x, double* y, int rows) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x & 31;
  if (row < rows) {
    double sum = 0;
    for (int i = start[row] + lane; i < start[row + 1]; i += 32) sum += value[i] * x[column[i]];
    for (int mask = 16; mask > 0; mask >>= 1) sum += __shfl_xor_sync(0xffffffff, sum, mask);
    if (lane == 0) y[row] = sum;
  }
}
"""
_NAMES = ("matmul<float, 16>", "matmul<int, 8>", "transpose", "gemv", "spmv_thread", "spmv_warp")


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE, name_expressions=_NAMES)


def _matmul(module, name, tile, a, b):
    (m, k), n = a.shape, b.shape[1]
    c = ndgpu.zeros((m, n), a.dtype)
    grid = (-(-n // tile), -(-m // tile))
    sizes = (np.int32(m), np.int32(n), np.int32(k))
    module.get_function(name)(grid, (tile, tile), (ndgpu.asarray(a), ndgpu.asarray(b), c, *sizes))
    return ndgpu.asnumpy(c)


@pytest.mark.parametrize("shape", [(16, 16, 16), (37, 50, 23), (1, 65, 40)])
def test_tiled_matmul(module, rng, shape):
    m, n, k = shape
    a, b = rng.standard_normal((m, k), np.float32), rng.standard_normal((k, n), np.float32)
    c = _matmul(module, "matmul<float, 16>", 16, a, b)
    np.testing.assert_allclose(c, a.astype("f8") @ b.astype("f8"), rtol=1e-5, atol=1e-5)


def test_tiled_matmul_of_integers_is_exact(module, rng):
    a, b = rng.integers(-99, 99, (19, 21), np.int32), rng.integers(-99, 99, (21, 30), np.int32)
    np.testing.assert_array_equal(_matmul(module, "matmul<int, 8>", 8, a, b), a @ b)


@pytest.mark.parametrize("shape", [(32, 32), (70, 45), (1, 100)])
def test_transpose_through_padded_tiles(module, rng, shape):
    x = rng.random(shape, np.float32)
    out = ndgpu.full(shape[::-1], np.float32(-1))
    grid = (-(-shape[1] // 32), -(-shape[0] // 32))
    sizes = (np.int32(shape[0]), np.int32(shape[1]))
    module.get_function("transpose")(grid, (32, 8), (ndgpu.asarray(x), out, *sizes))
    np.testing.assert_array_equal(ndgpu.asnumpy(out), x.T)


@pytest.mark.parametrize(("rows", "columns"), [(8, 128), (13, 52), (3, 300)])
def test_matrix_vector_product_by_quads(module, rng, rows, columns):
    a, x = rng.random((rows, columns), np.float32), rng.random(columns, np.float32)
    y = ndgpu.zeros(rows, np.float32)
    arguments = (ndgpu.asarray(a), ndgpu.asarray(x), y, np.int32(rows), np.int32(columns // 4))
    module.get_function("gemv")((-(-rows // 4),), (128,), arguments)
    np.testing.assert_allclose(ndgpu.asnumpy(y), a.astype("f8") @ x, rtol=1e-5)


@pytest.mark.parametrize("name", ["spmv_thread", "spmv_warp"])
def test_sparse_matrix_vector_product(module, rng, name):
    rows, columns = 83, 120
    dense = rng.standard_normal((rows, columns)) * (rng.random((rows, columns)) < 0.1)
    dense[5] = 0
    dense[17] = rng.standard_normal(columns)
    row, column = np.nonzero(dense)
    start = np.searchsorted(row, np.arange(rows + 1)).astype(np.int32)
    x = rng.standard_normal(columns)
    y = ndgpu.full(rows, np.nan)
    threads = rows * 32 if name == "spmv_warp" else rows
    given = (start, column.astype(np.int32), dense[row, column], x)
    module.get_function(name)(
        (-(-threads // 96),), (96,), (*map(ndgpu.asarray, given), y, np.int32(rows))
    )
    np.testing.assert_allclose(ndgpu.asnumpy(y), dense @ x, rtol=1e-12, atol=1e-12)
