"""Random kernels: each statement is made once, with its C++ and its effect on the model's state.

What a kernel may contain where is told by `Place`: barriers only where all threads of a block come,
warp operations only where the lanes that come are known by name, returns only in kernels without
warp operations.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .expressions import PRELUDE, ROWS, Expression, apply, literal, see
from .model import RESULTS, SHARED, Block, Conditional, Loop, State, Statement, Switch
from .values import DATA, KINDS, LOCAL, variable
from .warps import Warps

__all__ = ["DATA", "Kernel", "module"]


@dataclass(frozen=True)
class Place:
    """Where in a kernel a statement is to stand."""

    budget: int  # how much deeper it may nest
    uniform: bool  # whether all threads of a block that have not returned come here
    members: str | None  # name of the mask of the lanes that come here
    loop: bool = False  # whether a thread may leave or go on with the loop around
    turn: bool = False  # whether it stands right in the body of a loop that votes
    switch: bool = False


class Kernel(Warps):
    """One random kernel.

    Attributes
    ----------
    name, source : str
    body : Block
        What the model runs.
    warps : bool
        Whether it has warp operations.
    """

    def __init__(self, name: str, seed: int, depth: int) -> None:
        super().__init__(seed)
        self.name = name
        flavour = self.random.random()
        self.warps = flavour < 0.4
        self.returns = 0.4 <= flavour < 0.7
        self.barriers = self.random.random() < 0.5
        place = Place(depth, True, "m0" if self.warps else None)
        first = [self._start()]
        if self.barriers:
            first.append(self._fill_shared())
            self.shared_written = True
        rounds = self.random.randrange(2, 5)
        self.body = Block([*first, *(self._block(place) for _ in range(rounds)), self._results()])

    @property
    def source(self) -> str:
        restrict = "__restrict__ " if len(self.name) % 2 else ""
        head = f"""
