"""Directed rounding by AVX-512, whose arithmetic instructions carry a rounding direction.

LLVM offers them on registers of 512 bits only, so that a vector is cut into such pieces, or a
shorter one is laid into one; LLVM drops the moves between.
"""

from __future__ import annotations

from ..builder import Builder, Value

__all__ = ["directed"]

# The instructions' own codes; 8 keeps exceptions quiet.
_DIRECTIONS = {"rm": 9, "rp": 10, "rz": 11}
_NAMES = {"fma": "vfmadd", "add": "add", "mul": "mul", "div": "div", "sqrt": "sqrt"}


def directed(b: Builder, name: str, direction: str, *args: Value) -> Value:
    """`name` of vectors of floats or doubles, rounded in the direction."""
    type = args[0].type
    lanes = 16 if type == "float" else 8
    piece = f"<{lanes} x {type}>"
    full = f"llvm.x86.avx512.{_NAMES[name]}.{'ps' if type == 'float' else 'pd'}.512"
    b.declarations[full] = f"declare {piece} @{full}({', '.join([piece] * len(args))}, i32)"
    results = []
    for start in range(0, b.width, lanes):
        cut = ", ".join(f"{piece} {_piece(b, v, start, lanes)}" for v in args)
        results.append(
            b.emit(f"call {piece} @{full}({cut}, i32 {_DIRECTIONS[direction]})", type, True).text
        )
    return _joined(b, type, results, lanes)


def _mask(indices: list[int]) -> str:
    return f"<{len(indices)} x i32> <{', '.join(f'i32 {i}' for i in indices)}>"


def _piece(b: Builder, x: Value, start: int, lanes: int) -> str:
    """Some lanes of a vector; lanes beyond its end repeat the last one."""
    if b.width == lanes:
        return x.text
    indices = [min(start + i, b.width - 1) for i in range(lanes)]
    right = f"shufflevector {b.typed(x)}, {b.ir_type(x.type, True)} poison, {_mask(indices)}"
    return b.emit(right, x.type, True).text


def _joined(b: Builder, type: str, parts: list[str], lanes: int) -> Value:
    """The pieces one after another, as long as the builder's vectors."""
    size = lanes
    while len(parts) > 1:
        vector = f"<{size} x {type}>"
        # An odd number of pieces is made even by one that is not looked at.
        pairs = zip(parts[::2], [*parts[1::2], *["poison"] * (len(parts) % 2)], strict=True)
        parts = [
            b.emit(
                f"shufflevector {vector} {low}, {vector} {high}, {_mask(list(range(2 * size)))}",
                type,
                True,
            ).text
            for low, high in pairs
        ]
        size *= 2
    if size == b.width:
        return Value(parts[0], type, True)
    vector, mask = f"<{size} x {type}>", _mask(list(range(b.width)))
    return b.emit(f"shufflevector {vector} {parts[0]}, {vector} poison, {mask}", type, True)
