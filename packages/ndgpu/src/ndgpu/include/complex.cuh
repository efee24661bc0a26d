// complex<float> and complex<double>, with NumPy's arithmetic and the special values of C's
// Annex G.
//
// Functions: abs arg conj norm proj exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan asin
// acos atan sinh cosh tanh asinh acosh atanh pow square reciprocal sign isnan isinf isfinite.
// Order (<, <=, >, >=, maximum, minimum) is by real part, then imaginary part; NaN wins.
#pragma once

#include <ndgpu/math.cuh>

template <typename T>
struct alignas(2 * sizeof(T)) complex {
  typedef T value_type;
  T re, im;

  complex() = default;
  __device__ __forceinline__ constexpr complex(T r, T i = T(0)) : re(r), im(i) {}
  template <typename U>
  __device__ __forceinline__ constexpr complex(const complex<U>& z) : re(T(z.re)), im(T(z.im)) {}

  __device__ __forceinline__ T real() const { return re; }
  __device__ __forceinline__ T imag() const { return im; }
  __device__ __forceinline__ void real(T r) { re = r; }
  __device__ __forceinline__ void imag(T i) { im = i; }

  __device__ __forceinline__ complex operator+() const { return *this; }
  __device__ __forceinline__ complex operator-() const { return complex(-re, -im); }

  // Friends, so that numbers convert on either side: 2 * z.
  friend __device__ __forceinline__ complex operator+(const complex& a, const complex& b) {
    return complex(a.re + b.re, a.im + b.im);
  }
  friend __device__ __forceinline__ complex operator-(const complex& a, const complex& b) {
    return complex(a.re - b.re, a.im - b.im);
  }
  friend __device__ __forceinline__ complex operator*(const complex& a, const complex& b) {
    return complex(a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re);
  }
  // Smith's method: no overflow where the quotient has none.
  friend __device__ __forceinline__ complex operator/(const complex& a, const complex& b) {
    if (fabs(b.re) >= fabs(b.im)) {
      if (b.re == 0 && b.im == 0) return complex(a.re / fabs(b.re), a.im / fabs(b.re));
      const T ratio = b.im / b.re, scale = T(1) / (b.re + b.im * ratio);
      return complex((a.re + a.im * ratio) * scale, (a.im - a.re * ratio) * scale);
    }
    const T ratio = b.re / b.im, scale = T(1) / (b.im + b.re * ratio);
    return complex((a.re * ratio + a.im) * scale, (a.im * ratio - a.re) * scale);
  }
  __device__ __forceinline__ complex& operator+=(const complex& b) { return *this = *this + b; }
  __device__ __forceinline__ complex& operator-=(const complex& b) { return *this = *this - b; }
  __device__ __forceinline__ complex& operator*=(const complex& b) { return *this = *this * b; }
  __device__ __forceinline__ complex& operator/=(const complex& b) { return *this = *this / b; }

  friend __device__ __forceinline__ bool operator==(const complex& a, const complex& b) {
    return a.re == b.re && a.im == b.im;
  }
  friend __device__ __forceinline__ bool operator!=(const complex& a, const complex& b) {
    return !(a == b);
  }
  friend __device__ __forceinline__ bool operator<(const complex& a, const complex& b) {
    return (a.re < b.re && a.im == a.im && b.im == b.im) || (a.re == b.re && a.im < b.im);
  }
  friend __device__ __forceinline__ bool operator<=(const complex& a, const complex& b) {
    return (a.re < b.re && a.im == a.im && b.im == b.im) || (a.re == b.re && a.im <= b.im);
  }
  friend __device__ __forceinline__ bool operator>(const complex& a, const complex& b) {
    return b < a;
  }
  friend __device__ __forceinline__ bool operator>=(const complex& a, const complex& b) {
    return b <= a;
  }
};

