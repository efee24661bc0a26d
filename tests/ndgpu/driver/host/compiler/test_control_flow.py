"""Random control flow against a model that runs one thread at a time in Python."""

import ctypes
import random

import numpy as np
import pytest

_VARIABLES = ("a", "b", "c", "d")
_MASK = 0xFFFFFFFF


class _Generator:
    """Writes one kernel body twice: as CUDA C++ and as Python."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.cuda: list[str] = []
        self.python: list[str] = []
        self.loops = 0

    def line(self, depth: int, cuda: str, python: str | None) -> None:
        self.cuda.append("  " * depth + cuda)
        if python is not None:
            self.python.append("  " * depth + python)

    def value(self) -> str:
        return self.random.choice((*_VARIABLES, "t", "n", str(self.random.randrange(1, 60)) + "u"))

    def expression(self, target: str) -> tuple[str, str]:
        """An expression of 32 bits without sign.

        What goes into `c` and `d` is the same for all threads but for the way they took, so
        that mistaking a register for uniform shows.
        """
        x, y, z = self.value(), self.value(), self.value()
        if target in ("c", "d"):
            same = ("c", "d", "n", str(self.random.randrange(1, 60)) + "u")
            x, y, z = (self.random.choice(same) for _ in range(3))
            cuda = self.random.choice((f"{x} + {y}", f"{x} * {y} + {z}", f"{x} ^ {y}", x))
            return cuda, f"({cuda.replace('u', '')}) & {_MASK}"
        cuda = self.random.choice(
            (f"{x} + {y}", f"{x} * {y} + {z}", f"{x} ^ ({y} >> 3)", f"{x} - {y}",
             f"({x} & {y}) + {z}", f"{x} / ({y} % 7u + 1u)", f"p[({x}) % 64u] + {y}",
             f"q[({x}) % 5u] ^ {y}")
        )  # fmt: skip
        python = cuda.replace("/", "//").replace("u", "")
        return cuda, f"({python}) & {_MASK}"

    def condition(self) -> tuple[str, str]:
        x, y = self.value(), self.value()
        cuda = self.random.choice(
            (f"({x} & 3u) == ({y} & 3u)", f"{x} % 5u < 2u", f"{x} > {y}", f"({x} ^ {y}) & 1u",
             "n & 1u", "t % 3u == 1u")
        )  # fmt: skip
        return cuda, cuda.replace("u", "")

    def block(self, depth: int, budget: int, in_loop: bool) -> None:
        for _ in range(self.random.randrange(1, 5)):
            self.statement(depth, budget, in_loop)
        if not self.python[-1].strip() or self.python[-1].rstrip().endswith(":"):
            self.line(depth, ";", "pass")

    def statement(self, depth: int, budget: int, in_loop: bool) -> None:
        kind = self.random.random()
        if budget <= 0 or kind < 0.45:
            target = self.random.choice((*_VARIABLES, "q"))
            cuda, python = self.expression(target)
            if target == "q":
                index = self.value()
                target_cuda, target = f"q[{index} % 5u]", f"q[({index.strip('u')}) % 5]"
            else:
                target_cuda = target
            self.line(depth, f"{target_cuda} = {cuda};", f"{target} = {python}")
        elif kind < 0.65:
            cuda, python = self.condition()
            self.line(depth, f"if ({cuda}) {{", f"if {python}:")
            self.block(depth + 1, budget - 1, in_loop)
            if self.random.random() < 0.5:
                self.line(depth, "} else {", "else:")
                self.block(depth + 1, budget - 1, in_loop)
            self.line(depth, "}", None)
        elif kind < 0.85:
            self.loops += 1
            index = f"i{self.loops}"
            trips = self.random.choice(
                ("n % 4u", "t % 5u", "t % 5u + 1u", f"{self.value()} % 4u + 1u", "3u")
            )
            self.line(
                depth,
                f"for (unsigned {index} = 0, m{index} = {trips}; {index} < m{index}; {index}++) {{",
                f"for {index} in range(({trips.replace('u', '')})):",
            )
            self.line(depth + 1, f"a += {index} * b;", f"a = (a + {index} * b) & {_MASK}")
            self.line(depth + 1, f"c += {index} + 1u;", f"c = (c + {index} + 1) & {_MASK}")
            self.block(depth + 1, budget - 1, True)
            self.line(depth, "}", None)
        elif in_loop:
            cuda, python = self.condition()
            word = self.random.choice(("break", "continue"))
            self.line(depth, f"if ({cuda}) {word};", f"if {python}: {word}")
        elif kind > 0.95:
            cuda, python = self.condition()
            self.line(
                depth,
                f"if ({cuda}) {{ out[t * 2] = a ^ d; return; }}",
                f"if {python}: return a ^ d, 0",
            )
        else:
            self.line(depth, "out[t * 2 + 1] += a;", f"s = (s + a) & {_MASK}")

    def sources(self, name: str) -> tuple[str, str]:
        for _ in range(3):
            self.block(1, 3, False)
        head = f'extern "C" __global__ void {name}(const unsigned* p, unsigned* out, unsigned n) {{'
        cuda = [
            head,
            "  unsigned t = blockIdx.x * (blockDim.x * blockDim.y * blockDim.z)"
            " + (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;",
            "  unsigned a = t, b = p[t % 64u], c = n, d = 7u, q[5] = {1u, 2u, 3u, 4u, t};",
            *self.cuda,
            "  out[t * 2] = a + 3u * b + 5u * c + 7u * d + q[0] + q[1] + q[2] + q[3] + q[4];",
            "}",
        ]
        python = [
            f"def {name}(t, p, n):",
            "  a, b, c, d, q, s = t, p[t % 64], n, 7, [1, 2, 3, 4, t], 0",
            *self.python,
            f"  return (a + 3 * b + 5 * c + 7 * d + sum(q)) & {_MASK}, s",
        ]
        return "\n".join(cuda), "\n".join(python)


def _early_returns_keep_sums(python: str) -> str:
    """A thread that returns early has stored its sum already."""
    return python.replace("return a ^ d, 0", "return a ^ d, s")


@pytest.mark.parametrize("seed", range(4))
def test_random_control_flow_agrees_with_one_thread_at_a_time(cuda, seed):
    """Nested conditions, loops of varying length, breaks, early returns and local arrays."""
    names = [f"k{i}" for i in range(3)]
    texts, scope = [], {}
    for place, name in enumerate(names):
        source, python = _Generator(1000 * seed + place).sources(name)
        texts.append(source)
        exec(_early_returns_keep_sums(python), scope)
    program = cuda("\n".join(texts))
    rng = np.random.default_rng(seed)
    data = rng.integers(0, 1 << 32, 64, np.uint32)
    listed = [int(v) for v in data]
    for name in names:
        for grid, block in (((2,), (64,)), ((2,), (37,)), ((1,), (5, 3, 2))):
            threads = int(np.prod(grid) * np.prod(block))
            for n in (5, 6):
                out = np.zeros((threads, 2), np.uint32)
                assert program.launch(name, grid, block, data, out, ctypes.c_uint32(n)) == 0
                want = [scope[name](t, listed, n) for t in range(threads)]
                np.testing.assert_array_equal(out, np.array(want, np.uint32))


def test_lanes_that_continue_do_not_wait_for_those_that_go_on(cuda):
    """The way from the branch to the rest of the loop goes round: no place to meet again."""
    program = cuda("""extern "C" __global__ void k(int* x, const int* limit) {
        int t = threadIdx.x, s = 0, c = 0, i = 0;
        for (;;) {
          ++i;
          if ((i * 7 + t) % 3 == 0) { c = 1; continue; }
          s += c * 100 + i; c = 2; limit += 1;
          if (s > *limit) break;
        }
        x[t] = s * 10 + c; }""")
    limit = np.arange(4000, dtype=np.int32) // 3 + 5
    x = np.zeros(64, np.int32)
    assert program.launch("k", (1,), (64,), x, limit) == 0
    for t, found in enumerate(x):
        s = c = i = p = 0
        while True:
            i += 1
            if (i * 7 + t) % 3 == 0:
                c = 1
                continue
            s, c, p = s + c * 100 + i, 2, p + 1
            if s > limit[p]:
                break
        assert found == s * 10 + c
