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
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

# Turing (the oldest that CUDA 13 compiles for), Ampere, Hopper, Blackwell.
TARGETS = ("sm_75", "sm_80", "sm_90", "sm_100")


def compile_record(path: Path, targets: tuple[str, ...]) -> list[str]:
    """Return a line per target that failed."""
    from ndgpu import compile as compiler

    record = json.loads(path.read_text())
    failures = []
    for target in targets:
        try:
            compiler.nvrtc.compile_program(
                record["source"],
                options=tuple(record["options"]),
                target=target,
                name_expressions=tuple(record["name_expressions"]),
            )
        except compiler.CompileException as error:
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
    from ndgpu import compile as compiler

    start = time.perf_counter()
    failures: list[str] = []
    with ProcessPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        for lines in pool.map(compile_record, records, [targets] * len(records), chunksize=4):
            failures += lines
    for line in failures:
        print(line)
    version = ".".join(map(str, compiler.nvrtc.version()))
    print(
        f"NVRTC {version}: {len(records)} sources for {', '.join(targets)}: "
        f"{len(failures)} failures in {time.perf_counter() - start:.0f} s"
    )
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
