"""Expressions of random kernels: one table, each row as CUDA C++ and as NumPy.

A row is total: it has a defined value for all operands, in C++ (no signed overflow, no division by
zero, no shift beyond the width) as in NumPy.  What a float holds is seen through `see` alone, which
takes all NaNs for one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CTYPES", "DTYPES", "PRELUDE", "ROWS", "Expression", "apply", "literal", "see"]

Array = Any  # a NumPy array with an element for each thread

CTYPES = {"u": "unsigned", "l": "unsigned long long", "f": "float", "d": "double", "b": "bool"}
DTYPES = {"u": np.uint32, "l": np.uint64, "f": np.float32, "d": np.float64, "b": np.bool_}

# Functions that rows name: real calls among them, one with a loop of its own.
PRELUDE = """
typedef unsigned long long u64;
__device__ unsigned see(float x) { return x == x ? __float_as_uint(x) : 0x7fc00000u; }
__device__ u64 see(double x) { return x == x ? (u64)__double_as_longlong(x) : 0x7ff8ull << 48; }
__device__ __noinline__ unsigned mix(unsigned x, unsigned y) {
    for (unsigned i = 0; i < y % 6u; ++i) {
        if ((x ^ i) & 1u) x = x * 3u + 1u;
        else x = (x >> 1) ^ y;
        if (x % 11u == 3u) break;
    }
    return x + y;
}
__device__ __noinline__ double blend(double x, float y) {
    if (y > 1.0f) return x - y;
    return x * 0.5 + y;
}
__device__ float signed_as(float x, float y) { return y == y ? copysignf(x, y) : x; }
__device__ double signed_as(double x, double y) { return y == y ? copysign(x, y) : x; }
__constant__ unsigned table[16] = {3u, 1u, 4u, 1u, 5u, 9u, 2u, 6u, 5u, 3u, 5u, 8u, 9u, 7u, 9u, 3u};
"""
_HALF = np.uint64(32)
_TABLE = np.array([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3], np.uint32)


@dataclass(frozen=True)
class Expression:
    """A value of each thread: its type's letter, its C++ and the model's evaluation of it."""

    type: str
    text: str
    value: Callable[[Any], Array]


def literal(kind: str, value: float) -> Expression:
    """The same value in all threads."""
    if kind == "f":
        text = f"{float(np.float32(value))!r}f"
    else:
        text = repr(float(value)) if kind == "d" else f"{value}{'ull' if kind == 'l' else 'u'}"
    return Expression(kind, text, lambda state: np.full(state.threads, value, DTYPES[kind]))


def see(expression: Expression) -> Expression:
    """The bits of a float or a double; an integer as it is."""
    if expression.type not in "fd":
        return expression
    wide = expression.type == "d"

    def value(state: Any) -> Array:
        x = expression.value(state)
        if wide:
            return np.where(np.isnan(x), np.uint64(0x7FF8 << 48), x.view(np.uint64))
        return np.where(np.isnan(x), np.uint32(0x7FC00000), x.view(np.uint32))

    return Expression("l" if wide else "u", f"see({expression.text})", value)


def apply(row: Row, operands: list[Expression]) -> Expression:
    """A row with its operands."""

    def value(state: Any) -> Array:
        result = row.model(*(operand.value(state) for operand in operands))
        return np.asarray(result).astype(DTYPES[row.result], copy=False)

    return Expression(
        row.result, f"({row.text.format(*(operand.text for operand in operands))})", value
    )


@dataclass(frozen=True)
class Row:
    """One operation: the letters of its result and operands, its C++, and its model."""

    result: str
    operands: str
    text: str
    model: Callable[..., Array]


def _i(x: Array) -> Array:
    return x.view(np.int32) if x.dtype == np.uint32 else x.view(np.int64)


def _wide(x: Array) -> Array:
    return x.astype(np.uint64)


def _sign(x: Array) -> Array:
    return _i(x).astype(np.int64)


def _count(x: Array, y: Array) -> Array:
    """A count of bits to shift `x` by, in its type."""
    return (y & np.uint32(8 * x.dtype.itemsize - 1)).astype(x.dtype)


def _arithmetic_shift(x: Array, y: Array) -> Array:
    return (_i(x) >> _count(x, y).view(_i(x).dtype)).view(x.dtype)


def _signed_least(x: Array, y: Array) -> Array:
    return np.minimum(_i(x), _i(y)).view(x.dtype)


def _over_minus_3(x: Array) -> Array:
    """The quotient toward zero."""
    size = np.abs(_i(x)).view(x.dtype) // x.dtype.type(3)
    return np.where(_i(x) < 0, size, -size)


def _joined(x: Array, y: Array) -> Array:
    return _wide(x) | _wide(y) << _HALF


def _reversed(x: Array) -> Array:
    bits = (x[:, None] >> np.arange(32, dtype=np.uint32)) & np.uint32(1)
    return (bits << np.arange(31, -1, -1, dtype=np.uint32)).sum(1, dtype=np.uint32)


def _high64(x: Array, y: Array) -> Array:
    low = np.uint64(0xFFFFFFFF)
    a, b, c, d = x >> _HALF, x & low, y >> _HALF, y & low
    middle = a * d + (b * d >> _HALF)
    return a * c + (middle >> _HALF) + ((b * c + (middle & low)) >> _HALF)


def _leading(x: Array) -> Array:
    """Count of leading zero bits of 32."""
    return np.uint32(32) - np.ceil(np.log2(_wide(x) + np.uint64(1))).astype(np.uint32)


def _leading64(x: Array) -> Array:
    high, low = (x >> _HALF).astype(np.uint32), x.astype(np.uint32)
    return np.where(high != 0, _leading(high), 32 + _leading(low))


def _bytes(x: Array, y: Array, selector: Array) -> Array:
    """`__byte_perm` without its sign replication."""
    both = _joined(x, y)
    result = np.zeros_like(x)
    for place in range(4):
        which = (selector >> np.uint32(4 * place)) & np.uint32(7)
        byte = (both >> _wide(which * np.uint32(8))) & np.uint64(255)
        result |= byte.astype(np.uint32) << np.uint32(8 * place)
    return result


def _mix(x: Array, y: Array) -> Array:
    x, going = x.copy(), np.ones(x.shape, bool)
    for i in range(5):
        going &= i < y % np.uint32(6)
        odd = ((x ^ np.uint32(i)) & np.uint32(1)).astype(bool)
        x = np.where(
            going, np.where(odd, x * np.uint32(3) + np.uint32(1), (x >> np.uint32(1)) ^ y), x
        )
        going &= x % np.uint32(11) != 3
    return x + y


def _fma(x: Array, y: Array, z: Array) -> Array:
    """Rounded once: the product is exact in double, and the sum is rounded to odd before."""
    product, addend = x.astype(np.float64) * y, z.astype(np.float64)
    total = product + addend
    part = total - product
    error = (product - (total - part)) + (addend - part)
    bits = total.view(np.int64)
    inexact = np.isfinite(total) & (error != 0) & (bits & 1 == 0)
    toward = np.where((error > 0) == (total > 0), 1, -1)
    return np.where(inexact, bits + toward, bits).view(np.float64).astype(np.float32)


def _least(x: Array, y: Array) -> Array:
    """As PTX's `min`: a number before a NaN, -0 before +0."""
    both = (x == 0) & (y == 0)
    return np.where(both, np.where(np.signbit(x), x, y), np.fmin(x, y))


