"""The cases, by group: each is the same expression in every library.

A case's function takes the library's namespace and its arrays; where PyTorch spells a function
otherwise the expression uses operators or names that all of them have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy

from .frameworks import frameworks
from .harness import Case
from .libraries import Library
from .main_job import training
from .training import iterators, updates

__all__ = ["SUITES", "cases"]

LARGE = 10_000_000
SMALL = 10


def _case(
    libraries: list[Library],
    group: str,
    name: str,
    inputs: list[numpy.ndarray],
    work: Callable,
    latency: bool = False,
    only: set[str] | None = None,
) -> Case:
    runs, wait = {}, {}
    for library in libraries:
        if only is not None and library.name not in only:
            continue
        arrays = [library.asarray(a) for a in inputs]
        runs[library.name] = lambda xp=library.xp, arrays=arrays: work(xp, *arrays)
        wait[library.name] = library.wait
    return Case(group, name, runs, wait, latency)


def _floats(*shape: int, seed: int = 0) -> numpy.ndarray:
    return numpy.random.default_rng(seed).random(shape, dtype=numpy.float32)


def elementwise(libraries: list[Library]) -> Iterator[Case]:
    x, y = _floats(LARGE), _floats(LARGE, seed=1)
    rows: dict[str, Callable] = {
        "a + b": lambda xp, a, b: a + b,
        "a * b + a": lambda xp, a, b: a * b + a,
        "exp(a)": lambda xp, a, b: xp.exp(a),
        "tanh(a)": lambda xp, a, b: xp.tanh(a),
        "sqrt(a)": lambda xp, a, b: xp.sqrt(a),
        "sin(a)": lambda xp, a, b: xp.sin(a),
        "a > b": lambda xp, a, b: a > b,
        "where(a > b, a, b)": lambda xp, a, b: xp.where(a > b, a, b),
    }
    for name, work in rows.items():
        yield _case(libraries, "elementwise 10M float32", name, [x, y], work)
    matrix, row = _floats(5000, 2000), _floats(2000, seed=1)
    yield _case(
        libraries, "elementwise 10M float32", "matrix + row", [matrix, row], lambda xp, m, r: m + r
    )
    yield _case(
        libraries,
        "elementwise 10M float32",
        "transposed + matrix",
        [_floats(3000, 3000), _floats(3000, 3000, seed=1)],
        lambda xp, a, b: a.T + b,
    )
    # NumPy's name for it, and PyTorch's.
    yield _case(
        libraries,
        "elementwise 10M float32",
        "transposed copy, 4096 x 4096",
        [_floats(4096, 4096)],
        lambda xp, a: a.T.contiguous() if hasattr(a, "contiguous") else xp.ascontiguousarray(a.T),
    )
    yield _case(
        libraries,
        "elementwise 10M float32",
        "(3M, 3) + row of 3",
        [_floats(3_000_000, 3), _floats(3, seed=1)],
        lambda xp, a, b: a + b,
    )
    yield _case(
        libraries, "elementwise 10M float32", "a[::2] + b[::2]", [x, y],
        lambda xp, a, b: a[::2] + b[::2],
    )  # fmt: skip


def latency(libraries: list[Library]) -> Iterator[Case]:
    x, y = _floats(SMALL), _floats(SMALL, seed=1)
    rows: dict[str, Callable] = {
        "a + b": lambda xp, a, b: a + b,
        "a + 1.0": lambda xp, a, b: a + 1.0,
        "exp(a)": lambda xp, a, b: xp.exp(a),
        "a.sum()": lambda xp, a, b: a.sum(),
        "a.reshape(2, 5)": lambda xp, a, b: a.reshape(2, 5),
        "a[2:5]": lambda xp, a, b: a[2:5],
    }
    for name, work in rows.items():
        yield _case(libraries, "latency, 10 float32, not waiting", name, [x, y], work, latency=True)
    runs: dict[str, Callable] = {}
    wait = {}
    for library in libraries:
        if hasattr(library.xp, "RawKernel"):
            kernel = library.xp.RawKernel('extern "C" __global__ void nothing() {}', "nothing")
            runs[library.name] = lambda kernel=kernel: kernel((1,), (1,), ())
            wait[library.name] = library.wait
    yield Case("latency of a launch", "RawKernel that does nothing", runs, wait, latency=True)


def fused(libraries: list[Library]) -> Iterator[Case]:
    """One `ElementwiseKernel` beside the same expression in NumPy."""
    rows: list[tuple[str, int, Callable]] = [
        ("x * y + z", 3, lambda xp, x, y, z: x * y + z),
        ("exp(x) * tanh(y)", 2, lambda xp, x, y: xp.exp(x) * xp.tanh(y)),
        ("((x * y + z) * w + x) * y", 4, lambda xp, x, y, z, w: ((x * y + z) * w + x) * y),
    ]
    for expression, count, work in rows:
        inputs = [_floats(LARGE, seed=seed) for seed in range(count)]
        runs: dict[str, Callable] = {}
        wait = {}
        for library in libraries:
            arrays = [library.asarray(a) for a in inputs]
            if library.name == "numpy":
                runs["numpy"] = lambda arrays=arrays, work=work: work(numpy, *arrays)
            elif hasattr(library.xp, "ElementwiseKernel"):
                parameters = ", ".join(f"T {name}" for name in "xyzw"[:count])
                kernel = library.xp.ElementwiseKernel(
                    parameters, "T out", f"out = {expression}", "benchmark"
                )
                runs[library.name] = lambda kernel=kernel, arrays=arrays: kernel(*arrays)
                wait[library.name] = library.wait
        yield Case("fused kernel 10M float32", expression, runs, wait)


def reductions(libraries: list[Library]) -> Iterator[Case]:
    flat, matrix = _floats(LARGE), _floats(10_000, 1000)
    group = "reductions 10M float32"
    yield _case(libraries, group, "sum", [flat], lambda xp, a: a.sum())
    yield _case(libraries, group, "max", [flat], lambda xp, a: a.max())
    yield _case(libraries, group, "argmax", [flat], lambda xp, a: a.argmax())
    yield _case(libraries, group, "sum(axis=1)", [matrix], lambda xp, a: a.sum(1))
    yield _case(libraries, group, "sum(axis=0)", [matrix], lambda xp, a: a.sum(0))
    yield _case(libraries, group, "mean(axis=0)", [matrix], lambda xp, a: a.mean(0))
    columns = _floats(1_000_000, 10)
    yield _case(libraries, group, "sum(axis=0), 10 columns", [columns], lambda xp, a: a.sum(0))
    yield _block_sums(libraries)


_BLOCK_SUM = """
extern "C" __global__ void block_sum(const float* x, float* sums, int n) {
  __shared__ float partial[256];
  const float* row = x + (size_t)blockIdx.x * n;
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += 256) sum += row[i];
  partial[threadIdx.x] = sum;
  __syncthreads();
  for (int k = 128; k > 0; k >>= 1) {
    if (threadIdx.x < k) partial[threadIdx.x] += partial[threadIdx.x + k];
    __syncthreads();
  }
  if (threadIdx.x == 0) sums[blockIdx.x] = partial[0];
}
"""


def _block_sums(libraries: list[Library]) -> Case:
    """A reduction as a user writes it in CUDA C++, with nine barriers, beside NumPy's sum."""
    matrix = _floats(1000, 10_000)
    runs: dict[str, Callable] = {}
    wait = {}
    for library in libraries:
        x = library.asarray(matrix)
        if library.name == "numpy":
            runs["numpy"] = lambda x=x: x.sum(1)
        elif hasattr(library.xp, "RawKernel"):
            kernel = library.xp.RawKernel(_BLOCK_SUM, "block_sum")
            sums = library.xp.empty(1000, numpy.float32)
            given = (x, sums, numpy.int32(10_000))
            runs[library.name] = lambda kernel=kernel, given=given: kernel((1000,), (256,), given)
            wait[library.name] = library.wait
    return Case("reductions 10M float32", "blocks of 256, 9 barriers", runs, wait)


def matmul(libraries: list[Library]) -> Iterator[Case]:
    for n in (64, 512, 2048):
        a, b = _floats(n, n), _floats(n, n, seed=1)
        yield _case(libraries, "matmul float32", f"{n} x {n}", [a, b], lambda xp, a, b: a @ b)


SUITES: dict[str, Callable[[list[Library]], Iterator[Case]]] = {
    "elementwise": elementwise,
    "fused": fused,
    "reductions": reductions,
    "matmul": matmul,
    "latency": latency,
    "iterators": iterators,
    "updates": updates,
    "training": training,
    "frameworks": frameworks,
}


def cases(libraries: list[Library], names: list[str]) -> Iterator[Case]:
    """The cases of the named suites; each is made just before it is measured."""
    for name in names:
        yield from SUITES[name](libraries)
