"""Random bits from a counter: Philox 4x32 with ten rounds.

Element number *i* of a draw is a function of the key, the draw's place in the
stream and *i* alone.  So one seed gives one stream on every device, whatever
the launch geometry, and nothing is kept in device memory between draws.

References
----------
J. K. Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.core.layout import Shape
from ndgpu.core.ndarray import allocate, ndarray, view_of
from ndgpu.kernels.elementwise import Elementwise, Operand

__all__ = ["Engine"]

_SOURCE = """
struct Words { unsigned int w[4]; };

// Ten rounds of Philox 4x32. The counter: number of the block of four words, and `attempt`.
__device__ inline Words ndgpu_philox(unsigned long long key, unsigned long long block,
                                     unsigned int attempt) {
  unsigned int c0 = (unsigned int)block, c1 = (unsigned int)(block >> 32), c2 = attempt, c3 = 0;
  unsigned int k0 = (unsigned int)key, k1 = (unsigned int)(key >> 32);
#pragma unroll
  for (int round = 0; round < 10; ++round) {
    const unsigned int h0 = __umulhi(0xD2511F53u, c0), l0 = 0xD2511F53u * c0;
    const unsigned int h1 = __umulhi(0xCD9E8D57u, c2), l1 = 0xCD9E8D57u * c2;
    c0 = h1 ^ c1 ^ k0;
    c1 = l1;
    c2 = h0 ^ c3 ^ k1;
    c3 = l0;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  Words r;
  r.w[0] = c0; r.w[1] = c1; r.w[2] = c2; r.w[3] = c3;
  return r;
}
// [0, 1), all multiples of 2**-24 or 2**-53 alike.
__device__ inline float ndgpu_unit(unsigned int a) { return (a >> 8) * 5.9604644775390625e-8f; }
__device__ inline double ndgpu_unit(unsigned int a, unsigned int b) {
  return ((a >> 5) * 67108864.0 + (b >> 6)) * 1.1102230246251565e-16;
}
"""

# Two uniform numbers make two normal ones (Box and Muller). The one under the logarithm is
# never 0, and finer than the other, so that the tails reach 6.7 and 8.6 deviations.
_NORMAL = {
    4: """
  {
    const float u = W.w[2 * P] * 2.3283064365386963e-10f + 1.1641532182693481e-10f;
    const float r = sqrtf(-2.f * logf(u));
    float s, c;
    sincospif(2.f * ndgpu_unit(W.w[2 * P + 1]), &s, &c);
    v[2 * P] = r * c;
    v[2 * P + 1] = r * s;
  }
""",
    8: """
  {
    const double u = ndgpu_unit(W.w[0], W.w[1]) + 5.5511151231257827e-17;
    const double r = sqrt(-2. * log(u));
    double s, c;
    sincospi(2. * ndgpu_unit(W.w[2], W.w[3]), &s, &c);
    v[0] = r * c;
    v[1] = r * s;
  }
""",
}


@functools.cache
def _float_kernel(name: str, dtype: np.dtype) -> Elementwise:
    """A kernel whose thread *i* makes the elements of block *i*: 4 floats or 2 doubles."""
    number = compute_dtype(dtype)
    each = 16 // number.itemsize
    if name == "uniform":
        values = (
            [f"v[{k}] = ndgpu_unit(W.w[{k}]);" for k in range(4)]
            if each == 4
            else [f"v[{k}] = ndgpu_unit(W.w[{2 * k}], W.w[{2 * k + 1}]);" for k in range(2)]
        )
    else:
        values = [_NORMAL[number.itemsize].replace("P", str(p)) for p in range(each // 2)]
    stores = [
        f"if (at + {k} < count) y[at + {k}] = "
        f"{convert(f'(shift + scale * v[{k}])', number, dtype)};"
        for k in range(each)
    ]
    code = [
        "const Words W = ndgpu_philox(key, first + i, 0);",
        f"{ctype(number)} v[{each}];",
        *values,
        f"const long long at = i * {each};",
        *stores,
    ]
    return Elementwise(
        f"ndgpu_random_{name}",
        (
            Operand("key", np.dtype(np.uint64), "scalar"),
            Operand("first", np.dtype(np.uint64), "scalar"),
            Operand("count", np.dtype(np.int64), "scalar"),
            Operand("shift", number, "scalar"),
            Operand("scale", number, "scalar"),
            Operand("y", dtype, "rawout"),
        ),
        "\n".join(code),
        preamble=_SOURCE,
    )


@functools.cache
def _integer_kernel(dtype: np.dtype, low: Any, span: Any) -> Elementwise:
    """Integers from `low`, `span` of them (0 for all 2**64), without bias (Lemire)."""
    wide = np.dtype(np.uint64)

    def operand(name: str, kind: Any) -> Operand:
        return Operand(name, wide, "scalar") if kind is int else Operand(name, kind, "in", wide)

    return Elementwise(
        "ndgpu_random_integers",
        (
            Operand("key", wide, "scalar"),
            Operand("first", wide, "scalar"),
            operand("low", low),
            operand("span", span),
            Operand("y", dtype, "out"),
        ),
        f"""
unsigned long long value = 0;
for (unsigned int attempt = 0;; ++attempt) {{
  const Words W = ndgpu_philox(key, first + i, attempt);
  const unsigned long long x = ((unsigned long long)W.w[1] << 32) | W.w[0];
  if (span == 0) {{ value = x; break; }}
  value = __umul64hi(x, span);
  // The products' lower halves below 2**64 mod span are one too many for some values.
  const unsigned long long rest = x * span;
  if (rest >= span || rest >= (0 - span) % span) break;
}}
y = ({ctype(dtype)})(low + value);
""",
        preamble=_SOURCE,
    )


class Engine:
    """A stream of random numbers: a key, and how much of the stream is used up.

    Parameters
    ----------
    seed : int, sequence of int, numpy.random.SeedSequence or None
        None takes the seed from the operating system.
    """

    def __init__(self, seed: Any = None) -> None:
        if not isinstance(seed, np.random.SeedSequence):
            seed = np.random.SeedSequence(seed)
        self.seed_sequence = seed
        self.key = int(seed.generate_state(1, np.uint64)[0])
        self.position = 0
        self._lock = threading.Lock()

    def __getstate__(self) -> tuple[Any, ...]:
        return self.seed_sequence, self.key, self.position

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.seed_sequence, self.key, self.position = state
        self._lock = threading.Lock()

    def advance(self, blocks: int) -> int:
        """Use up `blocks` blocks of four words; return the number of the first."""
        with self._lock:
            first = self.position
            self.position += blocks
        return first

    def floats(
        self, name: str, shape: Shape, dtype: np.dtype, shift: float, scale: float
    ) -> ndarray:
        """Return ``shift + scale * x`` with `x` uniform on [0, 1) or standard normal."""
        result = allocate(shape, dtype)
        count = result._size
        if count:
            each = 16 // compute_dtype(dtype).itemsize
            blocks = -(-count // each)
            kernel = _float_kernel(name, dtype)
            flat = view_of(result, (count,), (dtype.itemsize,), 0, True)
            first = self.advance(blocks)
            kernel.launch([self.key, first, count, shift, scale, flat], (blocks,))
        return result

    def integers(self, shape: Shape, dtype: np.dtype, low: Any, span: Any) -> ndarray:
        """Return integers from `low`, `span` of them; numbers, or uint64 arrays."""
        result = allocate(shape, dtype)
        if result._size:
            kinds = [v._dtype if isinstance(v, ndarray) else int for v in (low, span)]
            kernel = _integer_kernel(dtype, *kinds)
            first = self.advance(result._size)
            kernel.launch([self.key, first, low, span, result], shape)
        return result

    def host_generator(self) -> np.random.Generator:
        """A generator of the processor, for what is drawn there; a function of key and place."""
        return np.random.Generator(
            np.random.Philox(key=self.key, counter=[0, 0, 1, self.advance(1)])
        )
