"""`fma` of doubles in integer arithmetic, rounded in any direction; one lane at a time.

The helper is a function of the module, written in LLVM's own language, that takes the sources'
bits.  Both terms are normalised and laid out in 256 bits: the product has 106 bits and the addend
53, shifted up to as many; 120 bits are left below.  The term of the smaller exponent is shifted
down; what falls off is kept as one sticky bit, which can only happen where it is below all bits
that rounding looks at.
"""

from __future__ import annotations

from ..builder import Builder, Value

__all__ = ["call"]

_NAME = "ndgpu.fma64"
# Directions, as the helper's last argument; `odd` is for remainders, whose sign is wanted.
_MODES = {"rz": 0, "rm": 1, "rp": 2, "odd": 3}
_SIGN = 1 << 63
_MOST = 0x7FEFFFFFFFFFFFFF
# Free bits below both terms.
_GUARD = 120


def call(b: Builder, direction: str, x: Value, y: Value, z: Value) -> Value:
    """x * y + z in the direction: `rz`, `rm`, `rp`, or `odd` (inexact: last bit 1)."""
    if _NAME not in b.declarations:
        _define(b)
    mode = _MODES[direction]
    x, y, z = b.alike(x, y, z)
    if not x.wide:
        return _call(b, mode, x.text, y.text, z.text)
    vector = b.ir_type("double", True)
    result = Value("poison", "double", True)
    for lane in range(b.width):
        parts = [
            b.emit(f"extractelement {b.typed(v)}, i64 {lane}", "double", False).text
            for v in (x, y, z)
        ]
        one = _call(b, mode, *parts)
        result = b.emit(
            f"insertelement {vector} {result.text}, double {one.text}, i64 {lane}", "double", True
        )
    return result


def _call(b: Builder, mode: int, x: str, y: str, z: str) -> Value:
    given = f"double {x}, double {y}, double {z}, i32 {mode}"
    return b.emit(f"call double @{_NAME}({given})", "double", False)


def _define(b: Builder) -> None:
    """Write the helper among the module's declarations."""
    inner = Builder(b.width)
    inner.declarations = b.declarations
    x, y, z = (Value(f"%{name}", "double", False) for name in "xyz")
    result = _body(inner, x, y, z, Value("%mode", "i32", False))
    lines = "\n".join(inner.lines)
    b.declarations[_NAME] = (
        f"define private double @{_NAME}(double %x, double %y, double %z, i32 %mode) "
        f"noinline nounwind memory(none) {{\n{lines}\n  ret double {result.text}\n}}"
    )


