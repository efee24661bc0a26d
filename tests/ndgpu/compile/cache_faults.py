"""Faults that befall the kernel cache, each shown on processes that compile, load and run kernels.

``python -m tests.ndgpu.compile.cache_faults --rounds 200`` runs all of them that often, with 64
processes; the test next to this file runs each once with fewer.  Every process checks what its
kernels compute, so a wrong kernel is a failure, whatever became of the cache.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ndgpu.diskcache import DiskCache

__all__ = ["FAULTS", "run"]

# One interpreter imports everything and forks, so that a process costs what its kernels do.  No
# child inherits a driver: the parent has not touched one.
_PROGRAM = """
import os, signal, sys, time
import ndgpu, numpy
import cuda.bindings.driver, cuda.bindings.nvrtc, llvmlite.binding
import ndgpu.driver.host.compiler
processes, seed, lifetime, limit = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), \
    int(sys.argv[4])
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

def work():
    kernels = [
        ndgpu.ElementwiseKernel("float32 x", "float32 y", f"y = x * {k} + {seed}", "scaled")
        for k in range(2)
    ]
    x = ndgpu.asarray(numpy.arange(100, dtype=numpy.float32))
    for k, kernel in enumerate(kernels):
        numpy.testing.assert_array_equal(
            kernel(x).get(), numpy.arange(100, dtype=numpy.float32) * k + seed
        )

children = []
for _ in range(processes):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            sys.stderr.flush()
            os._exit(code)
    children.append(child)
if lifetime >= 0:
    time.sleep(lifetime)
    for child in children:
        os.kill(child, signal.SIGKILL)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
sys.exit(any(code not in (0, -signal.SIGKILL if lifetime >= 0 else 0) for code in codes))
"""


def _processes(
    folder: Path, processes: int, seed: int, lifetime: float = -1.0, limit: int = 0
) -> None:
    """Run kernels in several processes at once; raise if one of them computes a wrong result."""
    environment = os.environ | {"NDGPU_CACHE_DIR": str(folder), "NDGPU_HOST_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM, str(processes), str(seed), str(lifetime), str(limit)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if done.returncode:
        raise AssertionError(f"a process failed:\n{done.stdout}{done.stderr}")


def race(folder: Path, processes: int, seed: int) -> None:
    """Processes that start together on an empty cache."""
    _processes(folder, processes, seed)
    cache = DiskCache(folder, 1 << 30)
    assert list(cache.entries()) and not list(cache.damaged())
    assert not list(folder.rglob("*.tmp"))


def kill(folder: Path, processes: int, seed: int) -> None:
    """Processes killed at an instant drawn by chance; what they leave serves the next ones."""
    _processes(folder, processes, seed, lifetime=random.Random(seed).uniform(0.0, 0.6))
    assert not list(DiskCache(folder, 1 << 30).damaged())
    _processes(folder, 1, seed)


def full(folder: Path, processes: int, seed: int) -> None:
    """A disk without room for the larger entries: files end at a size drawn by chance."""
    limit = random.Random(seed).randrange(1, 3000)
    _processes(folder, min(processes, 4), seed, limit=limit)
    assert not list(DiskCache(folder, 1 << 30).damaged())
    assert not list(folder.rglob("*.tmp"))


def read_only(folder: Path, processes: int, seed: int) -> None:
    """A folder that nobody can make, and one whose files and subfolders cannot be written."""
    _processes(Path("/proc/ndgpu-cache"), 1, seed)
    _processes(folder, 1, seed)
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        _processes(folder, min(processes, 4), seed + 1)
    finally:
        for path in [folder, *folder.rglob("*")]:
            path.chmod(0o700)


def flip(folder: Path, processes: int, seed: int) -> None:
    """Every entry with some bits flipped, or cut short, or another entry's content."""
    _processes(folder, 1, seed)
    chance = random.Random(seed)
    cache = DiskCache(folder, 1 << 30)
    entries = sorted(cache.entries(), key=lambda entry: entry.key)
    contents = [entry.path.read_bytes() for entry in entries]
    for k, entry in enumerate(entries):
        content = bytearray(contents[k])
        kind = chance.randrange(4)
        if kind == 0:
            content = bytearray(contents[(k + 1) % len(entries)])
        elif kind == 1:
            del content[chance.randrange(len(content)) :]
        else:
            for _ in range(chance.randrange(1, 9)):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        if bytes(content) == contents[k]:  # flips that undid each other
            content[-1] ^= 1
        entry.path.write_bytes(content)
    assert len(list(cache.damaged())) == len(entries)
    _processes(folder, min(processes, 4), seed)
    assert not list(cache.damaged())


FAULTS: dict[str, Callable[[Path, int, int], None]] = {
    "race": race,
    "kill": kill,
    "full": full,
    "read_only": read_only,
    "flip": flip,
}


def run(name: str, processes: int, seed: int) -> None:
    """Run one of `FAULTS` in a folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        FAULTS[name](Path(folder) / "cache", processes, seed)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("faults", nargs="*", default=[], help=f"of {', '.join(FAULTS)}")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--processes", type=int, default=64)
    args = parser.parse_args()
    start = time.perf_counter()
    for seed in range(args.rounds):
        for name in args.faults or FAULTS:
            run(name, args.processes, seed)
        seconds = time.perf_counter() - start
        print(f"round {seed + 1} of {args.rounds}: passed ({seconds:.0f} s so far)", flush=True)
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    raise SystemExit(main())
