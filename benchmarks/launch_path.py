"""Where the microseconds of a small launch go, on one thread.

``python -m benchmarks.launch_path`` times whole calls (``a + b`` on ten float32 elements, with
``out=``, a raw kernel with four arguments, a fused and an elementwise kernel of a user) and the
parts that they are made of, from the Python call down to native code.  Each figure is the least of
many short rounds: what the work costs where nothing else disturbs it.  ``NDGPU_HOST_THREADS=1`` is
set unless it is given.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

os.environ.setdefault("NDGPU_HOST_THREADS", "1")

import numpy as np

import ndgpu
from ndgpu import driver, runtime
from ndgpu.core.ndarray import allocate_like

__all__ = ["measure"]

_CALLS = 300


def measure(call: Callable[[], object], rounds: int = 150) -> float:
    """Microseconds of a call: the least mean of `rounds` rounds."""
    for _ in range(_CALLS):
        call()
    best = float("inf")
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(_CALLS):
            call()
        best = min(best, time.perf_counter() - start)
    return best / _CALLS * 1e6


def cases() -> dict[str, Callable[[], object]]:
    """The calls and their parts, by name."""
    a = ndgpu.ones(10, dtype="float32")
    b = ndgpu.ones(10, dtype="float32")
    out = ndgpu.empty_like(a)
    raw = ndgpu.RawKernel(
        'extern "C" __global__ void add(const float* x, const float* y, float* z, int n) {'
        "  int i = threadIdx.x; if (i < n) z[i] = x[i] + y[i]; }",
        "add",
    )
    n, grid, block = np.int32(10), (1,), (32,)
    mine = ndgpu.ElementwiseKernel("T x, T y", "T z", "z = x + y", "mine")
    fused = ndgpu.fuse(lambda x, y: x + y)
    matrix = ndgpu.ones((4, 4), dtype="float32")
    a + b
    ndgpu.add(a, b, out=out)
    raw(grid, block, (a, b, out, n))
    plan = ndgpu.add._plans[a.dtype, b.dtype]
    bound = next(iter(plan.kernel._flat.values()))
    slot = bound._packer.take()
    values = (10, a.ptr, b.ptr, out.ptr)
    bound._pack_into(slot[0], 0, *values)
    stream = runtime.get_current_stream().ptr
    host = np.ones(10, np.float32)
    return {
        "nothing (a Python call)": lambda: None,
        "a + b": lambda: a + b,
        "  take and return memory": lambda: runtime.alloc(40),
        "  make the array as well": lambda: allocate_like(a, a.dtype),
        "  Elementwise.launch": lambda: plan.launch((a, b, out), a.shape),
        "  Elementwise.launch_flat": lambda: plan.flat((a, b, out), 10),
        "    the current stream": runtime.get_current_stream,
        "    the current device": runtime.current_device_id,
        "    Bound (pack and launch)": lambda: bound(1, 256, stream, values),
        "      pack": lambda: bound._pack_into(slot[0], 0, *values),
        "      cuLaunchKernel": lambda: driver.cuLaunchKernel(
            bound._handle, 1, 1, 1, 256, 1, 1, 0, stream, slot[1], 0
        ),
        "add(a, b, out=out)": lambda: ndgpu.add(a, b, out=out),
        "a += b": lambda: a.__iadd__(b),
        "a + 1.0": lambda: a + 1.0,
        "RawKernel, four arguments": lambda: raw(grid, block, (a, b, out, n)),
        "ElementwiseKernel": lambda: mine(a, b),
        "ElementwiseKernel, output given": lambda: mine(a, b, out),
        "fused a + b": lambda: fused(a, b),
        "a.sum()": a.sum,
        "matrix @ matrix": lambda: matrix @ matrix,
        "NumPy's a + b": lambda: host + host,
    }


def main() -> int:
    for name, call in cases().items():
        print(f"{name:34s} {measure(call):7.2f} us")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
