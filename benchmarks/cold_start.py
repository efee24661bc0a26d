"""What a program of sixty operations on four dtypes pays with an empty kernel cache, and with a
full one.

``python -m benchmarks.cold_start`` runs that program twice, each time in a process of its own:
first with an empty cache folder, then with the folder that the first run left.  It prints the
seconds from the start of the process to its end, interpreter and imports included, and with
``--profile`` where they went: NVRTC, the host device's translation and LLVM (nothing of the last
two on a GPU), in processor time, and how many kernels were made.

The operations are ones that all four dtypes have, so that each is a kernel, or several, of its
own for each dtype.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any

__all__ = ["DTYPES", "OPERATIONS", "run"]

DTYPES = ("float32", "float64", "int32", "int64")

# Each takes the library, a matrix and another one, without zeros, of one dtype.
OPERATIONS: dict[str, Callable[[Any, Any, Any], object]] = {
    "add": lambda xp, a, b: a + b,
    "subtract": lambda xp, a, b: a - b,
    "multiply": lambda xp, a, b: a * b,
    "divide": lambda xp, a, b: a / b,
    "floor_divide": lambda xp, a, b: a // b,
    "remainder": lambda xp, a, b: a % b,
    "power": lambda xp, a, b: a ** abs(b),
    "negative": lambda xp, a, b: -a,
    "absolute": lambda xp, a, b: abs(a),
    "square": lambda xp, a, b: xp.square(a),
    "sqrt": lambda xp, a, b: xp.sqrt(b),
    "exp": lambda xp, a, b: xp.exp(a),
    "log": lambda xp, a, b: xp.log(b),
    "sin": lambda xp, a, b: xp.sin(a),
    "cos": lambda xp, a, b: xp.cos(a),
    "tanh": lambda xp, a, b: xp.tanh(a),
    "arctan2": lambda xp, a, b: xp.arctan2(a, b),
    "hypot": lambda xp, a, b: xp.hypot(a, b),
    "sign": lambda xp, a, b: xp.sign(a),
    "floor": lambda xp, a, b: xp.floor(a),
    "maximum": lambda xp, a, b: xp.maximum(a, b),
    "minimum": lambda xp, a, b: xp.minimum(a, b),
    "clip": lambda xp, a, b: xp.clip(a, 1, 3),
    "less": lambda xp, a, b: a < b,
    "equal": lambda xp, a, b: a == b,
    "greater_equal": lambda xp, a, b: a >= b,
    "isnan": lambda xp, a, b: xp.isnan(a),
    "logical_and": lambda xp, a, b: xp.logical_and(a, b),
    "logical_not": lambda xp, a, b: xp.logical_not(a),
    "add a number": lambda xp, a, b: a + 2,
    "multiply by a number": lambda xp, a, b: a * 3,
    "add in place": lambda xp, a, b: xp.add(a, b, out=xp.empty_like(a)),
    "add a row": lambda xp, a, b: a + b[0],
    "add the transpose": lambda xp, a, b: a + b.T,
    "add a slice": lambda xp, a, b: a[:, ::2] + b[:, ::2],
    "astype": lambda xp, a, b: a.astype("float32" if a.dtype == "float64" else "float64"),
    "copy of the transpose": lambda xp, a, b: a.T.copy(),
    "where": lambda xp, a, b: xp.where(a > b, a, b),
    "full": lambda xp, a, b: xp.full_like(a, 7),
    "arange": lambda xp, a, b: xp.arange(100, dtype=a.dtype),
    "concatenate": lambda xp, a, b: xp.concatenate([a, b]),
    "stack": lambda xp, a, b: xp.stack([a, b], axis=-1),
    "take": lambda xp, a, b: xp.take(a, xp.asarray([0, 2, 1]), axis=0),
    "boolean index": lambda xp, a, b: a[a > b],
    "set a slice": lambda xp, a, b: a.copy().__setitem__(slice(None, 3), 5),
    "sum": lambda xp, a, b: a.sum(),
    "sum of rows": lambda xp, a, b: a.sum(axis=1),
    "sum of columns": lambda xp, a, b: a.sum(axis=0),
    "mean": lambda xp, a, b: a.mean(),
    "std": lambda xp, a, b: a.std(),
    "max": lambda xp, a, b: a.max(),
    "min of columns": lambda xp, a, b: a.min(axis=0),
    "argmax": lambda xp, a, b: a.argmax(axis=1),
    "any": lambda xp, a, b: a.any(),
    "prod": lambda xp, a, b: a.prod(axis=1),
    "cumsum": lambda xp, a, b: xp.cumsum(a, axis=1),
    "sort": lambda xp, a, b: xp.sort(a, axis=1),
    "argsort": lambda xp, a, b: xp.argsort(a, axis=1),
    "matmul": lambda xp, a, b: a @ b.T,
    "diff": lambda xp, a, b: xp.diff(a),
}


def run(xp: Any) -> None:
    """Run every operation on every dtype, and wait for the results."""
    for dtype in DTYPES:
        a = (xp.arange(48 * 48, dtype="int64") % 7).astype(dtype).reshape(48, 48)
        b = (xp.arange(48 * 48, dtype="int64") % 5 + 1).astype(dtype).reshape(48, 48)
        for operation in OPERATIONS.values():
            operation(xp, a, b)
    if hasattr(xp, "cuda"):
        xp.cuda.get_current_stream().synchronize()


# The same with clocks around its stages: what each takes of its own thread's processor time.
_PROFILED = """
import collections, time
seconds, calls = collections.Counter(), collections.Counter()
def clocked(owner, name, label):
    inner = getattr(owner, name)
    def outer(*args, **kwargs):
        start = time.thread_time()
        try:
            return inner(*args, **kwargs)
        finally:
            seconds[label] += time.thread_time() - start
            calls[label] += 1
    setattr(owner, name, outer)
