"""Correct rounding in every direction, for hardware that only rounds to nearest.

The result to nearest differs from the exact result by less than the gap to a neighbour, so the
result rounded in a direction is either the one to nearest or its neighbour.  All that is needed
is the sign of the error, *exact - nearest*, without any doubt:

Single precision.  Sources are widened to double, where

- the product of two numbers of 24 bits is exact (48 bits; exponents down to -298);
- for `add` and `fma`, with p the product and c the addend, exact as doubles, and f the result to
  nearest: let h be the larger of p and c, and l the other.  h - f is exact in double: f is within
  a rounding to 24 bits of h + l, |l| <= |h|, so either f is of h's size, and the two share all
  but few bits, or cancellation left f a multiple of the last bit of h and l that is smaller than
  h, hence h - f too fits.  (h - f) + l then is rounded once, which keeps its sign.
- a quotient or root that does not fit 24 bits is at least 2**-50, relatively, away from any
  number of 24 bits, so its double to nearest lies on the right side of each such number.

Double precision.  A software `fma` in 256-bit integers, one lane at a time, gives the sums and
products, and the sign of the remainders a - q * b and a - s * s that tell the error of a quotient
q and of a root s.  Code that needs it is rare.

With AVX-512 all this is unneeded: its instructions take a rounding of their own (see `avx512`).

Overflow takes the same road: to nearest it gives infinity, whose "neighbour" towards zero is the
largest finite number, and *exact - nearest* has the opposite sign.
"""

from __future__ import annotations

from ..builder import Builder, Value
from . import avx512, softfma
from .numeric import bits_of, sign_bit

__all__ = ["directed", "narrow", "nearest", "odd_single", "step", "step_bits"]

_BINARY = {"add": "fadd", "sub": "fsub", "mul": "fmul", "div": "fdiv"}


def nearest(b: Builder, name: str, *args: Value) -> Value:
    """`name` of the sources, rounded to the nearest number, ties to even."""
    if name == "fma":
        return b.intrinsic("fma", args[0].type, *args)
    if name == "sqrt":
        return _root(b, args[0])
    if name == "rcp":
        return b.binary("fdiv", b.const(args[0].type, 1.0, args[0].wide), args[0])
    return b.binary(_BINARY[name], *args)


def _root(b: Builder, x: Value) -> Value:
    root = b.intrinsic("sqrt", x.type, x)
    if x.type != "float":
        return root
    # LLVM drops a select of NaN around a root of a negative number, for the root is "NaN" anyhow,
    # and with it the NaN's bits; it does not look through the integer comparison.
    bits = bits_of(b, root)
    size = b.binary("and", bits, b.const("i32", 0x7FFFFFFF, x.wide))
    nan = b.compare("icmp ugt", size, b.const("i32", 0x7F800000, x.wide))
    return b.bitcast(b.select(nan, b.const("i32", 0x7FFFFFFF, x.wide), bits), "float")


def directed(b: Builder, name: str, direction: str, *args: Value) -> Value:
    """`name` of the sources, rounded to zero (`rz`), down (`rm`) or up (`rp`)."""
    if name == "rcp":
        name, args = "div", (b.const(args[0].type, 1.0, args[0].wide), args[0])
    if name == "sub":
        name, args = "add", (args[0], b.unary("fneg", args[1]))
    if args[0].wide and "avx512f" in b.features:
        return avx512.directed(b, name, direction, *args)
    if args[0].type == "double":
        return _directed_double(b, name, direction, args)
    found = nearest(b, name, *args)
    exact = [b.cast("fpext", v, "double") for v in args]
    if name in ("div", "sqrt"):
        return narrow(b, nearest(b, name, *exact), direction)
    if name == "mul":
        return narrow(b, b.binary("fmul", *exact), direction)
    error, zero_sign = _sum_error(b, name, found, exact)
    if direction == "rm":
        found = _zero_downwards(b, found, error, zero_sign)
    return _correct(b, found, error, direction)


def _sum_error(b: Builder, name: str, found: Value, exact: list[Value]) -> tuple[Value, Value]:
    """Sign of the error of a single-precision sum, as a double; the sign bits of the terms."""
    addend = exact[-1]
    other = exact[0] if name == "add" else b.binary("fmul", exact[0], exact[1])
    larger = b.compare(
        "fcmp ogt", b.intrinsic("fabs", "double", addend), b.intrinsic("fabs", "double", other)
    )
    high, low = b.select(larger, addend, other), b.select(larger, other, addend)
    rest = b.binary("fsub", high, b.cast("fpext", found, "double"))
    signs = b.binary("or", bits_of(b, addend), bits_of(b, other))
    return b.binary("fadd", rest, low), signs


def _zero_downwards(b: Builder, found: Value, error: Value, signs: Value) -> Value:
    """Rounded down, a sum that cancels exactly is -0; to nearest it is +0."""
    top = b.cast("trunc", b.binary("lshr", signs, b.const("i64", 32, found.wide)), "i32")
    sign = b.binary("and", top, b.const("i32", sign_bit("i32"), found.wide))
    cancelled = b.binary(
        "and",
        b.compare("fcmp oeq", found, b.const(found.type, 0.0, found.wide)),
        b.compare("fcmp oeq", error, b.const(error.type, 0.0, found.wide)),
    )
    return b.select(cancelled, b.bitcast(sign, found.type), found)


