"""Which functions of a module call which, and which cannot be expanded where they are called.

Guarantees: a function is told to be recursive if it can come to call itself, by name or through a
pointer; a pointer is taken to lead to any function whose address some code or variable holds and
whose parameters and results have the sizes of the call's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from .syntax import Function, Instruction, Module, Param, Register, Symbol, Variable, Vector

__all__ = ["CallGraph", "called", "sizes_of"]

# What the addresses of functions are multiples of; 0 is the null pointer.
_APART = 16


class CallGraph:
    """The calls of a module.

    Attributes
    ----------
    addresses : dict of int
        The number that stands for the address of each function whose address is taken.
    recursive : frozenset of str
        Functions that can come to call themselves.
    """

    def __init__(self, module: Module) -> None:
        self.module = module
        functions = module.functions
        taken = {name for v in module.variables.values() for _, name, _ in v.relocations}
        for function in functions.values():
            for ins in function.instructions:
                if ins.opcode != "call":
                    taken.update(o.name for o in ins.operands if isinstance(o, Symbol))
        self.addresses = {
            name: _APART * (place + 1) for place, name in enumerate(functions) if name in taken
        }
        callees = {name: self._callees(function) for name, function in functions.items()}
        self._reached = {name: _reached(name, callees) for name in callees}
        self.recursive = frozenset(name for name, found in self._reached.items() if name in found)

    def reaches(self, caller: str, callee: str) -> bool:
        """Whether one function can come to call the other."""
        return callee in self._reached[caller]

    def targets(self, results: Sequence[int], arguments: Sequence[int]) -> list[str]:
        """Functions that a pointer may lead to in a call of results and arguments of such sizes."""
        wanted = list(results), list(arguments)
        functions = self.module.functions
        return [
            name
            for name in self.addresses
            if functions[name].defined
            and (_sizes(functions[name].results), _sizes(functions[name].params)) == wanted
        ]

    def resolved(self, variable: Variable) -> Variable:
        """The variable with the addresses of functions put into its initial value."""
        data = bytearray(variable.data)
        left = []
        for offset, name, addend in variable.relocations:
            if name in self.addresses:
                data[offset : offset + 8] = (self.addresses[name] + addend).to_bytes(8, "little")
            else:
                left.append((offset, name, addend))
        return replace(variable, data=bytes(data), relocations=tuple(left))

    def _callees(self, function: Function) -> set[str]:
        found: set[str] = set()
        for ins in function.instructions:
            if ins.opcode != "call":
                continue
            target, results, arguments = called(ins)
            if isinstance(target, Symbol):
                found.add(target.name)
            else:
                found.update(
                    self.targets(sizes_of(results, function), sizes_of(arguments, function))
                )
        return found


def called(ins: Instruction) -> tuple[Symbol | Register | None, Vector, Vector]:
    """The target of a call, what takes its results, and its arguments."""
    empty = Vector(())
    operands = list(ins.operands)
    results = operands.pop(0) if operands and isinstance(operands[0], Vector) else empty
    target = operands.pop(0) if operands else None
    arguments = operands.pop(0) if operands and isinstance(operands[0], Vector) else empty
    if not isinstance(target, (Symbol, Register)):
        target = None
    return target, results, arguments  # type: ignore[return-value]


def sizes_of(variables: Vector, function: Function) -> list[int]:
    """Sizes of the variables that a call passes."""
    return [
        function.variables[v.name].size
        for v in variables.elements
        if isinstance(v, Symbol) and v.name in function.variables
    ]


def _sizes(params: Sequence[Param]) -> list[int]:
    return [p.size for p in params]


def _reached(start: str, callees: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    work = list(callees[start])
    while work:
        name = work.pop()
        if name not in found:
            found.add(name)
            work += callees.get(name, ())
    return found
