"""Approximate instructions against NumPy's double precision, within the PTX manual's bounds."""

from __future__ import annotations

from collections.abc import Callable

import ml_dtypes
import numpy as np
import pytest

from .machine import VARIANTS, Machine
from .values import operands, special_floats

NAN = 0x7FFFFFFF
INFINITY, ONE = 0x7F800000, 0x3F800000
MINUS = 0x80000000


def relative(bound: float) -> Callable:
    return lambda got, want: np.abs(got - want) <= bound * np.abs(want) + 2.0**-149


def absolute(bound: float) -> Callable:
    return lambda got, want: np.abs(got - want) <= bound


def logarithm(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """2**-22 absolute where the source lies in [0.5, 2], 2**-22.6 relative elsewhere."""
    near = np.abs(want) <= 1
    return np.where(near, absolute(2.0**-22)(got, want), relative(2.0**-22.6)(got, want))


# Name -> function, error allowed, sources between which it is promised.
FUNCTIONS = {
    "ex2": (np.exp2, relative(2.0**-22.5), -160.0, 128.0),
    "lg2": (np.log2, logarithm, 0.0, np.inf),
    "sin": (np.sin, absolute(2.0**-20.5), -2 * np.pi, 2 * np.pi),
    "cos": (np.cos, absolute(2.0**-20.5), -2 * np.pi, 2 * np.pi),
    "tanh": (np.tanh, relative(2.0**-11), -np.inf, np.inf),
    "rsqrt": (lambda x: 1 / np.sqrt(x), relative(2.0**-22.9), 0.0, np.inf),
    "rcp": (lambda x: 1 / x, relative(2.0**-23), -np.inf, np.inf),
    "sqrt": (np.sqrt, relative(2.0**-23), 0.0, np.inf),
}
FORMS = [f"{name}.approx.f32" for name in FUNCTIONS]
FORMS += [f"{name}.approx.ftz.f32" for name in FUNCTIONS if name != "tanh"]
FORMS += ["div.approx.f32", "div.approx.ftz.f32", "div.full.f32", "div.full.ftz.f32"]
FORMS += ["rsqrt.approx.f64", "rcp.approx.ftz.f64", "rsqrt.approx.ftz.f64"]
HALVES = ["ex2.approx.f16", "ex2.approx.f16x2", "ex2.approx.ftz.bf16", "ex2.approx.ftz.bf16x2"]
HALVES += ["tanh.approx.f16", "tanh.approx.f16x2", "tanh.approx.bf16", "tanh.approx.bf16x2"]
SMALLEST = 2.0**-126

# Results that the manual states, by source.
SPECIAL = {
    "ex2": {MINUS | INFINITY: 0, MINUS | 1: ONE, MINUS: ONE, 0: ONE, 1: ONE, INFINITY: INFINITY},
    "lg2": {MINUS | INFINITY: NAN, MINUS | ONE: NAN, MINUS: MINUS | INFINITY,
            0: MINUS | INFINITY, ONE: 0, INFINITY: INFINITY},
    "sin": {MINUS | INFINITY: NAN, MINUS: MINUS, 0: 0, INFINITY: NAN},
    "cos": {MINUS | INFINITY: NAN, MINUS: ONE, 0: ONE, INFINITY: NAN},
    "tanh": {MINUS | INFINITY: MINUS | ONE, MINUS: MINUS, 0: 0, 1: 1, INFINITY: ONE},
    "rsqrt": {MINUS | INFINITY: NAN, MINUS | ONE: NAN, MINUS: MINUS | INFINITY, 0: INFINITY,
              INFINITY: 0},
    "rcp": {MINUS | INFINITY: MINUS, MINUS: MINUS | INFINITY, 0: INFINITY, INFINITY: 0},
    "sqrt": {MINUS | INFINITY: NAN, MINUS | ONE: NAN, MINUS: MINUS, 0: 0, INFINITY: INFINITY},
}  # fmt: skip


@pytest.fixture(scope="module")
def machine() -> Machine:
    return Machine(dict.fromkeys([*FORMS, *HALVES], ""))


def flushed(x: np.ndarray) -> np.ndarray:
    return np.where(np.abs(x) < SMALLEST, np.copysign(0, x), x)


def sources(name: str, ftz: bool) -> np.ndarray:
    """Dense where the function bends, and everything else that a float can be."""
    low, high = FUNCTIONS[name][2:]
    rng = np.random.default_rng(3)
    near = rng.uniform(max(low, -8), min(high, 8), 20000).astype(np.float32)
    (anything,) = operands(name, ["f32"], 20000)
    x = np.concatenate([near, 1 + near / 64, anything.view(np.float32)])
    with np.errstate(invalid="ignore"):
        return x[(x >= low) & (x <= high)]


@pytest.mark.parametrize("spelling", [f for f in FORMS if f.endswith("f32") and "div" not in f])
def test_single(machine: Machine, spelling: str) -> None:
    name, ftz = spelling.split(".")[0], ".ftz" in spelling
    function, close = FUNCTIONS[name][:2]
    x = sources(name, ftz)
    exact = x.astype(np.float64)
    with np.errstate(all="ignore"):
        want = function(flushed(exact) if ftz else exact)
    for variant in VARIANTS:
        got = machine(spelling, variant, x)[0].astype(np.float64)
        with np.errstate(all="ignore"):
            right = close(got, want) | (got == want) | (np.abs(want) > 3.4028235e38)
            if ftz:
                assert not np.any((got != 0) & (np.abs(got) < SMALLEST))
                # A flushed result may have been rounded up to the smallest normal number.
                right |= (got == 0) & (np.abs(want) <= SMALLEST)
        wrong = np.flatnonzero(~right)
        assert not wrong.size, (x[wrong[0]], got[wrong[0]], want[wrong[0]], wrong.size)


@pytest.mark.parametrize("spelling", [f for f in FORMS if f.endswith("f32") and "div" not in f])
def test_special_results(machine: Machine, spelling: str) -> None:
    name = spelling.split(".")[0]
    table = {**SPECIAL[name], NAN: NAN, 0xFFC00001: NAN, 0x7F800001: NAN}
    if name == "lg2":
        table[MINUS | 1] = MINUS | INFINITY if ".ftz" in spelling else NAN
    x = np.array(list(table), dtype=np.uint32)
    for variant in VARIANTS:
        got = machine(spelling, variant, x)[0].view(np.uint32)
        assert [hex(v) for v in got.tolist()] == [hex(v) for v in table.values()]


@pytest.mark.parametrize("spelling", [f for f in FORMS if f.startswith("div")])
def test_quotient_within_two_ulp(machine: Machine, spelling: str) -> None:
    x, y = (a.view(np.float32) for a in operands(spelling, ["f32", "f32"], 20000))
    ftz = ".ftz" in spelling
    with np.errstate(all="ignore"):
        a, b = x.astype(np.float64), y.astype(np.float64)
        want = flushed(a) / flushed(b) if ftz else a / b
        (got,) = machine(spelling, "wide", x, y)
        error = np.abs(got - want)
        right = error <= 2 * np.spacing(np.abs(want).astype(np.float32))
        right |= (got == want) | np.isnan(got) & np.isnan(want) | (np.abs(want) > 3.4028235e38)
        right |= ftz & (got == 0) & (np.abs(want) <= SMALLEST)
    assert right.all()


@pytest.mark.parametrize("name", ["rcp", "rsqrt"])
def test_starting_points_in_double(machine: Machine, name: str) -> None:
    """20 bits of the result, the low word 0."""
    (bits,) = operands(name, ["f64"], 5000)
    x = bits.view(np.float64)
    with np.errstate(all="ignore"):
        smallest = np.finfo(np.float64).tiny
        source = np.where(np.abs(x) < smallest, np.copysign(0, x), x)
        want = 1 / source if name == "rcp" else 1 / np.sqrt(source)
        for variant in VARIANTS:
            (got,) = machine(f"{name}.approx.ftz.f64", variant, x)
            assert not (got.view(np.uint64) & 0xFFFFFFFF).any()
            right = np.abs(got - want) <= 2.0**-20 * np.abs(want)
            right |= (got == want) | np.isnan(got) & np.isnan(want)
            right |= (got == 0) & (np.abs(want) < smallest)
            assert right.all()


def test_reciprocal_root_in_double(machine: Machine) -> None:
    (bits,) = operands("rsqrt", ["f64"], 5000)
    x = bits.view(np.float64)
    (got,) = machine("rsqrt.approx.f64", "wide", x)
    with np.errstate(all="ignore"):
        want = 1 / np.sqrt(x)
        right = np.abs(got - want) <= 2.0**-52 * np.abs(want)
    assert (right | (got == want) | np.isnan(got) & np.isnan(want)).all()


@pytest.mark.parametrize("spelling", HALVES)
def test_half(machine: Machine, spelling: str) -> None:
    """All 65536 sources, within one unit in the last place and a half of the exact result."""
    kind = spelling.rsplit(".", 1)[1].removesuffix("x2")
    dtype = np.dtype(np.float16 if kind == "f16" else ml_dtypes.bfloat16)
    bits = np.arange(65536, dtype=np.uint16)
    function = np.exp2 if spelling.startswith("ex2") else np.tanh
    with np.errstate(all="ignore"):
        x = bits.view(dtype).astype(np.float64)
        want = function(x)
        nearest = want.astype(dtype)
    for variant in VARIANTS:
        if spelling.endswith("x2"):
            both = bits | bits[::-1].astype(np.uint32) << 16
            (got,) = machine(spelling, variant, both)
            halves = [(got & 0xFFFF).astype(np.uint16), (got >> 16).astype(np.uint16)[::-1]]
        else:
            halves = [machine(spelling, variant, bits)[0]]
        for half in halves:
            nan = np.isnan(want)
            assert (half[nan] == 0x7FFF).all()
            # Bits of numbers of one sign are ordered as the numbers are.
            steps = half.astype(np.int64) - nearest.view(np.uint16).astype(np.int64)
            assert np.abs(steps[~nan]).max() <= 1
            assert (steps[~nan] == 0).mean() > 0.99


def test_any_nan_is_allowed_when_waived() -> None:
    """Without `canonical` a NaN result is some NaN, and everything else is the same."""
    forms = dict.fromkeys(["add.rn.f32", "ex2.approx.ftz.f32", "fma.rn.f32"], "")
    exact, waived = Machine(forms), Machine(forms, canonical=False)
    x = special_floats("f32").view(np.float32)
    arrays = {"ex2.approx.ftz.f32": [x], "add.rn.f32": [x, x[::-1]], "fma.rn.f32": [x, x, x[::-1]]}
    for spelling, given in arrays.items():
        for variant in VARIANTS:
            want, got = (
                exact(spelling, variant, *given)[0],
                waived(spelling, variant, *given)[0],
            )
            np.testing.assert_array_equal(got, want)
