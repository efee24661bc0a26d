"""What a program pays before its first result: imports, and compiling kernels cold and warm.

Each figure comes from processes of their own, since an import or a compilation happens once in
a process.  "Cold" is an empty kernel cache, "warm" one that an earlier process filled.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile

__all__ = ["startup"]

_IMPORT = """
import time
import numpy
start = time.perf_counter()
import ndgpu
middle = time.perf_counter()
import nnrun
print([middle - start, time.perf_counter() - middle])
"""

_FIRST_USE = """
import time
import numpy, ndgpu
x = ndgpu.asarray(numpy.ones(1000, numpy.float32))
ndgpu.cuda.get_current_stream().synchronize()
start = time.perf_counter()
(x + x).get()
first = time.perf_counter() - start
start = time.perf_counter()
for f in (ndgpu.exp, ndgpu.sin, ndgpu.sqrt, ndgpu.tanh, ndgpu.floor):
    f(x).get()
x.sum().get(), x.max().get()
print([first, time.perf_counter() - start])
"""


_TEN_KERNELS = r"""
import time
import ndgpu
source = "\n".join(
    'extern "C" __global__ void k%d(const float* x, float* y, int n) {'
    "  int t = blockIdx.x * blockDim.x + threadIdx.x;"
    "  if (t < n) y[t] = expf(x[t]) * %d.5f + tanhf(x[t]); }" % (k, k)
    for k in range(10)
)
ndgpu.RawKernel('extern "C" __global__ void f() {}', "f")((1,), (1,), ())
start = time.perf_counter()
module = ndgpu.RawModule(code=source)
functions = [module.get_function("k%d" % k) for k in range(10)]
loaded = time.perf_counter() - start
x = ndgpu.zeros(1000, ndgpu.float32)
start = time.perf_counter()
for function in functions:
    function((4,), (256,), (x, x, 1000))
ndgpu.cuda.get_current_stream().synchronize()
print([loaded, time.perf_counter() - start])
"""


def _run(code: str, cache: str) -> list[float]:
    environment = os.environ | {"NDGPU_CACHE_DIR": cache}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def startup(rounds: int = 5) -> dict[str, float]:
    """Median seconds of each stage of starting up."""
    with tempfile.TemporaryDirectory() as cache:
        imports = [_run(_IMPORT, cache) for _ in range(rounds + 1)][1:]
        cold = []
        for _ in range(rounds):
            with tempfile.TemporaryDirectory() as empty:
                cold.append(_run(_FIRST_USE, empty))
        _run(_FIRST_USE, cache)
        warm = [_run(_FIRST_USE, cache) for _ in range(rounds)]
        modules = [_run(_TEN_KERNELS, cache) for _ in range(rounds + 1)][1:]

    def median(rows: list[list[float]], column: int) -> float:
        return statistics.median(row[column] for row in rows)

    return {
        "import ndgpu, over NumPy": median(imports, 0),
        "import nnrun, over ndgpu": median(imports, 1),
        "first a + b, cold cache": median(cold, 0),
        "first a + b, warm cache": median(warm, 0),
        "seven more functions, cold cache": median(cold, 1),
        "seven more functions, warm cache": median(warm, 1),
        "load a module of ten kernels, warm cache": median(modules, 0),
        "launch its kernels, warm cache": median(modules, 1),
    }
