"""IEEE 754 by exact fractions: the reference for arithmetic in every rounding.

It shares nothing with the code under test: numbers are `Fraction`, and rounding chooses between
the two neighbours by comparing distances.
"""

from __future__ import annotations

import math
from fractions import Fraction

FORMATS = {"f16": (5, 10), "bf16": (8, 7), "f32": (8, 23), "f64": (11, 52)}
NAN = {"f16": 0x7FFF, "bf16": 0x7FFF, "f32": 0x7FFFFFFF, "f64": -1}


NOT_A_NUMBER, INFINITE = "nan", "inf"


class Number:
    """A floating-point number taken apart: sign, and a fraction, `INFINITE` or `NOT_A_NUMBER`."""

    __slots__ = ("infinite", "nan", "negative", "value", "zero")

    def __init__(self, negative: bool, value: Fraction | str) -> None:
        self.negative = negative
        self.value = value
        self.nan = value is NOT_A_NUMBER
        self.infinite = value is INFINITE
        self.zero = not self.nan and not self.infinite and value.numerator == 0


def decode(bits: int, kind: str, flush: bool = False) -> Number:
    exponent_bits, fraction_bits = FORMATS[kind]
    negative = bool(bits >> (exponent_bits + fraction_bits))
    field = bits >> fraction_bits & ((1 << exponent_bits) - 1)
    fraction = bits & ((1 << fraction_bits) - 1)
    if field == (1 << exponent_bits) - 1:
        return Number(negative, NOT_A_NUMBER if fraction else INFINITE)
    if field == 0:
        if flush:
            fraction = 0
        field = 1
    else:
        fraction |= 1 << fraction_bits
    power = field - ((1 << (exponent_bits - 1)) - 1) - fraction_bits
    size = Fraction(fraction << power) if power >= 0 else Fraction(fraction, 1 << -power)
    return Number(negative, -size if negative else size)


def encode(x: Number, kind: str, direction: str = "rn", flush: bool = False) -> int:
    """The bits of the number rounded; -1 stands for any NaN of double precision."""
    exponent_bits, fraction_bits = FORMATS[kind]
    if x.nan:
        return NAN[kind]
    sign = x.negative << (exponent_bits + fraction_bits)
    infinity = ((1 << exponent_bits) - 1) << fraction_bits
    if x.infinite:
        return sign | infinity
    size = abs(x.value)
    if size == 0:
        return sign
    bias = (1 << (exponent_bits - 1)) - 1
    # floor(log2(size)), then the place of the last bit.
    power = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** power > size:
        power -= 1
    last = max(power, 1 - bias) - fraction_bits
    scaled = size / Fraction(2) ** last
    down = scaled.numerator // scaled.denominator
    rest = scaled - down
    away = {
        "rn": rest > Fraction(1, 2) or (rest == Fraction(1, 2) and down & 1 == 1),
        "rna": rest >= Fraction(1, 2),
        "rz": False,
        "rm": rest > 0 and x.negative,
        "rp": rest > 0 and not x.negative,
    }[direction]
    number = down + away
    bits = number + ((last + fraction_bits + bias - 1) << fraction_bits)
    if bits >= infinity:
        # Only the directions that round away from zero, and to nearest, overflow to infinity.
        outward = direction in ("rn", "rna") or direction == ("rm" if x.negative else "rp")
        bits = infinity if outward else infinity - 1
    if flush and bits < 1 << fraction_bits:
        bits = 0
    return sign | bits


def _zero(direction: str) -> Number:
    """The zero of a sum that cancels."""
    return Number(direction == "rm", Fraction(0))


def multiply(x: Number, y: Number) -> Number:
    negative = x.negative != y.negative
    if x.nan or y.nan or (x.infinite and y.zero) or (x.zero and y.infinite):
        return Number(False, NOT_A_NUMBER)
    if x.infinite or y.infinite:
        return Number(negative, INFINITE)
    return Number(negative, x.value * y.value)


def add(x: Number, y: Number, direction: str) -> Number:
    if x.nan or y.nan or (x.infinite and y.infinite and x.negative != y.negative):
        return Number(False, NOT_A_NUMBER)
    if x.infinite:
        return x
    if y.infinite:
        return y
    total = x.value + y.value
    if total == 0:
        return x if x.zero and y.zero and x.negative == y.negative else _zero(direction)
    return Number(total < 0, total)


def negate(x: Number) -> Number:
    return Number(not x.negative, x.value if isinstance(x.value, str) else -x.value)


def divide(x: Number, y: Number) -> Number:
    negative = x.negative != y.negative
    if x.nan or y.nan or (x.infinite and y.infinite) or (x.zero and y.zero):
        return Number(False, NOT_A_NUMBER)
    if x.infinite or y.zero:
        return Number(negative, INFINITE)
    if y.infinite:
        return Number(negative, Fraction(0))
    return Number(negative, x.value / y.value)


def square_root(x: Number) -> Number:
    """The root cut to more bits than any format has, a last one telling that more follow."""
    if x.nan or (x.negative and not x.zero):
        return Number(False, NOT_A_NUMBER)
    if x.infinite or x.zero:
        return x
    shift = 2 * 1400
    scaled = (x.value.numerator << shift) // x.value.denominator
    root = math.isqrt(scaled)
    exact = root * root * x.value.denominator == x.value.numerator << shift
    return Number(False, Fraction(2 * root + (not exact), 1 << (shift // 2 + 1)))


def operate(name: str, direction: str, *args: Number) -> Number:
    """`add`, `sub`, `mul`, `fma`, `div`, `sqrt` or `rcp`, exact but for the sign of zero."""
    if name == "add":
        return add(args[0], args[1], direction)
    if name == "sub":
        return add(args[0], negate(args[1]), direction)
    if name == "mul":
        return multiply(*args)
    if name == "fma":
        return add(multiply(args[0], args[1]), args[2], direction)
    if name == "div":
        return divide(*args)
    if name == "rcp":
        return divide(Number(False, Fraction(1)), args[0])
    return square_root(args[0])


def saturate(x: Number) -> Number:
    """`.sat` on the exact value: rounding afterwards gives the same, for 0 and 1 are exact."""
    if x.nan or x.negative or x.zero:
        return Number(False, Fraction(0))
    if x.infinite or x.value > 1:
        return Number(False, Fraction(1))
    return x
