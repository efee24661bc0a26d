"""Basic blocks and loops: what the control flow of a kernel is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

from .syntax import Instruction, Register

__all__ = ["Block", "Graph", "Loop", "yields"]


@dataclass(slots=True, eq=False)
class Block:
    """A basic block.

    Attributes
    ----------
    kind : str
        How it ends: ``jump``, ``branch`` (to `targets[0]` where `condition` holds, else to
        `targets[1]`), ``switch`` (to `targets[condition]`), ``barrier`` (then `targets[0]`),
        ``meet`` (the same, in a block of its own, where the lanes that `end` names wait for each
        other), ``exit``,
        ``trap``.
    end : Instruction or None
        The instruction that ends it, if one does.
    loop : Loop or None
        The innermost loop that it is in.
    """

    index: int = -1
    instructions: list[Instruction] = field(default_factory=list)
    kind: str = "jump"
    condition: Register | None = None
    targets: list[Block] = field(default_factory=list)
    sources: list[Block] = field(default_factory=list)
    end: Instruction | None = None
    loop: Loop | None = None
    postdominator: Block | None = None  # None: the end of the kernel

    @property
    def stops(self) -> bool:
        """Whether lanes can stop at its end, while others of the block go on."""
        return self.kind in ("barrier", "meet")


def yields(ins: Instruction) -> bool:
    """Whether what ends a block gives other lanes and warps a turn; the rest tells for what."""
    return ins.opcode == "yield"


@dataclass(slots=True, eq=False)
class Loop:
    """A loop: blocks from `first` to `last`; `irreducible` if it is entered elsewhere too."""

    first: int
    last: int
    parent: Loop | None
    irreducible: bool

    def __contains__(self, block: Block) -> bool:
        return self.first <= block.index <= self.last


@dataclass(slots=True)
class Graph:
    """The kernel's blocks in order; `blocks[0]` is the entry."""

    blocks: list[Block]
    loops: list[Loop]

    @property
    def asks(self) -> bool:
        """Whether lanes can come to one place at different times: some wait for other threads."""
        return any(block.end is not None and yields(block.end) for block in self.blocks)

    @property
    def irreducible(self) -> bool:
        return any(loop.irreducible for loop in self.loops)
