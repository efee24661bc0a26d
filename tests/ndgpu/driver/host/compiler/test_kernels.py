"""Kernels as users write them, compiled by NVRTC, against NumPy, in many shapes of block."""

import ctypes

import numpy as np
import pytest

from ndgpu.driver.host.compiler import PtxError, load

_I, _U, _Q = ctypes.c_int32, ctypes.c_uint32, ctypes.c_int64
_BLOCKS = [(1,), (7,), (32,), (33,), (256,), (16, 16), (5, 3, 2), (8, 8), (4, 1, 8)]

_INDEX = """
__device__ unsigned thread_index() {
  return (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
}
__device__ long long global_index() {
  long long block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  return block * (blockDim.x * blockDim.y * blockDim.z) + thread_index();
}
"""


@pytest.fixture(scope="module")
def elementwise(cuda):
    return cuda(
        _INDEX
        + """
extern "C" __global__ void fused(const float* x, const float* y, float* z, int n) {
  int i = global_index(); if (i < n) z[i] = x[i] * y[i] + z[i]; }
extern "C" __global__ void bytes(const unsigned char* x, short* y, int n) {
  int i = global_index(); if (i < n) y[i] = x[i] * 3 - x[n - 1 - i]; }
extern "C" __global__ void vectors(const float4* x, float2* y, int n) {
  int i = global_index();
  if (i < n) { float4 v = x[i]; y[i] = make_float2(v.x + v.w, v.y * v.z); } }
extern "C" __global__ void indices(uint3* out) {
  out[global_index()] = make_uint3(threadIdx.x + 1000 * blockIdx.x,
      threadIdx.y + 1000 * blockIdx.y, threadIdx.z + 1000 * blockIdx.z); }
"""
    )


@pytest.mark.parametrize("block", _BLOCKS)
def test_a_guarded_elementwise_kernel_touches_what_it_should(elementwise, rng, block):
    threads = int(np.prod(block))
    x, y, z = rng.random((3, 5 * threads + 40), np.float32)
    n = 5 * threads - threads // 2 - 1
    wanted = z.copy()
    exact = x[:n].astype(np.float64) * y[:n] + z[:n]
    wanted[:n] = exact.astype(np.float32)
    assert elementwise.launch("fused", (5,), block, x, y, z, _I(n)) == 0
    np.testing.assert_array_equal(z, wanted)


@pytest.mark.parametrize("block", _BLOCKS)
def test_narrow_types_reversed_reads_and_short_vectors(elementwise, rng, block):
    n = 3 * int(np.prod(block)) - 1
    x = rng.integers(0, 256, n, np.uint8)
    y = np.zeros(n, np.int16)
    assert elementwise.launch("bytes", (3,), block, x, y, _I(n)) == 0
    np.testing.assert_array_equal(y, x.astype(np.int16) * 3 - x[::-1])
    v = rng.random((n, 4), np.float32)
    w = np.zeros((n + 1, 2), np.float32)
    assert elementwise.launch("vectors", (3,), block, v, w, _I(n)) == 0
    np.testing.assert_array_equal(w[:n, 0], v[:, 0] + v[:, 3])
    np.testing.assert_array_equal(w[:n, 1], v[:, 1] * v[:, 2])
    assert (w[n] == 0).all()


@pytest.mark.parametrize("block", _BLOCKS)
def test_indices_of_threads_and_blocks_in_three_dimensions(elementwise, block):
    grid = (3, 2, 2)
    shape = (*grid[::-1], *(*block, 1, 1)[:3][::-1])
    out = np.zeros((*shape, 3), np.uint32)
    assert elementwise.launch("indices", grid, block, out) == 0
    bz, by, bx, tz, ty, tx = np.indices(shape)
    wanted = np.stack([tx + 1000 * bx, ty + 1000 * by, tz + 1000 * bz], axis=-1)
    np.testing.assert_array_equal(out, wanted)


def test_a_range_of_blocks_runs_and_no_other(elementwise):
    out = np.zeros((2, 3, 4, 8, 3), np.uint32)
    assert elementwise.launch("indices", (4, 3, 2), (8,), out, blocks=(5, 18)) == 0
    touched = np.zeros(24, bool)
    touched[5:18] = True
    flat = out.reshape(24, 8, 3)
    assert (flat[touched][:, 1, 0] % 1000 == 1).all()
    assert (flat[~touched] == 0).all()
    np.testing.assert_array_equal(flat[17, 0], [1000, 1000, 1000])


