"""Reductions, scans, compaction and histograms, by shared memory, shuffles and atomics."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
extern "C" {
__inline__ __device__ float warp_sum(float value) {
  for (int offset = warpSize / 2; offset > 0; offset /= 2)
    value += __shfl_down_sync(0xffffffff, value, offset);
  return value;
}
// A grid-stride loop, then warps by shuffles, then one warp over the warps, then an atomic.
__global__ void shuffle_sum(const float* x, float* total, int n) {
  static __shared__ float sums[32];
  float value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    value += x[i];
  value = warp_sum(value);
  int lane = threadIdx.x % warpSize, warp = threadIdx.x / warpSize;
  if (lane == 0) sums[warp] = value;
  __syncthreads();
  if (warp == 0) {
    value = lane < blockDim.x / warpSize ? sums[lane] : 0;
    value = warp_sum(value);
    if (lane == 0) atomicAdd(total, value);
  }
}

// The last block to come adds up what all blocks left.
__device__ unsigned arrived = 0;
__global__ void last_block_sum(const int* x, long long* parts, long long* total, int n) {
  __shared__ long long sums[256];
  __shared__ bool last;
  long long value = 0;
  for (int i = blockIdx.x * 256 + threadIdx.x; i < n; i += gridDim.x * 256) value += x[i];
  sums[threadIdx.x] = value;
  __syncthreads();
  for (int half = 128; half > 0; half >>= 1) {
    if (threadIdx.x < half) sums[threadIdx.x] += sums[threadIdx.x + half];
    __syncthreads();
  }
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sums[0];
    __threadfence();
    last = atomicInc(&arrived, gridDim.x - 1) == gridDim.x - 1;
  }
  __syncthreads();
  if (last && threadIdx.x == 0) {
    *total = 0;
    for (int i = 0; i < gridDim.x; ++i) *total += ((volatile long long*)parts)[i];
  }
}

// Blelloch's work-efficient exclusive scan of 2 * blockDim.x numbers a block.
__global__ void blelloch(const int* in, int* out, int* sums, int n) {
  extern __shared__ int temp[];
  int t = threadIdx.x, length = 2 * blockDim.x, base = blockIdx.x * length;
  temp[2 * t] = base + 2 * t < n ? in[base + 2 * t] : 0;
  temp[2 * t + 1] = base + 2 * t + 1 < n ? in[base + 2 * t + 1] : 0;
  int offset = 1;
  for (int d = length >> 1; d > 0; d >>= 1) {
    __syncthreads();
    if (t < d) temp[offset * (2 * t + 2) - 1] += temp[offset * (2 * t + 1) - 1];
    offset *= 2;
  }
  if (t == 0) { sums[blockIdx.x] = temp[length - 1]; temp[length - 1] = 0; }
  for (int d = 1; d < length; d *= 2) {
    offset >>= 1;
    __syncthreads();
    if (t < d) {
      int a = offset * (2 * t + 1) - 1, b = offset * (2 * t + 2) - 1;
      int left = temp[a];
      temp[a] = temp[b];
      temp[b] += left;
    }
  }
  __syncthreads();
  if (base + 2 * t < n) out[base + 2 * t] = temp[2 * t];
  if (base + 2 * t + 1 < n) out[base + 2 * t + 1] = temp[2 * t + 1];
}
__global__ void add_offsets(int* out, const int* offsets, int length, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] += offsets[i / length];
}

// Keeps what is positive, in order within a block: ballots count within a warp.
__global__ void compact(const float* in, float* out, int* count, int n) {
  __shared__ int warps[8], start;
  int i = blockIdx.x * blockDim.x + threadIdx.x, lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  bool keep = i < n && in[i] > 0;
  unsigned kept = __ballot_sync(~0u, keep);
  int before = __popc(kept & ((1u << lane) - 1));
  if (lane == 0) warps[warp] = __popc(kept);
  __syncthreads();
  if (threadIdx.x == 0) {
    int sum = 0;
    for (int w = 0; w < blockDim.x / 32; ++w) { int c = warps[w]; warps[w] = sum; sum += c; }
    start = atomicAdd(count, sum);
  }
  __syncthreads();
  if (keep) out[start + warps[warp] + before] = in[i];
}

__global__ void histogram(const unsigned char* x, unsigned* bins, int n) {
  __shared__ unsigned local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
    atomicAdd(&local[x[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x)
    if (local[i]) atomicAdd(&bins[i], local[i]);
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


@pytest.mark.parametrize("n", [1, 31, 1000, 5003])
def test_sum_by_shuffles(module, rng, n):
    x = rng.integers(-50, 50, n).astype(np.float32)
    total = ndgpu.zeros((), np.float32)
    module.get_function("shuffle_sum")((3,), (128,), (ndgpu.asarray(x), total, np.int32(n)))
    assert total.item() == x.sum()


def test_sum_by_the_last_block_that_arrives(module, rng):
    x = rng.integers(-(2**31), 2**31, 3001, np.int32)
    parts, total = ndgpu.empty(5, np.int64), ndgpu.empty((), np.int64)
    for _ in range(2):  # the counter wraps round to zero by itself
        arguments = (ndgpu.asarray(x), parts, total, np.int32(x.size))
        module.get_function("last_block_sum")((5,), (256,), arguments)
        assert total.item() == x.sum(dtype=np.int64)
        parts.fill(0)


@pytest.mark.parametrize("n", [64, 65, 500])
def test_blelloch_scan(module, rng, n):
    threads, x = 32, rng.integers(-9, 9, n, np.int32)
    blocks = -(-n // (2 * threads))
    out, sums = ndgpu.empty(n, np.int32), ndgpu.empty(blocks, np.int32)
    offsets, unused = ndgpu.empty(blocks, np.int32), ndgpu.empty(1, np.int32)
    scan = module.get_function("blelloch")
    shared = {"shared_mem": 2 * threads * 4}
    scan((blocks,), (threads,), (ndgpu.asarray(x), out, sums, np.int32(n)), **shared)
    scan((1,), (threads,), (sums, offsets, unused, np.int32(blocks)), **shared)
    module.get_function("add_offsets")(
        (-(-n // 100),), (100,), (out, offsets, np.int32(2 * threads), np.int32(n))
    )
    np.testing.assert_array_equal(ndgpu.asnumpy(out), np.cumsum(x) - x)


def test_compaction_keeps_each_once(module, rng):
    x = rng.standard_normal(1000).astype(np.float32)
    out, count = ndgpu.zeros(1000, np.float32), ndgpu.zeros((), np.int32)
    module.get_function("compact")((4,), (256,), (ndgpu.asarray(x), out, count, np.int32(1000)))
    wanted = x[x > 0]
    assert count.item() == wanted.size
    np.testing.assert_array_equal(np.sort(ndgpu.asnumpy(out)[: wanted.size]), np.sort(wanted))


def test_compaction_by_one_block_keeps_the_order(module, rng):
    x = rng.standard_normal(200).astype(np.float32)
    out, count = ndgpu.zeros(200, np.float32), ndgpu.zeros((), np.int32)
    module.get_function("compact")((1,), (224,), (ndgpu.asarray(x), out, count, np.int32(200)))
    np.testing.assert_array_equal(ndgpu.asnumpy(out)[: count.item()], x[x > 0])


def test_histogram_by_shared_atomics(module, rng):
    x = (rng.random(4001) ** 3 * 256).astype(np.uint8)
    bins = ndgpu.zeros(256, np.uint32)
    module.get_function("histogram")((4,), (100,), (ndgpu.asarray(x), bins, np.int32(x.size)))
    np.testing.assert_array_equal(ndgpu.asnumpy(bins), np.bincount(x, minlength=256))
