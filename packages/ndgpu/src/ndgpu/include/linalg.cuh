// Dense linear algebra by one block for each matrix of a stack: panels of LU, Cholesky and QR
// factors, triangular solves, and one-sided Jacobi rotations.
//
// The stack is the grid's x, which alone may be as long as a stack. Matrices are row-major; `ld`
// counts elements from one row to the next. Blocks have 32 lanes in x, which walk along a row, and
// up to 8 warps in y, which walk from row to row; panels are at most 32 columns wide. T is float,
// double or complex of these.
#pragma once

#include <ndgpu/complex.cuh>

namespace ndgpu {
namespace linalg {

template <typename T>
struct real_of {
  typedef T type;
};
template <typename T>
struct real_of<complex<T>> {
  typedef T type;
};

__device__ __forceinline__ float conjugate(float x) { return x; }
__device__ __forceinline__ double conjugate(double x) { return x; }
template <typename T>
__device__ __forceinline__ complex<T> conjugate(const complex<T>& x) {
  return complex<T>(x.re, -x.im);
}
__device__ __forceinline__ float real_part(float x) { return x; }
__device__ __forceinline__ double real_part(double x) { return x; }
template <typename T>
__device__ __forceinline__ T real_part(const complex<T>& x) {
  return x.re;
}
__device__ __forceinline__ float square_size(float x) { return x * x; }
__device__ __forceinline__ double square_size(double x) { return x * x; }
template <typename T>
__device__ __forceinline__ T square_size(const complex<T>& x) {
  return x.re * x.re + x.im * x.im;
}
// The sum of the parts' sizes, by which LAPACK compares complex numbers as well.
__device__ __forceinline__ float taxi_size(float x) { return fabs(x); }
__device__ __forceinline__ double taxi_size(double x) { return fabs(x); }
template <typename T>
__device__ __forceinline__ T taxi_size(const complex<T>& x) {
  return fabs(x.re) + fabs(x.im);
}
__device__ __forceinline__ float from_lane(float x, int offset) {
  return __shfl_xor_sync(0xffffffffu, x, offset);
}
__device__ __forceinline__ double from_lane(double x, int offset) {
  return __shfl_xor_sync(0xffffffffu, x, offset);
}
template <typename T>
__device__ __forceinline__ complex<T> from_lane(const complex<T>& x, int offset) {
  return complex<T>(from_lane(x.re, offset), from_lane(x.im, offset));
}
template <typename T>
__device__ __forceinline__ T sum_of_warp(T x) {
#pragma unroll
  for (int offset = 16; offset; offset /= 2) x += from_lane(x, offset);
  return x;
}

__device__ __forceinline__ int thread_of_block() { return threadIdx.y * 32 + threadIdx.x; }

// Copy a panel between global and shared memory.
template <typename T>
__device__ void copy_panel(T* to, long long to_ld, const T* from, long long from_ld, int rows,
                           int columns) {
  for (int i = threadIdx.y; i < rows; i += blockDim.y)
    for (int c = threadIdx.x; c < columns; c += 32) to[i * to_ld + c] = from[i * from_ld + c];
  __syncthreads();
}

// LU of a panel with partial pivoting. swaps[j] is the row, counted from the panel's first, that
// changed places with row j; *info the number (from 1) of the first pivot that is zero.
template <typename T>
__device__ void lu_panel(T* a, long long ld, int rows, int columns, int* swaps, int first,
                         int* info) {
  typedef typename real_of<T>::type R;
  __shared__ R sizes[8];
  __shared__ int places[8];
  const int lane = threadIdx.x, warp = threadIdx.y;
  for (int j = 0; j < columns && j < rows; ++j) {
    R size = R(-1);
    int place = j;
    for (int i = j + thread_of_block(); i < rows; i += 32 * blockDim.y) {
      const R found = taxi_size(a[i * ld + j]);
      if (found > size || found != found) {
        size = found;
        place = i;
      }
    }
#pragma unroll
    for (int offset = 16; offset; offset /= 2) {
      const R other = from_lane(size, offset);
      const int at = __shfl_xor_sync(0xffffffffu, place, offset);
      if (other > size || (other == size && at < place)) {
        size = other;
        place = at;
      }
    }
    if (lane == 0) {
      sizes[warp] = size;
      places[warp] = place;
    }
    __syncthreads();
    size = sizes[0];
    place = places[0];
    for (int w = 1; w < blockDim.y; ++w)
      if (sizes[w] > size || (sizes[w] == size && places[w] < place)) {
        size = sizes[w];
        place = places[w];
      }
    if (warp == 0) {
      if (place != j && lane < columns) {
        const T above = a[j * ld + lane];
        a[j * ld + lane] = a[place * ld + lane];
        a[place * ld + lane] = above;
      }
      if (lane == 0) {
        swaps[j] = place;
        if (size == R(0) && *info == 0) *info = first + j + 1;
      }
    }
    __syncthreads();
    const T pivot = a[j * ld + j];
    if (pivot != T(0)) {
      for (int i = j + 1 + warp; i < rows; i += blockDim.y) {
        const T factor = a[i * ld + j] / pivot;
        __syncwarp();
        if (lane == j)
          a[i * ld + j] = factor;
        else if (lane > j && lane < columns)
          a[i * ld + lane] -= factor * a[j * ld + lane];
      }
    }
    __syncthreads();
  }
}

// Exchange rows of a matrix as a panel's LU did, one thread a column.
template <typename T>
__device__ void swap_rows(T* a, long long ld, long long column_step, int columns,
                          const int* swaps, int count) {
  const int c = blockIdx.y * blockDim.x + threadIdx.x;
  if (c >= columns) return;
  a += c * column_step;
  for (int j = 0; j < count; ++j) {
    const int place = swaps[j];
    if (place != j) {
      const T above = a[j * ld];
      a[j * ld] = a[place * ld];
      a[place * ld] = above;
    }
  }
}

// Cholesky factor of one block of at most 32 by 32, in the lower triangle.
template <typename T>
__device__ void cholesky_block(T* a, long long ld, int n, int first, int* info) {
  typedef typename real_of<T>::type R;
  __shared__ T block[32][33];
  const int lane = threadIdx.x, warp = threadIdx.y;
  for (int i = warp; i < n; i += blockDim.y)
    if (lane <= i) block[i][lane] = a[i * ld + lane];
  __syncthreads();
  for (int j = 0; j < n; ++j) {
    const R pivot = real_part(block[j][j]);
    // Not `pivot <= 0`, which a NaN passes.
    const bool fails = !(pivot > R(0));
    const R root = sqrt(pivot);
    __syncthreads();
    if (fails) {
      if (lane == 0 && warp == 0 && *info == 0) *info = first + j + 1;
      return;
    }
    if (warp == 0) {
      if (lane == j)
        block[j][j] = T(root);
      else if (lane > j && lane < n)
        block[lane][j] = block[lane][j] / T(root);
    }
    __syncthreads();
    for (int i = j + 1 + warp; i < n; i += blockDim.y)
      if (lane > j && lane <= i) block[i][lane] -= block[i][j] * conjugate(block[lane][j]);
    __syncthreads();
  }
  for (int i = warp; i < n; i += blockDim.y)
    if (lane <= i) a[i * ld + lane] = block[i][lane];
}

// Solve t @ x = b for a triangle t of at most 32 by 32, in place of b; one thread a column of b.
template <typename T>
__device__ void solve_triangle(const T* t, long long t_row, long long t_column, T* b,
                               long long b_row, long long b_column, int n, int columns, bool lower,
                               bool unit, bool conjugated) {
  __shared__ T triangle[32][33];
  for (int i = threadIdx.x; i < n * n; i += blockDim.x) {
    const T x = t[i / n * t_row + i % n * t_column];
    triangle[i / n][i % n] = conjugated ? conjugate(x) : x;
  }
  __syncthreads();
  const int c = blockIdx.y * blockDim.x + threadIdx.x;
  if (c >= columns) return;
  b += c * b_column;
  for (int step = 0; step < n; ++step) {
    const int i = lower ? step : n - 1 - step;
    T x = b[i * b_row];
    const int start = lower ? 0 : i + 1, stop = lower ? i : n;
    for (int j = start; j < stop; ++j) x -= triangle[i][j] * b[j * b_row];
    b[i * b_row] = unit ? x : x / triangle[i][i];
  }
}

// One value of the block: the largest, or the sum, of what each thread has.
template <typename R>
__device__ R of_block(R x, bool largest, R* scratch) {
#pragma unroll
  for (int offset = 16; offset; offset /= 2) {
    const R other = from_lane(x, offset);
    x = largest ? (other > x || other != other ? other : x) : x + other;
  }
  if (threadIdx.x == 0) scratch[threadIdx.y] = x;
  __syncthreads();
  R result = scratch[0];
  for (int w = 1; w < blockDim.y; ++w) {
    const R other = scratch[w];
    result = largest ? (other > result || other != other ? other : result) : result + other;
  }
  __syncthreads();
  return result;
}

// Householder reflections of a panel, as LAPACK's geqr2 stores them: I - tau v v^H with v[0] = 1
// below the diagonal; R above it.
template <typename T>
__device__ void qr_panel(T* a, long long ld, int rows, int columns, T* tau) {
  typedef typename real_of<T>::type R;
  __shared__ R scratch[8];
  __shared__ T sums[8][33];
  const int lane = threadIdx.x, warp = threadIdx.y;
  for (int j = 0; j < columns && j < rows; ++j) {
    // The norm below the diagonal, scaled so that no square overflows or vanishes.
    R size = R(0);
    for (int i = j + 1 + thread_of_block(); i < rows; i += 32 * blockDim.y) {
      const R found = taxi_size(a[i * ld + j]);
      size = found > size || found != found ? found : size;
    }
    size = of_block(size, true, scratch);
    const T head = a[j * ld + j];
    const T imaginary = head - T(real_part(head));
    if (size == R(0) && imaginary == T(0)) {
      if (lane == 0 && warp == 0) tau[j] = T(0);
      __syncthreads();
      continue;
    }
    const R top = taxi_size(head);
    if (top > size) size = top;
    R total = R(0);
    for (int i = j + thread_of_block(); i < rows; i += 32 * blockDim.y)
      total += square_size(a[i * ld + j] / T(size));
    total = of_block(total, false, scratch);
    const R length = size * sqrt(total);
    const R beta = real_part(head) > R(0) ? -length : length;
    const T factor = (T(beta) - head) / T(beta);
    const T divisor = head - T(beta);
    for (int i = j + 1 + thread_of_block(); i < rows; i += 32 * blockDim.y)
      a[i * ld + j] = a[i * ld + j] / divisor;
    if (lane == 0 && warp == 0) {
      tau[j] = factor;
      a[j * ld + j] = T(beta);
    }
    __syncthreads();
    const bool mine = lane > j && lane < columns;
    T sum = T(0);
    if (mine)
      for (int i = j + warp; i < rows; i += blockDim.y) {
        const T x = a[i * ld + lane];
        sum += i == j ? x : conjugate(a[i * ld + j]) * x;
      }
    sums[warp][lane] = sum;
    __syncthreads();
    if (mine) {
      sum = T(0);
      for (int w = 0; w < blockDim.y; ++w) sum += sums[w][lane];
      sum *= conjugate(factor);
      for (int i = j + warp; i < rows; i += blockDim.y)
        a[i * ld + lane] -= i == j ? sum : a[i * ld + j] * sum;
    }
    __syncthreads();
  }
}

// The triangle t with H_0 H_1 ... = I - V t V^H, from the products gram = V^H V (LAPACK's larft).
template <typename T>
__device__ void reflector_triangle(const T* gram, const T* tau, T* t, int n) {
  __shared__ T triangle[32][33];
  const int i = threadIdx.x;
  for (int j = 0; j < n; ++j) triangle[j][i] = T(0);
  __syncthreads();
  for (int j = 0; j < n; ++j) {
    if (i < j) {
      T sum = T(0);
      for (int k = i; k < j; ++k) sum += triangle[i][k] * gram[k * n + j];
      triangle[i][j] = -tau[j] * sum;
    } else if (i == j) {
      triangle[j][j] = tau[j];
    }
    __syncthreads();
  }
  for (int j = 0; j < n; ++j)
    if (i < n) t[i * n + j] = triangle[i][j];
}

// Rotate rows p and q of w, by one warp, until they are orthogonal, and those of v alike.
// Returns whether they were not.
template <typename T>
__device__ bool rotate(T* w, int length, T* v, int n, int p, int q,
                       typename real_of<T>::type tolerance) {
  typedef typename real_of<T>::type R;
  T* x = w + (long long)p * length;
  T* y = w + (long long)q * length;
  R xx = R(0), yy = R(0);
  T xy = T(0);
  for (int i = threadIdx.x; i < length; i += 32) {
    xx += square_size(x[i]);
    yy += square_size(y[i]);
    xy += conjugate(x[i]) * y[i];
  }
  xx = sum_of_warp(xx);
  yy = sum_of_warp(yy);
  xy = sum_of_warp(xy);
  const R size = sqrt(square_size(xy));
  if (!(size > tolerance * sqrt(xx) * sqrt(yy)) || size == R(0)) return false;
  const T phase = xy / T(size);
  const R zeta = (yy - xx) / (R(2) * size);
  // Where zeta is so large that 1 + zeta^2 is zeta^2, its square might overflow as well.
  const R tangent = fabs(zeta) > R(1e8)
                        ? R(0.5) / zeta
                        : copysign(R(1), zeta) / (fabs(zeta) + sqrt(R(1) + zeta * zeta));
  const R cosine = R(1) / sqrt(R(1) + tangent * tangent);
  const R sine = cosine * tangent;
  const T turn = conjugate(phase);
  for (int i = threadIdx.x; i < length; i += 32) {
    const T a = x[i], b = y[i] * turn;
    x[i] = T(cosine) * a - T(sine) * b;
    y[i] = T(sine) * a + T(cosine) * b;
  }
  T* c = v + (long long)p * n;
  T* d = v + (long long)q * n;
  for (int i = threadIdx.x; i < n; i += 32) {
    const T a = c[i], b = d[i] * turn;
    c[i] = T(cosine) * a - T(sine) * b;
    d[i] = T(sine) * a + T(cosine) * b;
  }
  return true;
}

// The k-th pair of round r of a tournament in which each of `even` rows meets every other once.
__device__ __forceinline__ void pair_of(int r, int k, int even, int* p, int* q) {
  const int ring = even - 1;
  const int first = k == 0 ? ring : (r + k) % ring;
  const int second = (r - k + ring) % ring;
  *p = first < second ? first : second;
  *q = first < second ? second : first;
}

// All sweeps of one matrix by one block; *left is set if it did not converge.
template <typename T>
__device__ void jacobi(T* w, int length, T* v, int n, typename real_of<T>::type tolerance,
                       int sweeps, int* left) {
  __shared__ int turned;
  const int even = n + (n & 1);
  for (int sweep = 0; sweep < sweeps; ++sweep) {
    __syncthreads();
    if (thread_of_block() == 0) turned = 0;
    __syncthreads();
    for (int r = 0; r < even - 1; ++r) {
      for (int k = threadIdx.y; k < even / 2; k += blockDim.y) {
        int p, q;
        pair_of(r, k, even, &p, &q);
        if (q < n && rotate(w, length, v, n, p, q, tolerance) && threadIdx.x == 0) turned = 1;
        __syncwarp();
      }
      __syncthreads();
    }
    const bool done = turned == 0;
    if (done) return;
  }
  if (thread_of_block() == 0) *left = 1;
}

}  // namespace linalg
}  // namespace ndgpu
