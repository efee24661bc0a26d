"""Short branches turned into straight code that computes both ways and selects.

A branch on which lanes disagree costs a masked pass over each way; a few arithmetic
instructions, done by all lanes, cost less, and the code is smaller.  What is
converted has no effects but on registers, and is short.

Three shapes are found, again and again until there are none:

* ``if``: one way is a block that goes on to the other way;
* ``if`` and ``else``: both ways are blocks that go on to the same place;
* ``and`` and ``or`` of conditions: one way is a block that ends in a branch, one of whose targets
  is the other way.
"""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from dataclasses import replace

from .blocks import Block
from .flat import Flat
from .isa import OPS
from .syntax import NO_RESULT, STORAGE, Instruction, Operand, Register, Vector, rename

__all__ = ["convert"]

_MOST = 16  # cost of what is done in vain at most
_COSTS = {"div": 9, "rem": 9, "sqrt": 4, "rcp": 3, "rsqrt": 3, "ex2": 3, "lg2": 3, "sin": 4,
          "cos": 4, "tanh": 4}  # fmt: skip
_FREE = frozenset(("mov", "selp", "cvta"))
_SLOTS = frozenset(("ldslot", "stslot"))
_SELECT = {"i16": "b16", "i32": "b32", "i64": "b64", "float": "f32", "double": "f64"}


class _Converter:
    def __init__(self, entry: Block, flat: Flat, reachable: Callable[[Block], list[Block]]) -> None:
        self.entry = entry
        self.flat = flat
        self.reachable = reachable
        self.count = 0
        self.blocks: list[Block] = []
        self.sources: dict[Block, int] = {}
        self.readers: dict[str, set[Block]] = collections.defaultdict(set)

    def run(self) -> None:
        changed = True
        while changed:
            self._survey()
            changed = False
            for block in self.blocks:
                if self.sources.get(block, 1) == 0 and block is not self.entry:
                    continue  # merged into another in this round
                while self._joined(block) or self._converted(block):
                    changed = True

    def _survey(self) -> None:
        self.blocks = self.reachable(self.entry)
        self.sources = dict.fromkeys(self.blocks, 0)
        self.sources[self.entry] = 1
        self.readers = collections.defaultdict(set)
        for block in self.blocks:
            for target in set(block.targets):
                self.sources[target] += 1
            for name in _reads(block):
                self.readers[name].add(block)

    # -- one step --------------------------------------------------------------------------

    def _joined(self, block: Block) -> bool:
        """Append the block that alone follows, if nothing else leads there."""
        if block.kind != "jump":
            return False
        after = block.targets[0]
        if after is block or after is self.entry or self.sources[after] != 1:
            return False
        if after.kind == "meet":  # lanes come back to its start, and nothing may be done twice
            return False
        self._absorb(block, after)
        block.kind, block.condition, block.end = after.kind, after.condition, after.end
        block.targets = after.targets
        return True

    def _converted(self, block: Block) -> bool:
        if block.kind != "branch" or block.condition is None:
            return False
        yes, no = block.targets
        ways = [way if self._short(block, way) else None for way in (yes, no)]
        first, second = ways
        if (
            first
            and second
            and self._after(first) is self._after(second) is not None
            and self._cost([first, second]) <= _MOST
        ):
            return self._select(block, first, second)
        for way, other in ((first, no), (second, yes)):
            if way is None or self._cost([way]) > _MOST:
                continue
            if self._after(way) is other:
                pair = (way, None) if way is first else (None, way)
                return self._select(block, *pair)
            if way.kind == "branch" and other in way.targets and way not in way.targets:
                return self._combine(block, way, other, way is first)
        return False

    def _short(self, block: Block, way: Block) -> bool:
        if way is block or way is self.entry or self.sources[way] != 1:
            return False
        return way.kind in ("jump", "branch") and all(map(self._pure, way.instructions))

    def _pure(self, ins: Instruction) -> bool:
        if ins.opcode in _SLOTS:
            return True
        if ins.opcode not in OPS or "cc" in ins.modifiers or ins.opcode in ("addc", "subc", "madc"):
            return False
        # Vectors of braces are `mov`; what it writes is renamed like the rest.
        return all(
            STORAGE.get(self.flat.registers.get(name, ""), "") in (*_SELECT, "i1")
            for name in _writes(ins)
        )

    @staticmethod
    def _after(block: Block) -> Block | None:
        return block.targets[0] if block.kind == "jump" else None

    @staticmethod
    def _cost(blocks: Iterable[Block]) -> int:
        total = 0
        for block in blocks:
            for ins in block.instructions:
                if ins.opcode not in _FREE:
                    cost = _COSTS.get(ins.opcode, 1)
                    total += 2 * cost if "f64" in ins.modifiers else cost
        return total

    # -- rewriting ----------------------------------------------------------------------------

    def _select(self, block: Block, first: Block | None, second: Block | None) -> bool:
        """Both ways in the block itself, then a choice for each register that they write."""
        condition = block.condition
        after = (first or second).targets[0]  # type: ignore[union-attr]
        if condition is None:
            return False
        condition = self._kept(block, condition, [first, second])
        names = [self._inline(block, way) if way else {} for way in (first, second)]
        wanted = [
            self._outlive(way, found) for way, found in zip((first, second), names, strict=True)
        ]
        for name in dict.fromkeys((*wanted[0], *wanted[1])):
            self._choose(block, name, names[0].get(name, name), names[1].get(name, name), condition)
        block.kind, block.condition, block.end = "jump", None, None
        block.targets = [after]
        self.sources[after] -= 1  # two ways led there, now one does
        return True

    def _combine(self, block: Block, way: Block, other: Block, on_true: bool) -> bool:
        """``block: p -> way | other`` and ``way: q -> other | rest`` as one branch to `other`."""
        p, q = block.condition, way.condition
        if p is None or q is None:
            return False
        rest = way.targets[1] if way.targets[0] is other else way.targets[0]
        if rest is block or rest is other:
            return False
        p = self._kept(block, p, [way])
        names = self._inline(block, way)
        q = Register(names.get(q.name, q.name))
        # The lanes that go to `rest`: on `way`'s side of p, and on `rest`'s side of q.
        sides = [
            p if on_true else self._emit(block, "not", p),
            q if way.targets[0] is rest else self._emit(block, "not", q),
        ]
        go = self._emit(block, "and", *sides)
        for name in self._outlive(way, names):
            fresh = names[name]
            pair = (fresh, name) if on_true else (name, fresh)
            self._choose(block, name, *pair, p)
        block.condition, block.targets = go, [rest, other]
        self.sources[other] -= 1
        return True

    def _kept(self, block: Block, condition: Register, ways: Iterable[Block | None]) -> Register:
        """The condition in a register that no later choice overwrites."""
        if any(condition.name in _writes(i) for way in ways if way for i in way.instructions):
            fresh = self._fresh("pred")
            block.instructions.append(_move(block, fresh, condition))
            return fresh
        return condition

    def _inline(self, block: Block, way: Block) -> dict[str, str]:
        """Append the way's instructions, writing other registers: the last one for each."""
        names: dict[str, str] = {}
        for ins in way.instructions:
            read = rename(ins, names) if names else ins
            for name in _sources(ins):
                if name not in names:
                    self.readers[name].add(block)
            fresh = {n: self._fresh(self.flat.registers[n]).name for n in _writes(ins)}
            block.instructions.append(_retargeted(read, ins, fresh))
            names.update(fresh)
        if way.condition is not None:
            self.readers[way.condition.name].add(block)
        self.sources[way] = 0
        return names

    def _outlive(self, way: Block | None, names: dict[str, str]) -> list[str]:
        """Registers that something besides the way itself reads."""
        return [n for n in names if any(r is not way for r in self.readers.get(n, ()))]

    def _absorb(self, block: Block, gone: Block) -> None:
        block.instructions.extend(gone.instructions)
        self.sources[gone] = 0
        for name in _reads(gone):
            self.readers[name].discard(gone)
            self.readers[name].add(block)

    def _choose(self, block: Block, name: str, yes: str, no: str, condition: Register) -> None:
        storage = STORAGE[self.flat.registers[name]]
        operands = (Register(name), Register(yes), Register(no), condition)
        if storage == "i1":
            ins = _made(block, "choose", ("pred",), operands)
        else:
            ins = _made(block, "selp", (_SELECT[storage],), operands)
        block.instructions.append(ins)
        for read in (name, yes, no):
            self.readers[read].add(block)

    def _emit(self, block: Block, opcode: str, *sources: Register) -> Register:
        fresh = self._fresh("pred")
        block.instructions.append(_made(block, opcode, ("pred",), (fresh, *sources)))
        return fresh

    def _fresh(self, type: str) -> Register:
        self.count += 1
        name = f"%if{self.count}"
        self.flat.registers[name] = type
        return Register(name)


