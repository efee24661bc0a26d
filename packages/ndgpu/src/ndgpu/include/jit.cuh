// Arrays as kernels that were written in Python take them, by value.
#pragma once

namespace ndgpu {

template <typename T, int R, bool Contiguous>
struct JitArray {
  T* data;
  long long size;
  long long shape[R > 0 ? R : 1];
  long long stride[R > 0 ? R : 1];  // in bytes

  template <typename... I>
  __device__ __forceinline__ T& at(I... index) const {
    static_assert(sizeof...(I) == R, "one index for each dimension");
    if constexpr (R == 0) {
      return *data;
    } else if constexpr (R == 1 && Contiguous) {
      return data[(index, ...)];
    } else {
      long long offset = 0;
      int d = 0;
      ((offset += (long long)index * stride[d++]), ...);
      return *(T*)((char*)data + offset);
    }
  }
};

// Shared memory: one dimension without gaps.
template <typename T>
struct JitShared {
  T* data;
  long long size;

  template <typename I>
  __device__ __forceinline__ T& at(I index) const {
    return data[index];
  }
};

}  // namespace ndgpu
