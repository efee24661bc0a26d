"""Asynchronous copies to shared memory, `cp.async`, as loads and stores.

A copy may be done at any time before it is waited for, so it is done where it is asked for, and
waiting is nothing.  As plain loads and stores, copies are checked like others.  An `mbarrier` that
is to wait for copies has nothing to wait for: with ``.noinc`` it is an arrival, and without, where
the arrival is one more than the `mbarrier` waits for, nothing at all.
"""

from __future__ import annotations

from dataclasses import replace

from .errors import PtxError
from .syntax import Address, Immediate, Instruction, Operand, Register, Vector

__all__ = ["expanded"]

_WAITING = frozenset(("commit_group", "wait_group", "wait_all"))
_IGNORED = frozenset(("L2", "64B", "128B", "256B", "cache_hint", "cta"))
_SIZES = {"ca": (4, 8, 16), "cg": (16,)}


def expanded(ins: Instruction, registers: dict[str, str], kernel: str) -> list[Instruction]:
    """The instructions that `cp.async` stands for.

    Parameters
    ----------
    ins : Instruction
        A ``cp``.
    registers : dict
        PTX types of the kernel's registers, to which those needed are added.
    kernel : str
        Its name, for errors.

    Raises
    ------
    PtxError
        For a form that is not one of compute capability 8.0, or a size that is not allowed.
    """
    modifiers = [m for m in ins.modifiers if m not in _IGNORED]
    if modifiers[:1] == ["async"] and len(modifiers) == 2 and modifiers[1] in _WAITING:
        return []
    operands = ins.operands
    if modifiers[:3] == ["async", "mbarrier", "arrive"]:
        return _arrival(ins, modifiers[3:], kernel)
    how = modifiers[1] if len(modifiers) > 1 else ""
    if (
        modifiers[:1] != ["async"]
        or how not in _SIZES
        or modifiers[2:] != ["shared", "global"]
        or len(operands) < 3
        or not isinstance(operands[0], Address)
        or not isinstance(operands[1], Address)
    ):
        raise PtxError(f"{ins.name} is not known", ins.line, kernel, ins.name)
    size = operands[2]
    if not isinstance(size, Immediate) or size.bits not in _SIZES[how]:
        raise PtxError(f"{ins.text}: a copy of such a size", ins.line, kernel, ins.name)
    words = size.bits // 4
    names = [f"%copied{word}@" for word in range(words)]
    registers |= dict.fromkeys(names, "b32")
    rest = operands[3 : len(operands) - ("cache_hint" in ins.modifiers)]
    given = rest[0] if rest else None
    if given is None:
        return [
            _plain(ins, "ld.global", words, _several(names), operands[1]),
            _plain(ins, "st.shared", words, operands[0], _several(names)),
        ]
    made = _part(ins, names, given, registers)
    return [*made, _plain(ins, "st.shared", words, operands[0], _several(names))]


def _arrival(ins: Instruction, modifiers: list[str], kernel: str) -> list[Instruction]:
    counts = modifiers[:1] == ["noinc"]
    plain = tuple(modifiers[counts:])
    if plain not in (("b64",), ("shared", "b64")) or len(ins.operands) != 1:
        raise PtxError(f"{ins.name} is not known", ins.line, kernel, ins.name)
    operands = (Register("_"), *ins.operands)
    made = replace(ins, opcode="mbarrier.arrive", modifiers=plain, operands=operands)
    return [made] if counts else []


def _part(
    ins: Instruction, names: list[str], size: Operand, registers: dict[str, str]
) -> list[Instruction]:
    """Load only so many bytes; the rest is zeros, and is not read."""
    registers |= {"%copied.some@": "pred", "%copied.bits@": "b32"}
    some, left = Register("%copied.some@"), Register("%copied.bits@")
    source = ins.operands[1]
    if isinstance(size, Register) and registers.get(size.name) == "pred":
        # `ignore-src`: nothing where it holds, else all.
        some = Register(size.name, not size.negated)
        made = []
        for word, name in enumerate(names):
            at = Address(source.base, source.offset + 4 * word)  # type: ignore[union-attr]
            made.append(_made(ins, "mov.b32", Register(name), Immediate(0)))
            made.append(replace(_made(ins, "ld.global.b32", Register(name), at), guard=some))
        return made
    made = []
    for word, name in enumerate(names):
        at = Address(source.base, source.offset + 4 * word)  # type: ignore[union-attr]
        value = Register(name)
        made += [
            _made(ins, "mov.b32", value, Immediate(0)),
            _made(ins, "setp.gt.u32", some, size, Immediate(4 * word)),
            replace(_made(ins, "ld.global.b32", value, at), guard=some),
            _made(ins, "sub.s32", left, size, Immediate(4 * word)),
            _made(ins, "shl.b32", left, left, Immediate(3)),
            _made(ins, "bfe.u32", value, value, Immediate(0), left),
        ]
    return made


def _several(names: list[str]) -> Operand:
    if len(names) == 1:
        return Register(names[0])
    return Vector(tuple(map(Register, names)))


def _plain(ins: Instruction, name: str, words: int, *operands: Operand) -> Instruction:
    return _made(ins, f"{name}{'' if words == 1 else f'.v{words}'}.b32", *operands)


def _made(ins: Instruction, name: str, *operands: Operand) -> Instruction:
    opcode, *modifiers = name.split(".")
    return replace(ins, opcode=opcode, modifiers=tuple(modifiers), operands=operands)
