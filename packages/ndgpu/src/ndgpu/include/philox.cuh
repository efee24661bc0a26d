// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (2011).
//
// Number k of a stream is a function of (seed, offset, k) alone, so results do not depend on
// how a launch is laid out: element k of an array draws with philox(seed, offset + k / 4)
// lane k % 4, or has a whole block of four to itself.
#pragma once

namespace ndgpu {

struct Philox4 {
  unsigned int x, y, z, w;
};

__device__ __forceinline__ Philox4 philox_round(Philox4 c, unsigned int k0, unsigned int k1) {
  const unsigned int h0 = __umulhi(0xD2511F53u, c.x), l0 = 0xD2511F53u * c.x;
  const unsigned int h1 = __umulhi(0xCD9E8D57u, c.z), l1 = 0xCD9E8D57u * c.z;
  return Philox4{h1 ^ c.y ^ k0, l1, h0 ^ c.w ^ k1, l0};
}

// Four 32-bit numbers: `counter` counts blocks of a stream, `stream` tells streams of one seed
// apart. `UNROLL`: how many rounds are written one after the other.
template <int UNROLL = 10>
__device__ __forceinline__ Philox4 philox(unsigned long long seed, unsigned long long counter,
                                          unsigned long long stream = 0) {
  unsigned int k0 = (unsigned int)seed, k1 = (unsigned int)(seed >> 32);
  Philox4 c = {(unsigned int)counter, (unsigned int)(counter >> 32), (unsigned int)stream,
               (unsigned int)(stream >> 32)};
#pragma unroll UNROLL
  for (int r = 0; r < 10; ++r) {
    c = philox_round(c, k0, k1);
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  return c;
}

// One of the four numbers of a block.
__device__ __forceinline__ unsigned int philox_lane(const Philox4& c, int lane) {
  return lane < 2 ? (lane == 0 ? c.x : c.y) : (lane == 2 ? c.z : c.w);
}

// [0, 1): 24 and 53 random bits, as many as the significand has.
__device__ __forceinline__ float uniform_float(unsigned int bits) {
  return (bits >> 8) * 0x1p-24f;
}
__device__ __forceinline__ double uniform_double(unsigned int high, unsigned int low) {
  return ((((unsigned long long)high << 32) | low) >> 11) * 0x1p-53;
}

// (0, 1): for logarithms. Half a step is added; what that rounds up to 1 is the number below it.
__device__ __forceinline__ float open_uniform_float(unsigned int bits) {
  return fminf(((bits >> 8) + 0.5f) * 0x1p-24f, 0x1.fffffep-1f);
}
__device__ __forceinline__ double open_uniform_double(unsigned int high, unsigned int low) {
  return fmin((((((unsigned long long)high << 32) | low) >> 11) + 0.5) * 0x1p-53,
              0x1.fffffffffffffp-1);
}

// Two independent standard normal numbers (Box and Muller).
__device__ __forceinline__ void normal_pair(float u, float v, float* a, float* b) {
  const float radius = sqrtf(-2.f * logf(u));
  float s, c;
  sincospif(2.f * v, &s, &c);
  *a = radius * c;
  *b = radius * s;
}
__device__ __forceinline__ void normal_pair(double u, double v, double* a, double* b) {
  const double radius = sqrt(-2. * log(u));
  double s, c;
  sincospi(2. * v, &s, &c);
  *a = radius * c;
  *b = radius * s;
}

// Element k of streams of uniform and normal numbers: the same whatever the launch.
__device__ __forceinline__ unsigned int random_bits(unsigned long long seed,
                                                    unsigned long long offset,
                                                    unsigned long long k) {
  return philox_lane(philox(seed, offset + (k >> 2)), (int)(k & 3));
}
__device__ __forceinline__ float random_uniform_float(unsigned long long seed,
                                                      unsigned long long offset,
                                                      unsigned long long k) {
  return uniform_float(random_bits(seed, offset, k));
}
__device__ __forceinline__ double random_uniform_double(unsigned long long seed,
                                                        unsigned long long offset,
                                                        unsigned long long k) {
  const Philox4 c = philox(seed, offset + (k >> 1));
  return (k & 1) ? uniform_double(c.z, c.w) : uniform_double(c.x, c.y);
}
__device__ __forceinline__ float random_normal_float(unsigned long long seed,
                                                     unsigned long long offset,
                                                     unsigned long long k) {
  const Philox4 c = philox(seed, offset + (k >> 2));
  const bool second = (k & 2) != 0;
  float a, b;
  normal_pair(open_uniform_float(second ? c.z : c.x), uniform_float(second ? c.w : c.y), &a, &b);
  return (k & 1) ? b : a;
}
__device__ __forceinline__ double random_normal_double(unsigned long long seed,
                                                       unsigned long long offset,
                                                       unsigned long long k) {
  const Philox4 c = philox(seed, offset + (k >> 1));
  double a, b;
  normal_pair(open_uniform_double(c.x, c.y), uniform_double(c.z, c.w), &a, &b);
  return (k & 1) ? b : a;
}

}  // namespace ndgpu
