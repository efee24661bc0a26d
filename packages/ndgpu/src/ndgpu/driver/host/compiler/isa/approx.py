"""Approximate instructions as inline polynomials, within the error that the PTX manual allows.

==================  =================================  ==========================
instruction         manual's bound                     here, on 4M points
==================  =================================  ==========================
``ex2.approx``      2**-22.5 relative                  2**-23.6
``lg2.approx``      2**-22 absolute on [0.5, 2],       2**-23.7
                    2**-22.6 relative elsewhere        2**-23.8
``sin/cos.approx``  2**-20.5 absolute on [-2pi, 2pi]   2**-21.1
``tanh.approx``     2**-11 relative                    2**-19.7
``rsqrt.approx``    2**-22.9 relative                  2**-23.4
==================  =================================  ==========================

Polynomials are minimax fits.  None calls a library, and all work on vectors.  Halves are
computed in single precision and rounded.
"""

from __future__ import annotations

from ..builder import Builder, Value
from .half import each_half, narrowed, widened
from .numeric import bits_of, finish, operands
from .table import Mods, Row

__all__ = ["ROWS"]

# 2**f on [-1/2, 1/2], relative error 2**-29.0.
_EX2 = ("0x1p+0", "0x1.62e430p-1", "0x1.ebfbdap-3", "0x1.c6aed4p-5", "0x1.3b2dbcp-7",
        "0x1.5f4568p-10", "0x1.41d306p-13")  # fmt: skip
# log2(1 + f) / f on [-1/3, 1/3], relative error 2**-25.2.
_LG2 = ("0x1.715476p+0", "-0x1.715456p-1", "0x1.ec6ffep-2", "-0x1.7172d0p-2", "0x1.27a3ecp-2",
        "-0x1.e4f080p-3", "0x1.9d4956p-3", "-0x1.c71b0cp-3", "0x1.9f4ccep-3")  # fmt: skip
# sin(2 pi u) / u by powers of u**2 on [0, 1/4], relative error 2**-27.5.
_SIN = ("0x1.921fb6p+2", "-0x1.4abbc2p+5", "0x1.4668b0p+6", "-0x1.324ccap+6", "0x1.3daff6p+5")


def _constant(b: Builder, like: Value, number: float) -> Value:
    return b.const(like.type, number, like.wide)


def _polynomial(b: Builder, x: Value, coefficients: tuple[str, ...]) -> Value:
    """Horner's rule."""
    values = [_constant(b, x, float.fromhex(c)) for c in coefficients]
    result = values[-1]
    for c in reversed(values[:-1]):
        result = b.intrinsic("fma", x.type, result, x, c)
    return result


def _nearest_integer(b: Builder, x: Value) -> tuple[Value, Value]:
    """The nearest integer as a float, and the bits whose low ones are that integer.

    Adding 3 * 2**22 leaves no room for a fraction; for |x| >= 2**22 both are rubbish.
    """
    magic = _constant(b, x, 12582912.0)
    moved = b.binary("fadd", x, magic)
    return b.binary("fsub", moved, magic), bits_of(b, moved)


def _i32(b: Builder, like: Value, number: int) -> Value:
    return b.const("i32", number, like.wide)


def ex2(b: Builder, x: Value, flush: bool) -> Value:
    """2**x; a subnormal result is a zero if `flush`."""
    whole, bits = _nearest_integer(b, x)
    power = _polynomial(b, b.binary("fsub", x, whole), _EX2)
    over = b.compare("fcmp uge", x, _constant(b, x, 128.0))
    # x + infinity is infinity, or x itself if that is not a number.
    above = b.binary("fadd", x, _constant(b, x, float("inf")))
    if flush:
        exponent = b.binary("shl", bits, _i32(b, x, 23))
        found = b.bitcast(b.binary("add", bits_of(b, power), exponent), "float")
        under = b.compare("fcmp olt", x, _constant(b, x, -126.0))
        found = b.select(under, _constant(b, x, 0.0), found)
        return b.select(over, above, found)
    # The scale in two factors, of which the first keeps the number normal: one rounding.
    under = b.compare("fcmp olt", x, _constant(b, x, -126.0))
    offset = b.select(under, _i32(b, x, 64 << 23), _i32(b, x, 0))
    factor = b.select(under, _constant(b, x, 2.0**-64), _constant(b, x, 1.0))
    exponent = b.binary("add", b.binary("shl", bits, _i32(b, x, 23)), offset)
    found = b.bitcast(b.binary("add", bits_of(b, power), exponent), "float")
    found = b.binary("fmul", found, factor)
    gone = b.compare("fcmp olt", x, _constant(b, x, -151.0))
    found = b.select(gone, _constant(b, x, 0.0), found)
    return b.select(over, above, found)


