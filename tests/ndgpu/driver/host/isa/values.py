"""Operands worth trying: special values in all combinations, then random ones."""

from __future__ import annotations

import itertools
import zlib

import numpy as np

_FLOATS = {  # exponent bits, fraction bits
    "f16": (5, 10, np.uint16),
    "bf16": (8, 7, np.uint16),
    "f32": (8, 23, np.uint32),
    "f64": (11, 52, np.uint64),
}
# At most so many combinations of special values, drawn from all.
_COMBINATIONS = 1000
UINTS = {8: np.uint8, 16: np.uint16, 32: np.uint32, 64: np.uint64}


def special_floats(kind: str, brief: bool = False) -> np.ndarray:
    """Bits of zeros, subnormals, ones, neighbours of powers of two, largest, infinity, NaN."""
    exponent, fraction, uint = _FLOATS[kind]
    top = ((1 << exponent) - 1) << fraction
    one = ((1 << (exponent - 1)) - 1) << fraction
    chosen = [0, 1, (1 << fraction) - 1, 1 << fraction, one, one + 1, top - 1, top]
    chosen.append(top | 1 << (fraction - 1) | 5)
    if not brief:
        chosen += [2, 3, (1 << fraction) + 1, one - 1, one + (1 << (fraction - 1)), one - 2]
        chosen += [one + (1 << fraction), one + (3 << (fraction - 1)), top - (1 << fraction)]
        chosen += [one + ((fraction + 1) << fraction), one + (fraction << fraction) + 1, top | 1]
        chosen += [one - (fraction << fraction), one + (2 * fraction << fraction)]
        chosen = [c for c in chosen if 0 <= c <= top | 1 << (fraction - 1) | 5]
    sign = 1 << (exponent + fraction)
    return np.array([*chosen, *(c | sign for c in chosen)], dtype=uint)


def special_ints(bits: int, brief: bool = False) -> np.ndarray:
    whole, half = 1 << bits, 1 << (bits - 1)
    chosen = [0, 1, half - 1, half, whole - 1]
    if not brief:
        chosen += [2, 3, 5, 7, 8, 15, 16, 31, half + 1, whole - 2, whole - 3]
        chosen += [bits - 1, bits, bits + 1, 0x55 % whole, 0xAA % whole, 1 << (bits // 2)]
        if bits > 8:
            chosen += [32, 63, 64, 127, 128, 255, 256, 10000]
    return np.unique(np.array(chosen, dtype=UINTS[bits]))


def _random_floats(rng: np.random.Generator, kind: str, count: int) -> np.ndarray:
    """Half with any bits, half of middling size and few bits, where ties and cancellation are."""
    exponent, fraction, uint = _FLOATS[kind]
    any_bits = rng.integers(0, 1 << (1 + exponent + fraction), count, dtype=np.uint64)
    bias = (1 << (exponent - 1)) - 1
    reach = min(fraction + 3, bias - 1)
    middling = rng.integers(bias - reach, bias + reach, count, dtype=np.uint64) << fraction
    low = rng.integers(0, 1 << fraction, count, dtype=np.uint64)
    low &= np.uint64((1 << fraction) - 1) << rng.integers(0, fraction, count, dtype=np.uint64)
    signs = rng.integers(0, 2, count, dtype=np.uint64) << np.uint64(exponent + fraction)
    close = middling | low & np.uint64((1 << fraction) - 1) | signs
    return np.where(rng.integers(0, 2, count) == 0, any_bits, close).astype(uint)


def _random_ints(rng: np.random.Generator, bits: int, count: int) -> np.ndarray:
    """Of every length in bits, of both signs."""
    number = rng.integers(0, (1 << 64) - 1, count, dtype=np.uint64, endpoint=True)
    short = rng.integers(0, bits, count, dtype=np.uint64)
    number = (number & np.uint64((1 << bits) - 1)) >> short
    number = np.where(rng.integers(0, 2, count) == 0, number, ~number)
    return (number & np.uint64((1 << bits) - 1)).astype(UINTS[bits])


def operands(label: str, kinds: list[str], count: int = 600) -> list[np.ndarray]:
    """Bits of operands of PTX types such as ``f32``, ``s16`` or ``b1``, one array for each.

    All combinations of special values (fewer values where there are more operands), then
    `count` random ones, seeded by `label`.
    """
    rng = np.random.default_rng(zlib.crc32(label.encode()))
    brief = len(kinds) > 2
    specials = []
    for kind in kinds:
        if kind in _FLOATS:
            specials.append(special_floats(kind, brief))
        elif kind == "b1":
            specials.append(np.array([0, 1], dtype=np.uint8))
        else:
            specials.append(special_ints(int(kind[1:]), brief))
    every = list(itertools.product(*specials))
    if len(every) > _COMBINATIONS:
        every = [every[i] for i in rng.choice(len(every), _COMBINATIONS, replace=False)]
    combined = list(zip(*every, strict=True))
    arrays = []
    for kind, column, special in zip(kinds, combined, specials, strict=True):
        if kind in _FLOATS:
            more = _random_floats(rng, kind, count)
        elif kind == "b1":
            more = rng.integers(0, 2, count).astype(np.uint8)
        else:
            more = _random_ints(rng, int(kind[1:]), count)
        arrays.append(np.concatenate([np.array(column, dtype=special.dtype), more]))
    return arrays
