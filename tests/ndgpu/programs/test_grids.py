"""Programs on regular grids: stencil, convolution, game of life, Mandelbrot, n-body, options."""

import math

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
#define RADIUS 3
__constant__ float weights[2 * RADIUS + 1];
__constant__ float filter[5][5];

extern "C" {
// One dimension, with a halo on both sides in shared memory.
__global__ void stencil(const float* in, float* out, int n) {
  extern __shared__ float line[];
  int i = blockIdx.x * blockDim.x + threadIdx.x, at = threadIdx.x + RADIUS;
  line[at] = i < n ? in[i] : 0.f;
  if (threadIdx.x < RADIUS) {
    line[at - RADIUS] = i >= RADIUS ? in[i - RADIUS] : 0.f;
    line[at + blockDim.x] = i + blockDim.x < n ? in[i + blockDim.x] : 0.f;
  }
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int k = -RADIUS; k <= RADIUS; ++k) sum += line[at + k] * weights[k + RADIUS];
  if (i < n) out[i] = sum;
}

// Heat in three dimensions, blocks of 8 x 8 x 8.
__global__ void heat(const double* in, double* out, int nx, int ny, int nz) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  int z = blockIdx.z * blockDim.z + threadIdx.z;
  if (x >= nx || y >= ny || z >= nz) return;
  int i = (z * ny + y) * nx + x;
  if (x == 0 || y == 0 || z == 0 || x == nx - 1 || y == ny - 1 || z == nz - 1) {
    out[i] = in[i];
    return;
  }
  int row = nx, plane = nx * ny;
  double around = in[i - 1] + in[i + 1] + in[i - row] + in[i + row] + in[i - plane] + in[i + plane];
  out[i] = in[i] + 0.1 * (around - 6 * in[i]);
}

// A tile of 16 x 16 results from 20 x 20 inputs.
__global__ void convolution(const float* in, float* out, int rows, int columns) {
  __shared__ float tile[20][20];
  int left = blockIdx.x * 16 - 2, top = blockIdx.y * 16 - 2;
  for (int i = threadIdx.y * 16 + threadIdx.x; i < 400; i += 256) {
    int x = left + i % 20, y = top + i / 20;
    bool inside = x >= 0 && y >= 0 && x < columns && y < rows;
    tile[i / 20][i % 20] = inside ? in[y * columns + x] : 0.f;
  }
  __syncthreads();
  int x = left + 2 + threadIdx.x, y = top + 2 + threadIdx.y;
  if (x >= columns || y >= rows) return;
  float sum = 0;
  for (int dy = 0; dy < 5; ++dy)
    for (int dx = 0; dx < 5; ++dx)
      sum += tile[threadIdx.y + dy][threadIdx.x + dx] * filter[dy][dx];
  out[y * columns + x] = sum;
}

__global__ void life(const unsigned char* in, unsigned char* out, int rows, int columns) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= columns || y >= rows) return;
  int count = 0;
  for (int dy = -1; dy <= 1; ++dy)
    for (int dx = -1; dx <= 1; ++dx)
      if (dx || dy)
        count += in[(y + dy + rows) % rows * columns + (x + dx + columns) % columns];
  out[y * columns + x] = count == 3 || (count == 2 && in[y * columns + x]);
}

__global__ void mandelbrot(int* steps, int width, int height, int most) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < width * height;
       i += gridDim.x * blockDim.x) {
    double cx = -2.0 + 3.0 * (i % width) / width, cy = -1.25 + 2.5 * (i / width) / height;
    double x = 0, y = 0;
    int n = 0;
    while (n < most && __dadd_rn(__dmul_rn(x, x), __dmul_rn(y, y)) <= 4.0) {
      double t = __dadd_rn(__dsub_rn(__dmul_rn(x, x), __dmul_rn(y, y)), cx);
      y = __dadd_rn(__dmul_rn(__dmul_rn(2.0, x), y), cy);
      x = t;
      ++n;
    }
    steps[i] = n;
  }
}

// All pairs, a tile of bodies at a time in shared memory.
__global__ void nbody(const float4* bodies, float3* acceleration, int n) {
  __shared__ float4 tile[64];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float4 me = i < n ? bodies[i] : make_float4(0, 0, 0, 0);
  float3 sum = {0, 0, 0};
  for (int start = 0; start < n; start += blockDim.x) {
    int j = start + threadIdx.x;
    tile[threadIdx.x] = j < n ? bodies[j] : make_float4(0, 0, 0, 0);
    __syncthreads();
    for (int k = 0; k < blockDim.x; ++k) {
      float4 other = tile[k];
      float dx = other.x - me.x, dy = other.y - me.y, dz = other.z - me.z;
      float inverse = rsqrtf(dx * dx + dy * dy + dz * dz + 1e-2f);
      float scale = other.w * inverse * inverse * inverse;
      sum.x += dx * scale; sum.y += dy * scale; sum.z += dz * scale;
    }
    __syncthreads();
  }
  if (i < n) acceleration[i] = sum;
}

