"""Programs of neural networks: softmax, layer normalisation, flash attention."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
#include <math_constants.h>
extern "C" {
// A block for each row; maximum and sum by a tree in shared memory.
__global__ void softmax(const float* x, float* y, int columns) {
  __shared__ float part[128];
  const float* row = x + (long long)blockIdx.x * columns;
  float most = -CUDART_INF_F;
  for (int i = threadIdx.x; i < columns; i += 128) most = fmaxf(most, row[i]);
  part[threadIdx.x] = most;
  __syncthreads();
  for (int s = 64; s; s >>= 1) {
    if (threadIdx.x < s) part[threadIdx.x] = fmaxf(part[threadIdx.x], part[threadIdx.x + s]);
    __syncthreads();
  }
  most = part[0];
  __syncthreads();
  float sum = 0;
  for (int i = threadIdx.x; i < columns; i += 128) sum += __expf(row[i] - most);
  part[threadIdx.x] = sum;
  __syncthreads();
  for (int s = 64; s; s >>= 1) {
    if (threadIdx.x < s) part[threadIdx.x] += part[threadIdx.x + s];
    __syncthreads();
  }
  sum = part[0];
  for (int i = threadIdx.x; i < columns; i += 128)
    y[(long long)blockIdx.x * columns + i] = __expf(row[i] - most) / sum;
}

// A warp for each row: Welford's moments, joined by butterflies.
__global__ void layer_norm(const float* x, const float* gamma, const float* beta, float* y,
                           int rows, int columns, float eps) {
  int row = blockIdx.x * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  float mean = 0, m2 = 0, count = 0;
  for (int i = threadIdx.x; i < columns; i += 32) {
    float value = x[row * columns + i], delta = value - mean;
    count += 1;
    mean += delta / count;
    m2 += delta * (value - mean);
  }
  for (int mask = 16; mask; mask >>= 1) {
    float other_mean = __shfl_xor_sync(~0u, mean, mask), other_m2 = __shfl_xor_sync(~0u, m2, mask);
    float other = __shfl_xor_sync(~0u, count, mask), total = count + other;
    if (total == 0) continue;
    float delta = other_mean - mean;
    m2 += other_m2 + delta * delta * count * other / total;
    mean = (mean * count + other_mean * other) / total;
    count = total;
  }
  float scale = rsqrtf(m2 / columns + eps);
  for (int i = threadIdx.x; i < columns; i += 32)
    y[row * columns + i] = (x[row * columns + i] - mean) * scale * gamma[i] + beta[i];
}

// Attention forward without the matrix of scores: tiles of keys, a running maximum and sum.
#define DIM 16
#define TILE 32
__global__ void flash_attention(const float* q, const float* k, const float* v, float* out,
                                float* lse, int length, float scale, bool causal) {
  __shared__ float ks[TILE][DIM], vs[TILE][DIM];
  int head = blockIdx.y, row = blockIdx.x * TILE + threadIdx.x;
  q += head * length * DIM; k += head * length * DIM; v += head * length * DIM;
  out += head * length * DIM;
  float mine[DIM], sum[DIM] = {}, most = -CUDART_INF_F, total = 0;
  for (int d = 0; d < DIM; ++d) mine[d] = row < length ? q[row * DIM + d] * scale : 0.f;
  for (int start = 0; start < length; start += TILE) {
    for (int e = threadIdx.x; e < TILE * DIM; e += TILE) {
      bool inside = start + e / DIM < length;
      ks[e / DIM][e % DIM] = inside ? k[start * DIM + e] : 0.f;
      vs[e / DIM][e % DIM] = inside ? v[start * DIM + e] : 0.f;
    }
    __syncthreads();
    float scores[TILE], high = most;
    for (int j = 0; j < TILE; ++j) {
      float s = 0;
      for (int d = 0; d < DIM; ++d) s += mine[d] * ks[j][d];
      bool seen = start + j < length && (!causal || start + j <= row);
      scores[j] = seen ? s : -CUDART_INF_F;
      high = fmaxf(high, scores[j]);
    }
    if (high > -CUDART_INF_F) {
      float correction = expf(most - high);
      total *= correction;
      for (int d = 0; d < DIM; ++d) sum[d] *= correction;
      for (int j = 0; j < TILE; ++j) {
        float p = expf(scores[j] - high);
        total += p;
        for (int d = 0; d < DIM; ++d) sum[d] += p * vs[j][d];
      }
      most = high;
    }
    __syncthreads();
  }
  if (row >= length) return;
  for (int d = 0; d < DIM; ++d) out[row * DIM + d] = sum[d] / total;
  lse[head * length + row] = most + logf(total);
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


@pytest.mark.parametrize("columns", [1, 100, 301])
def test_softmax(module, rng, columns):
    x = (rng.standard_normal((5, columns)) * 10).astype(np.float32)
    y = ndgpu.empty(x.shape, np.float32)
    module.get_function("softmax")((5,), (128,), (ndgpu.asarray(x), y, np.int32(columns)))
    e = np.exp(x.astype("f8") - x.max(1, keepdims=True))
    wanted = e / e.sum(1, keepdims=True)
    np.testing.assert_allclose(ndgpu.asnumpy(y), wanted, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("columns", [5, 96, 130])
def test_layer_normalisation(module, rng, columns):
    rows = 7
    x = (rng.standard_normal((rows, columns)) + 30).astype(np.float32)
    gamma, beta = rng.random((2, columns), np.float32)
    y = ndgpu.empty(x.shape, np.float32)
    given = map(ndgpu.asarray, (x, gamma, beta))
    sizes = (np.int32(rows), np.int32(columns), np.float32(1e-5))
    module.get_function("layer_norm")((2,), (32, 4), (*given, y, *sizes))
    exact = x.astype("f8")
    exact -= exact.mean(1, keepdims=True)
    wanted = exact / np.sqrt((exact**2).mean(1, keepdims=True) + 1e-5) * gamma + beta
    np.testing.assert_allclose(ndgpu.asnumpy(y), wanted, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("length", [32, 75])
def test_flash_attention(module, rng, length, causal):
    heads, dim = 2, 16
    q, k, v = rng.standard_normal((3, heads, length, dim)).astype(np.float32)
    out, lse = ndgpu.empty(q.shape, np.float32), ndgpu.empty((heads, length), np.float32)
    given = map(ndgpu.asarray, (q, k, v))
    module.get_function("flash_attention")(
        (-(-length // 32), heads), (32,),
        (*given, out, lse, np.int32(length), np.float32(0.25), causal),
    )  # fmt: skip
    scores = (q.astype("f8") @ k.swapaxes(1, 2).astype("f8")) * 0.25
    if causal:
        scores = np.where(np.tri(length, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(-1, keepdims=True))
    total = weights.sum(-1, keepdims=True)
    np.testing.assert_allclose(ndgpu.asnumpy(out), weights / total @ v, rtol=1e-4, atol=1e-5)
    wanted = scores.max(-1) + np.log(total[..., 0])
    np.testing.assert_allclose(ndgpu.asnumpy(lse), wanted, rtol=1e-5, atol=1e-5)
