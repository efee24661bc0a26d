"""How near two fused kernels come to what the machine's memory can move.

``python -m benchmarks.bandwidth`` measures, in turn and in one process, copies of 10 million
float32 by NumPy in one and in two threads, ``x*y+z`` and a polynomial of four operands by NumPy and
by ndgpu, and prints the best and the median of each, the bytes that must be moved in a second, and
how much faster than NumPy ndgpu is.  With a host device the kernels run twice: with every other
long launch from the last block to the first, which is what the device does, and with all of them
forwards.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import ndgpu
from ndgpu import driver

__all__: list[str] = []

_SIZE = 10_000_000
_MOVED = {"copy": 2, "x*y+z": 4, "polynomial": 5}  # arrays that are read or written


def _copy(threads: int, source: np.ndarray, target: np.ndarray) -> None:
    cuts = [_SIZE * i // threads for i in range(threads + 1)]
    parts = [(target[a:b], source[a:b]) for a, b in itertools.pairwise(cuts)]
    helpers = [threading.Thread(target=np.copyto, args=part) for part in parts[1:]]
    for helper in helpers:
        helper.start()
    np.copyto(*parts[0])
    for helper in helpers:
        helper.join()


def _fma(x: Any, y: Any, z: Any, w: Any) -> Any:
    return x * y + z


def _polynomial(x: Any, y: Any, z: Any, w: Any) -> Any:
    return ((x * w + y) * w + z) * w + x * y


@contextlib.contextmanager
def _forwards() -> Iterator[None]:
    """Every long launch from its first block to its last."""
    from ndgpu.driver.host import launch

    before = launch._turns
    launch._turns = lambda plan: False
    try:
        yield
    finally:
        launch._turns = before


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    rng = np.random.default_rng(0)
    host = [rng.random(_SIZE, np.float32) for _ in range(4)]
    target = np.empty_like(host[0])
    device = [ndgpu.asarray(a) for a in host]
    stream = ndgpu.cuda.get_current_stream()
    fused = {"x*y+z": ndgpu.fuse(_fma), "polynomial": ndgpu.fuse(_polynomial)}
    plain = {"x*y+z": _fma, "polynomial": _polynomial}
    runs: dict[str, Callable[[], object]] = {
        "copy, 1 thread": lambda: _copy(1, host[0], target),
        "copy, 2 threads": lambda: _copy(2, host[0], target),
    }
    for name in plain:
        runs[f"{name}, NumPy"] = lambda name=name: plain[name](*host)
        runs[f"{name}, ndgpu"] = lambda name=name: (fused[name](*device), stream.synchronize())
    orders: list[tuple[str, Callable[[], Any]]] = [("", contextlib.nullcontext)]
    if driver.kind() == "host":
        orders.append((" forwards", _forwards))
    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, run in runs.items():
            for order, context in orders if name.endswith("ndgpu") else orders[:1]:
                with context():
                    run()  # the caches hold what this kernel leaves in them
                    for _ in range(3):
                        start = time.perf_counter()
                        run()
                        times.setdefault(name + order, []).append(time.perf_counter() - start)
    for name, found in times.items():
        median, best = statistics.median(found), min(found)
        kernel = name.split(",")[0]
        moved = _MOVED[kernel] * 4 * _SIZE / median / 1e9
        line = f"{name:28s} median {median * 1e3:7.2f} ms  best {best * 1e3:7.2f} ms"
        line += f"  {moved:6.1f} GB/s"
        if "ndgpu" in name:
            line += f"  {statistics.median(times[f'{kernel}, NumPy']) / median:5.2f} x NumPy"
        print(line)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