struct Option { float spot, strike, years; };
__device__ float cumulative(float x) { return 0.5f * erfcf(-x * 0.70710678f); }
__global__ void black_scholes(const Option* options, float2* prices, float rate, float volatility,
                              int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  Option o = options[i];
  float spread = volatility * sqrtf(o.years);
  float d1 = (logf(o.spot / o.strike) + (rate + 0.5f * volatility * volatility) * o.years) / spread;
  float d2 = d1 - spread, discounted = o.strike * expf(-rate * o.years);
  float call = o.spot * cumulative(d1) - discounted * cumulative(d2);
  prices[i] = make_float2(call, call - o.spot + discounted);
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


def _fill(module, name, values):
    """Put an array into a constant variable."""
    values = ndgpu.asarray(values)
    module.get_global(name).copy_from_device(values.data, values.nbytes)


@pytest.mark.parametrize("n", [32, 250])
def test_stencil_with_halo(module, rng, n):
    weights = rng.random(7, np.float32)
    _fill(module, "weights", weights)
    x = rng.random(n, np.float32)
    out = ndgpu.empty(n, np.float32)
    arguments = (ndgpu.asarray(x), out, np.int32(n))
    module.get_function("stencil")((-(-n // 64),), (64,), arguments, shared_mem=4 * (64 + 6))
    wanted = np.correlate(x, weights, "same")
    np.testing.assert_allclose(ndgpu.asnumpy(out), wanted, rtol=1e-5)


def test_heat_in_three_dimensions(module, rng):
    x = rng.random((11, 9, 21))
    out = ndgpu.empty(x.shape)
    sizes = tuple(map(np.int32, x.shape[::-1]))
    module.get_function("heat")((3, 2, 2), (8, 8, 8), (ndgpu.asarray(x), out, *sizes))
    wanted = x.copy()
    inner = (slice(1, -1),) * 3
    around = sum(np.roll(x, s, a) for a in range(3) for s in (1, -1))
    wanted[inner] = (x + 0.1 * (around - 6 * x))[inner]
    np.testing.assert_allclose(ndgpu.asnumpy(out), wanted, rtol=1e-13)


def test_convolution_by_tiles(module, rng):
    weights, x = rng.random((5, 5), np.float32), rng.random((37, 50), np.float32)
    _fill(module, "filter", weights)
    out = ndgpu.empty(x.shape, np.float32)
    module.get_function("convolution")(
        (4, 3), (16, 16), (ndgpu.asarray(x), out, np.int32(37), np.int32(50))
    )
    padded = np.pad(x, 2)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (5, 5))
    wanted = np.einsum("ijkl,kl->ij", windows, weights)
    np.testing.assert_allclose(ndgpu.asnumpy(out), wanted, rtol=1e-5)


def test_game_of_life(module, rng):
    board = (rng.random((23, 41)) < 0.4).astype(np.uint8)
    here, there = ndgpu.asarray(board), ndgpu.empty(board.shape, np.uint8)
    for _ in range(3):
        module.get_function("life")((3, 3), (16, 8), (here, there, np.int32(23), np.int32(41)))
        here, there = there, here
        moves = [(i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j]
        count = sum(np.roll(board, move, (0, 1)) for move in moves)
        board = ((count == 3) | ((count == 2) & (board == 1))).astype(np.uint8)
    np.testing.assert_array_equal(ndgpu.asnumpy(here), board)


def test_mandelbrot_takes_as_many_steps_as_numpy(module):
    width, height, most = 45, 32, 60
    steps = ndgpu.empty((height, width), np.int32)
    sizes = (np.int32(width), np.int32(height), np.int32(most))
    module.get_function("mandelbrot")((5,), (96,), (steps, *sizes))
    row, column = np.indices((height, width))
    cx, cy = -2.0 + 3.0 * column / width, -1.25 + 2.5 * row / height
    x, y, wanted = np.zeros(cx.shape), np.zeros(cx.shape), np.zeros(cx.shape, np.int32)
    for _ in range(most):
        on = x * x + y * y <= 4.0
        wanted += on
        x, y = np.where(on, x * x - y * y + cx, x), np.where(on, 2.0 * x * y + cy, y)
    np.testing.assert_array_equal(ndgpu.asnumpy(steps), wanted)


def test_gravity_of_all_pairs(module, rng):
    n = 150
    bodies = rng.random((n, 4), np.float32)
    out = ndgpu.empty((n, 3), np.float32)
    module.get_function("nbody")((3,), (64,), (ndgpu.asarray(bodies), out, np.int32(n)))
    place, mass = bodies[:, :3].astype("f8"), bodies[:, 3].astype("f8")
    apart = place[None] - place[:, None]
    scale = mass * ((apart**2).sum(-1) + 1e-2) ** -1.5
    np.testing.assert_allclose(
        ndgpu.asnumpy(out), (apart * scale[..., None]).sum(1), rtol=1e-3, atol=1e-2
    )


def test_black_scholes(module, rng):
    n = 130
    options = np.empty(n, [("spot", "f4"), ("strike", "f4"), ("years", "f4")])
    for name, low, high in (("spot", 5, 30), ("strike", 1, 100), ("years", 0.25, 10)):
        options[name] = rng.uniform(low, high, n)
    prices = ndgpu.empty((n, 2), np.float32)
    given = ndgpu.asarray(options.view(np.float32))
    rate, volatility = 0.02, 0.3
    arguments = (given, prices, np.float32(rate), np.float32(volatility), np.int32(n))
    module.get_function("black_scholes")((3,), (50,), arguments)
    for (spot, strike, years), (call, put) in zip(
        options.tolist(), ndgpu.asnumpy(prices).tolist(), strict=True
    ):
        spread = volatility * math.sqrt(years)
        d1 = (math.log(spot / strike) + (rate + volatility**2 / 2) * years) / spread
        first, second = (0.5 * math.erfc(-d / math.sqrt(2)) for d in (d1, d1 - spread))
        discounted = strike * math.exp(-rate * years)
        wanted = spot * first - discounted * second
        assert call == pytest.approx(wanted, abs=3e-4)
        assert put == pytest.approx(wanted - spot + discounted, abs=3e-4)
