"""How far a function of the host device is from the correctly rounded result, point by point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import mpmath
import numpy as np

from .functions import ROWS, Row
from .longdouble import LD, libm
from .references import JUDGES, NEWTON, SCREENS

__all__ = ["Outcome", "bound", "measure", "points", "rows", "source"]

_SUFFIXES = {np.float32: "f", np.float64: ""}
_CTYPES = {np.float32: "float", np.float64: "double"}
_DIGITS = 200  # bits of mpmath
_SAMPLE, _JUDGED = 40, 60  # points for mpmath to judge: any, and those beyond the bound


@dataclass(frozen=True)
class Outcome:
    """The largest errors found: in ulp where those are bounded, else absolute."""

    ulp: float
    at: tuple[float, ...]
    absolute: float
    screen: float  # largest error of the screen itself, in ulp, over the sample


def rows(dtype: type) -> list[Row]:
    """The functions that there are for a type."""
    return [row for row in ROWS if dtype is np.float32 or row.double is not None]


def source(dtype: type) -> str:
    """CUDA C++ with a kernel ``of_NAME`` for each row."""
    kernels = []
    for row in rows(dtype):
        count = len(row.intervals)
        arguments = ", ".join(f"x{k}" for k in range(count))
        # `F` after a name is the suffix of the type.
        suffix = "" if row.name.startswith("__") else "F"
        code = row.code or f"y = {row.name}{suffix}({arguments})"
        code = code.replace("F(", f"{_SUFFIXES[dtype]}(")
        given = "".join(f"const T* p{k}, " for k in range(count))
        loads = "".join(f"T x{k} = p{k}[i]; " for k in range(count))
        kernels.append(
            f'extern "C" __global__ void of_{row.name}({given}T* out, int n) {{'
            "  int i = blockIdx.x * blockDim.x + threadIdx.x; if (i >= n) return;"
            f"  {loads} T y; {code}; out[i] = y; }}\n"
        )
    return f"typedef {_CTYPES[dtype]} T;\n" + "".join(kernels)


def bound(row: Row, dtype: type) -> int:
    """The documented bound in ulp."""
    found = row.single if dtype is np.float32 else row.double
    if found is None:
        raise ValueError(f"{row.name} is not a function of {dtype.__name__}")
    return found


def points(row: Row, dtype: type, count: int) -> list[np.ndarray]:
    """Arguments: dense on the intervals, close to their ends, any bit patterns, special values."""
    rng = np.random.default_rng([len(row.name), count, np.dtype(dtype).itemsize])
    unsigned = {np.float32: np.uint32, np.float64: np.uint64}[dtype]
    limits = np.finfo(dtype)
    special = np.array(
        [0, limits.smallest_subnormal, limits.tiny, limits.max, np.inf, np.nan, 0.5, 1, 1.5, 2, 2.5,
         3, 4, 8, 10, 100, 1 / limits.eps, 2 / limits.eps], dtype,
    )  # fmt: skip
    special = np.concatenate([special, -special])
    arrays = []
    for low, high in row.intervals:
        dense = rng.uniform(low, high, count)
        # Logarithmically close to zero, and to both ends.
        close = np.exp(rng.uniform(-40, 0, count))
        end = rng.choice([low, 0.0, high], count)
        edge = np.clip(end + np.where(end == high, -1, 1) * close, low, high)
        x = np.where(rng.random(count) < 0.6, dense, edge).astype(dtype)
        if row.wild:
            any_bits = rng.integers(0, np.iinfo(unsigned).max, count, unsigned).view(dtype)
            x = np.where(rng.random(count) < 0.2, any_bits, x)
            some = rng.random(count) < 0.02
            x = np.where(some, rng.choice(special, count), x)
        else:
            ends = dtype(low), dtype(high)
            x = np.clip(x, np.nextafter(*ends), np.nextafter(*ends[::-1]))
        arrays.append(x.astype(dtype))
    if "int)x1" in row.code or "long)x1" in row.code:
        arrays[1] = np.trunc(arrays[1])
    return arrays


def _keys(x: np.ndarray) -> np.ndarray:
    """Numbers in order, one more for each next value; both zeros are 0."""
    signed = {4: np.int32, 8: np.int64}[x.dtype.itemsize]
    bits = x.view(signed)
    return np.where(bits < 0, LD(0) - (bits & np.iinfo(signed).max), bits.astype(LD))


def _ulps(got: np.ndarray, want: np.ndarray) -> np.ndarray:
    """Distance in units of the last place; infinite where only one of the two is a number."""
    distance = np.abs(_keys(got) - _keys(want))
    nans = np.isnan(got).astype(int) + np.isnan(want)
    distance = np.where(nans == 2, 0, np.where(nans == 1, np.inf, distance))
    return distance.astype(np.float64)


def _same(x: np.ndarray, value: float) -> np.ndarray:
    return (x == value) & (np.signbit(x) == np.signbit(value))


def _screened(row: Row, dtype: type, x: Sequence[np.ndarray], got: np.ndarray) -> np.ndarray:
    if row.name in ("fma", "nextafter", "fdim", "sqrt"):  # rounded once, not twice
        return libm(row.name + _SUFFIXES[dtype], len(x), dtype)(*x)
    if row.name in ("divide", "reciprocal", "add", "multiply"):
        return SCREENS[row.name](*x)
    wide = [one.astype(LD) for one in x]
    if row.name in NEWTON:
        return NEWTON[row.name](*wide, got.astype(LD))
    return SCREENS[row.name](*wide)


def _judge(row: Row, dtype: type, x: tuple[float, ...]) -> float | None:
    """The result to all its digits, rounded once; None where mpmath has no say."""
    judge = JUDGES.get(row.name)
    if judge is None or not all(map(np.isfinite, x)):
        return None
    with mpmath.workprec(_DIGITS):
        try:
            exact = judge(*map(mpmath.mpf, x))
        except (ValueError, ZeroDivisionError, OverflowError, mpmath.libmp.NoConvergence):
            return None
        if isinstance(exact, mpmath.mpc):
            return None
        with np.errstate(all="ignore"):
            return float(dtype(float(exact)))


def measure(row: Row, dtype: type, x: Sequence[np.ndarray], got: np.ndarray) -> Outcome:
    """The errors of results at points.

    Parameters
    ----------
    row : Row
    dtype : type
        ``numpy.float32`` or ``numpy.float64``.
    x : sequence of arrays
        Arguments.
    got : array
        What the host device made of them.
    """
    most = bound(row, dtype)
    with np.errstate(all="ignore"):
        exact = _screened(row, dtype, x, got)
        want = exact.astype(dtype)
        error = _ulps(got, want)
        if most == 0:  # exact, the sign of a zero too
            error[(want == 0) & (np.signbit(got) != np.signbit(want)) & ~np.isnan(got)] = np.inf
        promised = np.ones(len(got), bool) if row.promised is None else row.promised(*x)
        error[~promised] = 0
        far = ~promised & np.isfinite(want)
        absolute = np.abs(got[far].astype(LD) - exact[far])
    # What the screen finds wrong may be the screen's own fault, and so may what it finds right.
    rng = np.random.default_rng(5)
    sample = rng.choice(len(got), min(_SAMPLE, len(got)), replace=False)
    beyond = np.flatnonzero(error > most)
    _, first = np.unique(np.stack([one[beyond] for one in x]), axis=1, return_index=True)
    beyond = beyond[first]
    worst = beyond[np.argsort(-error[beyond])[:_JUDGED]]
    own = 0.0
    for place in {*sample.tolist(), *worst.tolist()}:
        if not promised[place]:
            continue
        judged = _judge(row, dtype, tuple(float(one[place]) for one in x))
        if judged is None:
            continue
        true = np.array([judged], dtype)
        if place in sample and row.name not in NEWTON:
            own = max(own, float(_ulps(want[place : place + 1], true)[0]))
        same = np.all([_same(one, one[place]) for one in x], axis=0)
        error[same] = _ulps(got[place : place + 1], true)[0]
    place = int(np.argmax(error))
    return Outcome(
        float(error[place]),
        tuple(float(one[place]) for one in x),
        float(absolute.max()) if absolute.size else 0.0,
        own,
    )
