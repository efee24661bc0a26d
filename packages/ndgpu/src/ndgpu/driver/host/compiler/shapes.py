"""How each register varies over the lanes of a warp, and where lanes can part.

A register is *uniform* (the same in all lanes: kept as a scalar), *strided* (lane
``l`` holds ``base + l * stride``) or *varying* (a vector).  Analysis is by register, not
by assignment, and depends on the class of block shape: ``threadIdx.x`` is strided
where a row of the block is a whole number of warps.

A strided register is *exact* where the formula holds for certain.  Widened from 32
bits to 64 it holds only if no lane's 32-bit value wrapped round, which the code
tests at run time; such a register is kept as a vector as well.

A register is made varying where lanes can hold different assignments of it:

* at a block where lanes meet that took different ways from a branch, if one of the
  ways assigns it (sync dependence);
* after a loop that lanes leave in different iterations, if the loop assigns it
  (temporal divergence);
* wherever lanes can come at different times, as those that wait for other threads do (`spins`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .blocks import Block, Graph, Loop
from .dataflow import Dataflow, Step, bits
from .syntax import SIZES, Address, Immediate, Operand, Register, Symbol

__all__ = ["UNIFORM", "VARYING", "WARP_OPCODES", "Shape", "Shapes", "Variant"]

# Opcodes whose meaning depends on a warp being 32 lanes.
WARP_OPCODES = frozenset(
    ("shfl", "vote", "match", "activemask", "redux", "elect", "mma", "ldmatrix", "movmatrix",
     "wmma.load", "wmma.mma", "wmma.store")
)  # fmt: skip
_VARYING_OPCODES = frozenset(
    ("atom", "shfl", "match", "vprintf", "malloc", "mma", "ldmatrix", "movmatrix", "wmma.load",
     "wmma.mma",
     "mbarrier.arrive", "mbarrier.arrive_drop", "mbarrier.test_wait", "mbarrier.pending_count")
)  # fmt: skip
_LANE_SPECIALS = ("%laneid", "%lanemask_")
_TID = ("%tid.x", "%tid.y", "%tid.z")


@dataclass(frozen=True, slots=True)
class Variant:
    """A class of block shapes that share code.

    Attributes
    ----------
    shape : str
        ``rows`` (the x extent is a multiple of the width), ``line`` (y and z extents are 1),
        ``general``.
    full, partial : bool
        Whether there are warps with all lanes, and whether there is one without.
    width : int
        Lanes in a warp.
    """

    shape: str
    full: bool
    partial: bool
    width: int


@dataclass(frozen=True, slots=True)
class Shape:
    """How a register varies.

    `stride` is None if it is known only at run time, and `bound` if it is not known at all: else
    every lane's value is in [0, bound).
    """

    kind: str
    stride: int | None = 0
    exact: bool = True
    bound: int | None = None


UNIFORM = Shape("uniform")
VARYING = Shape("varying")


def _strided(stride: int | None, exact: bool, bound: int | None) -> Shape:
    return Shape("strided", stride, exact, bound)


def _join(a: Shape | None, b: Shape | None) -> Shape | None:
    if a is None or b is None or a == b:
        return b if a is None else a
    if a.kind == b.kind == "uniform":
        return UNIFORM
    if a.kind == b.kind == "strided" and a.stride == b.stride is not None:
        return _strided(a.stride, a.exact and b.exact, None)
    return VARYING


class Shapes:
    """The shapes of a kernel's registers for one variant.

    Attributes
    ----------
    of : dict
        Shape of each register; those never assigned are uniform.
    divergent : set of int
        Blocks at whose end lanes can part.
    masked : set of int
        Blocks that can run with some lanes only.
    stubs : set of int
        Blocks where parted lanes meet again, which need no masked code of their own.
    """

    def __init__(self, flow: Dataflow, variant: Variant, local_bytes: int) -> None:
        self.flow = flow
        self.graph: Graph = flow.graph
        self.variant = variant
        self.local_bytes = local_bytes
        self.shapes: dict[str, Shape | None] = {}
        self.forced: set[str] = set()
        self.divergent: set[int] = set()
        self._regions: dict[int, tuple[set[int], Block | None]] = {}
        self.asks = self.graph.asks
        if self.graph.irreducible:
            self._force_irreducible()
        self._solve()
        self.of = {name: self.shapes.get(name) or UNIFORM for name in flow.registers}
        self.masked: set[int] = set()
        self.stubs: set[int] = set()
        self._find_masked()

    # -- fixed point ---------------------------------------------------------------------

    def _solve(self) -> None:
        for name in self.flow.registers:
            if name not in self.flow.defined_in:
                self.shapes[name] = UNIFORM
        while True:
            self._propagate()
            changed = False
            for name in self.flow.defined_in:
                if self.shapes.get(name) is None:  # computed from nothing but itself
                    self.shapes[name] = UNIFORM
                    changed = True
            for block in self.graph.blocks:
                if block.condition is None or block.index in self.divergent:
                    continue
                shape = self.shapes.get(block.condition.name)
                if shape is not None and shape.kind != "uniform":
                    self.divergent.add(block.index)
                    self._part(block)
                    changed = True
            if not changed:
                return

    def _propagate(self) -> None:
        shapes = self.shapes
        changed = True
        while changed:
            changed = False
            for steps in self.flow.steps:
                for step in steps:
                    if not step.defines:
                        continue
                    shape = self._result(step)
                    for name in step.defines:
                        old = shapes.get(name)
                        if name in self.forced:
                            new: Shape | None = VARYING
                        else:
                            new = _join(old, shape)
                        if new != old:
                            shapes[name] = new
                            changed = True

    def shape(self, operand: Operand) -> Shape | None:
        """Shape of an operand; None while nothing is known of it."""
        if isinstance(operand, Address):
            if operand.base is None:
                return UNIFORM
            operand = operand.base
        if isinstance(operand, Immediate):
            return UNIFORM
        if isinstance(operand, Symbol):
            variable = self.flow.flat.variables.get(operand.name)
            if variable is not None and variable.space == "local":
                return _strided(self.local_bytes, True, None)
            return UNIFORM
        if isinstance(operand, Register):
            if operand.name in self.flow.registers:
                return self.shapes.get(operand.name)
            return self.special(operand.name)
        return VARYING

    def special(self, name: str) -> Shape:
        """Shape of a special register."""
        if name in _TID:
            shape = self.variant.shape
            if shape == "general":
                return VARYING
            if name == "%tid.x":
                return _strided(1, True, 1024)
            return UNIFORM
        if name == "%laneid":
            return _strided(1, True, 32)
        return VARYING if name.startswith(_LANE_SPECIALS) else UNIFORM

    def _result(self, step: Step) -> Shape | None:
        ins = step.ins
        if ins.opcode in _VARYING_OPCODES:
            return VARYING
        if ins.opcode == "ld":
            return self._loaded(step)
        operands: list[Operand] = list(step.sources)
        operands += [Register(n) for n in step.uses if n == "%cc"]
        shapes = [self.shape(o) for o in operands]
        if any(s is VARYING or (s and s.kind == "varying") for s in shapes):
            if ins.opcode in ("vote", "redux"):
                # The same for all lanes that execute it, as long as the member mask is.
                mask = shapes[-1] if "sync" in ins.modifiers else UNIFORM
                return UNIFORM if mask is not None and mask.kind == "uniform" else VARYING
            return VARYING
        if any(s is None for s in shapes):
            return None
        known = [s for s in shapes if s is not None]
        if all(s.kind == "uniform" for s in known):
            return UNIFORM
        if ins.opcode in ("vote", "redux"):
            return UNIFORM if known[-1].kind == "uniform" else VARYING
        return _strides(step, known) or VARYING

    def _loaded(self, step: Step) -> Shape | None:
        ins = step.ins
        address = step.sources[0]
        base = address.base if isinstance(address, Address) else None
        if ins.modifiers[0] == "param" and isinstance(base, Symbol):
            return UNIFORM
        shape = self.shape(address)
        if shape is None:
            return None
        return UNIFORM if shape.kind == "uniform" else VARYING

    # -- parting lanes ---------------------------------------------------------------------

    def region(self, block: Block) -> set[int]:
        """Blocks on ways from the block to where its lanes meet again, that place left out."""
        return self._parted(block)[0]

    def meeting(self, block: Block) -> Block | None:
        """Where all lanes that part at a block meet at the same time; None if nowhere."""
        return self._parted(block)[1]

    def _parted(self, block: Block) -> tuple[set[int], Block | None]:
        found = self._regions.get(block.index)
        if found is None:
            stop = block.postdominator
            inside = _between(block, stop)
            while stop is not None and _comes_round(block, stop, inside):
                # Lanes that `continue` come to it an iteration later than the others.
                stop = stop.postdominator
                inside = _between(block, stop)
            if stop is not None and (stop.index <= block.index or self.graph.irreducible):
                stop = None
                inside = _between(block, None)
            if stop is not None and any(self.graph.blocks[i].stops for i in inside):
                # Some lanes may wait at the barrier while others pass the place to meet.
                stop = None
                inside = _between(block, None)
            found = self._regions[block.index] = inside, stop
        return found

    def _part(self, block: Block) -> None:
        """Force to varying what lanes parting at this block make so."""
        flow = self.flow
        region = self.region(block)
        assigned = 0
        for index in region:
            assigned |= flow.defines[index]
        if any(self.graph.blocks[index].stops for index in region) and self.asks:
            for index in region:
                self._force_set(flow.live_in[index] & assigned)
        for join in self._joins(block):
            for place in bits(flow.live_in[join] & assigned):
                name = flow.names[place]
                if len(flow.defined_in[name]) > 1:
                    self.forced.add(name)
        meeting = self.meeting(block)
        loop = block.loop
        while loop is not None:
            outside = meeting is None or not _inside(meeting, loop)
            if outside or any(not _inside(self.graph.blocks[i], loop) for i in region):
                self._force_set(flow.defined_within(loop) & flow.live_after(loop))
            loop = loop.parent
        for name in self.forced:
            self.shapes[name] = VARYING

    def _force_set(self, registers: int) -> None:
        self.forced.update(self.flow.names[place] for place in bits(registers))

    def _force_irreducible(self) -> None:
        for loop in self.graph.loops:
            if loop.irreducible:
                self._force_set(self.flow.defined_within(loop))

    def _joins(self, block: Block) -> set[int]:
        """Blocks that disjoint ways from the block's targets lead to."""
        label: dict[int, int] = {}
        joins: set[int] = set()
        work: list[int] = []
        blocks = self.graph.blocks
        stop = self.meeting(block)
        for target in block.targets:
            label[target.index] = target.index
            work.append(target.index)
        while work:
            index = min(work)
            work.remove(index)
            here = blocks[index]
            if here is block or here is stop:
                continue
            for target in here.targets:
                old = label.get(target.index)
                if old is None:
                    label[target.index] = label[index]
                elif old != label[index] and target.index not in joins:
                    joins.add(target.index)
                    label[target.index] = target.index
                else:
                    continue
                if target.index not in work:
                    work.append(target.index)
        return joins

    # -- where masks are needed --------------------------------------------------------------

    def _find_masked(self) -> None:
        blocks = self.graph.blocks
        if self.variant.partial:
            self.masked = set(range(len(blocks)))
            return
        for index in self.divergent:
            self.masked |= self.region(blocks[index])
            meeting = self.meeting(blocks[index])
            if meeting is not None:
                self.stubs.add(meeting.index)
        self.stubs -= self.masked


