"""Single, double and half arithmetic in every rounding against exact fractions, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest

from . import exact
from .machine import VARIANTS, Machine
from .values import operands

ROUNDINGS = ("rn", "rz", "rm", "rp")
COUNTS = {"add": 2, "sub": 2, "mul": 2, "fma": 3, "div": 2, "sqrt": 1, "rcp": 1}


def _forms() -> list[str]:
    forms = []
    for name in COUNTS:
        for direction in ROUNDINGS:
            forms += [f"{name}.{direction}.f32", f"{name}.{direction}.f64"]
            forms.append(f"{name}.{direction}.ftz.f32")
            if name in ("add", "sub", "mul", "fma"):
                forms += [f"{name}.{direction}.sat.f32", f"{name}.{direction}.ftz.sat.f32"]
    forms += [f"{name}.{kind}" for name in ("add", "sub", "mul") for kind in ("f32", "f64")]
    forms += ["mad.rn.f32", "mad.rz.ftz.f32", "mad.rp.f64"]
    for name in ("add", "sub", "mul", "fma"):
        forms += [f"{name}.rn.{more}f16" for more in ("", "ftz.", "sat.", "ftz.sat.")]
        forms.append(f"{name}.rn.bf16")
        forms += [f"{name}.rn.f16x2", f"{name}.rn.bf16x2"]
    forms += ["add.f16", "mul.ftz.f16x2", "fma.rn.relu.f16", "fma.rn.ftz.relu.f16x2"]
    forms += ["fma.rn.relu.bf16", "fma.rn.relu.bf16x2"]
    return forms


FORMS = _forms()


def reference(spelling: str, arrays: list[list[int]], kind: str) -> list[int]:
    name, *mods = spelling.split(".")
    name = "fma" if name == "mad" else name
    direction = next((m for m in mods if m in ROUNDINGS), "rn")
    flush = "ftz" in mods
    wanted = []
    for row in zip(*arrays, strict=True):
        numbers = [exact.decode(v, kind, flush) for v in row]
        result = exact.operate(name, direction, *numbers)
        if "sat" in mods:
            result = exact.saturate(result)
        if "relu" in mods and not result.nan and result.negative:
            result = exact.Number(False, exact.Fraction(0))
        wanted.append(exact.encode(result, kind, direction, flush))
    return wanted


def check(spelling: str, arrays: list[np.ndarray], got: np.ndarray, wanted: list[int], note: str):
    """Every bit equal; -1 stands for any quiet NaN of double precision."""
    have = got.view(f"u{got.itemsize}").astype(np.uint64)
    want = np.array([w & (1 << 64) - 1 for w in wanted], dtype=np.uint64)
    quiet = np.uint64(0x7FF8 << 48)
    any_nan = np.array([w == -1 for w in wanted])
    wrong = np.flatnonzero(np.where(any_nan, (have & quiet) != quiet, have != want))
    if wrong.size:
        at = wrong[0]
        inputs = [hex(int(a[at])) for a in arrays]
        pytest.fail(
            f"{spelling} {note} {inputs}: {int(have[at]):#x}, not {int(want[at]):#x} "
            f"({wrong.size} of {have.size} wrong)"
        )


def kind_of(spelling: str) -> str:
    return spelling.rsplit(".", 1)[1].removesuffix("x2")


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine(dict.fromkeys(FORMS, ""))


def _cancelling(name: str, kind: str, arrays: list[np.ndarray]) -> None:
    """Make the addend of half the random sums the rounded opposite of the other term."""
    if name not in ("add", "sub", "fma", "mad"):
        return
    start = len(arrays[0]) - 150
    for at in range(start, len(arrays[0])):
        numbers = [exact.decode(int(a[at]), kind) for a in arrays]
        term = numbers[0] if len(arrays) == 2 else exact.multiply(numbers[0], numbers[1])
        opposite = term if name == "sub" else exact.negate(term)
        bits = exact.encode(opposite, kind, ("rn", "rz", "rp")[at % 3])
        if bits >= 0:
            arrays[-1][at] = bits


@pytest.mark.parametrize("spelling", FORMS)
def test_arithmetic(machine: Machine, spelling: str) -> None:
    name, kind = spelling.split(".")[0], kind_of(spelling)
    count = COUNTS["fma" if name == "mad" else name]
    arrays = operands(spelling, [kind] * count, 400)
    _cancelling(name, kind, arrays)
    wanted = reference(spelling, [a.tolist() for a in arrays], kind)
    given = arrays
    if spelling.endswith("x2"):
        # The upper halves hold the same operands in reverse order.
        given = [a.astype(np.uint32) | a[::-1].astype(np.uint32) << 16 for a in arrays]
        wanted = [low | high << 16 for low, high in zip(wanted, wanted[::-1], strict=True)]
    for variant in VARIANTS:
        (got,) = machine(spelling, variant, *given)
        check(spelling, given, got, wanted, variant)


@pytest.mark.parametrize("width", [4, 8, 32])
def test_directed_rounding_at_any_width(width: int) -> None:
    """Vectors shorter and longer than the CPU's, which are cut or filled up."""
    forms = ["fma.rm.f32", "add.rz.f32", "sqrt.rp.f32", "fma.rp.f64", "div.rm.f64", "mul.rz.f64"]
    machine = Machine(dict.fromkeys(forms, ""), width=width)
    for spelling in forms:
        kind = kind_of(spelling)
        arrays = operands(spelling, [kind] * COUNTS[spelling.split(".")[0]], 100)
        arrays = [a[-200:] for a in arrays]
        wanted = reference(spelling, [a.tolist() for a in arrays], kind)
        for variant in VARIANTS:
            (got,) = machine(spelling, variant, *arrays)
            check(spelling, arrays, got, wanted, f"{variant} of {width}")


@pytest.mark.parametrize("kind", ["f16", "bf16"])
def test_fused_half_next_to_ties(machine: Machine, kind: str) -> None:
    """Products half-way between two halves, and an addend too small for single precision to see."""
    fraction = exact.FORMATS[kind][1]
    one = ((1 << (exact.FORMATS[kind][0] - 1)) - 1) << fraction
    mantissas = np.arange(1 << fraction, 2 << fraction, dtype=np.uint64)
    products = mantissas[:, None] * mantissas
    tie = products & np.uint64((2 << fraction) - 1) == np.uint64(1 << fraction)
    left, right = np.nonzero(tie & (products >> np.uint64(2 * fraction + 1) == 1))
    left, right = left[::9], right[::9]
    assert left.size > 4
    dtype = np.uint16
    x = np.tile((left + one).astype(dtype), 2)
    y = np.tile((right + one).astype(dtype), 2)
    z = np.repeat(np.array([1, 0x8001], dtype=dtype), left.size)
    wanted = reference(f"fma.rn.{kind}", [x.tolist(), y.tolist(), z.tolist()], kind)
    for variant in VARIANTS:
        (got,) = machine(f"fma.rn.{kind}", variant, x, y, z)
        check(f"fma.rn.{kind}", [x, y, z], got, wanted, variant)
