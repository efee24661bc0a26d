"""The kernels of random numbers.

The first three operands of each are its place in a stream: `key`, the number `first` of
the first element, and `jump`, as `Philox4x3210.take` gives them.  Elements that loop
until a candidate is accepted count their tries in the rest of Philox's counter.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from ndgpu.compile import ctype
from ndgpu.core.codegen import compute_dtype, convert
from ndgpu.kernels.elementwise import Elementwise, Operand
from ndgpu.random.rows import Row

__all__ = [
    "float_kernel",
    "integer_kernel",
    "order_kernel",
    "raw_kernel",
    "row_kernel",
    "search_kernel",
    "vector_kernel",
    "wait_kernel",
]

_UINT64 = np.dtype(np.uint64)
_INT64 = np.dtype(np.int64)
_FLOAT64 = np.dtype(np.float64)
_PLACE = tuple(Operand(name, _UINT64, "scalar") for name in ("key", "first", "jump"))
_STREAM = "ndgpu::RandomStream g(key, first + i, jump);\n"

# What one Philox block makes: 4 floats or 2 doubles. `W` are its words. The uniform number
# under a logarithm is never 0, and finer than others, so that the tails of normal numbers
# reach 6.7 and 8.6 deviations.
_BLOCKS = {
    ("uniform", 4): "".join(f"v[{k}] = ndgpu::uniform_float(W[{k}]);\n" for k in range(4)),
    ("uniform", 8): """
v[0] = ndgpu::uniform_double(W[1], W[0]);
v[1] = ndgpu::uniform_double(W[3], W[2]);
""",
    ("exponential", 4): "".join(
        f"v[{k}] = -logf(W[{k}] * 0x1p-32f + 0x1p-33f);\n" for k in range(4)
    ),
    ("exponential", 8): """
v[0] = -log(ndgpu::uniform_double(W[1], W[0]) + 0x1p-54);
v[1] = -log(ndgpu::uniform_double(W[3], W[2]) + 0x1p-54);
""",
    ("normal", 4): """
ndgpu::normal_pair(W[0] * 0x1p-32f + 0x1p-33f, ndgpu::uniform_float(W[1]), &v[0], &v[1]);
ndgpu::normal_pair(W[2] * 0x1p-32f + 0x1p-33f, ndgpu::uniform_float(W[3]), &v[2], &v[3]);
""",
    ("normal", 8): """
ndgpu::normal_pair(ndgpu::uniform_double(W[1], W[0]) + 0x1p-54,
                   ndgpu::uniform_double(W[3], W[2]), &v[0], &v[1]);
""",
}


@functools.cache
def float_kernel(name: str, dtype: np.dtype) -> tuple[Elementwise, int]:
    """Make the kernel whose thread *i* makes the elements of block *i*.

    Parameters
    ----------
    name : {"uniform", "normal", "exponential"}
    dtype : numpy.dtype
        Of the result.

    Returns
    -------
    kernel : Elementwise
        Its operands after the place: `count`, `shift` and `scale`, the flat result.
    each : int
        Elements of one block.
    """
    number = compute_dtype(dtype)
    each = 16 // number.itemsize
    stores = [
        f"if (at + {k} < count) y[at + {k}] = "
        f"{convert(f'(shift + scale * v[{k}])', number, dtype)};"
        for k in range(each)
    ]
    code = [
        "const ndgpu::Philox4 block = ndgpu::philox(key, first + i, jump << 32);",
        "const unsigned int W[4] = {block.x, block.y, block.z, block.w};",
        f"{ctype(number)} v[{each}];",
        _BLOCKS[name, number.itemsize],
        f"const long long at = i * {each};",
        *stores,
    ]
    kernel = Elementwise(
        f"ndgpu_random_{name}",
        (
            *_PLACE,
            Operand("count", _INT64, "scalar"),
            Operand("shift", number, "scalar"),
            Operand("scale", number, "scalar"),
            Operand("y", dtype, "rawout"),
        ),
        "\n".join(code),
        headers=("philox",),
    )
    return kernel, each


@functools.cache
def integer_kernel(dtype: np.dtype, arrays: bool) -> Elementwise:
    """Make the kernel of integers without bias.

    Parameters
    ----------
    dtype : numpy.dtype
        Of the result.
    arrays : bool
        Whether the bounds `low` and `high` are arrays of `dtype`, of uint64 for an unsigned
        one; else they are `low` and `span` as uint64 numbers, a span of 0 for all 2**64.

    Notes
    -----
    D. Lemire, "Fast random integer generation in an interval" (2019).
    """
    wide = _UINT64 if dtype.kind == "u" else _INT64
    bounds: tuple[Operand, ...]
    if arrays:
        bounds = (
            Operand("low", wide),
            Operand("high", wide),
            Operand("endpoint", _INT64, "scalar"),
        )
        # An empty range, which only device arrays bring here, has no number: `low` stands.
        span = "(unsigned long long)high - (unsigned long long)low + (endpoint ? 1 : 0)"
        empty = "endpoint ? high < low : high <= low"
    else:
        bounds = (Operand("low", _UINT64, "scalar"), Operand("range", _UINT64, "scalar"))
        span, empty = "range", "false"
    return Elementwise(
        "ndgpu_random_integers",
        (*_PLACE, *bounds, Operand("y", dtype, "out")),
        f"""{_STREAM}
