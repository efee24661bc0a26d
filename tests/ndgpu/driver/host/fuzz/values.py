"""Random expressions over the variables, the input, the local array and shared memory."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np

from .expressions import ROWS, Expression, apply, literal
from .model import OWN, State

__all__ = ["CTYPES", "DATA", "KINDS", "LOCAL", "VARIABLES", "Values", "variable"]

DATA = 2048  # elements of 32 bits of the input
VARIABLES = {"u": ("a", "b", "c"), "l": ("v", "w"), "f": ("x", "y"), "d": ("z",)}
KINDS = {name: kind for kind, names in VARIABLES.items() for name in names}
LOCAL = 6  # elements of the local array
_NUMBERS = (0, 1, 2, 3, 7, 31, 32, 255, 1 << 16, (1 << 31) + 5, (1 << 32) - 1)
_PLAIN_TESTS = [row for row in ROWS["b"] if "b" not in row.operands]
CTYPES = {"u": "unsigned", "l": "u64", "f": "float", "d": "double"}


def variable(kind: str, name: str) -> Expression:
    """A variable of the kernel."""
    return Expression(kind, name, lambda state: state.get(name))


class Values:
    """Makes expressions.

    Attributes
    ----------
    random : random.Random
    counters, uniform_counters : list of str
        Of the loops around; the second are the same in all threads of a block.
    shared_written : bool
        Whether shared memory may be read: nobody writes it between here and the last barrier.
    names : int
        How many names of its own the kernel has so far.
    """

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.names = 0
        self.counters: list[str] = []
        self.uniform_counters: list[str] = []
        self.shared_written = False

    def _index(self) -> Expression:
        """A place of the input: steps of arithmetic on where the thread stands, never too large.

        What a compiler tells of an address, its stride above all, comes from such steps.
        """
        base = self.random.choice(("t", "t", "lane", "threadIdx.x", "threadIdx.y"))
        ctype, suffix = self.random.choice(
            (("unsigned", "u"), ("unsigned", "u"), ("int", ""), ("long long", ""), ("u64", "ull"))
        )
        text, high = f"({ctype}){base}", 255
        steps: list[Callable[[State, np.ndarray], np.ndarray]] = []
        for _ in range(self.random.randrange(4)):
            text, high, step = self._step(text, high, suffix)
            steps.append(step)

        def value(state: State) -> np.ndarray:
            place = state.get(base).astype(np.int64)
            for step in steps:
                place = step(state, place)
            return place.astype(np.uint32)

        return Expression("u", f"({text})", value)

    def _step(self, x: str, high: int, suffix: str) -> tuple[str, int, Callable]:
        """`x` between 0 and `high`, changed, its new bound, and the change."""
        k, c = self.random.randrange(2, 10), self.random.randrange(64)
        mask = self.random.choice((1, 3, 7, 15, 31, 0xF0, 0x3FF))
        counter = self.random.choice((*self.counters, "n"))
        options: list[tuple[str, int, Callable[[State, np.ndarray], np.ndarray]]] = [
            (f"({x} + {c}{suffix})", high + c, lambda s, v: v + c),
            (f"({c}{suffix} + {x})", high + c, lambda s, v: v + c),
            (f"{x} * {k}{suffix}", high * k, lambda s, v: v * k),
            (f"({x} << {k % 4})", high << k % 4, lambda s, v: v << k % 4),
            (f"({x} >> {k % 5})", high >> k % 5, lambda s, v: v >> k % 5),
            (f"{x} / {k}{suffix}", high // k, lambda s, v: v // k),
            (f"{x} % {k}{suffix}", k - 1, lambda s, v: v % k),
            (f"{x} % {c + 1}{suffix}", c, lambda s, v: v % (c + 1)),
            (f"({high + c}{suffix} - {x})", high + c, lambda s, v: high + c - v),
            (f"({x} & {mask}{suffix})", min(high, mask), lambda s, v: v & mask),
            (f"({x} | {mask}{suffix})", high + mask, lambda s, v: v | mask),
            (f"({x} ^ {mask}{suffix})", high + mask, lambda s, v: v ^ mask),
            (f"({x} + {counter})", high + 8, lambda s, v: v + s.get(counter)),
            (f"({x} < {c}{suffix} ? {x} : {c}{suffix})", c, lambda s, v: np.minimum(v, c)),
            (f"({x} + (b & 7u))", high + 7, lambda s, v: v + (s.get("b") & np.uint32(7))),
        ]
        return self.random.choice([o for o in options if o[1] < DATA])

    def _loaded(self) -> Expression:
        """A value from the input, as wide as it comes."""
        width = self.random.choice(("u", "u", "u", "byte", "short", "char", "l", "f", "vector"))
        if width == "u" and self.random.random() < 0.5:
            place = self._index()
            if self.random.random() < 0.3:  # a signed offset of 64 bits
                place_value, text = place.value, f"p[(long long){place.text} - 3]"
                return Expression(
                    "u", text.replace("p[", "(p + 3)["), lambda s: s.data[place_value(s)]
                )
            return Expression("u", f"p[{place.text}]", lambda s: s.data[place.value(s)])
        if width == "byte" and self.random.random() < 0.5:
            place = self._index()
            return Expression(
                "u", f"((const unsigned char*)p)[{place.text}]",
                lambda s: s.data.view(np.uint8)[place.value(s)].astype(np.uint32),
            )  # fmt: skip
        index = self._expression("u", 1)
        ctype, dtype, count, kind = {
            "u": ("unsigned", np.uint32, DATA, "u"),
            "byte": ("unsigned char", np.uint8, DATA * 4, "u"),
            "char": ("signed char", np.int8, DATA * 4, "u"),
            "short": ("short", np.int16, DATA * 2, "u"),
            "l": ("u64", np.uint64, DATA // 2, "l"),
            "f": ("float", np.float32, DATA, "f"),
            "vector": ("uint4", np.uint32, DATA // 4, "u"),
        }[width]
        mask = np.uint32(count - 1)
        text = f"((const {ctype}*)p)[{index.text} & {count - 1}u]"
        if width == "vector":
            part = self.random.randrange(4)
            four = np.uint32(4)
            return Expression(
                "u", f"{text}.{'xyzw'[part]}",
                lambda s: s.data[(index.value(s) & mask) * four + np.uint32(part)],
            )  # fmt: skip

        def value(state: State) -> np.ndarray:
            found = state.data.view(dtype)[index.value(state) & mask]
            if dtype in (np.int8, np.int16):
                return found.astype(np.int32).view(np.uint32)
            return found.astype(np.uint32) if dtype == np.uint8 else found

        return Expression(kind, f"(unsigned){text}" if width in ("char", "short") else text, value)

    def _leaf(self, kind: str) -> Expression:
        choice = self.random.random()
        if kind == "b":
            return self._expression("b", 1)
        if choice < 0.55:
            names = list(VARIABLES[kind])
            if kind == "u":
                names += ["t", "n", "g", *self.counters[-2:]]
            return variable(kind, self.random.choice(names))
        if choice < 0.7:
            number = self.random.choice(
                (0, 1, 2, 3, 7, 31, 32, 255, 1 << 16, (1 << 31) + 5, (1 << 32) - 1)
            )
            if kind in "fd":
                return literal(kind, self.random.choice((0.0, 1.0, -2.5, 1e10, 1e-3, 0.1, 3e38)))
            return literal(kind, number if kind == "u" else number * 0x100000001 % (1 << 64))
        if kind == "u" and choice < 0.78:
            index = self._expression("u", 0)
            return Expression(
                "u", f"q[{index.text} % {LOCAL}u]",
                lambda s: s.arrays["q"][np.arange(s.threads), index.value(s) % np.uint32(LOCAL)],
            )  # fmt: skip
        if kind == "u" and choice < 0.84:
            index = self._expression("u", 0)
            return Expression(
                "u", f"own[g * {OWN}u + {index.text} % {OWN}u]",
                lambda s: s.own[np.arange(s.threads), index.value(s) % np.uint32(OWN)],
            )  # fmt: skip
        if kind == "u" and choice < 0.92 and self.shared_written:
            return self._from_shared()
        if kind in "ulf":
            loaded = self._loaded()
            if loaded.type == kind:
                return loaded
        return variable(kind, self.random.choice(VARIABLES[kind]))

    def _from_shared(self) -> Expression:
        index = self._expression("u", 0) if self.random.random() < 0.4 else self._index()
        return Expression(
            "u", f"sh[{index.text} % nt]",
            lambda s: s.shared[s.block, index.value(s) % np.uint32(s.size)],
        )  # fmt: skip

    def _expression(self, kind: str, depth: int) -> Expression:
        if depth <= 0 and kind != "b":
            return self._leaf(kind)
        row = self.random.choice(ROWS[kind])
        if depth <= 0:
            row = next(
                r for r in self.random.sample(ROWS["b"], len(ROWS["b"])) if "b" not in r.operands
            )
        return apply(row, [self._expression(k, depth - 1) for k in row.operands])

    def _condition(self) -> Expression:
        if self.random.random() < 0.4:  # often true, often false, and not the same everywhere
            modulus = self.random.randrange(2, 6)
            value = self._leaf("u")
            return Expression(
                "b", f"{value.text} % {modulus}u != {modulus // 2}u",
                lambda s: value.value(s) % np.uint32(modulus) != modulus // 2,
            )  # fmt: skip
        return self._expression("b", 1)

    def _uniform(self, limit: int) -> Expression:
        """A small number that is the same in all threads of a block."""
        name = self.random.choice(("n", "blk", "nt", *self.uniform_counters))
        more = self.random.randrange(limit)
        return Expression(
            "u", f"(({name} + {more}u) % {limit}u)",
            lambda s: (s.get(name) + np.uint32(more)) % np.uint32(limit),
        )  # fmt: skip
