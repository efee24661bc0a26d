// Indices of raw operands and of the loop in generated kernels.
#pragma once

namespace ndgpu {

// Shape of the loop, as the launcher packs it.
template <int R>
struct Shape {
  long long size;
  long long dim[R];
};

// What kernels see as `_ind`: the element's indices, and the loop's shape.
template <int R>
class Index {
 public:
  __device__ Index(const Shape<R>& shape, long long i) : shape_(shape) {
#pragma unroll
    for (int d = R - 1; d >= 0; --d) {
      const long long rest = i / shape.dim[d];
      at_[d] = i - rest * shape.dim[d];
      i = rest;
    }
  }
  __device__ long long size() const { return shape_.size; }
  __device__ const long long* shape() const { return shape_.dim; }
  __device__ const long long* get() const { return at_; }

 private:
  const Shape<R>& shape_;
  long long at_[R];
};

// Size, shape and strides (in bytes) of a raw operand, as the launcher packs them.
template <int R>
struct RawShape {
  long long size;
  long long dim[R];
  long long stride[R];
};

template <typename T>
struct BytesOf {
  typedef char type;
};
template <typename T>
struct BytesOf<const T> {
  typedef const char type;
};

// A raw operand: x[j] is element j in C order, x[indices] takes one index per dimension.
template <typename T, int R, bool Contiguous>
class Raw {
  typedef typename BytesOf<T>::type Byte;

 public:
  static const int ndim = R;

  __device__ Raw(T* pointer, const RawShape<R>& shape) : pointer_(pointer), shape_(shape) {}
  __device__ long long size() const { return shape_.size; }
  __device__ const long long* shape() const { return shape_.dim; }
  __device__ const long long* strides() const { return shape_.stride; }
  __device__ T* data() const { return pointer_; }

  __device__ T& operator[](long long j) const {
    if (Contiguous) return pointer_[j];
    long long offset = 0;
#pragma unroll
    for (int d = R - 1; d > 0; --d) {
      const long long rest = j / shape_.dim[d];
      offset += (j - rest * shape_.dim[d]) * shape_.stride[d];
      j = rest;
    }
    return *(T*)((Byte*)pointer_ + offset + j * shape_.stride[0]);
  }

  // Each type of integer by itself: what is converted could go to more than one of the others
  // (and a literal 0 to a null pointer).
  __device__ T& operator[](int j) const { return (*this)[(long long)j]; }
  __device__ T& operator[](unsigned int j) const { return (*this)[(long long)j]; }
  __device__ T& operator[](long j) const { return (*this)[(long long)j]; }
  __device__ T& operator[](unsigned long j) const { return (*this)[(long long)j]; }
  __device__ T& operator[](unsigned long long j) const { return (*this)[(long long)j]; }

  template <typename I>
  __device__ T& operator[](const I (&indices)[R]) const {
    return at(indices);
  }
  __device__ T& operator[](const long long* indices) const { return at(indices); }

 private:
  template <typename P>
  __device__ T& at(const P& indices) const {
    long long offset = 0;
#pragma unroll
    for (int d = 0; d < R; ++d) offset += (long long)indices[d] * shape_.stride[d];
    return *(T*)((Byte*)pointer_ + offset);
  }

  T* pointer_;
  const RawShape<R>& shape_;
};

}  // namespace ndgpu
