"""What each instruction reads and writes, and which registers are live where.

Sets of registers are Python integers, one bit a register: whole-set operations
cost one machine operation per 64 registers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .blocks import Block, Graph, Loop, yields
from .errors import PtxError
from .flat import Flat
from .isa import OPS
from .isa.table import Op
from .spins import members
from .syntax import NO_RESULT, Address, Instruction, Operand, Register, Symbol, Vector

__all__ = ["CARRY", "Dataflow", "Step", "bits", "operation", "symbol_of"]

# The carry flag of `add.cc` and its kin, as a register.
CARRY = "%cc"


@dataclass(slots=True)
class Step:
    """An instruction with its registers.

    Attributes
    ----------
    results, sources : tuple of Operand
        Braces and bars taken apart; addresses are among the sources.
    defines, uses : tuple of str
        Registers, the carry flag among them.
    op : Op or None
        Its meaning as a function of registers; None for memory, control and warp operations.
    """

    ins: Instruction
    results: tuple[Operand, ...]
    sources: tuple[Operand, ...]
    defines: tuple[str, ...]
    uses: tuple[str, ...]
    op: Op | None


def operation(ins: Instruction) -> Op | None:
    """The row of the instruction tables, telling packing moves from plain ones."""
    name = ins.opcode
    if name == "mov":
        if isinstance(ins.operands[0], Vector):
            name = "mov.unpack"
        elif isinstance(ins.operands[-1], Vector):
            name = "mov.pack"
    return OPS.get(name)


def _apart(operands: Sequence[Operand]) -> tuple[Operand, ...]:
    found: list[Operand] = []
    for operand in operands:
        if isinstance(operand, Vector):
            found += operand.elements
        else:
            found.append(operand)
    return tuple(found)


def step(ins: Instruction, registers: dict[str, str], kernel: str) -> Step:
    """Take an instruction's operands apart.

    Raises
    ------
    PtxError
        For an unknown form of an instruction of the tables, or a register not declared.
    """
    op = operation(ins)
    cut = 0 if ins.opcode in NO_RESULT else 1
    results, sources = _apart(ins.operands[:cut]), _apart(ins.operands[cut:])
    defines = [r.name for r in results if isinstance(r, Register) and r.name != "_"]
    uses = []
    for operand in sources:
        if isinstance(operand, Address):
            operand = operand.base  # type: ignore[assignment]
        if isinstance(operand, Register):
            uses.append(operand.name)
    if op is not None:
        try:
            op.check(ins)
            reads, writes = op.carry(ins)
            wanted = len(op.sources(ins)) - reads
            given = len(sources)
        except PtxError as error:
            raise PtxError(error.message, ins.line, kernel, ins.name) from None
        if given != wanted:
            raise PtxError(
                f"{ins.name} takes {wanted} operands beside its result, got {given}: {ins.text}",
                ins.line, kernel, ins.name,
            )  # fmt: skip
        if reads:
            uses.append(CARRY)
        if writes:
            defines.append(CARRY)
    for name in (*defines, *uses):
        if name not in registers and (name in defines or not _special(name)):
            raise PtxError(f"register {name} is not declared", ins.line, kernel, ins.name)
    return Step(ins, results, sources, tuple(defines), tuple(uses), op)


def _special(name: str) -> bool:
    return name[0] == "%"


def bits(number: int) -> Iterator[int]:
    """Places of the bits that are set."""
    while number:
        low = number & -number
        yield low.bit_length() - 1
        number ^= low


class Dataflow:
    """Definitions, uses and liveness of a kernel's registers.

    Attributes
    ----------
    steps : list of list of Step
        By block.
    number : dict
        Bit of each register in the sets.
    live_in, live_out : list of int
        Sets of registers, by block.
    defined_in : dict of list
        Indices of the blocks that define a register; several times for several definitions.
    """

    def __init__(self, flat: Flat, graph: Graph) -> None:
        self.flat = flat
        self.graph = graph
        self.registers = registers = dict(flat.registers)
        registers[CARRY] = "pred"
        kernel = flat.function.name
        self.number = number = {name: i for i, name in enumerate(registers)}
        self.names = list(registers)
        self.steps: list[list[Step]] = []
        self.defined_in: dict[str, list[int]] = {}
        count = len(graph.blocks)
        self.uses = [0] * count
        self.defines = [0] * count
        for block in graph.blocks:
            steps = [step(ins, registers, kernel) for ins in block.instructions]
            self.steps.append(steps)
            used = defined = 0
            for one in steps:
                for name in one.uses:
                    place = number.get(name)
                    if place is not None and not defined >> place & 1:
                        used |= 1 << place
                for name in one.defines:
                    defined |= 1 << number[name]
                    self.defined_in.setdefault(name, []).append(block.index)
            for name in self.end_uses(block):
                if name not in number:
                    line = block.end.line if block.end else 0
                    raise PtxError(f"register {name} is not declared", line, kernel)
                if not defined >> number[name] & 1:
                    used |= 1 << number[name]
            self.uses[block.index], self.defines[block.index] = used, defined
        self.live_in = [0] * count
        self.live_out = [0] * count
        self._liveness()

    @staticmethod
    def end_uses(block: Block) -> list[str]:
        """Registers that the block's end reads."""
        if block.condition is not None:
            return [block.condition.name]
        if block.kind == "meet" and block.end is not None:
            lanes = members(block.end)
            return [lanes.name] if isinstance(lanes, Register) else []
        if block.kind == "barrier" and block.end is not None and not yields(block.end):
            found = _apart(block.end.operands)
            if "red" in block.end.modifiers:
                found = found[1:]
            return [o.name for o in found if isinstance(o, Register)]
        return []

    def _liveness(self) -> None:
        changed = True
        while changed:
            changed = False
            for block in reversed(self.graph.blocks):
                index = block.index
                out = 0
                for target in block.targets:
                    out |= self.live_in[target.index]
                live = self.uses[index] | out & ~self.defines[index]
                if out != self.live_out[index] or live != self.live_in[index]:
                    self.live_out[index], self.live_in[index] = out, live
                    changed = True

    def live_after(self, loop: Loop) -> int:
        """Registers that are live where the loop is left."""
        found = 0
        blocks = self.graph.blocks
        for index in range(loop.first, loop.last + 1):
            if not _within(blocks[index], loop):
                continue
            for target in blocks[index].targets:
                if not _within(target, loop):
                    found |= self.live_in[target.index]
        return found

    def defined_within(self, loop: Loop) -> int:
        """Registers that some block of the loop defines."""
        found = 0
        for block in self.graph.blocks[loop.first : loop.last + 1]:
            if _within(block, loop):
                found |= self.defines[block.index]
        return found


def _within(block: Block, loop: Loop) -> bool:
    around = block.loop
    while around is not None:
        if around is loop:
            return True
        around = around.parent
    return False


def symbol_of(operand: Operand) -> str | None:
    """Name of the variable that an operand names, if it does."""
    if isinstance(operand, Address):
        operand = operand.base  # type: ignore[assignment]
    return operand.name if isinstance(operand, Symbol) else None