def _greatest(x: Array, y: Array) -> Array:
    both = (x == 0) & (y == 0)
    return np.where(both, np.where(np.signbit(x), y, x), np.fmax(x, y))


def _saturated(x: Array, kind: type) -> Array:
    """Converted with saturation; a NaN gives 0, but from double the lowest number."""
    limits = np.iinfo(kind)
    nothing = limits.min if x.dtype == np.float64 else 0
    held = np.clip(np.nan_to_num(x.astype(np.float64), nan=nothing), limits.min, limits.max)
    return held.astype(kind)


def _signed_as(x: Array, y: Array) -> Array:
    """The sign of a NaN that an operation made differs by processor."""
    return np.where(np.isnan(y), x, np.copysign(x, y))


def _blend(x: Array, y: Array) -> Array:
    return np.where(y > 1, x - y, x * 0.5 + y)


_FLOATS = [
    row
    for kind, suffix in (("f", "f"), ("d", ""))
    for row in (
        Row(kind, kind * 2, "{0} + {1}", lambda x, y: x + y),
        Row(kind, kind * 2, "{0} - {1}", lambda x, y: x - y),
        Row(kind, kind * 2, "{0} * {1}", lambda x, y: x * y),
        Row(kind, kind * 2, "{0} / {1}", lambda x, y: x / y),
        Row(kind, kind * 2, f"fmin{suffix}({{0}}, {{1}})", _least),
        Row(kind, kind * 2, f"fmax{suffix}({{0}}, {{1}})", _greatest),
        Row(kind, kind, f"sqrt{suffix}(fabs{suffix}({{0}}))", lambda x: np.sqrt(np.abs(x))),
        Row(kind, kind, "-({0})", lambda x: -x),
        Row(kind, kind, f"floor{suffix}({{0}})", np.floor),
        Row(kind, kind, f"rint{suffix}({{0}})", np.rint),
        Row(kind, kind, f"trunc{suffix}({{0}})", np.trunc),
        Row(kind, kind * 2, "signed_as({0}, {1})", _signed_as),
        Row(kind, "b" + kind * 2, "{0} ? {1} : {2}", np.where),
        Row("b", kind * 2, "{0} < {1}", lambda x, y: x < y),
        Row("b", kind * 2, "{0} >= {1}", lambda x, y: x >= y),
        Row("b", kind * 2, "{0} == {1}", lambda x, y: x == y),
        Row("b", kind * 2, "{0} != {1}", lambda x, y: x != y),
        Row("b", kind * 2, "!({0} <= {1})", lambda x, y: ~(x <= y)),
    )
]
_CONVERSIONS = [
    Row("f", "u", "(float){0}", lambda x: x.astype(np.float32)),
    Row("f", "u", "(float)(int){0}", lambda x: _i(x).astype(np.float32)),
    Row("f", "l", "(float){0}", lambda x: x.astype(np.float32)),
    Row("f", "u", "(float)({0} & 0xffu)", lambda x: (x & np.uint32(255)).astype(np.float32)),
    Row("f", "u", "(float)(short){0}", lambda x: x.astype(np.int16).astype(np.float32)),
    Row("f", "d", "(float){0}", lambda x: x.astype(np.float32)),
    Row("f", "fff", "fmaf({0}, {1}, {2})", _fma),
    Row("d", "u", "(double){0}", lambda x: x.astype(np.float64)),
    Row("d", "u", "(double)(int){0}", lambda x: _i(x).astype(np.float64)),
    Row("d", "l", "(double){0}", lambda x: x.astype(np.float64)),
    Row("d", "l", "(double)(long long){0}", lambda x: _i(x).astype(np.float64)),
    Row("d", "f", "(double){0}", lambda x: x.astype(np.float64)),
    Row("d", "df", "blend({0}, {1})", _blend),
    Row("u", "f", "__float2uint_rz({0})", lambda x: _saturated(np.trunc(x), np.uint32)),
    Row("u", "f", "(unsigned)__float2int_rn({0})", lambda x: _saturated(np.rint(x), np.int32)),
    Row("u", "d", "(unsigned)__double2int_rz({0})", lambda x: _saturated(np.trunc(x), np.int32)),
    Row("u", "u", "(unsigned char){0}", lambda x: x & np.uint32(255)),
    Row("u", "u", "(unsigned short){0}", lambda x: x & np.uint32(65535)),
    Row("u", "u", "(unsigned)(signed char){0}", lambda x: x.astype(np.int8)),
    Row("u", "u", "(unsigned)(short){0}", lambda x: x.astype(np.int16)),
    Row("u", "l", "(unsigned){0}", lambda x: x.astype(np.uint32)),
    Row("u", "l", "(unsigned)({0} >> 32)", lambda x: x >> _HALF),
    Row("u", "b", "{0} ? 1u : 0u", lambda x: x.astype(np.uint32)),
    Row("l", "u", "(u64){0}", _wide),
    Row("l", "u", "(u64)(long long)(int){0}", _sign),
    Row("l", "uu", "(u64){0} << 32 | {1}", lambda x, y: _joined(y, x)),
]  # fmt: skip