def lg2(b: Builder, x: Value, flush: bool) -> Value:
    """log2(x); a subnormal source counts as zero if `flush`."""
    small = b.compare("fcmp olt", x, _constant(b, x, 2.0**-126))
    number = x
    bias = _constant(b, x, 0.0)
    if not flush:
        number = b.select(small, b.binary("fmul", x, _constant(b, x, 2.0**24)), x)
        bias = b.select(small, _constant(b, x, -24.0), bias)
    bits = bits_of(b, number)
    # The fraction from 2/3 to 4/3, so that the logarithm of numbers near 1 is precise.
    exponent = b.binary("sub", bits, _i32(b, x, 0x3F2AAAAB))
    exponent = b.binary("and", exponent, _i32(b, x, -(1 << 23)))
    fraction = b.bitcast(b.binary("sub", bits, exponent), "float")
    whole = b.binary("ashr", exponent, _i32(b, x, 23))
    whole = b.binary("fadd", b.cast("sitofp", whole, "float"), bias)
    f = b.binary("fsub", fraction, _constant(b, x, 1.0))
    found = b.intrinsic("fma", "float", f, _polynomial(b, f, _LG2), whole)
    infinity = _constant(b, x, float("inf"))
    # Infinity and NaN are their own logarithms.
    beyond = b.compare("fcmp uge", x, infinity)
    found = b.select(beyond, x, found)
    zero = _constant(b, x, 0.0)
    if flush:
        low = b.compare("fcmp olt", b.intrinsic("fabs", "float", x), _constant(b, x, 2.0**-126))
    else:
        low = b.compare("fcmp oeq", x, zero)
    found = b.select(low, _constant(b, x, float("-inf")), found)
    negative = b.compare("fcmp ole", x, _constant(b, x, -(2.0**-126)))
    if not flush:
        negative = b.compare("fcmp olt", x, zero)
    return b.select(negative, b.const("float", 0x7FFFFFFF, x.wide), found)


def _sine(b: Builder, u: Value) -> Value:
    """sin(2 pi u) for |u| <= 1/4."""
    return b.binary("fmul", u, _polynomial(b, b.binary("fmul", u, u), _SIN))


def _turns(b: Builder, x: Value) -> Value:
    """x / (2 pi) less the nearest integer, in [-1/2, 1/2]; NaN for infinity."""
    turns = b.binary("fmul", x, _constant(b, x, float.fromhex("0x1.45f306p-3")))
    return b.binary("fsub", turns, b.intrinsic("roundeven", "float", turns))


def sin(b: Builder, x: Value) -> Value:
    t = _turns(b, x)
    size = b.intrinsic("fabs", "float", t)
    mirrored = b.binary("fsub", _constant(b, x, 0.5), size)
    folded = b.intrinsic("minnum", "float", size, mirrored)
    return _sine(b, b.intrinsic("copysign", "float", folded, x_sign(b, t, x)))


def x_sign(b: Builder, t: Value, x: Value) -> Value:
    """`t`, or `x` where `t` is zero, for the sign of a sine."""
    zero = b.compare("fcmp oeq", t, _constant(b, t, 0.0))
    return b.select(zero, x, t)


def cos(b: Builder, x: Value) -> Value:
    size = b.intrinsic("fabs", "float", _turns(b, x))
    return _sine(b, b.binary("fsub", _constant(b, x, 0.25), size))


