"""The results as a table on the screen, as JSON and as one picture."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy

from .harness import Case, Measurement
from .libraries import Library

__all__ = ["describe_machine", "draw", "print_case", "print_startup", "save"]


def duration(seconds: float) -> str:
    """Three digits with a fitting unit."""
    for factor, unit in ((1, "s"), (1e3, "ms"), (1e6, "us")):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def print_case(case: Case, results: list[Measurement], last_group: str | None) -> None:
    """One row: the reference's time, then each library's time and how often it is as fast."""
    if case.group != last_group:
        print(f"\n{case.group}")
    reference = results[0]
    cells = [f"  {case.name:<28} {reference.library} {duration(reference.median):>8}"]
    for result in results[1:]:
        ratio = reference.median / result.median
        cells.append(f"{result.library} {duration(result.median):>8} {ratio:6.2f}x")
    print("   ".join(cells), flush=True)


def print_startup(figures: dict[str, float]) -> None:
    print("\nstart-up")
    for name, seconds in figures.items():
        print(f"  {name:<36} {duration(seconds):>8}", flush=True)


def describe_machine(libraries: list[Library]) -> dict[str, Any]:
    """What a reader of the figures must know: machine, device, versions, commit and date."""
    import ndgpu

    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    cpu = platform.processor()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":")[1].strip() if names else cpu
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit,
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "python": sys.version.split()[0],
        "device": ndgpu.cuda.Device().name,
        "device_kind": ndgpu.cuda.kind(),
        "host_threads": os.environ.get("NDGPU_HOST_THREADS", "all"),
        "versions": {library.name: library.version for library in libraries}
        | {"numpy": numpy.__version__},
    }


def save(path: Path, machine: dict[str, Any], rows: list[dict], startup: dict[str, float]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "cases": rows, "startup_seconds": startup}
    path.write_text(json.dumps(document, indent=1) + "\n")


def draw(path: Path, machine: dict[str, Any], rows: list[dict]) -> None:
    """Bars of how often each result is as fast as the first of its row."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    compared = [row for row in rows if len(row["results"]) > 1]
    if not compared:
        return
    colours = {
        name: f"C{k}"
        for k, name in enumerate(
            dict.fromkeys(m["library"] for row in compared for m in row["results"][1:])
        )
    }
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(compared)), layout="constrained")
    for i, row in enumerate(compared):
        first, *others = row["results"]
        height = 0.8 / len(others)
        for k, m in enumerate(others):
            name = m["library"]
            at = i - 0.4 + (k + 0.5) * height
            axes.barh(at, first["median"] / m["median"], height, color=colours[name])
    for name, colour in colours.items():
        axes.barh(0, 0, color=colour, label=name)
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xscale("log")
    axes.set_yticks(range(len(compared)), [f"{r['name']}  ({r['group']})" for r in compared])
    axes.tick_params(axis="y", labelsize=7)
    axes.set_ylim(len(compared) - 0.4, -0.6)
    axes.set_xlabel("speed relative to the row's reference, mostly NumPy (right of 1: faster)")
    axes.set_title(f"{machine['device']}, {machine['cores']} cores, {machine['date'][:10]}")
    axes.legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
