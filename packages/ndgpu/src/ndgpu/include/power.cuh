// Powers in single precision, of fewer instructions than the CUDA library's.
//
// x**y = 2**(y * log2(x)), and the product may be 125, so that the logarithm must be good to some
// 32 bits: it is kept as the sum of two floats.  With x = 2**k m, m between sqrt(1/2) and sqrt(2),
//
//   log2(m) = 2 / ln(2) * atanh(s),  s = (m - 1) / (m + 1),
//   atanh(s) = s + s**3 / 3 + s**5 / 5 + ...
//
// Polynomials are Chebyshev approximations made in 120 bits and rounded.  The greatest error
// found is 1.3 ulp.
#pragma once

namespace ndgpu {

// |x| and the product must be normal numbers; all else (0, inf, NaN, overflow ...) is left to powf.
__device__ __forceinline__ float power(float x, float y) {
  const int bits = __float_as_int(x) & 0x7fffffff;
  const int exponent = (bits - 0x3f3504f3) & 0xff800000;
  const float k = float(exponent) * 1.1920928955078125e-07f;
  const float m = __int_as_float(bits - exponent);
  // s and what its rounding left over.
  const float f = __fadd_rn(m, -1.0f);
  const float r = __fdividef(1.0f, m + 1.0f);
  const float s = __fmul_rn(f, r);
  const float rest = __fmul_rn(__fmaf_rn(-s, f, __fmaf_rn(-2.0f, s, f)), r);
  // 2 / ln(2) * (atanh(s) / s - 1), and what its products' rounding left over.
  const float t = __fmul_rn(s, s);
  float series = __fmaf_rn(0x1.58ae3cp-2f, t, 0x1.a5c948p-2f);
  series = __fmaf_rn(series, t, 0x1.2777p-1f);
  series = __fmaf_rn(series, t, 0x1.ec709ep-1f);
  const float tail = __fmul_rn(series, t);
  const float tail_rest = __fmaf_rn(series, __fmaf_rn(s, s, -t), __fmaf_rn(series, t, -tail));
  // 2 / ln(2) in two parts.
  const float factor = 0x1.715476p+1f, factor_rest = 0x1.4ae0cp-25f;
  const float lead = __fmaf_rn(factor, s, k);
  float low = __fmaf_rn(factor, s, __fsub_rn(k, lead));
  low = __fmaf_rn(factor_rest + tail_rest, s, low);
  low = __fmaf_rn(__fmaf_rn(3.0f, tail, factor), rest, low);
  const float high = __fmaf_rn(tail, s, lead);
  low = __fadd_rn(low, __fmaf_rn(tail, s, __fsub_rn(lead, high)));
  // The product, its whole part n (in the low bits of a number that has no room for a fraction)
  // and the power of two of what is left.
  const float product = __fmul_rn(high, y);
  const float product_rest = __fmaf_rn(low, y, __fmaf_rn(high, y, -product));
  const float shifted = __fadd_rn(product, 12582912.0f);
  const float g = __fadd_rn(__fsub_rn(product, __fadd_rn(shifted, -12582912.0f)), product_rest);
  float e = __fmaf_rn(0x1.444c9ap-13f, g, 0x1.5f1828p-10f);
  e = __fmaf_rn(e, g, 0x1.3b2a0ep-7f);
  e = __fmaf_rn(e, g, 0x1.c6af54p-5f);
  e = __fmaf_rn(e, g, 0x1.ebfbep-3f);
  e = __fmaf_rn(e, g, 0x1.62e43p-1f);
  e = __fmaf_rn(e, g, 1.0f);
  float result = __int_as_float(__float_as_int(e) + (__float_as_int(shifted) << 23));
  if (x < 0.0f) {
    const float half = 0.5f * y;
    const bool whole = truncf(y) == y, even = truncf(half) == half;
    result = whole ? (even ? result : -result) : __int_as_float(0x7fffffff);
  }
  const bool normal = (unsigned int)(bits - 0x00800000) < 0x7f000000u;
  if (!(normal & (fabsf(product) < 125.0f))) result = powf(x, y);
  return result;
}

}  // namespace ndgpu
