"""Kernels with planted bugs: each is reported with its kind, its line and its thread; and the same
kernels without the bug, of which nothing is reported."""

from dataclasses import dataclass

import numpy as np
import pytest

from ndgpu.driver import host

ILLEGAL, MISALIGNED, FAILED = 700, 716, 719
N = 100


@dataclass
class Case:
    """A kernel `k(float* x, float* y, int n)`; the line of the bug ends with ``// bug``.

    `right` takes the place of that line in the kernel without the bug.  The access that is
    reported is `after` lines further down.
    """

    name: str
    body: str
    right: str
    code: int
    says: str
    thread: tuple = (0, 0, 0)
    block: tuple = (0, 0, 0)
    grid: object = 2
    threads: object = 64
    more: tuple = ()
    before: str = ""
    after: int = 0

    def source(self, bug: bool) -> str:
        lines = self.body.strip("\n").splitlines()
        if not bug:
            lines = [self.right if line.endswith("// bug") else line for line in lines]
        head = f'{self.before}\nextern "C" __global__ void k(float* x, float* y, int n) {{\n'
        return (
            head
            + "  int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;\n"
            + "\n".join(lines)
            + "\n}\n"
        )


CASES = [
    Case(
        "write past the end",
        "  if (i < n)\n    y[2 * i] = x[i];  // bug",
        "    y[i] = x[i];",
        ILLEGAL, "k: 4-byte write out of bounds in global memory", (50, 0, 0),
        more=("is right past the end of an allocation of 400 bytes", "test_planted.py"),
    ),
    Case(
        "off by one at the edge of the grid",
        "  if (i > n) return;\n  y[i < n ? i : 0] = x[i];  // bug",
        "  if (i < n) y[i] = x[i];",
        ILLEGAL, "4-byte read out of bounds in global memory", (36, 0, 0), (1, 0, 0),
    ),
    Case(
        "before the start",
        "  if (i < n)\n    y[i] = x[i - 3];  // bug",
        "    y[i] = x[i];",
        ILLEGAL, "read out of bounds in global memory", (0, 0, 0),
        more=("12 bytes before an allocation of 400 bytes",),
    ),
    Case(
        "a wide store half outside",
        "  if (4 * i < n + 4)\n    ((float4*)y)[i] = make_float4(1, 2, 3, 4);  // bug",
        "    if (4 * i < n) ((float4*)y)[i] = make_float4(1, 2, 3, 4);",
        ILLEGAL, "write out of bounds in global memory", (25, 0, 0), grid=1,
    ),
    Case(
        "past the end of shared memory",
        "  __shared__ float tile[64];\n  tile[t] = 1;\n  __syncthreads();\n"
        "  y[t] = tile[t + n - 99];  // bug",
        "  y[t] = tile[t];",
        ILLEGAL, "4-byte read out of bounds in shared memory", (63, 0, 0), grid=1,
        more=("byte 256 of `tile` of 256 bytes",),
    ),
    Case(
        "past the end of local memory",
        "  int a[10];\n  for (int j = 0; j < n / 10 + (i == 70); j++)\n"
        "    a[j] = j;  // bug\n  if (i < n) y[i] = a[i % 10];",
        "    a[j % 10] = j;",
        ILLEGAL, "4-byte write out of bounds in local memory", (6, 0, 0), (1, 0, 0),
    ),
    Case(
        "past the end of constant memory",
        "  if (i < n)\n    y[i] = table[i];  // bug",
        "    y[i] = table[i % 32];",
        ILLEGAL, "read out of bounds in global memory", (32, 0, 0),
        before="__constant__ float table[32];",
    ),
    Case(
        "a misaligned vector",
        "  if (4 * i + 4 < n)\n    ((float4*)y)[i] = ((float4*)(x + 1))[i];  // bug",
        "    ((float4*)y)[i] = ((float4*)x)[i];",
        MISALIGNED, "misaligned 16-byte read", more=("at byte 4 of an allocation",),
    ),
    Case(
        "global memory never written",
        "  __shared__ float keep[64];\n  keep[t] = 0;\n  if (t == 7)\n"
        "    x[0] = y[9];  // bug\n  if (i < n) y[i] = keep[t];",
        "    x[0] = keep[t];",
        FAILED, "4-byte read of memory that was never written", (7, 0, 0), grid=1,
    ),
    Case(
        "shared memory never written",
        "  __shared__ float tile[64];\n  if (t < 60) tile[t] = t;\n  __syncthreads();\n"
        "  y[t] = tile[63 - t];  // bug",
        "  if (t >= 4) y[t] = tile[63 - t];",
        FAILED, "read of memory that was never written", grid=1, more=("byte 252 of `tile`",),
    ),
    Case(
        "local memory never written",
        "  float a[8];\n  for (int j = 0; j < n % 7; j++) a[j] = j;\n"
        "  if (i == 3)\n    y[i] = a[n / 20];  // bug\n  else if (i < n) y[i] = a[n % 2];",
        "    y[i] = a[1];",
        FAILED, "read of memory that was never written", (3, 0, 0),
        more=("of local memory",),
    ),
    Case(
        "a barrier that is missing",
        "  __shared__ float tile[64];\n  tile[t] = t;  // bug\n  y[t] = tile[63 - t];",
        "  tile[t] = t; __syncthreads();",
        FAILED, "race in shared memory: write after read", (32, 0, 0), grid=1,
        more=("read by thread (31, 0, 0) at kernel.cu:6: y[t] = tile[63 - t];",),
    ),
    Case(
        "a reduction without the barrier after the loop's reads",
        "  __shared__ float s[128];\n  s[t] = 1;\n  __syncthreads();\n"
        "  for (int h = 64; h > 0; h /= 2) {\n    float other = t < h ? s[t + h] : 0;\n"
        "    if (h < 64) __syncthreads();\n    if (t < h)\n"
        "      s[t] += other;  // bug\n  }\n  if (t == 0) y[0] = s[0];",
        "      s[t] += other; __syncthreads();",
        FAILED, "race in shared memory: ", (32, 0, 0), grid=1, threads=128,
    ),
    Case(
        "a tile used again too early",
        "  __shared__ float s[64];\n  float sum = 0;\n  for (int r = 0; r < 3; r++) {\n"
        "    s[t] = r + t;  // bug\n    __syncthreads();\n    sum += s[(t + 32) % 64];\n"
        "    if (n < 0) __syncthreads();\n  }\n  y[t] = sum;",
        "    __syncthreads(); s[t] = r + t;",
        FAILED, "race in shared memory: read after write", (32, 0, 0), grid=1, after=2,
        more=("written by thread (0, 0, 0) at kernel.cu:7: s[t] = r + t;",),
    ),
    Case(
        "two warps write one place",
        "  __shared__ int last;\n  last = t;  // bug\n  __syncthreads();\n  y[t] = last;",
        "  last = n;",
        FAILED, "race in shared memory: write after write", (1, 0, 0), grid=1,
        more=("written by thread (0, 0, 0)",),
    ),
    Case(
        "two blocks write one place",
        "  if (i < n)\n    y[t] = x[i];  // bug",
        "    y[i] = x[i];",
        FAILED, "race in global memory: two blocks write different values to one place",
        (0, 0, 0), (1, 0, 0), more=("written before by block (0, 0, 0)",),
    ),
    Case(
        "an atomic operation beside a plain read",
        "  __shared__ int count;\n  if (t == 0) count = 0;\n  __syncthreads();\n"
        "  atomicAdd(&count, 1);\n  if (t == 40)\n    y[0] = count;  // bug\n"
        "  __syncthreads();\n  y[t + 1] = count;",
        "    ;",
        FAILED, "race in shared memory: read after write", (40, 0, 0), grid=1,
    ),
    Case(
        "lanes of a warp that are not in step",
        "  __shared__ float s[32];\n  s[t] = t;  // bug\n  y[t] = s[31 - t];",
        "  s[t] = t; __syncwarp();",
        FAILED, "race in shared memory: read after write", (0, 0, 0), grid=1, threads=32,
        after=1, more=("written by thread (31, 0, 0) at kernel.cu:5: s[t] = t;",),
    ),
    Case(
        "a barrier for some threads",
        "  if (t < 50)\n    __syncthreads();  // bug\n  if (i < n) y[i] = 1;",
        "  ;",
        FAILED, "k: a barrier that not all threads of the block reach", (50, 0, 0),
        more=("reached by 50 of 64 threads",),
    ),
    Case(
        "threads at different barriers",
        "  __shared__ float s[64];\n  s[t] = 1;\n  if (t < 32) {\n    __syncthreads();\n"
        "    s[t] = 2;\n  } else {\n    __syncthreads();  // bug\n    s[t] = 3;\n  }\n"
        "  y[t] = s[t];",
        "",
        FAILED, "threads of one block wait at different barriers", (32, 0, 0), grid=1,
    ),
]  # fmt: skip


