"""Sorting programs: bitonic, radix, quicksort with a queue of its own."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
extern "C" {
// One comparator of the network for each thread, one launch for each stage.
__global__ void bitonic_step(unsigned* x, int j, int k) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x, other = i ^ j;
  if (other > i) {
    bool up = (i & k) == 0;
    unsigned a = x[i], b = x[other];
    if (up ? a > b : a < b) { x[i] = b; x[other] = a; }
  }
}
// The whole network in shared memory.
__global__ void bitonic_block(float* x) {
  extern __shared__ float s[];
  unsigned t = threadIdx.x;
  s[t] = x[blockIdx.x * blockDim.x + t];
  for (unsigned k = 2; k <= blockDim.x; k <<= 1)
    for (unsigned j = k >> 1; j > 0; j >>= 1) {
      __syncthreads();
      unsigned other = t ^ j;
      if (other > t) {
        float a = s[t], b = s[other];
        if (((t & k) == 0) == (a > b)) { s[t] = b; s[other] = a; }
      }
    }
  __syncthreads();
  x[blockIdx.x * blockDim.x + t] = s[t];
}

// Radix sort, four bits a pass: count by block, scan (on the host), scatter stably.
__global__ void radix_count(const unsigned* keys, int* counts, int n, int shift) {
  __shared__ int bins[16];
  if (threadIdx.x < 16) bins[threadIdx.x] = 0;
  __syncthreads();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) atomicAdd(&bins[keys[i] >> shift & 15], 1);
  __syncthreads();
  if (threadIdx.x < 16) counts[threadIdx.x * gridDim.x + blockIdx.x] = bins[threadIdx.x];
}
__global__ void radix_scatter(const unsigned* keys, const int* values, unsigned* keys_out,
                              int* values_out, const int* starts, int n, int shift) {
  __shared__ int warp_bins[8][16];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
  for (int b = threadIdx.x; b < 8 * 16; b += blockDim.x) (&warp_bins[0][0])[b] = 0;
  __syncthreads();
  int digit = i < n ? keys[i] >> shift & 15 : 16;
  unsigned same = __match_any_sync(0xffffffffu, digit);
  int rank = __popc(same & ((1u << lane) - 1));
  if (rank == 0 && digit < 16) warp_bins[warp][digit] = __popc(same);
  __syncthreads();
  if (threadIdx.x < 16) {
    int sum = 0;
    for (int w = 0; w < blockDim.x / 32; ++w) {
      int here = warp_bins[w][threadIdx.x];
      warp_bins[w][threadIdx.x] = sum;
      sum += here;
    }
  }
  __syncthreads();
  if (i < n) {
    int to = starts[digit * gridDim.x + blockIdx.x] + warp_bins[warp][digit] + rank;
    keys_out[to] = keys[i];
    values_out[to] = values[i];
  }
}

// Quicksort: one block takes ranges from a queue in shared memory until there are none.
__global__ void quicksort(int* x, int n) {
  __shared__ int2 queue[512];
  __shared__ int waiting;
  if (threadIdx.x == 0) { queue[0] = make_int2(0, n - 1); waiting = 1; }
  __syncthreads();
  while (true) {
    int have = waiting, mine = have - 1 - (int)threadIdx.x;
    if (have == 0) break;
    bool busy = mine >= 0;
    int2 range = busy ? queue[mine] : make_int2(0, -1);
    __syncthreads();
    if (threadIdx.x == 0) waiting = max(have - (int)blockDim.x, 0);
    __syncthreads();
    int low = range.x, high = range.y;
    if (busy && low < high) {
      if (high - low < 8) {
        for (int i = low + 1; i <= high; ++i) {
          int value = x[i], j = i - 1;
          while (j >= low && x[j] > value) { x[j + 1] = x[j]; --j; }
          x[j + 1] = value;
        }
      } else {
        int pivot = x[(low + high) / 2], i = low - 1, j = high + 1;
        while (true) {
          do ++i; while (x[i] < pivot);
          do --j; while (x[j] > pivot);
          if (i >= j) break;
          int t = x[i]; x[i] = x[j]; x[j] = t;
        }
        int at = atomicAdd(&waiting, 2);
        queue[at] = make_int2(low, j);
        queue[at + 1] = make_int2(j + 1, high);
      }
    }
    __syncthreads();
  }
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


def test_bitonic_sort_a_launch_a_stage(module, rng):
    x = rng.integers(0, 1 << 32, 512, np.uint32)
    keys = ndgpu.asarray(x)
    step = module.get_function("bitonic_step")
    k = 2
    while k <= x.size:
        j = k // 2
        while j:
            step((4,), (128,), (keys, np.int32(j), np.int32(k)))
            j //= 2
        k *= 2
    np.testing.assert_array_equal(ndgpu.asnumpy(keys), np.sort(x))


@pytest.mark.parametrize("threads", [16, 256])
def test_bitonic_sort_in_shared_memory(module, rng, threads):
    x = rng.standard_normal((3, threads)).astype(np.float32)
    values = ndgpu.asarray(x)
    module.get_function("bitonic_block")((3,), (threads,), (values,), shared_mem=4 * threads)
    np.testing.assert_array_equal(ndgpu.asnumpy(values), np.sort(x, axis=1))


def test_radix_sort_is_stable(module, rng):
    n, threads = 1500, 128
    x = rng.integers(0, 1 << 12, n, np.uint32)
    blocks = -(-n // threads)
    keys, values = ndgpu.asarray(x), ndgpu.arange(n, dtype=np.int32)
    other_keys, other_values = ndgpu.empty_like(keys), ndgpu.empty_like(values)
    counts = ndgpu.empty(16 * blocks, np.int32)
    for shift in (0, 4, 8):
        sizes = (np.int32(n), np.int32(shift))
        module.get_function("radix_count")((blocks,), (threads,), (keys, counts, *sizes))
        host = ndgpu.asnumpy(counts)
        starts = ndgpu.asarray((np.cumsum(host) - host).astype(np.int32))
        module.get_function("radix_scatter")(
            (blocks,), (threads,), (keys, values, other_keys, other_values, starts, *sizes)
        )
        keys, values, other_keys, other_values = other_keys, other_values, keys, values
    order = np.argsort(x, kind="stable")
    np.testing.assert_array_equal(ndgpu.asnumpy(values), order)
    np.testing.assert_array_equal(ndgpu.asnumpy(keys), x[order])


@pytest.mark.parametrize("n", [1, 9, 700])
def test_quicksort_with_a_queue(module, rng, n):
    x = rng.integers(-300, 300, n, np.int32)
    values = ndgpu.asarray(x)
    module.get_function("quicksort")((1,), (64,), (values, np.int32(n)))
    np.testing.assert_array_equal(ndgpu.asnumpy(values), np.sort(x))