template <typename T>
__device__ __forceinline__ T real(const complex<T>& z) {
  return z.re;
}
template <typename T>
__device__ __forceinline__ T imag(const complex<T>& z) {
  return z.im;
}
template <typename T>
__device__ __forceinline__ T abs(const complex<T>& z) {
  return hypot(z.re, z.im);
}
template <typename T>
__device__ __forceinline__ T arg(const complex<T>& z) {
  return atan2(z.im, z.re);
}
template <typename T>
__device__ __forceinline__ T norm(const complex<T>& z) {
  return z.re * z.re + z.im * z.im;
}
template <typename T>
__device__ __forceinline__ complex<T> conj(const complex<T>& z) {
  return complex<T>(z.re, -z.im);
}
template <typename T>
__device__ __forceinline__ bool isnan(const complex<T>& z) {
  return z.re != z.re || z.im != z.im;
}
template <typename T>
__device__ __forceinline__ bool isinf(const complex<T>& z) {
  return ndgpu::isinf_(z.re) || ndgpu::isinf_(z.im);
}
template <typename T>
__device__ __forceinline__ bool isfinite(const complex<T>& z) {
  return ndgpu::isfinite_(z.re) && ndgpu::isfinite_(z.im);
}

namespace ndgpu {

template <typename T>
__device__ __forceinline__ complex<T> times_i(const complex<T>& z) {
  return complex<T>(-z.im, z.re);
}
template <typename T>
__device__ __forceinline__ complex<T> over_i(const complex<T>& z) {
  return complex<T>(z.im, -z.re);
}
// exp(x) would overflow beyond this, though its product with a small number may not.
__device__ __forceinline__ float exp_limit(float) { return 88.f; }
__device__ __forceinline__ double exp_limit(double) { return 709.; }
__device__ __forceinline__ float tanh_limit(float) { return 11.f; }
__device__ __forceinline__ double tanh_limit(double) { return 22.; }
template <typename T>
__device__ __forceinline__ T half_pi(T) { return T(1.57079632679489661923132169163975144); }
// Beyond this z*z overflows, and 1 +- z is z.
__device__ __forceinline__ float square_limit(float) { return 1e18f; }
__device__ __forceinline__ double square_limit(double) { return 1e150; }

template <typename T>
__device__ __forceinline__ complex<T> square(const complex<T>& z) {
  return z * z;
}
template <typename T>
__device__ __forceinline__ complex<T> reciprocal(const complex<T>& z) {
  return complex<T>(T(1)) / z;
}
template <typename T>
__device__ __forceinline__ complex<T> sign(const complex<T>& z) {
  if (z.re == 0 && z.im == 0) return complex<T>(T(0));
  const T size = abs(z);
  if (isinf_(size)) {
    if (isinf_(z.re) && isinf_(z.im)) return complex<T>(T(0) * size, T(0) * size);
    return isinf_(z.re) ? complex<T>(copysign(T(1), z.re), z.im * T(0))
                        : complex<T>(z.re * T(0), copysign(T(1), z.im));
  }
  return complex<T>(z.re / size, z.im / size);
}
template <typename T>
__device__ __forceinline__ complex<T> maximum(const complex<T>& a, const complex<T>& b) {
  return isnan(a) || (!isnan(b) && a >= b) ? a : b;
}
template <typename T>
__device__ __forceinline__ complex<T> minimum(const complex<T>& a, const complex<T>& b) {
  return isnan(a) || (!isnan(b) && a <= b) ? a : b;
}
template <typename T>
__device__ __forceinline__ complex<T> fmax_(const complex<T>& a, const complex<T>& b) {
  return isnan(b) || (!isnan(a) && a >= b) ? a : b;
}
template <typename T>
__device__ __forceinline__ complex<T> fmin_(const complex<T>& a, const complex<T>& b) {
  return isnan(b) || (!isnan(a) && a <= b) ? a : b;
}
template <typename T>
__device__ __forceinline__ bool isnan_(const complex<T>& z) {
  return isnan(z);
}
template <typename T>
__device__ __forceinline__ bool isinf_(const complex<T>& z) {
  return isinf(z);
}
template <typename T>
__device__ __forceinline__ bool isfinite_(const complex<T>& z) {
  return isfinite(z);
}

}  // namespace ndgpu

template <typename T>
__device__ __forceinline__ complex<T> proj(const complex<T>& z) {
  return isinf(z) ? complex<T>(ndgpu::infinity(T()), copysign(T(0), z.im)) : z;
}

