// Numbers of continuous distributions from one element's stream of random bits.
//
// A `RandomStream` belongs to one element: its numbers are a function of (key, element, jump)
// alone, however many of them a rejection loop uses up. All formulas are in double, so that the
// decisions of those loops do not depend on the precision asked for. Functions that return a
// number of a distribution call what is long (a logarithm, a gamma number) from as few places as
// they can, in loops if need be: all of it is inlined.
#pragma once

#include <ndgpu/philox.cuh>

namespace ndgpu {

constexpr double RANDOM_PI = 3.14159265358979323846;

class RandomStream {
 public:
  // `jump` tells streams of one key apart that count the same elements.
  __device__ RandomStream(unsigned long long key, unsigned long long element,
                          unsigned long long jump)
      : key_(key), element_(element), step_(jump << 32), block_{0, 0, 0, 0}, half_(false) {}

  // 64 random bits.
  __device__ __forceinline__ unsigned long long bits() {
    half_ = !half_;
    if (half_) {
      block_ = philox<2>(key_, element_, step_++);
      return ((unsigned long long)block_.y << 32) | block_.x;
    }
    return ((unsigned long long)block_.w << 32) | block_.z;
  }
  // [0, 1), all multiples of 2**-53 alike.
  __device__ __forceinline__ double uniform() { return (bits() >> 11) * 0x1p-53; }
  // (0, 1), neither end: 52 bits, so that the largest is not rounded up to 1.
  __device__ __forceinline__ double open() { return ((bits() >> 12) + 0.5) * 0x1p-52; }
  __device__ __forceinline__ double exponential() { return -log(open()); }
  // One of the two numbers that Box and Muller's method makes, from a block of its own.
  __device__ __forceinline__ double normal() {
    const Philox4 c = philox<2>(key_, element_, step_++);
    const double u = (((((unsigned long long)c.y << 32) | c.x) >> 12) + 0.5) * 0x1p-52;
    return sqrt(-2. * log(u)) * cospi(2. * uniform_double(c.w, c.z));
  }

 private:
  unsigned long long key_, element_, step_;
  Philox4 block_;
  bool half_;
};

// A gamma number of scale 1 as `value * exp(log_factor)`, which exists where it underflows.
struct GammaNumber {
  double value, log_factor;
};

// Marsaglia and Tsang (2000): for shapes below 1 that of a + 1, times u**(1 / a).
__device__ __forceinline__ GammaNumber gamma_number(RandomStream& g, double a) {
  if (!(a > 0)) return {a == 0 ? 0 : nan(""), 0};
  const bool small = a < 1;
  const double d = (small ? a + 1 : a) - 1. / 3, c = 1 / sqrt(9 * d);
  double v;
  for (;;) {
    const double x = g.normal();
    v = 1 + c * x;
    if (v <= 0) continue;
    v = v * v * v;
    const double u = g.open();
    if (u < 1 - 0.0331 * x * x * x * x || log(u) < 0.5 * x * x + d * (1 - v + log(v))) break;
  }
  return {d * v, small ? log(g.open()) / a : 0};
}

__device__ __forceinline__ double standard_gamma(RandomStream& g, double a) {
  const GammaNumber x = gamma_number(g, a);
  return x.value * exp(x.log_factor);
}

// X / Y of two gamma numbers, where either may underflow.
__device__ __forceinline__ double gamma_ratio(RandomStream& g, double a, double b) {
  GammaNumber x = {0, 0}, y = {0, 0};
#pragma unroll 1
  for (int j = 0; j < 2; ++j) {
    y = x;
    x = gamma_number(g, j ? a : b);
  }
  return x.value / y.value * exp(x.log_factor - y.log_factor);
}

__device__ __forceinline__ double beta(RandomStream& g, double a, double b) {
  return 1 / (1 + gamma_ratio(g, b, a));
}

__device__ __forceinline__ double chisquare(RandomStream& g, double df) {
  return 2 * standard_gamma(g, df / 2);
}

__device__ __forceinline__ double f_ratio(RandomStream& g, double dfnum, double dfden) {
  return gamma_ratio(g, dfnum / 2, dfden / 2) * dfden / dfnum;
}

__device__ __forceinline__ double standard_t(RandomStream& g, double df) {
  const double x = g.normal();
  return x * sqrt(df / 2 / standard_gamma(g, df / 2));
}

__device__ __forceinline__ double standard_cauchy(RandomStream& g) {
  double s, c;
  sincospi(g.open(), &s, &c);
  return c / s;
}

__device__ __forceinline__ double laplace(RandomStream& g, double loc, double scale) {
  const double u = g.open();
  const double x = scale * log(2 * fmin(u, 1 - u));
  return u < 0.5 ? loc + x : loc - x;
}

__device__ __forceinline__ double logistic(RandomStream& g, double loc, double scale) {
  const double u = g.open();
  return loc + scale * log(u / (1 - u));
}

// x**(1 / a) of an exponential x; 0 for a == 0, as in NumPy.
__device__ __forceinline__ double weibull(RandomStream& g, double a) {
  const double x = exp(log(g.exponential()) / a);
  return a == 0 ? 0 : x;
}

__device__ __forceinline__ double triangular(RandomStream& g, double left, double mode,
                                             double right) {
  const double base = right - left, u = g.uniform();
  const bool rising = u <= (mode - left) / base;
  const double x = sqrt((rising ? u : 1 - u) * base * (rising ? mode - left : right - mode));
  return rising ? left + x : right - x;
}

// Michael, Schucany and Haas (1976); the smaller root as a quotient, which does not cancel.
__device__ __forceinline__ double wald(RandomStream& g, double mean, double scale) {
  const double y = g.normal();
  const double r = mean * y * y / scale;
  const double x = mean / (1 + 0.5 * (r + sqrt(r * (4 + r))));
  return g.uniform() * (mean + x) <= mean ? x : mean * (mean / x);
}

// Best and Fisher (1979); beyond 1e6 the normal distribution, below 1e-8 the uniform one, to
// which it tends.
__device__ __forceinline__ double vonmises(RandomStream& g, double mu, double kappa) {
  double angle = 0;
  if (kappa < 1e-8) {
    angle = RANDOM_PI * (2 * g.uniform() - 1);
  } else if (kappa > 1e6) {
    angle = g.normal() / sqrt(kappa);
  } else if (kappa == kappa) {
    double s = 1 / kappa + kappa;  // the first terms of what follows
    if (kappa >= 1e-5) {
      const double r = 1 + sqrt(1 + 4 * kappa * kappa);
      const double rho = (r - sqrt(2 * r)) / (2 * kappa);
      s = (1 + rho * rho) / (2 * rho);
    }
    double w;
    bool taken;
    do {
      const double z = cospi(g.uniform());
      w = (1 + s * z) / (s + z);
      const double y = kappa * (s - w);
      const double v = g.uniform();
      taken = y * (2 - y) >= v || log(y / v) + 1 - y >= 0;
    } while (!taken);
    angle = acos(fmin(fmax(w, -1.), 1.));
    if (g.bits() >> 63) angle = -angle;
  } else {
    return kappa;
  }
  const double x = mu + angle;
  const double turned = x - 2 * RANDOM_PI * rint(x / (2 * RANDOM_PI));
  return turned < -RANDOM_PI ? -RANDOM_PI : turned > RANDOM_PI ? RANDOM_PI : turned;
}

}  // namespace ndgpu
