"""How a reduction's elements lie: its two loops, collapsed, and which form of kernel suits them.

Guarantees: pure functions of shapes and strides; `pack_reduced` fills the structure that
`ndgpu.kernels.reduction_source` declares.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ndgpu.kernels.layout import collapse
from ndgpu.kernels.planning import divisors
from ndgpu.kernels.reduction_source import TILE_ITEMS

__all__ = [
    "COLUMN_CHUNK",
    "INT32",
    "Layout",
    "collapse_by",
    "in_columns",
    "inner_classes",
    "pack_reduced",
    "tile_items",
]

INT32 = 2**31 - 1
COLUMN_CHUNK = 64
"""Least elements of one output that a thread takes before work is split further."""
_FEW = 32
"""Fewer elements than this are not worth a warp."""
_LINE_BYTES = 1024
"""What a warp reads of a line that is longer than it can hold."""
_FEWEST_ITEMS = 8
"""Outputs per thread where threads are wanting, if so many lie within `_LINE_BYTES`."""


class Layout(NamedTuple):
    """A reduction's collapsed loops: `kdims` over outputs, `rdims` over what is reduced.

    In the tile form each thread has `items` outputs, and a line of `kdims[-1]` outputs
    `per_line` warps.
    """

    kdims: tuple[int, ...]
    kept_in: tuple[tuple[int, ...], ...]
    kept_out: tuple[tuple[int, ...], ...]
    rdims: tuple[int, ...]
    rstrides: tuple[tuple[int, ...], ...]
    outputs: int
    reduced: int
    lead: int
    items: int = 0
    raw: tuple[tuple[int, bool], ...] = ()

    @property
    def per_line(self) -> int:
        return -(-self.kdims[-1] // (32 * self.items))

    @property
    def tiles(self) -> int:
        return self.outputs // self.kdims[-1] * self.per_line

    @property
    def wide(self) -> bool:
        """Whether offsets of reduced elements need 64 bits."""
        return self.reduced > INT32 - 65536 or any(
            sum((n - 1) * abs(k) for n, k in zip(self.rdims, s, strict=True)) > INT32
            for s in self.rstrides
        )


def collapse_by(
    lead: int, shape: tuple[int, ...], strides: list[tuple[int, ...]], *, keep_order: bool
) -> tuple[tuple[int, ...], list[tuple[int, ...]]]:
    """Collapse a loop in the order of one operand's memory: the one at `lead`."""
    if not strides:
        return collapse(shape, strides, keep_order=True)[0], []
    ordered = [*strides[:lead], *strides[lead + 1 :], strides[lead]]
    dims, merged = collapse(shape, ordered, keep_order=keep_order)
    return dims, [*merged[:lead], merged[-1], *merged[lead:-1]]


def in_columns(layout: Layout) -> bool:
    """Decide whether threads lie along the outputs, as neighbours in memory do."""
    if layout.reduced < _FEW:
        return True
    if layout.kdims[-1] < _FEW or not layout.rstrides:
        return False
    kept, reduced = layout.kept_in[layout.lead][-1], layout.rstrides[layout.lead][-1]
    return 0 < abs(kept) < abs(reduced)


def tile_items(layout: Layout, wanted: int, item: int) -> int:
    """Outputs per thread in the tile form, where elements have `item` bytes.

    A warp that holds a whole line reads all of memory in order.  Else a kilobyte of each line is
    enough to be read fast, and no more than that: the next warp goes on where this one ends,
    while the processor still expects each line's next bytes.  Fewer outputs, if `wanted` threads
    would not have work otherwise.
    """
    rows = max(1, layout.reduced // COLUMN_CHUNK)
    least = min(items * layout._replace(items=items).per_line for items in TILE_ITEMS)
    usual = max(min(TILE_ITEMS), _LINE_BYTES // (32 * item))
    for items in TILE_ITEMS:
        tiled = layout._replace(items=items)
        in_order = items <= usual or tiled.per_line == 1
        # What tiles overlap is done twice.
        little = 4 * items * tiled.per_line <= 5 * least
        if in_order and little and 32 * tiled.tiles * rows >= wanted:
            return items
    return min(usual, _FEWEST_ITEMS)


def inner_classes(strides: Sequence[tuple[int, ...]], items: Sequence[int]) -> tuple[str, ...]:
    """Class of each operand's innermost stride, as in `ndgpu.kernels.planning`."""
    return tuple(
        "c" if s[-1] == item else "b" if s[-1] == 0 else "s"
        for s, item in zip(strides, items, strict=True)
    )


def pack_reduced(
    layout: Layout, first: bool, count: int, chunk: int, rank: int, wide: bool
) -> bytes:
    """``struct _Reduced`` of `ndgpu.kernels.reduction_source`."""
    numbers = [count, chunk, layout.reduced]
    tail = b""
    if first:
        pad = rank - len(layout.rdims)
        for s in layout.rstrides:
            numbers += (*(0,) * pad, *s)
        dims = (*(1,) * pad, *layout.rdims)
        if rank > 1 and wide:
            numbers += dims
        elif rank > 1:
            tail = struct.pack(f"={3 * rank}I", *divisors(dims))
    packed = struct.pack(f"={len(numbers)}q", *numbers) + tail
    return packed + bytes(-len(packed) % 8)