def _integers(kind: str) -> list[Row]:
    bits, signed = {"u": (32, "int"), "l": (64, "long long")}[kind]
    ctype, pair, by = {"u": "unsigned", "l": "u64"}[kind], kind * 2, kind + "u"
    count = f"({{1}} & {bits - 1}u)"
    return [
        Row(kind, pair, "{0} + {1}", lambda x, y: x + y),
        Row(kind, pair, "{0} - {1}", lambda x, y: x - y),
        Row(kind, pair, "{0} * {1}", lambda x, y: x * y),
        Row(kind, kind * 3, "{0} * {1} + {2}", lambda x, y, z: x * y + z),
        Row(kind, pair, "{0} & {1}", lambda x, y: x & y),
        Row(kind, pair, "{0} | {1}", lambda x, y: x | y),
        Row(kind, pair, "{0} ^ {1}", lambda x, y: x ^ y),
        Row(kind, kind, "~{0}", lambda x: ~x),
        Row(kind, pair, "{0} / ({1} | 1u)", lambda x, y: x // (y | y.dtype.type(1))),
        Row(kind, pair, "{0} % ({1} | 1u)", lambda x, y: x % (y | y.dtype.type(1))),
        Row(kind, kind, "{0} / 10u", lambda x: x // x.dtype.type(10)),
        Row(kind, kind, "{0} % 7u", lambda x: x % x.dtype.type(7)),
        Row(kind, kind, f"({ctype})(({signed}){{0}} / -3)", _over_minus_3),
        Row(kind, by, f"{{0}} << {count}", lambda x, y: x << _count(x, y)),
        Row(kind, by, f"{{0}} >> {count}", lambda x, y: x >> _count(x, y)),
        Row(kind, by, f"({ctype})(({signed}){{0}} >> {count})", _arithmetic_shift),
        Row(kind, pair, "min({0}, {1})", np.minimum),
        Row(kind, pair, "max({0}, {1})", np.maximum),
        Row(kind, pair, f"({ctype})min(({signed}){{0}}, ({signed}){{1}})", _signed_least),
        Row(kind, "b" + pair, "{0} ? {1} : {2}", np.where),
        Row("b", pair, "{0} < {1}", lambda x, y: x < y),
        Row("b", pair, "{0} == {1}", lambda x, y: x == y),
        Row("b", pair, f"({signed}){{0}} < ({signed}){{1}}", lambda x, y: _i(x) < _i(y)),
        Row("b", kind, "({0} & 4u) != 0", lambda x: x & x.dtype.type(4) != 0),
    ]


_BITS = [
    Row("u", "uu", "__umulhi({0}, {1})", lambda x, y: _wide(x) * _wide(y) >> _HALF),
    Row("u", "uu", "(unsigned)__mulhi((int){0}, (int){1})", lambda x, y: _sign(x) * _sign(y) >> 32),
    Row("l", "uu", "(u64){0} * {1}", lambda x, y: _wide(x) * _wide(y)),
    Row("l", "uu", "(u64)((long long)(int){0} * (int){1})", lambda x, y: _sign(x) * _sign(y)),
    Row("l", "ll", "__umul64hi({0}, {1})", _high64),
    Row("u", "u", "__popc({0})", np.bitwise_count),
    Row("u", "u", "__brev({0})", _reversed),
    Row("u", "u", "__clz({0})", _leading),
    Row("u", "u", "__ffs({0})", lambda x: np.where(x == 0, 0, 32 - _leading(x & -x))),
    Row("u", "l", "__clzll({0})", _leading64),
    Row("u", "uuu", "__funnelshift_l({0}, {1}, {2})",
        lambda x, y, z: _joined(x, y) << _wide(z & np.uint32(31)) >> _HALF),
    Row("u", "uuu", "__funnelshift_r({0}, {1}, {2})",
        lambda x, y, z: _joined(x, y) >> _wide(z & np.uint32(31))),
    Row("u", "uuu", "__byte_perm({0}, {1}, {2} & 0x7777u)", _bytes),
    Row("u", "uuu", "__usad({0}, {1}, {2})",
        lambda x, y, z: np.maximum(x, y) - np.minimum(x, y) + z),
    Row("u", "u", "({0} >> 5) & 0x3ffu", lambda x: (x >> np.uint32(5)) & np.uint32(0x3FF)),
    Row("u", "uu", "mix({0}, {1})", _mix),
    Row("u", "u", "table[{0} & 15u]", lambda x: _TABLE[x & np.uint32(15)]),
    Row("b", "bb", "{0} && {1}", lambda x, y: x & y),
    Row("b", "bb", "{0} || {1}", lambda x, y: x | y),
    Row("b", "b", "!{0}", lambda x: ~x),
]  # fmt: skip

ROWS: dict[str, list[Row]] = {kind: [] for kind in CTYPES}
for _row in (*_FLOATS, *_CONVERSIONS, *_integers("u"), *_integers("l"), *_BITS):
    ROWS[_row.result].append(_row)
