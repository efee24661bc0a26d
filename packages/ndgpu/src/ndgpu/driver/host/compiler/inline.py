"""A kernel made flat: calls expanded in place, parameters of calls turned into registers.

Guarantees: the result has no calls and no guards other than on branches; each
name in it is unique; a `.param` variable of a call becomes registers where its
accesses allow, else local memory.

A call through a pointer becomes a choice among the functions that it may lead to.  A recursive
function's body stands once, at the end; ``enter`` goes there and ``leave`` returns, and what they
carry over passes in variables of their own.  `stack.link` makes branches of these.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from . import async_copy
from .callgraph import CallGraph, called, sizes_of
from .errors import PtxError
from .syntax import (
    SIZES,
    Address,
    Function,
    Immediate,
    Instruction,
    Module,
    Operand,
    Param,
    Register,
    Symbol,
    Variable,
    Vector,
    rename,
)

__all__ = ["Flat", "flatten"]

_MOST = 400_000  # instructions after expansion: past this the calls were not meant to be expanded
_BRANCHES = frozenset(("bra", "brx"))
_HINTED = frozenset(("ld", "st", "atom", "red"))  # their last operand can be a cache policy
_FAMILIES = frozenset(("wmma", "mbarrier"))
# Types of the results and arguments of the functions in `services`.
_SERVICES = {
    "vprintf": (("b32",), ("b64", "b64")),
    "__assertfail": ((), ("b64", "b64", "b32", "b64", "b64")),
    "malloc": (("b64",), ("b64",)),
    "free": ((), ("b64",)),
}


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


def flatten(module: Module, kernel: Function, graph: CallGraph | None = None) -> Flat:
    """Expand the kernel's calls.

    Raises
    ------
    PtxError
        For a call of a function that is not defined.
    """
    flat = Flat(kernel, graph or CallGraph(module))
    _expand(module, kernel, {}, None, (), flat)
    done = 0
    while done < len(flat.outlined):
        _outline(module, module.functions[flat.outlined[done]], flat)
        done += 1
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
    owner = stack[0] if stack and stack[0] in flat.outlined else None
    outlined = owner == function.name
    if not outlined:
        stack += (function.name,)
    if stack[1:] or outlined:
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
        unique = names.get(name, name)
        flat.registers[unique] = type
        if owner is not None:
            flat.owners[unique] = owner
    for name, variable in function.variables.items():
        unique = names.get(name, name)
        flat.variables[unique] = replace(variable, name=unique)
        if variable.space == "param":
            flat.slots.add(unique)
        if owner is not None and variable.space in ("param", "local"):
            flat.owners[unique] = owner
    for name, targets in function.tables.items():
        flat.tables[names.get(name, name)] = tuple(names.get(t, t) for t in targets)
    labels: dict[int, list[str]] = {}
    for name, index in function.labels.items():
        labels.setdefault(index, []).append(names.get(name, name))
    for index, ins in enumerate(function.instructions):
        flat.items.extend(labels.get(index, ()))
        ins = _as_registers(ins, function)
        if ins.opcode == "call":
            _call(module, ins, function, names, stack, flat)
            continue
        if names:
            ins = rename(ins, names)
        if "cache_hint" in ins.modifiers and ins.opcode in _HINTED:
            rest = tuple(m for m in ins.modifiers if m != "cache_hint")
            ins = replace(ins, modifiers=rest, operands=ins.operands[:-1])
        if ins.opcode in _FAMILIES:  # which instruction it is decides what its operands are
            ins = _member(ins)
        if ins.opcode == "cp":
            ins, skip = _unguarded(ins, flat)
            flat.items += async_copy.expanded(ins, flat.registers, flat.function.name)
            flat.items += skip
        elif ins.opcode == "ret" and end is not None:
            flat.items.append(replace(ins, opcode="bra", modifiers=(), operands=(Symbol(end),)))
        else:
            flat.items.append(_with_addresses(ins, flat.graph))
    flat.items.extend(labels.get(len(function.instructions), ()))
    if len(flat.items) > _MOST:
        raise PtxError(
            f"more than {_MOST} instructions once calls are expanded", function.line, stack[0]
        )


def _member(ins: Instruction) -> Instruction:
    """The instruction with the first modifier as a part of its opcode."""
    first, *rest = ins.modifiers or ("",)
    return replace(ins, opcode=f"{ins.opcode}.{first}", modifiers=tuple(rest))


def _with_addresses(ins: Instruction, graph: CallGraph) -> Instruction:
    """The instruction with numbers for the addresses of functions."""
    if not any(isinstance(o, Symbol) and o.name in graph.addresses for o in ins.operands):
        return ins
    return replace(
        ins,
        operands=tuple(
            Immediate(graph.addresses[o.name])
            if isinstance(o, Symbol) and o.name in graph.addresses
            else o
            for o in ins.operands
        ),
    )


# -- calls -----------------------------------------------------------------------------------


def _call(
    module: Module,
    ins: Instruction,
    caller: Function,
    names: dict[str, str],
    stack: tuple[str, ...],
    flat: Flat,
) -> None:
    """Append what a call does; its names are still those of the calling function."""
    target, results, arguments = called(ins)
    if target is None:
        raise PtxError("a call in a form not known", ins.line, stack[0], ins.name)
    for variable in (*results.elements, *arguments.elements):
        if not isinstance(variable, Symbol):
            raise PtxError(
                "a call with arguments in registers, an old form of PTX",
                ins.line, stack[0], ins.name,
            )  # fmt: skip
    sizes = sizes_of(results, caller), sizes_of(arguments, caller)
    given = [names.get(v.name, v.name) for v in results.elements]  # type: ignore[union-attr]
    passed = [names.get(v.name, v.name) for v in arguments.elements]  # type: ignore[union-attr]
    ins = rename(replace(ins, operands=()), names)
    ins, skip = _unguarded(ins, flat)
    if isinstance(target, Symbol):
        _call_one(module, ins, target.name, given, passed, stack, flat)
    else:
        pointer = Register(names.get(target.name, target.name))
        _call_any(module, ins, pointer, flat.graph.targets(*sizes), given, passed, stack, flat)
    flat.items += skip


def _unguarded(ins: Instruction, flat: Flat) -> tuple[Instruction, list[str]]:
    """Append a branch round an instruction that becomes several; what is to follow them."""
    if ins.guard is None:
        return ins, []
    flat.instances += 1
    skip = f"@skip{flat.instances}"
    flat.items.append(_branch(ins, Register(ins.guard.name, not ins.guard.negated), skip))
    return replace(ins, guard=None), [skip]


def _call_one(
    module: Module,
    ins: Instruction,
    name: str,
    results: list[str],
    arguments: list[str],
    stack: tuple[str, ...],
    flat: Flat,
) -> None:
    """A call of a function that is known, with the flat names of the variables it passes."""
    callee = module.functions.get(name)
    if name in _SERVICES and callee is not None and not callee.defined:
        _serve(ins, name, results, arguments, stack[0], flat)
        return
    if callee is None or not callee.defined:
        raise PtxError(
            f"a call of {name}, which the module does not define", ins.line, stack[0], ins.name
        )
    if (len(results), len(arguments)) != (len(callee.results), len(callee.params)):
        raise PtxError(
            f"{name} takes {len(callee.params)} arguments and gives {len(callee.results)} results, "
            f"the call has {len(arguments)} and {len(results)}",
            ins.line, stack[0], ins.name,
        )  # fmt: skip
    if name in flat.graph.recursive:
        if name not in flat.outlined:
            flat.outlined.append(name)
            for param in (*callee.params, *callee.results):
                flat.add_slot(_passing(param, name), param.size, param.align, None)
        for param, variable in zip(callee.params, arguments, strict=True):
            _copy(ins, param, variable, _passing(param, name), flat)
        caller = (stack[0],) if stack[0] in flat.outlined else ()
        flat.items.append(replace(ins, opcode="enter", modifiers=caller, operands=(Symbol(name),)))
        for param, variable in zip(callee.results, results, strict=True):
            _copy(ins, param, _passing(param, name), variable, flat)
        return
    pairs = zip((*callee.results, *callee.params), (*results, *arguments), strict=True)
    names = {param.name: variable for param, variable in pairs}
    flat.instances += 1
    end = f"@end{flat.instances}"
    _expand(module, callee, names, end, stack, flat)
    flat.items.append(end)


def _serve(
    ins: Instruction,
    name: str,
    results: list[str],
    arguments: list[str],
    caller: str,
    flat: Flat,
) -> None:
    """A call of a function of the device's run-time library, as an instruction of its name."""
    types = _SERVICES[name]
    if (len(results), len(arguments)) != tuple(map(len, types)):
        raise PtxError(f"{name} is not called so", ins.line, caller, ins.name)
    flat.instances += 1

    def access(opcode: str, number: int, type: str, variable: str) -> Register:
        register = Register(f"%{name}{opcode}{number}@{flat.instances}")
        flat.registers[register.name] = type
        pair: tuple[Operand, ...] = (register, Address(Symbol(variable)))
        operands = pair if opcode == "ld" else pair[::-1]
        flat.items.append(replace(ins, opcode=opcode, modifiers=("param", type), operands=operands))
        return register

    given = [
        access("ld", number, type, variable)
        for number, (type, variable) in enumerate(zip(types[1], arguments, strict=True))
    ]
    place = len(flat.items)
    taken = [
        access("st", number, type, variable)
        for number, (type, variable) in enumerate(zip(types[0], results, strict=True))
    ]
    operands = (*(taken or [Register("_")]), *given)
    flat.items.insert(place, replace(ins, opcode=name, modifiers=(), operands=operands))
    if name == "__assertfail":
        flat.items.append(replace(ins, opcode="trap", modifiers=("assert",)))


