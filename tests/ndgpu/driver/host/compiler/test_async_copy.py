"""`cp.async`, as `cuda_pipeline.h` has it and in full."""

import ctypes

import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, load


def test_copies_of_all_sizes(cuda, rng):
    program = cuda("""extern "C" __global__ void k(const char* in, char* out) {
        __shared__ __align__(16) char s[64 * 28];
        int t = threadIdx.x;
        unsigned to = (unsigned)__cvta_generic_to_shared(s);
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;"
            :: "r"(to + t * 16), "l"(in + t * 16));
        asm volatile("cp.async.ca.shared.global [%0], [%1], 8;"
            :: "r"(to + 1024 + t * 8), "l"(in + 1024 + t * 8));
        asm volatile("cp.async.ca.shared.global [%0], [%1], 4;"
            :: "r"(to + 1536 + t * 4), "l"(in + 1536 + t * 4));
        asm volatile("cp.async.commit_group;\\n cp.async.wait_group 0;\\n cp.async.wait_all;");
        __syncthreads();
        for (int i = t; i < 64 * 28; i += 64) out[i] = s[64 * 28 - 1 - i];
    }""")
    x = rng.integers(0, 256, 64 * 28, np.uint8)
    out = np.zeros_like(x)
    assert program.launch("k", (1,), (64,), x, out) == 0
    np.testing.assert_array_equal(out, x[::-1])


def test_what_is_not_copied_is_zero_and_not_read(cuda, rng):
    program = cuda("""extern "C" __global__ void k(const uint4* in, uint4* out, int n) {
        __shared__ uint4 s[40];
        int t = threadIdx.x, left = n - 16 * t, size = left < 0 ? 0 : left > 16 ? 16 : left;
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;"
            :: "r"((unsigned)__cvta_generic_to_shared(s + t)), "l"(size ? in + t : nullptr),
               "r"(size));
        asm volatile("cp.async.wait_all;");
        out[t] = s[t];
    }""")
    x = rng.integers(1, 256, 640, np.uint8)
    for n in (0, 1, 100, 333, 640):
        out = np.full(640, 7, np.uint8)
        assert program.launch("k", (1,), (40,), x, out, ctypes.c_int32(n)) == 0
        np.testing.assert_array_equal(out[:n], x[:n])
        assert not out[n:].any()


def test_a_source_that_is_ignored_gives_zeros(cuda):
    program = cuda("""extern "C" __global__ void k(const int* in, int* out) {
        __shared__ int s[40];
        unsigned to = (unsigned)__cvta_generic_to_shared(s + threadIdx.x);
        asm volatile("{ .reg .pred p; setp.ne.u32 p, %2, 0;"
            " cp.async.ca.shared::cta.global [%0], [%1], 4, p; cp.async.wait_all; }"
            :: "r"(to), "l"(in + threadIdx.x), "r"(threadIdx.x & 1));
        out[threadIdx.x] = s[threadIdx.x];
    }""")
    x = np.arange(40, dtype=np.int32) + 100
    out = np.zeros_like(x)
    assert program.launch("k", (1,), (40,), x, out) == 0
    np.testing.assert_array_equal(out, np.where(np.arange(40) % 2, 0, x))


@pytest.mark.parametrize(
    "text",
    ["cp.async.cg.shared.global [%rd1], [%rd1], 8;",
     "cp.async.bulk.commit_group;",
     "cp.async.mbarrier.arrive.global.b64 [%rd1];"],
)  # fmt: skip
def test_other_forms_are_refused(text):
    head = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n"
    with pytest.raises(PtxError) as caught:
        load(f"{head}.reg .b64 %rd<2>;\n{text}\nret;\n}}")
    assert caught.value.line == 7
