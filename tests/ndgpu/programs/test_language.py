"""What CUDA C++ offers beside arithmetic: calls, templates, structures, memory spaces, messages."""

import math

import numpy as np
import pytest

import ndgpu

_CALLS = r"""
__device__ __noinline__ float norm(float x, float y) { return sqrtf(x * x + y * y); }

struct Particle { float3 place; double mass; int tag[3]; };
__device__ __noinline__ Particle moved(Particle p, float3 by) {
  p.place.x += by.x; p.place.y += by.y; p.place.z += by.z;
  p.tag[2] = p.tag[0] + p.tag[1];
  return p;
}

__device__ int ackermann(int m, int n) {
  if (m == 0) return n + 1;
  if (n == 0) return ackermann(m - 1, 1);
  return ackermann(m - 1, ackermann(m, n - 1));
}
__device__ void sort(int* x, int low, int high) {
  if (low >= high) return;
  int pivot = x[high], i = low;
  for (int j = low; j < high; ++j)
    if (x[j] < pivot) { int t = x[i]; x[i] = x[j]; x[j] = t; ++i; }
  int t = x[i]; x[i] = x[high]; x[high] = t;
  sort(x, low, i - 1);
  sort(x, i + 1, high);
}

typedef float (*Activation)(float);
__device__ float relu(float x) { return x > 0 ? x : 0; }
__device__ float cube(float x) { return x * x * x; }
__device__ float half_of(float x) { return x / 2; }
__device__ Activation activations[] = {relu, cube, half_of};

extern "C" {
__global__ void distances(const float2* points, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  out[i] = norm(points[i].x, points[i].y);
}
__global__ void structures(Particle* out, Particle seed, float3 by) {
  seed.tag[1] = threadIdx.x;
  out[threadIdx.x] = moved(seed, by);
}
__global__ void recursion(int* out) {
  out[threadIdx.x] = ackermann(threadIdx.x % 3, threadIdx.x / 3);
}
__global__ void quicksort(int* rows, int columns) {
  sort(rows + threadIdx.x * columns, 0, columns - 1);
}
__global__ void activate(const int* kind, float* x) {
  int i = threadIdx.x + threadIdx.y * blockDim.x;
  x[i] = activations[kind[i]](x[i]);
}
}
"""


@pytest.fixture(scope="module")
def calls():
    return ndgpu.RawModule(_CALLS)


def test_a_function_that_is_not_inlined(calls, rng):
    points = rng.random((45, 2), np.float32)
    out = ndgpu.empty(45, np.float32)
    calls.get_function("distances")((2,), (33,), (ndgpu.asarray(points), out, np.int32(45)))
    np.testing.assert_allclose(ndgpu.asnumpy(out), np.hypot(*points.T), rtol=1e-6)


def test_structures_by_value(calls):
    layout = np.dtype([("place", "f4", 3), ("mass", "f8"), ("tag", "i4", 3)], align=True)
    seed = np.zeros((), layout)
    seed["place"], seed["mass"], seed["tag"] = (1, 2, 3), 0.25, (10, 0, 0)
    by = np.array((0.5, -1, 4), [("x", "f4"), ("y", "f4"), ("z", "f4")])
    out = ndgpu.zeros(20 * layout.itemsize, np.uint8)
    calls.get_function("structures")((1,), (20,), (out, seed[()], by[()]))
    found = ndgpu.asnumpy(out).view(layout)
    np.testing.assert_array_equal(found["place"], [[1.5, 1, 7]] * 20)
    np.testing.assert_array_equal(found["mass"], 0.25)
    np.testing.assert_array_equal(found["tag"][:, 2], 10 + np.arange(20))


def _ackermann(m, n):
    if m == 0:
        return n + 1
    return _ackermann(m - 1, _ackermann(m, n - 1) if n else 1)


