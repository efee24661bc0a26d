"""Elementwise work on large NumPy arrays in parts that fit into a cache, on several threads.

NumPy computes elementwise on one thread, and passes over all of its operands for each operation.
Cut into parts, a chain of operations finds its operands in the cache; and since NumPy lets go of
the interpreter's lock meanwhile, parts go on side by side.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

__all__ = ["in_parts", "thread_count"]

# Elements of a part: a few arrays of so many float32 are in the second-level cache of a core.
_PART = 1 << 16
# With fewer elements handing work to threads costs more than it saves.
_WORTHWHILE = 1 << 18


@functools.cache
def thread_count() -> int:
    """How many threads work: ``OMP_NUM_THREADS`` where it is set, else one a core."""
    given = os.environ.get("OMP_NUM_THREADS", "")
    if given.isdecimal() and int(given) > 0:
        return int(given)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@functools.cache
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    # Of this process: after a fork the child has none of the threads.
    return ThreadPoolExecutor(threads, "nnrun-elementwise")


def in_parts(function: Callable[..., Any], *arrays: np.ndarray) -> None:
    """Call a function that changes arrays in place, with all of them or with parts of them.

    Parameters
    ----------
    function : callable
        Works on each element by itself; called with parts of the arrays, from several threads.
    *arrays : numpy.ndarray
        All of one shape.

    Examples
    --------
    >>> x, y = np.ones(1 << 19), np.zeros(1 << 19)
    >>> in_parts(lambda x, y: np.add(x, 1, out=y), x, y)
    >>> y.min(), y.max()
    (np.float64(2.0), np.float64(2.0))
    """
    size = arrays[0].size
    if size < _WORTHWHILE or not all(array.flags.c_contiguous for array in arrays):
        function(*arrays)
        return
    flat = [array.reshape(-1) for array in arrays]
    starts = range(0, size, _PART)

    def work(of: range) -> None:
        for start in of:
            function(*[array[start : start + _PART] for array in flat])

    threads = min(thread_count(), len(starts))
    if threads == 1:
        work(starts)
        return
    # Neighbouring parts by one thread: each walks through memory in one direction.
    share = -(-len(starts) // threads)
    shares = [starts[i : i + share] for i in range(0, len(starts), share)]
    futures = [_pool(os.getpid(), threads - 1).submit(work, part) for part in shares[1:]]
    try:
        work(shares[0])
    finally:
        for future in futures:
            future.result()
