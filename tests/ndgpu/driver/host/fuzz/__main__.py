"""Run many random kernels: ``python -m tests.ndgpu.driver.host.fuzz --count 1000 --seed 0``."""

from __future__ import annotations

import argparse
import time

from .harness import check

_TOGETHER = 8  # kernels of a module


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000, help="kernels")
    parser.add_argument("--seed", type=int, default=0, help="seed of the first")
    parser.add_argument("--source", action="store_true", help="print kernels that fail")
    options = parser.parse_args()
    begun, wrong = time.perf_counter(), set()
    last = options.seed + options.count
    for first in range(options.seed, last, _TOGETHER):
        for failure in check(list(range(first, min(first + _TOGETHER, last)))):
            print(f"seed {failure.seed}: {failure.what}; {failure.schedule}", flush=True)
            if options.source and failure.seed not in wrong:
                print(failure.source)
            wrong.add(failure.seed)
        if (first - options.seed) // _TOGETHER % 16 == 15:
            print(f"{first + _TOGETHER - options.seed} kernels", flush=True)
    seconds = time.perf_counter() - begun
    print(f"{options.count} kernels, {len(wrong)} wrong, {seconds:.0f} s")
    return bool(wrong)


if __name__ == "__main__":
    raise SystemExit(main())