def test_a_wrapped_index_reads_where_it_says(cuda):
    """An unsigned index that passes zero within a warp is no run of neighbours."""
    program = cuda("""extern "C" __global__ void k(const int* x, int* y) {
        unsigned i = threadIdx.x - 3u; if (threadIdx.x >= 3) y[i] = x[i]; else y[threadIdx.x + 61] =
        x[(i + 3u) + 61u]; }""")
    x = np.arange(64, dtype=np.int32) + 100
    y = np.zeros(64, np.int32)
    assert program.launch("k", (1,), (64,), x, y) == 0
    np.testing.assert_array_equal(y, x)


# -- blocks ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def blocks(cuda):
    return cuda(
        _INDEX
        + """
extern "C" __global__ void total(const float* x, float* z, int n) {
  __shared__ float part[512]; extern __shared__ float extra[];
  int t = thread_index(), count = blockDim.x * blockDim.y * blockDim.z;
  long long i = global_index();
  part[t] = i < n ? x[i] : 0.f; extra[t] = 1.f;
  __syncthreads();
  for (int k = 256; k > 0; k >>= 1) {
    if (t < k && t + k < count) { part[t] += part[t + k]; extra[t] += extra[t + k]; }
    __syncthreads();
  }
  if (t == 0) { z[blockIdx.x * 2] = part[0]; z[blockIdx.x * 2 + 1] = extra[0]; }
}
extern "C" __global__ void early(int* out) {
  __shared__ int s; int t = thread_index();
  if (t == 0) s = 5;
  __syncthreads();
  if (t >= 20) return;
  if (t % 2) { out[t] = s; }
  __syncthreads();
  if (t == 3) s = 9;
  __syncthreads();
  if (!(t % 2)) out[t] = s;
}
extern "C" __global__ void votes(const int* x, int* out) {
  int t = thread_index();
  int count = __syncthreads_count(x[t]), every = __syncthreads_and(x[t] < 9),
      some = __syncthreads_or(x[t] == 3);
  out[t] = count * 4 + (every != 0) * 2 + (some != 0);
}
extern "C" __global__ void scan(int* x, int n) {
  extern __shared__ int s[]; int t = thread_index();
  s[t] = x[t];
  for (int k = 1; k < n; k *= 2) {
    __syncthreads(); int v = t >= k ? s[t - k] : 0; __syncthreads(); s[t] += v; }
  __syncthreads();
  x[t] = s[n - 1 - t];
}
"""
    )


@pytest.mark.parametrize("block", _BLOCKS)
def test_reductions_and_scans_through_shared_memory(blocks, rng, block):
    threads = int(np.prod(block))
    x = rng.integers(0, 100, 4 * threads).astype(np.float32)
    z = np.zeros((4, 2), np.float32)
    n = 4 * threads - 1
    assert blocks.launch("total", (4,), block, x, z, _I(n), shared=4 * 512) == 0
    x[n:] = 0
    np.testing.assert_array_equal(z[:, 0], x.reshape(4, -1).sum(1))
    np.testing.assert_array_equal(z[:, 1], threads)
    v = rng.integers(0, 100, threads, np.int32)
    wanted = np.cumsum(v)[::-1]
    assert blocks.launch("scan", (1,), block, v, _I(threads), shared=4 * threads) == 0
    np.testing.assert_array_equal(v, wanted)


@pytest.mark.parametrize("block", [(7,), (32,), (33,), (64,), (5, 3, 2)])
def test_threads_that_return_before_a_barrier_count_as_arrived(blocks, block):
    threads = int(np.prod(block))
    out = np.zeros(threads, np.int32)
    assert blocks.launch("early", (1,), block, out) == 0
    t = np.arange(threads)
    np.testing.assert_array_equal(out, np.where(t >= 20, 0, np.where(t % 2, 5, 9)))


@pytest.mark.parametrize("block", _BLOCKS)
def test_barriers_that_count_votes(blocks, rng, block):
    threads = int(np.prod(block))
    for x in (rng.integers(0, 3, threads), rng.integers(0, 10, threads)):
        x = x.astype(np.int32)
        out = np.zeros(threads, np.int32)
        assert blocks.launch("votes", (1,), block, x, out) == 0
        wanted = (x != 0).sum() * 4 + (x < 9).all() * 2 + (x == 3).any()
        np.testing.assert_array_equal(out, wanted)


# -- warps -----------------------------------------------------------------------------------


