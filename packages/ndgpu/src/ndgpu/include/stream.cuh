// Stores of what is not read again soon: they leave the caches to other data.
#pragma once

namespace ndgpu {

// Store a value of 1, 2, 4 or 8 bytes, any trivially copyable type, at an address aligned to that.
template <typename T>
__device__ __forceinline__ void store_streaming(T* to, const T& value) {
  static_assert(sizeof(T) == 1 || sizeof(T) == 2 || sizeof(T) == 4 || sizeof(T) == 8,
                "a streaming store takes 1, 2, 4 or 8 bytes");
  if constexpr (sizeof(T) == 1) {
    __stcs((unsigned char*)to, reinterpret_cast<const unsigned char&>(value));
  } else if constexpr (sizeof(T) == 2) {
    __stcs((unsigned short*)to, reinterpret_cast<const unsigned short&>(value));
  } else if constexpr (sizeof(T) == 4) {
    __stcs((unsigned int*)to, reinterpret_cast<const unsigned int&>(value));
  } else {
    __stcs((unsigned long long*)to, reinterpret_cast<const unsigned long long&>(value));
  }
}

}  // namespace ndgpu
