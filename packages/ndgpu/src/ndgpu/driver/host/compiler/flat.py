"""A kernel without calls: its instructions, and what is made of calls' parameters and of guards.

Guarantees, once `place_slots` and `unguard` have run: a `.param` variable of a call has become
registers where its accesses allow, else local memory; only branches have guards.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from .callgraph import CallGraph
from .syntax import (
    SIZES,
    Address,
    Function,
    Instruction,
    Operand,
    Register,
    Symbol,
    Variable,
    Vector,
)

__all__ = ["Flat", "branch", "place_slots", "unguard"]

_BRANCHES = frozenset(("bra", "brx"))


@dataclass(slots=True)
class Flat:
    """A kernel without calls.

    Attributes
    ----------
    registers : dict
        PTX type of each register.
    variables : dict
        Local and shared variables of the kernel and of what it calls.
    items : list
        Instructions, and labels as strings.
    owners : dict
        The recursive function that a register or variable belongs to, of which there is one for
        each of its calls that has begun.
    outlined : list of str
        The recursive functions, in the order of their bodies.
    """

    function: Function
    graph: CallGraph
    registers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    items: list[Instruction | str] = field(default_factory=list)
    slots: set[str] = field(default_factory=set)
    owners: dict[str, str] = field(default_factory=dict)
    outlined: list[str] = field(default_factory=list)
    instances: int = 0

    def add_slot(self, name: str, size: int, align: int, owner: str | None) -> None:
        """Declare a variable that passes a parameter or a result."""
        self.variables[name] = Variable(name, "param", size, align)
        self.slots.add(name)
        if owner is not None:
            self.owners[name] = owner


# -- parameters of calls ---------------------------------------------------------------------


def place_slots(flat: Flat) -> None:
    """Turn what passes parameters and results into registers or local variables."""
    accesses: dict[str, set[tuple[int, int]]] = {name: set() for name in flat.slots}
    memory: set[str] = set()
    for ins in flat.items:
        if isinstance(ins, str):
            continue
        for position, operand in enumerate(ins.operands):
            if isinstance(operand, Symbol) and operand.name in accesses:
                memory.add(operand.name)
            if not isinstance(operand, Address) or not isinstance(operand.base, Symbol):
                continue
            name = operand.base.name
            if name not in accesses:
                continue
            if ins.modifiers[:1] != ("param",) or ins.opcode not in ("ld", "st"):
                memory.add(name)
                continue
            values = ins.operands[1 - position]
            count = len(values.elements) if isinstance(values, Vector) else 1
            size = SIZES[ins.modifiers[-1]]
            accesses[name] |= {(operand.offset + i * size, size) for i in range(count)}
    for name, found in accesses.items():
        ordered = sorted(found)
        if any(a + size > b for (a, size), (b, _) in itertools.pairwise(ordered)):
            memory.add(name)
    for name in flat.slots:
        variable = flat.variables.pop(name)
        if name in memory:
            flat.variables[name] = replace(variable, space="local")
        for offset, size in accesses[name]:
            flat.registers[f"{name}+{offset}"] = f"b{8 * size}"
            if name in flat.owners:
                flat.owners[f"{name}+{offset}"] = flat.owners[name]
    items: list[Instruction | str] = []
    for ins in flat.items:
        slot = None if isinstance(ins, str) else _slot(ins, accesses)
        if slot is None or isinstance(ins, str):
            items.append(ins)
        elif slot.base.name in memory:  # type: ignore[union-attr]
            items.append(replace(ins, modifiers=("local", *ins.modifiers[1:])))
        else:
            items.extend(_moves(ins, slot))
    flat.items = items


def _slot(ins: Instruction, accesses: dict[str, set[tuple[int, int]]]) -> Address | None:
    if ins.opcode not in ("ld", "st") or ins.modifiers[:1] != ("param",):
        return None
    for operand in ins.operands:
        if (
            isinstance(operand, Address)
            and isinstance(operand.base, Symbol)
            and operand.base.name in accesses
        ):
            return operand
    return None


def _moves(ins: Instruction, slot: Address) -> list[Instruction]:
    """The access as moves between registers: ``ld.slot`` and ``st.slot`` with the PTX type."""
    values = ins.operands[0 if ins.opcode == "ld" else 1]
    elements = values.elements if isinstance(values, Vector) else (values,)
    size = SIZES[ins.modifiers[-1]]
    moves = []
    for i, element in enumerate(elements):
        register = Register(f"{slot.base.name}+{slot.offset + i * size}")  # type: ignore[union-attr]
        pair = (element, register) if ins.opcode == "ld" else (register, element)
        moves.append(
            replace(ins, opcode=f"{ins.opcode}slot", modifiers=ins.modifiers[-1:], operands=pair)
        )
    return moves


# -- guards ----------------------------------------------------------------------------------


def unguard(flat: Flat) -> None:
    """A guarded instruction becomes a branch round it."""
    items: list[Instruction | str] = []
    count = 0
    for ins in flat.items:
        if isinstance(ins, str) or ins.guard is None or ins.opcode in _BRANCHES:
            items.append(ins)
            continue
        guard = ins.guard
        last = items[-2:]
        # Neighbours with the same guard share one branch, unless one of them sets it.
        if (
            len(last) == 2
            and isinstance(last[1], str)
            and last[1].startswith("@over")
            and isinstance(last[0], Instruction)
            and last[0].opcode not in ("ret", "exit", "trap")
            and last[0].guard == guard
            and Register(guard.name) not in _flat_operands(last[0])
        ):
            items.insert(-1, ins)
            items[-2], items[-3] = items[-2], replace(last[0], guard=None)
            continue
        count += 1
        items.append(branch(ins, Register(guard.name, not guard.negated), f"@over{count}"))
        items.append(ins)
        items.append(f"@over{count}")
    flat.items = [
        replace(i, guard=None)
        if isinstance(i, Instruction) and i.guard is not None and i.opcode not in _BRANCHES
        else i
        for i in items
    ]


def _flat_operands(ins: Instruction) -> tuple[Operand, ...]:
    return tuple(e for o in ins.operands for e in (o.elements if isinstance(o, Vector) else (o,)))


def branch(ins: Instruction, guard: Register, target: str) -> Instruction:
    """A branch to a label where a predicate holds, in the place of an instruction."""
    return replace(ins, opcode="bra", modifiers=(), operands=(Symbol(target),), guard=guard)
