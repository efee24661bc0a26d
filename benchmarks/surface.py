"""``python -m benchmarks.surface``: functions of the array surface beside NumPy, by size.

Every function is measured on 10, 10,000 and 10 million elements, both libraries in turn in one
run. What is printed is NumPy's time over ndgpu's (more is better), then the five lowest at 10
million with the reason, and which bars do not hold. For one thread set ``NDGPU_HOST_THREADS=1
OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy

import ndgpu

from . import report
from .harness import Case, measure
from .libraries import available

__all__ = ["FUNCTIONS", "Function", "main"]

SIZES = (10, 10_000, 10_000_000)
BARS = {"elementwise": 0.8, "reduction": 0.8, "sorting": 0.5}
"""Least ratios at 10 million elements, by kind; other kinds are shown only."""


class Function(NamedTuple):
    """One function: its kind, the work on two arrays and one of places, and why it may be slow."""

    name: str
    kind: str
    work: Callable[..., Any]
    dtype: str = "f4"
    reason: str = "not looked into yet"


_BANDWIDTH = "bound by memory, as NumPy's: a GPU's kernel has nothing to gain on the processor"
FUNCTIONS: tuple[Function, ...] = (
    Function("a + b", "elementwise", lambda xp, a, b, k: a + b, reason=_BANDWIDTH),
    Function("a + b, float64", "elementwise", lambda xp, a, b, k: a + b, "f8", _BANDWIDTH),
    Function("a * b, int32", "elementwise", lambda xp, a, b, k: a * b, "i4", _BANDWIDTH),
    Function("a / b", "elementwise", lambda xp, a, b, k: a / b, reason=_BANDWIDTH),
    Function("a > b", "elementwise", lambda xp, a, b, k: a > b),
    Function("sqrt", "elementwise", lambda xp, a, b, k: xp.sqrt(a), reason=_BANDWIDTH),
    Function("exp", "elementwise", lambda xp, a, b, k: xp.exp(a)),
    Function("log", "elementwise", lambda xp, a, b, k: xp.log(a)),
    Function("sin", "elementwise", lambda xp, a, b, k: xp.sin(a)),
    Function("tanh", "elementwise", lambda xp, a, b, k: xp.tanh(a)),
    Function(
        "power",
        "elementwise",
        lambda xp, a, b, k: a**b,
        reason="the logarithm is kept in two numbers, for an error of 1.3 ulp at most",
    ),
    Function("exp, float64", "elementwise", lambda xp, a, b, k: xp.exp(a), "f8"),
    Function("maximum", "elementwise", lambda xp, a, b, k: xp.maximum(a, b), reason=_BANDWIDTH),
    Function("abs", "elementwise", lambda xp, a, b, k: xp.abs(a), reason=_BANDWIDTH),
    Function("floor", "elementwise", lambda xp, a, b, k: xp.floor(a), reason=_BANDWIDTH),
    Function("where", "elementwise", lambda xp, a, b, k: xp.where(a > b, a, b)),
    Function("clip", "elementwise", lambda xp, a, b, k: xp.clip(a, 0.2, 0.8)),
    Function(
        "astype float64", "elementwise", lambda xp, a, b, k: a.astype("f8"), reason=_BANDWIDTH
    ),
    Function(
        "a[::2] + b[::2]",
        "elementwise",
        lambda xp, a, b, k: a[::2] + b[::2],
        reason="twice the memory is read: two vectors for one of every other element",
    ),
    Function("sum", "reduction", lambda xp, a, b, k: a.sum()),
    Function(
        "sum, axis 0",
        "reduction",
        lambda xp, a, b, k: a.reshape(10, -1).sum(axis=0),
        reason=_BANDWIDTH,
    ),
    Function("sum, axis 1", "reduction", lambda xp, a, b, k: a.reshape(-1, 10).sum(axis=1)),
    Function("mean", "reduction", lambda xp, a, b, k: a.mean()),
    Function("std", "reduction", lambda xp, a, b, k: a.std()),
    Function("max", "reduction", lambda xp, a, b, k: a.max(), reason=_BANDWIDTH),
    Function(
        "argmax",
        "reduction",
        lambda xp, a, b, k: a.argmax(),
        reason="a value and its index are kept for each lane: two comparisons and two selections",
    ),
    Function("all", "reduction", lambda xp, a, b, k: a.all()),
    Function("count_nonzero", "reduction", lambda xp, a, b, k: xp.count_nonzero(a)),
    Function("cumsum", "scan", lambda xp, a, b, k: xp.cumsum(a)),
    Function("sort", "sorting", lambda xp, a, b, k: xp.sort(a)),
    Function("argsort", "sorting", lambda xp, a, b, k: xp.argsort(a)),
    Function(
        "sort, int32",
        "sorting",
        lambda xp, a, b, k: xp.sort(a),
        "i4",
        "four passes of a radix sort through memory, beside a quicksort of 512-bit vectors",
    ),
    Function(
        "unique, int32",
        "sets",
        lambda xp, a, b, k: xp.unique(a),
        "i4",
        "NumPy looks integers up in a hash table; here they are sorted",
    ),
    Function("take", "indexing", lambda xp, a, b, k: xp.take(a, k)),
    Function("a[a > b]", "indexing", lambda xp, a, b, k: a[a > b]),
    Function(
        "concatenate", "movement", lambda xp, a, b, k: xp.concatenate([a, b]), reason=_BANDWIDTH
    ),
    Function("transposed copy", "movement", lambda xp, a, b, k: xp.ascontiguousarray(_square(a).T)),
    Function("convolve with 9", "products", lambda xp, a, b, k: xp.convolve(a, b[:9])),
    Function("rfft", "products", lambda xp, a, b, k: xp.fft.rfft(a)),
)


def _square(a: Any) -> Any:
    side = int(a.size**0.5)
    return a[: side * side].reshape(side, side)


def _inputs(size: int, dtype: str) -> list[numpy.ndarray]:
    rng = numpy.random.default_rng(1)
    numbers = rng.integers(0, 1000, (2, size)) if dtype == "i4" else rng.random((2, size))
    return [*numbers.astype(dtype), rng.integers(0, size, size)]


def _processor_time(run: Callable[[], object], wait: Callable[[], object], rounds: int) -> float:
    """The least seconds of processor time, of all threads together, that one run took."""
    found = []
    for _ in range(rounds + 1):
        start = time.process_time()
        run()
        wait()
        found.append(time.process_time() - start)
    return min(found[1:])


def ratio(function: Function, size: int, rounds: int, processor: bool = False) -> float:
    """Return NumPy's median time over ndgpu's; of processor time, the least of each, if asked."""
    inputs = _inputs(size, function.dtype)
    libraries = [x for x in available() if x.name in ("numpy", "ndgpu")]
    runs, wait = {}, {}
    for library in libraries:
        arrays = [library.asarray(a) for a in inputs]
        runs[library.name] = lambda xp=library.xp, arrays=arrays: function.work(xp, *arrays)
        wait[library.name] = library.wait
    if processor:
        found = {name: _processor_time(runs[name], wait[name], rounds) for name in runs}
    else:
        case = Case("surface", function.name, runs, wait)
        found = {r.library: r.median for r in measure(case, rounds)}
    return found["numpy"] / found["ndgpu"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print the table, the lowest five and the bars that do not hold."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.surface", description=__doc__)
    parser.add_argument("names", nargs="*", help="functions to measure (default all)")
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--processor-time",
        action="store_true",
        help="compare processor time, which other programs disturb less (use one thread)",
    )
    parser.add_argument("--out", type=Path, help="JSON to write")
    args = parser.parse_args(arguments)
    machine = report.describe_machine(available())
    print(f"{machine['device']}; {machine['cpu']}, {machine['cores']} cores; {machine['date']}")
    print("NumPy's time / ndgpu's" + "".join(f"{size:>12,}" for size in args.sizes))
    table: dict[str, dict[int, float]] = {}
    for function in FUNCTIONS:
        if args.names and function.name not in args.names:
            continue
        row = table[function.name] = {}
        for size in args.sizes:
            row[size] = ratio(function, size, args.rounds, args.processor_time)
        print(f"{function.name:<22}" + "".join(f"{r:>12.2f}" for r in row.values()), flush=True)
    largest = max(args.sizes)
    shown = [f for f in FUNCTIONS if f.name in table]
    print(f"\nlowest at {largest:,}:")
    for function in sorted(shown, key=lambda f: table[f.name][largest])[:5]:
        print(f"  {table[function.name][largest]:.2f}  {function.name}: {function.reason}")
    failed = [f for f in shown if table[f.name][largest] < BARS.get(f.kind, 0)]
    for function in failed:
        print(f"below the bar of {BARS[function.kind]} for {function.kind}: {function.name}")
    if args.out is not None:
        args.out.write_text(json.dumps({"machine": machine, "ratios": table}, indent=1))
    ndgpu.cuda.get_current_stream().synchronize()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