template <typename T>
__device__ complex<T> exp(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (y == 0) return complex<T>(exp(x), y);
  if (!ndgpu::isfinite_(y)) {
    if (!ndgpu::isinf_(x)) return complex<T>(y - y, y - y);
    return x > 0 ? complex<T>(x, y - y) : complex<T>(T(0), copysign(T(0), y));
  }
  if (x > ndgpu::exp_limit(T()) && ndgpu::isfinite_(x)) {
    const T half = exp(x * T(0.5));
    return complex<T>(half * cos(y) * half, half * sin(y) * half);
  }
  const T e = exp(x);
  return complex<T>(e * cos(y), e * sin(y));
}

template <typename T>
__device__ complex<T> expm1(const complex<T>& z) {
  const complex<T> e = exp(z);
  if (!ndgpu::isfinite_(z.re) || !ndgpu::isfinite_(z.im)) return complex<T>(e.re - T(1), e.im);
  // exp(x) cos y - 1 without cancellation near 0.
  const T half = sin(z.im * T(0.5));
  return complex<T>(expm1(z.re) * cos(z.im) - T(2) * half * half, e.im);
}

template <typename T>
__device__ complex<T> log(const complex<T>& z) {
  const T a = fabs(z.re), b = fabs(z.im);
  const T big = a > b ? a : b, small = a > b ? b : a;
  T size;
  if (big > T(0.5) && big < T(2) && small < T(2)) {
    // Near the unit circle the logarithm of the modulus is small.
    size = T(0.5) * log1p((big - 1) * (big + 1) + small * small);
  } else if (big > ndgpu::square_limit(T()) && ndgpu::isfinite_(big)) {
    size = log(hypot(a * T(0.5), b * T(0.5))) + T(0.693147180559945309417232121458176568);
  } else {
    size = log(hypot(a, b));
  }
  return complex<T>(size, arg(z));
}
template <typename T>
__device__ complex<T> log2(const complex<T>& z) {
  const T factor = T(1.44269504088896340735992468100189214);
  const complex<T> l = log(z);
  return complex<T>(l.re * factor, l.im * factor);
}
template <typename T>
__device__ complex<T> log10(const complex<T>& z) {
  const T factor = T(0.434294481903251827651128918916605082);
  const complex<T> l = log(z);
  return complex<T>(l.re * factor, l.im * factor);
}
template <typename T>
__device__ complex<T> log1p(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (fabs(x) < T(0.5) && fabs(y) < T(0.5)) {
    return complex<T>(T(0.5) * log1p(x * (x + T(2)) + y * y), atan2(y, x + T(1)));
  }
  return log(complex<T>(x + T(1), y));
}
template <typename T>
__device__ complex<T> exp2(const complex<T>& z) {
  const T factor = T(0.693147180559945309417232121458176568);
  return exp(complex<T>(z.re * factor, z.im * factor));
}

template <typename T>
__device__ complex<T> sqrt(const complex<T>& z) {
  T x = z.re, y = z.im;
  if (x == 0 && y == 0) return complex<T>(T(0), y);
  if (ndgpu::isinf_(y)) return complex<T>(fabs(y), y);
  if (x != x) return complex<T>(x, x);
  if (ndgpu::isinf_(x)) {
    return x > 0 ? complex<T>(x, y != y ? y : copysign(T(0), y))
                 : complex<T>(fabs(y - y), copysign(x, y));
  }
  // Powers of 4 keep the modulus within range; their roots are exact.
  T back = T(1);
  const T big = ndgpu::maximum(fabs(x), fabs(y));
  if (big > ndgpu::square_limit(T())) {
    x *= T(0.0625), y *= T(0.0625), back = T(4);
  } else if (big < T(1) / ndgpu::square_limit(T())) {
    const T up = T(16777216) * T(16777216);
    x *= up, y *= up, back = T(1) / T(16777216);
  }
  const T t = sqrt((fabs(x) + hypot(x, y)) * T(0.5));
  const T other = fabs(y) / (T(2) * t);
  return x >= 0 ? complex<T>(t * back, copysign(other * back, y))
                : complex<T>(other * back, copysign(t * back, y));
}