def _body(b: Builder, x: Value, y: Value, z: Value, mode: Value) -> Value:
    def c(number: int, type: str = "i64") -> Value:
        return b.const(type, number)

    rm = b.compare("icmp eq", mode, c(1, "i32"))
    rp = b.compare("icmp eq", mode, c(2, "i32"))
    odd = b.compare("icmp eq", mode, c(3, "i32"))
    bits = [b.bitcast(v, "i64") for v in (x, y, z)]
    minus = b.compare("icmp slt", b.binary("xor", bits[0], bits[1]), c(0))
    minus_z = b.compare("icmp slt", bits[2], c(0))

    # Both terms as 256-bit integers with an exponent each.
    (mx, ex), (my, ey), (mz, ez) = (_unpacked(b, v) for v in bits)
    product = b.binary("mul", b.cast("zext", mx, "i256"), b.cast("zext", my, "i256"))
    product = b.binary("shl", product, c(_GUARD, "i256"))
    addend = b.binary("shl", b.cast("zext", mz, "i256"), c(_GUARD + 53, "i256"))
    e_product = b.binary("sub", b.binary("add", ex, ey), c(2150 + _GUARD))
    e_addend = b.binary("sub", ez, c(1075 + 53 + _GUARD))
    no_addend = b.compare("icmp eq", mz, c(0))
    e_addend = b.select(no_addend, e_product, e_addend)
    gap = b.binary("sub", e_product, e_addend)
    product = _sticky_shift(b, product, b.binary("sub", c(0), gap))
    addend = _sticky_shift(b, addend, gap)
    exponent = b.intrinsic("smax", "i64", e_product, e_addend)

    product = b.select(minus, b.binary("sub", c(0, "i256"), product), product)
    addend = b.select(minus_z, b.binary("sub", c(0, "i256"), addend), addend)
    total = b.binary("add", product, addend)
    negative = b.compare("icmp slt", total, c(0, "i256"))
    size = b.intrinsic("abs", "i256", total, extra=", i1 false")

    # Cut to 53 bits, or to the last place of subnormal numbers.
    zeros = b.cast("trunc", b.intrinsic("ctlz", "i256", size, extra=", i1 false"), "i64")
    cut = b.binary("sub", c(255 - 52), zeros)
    cut = b.intrinsic("smax", "i64", cut, b.binary("sub", c(-1074), exponent))
    cut = b.intrinsic("smax", "i64", cut, c(0))
    shift = b.cast("zext", b.intrinsic("umin", "i64", cut, c(255)), "i256")
    kept = b.binary("lshr", size, shift)
    inexact = b.compare("icmp ne", b.binary("shl", kept, shift), size)
    away = b.binary("or", b.binary("and", rm, negative), b.binary("and", rp, _not(b, negative)))
    number = b.cast("trunc", kept, "i64")
    number = b.binary("add", number, b.cast("zext", b.binary("and", inexact, away), "i64"))
    number = b.binary("or", number, b.cast("zext", b.binary("and", inexact, odd), "i64"))
    # A 1 before the point adds one to the exponent field, a carry out of it one more.
    field = b.binary("add", b.binary("add", exponent, cut), c(1074))
    number = b.binary("add", b.binary("shl", field, c(52)), number)
    most = b.select(away, c(_MOST + 1), c(_MOST))
    number = b.select(b.compare("icmp sgt", field, c(2045)), most, number)
    number = b.select(negative, b.binary("or", number, c(_SIGN)), number)

    # Zeros: of like signs they keep it; else, and when terms cancel, the direction decides.
    zero = b.select(rm, c(_SIGN), c(0))
    no_product = b.compare(
        "icmp eq", b.binary("mul", b.intrinsic("umin", "i64", mx, c(1)), my), c(0)
    )
    both = b.binary("and", no_product, no_addend)
    alike = b.binary("and", both, b.compare("icmp eq", minus, minus_z))
    zero = b.select(alike, b.select(minus, c(_SIGN), c(0)), zero)
    number = b.select(b.compare("icmp eq", total, c(0, "i256")), zero, number)
    # With nothing to add to, the addend itself; and infinity and NaN need no rounding.
    only_addend = b.binary("and", no_product, _not(b, no_addend))
    number = b.select(only_addend, bits[2], number)
    found = b.bitcast(number, "double")
    nothing = c(0, "i1")
    for v in (x, y, z):
        size = b.intrinsic("fabs", "double", v)
        special = b.compare("fcmp ueq", size, b.const("double", 0x7FF << 52))
        nothing = b.binary("or", nothing, special)
    return b.select(nothing, b.intrinsic("fma", "double", x, y, z), found)


def _not(b: Builder, x: Value) -> Value:
    return b.binary("xor", x, b.const("i1", 1))


def _unpacked(b: Builder, bits: Value) -> tuple[Value, Value]:
    """m with bit 52 set, unless zero, and e of the number m * 2**(e - 1075)."""
    field = b.binary("and", b.binary("lshr", bits, b.const("i64", 52)), b.const("i64", 2047))
    mantissa = b.binary("and", bits, b.const("i64", (1 << 52) - 1))
    normal = b.compare("icmp ne", field, b.const("i64", 0))
    with_top = b.binary("or", mantissa, b.const("i64", 1 << 52))
    mantissa = b.select(normal, with_top, mantissa)
    field = b.intrinsic("umax", "i64", field, b.const("i64", 1))
    zeros = b.intrinsic("ctlz", "i64", mantissa, extra=", i1 false")
    up = b.intrinsic("umin", "i64", b.binary("sub", zeros, b.const("i64", 11)), b.const("i64", 53))
    return b.binary("shl", mantissa, up), b.binary("sub", field, up)


def _sticky_shift(b: Builder, x: Value, count: Value) -> Value:
    """`x` shifted right if `count` is positive, its last bit set if anything fell off."""
    count = b.intrinsic("smax", "i64", count, b.const("i64", 0))
    count = b.intrinsic("umin", "i64", count, b.const("i64", 255))
    shift = b.cast("zext", count, "i256")
    kept = b.binary("lshr", x, shift)
    lost = b.compare("icmp ne", b.binary("shl", kept, shift), x)
    return b.binary("or", kept, b.cast("zext", lost, "i256"))
