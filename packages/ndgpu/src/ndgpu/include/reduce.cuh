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

// A value and where it was.
template <typename T>
struct Indexed {
  T value;
  long long index;
};

// The first NaN, else the first of the greatest, as NumPy's argmax.
template <typename T>
__device__ __forceinline__ Indexed<T> argmax(const Indexed<T>& a, const Indexed<T>& b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan || b_nan) return (a_nan && (!b_nan || a.index < b.index)) ? a : b;
  if (a.value == b.value) return a.index < b.index ? a : b;
  return a.value > b.value ? a : b;
}
template <typename T>
__device__ __forceinline__ Indexed<T> argmin(const Indexed<T>& a, const Indexed<T>& b) {
  const bool a_nan = a.value != a.value, b_nan = b.value != b.value;
  if (a_nan || b_nan) return (a_nan && (!b_nan || a.index < b.index)) ? a : b;
  if (a.value == b.value) return a.index < b.index ? a : b;
  return a.value < b.value ? a : b;
}

}  // namespace ndgpu