template <typename T>
__device__ complex<T> sinh(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (ndgpu::isfinite_(x) && ndgpu::isfinite_(y)) {
    if (y == 0) return complex<T>(sinh(x), y);
    if (fabs(x) > ndgpu::exp_limit(T())) {
      const T h = exp(fabs(x) * T(0.5)), e = T(0.5) * h;
      return complex<T>(copysign(e, x) * cos(y) * h, e * sin(y) * h);
    }
    return complex<T>(sinh(x) * cos(y), cosh(x) * sin(y));
  }
  if (x == 0) return complex<T>(x, y - y);
  if (y == 0) return complex<T>(x, y);
  if (ndgpu::isinf_(x)) {
    return ndgpu::isfinite_(y) ? complex<T>(x * cos(y), fabs(x) * sin(y))
                               : complex<T>(x * x, y - y);
  }
  const T none = (x - x) + (y - y);
  return complex<T>(none, none);
}

template <typename T>
__device__ complex<T> cosh(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (ndgpu::isfinite_(x) && ndgpu::isfinite_(y)) {
    if (y == 0) return complex<T>(cosh(x), copysign(T(0), x) * y);
    if (fabs(x) > ndgpu::exp_limit(T())) {
      const T h = exp(fabs(x) * T(0.5)), e = T(0.5) * h;
      return complex<T>(e * cos(y) * h, copysign(e, x) * sin(y) * h);
    }
    return complex<T>(cosh(x) * cos(y), sinh(x) * sin(y));
  }
  if (x == 0) return complex<T>(y - y, T(0));
  if (y == 0) return complex<T>(fabs(x), copysign(y, copysign(T(1), x) * copysign(T(1), y)));
  if (ndgpu::isinf_(x)) {
    return ndgpu::isfinite_(y) ? complex<T>(fabs(x) * cos(y), x * sin(y))
                               : complex<T>(fabs(x), y - y);
  }
  const T none = (x - x) + (y - y);
  return complex<T>(none, none);
}

template <typename T>
__device__ complex<T> tanh(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (!ndgpu::isfinite_(x)) {
    if (x != x) return complex<T>(x, y == 0 ? y : x);
    return complex<T>(copysign(T(1), x),
                      copysign(T(0), ndgpu::isfinite_(y) ? sin(y) * cos(y) : y));
  }
  if (!ndgpu::isfinite_(y)) return complex<T>(x == 0 ? x : y - y, y - y);
  if (fabs(x) >= ndgpu::tanh_limit(T())) {
    const T e = exp(-fabs(x));
    return complex<T>(copysign(T(1), x), T(4) * sin(y) * cos(y) * e * e);
  }
  const T t = tan(y), beta = T(1) + t * t, s = sinh(x), rho = sqrt(T(1) + s * s);
  if (ndgpu::isinf_(t)) return complex<T>(rho / s, T(1) / t);
  const T denominator = T(1) + beta * s * s;
  return complex<T>(beta * rho * s / denominator, t / denominator);
}

template <typename T>
__device__ __forceinline__ complex<T> sin(const complex<T>& z) {
  return ndgpu::over_i(sinh(ndgpu::times_i(z)));
}
template <typename T>
__device__ __forceinline__ complex<T> cos(const complex<T>& z) {
  return cosh(ndgpu::times_i(z));
}
template <typename T>
__device__ __forceinline__ complex<T> tan(const complex<T>& z) {
  return ndgpu::over_i(tanh(ndgpu::times_i(z)));
}

