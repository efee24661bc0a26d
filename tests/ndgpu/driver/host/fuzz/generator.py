"""Random kernels: each statement is made once, with its C++ and its effect on the model's state.

What a kernel may contain where is told by `Place`: barriers only where all threads of a block come,
warp operations only where the lanes that come are known by name, returns only in kernels without
warp operations.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import numpy as np

from .expressions import PRELUDE, ROWS, Expression, apply, literal, see
from .model import OWN, RESULTS, SHARED, Block, Conditional, Loop, State, Statement, Switch

__all__ = ["DATA", "Kernel", "module"]

DATA = 2048  # elements of 32 bits of the input
_VARIABLES = {"u": ("a", "b", "c"), "l": ("v", "w"), "f": ("x", "y"), "d": ("z",)}
_KINDS = {name: kind for kind, names in _VARIABLES.items() for name in names}
_LOCAL = 6  # elements of the local array
_NUMBERS = (0, 1, 2, 3, 7, 31, 32, 255, 1 << 16, (1 << 31) + 5, (1 << 32) - 1)
_PLAIN_TESTS = [row for row in ROWS["b"] if "b" not in row.operands]
_CTYPES = {"u": "unsigned", "l": "u64", "f": "float", "d": "double"}


@dataclass(frozen=True)
class Place:
    """Where in a kernel a statement is to stand."""

    budget: int  # how much deeper it may nest
    uniform: bool  # whether all threads of a block that have not returned come here
    members: str | None  # name of the mask of the lanes that come here
    loop: bool = False  # whether a thread may leave or go on with the loop around
    turn: bool = False  # whether it stands right in the body of a loop that votes
    switch: bool = False


def _variable(kind: str, name: str) -> Expression:
    return Expression(kind, name, lambda state: state.get(name))


class Kernel:
    """One random kernel.

    Attributes
    ----------
    name, source : str
    body : Block
        What the model runs.
    warps : bool
        Whether it has warp operations.
    """

    def __init__(self, name: str, seed: int) -> None:
        self.name = name
        self.random = random.Random(seed)
        flavour = self.random.random()
        self.warps = flavour < 0.4
        self.returns = 0.4 <= flavour < 0.7
        self.barriers = self.random.random() < 0.5
        self.names = 0
        self.counters: list[str] = []
        self.uniform_counters: list[str] = []
        self.shared_written = False
        place = Place(3, True, "m0" if self.warps else None)
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

    # Expressions.

    def _index(self, kind: str = "u") -> Expression:
        """Places of the input that a stride of the thread gives, or any others."""
        step, start = self.random.choice((0, 1, 1, 2, 4)), self.random.randrange(64)
        form = self.random.choice(("{step}u * t + {start}u", "1200u + {start}u - {step}u * t"))
        sign = 1 if form.startswith("{step}") else -1
        base = start if sign > 0 else 1200 + start

        def value(state: State) -> np.ndarray:
            return (base + sign * step * state.get("t").astype(np.int64)).astype(np.uint32)

        return Expression("u", f"({form.format(step=step, start=start)})", value)

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
            names = list(_VARIABLES[kind])
            if kind == "u":
                names += ["t", "n", "g", *self.counters[-2:]]
            return _variable(kind, self.random.choice(names))
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
                "u", f"q[{index.text} % {_LOCAL}u]",
                lambda s: s.arrays["q"][np.arange(s.threads), index.value(s) % np.uint32(_LOCAL)],
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
        return _variable(kind, self.random.choice(_VARIABLES[kind]))

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

    # Statements without statements inside.

    def _assign(self, name: str, value: Expression, declare: bool = False) -> Statement:
        def run(state: State, mask: np.ndarray) -> np.ndarray:
            if declare:
                state.variables[name] = value.value(state)
            else:
                state.set(name, mask, value.value(state))
            return mask

        ctype = f"{_CTYPES[value.type]} " if declare else ""
        return Statement([f"{ctype}{name} = {value.text};"], run)

    def _start(self) -> Block:
        statements: list[Statement] = []
        for name, kind in _KINDS.items():
            first = {
                "a": _variable("u", "t"),
                "b": Expression("u", "p[t]", lambda s: s.data[s.get("t")]),
                "c": literal("u", 7),
                "v": apply(next(r for r in ROWS["l"] if r.operands == "uu"),
                           [_variable("u", "g"), _variable("u", "b")]),
                "w": literal("l", 0x123456789ABCDEF),
                "x": apply(next(r for r in ROWS["f"] if r.operands == "u"), [_variable("u", "b")]),
                "y": literal("f", 1.5),
                "z": literal("d", -0.75),
            }[name]  # fmt: skip
            assert first.type == kind
            statements.append(self._assign(name, first, declare=True))

        def array(state: State, mask: np.ndarray) -> np.ndarray:
            state.arrays["q"] = np.tile(np.arange(_LOCAL, dtype=np.uint32), (state.threads, 1))
            return mask

        numbers = ", ".join(f"{i}u" for i in range(_LOCAL))
        statements.append(Statement([f"unsigned q[{_LOCAL}] = {{{numbers}}};"], array))
        return Block(statements)

    def _results(self) -> Statement:
        """Every variable into the thread's own results."""
        values = [see(_variable(kind, name)) for name, kind in _KINDS.items()]
        lines = [f"out[g * {RESULTS}ull + {i}] = {v.text};" for i, v in enumerate(values)]
        lines.append(f"for (unsigned i = 0; i < {_LOCAL}u; ++i)")
        lines.append(f"  out[g * {RESULTS}u + {len(values)}u + i] = q[i];")

        def run(state: State, mask: np.ndarray) -> np.ndarray:
            for i, value in enumerate(values):
                state.results[mask, i] = value.value(state)[mask]
            state.results[mask, len(values) : len(values) + _LOCAL] = state.arrays["q"][mask]
            return mask

        return Statement(lines, run)

    def _element(self, text: str, index: Expression, value: Expression, store) -> Statement:
        def run(state: State, mask: np.ndarray) -> np.ndarray:
            store(state, mask, index.value(state), value.value(state))
            return mask

        return Statement([f"{text.format(index.text)} = {value.text};"], run)

    def _local(self) -> Statement:
        def store(state: State, mask: np.ndarray, index: np.ndarray, value: np.ndarray) -> None:
            who = np.flatnonzero(mask)
            state.arrays["q"][who, index[mask] % _LOCAL] = value[mask]

        return self._element(
            f"q[{{}} % {_LOCAL}u]", self._expression("u", 0), self._expression("u", 2), store
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
        target = self.random.choice(_VARIABLES["u"])
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
        target = self.random.choice(_VARIABLES["u"])

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
        condition, target = self._condition(), self.random.choice(_VARIABLES["u"])

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

    # Warp operations.

    def _shuffle(self, members: str) -> Statement:
        kind = self.random.choice("uuufld")
        name = self.random.choice(("", "_up", "_down", "_xor"))
        value, target = self._expression(kind, 1), self.random.choice(_VARIABLES[kind])
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
                f"  {_CTYPES[kind]} given = {value.text};",
                f"  {_CTYPES[kind]} got = {call};",
                f"  {target} = {members} >> {lane} & 1u ? got : given;",
                "}",
            ],
            run,
        )

    def _vote(self, members: str) -> Statement:
        name = self.random.choice(("ballot", "any", "all", "rank", "match", "uni"))
        condition, value = self._condition(), self._expression("u", 1)
        target = self.random.choice(_VARIABLES["u"])
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
        value, target = self._expression("u", 1), self.random.choice(_VARIABLES["u"])
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
        name = self.random.choice(tuple(_KINDS))
        return self._assign(name, self._expression(_KINDS[name], self.random.choice((1, 2, 2, 3))))

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
        test = _variable("b", f"c{self.names}")

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
        self.counters.remove(counter)
        if keep:
            self.uniform_counters.remove(counter)
        # A scope of its own: other statements declare the same kind of names.
        return Block([_Scope(Loop(counter, trips, body, style, members))])

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


def module(seeds: list[int]) -> tuple[str, list[Kernel]]:
    """A CUDA source with a kernel for each seed, and the kernels."""
    kernels = [Kernel(f"k{seed}", seed) for seed in seeds]
    return PRELUDE + "".join(kernel.source for kernel in kernels), kernels