def _shuffled(x, mode, by, width):
    """What `__shfl_*_sync` gives, lane by lane."""
    out = x.copy()
    for lane in range(32):
        first = lane & ~(width - 1)
        source = {
            "up": lane - by,
            "down": lane + by,
            "xor": lane ^ by,
            "idx": first + by % width,
        }[mode]
        inside = source >= first if mode == "up" else source <= first + width - 1
        out[lane] = x[source] if inside else x[lane]
    return out


@pytest.mark.parametrize("width", [32, 16, 4])
def test_shuffles_by_constants_and_by_variables(cuda, rng, width):
    modes = {"up": "up", "down": "down", "xor": "xor", "idx": ""}
    bys = (1, 5, 16)
    lines = []
    for mode in modes:
        name = "__shfl_sync" if mode == "idx" else f"__shfl_{mode}_sync"
        for by in bys:
            lines.append(f"*out = {name}(~0u, v, {by}, {width}); out += 64;")
        lines.append(f"*out = {name}(~0u, v, k[threadIdx.x / 32], {width}); out += 64;")
    program = cuda(
        'extern "C" __global__ void k(const float* x, float* out, const int* k) {'
        f"float v = x[threadIdx.x]; out += threadIdx.x; {' '.join(lines)} }}"
    )
    x = rng.random(64, np.float32)
    out = np.zeros((16, 64), np.float32)
    by = np.array([3, 8], np.int32)
    assert program.launch("k", (1,), (64,), x, out, by) == 0
    place = 0
    for mode in modes:
        for steps in (*((b, b) for b in bys), tuple(by)):
            wanted = [_shuffled(x[32 * w :][:32], mode, int(steps[w]), width) for w in range(2)]
            np.testing.assert_array_equal(out[place], np.concatenate(wanted), str((mode, steps)))
            place += 1


def test_votes_matches_and_reductions_of_a_warp(cuda, rng):
    program = cuda("""extern "C" __global__ void k(const int* x, unsigned* out) {
      int t = threadIdx.x, v = x[t]; unsigned* o = out + t;
      o[0] = __ballot_sync(~0u, v & 1); o[64] = __any_sync(~0u, v == 3);
      o[128] = __all_sync(~0u, v < 8); o[192] = __match_any_sync(~0u, v);
      o[256] = __reduce_add_sync(~0u, v); o[320] = __reduce_max_sync(~0u, v);
      int p; o[384] = __match_all_sync(~0u, v / 64, &p); o[448] = p;
      if (v & 1) { o[512] = __activemask(); o[576] = __ballot_sync(__activemask(), v > 2); }
      unsigned lane; asm("mov.u32 %0, %%laneid;" : "=r"(lane)); o[640] = lane;
      unsigned below; asm("mov.u32 %0, %%lanemask_lt;" : "=r"(below)); o[704] = below; }""")
    x = rng.integers(0, 9, 64).astype(np.int32)
    out = np.zeros((12, 2, 32), np.uint32)
    assert program.launch("k", (1,), (64,), x, out) == 0

    def ballot(flags):
        return sum(1 << i for i in range(32) if flags[i])

    for w in range(2):
        v = x.reshape(2, 32)[w]
        odd = v % 2 == 1
        assert (out[0, w] == ballot(odd)).all()
        assert (out[1, w] == (v == 3).any()).all()
        assert (out[2, w] == (v < 8).all()).all()
        np.testing.assert_array_equal(out[3, w], [ballot(v == one) for one in v])
        assert (out[4, w] == v.sum()).all()
        assert (out[5, w] == v.max()).all()
        assert (out[6, w] == 0xFFFFFFFF).all()
        assert (out[7, w] == 1).all()
        assert (out[8, w][odd] == ballot(odd)).all()
        assert (out[9, w][odd] == ballot(odd & (v > 2))).all()
        assert (out[8, w][~odd] == 0).all()
        np.testing.assert_array_equal(out[10, w], np.arange(32))
        np.testing.assert_array_equal(out[11, w], [(1 << i) - 1 for i in range(32)])


# -- memory ----------------------------------------------------------------------------------


