"""``python -m benchmarks.graphs``: what it costs to launch a captured graph, against its kernels.

A hundred launches of a kernel on a few elements are captured; both ways of running them are
timed on the processor, by its own clock of this process, so that other programs do not count.
"""

from __future__ import annotations

import argparse
import statistics
import time

__all__ = ["measure"]

_LAUNCHES = 100


def measure(rounds: int = 9, repeats: int = 200) -> tuple[list[float], list[float]]:
    """Return microseconds of each round for a graph of 100 launches, and for the 100 launches."""
    import ndgpu as xp

    x = xp.zeros(4, xp.float32)
    stream = xp.cuda.Stream(non_blocking=True)
    xp.cuda.Device().synchronize()

    def launch() -> None:
        for _ in range(_LAUNCHES):
            xp.add(x, 1, out=x)

    with stream:
        launch()
        stream.begin_capture()
        launch()
        graph = stream.end_capture()
        for _ in range(5):  # the driver learns that the kernels are short
            graph.launch()
        stream.synchronize()
        captured, alone = [], []
        for _ in range(rounds):
            for run, times, n in (
                (graph.launch, captured, repeats),
                (launch, alone, repeats // 50),
            ):
                start = time.process_time()
                for _ in range(n):
                    run()
                stream.synchronize()
                times.append((time.process_time() - start) / n * 1e6)
    return captured, alone


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=9)
    captured, alone = measure(parser.parse_args().rounds)
    for name, times in (("one graph of 100 launches", captured), ("100 launches", alone)):
        print(f"{name}: {statistics.median(times):.1f} us (least {min(times):.1f})")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