// The inverse functions are Kahan's ("Branch cuts for complex elementary functions").
template <typename T>
__device__ complex<T> asin(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (isnan(z)) return complex<T>(x == 0 ? x : x + y, ndgpu::isinf_(x) || ndgpu::isinf_(y)
                                                          ? ndgpu::infinity(T()) : x + y);
  if (fabs(x) > ndgpu::square_limit(T()) || fabs(y) > ndgpu::square_limit(T())) {
    const T size = log(complex<T>(x, y)).re + T(0.693147180559945309417232121458176568);
    return complex<T>(atan2(x, fabs(y)), copysign(size, y));
  }
  const complex<T> minus = sqrt(complex<T>(T(1) - x, -y)), plus = sqrt(complex<T>(T(1) + x, y));
  return complex<T>(atan2(x, minus.re * plus.re - minus.im * plus.im),
                    asinh(minus.re * plus.im - minus.im * plus.re));
}
template <typename T>
__device__ complex<T> acos(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (isnan(z)) return complex<T>(x == 0 ? ndgpu::half_pi(T()) : x + y,
                                  ndgpu::isinf_(x) || ndgpu::isinf_(y) ? -ndgpu::infinity(T())
                                                                       : x + y);
  if (fabs(x) > ndgpu::square_limit(T()) || fabs(y) > ndgpu::square_limit(T())) {
    const T size = log(complex<T>(x, y)).re + T(0.693147180559945309417232121458176568);
    return complex<T>(atan2(fabs(y), x), -copysign(size, y));
  }
  const complex<T> minus = sqrt(complex<T>(T(1) - x, -y)), plus = sqrt(complex<T>(T(1) + x, y));
  return complex<T>(T(2) * atan2(minus.re, plus.re),
                    asinh(plus.re * minus.im - plus.im * minus.re));
}
template <typename T>
__device__ complex<T> acosh(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (isnan(z)) return complex<T>(ndgpu::isinf_(x) || ndgpu::isinf_(y) ? ndgpu::infinity(T())
                                                                        : x + y,
                                  x == 0 ? ndgpu::half_pi(T()) : x + y);
  if (fabs(x) > ndgpu::square_limit(T()) || fabs(y) > ndgpu::square_limit(T())) {
    const T size = log(complex<T>(x, y)).re + T(0.693147180559945309417232121458176568);
    return complex<T>(size, atan2(y, x));
  }
  const complex<T> minus = sqrt(complex<T>(x - T(1), y)), plus = sqrt(complex<T>(x + T(1), y));
  return complex<T>(asinh(minus.re * plus.re + minus.im * plus.im),
                    T(2) * atan2(minus.im, plus.re));
}
template <typename T>
__device__ complex<T> atanh(const complex<T>& z) {
  const T x = z.re, y = z.im;
  if (fabs(x) > ndgpu::square_limit(T()) || fabs(y) > ndgpu::square_limit(T())) {
    // 1 / z, whose parts may be 0.
    const T size = ndgpu::isinf_(x) || ndgpu::isinf_(y) ? T(0) : (x / hypot(x, y)) / hypot(x, y);
    return complex<T>(copysign(size, x),
                      y != y ? y : copysign(ndgpu::half_pi(T()), y));
  }
  const T a = fabs(x);
  const T re =
      a == 0 ? a : T(0.25) * log1p(T(4) * a / ((T(1) - a) * (T(1) - a) + y * y));
  return complex<T>(copysign(re, x),
                    T(0.5) * atan2(T(2) * y, (T(1) - a) * (T(1) + a) - y * y));
}
template <typename T>
__device__ __forceinline__ complex<T> asinh(const complex<T>& z) {
  return ndgpu::over_i(asin(ndgpu::times_i(z)));
}
template <typename T>
__device__ __forceinline__ complex<T> atan(const complex<T>& z) {
  return ndgpu::over_i(atanh(ndgpu::times_i(z)));
}

// As NumPy: whole exponents below 100 by multiplication, which is exact where it can be.
template <typename T>
__device__ complex<T> pow(const complex<T>& z, const complex<T>& w) {
  if (w.re == 0 && w.im == 0) return complex<T>(T(1));
  if (z.re == 0 && z.im == 0) {
    if (w.re > 0) return complex<T>(T(0));
    const T none = ndgpu::infinity(T()) - ndgpu::infinity(T());
    return complex<T>(none, none);
  }
  if (w.im == 0 && fabs(w.re) < T(100) && w.re == trunc(w.re)) {
    int count = (int)fabs(w.re);
    complex<T> base = z, result = complex<T>(T(1));
    for (; count != 0; count >>= 1) {
      if (count & 1) result = result * base;
      base = base * base;
    }
    return w.re < 0 ? complex<T>(T(1)) / result : result;
  }
  return exp(w * log(z));
}
template <typename T>
__device__ __forceinline__ complex<T> pow(const complex<T>& z, T w) {
  return pow(z, complex<T>(w));
}
namespace ndgpu {
template <typename T>
__device__ __forceinline__ complex<T> power(const complex<T>& z, const complex<T>& w) {
  return pow(z, w);
}
}  // namespace ndgpu
