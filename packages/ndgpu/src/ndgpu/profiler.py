"""Timing and profiling, by the names that CuPy's users know from ``cupyx.profiler``.

Examples
--------
>>> import ndgpu as xp
>>> from ndgpu.profiler import benchmark
>>> print(benchmark(xp.arange, (100,), n_repeat=3).name)
arange
"""

from ndgpu.cuda.profiler import profile
from ndgpu.cuda.timing import PerfCaseResult, benchmark, time_range

__all__ = ["PerfCaseResult", "benchmark", "profile", "time_range"]
