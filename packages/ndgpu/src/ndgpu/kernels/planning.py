"""Which kernel a set of shapes and strides takes, and with which numbers.

There are four forms of elementwise kernel (`ndgpu.kernels.spec.Variant`):

``flat``
    One dimension is left after collapsing.  Thread number is element number.
``rows``
    The innermost dimension is long: threads of a block lie along it, and a block finds its
    outer indices once, so addresses are *uniform offset + thread number x stride*, which
    neighbouring threads (and the vector lanes of the host device) read together.
``points``
    The innermost dimension is short: each thread takes its own indices apart.
``tiles64``, ``tiles32``
    An input is contiguous along another dimension than the outputs; see
    `ndgpu.kernels.transposed`.

and for each array in all but ``points`` a class of its innermost stride, known to the
compiler: ``c`` contiguous, ``b`` broadcast (0), ``s`` any.

Guarantees: pure functions; few variants (ranks are rounded up), so few kernels.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod
from typing import Any

from ndgpu.kernels.geometry import Loop, row_block
from ndgpu.kernels.layout import broadcast_strides, collapse, magic, round_rank
from ndgpu.kernels.spec import Operand, Variant
from ndgpu.kernels.transposed import plan_tiles

__all__ = ["divisors", "pack_raw", "plan", "plan_loop"]

_SHORT = 32
"""Inner dimensions below a warp leave lanes idle as rows."""
_INT32 = 2**31 - 1


def plan_loop(
    dims: tuple[int, ...],
    strides: Sequence[tuple[int, ...]],
    items: Sequence[int],
    block: int,
    *,
    wide: bool = False,
) -> Loop:
    """Lay threads over a collapsed loop.

    Parameters
    ----------
    dims : tuple of int
        Lengths, none 0, as `ndgpu.kernels.layout.collapse` returns them.
    strides : sequence of tuple of int
        For each operand.
    items : sequence of int
        Size in bytes of each operand's elements.
    block : int
        Threads of a block at most.
    wide : bool
        Whether to use 64-bit indices where 32 bits would do.
    """
    size, rank, inner = prod(dims), len(dims), dims[-1]
    reach = [sum((n - 1) * abs(k) for n, k in zip(dims, s, strict=True)) for s in strides]
    wide = wide or size > _INT32 - block or any((inner - 1) * abs(s[-1]) > _INT32 for s in strides)
    form = "flat" if rank == 1 else "rows" if inner >= _SHORT else "points"
    if form == "points":
        wide = wide or any(bytes_ > _INT32 for bytes_ in reach)
        classes = ["p"] * len(strides)
    else:
        classes = [
            "c" if s[-1] == item or inner == 1 else "b" if s[-1] == 0 else "s"
            for s, item in zip(strides, items, strict=True)
        ]
    rounded = round_rank(rank)
    pad = rounded - rank
    dims = (1,) * pad + dims
    strides = tuple((0,) * pad + tuple(s) for s in strides)
    grid = -(-size // block)
    static: tuple[Any, ...]
    if form == "flat":
        steps = [s[-1] for s, c in zip(strides, classes, strict=True) if c == "s"]
        static = (size, *steps)
    elif form == "rows":
        block = row_block(inner, block)
        per_row = -(-inner // block)
        grid = per_row * (size // inner)
        static = (_pack_rows(size, inner, per_row, dims[:-1], strides),)
    else:
        static = (_pack_points(size, dims, strides, wide),)
    return Loop(form, tuple(classes), rounded, wide, grid, block, static)


def plan(
    operands: Sequence[Operand],
    args: Sequence[Any],
    shape: tuple[int, ...],
    block: int,
    keep_order: bool,
    uses_ind: bool,
    may_tile: bool = False,
) -> tuple[Variant, Loop]:
    """Choose the kernel for an elementwise launch.

    Parameters
    ----------
    operands, args
        Operands and their values.
    shape : tuple of int
        What the arrays broadcast to; no zero in it.
    block : int
        Threads of a block at most.
    keep_order : bool
        Whether element numbers must be in C order.
    uses_ind : bool
        Whether the code mentions ``_ind``.
    may_tile : bool
        Whether one thread may work on several elements, none of which knows its number.

    Returns
    -------
    variant : Variant
    loop : Loop
        Its `static` are all of the kernel's leading parameters.
    """
    looped, strides, raw = [], [], []
    for operand, value in zip(operands, args, strict=True):
        if operand.kind in ("in", "out"):
            looped.append(operand)
            strides.append(broadcast_strides(shape, value.shape, value.strides))
        elif operand.kind != "scalar":
            raw.append(value)
    dims, merged = collapse(shape, strides, keep_order=keep_order)
    tiles = plan_tiles(dims, merged, looped) if may_tile else None
    loop = tiles or plan_loop(dims, merged, [o.dtype.itemsize for o in looped], block)
    static = list(loop.static)
    if uses_ind:
        whole = shape or (1,)
        static.append(struct.pack(f"={len(whole) + 1}q", prod(shape), *whole))
    static += [pack_raw(value) for value in raw]
    by_class = iter(loop.classes)
    variant = Variant(
        loop.form,
        tuple(next(by_class) if o.kind in ("in", "out") else "" for o in operands),
        loop.rank,
        loop.wide,
        tuple((max(value.ndim, 1), value._c_contiguous) for value in raw),
        max(len(shape), 1) if uses_ind else 0,
    )
    return variant, loop._replace(static=tuple(static))


def pack_raw(value: Any) -> bytes:
    """Return a raw array's ``ndgpu::RawShape``; one of no dimensions is seen as of one element."""
    numbers = (*(value.shape or (1,)), *(value.strides or (0,)))
    return struct.pack(f"={1 + len(numbers)}q", value.size, *numbers)


def _pack_rows(
    size: int,
    inner: int,
    per_row: int,
    outer: tuple[int, ...],
    strides: tuple[tuple[int, ...], ...],
) -> bytes:
    """``struct _Loop`` of the rows form: see `ndgpu.kernels.source`."""
    numbers = [size, inner, per_row, *outer]
    for s in strides:
        numbers += s
    return struct.pack(f"={len(numbers)}q", *numbers)


def _pack_points(
    size: int, dims: tuple[int, ...], strides: tuple[tuple[int, ...], ...], wide: bool
) -> bytes:
    """``struct _Loop`` of the points form: see `ndgpu.kernels.source`."""
    flat = [number for s in strides for number in s]
    if wide:
        return struct.pack(f"={1 + len(dims) + len(flat)}q", size, *dims, *flat)
    numbers = divisors(dims)
    return struct.pack(f"=i{len(numbers)}I{len(flat)}i", size, *numbers, *flat)


def divisors(dims: Sequence[int]) -> list[int]:
    """Return the members of an array of ``struct _Divisor``."""
    return [number for d in dims for number in (d, *magic(d))]
