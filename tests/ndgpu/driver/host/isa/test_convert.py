"""`cvt` between integers and floats in every rounding, comparisons, extrema and signs."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest

from . import exact
from .machine import VARIANTS, Machine
from .test_floating import check
from .values import operands

FLOATS = ("f16", "bf16", "f32", "f64")
INTEGERS = [f"{sign}{bits}" for bits in (8, 16, 32, 64) for sign in "us"]

# Spelling -> kinds of operands, reference on bits (a tuple for several results).
FORMS: dict[str, tuple[list[str], Callable]] = {}


def form(spelling: str, kinds: str, function: Callable) -> None:
    FORMS[spelling] = (kinds.split(), function)


def integer(bits: int, kind: str) -> int:
    width = int(kind[1:])
    return bits - (1 << width) if kind[0] == "s" and bits >> (width - 1) else bits


def from_integer(bits: int, source: str, to: str, direction: str, sat: bool) -> int:
    value = integer(bits, source)
    number = exact.Number(value < 0, Fraction(value))
    return exact.encode(exact.saturate(number) if sat else number, to, direction)


def to_integer(bits: int, source: str, to: str, direction: str, flush: bool) -> int:
    """Rounded, saturated, and the manual's value for NaN, as 32 or 64 bits."""
    width = int(to[1:])
    low, high = (-(1 << (width - 1)), (1 << (width - 1)) - 1) if to[0] == "s" else (0, 2**width - 1)
    number = exact.decode(bits, source, flush)
    if number.nan:
        value = 1 << (width - 1) if source == "f64" or width == 64 else 0
        value = integer(value, to)
    elif number.infinite:
        value = low if number.negative else high
    else:
        whole = {
            "rni": round,
            "rzi": int,
            "rmi": lambda v: v.__floor__(),
            "rpi": lambda v: v.__ceil__(),
        }[direction](number.value)
        value = min(max(whole, low), high)
    return value & ((1 << max(width, 32)) - 1)


def narrowed(bits: int, source: str, to: str, direction: str = "rn", *mods: str) -> int:
    number = exact.decode(bits, source, "ftz" in mods and source == "f32")
    if "sat" in mods:
        number = exact.saturate(number)
    found = exact.encode(number, to, direction, "ftz" in mods and to == "f32")
    if number.nan:
        return found
    exponent, fraction = exact.FORMATS[to]
    infinity = ((1 << exponent) - 1) << fraction
    sign = 1 << (exponent + fraction)
    if "satfinite" in mods and found & ~sign == infinity:
        found -= 1
    return 0 if "relu" in mods and found & sign else found


def whole_number(bits: int, kind: str, direction: str) -> int:
    """Rounded to a whole number of the same type."""
    number = exact.decode(bits, kind)
    if isinstance(number.value, Fraction):
        value = {
            "rni": round,
            "rzi": int,
            "rmi": lambda v: v.__floor__(),
            "rpi": lambda v: v.__ceil__(),
        }[direction](number.value)
        number = exact.Number(number.negative, Fraction(value))
    return exact.encode(number, kind)


for f, i in itertools.product(FLOATS, INTEGERS):
    for r in ("rn", "rz", "rm", "rp"):
        form(f"cvt.{r}.{f}.{i}", i, lambda x, f=f, i=i, r=r: from_integer(x, i, f, r, False))
    for r in ("rni", "rzi", "rmi", "rpi"):
        form(f"cvt.{r}.{i}.{f}", f, lambda x, f=f, i=i, r=r: to_integer(x, f, i, r, False))
    if i in ("s32", "u64"):
        form(f"cvt.rn.sat.{f}.{i}", i, lambda x, f=f, i=i: from_integer(x, i, f, "rn", True))
    if f == "f32":
        form(f"cvt.rpi.ftz.{i}.f32", f, lambda x, i=i: to_integer(x, "f32", i, "rpi", True))

for source, to in itertools.product(FLOATS, FLOATS):
    wider = exact.FORMATS[to][0] > exact.FORMATS[source][0] or (source == "bf16" and to == "f32")
    if source == to:
        for r in ("rni", "rzi", "rmi", "rpi"):
            form(f"cvt.{r}.{to}.{to}", to, lambda x, to=to, r=r: whole_number(x, to, r))
    elif wider and {source, to} != {"f16", "bf16"}:
        form(f"cvt.{to}.{source}", source, lambda x, s=source, t=to: narrowed(x, s, t))
    else:
        for r in ("rn", "rz", "rm", "rp"):
            form(
                f"cvt.{r}.{to}.{source}",
                source,
                lambda x, s=source, t=to, r=r: narrowed(x, s, t, r),
            )
