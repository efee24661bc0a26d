"""CUDA C++ of one pass of a fast Fourier transform.

A transform of n = R1 R2 ... elements is made in passes of large radices, each a transform of R
elements for every line, done in shared memory by butterflies of small radices.  Both levels are
Stockham's algorithm, which leaves the result in order without a permutation (formulas as in
N. Govindaraju et al., "High performance discrete Fourier transforms on graphics processors",
2008): with ns the product of the radices of the passes before, line j of n / R takes elements
``j + r n/R``, multiplies them by ``exp(-+ 2 pi i (j mod ns) r / (ns R))``, transforms them, and
writes them to ``(j // ns) ns R + j mod ns + r ns``.

Guarantees: the source is a function of a `Pass` alone, so equal passes share one entry of the
cache.
"""

from __future__ import annotations

from math import cos, pi, prod, sin
from typing import NamedTuple

import numpy as np

from ndgpu.compile import cast, ctype, headers_of

__all__ = ["RADICES", "Pass", "generate", "unit_root"]

RADICES = (8, 4, 2, 3, 5, 7, 11, 13)
"""Small radices; a size with another prime factor goes through a convolution."""


class Pass(NamedTuple):
    """All that a pass's source depends on.

    Attributes
    ----------
    radices : tuple of int
        Of the butterflies; their product is the pass's radix R.
    tile, threads : int
        Lines that a block takes, and its threads: a multiple of `tile`.
    source : numpy.dtype
        Of the elements read.
    result : numpy.dtype
        complex64 or complex128, in which the pass calculates.
    sign : int
        Of the exponent: -1 forward, +1 backward.
    load : {"plain", "hermitian"}
        What is read: elements, zero past the last; or the first half of a Hermitian sequence,
        of which the other half is made.
    real : bool
        Whether only real parts are written.
    along_load, along_store : bool
        Whether neighbouring threads read (write) along a line, and not across lines.
    premultiply, postmultiply : bool
        Whether elements are multiplied by a table before or after.
    wide : bool
        Whether element numbers need 64 bits.
    """

    radices: tuple[int, ...]
    tile: int
    threads: int
    source: np.dtype
    result: np.dtype
    sign: int
    load: str
    real: bool
    along_load: bool
    along_store: bool
    premultiply: bool
    postmultiply: bool
    wide: bool


def unit_root(k: int, n: int) -> tuple[float, float]:
    """Return ``cos`` and ``sin`` of ``2 pi k / n``, each from an angle of at most an eighth turn.

    Examples
    --------
    >>> unit_root(3, 4)
    (0.0, -1.0)
    """
    quarter, rest = divmod(8 * (k % n) + n, 2 * n)
    rest -= n  # the angle is quarter * 90 degrees + rest / (8 n) turns
    c, s = cos(2 * pi * rest / (8 * n)), sin(2 * pi * rest / (8 * n))
    for _ in range(quarter % 4):
        c, s = -s, c
    return c + 0.0, s + 0.0


_HEAD = """\
{includes}
typedef {real} T;
typedef complex<T> C;
typedef {source} In;
typedef {out} Out;
typedef {index} Index;
constexpr int R = {radix}, TILE = {tile}, PITCH = TILE | 1, THREADS = {threads};

// A quarter turn in the transform's direction.
static __device__ __forceinline__ C turn(C z) {{ return {turn}; }}

static __device__ __forceinline__ C root(const C* roots, int k) {{
  const C z = roots[k];
  return {rooted};
}}

// The k-th power of the n-th root of one. The angle is brought below an eighth of a turn in
// integers, so that its error stays that of one rounding.
static __device__ __forceinline__ C twiddle(long long k, long long n) {{
  const int quarter = (int)rint(T(4) * (T(k) / T(n)));
  const T angle = T(4 * k - quarter * n) / T(2 * n);
  T s, c;
  sincospi(angle, &s, &c);
  C z(c, {sine});
  if (quarter & 1) z = turn(z);
  if (quarter & 2) z = -z;
  return z;
}}

static __device__ __forceinline__ C load(const In* x, long long step, Index k, Index n, Index given,
                                         const C* before) {{
{load}
}}
"""

