"""``python -m benchmarks``: measure, print a table, write JSON and a picture.

NumPy and the host device both use as many threads as the environment lets them; for the
one-thread figures set ``NDGPU_HOST_THREADS=1 OMP_NUM_THREADS=1``.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from . import report
from .harness import measure
from .libraries import available
from .startup import startup
from .suites import SUITES, cases


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suites", nargs="*", default=[], help=f"of {', '.join(SUITES)}, startup")
    parser.add_argument("--rounds", type=int, default=9, help="rounds a case (default 9)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/latest"))
    args = parser.parse_args()
    known = [*SUITES, "startup"]
    for name in args.suites:
        if name not in known:
            parser.error(f"unknown suite {name!r}; known: {', '.join(known)}")
    chosen = args.suites or known

    libraries = available()
    machine = report.describe_machine(libraries)
    print(f"{machine['device']}; {machine['cpu']}, {machine['cores']} cores; {machine['date']}")
    rows, last = [], None
    for case in cases(libraries, [name for name in chosen if name in SUITES]):
        results = measure(case, args.rounds)
        report.print_case(case, results, last)
        last = case.group
        rows.append(
            {"group": case.group, "name": case.name, "results": [asdict(r) for r in results]}
        )
    figures = startup() if "startup" in chosen else {}
    if figures:
        report.print_startup(figures)
    report.save(args.out.with_suffix(".json"), machine, rows, figures)
    print(f"\nwrote {args.out.with_suffix('.json')}", end="")
    if rows:
        report.draw(args.out.with_suffix(".png"), machine, rows)
        print(f" and {args.out.with_suffix('.png')}", end="")
    print()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
