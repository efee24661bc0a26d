// Running totals: rows scanned by blocks, columns by threads.
//
// `Op` has types `In` and `Out` in memory and `Acc` in arithmetic, and static functions
// `load(In)`, `join(Acc, Acc)` and `store(Acc)`. A row or column is cut into chunks: a first
// launch folds each chunk to one value, a second starts from the values of the chunks before.
// No block waits for another, so blocks may run in any order.
#pragma once
#include <ndgpu/reduce.cuh>

namespace ndgpu {

template <typename T>
__device__ __forceinline__ T shuffle_up(const T& value, int by) {
  union Words {
    T value;
    unsigned int word[(sizeof(T) + 3) / 4];
    __device__ Words() {}
  };
  Words from, to;
  from.word[(sizeof(T) - 1) / 4] = 0;
  from.value = value;
#pragma unroll
  for (int k = 0; k < (int)((sizeof(T) + 3) / 4); ++k) {
    to.word[k] = __shfl_up_sync(0xffffffffu, from.word[k], by);
  }
  return to.value;
}

constexpr int SCAN_THREADS = 256;
// Odd, so that the threads of a warp find their elements in different banks.
constexpr int SCAN_ITEMS = 9;
constexpr int SCAN_TILE = SCAN_THREADS * SCAN_ITEMS;

// Fold one value of each of the first `count` threads; every thread gets the result.
template <typename Op>
__device__ typename Op::Acc block_fold(typename Op::Acc value, int count,
                                       typename Op::Acc* shared) {
  const int t = threadIdx.x;
  shared[t] = value;
  __syncthreads();
  for (int half = SCAN_THREADS / 2; half > 0; half /= 2) {
    if (t < half && t + half < count) shared[t] = Op::join(shared[t], shared[t + half]);
    __syncthreads();
  }
  const typename Op::Acc result = shared[0];
  __syncthreads();
  return result;
}

template <typename Op>
__device__ void scan_row_totals(const typename Op::In* x, typename Op::Acc* partial, long long n,
                                long long chunk, int chunks) {
  typedef typename Op::Acc T;
  __shared__ __align__(16) unsigned char memory[SCAN_THREADS * sizeof(T)];
  const long long row = blockIdx.x / chunks;
  const int c = blockIdx.x % chunks;
  const long long start = c * chunk, stop = start + chunk < n ? start + chunk : n;
  const typename Op::In* from = x + row * n;
  long long k = start + threadIdx.x;
  T value = T();
  if (k < stop) {
    value = Op::load(from[k]);
    for (k += SCAN_THREADS; k < stop; k += SCAN_THREADS) value = Op::join(value, Op::load(from[k]));
  }
  const int count = stop - start < SCAN_THREADS ? (int)(stop - start) : SCAN_THREADS;
  value = block_fold<Op>(value, count, (T*)memory);
  if (threadIdx.x == 0) partial[blockIdx.x] = value;
}

template <typename Op>
__device__ void scan_row(const typename Op::In* x, typename Op::Out* y,
                         const typename Op::Acc* partial, long long n, long long chunk,
                         int chunks) {
  typedef typename Op::Acc T;
  __shared__ __align__(16) unsigned char memory[SCAN_TILE * sizeof(T)];
  __shared__ __align__(16) unsigned char warp_memory[SCAN_THREADS / 32 * sizeof(T)];
  T* const tile = (T*)memory;
  T* const warps = (T*)warp_memory;
  const int t = threadIdx.x, lane = t % 32, warp = t / 32;
  const long long row = blockIdx.x / chunks;
  const int c = blockIdx.x % chunks;
  const long long start = c * chunk, stop = start + chunk < n ? start + chunk : n;
  const typename Op::In* from = x + row * n;
  typename Op::Out* to = y + row * n;
  T carry = T();
  bool carried = c > 0;
  if (carried) {
    const T* before = partial + row * chunks;
    if (t < c) {
      carry = before[t];
      for (int k = t + SCAN_THREADS; k < c; k += SCAN_THREADS) carry = Op::join(carry, before[k]);
    }
    carry = block_fold<Op>(carry, c < SCAN_THREADS ? c : SCAN_THREADS, tile);
  }
  for (long long at = start; at < stop; at += SCAN_TILE) {
    const int count = stop - at < SCAN_TILE ? (int)(stop - at) : SCAN_TILE;
#pragma unroll
    for (int k = 0; k < SCAN_ITEMS; ++k) {
      const int p = k * SCAN_THREADS + t;
      tile[p] = p < count ? Op::load(from[at + p]) : T();
    }
    __syncthreads();
    // What stands for elements past the end lies behind all others and reaches none of them.
    T item[SCAN_ITEMS];
    item[0] = tile[t * SCAN_ITEMS];
#pragma unroll
    for (int k = 1; k < SCAN_ITEMS; ++k) item[k] = Op::join(item[k - 1], tile[t * SCAN_ITEMS + k]);
    T total = item[SCAN_ITEMS - 1];
#pragma unroll
    for (int by = 1; by < 32; by *= 2) {
      const T other = shuffle_up(total, by);
      if (lane >= by) total = Op::join(other, total);
    }
    if (lane == 31) warps[warp] = total;
    T before = shuffle_up(total, 1);
    __syncthreads();
    bool has_before = lane > 0;
    T all = warps[0];
    T earlier = all;
    for (int w = 1; w < SCAN_THREADS / 32; ++w) {
      if (w == warp) earlier = all;
      all = Op::join(all, warps[w]);
    }
    if (warp > 0) {
      before = has_before ? Op::join(earlier, before) : earlier;
      has_before = true;
    }
    if (carried) {
      before = has_before ? Op::join(carry, before) : carry;
      has_before = true;
    }
#pragma unroll
    for (int k = 0; k < SCAN_ITEMS; ++k) {
      tile[t * SCAN_ITEMS + k] = has_before ? Op::join(before, item[k]) : item[k];
    }
    carry = carried ? Op::join(carry, all) : all;
    carried = true;
    __syncthreads();
#pragma unroll
    for (int k = 0; k < SCAN_ITEMS; ++k) {
      const int p = k * SCAN_THREADS + t;
      if (p < count) to[at + p] = Op::store(tile[p]);
    }
    __syncthreads();
  }
}

// One thread walks along each column (and chunk of it, `blockIdx.y`).
template <typename Op>
__device__ void scan_column(const typename Op::In* x, typename Op::Out* y,
                            typename Op::Acc* partial, long long lines, long long inner,
                            long long n, long long chunk, bool totals) {
  typedef typename Op::Acc T;
  const long long line = (long long)blockIdx.x * blockDim.x + threadIdx.x;
  if (line >= lines) return;
  const long long c = blockIdx.y;
  const long long start = c * chunk, stop = start + chunk < n ? start + chunk : n;
  const long long outer = line / inner;
  const long long base = outer * n * inner + (line - outer * inner);
  T value = Op::load(x[base + start * inner]);
  if (totals) {
    for (long long k = start + 1; k < stop; ++k) value = Op::join(value, Op::load(x[base + k * inner]));
    partial[c * lines + line] = value;
    return;
  }
  if (c > 0) {
    T before = partial[line];
    for (long long k = 1; k < c; ++k) before = Op::join(before, partial[k * lines + line]);
    value = Op::join(before, value);
  }
  y[base + start * inner] = Op::store(value);
  for (long long k = start + 1; k < stop; ++k) {
    value = Op::join(value, Op::load(x[base + k * inner]));
    y[base + k * inner] = Op::store(value);
  }
}

}  // namespace ndgpu