def tanh(b: Builder, x: Value) -> Value:
    """(1 - e) / (1 + e) with e = exp(-2 |x|); x - x**3 / 3 where that would cancel."""
    size = b.intrinsic("fabs", "float", x)
    scaled = b.binary("fmul", size, _constant(b, x, float.fromhex("-0x1.715476p+1")))
    e = ex2(b, scaled, True)
    one = _constant(b, x, 1.0)
    far = b.binary("fdiv", b.binary("fsub", one, e), b.binary("fadd", one, e))
    square = b.binary("fmul", size, size)
    third = _constant(b, x, -1.0 / 3.0)
    near = b.intrinsic("fma", "float", b.binary("fmul", square, third), size, size)
    small = b.compare("fcmp olt", size, _constant(b, x, 2.0**-6))
    return b.intrinsic("copysign", "float", b.select(small, near, far), x)


def _rsqrt(b: Builder, x: Value) -> Value:
    root = b.intrinsic("sqrt", x.type, x)
    return b.binary("fdiv", _constant(b, x, 1.0), root)


def _of(function, flushes: bool = False):
    """An instruction on one float, with `.ftz`."""

    def emit(b: Builder, m: Mods, x: Value) -> Value:
        if flushes:
            return finish(b, {**m, "ftz": None}, function(b, x, bool(m["ftz"])))
        (x,) = operands(b, m, x)
        return finish(b, m, function(b, x))

    return emit


def _high_word(name: str):
    """`rcp` and `rsqrt.approx.ftz.f64`: a starting point for iterations; the low word is 0."""

    def emit(b: Builder, m: Mods, x: Value) -> Value:
        (x,) = operands(b, m, x)
        one = _constant(b, x, 1.0)
        found = b.binary("fdiv", one, b.intrinsic("sqrt", "double", x) if name == "rsqrt" else x)
        bits = b.binary("and", bits_of(b, found), b.const("i64", -1 << 32, x.wide))
        cut = b.bitcast(bits, "double")
        # A NaN whose payload was all in the low word must stay one.
        nan = b.compare("fcmp uno", found, found)
        cut = b.select(nan, b.const("double", 0x7FF8 << 48, x.wide), cut)
        return operands(b, m, cut)[0]

    return emit


def _half(function, flushes: bool = False):
    """An instruction on one half, through single precision."""

    def compute(b: Builder, m: Mods, kind: str, x: Value) -> Value:
        wide = widened(b, kind, x)
        found = function(b, wide, False) if flushes else function(b, wide)
        return narrowed(b, kind, found)

    return each_half(compute)


ROWS = (
    Row("ex2.approx.ftz?.{type:f32}", "type", "type", _of(ex2, True), arithmetic=True),
    Row("lg2.approx.ftz?.{type:f32}", "type", "type", _of(lg2, True), arithmetic=True),
    Row("sin.approx.ftz?.{type:f32}", "type", "type", _of(sin), arithmetic=True),
    Row("cos.approx.ftz?.{type:f32}", "type", "type", _of(cos), arithmetic=True),
    Row("tanh.approx.{type:f32}", "type", "type", _of(tanh), arithmetic=True),
    Row("rsqrt.approx.ftz?.{type:f32}", "type", "type", _of(_rsqrt), arithmetic=True),
    Row("rsqrt.approx.{type:f64}", "type", "type", _of(_rsqrt), arithmetic=True),
    Row("rcp.approx.ftz.{type:f64}", "type", "type", _high_word("rcp"), arithmetic=True),
    Row("rsqrt.approx.ftz.{type:f64}", "type", "type", _high_word("rsqrt"), arithmetic=True),
    Row("ex2.approx.{type:f16,f16x2}", "type", "type", _half(ex2, True), arithmetic=True),
    Row("ex2.approx.ftz.{type:bf16,bf16x2}", "type", "type", _half(ex2, True), arithmetic=True),
    Row("tanh.approx.{type:f16,f16x2,bf16,bf16x2}", "type", "type", _half(tanh), arithmetic=True),
)
