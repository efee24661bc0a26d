"""Barriers of some of a block's threads, and `mbarrier`, as producers and consumers use them."""

import ctypes

import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, load

DEADLOCK, ILLEGAL, DISAGREE = 702, 715, 719

_SOURCE = r"""
#include <cuda_awbarrier_primitives.h>
#include <cuda_pipeline.h>

// Half of the block makes, the other half takes; each waits for the other by a barrier of its own.
extern "C" __global__ void pass_on(const int* in, int* out, int rounds) {
    __shared__ int box[64];
    int t = threadIdx.x % 64;
    if (threadIdx.x < 64) {
        for (int r = 0; r < rounds; r++) {
            asm volatile("bar.sync 2, 128;" ::: "memory");
            box[t] = in[r * 64 + t] * 3;
            asm volatile("bar.arrive 1, 128;" ::: "memory");
        }
    } else {
        for (int r = 0; r < rounds; r++) {
            asm volatile("bar.arrive 2, 128;" ::: "memory");
            asm volatile("bar.sync 1, 128;" ::: "memory");
            out[r * 64 + t] = box[63 - t];
        }
    }
}
extern "C" __global__ void ask(const int* in, int* out, int rounds) {
    __shared__ __mbarrier_t full, empty;
    __shared__ int box[64];
    auto passed = [](__mbarrier_t* b, unsigned parity) {
        unsigned yes;
        asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], %2;"
            " selp.u32 %0, 1, 0, p; }"
            : "=r"(yes) : "r"((unsigned)__cvta_generic_to_shared(b)), "r"(parity) : "memory");
        return yes;
    };
    if (threadIdx.x == 0) {
        __mbarrier_init(&full, 64);
        __mbarrier_init(&empty, 64);
    }
    __syncthreads();
    int t = threadIdx.x % 64;
    for (int r = 0; r < rounds; r++) {
        if (threadIdx.x < 64) {
            while (r && !passed(&empty, (r + 1) & 1)) {}
            box[t] = in[r * 64 + t] * 3;
            __mbarrier_arrive(&full);
        } else {
            while (!passed(&full, r & 1)) {}
            out[r * 64 + t] = box[63 - t];
            __mbarrier_arrive(&empty);
        }
    }
}
// Each pair of warps adds up what is its own, at a barrier with a number of its own.
extern "C" __global__ void pairs(const int* in, int* out) {
    __shared__ int s[512];
    int t = threadIdx.x, pair = t / 64, i = t % 64;
    s[t] = in[t];
    __barrier_sync_count(pair + 1, 64);
    for (int half = 32; half > 0; half /= 2) {
        if (i < half) s[t] += s[t + half];
        __barrier_sync_count(pair + 1, 64);
    }
    if (i == 0) out[pair] = s[t];
}
// A warp counts once all its lanes have come, and lanes that have returned are not waited for.
extern "C" __global__ void some_return(int* out) {
    int t = threadIdx.x;
    if (t % 32 < 5 || t / 32 == 2) return;
    out[t] = 1;
    if (t < 64) asm volatile("barrier.sync 1, 64;" ::: "memory");
    out[t] += 1;
    asm volatile("barrier.sync 0;" ::: "memory");
    out[t] += out[(t + 32) % 64];
}
extern "C" __global__ void parted(int* out) {
    int t = threadIdx.x;
    if (t % 3 == 0) {
        out[t] = 10;
        asm volatile("barrier.sync 3, 64;" ::: "memory");
    } else {
        out[t] = 20;
        asm volatile("barrier.sync 3, 64;" ::: "memory");
    }
    out[64 + t] = out[63 - t];
}
extern "C" __global__ void votes(int* out) {
    int t = threadIdx.x, n, all, any;
    asm volatile("{ .reg .pred p; setp.lt.s32 p, %1, 10; barrier.red.popc.u32 %0, %2, 64, p; }"
        : "=r"(n) : "r"(t % 64), "r"(t / 64 + 1));
    asm volatile("{ .reg .pred p, q; setp.lt.s32 p, %1, 70; barrier.red.and.pred q, %2, 64, p;"
        " selp.s32 %0, 1, 0, q; }" : "=r"(all) : "r"(t), "r"(t / 64 + 1));
    asm volatile("{ .reg .pred p, q; setp.gt.s32 p, %1, 126; bar.red.or.pred q, 5, 128, p;"
        " selp.s32 %0, 1, 0, q; }" : "=r"(any) : "r"(t));
    out[t] = n + 100 * all + 1000 * any;
}
extern "C" __global__ void tokens(int* out, int threads) {
    __shared__ __mbarrier_t b;
    __shared__ int s[96];
    int t = threadIdx.x;
    if (t == 0) __mbarrier_init(&b, threads);
    __syncthreads();
    for (int r = 0; r < 3; r++) {
        s[t] = t + r;
        __mbarrier_token_t token = __mbarrier_arrive(&b);
        out[threads + t] = __mbarrier_token_pending_count(token);
        while (!__mbarrier_test_wait(&b, token)) {}
        out[t] = s[threads - 1 - t];
        token = __mbarrier_arrive(&b);
        while (!__mbarrier_test_wait(&b, token)) {}
    }
    if (t % 2) {  // from here on the odd ones take no part
        __mbarrier_arrive_and_drop(&b);
        return;
    }
    for (int r = 0; r < 2; r++) {
        __mbarrier_token_t token = __mbarrier_arrive(&b);
        while (!__mbarrier_test_wait(&b, token)) {}
        out[t]++;
    }
}
extern "C" __global__ void copies(const int4* in, int4* out) {
    __shared__ __mbarrier_t b, c;
    __shared__ int4 s[64];
    int t = threadIdx.x;
    if (t == 0) {
        __mbarrier_init(&b, 64);
        __mbarrier_init(&c, 64);
    }
    __syncthreads();
    __pipeline_memcpy_async(&s[t], &in[t], 16);
    __pipeline_arrive_on(&b);
    __mbarrier_token_t token = __mbarrier_arrive(&b);
    while (!__mbarrier_test_wait(&b, token)) {}
    out[t] = s[63 - t];
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];"
        :: "r"((unsigned)__cvta_generic_to_shared(&c)));
    unsigned done = 0;
    while (!done)
        asm volatile("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [%1], 0;"
            " selp.u32 %0, 1, 0, p; }"
            : "=r"(done) : "r"((unsigned)__cvta_generic_to_shared(&c)));
    out[64 + t] = s[t];
}
// What cannot end.
extern "C" __global__ void alone(int* out) {
    if (threadIdx.x < 32) asm volatile("bar.sync 1, 64;");
    out[threadIdx.x] = 1;
}
extern "C" __global__ void two_ways(int* out) {
    if (threadIdx.x % 2) asm volatile("barrier.sync 1, 32;");
    else asm volatile("barrier.sync 2, 32;");
    out[threadIdx.x] = 1;
}
extern "C" __global__ void never(int* out) {
    __shared__ __mbarrier_t b;
    if (threadIdx.x == 0) __mbarrier_init(&b, 64);
    __syncthreads();
    if (threadIdx.x >= 32) return;
    __mbarrier_token_t token = __mbarrier_arrive(&b);
    while (!__mbarrier_test_wait(&b, token)) {}
}
extern "C" __global__ void numbered(int* out, int number, int count) {
    asm volatile("bar.sync %0, %1;" :: "r"(number), "r"(count));
    out[threadIdx.x] = 1;
}
extern "C" __global__ void disagree(int* out) {
    asm volatile("bar.sync 1, %0;" :: "r"(threadIdx.x < 32 ? 96 : 128));
    out[threadIdx.x] = 1;
}
"""


