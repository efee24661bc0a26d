"""``make gpu-check``: the tests, then the benchmarks, on the GPU of this machine.

Runs with the interpreter it is given and installs nothing.  Results go to
``benchmarks/results/DATE-DEVICE.json`` with a picture and the end of the tests' output.  Where the
machine has no GPU it says so and fails: a figure is never claimed for a device that did not run.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

RESULTS = Path("benchmarks/results")


def main() -> int:
    os.environ["NDGPU_DEVICE"] = "cuda"
    import ndgpu

    try:
        name = ndgpu.cuda.Device(0).name
    except Exception as error:
        print(f"gpu-check: no GPU can be used here: {error}")
        return 1
    print(f"gpu-check on {name}", flush=True)
    stem = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{name.replace(' ', '-')}"
    RESULTS.mkdir(parents=True, exist_ok=True)

    # Processes share the one GPU; more would only contend for it.  A file of tests that wants a
    # library which is not here is an error of its own, and no reason to run none.
    several = ["-n", "4"] if importlib.util.find_spec("xdist") else []
    options = ["-q", "-m", "not nightly", "--continue-on-collection-errors", "tests"]
    tests = subprocess.run(
        [sys.executable, "-m", "pytest", *several, *options],
        check=False,
        capture_output=True,
        text=True,
    )
    tail = "\n".join(tests.stdout.splitlines()[-60:])
    print(tail, flush=True)
    stem.with_suffix(".tests.txt").write_text(tail + "\n")
    benchmarks = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--out", str(stem)], check=False
    )
    return tests.returncode or benchmarks.returncode


if __name__ == "__main__":
    raise SystemExit(main())