@pytest.mark.parametrize("block", [(7,), (64,), (33,), (256,)])
def test_atomics_on_global_and_shared_memory(cuda, rng, block):
    program = cuda("""
__device__ unsigned counter; __device__ unsigned* where = &counter;
extern "C" __global__ void k(const int* x, int* hist, float* sum, unsigned long long* big,
                             int* most, unsigned* ring, int* swaps, int n) {
  __shared__ int local[10];
  for (int i = threadIdx.x; i < 10; i += blockDim.x) local[i] = 0;
  __syncthreads();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) {
    atomicAdd(&local[x[i] % 10], 1); atomicAdd(sum, (float)x[i]);
    atomicAdd(big, 1ull << 40); atomicMax(most, x[i]); atomicInc(ring, 6u); atomicAdd(where, 2u);
    int old = swaps[x[i] % 3], seen;
    do { seen = old; old = atomicCAS(&swaps[x[i] % 3], seen, seen + x[i]); } while (old != seen);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < 10; i += blockDim.x) atomicAdd(&hist[i], local[i]);
}""")
    n = 4 * block[0] - 2
    x = rng.integers(0, 1000, 4 * block[0]).astype(np.int32)
    hist, total, big = np.zeros(10, np.int32), np.zeros(1, np.float32), np.zeros(1, np.uint64)
    most, ring, swaps = np.zeros(1, np.int32), np.zeros(1, np.uint32), np.zeros(3, np.int32)
    assert program.launch(
        "k", (4,), block, x, hist, total, big, most, ring, swaps, _I(n)
    ) == 0  # fmt: skip
    v = x[:n]
    np.testing.assert_array_equal(hist, np.bincount(v % 10, minlength=10))
    assert total[0] == v.sum() and big[0] == n << 40 and most[0] == v.max()
    assert ring[0] == n % 7
    assert program.memory["counter"].view(np.uint32)[0] == 2 * n
    np.testing.assert_array_equal(swaps, np.bincount(v % 3, weights=v, minlength=3))


def test_constants_structs_local_arrays_and_device_functions(cuda, rng):
    program = cuda("""
struct S { int a; float b; long long c[3]; };
__constant__ float table[4] = {1.f, 2.f, 3.f, 4.f};
__device__ __noinline__ float horner(float x, int n) {
  float a = 0; for (int i = 0; i < n; i++) a = a * x + i; return a; }
__device__ __noinline__ S twice(S s, int k) {
  s.a *= 2; s.c[k] = s.a; if (k == 1) return s; s.b = horner(s.b, 3); return s; }
extern "C" __global__ void k(float* x, S s, int n) {
  int t = threadIdx.x; if (t >= n) return;
  S r = twice(s, t % 3);
  float stack[8]; for (int i = 0; i < 8; i++) stack[(i * 3 + t) % 8] = i + table[i & 3];
  x[t] = r.a + r.b + r.c[0] * 10 + r.c[1] * 100 + r.c[2] * 1000 + stack[(int)x[t] % 8]
       + (t & 4 ? horner(2.f, t) : 0.f);
}""")

    class S(ctypes.Structure):
        _fields_ = (("a", _I), ("b", ctypes.c_float), ("c", _Q * 3))

    def horner(x, n):
        a = 0
        for i in range(n):
            a = a * x + i
        return a

    for threads in (32, 45, 6):
        x = rng.integers(0, 8, threads).astype(np.float32)
        wanted = x.copy()
        n = threads - 1
        for t in range(n):
            c = [3, 4, 5]
            c[t % 3] = 14
            stack = [0.0] * 8
            for i in range(8):
                stack[(i * 3 + t) % 8] = i + (i & 3) + 1
            b = 0.5 if t % 3 == 1 else horner(0.5, 3)
            tail = horner(2, t) if t & 4 else 0
            wanted[t] = 14 + b + c[0] * 10 + c[1] * 100 + c[2] * 1000 + stack[int(x[t])] + tail
        assert program.launch("k", (1,), (threads,), x, S(7, 0.5, (3, 4, 5)), _I(n)) == 0
        np.testing.assert_allclose(x, wanted, rtol=1e-6)


def test_large_arguments_of_sine_take_the_path_with_a_local_array(cuda, rng):
    program = cuda(
        'extern "C" __global__ void k(float* x) { x[threadIdx.x] = sinf(x[threadIdx.x]); }'
    )
    x = (rng.random(64, np.float32) * 1e7).astype(np.float32)
    x[:8] = [0.5, 1e-20, np.inf, np.nan, -3e30, 105615.0, 0.0, -0.0]
    with np.errstate(invalid="ignore"):
        wanted = np.sin(x.astype(np.float64)).astype(np.float32)
    assert program.launch("k", (1,), (64,), x) == 0
    np.testing.assert_allclose(x, wanted, rtol=3e-7, atol=1e-7)


