"""What each PTX instruction does to registers, as LLVM instructions.

`OPS` maps an opcode's root (``"fma"``) to its `Op`, which tells the operand types of a form and
writes it for one lane or for all.  It covers the instructions that are functions of registers
alone; memory, control, barriers and the exchange among lanes are the code generator's.

`mov` to or from braces is ``"mov.pack"`` and ``"mov.unpack"``.  `setp` always gives two results,
for ``p|q``.  A form with ``.cc`` has the carry flag as its last result, and one that adds the
carry has it as its last source (`Op.carry` tells which).
"""

from __future__ import annotations

from . import approx, bits, compare, convert, floating, half, integer, move
from .table import Form, Instruction, Op, Row, operations

__all__ = ["OPS", "Form", "Instruction", "Op", "Row"]

OPS: dict[str, Op] = operations(
    integer.ROWS,
    bits.ROWS,
    move.ROWS,
    compare.ROWS,
    floating.ROWS,
    half.ROWS,
    convert.ROWS,
    approx.ROWS,
)
