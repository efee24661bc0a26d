"""Damaged and hostile files: a clear error in bounded memory, and no code of the file runs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize("fmt", ["npz", "hdf5", "safetensors", "idx"])
def test_every_mutant_is_rejected_or_harmless(fmt, tmp_path):
    # A process of its own has a limit of memory, and could crash without taking others with it.
    program = Path(__file__).with_name("hostile.py")
    run = subprocess.run(
        [sys.executable, str(program), fmt, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert json.loads(run.stdout) == []
