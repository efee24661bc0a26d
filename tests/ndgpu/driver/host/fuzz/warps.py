"""Statements by which the lanes of a warp see one another; the lanes that come are named."""

from __future__ import annotations

import numpy as np

from .expressions import literal
from .model import State, Statement
from .stores import Stores
from .values import CTYPES, VARIABLES

__all__ = ["Warps"]


class Warps(Stores):
    """Makes shuffles, votes and reductions."""

    def _shuffle(self, members: str) -> Statement:
        kind = self.random.choice("uuufld")
        name = self.random.choice(("", "_up", "_down", "_xor"))
        value, target = self._expression(kind, 1), self.random.choice(VARIABLES[kind])
        width = self.random.choice((32, 32, 16, 8))
        index = self._expression("u", 1) if name == "" else literal("u", self.random.randrange(32))
        self.names += 1
        lane = f"s{self.names}"

        def source(state: State) -> np.ndarray:
            own, k = state.lane.astype(np.int64), index.value(state).astype(np.int64)
            low = own - own % width
            if name == "":
                return low + k % width
            found = {"_up": own - k, "_down": own + k, "_xor": own ^ k}[name]
            if name == "_up":
                return np.where(found < low, own, found)
            return np.where(found > low + width - 1, own, found)

        # The same in C++; a lane that does not take part gives nothing defined.
        low = f"(lane & ~{width - 1}u)"
        text = {
            "": f"{low} + {index.text} % {width}u",
            "_up": f"lane - {low} < {index.text} ? lane : lane - {index.text}",
            "_down": f"lane + {index.text} >= {low} + {width}u ? lane : lane + {index.text}",
            "_xor": f"(lane ^ {index.text}) >= {low} + {width}u ? lane : lane ^ {index.text}",
        }[name]

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            state.ballot(mask, state.get(members), mask)
            lanes = source(state).astype(np.uint32)
            present = (state.get(members) >> lanes) & np.uint32(1) != 0
            given = value.value(state)
            state.set(target, mask, np.where(present, state.from_lane(given, lanes), given))
            return mask

        call = f"__shfl{name}_sync({members}, given, {index.text}, {width})"
        return Statement(
            [
                "{",
                f"  unsigned {lane} = {text};",
                f"  {CTYPES[kind]} given = {value.text};",
                f"  {CTYPES[kind]} got = {call};",
                f"  {target} = {members} >> {lane} & 1u ? got : given;",
                "}",
            ],
            run,
        )

    def _vote(self, members: str) -> Statement:
        name = self.random.choice(("ballot", "any", "all", "rank", "match", "uni"))
        condition, value = self._condition(), self._expression("u", 1)
        target = self.random.choice(VARIABLES["u"])
        text = {
            "ballot": f"__ballot_sync({members}, {condition.text})",
            "any": f"__any_sync({members}, {condition.text}) != 0",
            "all": f"__all_sync({members}, {condition.text}) != 0",
            "rank": f"__popc(__ballot_sync({members}, {condition.text}) & ((1u << lane) - 1u))",
            "match": f"__match_any_sync({members}, {value.text} & 3u)",
            "uni": f"__popc({members})",
        }[name]

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            member = state.get(members)
            votes = state.ballot(mask, member, condition.value(state))
            one = np.uint32(1)
            if name == "match":
                small = value.value(state) & np.uint32(3)
                answer = np.zeros_like(votes)
                for number in range(4):
                    same = small == number
                    answer = np.where(same, state.ballot(mask, member, same), answer)
            else:
                below = votes & ((one << state.lane) - one)
                answer = {
                    "ballot": votes, "any": votes != 0, "all": votes == member,
                    "rank": np.bitwise_count(below), "uni": np.bitwise_count(member),
                }[name].astype(np.uint32)  # fmt: skip
            state.set(target, mask, answer)
            return mask

        return Statement([f"{target} = {text};"], run)

    def _reduce(self, members: str) -> Statement:
        name = self.random.choice(("add", "min", "max", "and", "or", "xor"))
        value, target = self._expression("u", 1), self.random.choice(VARIABLES["u"])
        function, start = {
            "add": (np.add, 0), "min": (np.minimum, 0xFFFFFFFF), "max": (np.maximum, 0),
            "and": (np.bitwise_and, 0xFFFFFFFF), "or": (np.bitwise_or, 0),
            "xor": (np.bitwise_xor, 0),
        }[name]  # fmt: skip

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            state.ballot(mask, state.get(members), mask)
            sums = np.full(state.warps, start, np.uint32)
            function.at(sums, state.warp[mask], value.value(state)[mask])
            state.set(target, mask, sums[state.warp])
            return mask

        return Statement([f"{target} = __reduce_{name}_sync({members}, {value.text});"], run)