begin = time.thread_time()
import ndgpu
from ndgpu import diskcache, driver
from ndgpu.compile import nvrtc
clocked(nvrtc, "compile_program", "NVRTC")
clocked(diskcache.DiskCache, "get", "cache: read")
clocked(diskcache.DiskCache, "put", "cache: write")
if driver.kind() == "host":
    from ndgpu.driver.host.compiler import llvm, program
    clocked(program.Program, "__init__", "host: read PTX, check")
    clocked(program.Kernel, "_compiled", "host: translate and LLVM")
    clocked(llvm, "object_code", "  of that, LLVM")
from benchmarks.cold_start import run
run(ndgpu)
print(f"  {'main thread':26} {time.thread_time() - begin:6.2f} s")
print(f"  {'all threads':26} {time.process_time():6.2f} s")
for label in seconds:
    print(f"  {label:26} {seconds[label]:6.2f} s in {calls[label]} calls")
"""
_PROGRAM = "import ndgpu\nfrom benchmarks.cold_start import run\nrun(ndgpu)\n"


def _measure(folder: str, program: str = _PROGRAM) -> float:
    environment = os.environ | {"NDGPU_CACHE_DIR": folder}
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], env=environment, check=True)
    return time.perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.cold_start", description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="cold and warm runs (default 1)")
    parser.add_argument("--profile", action="store_true", help="show where the time goes")
    args = parser.parse_args()
    if args.profile:
        with tempfile.TemporaryDirectory() as folder:
            for state in ("cold", "warm"):
                print(f"{state} cache: {_measure(folder, _PROFILED):.2f} s", flush=True)
        return 0
    print(f"{len(OPERATIONS)} operations on {len(DTYPES)} dtypes, seconds of whole processes")
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as folder:
            cold, warm = _measure(folder), _measure(folder)
            files = sum(len(names) for _, _, names in os.walk(folder))
        print(f"cold cache {cold:6.2f}    warm cache {warm:6.2f}    {files} entries")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
