"""Half precision (`f16`, `bf16`), one number or two packed.

Each operation is done in single precision and rounded once more to half.  For one `+ - *` and
for min, max and comparison that is exact: 24 bits are at least twice 11 and 2 more, so the first
rounding cannot mislead the second.  `fma` is rounded to odd first (see `_fma`), which never
misleads.  NaN results are 0x7fff.

On CPUs without F16C, LLVM converts f16 by a call of the compiler's runtime library.
"""

from __future__ import annotations

from collections.abc import Callable

from ..builder import Builder, Value
from .numeric import clamp01, is_nan
from .rounding import odd_single, step_bits
from .table import Mods, Row

__all__ = ["ROWS", "each_half", "narrowed", "relu", "satfinite", "widened"]


def widened(b: Builder, kind: str, x: Value) -> Value:
    """The 16 bits of an `f16` or `bf16` as a float; exact."""
    if kind == "f16":
        return b.cast("fpext", b.bitcast(x, "half"), "float")
    whole = b.binary("shl", b.cast("zext", x, "i32"), b.const("i32", 16, x.wide))
    return b.bitcast(whole, "float")


def narrowed(b: Builder, kind: str, x: Value, direction: str = "rn") -> Value:
    """A float rounded to `f16` or `bf16` in the direction, as 16 bits; a NaN is 0x7fff."""
    if kind == "f16":
        found = b.bitcast(b.cast("fptrunc", x, "half"), "i16")
    else:
        bits = b.bitcast(x, "i32")
        odd = b.binary("lshr", bits, b.const("i32", 16, x.wide))
        odd = b.binary("and", odd, b.const("i32", 1, x.wide))
        up = b.binary("add", bits, b.const("i32", 0x7FFF, x.wide))
        up = b.binary("lshr", b.binary("add", up, odd), b.const("i32", 16, x.wide))
        found = b.cast("trunc", up, "i16")
    if direction != "rn":
        back = widened(b, kind, found)
        if direction == "rz":
            size, back_size = (b.intrinsic("fabs", "float", v) for v in (x, back))
            wrong = b.compare("fcmp ogt", back_size, size)
        else:
            wrong = b.compare("fcmp ogt" if direction == "rm" else "fcmp olt", back, x)
        found = step_bits(b, found, wrong, direction)
    return b.select(is_nan(b, x), b.const("i16", 0x7FFF, x.wide), found)


def relu(b: Builder, kind: str, x: Value) -> Value:
    """A negative number becomes +0, on the bits of a half whose NaN is canonical."""
    return b.intrinsic("smax", "i16", x, b.const("i16", 0, x.wide))


def satfinite(b: Builder, kind: str, x: Value) -> Value:
    """An infinity becomes the largest number of its sign; a NaN stays."""
    infinity = 0x7C00 if kind == "f16" else 0x7F80
    size = b.binary("and", x, b.const("i16", 0x7FFF, x.wide))
    infinite = b.compare("icmp eq", size, b.const("i16", infinity, x.wide))
    return b.select(infinite, b.binary("sub", x, b.const("i16", 1, x.wide)), x)


def each_half(compute: Callable[..., Value]) -> Callable[..., Value]:
    """`compute(b, m, kind, *halves)` for one half, or for each of two packed in a register."""

    def emit(b: Builder, m: Mods, *args: Value) -> Value:
        kind = str(m["type"])
        if not kind.endswith("x2"):
            return compute(b, m, kind, *args)
        low = compute(b, m, kind[:-2], *(b.cast("trunc", v, "i16") for v in args))
        sixteen = b.const("i32", 16, args[0].wide)
        tops = [b.cast("trunc", b.binary("lshr", v, sixteen), "i16") for v in args]
        high = compute(b, m, kind[:-2], *tops)
        return b.binary(
            "or",
            b.cast("zext", low, "i32"),
            b.binary("shl", b.cast("zext", high, "i32"), sixteen),
        )

    return emit


def _flushed(b: Builder, m: Mods, kind: str, x: Value) -> Value:
    """`.ftz`: a subnormal half becomes a zero of its sign."""
    if not m.get("ftz"):
        return x
    exponent = b.binary("and", x, b.const("i16", 0x7C00 if kind == "f16" else 0x7F80, x.wide))
    tiny = b.compare("icmp eq", exponent, b.const("i16", 0, x.wide))
    return b.select(tiny, b.binary("and", x, b.const("i16", -0x8000, x.wide)), x)


def _finished(b: Builder, m: Mods, kind: str, x: Value) -> Value:
    if m.get("sat"):
        x = clamp01(b, x)
    found = _flushed(b, m, kind, narrowed(b, kind, x))
    return relu(b, kind, found) if m.get("relu") else found