def test_recursion(calls):
    out = ndgpu.empty(27, np.int32)
    calls.get_function("recursion")((1,), (27,), (out,))
    assert ndgpu.asnumpy(out).tolist() == [_ackermann(i % 3, i // 3) for i in range(27)]


def test_quicksort_by_recursion(calls, rng):
    rows = rng.integers(0, 90, (40, 37), np.int32)
    out = ndgpu.asarray(rows)
    calls.get_function("quicksort")((1,), (40,), (out, np.int32(37)))
    np.testing.assert_array_equal(ndgpu.asnumpy(out), np.sort(rows, axis=1))


def test_function_pointers(calls, rng):
    kind, x = rng.integers(0, 3, 60, np.int32), rng.standard_normal(60).astype(np.float32)
    out = ndgpu.asarray(x)
    calls.get_function("activate")((1,), (10, 6), (ndgpu.asarray(kind), out))
    wanted = np.choose(kind, [np.maximum(x, 0), x**3, x / 2])
    np.testing.assert_allclose(ndgpu.asnumpy(out), wanted, rtol=1e-6)


_MEMORY = r"""
template <typename T> struct Traits { static const int wide = 1; };
template <> struct Traits<double> { static const int wide = 2; };
template <typename T, int N> __global__ void scaled(T* x, T by) {
  auto twice = [=](T value) { return value * by * Traits<T>::wide; };
#pragma unroll
  for (int i = 0; i < N; ++i) x[threadIdx.x * N + i] = twice(x[threadIdx.x * N + i]);
}

__constant__ float polynomial[4];
__device__ unsigned long long calls_so_far = 100;
__global__ void horner(float* x) {
  float sum = 0;
  for (int i = 0; i < 4; ++i) sum = sum * x[threadIdx.x] + polynomial[i];
  x[threadIdx.x] = sum;
  atomicAdd(&calls_so_far, 1ull);
}

// Two arrays of different types in one piece of dynamic shared memory.
__global__ void shared_parts(const double* in, double* out, int n) {
  extern __shared__ unsigned char memory[];
  double* values = (double*)memory;
  short* order = (short*)(values + n);
  for (int i = threadIdx.x; i < n; i += blockDim.x) { values[i] = in[i]; order[i] = n - 1 - i; }
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) out[i] = values[order[i]];
}

__global__ void cells(int* out) {
  int thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  int block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  out[block * blockDim.x * blockDim.y * blockDim.z + thread] =
      threadIdx.x + 10 * threadIdx.y + 100 * threadIdx.z + 1000 * block;
}

__global__ void collatz(int* steps, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x + 1, count = 0;
  if (i > n) return;
  for (long long v = i; v != 1; ++count) v = v & 1 ? 3 * v + 1 : v / 2;
  switch (count % 5) {
    case 0: count += 1000; break;
    case 1: count = -count; break;
    case 3: count *= 2;
    case 4: count += 7;
  }
  steps[i - 1] = count;
}
"""


@pytest.fixture(scope="module")
def memory():
    names = ("scaled<float, 3>", "scaled<double, 1>", "&polynomial", "&calls_so_far", "horner",
             "shared_parts", "cells", "collatz")  # fmt: skip
    return ndgpu.RawModule(_MEMORY, name_expressions=names)


def test_templates_by_name_expressions(memory):
    x, y = ndgpu.arange(30, dtype=np.float32), ndgpu.arange(7.0)
    memory.get_function("scaled<float, 3>")((1,), (10,), (x, np.float32(3)))
    memory.get_function("scaled<double, 1>")((1,), (7,), (y, 0.5))
    np.testing.assert_array_equal(ndgpu.asnumpy(x), np.arange(30) * 3)
    np.testing.assert_array_equal(ndgpu.asnumpy(y), np.arange(7))


def test_constant_memory_and_variables_of_the_device(memory):
    coefficients = ndgpu.asarray(np.array([2, 0, -1, 5], np.float32))
    memory.get_global("polynomial").copy_from_device(coefficients.data, 16)
    x = np.arange(-4, 5, dtype=np.float32)
    out = ndgpu.asarray(x)
    before, after = ndgpu.zeros((), np.uint64), ndgpu.zeros((), np.uint64)
    before.data.copy_from_device(memory.get_global("calls_so_far"), 8)
    memory.get_function("horner")((1,), (9,), (out,))
    after.data.copy_from_device(memory.get_global("calls_so_far"), 8)
    np.testing.assert_array_equal(ndgpu.asnumpy(out), 2 * x**3 - x + 5)
    assert after.item() == before.item() + 9


def test_parts_of_dynamic_shared_memory(memory, rng):
    x = rng.random(77)
    out = ndgpu.empty(77)
    arguments = (ndgpu.asarray(x), out, np.int32(77))
    memory.get_function("shared_parts")((1,), (50,), arguments, shared_mem=77 * 10)
    np.testing.assert_array_equal(ndgpu.asnumpy(out), x[::-1])


@pytest.mark.parametrize("block", [(16, 16), (8, 8, 8), (1, 1, 1), (7, 3, 5), (1, 33)])
def test_shapes_of_blocks(memory, block):
    grid = (2, 3, 2)
    x, y, z = (*block, 1, 1)[:3]
    out = ndgpu.zeros((12, z, y, x), np.int32)
    memory.get_function("cells")(grid, block, (out,))
    b, k, j, i = np.indices((12, z, y, x))
    np.testing.assert_array_equal(ndgpu.asnumpy(out), i + 10 * j + 100 * k + 1000 * b)


def test_loops_that_end_apart_and_fall_through(memory):
    out = ndgpu.zeros(300, np.int32)
    memory.get_function("collatz")((4,), (96,), (out, np.int32(300)))
    wanted = []
    for v in range(1, 301):
        count = 0
        while v != 1:
            v, count = (3 * v + 1 if v % 2 else v // 2), count + 1
        change = {0: count + 1000, 1: -count, 2: count, 3: count * 2 + 7, 4: count + 7}
        wanted.append(change[count % 5])
    assert ndgpu.asnumpy(out).tolist() == wanted


def test_printf(capfd):
    kernel = ndgpu.RawKernel(
        r"""extern "C" __global__ void hello(double x) {
        if (threadIdx.x % 2) printf("%s %d: %.3f\n", "thread", threadIdx.x, x * threadIdx.x); }""",
        "hello",
    )
    kernel((1,), (6,), (math.pi,))
    ndgpu.cuda.get_current_stream().synchronize()
    lines = capfd.readouterr().out.splitlines()
    assert lines == [f"thread {i}: {math.pi * i:.3f}" for i in (1, 3, 5)]
