"""What a random kernel must compute: all threads of a grid at once, in NumPy, under masks.

A statement runs for a mask of threads and answers the threads that go on to the next one; those
that broke out of a loop, continued it or returned are noted where they go on.  Threads run in
lockstep here, so a kernel is well defined only if no thread reads between two barriers what another
one writes: the generator keeps to that.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .expressions import Expression

__all__ = ["COUNTERS", "OWN", "RESULTS", "SHARED", "Block", "Conditional", "Loop", "State",
           "Statement", "Switch"]  # fmt: skip

Array = Any
Mask = Any
RESULTS, OWN, COUNTERS, SHARED = 16, 8, 16, 256  # elements a thread, a thread, in all, a block


class State:
    """The variables and the memory of a launch.

    Attributes
    ----------
    threads : int
        Of the whole grid, a block after the other.
    variables : dict
        Arrays with an element for each thread.
    """

    def __init__(self, blocks: int, shape: tuple[int, int, int], n: int, data: Array) -> None:
        size = shape[0] * shape[1] * shape[2]
        self.threads = blocks * size
        self.size = size
        self.data = data
        everyone = np.arange(self.threads, dtype=np.uint32)
        self.block = everyone // np.uint32(size)
        thread = everyone % np.uint32(size)
        self.lane = thread % np.uint32(32)
        per_block = -(-size // 32)
        self.warp = self.block * np.uint32(per_block) + thread // np.uint32(32)
        self.warps = blocks * per_block
        self.first = everyone - self.lane  # of each thread's warp
        inside = np.minimum(size - (thread - self.lane), 32).astype(np.uint64)
        whole = ((np.uint64(1) << inside) - np.uint64(1)).astype(np.uint32)
        self.variables: dict[str, Array] = {
            "t": thread,
            "threadIdx.x": thread % np.uint32(shape[0]),
            "threadIdx.y": thread // np.uint32(shape[0]) % np.uint32(shape[1]),
            "g": everyone,
            "n": np.full(self.threads, n, np.uint32),
            "blk": self.block,
            "nt": np.full(self.threads, size, np.uint32),
            "lane": self.lane,
            "m0": whole,
        }
        self.results = np.zeros((self.threads, RESULTS), np.uint64)
        self.own = np.zeros((self.threads, OWN), np.uint32)
        self.counters = np.zeros(COUNTERS, np.uint64)
        self.shared = np.zeros((blocks, SHARED), np.uint32)
        self.tally = np.zeros((blocks, 8), np.uint32)
        self.arrays: dict[str, Array] = {}
        self.loops: list[tuple[Mask, Mask]] = []  # who broke out, who continued

    def get(self, name: str) -> Array:
        return self.variables[name]

    def set(self, name: str, mask: Mask, value: Array) -> None:
        self.variables[name] = np.where(mask, value, self.variables[name])

    def none(self) -> Mask:
        return np.zeros(self.threads, bool)

    def ballot(self, mask: Mask, member: Array, predicate: Array) -> Array:
        """The vote of each warp; the members that a kernel names must be those that came."""
        came = np.zeros(self.warps, np.uint32)
        np.bitwise_or.at(came, self.warp[mask], np.uint32(1) << self.lane[mask])
        if (came[self.warp[mask]] != member[mask]).any():
            raise AssertionError("the generator made a warp operation with the wrong members")
        votes = np.zeros(self.warps, np.uint32)
        yes = mask & predicate
        np.bitwise_or.at(votes, self.warp[yes], np.uint32(1) << self.lane[yes])
        return votes[self.warp]

    def from_lane(self, value: Array, source: Array) -> Array:
        """Each thread's value of another lane of its warp, which must exist where it matters."""
        return value[np.minimum(self.first + source, self.threads - 1)]


@dataclass(frozen=True)
class Statement:
    """Lines of C++, and what they do to the state for a mask of threads."""

    lines: Sequence[str]
    run: Callable[[State, Mask], Mask]


def _indented(lines: Sequence[str]) -> list[str]:
    return ["  " + line for line in lines]


