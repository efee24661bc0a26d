"""Cooperative groups: blocks, tiles, coalesced threads."""

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
