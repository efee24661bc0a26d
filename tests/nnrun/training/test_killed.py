"""A training that is killed again and again ends as one that never was."""

import os
import random
import subprocess
import sys
import time

import numpy as np
import pytest

EPOCHS = 60
OPTIONS = ["--dataset", "digits", "--device", "numpy", "--unit", "32", "--batchsize", "50"]


def start(out, *more):
    """Begin a training, or go on with it, in a process of its own."""
    # One thread, so that the tests running beside it do not slow it down.
    environment = dict(os.environ, OPENBLAS_NUM_THREADS="1", MPLCONFIGDIR=str(out.parent / "mpl"))
    command = [sys.executable, "-m", "nnrun", "train", *OPTIONS, "--epochs", str(EPOCHS)]
    return subprocess.Popen(
        [*command, "--no-progress", "--out", str(out), *more],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(process):
    printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    return printed


@pytest.mark.parametrize("kills", [4, pytest.param(50, marks=pytest.mark.nightly)])
def test_killed_at_random_instants(tmp_path, kills):
    begun = time.monotonic()
    finish(start(tmp_path / "whole"))
    duration = time.monotonic() - begun

    out, instants = tmp_path / "killed", random.Random(kills)
    done = 0
    while done < kills:
        process = start(out, "--resume")
        try:
            # From the first import to well into the training, so that all of it is hit.
            process.communicate(timeout=instants.uniform(0, 1.2 * duration))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            done += 1
        else:
            # It came to its end: begin anew, so that every kill hits a running one.
            assert process.returncode == 0
            compare(tmp_path / "whole", out)
            out = tmp_path / f"killed_{done}"
    printed = finish(start(out, "--resume"))
    assert "test accuracy: " in printed
    compare(tmp_path / "whole", out)


def compare(whole, parts):
    """All parameters are the same bits, and so is every state that is no time."""
    for name in "model.npz", f"snapshot_epoch_{EPOCHS}.npz":
        with np.load(whole / name) as one, np.load(parts / name) as other:
            assert sorted(one.files) == sorted(other.files)
            for key in one.files:
                if "elapsed" not in key and not key.endswith("LogReport/_log"):
                    np.testing.assert_array_equal(one[key], other[key], err_msg=key)