@dataclass
class Block:
    """Statements in order."""

    statements: list[Any] = field(default_factory=list)

    @property
    def lines(self) -> list[str]:
        return [line for statement in self.statements for line in statement.lines]

    def run(self, state: State, mask: Mask) -> Mask:
        for statement in self.statements:
            if not mask.any():
                break
            mask = statement.run(state, mask)
        return mask


@dataclass
class Conditional:
    """``if (condition) then else otherwise``."""

    condition: Expression
    then: Block
    otherwise: Block | None

    @property
    def lines(self) -> list[str]:
        lines = [f"if ({self.condition.text}) {{", *_indented(self.then.lines)]
        if self.otherwise is not None:
            lines += ["} else {", *_indented(self.otherwise.lines)]
        return [*lines, "}"]

    def run(self, state: State, mask: Mask) -> Mask:
        chosen = self.condition.value(state)
        yes, no = mask & chosen, mask & ~chosen
        yes = self.then.run(state, yes)
        return yes | (no if self.otherwise is None else self.otherwise.run(state, no))


@dataclass
class Switch:
    """``switch`` over small numbers; a case falls into the next where it does not break."""

    selector: Expression
    cases: list[tuple[Block, bool]]  # the body, and whether it breaks

    @property
    def lines(self) -> list[str]:
        lines = [f"switch ({self.selector.text} % {len(self.cases) + 1}u) {{"]
        for number, (body, breaks) in enumerate(self.cases):
            lines += [f"case {number}: {{", *_indented(body.lines)]
            lines += ["  break; }" if breaks else "}"]
        return [*lines, "}"]

    def run(self, state: State, mask: Mask) -> Mask:
        number = self.selector.value(state) % np.uint32(len(self.cases) + 1)
        going, done = state.none(), mask & (number == len(self.cases))
        for case, (body, breaks) in enumerate(self.cases):
            going = body.run(state, going | (mask & (number == case)))
            if breaks:
                going, done = state.none(), done | going
        return going | done


@dataclass
class Loop:
    """``for`` from 0 to a bound that is taken once, as long as a condition holds too.

    With `members` the lanes that take part are voted at the head of each turn, under that name,
    out of those of the outer name.
    """

    counter: str
    trips: Expression
    body: Block
    style: str = "for"
    members: tuple[str, str] | None = None
    condition: Expression | None = None

    @property
    def lines(self) -> list[str]:
        i, end = self.counter, f"e{self.counter}"
        head = [f"unsigned {i} = 0, {end} = {self.trips.text};"]
        body = _indented(self.body.lines)
        if self.members:
            inner, outer = self.members
            return [
                *head,
                f"unsigned {inner} = {outer};",
                f"for (; ; ++{i}) {{",
                f"  {inner} = __ballot_sync({inner}, {i} < {end});",
                f"  if ({i} >= {end}) break;",
                *body,
                "}",
            ]
        more = f" && {self.condition.text}" if self.condition else ""
        if self.style == "do":
            again = f"}} while (++{i} < {end}{more});"
            return [*head, f"if ({i} < {end}{more}) do {{", *body, again]
        return [*head, f"for (; {i} < {end}{more}; ++{i}) {{", *body, "}"]

    def run(self, state: State, mask: Mask) -> Mask:
        trips = self.trips.value(state)
        state.variables[self.counter] = np.zeros(state.threads, np.uint32)
        if self.members:
            state.variables[self.members[0]] = state.get(self.members[1]).copy()
        done = state.none()
        while mask.any():
            inside = state.get(self.counter) < trips
            if self.condition:
                inside = inside & self.condition.value(state)
            if self.members:
                inner = self.members[0]
                state.set(inner, mask, state.ballot(mask, state.get(inner), inside))
            done |= mask & ~inside
            mask &= inside
            state.loops.append((state.none(), state.none()))
            mask = self.body.run(state, mask)
            broke, continued = state.loops.pop()
            done |= broke
            mask = mask | continued
            state.set(self.counter, mask, state.get(self.counter) + np.uint32(1))
        return done
