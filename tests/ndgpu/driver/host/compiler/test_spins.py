"""Threads that wait for others by asking again and again: locks, flags, groups of several warps."""

import ctypes

import numpy as np
import pytest

_SOURCE = r"""
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
namespace cg = cooperative_groups;

extern "C" __global__ void lock(int* held, int* count, int n) {
    for (int i = 0; i < n; i++) {
        while (atomicCAS(held, 0, 1) != 0) {}
        __threadfence();
        *(volatile int*)count = *(volatile int*)count + 1;
        __threadfence();
        atomicExch(held, 0);
    }
}
// Lanes come to what they do together one by one; what they do before is done once.
extern "C" __global__ void apart(int* held, int* count, int* out) {
    while (atomicExch(held, 1)) {}
    __threadfence();
    int mine = *(volatile int*)count;
    *(volatile int*)count = mine + 1;
    __threadfence();
    atomicExch(held, 0);
    atomicAdd(count + 1, 1);
    int first = __shfl_sync(0xffffffff, mine, 0);
    atomicAdd(count + 2, first - mine);
    unsigned votes = __ballot_sync(0xffffffff, mine & 1);
    out[threadIdx.x] = __popc(votes) + 100 * __reduce_add_sync(0xffffffff, mine);
}
extern "C" __global__ void tickets(int* next, int* serving, int* order) {
    int mine = atomicAdd(next, 1);
    while (atomicAdd(serving, 0) != mine) {}
    order[mine] = threadIdx.x;
    __threadfence();
    atomicAdd(serving, 1);
}
extern "C" __global__ void flag(int* out, int who) {
    __shared__ volatile int ready;
    __shared__ int value;
    if (threadIdx.x == 0) ready = 0;
    __syncthreads();
    if (threadIdx.x == who) {
        value = 42;
        __threadfence_block();
        ready = 1;
    } else {
        while (!ready) {}
    }
    out[threadIdx.x] = value;
}
// Each block waits for the sum of the one before.
extern "C" __global__ void chain(const int* x, int* sums, int* flags, int* out) {
    __shared__ int s;
    if (threadIdx.x == 0) s = 0;
    __syncthreads();
    atomicAdd(&s, x[blockIdx.x * blockDim.x + threadIdx.x]);
    __syncthreads();
    if (threadIdx.x == 0) {
        int before = 0;
        if (blockIdx.x > 0) {
            int there;
            do
                asm volatile("ld.acquire.gpu.b32 %0, [%1];"
                    : "=r"(there) : "l"(flags + blockIdx.x - 1) : "memory");
            while (!there);
            before = sums[blockIdx.x - 1];
        }
        sums[blockIdx.x] = before + s;
        asm volatile("st.release.gpu.b32 [%0], 1;" :: "l"(flags + blockIdx.x) : "memory");
        s = before;
    }
    __syncthreads();
    out[blockIdx.x * blockDim.x + threadIdx.x] = s;
}
template <int N, bool OWN> __device__ void tile(const int* x, int* y) {
    __shared__ cg::block_tile_memory<1024> memory;
    auto block = OWN ? cg::this_thread_block(memory) : cg::this_thread_block();
    auto tile = cg::tiled_partition<N>(block);
    int i = block.thread_rank();
    y[3 * i] = cg::reduce(tile, x[i], cg::plus<int>());
    y[3 * i + 1] = cg::inclusive_scan(tile, x[i]);
    y[3 * i + 2] = tile.shfl(x[i], 40) + 1000 * tile.any(x[i] > 99) + 10000 * tile.all(x[i] < 100);
    tile.sync();
}
extern "C" __global__ void of_64(const int* x, int* y) { tile<64, true>(x, y); }
extern "C" __global__ void of_128(const int* x, int* y) { tile<128, true>(x, y); }
extern "C" __global__ void of_64_in_reserved(const int* x, int* y) { tile<64, false>(x, y); }
extern "C" __global__ void never(int* out) {
    __shared__ int ready;
    if (threadIdx.x == 0) ready = 0;
    __syncthreads();
    int yes;
    do
        asm volatile("ld.acquire.cta.shared.b32 %0, [%1];"
            : "=r"(yes) : "r"((unsigned)__cvta_generic_to_shared(&ready)) : "memory");
    while (!yes);
    out[0] = 1;
}
"""


@pytest.fixture(scope="module")
def kernels(cuda):
    return cuda(_SOURCE)


@pytest.mark.parametrize("threads", [1, 32, 50, 96])
def test_a_lock_that_lanes_and_warps_fight_for(kernels, threads):
    held, count = np.zeros(1, np.int32), np.zeros(1, np.int32)
    assert kernels.launch("lock", (3,), (threads,), held, count, ctypes.c_int32(4)) == 0
    assert (held[0], count[0]) == (0, 3 * 4 * threads)


def test_what_lanes_do_before_they_meet_is_done_once(kernels):
    held, count, out = np.zeros(1, np.int32), np.zeros(3, np.int32), np.zeros(64, np.int32)
    assert kernels.launch("apart", (1,), (64,), held, count, out) == 0
    assert tuple(count[:2]) == (64, 64)
    first, second = out[:32], out[32:]
    assert len(set(first)) == len(set(second)) == 1
    assert first[0] // 100 + second[0] // 100 == 63 * 32
    assert first[0] % 100 + second[0] % 100 == 32


def test_threads_are_served_by_their_tickets(kernels):
    counters, order = np.zeros(2, np.int32), np.full(80, -1, np.int32)
    place = ctypes.c_uint64(counters.ctypes.data + 4)
    assert kernels.launch("tickets", (1,), (80,), counters, place, order) == 0
    assert sorted(order) == list(range(80)) and (counters == 80).all()


@pytest.mark.parametrize("who", [0, 17, 95])
def test_a_flag_that_one_thread_sets(kernels, who):
    out = np.zeros(96, np.int32)
    assert kernels.launch("flag", (2,), (96,), out, ctypes.c_int32(who)) == 0
    assert (out == 42).all()


def test_blocks_wait_for_those_before(kernels, rng):
    x = rng.integers(-100, 100, (20, 64), np.int32)
    sums, flags, out = np.zeros(20, np.int32), np.zeros(20, np.int32), np.zeros_like(x)
    assert kernels.launch("chain", (20,), (64,), x, sums, flags, out) == 0
    before = np.cumsum(x.sum(1)) - x.sum(1)
    np.testing.assert_array_equal(out, np.broadcast_to(before[:, None], x.shape))


@pytest.mark.parametrize("name, size", [("of_64", 64), ("of_128", 128), ("of_64_in_reserved", 64)])
def test_groups_of_several_warps(kernels, rng, name, size):
    x = rng.integers(0, 99, 256, np.int32)
    x[7] = 100
    out = np.zeros((256, 3), np.int32)
    assert kernels.launch(name, (1,), (256,), x, out) == 0
    tiles = x.reshape(-1, size)
    votes = tiles[:, 40] + 1000 * (tiles > 99).any(1) + 10000 * (tiles < 100).all(1)
    np.testing.assert_array_equal(out[:, 0], np.repeat(tiles.sum(1), size))
    np.testing.assert_array_equal(out[:, 1], np.cumsum(tiles, 1).ravel())
    np.testing.assert_array_equal(out[:, 2], np.repeat(votes, size))


def test_what_nobody_in_the_block_answers_is_an_error(kernels):
    assert kernels.launch("never", (1,), (32,), np.zeros(1, np.int32)) == 702
