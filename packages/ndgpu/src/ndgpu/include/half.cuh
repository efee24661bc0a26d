// float16 and bfloat16: 16 bits in memory, float in arithmetic.
//
// Both convert to and from float implicitly, so an expression of them is a float expression;
// conversions round to nearest even. In a conditional expression both branches must have one
// type: write `x > float16(0) ? x : float16(0)`.
#pragma once

struct float16 {
  unsigned short bits;

  float16() = default;
  __device__ __forceinline__ float16(float v) {
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(v));
  }
  __device__ __forceinline__ float16(double v) {
    asm("cvt.rn.f16.f64 %0, %1;" : "=h"(bits) : "d"(v));
  }
  __device__ __forceinline__ float16(int v) : float16((float)v) {}
  __device__ __forceinline__ float16(unsigned int v) : float16((float)v) {}
  // Integers above 2^24 are beyond float16's range whichever way they round to float.
  __device__ __forceinline__ float16(long long v) : float16((float)v) {}
  __device__ __forceinline__ float16(unsigned long long v) : float16((float)v) {}
  __device__ __forceinline__ float16(long v) : float16((float)v) {}
  __device__ __forceinline__ float16(unsigned long v) : float16((float)v) {}
  __device__ __forceinline__ float16(bool v) : bits(v ? 0x3c00 : 0) {}

  __device__ __forceinline__ operator float() const {
    float v;
    asm("cvt.f32.f16 %0, %1;" : "=f"(v) : "h"(bits));
    return v;
  }
  static __device__ __forceinline__ float16 from_bits(unsigned short b) {
    float16 h;
    h.bits = b;
    return h;
  }
};

struct bfloat16 {
  unsigned short bits;

  bfloat16() = default;
  __device__ __forceinline__ bfloat16(float v) {
    const unsigned int u = __float_as_uint(v);
    // A NaN stays one: rounding could carry its payload into the sign, or to infinity.
    bits = (u & 0x7fffffffu) > 0x7f800000u ? (unsigned short)((u >> 16) | 0x40u)
                                           : (unsigned short)((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  // Rounding to odd first makes the second rounding the only one that counts.
  __device__ __forceinline__ bfloat16(double v) {
    float f = __double2float_rz(v);
    if ((double)f != v && v == v) f = __uint_as_float(__float_as_uint(f) | 1u);
    *this = bfloat16(f);
  }
  __device__ __forceinline__ bfloat16(int v) : bfloat16((double)v) {}
  __device__ __forceinline__ bfloat16(unsigned int v) : bfloat16((double)v) {}
  __device__ __forceinline__ bfloat16(long long v) : bfloat16(odd(__ll2float_rz(v), v)) {}
  __device__ __forceinline__ bfloat16(unsigned long long v) : bfloat16(odd(__ull2float_rz(v), v)) {}
  __device__ __forceinline__ bfloat16(long v) : bfloat16((long long)v) {}
  __device__ __forceinline__ bfloat16(unsigned long v) : bfloat16((unsigned long long)v) {}
  __device__ __forceinline__ bfloat16(bool v) : bits(v ? 0x3f80 : 0) {}

  __device__ __forceinline__ operator float() const {
    return __uint_as_float((unsigned int)bits << 16);
  }
  static __device__ __forceinline__ bfloat16 from_bits(unsigned short b) {
    bfloat16 h;
    h.bits = b;
    return h;
  }

 private:
  template <typename I>
  static __device__ __forceinline__ float odd(float f, I v) {
    return (I)f != v ? __uint_as_float(__float_as_uint(f) | 1u) : f;
  }
};

#define NDGPU_HALF_ASSIGN(H, op)                                     \
  template <typename T>                                              \
  __device__ __forceinline__ H& operator op##=(H& a, const T& b) {   \
    return a = H((float)a op (float)b);                              \
  }
NDGPU_HALF_ASSIGN(float16, +)
NDGPU_HALF_ASSIGN(float16, -)
NDGPU_HALF_ASSIGN(float16, *)
NDGPU_HALF_ASSIGN(float16, /)
NDGPU_HALF_ASSIGN(bfloat16, +)
NDGPU_HALF_ASSIGN(bfloat16, -)
NDGPU_HALF_ASSIGN(bfloat16, *)
NDGPU_HALF_ASSIGN(bfloat16, /)
#undef NDGPU_HALF_ASSIGN