def convert(entry: Block, flat: Flat, reachable: Callable[[Block], list[Block]]) -> None:
    """Convert what is short, and join blocks that follow one another; `flat` gets new registers."""
    _Converter(entry, flat, reachable).run()


# -- instructions ----------------------------------------------------------------------------


def _made(
    block: Block, opcode: str, modifiers: tuple[str, ...], operands: tuple[Operand, ...]
) -> Instruction:
    line = block.end.line if block.end else 0
    source = block.end.source if block.end else None
    text = f"{'.'.join((opcode, *modifiers))} (a branch converted)"
    return Instruction(opcode, modifiers, operands, None, line, text, source)


def _move(block: Block, to: Register, value: Register) -> Instruction:
    return _made(block, "mov", ("pred",), (to, value))


def _names(operand: Operand) -> list[str]:
    if isinstance(operand, Register):
        return [operand.name]
    if isinstance(operand, Vector):
        return [e.name for e in operand.elements if isinstance(e, Register)]
    base = getattr(operand, "base", None)
    return [base.name] if isinstance(base, Register) else []


def _writes(ins: Instruction) -> list[str]:
    return [name for name in _names(ins.operands[0]) if name != "_"] if ins.operands else []


def _sources(ins: Instruction) -> list[str]:
    first = 0 if ins.opcode in NO_RESULT else 1
    return [name for operand in ins.operands[first:] for name in _names(operand)]


def _reads(block: Block) -> set[str]:
    found: set[str] = set()
    for ins in block.instructions:
        found.update(_sources(ins))
    if block.condition is not None:
        found.add(block.condition.name)
    if block.end is not None:
        for operand in block.end.operands:
            found.update(_names(operand))
    return found


def _retargeted(read: Instruction, ins: Instruction, fresh: dict[str, str]) -> Instruction:
    """The instruction with sources as in `read` and results named by `fresh`."""
    first = ins.operands[0]
    if isinstance(first, Vector):
        elements = tuple(
            replace(e, name=fresh[e.name]) if isinstance(e, Register) and e.name in fresh else e
            for e in first.elements
        )
        return replace(read, operands=(Vector(elements), *read.operands[1:]))
    if isinstance(first, Register) and first.name in fresh:
        return replace(read, operands=(Register(fresh[first.name]), *read.operands[1:]))
    return read