_LOAD = {
    "plain": """\
  if (k >= given) return C(T(0));
  const In e = x[k * step];
  {fetch}""",
    "hermitian": """\
  if (k >= n) return C(T(0));
  const bool mirrored = k > n / 2;
  const Index m = mirrored ? n - k : k;
  if (m >= given) return C(T(0));
  const In e = x[m * step];
  {fetch}
  if (mirrored) z.im = -z.im;""",
}

_KERNEL = """\
extern "C" __global__ void __launch_bounds__(THREADS) {name}(
    const In* x, Out* y, const C* roots, const C* before, const C* after, Index lines,
    Index columns, Index inner, Index ns, Index n, Index given, Index kept, long long outer_step,
    long long step, long long inner_step, T scale) {{
  __shared__ C shared[2 * R * PITCH];
  C *from = shared, *to = shared + R * PITCH;
  const Index first = (Index)blockIdx.x * TILE;
  const int thread = threadIdx.x;
{read}
{stages}
  __syncthreads();
{write}
}}
"""

# One line is a whole transform whose elements are neighbours.
_READ_ALONG = """\
  for (int e = thread; e < R * TILE; e += THREADS) {
    const int line = e / R, r = e - line * R;
    const Index place = first + line;
    from[r * PITCH + line] =
        place < lines ? load(x + place * outer_step, step, r, n, given, before) : C(T(0));
  }"""
# Neighbouring lines are neighbours in memory.
_PLACE = """\
    const Index o = place / columns, c = place - o * columns, j = c / inner, i = c - j * inner;
    const Index high = j / ns, low = j - high * ns;"""
_READ_ACROSS = """\
  {
  const int line = thread % TILE;
  const Index place = first + line;
  if (place < lines) {
{place}
    const In* base = x + o * outer_step + i * inner_step;
    const Index apart = columns / inner;
    for (int r = thread / TILE; r < R; r += THREADS / TILE) {
      C v = load(base, step, j + r * apart, n, given, before);
      if (low) v = v * twiddle((long long)low * r, (long long)ns * R);
      from[r * PITCH + line] = v;
    }
  } else {
    for (int r = thread / TILE; r < R; r += THREADS / TILE) from[r * PITCH + line] = C(T(0));
  }
  }""".replace("{place}", _PLACE)

_STAGE = """\
  __syncthreads();
  for (int b = thread; b < R / {radix} * TILE; b += THREADS) {{
    const int line = b % TILE, j = b / TILE, low = j % {ns};
    C v[{radix}];
#pragma unroll
    for (int q = 0; q < {radix}; ++q) v[q] = from[(j + q * (R / {radix})) * PITCH + line];
{rotate}    butterfly_{radix}(v);
    C* at = to + ((j / {ns}) * {group} + low) * PITCH + line;
#pragma unroll
    for (int q = 0; q < {radix}; ++q) at[q * {ns} * PITCH] = v[q];
  }}
  {{ C* other = from; from = to; to = other; }}"""
_ROTATE = """\
#pragma unroll
    for (int q = 1; q < {radix}; ++q) v[q] = v[q] * root(roots, low * q * {apart});
"""

_WRITE_ALONG = """\
  const Index length = columns == 1 ? kept : (Index)R;
  for (int e = thread; e < R * TILE; e += THREADS) {
    const int line = e / R, r = e - line * R;
    const Index place = first + line;
    if (place < lines && r < length) {
      const Index k = r;
      C v = from[r * PITCH + line];
      {finish}
      y[place * length + r] = {value};
    }
  }"""
_WRITE_ACROSS = """\
  {
  const int line = thread % TILE;
  const Index place = first + line;
  if (place < lines) {
{place}
    for (int r = thread / TILE; r < R; r += THREADS / TILE) {
      const Index k = high * ns * R + low + r * ns;
      if (k < kept) {
        C v = from[r * PITCH + line];
        {finish}
        y[(o * kept + k) * inner + i] = {value};
      }
    }
  }
  }""".replace("{place}", _PLACE)