def _correct(b: Builder, found: Value, error: Value, direction: str) -> Value:
    """The result to nearest, one step in the direction if `error` (exact - found) says so."""
    zero = b.const(error.type, 0.0, found.wide)
    if direction == "rm":
        return step(b, found, b.compare("fcmp olt", error, zero), direction)
    if direction == "rp":
        return step(b, found, b.compare("fcmp ogt", error, zero), direction)
    # Towards zero: wrong if the error and the result have opposite signs.
    bits = bits_of(b, found)
    positive = b.compare("icmp sge", bits, b.const(bits.type, 0, found.wide))
    wrong = b.select(
        positive, b.compare("fcmp olt", error, zero), b.compare("fcmp ogt", error, zero)
    )
    return step(b, found, wrong, direction)


def step(b: Builder, x: Value, where: Value, direction: str) -> Value:
    """The neighbour of `x` in the direction, in the lanes `where`; infinity has one too."""
    return b.bitcast(step_bits(b, bits_of(b, x), where, direction), x.type)


def step_bits(b: Builder, bits: Value, where: Value, direction: str) -> Value:
    """`step` on the bits of a number: magnitudes of floats are ordered as integers are."""
    less = b.binary("sub", bits, b.const(bits.type, 1, bits.wide))
    if direction == "rz":
        return b.select(where, less, bits)
    more = b.binary("add", bits, b.const(bits.type, 1, bits.wide))
    positive = b.compare("icmp sge", bits, b.const(bits.type, 0, bits.wide))
    up, down = (more, less) if direction == "rp" else (less, more)
    return b.select(where, b.select(positive, up, down), bits)


def narrow(b: Builder, x: Value, direction: str) -> Value:
    """A double as the float that lies in the direction."""
    found = b.cast("fptrunc", x, "float")
    if direction == "rn":
        return found
    back = b.cast("fpext", found, "double")
    if direction == "rz":
        wrong = b.compare(
            "fcmp ogt", b.intrinsic("fabs", "double", back), b.intrinsic("fabs", "double", x)
        )
    else:
        wrong = b.compare("fcmp ogt" if direction == "rm" else "fcmp olt", back, x)
    return step(b, found, wrong, direction)


def odd_single(b: Builder, x: Value) -> Value:
    """A double as a float rounded to odd: a later rounding to half cannot be misled."""
    found = b.cast("fptrunc", x, "float")
    back = b.cast("fpext", found, "double")
    bits = bits_of(b, found)
    even = b.compare(
        "icmp eq",
        b.binary("and", bits, b.const("i32", 1, x.wide)),
        b.const("i32", 0, x.wide),
    )
    size, back_size = (b.intrinsic("fabs", "double", v) for v in (x, back))
    one = b.const("i32", 1, x.wide)
    less = b.binary("and", even, b.compare("fcmp ogt", back_size, size))
    more = b.binary("and", even, b.compare("fcmp olt", back_size, size))
    bits = b.select(less, b.binary("sub", bits, one), bits)
    return b.bitcast(b.select(more, b.binary("add", bits, one), bits), "float")


def _directed_double(b: Builder, name: str, direction: str, args: tuple[Value, ...]) -> Value:
    if name == "fma":
        return softfma.call(b, direction, args[0], args[1], args[2])
    if name == "add":
        # 1 * x is exact, and has the sign of x where it is zero.
        return softfma.call(b, direction, args[0], b.const("double", 1.0, args[0].wide), args[1])
    if name == "mul":
        # The addend is a zero of the product's sign, which changes nothing.
        signs = b.binary("xor", *(bits_of(b, v) for v in args))
        sign = b.binary("and", signs, b.const("i64", sign_bit("i64"), signs.wide))
        return softfma.call(b, direction, args[0], args[1], b.bitcast(sign, "double"))
    found = nearest(b, name, *args)
    divisor = args[1] if name == "div" else found
    rest = softfma.call(b, "odd", b.unary("fneg", found), divisor, args[0])
    whole = b.const("i64", sign_bit("i64"), found.wide)
    sign = b.binary("and", bits_of(b, divisor), whole)
    error = b.bitcast(b.binary("xor", bits_of(b, rest), sign), "double")
    # A quotient of finite numbers that overflowed leaves no remainder to look at.
    infinite = b.compare(
        "fcmp oeq", b.intrinsic("fabs", "double", found), b.const("double", 0x7FF << 52, found.wide)
    )
    divided = b.compare(
        "fcmp one",
        b.intrinsic("fabs", "double", args[0]),
        b.const("double", 0x7FF << 52, found.wide),
    )
    if name == "div":
        divided = b.binary(
            "and", divided, b.compare("fcmp one", divisor, b.const("double", 0.0, found.wide))
        )
    error = b.select(b.binary("and", infinite, divided), b.unary("fneg", found), error)
    return _correct(b, found, error, direction)
