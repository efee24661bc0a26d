"""A kernel made flat: calls expanded in place, parameters of calls turned into registers (`flat`).

Guarantees: the result has no calls and no guards other than on branches; each name in it is unique.

A call through a pointer becomes a choice among the functions that it may lead to.  A recursive
function's body stands once, at the end; ``enter`` goes there and ``leave`` returns, and what they
carry over passes in variables of their own.  `stack.link` makes branches of these.
"""

from __future__ import annotations

from dataclasses import replace

from . import async_copy
from .callgraph import CallGraph, called, sizes_of
from .errors import PtxError
from .flat import Flat, branch, place_slots, unguard
from .syntax import (
    Address,
    Function,
    Immediate,
    Instruction,
    Module,
    Operand,
    Param,
    Register,
    Symbol,
    Vector,
    rename,
)

__all__ = ["flatten"]

_MOST = 400_000  # instructions after expansion: past this the calls were not meant to be expanded
_HINTED = frozenset(("ld", "st", "atom", "red"))  # their last operand can be a cache policy
_FAMILIES = frozenset(("wmma", "mbarrier"))
# Types of the results and arguments of the functions in `services`.
_SERVICES = {
    "vprintf": (("b32",), ("b64", "b64")),
    "__assertfail": ((), ("b64", "b64", "b32", "b64", "b64")),
    "malloc": (("b64",), ("b64",)),
    "free": ((), ("b64",)),
}


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
    place_slots(flat)
    unguard(flat)
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
    flat.items.append(branch(ins, Register(ins.guard.name, not ins.guard.negated), skip))
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
        flat.items.append(branch(ins, Register(test), f"@not{tag}.{place}"))
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
