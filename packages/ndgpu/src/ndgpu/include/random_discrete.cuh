// Numbers of discrete distributions from one element's stream; see random.cuh.
//
// Probabilities are evaluated as in C. Loader, "Fast and accurate computation of binomial
// probabilities" (2000), so that the rejection methods stay right for parameters of 1e18, where
// differences of log-gamma functions have no digit left.
#pragma once

#include <ndgpu/random.cuh>

namespace ndgpu {

constexpr double LARGEST_INT64 = 9223372036854775807.;
constexpr double LARGEST_POISSON = 9.2233720064847708e18;  // NumPy's bound for the mean

__device__ __forceinline__ long long to_int64(double x) {
  return x >= LARGEST_INT64 ? 0x7fffffffffffffffll : (long long)x;
}

// log(n!) - n log(n) + n for n < 16.
__device__ const double FACTORIAL_REST[16] = {
    0.0, 1.0, 1.3068528194400546906, 1.4959226032237259266,
    1.6328763858683831443, 1.7403021806115441212, 1.8286943966417709902, 1.9037903176782211644,
    1.9690705693065628024, 2.0268062840554951661, 2.078561643135058455, 2.1254598450918098546,
    2.1683346982058824268, 2.2078222061234453169, 2.2444185681250608968, 2.2785183673077405761};

// log(n!) - n log(n) + n: the table, or Stirling's series.
__device__ __forceinline__ double factorial_rest(double n) {
  const double r = 1 / n, s = r * r;
  const double large =
      0.5 * log(2 * RANDOM_PI * n) +
      (1. / 12 - (1. / 360 - (1. / 1260 - (1. / 1680 - s / 1188) * s) * s) * s) * r;
  return n < 16 ? FACTORIAL_REST[(int)n] : large;
}

// x log(x / m) + m - x, without cancellation near x == m.
__device__ __forceinline__ double deviance(double x, double m) {
  const double d = x - m;
  if (fabs(d) < 0.1 * (x + m)) {
    const double v = d / (x + m), v2 = v * v;
    double s = d * v, e = 2 * x * v;
#pragma unroll 1
    for (int j = 3; j < 41; j += 2) {  // v**2 is below 0.01
      e *= v2;
      s += e / j;
    }
    return s;
  }
  return x == 0 ? m : x * log(x / m) - d;
}

// -log of k!, and of what it is divided by in probabilities, but for terms without k: the sum
// over k of a drawn with probability p; with two parts also over n - k of b.
template <int PARTS>
__device__ __forceinline__ double log_weight(double k, double a, double b, double n, double p) {
  double sum = 0;
#pragma unroll 1
  for (int j = 0; j < 2 * PARTS; ++j) {
    const double all = j & 2 ? b : a, drawn = j & 2 ? n - k : k;
    const double x = j & 1 ? all - drawn : drawn, m = all * (j & 1 ? 1 - p : p);
    sum -= factorial_rest(x) + deviance(x, m);
  }
  return sum;
}

// Inversion for small means; W. Hoermann's PTRS (1993), a transformed rejection, for others.
__device__ __forceinline__ double poisson_number(RandomStream& g, double lam) {
  if (lam < 10) {
    double u = g.uniform(), p = exp(-lam), k = 0;
    while (u > p && k < 200) {  // what rounding leaves of u beyond that has no weight
      u -= p;
      p *= lam / ++k;
    }
    return k;
  }
  const double b = 0.931 + 2.53 * sqrt(lam), a = -0.059 + 0.02483 * b;
  const double scale = 1.1239 + 1.1328 / (b - 3.4), quick = 0.9277 - 3.6224 / (b - 2);
  for (;;) {
    const double u = g.uniform() - 0.5, v = g.open();
    const double us = 0.5 - fabs(u);
    const double k = floor((2 * a / us + b) * u + lam + 0.43);
    if (us >= 0.07 && v <= quick) return k;
    if (k < 0 || (us < 0.013 && v > us) || us == 0) continue;
    if (log(v * scale / (a / (us * us) + b)) <= -factorial_rest(k) - deviance(k, lam)) return k;
  }
}

__device__ __forceinline__ long long poisson(RandomStream& g, double lam) {
  return to_int64(poisson_number(g, lam));
}

// As `poisson`: inversion, or Hoermann's BTRS (1993); p is at most 1/2.
__device__ __forceinline__ double binomial_half(RandomStream& g, double n, double p) {
  const double mean = n * p;
  if (mean < 10) {
    const double none = exp(n * log1p(-p)), odds = p / (1 - p);
    for (;;) {
      double u = g.uniform(), q = none, k = 0;
      while (u > q && k <= n && k < 200) {
        u -= q;
        ++k;
        q *= (n - k + 1) * odds / k;
      }
      if (k <= n && k < 200) return k;
    }
  }
  const double spread = sqrt(mean * (1 - p));
  const double b = 1.15 + 2.53 * spread, a = -0.0873 + 0.0248 * b + 0.01 * p;
  const double scale = (2.83 + 5.1 / b) * spread, quick = 0.92 - 4.2 / b;
  double most = 0, k = floor((n + 1) * p), log_v = 0;
  for (bool at_mode = true;; at_mode = false) {
    if (!at_mode) {
      const double u = g.uniform() - 0.5, v = g.open();
      const double us = 0.5 - fabs(u);
      k = floor((2 * a / us + b) * u + mean + 0.5);
      if (!(k >= 0 && k <= n)) continue;
      if (us >= 0.07 && v <= quick) return k;
      log_v = log(v * scale / (a / (us * us) + b));
    }
    const double weight = log_weight<1>(k, n, 0, 0, p);
    if (at_mode)
      most = weight;
    else if (log_v <= weight - most)
      return k;
  }
}

__device__ __forceinline__ long long binomial(RandomStream& g, long long n, double p) {
  if (n <= 0 || p <= 0) return 0;
  if (p >= 1) return n;
  const long long k = min((long long)binomial_half(g, (double)n, fmin(p, 1 - p)), n);
  return p <= 0.5 ? k : n - k;
}

__device__ __forceinline__ long long negative_binomial(RandomStream& g, double n, double p) {
  const double lam = standard_gamma(g, n) * ((1 - p) / p);
  return to_int64(poisson_number(g, fmin(lam, LARGEST_POISSON)));
}

// A chi-square number of `df` plus what a noncentrality of `nonc` adds: a shifted normal number
// squared in place of one degree of freedom, or a Poisson number of degrees.
__device__ __forceinline__ double noncentral_chisquare(RandomStream& g, double df, double nonc) {
  if (isnan(nonc)) return nonc;
  double square = 0;
  if (nonc > 0) {
    if (df > 1) {
      const double x = g.normal() + sqrt(nonc);
      square = x * x;
      df -= 1;
    } else {
      df += 2 * poisson_number(g, fmin(nonc / 2, LARGEST_POISSON));
    }
  }
  return 2 * standard_gamma(g, df / 2) + square;
}

__device__ __forceinline__ double noncentral_f(RandomStream& g, double dfnum, double dfden,
                                               double nonc) {
  double x = 0, y = 0;
#pragma unroll 1
  for (int j = 0; j < 2; ++j) {
    y = x;
    x = noncentral_chisquare(g, j ? dfnum : dfden, j ? nonc : 0) / (j ? dfnum : dfden);
  }
  return x / y;
}

// The smallest k with (1 - p)**k <= u.
__device__ __forceinline__ long long geometric(RandomStream& g, double p) {
  return to_int64(fmax(ceil(log(g.open()) / log1p(-p)), 1.));
}

// A. W. Kemp's LK (1981).
__device__ __forceinline__ long long logseries(RandomStream& g, double p) {
  const double r = log1p(-p);
  for (;;) {
    const double v = g.open();
    if (v >= p) return 1;
    const double q = -expm1(r * g.open());
    if (v > q * q) return v >= q ? 1 : 2;
    const double k = floor(1 + log(v) / log(q));
    if (k >= 1 && k < LARGEST_INT64) return (long long)k;
  }
}

// L. Devroye's rejection (1986), of the distribution cut at the largest int64. Beyond 1025 all
// but 2**-1025 of the weight is at 1.
__device__ __forceinline__ long long zipf(RandomStream& g, double a) {
  if (a >= 1025) return 1;
  const double s = a - 1, lowest = exp(-s * 43.668272375276554);  // log of the largest int64
  const double b1 = expm1(s * 0.69314718055994530942);            // 2**s - 1
  for (;;) {
    const double w = g.open(), v = g.uniform();
    const double x = floor(exp(-log(w * lowest + (1 - w)) / s));
    if (!(x >= 1 && x < LARGEST_INT64)) continue;
    const double t1 = expm1(s * log1p(1 / x));
    if (v * x * t1 / b1 <= (1 + t1) / (1 + b1)) return (long long)x;
  }
}

// White balls among n drawn from an urn: one by one for a few, else E. Stadlober's ratio of
// uniforms HRUA (1990).
__device__ __forceinline__ long long hypergeometric(RandomStream& g, long long good,
                                                    long long bad, long long sample) {
  const long long total = good + bad;
  if (sample <= 0 || good <= 0) return 0;
  if (bad <= 0) return sample;
  const long long n = min(sample, total - sample);
  long long k = 0;
  if (n < 10) {
    long long white = good;
    for (long long left = total; left > total - n; --left) {
      if (g.uniform() * (double)left < (double)white) {
        ++k;
        --white;
      }
    }
  } else {
    const double a = (double)min(good, bad), b = (double)max(good, bad), draws = (double)n;
    const double p = a / (a + b), mean = draws * p + 0.5, share = draws / (a + b);
    const double variance = (a + b - draws) * draws * p * (1 - p) / (a + b - 1);
    const double c = sqrt(variance + 0.5), h = 1.7155277699214135 * c + 0.8989161620588988;
    const double top = fmin(fmin(draws, a) + 1, floor(mean + 16 * c));
    double most = 0, x = floor((draws + 1) * (a + 1) / (a + b + 2)), u = 1;
    for (bool at_mode = true;; at_mode = false) {
      if (!at_mode) {
        u = g.open();
        x = mean + h * (g.uniform() - 0.5) / u;
        if (!(x >= 0 && x < top)) continue;
        x = floor(x);
      }
      const double weight = log_weight<2>(x, a, b, draws, share);
      const double t = weight - most;
      if (at_mode)
        most = weight;
      else if (u * (4 - u) - 3 <= t || 2 * log(u) <= t)
        break;
    }
    k = good <= bad ? (long long)x : n - (long long)x;
  }
  return n == sample ? k : good - k;
}

// How often each of `count` outcomes comes in n trials: a binomial number for each in turn.
__device__ __forceinline__ void multinomial(RandomStream& g, long long n, const double* p,
                                            long long* y, long long count) {
  double left = 1;
  for (long long j = 0; j + 1 < count; ++j) {
    const long long k = binomial(g, n, left > 0 ? fmin(p[j] / left, 1.) : 1);
    y[j] = k;
    n -= k;
    left -= p[j];
  }
  y[count - 1] = n;
}

__device__ __forceinline__ void multivariate_hypergeometric(RandomStream& g,
                                                            const long long* colors,
                                                            long long total, long long sample,
                                                            long long* y, long long count) {
  for (long long j = 0; j < count; ++j) {
    total -= colors[j];
    const long long k = hypergeometric(g, colors[j], total, sample);
    y[j] = k;
    sample -= k;
  }
}

// Gamma numbers over their sum, by logarithms, which do not underflow.
__device__ __forceinline__ void dirichlet(RandomStream& g, const double* alpha, double* y,
                                          long long count) {
  const double none = -__longlong_as_double(0x7ff0000000000000ll);
  double most = none, sum = 0;
  for (long long j = 0; j < count; ++j) {
    const GammaNumber x = gamma_number(g, alpha[j]);
    y[j] = log(x.value) + x.log_factor;
    most = y[j] > most || isnan(y[j]) ? y[j] : most;
  }
  for (long long j = 0; j < count; ++j) {
    y[j] = most == none ? 0 : exp(y[j] - most);
    sum += y[j];
  }
  for (long long j = 0; j < count; ++j) y[j] /= most == none ? 1 : sum;
}

}  // namespace ndgpu