def _run(lab, case: Case, bug: bool):
    bench = lab(case.source(bug))
    x = bench.put(np.arange(N, dtype=np.float32))
    y = bench.empty(4 * N)
    return bench, bench.run("k", case.grid, case.threads, x, y, N)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.name)
def test_a_planted_bug_is_reported(lab, case):
    bench, (code, detail) = _run(lab, case, True)
    assert code == case.code, detail
    line = bench.line("// bug")
    line += case.after
    text = bench.source.splitlines()[line - 1].strip()
    first, where, who, *_ = detail.splitlines()
    assert case.says in first
    assert where.strip() == f"at kernel.cu:{line}: {text}"
    assert f"thread {case.thread}" in who
    assert f"block {case.block}" in who
    for words in case.more:
        assert words in detail


@pytest.mark.parametrize("case", [c for c in CASES if c.right], ids=lambda c: c.name)
def test_without_the_bug_nothing_is_reported(lab, case):
    _, (code, detail) = _run(lab, case, False)
    assert (code, detail) == (0, "")


SCALE = """extern "C" __global__ void k(float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n)
    y[i] = 2 * x[i];  // bug
}
"""


def test_memory_used_after_it_was_freed(lab):
    bench = lab(SCALE)
    x, y = bench.put(np.ones(N, np.float32)), bench.empty(4 * N)
    assert bench.run("k", 2, 64, x, y, N) == (0, "")
    host.cuMemFree(x)
    code, detail = bench.run("k", 2, 64, x, y, N)
    assert code == ILLEGAL
    assert detail.startswith("k: 4-byte read of global memory after it was freed")
    assert f"kernel.cu:{bench.line('// bug')}: y[i] = 2 * x[i];" in detail
    made, freed = (
        line for line in detail.splitlines() if " at " in line and "test_planted" in line
    )
    assert "made at" in detail and "bench.put(np.ones" in made
    assert "freed at" in freed and "host.cuMemFree(x)" in freed


