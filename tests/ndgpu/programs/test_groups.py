"""Cooperative groups: blocks, tiles, coalesced threads, the whole grid."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;

template <typename Group> __device__ int reduced(Group group, int value) {
  for (int offset = group.size() / 2; offset > 0; offset /= 2)
    value += group.shfl_down(value, offset);
  return group.shfl(value, 0);
}

extern "C" {
__global__ void tiles(const int* x, int* sums, int* scans, int* most) {
  cg::thread_block block = cg::this_thread_block();
  auto tile = cg::tiled_partition<8>(block);
  int i = block.group_index().x * block.size() + block.thread_rank();
  sums[i] = reduced(tile, x[i]);
  scans[i] = cg::inclusive_scan(tile, x[i]);
  most[i] = cg::reduce(tile, x[i], cg::greater<int>());
}
__global__ void block_sum(const int* x, int* sum, int n) {
  __shared__ int parts[32];
  auto block = cg::this_thread_block();
  auto warp = cg::tiled_partition<32>(block);
  int value = 0;
  for (int i = block.thread_rank(); i < n; i += block.size()) value += x[i];
  value = reduced(warp, value);
  if (warp.thread_rank() == 0) parts[warp.meta_group_rank()] = value;
  block.sync();
  if (warp.meta_group_rank() == 0) {
    value = warp.thread_rank() < warp.meta_group_size() ? parts[warp.thread_rank()] : 0;
    value = reduced(warp, value);
    if (block.thread_rank() == 0) *sum = value;
  }
}
// One atomic for all threads of a warp that come together.
__global__ void filter(const int* x, int* kept, int* count, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n || x[i] % 3) return;
  auto active = cg::coalesced_threads();
  int start = 0;
  if (active.thread_rank() == 0) start = atomicAdd(count, active.size());
  kept[active.shfl(start, 0) + active.thread_rank()] = x[i];
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


def test_tiles_reduce_and_scan(module, rng):
    x = rng.integers(-99, 99, 128, np.int32)
    out = [ndgpu.empty(128, np.int32) for _ in range(3)]
    module.get_function("tiles")((2,), (64,), (ndgpu.asarray(x), *out))
    rows = x.reshape(-1, 8)
    sums, scans, most = (ndgpu.asnumpy(a).reshape(-1, 8) for a in out)
    np.testing.assert_array_equal(sums, np.repeat(rows.sum(1)[:, None], 8, 1))
    np.testing.assert_array_equal(scans, rows.cumsum(1))
    np.testing.assert_array_equal(most, np.repeat(rows.max(1)[:, None], 8, 1))


@pytest.mark.parametrize("n", [1, 500])
def test_a_block_adds_up(module, rng, n):
    x = rng.integers(-99, 99, n, np.int32)
    total = ndgpu.zeros((), np.int32)
    module.get_function("block_sum")((1,), (160,), (ndgpu.asarray(x), total, np.int32(n)))
    assert total.item() == x.sum()


def test_coalesced_threads_share_an_atomic(module, rng):
    x = rng.integers(0, 1000, 333, np.int32)
    kept, count = ndgpu.zeros(333, np.int32), ndgpu.zeros((), np.int32)
    module.get_function("filter")((4,), (96,), (ndgpu.asarray(x), kept, count, np.int32(333)))
    wanted = x[x % 3 == 0]
    assert count.item() == wanted.size
    np.testing.assert_array_equal(np.sort(ndgpu.asnumpy(kept)[: wanted.size]), np.sort(wanted))


_GRID = r"""
#include <cooperative_groups.h>
namespace cg = cooperative_groups;
extern "C" {
// Each block's sum, then all blocks', in one launch.
__global__ void grid_sum(const float* x, float* parts, float* total, int n) {
  extern __shared__ float shared[];
  cg::grid_group grid = cg::this_grid();
  cg::thread_block block = cg::this_thread_block();
  float value = 0;
  for (int i = grid.thread_rank(); i < n; i += grid.size()) value += x[i];
  shared[block.thread_rank()] = value;
  block.sync();
  for (int half = block.size() / 2; half > 0; half /= 2) {
    if (block.thread_rank() < half)
      shared[block.thread_rank()] += shared[block.thread_rank() + half];
    block.sync();
  }
  if (block.thread_rank() == 0) parts[blockIdx.x] = shared[0];
  grid.sync();
  if (grid.thread_rank() == 0) {
    *total = 0;
    for (int i = 0; i < gridDim.x; ++i) *total += parts[i];
  }
}
// Odd-even transposition sort: a barrier of the grid between rounds.
__global__ void odd_even_sort(int* x, int n) {
  cg::grid_group grid = cg::this_grid();
  for (int round = 0; round < n; ++round) {
    int i = 2 * (int)grid.thread_rank() + (round & 1);
    if (i + 1 < n && x[i] > x[i + 1]) { int t = x[i]; x[i] = x[i + 1]; x[i + 1] = t; }
    grid.sync();
  }
}
// Each block waits for the one before it, by a flag in memory.
__global__ void chain(volatile int* flags, int* order) {
  if (threadIdx.x == 0 && blockIdx.x > 0) while (flags[blockIdx.x - 1] == 0);
  __syncthreads();
  cg::grid_group grid = cg::this_grid();
  if (threadIdx.x == 0) {
    order[blockIdx.x] = blockIdx.x == 0 ? 1 : order[blockIdx.x - 1] * 3;
    __threadfence();
    flags[blockIdx.x] = 1;
  }
  grid.sync();
}
}
"""


@pytest.fixture(scope="module")
def whole_grid():
    return ndgpu.RawModule(_GRID, enable_cooperative_groups=True)


@pytest.mark.parametrize(("blocks", "threads"), [(1, 32), (6, 64), (8, 16)])
def test_a_grid_adds_up_in_one_launch(whole_grid, rng, blocks, threads):
    x = rng.integers(-50, 50, 1003).astype(np.float32)
    parts, total = ndgpu.zeros(blocks, np.float32), ndgpu.zeros((), np.float32)
    arguments = (ndgpu.asarray(x), parts, total, np.int32(x.size))
    whole_grid.get_function("grid_sum")((blocks,), (threads,), arguments, shared_mem=4 * threads)
    assert total.item() == x.sum()


def test_a_grid_synchronizes_again_and_again(whole_grid, rng):
    x = rng.integers(0, 99, 50, np.int32)
    out = ndgpu.asarray(x)
    whole_grid.get_function("odd_even_sort")((4,), (8,), (out, np.int32(50)))
    np.testing.assert_array_equal(ndgpu.asnumpy(out), np.sort(x))


def test_blocks_that_wait_for_one_another_by_flags(whole_grid):
    flags, order = ndgpu.zeros(6, np.int32), ndgpu.zeros(6, np.int32)
    whole_grid.get_function("chain")((6,), (33,), (flags, order))
    np.testing.assert_array_equal(ndgpu.asnumpy(order), 3 ** np.arange(6))


def test_more_blocks_than_run_at_the_same_time_are_refused(whole_grid):
    x = ndgpu.zeros(8, np.int32)
    with pytest.raises(ndgpu.cuda.CUDADriverError, match="COOPERATIVE_LAUNCH_TOO_LARGE"):
        whole_grid.get_function("odd_even_sort")((1_000_000,), (1024,), (x, np.int32(8)))
