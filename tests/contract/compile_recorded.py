"""Compile every source that the tests gave to NVRTC, for each architecture users have.

``python -m tests.contract.compile_recorded FOLDER`` reads the records that
``NDGPU_RECORD_SOURCES=FOLDER`` left, and compiles each for every one of `TARGETS` with the
NVRTC that this interpreter finds.  Run with CUDA 12's and CUDA 13's environment it proves that
what runs on the host device also compiles for a real GPU.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Turing (the oldest that CUDA 13 compiles for), Ampere, Hopper, Blackwell.
TARGETS = ("sm_75", "sm_80", "sm_90", "sm_100")

# CUDA declares these from compute capability 8.0 on (Programming Guide, "Warp Reduce Functions" and
# "Bfloat16 arithmetic"), so a test that uses them cannot compile for Turing. ndgpu's own kernels
# use neither.
SINCE_80 = re.compile(r"\b__reduce_\w+_sync\b|\b__nv_bfloat16")

# What ptxas says of an instruction that an architecture does not have: a test of tensor cores'
# bfloat16, say, cannot compile for Turing.
NEWER = re.compile(r"requires \.target sm_\d+ or higher")


def compile_record(path: Path, targets: tuple[str, ...]) -> list[str]:
    """Return a line per target that failed."""
    from ndgpu import compile as compiler

    record = json.loads(path.read_text())
    failures = []
    for target in targets:
        if int(target.removeprefix("sm_")) < 80 and SINCE_80.search(record["source"]):
            continue
        try:
            compiler.compile_source(
                record["source"],
                tuple(record["options"]),
                target,
                tuple(record["name_expressions"]),
            )
        except compiler.CompileException as error:
            if not NEWER.search(str(error)):
                failures.append(f"{path.name} for {target}: {error}")
    return failures


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--targets", default=",".join(TARGETS))
    args = parser.parse_args()
    records = sorted(args.folder.glob("*.json"))
    if not records:
        print(f"{args.folder}: no records; run the tests with NDGPU_RECORD_SOURCES set to it")
        return 1
    targets = tuple(args.targets.split(","))
    from ndgpu.compile import nvrtc

    start = time.perf_counter()
    failures: list[str] = []
    # An empty cache: each source is really compiled, by this NVRTC.
    with tempfile.TemporaryDirectory() as cache:
        os.environ["NDGPU_CACHE_DIR"] = cache
        os.environ.pop("NDGPU_RECORD_SOURCES", None)
        with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            for lines in pool.map(compile_record, records, [targets] * len(records), chunksize=4):
                failures += lines
    for line in failures:
        print(line)
    version = ".".join(map(str, nvrtc.version()))
    print(
        f"NVRTC {version}: {len(records)} sources for {', '.join(targets)}: "
        f"{len(failures)} failures in {time.perf_counter() - start:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
