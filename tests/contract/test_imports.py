"""Importing a package loads nothing that only its first use needs."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "ndgpu": {"cuda.bindings", "cuda.pathfinder", "llvmlite", "h5py", "tqdm", "matplotlib"},
    "nnrun": {"cuda.bindings", "cuda.pathfinder", "llvmlite", "h5py", "tqdm", "matplotlib"},
}


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_import_loads_no_compiler_and_no_driver(package):
    code = f"import json, sys, {package}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    loaded = set(json.loads(done.stdout))
    assert loaded & HEAVY[package] == set()


@pytest.mark.parametrize("package", sorted(HEAVY))
def test_import_prints_nothing(package):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", f"import {package}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert (done.stdout, done.stderr) == ("", "")
