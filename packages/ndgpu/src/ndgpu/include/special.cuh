// Special functions that CUDA's library lacks, with SciPy's meaning at the edges of their domains.
//
// For float and double; kernels compute float16 and bfloat16 in float. Where nothing else is said
// the error is a few units in the last place. DLMF is the Digital Library of Mathematical Functions.
//
//   expit logit log_expit entr rel_entr kl_div xlogy xlog1py huber pseudo_huber
//   boxcox boxcox1p inv_boxcox inv_boxcox1p exprel cosm1 log_ndtr
//   psi zeta polygamma gammasgn rgamma beta betaln binom poch gammainc gammaincc i0e i1e
#pragma once

#include <ndgpu/math.cuh>

namespace ndgpu {
namespace special {

__device__ __forceinline__ float epsilon(float) { return 1.1920929e-07f; }
__device__ __forceinline__ double epsilon(double) { return 2.220446049250313e-16; }
__device__ __forceinline__ float smallest(float) { return 1.1754944e-38f; }
__device__ __forceinline__ double smallest(double) { return 2.2250738585072014e-308; }
template <typename T>
__device__ __forceinline__ T nan_of(T) { return infinity(T()) - infinity(T()); }

template <typename T>
__device__ __forceinline__ T expit(T x) {
  const T e = exp(-fabs(x));
  return (x < T(0) ? e : T(1)) / (T(1) + e);
}

template <typename T>
__device__ __forceinline__ T logit(T x) {
  // Near 1/2 the logarithm of the odds is small.
  const T s = T(2) * (x - T(0.5));
  return x < T(0.3) || x > T(0.65) ? log(x / (T(1) - x)) : log1p(s) - log1p(-s);
}

template <typename T>
__device__ __forceinline__ T log_expit(T x) {
  const T rest = log1p(exp(-fabs(x)));
  return x < T(0) ? x - rest : -rest;
}

template <typename T>
__device__ __forceinline__ T entr(T x) {
  if (x > T(0)) return -x * log(x);
  return x == T(0) ? T(0) : x < T(0) ? -infinity(T()) : x;
}

template <typename T>
__device__ __forceinline__ T xlogy(T x, T y) { return x == T(0) && y == y ? T(0) : x * log(y); }

template <typename T>
__device__ __forceinline__ T xlog1py(T x, T y) {
  return x == T(0) && y == y ? T(0) : x * log1p(y);
}

template <typename T>
__device__ __forceinline__ T rel_entr(T x, T y) {
  if (x != x || y != y) return x + y;
  if (x > T(0) && y > T(0)) return x * log(x / y);
  return x == T(0) && y >= T(0) ? T(0) : infinity(T());
}

template <typename T>
__device__ __forceinline__ T kl_div(T x, T y) {
  if (x != x || y != y) return x + y;
  if (x > T(0) && y > T(0)) return x * log(x / y) - x + y;
  return x == T(0) && y >= T(0) ? y : infinity(T());
}

template <typename T>
__device__ __forceinline__ T huber(T delta, T r) {
  const T a = fabs(r);
  if (delta < T(0)) return infinity(T());
  return a <= delta ? T(0.5) * r * r : delta * (a - T(0.5) * delta);
}

template <typename T>
__device__ __forceinline__ T pseudo_huber(T delta, T r) {
  if (delta < T(0)) return infinity(T());
  if (delta == T(0) || r == T(0)) return T(0);
  const T q = r / delta, square = q * q;
  // sqrt(1 + q*q) - 1 without cancellation.
  return delta * delta * (square / (sqrt(T(1) + square) + T(1)));
}

template <typename T>
__device__ __forceinline__ T power_of_log(T logarithm, T lambda) {
  return fabs(lambda) < smallest(T()) ? logarithm : expm1(lambda * logarithm) / lambda;
}
template <typename T>
__device__ __forceinline__ T boxcox(T x, T lambda) { return power_of_log(T(log(x)), lambda); }
template <typename T>
__device__ __forceinline__ T boxcox1p(T x, T lambda) { return power_of_log(T(log1p(x)), lambda); }
template <typename T>
__device__ __forceinline__ T inv_boxcox(T x, T lambda) {
  return lambda == T(0) ? exp(x) : exp(log1p(lambda * x) / lambda);
}
template <typename T>
__device__ __forceinline__ T inv_boxcox1p(T x, T lambda) {
  return lambda == T(0) ? expm1(x) : expm1(log1p(lambda * x) / lambda);
}

template <typename T>
__device__ __forceinline__ T exprel(T x) {
  return fabs(x) < epsilon(T()) ? T(1) : x == infinity(T()) ? x : expm1(x) / x;
}

template <typename T>
__device__ __forceinline__ T cosm1(T x) {
  const T s = sin(x * T(0.5));
  return T(-2) * s * s;
}

template <typename T>
__device__ __forceinline__ T log_ndtr(T x) {
  const T t = x * T(0.70710678118654752440);
  return x < T(-1) ? log(erfcx(-t) * T(0.5)) - t * t : log1p(-erfc(t) * T(0.5));
}

// The derivative of log(gamma): DLMF 5.11.2 from 10 on, reached by the recurrence 5.5.2 and, for
// negative numbers, the reflection 5.5.4. The error is absolute near the zeros of psi.
template <typename T>
__device__ T psi(T x) {
  if (x == T(0)) return copysign(infinity(T()), -x);
  T result = T(0);
  if (x < T(0)) {
    if (x == floor(x)) return nan_of(T());
    const T r = x - rint(x);
    result = T(-3.14159265358979323846) / T(tan(T(3.14159265358979323846) * r));
    x = T(1) - x;
  }
  for (; x < T(10); x += T(1)) result -= T(1) / x;
  if (x == infinity(T())) return x;
  const T z = T(1) / (x * x);
  const T series =
      z * (T(1. / 12) - z * (T(1. / 120) - z * (T(1. / 252) - z * (T(1. / 240) -
      z * (T(1. / 132) - z * (T(691. / 32760) - z * T(1. / 12)))))));
  return result + (log(x) - T(0.5) / x - series);
}

// Hurwitz's zeta function: the sum by Euler and Maclaurin, DLMF 2.10.1 and 25.11.1.
template <typename T>
__device__ T zeta(T s, T q) {
  if (s != s || q != q) return s + q;
  if (s <= T(1)) return s == T(1) ? infinity(T()) : nan_of(T());
  if (q <= T(0)) {
    if (q == floor(q)) return infinity(T());
    if (s != floor(s)) return nan_of(T());
  }
  if (s == infinity(T())) return q > T(1) ? T(0) : q == T(1) ? T(1) : infinity(T());
  if (q > T(1) / epsilon(T())) return (T(1) / (s - T(1)) + T(0.5) / q) * pow(q, T(1) - s);
  T sum = T(0), w = q;
  for (int k = 0; k < 10 || w < T(10); ++k, w += T(1)) {
    const T term = pow(w, -s);
    sum += term;
    // What is left is smaller than the last place. (Terms grow while w < 0.)
    if (w > T(0) && fabs(term) * (w / (s - T(1)) + T(1)) < epsilon(T()) * T(0.25) * fabs(sum)) {
      return sum;
    }
  }
  // B(2j) / (2j)!
  const double coefficients[10] = {
      1. / 12, -1. / 720, 1. / 30240, -1. / 1209600, 1. / 47900160, -5.284190138687493e-10,
      1.3382536530684679e-11, -3.3896802963225829e-13, 8.5860620562778445e-15,
      -2.1748686985580619e-16};
  T power = pow(w, -s);
  sum += power * (w / (s - T(1)) + T(0.5));
  T factor = s * power / w;
  for (int j = 0; j < 10; ++j) {
    const T term = factor * T(coefficients[j]);
    sum += term;
    if (fabs(term) < epsilon(T()) * T(0.25) * fabs(sum)) break;
    factor *= (s + T(2 * j + 1)) * (s + T(2 * j + 2)) / (w * w);
  }
  return sum;
}

template <typename T>
__device__ T polygamma(T n, T x) {
  if (n == T(0)) return psi(x);
  if (n < T(0) || n != floor(n)) return nan_of(T());
  const T size = tgamma(n + T(1)) * zeta(n + T(1), x);
  return fmod(n, T(2)) == T(0) ? -size : size;
}

template <typename T>
__device__ T gammasgn(T x) {
  if (x != x) return x;
  if (x == T(0)) return copysign(T(1), x);
  if (x > T(0)) return T(1);
  const T below = floor(x);
  if (x == below) return nan_of(T());
  return fmod(below, T(2)) == T(0) ? T(1) : T(-1);
}

template <typename T>
__device__ T rgamma(T x) {
  if (x <= T(0) && x == floor(x)) return T(0);
  const T g = tgamma(x);
  return isinf_(g) ? exp(-lgamma(x)) : T(1) / g;
}

// Gamma is long code: these loops hold it once.
template <int N, typename T>
__device__ T sum_of_lgamma(const T (&at)[N], const T (&sign)[N]) {
  T sum = T(0);
#pragma unroll 1
  for (int k = 0; k < N; ++k) sum += sign[k] * lgamma(at[k]);
  return sum;
}

template <typename T>
__device__ T betaln(T a, T b) {
  const T at[3] = {a, b, a + b}, sign[3] = {T(1), T(1), T(-1)};
  return sum_of_lgamma(at, sign);
}

// By gamma itself where it does not overflow, since the difference of logarithms cancels.
template <typename T>
__device__ T beta(T a, T b) {
  const T sum = a + b;
  if (fabs(sum) < T(sizeof(T) == 4 ? 33 : 170)) {
    const T at[3] = {a > b ? a : b, sum, a > b ? b : a};
    T gammas[3];
#pragma unroll 1
    for (int k = 0; k < 3; ++k) gammas[k] = tgamma(at[k]);
    if (isfinite_(gammas[1]) && gammas[1] != T(0)) return gammas[0] / gammas[1] * gammas[2];
  }
  if (sum <= T(0) && sum == floor(sum)) {  // a pole of the divisor
    const bool poles = (a <= T(0) && a == floor(a)) || (b <= T(0) && b == floor(b));
    return poles ? infinity(T()) : T(0);
  }
  return gammasgn(a) * gammasgn(b) * gammasgn(sum) * exp(betaln(a, b));
}

template <typename T>
__device__ T binom(T n, T k) {
  if (k == floor(k) && fabs(k) < T(20) && (fabs(n) > T(1e-8) || n == T(0))) {
    if (k < T(0)) return T(0);
    T up = T(1), down = T(1);
    for (int i = 1; i <= int(k); ++i) {
      up *= n - k + T(i);
      down *= T(i);
      if (fabs(up) > T(1e18)) {
        up /= down;
        down = T(1);
      }
    }
    return up / down;
  }
  return T(1) / ((n + T(1)) * beta(n - k + T(1), k + T(1)));
}

template <typename T>
__device__ T poch(T z, T m) {
  if (m == T(0)) return T(1);
  if (m == floor(m) && m > T(0) && m < T(50)) {
    T product = T(1);
    for (int i = 0; i < int(m); ++i) product *= z + T(i);
    return product;
  }
  const T at[2] = {z + m, z}, sign[2] = {T(1), T(-1)};
  return gammasgn(z + m) * gammasgn(z) * exp(sum_of_lgamma(at, sign));
}

// log(1 + x) - x, which is small near 0.
template <typename T>
__device__ T log1pmx(T x) {
  if (fabs(x) > T(0.5)) return log1p(x) - x;
  // With r = x / (2 + x): log(1 + x) = 2 atanh(r), DLMF 4.6.4.
  const T r = x / (T(2) + x), square = r * r;
  T sum = T(0), power = square * r;
  for (int k = 3; k < 60; k += 2) {
    const T term = power / T(k);
    sum += term;
    if (fabs(term) <= epsilon(T()) * T(0.25) * fabs(sum)) break;
    power *= square;
  }
  return T(2) * sum - x * r;
}

// x^a exp(-x) / gamma(a + 1): for large a by Stirling's series, DLMF 5.11.1.
template <typename T>
__device__ T gamma_prefix(T a, T x) {
  if (a < T(15)) return exp(a * log(x) - x - lgamma(a + T(1)));
  const T z = T(1) / (a * a);
  const T rest = (T(1. / 12) - z * (T(1. / 360) - z * (T(1. / 1260) - z * T(1. / 1680)))) / a;
  return exp(a * log1pmx((x - a) / a) - rest) / sqrt(T(6.28318530717958647693) * a);
}

// The series 8.11.4 of DLMF for the lower function, and the continued fraction 8.9.2, by Lentz's
// method, for the upper one: each where it is quick. Returns the lower and the upper part.
template <typename T>
__device__ void incomplete_gamma(T a, T x, T& lower, T& upper) {
  if (!(a >= T(0)) || !(x >= T(0)) || (a == T(0) && x == T(0)) ||
      (isinf_(a) && isinf_(x))) {
    lower = upper = nan_of(T());
    return;
  }
  if (x == T(0) || isinf_(a)) {
    lower = T(0);
    upper = T(1);
    return;
  }
  if (a == T(0) || isinf_(x)) {
    lower = T(1);
    upper = T(0);
    return;
  }
  const T prefix = gamma_prefix(a, x);
  if (x < a + T(1)) {
    T term = T(1), sum = T(1);
    for (T n = a + T(1); term > epsilon(T()) * T(0.25) * sum; n += T(1)) {
      term *= x / n;
      sum += term;
    }
    lower = prefix * sum;
    upper = T(1) - lower;
    return;
  }
  const T tiny = smallest(T()) / epsilon(T());
  T b = x + T(1) - a, c = T(1) / tiny, d = T(1) / b, fraction = d;
  for (int i = 1; i < 100000; ++i) {
    const T step = -T(i) * (T(i) - a);
    b += T(2);
    d = step * d + b;
    if (fabs(d) < tiny) d = tiny;
    c = b + step / c;
    if (fabs(c) < tiny) c = tiny;
    d = T(1) / d;
    const T change = d * c;
    fraction *= change;
    if (fabs(change - T(1)) <= epsilon(T())) break;
  }
  upper = prefix * a * fraction;
  lower = T(1) - upper;
}

template <typename T>
__device__ T gammainc(T a, T x) {
  T lower, upper;
  incomplete_gamma(a, x, lower, upper);
  return lower;
}
template <typename T>
__device__ T gammaincc(T a, T x) {
  T lower, upper;
  incomplete_gamma(a, x, lower, upper);
  return upper;
}

__device__ __forceinline__ float bessel_i(float x, int order) {
  return order ? cyl_bessel_i1f(x) : cyl_bessel_i0f(x);
}
__device__ __forceinline__ double bessel_i(double x, int order) {
  return order ? cyl_bessel_i1(x) : cyl_bessel_i0(x);
}

// exp(-|x|) I(order, x): from 50 on by DLMF 10.40.1.
template <typename T>
__device__ T scaled_bessel_i(T x, int order) {
  const T a = fabs(x);
  if (!(a >= T(50))) return bessel_i(x, order) * exp(-a);
  const T mu = T(4 * order * order);
  T term = T(1), sum = T(1);
  for (int k = 1; k < 14; ++k) {
    const T odd = T(2 * k - 1);
    term *= (odd * odd - mu) / (T(8 * k) * a);
    sum += term;
  }
  const T size = sum / sqrt(T(6.28318530717958647693) * a);
  return order && x < T(0) ? -size : size;
}

}  // namespace special
}  // namespace ndgpu