extern "C" __global__ void {self.name}(const unsigned* {restrict}p, u64* out, unsigned* own,
                                       u64* cells, unsigned n) {{
  __shared__ unsigned sh[{SHARED}];
  __shared__ unsigned tally[8];
  const unsigned nt = blockDim.x * blockDim.y * blockDim.z, blk = blockIdx.x;
  const unsigned t = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  const unsigned g = blk * nt + t, lane = t & 31u;
  const unsigned m0 = nt - (t - lane) >= 32u ? 0xffffffffu : (1u << (nt - (t - lane))) - 1u;
"""
        return head + "\n".join("  " + line for line in self.body.lines) + "\n}\n"

    # Beginning and end.

    def _start(self) -> Block:
        statements: list[Statement] = []
        for name, kind in KINDS.items():
            first = {
                "a": variable("u", "t"),
                "b": Expression("u", "p[t]", lambda s: s.data[s.get("t")]),
                "c": literal("u", 7),
                "v": apply(next(r for r in ROWS["l"] if r.operands == "uu"),
                           [variable("u", "g"), variable("u", "b")]),
                "w": literal("l", 0x123456789ABCDEF),
                "x": apply(next(r for r in ROWS["f"] if r.operands == "u"), [variable("u", "b")]),
                "y": literal("f", 1.5),
                "z": literal("d", -0.75),
            }[name]  # fmt: skip
            assert first.type == kind
            statements.append(self._assign(name, first, declare=True))

        def array(state: State, mask: np.ndarray) -> np.ndarray:
            state.arrays["q"] = np.tile(np.arange(LOCAL, dtype=np.uint32), (state.threads, 1))
            return mask

        numbers = ", ".join(f"{i}u" for i in range(LOCAL))
        statements.append(Statement([f"unsigned q[{LOCAL}] = {{{numbers}}};"], array))
        return Block(statements)

    def _results(self) -> Statement:
        """Every variable into the thread's own results."""
        values = [see(variable(kind, name)) for name, kind in KINDS.items()]
        lines = [f"out[g * {RESULTS}ull + {i}] = {v.text};" for i, v in enumerate(values)]
        lines.append(f"for (unsigned i = 0; i < {LOCAL}u; ++i)")
        lines.append(f"  out[g * {RESULTS}u + {len(values)}u + i] = q[i];")

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            for i, value in enumerate(values):
                state.results[mask, i] = value.value(state)[mask]
            state.results[mask, len(values) : len(values) + LOCAL] = state.arrays["q"][mask]
            return mask

        return Statement(lines, run)

    # Statements with statements inside.

    def _block(self, place: Place) -> Block:
        return Block([self._statement(place) for _ in range(self.random.randrange(1, 4))])

    def _statement(self, place: Place):
        choice = self.random.random()
        if place.budget <= 0 or choice < 0.4:
            return self._simple(place)
        if choice < 0.62:
            return self._if(place)
        if choice < 0.8:
            return self._loop(place)
        if choice < 0.86:
            return self._switch(place)
        return self._leave(place)

    def _simple(self, place: Place):
        options = [self._assignment, self._assignment, self._assignment, self._local, self._own,
                   self._atomic, self._atomic_own]  # fmt: skip
        if place.uniform and self.barriers:
            options += [self._exchange, self._exchange, self._tally]
            if not self.returns:
                options.append(self._barrier_vote)
        if place.members:
            members = place.members
            options += [
                lambda: self._shuffle(members), lambda: self._shuffle(members),
                lambda: self._vote(members), lambda: self._reduce(members),
            ]  # fmt: skip
        return self.random.choice(options)()

    def _assignment(self) -> Statement:
        name = self.random.choice(tuple(KINDS))
        return self._assign(name, self._expression(KINDS[name], self.random.choice((1, 2, 2, 3))))

    def _if(self, place: Place):
        inside = replace(place, budget=place.budget - 1, turn=False)
        otherwise = self.random.random() < 0.5
        if place.uniform and self.random.random() < 0.4:
            number = self._uniform(3)
            condition = Expression("b", f"{number.text} != 0u", lambda s: number.value(s) != 0)
            then = self._block(inside)
            return Conditional(condition, then, self._block(inside) if otherwise else None)
        condition = self._condition()
        inside = replace(inside, uniform=False)
        if not place.members:
            then = self._block(inside)
            return Conditional(condition, then, self._block(inside) if otherwise else None)
        # The lanes of each side are told by a vote of those that come here.
        self.names += 1
        outer, vote = place.members, f"m{self.names}"
        test = variable("b", f"c{self.names}")

        def taken(state: State, mask: np.ndarray) -> np.ndarray:
            state.variables[test.text] = condition.value(state)
            state.variables[vote] = state.ballot(mask, state.get(outer), state.get(test.text))
            state.variables[f"{vote}n"] = state.get(outer) & ~state.get(vote)
            return mask

        head = Statement(
            [
                f"bool {test.text} = {condition.text};",
                f"unsigned {vote} = __ballot_sync({outer}, {test.text}), "
                f"{vote}n = {outer} & ~{vote};",
            ],
            taken,
        )
        then = self._block(replace(inside, members=vote))
        other = self._block(replace(inside, members=f"{vote}n")) if otherwise else None
        return Block([head, Conditional(test, then, other)])

    def _loop(self, place: Place):
        self.names += 1
        counter = f"i{self.names}"
        inside = replace(place, budget=place.budget - 1, loop=True, turn=False, switch=False)
        even = self.random.random() < 0.4
        if even:
            trips = self._uniform(4)
        else:
            leaf, most = self._leaf("u"), self.random.randrange(2, 7)
            trips = Expression(
                "u", f"({leaf.text} % {most}u)", lambda s: leaf.value(s) % np.uint32(most)
            )
        keep = even and place.uniform  # all threads make the same turns, and barriers stay legal
        style = self.random.choice(("for", "do"))
        members = None
        if place.members and even and self.random.random() < 0.5:
            inside = replace(inside, uniform=keep, loop=False)
        elif place.members:
            members = (f"m{self.names}", place.members)
            inside = replace(inside, uniform=False, members=members[0], loop=False, turn=True)
        else:
            inside = replace(inside, uniform=keep, loop=not keep)
        self.counters.append(counter)
        if keep:
            self.uniform_counters.append(counter)
        body = self._block(inside)
        while_ = None
        if not keep and members is None and not place.members and self.random.random() < 0.3:
            while_ = self._condition()
        self.counters.remove(counter)
        if keep:
            self.uniform_counters.remove(counter)
        # A scope of its own: other statements declare the same kind of names.
        return Block([_Scope(Loop(counter, trips, body, style, members, while_))])

    def _switch(self, place: Place):
        inside = replace(place, budget=place.budget - 1, uniform=False, members=None, turn=False,
                         switch=True)  # fmt: skip
        selector = self._leaf("u")
        cases = [
            (self._block(inside), self.random.random() < 0.7)
            for _ in range(self.random.randrange(2, 5))
        ]
        return Switch(selector, cases)

    def _leave(self, place: Place):
        """A thread leaves the loop around, or goes on with its next turn, or returns."""
        condition = self._condition()
        if place.turn and place.members:
            return self._leave_turn(place.members, condition)
        if place.loop:
            # Within `switch` a break would leave that.
            last = place.switch or self.random.random() < 0.5

            def leave(state: State, mask: np.ndarray) -> np.ndarray:
                state.loops[-1][last][mask] = True
                return state.none()

            word = Statement(["continue;" if last else "break;"], leave)
            return Conditional(condition, Block([word]), None)
        if self.returns and self.random.random() < 0.5:
            gone = Statement(["return;"], lambda state, mask: state.none())
            return Conditional(condition, Block([self._results(), gone]), None)
        return self._simple(place)

    def _leave_turn(self, members: str, condition: Expression) -> Statement:
        self.names += 1
        test = f"c{self.names}"

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            leaves = condition.value(state)
            state.set(members, mask, state.ballot(mask, state.get(members), ~leaves))
            state.loops[-1][0][mask & leaves] = True
            return mask & ~leaves

        return Statement(
            [
                f"bool {test} = {condition.text};",
                f"{members} = __ballot_sync({members}, !{test});",
                f"if ({test}) break;",
            ],
            run,
        )


@dataclass
class _Scope:
    """Braces around a statement."""

    inner: Loop

    @property
    def lines(self) -> list[str]:
        return ["{", *("  " + line for line in self.inner.lines), "}"]

    def run(self, state: State, mask: np.ndarray) -> np.ndarray:
        return self.inner.run(state, mask)


def module(seeds: list[int], depth: int) -> tuple[str, list[Kernel]]:
    """A CUDA source with a kernel for each seed, its statements nested so deep, and the kernels."""
    kernels = [Kernel(f"k{seed}", seed, depth) for seed in seeds]
    return PRELUDE + "".join(kernel.source for kernel in kernels), kernels
