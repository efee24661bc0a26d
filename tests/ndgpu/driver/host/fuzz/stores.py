"""Statements that assign and store: variables, local, global and shared memory, atomics."""

from __future__ import annotations

import numpy as np

from .expressions import Expression, literal
from .model import OWN, Block, Conditional, State, Statement
from .values import CTYPES, LOCAL, VARIABLES, Values

__all__ = ["Stores"]


class Stores(Values):
    """Makes statements without statements inside, for any place; and those with barriers."""

    def _assign(self, name: str, value: Expression, declare: bool = False) -> Statement:
        def run(state: State, mask: np.ndarray) -> np.ndarray:
            if declare:
                state.variables[name] = value.value(state)
            else:
                state.set(name, mask, value.value(state))
            return mask

        ctype = f"{CTYPES[value.type]} " if declare else ""
        return Statement([f"{ctype}{name} = {value.text};"], run)

    def _element(self, text: str, index: Expression, value: Expression, store) -> Statement:
        def run(state: State, mask: np.ndarray) -> np.ndarray:
            store(state, mask, index.value(state), value.value(state))
            return mask

        return Statement([f"{text.format(index.text)} = {value.text};"], run)

    def _local(self) -> Statement:
        def store(state: State, mask: np.ndarray, index: np.ndarray, value: np.ndarray) -> None:
            who = np.flatnonzero(mask)
            state.arrays["q"][who, index[mask] % LOCAL] = value[mask]

        return self._element(
            f"q[{{}} % {LOCAL}u]", self._expression("u", 0), self._expression("u", 2), store
        )

    def _own(self) -> Statement:
        """A store into the thread's own global memory, in one of several widths."""
        width = self.random.choice(("unsigned", "unsigned char", "unsigned short", "u64"))
        dtype = {"unsigned": np.uint32, "unsigned char": np.uint8, "unsigned short": np.uint16,
                 "u64": np.uint64}[width]  # fmt: skip
        count = OWN * 4 // np.dtype(dtype).itemsize

        def store(state: State, mask: np.ndarray, index: np.ndarray, value: np.ndarray) -> None:
            who = np.flatnonzero(mask)
            state.own.view(dtype)[who, index[mask] % count] = value[mask].astype(dtype)

        index = self._expression("u", 0)
        if self.random.random() < 0.5:
            index = literal("u", self.random.randrange(count))
        value = self._expression("l" if width == "u64" else "u", 1)
        return self._element(
            f"(({width}*)own)[g * {count}u + {{}} % {count}u]", index, value, store
        )

    def _atomic(self) -> Statement:
        """On cells of all threads, where the order does not show."""
        name, kind, text = self.random.choice(
            (("add", "l", "atomicAdd(&cells[{0}], {1})"),
             ("min", "l", "atomicMin(&cells[{0}], {1})"),
             ("max", "l", "atomicMax(&cells[{0}], {1})"), ("or", "l", "atomicOr(&cells[{0}], {1})"),
             ("xor", "l", "atomicXor(&cells[{0}], {1})"),
             ("add32", "u", "atomicAdd((unsigned*)&cells[{0}], {1})"))
        )  # fmt: skip
        # Each operation has cells of its own: mixed ones would show their order.
        cell = ("add", "min", "max", "or", "xor", "add32").index(name) * 2
        index = self._leaf("u")
        value = self._expression(kind, 1)
        function = {"add": np.add, "min": np.minimum, "max": np.maximum, "or": np.bitwise_or,
                    "xor": np.bitwise_xor, "add32": np.add}[name]  # fmt: skip
        place = Expression("u", f"{cell}u + {index.text} % 2u", index.value)

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            cells = state.counters.view(np.uint32)[::2] if kind == "u" else state.counters
            where = cell + index.value(state)[mask] % np.uint32(2)
            function.at(cells, where, value.value(state)[mask])
            return mask

        return Statement([text.format(place.text, value.text) + ";"], run)

    def _atomic_own(self) -> Statement:
        """On the thread's own cell, where the value before shows."""
        name = self.random.choice(("Add", "Exch", "Max", "And", "CAS", "Sub"))
        index, value = literal("u", self.random.randrange(OWN)), self._expression("u", 1)
        compare = self._expression("u", 0)
        target = self.random.choice(VARIABLES["u"])
        change = {
            "Add": np.add, "Exch": lambda old, new: new, "Max": np.maximum,
            "And": np.bitwise_and, "Sub": np.subtract,
        }.get(name)  # fmt: skip

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            place = int(index.value(state)[0])
            old, new = state.own[:, place].copy(), value.value(state)
            if change is None:
                new = np.where(old == compare.value(state), new, old)
            else:
                new = change(old, new)
            state.own[mask, place] = new[mask]
            state.set(target, mask, old)
            return mask

        operands = f"{compare.text}, {value.text}" if name == "CAS" else value.text
        return Statement(
            [f"{target} = atomic{name}(&own[g * {OWN}u + {index.text}], {operands});"], run
        )

    # Shared memory and barriers.

    def _fill_shared(self) -> Statement:
        value = self._expression("u", 1)

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            state.shared[state.block[mask], state.get("t")[mask]] = value.value(state)[mask]
            return mask

        # Those that would clear the tally again may have returned by then.
        clear = "if (t < 8u) tally[t] = 0u;"
        return Statement([f"sh[t] = {value.text};", clear, "__syncthreads();"], run)

    def _exchange(self) -> Block:
        """Each thread writes its own element, under divergence; afterwards all may be read."""
        before, self.shared_written = self.shared_written, False  # no reads while others write
        values = [self._expression("u", 2), self._expression("u", 1)]
        condition = self._condition()
        self.shared_written = before

        def store(value: Expression) -> Statement:
            def run(state: State, mask: np.ndarray) -> np.ndarray:
                state.shared[state.block[mask], state.get("t")[mask]] = value.value(state)[mask]
                return mask

            return Statement([f"sh[t] = {value.text};"], run)

        barrier = Statement(["__syncthreads();"], lambda state, mask: mask)
        otherwise = Block([store(values[1])]) if self.random.random() < 0.5 else None
        return Block(
            [barrier, Conditional(condition, Block([store(values[0])]), otherwise), barrier]
        )

    def _tally(self) -> Statement:
        """A histogram of the block by shared atomics."""
        before, self.shared_written = self.shared_written, False
        value, amount, condition = (
            self._expression("u", 1),
            self._expression("u", 1),
            self._condition(),
        )
        self.shared_written = before
        target = self.random.choice(VARIABLES["u"])

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            thread = state.get("t")
            zero = mask & (thread < 8)
            state.tally[state.block[zero], thread[zero]] = 0
            where, adds = value.value(state) & np.uint32(7), mask & condition.value(state)
            np.add.at(state.tally, (state.block[adds], where[adds]), amount.value(state)[adds])
            state.set(target, mask, state.tally[state.block, where])
            return mask

        return Statement(
            [
                "__syncthreads();",
                "if (t < 8u) tally[t] = 0u;",
                "__syncthreads();",
                "{",
                f"  unsigned where = {value.text} & 7u;",
                f"  if ({condition.text}) atomicAdd(&tally[where], {amount.text});",
                "  __syncthreads();",
                f"  {target} = tally[where];",
                "}",
            ],
            run,
        )

    def _barrier_vote(self) -> Statement:
        name = self.random.choice(("count", "or", "and"))
        condition, target = self._condition(), self.random.choice(VARIABLES["u"])

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            came, yes = (
                np.bincount(state.block[m], minlength=len(state.shared))
                for m in (mask, mask & condition.value(state))
            )
            answer = {"count": yes, "or": yes > 0, "and": yes == came}[name]
            state.set(target, mask, answer[state.block].astype(np.uint32))
            return mask

        test = "" if name == "count" else " != 0"
        return Statement([f"{target} = __syncthreads_{name}({condition.text}){test};"], run)