form("cvt.sat.f32.f32", "f32", lambda x: narrowed(x, "f32", "f32", "rn", "sat"))
form("cvt.ftz.f32.f32", "f32", lambda x: narrowed(x, "f32", "f32", "rn", "ftz"))
form("cvt.ftz.f64.f32", "f32", lambda x: narrowed(x, "f32", "f64", "rn", "ftz"))
form("cvt.rn.ftz.f32.f64", "f64", lambda x: narrowed(x, "f64", "f32", "rn", "ftz"))
form("cvt.rn.ftz.f16.f32", "f32", lambda x: narrowed(x, "f32", "f16", "rn", "ftz"))
form("cvt.rn.sat.f16.f32", "f32", lambda x: narrowed(x, "f32", "f16", "rn", "sat"))
for to in ("f16", "bf16"):
    for r, more in itertools.product(("rn", "rz"), ("relu", "satfinite", "relu.satfinite")):
        mods = more.split(".")
        form(
            f"cvt.{r}.{more}.{to}.f32",
            "f32",
            lambda x, t=to, r=r, mods=mods: narrowed(x, "f32", t, r, *mods),
        )
    for r, more in itertools.product(("rn", "rz"), ("", ".relu")):
        form(
            f"cvt.{r}{more}.{to}x2.f32",
            "f32 f32",
            lambda x, y, t=to, r=r, more=more: (
                narrowed(x, "f32", t, r, more[1:]) << 16 | narrowed(y, "f32", t, r, more[1:])
            ),
        )


def tf32(bits: int, direction: str) -> int:
    """Rounded to 10 bits after the point: as if the format were so short."""
    exact.FORMATS["tf32"], exact.NAN["tf32"] = (8, 10), 0x3FFFF
    number = exact.decode(bits, "f32")
    return 0x7FFFFFFF if number.nan else exact.encode(number, "tf32", direction) << 13


for r in ("rna", "rn", "rz"):
    form(f"cvt.{r}.tf32.f32", "f32", lambda x, r=r: tf32(x, r))

# -- comparisons -----------------------------------------------------------------------

ORDERED = {
    "eq": lambda x, y: x == y,
    "ne": lambda x, y: x != y,
    "lt": lambda x, y: x < y,
    "le": lambda x, y: x <= y,
    "gt": lambda x, y: x > y,
    "ge": lambda x, y: x >= y,
    "num": lambda x, y: True,
}


def related(name: str, kind: str, x: int, y: int, flush: bool = False) -> bool:
    left, right = exact.decode(x, kind, flush), exact.decode(y, kind, flush)
    if left.nan or right.nan:
        return name in ("nan", "equ", "neu", "ltu", "leu", "gtu", "geu")
    huge = Fraction(1 << 2000)
    values = [(-huge if n.negative else huge) if n.infinite else n.value for n in (left, right)]
    return name != "nan" and ORDERED[name.removesuffix("u") if name != "num" else name](*values)


NAMES = [*ORDERED, "nan", "equ", "neu", "ltu", "leu", "gtu", "geu"]
for kind in FLOATS:
    for name in NAMES:
        form(
            f"setp.{name}.{kind}",
            f"{kind} {kind}",
            lambda x, y, n=name, k=kind: (related(n, k, x, y), not related(n, k, x, y)),
        )
form("setp.eq.ftz.f32", "f32 f32", lambda x, y: (v := related("eq", "f32", x, y, True), not v))
form(
    "setp.geu.and.f64",
    "f64 f64 b1",
    lambda x, y, p: (related("geu", "f64", x, y) and p, not related("geu", "f64", x, y) and p),
)
form("set.lt.u32.f32", "f32 f32", lambda x, y: -related("lt", "f32", x, y) & 0xFFFFFFFF)
form("set.nan.f32.f32", "f32 f32", lambda x, y: 0x3F800000 * related("nan", "f32", x, y))
form("set.leu.f16.f16", "f16 f16", lambda x, y: 0x3C00 * related("leu", "f16", x, y))
form("set.ge.bf16.bf16", "bf16 bf16", lambda x, y: 0x3F80 * related("ge", "bf16", x, y))


def in_halves(function: Callable[[int, int], int]) -> Callable:
    """A reference for packed halves from one for a half."""
    return lambda x, y: function(x & 0xFFFF, y & 0xFFFF) | function(x >> 16, y >> 16) << 16


for kind, one in (("f16", 0x3C00), ("bf16", 0x3F80)):
    form(
        f"set.gtu.{kind}x2.{kind}x2",
        "b32 b32",
        in_halves(lambda x, y, k=kind, one=one: one * related("gtu", k, x, y)),
    )
    form(
        f"set.eq.u32.{kind}x2",
        "b32 b32",
        in_halves(lambda x, y, k=kind: 0xFFFF * related("eq", k, x, y)),
    )
    form(
        f"setp.lt.{kind}x2",
        "b32 b32",
        lambda x, y, k=kind: (
            related("lt", k, x & 0xFFFF, y & 0xFFFF),
            related("lt", k, x >> 16, y >> 16),
        ),
    )

# -- extrema and signs -----------------------------------------------------------------


