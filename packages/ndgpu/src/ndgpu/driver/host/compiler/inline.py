"""A kernel made flat: calls expanded in place, parameters of calls turned into registers.

Guarantees: the result has no calls and no guards other than on branches; each
name in it is unique; a `.param` variable of a call becomes registers where its
accesses allow, else local memory.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from .errors import PtxError
from .syntax import (
    SIZES,
    Address,
    Function,
    Instruction,
    Module,
    Operand,
    Register,
    Symbol,
    Variable,
    Vector,
    rename,
)

__all__ = ["Flat", "flatten"]

_MOST = 400_000  # instructions after expansion: past this the calls were not meant to be expanded
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
    """

    function: Function
    registers: dict[str, str] = field(default_factory=dict)
    variables: dict[str, Variable] = field(default_factory=dict)
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    items: list[Instruction | str] = field(default_factory=list)
    slots: set[str] = field(default_factory=set)
    instances: int = 0


def flatten(module: Module, kernel: Function) -> Flat:
    """Expand the kernel's calls.

    Raises
    ------
    PtxError
        For recursion, a call through a pointer, or a function that is not defined.
    """
    flat = Flat(kernel)
    _expand(module, kernel, {}, None, (), flat)
    _place_slots(flat)
    _unguard(flat)
    return flat


def _expand(
    module: Module,
    function: Function,
    names: dict[str, str],
    end: str | None,
    stack: tuple[str, ...],
    flat: Flat,
) -> None:
    """Append the function's body; `names` maps its parameters to the caller's variables."""
    stack += (function.name,)
    if stack[1:]:
        flat.instances += 1
        tag = f"@{flat.instances}"
        local = {name: name + tag for name in function.registers}
        local |= {name: name + tag for name in function.labels}
        local |= {name: name + tag for name in function.tables}
        for name, variable in function.variables.items():
            # A shared variable of a device function is one for all its callers.
            local[name] = name + (f"@{function.name}" if variable.space == "shared" else tag)
        names = local | names
    for name, type in function.registers.items():
        flat.registers[names.get(name, name)] = type
    for name, variable in function.variables.items():
        unique = names.get(name, name)
        flat.variables[unique] = replace(variable, name=unique)
        if variable.space == "param":
            flat.slots.add(unique)
    for name, targets in function.tables.items():
        flat.tables[names.get(name, name)] = tuple(names.get(t, t) for t in targets)
    labels: dict[int, list[str]] = {}
    for name, index in function.labels.items():
        labels.setdefault(index, []).append(names.get(name, name))
    for index, ins in enumerate(function.instructions):
        flat.items.extend(labels.get(index, ()))
        ins = _as_registers(ins, function)
        if names:
            ins = rename(ins, names)
        if ins.opcode == "call":
            _call(module, ins, stack, flat)
        elif ins.opcode == "ret" and end is not None:
            flat.items.append(replace(ins, opcode="bra", modifiers=(), operands=(Symbol(end),)))
        else:
            flat.items.append(ins)
    flat.items.extend(labels.get(len(function.instructions), ()))
    if len(flat.items) > _MOST:
        raise PtxError(
            f"more than {_MOST} instructions once calls are expanded", function.line, stack[0]
        )


def _call(module: Module, ins: Instruction, stack: tuple[str, ...], flat: Flat) -> None:
    place = next((i for i, o in enumerate(ins.operands) if isinstance(o, Symbol)), None)
    if place is None:
        raise PtxError(
            "a call through a function pointer, which the host device does not run",
            ins.line, stack[0], ins.name,
        )  # fmt: skip
    name = ins.operands[place].name  # type: ignore[union-attr]
    callee = module.functions.get(name)
    if name == "__assertfail":
        flat.items.append(replace(ins, opcode="trap", modifiers=("assert",), operands=()))
        return
    if callee is None or not callee.defined:
        raise PtxError(
            f"a call of {name}, which the module does not define", ins.line, stack[0], ins.name
        )
    if name in stack:
        raise PtxError(
            f"recursion: {' -> '.join((*stack, name))}, which the host device does not run",
            ins.line, stack[0], ins.name,
        )  # fmt: skip
    results = ins.operands[0] if place == 1 else Vector(())
    arguments = ins.operands[place + 1] if len(ins.operands) > place + 1 else Vector(())
    if not isinstance(results, Vector) or not isinstance(arguments, Vector):
        raise PtxError("a call in a form not known", ins.line, stack[0], ins.name)
    given = (*results.elements, *arguments.elements)
    wanted = (*callee.results, *callee.params)
    if len(given) != len(wanted):
        raise PtxError(
            f"{name} takes {len(callee.params)} arguments and gives {len(callee.results)} results, "
            f"the call has {len(arguments.elements)} and {len(results.elements)}",
            ins.line, stack[0], ins.name,
        )  # fmt: skip
    names = {}
    for param, variable in zip(wanted, given, strict=True):
        if not isinstance(variable, (Symbol, Register)):
            raise PtxError(f"{name}: an argument that is no variable", ins.line, stack[0], ins.name)
        if isinstance(variable, Register):
            raise PtxError(
                f"{name}: arguments in registers, an old form of PTX", ins.line, stack[0], ins.name
            )
        names[param.name] = variable.name
    skip = None
    if ins.guard is not None:
        skip = f"@skip{flat.instances + 1}"
        flat.items.append(_branch(ins, Register(ins.guard.name, not ins.guard.negated), skip))
    end = f"@end{flat.instances + 1}"
    _expand(module, callee, names, end, stack, flat)
    flat.items.append(end)
    if skip:
        flat.items.append(skip)


def _branch(ins: Instruction, guard: Register, target: str) -> Instruction:
    return replace(ins, opcode="bra", modifiers=(), operands=(Symbol(target),), guard=guard)


def _as_registers(ins: Instruction, function: Function) -> Instruction:
    """Names without a percent sign that were declared as registers, as registers."""
    if not any(name[0] != "%" for name in function.registers):
        return ins

    def resolve(operand: Operand) -> Operand:
        if isinstance(operand, Symbol) and operand.name in function.registers:
            return Register(operand.name)
        if isinstance(operand, Address) and isinstance(operand.base, Symbol):
            base = resolve(operand.base)
            return Address(base, operand.offset)  # type: ignore[arg-type]
        if isinstance(operand, Vector):
            return Vector(tuple(resolve(o) for o in operand.elements))
        return operand

    return replace(ins, operands=tuple(resolve(o) for o in ins.operands))


# -- parameters of calls ---------------------------------------------------------------------


def _place_slots(flat: Flat) -> None:
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


def _unguard(flat: Flat) -> None:
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
        items.append(_branch(ins, Register(guard.name, not guard.negated), f"@over{count}"))
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
