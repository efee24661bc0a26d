"""Integer arithmetic, logic, shifts, bit fields and moves against Python's integers."""

from __future__ import annotations

import operator
from collections.abc import Callable

import numpy as np
import pytest

from .machine import VARIANTS, Machine
from .values import operands

SIZES = (16, 32, 64)


def signed(x: int, bits: int) -> int:
    x &= (1 << bits) - 1
    return x - (1 << bits) if x >> (bits - 1) else x


def read(x: int, kind: str) -> int:
    return signed(x, int(kind[1:])) if kind[0] == "s" else x


def clamp(x: int, kind: str) -> int:
    bits = int(kind[1:])
    low, high = (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if kind[0] == "s" else (0, 2**bits - 1)
    return min(max(x, low), high)


def quotient(x: int, y: int) -> int:
    if y == 0:
        return -1
    return -(-x // y) if (x < 0) != (y < 0) else x // y


def remainder(x: int, y: int) -> int:
    return x if y == 0 else x - y * quotient(x, y)


# Spelling -> kinds of operands, number of bits of each result, reference, constants by position.
FORMS: dict[str, tuple[list[str], list[int], Callable, dict | str]] = {}


def form(
    spelling: str, kinds: str, results: str, function: Callable, given: dict | str = ""
) -> None:
    FORMS[spelling] = (kinds.split(), [int(r) for r in results.split()], function, given)


for n in SIZES:
    for t in (f"u{n}", f"s{n}"):
        two, three = f"{t} {t}", f"{t} {t} {t}"
        form(f"add.{t}", two, f"{n}", lambda x, y: x + y)
        form(f"sub.{t}", two, f"{n}", lambda x, y: x - y)
        form(f"mul.lo.{t}", two, f"{n}", lambda x, y: x * y)
        form(f"mul.hi.{t}", two, f"{n}", lambda x, y, n=n: x * y >> n)
        form(f"mad.lo.{t}", three, f"{n}", lambda x, y, z: x * y + z)
        form(f"mad.hi.{t}", three, f"{n}", lambda x, y, z, n=n: (x * y >> n) + z)
        form(f"sad.{t}", three, f"{n}", lambda x, y, z: abs(x - y) + z)
        form(f"div.{t}", two, f"{n}", quotient)
        form(f"rem.{t}", two, f"{n}", remainder)
        form(f"min.{t}", two, f"{n}", min)
        form(f"max.{t}", two, f"{n}", max)
        if n < 64:
            form(f"mul.wide.{t}", two, f"{2 * n}", lambda x, y: x * y)
            form(f"mad.wide.{t}", f"{two} {t[0]}{2 * n}", f"{2 * n}", lambda x, y, z: x * y + z)
        if n > 16:
            form(f"bfind.{t}", t, "32", lambda x: (~x if x < 0 else x).bit_length() - 1)
            form(
                f"bfind.shiftamt.{t}",
                t,
                "32",
                lambda x, n=n: -1 if x in (0, -1) else n - (~x if x < 0 else x).bit_length(),
            )
        form(f"shr.{t}", f"{t} u32", f"{n}", lambda x, y: x >> min(y, 64))
        for name, test in (
            ("eq", lambda x, y: x == y),
            ("ne", lambda x, y: x != y),
            ("lt", lambda x, y: x < y),
            ("le", lambda x, y: x <= y),
            ("gt", lambda x, y: x > y),
            ("ge", lambda x, y: x >= y),
        ):
            form(f"setp.{name}.{t}", two, "1 1", lambda x, y, f=test: (f(x, y), not f(x, y)))
    t = f"s{n}"
    form(f"abs.{t}", t, f"{n}", abs)
    form(f"neg.{t}", t, f"{n}", lambda x: -x)
    t = f"b{n}"
    two = f"{t} {t}"
    form(f"and.{t}", two, f"{n}", lambda x, y: x & y)
    form(f"or.{t}", two, f"{n}", lambda x, y: x | y)
    form(f"xor.{t}", two, f"{n}", lambda x, y: x ^ y)
    form(f"not.{t}", t, f"{n}", lambda x: ~x)
    form(f"cnot.{t}", t, f"{n}", lambda x: x == 0)
    form(f"shl.{t}", f"{t} u32", f"{n}", lambda x, y: x << min(y, 64))
    form(f"selp.{t}", f"{t} {t} b1", f"{n}", lambda x, y, p: x if p else y)
    form(f"slct.{t}.s32", f"{t} {t} s32", f"{n}", lambda x, y, z: x if z >= 0 else y)
    form(f"mov.{t}", t, f"{n}", lambda x: x)
    if n > 16:
        form(f"popc.{t}", t, "32", lambda x: x.bit_count())
        form(f"clz.{t}", t, "32", lambda x, n=n: n - x.bit_length())
        form(f"brev.{t}", t, f"{n}", lambda x, n=n: int(f"{x:0{n}b}"[::-1], 2))

for name, test in (("lo", "lt"), ("ls", "le"), ("hi", "gt"), ("hs", "ge")):
    form(f"setp.{name}.u32", "u32 u32", "1 1", FORMS[f"setp.{test}.u32"][2])
for name, join in (
    ("and", lambda a, b: a & b),
    ("or", lambda a, b: a | b),
    ("xor", lambda a, b: a ^ b),
):
    form(
        f"setp.lt.{name}.s32",
        "s32 s32 b1",
        "1 1",
        lambda x, y, p, f=join: (f(x < y, bool(p)), f(not x < y, bool(p))),
    )
    form(f"set.lt.{name}.u32.s32", "s32 s32 b1", "32", lambda x, y, p, f=join: -f(x < y, bool(p)))
    form(f"{name}.pred", "b1 b1", "1", join)
form("not.pred", "b1", "1", lambda x: not x)
form("set.gt.s32.u64", "u64 u64", "32", lambda x, y: -(x > y))
form("set.gt.f32.u32", "u32 u32", "32", lambda x, y: 0x3F800000 * (x > y))

for s in ("add", "sub"):
    form(
        f"{s}.sat.s32",
        "s32 s32",
        "32",
        lambda x, y, s=s: clamp(x + y if s == "add" else x - y, "s32"),
    )
form("mad.hi.sat.s32", "s32 s32 s32", "32", lambda x, y, z: clamp((x * y >> 32) + z, "s32"))
form("min.relu.s32", "s32 s32", "32", lambda x, y: max(min(x, y), 0))
form("max.relu.s32", "s32 s32", "32", lambda x, y: max(x, y, 0))


def short24(x: int, kind: str) -> int:
    return signed(x, 24) if kind[0] == "s" else x & 0xFFFFFF


for t in ("u32", "s32"):
    form(f"mul24.lo.{t}", f"{t} {t}", "32", lambda x, y, t=t: short24(x, t) * short24(y, t))
    form(f"mul24.hi.{t}", f"{t} {t}", "32", lambda x, y, t=t: short24(x, t) * short24(y, t) >> 16)
    form(
        f"mad24.lo.{t}",
        f"{t} {t} {t}",
        "32",
        lambda x, y, z, t=t: short24(x, t) * short24(y, t) + z,
    )
    form(
        f"mad24.hi.{t}",
        f"{t} {t} {t}",
        "32",
        lambda x, y, z, t=t: (short24(x, t) * short24(y, t) >> 16) + z,
    )
form(
    "mad24.hi.sat.s32",
    "s32 s32 s32",
    "32",
    lambda x, y, z: clamp((short24(x, "s") * short24(y, "s") >> 16) + z, "s32"),
)

# -- the carry flag --------------------------------------------------------------------


def with_carry(total: int, bits: int) -> tuple[int, int]:
    return total, int(total >> bits != 0)


for n in (32, 64):
    t = f"u{n}"
    form(f"add.cc.{t}", f"{t} {t}", f"{n} 1", lambda x, y, n=n: with_carry(x + y, n))
    form(f"addc.cc.{t}", f"{t} {t} b1", f"{n} 1", lambda x, y, c, n=n: with_carry(x + y + c, n))
    form(f"addc.{t}", f"{t} {t} b1", f"{n}", lambda x, y, c: x + y + c)
    form(f"sub.cc.{t}", f"{t} {t}", f"{n} 1", lambda x, y, n=n: with_carry(x - y, n))
    form(f"subc.cc.{t}", f"{t} {t} b1", f"{n} 1", lambda x, y, c, n=n: with_carry(x - y - c, n))
    form(f"subc.{t}", f"{t} {t} b1", f"{n}", lambda x, y, c: x - y - c)
    low = 2**n - 1
    form(
        f"mad.lo.cc.{t}",
        f"{t} {t} {t}",
        f"{n} 1",
        lambda x, y, z, n=n, low=low: with_carry((x * y & low) + z, n),
    )
    form(
        f"madc.hi.cc.{t}",
        f"{t} {t} {t} b1",
        f"{n} 1",
        lambda x, y, z, c, n=n: with_carry((x * y >> n) + z + c, n),
    )
    form(f"madc.hi.{t}", f"{t} {t} {t} b1", f"{n}", lambda x, y, z, c, n=n: (x * y >> n) + z + c)
    form(f"madc.lo.{t}", f"{t} {t} {t} b1", f"{n}", lambda x, y, z, c: x * y + z + c)

# -- bit fields ------------------------------------------------------------------------


def field(x: int, position: int, length: int, bits: int, kind: str) -> int:
    """As the manual's pseudocode, bit by bit."""
    position, length = position & 255, length & 255
    top = min(position + length - 1, bits - 1)
    fill = 0 if kind == "u" or length == 0 else x >> top & 1
    result = 0
    for i in range(bits):
        inside = i < length and position + i < bits
        result |= (x >> (position + i) & 1 if inside else fill) << i
    return result


def inserted(x: int, y: int, position: int, length: int, bits: int) -> int:
    position, length = position & 255, length & 255
    for i in range(length):
        if position + i < bits:
            y = y & ~(1 << (position + i)) | (x >> i & 1) << (position + i)
    return y


for n in (32, 64):
    for k in "us":
        form(f"bfe.{k}{n}", f"b{n} b32 b32", f"{n}", lambda x, p, l, n=n, k=k: field(x, p, l, n, k))
    form(f"bfi.b{n}", f"b{n} b{n} b32 b32", f"{n}", lambda x, y, p, l, n=n: inserted(x, y, p, l, n))
for m in ("clamp", "wrap"):
    form(
        f"shf.l.{m}.b32",
        "b32 b32 b32",
        "32",
        lambda lo, hi, c, m=m: (hi << 32 | lo) << (min(c, 32) if m == "clamp" else c & 31) >> 32,
    )
    form(
        f"shf.r.{m}.b32",
        "b32 b32 b32",
        "32",
        lambda lo, hi, c, m=m: (hi << 32 | lo) >> (min(c, 32) if m == "clamp" else c & 31),
    )
    form(
        f"bmsk.{m}.b32",
        "b32 b32",
        "32",
        lambda p, l, m=m: (
            ((1 << (min(l, 64) if m == "clamp" else l & 31)) - 1)
            << (min(p, 64) if m == "clamp" else p & 31)
        ),
    )
    for k in "us":
        form(
            f"szext.{m}.{k}32",
            "b32 b32",
            "32",
            lambda x, p, m=m, k=k: extended(x, min(p, 32) if m == "clamp" else p & 31, k),
        )


def extended(x: int, length: int, kind: str) -> int:
    if length == 0:
        return 0
    return signed(x, length) if kind == "s" else x & ((1 << length) - 1)


def nth_set(mask: int, base: int, offset: int) -> int:
    """As the manual's pseudocode."""
    base &= 31
    if offset == 0:
        return base if mask >> base & 1 else -1
    step, left, at = (1 if offset > 0 else -1), abs(offset), base
    while 0 <= at < 32:
        if mask >> at & 1:
            left -= 1
            if left == 0:
                return at
        at += step
    return -1


form("fns.b32", "b32 b32 s32", "32", nth_set)


def logic3(x: int, y: int, z: int, table: int) -> int:
    result = 0
    for i in range(32):
        row = (x >> i & 1) << 2 | (y >> i & 1) << 1 | z >> i & 1
        result |= (table >> row & 1) << i
    return result


for table in (0x00, 0x1E, 0x2D, 0x6A, 0x80, 0x96, 0xCA, 0xD8, 0xE8, 0xF8, 0xFE, 0xFF):
    form(
        f"lop3.b32 #{table:02x}",
        "b32 b32 b32",
        "32",
        lambda x, y, z, table=table: logic3(x, y, z, table),
        {3: table},
    )

for name, join in (("or", operator.or_), ("and", operator.and_)):
    form(
        f"lop3.{name}.b32 #96",
        "b32 b32 b32 b1",
        "32 1",
        lambda x, y, z, p, join=join: (x ^ y ^ z, join((x ^ y ^ z) != 0, bool(p))),
        {3: 0x96},
    )

# -- bytes -----------------------------------------------------------------------------


def permuted(x: int, y: int, selector: int) -> int:
    both, result = y << 32 | x, 0
    for i in range(4):
        nibble = selector >> 4 * i & 15
        byte = both >> 8 * (nibble & 7) & 255
        if nibble & 8:
            byte = 255 if byte & 128 else 0
        result |= byte << 8 * i
    return result


def permuted_by_mode(mode: str):
    """The manual's tables, as the byte at the lowest place and the way on from it."""

    def function(x: int, y: int, selector: int) -> int:
        s = selector & 3
        places = {
            "f4e": [s + i for i in range(4)],
            "b4e": [(s - i) % 8 for i in range(4)],
            "rc8": [s] * 4,
            "ecl": [max(s, i) for i in range(4)],
            "ecr": [min(s, i) for i in range(4)],
            "rc16": [(s & 1) * 2, (s & 1) * 2 + 1] * 2,
        }[mode]
        return permuted(x, y, sum(p << 4 * i for i, p in enumerate(places)))

    return function


form("prmt.b32", "b32 b32 b32", "32", permuted)
for m in ("f4e", "b4e", "rc8", "ecl", "ecr", "rc16"):
    form(f"prmt.b32.{m}", "b32 b32 b32", "32", permuted_by_mode(m))
for c in (0x3210, 0x5410, 0x7632, 0x0123, 0xBA98):
    form(f"prmt.b32 #{c:04x}", "b32 b32", "32", lambda x, y, c=c: permuted(x, y, c), {2: c})


def dot(x: int, y: int, z: int, a: str, b: str, width: int, start: int) -> int:
    def part(v: int, i: int, bits: int, kind: str) -> int:
        v = v >> bits * i & ((1 << bits) - 1)
        return signed(v, bits) if kind == "s" else v

    count = 32 // width
    return z + sum(part(x, i, width, a) * part(y, i + start, 8, b) for i in range(count))


for a in "us":
    for k in "us":
        form(
            f"dp4a.{a}32.{k}32",
            "b32 b32 b32",
            "32",
            lambda x, y, z, a=a, k=k: dot(x, y, z, a, k, 8, 0),
        )
        for h, start in (("lo", 0), ("hi", 2)):
            form(
                f"dp2a.{h}.{a}32.{k}32",
                "b32 b32 b32",
                "32",
                lambda x, y, z, a=a, k=k, s=start: dot(x, y, z, a, k, 16, s),
            )


def packed16(function: Callable, kind: str) -> Callable:
    def both(x: int, y: int) -> int:
        low = function(read(x & 0xFFFF, kind), read(y & 0xFFFF, kind)) & 0xFFFF
        return low | (function(read(x >> 16, kind), read(y >> 16, kind)) & 0xFFFF) << 16

    return both


for k in ("u16", "s16"):
    form(f"add.{k}x2", "b32 b32", "32", packed16(lambda x, y: x + y, k))
    form(f"min.{k}x2", "b32 b32", "32", packed16(min, k))
    form(f"max.{k}x2", "b32 b32", "32", packed16(max, k))


def differences(x: int, y: int, z: int, lanes: int, kind: str, add: bool) -> int:
    """Mixed signs differ by more than a byte only between s32 and u32, which NVRTC never mixes."""
    bits = 32 // lanes
    parts = [[v >> bits * i & ((1 << bits) - 1) for i in range(lanes)] for v in (x, y)]
    if kind == "s":
        parts = [[signed(v, bits) for v in row] for row in parts]
    sizes = [abs(a - b) for a, b in zip(*parts, strict=True)]
    return z + sum(sizes) if add else sum(s << bits * i for i, s in enumerate(sizes))


for k in "us":
    for n in (2, 4):
        for more in ("", ".add"):
            form(
                f"vabsdiff{n}.u32.{k}32.{k}32{more}",
                "b32 b32 b32",
                "32",
                lambda x, y, z, n=n, k=k, more=more: differences(x, y, z, n, k, bool(more)),
            )

form("mov.pack.b32", "b16 b16", "32", lambda x, y: x | y << 16, "mov.b32 %r1, {%rs1, %rs2};")
form("mov.pack.b64", "b32 b32", "64", lambda x, y: x | y << 32, "mov.b64 %rd1, {%r1, %r2};")
form(
    "mov.pack.b64 #4",
    "b16 b16 b16 b16",
    "64",
    lambda x, y, z, w: x | y << 16 | z << 32 | w << 48,
    "mov.b64 %rd1, {%rs1, %rs2, %rs3, %rs4};",
)
form("mov.unpack.b32", "b32", "16 16", lambda x: (x, x >> 16), "mov.b32 {%rs1, %rs2}, %r1;")
form("mov.unpack.b64", "b64", "32 32", lambda x: (x, x >> 32), "mov.b64 {%r1, _}, %rd1;")

# -- integer conversions ---------------------------------------------------------------

KINDS = [f"{k}{n}" for n in (8, 16, 32, 64) for k in "us"]
for source in KINDS:
    for to in KINDS:
        bits = int(to[1:])
        # A result of 8 or 16 bits comes extended by its own sign.
        out = str(max(bits, 32))
        form(
            f"cvt.{to}.{source}", source, out, lambda x, to=to: read(x & (1 << int(to[1:])) - 1, to)
        )
        form(f"cvt.sat.{to}.{source}", source, out, clamp)
        FORMS[f"cvt.sat.{to}.{source}"] = (
            [source],
            [int(out)],
            lambda x, to=to: clamp(x, to),
            {},
        )
for to, source in (("s16", "s32"), ("u16", "u32")):
    form(
        f"cvt.pack.sat.{to}.{source}",
        f"{source} {source}",
        "32",
        lambda x, y, to=to: (clamp(x, to) & 0xFFFF) << 16 | clamp(y, to) & 0xFFFF,
    )
form(
    "cvt.pack.sat.u8.s32.b32",
    "s32 s32 b32",
    "32",
    lambda x, y, z: z << 16 | clamp(x, "u8") << 8 | clamp(y, "u8"),
)


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine({spelling: row[3] for spelling, row in FORMS.items()})


@pytest.mark.parametrize("spelling", FORMS)
def test_form(machine: Machine, spelling: str) -> None:
    kinds, results, function, _ = FORMS[spelling]
    arrays = operands(spelling, kinds, 300)
    rows = zip(
        *([read(v, k) for v in a.tolist()] for a, k in zip(arrays, kinds, strict=True)), strict=True
    )
    wanted = []
    for row in rows:
        made = function(*row)
        made = made if isinstance(made, tuple) else (made,)
        wanted.append([int(v) & ((1 << n) - 1) for v, n in zip(made, results, strict=True)])
    for variant in VARIANTS:
        got = machine(spelling, variant, *arrays)
        for i, column in enumerate(zip(*wanted, strict=True)):
            want = np.array(column, dtype=np.uint64)
            have = got[i].view(f"u{got[i].itemsize}").astype(np.uint64)
            wrong = np.flatnonzero(want != have)
            if wrong.size:
                at = wrong[0]
                inputs = [hex(a[at]) for a in arrays]
                pytest.fail(f"{spelling} {variant} {inputs}: {have[at]:#x}, not {want[at]:#x}")
