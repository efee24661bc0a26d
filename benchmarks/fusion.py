"""What `fuse` saves: an expression of ten operations on 10 million float32 elements.

``python -m benchmarks.fusion`` times NumPy, ndgpu unfused and ndgpu fused in turn, in one process,
and prints the median of each and the ratios.  Every operation is memory-bound, so what is saved
is the arrays in between, which the fused kernel never writes.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

import ndgpu

__all__ = ["expression"]

_SIZE = 10_000_000


def expression(x: Any, y: Any) -> Any:
    """Ten operations on two arrays."""
    return ((x + y) * 0.5 - (x - y) * 0.25 + x * y - 1.5) * x + y


def main() -> int:
    rng = np.random.default_rng(0)
    host = [rng.random(_SIZE, np.float32) for _ in range(2)]
    device = [ndgpu.asarray(a) for a in host]
    fused = ndgpu.fuse(expression)
    stream = ndgpu.cuda.get_current_stream()
    runs = {
        "NumPy": lambda: expression(*host),
        "unfused": lambda: (expression(*device), stream.synchronize()),
        "fused": lambda: (fused(*device), stream.synchronize()),
    }
    np.testing.assert_allclose(fused(*device).get(), expression(*host), rtol=1e-5, atol=1e-5)
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(9):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(found[1:]) for name, found in times.items()}
    for name, median in medians.items():
        print(f"{name:8s} {median * 1e3:8.2f} ms   {median / medians['fused']:5.2f} x fused")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
