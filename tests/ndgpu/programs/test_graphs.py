"""Programs on graphs and tables: shortest paths, breadth-first search, edit distance."""

import numpy as np
import pytest

import ndgpu

_SOURCE = r"""
extern "C" {
__global__ void floyd_warshall(int* d, int n, int k) {
  int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
  if (i < n && j < n) d[i * n + j] = min(d[i * n + j], d[i * n + k] + d[k * n + j]);
}

// All rounds in one launch of one block.
__global__ void floyd_warshall_block(int* d, int n) {
  for (int k = 0; k < n; ++k) {
    for (int e = threadIdx.y * blockDim.x + threadIdx.x; e < n * n; e += blockDim.x * blockDim.y) {
      int through = d[e / n * n + k] + d[k * n + e % n];
      if (through < d[e]) d[e] = through;
    }
    __syncthreads();
  }
}

// Takes the vertices of one frontier and makes the next.
__global__ void breadth_first(const int* start, const int* neighbour, const int* frontier,
                              int* next, int* next_size, int* level, int size, int depth) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  if (t >= size) return;
  int v = frontier[t];
  for (int e = start[v]; e < start[v + 1]; ++e) {
    int w = neighbour[e];
    if (atomicCAS(&level[w], -1, depth) == -1) next[atomicAdd(next_size, 1)] = w;
  }
}

// Levenshtein's distance, a diagonal at a time by one block; three diagonals in shared memory.
__global__ void edit_distance(const char* a, const char* b, int m, int n, int* result) {
  extern __shared__ int diagonals[];
  int *before = diagonals, *last = before + m + 1, *now = last + m + 1;
  for (int d = 0; d <= m + n; ++d) {
    for (int i = threadIdx.x; i <= m; i += blockDim.x) {
      int j = d - i;
      if (j < 0 || j > n) continue;
      if (i == 0) now[i] = j;
      else if (j == 0) now[i] = i;
      else now[i] = min(min(last[i - 1], last[i]) + 1, before[i - 1] + (a[i - 1] != b[j - 1]));
    }
    __syncthreads();
    int* oldest = before; before = last; last = now; now = oldest;
  }
  if (threadIdx.x == 0) *result = last[m];
}
}
"""


@pytest.fixture(scope="module")
def module():
    return ndgpu.RawModule(_SOURCE)


@pytest.fixture
def distances(rng):
    n = 29
    d = np.where(rng.random((n, n)) < 0.15, rng.integers(1, 50, (n, n)), 10**6).astype(np.int32)
    np.fill_diagonal(d, 0)
    return d


def _shortest(d):
    d = d.copy()
    for k in range(len(d)):
        d = np.minimum(d, d[:, k, None] + d[k])
    return d


def test_floyd_warshall_a_launch_a_round(module, distances):
    n, d = len(distances), ndgpu.asarray(distances)
    for k in range(n):
        module.get_function("floyd_warshall")((2, 2), (16, 16), (d, np.int32(n), np.int32(k)))
    np.testing.assert_array_equal(ndgpu.asnumpy(d), _shortest(distances))


def test_floyd_warshall_in_one_block(module, distances):
    d = ndgpu.asarray(distances)
    module.get_function("floyd_warshall_block")((1,), (16, 10), (d, np.int32(len(distances))))
    np.testing.assert_array_equal(ndgpu.asnumpy(d), _shortest(distances))


def test_breadth_first_search(module, rng):
    n = 300
    edges = np.argwhere(rng.random((n, n)) < 0.008)
    start = np.searchsorted(edges[:, 0], np.arange(n + 1)).astype(np.int32)
    levels = np.full(n, -1)
    levels[0], queue = 0, [0]
    for v in queue:
        for w in edges[start[v] : start[v + 1], 1]:
            if levels[w] < 0:
                levels[w] = levels[v] + 1
                queue.append(w)
    assert levels.max() > 3
    graph = ndgpu.asarray(start), ndgpu.asarray(edges[:, 1].astype(np.int32))
    level = ndgpu.full(n, np.int32(-1))
    level[0] = 0
    frontier, following = ndgpu.zeros(n, np.int32), ndgpu.zeros(n, np.int32)
    size, depth = 1, 0
    while size:
        depth += 1
        found = ndgpu.zeros((), np.int32)
        arguments = (*graph, frontier, following, found, level, np.int32(size), np.int32(depth))
        module.get_function("breadth_first")((-(-size // 64),), (64,), arguments)
        frontier, following, size = following, frontier, found.item()
    np.testing.assert_array_equal(ndgpu.asnumpy(level), levels)


def _levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


@pytest.mark.parametrize(("m", "n"), [(6, 7), (70, 45), (0, 3)])
def test_edit_distance_by_wavefront(module, rng, m, n):
    a, b = rng.integers(0, 4, m, np.int8), rng.integers(0, 4, n, np.int8)
    result = ndgpu.zeros((), np.int32)
    arguments = (ndgpu.asarray(a), ndgpu.asarray(b), np.int32(m), np.int32(n), result)
    shared = 3 * (m + 1) * 4
    module.get_function("edit_distance")((1,), (48,), arguments, shared_mem=shared)
    assert result.item() == _levenshtein(a.tolist(), b.tolist())