def test_a_freed_range_is_not_used_again(lab):
    bench = lab(SCALE)
    first = bench.empty(4 * N)
    host.cuMemFree(first)
    assert all(bench.empty(4 * N) != first for _ in range(50))


def test_a_double_free_tells_of_the_first(lab):
    bench = lab(SCALE)
    x = bench.empty(64)
    host.cuMemFree(x)
    assert host.cuMemFree(x)[0] == 1
    detail = host.last_error_detail()
    assert "has been freed already" in detail
    assert "made at" in detail and "freed at" in detail and "test_planted.py" in detail


def test_copies_carry_what_is_known(lab):
    bench = lab(SCALE)
    x, y, z = (bench.empty(4 * N) for _ in range(3))
    host.cuMemsetD32(x, 0, N // 2)
    host.cuMemcpyDtoD(z, x, 4 * N)
    assert bench.run("k", 2, 64, z, y, N // 2) == (0, "")
    code, detail = bench.run("k", 2, 64, z, y, N)
    assert code == FAILED and "never written" in detail
    assert "by thread (50, 0, 0) of block (0, 0, 0)" in detail
    assert "at byte 200 of an allocation of 400 bytes" in detail


def test_threads_and_blocks_are_told_by_their_three_indices(lab):
    bench = lab("""extern "C" __global__ void k(float* x, float* y, int n) {
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  int i = ((block * blockDim.z + threadIdx.z) * blockDim.y + threadIdx.y) * blockDim.x;
  i += threadIdx.x;
  y[i] = 1;  // bug
}
""")
    y = bench.empty(4 * 1000)
    code, detail = bench.run("k", (3, 4, 5), (5, 2, 3), 0, y, 0)
    assert code == ILLEGAL
    # 1000 = 33 * 30 + 10: block 33 is (0, 3, 2) and thread 10 (0, 0, 1).
    assert "by thread (0, 0, 1) of block (0, 3, 2)" in detail


def test_only_what_is_asked_for_is_checked(lab, checking):
    checking(frozenset(("race",)))
    bench = lab(SCALE)
    x, y = bench.empty(4 * N), bench.empty(4 * N)
    assert bench.run("k", 2, 64, x, y, N) == (0, "")
    checking(frozenset(("memory",)))
    bench = lab(SCALE)
    x, y = bench.empty(4 * N), bench.empty(4 * N)
    assert bench.run("k", 2, 64, x, y, N) == (0, "")
    assert bench.run("k", 2, 64, x, y, N + 1)[0] == ILLEGAL


def test_an_error_lasts_until_the_context_is_reset(lab):
    bench = lab(SCALE)
    y = bench.empty(4 * N)
    assert bench.run("k", 2, 64, 0, y, N)[0] == ILLEGAL
    code, _ = host.cuMemAlloc(16)
    assert code == ILLEGAL and "address 0x0: a null pointer" in host.last_error_detail()


def test_parameters_may_be_reached_through_a_pointer(lab):
    bench = lab("""struct Table { float value[16]; };
__device__ __noinline__ float at(const float* p, int i) { return p[i]; }
extern "C" __global__ void k(float* y, int n, const __grid_constant__ Table table) {
  int i = threadIdx.x;
  y[i] = at(table.value, n * i);
}
""")
    y = bench.empty(4 * N)
    table = [int(np.float32(v).view(np.int32)) for v in range(16)]
    packed = [table[i] | table[i + 1] << 32 for i in range(0, 16, 2)]
    assert bench.run("k", 1, 16, y, 1, packed) == (0, "")
    assert bench.run("k", 1, 16, y, 40, packed)[0] == ILLEGAL


def test_memory_of_any_kind_may_be_used(lab):
    bench = lab(SCALE)
    y = bench.empty(4 * N)
    _, pinned = host.cuMemAllocHost(4 * N)
    _, managed = host.cuMemAllocManaged(4 * N, 1)
    for x in (pinned, managed):
        assert bench.run("k", 2, 64, x, y, N) == (0, "")
    assert bench.run("k", 2, 64, managed, y, N + 1)[0] == ILLEGAL


def test_matrices_of_a_warp_are_checked_row_by_row(lab):
    bench = lab("""extern "C" __global__ void k(const void* a, float* d, int n) {
  asm volatile("{ .reg .b32 a<8>, b<8>; .reg .f32 c<8>;"
    "wmma.load.a.sync.aligned.row.m16n16k16.f16 {a0, a1, a2, a3, a4, a5, a6, a7}, [%0], %2;"
    "wmma.store.d.sync.aligned.row.m16n16k16.f32 [%1], {c0, c1, c2, c3, c4, c5, c6, c7}, 16; }"
    :: "l"(a), "l"(d), "r"(n) : "memory");
}
""")
    a, d = bench.put(np.ones(16 * 16, np.float16)), bench.empty(16 * 16 * 4)
    assert bench.run("k", 1, 32, a, d, 16) == (0, "")
    code, detail = bench.run("k", 1, 32, a, d, 17)
    assert code == ILLEGAL and "32-byte read out of bounds" in detail
    assert "by thread (15, 0, 0)" in detail


def test_matrices_of_eight_rows_are_checked(lab):
    bench = lab("""extern "C" __global__ void k(int* y, int n) {
  __shared__ __align__(16) int s[96];
  int t = threadIdx.x, x;
  for (int i = t; i < 96; i += 32) s[i] = i;
  __syncwarp();
  unsigned at = (unsigned)__cvta_generic_to_shared(s) + t % 8 * n;
  asm volatile("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%0}, [%1];" : "=r"(x) : "r"(at));  // bug
  y[t] = x;
}
""")
    y = bench.empty(128)
    assert bench.run("k", 1, 32, y, 48) == (0, "")
    code, detail = bench.run("k", 1, 32, y, 64)
    assert code == ILLEGAL and "out of bounds in shared memory" in detail
    assert f"kernel.cu:{bench.line('// bug')}" in detail


def test_memory_that_a_kernel_allocates_is_checked(lab):
    bench = lab("""extern "C" __global__ void k(float* y, int n) {
  float* p = (float*)malloc(4 * 8);
  for (int i = 0; i < n; i++)
    p[i] = i + threadIdx.x;  // bug
  y[threadIdx.x] = p[7];
  free(p);
}
""")
    y = bench.empty(4 * N)
    assert bench.run("k", 1, 40, y, 8) == (0, "")
    code, detail = bench.run("k", 1, 40, y, 9)
    assert code == ILLEGAL and "is right past the end of an allocation of 32 bytes" in detail
    assert f"kernel.cu:{bench.line('// bug')}: p[i]" in detail


def test_blocks_may_write_equal_values_and_use_atomics(lab):
    bench = lab("""extern "C" __global__ void k(float* y, int* count, int* flag) {
  y[1] = 5;
  *flag = 1;
  atomicAdd(count, 1);
  __threadfence();
  y[2] = blockIdx.x;
}
extern "C" __global__ void equal(float* y) { y[threadIdx.x] = threadIdx.x; }
""")
    y, count = bench.empty(4 * N), bench.put(np.zeros(2, np.int32))
    assert bench.run("k", 50, 32, y, count, count + 4) == (0, "")
    assert bench.run("equal", 50, 32, y) == (0, "")
    assert bench.run("equal", 50, 32, y) == (0, "")


NAMED = """extern "C" __global__ void k(int* y, int from, int count, int number, int by) {
  __shared__ int s[128];
  int t = threadIdx.x;
  s[t] = t;
  if (t >= from)
    asm volatile("bar.sync %0, %1;" :: "r"(number), "r"(count) : "memory");  // bug
  y[t] = s[(t + by) % 128];  // race
}
"""


def test_threads_that_wait_for_ever_are_told(lab):
    bench = lab(NAMED)
    y = bench.empty(4 * 128)
    assert bench.run("k", 1, 128, y, 0, 128, 1, 64) == (0, "")
    code, detail = bench.run("k", 1, 128, y, 32, 128, 7, 0)
    assert code == 702
    assert "k: threads wait at a barrier that no other thread will reach" in detail
    assert f"at kernel.cu:{bench.line('// bug')}" in detail
    assert "where thread (32, 0, 0) waits at barrier 7 of block (0, 0, 0), to which 96 of 128" in (
        detail
    )


@pytest.mark.parametrize("number, count, what", [(16, 128, "number or count"), (1, 33, "number")])
def test_a_barrier_that_there_is_not_is_told(lab, number, count, what):
    bench = lab(NAMED)
    code, detail = bench.run("k", 1, 128, bench.empty(4 * 128), 0, count, number, 0)
    assert code == 715 and what in detail
    assert f"at kernel.cu:{bench.line('// bug')}" in detail


def test_a_race_beside_a_barrier_of_others_is_told(lab):
    bench = lab(NAMED)
    code, detail = bench.run("k", 1, 128, bench.empty(4 * 128), 128, 128, 1, 64)
    assert code == FAILED and "race in shared memory" in detail
    assert f"kernel.cu:{bench.line('// race')}" in detail


def test_what_an_mbarrier_orders_is_no_race(lab):
    bench = lab("""#include <cuda_awbarrier_primitives.h>
extern "C" __global__ void k(int* y, int ask) {
  __shared__ __mbarrier_t b;
  __shared__ int s[128];
  int t = threadIdx.x;
  if (t == 0) __mbarrier_init(&b, 128);
  __syncthreads();
  for (int r = 0; r < 2; r++) {
    s[t] = t + r;
    __mbarrier_token_t token = __mbarrier_arrive(&b);
    while (ask && !__mbarrier_test_wait(&b, token)) {}
    y[t] = s[127 - t];  // bug
    token = __mbarrier_arrive(&b);
    while (!__mbarrier_test_wait(&b, token)) {}
  }
}
""")
    y = bench.empty(4 * 128)
    assert bench.run("k", 1, 128, y, 1) == (0, "")
    code, detail = bench.run("k", 1, 128, y, 0)
    assert code == FAILED and "race in shared memory" in detail