def test_a_switch_and_goto_into_a_loop(cuda):
    """Branches of any shape: the second kernel's loop has two entries."""
    program = cuda("""extern "C" __global__ void k(int* x) {
      int t = threadIdx.x, a = 0;
      switch (x[t]) { case 0: a = 5; break; case 1: a = t; case 2: a += 7; break;
        case 3: a = x[t + 64] * 2; break; case 4: x[t] = -1; return; case 5: a = 9 * t; break;
        case 6: a = t / 3; break; default: a = 1; }
      x[64 + t] = a; }
    extern "C" __global__ void loops(int* x) {
      int t = threadIdx.x, n = x[t], a = 0, i = 0;
      if (n & 1) goto middle;
    top: a += 3 * i;
    middle: a ^= i + 5; i++;
      if (i % 4 == n % 4) goto top;
      if (i < n) goto middle;
      x[64 + t] = a; }""")
    x = np.tile(np.arange(8, dtype=np.int32), 16)
    before = x.copy()
    assert program.launch("k", (1,), (64,), x) == 0
    t = np.arange(64)
    v = before[:64]
    fallen = {0: 5 + 0 * t, 1: t + 7, 2: 7 + 0 * t, 3: 2 * before[64:], 5: 9 * t, 6: t // 3,
              7: 1 + 0 * t}  # fmt: skip
    for case, a in fallen.items():
        np.testing.assert_array_equal(x[64:][v == case], a[v == case])
    assert (x[:64][v == 4] == -1).all()
    np.testing.assert_array_equal(x[64:][v == 4], before[64:][v == 4])
    for threads in (64, 40):
        x = before.copy()
        assert program.launch("loops", (1,), (threads,), x) == 0
        for t in range(threads):
            n, a, i, middle = int(before[t]), 0, 0, before[t] & 1
            while True:
                if not middle:
                    a += 3 * i
                a ^= i + 5
                i += 1
                middle = i % 4 != n % 4
                if middle and i >= n:
                    break
            assert x[64 + t] == a


def test_a_trap_is_reported(cuda):
    program = cuda("""extern "C" __global__ void k(int* x) {
      x[threadIdx.x] += 1; if (x[threadIdx.x] > 50) __trap(); }""")
    x = np.zeros(64, np.int32)
    assert program.launch("k", (1,), (64,), x) == 0
    x[40] = 50
    assert program.launch("k", (1,), (64,), x) == 719
    assert x[40] == 51


# -- what is refused ---------------------------------------------------------------------------

_HEAD = ".version 8.0\n.target sm_80\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<3>;\n"


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        ("frobnicate.u32 %r1, %r2;", "frobnicate"),
        ("add.u33 %r1, %r2, %r2;", "add.u33"),
        ("add.u32 %r1, %r2;", "takes 2 operands"),
        ("mov.u32 %r9, %r1;", "%r9 is not declared"),
        ("mov.u32 %r1, %nonsense;", "%nonsense"),
        ("bra nowhere;", "nowhere"),
        ("ld.global.u32 %r1, [missing];", "missing"),
        ("barrier.sync 0, 63;", "a multiple of 32"),
        ("tex.2d.v4.f32.f32 {%f1, %f1, %f1, %f1}, [%rd1, {%f1, %f1}];", "no textures"),
        ("griddepcontrol.wait;", "compute capability 9.0"),
    ],
)
def test_what_cannot_be_run_is_refused_with_its_line(body, wanted):
    with pytest.raises(PtxError, match=wanted.replace(".", r"\.")) as caught:
        load(_HEAD + body + "\nret;\n}")
    assert caught.value.line == 7
    assert caught.value.kernel == "k"


def test_undefined_functions_are_refused():
    body = "call.uni elsewhere;\nret;\n}"
    head = ".version 8.0\n.target sm_80\n.address_size 64\n.extern .func elsewhere;\n"
    with pytest.raises(PtxError, match="a call of elsewhere, which the module does not define"):
        load(head + ".visible .entry k()\n{\n" + body)


# -- strides and branches ------------------------------------------------------------------------


