"""Workers in processes: what they hand over, and that nothing of them is left, however they end."""

import faulthandler
import gc
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from nnrun.iterators import MultiprocessIterator, WorkerError


class Examples:
    def __len__(self):
        return 8

    def __getitem__(self, i):
        image = np.full((3, 5), i, np.float32)
        return {"x": image, "t": i, "name": f"n{i}", "order": image.T, "none": np.zeros((0, 3))}


class Drawn(Examples):
    def __getitem__(self, i):
        return i, np.random.randint(1 << 30)


class Fatal(Examples):
    def __init__(self, how, at=5):
        self.how = how
        self.at = at

    def __getitem__(self, i):
        if i == self.at:
            self.how()
        return i


class UnreadableError(Exception):
    def __init__(self, one, two):
        super().__init__(f"{one} {two}")


def fail():
    raise UnreadableError(1, 2)


def kill():
    os.kill(os.getpid(), signal.SIGKILL)


def descriptors():
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("shared_mem", [None, 1])
def test_examples_arrive_as_they_are(shared_mem):
    with MultiprocessIterator(
        Examples(), 4, shuffle=False, n_processes=2, shared_mem=shared_mem
    ) as iterator:
        batches = [next(iterator) for _ in range(3)]
    # All are looked at in the end: no later batch was written over an earlier one.
    for batch, start in zip(batches, (0, 4, 0), strict=True):
        for i, example in enumerate(batch, start):
            assert example["x"].tolist() == [[i] * 5] * 3
            assert example["order"].shape == (5, 3)
            assert example["none"].shape == (0, 3)
            assert (example["t"], example["name"]) == (i, f"n{i}")
            example["x"][0, 0] = 1  # writable, as if read here


def test_what_a_dataset_draws_depends_on_the_place_in_the_stream_alone():
    def batches(n, **options):
        with MultiprocessIterator(Drawn(), 4, seed=1, n_processes=2, **options) as iterator:
            return [next(iterator) for _ in range(n)]

    first = batches(6)
    assert batches(6, n_prefetch=3) == first
    assert len({value for batch in first for _, value in batch}) == 24


def test_a_pickled_dataset():
    with MultiprocessIterator(
        range(6), 3, shuffle=False, n_processes=1, start_method="forkserver"
    ) as iterator:
        assert [next(iterator), next(iterator)] == [[0, 1, 2], [3, 4, 5]]


def test_an_error_has_the_traceback_of_the_worker():
    with MultiprocessIterator(Fatal(fail), 4, shuffle=False, n_processes=2) as iterator:
        assert next(iterator) == [0, 1, 2, 3]
        with pytest.raises(WorkerError, match=r"in worker 0(.|\n)*UnreadableError: 1 2"):
            next(iterator)
    with MultiprocessIterator(
        Fatal(lambda: range(0)[0]), 4, shuffle=False, n_processes=2
    ) as iterator:
        next(iterator)
        with pytest.raises(IndexError) as caught:
            next(iterator)
        assert "in __getitem__" in caught.value.__notes__[0]


def test_a_killed_worker_is_reported():
    with MultiprocessIterator(Fatal(kill), 4, shuffle=False, n_processes=2) as iterator:
        next(iterator)
        for _ in range(2):
            with pytest.raises(
                WorkerError, match=r"worker 0 \(process \d+\) was killed by SIGKILL"
            ):
                next(iterator)


def test_a_crash_is_reported_with_its_traceback():
    crash = Fatal(faulthandler._sigsegv)
    with MultiprocessIterator(crash, 4, shuffle=False, n_processes=2) as iterator:
        next(iterator)
        with pytest.raises(WorkerError, match=r"SIGSEGV(.|\n)*last words(.|\n)*in __getitem__"):
            next(iterator)


def test_a_slow_worker_is_warned_of():
    slow = Fatal(lambda: time.sleep(0.3), at=0)
    with (
        MultiprocessIterator(
            slow, 2, shuffle=False, n_processes=1, dataset_timeout=0.05
        ) as iterator,
        pytest.warns(MultiprocessIterator.TimeoutWarning, match=r"after 0\.05 s"),
    ):
        assert next(iterator) == [0, 1]


def test_starting_and_stopping_leaves_nothing():
    def cycle(how):
        iterator = MultiprocessIterator(Examples(), 4, n_processes=2, n_prefetch=2)
        next(iterator)
        if how == 0:
            os.kill(iterator._workers[1].process.pid, signal.SIGKILL)
        if how == 1:
            os.kill(iterator._workers[0].process.pid, signal.SIGSTOP)  # ends by SIGKILL alone
            os.kill(iterator._workers[0].process.pid, signal.SIGCONT)
        if how != 2:
            iterator.finalize()
        return [worker.process for worker in iterator._workers]

    cycle(3)
    gc.collect()
    before, shared = descriptors(), sorted(os.listdir("/dev/shm"))
    for i in range(12):
        assert (cycle(i % 4) == []) == (i % 4 != 2)
    gc.collect()
    assert multiprocessing.active_children() == []
    assert descriptors() == before
    assert sorted(os.listdir("/dev/shm")) == shared


def test_workers_end_with_a_parent_that_is_killed():
    program = """
import os, signal
from nnrun.iterators import MultiprocessIterator
first = MultiprocessIterator(range(100), 4, n_processes=2)
second = MultiprocessIterator(range(100), 4, n_processes=2)
next(first), next(second)
print(*[w.process.pid for i in (first, second) for w in i._workers], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], check=False, stdout=subprocess.PIPE, text=True
    )
    assert run.returncode == -signal.SIGKILL
    pids = [int(pid) for pid in run.stdout.split()]
    assert len(pids) == 4
    # Whoever reaps orphans may be slow, so a zombie counts as ended.
    deadline = time.monotonic() + 60
    while any(is_running(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert [pid for pid in pids if is_running(pid)] == []


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