_BUTTERFLIES = {
    2: """\
  const C a = v[0], b = v[1];
  v[0] = a + b;
  v[1] = a - b;""",
    4: """\
  const C a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3], d = turn(v[1] - v[3]);
  v[0] = a + c;
  v[1] = b + d;
  v[2] = a - c;
  v[3] = b - d;""",
    8: """\
  C e[4] = {v[0], v[2], v[4], v[6]}, o[4] = {v[1], v[3], v[5], v[7]};
  butterfly_4(e);
  butterfly_4(o);
  const T h = T(0.70710678118654752);
  const C p = turn(o[1]), q = turn(o[3]);
  o[1] = C(h * (o[1].re + p.re), h * (o[1].im + p.im));
  o[2] = turn(o[2]);
  o[3] = C(h * (q.re - o[3].re), h * (q.im - o[3].im));
#pragma unroll
  for (int k = 0; k < 4; ++k) {
    v[k] = e[k] + o[k];
    v[k + 4] = e[k] - o[k];
  }""",
}


def _prime_butterfly(p: int) -> str:
    """An odd prime radix: sums and differences of mirrored elements, weighted."""
    half = range(1, p // 2 + 1)
    lines = ["  const C first = v[0];"]
    lines += [
        f"  const C s{k} = v[{k}] + v[{p - k}], d{k} = turn(v[{k}] - v[{p - k}]);" for k in half
    ]
    lines.append("  v[0] = first + " + " + ".join(f"s{k}" for k in half) + ";")
    for m in half:
        even = {part: f"first.{part}" for part in ("re", "im")}
        odd = {"re": "", "im": ""}
        for k in half:
            c, s = unit_root(k * m, p)
            for part in even:
                even[part] += f" + T({c!r}) * s{k}.{part}"
                odd[part] += f" + T({s!r}) * d{k}.{part}"
        lines.append(
            f"  {{ const C a({even['re']}, {even['im']}), b({odd['re'][3:]}, {odd['im'][3:]});"
            f" v[{m}] = a + b; v[{p - m}] = a - b; }}"
        )
    return "\n".join(lines)


def _butterfly(radix: int) -> str:
    body = _BUTTERFLIES.get(radix) or _prime_butterfly(radix)
    return f"static __device__ __forceinline__ void butterfly_{radix}(C* v) {{\n{body}\n}}"


def generate(name: str, p: Pass) -> str:
    """Return the source of a pass, with one kernel `name`."""
    radix = prod(p.radices)
    real = np.dtype(f"f{p.result.itemsize // 2}")
    forward = p.sign < 0
    if p.source.kind == "c":
        fetch = "C z = C(e);"
    else:
        fetch = f"C z = C({cast('e', p.source, real)});"
    load = _LOAD[p.load].replace("{fetch}", fetch)
    if p.premultiply:
        load += "\n  z = z * before[k];"
    head = _HEAD.format(
        includes="\n".join(
            f"#include <ndgpu/{header}.cuh>"
            for header in dict.fromkeys((*headers_of((p.source, p.result)), "complex"))
        ),
        real=ctype(real),
        source=ctype(p.source),
        out="T" if p.real else "C",
        index="long long" if p.wide else "int",
        radix=radix,
        tile=p.tile,
        threads=p.threads,
        turn="C(z.im, -z.re)" if forward else "C(-z.im, z.re)",
        rooted="C(z.re, -z.im)" if forward else "z",
        sine="-s" if forward else "s",
        load=load + "\n  return z;",
    )
    stages, ns = [], 1
    for r in p.radices:
        rotate = _ROTATE.format(radix=r, apart=radix // (ns * r)) if ns > 1 else ""
        stages.append(_STAGE.format(radix=r, ns=ns, group=ns * r, rotate=rotate))
        ns *= r
    finish = "v = v * after[k];" if p.postmultiply else ""
    value = "v.re * scale" if p.real else "C(v.re * scale, v.im * scale)"
    write = _WRITE_ALONG if p.along_store else _WRITE_ACROSS
    needed = sorted({*p.radices} | ({4} if 8 in p.radices else set()))
    kernel = _KERNEL.format(
        name=name,
        read=_READ_ALONG if p.along_load else _READ_ACROSS,
        stages="\n".join(stages),
        write=write.replace("{finish}", finish).replace("{value}", value),
    )
    return "\n".join([head, *[_butterfly(r) for r in needed], kernel])
