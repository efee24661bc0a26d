"""Calls that are not expanded in place: recursion, and calls through pointers."""

import ctypes

import numpy as np
import pytest

from ndgpu.driver.host.compiler import callgraph, ptx

_RECURSION = """
__device__ __noinline__ int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
extern "C" __global__ void numbers(int* x) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  x[i] = fib(x[i]) + fib(3) * 100;
}

__device__ bool odd(int n);
__device__ bool even(int n) { return n == 0 ? true : odd(n - 1); }
__device__ bool odd(int n) { return n == 0 ? false : even(n - 1); }
extern "C" __global__ void parity(const int* x, int* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = even(x[i]) * 10 + odd(x[i] / 2);
}

// Locals whose address is taken, predicates and doubles, all alive across the calls.
__device__ double walk(int n, const double* weights, double sum) {
  double mine[3] = {weights[n % 5], sum, n * 0.5};
  if (n <= 0) return sum;
  bool left = mine[n % 3] > 1.0;
  short half = n / 2;
  double below = walk(n - 1 - left, weights, sum + mine[0]);
  double more = left ? walk(half, weights, below) : below;
  return more + mine[(n + 1) % 3] - half;
}
extern "C" __global__ void walks(const double* weights, double* y) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  y[i] = walk(i % 9, weights, 1.0);
}

__device__ int deep(int n) {
  volatile int pad[20];
  pad[n % 20] = n;
  return n == 0 ? 0 : deep(n - 1) + pad[n % 20];
}
extern "C" __global__ void depth(int* x, int n) { x[threadIdx.x] = deep(n); }
"""


@pytest.fixture(scope="module")
def recursion(cuda):
    return cuda(_RECURSION)


def _fib(n):
    return n if n < 2 else _fib(n - 1) + _fib(n - 2)


@pytest.mark.parametrize("block", [(32,), (7,), (40,)])
def test_each_lane_recurses_as_deep_as_it_must(recursion, block):
    n = 2 * int(np.prod(block))
    x = (np.arange(n) % 11).astype(np.int32)
    wanted = [_fib(v) + 200 for v in x]
    assert recursion.launch("numbers", (2,), block, x) == 0
    np.testing.assert_array_equal(x, wanted)


def test_functions_that_call_each_other(recursion):
    x = np.arange(64, dtype=np.int32) * 7 % 30
    y = np.zeros(64, np.int32)
    assert recursion.launch("parity", (1,), (64,), x, y) == 0
    np.testing.assert_array_equal(y, (x % 2 == 0) * 10 + x // 2 % 2)


def _walk(n, weights, sum):
    mine = [weights[n % 5], sum, n * 0.5]
    if n <= 0:
        return sum
    left, half = mine[n % 3] > 1.0, n // 2
    below = _walk(n - 1 - left, weights, sum + mine[0])
    more = _walk(half, weights, below) if left else below
    return more + mine[(n + 1) % 3] - half


def test_what_is_live_across_a_recursive_call_is_kept(recursion, rng):
    weights = np.round(rng.random(5) * 8) / 4
    y = np.zeros(45)
    # Negative n only ends the walk: C's remainder and Python's index the same element then.
    assert recursion.launch("walks", (1,), (45,), weights, y) == 0
    np.testing.assert_array_equal(y, [_walk(i % 9, weights, 1.0) for i in range(45)])


def test_a_stack_that_is_full_stops_the_kernel(recursion):
    x = np.zeros(32, np.int32)
    assert recursion.launch("depth", (1,), (32,), x, ctypes.c_int32(60)) == 0
    assert (x == 60 * 61 // 2).all()
    assert recursion.launch("depth", (1,), (32,), x, ctypes.c_int32(4000)) == 714


_POINTERS = """
typedef float (*Binary)(float, float);
__device__ __noinline__ float add(float a, float b) { return a + b; }
__device__ __noinline__ float power(float a, float b) { return b < 1 ? 1 : a * power(a, b - 1); }
__device__ __noinline__ int other(int a) { return a; }
__device__ Binary table[3] = {add, power, nullptr};
__device__ int (*elsewhere)(int) = other;
extern "C" __global__ void apply(const int* which, float* x) {
  int i = threadIdx.x;
  Binary f = which[i] < 0 ? add : table[which[i]];
  x[i] = f(x[i], 3);
}
struct Shape { __device__ virtual float area() const = 0;
  __device__ virtual int sides() const { return 0; } };
struct Square : Shape { float a; __device__ Square(float a) : a(a) {}
  __device__ float area() const override { return a * a; }
  __device__ int sides() const override { return 4; } };
struct Circle : Shape { float r; __device__ Circle(float r) : r(r) {}
  __device__ float area() const override { return 3 * r * r; } };
extern "C" __global__ void shapes(float* x) {
  Square square(threadIdx.x); Circle circle(2);
  const Shape* shape = x[threadIdx.x] > 0 ? (const Shape*)&square : &circle;
  x[threadIdx.x] = shape->area() + 1000 * shape->sides();
}
"""


@pytest.fixture(scope="module")
def pointers(cuda):
    return cuda(_POINTERS)


def test_calls_through_pointers_of_a_table(pointers):
    which = (np.arange(40, dtype=np.int32) % 3) - 1
    x = np.arange(40, dtype=np.float32)
    wanted = np.where(which < 1, x + 3, x**3)
    assert pointers.launch("apply", (1,), (40,), which, x) == 0
    np.testing.assert_array_equal(x, wanted)


def test_a_call_through_a_null_pointer_fails_the_launch(pointers):
    which = np.full(8, 2, np.int32)
    assert pointers.launch("apply", (1,), (8,), which, np.zeros(8, np.float32)) == 719


def test_virtual_functions(pointers):
    x = (np.arange(48) % 2).astype(np.float32)
    wanted = np.where(x > 0, np.arange(48.0) ** 2 + 4000, 12)
    assert pointers.launch("shapes", (1,), (48,), x) == 0
    np.testing.assert_array_equal(x, wanted)


def test_a_pointer_leads_only_to_functions_of_its_signature(ptx_of):
    graph = callgraph.CallGraph(ptx.parse(ptx_of(_POINTERS)))
    assert graph.targets([4], [4, 4]) == ["_Z3addff", "_Z5powerff"]
    assert graph.targets([4], [4]) == ["_Z5otheri"]
    assert graph.recursive == {"_Z5powerff"}