@pytest.fixture(scope="module")
def kernels(cuda):
    return cuda(_SOURCE)


@pytest.mark.parametrize("name", ["pass_on", "ask"])
@pytest.mark.parametrize("rounds", [1, 2, 7])
def test_producers_and_consumers(kernels, rng, name, rounds):
    x = rng.integers(-1000, 1000, (rounds, 64), np.int32)
    out = np.zeros_like(x)
    assert kernels.launch(name, (1,), (128,), x, out, ctypes.c_int32(rounds)) == 0
    np.testing.assert_array_equal(out, 3 * x[:, ::-1])


def test_pairs_of_warps_have_barriers_of_their_own(kernels, rng):
    x = rng.integers(-1000, 1000, 512, np.int32)
    out = np.zeros(8, np.int32)
    assert kernels.launch("pairs", (1,), (512,), x, out) == 0
    np.testing.assert_array_equal(out, x.reshape(8, 64).sum(1))


def test_threads_that_returned_are_not_waited_for(kernels):
    out = np.zeros(96, np.int32)
    assert kernels.launch("some_return", (1,), (90,), out) == 0
    lanes = np.arange(64) % 32
    assert (out[:64][lanes < 5] == 0).all() and (out[64:] == 0).all()
    # One warp after the other adds what the other has by then: 2, or 4.
    assert sorted({*out[:32][5:], *out[32:64][5:]}) in ([4], [4, 6])


