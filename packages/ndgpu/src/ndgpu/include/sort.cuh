// Sorting: keys as unsigned integers in the order of the numbers, stable radix passes by warps,
// and short rows in one block.
//
// A radix pass cuts each row into chunks, one for a warp. A first kernel counts the digits of
// each chunk; running totals of the counts (digit by digit, chunk by chunk) are where each chunk
// puts its elements of each digit; a second kernel puts them there. Within a warp, votes on the
// bits of the digit tell each lane which others have its digit. No block waits for another.
#pragma once

namespace ndgpu {

constexpr int SORT_WARPS = 8;
constexpr int SORT_DIGITS = 256;

// Integers: the sign bit turned over. `ties` makes both zeros one key.
template <typename U, typename T>
__device__ __forceinline__ U encode_integer(T x) {
  return (U)x ^ (T(-1) < T(0) ? U(U(1) << (8 * sizeof(U) - 1)) : U(0));
}
template <typename U, typename T>
__device__ __forceinline__ T decode_integer(U key) {
  return (T)(U)(key ^ (T(-1) < T(0) ? U(U(1) << (8 * sizeof(U) - 1)) : U(0)));
}

// Floating-point numbers, by their bits: negative ones turned over, NaN last.
template <typename U>
__device__ __forceinline__ U encode_bits(U bits, U infinity, bool ties) {
  const U sign = U(U(1) << (8 * sizeof(U) - 1));
  const U size = bits & U(~sign);
  if (size > infinity) return U(~U(0));
  if (ties && size == 0) bits = 0;
  return bits & sign ? U(~bits) : U(bits | sign);
}
template <typename U>
__device__ __forceinline__ U decode_bits(U key) {
  const U sign = U(U(1) << (8 * sizeof(U) - 1));
  return key & sign ? U(key ^ sign) : U(~key);
}

// Which of the lanes in `active` have this lane's digit.
__device__ __forceinline__ unsigned int same_digit(unsigned int digit, unsigned int active) {
  unsigned int peers = active;
#pragma unroll
  for (int b = 0; b < 8; ++b) {
    const bool bit = (digit >> b) & 1;
    const unsigned int vote = __ballot_sync(0xffffffffu, bit);
    peers &= bit ? vote : ~vote;
  }
  return peers;
}

template <typename Load, typename Offset>
__device__ void radix_count(const typename Load::In* x, Offset* counts, long long rows, long long n,
                            long long chunk, long long chunks, int shift) {
  __shared__ unsigned int memory[SORT_WARPS][SORT_DIGITS];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  unsigned int* const count = memory[warp];
  const long long item = (long long)blockIdx.x * SORT_WARPS + warp;
  const long long row = item / chunks, c = item - row * chunks;
  for (int d = lane; d < SORT_DIGITS; d += 32) count[d] = 0;
  __syncwarp();
  if (row >= rows) return;
  const long long start = c * chunk, stop = start + chunk < n ? start + chunk : n;
  const typename Load::In* from = x + row * n;
  for (long long at = start; at < stop; at += 32) {
    const bool valid = at + lane < stop;
    const unsigned int digit = valid ? (Load::key(from[at + lane]) >> shift) & 255 : 0;
    const unsigned int peers = same_digit(digit, __ballot_sync(0xffffffffu, valid));
    if (valid && (peers & ((1u << lane) - 1)) == 0) count[digit] += __popc(peers);
    __syncwarp();
  }
  for (int d = lane; d < SORT_DIGITS; d += 32) {
    counts[(row * SORT_DIGITS + d) * chunks + c] = count[d];
  }
}

// `index` is where each element came from (none in the first pass: it is where it stands).
template <typename Load, typename Store, typename Offset, typename From, typename To>
__device__ void radix_scatter(const typename Load::In* x, typename Store::Out* y, const From* index,
                              To* index_out, const Offset* totals, long long rows, long long n,
                              long long chunk, long long chunks, int shift) {
  __shared__ Offset memory[SORT_WARPS][SORT_DIGITS];
  const int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  Offset* const next = memory[warp];
  const long long item = (long long)blockIdx.x * SORT_WARPS + warp;
  const long long row = item / chunks, c = item - row * chunks;
  if (row >= rows) return;
  for (int d = lane; d < SORT_DIGITS; d += 32) {
    const long long k = d * chunks + c;
    next[d] = k > 0 ? totals[row * SORT_DIGITS * chunks + k - 1] : 0;
  }
  __syncwarp();
  const long long start = c * chunk, stop = start + chunk < n ? start + chunk : n;
  const long long base = row * n;
  for (long long at = start; at < stop; at += 32) {
    const bool valid = at + lane < stop;
    const auto key = valid ? Load::key(x[base + at + lane]) : decltype(Load::key(x[0]))(0);
    const unsigned int digit = (unsigned int)(key >> shift) & 255;
    const unsigned int peers = same_digit(digit, __ballot_sync(0xffffffffu, valid));
    const unsigned int before = peers & ((1u << lane) - 1);
    const Offset first = next[digit];
    __syncwarp();
    if (valid) {
      if (before == 0) next[digit] = first + __popc(peers);
      const long long to = base + (long long)first + __popc(before);
      if (y) y[to] = Store::value(key);
      if (index_out) index_out[to] = index ? (To)index[base + at + lane] : (To)(at + lane);
    }
    __syncwarp();
  }
}

// One row in a block, padded to `width`, a power of two: bitonic, by key and index, so stable.
template <typename Load, typename Store, bool INDEXED, int MOST>
__device__ void sort_row(const typename Load::In* x, typename Store::Out* y, long long* index_out,
                         int n, int width) {
  typedef decltype(Load::key(x[0])) Key;
  __shared__ Key keys[MOST];
  __shared__ unsigned short places[INDEXED ? MOST : 1];
  const long long base = (long long)blockIdx.x * n;
  for (int k = threadIdx.x; k < width; k += blockDim.x) {
    keys[k] = k < n ? Load::key(x[base + k]) : Key(~Key(0));
    if (INDEXED) places[k] = k;
  }
  __syncthreads();
  for (int size = 2; size <= width; size *= 2) {
    for (int half = size / 2; half > 0; half /= 2) {
      for (int k = threadIdx.x; k < width / 2; k += blockDim.x) {
        const int low = 2 * k - (k & (half - 1)), high = low + half;
        const Key a = keys[low], b = keys[high];
        bool after = a > b;
        unsigned short p = 0, q = 0;
        if (INDEXED) {
          p = places[low];
          q = places[high];
          after = after || (a == b && p > q);
        }
        if (after == ((low & size) == 0)) {
          keys[low] = b;
          keys[high] = a;
          if (INDEXED) {
            places[low] = q;
            places[high] = p;
          }
        }
      }
      __syncthreads();
    }
  }
  for (int k = threadIdx.x; k < n; k += blockDim.x) {
    if (INDEXED) {
      index_out[base + k] = places[k];
    } else {
      y[base + k] = Store::value(keys[k]);
    }
  }
}

}  // namespace ndgpu