def _binary(op: str):
    def compute(b: Builder, m: Mods, kind: str, x: Value, y: Value) -> Value:
        left, right = (widened(b, kind, _flushed(b, m, kind, v)) for v in (x, y))
        return _finished(b, m, kind, b.binary(op, left, right))

    return each_half(compute)


def _fma(b: Builder, m: Mods, kind: str, *halves: Value) -> Value:
    """One rounding: the sum is first rounded to odd in more than twice the precision.

    A product of halves is exact in single precision for `f16` and in double for `bf16`, whose
    exponents reach further.  The sum's error (Knuth's two-sum) tells on which side of the
    rounded sum the exact one lies; of the two neighbours around it, the one with an odd last bit
    stands for "in between", which no later rounding to fewer bits mistakes for a tie.
    """
    x, y, z = (widened(b, kind, _flushed(b, m, kind, v)) for v in halves)
    if kind == "bf16":
        x, y, z = (b.cast("fpext", v, "double") for v in (x, y, z))
    product = b.binary("fmul", x, y)
    total = b.binary("fadd", product, z)
    back = b.binary("fsub", total, product)
    error = b.binary(
        "fadd",
        b.binary("fsub", product, b.binary("fsub", total, back)),
        b.binary("fsub", z, back),
    )
    whole = "i32" if kind == "f16" else "i64"
    bits, one = b.bitcast(total, whole), b.const(whole, 1, total.wide)
    even = b.compare("icmp eq", b.binary("and", bits, one), b.const(whole, 0, total.wide))
    inexact = b.compare("fcmp one", error, b.const(error.type, 0.0, total.wide))
    # Away from zero is one more: where the error has the sign of the sum.
    differ = b.binary("xor", bits, b.bitcast(error, whole))
    outward = b.compare("icmp sge", differ, b.const(whole, 0, total.wide))
    moved = b.select(outward, b.binary("add", bits, one), b.binary("sub", bits, one))
    odd = b.bitcast(b.select(b.binary("and", even, inexact), moved, bits), total.type)
    return _finished(b, m, kind, odd if kind == "f16" else odd_single(b, odd))


def _extreme(op: str):
    def compute(b: Builder, m: Mods, kind: str, x: Value, y: Value) -> Value:
        x, y = _flushed(b, m, kind, x), _flushed(b, m, kind, y)
        signs = b.binary("and", b.binary("xor", x, y), b.const("i16", -0x8000, x.wide))
        sides = [widened(b, kind, v) for v in (x, y)]
        if m.get("abs"):
            sides = [b.intrinsic("fabs", "float", v) for v in sides]
        name = f"{op}imum" if m.get("NaN") else f"{op}imumnum"
        found = b.intrinsic(name, "float", *sides)
        if not m.get("abs"):
            return narrowed(b, kind, found)
        signed = b.binary("or", narrowed(b, kind, found), signs)
        return b.select(is_nan(b, found), b.const("i16", 0x7FFF, x.wide), signed)

    return each_half(compute)


def _neg(b: Builder, m: Mods, kind: str, x: Value) -> Value:
    return b.binary("xor", _flushed(b, m, kind, x), b.const("i16", -0x8000, x.wide))


def _abs(b: Builder, m: Mods, kind: str, x: Value) -> Value:
    return b.binary("and", _flushed(b, m, kind, x), b.const("i16", 0x7FFF, x.wide))


_F16 = "{type:f16,f16x2}"
_BF16 = "{type:bf16,bf16x2}"

ROWS = (
    *(
        Row(pattern, "type type", "type", _binary(f"f{name}"), arithmetic=True)
        for name in ("add", "sub", "mul")
        for pattern in (f"{name}.rn?.ftz?.sat?.{_F16}", f"{name}.rn?.{_BF16}")
    ),
    Row(f"fma.rn.ftz?.sat?.{_F16}", "type type type", "type", each_half(_fma), arithmetic=True),
    Row(f"fma.rn.ftz?.relu.{_F16}", "type type type", "type", each_half(_fma), arithmetic=True),
    Row(f"fma.rn.relu?.{_BF16}", "type type type", "type", each_half(_fma), arithmetic=True),
    Row(f"neg.ftz?.{_F16}", "type", "type", each_half(_neg)),
    Row(f"neg.{_BF16}", "type", "type", each_half(_neg)),
    Row(f"abs.ftz?.{_F16}", "type", "type", each_half(_abs)),
    Row(f"abs.{_BF16}", "type", "type", each_half(_abs)),
    *(
        Row(pattern, "type type", "type", _extreme(name), arithmetic=True)
        for name in ("min", "max")
        for pattern in (
            f"{name}.ftz?.NaN?.xorsign?.abs?.{_F16}",
            f"{name}.NaN?.xorsign?.abs?.{_BF16}",
        )
    ),
)
