"""The ways that loads and stores take: rows, gathers that turn out to be rows, streaming stores."""

import ctypes
import mmap

import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, load

_I = ctypes.c_int32


@pytest.fixture(scope="module")
def kernels(cuda):
    return cuda(
        """
// The trip count differs between lanes, so a compiler cannot know that neighbours stay neighbours.
extern "C" __global__ void sums(const float* x, float* y, int n) {
  float total = 0;
  for (int i = threadIdx.x; i < n; i += blockDim.x) total += x[i];
  y[threadIdx.x] = total;
}
template <typename T> __device__ void permute(const int* from, const int* to, const T* x, T* y) {
  int i = threadIdx.x;
  if (to[i] >= 0) y[to[i]] = x[from[i]];
}
extern "C" __global__ void permute1(const int* f, const int* t, const char* x, char* y) {
  permute(f, t, x, y); }
extern "C" __global__ void permute4(const int* f, const int* t, const float* x, float* y) {
  permute(f, t, x, y); }
extern "C" __global__ void permute8(const int* f, const int* t, const double* x, double* y) {
  permute(f, t, x, y); }
template <typename T> __device__ void copy(const T* x, T* y, int n, int step, int start) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = x[start + i * step]; }
extern "C" __global__ void copy1(const char* x, char* y, int n, int step, int start) {
  copy(x, y, n, step, start); }
extern "C" __global__ void copy2(const short* x, short* y, int n, int step, int start) {
  copy(x, y, n, step, start); }
extern "C" __global__ void copy4(const float* x, float* y, int n, int step, int start) {
  copy(x, y, n, step, start); }
extern "C" __global__ void copy8(const double* x, double* y, int n, int step, int start) {
  copy(x, y, n, step, start); }
extern "C" __global__ void even(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = x[2 * i]; }
extern "C" __global__ void back(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) y[i] = x[n - 1 - i]; }
extern "C" __global__ void stream(const float* x, float* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) __stcs(y + i, 2 * x[i]); }
extern "C" __global__ void stream4(const float4* x, float4* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) __stcs(y + i, x[i]); }
extern "C" __global__ void stream_bytes(const char* x, char* y, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i < n) __stcs(y + n - 1 - i, x[i]); }
"""
    )


@pytest.mark.parametrize("n", [0, 5, 64, 1000, 1024, 1056])
def test_lanes_that_run_a_loop_unequally_often_read_their_own_elements(kernels, n):
    x = np.arange(max(n, 1), dtype=np.float32)[:n]
    y = np.full(64, -1, np.float32)
    assert kernels.launch("sums", (1,), (64,), x, y, _I(n)) == 0
    np.testing.assert_array_equal(y, [x[k::64].sum() for k in range(64)])


_IN_ORDER = np.arange(64)


@pytest.mark.parametrize(
    "order",
    [
        _IN_ORDER,
        _IN_ORDER[::-1],
        # Ends as far apart as those of a row, and what is between is another thing.
        np.r_[0, _IN_ORDER[1:31][::-1], 31, _IN_ORDER[32:]],
        np.r_[0, np.full(30, 7), 31:64],
        np.zeros(64, np.int64),
        np.random.default_rng(3).permutation(64),
    ],
    ids=["row", "reversed", "row at its ends", "equal within", "one place", "any"],
)
@pytest.mark.parametrize("skip", [(), (0,), (31,), (5, 40), tuple(range(64))])
@pytest.mark.parametrize("size", [1, 4, 8])
def test_addresses_known_at_run_time_only(kernels, rng, order, skip, size):
    dtype = {1: np.int8, 4: np.float32, 8: np.float64}[size]
    x = rng.integers(-100, 100, 64).astype(dtype)
    for gathers in (True, False):
        order_32 = np.ascontiguousarray(order, np.int32)
        places = np.arange(64, dtype=np.int32)
        source, target = (order_32, places.copy()) if gathers else (places, order_32.copy())
        target[list(skip)] = -1
        if not gathers and len(set(order)) < 64:
            continue  # several writers to one place: any may win
        y = np.zeros(64, dtype)
        assert kernels.launch(f"permute{size}", (1,), (64,), source, target, x, y) == 0
        wanted = np.zeros(64, dtype)
        run = target >= 0
        wanted[target[run]] = x[source[run]]
        np.testing.assert_array_equal(y, wanted)


