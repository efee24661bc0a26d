"""The ways that loads and stores take: rows, gathers that turn out to be rows, streaming stores."""

import ctypes

import numpy as np
import pytest

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
