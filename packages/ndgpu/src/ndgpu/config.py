"""Every ``NDGPU_*`` environment variable, in one table.

A variable is read and checked each time it is asked for, so a test may set it
with ``monkeypatch``; whoever needs it on a hot path keeps the answer.  A value
that cannot be understood raises `ValueError` naming the variable.

Examples
--------
>>> from ndgpu import config
>>> config.value("NDGPU_HOST_DEVICES") >= 1
True
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

__all__ = ["TABLE", "Variable", "value"]


@dataclass(frozen=True, slots=True)
class Variable:
    """One environment variable: how its text is understood, and what it does."""

    name: str
    parse: Callable[[str], Any]
    default: Callable[[], Any]
    doc: str


def _choice(*names: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in names:
            raise ValueError(f"expected one of {', '.join(names)}")
        return text

    return parse


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError("expected a positive integer")
    return number


def _several(*names: str) -> Callable[[str], frozenset[str]]:
    def parse(text: str) -> frozenset[str]:
        found = frozenset(word.strip() for word in text.split(",") if word.strip())
        if not found <= set(names):
            raise ValueError(f"expected some of {', '.join(names)}, separated by commas")
        return found

    return parse


def _thread(text: str) -> tuple[str, tuple[int, int, int], tuple[int, int, int]]:
    kernel, _, rest = text.strip().rpartition(":")
    indices = [part.split(".") for part in rest.split(",")]
    if len(indices) != 2 or any(len(i) > 3 for i in indices):
        raise ValueError("expected block,thread or kernel:block,thread, as in sum:3,17 or 0,1.2.0")
    block, thread = (tuple(int(i) for i in (*index, "0", "0")[:3]) for index in indices)
    return kernel, block, thread  # type: ignore[return-value]


_UNITS = {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


def _bytes(text: str) -> int:
    digits = text.strip().lower().removesuffix("b").removesuffix("i")
    unit = digits[-1:] if digits[-1:] in ("k", "m", "g", "t") else ""
    number = float(digits.removesuffix(unit)) * _UNITS[unit]
    if not 0 <= number < 1 << 63:  # refuses infinities and NaN too
        raise ValueError("expected a number of bytes such as 512M or 2GiB")
    return int(number)


def _bytes_or_share(text: str) -> int | float:
    """Bytes as an int, or a percentage as a float from 0 to 1."""
    share = text.strip().removesuffix("%")
    if share == text.strip():
        return _bytes(text)
    if not 0 <= float(share) <= 100:
        raise ValueError("expected a number of bytes such as 2GiB, or a percentage such as 50%")
    return float(share) / 100


def _flag(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered in ("1", "true", "yes", "on"):
        return True
    if lowered in ("", "0", "false", "no", "off"):
        return False
    raise ValueError("expected 1 or 0")


def _default_cache_dir() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "ndgpu"


def _default_host_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2


def _default_host_threads() -> int:
    return len(os.sched_getaffinity(0))


TABLE: dict[str, Variable] = {
    row.name: row
    for row in (
        Variable(
            "NDGPU_DEVICE",
            _choice("auto", "cuda", "host"),
            lambda: "auto",
            "Which driver runs kernels: `cuda`, `host` (the software GPU), or `auto`: "
            "CUDA where a driver with a device is found, else the host device.",
        ),
        Variable(
            "NDGPU_MATMUL_PRECISION",
            _choice("float32", "tf32", "bfloat16", "float16"),
            lambda: "float32",
            "How exactly float32 matrices are multiplied to begin with, where the device "
            "offers a choice: see `ndgpu.linalg.set_precision`.",
        ),
        Variable(
            "NDGPU_HOST_DEVICES", _positive, lambda: 1, "How many host devices the machine shows."
        ),
        Variable(
            "NDGPU_HOST_THREADS",
            _positive,
            _default_host_threads,
            "Threads over which the host device spreads the blocks of a large launch.",
        ),
        Variable(
            "NDGPU_HOST_MEMORY",
            _bytes,
            _default_host_memory,
            "Memory of one host device, in bytes (`4GiB`); half of the machine's by default.",
        ),
        Variable(
            "NDGPU_HOST_STREAMS",
            _choice("async", "eager", "deferred"),
            lambda: "async",
            "When a host device runs what its streams are given: `async`, while the program goes "
            "on; `eager`, within the call; `deferred`, no sooner than somebody waits for it, "
            "which exposes waits that are missing.",
        ),
        Variable(
            "NDGPU_HOST_STRESS",
            int,
            lambda: None,
            "A seed by which the order of blocks in a launch and of independent streams is drawn, "
            "the same each time; streams run work when somebody waits, and at times before.",
        ),
        Variable(
            "NDGPU_HOST_CHECK",
            _several("memory", "race", "init", "leak"),
            frozenset,
            "What the host device checks while kernels run, separated by commas: `memory` (out of "
            "bounds, misaligned, after a free), `race` (shared memory and barriers), `init` (reads "
            "of what was never written), `leak` (memory not freed at exit). Kernels are compiled "
            "with line information, and memory comes from the driver without a pool.",
        ),
        Variable(
            "NDGPU_HOST_TRACE",
            _thread,
            lambda: None,
            "The thread that the host device traces to standard error, each instruction with its "
            "values: `block,thread` or `kernel:block,thread`; several indices as `x.y.z`.",
        ),
        Variable(
            "NDGPU_MEMORY_LIMIT",
            _bytes_or_share,
            lambda: 0,
            "Most bytes that a device's memory pool may hold, or the percentage of the device's "
            "memory (`50%`); 0 for no limit.",
        ),
        Variable(
            "NDGPU_CACHE_DIR",
            Path,
            _default_cache_dir,
            "Folder of compiled kernels, kept between runs.",
        ),
        Variable(
            "NDGPU_CACHE_LIMIT",
            _bytes,
            lambda: 1 << 30,
            "Size of that folder in bytes past which the entries used longest ago are removed.",
        ),
        Variable(
            "NDGPU_DEBUG",
            _flag,
            lambda: False,
            "Print each kernel's generated source, its PTX and its launch geometry.",
        ),
        Variable(
            "NDGPU_RECORD_SOURCES",
            Path,
            lambda: None,
            "Folder where each source given to NVRTC is kept with its options, so that a "
            "test can compile all of them for other architectures.",
        ),
    )
}


def value(name: str) -> Any:
    """Return the variable's value: from the environment, else its default.

    Parameters
    ----------
    name : str
        A name in `TABLE`.

    Raises
    ------
    KeyError
        If the table has no such variable.
    ValueError
        If the environment holds a value that cannot be understood.
    """
    row = TABLE[name]
    text = os.environ.get(name)
    if text is None or text == "":
        return row.default()
    try:
        return row.parse(text)
    except ValueError as error:
        raise ValueError(f"{name}={text!r}: {error}") from None