@pytest.fixture(scope="module")
def walled():
    """Memory of one page between two that no program may touch."""
    page = mmap.PAGESIZE
    memory = mmap.mmap(-1, 3 * page)
    start = ctypes.addressof(ctypes.c_char.from_buffer(memory))
    protect = ctypes.CDLL(None).mprotect
    protect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    for wall in (start, start + 2 * page):
        assert protect(wall, page, 0) == 0
    yield np.frombuffer(memory, np.uint8, page, page)
    for wall in (start, start + 2 * page):
        protect(wall, page, mmap.PROT_READ | mmap.PROT_WRITE)


@pytest.mark.parametrize("step", [2, -1, -2, 1, 0, 3])
@pytest.mark.parametrize("size", [1, 2, 4, 8])
def test_strides_of_all_kinds_read_nothing_but_what_lies_between(kernels, walled, rng, step, size):
    walled[:] = rng.integers(0, 100, len(walled))
    dtype = {1: np.int8, 2: np.int16, 4: np.float32, 8: np.float64}[size]
    x = walled.view(dtype)
    every = len(x) if step == 0 else -(-len(x) // abs(step))
    for n in (every, 100, 33, 1):
        for at_end in (False, True):
            # The first or the last element that is read is the page's.
            reach = (n - 1) * step
            low = len(x) - 1 - abs(reach) if at_end else 0
            start = low if step >= 0 else low - reach
            y = np.zeros(n + 1, dtype)
            args = (x, y, _I(n), _I(step), _I(start))
            assert kernels.launch(f"copy{size}", (-(-n // 64),), (64,), *args) == 0
            np.testing.assert_array_equal(y[:n], x[start + step * np.arange(n)])
            assert y[n] == 0


@pytest.mark.parametrize("n", [1, 31, 32, 64, 100, 512])
def test_strides_known_to_the_compiler(kernels, walled, rng, n):
    walled[:] = rng.integers(0, 100, len(walled))
    x = walled.view(np.float32)
    for name, part in (("even", x[-2 * n + 1 :]), ("back", x[:n])):
        y = np.zeros(n, np.float32)
        assert kernels.launch(name, (-(-n // 64),), (64,), part, y, _I(n)) == 0
        np.testing.assert_array_equal(y, part[::2] if name == "even" else part[::-1])


@pytest.mark.parametrize("skew", [0, 1, 4, 15, 16])
@pytest.mark.parametrize("name", ["stream", "stream4", "stream_bytes"])
def test_streaming_stores_are_stores_whatever_the_alignment(kernels, rng, name, skew):
    lanes = 4 if name == "stream4" else 1
    dtype = np.int8 if name == "stream_bytes" else np.float32
    n = 500
    x = rng.integers(-100, 100, n * lanes).astype(dtype)
    room = np.zeros(n * lanes + 128, dtype)
    start = -room.ctypes.data % 64 // room.itemsize + skew * lanes
    y = room[start : start + n * lanes]
    assert kernels.launch(name, (4,), (128,), x, y, _I(n)) == 0
    wanted = {"stream": 2 * x, "stream4": x, "stream_bytes": x[::-1]}[name]
    np.testing.assert_array_equal(y, wanted)
    assert not room[:start].any()
    assert not room[start + n * lanes :].any()


def test_a_streaming_store_becomes_one_that_passes_by_the_caches(kernels):
    ir = kernels.program.kernels["stream"].ir((128, 1, 1))
    assert "!nontemporal" in ir
    assert "fence seq_cst" in ir
    assert "!nontemporal" not in kernels.program.kernels["sums"].ir((128, 1, 1))


def test_generic_addresses_tell_their_space(cuda):
    program = cuda("""
    __constant__ int constant[4];
    __device__ int device[4];
    struct S { int a[8]; };
    extern "C" __global__ void k(const __grid_constant__ S s, unsigned* out, int n) {
        __shared__ int shared[4];
        int local[4] = {n, n + 1, n + 2, n + 3};
        const void* all[] = {device + n, shared + n, local + n, constant + n, s.a + n, out};
        for (int i = 0; i < 6; i++) {
            unsigned yes = 0, one;
            asm("{ .reg .pred p; isspacep.global p, %1; selp.u32 %0, 1, 0, p; }"
                : "=r"(one) : "l"(all[i]));
            yes |= one;
            asm("{ .reg .pred p; isspacep.shared p, %1; selp.u32 %0, 2, 0, p; }"
                : "=r"(one) : "l"(all[i]));
            yes |= one;
            asm("{ .reg .pred p; isspacep.local p, %1; selp.u32 %0, 4, 0, p; }"
                : "=r"(one) : "l"(all[i]));
            yes |= one;
            asm("{ .reg .pred p; isspacep.const p, %1; selp.u32 %0, 8, 0, p; }"
                : "=r"(one) : "l"(all[i]));
            yes |= one;
            asm("{ .reg .pred p; isspacep.param p, %1; selp.u32 %0, 16, 0, p; }"
                : "=r"(one) : "l"(all[i]));
            yes |= one;
            out[6 * threadIdx.x + i] = yes;
        }
    }""")
    out = np.zeros((40, 6), np.uint32)
    structure = np.zeros(8, np.int32)
    table = ctypes.c_uint64 * 4
    given = table.from_buffer(structure)
    assert program.launch("k", (1,), (40,), given, out, _I(1)) == 0
    np.testing.assert_array_equal(out, np.broadcast_to([1, 2, 4, 8, 16, 1], out.shape))


def test_hints_for_caches_change_nothing(cuda, rng):
    program = cuda("""extern "C" __global__ void k(const unsigned* x, unsigned* y) {
        unsigned i = threadIdx.x, v, w;
        unsigned long long keep, drop, range;
        asm("createpolicy.fractional.L2::evict_last.L2::evict_unchanged.b64 %0, 0.5;" : "=l"(keep));
        asm("createpolicy.fractional.L2::evict_first.b64 %0;" : "=l"(drop));
        asm("createpolicy.range.global.L2::evict_last.b64 %0, [%1], 64, 128;"
            : "=l"(range) : "l"(x));
        asm volatile("ld.global.nc.L1::no_allocate.L2::cache_hint.v2.u32 {%0, %1}, [%2], %3;"
            : "=r"(v), "=r"(w) : "l"(x + 2 * i), "l"(keep));
        asm volatile("st.global.L2::cache_hint.u32 [%0], %1, %2;"
            :: "l"(y + i), "r"(v + w), "l"(drop) : "memory");
        asm volatile("red.global.L2::cache_hint.add.u32 [%0], %1, %2;"
            :: "l"(y + i), "r"(7), "l"(range) : "memory");
        asm volatile("prefetch.global.L2::evict_last [%0]; discard.global.L2 [%0], 128;" :: "l"(x));
    }""")
    x = rng.integers(0, 1 << 30, 100, np.uint32)
    y = np.zeros(50, np.uint32)
    assert program.launch("k", (1,), (50,), x, y) == 0
    np.testing.assert_array_equal(y, x[::2] + x[1::2] + 7)


def test_a_policy_that_there_is_not_is_refused():
    head = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n"
    with pytest.raises(PtxError, match=r"createpolicy\.fractional\.L2\.keep") as caught:
        load(f"{head}.reg .b64 %rd<2>;\ncreatepolicy.fractional.L2::keep.b64 %rd1;\nret;\n}}")
    assert caught.value.line == 7