def extreme(op: str, kind: str, x: int, y: int, *mods: str) -> int:
    top = 1 << (sum(exact.FORMATS[kind]))
    left, right = exact.decode(x, kind, "ftz" in mods), exact.decode(y, kind, "ftz" in mods)
    if (left.nan and right.nan) or ((left.nan or right.nan) and "NaN" in mods):
        return exact.NAN[kind]
    sides = []
    for number, bits in ((left, x), (right, y)):
        if number.nan:
            continue
        bits = bits & top if number.zero else bits
        sides.append(bits & ~top if "abs" in mods else bits)

    def order(bits: int) -> int:
        """Bits of numbers ordered as the numbers are, -0 below +0."""
        return -(bits & ~top) - 1 if bits & top else bits

    found = min(sides, key=order) if op == "min" else max(sides, key=order)
    return found & ~top | (x ^ y) & top if "abs" in mods else found


for op, kind in itertools.product(("min", "max"), FLOATS):
    form(f"{op}.{kind}", f"{kind} {kind}", lambda x, y, o=op, k=kind: extreme(o, k, x, y))
    if kind != "f64":
        for more in ("NaN", "xorsign.abs", "NaN.xorsign.abs"):
            mods = more.split(".")
            form(
                f"{op}.{more}.{kind}",
                f"{kind} {kind}",
                lambda x, y, o=op, k=kind, mods=mods: extreme(o, k, x, y, *mods),
            )
    if kind in ("f16", "bf16"):
        form(
            f"{op}.{kind}x2",
            "b32 b32",
            in_halves(lambda x, y, o=op, k=kind: extreme(o, k, x, y)),
        )
    if kind in ("f16", "f32"):
        form(
            f"{op}.ftz.{kind}",
            f"{kind} {kind}",
            lambda x, y, o=op, k=kind: extreme(o, k, x, y, "ftz"),
        )


def flushed(bits: int, kind: str) -> int:
    top = 1 << sum(exact.FORMATS[kind])
    return bits & top if bits & ~top < 1 << exact.FORMATS[kind][1] else bits


for kind in FLOATS:
    top = 1 << sum(exact.FORMATS[kind])
    form(f"abs.{kind}", kind, lambda x, t=top: x & ~t)
    form(f"neg.{kind}", kind, lambda x, t=top: x ^ t)
    if kind in ("f16", "f32"):
        form(f"abs.ftz.{kind}", kind, lambda x, t=top, k=kind: flushed(x, k) & ~t)
        form(f"neg.ftz.{kind}", kind, lambda x, t=top, k=kind: flushed(x, k) ^ t)
    if kind in ("f32", "f64"):
        form(f"copysign.{kind}", f"{kind} {kind}", lambda x, y, t=top: y & ~t | x & t)
        form(f"selp.{kind}", f"{kind} {kind} b1", lambda x, y, p: x if p else y)
        form(f"mov.{kind}", kind, lambda x: x)
form("neg.f16x2", "b32", lambda x: x ^ 0x80008000)
form("abs.bf16x2", "b32", lambda x: x & 0x7FFF7FFF)
form(
    "slct.s32.f32",
    "b32 b32 f32",
    lambda x, y, c: x if related("ge", "f32", c, 0) else y,
)


def classified(name: str, bits: int, kind: str) -> bool:
    number = exact.decode(bits, kind)
    tiny = 0 < bits & ~(1 << sum(exact.FORMATS[kind])) < 1 << exact.FORMATS[kind][1]
    return {
        "finite": not number.nan and not number.infinite,
        "infinite": number.infinite,
        "number": not number.nan,
        "notanumber": number.nan,
        "normal": not (number.nan or number.infinite or number.zero or tiny),
        "subnormal": tiny,
    }[name]


for name in ("finite", "infinite", "number", "notanumber", "normal", "subnormal"):
    for kind in ("f32", "f64"):
        form(f"testp.{name}.{kind}", kind, lambda x, n=name, k=kind: classified(n, x, k))


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine(dict.fromkeys(FORMS, ""))


@pytest.mark.parametrize("spelling", FORMS)
def test_form(machine: Machine, spelling: str) -> None:
    kinds, function = FORMS[spelling]
    arrays = operands(spelling, kinds, 300)
    wanted = []
    for row in zip(*(a.tolist() for a in arrays), strict=True):
        made = function(*row)
        wanted.append(made if isinstance(made, tuple) else (made,))
    for variant in VARIANTS:
        got = machine(spelling, variant, *arrays)
        for column, have in zip(zip(*wanted, strict=True), got, strict=True):
            check(spelling, arrays, have, [int(v) for v in column], variant)


def test_arrays_of_both_widths_are_compared() -> None:
    """The harness itself notices a wrong bit."""
    with pytest.raises(pytest.fail.Exception, match="not 0x2"):
        check("mov.b32", [], np.array([1], dtype=np.uint32), [2], "")
