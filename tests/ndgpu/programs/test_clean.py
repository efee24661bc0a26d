"""All programs of this folder, run once more with every check of the host device."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ndgpu import driver


@pytest.mark.slow
def test_programs_are_clean_under_the_checker():
    if driver.kind() != "host":
        pytest.skip("only the host device checks kernels")
    here = Path(__file__)
    # An error of a kernel would fail all tests after it.
    command = [
        sys.executable, "-m", "pytest", "-qx", "-p", "no:cacheprovider", str(here.parent),
        f"--ignore={here}",
    ]  # fmt: skip
    environment = os.environ | {"NDGPU_HOST_CHECK": "memory,race,init"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:]
