"""Recursion: a stack for each thread, in local memory.

A recursive function's body stands once in the kernel; a call is a branch to it, a return a branch
by a number that the call left.  At a call from one of them to one that can come back to it, the
registers that are live after the call are put on the stack, and taken back after it.  Variables in
local memory that belong to a recursive function lie on the stack too, so that each of its calls
has its own.

Guarantees: a call for which the stack has no room ends the kernel with
`CUDA_ERROR_HARDWARE_STACK_ERROR`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from .errors import PtxError
from .flat import Flat
from .syntax import (
    NO_RESULT,
    SIZES,
    Address,
    Immediate,
    Instruction,
    Operand,
    Register,
    Symbol,
    Variable,
    Vector,
)

__all__ = ["STACK_BYTES", "link"]

STACK_BYTES = 16384  # of each thread, for kernels that recurse, unless told otherwise

_STACK, _FULL, _OVERFLOW = "@stack", "%full@", "@overflow"
_FRAME, _LIMIT, _BACK, _FLAG = "%frame@", "%limit@", "%back@", "%flag@"


def link(flat: Flat, stack: int = STACK_BYTES) -> Flat:
    """Make branches of `enter` and `leave`, in place; a kernel without recursion stays as it is.

    Parameters
    ----------
    flat : Flat
        The kernel.
    stack : int, optional
        Bytes of the stack of a thread.

    Raises
    ------
    PtxError
        If a function's own variables do not fit the stack.
    """
    if flat.outlined:
        _Linker(flat, stack).run()
    return flat


class _Linker:
    def __init__(self, flat: Flat, stack: int) -> None:
        self.flat = flat
        self.stack = stack
        for name in flat.outlined:
            flat.registers[_back(name)] = "b32"
            flat.owners[_back(name)] = name
        self.saved = self._saved()
        self.frames: dict[str, int] = {}  # bytes that a call of each function needs
        self.places: dict[str, int] = {}  # offset of each variable in its function's frame
        for name in flat.outlined:
            self._lay_out(name)
        flat.registers |= {_FRAME: "b64", _LIMIT: "b64", _BACK: "b32", _FULL: "pred", _FLAG: "b32"}
        flat.variables[_STACK] = Variable(_STACK, "local", stack, 16)
        self.returns: dict[str, list[str]] = {name: [] for name in flat.outlined}
        self.made: list[Instruction | str] = []

    def _lay_out(self, name: str) -> None:
        flat = self.flat
        at = max((8 * len(s) for i, s in self.saved.items() if self._caller(i) == name), default=0)
        for variable in list(flat.variables.values()):
            if flat.owners.get(variable.name) == name and variable.space == "local":
                at = -(-at // variable.align) * variable.align
                self.places[variable.name] = at
                at += variable.size
                del flat.variables[variable.name]
        self.frames[name] = -(-at // 16) * 16
        if self.frames[name] >= self.stack:
            raise PtxError(
                f"{name} is recursive and needs {at} bytes for each of its calls; the stack of a "
                f"thread has {self.stack}", kernel=flat.function.name,
            )  # fmt: skip

    def _caller(self, index: int) -> str | None:
        """The recursive function that the `enter` at a place is in."""
        return next(iter(self.flat.items[index].modifiers), None)  # type: ignore[union-attr]

    # -- what a call must keep -----------------------------------------------------------------

    def _saved(self) -> dict[int, list[str]]:
        """For each `enter`, by its place, the registers that it must keep."""
        flat = self.flat
        live = _live_after(flat.items, flat.tables)
        found = {}
        for index, item in enumerate(flat.items):
            if isinstance(item, str) or item.opcode != "enter":
                continue
            caller, callee = self._caller(index), item.operands[0].name  # type: ignore[union-attr]
            keeps = caller is not None and flat.graph.reaches(callee, caller)
            found[index] = [
                name for name in sorted(live[index]) if keeps and flat.owners.get(name) == caller
            ]
        return found

    # -- writing ---------------------------------------------------------------------------------

    def run(self) -> None:
        flat = self.flat
        begin = Instruction("mov", ("u64",), (), None, flat.function.line, "the stack of a thread")
        room = self.stack - max(self.frames.values())
        self._add(begin, "mov.u64", Register(_FRAME), Symbol(_STACK))
        self._add(begin, "add.s64", Register(_LIMIT), Register(_FRAME), Immediate(room))
        for index, item in enumerate(flat.items):
            if isinstance(item, str):
                self.made.append(item)
                if item.startswith("@enter "):
                    name = item.removeprefix("@enter ")
                    self._add(begin, "mov.u32", Register(_back(name)), Register(_BACK))
            elif item.opcode == "enter":
                self._enter(item, self.saved[index])
            elif item.opcode == "leave":
                name = item.modifiers[0]
                self._add(item, "brx.idx", Register(_back(name)), Symbol(f"@back {name}"))
            else:
                self._placed(item)
        self.made.append(_OVERFLOW)
        self._add(begin, "trap.stack")
        for name, labels in self.returns.items():
            flat.tables[f"@back {name}"] = tuple(labels)
        flat.items = self.made

    def _add(self, ins: Instruction, name: str, *operands: Operand) -> None:
        opcode, *modifiers = name.split(".")
        self.made.append(replace(ins, opcode=opcode, modifiers=tuple(modifiers), operands=operands))

    def _enter(self, ins: Instruction, saved: list[str]) -> None:
        name = ins.operands[0].name  # type: ignore[union-attr]
        caller = next(iter(ins.modifiers), None)
        number = len(self.returns[name])
        label = f"@back {name} {number}"
        self.returns[name].append(label)
        frame, limit = Register(_FRAME), Register(_LIMIT)
        for place, register in enumerate(saved):
            self._save(ins, register, Address(frame, 8 * place))
        if caller is not None:
            size = Immediate(self.frames[caller])
            self._add(ins, "add.s64", frame, frame, size)
            self._add(ins, "setp.gt.u64", Register(_FULL), frame, limit)
            branch = replace(ins, guard=Register(_FULL))
            self._add(branch, "bra", Symbol(_OVERFLOW))
        self._add(ins, "mov.u32", Register(_BACK), Immediate(number))
        self._add(ins, "bra", Symbol(f"@enter {name}"))
        self.made.append(label)
        if caller is not None:
            self._add(ins, "sub.s64", frame, frame, size)
        for place, register in enumerate(saved):
            self._restore(ins, register, Address(frame, 8 * place))

    def _save(self, ins: Instruction, name: str, at: Address) -> None:
        type = self.flat.registers[name]
        if type == "pred":
            self._add(ins, "selp.b32", Register(_FLAG), Immediate(1), Immediate(0), Register(name))
            name, type = _FLAG, "b32"
        self._add(ins, f"st.local.{_moved(type)}", at, Register(name))

    def _restore(self, ins: Instruction, name: str, at: Address) -> None:
        type = self.flat.registers[name]
        if type == "pred":
            self._add(ins, "ld.local.b32", Register(_FLAG), at)
            self._add(ins, "setp.ne.s32", Register(name), Register(_FLAG), Immediate(0))
        else:
            self._add(ins, f"ld.local.{_moved(type)}", Register(name), at)

    def _placed(self, ins: Instruction) -> None:
        """An instruction that may name a variable which lies on the stack."""
        frame = Register(_FRAME)
        operands = list(ins.operands)
        for place, operand in enumerate(operands):
            base = operand.base if isinstance(operand, Address) else operand
            if not isinstance(base, Symbol) or base.name not in self.places:
                continue
            offset = self.places[base.name] + base.offset
            if isinstance(operand, Address):
                operands[place] = Address(frame, offset + operand.offset)
            elif ins.opcode == "mov":
                self._add(ins, "add.s64", operands[0], frame, Immediate(offset))
                return
            else:
                raise PtxError(
                    f"the address of {base.name} in an instruction that is no mov",
                    ins.line, self.flat.function.name, ins.name,
                )  # fmt: skip
        self.made.append(replace(ins, operands=tuple(operands)))


def _back(name: str) -> str:
    """The register in which a recursive function keeps where it returns to."""
    return f"%back@{name}"


def _moved(type: str) -> str:
    return type if type in ("f32", "f64") else f"b{8 * SIZES[type]}"


# -- liveness ------------------------------------------------------------------------------------


def _live_after(
    items: list[Instruction | str], tables: dict[str, tuple[str, ...]]
) -> dict[int, frozenset[str]]:
    """Registers live after each `enter`, a call being an instruction like others."""
    labels = {item: i for i, item in enumerate(items) if isinstance(item, str)}
    blocks: list[tuple[int, int]] = []  # of items, from a label or after a branch
    start = 0
    for index, item in enumerate(items):
        if isinstance(item, str):
            blocks.append((start, index))
            start = index
        elif item.opcode in ("bra", "brx", "ret", "exit", "trap", "leave"):
            blocks.append((start, index + 1))
            start = index + 1
    blocks = [b for b in (*blocks, (start, len(items))) if b[0] < b[1]]
    first = {begin: place for place, (begin, _) in enumerate(blocks)}
    live: list[set[str]] = [set() for _ in blocks]
    found: dict[int, frozenset[str]] = {}
    changed = True
    while changed:
        changed = False
        for place in range(len(blocks) - 1, -1, -1):
            begin, end = blocks[place]
            here: set[str] = set()
            for after in _targets(items, blocks[place], labels, tables):
                here |= live[first[after]] if after in first else set()
            for index in range(end - 1, begin - 1, -1):
                item = items[index]
                if isinstance(item, str):
                    continue
                if item.opcode == "enter":
                    found[index] = frozenset(here)
                if item.opcode == "leave":
                    here = {_back(item.modifiers[0])}
                results, sources = _names(item)
                here.difference_update(results)
                here.update(sources)
            if here != live[place]:
                live[place] = here
                changed = True
    return found


def _targets(
    items: list[Instruction | str],
    block: tuple[int, int],
    labels: dict[str, int],
    tables: dict[str, tuple[str, ...]],
) -> Iterable[int]:
    last = items[block[1] - 1]
    if isinstance(last, str) or last.opcode not in ("bra", "brx", "ret", "exit", "trap", "leave"):
        return (block[1],)
    if last.opcode == "bra":
        jump = labels[last.operands[-1].name]  # type: ignore[union-attr]
        return (jump, block[1]) if last.guard is not None else (jump,)
    if last.opcode == "brx":
        return [labels[name] for name in tables[last.operands[1].name]]  # type: ignore[union-attr]
    return ()


def _names(ins: Instruction) -> tuple[set[str], set[str]]:
    """Registers that an instruction writes for certain, and those that it reads."""
    results: set[str] = set()
    sources: set[str] = set()
    cut = 0 if ins.opcode in NO_RESULT else 1
    for place, operand in enumerate(ins.operands):
        elements = operand.elements if isinstance(operand, Vector) else (operand,)
        for element in elements:
            if isinstance(element, Address):
                if isinstance(element.base, Register):
                    sources.add(element.base.name)
            elif isinstance(element, Register):
                (results if place < cut else sources).add(element.name)
    if ins.guard is not None:
        return set(), sources | results | {ins.guard.name}
    return results, sources