const unsigned long long span = {span};
unsigned long long value = 0;
while (!({empty})) {{
  const unsigned long long x = g.bits();
  if (span == 0) {{ value = x; break; }}
  value = __umul64hi(x, span);
  // The products' lower halves below 2**64 mod span are one too many for some values.
  const unsigned long long rest = x * span;
  if (rest >= span || rest >= (0 - span) % span) break;
}}
y = ({ctype(dtype)})((unsigned long long)low + value);
""",
        headers=("random",),
    )


@functools.cache
def row_kernel(row: Row, dtype: np.dtype, arrays: bool) -> Elementwise:
    """Make the kernel of a distribution of the table.

    Parameters
    ----------
    row : Row
    dtype : numpy.dtype
        Of the result.
    arrays : bool
        Whether the parameters are arrays; else they are numbers.
    """
    kind: Any = "in" if arrays else "scalar"
    operands = [Operand(p.variable, _INT64 if p.integer else _FLOAT64, kind) for p in row.params]
    source = _INT64 if row.integer else _FLOAT64
    wrong = " || ".join(f"({code})" for code in row.broken())
    fill = "(long long)0x8000000000000000ull" if row.integer else 'nan("")'
    value = f"({wrong}) ? {fill} : {row.code}" if wrong and arrays else row.code
    return Elementwise(
        f"ndgpu_random_{row.name}",
        (*_PLACE, *operands, Operand("y", dtype, "out")),
        f"{_STREAM}const {ctype(source)} value = {value};\ny = {convert('value', source, dtype)};",
        headers=("random_discrete" if row.discrete else "random",),
    )


@functools.cache
def raw_kernel() -> Elementwise:
    """Make the kernel of 64 random bits for each element."""
    return Elementwise(
        "ndgpu_random_raw",
        (*_PLACE, Operand("y", _UINT64, "out")),
        f"{_STREAM}y = g.bits();",
        headers=("random",),
    )


@functools.cache
def search_kernel() -> Elementwise:
    """Make the kernel of indices with cumulated probabilities `bounds`, the last of them 1."""
    return Elementwise(
        "ndgpu_random_search",
        (
            *_PLACE,
            Operand("length", _INT64, "scalar"),
            Operand("bounds", _FLOAT64, "raw"),
            Operand("y", _INT64, "out"),
        ),
        f"""{_STREAM}
const double u = g.uniform();
long long low = 0, high = length - 1;
while (low < high) {{
  const long long middle = low + (high - low) / 2;
  if (bounds[middle] > u) high = middle; else low = middle + 1;
}}
y = low;
""",
        headers=("random",),
    )


@functools.cache
def wait_kernel() -> Elementwise:
    """Make the kernel of exponential numbers over weights; infinite for a weight of 0."""
    return Elementwise(
        "ndgpu_random_wait",
        (*_PLACE, Operand("p", _FLOAT64), Operand("y", _FLOAT64, "out")),
        f"{_STREAM}y = p > 0 ? g.exponential() / p : __longlong_as_double(0x7ff0000000000000ll);",
        headers=("random",),
    )


@functools.cache
def vector_kernel(name: str) -> Elementwise:
    """Make a kernel whose thread draws one vector: a row of the result.

    Parameters
    ----------
    name : {"multinomial", "multivariate_hypergeometric", "dirichlet"}

    Notes
    -----
    Operands after the place: `count`, the length of a vector; `step`, the distance of the
    parameters of one vector from those of the next (0 if they are shared); `total`, the sum
    of the parameters; `trials`, an array of the loop's shape; the parameters; the result.
    """
    parameter = _INT64 if name == "multivariate_hypergeometric" else _FLOAT64
    arguments = {
        "multinomial": "trials, given, to, count",
        "multivariate_hypergeometric": "given, total, trials, to, count",
        "dirichlet": "given, to, count",
    }[name]
    return Elementwise(
        f"ndgpu_random_{name}",
        (
            *_PLACE,
            Operand("count", _INT64, "scalar"),
            Operand("step", _INT64, "scalar"),
            Operand("total", _INT64, "scalar"),
            Operand("trials", _INT64),
            Operand("parameters", parameter, "raw"),
            Operand("y", _FLOAT64 if name == "dirichlet" else _INT64, "rawout"),
        ),
        f"""{_STREAM}
const {ctype(parameter)}* given = parameters.data() + i * step;
auto* to = y.data() + i * count;
ndgpu::{name}(g, {arguments});
""",
        headers=("random_discrete",),
    )


@functools.cache
def order_kernel() -> Elementwise:
    """Make the kernel of a random bijection of the numbers below `n`; thread *i* maps *i*.

    Notes
    -----
    A Feistel network on the least even number of bits that holds `n`, its round function
    Philox of the key, the draw's place and the round; a number that leaves the range is
    mapped again until it is back (M. Luby and C. Rackoff 1988; J. Black and P. Rogaway 2002).
    The 12 rounds make one of at most 2**160 orders: nothing that a statistical test of a
    large `n` sees, but not all orders of the elements.
    """
    return Elementwise(
        "ndgpu_random_order",
        (
            *_PLACE,
            Operand("size", _UINT64, "scalar"),
            Operand("half", _UINT64, "scalar"),
            Operand("y", _INT64, "out"),
        ),
        """
const unsigned long long mask = (1ull << half) - 1;
unsigned long long x = i;
do {
  unsigned long long left = x >> half, right = x & mask;
  for (int round = 0; round < 12; ++round) {
    const ndgpu::Philox4 c = ndgpu::philox(
        key ^ (first * 0x9E3779B97F4A7C15ull), right, (jump << 32) | (unsigned)round);
    const unsigned long long mixed = left ^ ((((unsigned long long)c.y << 32) | c.x) & mask);
    left = right;
    right = mixed;
  }
  x = (left << half) | right;
} while (x >= size);
y = (long long)x;
""",
        headers=("philox",),
    )