@pytest.mark.parametrize("block", [(64,), (33,), (7,), (8, 8)])
def test_strides_known_only_at_run_time(cuda, rng, block):
    """Rows, broadcasts, gaps and reversed order, as strided arrays have them."""
    program = cuda(
        _INDEX
        + """
extern "C" __global__ void k(const char* x, char* y, int sx, int sy, int n) {
  int i = global_index();
  if (i < n) *(float*)(y + i * sy) = *(const float*)(x + i * sx) + 1.f; }
extern "C" __global__ void wide(const char* x, char* y, long long sx, long long sy, int n) {
  int i = global_index();
  if (i < n) *(float*)(y + i * sy) = *(const float*)(x + i * sx) + 1.f; }
extern "C" __global__ void rows(const float2* x, float2* y, int s, int n) {
  for (int i = threadIdx.x; i < n; i += s) y[i] = x[i]; }
"""
    )
    n = 2 * int(np.prod(block)) - 3
    source = rng.random(4 * n, np.float32)
    for step in (1, 0, 2, 3, -1, -2):
        for out in (1, 2, -1):
            x = source[::step] if step else np.broadcast_to(source[:1], n)
            x = x[:n]
            store = np.zeros(4 * n, np.float32)
            y = store[::out][:n]
            wanted = store.copy()
            wanted[::out][:n] = x + 1
            for name, integer in (("k", _I), ("wide", _Q)):
                store[:] = 0
                assert program.launch(
                    name, (2,), block, ctypes.c_uint64(x.ctypes.data),
                    ctypes.c_uint64(y.ctypes.data), integer(4 * step), integer(4 * out), _I(n),
                ) == 0  # fmt: skip
                np.testing.assert_array_equal(store, wanted, f"{name} {step} {out}")
    pairs = rng.random((64, 2), np.float32)
    copied = np.zeros_like(pairs)
    assert program.launch("rows", (1,), (32,), pairs, copied, _I(32), _I(60)) == 0
    np.testing.assert_array_equal(copied[:60], pairs[:60])
    assert (copied[60:] == 0).all()


def test_short_branches_on_nan_and_nested_conditions(cuda, rng):
    """What is turned into selects gives what the branches gave."""
    program = cuda("""
extern "C" __global__ void k(const float* x, const float* y, float* out, int* place) {
  int t = blockIdx.x * blockDim.x + threadIdx.x; float a = x[t], b = y[t]; int p = 1;
  bool swap = (b != b && a == a) || (!(a != a) && b > a);
  if (swap) { float c = a; a = b; b = c; p = 2; }
  if (a > 0.5f) { if (b > 0.25f && p == 2) p += 10;
    else if (b < 0.1f || a > 0.9f) { p += 20; b = -b; } }
  else if (a < 0.2f) b = a * 3.f; else { p -= 5; if (p < 0) { a += 1.f; p = -p; } }
  out[2 * t] = a; out[2 * t + 1] = b; place[t] = p; }""")
    for threads in (64, 45):
        x, y = rng.random((2, threads), np.float32)
        x[::7] = np.nan
        y[::5] = np.nan
        out, place = np.zeros((threads, 2), np.float32), np.zeros(threads, np.int32)
        assert program.launch("k", (1,), (threads,), x, y, out, place) == 0
        for t in range(threads):
            a, b, p = x[t], y[t], 1
            if (b != b and a == a) or (a == a and b > a):
                a, b, p = b, a, 2
            if a > 0.5:
                if b > 0.25 and p == 2:
                    p += 10
                elif b < np.float32(0.1) or a > np.float32(0.9):
                    p += 20
                    b = -b
            elif a < np.float32(0.2):
                b = a * np.float32(3)
            else:
                p -= 5
                if p < 0:
                    a += np.float32(1)
                    p = -p
            np.testing.assert_array_equal(out[t], [a, b])
            assert place[t] == p


def test_a_register_that_nothing_sets_but_itself_is_no_endless_analysis():
    """Compilers leave registers undefined where their value cannot matter."""
    body = """.reg .pred %p<2>;
    again: mov.u32 %r1, %tid.x; add.u32 %r2, %r2, %r1; add.u32 %r2, %r2, %r0;
    setp.eq.u32 %p1, %r1, %r1; @!%p1 bra again; """
    assert list(load(_HEAD + body + "\nret;\n}").kernels) == ["k"]


@pytest.mark.parametrize("block", [(64,), (33,), (8, 8)])
def test_thread_indices_divided_by_constants(cuda, block):
    """Such a division is a multiplication by a number that reads as negative."""
    divisors = (3, 5, 7, 9, 13)
    lines = "".join(f"out[i * 5 + {n}] = threadIdx.x / {d}u;" for n, d in enumerate(divisors))
    program = cuda(
        _INDEX
        + f'extern "C" __global__ void k(unsigned* out) {{ int i = global_index(); {lines} }}'
    )
    out = np.zeros((*block[::-1], 5), np.uint32)
    assert program.launch("k", (1,), block, out) == 0
    x = np.indices(block[::-1])[-1]
    np.testing.assert_array_equal(out, x[..., None] // np.array(divisors))
