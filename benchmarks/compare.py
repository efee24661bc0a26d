"""``python -m benchmarks.compare OLD NEW``: what became slower or faster from one run to another.

Two runs are on machines in different moods, so times are not compared but ratios: how often a
result is as fast as the reference of its row.  Rows without another library, and the start-up
figures, are compared as they are, and are to be read with care.  The exit status is 1 if anything
is slower by more than ``--tolerance``.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

__all__ = ["changes", "main"]


def figures(document: dict) -> dict[tuple[str, str, str], float]:
    """For each group, case and library a figure that is better the larger it is.

    The figure is the speed relative to the first library of the row, or calls a second where
    there is no other.
    """
    found = {}
    for case in document["cases"]:
        reference, *others = case["results"]
        for result in others or [reference]:
            speed = 1 / result["median"]
            if others:
                speed *= reference["median"]
            found[case["group"], case["name"], result["library"]] = speed
    for name, seconds in document.get("startup_seconds", {}).items():
        found["start-up", name, "seconds"] = 1 / seconds
    return found


def changes(old: dict, new: dict) -> list[tuple[float, tuple[str, str, str]]]:
    """Return how many times as fast each row is that both runs have, the slowest first.

    Parameters
    ----------
    old, new : dict
        What `benchmarks.report.save` wrote.

    Examples
    --------
    >>> def run(seconds):
    ...     results = [{"library": "numpy", "median": 1.0}, {"library": "ndgpu", "median": seconds}]
    ...     return {"cases": [{"group": "g", "name": "a + b", "results": results}]}
    >>> changes(run(0.5), run(0.25))
    [(2.0, ('g', 'a + b', 'ndgpu'))]
    """
    before, after = figures(old), figures(new)
    return sorted((after[key] / before[key], key) for key in before.keys() & after.keys())


def main(argv: list[str] | None = None) -> int:
    """Print the changes; return 1 if something is slower by more than the tolerance."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare", description=__doc__)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--tolerance", type=float, default=0.1, help="default 0.1: a tenth")
    args = parser.parse_args(argv)
    old, new = (json.loads(path.read_text()) for path in (args.old, args.new))
    for name, document in (("old", old), ("new", new)):
        machine = document["machine"]
        print(f"{name}: {machine['date']}, {machine['device']}, commit {machine['commit'][:10]}")
    found = changes(old, new)
    slower = [item for item in found if item[0] < 1 - args.tolerance]
    faster = [item for item in reversed(found) if item[0] > 1 + args.tolerance]
    for title, items in (("slower", slower), ("faster", faster)):
        print(f"\n{title} ({len(items)} of {len(found)}):")
        for ratio, (group, name, library) in items:
            print(f"  {ratio:5.2f}x  {name}  ({group}, {library})")
    missing = figures(old).keys() - figures(new).keys()
    for group, name, library in sorted(missing):
        print(f"\nnot in the new run: {name}  ({group}, {library})")
    return 1 if slower else 0


if __name__ == "__main__":
    raise SystemExit(main())