def _call_any(
    module: Module,
    ins: Instruction,
    pointer: Register,
    targets: list[str],
    results: list[str],
    arguments: list[str],
    stack: tuple[str, ...],
    flat: Flat,
) -> None:
    """A call through a pointer: a test for each function that it may lead to."""
    flat.instances += 1
    tag = flat.instances
    test = f"%is@{tag}"
    flat.registers[test] = "pred"
    if stack[0] in flat.outlined:
        flat.owners[test] = stack[0]
    for place, name in enumerate(targets):
        address = Immediate(flat.graph.addresses[name])
        flat.items.append(
            replace(ins, opcode="setp", modifiers=("ne", "s64"),
                    operands=(Register(test), pointer, address))
        )  # fmt: skip
        flat.items.append(_branch(ins, Register(test), f"@not{tag}.{place}"))
        _call_one(module, ins, name, results, arguments, stack, flat)
        flat.items.append(_jump(ins, f"@called{tag}"))
        flat.items.append(f"@not{tag}.{place}")
    flat.items.append(replace(ins, opcode="trap", modifiers=()))
    flat.items.append(f"@called{tag}")


def _outline(module: Module, function: Function, flat: Flat) -> None:
    """Append the one body of a recursive function, between its labels of entry and return."""
    name = function.name
    ins = Instruction("mov", ("u32",), (), None, function.line, name)
    flat.items.append(f"@enter {name}")
    names = {}
    for param in (*function.params, *function.results):
        names[param.name] = f"{param.name}@own {name}"
        flat.add_slot(names[param.name], param.size, param.align, name)
    for param in function.params:
        _copy(ins, param, _passing(param, name), names[param.name], flat)
    _expand(module, function, names, f"@leave {name}", (name,), flat)
    flat.items.append(f"@leave {name}")
    for param in function.results:
        _copy(ins, param, names[param.name], _passing(param, name), flat)
    flat.items.append(replace(ins, opcode="leave", modifiers=(name,)))


def _passing(param: Param, function: str) -> str:
    """The variable by which a recursive function is given a parameter, or gives a result."""
    return f"{param.name}@{function}"


def _copy(ins: Instruction, param: Param, source: str, target: str, flat: Flat) -> None:
    """Copy a variable that passes a parameter to another of the same size."""
    unit = min(param.align, 8, param.size)
    register = f"%copy{8 * unit}@"
    flat.registers[register] = f"b{8 * unit}"
    for offset in range(0, param.size, unit):
        for opcode, name in (("ld", source), ("st", target)):
            operands: tuple[Operand, ...] = (Register(register), Address(Symbol(name), offset))
            flat.items.append(
                replace(ins, opcode=opcode, modifiers=("param", f"b{8 * unit}"),
                        operands=operands if opcode == "ld" else operands[::-1])
            )  # fmt: skip


def _jump(ins: Instruction, target: str) -> Instruction:
    return replace(ins, opcode="bra", modifiers=(), operands=(Symbol(target),), guard=None)


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
