"""Fragments: which element of a matrix lies where in the registers of a warp's lanes.

Guarantees: for `mma` it is as the PTX manual tells; for `wmma`, of which that tells nothing, the
lanes hold the elements in the order of rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "ELEMENTS", "SHAPES", "WARP", "WMMA_SHAPES", "Element", "Fragment", "of_mma", "of_quads",
    "of_wmma", "shape_of",
]  # fmt: skip

WARP = 32
_SHAPE = re.compile(r"m(\d+)n(\d+)k(\d+)$")


@dataclass(frozen=True, slots=True)
class Element:
    """How an element is kept: its type in memory, in sums, and how many a register holds."""

    memory: str
    sum: str
    packed: int = 1


ELEMENTS = {
    "f16": Element("half", "float", 2),
    "bf16": Element("bfloat", "float", 2),
    "tf32": Element("i32", "float"),
    "f32": Element("float", "float"),
    "f64": Element("double", "double"),
    "s8": Element("i8", "i32", 4),
    "u8": Element("i8", "i32", 4),
    "s4": Element("i4", "i32", 8),
    "u4": Element("i4", "i32", 8),
    "b1": Element("i1", "i32", 32),
    "s32": Element("i32", "i32"),
}
SHAPES = {
    "f16": {(16, 8, 8), (16, 8, 16)},
    "bf16": {(16, 8, 8), (16, 8, 16)},
    "tf32": {(16, 8, 4), (16, 8, 8)},
    "f64": {(8, 8, 4)},
    "s8": {(8, 8, 16), (16, 8, 16), (16, 8, 32)},
    "u8": {(8, 8, 16), (16, 8, 16), (16, 8, 32)},
    "s4": {(8, 8, 32), (16, 8, 32), (16, 8, 64)},
    "u4": {(8, 8, 32), (16, 8, 32), (16, 8, 64)},
    "b1": {(8, 8, 128), (16, 8, 128), (16, 8, 256)},
}
WMMA_SHAPES = {
    **{key: {(16, 16, 16), (32, 8, 16), (8, 32, 16)} for key in ("f16", "bf16", "s8", "u8")},
    "tf32": {(16, 16, 8)},
    "f64": {(8, 8, 4)},
    "s4": {(8, 8, 32)},
    "u4": {(8, 8, 32)},
    "b1": {(8, 8, 128)},
}


@dataclass(frozen=True, slots=True)
class Fragment:
    """A matrix in registers.

    `places[j]` is where, in the matrix by rows, the j-th element lies of the registers' memory:
    register by register, in each lane by lane, in each lane from the low bits up.
    """

    type: str
    rows: int
    columns: int
    places: tuple[int, ...]

    @property
    def registers(self) -> int:
        return len(self.places) // (WARP * ELEMENTS[self.type].packed)


def of_mma(role: str, type: str, shape: tuple[int, int, int]) -> Fragment:
    """The fragment of matrix ``a``, ``b`` or ``c`` of `mma`, as the manual has it."""
    m, n, k = shape
    packed = ELEMENTS[type].packed
    rows, columns = {"a": (m, k), "b": (k, n), "c": (m, n)}[role]
    # A register holds 8 rows (or columns) of 4 lanes with `packed` elements each.
    high = m // 8
    if role == "c":
        each = 2 // packed
        count = high * each
    else:
        each = 1
        count = k // (4 * packed) * (high if role == "a" else 1)
    places = []
    for register in range(count):
        for lane in range(WARP):
            group, within = divmod(lane, 4)
            for item in range(packed):
                if role == "a":
                    row = group + 8 * (register % high)
                    column = register // high * 4 * packed + within * packed + item
                elif role == "b":
                    row = register * 4 * packed + within * packed + item
                    column = group
                else:
                    row = group + 8 * (register // each)
                    column = 2 * within + (register % each if each > 1 else item)
                places.append(row * columns + column)
    return Fragment(type, rows, columns, tuple(places))


def of_wmma(role: str, type: str, shape: tuple[int, int, int], registers: int) -> Fragment:
    """A fragment of `wmma`: by rows; where registers have room for more, each element again."""
    m, n, k = shape
    rows, columns = {"a": (m, k), "b": (k, n), "c": (m, n), "d": (m, n)}[role]
    packed = ELEMENTS[type].packed
    each = registers * packed
    # Elements smaller than a byte lie in memory by columns in ``b``, and so do they in its lanes.
    turned = role == "b" and packed > 4
    places = [
        _turned(place, rows, columns) if turned else place % (rows * columns)
        for register in range(registers)
        for lane in range(WARP)
        for item in range(packed)
        for place in (lane * each + register * packed + item,)
    ]
    return Fragment(type, rows, columns, tuple(places))


def _turned(place: int, rows: int, columns: int) -> int:
    column, row = divmod(place, rows)
    return row * columns + column


def of_quads(role: str, type: str, layout: str) -> Fragment:
    """A fragment of the four products of 8 x 4 and 4 x 8 that ``m8n8k4`` has for half.

    The products are blocks on the diagonal of one of 32 x 4 and 4 x 32; the manual tells which
    lanes hold a block: those of one quad in the lower and one in the upper half of the warp.
    """
    rows, columns = {"a": (32, 4), "b": (4, 32), "c": (32, 32)}[role]
    packed = ELEMENTS[type].packed
    each = 4 if role in "ab" else 8
    places = []
    for register in range(each // packed):
        for lane in range(WARP):
            block, half = 8 * (lane // 4 % 4), 4 * (lane // 16)
            for i in range(register * packed, (register + 1) * packed):
                along, across = lane % 4 + half, i
                if role == "c" and type == "f32":
                    along = (lane & 1) + (i & 2) + half
                    across = (i & 4) + (lane & 2) + (i & 1)
                elif (role, layout) in (("a", "col"), ("b", "row")):
                    along, across = i + half, lane % 4
                if role == "b":
                    row, column = across, along + block
                else:
                    row, column = along + block, across + (block if role == "c" else 0)
                places.append(row * columns + column)
    return Fragment(type, rows, columns, tuple(places))


def shape_of(modifiers: Sequence[str]) -> tuple[int, int, int] | None:
    for modifier in modifiers:
        match = _SHAPE.match(modifier)
        if match:
            return int(match[1]), int(match[2]), int(match[3])
    return None
