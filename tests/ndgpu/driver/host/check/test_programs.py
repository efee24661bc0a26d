"""Whole processes under ``NDGPU_HOST_CHECK``: what a user sees, and what a leak looks like."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAMS = Path(__file__).resolve().parents[3] / "programs"


def run(folder: Path, program: str, checks: str) -> subprocess.CompletedProcess:
    file = folder / "program.py"
    file.write_text(program)
    return subprocess.run(
        [sys.executable, str(file)],
        env=os.environ | {"NDGPU_HOST_CHECK": checks, "NDGPU_DEVICE": "host"},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


SHIFT = '''
import numpy as np
import ndgpu

kernel = ndgpu.RawKernel(r"""
extern "C" __global__ void shift(const float* x, float* y, int n) {
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = x[i + 1];
}
""", "shift")
x = ndgpu.arange(1000, dtype=np.float32)
y = ndgpu.empty_like(x)
kernel((4,), (256,), (x, y, np.int32(LENGTH)))
print(y.get()[:3])
'''


def test_a_python_program_is_told_line_thread_and_allocation(tmp_path):
    done = run(tmp_path, SHIFT.replace("LENGTH", "1000"), "memory")
    assert done.returncode == 1
    for words in (
        "CUDA_ERROR_ILLEGAL_ADDRESS",
        "shift: 4-byte read out of bounds in global memory",
        "at kernel.cu:5: y[i] = x[i + 1];",
        "by thread (231, 0, 0) of block (3, 0, 0)",
        "is right past the end of an allocation of 4000 bytes",
        "program.py:12 in <module>: x = ndgpu.arange(1000, dtype=np.float32)",
    ):
        assert words in done.stderr, done.stderr


def test_a_right_program_runs_as_ever(tmp_path):
    done = run(tmp_path, SHIFT.replace("LENGTH", "999"), "memory,race,init,leak")
    assert (done.returncode, done.stdout, done.stderr) == (0, "[1. 2. 3.]\n", "")


def test_products_and_reductions_of_arrays_are_clean(tmp_path):
    program = """
import numpy as np
import ndgpu as xp
a = xp.arange(24, dtype=np.float32).reshape(4, 6)
b = (a @ a.T).sum(axis=1)
print(b.get(), xp.sort(b)[::-1].get()[0], xp.where(a > 3, a, 0).mean().item())
"""
    done = run(tmp_path, program, "memory,race,init,leak")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("[ ")


def test_a_leak_is_reported_at_exit(tmp_path):
    program = """
from ndgpu import driver
from ndgpu.runtime import Memory

def lose():
    return driver.cuMemAlloc(1234)[1]

kept = Memory(500)  # freed when the module goes
for _ in range(2):
    lose()
"""
    done = run(tmp_path, program, "leak")
    assert done.returncode == 0
    assert done.stderr == (
        "ndgpu: memory that was never freed: 2468 bytes in all\n"
        "  2 x 1234 bytes\n"
        f"    made at {tmp_path}/program.py:6 in lose: return driver.cuMemAlloc(1234)[1]\n"
        f"      called at {tmp_path}/program.py:10 in <module>: lose()\n"
    )


def test_a_word_that_is_no_check_is_refused(tmp_path):
    done = run(tmp_path, "from ndgpu.driver import host", "memory,speed")
    assert done.returncode == 1
    assert (
        "NDGPU_HOST_CHECK='memory,speed': expected some of memory, race, init, leak" in done.stderr
    )


@pytest.mark.slow
@pytest.mark.parametrize("path", sorted(PROGRAMS.glob("test_*.py")), ids=lambda p: p.stem)
def test_classic_kernels_are_clean(path):
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(path)],
        env=os.environ | {"NDGPU_HOST_CHECK": "memory,race,init", "NDGPU_DEVICE": "host"},
        check=False,
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:]
