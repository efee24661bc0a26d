"""Elementwise loops where an input lies across the outputs: tile by tile, through shared memory.

Neighbouring threads should touch neighbouring memory.  In ``a.T + b`` they cannot do so for both
inputs; so a block reads a square of the transposed one along *its* memory, leaves it in
shared memory, and takes its elements from there along the output's.

Two dimensions of the loop are tiled: the innermost one, *x*, along which the outputs are
contiguous, and *y*, along which the transposed inputs are.  All others are outer dimensions.

Guarantees: pure functions.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from math import prod

from ndgpu.compile.dtypes import ctype
from ndgpu.kernels.geometry import Loop
from ndgpu.kernels.layout import round_rank
from ndgpu.kernels.loops import LoopCode
from ndgpu.kernels.spec import Operand

__all__ = ["plan_tiles", "tile_code"]

_SIDES = (64, 32)
"""Long sides first: fewer cache lines lie in part outside of a tile."""
_LANES, _WARPS = 32, 8
_SHORT = 16
"""Tiles of fewer elements along a dimension leave half of the lanes idle."""
_SHARED = 40 << 10
"""Bytes of shared memory that tiles may take: less than a block may have on any device."""


def plan_tiles(
    dims: tuple[int, ...], strides: Sequence[tuple[int, ...]], operands: Sequence[Operand]
) -> Loop | None:
    """Lay threads over a collapsed loop in tiles, if an input is transposed.

    Parameters
    ----------
    dims : tuple of int
        Lengths, none 0, as `ndgpu.kernels.layout.collapse` returns them.
    strides : sequence of tuple of int
        For each operand.
    operands : sequence of Operand
        The operands of the loop, ``"in"`` and ``"out"``.

    Returns
    -------
    Loop or None
        Of form ``"tiles64"`` or ``"tiles32"``, by the side of a tile, with ``t`` for the class
        of a transposed input.
    """
    inner, rank = dims[-1], len(dims)
    if rank < 2 or inner < _SHORT:
        return None
    across = _across(dims, strides, operands)
    if across is None:
        return None
    found = []
    for s, operand in zip(strides, operands, strict=True):
        item = operand.dtype.itemsize
        kind = "c" if s[-1] == item else "b" if s[-1] == 0 else "s"
        found.append("t" if kind == "s" and operand.kind == "in" and s[across] == item else kind)
    side, classes = _fitted(found, operands)
    order = [d for d in range(rank - 1) if d != across] + [across, rank - 1]
    rounded = round_rank(rank)
    pad = rounded - rank
    columns, lines = -(-inner // side), -(-dims[across] // side)
    numbers = [prod(dims), columns, lines, *(1,) * pad, *(dims[d] for d in order)]
    for s in strides:
        numbers += (*(0,) * pad, *(s[d] for d in order))
    grid = columns * lines * (prod(dims) // (inner * dims[across]))
    packed = struct.pack(f"={len(numbers)}q", *numbers)
    return Loop(f"tiles{side}", classes, rounded, True, grid, _LANES, (packed,), _WARPS)


def _across(
    dims: tuple[int, ...], strides: Sequence[tuple[int, ...]], operands: Sequence[Operand]
) -> int | None:
    """The dimension along which the first transposed input is contiguous."""
    for s, operand in zip(strides, operands, strict=True):
        item = operand.dtype.itemsize
        if operand.kind != "in" or abs(s[-1]) <= item:
            continue
        for d in range(len(dims) - 1):
            if s[d] == item and dims[d] >= _SHORT:
                return d
    return None


def _fitted(classes: list[str], operands: Sequence[Operand]) -> tuple[int, tuple[str, ...]]:
    """The side of tiles, and classes with as many transposed inputs as fit into shared memory."""
    items = [o.dtype.itemsize for o, kind in zip(operands, classes, strict=True) if kind == "t"]
    side = next((n for n in _SIDES if n * (n + 1) * sum(items) <= _SHARED), _SIDES[-1])
    room = _SHARED
    fitted = []
    for operand, kind in zip(operands, classes, strict=True):
        if kind == "t":
            room -= side * (side + 1) * operand.dtype.itemsize
            kind = "t" if room >= 0 else "s"
        fitted.append(kind)
    return side, tuple(fitted)


def tile_code(form: str, rank: int, looped: Sequence[Operand], classes: Sequence[str]) -> LoopCode:
    """Write the parts of a kernel that depend on the loop's form.

    Parameters
    ----------
    form, rank, classes
        As in `ndgpu.kernels.geometry.Loop`.
    looped : sequence of Operand
    """
    side, count, outer, y, x = int(form[5:]), len(looped), rank - 2, rank - 2, rank - 1
    declarations = [
        f"struct _Loop {{ long long size, columns, lines, shape[{rank}], "
        f"stride[{count}][{rank}]; }};"
    ]
    setup = [
        "  const long long _n = _l.size;",
        "  const unsigned int _columns = (unsigned int)_l.columns;",
        "  const unsigned int _lines = (unsigned int)_l.lines;",
        "  const unsigned int _row = blockIdx.x / _columns;",
        f"  const long long _x0 = (long long)(blockIdx.x - _row * _columns) * {side};",
        f"  const long long _y0 = (long long)(_row % _lines) * {side};",
        f"  const int _wide = (int)min(_l.shape[{x}] - _x0, {side}ll);",
        f"  const int _high = (int)min(_l.shape[{y}] - _y0, {side}ll);",
        *(
            f"  long long _o{k} = _x0 * _l.stride[{k}][{x}] + _y0 * _l.stride[{k}][{y}];"
            for k in range(count)
        ),
    ]
    if outer:
        setup += [
            "  unsigned int _rest = _row / _lines;",
            f"  for (int _d = {outer - 1}; _d >= 0; --_d) {{",
            "    const unsigned int _length = (unsigned int)_l.shape[_d];",
            "    const unsigned int _index = _rest % _length;",
            "    _rest /= _length;",
            *(f"    _o{k} += _index * _l.stride[{k}][_d];" for k in range(count)),
            "  }",
        ]
    loop = [
        "  #pragma unroll 2",
        f"  for (int _m = threadIdx.y; _m < {side}; _m += {_WARPS})",
        "  #pragma unroll",
        f"  for (int _h = 0; _h < {side}; _h += {_LANES})",
    ]
    addresses, reads = [], []
    for k, (operand, kind) in enumerate(zip(looped, classes, strict=True)):
        const = "const " if operand.kind == "in" else ""
        memory = f"{const}{ctype(operand.dtype)}"
        base = f"({const}char*)_p_{operand.name} + _o{k}"
        if kind == "t":
            size = side * (side + 1) * operand.dtype.itemsize
            cell = ctype(operand.dtype)
            # One element more than a tile's side: no two lanes then use the same bank.
            setup.append(f"  __shared__ __align__(16) unsigned char _s{k}[{size}];")
            reads.append(
                f"    if (_m < _wide && threadIdx.x + _h < _high) "
                f"(({cell}*)_s{k} + _h * {side + 1} + _m)[threadIdx.x * {side + 1}] = "
                f"(({memory}*)({base} + _m * _l.stride[{k}][{x}]) + _h)[threadIdx.x];"
            )
            addresses.append(f"((const {cell}*)_s{k} + _m * {side + 1} + _h)[threadIdx.x]")
            continue
        line = f"({base} + _m * _l.stride[{k}][{y}])"
        if kind == "s":
            along = f"(long long)(threadIdx.x + _h) * _l.stride[{k}][{x}]"
            addresses.append(f"(*({memory}*)({line} + {along}))")
        else:
            along = "+ _h)[threadIdx.x]" if kind == "c" else ")[0]"
            addresses.append(f"(({memory}*){line} {along}")
    setup += [*loop, "  {", *reads, "  }", "  __syncthreads();"]
    opening = [*loop, "  if (_m < _high && threadIdx.x + _h < _wide) {"]
    size = 8 * (3 + rank + count * rank)
    return LoopCode(declarations, ["const _Loop _l"], [f"{size}s"], setup, addresses, opening)