def test_lanes_come_to_one_barrier_on_two_ways(kernels):
    out = np.zeros(128, np.int32)
    assert kernels.launch("parted", (1,), (64,), out) == 0
    first = np.where(np.arange(64) % 3 == 0, 10, 20)
    np.testing.assert_array_equal(out, np.concatenate([first, first[::-1]]))


def test_votes_are_counted_by_barrier(kernels):
    out = np.zeros(128, np.int32)
    assert kernels.launch("votes", (1,), (128,), out) == 0
    np.testing.assert_array_equal(out, np.where(np.arange(128) < 64, 1110, 1010))


def test_tokens_tell_of_their_phase(kernels):
    out = np.zeros(192, np.int32)
    assert kernels.launch("tokens", (1,), (96,), out, ctypes.c_int32(96)) == 0
    even = np.arange(96) % 2 == 0
    np.testing.assert_array_equal(out[:96], 95 - np.arange(96) + 2 + 2 * even)
    assert sorted(out[96:]) == list(range(1, 97))


def test_asynchronous_copies_arrive(kernels, rng):
    x = rng.integers(0, 1 << 30, (64, 4), np.int32)
    out = np.zeros((128, 4), np.int32)
    assert kernels.launch("copies", (1,), (64,), x, out) == 0
    np.testing.assert_array_equal(out, np.concatenate([x[::-1], x]))


@pytest.mark.parametrize("name", ["alone", "two_ways", "never"])
def test_what_cannot_end_is_an_error(kernels, name):
    assert kernels.launch(name, (1,), (64,), np.zeros(64, np.int32)) == DEADLOCK


def test_numbers_that_no_barrier_has(kernels):
    out = np.zeros(64, np.int32)
    for number, count, code in ((1, 64, 0), (15, 0, 0), (16, 64, ILLEGAL), (1, 65, ILLEGAL)):
        arguments = ctypes.c_int32(number), ctypes.c_int32(count)
        assert kernels.launch("numbered", (1,), (64,), out, *arguments) == code
    assert kernels.launch("disagree", (1,), (64,), out) == DISAGREE


@pytest.mark.parametrize(
    "text",
    ["bar.sync 16;", "bar.sync 1, 48;", "bar.arrive 1;", "bar.arrive 1, 0;", "bar.sync 1, 32, 5;",
     "barrier.cluster.arrive;", "mbarrier.try_wait.shared.b64 %p1, [%rd1], %rd2;",
     "mbarrier.test_wait.shared.b64 %p1, [%rd1];"],
)  # fmt: skip
def test_other_forms_are_refused(text):
    head = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n"
    with pytest.raises(PtxError) as caught:
        load(f"{head}.reg .b64 %rd<3>; .reg .pred %p<2>;\n{text}\nret;\n}}")
    assert caught.value.line == 7