def _between(block: Block, stop: Block | None) -> set[int]:
    """Blocks that can be reached from the block's end without passing `stop`."""
    found: set[int] = set()
    work = list(block.targets)
    while work:
        here = work.pop()
        if here is not stop and here.index not in found:
            found.add(here.index)
            work.extend(here.targets)
    return found


def _comes_round(block: Block, stop: Block, region: set[int]) -> bool:
    """Whether a way from the block to `stop` goes round a loop that both are in."""
    loop = block.loop
    while loop is not None:
        if _inside(stop, loop) and loop.last in region:
            return True
        loop = loop.parent
    return False


def _inside(block: Block, loop: Loop) -> bool:
    around = block.loop
    while around is not None:
        if around is loop:
            return True
        around = around.parent
    return False


# -- strides -------------------------------------------------------------------------------------


def _strides(step: Step, shapes: Sequence[Shape]) -> Shape | None:
    """Shape of a result from sources of which one at least is strided, none varying."""
    ins = step.ins
    opcode, modifiers = ins.opcode, ins.modifiers
    type = modifiers[-1] if modifiers else ""
    if opcode == "cvta":
        return _strided(shapes[0].stride, shapes[0].exact, None)
    if not _whole(type) or "cc" in modifiers or "sat" in modifiers:
        return None
    constants = [o.bits if isinstance(o, Immediate) else None for o in step.sources]
    exact = all(s.exact for s in shapes)
    bounds = [
        s.bound if s.kind == "strided" else c + 1 if c is not None and c >= 0 else None
        for s, c in zip(shapes, constants, strict=True)
    ]
    strides = [s.stride for s in shapes]
    bound: int | None = None
    stride: int | None
    if opcode == "mov" and len(shapes) == 1:
        stride, bound = strides[0], bounds[0]
    elif opcode == "add":
        stride, bound = _sum(strides), _plus(bounds)
    elif opcode == "sub":
        stride = _sum([strides[0], _product(strides[1], -1)])
    elif opcode == "selp" and shapes[2].kind == "uniform" and strides[0] == strides[1]:
        stride = strides[0]
        if stride is None:
            return None
    elif opcode == "neg":
        stride = _product(strides[0], -1)
    elif opcode == "shl" and constants[1] is not None:
        stride = _product(strides[0], 1 << constants[1])
        bound = _times(bounds[0], 1 << constants[1])
    elif opcode in ("mul", "mad") and modifiers[0] in ("lo", "wide"):
        first, second = shapes[:2]
        if first.kind == second.kind == "strided":
            return None
        by = 0 if first.kind == "strided" else 1
        factor = constants[1 - by]
        if factor is not None and modifiers[0] == "wide":
            # NVRTC spells the magic numbers of unsigned divisions as negative ones.
            factor %= 1 << 32
            if type[0] == "s" and factor >> 31:
                factor -= 1 << 32
        if shapes[by].kind == "uniform":  # only the addend is strided
            stride = 0
        else:
            stride = _product(strides[by], factor)
            bound = _times(bounds[by], factor)
            if modifiers[0] == "wide":
                exact = exact and _fits(shapes[by], type)
        if opcode == "mad":
            stride = _sum([stride, strides[2]])
            bound = _plus([bound, bounds[2]])
    elif opcode == "cvt" and len(modifiers) == 2 and _whole(modifiers[0]):
        stride, bound = strides[0], bounds[0]
        if SIZES[modifiers[0]] > SIZES[type]:
            exact = exact and _fits(shapes[0], type)
    else:
        return None
    # A bound past the type's range means nothing.
    return _strided(stride, exact, bound if bound is not None and bound <= 1 << 31 else None)


def _whole(type: str) -> bool:
    """Whether it is a type of integers of 32 or 64 bits."""
    return type in SIZES and type[0] in "bus" and SIZES[type] in (4, 8)


def _sum(strides: Sequence[int | None]) -> int | None:
    known = [s for s in strides if s is not None]
    return sum(known) if len(known) == len(strides) else None


def _product(stride: int | None, factor: int | None) -> int | None:
    if stride == 0:
        return 0
    return stride * factor if stride is not None and factor is not None else None


def _fits(shape: Shape, type: str) -> bool:
    """Whether no lane's value can wrap round when read as a number of the 32-bit type."""
    return shape.kind == "uniform" or (
        shape.bound is not None and shape.bound <= 1 << (31 if type[0] == "s" else 32)
    )


def _plus(bounds: Sequence[int | None]) -> int | None:
    known = [b for b in bounds if b is not None]
    return sum(known) - len(known) + 1 if len(known) == len(bounds) else None


def _times(bound: int | None, factor: int | None) -> int | None:
    if bound is None or factor is None or factor <= 0:
        return None
    return (bound - 1) * factor + 1
