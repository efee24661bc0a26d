// Scalar mathematics with NumPy's meaning, where C's differs or has no such function.
//
// For integers, float and double. Kernels compute float16 and bfloat16 in float, so they need
// no overloads here. What CUDA has already with NumPy's meaning (exp, log1p, hypot, rint,
// copysign, fmax...) is used from there.
//
//   floor_divide remainder fmod_ divmod parts, integers by 0 give 0
//   maximum minimum              NaN wins          fmax_ fmin_   NaN loses
//   sign heaviside absolute reciprocal square power
//   logaddexp logaddexp2 gcd lcm left_shift right_shift bit_count
//   isnan_ isinf_ isfinite_ signbit_ spacing nextafter_half
//   frexp_mantissa frexp_exponent modf_fraction modf_integer
//   equal less less_equal        exact between signed and unsigned 64-bit integers
//   lowest<T>() highest<T>()     -inf and inf for floating types
#pragma once

#include <ndgpu/power.cuh>

namespace ndgpu {

template <typename T>
struct IsFloating {
  static const bool value = false;
};
template <>
struct IsFloating<float> {
  static const bool value = true;
};
template <>
struct IsFloating<double> {
  static const bool value = true;
};

template <typename T>
struct IsSigned {
  static const bool value = T(-1) < T(0);
};

// The unsigned type of a width: signed overflow is undefined in C++, and wraps in NumPy.
template <int Bytes>
struct UnsignedOf;
template <>
struct UnsignedOf<1> {
  typedef unsigned char type;
};
template <>
struct UnsignedOf<2> {
  typedef unsigned short type;
};
template <>
struct UnsignedOf<4> {
  typedef unsigned int type;
};
template <>
struct UnsignedOf<8> {
  typedef unsigned long long type;
};

__device__ __forceinline__ float infinity(float) { return __int_as_float(0x7f800000); }
__device__ __forceinline__ double infinity(double) {
  return __longlong_as_double(0x7ff0000000000000LL);
}

template <typename T>
__device__ __forceinline__ T highest() {
  if constexpr (IsFloating<T>::value) {
    return infinity(T());
  } else if constexpr (IsSigned<T>::value) {
    return T((typename UnsignedOf<sizeof(T)>::type)(~0ULL) >> 1);
  } else {
    return T(~0ULL);
  }
}
template <>
__device__ __forceinline__ bool highest<bool>() {
  return true;
}

template <typename T>
__device__ __forceinline__ T lowest() {
  if constexpr (IsFloating<T>::value) {
    return -infinity(T());
  } else if constexpr (IsSigned<T>::value) {
    return T(-highest<T>() - 1);
  } else {
    return T(0);
  }
}
template <>
__device__ __forceinline__ bool lowest<bool>() {
  return false;
}

template <typename T>
__device__ __forceinline__ bool isnan_(T x) {
  if constexpr (IsFloating<T>::value) return x != x;
  return false;
}
template <typename T>
__device__ __forceinline__ bool isinf_(T x) {
  if constexpr (IsFloating<T>::value) return fabs(x) == infinity(T());
  return false;
}
template <typename T>
__device__ __forceinline__ bool isfinite_(T x) {
  if constexpr (IsFloating<T>::value) return fabs(x) < infinity(T());
  return true;
}
__device__ __forceinline__ bool signbit_(float x) { return __float_as_int(x) < 0; }
__device__ __forceinline__ bool signbit_(double x) { return __double_as_longlong(x) < 0; }

template <typename T>
__device__ __forceinline__ T absolute(T x) {
  if constexpr (IsFloating<T>::value) {
    return fabs(x);
  } else if constexpr (IsSigned<T>::value) {
    typedef typename UnsignedOf<sizeof(T)>::type U;
    return x < 0 ? T(U(0) - U(x)) : x;
  } else {
    return x;
  }
}

template <typename T>
__device__ __forceinline__ T sign(T x) {
  if constexpr (IsFloating<T>::value) {
    return x != x ? x : T((x > 0) - (x < 0));
  } else {
    return T((x > T(0)) - (x < T(0)));
  }
}

template <typename T>
__device__ __forceinline__ T square(T x) {
  if constexpr (IsFloating<T>::value) return x * x;
  typedef unsigned long long U;
  return T(U(x) * U(x));
}

template <typename T>
__device__ __forceinline__ T reciprocal(T x) {
  if constexpr (IsFloating<T>::value) return T(1) / x;
  // Of zero what NumPy has where converting infinity gives the least int or long: on x86.
  if (IsSigned<T>::value && sizeof(T) >= 4 && x == T(0)) return T(1ull << (8 * sizeof(T) - 1));
  return x == T(1) || (IsSigned<T>::value && x == T(-1)) ? x : T(0);
}

template <typename T>
__device__ __forceinline__ T heaviside(T x, T at_zero) {
  return x != x ? x : x == 0 ? at_zero : T(x > 0);
}

template <typename T>
__device__ __forceinline__ T maximum(T a, T b) {
  if constexpr (IsFloating<T>::value) return (a >= b || a != a) ? a : b;
  return a >= b ? a : b;
}
template <typename T>
__device__ __forceinline__ T minimum(T a, T b) {
  if constexpr (IsFloating<T>::value) return (a <= b || a != a) ? a : b;
  return a <= b ? a : b;
}
template <typename T>
__device__ __forceinline__ T fmax_(T a, T b) {
  if constexpr (IsFloating<T>::value) return (a >= b || b != b) ? a : b;
  return a >= b ? a : b;
}
template <typename T>
__device__ __forceinline__ T fmin_(T a, T b) {
  if constexpr (IsFloating<T>::value) return (a <= b || b != b) ? a : b;
  return a <= b ? a : b;
}

// C's remainder, with 0 for a divisor of 0, and no trap for the lowest integer by -1.
template <typename T>
__device__ __forceinline__ T fmod_(T a, T b) {
  if constexpr (IsFloating<T>::value) {
    return fmod(a, b);
  } else if constexpr (IsSigned<T>::value) {
    return (b == T(0) || b == T(-1)) ? T(0) : T(a % b);
  } else {
    return b == T(0) ? T(0) : T(a % b);
  }
}

// Remainder with the divisor's sign.
template <typename T>
__device__ __forceinline__ T remainder(T a, T b) {
  T r = fmod_(a, b);
  if constexpr (IsFloating<T>::value) {
    if (b == 0) return r;
    if (r == 0) return copysign(T(0), b);
    return (b < 0) != (r < 0) ? r + b : r;
  } else if constexpr (IsSigned<T>::value) {
    return r != 0 && (b < 0) != (r < 0) ? T(r + b) : r;
  } else {
    return r;
  }
}

template <typename T>
__device__ __forceinline__ T floor_divide(T a, T b) {
  if constexpr (IsFloating<T>::value) {
    if (b == 0) return a / b;
    const T r = fmod(a, b);
    T q = (a - r) / b;
    if (r != 0 && (b < 0) != (r < 0)) q -= 1;
    if (q == 0) return copysign(T(0), a / b);
    const T whole = floor(q);
    return q - whole > T(0.5) ? whole + 1 : whole;
  } else if constexpr (IsSigned<T>::value) {
    typedef typename UnsignedOf<sizeof(T)>::type U;
    if (b == T(0)) return T(0);
    if (b == T(-1)) return T(U(0) - U(a));
    const T q = T(a / b);
    return T(q * b) != a && (a < 0) != (b < 0) ? T(q - 1) : q;
  } else {
    return b == T(0) ? T(0) : T(a / b);
  }
}

// Integers wrap; a negative power is what truncation makes of the fraction.
template <typename T>
__device__ __forceinline__ T power(T a, T b) {
  if constexpr (IsFloating<T>::value) {
    return pow(a, b);
  } else {
    if constexpr (IsSigned<T>::value) {
      if (b < 0) return a == T(1) ? a : a == T(-1) ? T((b & 1) ? -1 : 1) : T(0);
    }
    typedef unsigned long long U;
    U base = U(a), result = 1;
    for (U n = U(b); n != 0; n >>= 1) {
      if (n & 1) result *= base;
      base *= base;
    }
    return T(result);
  }
}

template <typename T>
__device__ __forceinline__ T logaddexp(T a, T b) {
  if (a == b) return a + T(0.693147180559945309417232121458176568);
  const T d = a - b;
  return d > 0 ? a + log1p(exp(-d)) : d <= 0 ? b + log1p(exp(d)) : d;
}
template <typename T>
__device__ __forceinline__ T logaddexp2(T a, T b) {
  const T e = T(1.44269504088896340735992468100189214);
  if (a == b) return a + T(1);
  const T d = a - b;
  return d > 0 ? a + e * log1p(exp2(-d)) : d <= 0 ? b + e * log1p(exp2(d)) : d;
}

template <typename T>
__device__ __forceinline__ T gcd(T a, T b) {
  a = absolute(a);
  b = absolute(b);
  while (a != 0) {
    const T rest = fmod_(b, a);
    b = a;
    a = rest;
  }
  return absolute(b);
}
template <typename T>
__device__ __forceinline__ T lcm(T a, T b) {
  // In unsigned arithmetic, where the lowest integer has an absolute value.
  typedef typename UnsignedOf<sizeof(T)>::type U;
  const U x = U(absolute(a)), y = U(absolute(b)), divisor = gcd(x, y);
  return divisor == 0 ? T(0) : T(U(x / divisor) * y);
}

// Shifts by the width or more push every bit out.
template <typename T>
__device__ __forceinline__ T left_shift(T a, T b) {
  typedef typename UnsignedOf<sizeof(T)>::type U;
  return U(b) < U(8 * sizeof(T)) ? T((unsigned long long)(U)a << U(b)) : T(0);
}
template <typename T>
__device__ __forceinline__ T right_shift(T a, T b) {
  typedef typename UnsignedOf<sizeof(T)>::type U;
  return U(b) < U(8 * sizeof(T)) ? T(a >> b) : (a < T(0) ? T(-1) : T(0));
}
template <typename T>
__device__ __forceinline__ unsigned char bit_count(T a) {
  typedef typename UnsignedOf<sizeof(T)>::type U;
  return (unsigned char)__popcll((unsigned long long)U(absolute(a)));
}

template <typename T>
__device__ __forceinline__ T frexp_mantissa(T x) {
  int e;
  return frexp(x, &e);
}
template <typename T>
__device__ __forceinline__ int frexp_exponent(T x) {
  int e = 0;
  frexp(x, &e);
  return isfinite_(x) ? e : 0;
}
template <typename T>
__device__ __forceinline__ T modf_integer(T x) {
  return trunc(x);
}
template <typename T>
__device__ __forceinline__ T modf_fraction(T x) {
  return copysign(isinf_(x) ? T(0) : x - trunc(x), x);
}
template <typename T>
__device__ __forceinline__ T spacing(T x) {
  if (!isfinite_(x)) return x - x;
  return nextafter(x, x < 0 ? -infinity(T()) : infinity(T())) - x;
}
// The neighbour of a float16 or bfloat16, given and returned as bits.
__device__ __forceinline__ unsigned short nextafter_half(unsigned short x, unsigned short y,
                                                         unsigned short inf) {
  const unsigned short ax = x & 0x7fff, ay = y & 0x7fff;
  if (ax > inf) return x;
  if (ay > inf) return y;
  if (x == y || (ax | ay) == 0) return y;
  if (ax == 0) return (unsigned short)((y & 0x8000) | 1);
  // Away from zero where y is beyond x on x's side.
  const bool away = ((x ^ y) & 0x8000) == 0 && ay > ax;
  return (unsigned short)(away ? x + 1 : x - 1);
}

// Comparisons that are exact between signed and unsigned integers, as NumPy's are.
template <typename A, typename B>
__device__ __forceinline__ bool less(A a, B b) {
  if constexpr (!IsFloating<A>::value && !IsFloating<B>::value &&
                IsSigned<A>::value != IsSigned<B>::value) {
    if constexpr (IsSigned<A>::value) {
      return a < A(0) || (unsigned long long)a < (unsigned long long)b;
    } else {
      return b >= B(0) && (unsigned long long)a < (unsigned long long)b;
    }
  } else {
    return a < b;
  }
}
template <typename A, typename B>
__device__ __forceinline__ bool less_equal(A a, B b) {
  if constexpr (IsFloating<A>::value || IsFloating<B>::value) return a <= b;
  return !less(b, a);
}
template <typename A, typename B>
__device__ __forceinline__ bool equal(A a, B b) {
  if constexpr (IsFloating<A>::value || IsFloating<B>::value) return a == b;
  return !less(a, b) && !less(b, a);
}

}  // namespace ndgpu
