"""Control flow of a flat kernel: basic blocks in an order in which lanes can be run.

Blocks are numbered in a topological order of the graph without back edges, the
blocks of each loop next to one another, and each loop has one back edge, from
its last block.  Running always the earliest block that has lanes waiting is then
correct for any graph, reunites lanes at the earliest place, and keeps the lanes
that are in a loop in the same iteration of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from .blocks import Block, Graph, Loop
from .errors import PtxError
from .flat import Flat
from .ifconvert import convert
from .spins import members, questions
from .syntax import Instruction, Register, Symbol

__all__ = ["build"]

_BARRIERS = frozenset(("bar", "barrier"))


def build(flat: Flat) -> Graph:
    """Cut the kernel into blocks and put them in order.

    Raises
    ------
    PtxError
        For a branch to a label that is not there, or through a register.
    """
    entry = _cut(flat)
    convert(entry, flat, _reachable)
    reachable = _reachable(entry)
    loops: list[Loop] = []
    ordered = _order(entry, reachable, None, loops, set())
    for index, block in enumerate(ordered):
        block.index = index
        block.sources = []
    for block in ordered:
        for target in block.targets:
            if block not in target.sources:
                target.sources.append(block)
    _number_loops(ordered, loops)
    _postdominators(ordered)
    return Graph(ordered, loops)


# -- cutting -----------------------------------------------------------------------------------


def _cut(flat: Flat) -> Block:
    blocks: dict[str, Block] = {}
    entry = current = Block()
    open_ = True  # whether `current` still falls through to what comes next
    jumps: list[tuple[Block, list[str]]] = []
    name = flat.function.name

    def begin() -> Block:
        block = Block()
        if open_:
            current.targets.append(block)
        return block

    asked = questions(flat)
    waits = asked or any(
        isinstance(item, Instruction) and item.opcode == "mbarrier.test_wait" for item in flat.items
    )
    for place, item in enumerate(flat.items):
        if isinstance(item, str):
            if open_ and not current.instructions and current is not entry:
                blocks[item] = current
                continue
            current = begin()
            open_ = True
            blocks[item] = current
            continue
        if not open_:
            current = Block()  # code that nothing falls into, and no label: unreachable
            open_ = True
        opcode = item.opcode
        if opcode == "bra":
            target = item.operands[-1] if item.operands else None
            if not isinstance(target, Symbol):
                raise PtxError("a branch through a register", item.line, name, item.name)
            current.end = item
            if item.guard is None:
                jumps.append((current, [target.name]))
                open_ = False
            else:
                current.kind, current.condition = "branch", item.guard
                jumps.append((current, [target.name]))
                current = begin()
        elif opcode == "brx":
            index, table = item.operands[0], item.operands[1]
            if not isinstance(index, Register) or not isinstance(table, Symbol):
                raise PtxError("brx.idx without an index and a table", item.line, name, item.name)
            if table.name not in flat.tables:
                raise PtxError(
                    f"no table of branch targets {table.name}", item.line, name, item.name
                )
            if item.guard is not None:
                raise PtxError("a guarded brx.idx", item.line, name, item.name)
            current.kind, current.condition, current.end = "switch", index, item
            jumps.append((current, list(flat.tables[table.name])))
            open_ = False
        elif opcode in ("ret", "exit", "trap", "brkpt"):
            # Where no debugger waits for it, a break point is a trap.
            current.kind = "trap" if opcode in ("trap", "brkpt") else "exit"
            current.end = item
            open_ = False
        elif opcode in _BARRIERS and not {"warp", "arrive"}.intersection(item.modifiers):
            current.kind, current.end = "barrier", item
            current = begin()
            if "red" in item.modifiers:
                # Its result is there once the barrier is passed.
                current.instructions.append(replace(item, opcode="barred"))
        elif opcode == "mbarrier.test_wait" or place in asked:
            current.kind, current.end = "barrier", replace(item, opcode="yield")
            current = begin()
            current.instructions.append(item)
        elif waits and members(item) is not None:
            if current.instructions or current is entry:
                current = begin()  # for lanes that wait come back to the start of the block
            current.kind, current.end = "meet", item
            current = begin()
            current.instructions.append(item)
        else:
            current.instructions.append(item)
    if open_:
        current.kind = "exit"
    for block, labels in jumps:
        found = []
        for label in labels:
            if label not in blocks:
                line = block.end.line if block.end else 0
                raise PtxError(f"a branch to {label}, which is not a label", line, name, "bra")
            found.append(blocks[label])
        block.targets[:0] = found
        if block.kind == "branch" and block.condition is not None and block.condition.negated:
            block.condition = Register(block.condition.name)
            block.targets.reverse()
        if len(set(map(id, block.targets))) == 1 and block.kind in ("branch", "switch"):
            block.kind, block.condition, block.targets = "jump", None, block.targets[:1]
    return entry


def _reachable(entry: Block) -> list[Block]:
    seen = {entry}
    stack = [entry]
    found = []
    while stack:
        block = stack.pop()
        found.append(block)
        for target in block.targets:
            if target not in seen:
                seen.add(target)
                stack.append(target)
    return found


# -- order -------------------------------------------------------------------------------------

_Edges = set[tuple[Block, Block]]


def _components(nodes: Sequence[Block], cut: _Edges) -> list[list[Block]]:
    """Strongly connected components in topological order (Tarjan's, without recursion)."""
    inside = set(nodes)
    index: dict[Block, int] = {}
    low: dict[Block, int] = {}
    on_stack: set[Block] = set()
    stack: list[Block] = []
    found: list[list[Block]] = []
    for root in nodes:
        if root in index:
            continue
        work: list[tuple[Block, Iterator[Block] | None]] = [(root, None)]
        while work:
            block, targets = work.pop()
            if targets is None:
                index[block] = low[block] = len(index)
                stack.append(block)
                on_stack.add(block)
                targets = iter([t for t in block.targets if t in inside and (block, t) not in cut])
            for target in targets:
                if target not in index:
                    work += ((block, targets), (target, None))
                    break
                if target in on_stack:
                    low[block] = min(low[block], low[target])
            else:
                if low[block] == index[block]:
                    place = stack.index(block)
                    found.append(stack[place:])
                    on_stack.difference_update(found[-1])
                    del stack[place:]
                if work:
                    above = work[-1][0]
                    low[above] = min(low[above], low[block])
    found.reverse()
    return found


def _order(
    entry: Block, nodes: Sequence[Block], parent: Loop | None, loops: list[Loop], cut: _Edges
) -> list[Block]:
    """The nodes in topological order but for the edges cut, each loop's together."""
    ordered: list[Block] = []
    for component in _components([entry, *(n for n in nodes if n is not entry)], cut):
        members = set(component)
        tails_of = {
            b: [t for t in component if b in t.targets and (t, b) not in cut] for b in component
        }
        if len(component) == 1 and not tails_of[component[0]]:
            component[0].loop = parent
            ordered += component
            continue
        entered = [
            b
            for b in component
            if b is entry or any(b in n.targets and n not in members for n in nodes)
        ]
        # Tarjan's algorithm puts the block that it met first at the head of the component.
        header = entered[0] if entered else component[0]
        loop = Loop(0, 0, parent, len(entered) > 1)
        loops.append(loop)
        tails = tails_of[header]
        if len(tails) > 1:
            latch = Block(targets=[header])
            for tail in tails:
                tail.targets = [latch if t is header else t for t in tail.targets]
            component.append(latch)
            tails = [latch]
        ordered += _order(header, component, loop, loops, cut | {(tails[0], header)})
    return ordered


def _number_loops(ordered: Sequence[Block], loops: Sequence[Loop]) -> None:
    for loop in loops:
        loop.first = len(ordered)
    for block in ordered:
        around = block.loop
        while around is not None:
            around.first = min(around.first, block.index)
            around.last = max(around.last, block.index)
            around = around.parent


def _postdominators(blocks: Sequence[Block]) -> None:
    """Set `postdominator` of each block (Cooper, Harvey and Kennedy's algorithm)."""
    count = len(blocks)
    end = count  # the virtual block after all exits
    parent = [-1] * count + [end]
    # A trap ends the whole kernel, so no lane waits for one that traps.
    leaves = [b.kind == "exit" for b in blocks]
    # A block that cannot reach an exit is in an endless loop: let its last block end there.
    reaches = [not b.targets for b in blocks]
    changed = True
    while changed:
        changed = False
        for b in reversed(blocks):
            if not reaches[b.index] and any(reaches[t.index] for t in b.targets):
                reaches[b.index] = changed = True
        if not changed and not all(reaches):
            last = max(i for i, r in enumerate(reaches) if not r)
            leaves[last] = reaches[last] = changed = True
    changed = True
    order = _reverse_postorder(blocks, leaves)
    rank = {index: place for place, index in enumerate(order)}
    while changed:
        changed = False
        for index in order[1:]:
            meet = -1
            after = [t.index for t in blocks[index].targets] + [end] * leaves[index]
            for target in after:
                if parent[target] < 0:
                    continue
                meet = target if meet < 0 else _meet(meet, target, parent, rank)
            if meet != parent[index]:
                parent[index] = meet
                changed = True
    for block in blocks:
        above = parent[block.index]
        block.postdominator = None if above == end else blocks[above]


def _meet(a: int, b: int, parent: Sequence[int], rank: dict[int, int]) -> int:
    while a != b:
        while rank[a] > rank[b]:
            a = parent[a]
        while rank[b] > rank[a]:
            b = parent[b]
    return a


def _reverse_postorder(blocks: Sequence[Block], leaves: Sequence[bool]) -> list[int]:
    """Of the reversed graph, from its virtual start ``len(blocks)``."""
    end = len(blocks)
    seen = [False] * end + [True]
    starts = [b.index for b in blocks if leaves[b.index]]
    work: list[tuple[int, Iterator[int]]] = [(end, iter(starts))]
    postorder = []
    while work:
        index, sources = work[-1]
        for source in sources:
            if not seen[source]:
                seen[source] = True
                work.append((source, iter([s.index for s in blocks[source].sources])))
                break
        else:
            postorder.append(index)
            work.pop()
    return postorder[::-1]
