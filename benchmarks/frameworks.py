"""nnrun beside Chainer and PyTorch on the CPU: the same work in processes that take turns.

``CHAINER_PYTHON`` and ``TORCH_PYTHON`` name interpreters that have the frameworks; without them
nnrun is measured alone.  All processes have as many threads as this one is given
(`OMP_NUM_THREADS`, else all cores).  Before anything is timed the losses after some updates are
compared: they agree to `TOLERANCE`, so that the work is the same.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from .harness import Case
from .libraries import Library

__all__ = ["frameworks"]

#: What is done: the worker's name of it, and ours.
WORK = {
    "chain_forward": "100 operations on 10 elements, forward",
    "chain": "100 operations on 10 elements, and back",
    "mlp": "MLP 784-1000-1000-10, batch 100, Adam",
    "mlp_trainer": "the same by the Trainer",
    "cnn": "CNN 32-64-128, batch 64, Adam",
    "lstm": "LSTM 2x200, 10k words, 35 steps of 20, SGD",
}
#: Relative: float32 sums in another order, a few updates long.
TOLERANCE = 1e-3

_ROOT = Path(__file__).parent.parent


class Worker:
    """A process with one framework."""

    def __init__(self, framework: str, python: str) -> None:
        threads = os.environ.get("OMP_NUM_THREADS", str(len(os.sched_getaffinity(0))))
        environment = dict(os.environ)
        for name in "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS":
            environment[name] = threads
        if framework == "nnrun":
            sources = [str(_ROOT / "packages" / name / "src") for name in ("ndgpu", "nnrun")]
            environment["PYTHONPATH"] = os.pathsep.join(sources)
        else:
            environment.pop("PYTHONPATH", None)
        self.framework = framework
        self._process = subprocess.Popen(
            [python, "-W", "ignore", str(Path(__file__).with_name("worker.py")), framework],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.version = self._answer()["version"]

    def _answer(self) -> dict:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(
                f"the worker of {self.framework} ended with {self._process.wait()}; its errors "
                "are above"
            )
        return json.loads(line)

    def ask(self, **request: object) -> dict:
        """Send a request, and return the answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def timer(self, work: str) -> Callable[[int], float]:
        """Return a function from a number of runs to the seconds that they take."""
        return lambda count: self.ask(work=work, count=count)["seconds"]

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait(60)


def frameworks(libraries: list[Library]) -> Iterator[Case]:
    """The work of `WORK`; the reference is Chainer where it is given, and nnrun comes last."""
    pythons = {
        "chainer": os.environ.get("CHAINER_PYTHON"),
        "torch": os.environ.get("TORCH_PYTHON"),
        "nnrun": sys.executable,
    }
    workers = [Worker(name, python) for name, python in pythons.items() if python]
    versions = ", ".join(f"{worker.framework} {worker.version}" for worker in workers)
    try:
        for work, title in WORK.items():
            answers = {worker: worker.ask(work=work) for worker in workers}
            able = [worker for worker in workers if "missing" not in answers[worker]]
            values = {w.framework: answers[w]["value"] for w in able if answers[w]["value"]}
            low, high = (f(values.values(), default=0.0) for f in (min, max))
            if high - low > TOLERANCE * abs(high):
                raise RuntimeError(f"{title}: the frameworks do not compute the same: {values}")
            timers = {worker.framework: worker.timer(work) for worker in able}
            yield Case(f"training on the CPU ({versions})", title, {}, timers=timers)
    finally:
        for worker in workers:
            worker.close()
