// What reductions share: values handed between lanes, and pairs of value and index.
#pragma once

namespace ndgpu {

// Shuffle a value of any trivially copyable type, in words of 32 bits.
template <typename T>
__device__ __forceinline__ T shuffle_down(const T& value, int by) {
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
    to.word[k] = __shfl_down_sync(0xffffffffu, from.word[k], by);
  }
  return to.value;
}
template <>
__device__ __forceinline__ float shuffle_down(const float& value, int by) {
  return __shfl_down_sync(0xffffffffu, value, by);
}
template <>
__device__ __forceinline__ int shuffle_down(const int& value, int by) {
  return __shfl_down_sync(0xffffffffu, value, by);
}
template <>
__device__ __forceinline__ bool shuffle_down(const bool& value, int by) {
  return __shfl_down_sync(0xffffffffu, (int)value, by) != 0;
}

// A value and where it was. Reductions of fewer than 2^31 elements define the index as `int`.
#ifndef NDGPU_INDEX
#define NDGPU_INDEX long long
#endif
template <typename T>
struct Indexed {
  T value;
  NDGPU_INDEX index;

  Indexed() = default;
  __device__ __forceinline__ Indexed(T v, long long i) : value(v), index((NDGPU_INDEX)i) {}
};

// Whether `b` comes before `a`: a NaN before all else, then by `better`, then the lower index. No
// branches: lanes differ in the answer.
template <typename T>
__device__ __forceinline__ bool precedes(const Indexed<T>& b, const Indexed<T>& a, bool better) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  const bool alike = (a.value == b.value) | (a_nan & b_nan);
  return (better & !a_nan) | (b_nan & !a_nan) | (alike & (b.index < a.index));
}

// The first NaN, else the first of the greatest, as NumPy's argmax.
template <typename T>
__device__ __forceinline__ Indexed<T> argmax(const Indexed<T>& a, const Indexed<T>& b) {
  const bool second = precedes(b, a, b.value > a.value);
  return Indexed<T>(second ? b.value : a.value, second ? b.index : a.index);
}
template <typename T>
__device__ __forceinline__ Indexed<T> argmin(const Indexed<T>& a, const Indexed<T>& b) {
  const bool second = precedes(b, a, b.value < a.value);
  return Indexed<T>(second ? b.value : a.value, second ? b.index : a.index);
}

// Whether `a` is neither NaN nor at least (or at most) `b`: what is left to ask of a value that
// comes later.
template <typename T>
__device__ __forceinline__ bool exceeds(T b, T a) {
  return ((b > a) | (b != b)) & (a == a);
}
template <typename T>
__device__ __forceinline__ bool undercuts(T b, T a) {
  return ((b < a) | (b != b)) & (a == a);
}
// One comparison that NaN passes, instead of two.
template <>
__device__ __forceinline__ bool exceeds(float b, float a) { return !(b <= a) & (a == a); }
template <>
__device__ __forceinline__ bool exceeds(double b, double a) { return !(b <= a) & (a == a); }
template <>
__device__ __forceinline__ bool undercuts(float b, float a) { return !(b >= a) & (a == a); }
template <>
__device__ __forceinline__ bool undercuts(double b, double a) { return !(b >= a) & (a == a); }

// As `argmax` and `argmin`, for a `b` that comes after `a`.
template <typename T>
__device__ __forceinline__ Indexed<T> argmax_next(const Indexed<T>& a, const Indexed<T>& b) {
  const bool second = exceeds(b.value, a.value);
  return Indexed<T>(second ? b.value : a.value, second ? b.index : a.index);
}
template <typename T>
__device__ __forceinline__ Indexed<T> argmin_next(const Indexed<T>& a, const Indexed<T>& b) {
  const bool second = undercuts(b.value, a.value);
  return Indexed<T>(second ? b.value : a.value, second ? b.index : a.index);
}

}  // namespace ndgpu
