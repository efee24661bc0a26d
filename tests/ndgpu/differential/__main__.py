"""Compare with NumPy on many examples: ``python -m tests.ndgpu.differential --examples 300``.

Prints each unexplained difference once for its function and ends with the counts.
"""

import argparse
import collections
import sys
import time

import hypothesis
from hypothesis import strategies as st
from tests.ndgpu.differential.accepted import accepted
from tests.ndgpu.differential.cases import BFLOAT16, LARGE, Case
from tests.ndgpu.differential.compare import difference
from tests.ndgpu.differential.surface import ENTRIES, WITH_BFLOAT16


def survey(name, examples, seed, seconds):
    """Run examples of one function: how many ran, the differences, the reasons of others."""
    found, reasons, count = {}, collections.Counter(), 0
    end = time.monotonic() + seconds

    @hypothesis.settings(
        max_examples=examples, deadline=None, database=None,
        suppress_health_check=list(hypothesis.HealthCheck), phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.seed(seed)
    @hypothesis.given(st.data())
    def run(data):
        nonlocal count
        seldom = name in WITH_BFLOAT16 and data.draw(st.integers(0, 5)) == 5
        call = ENTRIES[name](Case(data.draw, BFLOAT16 if seldom else LARGE))
        if time.monotonic() > end:
            return  # drawn all the same: hypothesis wants to see no clock
        count += 1
        text = difference(call)
        if text is None:
            return
        reason = accepted(call, text)
        if reason:
            reasons[reason] += 1
        else:
            found.setdefault(text.split()[0], (call, text))

    run()
    return count, list(found.values()), reasons


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help="functions; all by default")
    parser.add_argument("--examples", type=int, default=300, help="of each function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60.0, help="most for one function")
    arguments = parser.parse_args()
    total, differences, reasons = 0, 0, collections.Counter()
    for name in arguments.names or sorted(ENTRIES):
        count, found, known = survey(name, arguments.examples, arguments.seed, arguments.seconds)
        total += count
        differences += len(found)
        reasons += known
        for call, text in found:
            print(f"{name}: {text[:600]}\n    {call!r:.900}", flush=True)
    print(f"{total} examples of {len(arguments.names or ENTRIES)} functions; "
          f"{differences} unexplained differences")  # fmt: skip
    for reason, count in reasons.most_common():
        print(f"{count:8} accepted: {reason}")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
